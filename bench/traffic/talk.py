"""One connection as packets: what both sides say, and what becomes of it on the way to the capture."""

import base64

from .hellos import ALPN, KEY_SHARE, KEY_SHARE_BYTES, client_hello, counted, u16
from .packets import ACK, FIN, PSH, RST, SYN, ones

# A certificate for api.example.com that nobody has the key of, so that whoever looks into certificates finds one.
CERTIFICATE = base64.b64decode(
    "MIIDfjCCAmagAwIBAgIUCbOrtbcTiF+Bbts+3LOsopDD50AwDQYJKoZIhvcNAQELBQAwOTELMAkGA1UEBhMCQ0gxEDAOBgNVBAoMB0V4YW1wbG"
    "UxGDAWBgNVBAMMD2FwaS5leGFtcGxlLmNvbTAeFw0yNjExMjUxNjUzMDJaFw0zNjExMjIxNjUzMDJaMDkxCzAJBgNVBAYTAkNIMRAwDgYDVQQK"
    "DAdFeGFtcGxlMRgwFgYDVQQDDA9hcGkuZXhhbXBsZS5jb20wggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQC5zXoLpU5S+udCxsvZQE"
    "shhUtQVtJh1kXadBMwB7Rj+ltVi4GSqIZxr7pwAjTng2vi4hsOb2E1Qb9tSCPVVVK7X4ru+KoA9coBmJbu6SXItEee7w/E7FlazyQgo+KzAMzX"
    "cyt7PHiecEzkdfFY2TL0nw8za+Av2NAxZL9V9PI0j+hn14zKYNh+xcYneoqeRJ31k6uN+CP5HsMIGH8vLW4ht5vaxlzbYacDzuknH9TsFFGJEe"
    "BgUVNrECbPChLTsNRTkw7neXamN0Tv1hqXeooi1omp4jJrBSFKGLcsDdzQb5uIcVBlQLEumwOZe6Wx5q1E4vudiFHoil1fZQJZ2U/3AgMBAAGj"
    "fjB8MB0GA1UdDgQWBBSBanMSvuuBkAC08gIGq517cZVuOTAfBgNVHSMEGDAWgBSBanMSvuuBkAC08gIGq517cZVuOTAPBgNVHRMBAf8EBTADAQ"
    "H/MCkGA1UdEQQiMCCCD2FwaS5leGFtcGxlLmNvbYINKi5leGFtcGxlLmNvbTANBgkqhkiG9w0BAQsFAAOCAQEAb3kIDL6WkaKOJnI7vAPj1Jx3"
    "cgreb8yixxTDnx04SVHrCrgwaoCX4S6ZurHg8vW/myNWaWhnBytM6HpY56q163PFgmsuJC3EWUdISgbJU/TzoK2MvOrw2LOB5hW9rqh6jBUelO"
    "s/LOw17dJrFk/neyPB35m3NLwWKgWG5oT7iNnIVCm5jObfmYj+PzpdeBfdqqw8HrZ7jk3CB0Smjfa+HxUN/E02y+Z7uz32ilY3f27fuVlA66Ke"
    "hgG/n1E4C9zmR8JI2i4TtrXeaISGSbj6DQpybg7TRAOPfuiwkdFeurrY/T5jeUPSJbD+datE+1i8nuVFSN+fCQcxQbv0lxp5TA=="
)
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
# What servers here choose, best first.
ELLIPTIC = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8)
ELLIPTIC_CBC = (0xC009, 0xC013, 0xC00A, 0xC014, 0xC007, 0xC011, 0xC008, 0xC012)
RSA = (0x009C, 0x009D)
RSA_CBC = (0x002F, 0x0035, 0x0005, 0x0004, 0x000A)
MODERN = (0x1301, 0x1302, 0x1303)

# What happens to a connection, and how often of a hundred.
EVENTS = {
    "nothing": 52, "hello in two segments": 6, "hello out of order": 7, "hello overlaps": 5, "hello again": 6,
    "answer out of order": 3, "certificate lost": 3, "hello lost": 1, "kept in part": 3, "hello in records": 1,
    "no SYN": 2, "refused": 3, "reset": 1, "resumed": 4, "retry": 2, "ports again": 1,
}  # fmt: skip


