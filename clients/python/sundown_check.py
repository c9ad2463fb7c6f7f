# -*- coding: utf-8 -*-
"""Will this Python survive the server's next change of TLS?

Asks a server's ``/ssl/`` what it thinks of this client, says the same of this Python's own TLS library, and names the
fix. One file, no dependencies, Python 2.7.9 and later::

    python -m sundown_check https://api.example.com

    answer = sundown_check.check("https://api.example.com")
    answer["verdict"]  # ok, at-risk, blocked, refused or unknown
"""

from __future__ import print_function, unicode_literals

import argparse
import errno
import io
import json
import platform
import re
import socket
import ssl
import sys
import threading

try:
    import http.client as http_client
except ImportError:  # Python 2
    import httplib as http_client

__version__ = "0.1.0"

EXIT = {"ok": 0, "at-risk": 1, "blocked": 1, "refused": 1, "unknown": 2}
SURVIVES = {0: True, 1: False, 2: None}

# An answer of /ssl/ has a few KiB.
LONGEST_ANSWER = 1 << 20
# An advice is a few sentences, a plan has a few sunsets.
LONGEST_TEXT = 2000
LONGEST_LIST = 32

_URL = re.compile(r"^https://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)\Z", re.I)
# What steers a terminal or reorders a line (Unicode TR 9).
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_NOTICE = re.compile(r'([a-z-]+)="([^"]*)"')
_EXPLANATION = "urn:sundown:problem:tls-floor"

# OpenSSL's names for alerts 70, 71 and 40 (RFC 8446 section 6.2), old and new.
_ALERTS = [
    ("protocol_version", re.compile("alert[ _]protocol[ _]version", re.I)),
    ("insufficient_security", re.compile("alert[ _]insufficient[ _]security", re.I)),
    ("handshake_failure", re.compile("alert[ _]handshake[ _]failure", re.I)),
]
_UNTRUSTED = re.compile("certificate[ _]verify[ _]failed|hostname .*match", re.I)
_OWN_REFUSAL = re.compile("no[ _]protocols[ _]available|no[ _]ciphers[ _]available|no shared cipher", re.I)

RUNTIME = "%s %s" % (
    {"CPython": "Python"}.get(platform.python_implementation(), platform.python_implementation()),
    platform.python_version(),
)
LIBRARY = ssl.OPENSSL_VERSION


class _Unable(Exception):
    """Why the answer is `unknown`; the second argument is what the library said."""


def check(url, ca=None, timeout=10):
    """Asks ``url`` (its ``/ssl/`` where it names no path) and returns the answer, a dict. Never raises.

    ``ca`` is a PEM file of the authorities to trust instead of the system's, ``timeout`` the seconds that all of it
    may take.
    """
    answer = {
        "url": _line(url)[:200], "verdict": "unknown", "survives": None, "summary": None,
        "own": {"runtime": RUNTIME, "library": LIBRARY, "protocol": None, "cipher": None},
        "server": None, "differs": None, "floors": [], "alert": None, "fix": None, "contact": None, "error": None,
    }
    done = threading.Event()

    # A socket's own timeout starts anew with each byte, and does not cover the look-up of a name.
    def work(mine=dict(answer, own=dict(answer["own"]))):
        try:
            _ask(mine, url, ca, timeout)
        except _Unable as unable:
            mine["summary"], mine["error"] = unable.args
        except socket.timeout:
            mine["summary"] = _late(timeout)
        except Exception as error:
            mine["summary"], mine["error"] = "the check itself failed", _words(error)
        answer.update(mine)
        done.set()

    worker = threading.Thread(target=work)
    worker.daemon = True
    worker.start()
    if not done.wait(timeout):
        answer = dict(answer, summary=_late(timeout), verdict="unknown")
    if answer["error"] is not None:
        answer["error"] = _line(answer["error"])
    answer["survives"] = SURVIVES[EXIT[answer["verdict"]]]
    return answer


def _late(timeout):
    return "no complete answer within %g s" % timeout


def _ask(answer, url, ca, timeout):
    host, port, path = _target(url)
    place = host if port == 443 else "%s:%d" % (host, port)
    answer["url"] = "https://%s%s" % (place, path)
    connection = http_client.HTTPSConnection(
        str(host.strip("[]")), port, timeout=timeout, context=_context(ca)
    )
    try:
        status, kind, notice, body = _exchange(connection, answer, place, path)
    finally:
        connection.close()
    if status is not None:
        _read(answer, status, kind, notice, body)


