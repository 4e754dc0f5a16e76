"""What the tests across the addons need: a real server, a mail server, people, a browser."""

from .browser import Browser
from .mail import MailSink, deliver
from .people import Person, Visitor
from .server import OdooServer
from .settings import settings
from .waiting import wait_for

__all__ = [
    "Browser",
    "MailSink",
    "OdooServer",
    "Person",
    "Visitor",
    "deliver",
    "settings",
    "wait_for",
]
