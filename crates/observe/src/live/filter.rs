//! What the kernel lets through: TCP that carries something, or opens or ends a connection. That is what TLS can be in;
//! the acknowledgements between, half of all packets, never leave the kernel.
//!
//! Classic BPF (Linux, Documentation/networking/filter.rst). Packets begin with their network layer here, and what the link
//! layer said stands in the kernel's own fields.

use socket2::SockFilter;

/// Let through as it is: longer than any packet.
const WHOLE: u32 = 256 * 1024;

/// Instructions (Linux, include/uapi/linux/bpf_common.h).
mod op {
    pub(super) const LOAD_WORD: u16 = 0x20;
    pub(super) const LOAD_HALF: u16 = 0x28;
    pub(super) const LOAD_BYTE: u16 = 0x30;
    /// From X on.
    pub(super) const LOAD_BYTE_BEHIND: u16 = 0x50;
    pub(super) const LOAD_KEPT: u16 = 0x60;
    pub(super) const KEEP: u16 = 0x02;
    /// X is the length of the IPv4 header there.
    pub(super) const LENGTH_TO_X: u16 = 0xb1;
    pub(super) const TO_X: u16 = 0x07;
    pub(super) const ADD_X: u16 = 0x0c;
    pub(super) const AND: u16 = 0x54;
    pub(super) const SHIFT_RIGHT: u16 = 0x74;
    pub(super) const IF_EQUAL: u16 = 0x15;
    pub(super) const IF_ANY_BIT: u16 = 0x45;
    pub(super) const IF_GREATER_THAN_X: u16 = 0x2d;
    pub(super) const RETURN: u16 = 0x06;
}

/// The kernel's own fields (Linux, include/uapi/linux/filter.h, SKF_AD_OFF).
mod field {
    const BASE: u32 = 0xffff_f000;
    pub(super) const PROTOCOL: u32 = BASE;
    pub(super) const PACKET_TYPE: u32 = BASE + 4;
    pub(super) const INTERFACE: u32 = BASE + 8;
    pub(super) const HARDWARE_TYPE: u32 = BASE + 28;
}

/// ARPHRD_LOOPBACK (Linux, include/uapi/linux/if_arp.h).
const LOOPBACK: u32 = 772;
/// PACKET_OUTGOING (packet(7)).
const OUTGOING: u32 = 4;
/// EtherTypes (IEEE 802 numbers).
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
/// VLAN tags that are in the packet: the outermost is not, the kernel has taken it off.
const TAGS: [u32; 3] = [0x8100, 0x88a8, 0x9100];
/// MPLS and PPPoE: what is inside is left to whoever looks at it.
const WRAPPED: [u32; 2] = [0x8847, 0x8864];
/// IP in IP, likewise (IANA protocol numbers).
const TUNNELS: [u32; 2] = [4, 41];
/// Extension headers of IPv6, likewise.
const EXTENSIONS: [u32; 5] = [0, 43, 44, 51, 60];
const TCP: u32 = 6;
/// FIN, SYN and RST.
const OPENS_OR_ENDS: u32 = 7;

/// One instruction, as it can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    code: u16,
    /// Instructions to pass over if the condition holds, and if not.
    yes: u8,
    no: u8,
    value: u32,
}

const fn step(code: u16, value: u32) -> Step {
    Step {
        code,
        yes: 0,
        no: 0,
        value,
    }
}

const PASS: Step = step(op::RETURN, WHOLE);
const DROP: Step = step(op::RETURN, 0);

/// The filter for the interfaces of these numbers; `None` for all.
pub(super) fn program(interfaces: Option<&[u32]>) -> Vec<SockFilter> {
    kernel(&steps(interfaces))
}

/// A filter that drops everything.
pub(super) fn nothing() -> Vec<SockFilter> {
    kernel(&[DROP])
}

fn kernel(steps: &[Step]) -> Vec<SockFilter> {
    let instruction = |step: &Step| SockFilter::new(step.code, step.yes, step.no, step.value);
    steps.iter().map(instruction).collect()
}

fn steps(interfaces: Option<&[u32]>) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(interfaces) = interfaces {
        steps.push(step(op::LOAD_WORD, field::INTERFACE));
        // The last test falls on the drop, the others pass over what is left of it.
        for (index, interface) in interfaces.iter().enumerate() {
            let left = u8::try_from(interfaces.len() - index).unwrap_or(u8::MAX);
            steps.push(Step {
                yes: left,
                ..step(op::IF_EQUAL, *interface)
            });
        }
        steps.push(DROP);
    }
    // A packet of the loopback interface leaves it and comes to it: once is enough.
    steps.extend([
        step(op::LOAD_WORD, field::HARDWARE_TYPE),
        Step {
            no: 3,
            ..step(op::IF_EQUAL, LOOPBACK)
        },
        step(op::LOAD_WORD, field::PACKET_TYPE),
        Step {
            no: 1,
            ..step(op::IF_EQUAL, OUTGOING)
        },
        DROP,
        step(op::LOAD_WORD, field::PROTOCOL),
    ]);
    network(&mut steps, 0, 2);
    steps
}

