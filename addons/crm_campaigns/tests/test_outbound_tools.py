import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from odoo.tests import BaseCase, tagged

from odoo.addons.crm_campaigns.tools import outbound
from odoo.addons.crm_campaigns.tools.outbound import (
    MAX_PAUSE,
    PAUSES,
    TIMEOUT,
    Answer,
    Caller,
    get_headers,
    get_pause,
    get_url_problem,
    is_address_allowed,
    is_secret,
    make_secret,
    parse_allowed,
    parse_retry_after,
    sign,
)

NOBODY = parse_allowed("")


@tagged("post_install", "-at_install", "crm_campaigns")
class TestOutboundTools(BaseCase):
    def test_addresses(self):
        for address, is_allowed in (
            ("93.184.216.34", True),
            ("2606:4700::1", True),
            ("127.0.0.1", False),
            ("10.1.2.3", False),
            ("192.168.1.1", False),
            ("100.64.0.1", False),
            ("169.254.169.254", False),
            ("0.0.0.0", False),
            ("224.0.0.1", False),
            ("::1", False),
            ("fd00::1", False),
            ("fe80::1%eth0", False),
            ("::ffff:10.0.0.1", False),
            ("64:ff9b::a00:1", False),
            ("64:ff9b::5db8:d822", True),
            ("2002:a00:1::", False),
        ):
            with self.subTest(address):
                self.assertEqual(
                    is_address_allowed("x.example", address, NOBODY), is_allowed
                )

    def test_addresses_inside_that_are_allowed(self):
        allowed = parse_allowed("ERP.lan, 10.1.0.0/16 192.168.1.7")
        for host, address, is_allowed in (
            ("erp.lan", "10.9.9.9", True),
            ("x.example", "10.1.2.3", True),
            ("x.example", "192.168.1.7", True),
            ("x.example", "192.168.1.8", False),
            ("erp.lan.x.example", "10.9.9.9", False),
        ):
            with self.subTest(host=host, address=address):
                self.assertEqual(is_address_allowed(host, address, allowed), is_allowed)

    def test_urls(self):
        local = parse_allowed("localhost, 127.0.0.1")
        lan = parse_allowed("erp.lan")
        for url, allowed, problem in (
            ("https://hooks.example/x?y=1", NOBODY, None),
            ("https://hooks.example:8443/", NOBODY, None),
            ("http://hooks.example/", NOBODY, "https"),
            ("http://10.0.0.1/", NOBODY, "https"),
            ("https://10.0.0.1/", NOBODY, "private"),
            ("https://[::1]/", NOBODY, "private"),
            ("http://localhost:80/", NOBODY, "private"),
            ("http://localhost:80/", local, None),
            ("http://127.0.0.1:80/", local, None),
            ("http://erp.lan/", lan, None),
            ("ftp://hooks.example/", NOBODY, "url"),
            ("https://", NOBODY, "url"),
            ("hooks.example", NOBODY, "url"),
            ("https://user:word@hooks.example/", NOBODY, "url"),
            ("https://hooks.example:x/", NOBODY, "url"),
            ("https://[::1/", NOBODY, "url"),
        ):
            with self.subTest(url):
                self.assertEqual(get_url_problem(url, allowed), problem)

    def test_signature_is_that_of_the_standard(self):
        # the example of https://www.standardwebhooks.com
        self.assertEqual(
            sign(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1614265330,
                b'{"test": 2432232314}',
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        )

    def test_headers_of_two_tries_differ_in_time_only(self):
        secret = make_secret()
        one = get_headers(secret, "key-1", b"{}", 1_000)
        two = get_headers(secret, "key-1", b"{}", 2_000)

        changed = {name for name in one if one[name] != two[name]}
        self.assertEqual(changed, {"webhook-timestamp", "webhook-signature"})
        self.assertEqual(one["Idempotency-Key"], one["webhook-id"])
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, b"key-1.1000.{}", hashlib.sha256).digest()
        self.assertEqual(
            one["webhook-signature"], "v1," + base64.b64encode(digest).decode()
        )

    def test_secrets(self):
        for secret, is_one in (
            (make_secret(), True),
            ("sixteen letters!", True),
            ("short", False),
            ("", False),
            (False, False),
            ("whsec_***", False),
            ("whsec_" + base64.b64encode(b"short").decode(), False),
        ):
            with self.subTest(secret):
                self.assertEqual(is_secret(secret), is_one)

    def test_pauses_grow_and_end(self):
        pauses = [get_pause(tries, chance=lambda: 0) for tries in range(1, 11)]

        self.assertEqual(pauses[: len(PAUSES)], list(PAUSES))
        self.assertEqual(pauses[len(PAUSES) :], [None] * (10 - len(PAUSES)))
        self.assertEqual(sorted(PAUSES), list(PAUSES))
        self.assertEqual(
            get_pause(1, chance=lambda: 1), PAUSES[0] * (1 + outbound.JITTER)
        )

    def test_retry_after(self):
        now = datetime(2026, 1, 5, 12)
        for text, moment in (
            ("", None),
            (None, None),
            ("soon", None),
            ("-5", None),
            ("120", now + timedelta(seconds=120)),
            ("9" * 400, now + MAX_PAUSE),
            ("Mon, 05 Jan 2026 12:30:00 GMT", datetime(2026, 1, 5, 12, 30)),
            ("Mon, 05 Jan 2026 13:30:00 +0100", datetime(2026, 1, 5, 12, 30)),
            ("Mon, 05 Jan 2099 12:30:00 GMT", now + MAX_PAUSE),
        ):
            with self.subTest(text):
                self.assertEqual(parse_retry_after(text, now), moment)

    def test_which_answers_are_final(self):
        for status, is_ok, is_final in (
            (200, True, False),
            (204, True, False),
            (301, False, True),
            (400, False, True),
            (404, False, True),
            (408, False, False),
            (425, False, False),
            (429, False, False),
            (500, False, False),
            (503, False, False),
            (0, False, False),
        ):
            with self.subTest(status):
                answer = Answer(status=status)
                self.assertEqual((answer.is_ok, answer.is_final), (is_ok, is_final))
        self.assertTrue(Answer(is_forbidden=True).is_final)


