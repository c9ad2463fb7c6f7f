"""Hellos of known clients as bytes, and what JA3 and JA4 say of them.

Both fingerprints are computed here from the fields that go into a hello, by their published descriptions
(github.com/salesforce/ja3; github.com/FoxIO-LLC/ja4, technical_details/JA4.md), so that no reader of hellos is its own judge.
"""

import hashlib
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

CLIENTS = Path(__file__).resolve().parents[2] / "crates/advice/data/clients.toml"

# Which of the known clients are on the road, and how often one comes: from SSLv3 to ML-KEM.
SHARES = {
    "Android 2.3.7": 2, "Android 4.0.4": 2, "Android 5.0.0": 3, "Android 9.0 (native)": 5, "Android 15/16 (native)": 8,
    "Chrome 27 Win 7": 1, "Chrome 49 XP SP3": 1, "Chrome 101 (Win 10)": 6, "Chromium 137 (Win 11)": 9,
    "Firefox 21 Win 7": 1, "Firefox 66 (Win 8.1/10)": 2, "Firefox 137 (Win 11)": 5,
    "IE 8 XP": 2, "IE 11 Win 7": 3, "Edge 13 Win 10": 1,
    "Safari 6 iOS 6.0.1": 1, "Safari 9 iOS 9": 2, "Safari 26.4 (macOS/iOS/iPadOS 26.4)": 6,
    "Java 7u25": 4, "Java 8u161": 5, "Java 11.0.2 (OpenJDK)": 4, "Java 21.0.6 (OpenJDK)": 4,
    "go 1.17.8": 4, "LibreSSL 3.3.6 (macOS)": 2, "OpenSSL 0.9.8y": 2, "OpenSSL 1.0.1l": 3, "OpenSSL 1.1.1d (Debian)": 5,
    "OpenSSL 3.0.15 (Debian)": 6, "OpenSSL 3.5.0 (git)": 4, "YandexBot 3.0": 1,
}  # fmt: skip

