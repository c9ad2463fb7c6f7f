"""Frames with true checksums, and the file that they are captured into."""

import heapq
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
# What the whole file keeps of a packet.
SNAPLEN = 262_144
ETHERNET = bytes.fromhex("020000000001020000000002")


def ones(data):
    """The ones' complement sum of these bytes (RFC 1071)."""
    return int.from_bytes(data if len(data) % 2 == 0 else data + b"\0") % 0xFFFF


class Path:
    """Both directions between two ends, with the tags that switches put on."""

    def __init__(self, client, client_port, server, server_port, tags=b""):
        self.ends = ((client, client_port), (server, server_port))
        self.directions = [self.direction(client, client_port, server, server_port, tags)]
        self.directions.append(self.direction(server, server_port, client, client_port, tags))
        self.most = 1440 if ":" in client else 1460
        self.next = [0, 0]
        self.number = 0

    @staticmethod
    def direction(source, source_port, target, target_port, tags):
        addresses = b"".join(ipaddress.ip_address(end).packed for end in (source, target))
        v6 = len(addresses) == 32
        link = ETHERNET + tags + (b"\x86\xdd" if v6 else b"\x08\x00")
        ports = struct.pack(">HH", source_port, target_port)
        return link, v6, addresses, ports, (ones(addresses) + 6 + ones(ports)) % 0xFFFF

    def frame(self, side, flags, payload=b"", sequence=None, options=b"", known=None):
        """One packet of this side (0 is the client). `known` is the sum of the payload where somebody has it."""
        link, v6, addresses, ports, start = self.directions[side]
        if sequence is None:
            sequence = self.next[side]
        # What the other side has sent so far is acknowledged with everything.
        words = struct.pack(
            ">IIBBH",
            sequence & 0xFFFFFFFF,
            self.next[1 - side] & 0xFFFFFFFF if flags & ACK else 0,
            (20 + len(options)) << 2,
            flags,
            0xFFFF,
        )
        length = 20 + len(options) + len(payload)
        total = start + length + ones(words) + ones(options) + (ones(payload) if known is None else known)
        check = 0xFFFF - total % 0xFFFF
        if v6:
            network = struct.pack(">IHBB", 0x6000_0000, length, 6, 64) + addresses
        else:
            self.number = (self.number + 1) & 0xFFFF
            head = struct.pack(">BBHHHBB", 0x45, 0, 20 + length, self.number, 0x4000, 64, 6)
            network = head + (0xFFFF - (ones(head) + ones(addresses)) % 0xFFFF).to_bytes(2) + addresses
        return b"".join((link, network, ports, words, check.to_bytes(2), b"\0\0", options, payload))


def write(path, conversations):
    """Writes the packets of conversations into a pcap file in the order of their times. A conversation gives
    (microseconds, frame, bytes kept of it); they come in the order of their first packets."""
    conversations = iter(conversations)
    waiting, order = [], 0
    upcoming = next(conversations, None)
    packets = size = 0
    with open(path, "wb", buffering=1 << 20) as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, 1))
        while waiting or upcoming:
            while upcoming and (not waiting or upcoming[0] <= waiting[0][0]):
                start, conversation = upcoming
                first = next(conversation)
                heapq.heappush(waiting, (first[0], order, first, conversation))
                order += 1
                upcoming = next(conversations, None)
            at, number, (_, frame, kept), conversation = waiting[0]
            kept = min(kept, len(frame))
            file.write(struct.pack("<IIII", at // 1_000_000, at % 1_000_000, kept, len(frame)))
            file.write(frame if kept == len(frame) else frame[:kept])
            packets += 1
            size += 16 + kept
            following = next(conversation, None)
            if following:
                heapq.heapreplace(waiting, (following[0], number, following, conversation))
            else:
                heapq.heappop(waiting)
    return packets, size
