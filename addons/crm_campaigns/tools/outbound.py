"""Calling other systems: which may be called, how a call is signed, what its answer
means and when the next try is.

Signed as the Standard Webhooks say (https://www.standardwebhooks.com), for which most
languages have a library.
"""

import base64
import hashlib
import hmac
import io
import ipaddress
import random
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SECRET_PREFIX = "whsec_"
# What is kept of an answer.
ANSWER_BYTES = 2048
# Read in small bites, so that what has come is kept when the time is over.
BITE = 32
# Pause after the first, second, … try that failed. One more than these is the last.
PAUSES = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440)
)
# A pause is this part longer at most, so that what failed together is not tried so.
JITTER = 0.25
# Nobody waits longer because another system says so.
MAX_PAUSE = timedelta(days=1)
# Of the 4xx, those that may go well another time.
TRANSIENT = (408, 425, 429)
LOCAL_NAMES = ("localhost", "localhost.localdomain")
# why there is no answer
TIMEOUT = "timeout"
INSECURE = "insecure"
UNREACHABLE = "unreachable"
# addresses in which another one is hidden
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class ForbiddenAddressError(ValueError):
    """The name leads to an address inside our own network."""


# ------------------------------------------------------------
# Where to
# ------------------------------------------------------------


def parse_allowed(text):
    """Names and networks, of a text that separates them by commas or blanks.

    :return: ``(set of names, list of networks)``
    """
    names, networks = set(), []
    for word in (text or "").replace(",", " ").lower().split():
        try:
            networks.append(ipaddress.ip_network(word, strict=False))
        except ValueError:
            names.add(word)
    return names, networks


def _unwrap(address):
    """The IPv4 address that an IPv6 one stands for, else itself."""
    if address.version == 4:
        return address
    if address in NAT64:
        return ipaddress.ip_address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def is_address_allowed(host, address, allowed):
    """Whether the call may go to ``address``, which is what ``host`` leads to.

    :param allowed: see ``parse_allowed``
    """
    names, networks = allowed
    if host.lower() in names:
        return True
    address = _unwrap(ipaddress.ip_address(address.partition("%")[0]))
    if any(address in network for network in networks):
        return True
    return address.is_global and not address.is_multicast


def get_url_problem(url, allowed):
    """Code of what is wrong with an address: url, https, private; None if nothing."""
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises, if it is none
    except ValueError:
        return "url"
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return "url"
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        address = "127.0.0.1" if host in LOCAL_NAMES else None
    is_inside = address is not None and not is_address_allowed(host, address, ((), ()))
    if parts.scheme == "http":
        is_local = host in LOCAL_NAMES or (
            address is not None and ipaddress.ip_address(address).is_loopback
        )
        if not is_local and host.lower() not in allowed[0]:
            return "https"
    if is_inside and not is_address_allowed(host, address, allowed):
        return "private"
    return None


# ------------------------------------------------------------
# What is sent
# ------------------------------------------------------------


def make_secret():
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _get_key(secret):
    if secret.startswith(SECRET_PREFIX):
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return secret.encode()


def is_secret(secret):
    """Whether it can sign."""
    try:
        return len(_get_key(secret or "")) >= 16
    except ValueError:
        return False


def sign(secret, key, timestamp, body):
    """Value of the header webhook-signature."""
    content = f"{key}.{timestamp}.".encode() + body
    digest = hmac.new(_get_key(secret), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def get_headers(secret, key, body, timestamp=None):
    """Headers of one try: ``key`` is the same at each, the time and signature not."""
    timestamp = int(time.time()) if timestamp is None else timestamp
    return {
        "Content-Type": "application/json",
        "User-Agent": "Odoo CRM Campaigns",
        "Idempotency-Key": key,
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, key, timestamp, body),
    }


# ------------------------------------------------------------
# When again
# ------------------------------------------------------------


def get_pause(tries, chance=random.random):
    """How long to wait after so many tries; None: not again."""
    if tries > len(PAUSES):
        return None
    return PAUSES[max(tries, 1) - 1] * (1 + JITTER * chance())


