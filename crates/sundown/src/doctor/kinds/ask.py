# What this Python's ssl negotiates. Python 2.6 and later.
import os, socket, ssl, sys

def say(what, said):
    sys.stdout.write("sundown:%s %s\n" % (what, said))
    sys.stdout.flush()

def tell():
    say("version", ".".join(str(part) for part in sys.version_info[:3]))
    say("library", ssl.OPENSSL_VERSION)
    if hasattr(ssl, "get_default_verify_paths"):
        directory = os.path.dirname(ssl.get_default_verify_paths().openssl_cafile)
        say("config", os.path.join(directory, "openssl.cnf"))

def call():
    name, ca = os.environ["SUNDOWN_NAME"], os.environ["SUNDOWN_CA"]
    stream = socket.create_connection(("127.0.0.1", int(os.environ["SUNDOWN_PORT"])), 600)
    if hasattr(ssl, "SSLContext") and hasattr(ssl, "_create_default_https_context"):
        # What urllib and http.client take, PYTHONHTTPSVERIFY included.
        context = ssl._create_default_https_context()
        if ca:
            context.load_verify_locations(ca)
        stream = context.wrap_socket(stream, server_hostname=name)
    else:
        stream = ssl.wrap_socket(stream)  # before 2.7.9: no name is sent, and nothing is verified
    if hasattr(stream, "version"):
        say("protocol", stream.version())
    say("cipher", stream.cipher()[0])
    request = os.environ["SUNDOWN_REQUEST"]
    if not request:
        return
    stream.sendall(request.encode("ascii"))
    say("answer", "")
    out = getattr(sys.stdout, "buffer", sys.stdout)
    while True:
        part = stream.recv(16384)
        if not part:
            break
        out.write(part)
    out.flush()

tell()
if os.environ.get("SUNDOWN_PORT"):
    try:
        call()
    except Exception:
        say("error", str(sys.exc_info()[1]).replace("\n", " "))