NAMES = {0x0002: "SSLv2", 0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
JA4_VERSIONS = {0x0002: "s2", 0x0300: "s3", 0x0301: "10", 0x0302: "11", 0x0303: "12", 0x0304: "13"}
GREASE = [0x0A0A + 0x1010 * n for n in range(16)]
KEY_SHARE_BYTES = {0x0017: 65, 0x0018: 97, 0x0019: 133, 0x001D: 32, 0x001E: 56, 0x11EC: 1216, 0x11EB: 1249, 0x6399: 1216}

SNI, GROUPS, POINTS, SCHEMES, ALPN, VERSIONS, KEY_SHARE = 0x00, 0x0A, 0x0B, 0x0D, 0x10, 0x2B, 0x33
PADDING, PRE_SHARED_KEY = 0x15, 0x29
# What the others hold; nothing where they are not here.
BODIES = {
    0x05: bytes.fromhex("0100000000"), 0x0F: b"\1", 0x11: bytes.fromhex("0007020004000000 00"), 0x1B: b"\2\0\2",
    0x1C: b"\x40\1", 0x22: bytes.fromhex("0008040305030603 0203"), 0x28: b"\0\1\0", 0x2D: b"\1\1",
    0x32: bytes.fromhex("0008040308040401 0503"), 0x5500: b"\0", 0x4469: b"\0\3\2h2", 0x44CD: b"\0\3\2h2",
    0xFF01: b"\0", 0xFE0D: bytes.fromhex("00 0001 0001 2a 0020") + bytes(32) + b"\0\x90" + bytes(144),
    0x29: b"\0\x26" + b"\0\x20" + bytes(32) + b"\0\0\0\7" + b"\0\x21\x20" + bytes(32),
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What a kind of client offers, GREASE left out of the lists; it goes in with the bytes."""

    name: str
    version: int
    suites: tuple
    versions: tuple = ()
    extensions: tuple = ()
    groups: tuple = ()
    key_shares: tuple = ()
    schemes: tuple = ()
    points: tuple = ()
    compression: tuple = (0,)
    alpn: tuple = ()
    grease: bool = False
    grease_in_schemes: bool = False
    # "ssl2" is the hello of SSLv2, alone or to say more.
    form: str = "tls"
    ssl2_kinds: tuple = ()
    # "Recorded": what was published of it.
    recorded: tuple = field(default=(None, None), compare=False)

    def offered(self):
        return max(self.versions, default=self.version)

    def ja3(self):
        lists = [self.suites, self.extensions, self.groups, self.points]
        text = ",".join([str(self.version), *("-".join(map(str, codes)) for codes in lists)])
        return hashlib.md5(text.encode()).hexdigest()

    def ja4(self):
        first = "00"
        if self.alpn and self.alpn[0]:
            name = self.alpn[0]
            edges = bytes((name[0], name[-1]))
            plain = edges.isascii() and edges.decode("latin1").isalnum()
            first = edges.decode() if plain else name.hex()[0] + name.hex()[-1]
        summary = "t%s%s%02d%02d%s" % (
            JA4_VERSIONS.get(self.offered(), "00"),
            "d" if SNI in self.extensions else "i",
            min(len(self.suites), 99),
            min(len(self.extensions), 99),
            first,
        )
        extensions = sorted(set(self.extensions) - {SNI, ALPN})
        rest = ",".join("%04x" % code for code in extensions)
        if self.schemes:
            rest += "_" + ",".join("%04x" % code for code in self.schemes)
        return "_".join([summary, short_hash(",".join("%04x" % code for code in sorted(self.suites))), short_hash(rest)])


def short_hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12] if text else "0" * 12


def kinds():
    """Every kind with its share."""
    with CLIENTS.open("rb") as file:
        known = {client["name"]: client for client in tomllib.load(file)["client"]}
    found = {}
    for name, share in SHARES.items():
        client = known[name]
        codes = lambda key: tuple(int(code, 16) for code in client.get(key, "").split())
        kind = Kind(
            name, codes("version")[0], codes("suites"), codes("versions"), codes("extensions"), codes("groups"),
            codes("key_shares"), codes("schemes"), codes("point_formats"), codes("compression") or (0,),
            tuple(name.encode() for name in client.get("alpn", ())), client.get("grease", False),
            recorded=(client["ja3"], client["ja4"]),
        )  # fmt: skip
        if (kind.ja3(), kind.ja4()) != kind.recorded:
            raise SystemExit(f"{name}: fingerprints {kind.ja3()} {kind.ja4()}, recorded are {kind.recorded}")
        found[name] = (kind, share)
    old = found["OpenSSL 0.9.8y"][0]
    chromium, openssl = found["Chromium 137 (Win 11)"][0], found["OpenSSL 3.0.15 (Debian)"][0]
    ssl2_kinds = (0x010080, 0x030080, 0x0700C0, 0x060040)
    made = [
        (replace(old, name="SSLv2 hello up to TLS 1.0", form="ssl2", extensions=(), groups=(), points=(), ssl2_kinds=ssl2_kinds), 3),
        (replace(old, name="SSLv2 hello up to SSLv3", version=0x0300, form="ssl2", extensions=(), groups=(), points=(), ssl2_kinds=ssl2_kinds), 1),
        (Kind("SSLv2 alone", 0x0002, (), form="ssl2", ssl2_kinds=ssl2_kinds), 1),
        (replace(chromium, name="Chromium, GREASE in signature algorithms", grease_in_schemes=True), 4),
        (replace(openssl, name="ALPN not ASCII", extensions=(*openssl.extensions, ALPN), alpn=(b"\xabodd\xcd", b"h2")), 1),
    ]
    for kind, share in made:
        found[kind.name] = (kind, share)
    return list(found.values())


def u16(*codes):
    return b"".join(code.to_bytes(2) for code in codes)


def counted(size, body):
    return len(body).to_bytes(size) + body


def extension(kind, code, sni, shares, chance, grease):
    match code:
        case 0x00:
            return counted(2, b"\0" + counted(2, sni))
        case 0x0A:
            return counted(2, u16(*grease[2:3], *kind.groups))
        case 0x0B:
            return counted(1, bytes(kind.points))
        case 0x0D:
            return counted(2, u16(*(grease[4:5] if kind.grease_in_schemes else ()), *kind.schemes))
        case 0x10:
            return counted(2, b"".join(counted(1, name) for name in kind.alpn))
        case 0x2B:
            return counted(1, u16(*grease[3:4], *kind.versions))
        case 0x33:
            entries = b"".join(u16(group) + counted(2, chance.randbytes(KEY_SHARE_BYTES[group])) for group in shares)
            return counted(2, (u16(grease[2]) + b"\0\1\0" if grease else b"") + entries)
        case 0x23:
            return chance.choice((b"", bytes(192)))
        case _:
            return BODIES.get(code, b"")


def client_hello(kind, sni, session_id, shares, chance, cookie=None):
    """The message without its record, or the whole hello of SSLv2. With a cookie it is the second one, after a
    HelloRetryRequest."""
    if kind.form == "ssl2":
        specs = [bytes(1) + u16(suite) for suite in kind.suites]
        for code in kind.ssl2_kinds:
            specs.insert(chance.randint(0, len(specs)), code.to_bytes(3))
        body = b"\1" + u16(kind.version, 3 * len(specs), 0, 32) + b"".join(specs) + chance.randbytes(32)
        return (0x8000 | len(body)).to_bytes(2) + body
    grease = chance.sample(GREASE, 6) if kind.grease else []
    suites = u16(*grease[:1], *kind.suites)
    body = u16(kind.version) + chance.randbytes(32) + counted(1, session_id)
    body += counted(2, suites) + counted(1, bytes(kind.compression))
    codes = [code for code in kind.extensions if not (cookie and code == PADDING)]
    entries = [u16(code) + counted(2, extension(kind, code, sni, shares, chance, grease)) for code in codes if code != PADDING]
    if PADDING in codes:
        lacks = 508 - len(body) - sum(map(len, entries)) - 6
        entries.insert(codes.index(PADDING), u16(PADDING) + counted(2, bytes(max(lacks, 1))))
    if cookie:
        entries.insert(0, u16(0x2C) + counted(2, counted(2, cookie)))
    if grease:
        entries.insert(0, u16(grease[1]) + b"\0\0")
        last = len(entries) - (PRE_SHARED_KEY in codes)
        entries.insert(last, u16(grease[5]) + b"\0\1\0")
    if entries:
        body += counted(2, b"".join(entries))
    return b"\1" + counted(3, body)