/// What is at this offset, by the EtherType that was loaded; behind so many tags more.
fn network(steps: &mut Vec<Step>, offset: u32, tags: u32) {
    when(steps, IPV4, |steps| ipv4(steps, offset));
    when(steps, IPV6, |steps| ipv6(steps, offset));
    for wrapped in WRAPPED {
        pass_if(steps, op::IF_EQUAL, wrapped);
    }
    if tags == 0 {
        steps.push(DROP);
        return;
    }
    let [first, second, third] = TAGS;
    for (tag, yes, no) in [(first, 3, 0), (second, 2, 0), (third, 1, 0)] {
        steps.push(Step {
            yes,
            no,
            ..step(op::IF_EQUAL, tag)
        });
    }
    steps.push(DROP);
    steps.push(step(op::LOAD_HALF, offset + 2));
    network(steps, offset + 4, tags - 1);
}

/// A part that is passed over where what was loaded is something else; it has to end by itself.
fn when(steps: &mut Vec<Step>, value: u32, part: impl FnOnce(&mut Vec<Step>)) {
    let test = steps.len();
    steps.push(step(op::IF_EQUAL, value));
    part(steps);
    let length = u8::try_from(steps.len() - test - 1).unwrap_or(u8::MAX);
    if let Some(step) = steps.get_mut(test) {
        step.no = length;
    }
}

fn pass_if(steps: &mut Vec<Step>, code: u16, value: u32) {
    steps.push(Step {
        no: 1,
        ..step(code, value)
    });
    steps.push(PASS);
}

fn drop_unless(steps: &mut Vec<Step>, value: u32) {
    steps.push(Step {
        yes: 1,
        ..step(op::IF_EQUAL, value)
    });
    steps.push(DROP);
}

/// RFC 791 section 3.1, RFC 9293 section 3.1.
fn ipv4(steps: &mut Vec<Step>, offset: u32) {
    steps.push(step(op::LOAD_BYTE, offset + 9));
    for tunnel in TUNNELS {
        pass_if(steps, op::IF_EQUAL, tunnel);
    }
    drop_unless(steps, TCP);
    // A piece of a packet: whoever counts them wants to know.
    steps.push(step(op::LOAD_HALF, offset + 6));
    pass_if(steps, op::IF_ANY_BIT, 0x3fff);
    steps.push(step(op::LENGTH_TO_X, offset));
    steps.push(step(op::LOAD_BYTE_BEHIND, offset + 13));
    pass_if(steps, op::IF_ANY_BIT, OPENS_OR_ENDS);
    // Longer than both headers? Zero was left to the network card.
    steps.push(step(op::LOAD_HALF, offset + 2));
    pass_if(steps, op::IF_EQUAL, 0);
    steps.push(step(op::KEEP, 0));
    steps.push(step(op::LOAD_BYTE_BEHIND, offset + 12));
    steps.push(step(op::SHIFT_RIGHT, 2));
    steps.push(step(op::AND, 0x3c));
    steps.push(step(op::ADD_X, 0));
    pass_if_longer(steps);
}

/// RFC 8200 section 3.
fn ipv6(steps: &mut Vec<Step>, offset: u32) {
    let behind = offset + 40;
    steps.push(step(op::LOAD_BYTE, offset + 6));
    for next in TUNNELS.into_iter().chain(EXTENSIONS) {
        pass_if(steps, op::IF_EQUAL, next);
    }
    drop_unless(steps, TCP);
    steps.push(step(op::LOAD_BYTE, behind + 13));
    pass_if(steps, op::IF_ANY_BIT, OPENS_OR_ENDS);
    steps.push(step(op::LOAD_HALF, offset + 4));
    pass_if(steps, op::IF_EQUAL, 0);
    steps.push(step(op::KEEP, 0));
    steps.push(step(op::LOAD_BYTE, behind + 12));
    steps.push(step(op::SHIFT_RIGHT, 2));
    steps.push(step(op::AND, 0x3c));
    pass_if_longer(steps);
}

