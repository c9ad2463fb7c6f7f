"""A webhook's receiver over TLS: answers every POST with 204 and says of each, in a line of JSON, whose letter it is and
whether the signature is right. Its first line is its port.

    hook.py CERTIFICATE KEY SECRET
"""

import hashlib
import hmac
import http.server
import json
import ssl
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = self.headers["Sundown-Timestamp"].encode() + b"." + body
        right = "v1=" + hmac.new(sys.argv[3].encode(), signed, hashlib.sha256).hexdigest()
        # Little: nobody reads it before the end, and a pipe holds 64 KiB.
        said = {
            "path": self.path,
            "tls": self.connection.version(),
            "host": self.headers["Host"],
            "right": hmac.compare_digest(self.headers["Sundown-Signature"], right),
            "account": json.loads(body)["account"],
        }
        print(json.dumps(said), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(*sys.argv[1:3])


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        stream, address = super().get_request()
        # Shaken hands with in the thread that serves it: one that refuses us stops nobody else.
        return context.wrap_socket(stream, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
# Ends with whoever started it: its standard input ends then.
sys.stdin.read()
