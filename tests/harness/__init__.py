"""A real server, a mail server, people and a browser for the tests across addons."""

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
