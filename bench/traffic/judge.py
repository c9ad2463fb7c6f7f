"""What each program says of a capture, held against what is in it."""

import csv
import json
from collections import Counter, defaultdict
from ipaddress import ip_address
from pathlib import Path

from .hellos import NAMES

CODEPOINTS = Path(__file__).resolve().parents[2] / "crates/hello/data/codepoints.csv"


def ends(client, client_port, server, server_port):
    return (str(ip_address(client)), str(client_port), str(ip_address(server)), str(server_port))


class Truth:
    """The rows beside a capture."""

    def __init__(self, path):
        with open(path, newline="") as file:
            self.rows = list(csv.DictReader(file))
        for row in self.rows:
            row["ends"] = ends(*row["client"].split(), *row["server"].split())
        with CODEPOINTS.open() as file:
            lines = [line for line in file if line.strip() and not line.startswith("#")]
        self.ciphers = {}
        for row in csv.DictReader(lines):
            if row["kind"] == "suite":
                self.ciphers[row["code"].removeprefix("0x").lower()] = row["openssl"].split("|")[0] or row["name"]

    def by_ends(self):
        found = defaultdict(list)
        for row in self.rows:
            found[row["ends"]].append(row)
        return found


def score(truth, told, key, wanted):
    """Of the true connections, those that are told of at all, and those of which all of `wanted` is told as it is.
    `told` holds a dictionary for each connection; `key` is what finds them."""
    waiting = defaultdict(list)
    for row in told:
        waiting[row[key]].append(row)
    seen = right = 0
    for row in sorted(truth.rows, key=lambda row: row["ja4"] == ""):
        candidates = waiting.get(row["ends"] if key == "ends" else row["ends"][0])
        if not candidates:
            continue
        same = lambda other: all(other.get(field, "") == row[field] for field in wanted)
        best = next((index for index, other in enumerate(candidates) if same(other)), None)
        seen += 1
        right += best is not None
        candidates.pop(best or 0)
    left = sum(map(len, waiting.values()))
    return {"seen": seen, "right": right, "beyond": left}


def sundown(truth, export):
    """The ledger's rows: each has both sides of a connection."""
    told, codes = [], {name: code for code, name in truth.ciphers.items()}
    with open(export) as file:
        for row in map(json.loads, file):
            one = {
                "address": str(ip_address(row["address"])), "sni": row.get("sni") or "", "offered": row.get("offered") or "",
                "negotiated": row.get("version") or "", "cipher": codes.get(row.get("cipher"), ""),
                "ja3": row.get("ja3") or "", "ja4": row.get("ja4") or "",
            }  # fmt: skip
            # Of a hello that is not in the capture only what was agreed is known, and that much was offered.
            if not one["ja4"]:
                one["offered"] = ""
            told += [one] * row["connections"]
    scored = score(truth, told, "address", ("sni", "offered", "negotiated", "cipher", "ja3", "ja4"))
    return scored | {"what": "SNI, offered, negotiated, cipher, JA3 and JA4 in one row"}


def observe(truth, output):
    """The rows of the example of crates/observe."""
    told, codes = [], {name: code for code, name in truth.ciphers.items()}
    with open(output, newline="") as file:
        for row in csv.reader(file):
            client, server = (end.rpartition(":") for end in (row[0] + ":0", row[1]))
            told.append({
                "address": str(ip_address(row[0])), "sni": row[2], "offered": row[3], "negotiated": row[4],
                "cipher": codes.get(row[5], ""), "ja3": row[8], "ja4": row[9],
            })  # fmt: skip
    scored = score(truth, told, "address", ("sni", "offered", "negotiated", "cipher", "ja3", "ja4"))
    return scored | {"what": "SNI, offered, negotiated, cipher, JA3 and JA4 in one row"}


def huginn(truth, output):
    """Client hellos alone."""
    told = []
    for line in open(output):
        client, server, ja4 = line.strip().split(",")
        told.append({"ends": ends(*client.split(), *server.split()), "ja4": ja4})
    return score(truth, told, "ends", ("ja4",)) | {"what": "JA4; it reads client hellos alone"}


TSHARK = ("tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport", "tls.handshake.type",
    "tls.handshake.ja3", "tls.handshake.extensions.supported_version", "tls.handshake.version", "tls.handshake.ciphersuite",
    "ssl.record.content_type")[:-1]  # fmt: skip


def tshark(truth, output):
    """A row for each hello: the streams are put together here."""
    streams = defaultdict(dict)
    for line in open(output):
        row = dict(zip(TSHARK, line.rstrip("\n").split("\t")))
        source = (row["ip.src"] or row["ipv6.src"], row["tcp.srcport"])
        target = (row["ip.dst"] or row["ipv6.dst"], row["tcp.dstport"])
        stream = streams[row["tcp.stream"]]
        kinds = row["tls.handshake.type"].split(",")
        if "1" in kinds:
            stream.setdefault("ends", ends(*source, *target))
            stream.setdefault("ja3", row["tls.handshake.ja3"].split(",")[0])
        elif "2" in kinds:
            stream.setdefault("ends", ends(*target, *source))
            # The first supported version of a ServerHello is the one; without it the legacy one is.
            version = (row["tls.handshake.extensions.supported_version"] or row["tls.handshake.version"]).split(",")[0]
            stream["negotiated"] = NAMES.get(int(version, 16), version)
            stream["cipher"] = row["tls.handshake.ciphersuite"].split(",")[0].removeprefix("0x")
    scored = score(truth, streams.values(), "ends", ("ja3", "negotiated", "cipher"))
    return scored | {"what": "JA3, negotiated, cipher, joined by stream; 4.0 has no JA4"}


def ssldump(truth, output):
    """A row for each record: connections are put together here."""
    found = defaultdict(dict)
    for line in open(output, errors="replace"):
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        connection = found[row.get("connection_number")]
        if row.get("handshake_type") == "ClientHello" and "ja3_fp" in row:
            connection.setdefault("ends", ends(row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"]))
            connection.setdefault("ja3", row["ja3_fp"])
        elif "ja3s_str" in row:
            connection.setdefault("ends", ends(row["dst_ip"], row["dst_port"], row["src_ip"], row["src_port"]))
            connection["cipher"] = "%04x" % int((row["ja3s_str"].split(",") + ["0"])[1] or 0)
    told = [connection for connection in found.values() if "ends" in connection]
    return score(truth, told, "ends", ("ja3", "cipher")) | {"what": "JA3 and cipher, joined by connection"}


def nothing(_truth, _output):
    return {"what": "reads, filters TCP, writes to /dev/null"}