def make_certificate(path):
    """A key with a certificate of this machine, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "drip")])
    now = datetime.now(UTC)
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Dripping:
    """Another system that says ``fast`` at once and ``slow`` a byte each fifth of a
    second; it listens only if there is something to say.
    """

    def __init__(self, fast, slow, certificate=None):
        self.fast, self.slow, self.certificate = fast, slow, certificate
        self.is_over = threading.Event()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://127.0.0.1:{self.server.getsockname()[1]}/hook"

    def __exit__(self, *_exception):
        self.is_over.set()
        self.thread.join()
        self.server.close()

    def _serve(self):
        connection, _address = self.server.accept()
        connection.settimeout(5)
        try:
            if self.certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.certificate)
                connection = context.wrap_socket(connection, server_side=True)
            if self.fast or self.slow:
                connection.recv(65536)
            connection.sendall(self.fast)
            for byte in self.slow:
                if self.is_over.wait(0.2):
                    break
                connection.sendall(bytes([byte]))
            else:
                self.is_over.wait(30)
        except OSError as error:
            # the other side has left
            self.error = error
        finally:
            connection.close()


@tagged("post_install", "-at_install", "crm_campaigns")
class TestDeadline(BaseCase):
    """The time that a call may take is that of all of it."""

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n"

    def _call(self, fast, slow, certificate=None, body=b"{}", timeout=1):
        with (
            Dripping(fast, slow, certificate) as url,
            Caller(parse_allowed("127.0.0.1")) as caller,
        ):
            if certificate:
                caller.session.verify = str(certificate)
            return caller.call("POST", url, body, {}, timeout)

    def _check(self, certificate=None):
        for name, fast, slow, body, expected in (
            ("status", b"", self.HEAD * 4, b"{}", (0, TIMEOUT)),
            ("headers", self.HEAD[:17], b"X-Drip: " + b"x" * 99, b"{}", (0, TIMEOUT)),
            ("text", self.HEAD, b"t" * 400, b"{}", (200, "")),
            ("listens", b"", b"", b"x" * 30_000_000, (0, TIMEOUT)),
        ):
            with self.subTest(name, is_encrypted=bool(certificate)):
                answer = self._call(fast, slow, certificate, body)
                self.assertEqual((answer.status, answer.error), expected)
                self.assertGreaterEqual(answer.seconds, 0.9)
                self.assertLess(answer.seconds, 2)

    def test_who_drips_is_left_when_the_time_is_over(self):
        self._check()

    def test_who_drips_what_is_encrypted_is_left_too(self):
        with tempfile.TemporaryDirectory() as folder:
            self._check(make_certificate(Path(folder) / "drip.pem"))

    def test_who_takes_a_while_is_heard(self):
        fast = self.HEAD.replace(b"400", b"43") + b"t" * 40
        with tempfile.TemporaryDirectory() as folder:
            for certificate in (None, make_certificate(Path(folder) / "drip.pem")):
                answer = self._call(fast, b"end", certificate, timeout=10)
                self.assertEqual((answer.status, answer.text), (200, "t" * 40 + "end"))
                self.assertLess(answer.seconds, 5)

    def test_what_came_in_time_is_kept(self):
        fast = self.HEAD + b"some of it " * 10
        answer = self._call(fast, b"t" * 400)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.text.startswith("some of it some of it"), answer.text)