/// Passes what is longer, by the length that was kept, than what is loaded.
fn pass_if_longer(steps: &mut Vec<Step>) {
    steps.push(step(op::TO_X, 0));
    steps.push(step(op::LOAD_KEPT, 0));
    steps.push(Step {
        no: 1,
        ..step(op::IF_GREATER_THAN_X, 0)
    });
    steps.extend([PASS, DROP]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel knows of a packet beside its bytes.
    #[derive(Clone, Copy)]
    struct Known {
        protocol: u32,
        packet_type: u32,
        interface: u32,
        hardware_type: u32,
    }

    const FROM_ETHERNET: Known = Known {
        protocol: IPV4,
        packet_type: 0,
        interface: 2,
        hardware_type: 1,
    };

    /// Runs a filter as the kernel does; what lies outside of the packet drops it.
    fn passes(steps: &[Step], known: Known, packet: &[u8]) -> bool {
        let load = |at: u32, size: usize| -> Option<u32> {
            match at {
                field::PROTOCOL => return Some(known.protocol),
                field::PACKET_TYPE => return Some(known.packet_type),
                field::INTERFACE => return Some(known.interface),
                field::HARDWARE_TYPE => return Some(known.hardware_type),
                _ => {}
            }
            let bytes = packet.get(at as usize..at as usize + size)?;
            Some(
                bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
            )
        };
        let (mut a, mut x, mut kept, mut next) = (0u32, 0u32, 0, 0);
        loop {
            let Step {
                code,
                yes,
                no,
                value,
            } = steps[next];
            next += 1;
            let mut jump = |holds: bool| next += usize::from(if holds { yes } else { no });
            let loaded = match code {
                op::LOAD_WORD => load(value, 4),
                op::LOAD_HALF => load(value, 2),
                op::LOAD_BYTE => load(value, 1),
                op::LOAD_BYTE_BEHIND => load(x + value, 1),
                op::LENGTH_TO_X => load(value, 1)
                    .inspect(|byte| x = (byte & 15) * 4)
                    .map(|_| a),
                op::LOAD_KEPT => Some(kept),
                op::ADD_X => Some(a + x),
                op::AND => Some(a & value),
                op::SHIFT_RIGHT => Some(a >> value),
                _ => Some(a),
            };
            let Some(loaded) = loaded else { return false };
            a = loaded;
            match code {
                op::KEEP => kept = a,
                op::TO_X => x = a,
                op::IF_EQUAL => jump(a == value),
                op::IF_ANY_BIT => jump(a & value != 0),
                op::IF_GREATER_THAN_X => jump(a > x),
                op::RETURN => return value != 0,
                _ => {}
            }
        }
    }

    /// A TCP segment in IPv4 or IPv6, with options in both headers.
    fn segment(version: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut tcp = vec![0; 20 + 12 + payload];
        (tcp[12], tcp[13]) = (8 << 4, flags);
        let mut ip = match version {
            4 => vec![
                0x46, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0,
            ],
            _ => vec![0; 40],
        };
        let (field, length) = match version {
            4 => (2, ip.len() + tcp.len()),
            _ => (4, tcp.len()),
        };
        if version == 6 {
            (ip[0], ip[6]) = (0x60, 6);
        }
        ip[field..field + 2].copy_from_slice(&(length as u16).to_be_bytes());
        ip.extend(tcp);
        ip
    }

    #[test]
    fn what_carries_opens_or_ends_passes_and_acknowledgements_do_not() {
        let all = steps(None);
        assert!(all.len() < 4096, "BPF_MAXINSNS");
        for (version, protocol) in [(4, IPV4), (6, IPV6)] {
            let known = Known {
                protocol,
                ..FROM_ETHERNET
            };
            for (flags, payload, expected) in [
                (0x10, 0, false),
                (0x10, 1, true),
                (0x18, 517, true),
                (0x02, 0, true),
                (0x12, 0, true),
                (0x11, 0, true),
                (0x14, 0, true),
                (0x50, 0, false),
            ] {
                let packet = segment(version, flags, payload);
                assert_eq!(
                    passes(&all, known, &packet),
                    expected,
                    "{version} {flags:x} {payload}"
                );
                // Ethernet pads short frames; that is no payload.
                let padded = [&packet[..], &[0; 6]].concat();
                assert_eq!(passes(&all, known, &padded), expected);
                // Behind one tag and behind two.
                let one = [&[0, 7], &(protocol as u16).to_be_bytes()[..], &packet].concat();
                let two = [&[0, 9, 0x81, 0], &one[..]].concat();
                for (tag, tagged) in [(0x8100, one), (0x88a8, two)] {
                    let known = Known {
                        protocol: tag,
                        ..known
                    };
                    assert_eq!(passes(&all, known, &tagged), expected, "{tag:x}");
                }
            }
            let mut udp = segment(version, 0x18, 100);
            udp[if version == 4 { 9 } else { 6 }] = 17;
            assert!(!passes(&all, known, &udp));
            let whole = segment(version, 0x18, 1);
            for end in 0..20 {
                assert!(!passes(&all, known, &whole[..end]));
            }
        }
        let mut piece = segment(4, 0x10, 0);
        piece[6] = 0x20;
        assert!(passes(&all, FROM_ETHERNET, &piece));
        let arp = Known {
            protocol: 0x0806,
            ..FROM_ETHERNET
        };
        assert!(!passes(&all, arp, &[0; 46]));
    }

    #[test]
    fn only_the_interfaces_that_were_named_and_loopback_once() {
        let syn = segment(4, 2, 0);
        for (interfaces, expected) in [
            (&[2u32][..], true),
            (&[3, 2], true),
            (&[2, 3, 9], true),
            (&[3], false),
            (&[], false),
        ] {
            assert_eq!(
                passes(&steps(Some(interfaces)), FROM_ETHERNET, &syn),
                expected
            );
        }
        let all = steps(None);
        for (hardware_type, packet_type, expected) in [
            (LOOPBACK, 0, true),
            (LOOPBACK, OUTGOING, false),
            (1, OUTGOING, true),
        ] {
            let known = Known {
                hardware_type,
                packet_type,
                ..FROM_ETHERNET
            };
            assert_eq!(passes(&all, known, &syn), expected);
        }
    }
}
