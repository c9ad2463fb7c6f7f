"""A mail server for tests: takes every mail into a file, but for recipients that say what they want.

    smtpd.py DIRECTORY [CERTIFICATE KEY [USER PASSWORD]]

Prints its port, and then a line for each mail it took. A recipient `refused@...` is answered with 550, `later@...` with
451 each time, `once-later@...` with 451 the first time; `slow@...` is taken, and never answered. With a certificate
alone, TLS is spoken from the start; with a user too, nothing is taken before STARTTLS and that user's password.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

directory = pathlib.Path(sys.argv[1])


class Handler:
    def __init__(self):
        self.seen = set()
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "refused":
            return "550 5.1.1 no such user"
        if name == "later" or (name == "once-later" and address not in self.seen):
            self.seen.add(address)
            return "451 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        (directory / f"{self.count:04}.eml").write_bytes(envelope.content)
        print(envelope.mail_from, *envelope.rcpt_tos, flush=True)
        if envelope.rcpt_tos[0].startswith("slow@"):
            await asyncio.sleep(3600)
        return "250 OK"


def context():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*sys.argv[2:4])
    return context


def options():
    if len(sys.argv) < 5:
        return {}
    user, password = sys.argv[4:]

    def authenticate(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=right or None)

    return {
        "tls_context": context(),
        "require_starttls": True,
        "authenticator": authenticate,
        "auth_required": True,
    }


async def main():
    loop = asyncio.get_running_loop()
    handler = Handler()
    wrapped = context() if len(sys.argv) == 4 else None
    server = await loop.create_server(lambda: SMTP(handler, **options()), "127.0.0.1", 0, ssl=wrapped)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it: its standard input ends then.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
