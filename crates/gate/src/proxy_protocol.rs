//! The PROXY protocol, versions 1 and 2, as it goes out: services are told whom a connection is for, and what the gate
//! saw of it.
//!
//! Specification: <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>. It is read in `door`.

use door::proxy_protocol::Ends;
use hello::Offer;
use proxy_header::{ProxiedAddress, ProxyHeader, Tlv};

use crate::settings::SendProxyProtocol;

/// What the plan decided, `serve`, `warn` or `explain`: of the types that are free for everybody (specification section
/// 2.2.7).
const VERDICT: u8 = 0xe0;
/// The name of the sunset that decided it. Absent for a client that meets every floor.
const SUNSET: u8 = 0xe1;

/// What a service is told of a connection.
pub(crate) struct Told<'a> {
    pub(crate) ends: Ends,
    pub(crate) sni: Option<&'a str>,
    pub(crate) offer: &'a Offer,
    pub(crate) action: &'static str,
    pub(crate) sunset: Option<&'a str>,
}

/// The header to begin with; nothing where services are told nothing.
pub(crate) fn write(version: SendProxyProtocol, told: &Told<'_>) -> Vec<u8> {
    let Ends { mut from, mut to } = told.ends;
    // A listener on [::] takes IPv4 too.
    from.set_ip(from.ip().to_canonical());
    to.set_ip(to.ip().to_canonical());
    if from.is_ipv4() != to.is_ipv4() {
        // Known by whoever is in front alone, and the protocol has one family for both. The client is what matters.
        to.set_ip(match from {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        });
    }
    let mut header = ProxyHeader::with_address(ProxiedAddress::stream(from, to));
    let mut bytes = Vec::new();
    let written = match version {
        SendProxyProtocol::Off => return bytes,
        SendProxyProtocol::V1 => header.encode_v1(&mut bytes),
        SendProxyProtocol::V2 => {
            if let Some(sni) = told.sni {
                header.append_tlv(Tlv::Authority(sni.into()));
            }
            let alpn = protocols(told.offer);
            if !alpn.is_empty() {
                header.append_tlv(Tlv::Alpn(alpn.into()));
            }
            header.append_tlv(Tlv::Custom(VERDICT, told.action.as_bytes().into()));
            if let Some(sunset) = told.sunset {
                header.append_tlv(Tlv::Custom(SUNSET, sunset.as_bytes().into()));
            }
            header.encode_v2(&mut bytes)
        }
    };
    // More than 64 KiB of protocols: the service is told the addresses alone.
    if written.is_err() {
        bytes.clear();
        let short = ProxyHeader::with_address(ProxiedAddress::stream(from, to));
        let written = short.encode_v2(&mut bytes);
        debug_assert!(written.is_ok(), "addresses of one family always fit");
    }
    bytes
}

/// The application protocols that the client offers, as its hello has them: the content of the extension (RFC 7301
/// section 3.1), which is what the specification asks for. Empty where it offers none.
fn protocols(offer: &Offer) -> Vec<u8> {
    let mut list = Vec::new();
    for name in offer.alpn() {
        if let Ok(length) = u8::try_from(name.len()) {
            list.push(length);
            list.extend_from_slice(name);
        }
    }
    match u16::try_from(list.len()) {
        Ok(length @ 1..) => [&length.to_be_bytes(), &list[..]].concat(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use door::proxy_protocol::{Said, read};
    use hello::{Facts, Version};

    fn written(version: SendProxyProtocol, from: &str, to: &str, sunset: Option<&str>) -> Vec<u8> {
        let offer = Offer::from(&Facts {
            legacy_version: Version::TLSV1_2,
            suites: vec![0xc02f],
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            ..Facts::default()
        });
        let told = Told {
            ends: ends(from, to),
            sni: Some("api.example.com"),
            offer: &offer,
            action: "warn",
            sunset,
        };
        write(version, &told)
    }

    fn ends(from: &str, to: &str) -> Ends {
        Ends {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        }
    }

    const FROM: &str = "192.0.2.7:5000";

    #[test]
    fn version_1_is_a_line_and_off_is_nothing() {
        let line = b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n";
        let mapped = "[::ffff:192.0.2.1]:443";
        for to in ["192.0.2.1:443", mapped] {
            assert_eq!(written(SendProxyProtocol::V1, FROM, to, None), line);
        }
        assert_eq!(written(SendProxyProtocol::Off, FROM, mapped, None), b"");
    }

    #[test]
    fn version_2_says_name_protocols_and_verdict() {
        let (from, to) = ("[2001:db8::7]:5000", "[2001:db8::1]:443");
        let bytes = written(SendProxyProtocol::V2, from, to, Some("old TLS"));
        // Signature, version 2 and PROXY, TCP over IPv6.
        assert_eq!(&bytes[..14], b"\r\n\r\n\0\r\nQUIT\n\x21\x21");
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        assert!(has(b"\x02\x00\x0fapi.example.com"));
        assert!(has(b"\x01\x00\x0e\x00\x0c\x02h2\x08http/1.1"));
        assert!(has(b"\xe0\x00\x04warn"));
        assert!(has(b"\xe1\x00\x07old TLS"));
        assert_eq!(read(&bytes), Said::For(Some(ends(from, to)), bytes.len()));
    }

    #[test]
    fn the_client_is_told_whatever_it_came_to() {
        for version in [SendProxyProtocol::V1, SendProxyProtocol::V2] {
            let bytes = written(version, FROM, "[2001:db8::1]:443", None);
            let told = Said::For(Some(ends(FROM, "0.0.0.0:443")), bytes.len());
            assert_eq!(read(&bytes), told);
        }
    }
}