def _target(url):
    if not isinstance(url, type("")):
        url = url.decode("utf-8", "replace")
    if url.lower().startswith("http://"):
        raise _Unable("the URL is plain HTTP; write https:// to check TLS", None)
    match = _URL.match(url)
    port = int(match.group(2) or 443) if match else 0
    if not 1 <= port <= 65535:
        raise _Unable("the URL is not one to check; write https://host[:port][/path]", None)
    path = match.group(3).split("#")[0]
    if path.startswith("?"):
        path = "/" + path
    return match.group(1).lower(), port, path if path not in ("", "/") else "/ssl/"


def _context(ca):
    if not hasattr(ssl, "create_default_context"):
        raise _Unable("this runtime cannot verify a certificate; it takes Python 2.7.9", None)
    try:
        return ssl.create_default_context(cafile=ca)
    except (IOError, OSError) as error:
        raise _Unable("the file of authorities cannot be read", _words(error))


def _exchange(connection, answer, place, path):
    try:
        connection.connect()
    except socket.timeout:
        raise
    except Exception as error:
        return _not_connected(answer, place, error)
    answer["own"]["protocol"] = connection.sock.version() if hasattr(connection.sock, "version") else None
    answer["own"]["cipher"] = (connection.sock.cipher() or [None])[0]
    try:
        connection.putrequest(str("GET"), str(path), skip_host=True, skip_accept_encoding=True)
        for name, value in (
            ("Host", place), ("Accept", "application/json"), ("Connection", "close"),
            ("User-Agent", "sundown-check/%s %s" % (__version__, RUNTIME.replace(" ", "/"))),
        ):
            connection.putheader(str(name), str(value))
        connection.endheaders()
        response = connection.getresponse()
        body = response.read(LONGEST_ANSWER + 1)
    except socket.timeout:
        raise
    except http_client.IncompleteRead as error:
        raise _Unable("the connection ended before the answer was complete", _words(error))
    except http_client.HTTPException as error:
        # "Nothing at all" is a bad status line; what is in it depends on the Python.
        ended = "closed" in str(error) or not str(error).strip("'\" ")
        raise _Unable(
            "the connection ended before the answer was complete" if ended else "the answer is not HTTP", _words(error)
        )
    except (OSError, IOError) as error:
        raise _Unable("the connection ended before the answer was complete", _words(error))
    if response.version == 9:  # what Python 2 takes everything for that is not HTTP
        raise _Unable("the answer is not HTTP", None)
    if len(body) > LONGEST_ANSWER:
        raise _Unable("the answer is longer than 1 MiB", None)
    length = response.getheader("Content-Length") or ""
    if length.isdigit() and len(body) < int(length):
        raise _Unable("the connection ended before the answer was complete", None)
    kind = (response.getheader("Content-Type") or "no content type").split(";")[0]
    return response.status, kind, response.getheader("Sundown-Notice"), body


def _not_connected(answer, place, error):
    """The library's words for a handshake that failed, turned into the answer they stand for."""
    words = _words(error)
    if _UNTRUSTED.search(words) or isinstance(error, getattr(ssl, "CertificateError", ())):
        raise _Unable("the server's certificate is not trusted; --ca FILE names an authority to trust", words)
    if _OWN_REFUSAL.search(words):
        answer["fix"] = _fix("protocol_version", answer["url"])
        raise _Unable("this runtime refuses by itself, before the server can", words)
    for alert, pattern in _ALERTS:
        if pattern.search(words):
            answer.update(alert=alert, verdict="refused", error=words, fix=_fix(alert, answer["url"]))
            answer["summary"] = "%s; this runtime's library is %s" % (_refusal(alert), LIBRARY)
            return None, None, None, None
    if isinstance(error, ssl.SSLError) or getattr(error, "errno", None) in (errno.ECONNRESET, errno.EPIPE):
        raise _Unable("the handshake failed", words)
    raise _Unable("cannot reach %s" % place, words)


def _refusal(alert):
    if alert == "protocol_version":
        return "the server needs a later TLS version than this client offers"
    return "the server accepts no cipher suite or group that this client offers"


