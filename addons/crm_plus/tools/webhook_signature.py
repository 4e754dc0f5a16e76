"""Proof that a request comes from the mail service that it claims to come from.

Amazon signs what SNS sends with a key whose certificate lies on a host of its own;
SendGrid with a private key whose public half is shown in its settings; Mailgun gives a
time and a word that is used once a hash with a shared secret, and does not sign the
rest; Postmark signs nothing and sends a name and a password. Nothing here raises on
what a stranger may have written: it is true or it is not.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

# Hosts of Amazon's notification service, a region each; China has an ending of its own.
SNS_HOST = re.compile(r"sns\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?")
SNS_NAME = re.compile(r"sns(?:[.-][\w-]+)?\.amazonaws\.com(?:\.cn)?")
SNS_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-zA-Z]{1,64}\.pem")
TOPIC = re.compile(r"arn:aws(?:-[a-z]+)*:sns:([a-z0-9-]+):\d{6,14}:[\w.-]{1,256}")
# What Amazon signs, in this order; a subject only where there is one.
SNS_FIELDS = {
    "Notification": (
        "Message",
        "MessageId",
        "Subject",
        "Timestamp",
        "TopicArn",
        "Type",
    ),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
SNS_FIELDS["UnsubscribeConfirmation"] = SNS_FIELDS["SubscriptionConfirmation"]
SNS_HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}


def _encoded(text):
    """Halves of characters, which JSON can carry, are no reason to stumble."""
    return str(text).encode("utf-8", "surrogatepass")


def same(one, other):
    """Whether two secrets are the same, in a time that does not tell where they differ.
    An empty one is the same as none.
    """
    return bool(one and other) and hmac.compare_digest(_encoded(one), _encoded(other))


def _decoded(text):
    try:
        return base64.b64decode(str(text).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return b""


# ---- a shared secret ------------------------------------------------------------
def is_signed_by_secret(secret, timestamp, token, signature):
    """Mailgun: the hash of the time and of the word that is used once."""
    if not (secret and timestamp and token):
        return False
    own = hmac.new(
        secret.encode(), _encoded(f"{timestamp}{token}"), hashlib.sha256
    ).hexdigest()
    return same(own, signature)


def has_password(header, user, password):
    """Postmark: the name and the password of HTTP's basic authentication."""
    scheme, _space, credentials = (header or "").partition(" ")
    if scheme.lower() != "basic" or not password:
        return False
    return same(
        _decoded(credentials.strip()).decode("utf-8", "replace"), f"{user}:{password}"
    )


# ---- a public key -----------------------------------------------------------------
def read_public_key(text):
    """The key of SendGrid's settings: the base64 of its DER. None for any other."""
    text = re.sub(r"-----[A-Z ]+-----|\s", "", text or "")
    try:
        key = load_der_public_key(_decoded(text))
    except Exception:  # noqa: BLE001  the library raises many kinds on junk
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None


def is_signed_by_key(public_key, timestamp, body, signature):
    """SendGrid: ECDSA over the time and the body as it came, byte by byte."""
    key = read_public_key(public_key)
    if not (key and timestamp and signature):
        return False
    try:
        key.verify(
            _decoded(signature),
            _encoded(timestamp) + body,
            ec.ECDSA(hashes.SHA256()),
        )
    except (InvalidSignature, ValueError):
        return False
    return True


# ---- Amazon's notification service ----------------------------------------------
def topic_region(topic):
    """The region of a topic, "" for what is no topic."""
    found = TOPIC.fullmatch(topic or "")
    return found[1] if found else ""


def is_sns_url(url, region):
    """Whether ``url`` is of Amazon's notification service in the region.

    The one who writes the request writes this address, too: a certificate from anywhere
    else proves nothing, and our server would be made to ask whomever he likes.
    """
    try:
        parts = urlsplit(url or "")
        port = parts.port
    except ValueError:
        return False
    found = SNS_HOST.fullmatch(parts.netloc)
    return (
        parts.scheme == "https"
        and bool(found)
        and found[1] == region
        and port is None
        and not parts.fragment
    )


def is_sns_certificate_url(url, region):
    return (
        is_sns_url(url, region)
        and bool(SNS_CERTIFICATE.fullmatch(urlsplit(url).path))
        and not urlsplit(url).query
    )


def is_sns_subscribe_url(url, topic):
    """Whether asking for ``url`` confirms the subscription of this topic only."""
    if not is_sns_url(url, topic_region(topic)):
        return False
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    return (
        parts.path in ("", "/")
        and asked.get("Action") == ["ConfirmSubscription"]
        and asked.get("TopicArn") == [topic]
    )


def sns_text(message):
    """What Amazon signed of ``message``; "" when a part of it is missing."""
    names = SNS_FIELDS.get(message.get("Type"), ())
    lines = []
    for name in names:
        value = message.get(name)
        if name == "Subject" and value is None:
            continue
        if not isinstance(value, str):
            return ""
        lines += [name, value]
    return "".join(f"{line}\n" for line in lines)


def is_signed_by_certificate(message, certificate, now):
    """Whether ``certificate`` is of Amazon, in force, and signed ``message``.

    :param certificate: bytes, PEM
    :param now: with its time zone
    """
    text = sns_text(message)
    algorithm = SNS_HASHES.get(message.get("SignatureVersion"))
    if not (text and algorithm):
        return False
    try:
        found = x509.load_pem_x509_certificate(certificate)
        names = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        key = found.public_key()
        in_force = found.not_valid_before_utc <= now <= found.not_valid_after_utc
    except Exception:  # noqa: BLE001  the library raises many kinds on junk
        return False
    if (
        not in_force
        or not isinstance(key, rsa.RSAPublicKey)
        or not any(SNS_NAME.fullmatch(name.value) for name in names)
    ):
        return False
    try:
        key.verify(
            _decoded(message.get("Signature")),
            _encoded(text),
            padding.PKCS1v15(),
            algorithm(),
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def read_json(body):
    """The object or list of a body, None for what is neither."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, (dict, list)) else None
