"""Mail out: a server that keeps it. Mail in: the gateway script of production."""

import asyncio
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from html import unescape

from aiosmtpd.smtp import SMTP

from .background import Background
from .settings import settings


@dataclass
class Received:
    """A mail that the sink has accepted: the sender got its 250."""

    recipient: str
    message: EmailMessage

    @property
    def subject(self):
        return self.message["Subject"]

    @property
    def html(self):
        part = self.message.get_body(("html",))
        return part.get_content() if part else ""

    def links(self, part):
        """The addresses that the mail links to and that contain ``part``."""
        return [
            unescape(link)
            for link in re.findall(r'href="([^"]+)"', self.html)
            if part in link
        ]

    @property
    def text(self):
        part = self.message.get_body(("plain",))
        return part.get_content() if part else ""


@dataclass
class Hold:
    """The sender of the nth mail to an address waits for our answer.

    :param at: "RCPT", before it has given us the mail, or "DATA", when we have it all
    :param lose: whether a mail goes lost whose sender does not wait for the answer; it
        is kept otherwise, as mail servers do that have written it to their queue
    """

    address: str
    nth: int
    at: str
    lose: bool
    loop: asyncio.AbstractEventLoop
    seen: int = 0
    held: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self):
        self.loop.call_soon_threadsafe(self.released.set)

    def applies(self, stage, address):
        if stage != self.at or self.address not in address:
            return False
        self.seen += 1
        if self.seen != self.nth:
            return False
        self.held = address
        return True

    async def wait(self):
        self.reached.set()
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.gone.set()
            raise


class MailSink:
    """SMTP server on a free port of this machine. Nothing leaves it."""

    def __init__(self):
        self.received = []
        self.refused = {}
        self.refusals = []
        self._holds = []
        self._background = Background()
        self._server = self._background.run(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]

    async def _listen(self):
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: SMTP(self, loop=loop, data_size_limit=50 * 1024 * 1024),
            "127.0.0.1",
            0,
        )

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._background.loop.call_soon_threadsafe(self._server.close)
        self._background.close()

    def to(self, address, subject=None):
        """The mails accepted for an address, the oldest first."""
        return [
            mail
            for mail in list(self.received)
            if mail.recipient == address and (not subject or subject in mail.subject)
        ]

    def refuse(self, address, reply="550 5.1.1 no such mailbox", at="RCPT"):
        """Refuse mails to an address from now on, each noted in ``refusals``.

        :param at: "RCPT", before we have the mail, or "DATA", when we have it all
        """
        self.refused[address] = (at, reply)

    def accept(self, address):
        """Refuse no more mails to an address."""
        del self.refused[address]

    def _get_refusal(self, stage, address):
        at, reply = self.refused.get(address, (None, None))
        if at != stage:
            return None
        self.refusals.append(address)
        return reply

    def hold(self, address, nth=1, at="DATA", lose=False):
        """Let the sender of the nth mail to ``address`` (or a part of it) wait."""
        hold = Hold(address, nth, at, lose, self._background.loop)
        self._holds.append(hold)
        return hold

    # ------------------------------------------------------------
    # called by aiosmtpd
    # ------------------------------------------------------------

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if refusal := self._get_refusal("RCPT", address):
            return refusal
        for hold in self._holds:
            if hold.applies("RCPT", address):
                await hold.wait()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        for address in envelope.rcpt_tos:
            if refusal := self._get_refusal("DATA", address):
                return refusal
        message = message_from_bytes(envelope.content, policy=policy.default)
        mails = [Received(recipient, message) for recipient in envelope.rcpt_tos]
        holds = [
            hold
            for hold in self._holds
            for address in envelope.rcpt_tos
            if hold.applies("DATA", address)
        ]
        if not any(hold.lose for hold in holds):
            self.received += mails
        for hold in holds:
            await hold.wait()
        if any(hold.lose for hold in holds):
            self.received += mails
        return "250 accepted"


def deliver(server, message):
    """Hand a mail to Odoo as the alias file of a mail server does.

    It arrives in a later second than the one it was written in, as all mails do.
    """
    age = datetime.now(timezone.utc) - message["Date"].datetime
    time.sleep(max(0, 1 - age.total_seconds()))
    done = subprocess.run(
        [
            sys.executable,
            str(settings.mailgate),
            f"--database={server.database}",
            "--userid=2",
            "--password=admin",
            "--host=127.0.0.1",
            f"--port={server.port}",
        ],
        input=message.as_bytes(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert not done.returncode, f"mail gateway: {done.returncode} {done.stderr!r}"


def compose(sender, to, subject, body, **headers):
    """A mail as a customer's program writes it.

    :param headers: more of them, with _ for -
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(timezone.utc))
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2])
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message