def _fix(alert, url):
    verify = "python -m sundown_check %s" % url
    if alert != "protocol_version":
        return {
            "summary": "Remove set_ciphers from code and CipherString from the file that OPENSSL_CONF names, or move to a "
            "current Python on a current OpenSSL.",
            "snippet": None, "verify": verify,
        }
    if ssl.OPENSSL_VERSION_INFO < (1, 0, 1):
        return {
            "summary": "%s is built on %s, which ends at TLSv1, and no setting changes that: move to a current Python."
            % (RUNTIME, LIBRARY),
            "snippet": None, "verify": verify,
        }
    return {
        "summary": "%s offers TLSv1.2 and later unless something holds it to less: search code and dependencies for "
        "PROTOCOL_TLSv1, ssl_version and maximum_version, then the file that OPENSSL_CONF names for MaxProtocol, and remove "
        "the line. For TLSv1.3 it takes OpenSSL 1.1.1 or later." % LIBRARY,
        "snippet": "ctx = ssl.create_default_context()", "verify": verify,
    }


def _read(answer, status, kind, notice, body):
    """What the server says of this connection: an answer of /ssl/, an explanation, or the header that warns."""
    try:
        told = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RuntimeError):  # nested too deep is a RuntimeError
        told = None
    if not isinstance(told, dict):
        told = {}
    if told.get("type") == _EXPLANATION:
        _explained(answer, told)
    elif _text(told, "protocol"):
        _answered(answer, told)
    elif notice:
        _noticed(answer, status, notice)
    else:
        raise _Unable("the server does not say how it sees this client (HTTP %d, %s)" % (status, _line(kind)), None)
    _compare(answer, told.get("cipher_iana"))


def _answered(answer, told):
    client = told.get("client") if isinstance(told.get("client"), dict) else {}
    names = [_text(client, key) for key in ("runtime", "version", "library")]
    answer["server"] = {
        "protocol": _text(told, "protocol"), "cipher": _text(told, "cipher"), "group": _text(told, "group"),
        "client": ", ".join(name for name in names if name) or None, "report": _text(told, "report"),
    }
    answer["floors"] = [_floor(floor) for floor in _list(told, "floors") if isinstance(floor, dict)]
    missed = [floor for floor in _list(told, "floors") if isinstance(floor, dict) and floor.get("verdict") == "misses"]
    answer["contact"] = next((_text(floor, "contact") for floor in missed if _text(floor, "contact")), None)
    answer["fix"] = _advice(told)
    verdict = told.get("verdict")
    answer["summary"] = {
        "ok": "this client meets every floor of the server",
        "at-risk": "this client is served today and misses a floor",
        "blocked": "the server turns this client's requests away",
    }.get(verdict if isinstance(verdict, type("")) else None)
    if answer["summary"] is None:
        answer["summary"] = "the server gives no verdict"
    else:
        answer["verdict"] = verdict


def _explained(answer, told):
    seen = told.get("seen") if isinstance(told.get("seen"), dict) else {}
    answer["server"] = {
        "protocol": _text(seen, "protocol"), "cipher": _text(seen, "cipher"), "group": _text(seen, "group"),
        "client": None, "report": None,
    }
    answer["floors"] = [_floor({
        "sunset": told.get("sunset"), "verdict": "misses", "needed": told.get("needed"),
    })]
    answer["contact"], answer["fix"] = _text(told, "contact"), _advice(told)
    answer["verdict"], answer["summary"] = "blocked", "the server turns this client's requests away"


def _noticed(answer, status, notice):
    fields = dict(_NOTICE.findall(_line(notice)))
    answer["server"] = {
        "protocol": fields.get("seen"), "cipher": fields.get("seen-cipher"), "group": fields.get("seen-group"),
        "client": None, "report": None,
    }
    needed = [fields[key] for key in ("needed", "needed-cipher", "needed-group") if key in fields]
    answer["floors"] = [_floor({"verdict": "misses", "needed": needed})]
    if status >= 400:
        answer["verdict"], answer["summary"] = "blocked", "the server turns this client's requests away"
    else:
        answer["verdict"], answer["summary"] = "at-risk", "this client is served today and misses a floor"


def _floor(told):
    following = told.get("next") if isinstance(told.get("next"), dict) else {}
    following = {"phase": _text(following, "phase"), "at": _text(following, "at")}
    return {
        "name": _text(told, "name"), "sunset": _text(told, "sunset"), "phase": _text(told, "phase"),
        "verdict": _text(told, "verdict"),
        "because": [_line(text) for text in _list(told, "because") if isinstance(text, type(""))],
        "needed": [_line(text) for text in _list(told, "needed") if isinstance(text, type(""))],
        "next": following if following["phase"] and following["at"] else None,
        "exception_until": _text(told, "exception_until"),
    }


