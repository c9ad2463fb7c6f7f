"""A mail server for tests: takes every mail into a file, but for recipients that say what they want.

    smtpd.py DIRECTORY

Prints its port, and then a line for each mail it took. A recipient `refused@...` is answered with 550, `later@...` with
451 each time, `once-later@...` with 451 the first time; `slow@...` is taken, and never answered.
"""

import asyncio
import pathlib
import sys

from aiosmtpd.smtp import SMTP

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


async def main():
    loop = asyncio.get_running_loop()
    handler = Handler()
    server = await loop.create_server(lambda: SMTP(handler), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it: its standard input ends then.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