def parse_retry_after(text, now):
    """The moment that a header Retry-After tells, in UTC without zone; None if none."""
    text = (text or "").strip()
    if not text:
        return None
    if text.isdecimal():
        # a number too large for a date means as much as the longest pause
        return now + timedelta(seconds=min(int(text), MAX_PAUSE.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return min(moment, now + MAX_PAUSE)


# ------------------------------------------------------------
# The call
# ------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came of a try: a status with the beginning of the text, or an error."""

    status: int = 0
    text: str = ""
    error: str = ""
    retry_after: str = ""
    seconds: float = 0
    is_forbidden: bool = False

    @property
    def is_ok(self):
        return 200 <= self.status < 300

    @property
    def is_final(self):
        """Whether another try would come to the same."""
        return self.is_forbidden or (
            300 <= self.status < 500 and self.status not in TRANSIENT
        )


class Deadline:
    """When the present call is to be over, whatever it waits for."""

    def __init__(self):
        self.until = 0

    def get_rest(self):
        rest = self.until - time.monotonic()
        if rest <= 0:
            raise TimeoutError("timed out")
        return rest


class TimedReader(io.RawIOBase):
    """Reads from a socket; all the reads together have the time that is left."""

    def __init__(self, sock, deadline):
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        # the socket stays open as long as this is
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self):
        return True

    def readinto(self, buffer):
        self._sock.settimeout(self._deadline.get_rest())
        return self._raw.readinto(buffer)

    def close(self):
        if not self.closed:
            self._raw.close()
        super().close()


class TimedSocket:
    """A connected socket, plain or encrypted. The timeout of Python's own begins anew
    with each byte that comes or goes: another system that drips would be listened to
    for hours.
    """

    def __init__(self, sock, deadline):
        self._sock = sock
        self._deadline = deadline

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def sendall(self, data):
        rest = memoryview(data).cast("B")
        while rest:
            self._sock.settimeout(self._deadline.get_rest())
            rest = rest[self._sock.send(rest) :]

    def makefile(self, *_args, **_kwargs):
        # as http.client wants it
        return io.BufferedReader(TimedReader(self._sock, self._deadline))


def _guard(pool_class, allowed, deadline):
    """A pool whose connections look where they have got to before they say anything:
    what a name leads to may change between a look-up and the call. From then on they
    have the time that is left.
    """

    class GuardedConnection(pool_class.ConnectionCls):
        def _new_conn(self):
            sock = super()._new_conn()
            if not is_address_allowed(self.host, sock.getpeername()[0], allowed):
                sock.close()
                raise ForbiddenAddressError(self.host)
            # encrypting may follow
            sock.settimeout(deadline.get_rest())
            return sock

        def connect(self):
            super().connect()
            self.sock = TimedSocket(self.sock, deadline)

    class GuardedPool(pool_class):
        ConnectionCls = GuardedConnection

    return GuardedPool


class GuardedAdapter(HTTPAdapter):
    def __init__(self, allowed, deadline):
        self.allowed = allowed
        self.deadline = deadline
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _guard(HTTPConnectionPool, self.allowed, self.deadline),
            "https": _guard(HTTPSConnectionPool, self.allowed, self.deadline),
        }


class Caller:
    """Calls other systems, over connections that last for a round.

    No proxy of the environment, no redirect: what was checked is what is called. One
    call at a time.

    :param allowed: see ``parse_allowed``
    """

    def __init__(self, allowed):
        self.session = requests.Session()
        self.session.trust_env = False
        self.deadline = Deadline()
        for prefix in ("http://", "https://"):
            self.session.mount(prefix, GuardedAdapter(allowed, self.deadline))

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.session.close()

    def call(self, method, url, body, headers, timeout):
        """Send ``body`` once; return an ``Answer``, whatever happens.

        :param timeout: seconds, for all of it
        """
        begun = time.monotonic()
        self.deadline.until = begun + timeout
        try:
            with self.session.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(
                    status=response.status_code,
                    text=self._read(response),
                    retry_after=response.headers.get("Retry-After", ""),
                    seconds=time.monotonic() - begun,
                )
        except ForbiddenAddressError:
            return Answer(is_forbidden=True, seconds=time.monotonic() - begun)
        # the more precise first: these are connection errors, too
        except requests.Timeout:
            return Answer(error=TIMEOUT, seconds=time.monotonic() - begun)
        except requests.exceptions.SSLError:
            return Answer(error=INSECURE, seconds=time.monotonic() - begun)
        except requests.ConnectionError:
            seconds = time.monotonic() - begun
            # there was no time to tell all
            error = UNREACHABLE if seconds < timeout else TIMEOUT
            return Answer(error=error, seconds=seconds)
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            # UnicodeError: a name that is none
            ValueError,
            OSError,
        ) as error:
            return Answer(
                error=str(error) or error.__class__.__name__,
                seconds=time.monotonic() - begun,
            )

    def _read(self, response):
        """The beginning of the text, as much of it as comes in time."""
        text = b""
        # the status has come, and that is what counts
        with suppress(requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            for bite in response.iter_content(BITE):
                text += bite
                if len(text) >= ANSWER_BYTES:
                    break
        # PostgreSQL takes no zeros
        return text[:ANSWER_BYTES].decode("utf-8", "replace").replace("\0", "")