def _advice(told):
    advice = told.get("advice")
    if not isinstance(advice, dict) or not _text(advice, "summary"):
        return None
    snippet = advice.get("snippet")
    if isinstance(snippet, type("")):
        snippet = "\n".join(_line(line) for line in snippet[:LONGEST_TEXT].split("\n"))
    else:
        snippet = None
    return {"summary": _text(advice, "summary"), "snippet": snippet, "verify": _text(advice, "verify")}


def _compare(answer, iana):
    """Whether the server saw another connection than the one that was made here."""
    own, server = answer["own"], answer["server"]
    pairs = []
    if own["protocol"] and server["protocol"]:
        pairs.append((own["protocol"], [server["protocol"]]))
    if own["cipher"] and server["cipher"]:
        pairs.append((own["cipher"].replace("EDH-", "DHE-"), [server["cipher"].replace("EDH-", "DHE-"), iana]))
    if pairs:
        answer["differs"] = any(here not in there for here, there in pairs)


def _text(told, name):
    value = told.get(name)
    return (_line(value) or None) if isinstance(value, type("")) else None


def _list(told, name):
    value = told.get(name)
    return value[:LONGEST_LIST] if isinstance(value, list) else []


def _line(text):
    if not isinstance(text, type("")):
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else "%s" % (text,)
    return _STEERING.sub(" ", text[:LONGEST_TEXT]).strip()


def _words(error):
    return "%s: %s" % (type(error).__name__, error)


def render(answer):
    """The answer as lines for people."""
    lines = []

    def add(name, text):
        lines.append("%-8s %s" % (name, text))

    own, server, fix = answer["own"], answer["server"], answer["fix"]
    add("url", answer["url"])
    add("runtime", "%s, %s" % (own["runtime"], own["library"]))
    if own["protocol"] or own["cipher"]:
        add("here", ", ".join(part for part in (own["protocol"], own["cipher"]) if part))
    if server:
        add("server", ", ".join(part for part in (server["protocol"], server["cipher"], server["group"]) if part))
    if answer["differs"]:
        add("between", "something between this client and the server re-encrypts; the fix is due there")
    for floor in answer["floors"]:
        add("floor", _floor_line(floor))
    add("verdict", "%s: %s" % (answer["verdict"], answer["summary"]))
    if answer["error"]:
        add("error", answer["error"])
    if fix:
        add("fix", fix["summary"])
        for line in (fix["snippet"] or "").split("\n"):
            if line:
                add("", line)
        if fix["verify"]:
            add("verify", fix["verify"])
    if answer["contact"]:
        add("help", answer["contact"])
    if server and server["report"]:
        add("report", server["report"])
    return "\n".join(lines)


def _floor_line(floor):
    name = floor["name"] or floor["sunset"] or "the server's"
    if floor["name"] and floor["sunset"]:
        name = "%s (%s)" % (floor["name"], floor["sunset"])
    parts = list(floor["because"])
    if floor["needed"]:
        parts.append("needs %s" % ", ".join(floor["needed"]))
    if floor["exception_until"]:
        parts.append("excepted until %s" % floor["exception_until"])
    elif floor["next"]:
        parts.append("%s from %s" % (floor["next"]["phase"], floor["next"]["at"]))
    if floor["verdict"] == "meets":
        parts = []
    return "%s: %s" % (name, "; ".join([floor["verdict"] or "unknown"] + parts))


def _seconds(text):
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise ValueError(text)
    return seconds


def main(arguments=None):
    """The command line; returns the exit code: 0 survives, 1 will not, 2 could not tell."""
    parser = argparse.ArgumentParser(
        prog="sundown_check",
        description="Asks a server's /ssl/ whether this Python survives its next change of TLS.",
        epilog="Exit code: 0 survives, 1 will not, 2 could not tell.",
    )
    parser.add_argument("url", metavar="URL", help="https://host[:port][/path]; the path is /ssl/ unless given")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.add_argument("--ca", metavar="FILE", help="trust the authorities in this PEM file instead of the system's")
    parser.add_argument("--timeout", metavar="SECONDS", type=_seconds, default=10, help="for all of it; default 10")
    options = parser.parse_args(arguments)
    answer = check(options.url, options.ca, options.timeout)
    text = json.dumps(answer, indent=2) if options.json else render(answer)
    out = io.open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)
    out.write(text if isinstance(text, type("")) else text.decode("ascii"))
    out.write("\n")
    out.close()
    return EXIT[answer["verdict"]]


if __name__ == "__main__":
    sys.exit(main())
