"""Services that send our mails, and what they may tell us of them."""

import json
import logging
import secrets
from datetime import UTC, datetime, timedelta

import requests

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError

from ...tools import webhook_signature as proof
from ...tools.mail_event import READERS, read_time

_logger = logging.getLogger(__name__)

PROVIDERS = [
    ("ses", "Amazon SES (by SNS)"),
    ("mailgun", "Mailgun"),
    ("sendgrid", "SendGrid"),
    ("postmark", "Postmark"),
]
URL = "/crm_plus/mail_events"
# The largest they post is SendGrid's: 768 KB.
MAX_BODY = 2 * 1024 * 1024
MAX_CERTIFICATE = 20_000
HTTP_SECONDS = 5
# They try for a day at most. What is older than this was caught and sent again; what is
# newer is known, as events are kept longer.
MAX_AGE = timedelta(days=2)
MAX_AHEAD = timedelta(minutes=10)


class RequestRefused(Exception):
    """Why a request is not taken, with what HTTP calls that."""

    def __init__(self, reason, status=403):
        super().__init__(reason)
        self.status = status


class CrmMailService(models.Model):
    """An account at a service that sends our mails. It posts what becomes of each mail
    to an address of ours; nothing of it is believed before it is proven."""

    _name = "crm.mail.service"
    _description = "Mail Service"
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    provider = fields.Selection(PROVIDERS, required=True, default="ses")
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        help="Empty: mails of all companies go through this account.",
    )
    # how it proves who it is
    access_key = fields.Char(
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: secrets.token_urlsafe(24),
        help="Part of the address, so that no stranger finds it.",
    )
    webhook_url = fields.Char(
        string="Address", compute="_compute_webhook_url", help="Type it at the service."
    )
    topic_arn = fields.Char(
        string="Topic (ARN)",
        copy=False,
        help="The SNS topic that SES publishes to, such as "
        "arn:aws:sns:eu-west-1:123456789012:mail-events. Anybody at Amazon can sign; "
        "only this topic is believed.",
    )
    signing_key = fields.Char(
        copy=False,
        help="Mailgun: HTTP webhook signing key. SendGrid: verification key of the "
        "signed event webhook.",
    )
    user_name = fields.Char(copy=False, help="Postmark: of the basic authentication.")
    password = fields.Char(copy=False, help="Postmark: of the basic authentication.")
    # what came
    subscription = fields.Selection(
        [("none", "Not Yet"), ("confirmed", "Confirmed"), ("ended", "Ended")],
        readonly=True,
        copy=False,
        default="none",
        help="Whether SNS posts to us. We answer its question by ourselves.",
    )
    event_ids = fields.One2many("crm.mail.event", "service_id", readonly=True)
    event_count = fields.Integer(compute="_compute_events")
    failed_count = fields.Integer(string="Failed", compute="_compute_events")
    date_last_event = fields.Datetime(string="Last Event", compute="_compute_events")
    refused_count = fields.Integer(
        string="Refused", readonly=True, copy=False, help="Requests without a proof."
    )
    refused_reason = fields.Char(string="Last Refused", readonly=True, copy=False)
    date_refused = fields.Datetime(string="Refused On", readonly=True, copy=False)

    _access_key_uniq = models.UniqueIndex("(access_key)")

    @api.depends("provider", "access_key")
    def _compute_webhook_url(self):
        for service in self:
            service.webhook_url = (
                f"{service.get_base_url()}{URL}/{service.provider}/{service.access_key}"
            )

    def _compute_events(self):
        rows = self.env["crm.mail.event"]._read_group(
            [("service_id", "in", self.ids)],
            ["service_id", "state"],
            ["__count", "date_received:max"],
        )
        self.event_count = self.failed_count = 0
        self.date_last_event = False
        for service, state, count, last in rows:
            service.event_count += count
            if state == "failed":
                service.failed_count = count
            service.date_last_event = max(service.date_last_event or last, last)

    @api.constrains("provider", "topic_arn", "signing_key", "password", "active")
    def _check_proof(self):
        """Whoever learns the address could stop ours, if no proof were asked for."""
        for service in self.filtered("active"):
            if service.provider == "ses" and not proof.topic_region(service.topic_arn):
                raise ValidationError(
                    self.env._("Give the SNS topic by its ARN (arn:aws:sns:...).")
                )
            if service.provider == "mailgun" and not service.signing_key:
                raise ValidationError(
                    self.env._("Give the webhook signing key of Mailgun.")
                )
            if service.provider == "sendgrid" and not proof.read_public_key(
                service.signing_key
            ):
                raise ValidationError(
                    self.env._("Give the verification key of SendGrid as it shows it.")
                )
            if service.provider == "postmark" and not (
                service.user_name and len(service.password or "") >= 12
            ):
                raise ValidationError(
                    self.env._(
                        "Give a user name and a password of 12 letters or more; type "
                        "both at Postmark, too."
                    )
                )

    # ---- screens --------------------------------------------------------------
    def action_renew_key(self):
        """A new address: the old one was seen by somebody."""
        self.check_access("write")
        for service in self:
            service.access_key = secrets.token_urlsafe(24)
            service.subscription = "none"

    def action_view_events(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "crm_plus.crm_mail_event_action"
        )
        action["domain"] = [("service_id", "=", self.id)]
        action["context"] = {"create": False}
        return action

    # ---- requests -----------------------------------------------------------------
    @api.model
    def _get_by_key(self, provider, key):
        if not (key.isascii() and key.isprintable()):
            # none of ours, and the database would stumble on some
            return self.browse()
        service = self.search([("access_key", "=", key)], limit=1)
        return service if service.provider == provider else self.browse()

    def _receive(self, body, headers, form=None):
        """Take in what the service posted.

        :param body: bytes, as they came
        :param headers: of the request, by name
        :param form: fields of a posted form, as a dict
        :return: (status of HTTP, text)
        """
        self.ensure_one()
        try:
            payload = self._prove(body, headers, form)
            if self.provider == "ses" and payload["Type"] != "Notification":
                self._on_subscription(payload)
            else:
                self.env["crm.mail.event"]._take_in(self, payload)
        except RequestRefused as refused:
            self._on_refused(str(refused))
            return refused.status, str(refused)
        return 200, "ok"

    def _prove(self, body, headers, form=None):
        """What was posted, if this service has posted it."""
        if len(body) > MAX_BODY:
            raise RequestRefused("too large", 413)
        payload = dict(form) if form else proof.read_json(body)
        wanted = list if self.provider == "sendgrid" else dict
        if not isinstance(payload, wanted):
            raise RequestRefused("not understood", 400)
        check = getattr(self, f"_prove_{self.provider}")
        check(payload, body, headers)
        return payload

    def _check_time(self, value):
        """Who catches a request and sends it again later is refused; sooner than that
        he changes nothing."""
        date = read_time(value)
        now = datetime.now(UTC).replace(tzinfo=None)
        if not date or not now - MAX_AGE < date < now + MAX_AHEAD:
            raise RequestRefused("out of time")

    def _prove_ses(self, payload, _body, _headers):
        region = proof.topic_region(self.topic_arn)
        # before anything is fetched
        if not proof.same(payload.get("TopicArn"), self.topic_arn):
            raise RequestRefused("another topic")
        url = payload.get("SigningCertURL")
        if not (isinstance(url, str) and proof.is_sns_certificate_url(url, region)):
            raise RequestRefused("certificate of a stranger")
        if not proof.sns_text(payload):
            raise RequestRefused("not signed")
        try:
            certificate = self._get_certificate(url)
        except requests.RequestException as error:
            _logger.info("crm_plus: no certificate from %s: %s", url, error)
            # it asks again
            raise RequestRefused("certificate not to be had", 503) from error
        if not proof.is_signed_by_certificate(payload, certificate, datetime.now(UTC)):
            raise RequestRefused("signature wrong")
        self._check_time(payload["Timestamp"])

    def _prove_mailgun(self, payload, _body, _headers):
        signature = payload.get("signature")
        # the older webhooks have it among the fields of a form
        row = signature if isinstance(signature, dict) else payload
        timestamp, token = str(row.get("timestamp")), str(row.get("token"))
        if not proof.is_signed_by_secret(
            self.signing_key, timestamp, token, row.get("signature")
        ):
            raise RequestRefused("signature wrong")
        self._check_time(timestamp)

    def _prove_sendgrid(self, _payload, body, headers):
        timestamp = headers.get("X-Twilio-Email-Event-Webhook-Timestamp")
        if not proof.is_signed_by_key(
            self.signing_key,
            timestamp,
            body,
            headers.get("X-Twilio-Email-Event-Webhook-Signature"),
        ):
            raise RequestRefused("signature wrong")
        self._check_time(timestamp)

    def _prove_postmark(self, payload, _body, headers):
        if not proof.has_password(
            headers.get("Authorization"), self.user_name, self.password
        ):
            raise RequestRefused("password wrong", 401)
        dates = [
            payload[name]
            for name in ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")
            if payload.get(name)
        ]
        if dates:
            self._check_time(dates[0])

    # ---- Amazon's notification service ----------------------------------------
    @api.model
    @tools.ormcache("url")
    def _get_certificate(self, url):
        """The certificate (PEM) at ``url``, which is known to be Amazon's."""
        return self._fetch(url, MAX_CERTIFICATE)

    @api.model
    def _fetch(self, url, size):
        # no redirects: the host was checked, another one was not
        with requests.get(
            url, timeout=HTTP_SECONDS, allow_redirects=False, stream=True
        ) as response:
            response.raise_for_status()
            if response.status_code != 200:
                raise requests.RequestException(f"status {response.status_code}")
            return response.raw.read(size, decode_content=True)

    def _on_subscription(self, payload):
        """SNS asks whether we want its messages, or tells that we get no more."""
        if payload["Type"] == "UnsubscribeConfirmation":
            self.subscription = "ended"
            return
        url = payload["SubscribeURL"]
        if not proof.is_sns_subscribe_url(url, self.topic_arn):
            raise RequestRefused("subscription of a stranger")
        try:
            self._fetch(url, MAX_CERTIFICATE)
        except requests.RequestException as error:
            _logger.info("crm_plus: subscription not confirmed: %s", error)
            raise RequestRefused("subscription not confirmed", 503) from error
        self.subscription = "confirmed"

    def _on_refused(self, reason):
        """Count it; nothing of a stranger is kept, or he would fill the database."""
        # who counts at the same moment may go uncounted, nobody waits for that
        for service in self.try_lock_for_update(allow_referencing=True):
            service.write(
                {
                    "refused_count": service.refused_count + 1,
                    "refused_reason": reason,
                    "date_refused": fields.Datetime.now(),
                }
            )

    def _read_events(self, payload):
        self.ensure_one()
        return READERS[self.provider](payload)

    def _is_word_used_once(self):
        """Whether the proof covers a word alone, and not what was posted: it may not
        come back with anything else."""
        self.ensure_one()
        return self.provider == "mailgun"

    def _dump(self, payload):
        """As text that can be kept and read again, whatever is in it."""
        text = json.dumps(payload, sort_keys=True, ensure_ascii=False)
        # halves of characters as JSON writes them
        return text.encode("utf-8", "backslashreplace").decode()