class Bulk:
    """Records of application data, cut into segments once for all connections."""

    def __init__(self, chance, most):
        self.records = {}
        for minor in (0, 1, 2, 3):
            cut = []
            for _ in range(4):
                record = bytes((23, 3, minor)) + counted(2, chance.randbytes(16_384))
                pieces = [record[at : at + most] for at in range(0, len(record), most)]
                cut.append([(piece, ones(piece)) for piece in pieces])
            self.records[minor] = cut


def record(kind, minor, payload):
    return b"".join(
        bytes((kind, 3, minor)) + counted(2, payload[at : at + 16_384]) for at in range(0, len(payload), 16_384)
    )


class Talk:
    """One connection. `truth` is what a reader of the capture can know of it."""

    def __init__(self, chance, kind, path, sni, event, bulks, bulk_bytes):
        self.chance, self.kind, self.path, self.sni, self.event = chance, kind, path, sni, event
        self.bulks, self.bulk_bytes = bulks, bulk_bytes
        self.at = 0
        self.kept = 1 << 20
        self.session = chance.randbytes(32) if kind.versions or event == "resumed" else b""
        self.retried = None
        self.agree(chance)
        if event == "hello lost" and self.version == 0:
            self.event = "nothing"
        self.truth = {
            "client": "%s %d" % path.ends[0],
            "server": "%s %d" % path.ends[1],
            "sni": sni.decode() if 0 in kind.extensions else "",
            "kind": kind.name,
            "event": self.event,
            "offered": kind.offered(),
            "negotiated": self.version,
            "cipher": self.suite,
            "ja3": kind.ja3(),
            "ja4": kind.ja4(),
        }
        if self.event == "hello lost":
            self.forget()

    def forget(self):
        """The capture lacks a part of the hello: what was agreed is all that can be known."""
        self.truth |= {"sni": "", "offered": "", "ja3": "", "ja4": ""}

    def agree(self, chance):
        """What the server answers: a version and a suite, or none."""
        kind = self.kind
        self.version = self.suite = 0
        if kind.version == 2:
            self.event = "refused"
            return
        newest = chance.choices((0x0304, 0x0303, 0x0301), (12, 7, 1))[0]
        self.version = min(newest, kind.offered())
        if self.event in ("refused", "reset"):
            self.version = 0
            return
        if self.version == 0x0304:
            preferred = MODERN
        else:
            curves = bool(set(kind.groups) & {0x0017, 0x001D})
            preferred = (ELLIPTIC if curves else ()) + RSA if self.version == 0x0303 else ()
            preferred += (ELLIPTIC_CBC if curves else ()) + RSA_CBC
        self.suite = next((suite for suite in preferred if suite in kind.suites), 0)
        if self.event == "retry":
            others = [group for group in kind.groups if group in KEY_SHARE_BYTES and group not in kind.key_shares]
            self.retried = chance.choice(others) if self.version == 0x0304 and others else None
        if self.event == "retry" and not self.retried:
            self.event = "nothing"
        if not self.suite:
            self.event, self.version = "refused", 0

    # --- what the two say ---

    def packets(self, start):
        self.at = start
        path, chance = self.path, self.chance
        path.next = [chance.getrandbits(32), chance.getrandbits(32)]
        # The numbers of a few wrap.
        if chance.random() < 0.02:
            path.next[0] = (1 << 32) - 40
        syn = self.event != "no SYN"
        for side in (0, 1):
            frame = path.frame(side, SYN | (ACK if side else 0), options=b"\2\4" + path.most.to_bytes(2))
            path.next[side] += 1
            if syn:
                yield self.packet(frame)
        if syn:
            yield self.packet(path.frame(0, ACK))
        if self.event == "kept in part":
            self.kept = 1_400 if self.kind.key_shares else 700
        message = client_hello(self.kind, self.sni, self.session, self.kind.key_shares, chance)
        yield from self.hello(message)
        if self.event == "reset":
            yield self.packet(path.frame(1, RST | ACK))
            return
        if not self.version:
            if self.kind.version != 2:
                alert = 70 if self.kind.offered() < 0x0303 else 40
                yield from self.say(1, bytes((21, 3, min(self.kind.version & 3, 3), 0, 2, 2, alert)))
            yield from self.goodbye((1, 0))
            return
        if self.version == 0x0304:
            yield from self.modern()
        else:
            yield from self.classic()
        yield from self.application()
        yield from self.goodbye((0, 1))

    def hello(self, message):
        kind, chance = self.kind, self.chance
        if kind.form == "ssl2":
            wire = message
        elif self.event == "hello in records":
            edge = chance.randrange(5, len(message) - 1)
            wire = record(22, min(kind.version & 3, 1), message[:edge]) + record(22, min(kind.version & 3, 1), message[edge:])
        else:
            wire = record(22, min(kind.version & 3, 1), message)
        # Headers take 78 bytes at most.
        if self.event == "kept in part" and min(len(wire), self.path.most) + 78 > self.kept:
            self.forget()
        match self.event:
            case "hello in two segments" | "hello out of order" | "hello lost":
                edges = sorted(chance.sample(range(8, len(wire)), 2 if self.event != "hello in two segments" else 1))
                pieces = [(begin, wire[begin:end]) for begin, end in zip([0, *edges], [*edges, len(wire)])]
                pieces = [(at + begin, piece[begin : begin + self.path.most]) for at, piece in pieces for begin in range(0, len(piece), self.path.most)]
                if self.event == "hello out of order":
                    chance.shuffle(pieces)
                if self.event == "hello lost":
                    del pieces[1]
            case "hello overlaps":
                edge = chance.randrange(8, len(wire))
                before = chance.randrange(0, edge)
                pieces = [(0, wire[:edge]), (before, wire[before:])]
                pieces = [(at + begin, piece[begin : begin + self.path.most]) for at, piece in pieces for begin in range(0, len(piece), self.path.most)]
            case _:
                pieces = [(begin, wire[begin : begin + self.path.most]) for begin in range(0, len(wire), self.path.most)]
                if self.event == "hello again":
                    pieces += pieces
        yield from self.segments(0, pieces, len(wire))

    def modern(self):
        suite = u16(self.suite)
        shares = self.kind.key_shares
        group = self.chance.choice(shares)
        if self.retried:
            extensions = u16(0x2B, 2, 0x0304, KEY_SHARE, 2, self.retried) + u16(0x2C) + counted(2, counted(2, b"cookie"))
            hello = u16(0x0303) + RETRY + counted(1, self.session) + suite + b"\0" + counted(2, extensions)
            yield from self.say(1, record(22, 3, b"\2" + counted(3, hello)) + b"\x14\3\3\0\1\1")
            group = self.retried
            again = client_hello(self.kind, self.sni, self.session, (group,), self.chance, cookie=b"cookie")
            yield from self.say(0, b"\x14\3\3\0\1\1" + record(22, 3, again))
        share = counted(2, self.chance.randbytes({0x11EC: 1120, 0x6399: 1120}.get(group) or KEY_SHARE_BYTES[group]))
        extensions = u16(0x2B, 2, 0x0304, KEY_SHARE, 2 + len(share), group) + share
        hello = u16(0x0303) + self.chance.randbytes(32) + counted(1, self.session) + suite + b"\0" + counted(2, extensions)
        flight = record(22, 3, b"\2" + counted(3, hello))
        flight += b"" if self.retried else b"\x14\3\3\0\1\1"
        sizes = (40, 80) if self.event == "resumed" else (40, 1_000, 280, 69)
        flight += b"".join(record(23, 3, self.chance.randbytes(size)) for size in sizes)
        yield from self.say(1, flight, "answer")
        yield from self.say(0, (b"" if self.retried else b"\x14\3\3\0\1\1") + record(23, 3, self.chance.randbytes(69)))

    def classic(self):
        minor = self.version & 3
        resumed = self.event == "resumed"
        session = self.session if resumed else self.chance.randbytes(32)
        extensions = b""
        if 0xFF01 in self.kind.extensions or 0x00FF in self.kind.suites:
            extensions += u16(0xFF01, 1) + b"\0"
        if ALPN in self.kind.extensions:
            extensions += u16(ALPN) + counted(2, counted(2, counted(1, self.kind.alpn[-1])))
        hello = u16(self.version) + self.chance.randbytes(32) + counted(1, session) + u16(self.suite) + b"\0"
        hello += counted(2, extensions) if extensions else b""
        messages = b"\2" + counted(3, hello)
        finish = b"\x14\3" + bytes((minor,)) + b"\0\1\1" + record(22, minor, self.chance.randbytes(40))
        if resumed:
            yield from self.say(1, record(22, minor, messages) + finish, "answer")
            yield from self.say(0, finish)
            return
        chain = counted(3, CERTIFICATE)
        messages += b"\x0b" + counted(3, counted(3, chain))
        elliptic = self.suite in ELLIPTIC + ELLIPTIC_CBC
        if elliptic:
            group = 0x001D if 0x001D in self.kind.groups else 0x0017
            point = counted(1, self.chance.randbytes(KEY_SHARE_BYTES[group]))
            scheme = u16(0x0401) if self.version == 0x0303 else b""
            messages += b"\x0c" + counted(3, b"\3" + u16(group) + point + scheme + counted(2, self.chance.randbytes(256)))
        messages += b"\x0e\0\0\0"
        yield from self.say(1, record(22, minor, messages), "answer")
        # Nothing that the client sends here is looked into.
        exchange = counted(1, self.chance.randbytes(65)) if elliptic else counted(2, self.chance.randbytes(256))
        yield from self.say(0, record(22, minor, b"\x10" + counted(3, exchange)) + finish)
        yield from self.say(1, finish)

    def application(self):
        chance, minor = self.chance, min(self.version & 7, 3)
        yield from self.say(0, record(23, minor, chance.randbytes(chance.randrange(100, 700))))
        left, path = self.bulk_bytes, self.path
        if left < 8_000:
            yield from self.say(1, record(23, minor, chance.randbytes(left)))
        kept, cut = self.kept, chance.random() < 0.03
        # Some captures keep headers alone, once connections are under way.
        self.kept = 96 if cut else kept
        troubled = chance.random() < 0.2
        number = 0
        while left >= 8_000:
            waiting = list(chance.choice(self.bulks[path.most].records[minor]))
            left -= 16_389
            sent = []
            for piece, total in waiting:
                sent.append(path.frame(1, ACK, piece, known=total))
                path.next[1] += len(piece)
            if troubled:
                trouble = chance.random()
                if trouble < 0.02:
                    del sent[chance.randrange(len(sent))]
                elif trouble < 0.05:
                    sent.append(sent[chance.randrange(len(sent))])
                elif trouble < 0.1:
                    sent.insert(chance.randrange(len(sent)), sent.pop())
            for frame in sent:
                yield self.packet(frame, 12)
                number += 1
                if number % 2 == 0:
                    yield self.packet(path.frame(0, ACK), 12)
        self.kept = kept

    def goodbye(self, order):
        for side in order:
            if self.version:
                minor = min(self.version & 7, 3)
                kind = 23 if self.version == 0x0304 else 21
                yield from self.say(side, record(kind, minor, self.chance.randbytes(19 if kind == 23 else 26)))
            yield self.packet(self.path.frame(side, FIN | ACK))
            self.path.next[side] += 1
        yield self.packet(self.path.frame(order[0], ACK))

    # --- how it travels ---

    def packet(self, frame, wait=200):
        self.at += self.chance.randrange(1, 2 * wait)
        return self.at, frame, self.kept

    def say(self, side, wire, what=None):
        most = self.path.most
        pieces = [(begin, wire[begin : begin + most]) for begin in range(0, len(wire), most)]
        if what == "answer" and len(pieces) > 2:
            if self.event == "answer out of order":
                pieces[0], pieces[1] = pieces[1], pieces[0]
            elif self.event == "certificate lost":
                del pieces[1]
        yield from self.segments(side, pieces, len(wire))

    def segments(self, side, pieces, length):
        start = self.path.next[side]
        for offset, piece in pieces:
            yield self.packet(self.path.frame(side, ACK | PSH, piece, sequence=start + offset))
        self.path.next[side] = start + length
        yield self.packet(self.path.frame(1 - side, ACK))
