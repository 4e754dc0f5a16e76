#!/usr/bin/env python3
"""An SMTP server in a process of its own, which takes every mail and keeps none.

Prints its port; then, for each line it reads, how many mails it has taken so far.
"""

import asyncio
import subprocess
import sys

from aiosmtpd.smtp import SMTP


class Counting:
    taken = 0

    async def handle_DATA(self, server, session, envelope):
        self.taken += 1
        return "250 accepted"


class MailSink:
    """The process, as a bench sees it; ``close`` ends it."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._process.stdout.readline())

    def close(self):
        self._process.terminate()
        self._process.communicate()

    def count(self):
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


async def serve():
    loop = asyncio.get_running_loop()
    handler = Counting()
    server = await loop.create_server(lambda: SMTP(handler, loop=loop), "127.0.0.1", 0)
    say(server.sockets[0].getsockname()[1])
    while await loop.run_in_executor(None, sys.stdin.readline):
        say(handler.taken)


def say(number):
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve())
