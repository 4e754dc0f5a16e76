import base64
import json
from datetime import timedelta
from unittest.mock import patch

import requests

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import HttpCase, freeze_time, tagged
from odoo.tools import mute_logger

from ..models.contact.crm_mail_event import CrmMailEvent
from ..models.contact.crm_mail_service import MAX_BODY, CrmMailService
from .test_mail_bounce import MailBounceCommon
from .test_mail_event_tools import (
    CERTIFICATE_URL,
    TOPIC,
    Amazon,
    SendGrid,
    sign_mailgun,
)

EVENT = "odoo.addons.crm_plus.models.contact.crm_mail_event"
SERVICE = "odoo.addons.crm_plus.models.contact.crm_mail_service"
NOW = "2026-11-20 12:00:00"
SECONDS = 1795176000  # the same


class MailServiceCommon(MailBounceCommon):
    """A service of each provider, and how each posts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Event = cls.env["crm.mail.event"]
        cls.amazon, cls.sendgrid_keys = Amazon(), SendGrid()
        Service = cls.env["crm.mail.service"]
        cls.ses, cls.mailgun, cls.sendgrid, cls.postmark = Service.create(
            [
                {"name": "SES", "provider": "ses", "topic_arn": TOPIC},
                {"name": "MG", "provider": "mailgun", "signing_key": "secret"},
                {
                    "name": "SG",
                    "provider": "sendgrid",
                    "signing_key": cls.sendgrid_keys.public,
                },
                {
                    "name": "PM",
                    "provider": "postmark",
                    "user_name": "pm",
                    "password": "a long password",
                },
            ]
        )

    def setUp(self):
        super().setUp()
        self.env.registry.clear_cache()
        self.fetched = []

        def fetch(_service, url, _size):
            self.fetched.append(url)
            return self.amazon.certificate

        self.patch(CrmMailService, "_fetch", fetch)

    # ---- what they post -------------------------------------------------------
    def _ses_bounce(self, feedback="f-1", email="ida@brandt.example", **values):
        notice = {
            "notificationType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "feedbackId": feedback,
                "timestamp": "2026-11-20T11:58:00.000Z",
                "bouncedRecipients": [
                    {
                        "emailAddress": email,
                        "status": "5.1.1",
                        "diagnosticCode": "smtp; 550 5.1.1 User unknown",
                    }
                ],
            },
            "mail": {
                "destination": [email],
                "commonHeaders": {"messageId": "<offer@us.example>"},
            },
        }
        return self.amazon.sign(Message=json.dumps(notice), **values)

    def _mailgun(self, token="t-1", timestamp=SECONDS, event_id="e-1", **values):
        return {
            "signature": {
                "timestamp": str(timestamp),
                "token": token,
                "signature": sign_mailgun("secret", timestamp, token),
            },
            "event-data": {
                "id": event_id,
                "event": "complained",
                "recipient": "ida@brandt.example",
                "timestamp": timestamp,
                "message": {"headers": {"message-id": "offer@us.example"}},
                **values,
            },
        }

    def _sendgrid(self, rows, timestamp=SECONDS):
        body = json.dumps(rows).encode()
        return body, {
            "X-Twilio-Email-Event-Webhook-Timestamp": str(timestamp),
            "X-Twilio-Email-Event-Webhook-Signature": self.sendgrid_keys.sign(
                timestamp, body
            ),
        }

    def _bounce_row(self, number, email, status="5.1.1", said="550 5.1.1 no user"):
        return {
            "event": "bounce",
            "email": email,
            "sg_event_id": f"sg-{number}",
            "timestamp": SECONDS,
            "status": status,
            "reason": said,
        }

    def _basic(self, password="a long password"):
        text = base64.b64encode(f"pm:{password}".encode()).decode()
        return {"Authorization": f"Basic {text}"}

    def _receive(self, service, payload, headers=None):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return service._receive(body, headers or {})

    def _process(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_process_mail_events").method_direct_trigger()
        self.env.invalidate_all()


@tagged("post_install", "-at_install", "crm_plus_bounce")
@freeze_time(NOW)
class TestMailService(MailServiceCommon):
    # ---- each service -----------------------------------------------------------
    def test_ses_bounce_stops_the_address(self):
        self.assertEqual(self._receive(self.ses, self._ses_bounce()), (200, "ok"))
        self.assertEqual(self.fetched, [CERTIFICATE_URL])
        self.assertEqual(self.Event.search([]).state, "todo")
        self.assertFalse(self._is_stopped())

        self._process()

        event = self.Event.search([])
        self.assertRecordValues(
            event.bounce_id,
            [
                {
                    "email_normalized": "ida@brandt.example",
                    "kind": "bounce",
                    "reason": "userunknown",
                    "is_hard": True,
                    "outcome": "stopped",
                    "partner_id": self.customer_contact.id,
                    "mail_message_id": self.sent.id,
                    "res_model": "crm.lead",
                    "res_id": self.lead.id,
                    "service_id": self.ses.id,
                    "date": fields.Datetime.to_datetime("2026-11-20 11:58:00"),
                }
            ],
        )
        self.assertEqual(event.state, "done")
        self.assertTrue(self._is_stopped())
        # Odoo's own count goes on
        self.assertEqual(self.customer_contact.message_bounce, 1)

    def test_certificate_is_fetched_once(self):
        for number in range(3):
            self._receive(self.ses, self._ses_bounce(MessageId=f"m-{number}"))
        self.assertEqual(len(self.fetched), 1)

    def test_mailgun_complaint_stops_the_address(self):
        self.assertEqual(self._receive(self.mailgun, self._mailgun())[0], 200)
        self._process()
        bounce = self.Bounce.search([])
        self.assertEqual((bounce.kind, bounce.outcome), ("complaint", "stopped"))
        entry = self.env["mail.blacklist"].search(
            [("email", "=", "ida@brandt.example")]
        )
        self.assertIn("complained", entry.message_ids[:1].body)
        # nothing bounced
        self.assertFalse(self.customer_contact.message_bounce)

    def test_mailgun_of_old(self):
        """A form with the proof among its fields."""
        form = {
            "event": "bounced",
            "recipient": "ida@brandt.example",
            "code": "550",
            "error": "550 5.1.1 no such user",
            "Message-Id": "<offer@us.example>",
            "timestamp": str(SECONDS),
            "token": "t-9",
            "signature": sign_mailgun("secret", SECONDS, "t-9"),
        }
        self.assertEqual(self.mailgun._receive(b"", {}, form)[0], 200)
        self._process()
        self.assertTrue(self.Bounce.search([]).is_hard)
        form["recipient"] = "biuro@nowak.example"
        self.assertEqual(self.mailgun._receive(b"", {}, form)[0], 403)

    def test_sendgrid_batch(self):
        rows = [
            self._bounce_row(1, "ida@brandt.example"),
            self._bounce_row(
                2, "biuro@nowak.example", "5.2.2", "552 5.2.2 mailbox full"
            ),
            {
                "event": "processed",
                "email": "x@y.example",
                "sg_event_id": "sg-3",
                "timestamp": SECONDS,
            },
        ]
        self.assertEqual(
            self._receive(self.sendgrid, *self._sendgrid(rows)), (200, "ok")
        )
        self._process()
        self.assertEqual(
            self.Bounce.search([]).mapped(lambda row: (row.partner_id, row.outcome)),
            [
                (self.customer_2, "counted"),
                (self.customer_contact, "stopped"),
            ],
        )
        other = self.Event.search([("event_id", "=", "sg-3")])
        # the mark that it came, not what it said
        self.assertEqual((other.state, other.payload), ("ignored", False))

    def test_postmark_unsubscribed(self):
        payload = {
            "RecordType": "SubscriptionChange",
            "Recipient": "ida@brandt.example",
            "SuppressSending": True,
            "SuppressionReason": "ManualSuppression",
            "Origin": "Recipient",
            "ChangedAt": "2026-11-20T11:00:00Z",
        }
        self.assertEqual(self._receive(self.postmark, payload, self._basic())[0], 200)
        self._process()
        bounce = self.Bounce.search([])
        self.assertEqual((bounce.kind, bounce.outcome), ("unsubscribe", "stopped"))
        self.assertTrue(self._is_stopped())

    # ---- forged ---------------------------------------------------------------
    def _assert_refused(self, service, status, payload, headers=None):
        count = service.refused_count
        found, text = self._receive(service, payload, headers)
        self.assertEqual(found, status, text)
        self.assertEqual(service.refused_count, count + 1)
        self.assertEqual(service.refused_reason, text)
        self.assertFalse(self.Event.search([("service_id", "=", service.id)]))

    def test_ses_forged(self):
        good = self._ses_bounce()
        for change in (
            {"Message": good["Message"].replace("ida@", "jan@")},
            {"Signature": "AAAA"},
            {"Signature": None},
            {"TopicArn": "arn:aws:sns:eu-west-1:999999999999:mine"},
            {"SigningCertURL": "https://evil.example/x.pem"},
            {"SigningCertURL": CERTIFICATE_URL.replace("eu-west-1", "us-east-1")},
            {"SigningCertURL": {}},
            {"Type": "Other"},
        ):
            with self.subTest(change=change):
                self._assert_refused(self.ses, 403, {**good, **change})
        self._assert_refused(self.ses, 400, b"{")
        self._assert_refused(self.ses, 400, [good])

    def test_ses_topic_of_a_stranger_is_not_asked_for(self):
        """Anybody at Amazon has a topic, and Amazon signs what he sends from it."""
        message = self._ses_bounce(TopicArn="arn:aws:sns:eu-west-1:999999999999:mine")
        self._assert_refused(self.ses, 403, message)
        self._assert_refused(
            self.ses, 403, self._ses_bounce(SigningCertURL="https://evil.example/x.pem")
        )
        self.assertFalse(self.fetched)

    def test_ses_certificate_not_to_be_had(self):
        def fetch(_service, _url, _size):
            raise requests.ConnectionError

        self.patch(CrmMailService, "_fetch", fetch)
        # it will ask again
        self._assert_refused(self.ses, 503, self._ses_bounce())

    def test_mailgun_forged(self):
        good = self._mailgun()
        self._assert_refused(
            self.mailgun,
            403,
            {**good, "signature": {**good["signature"], "signature": "0" * 64}},
        )
        self._assert_refused(self.mailgun, 403, {"event-data": good["event-data"]})
        self._assert_refused(self.mailgun, 403, {**good, "signature": "x"})

    def test_sendgrid_forged(self):
        body, headers = self._sendgrid([self._bounce_row(1, "ida@brandt.example")])
        self._assert_refused(
            self.sendgrid, 403, body.replace(b"ida@", b"jan@"), headers
        )
        self._assert_refused(self.sendgrid, 403, body)
        headers["X-Twilio-Email-Event-Webhook-Timestamp"] = str(SECONDS + 1)
        self._assert_refused(self.sendgrid, 403, body, headers)

    def test_postmark_forged(self):
        payload = {"RecordType": "Bounce", "ID": 1, "Email": "ida@brandt.example"}
        self._assert_refused(self.postmark, 401, payload)
        self._assert_refused(self.postmark, 401, payload, self._basic("wrong"))

    def test_too_large(self):
        with patch(f"{SERVICE}.MAX_BODY", 10):
            self._assert_refused(self.mailgun, 413, self._mailgun())

    # ---- sent a second time -----------------------------------------------------
    def test_the_same_request_again_changes_nothing(self):
        sendgrid = self._sendgrid([self._bounce_row(1, "ida@brandt.example")])
        postmark = {
            "RecordType": "Bounce",
            "ID": 1,
            "Type": "HardBounce",
            "Email": "biuro@nowak.example",
        }
        for _time in range(2):
            # the service did not hear our answer: it must hear one now
            for service, payload, headers in (
                (self.ses, self._ses_bounce(), {}),
                (self.mailgun, self._mailgun(), {}),
                (self.sendgrid, *sendgrid),
                (self.postmark, postmark, self._basic()),
            ):
                self.assertEqual(self._receive(service, payload, headers)[0], 200)
            self._process()
        self.assertEqual(self.Event.search_count([]), 4)
        self.assertEqual(self.Bounce.search_count([]), 4)

    def test_word_of_mailgun_is_used_once(self):
        """Its proof does not cover what is posted: who caught one could post all."""
        self._receive(self.mailgun, self._mailgun())
        forged = self._mailgun(recipient="biuro@nowak.example", event_id="e-2")
        self.assertEqual(self._receive(self.mailgun, forged)[0], 403)
        self._process()
        self.assertFalse(self._is_stopped("biuro@nowak.example"))
        # also that of an event that is of no use
        self._receive(self.mailgun, self._mailgun("t-2", event="opened"))
        self.assertEqual(self._receive(self.mailgun, self._mailgun("t-2"))[0], 403)

    def test_caught_and_sent_later(self):
        late = SECONDS - 3 * 24 * 3600
        for service, payload, headers in (
            (self.ses, self._ses_bounce(Timestamp="2026-11-17T11:00:00.000Z"), {}),
            (self.ses, self._ses_bounce(Timestamp="2026-11-21T11:00:00.000Z"), {}),
            (self.mailgun, self._mailgun(timestamp=late), {}),
            (self.sendgrid, *self._sendgrid([{}], late)),
            (
                self.postmark,
                {"RecordType": "Bounce", "BouncedAt": "2026-11-17T11:00:00Z"},
                self._basic(),
            ),
        ):
            with self.subTest(service=service.name):
                self._assert_refused(service, 403, payload, headers)

    def test_same_event_by_two_topics_counts_once(self):
        self._receive(self.ses, self._ses_bounce(MessageId="m-1"))
        self._process()
        self._receive(self.ses, self._ses_bounce(MessageId="m-2"))
        self._receive(self.ses, self._ses_bounce(MessageId="m-3", feedback="f-2"))
        self._process()
        self.assertEqual(
            self.Event.search([], order="id").mapped("state"),
            ["done", "ignored", "done"],
        )
        self.assertEqual(self.Bounce.search_count([]), 2)

    def test_bounce_that_also_came_by_mail_counts_once(self):
        self._receive(self.ses, self._ses_bounce())
        self._process()
        report = (
            "Return-Path: <>\nFrom: Mail System <MAILER-DAEMON@mx.example>\n"
            f"To: {self.alias_bounce}@{self.alias_domain}\n"
            "Message-ID: <report-1@mx.example>\nSubject: Undelivered Mail\n"
            "MIME-Version: 1.0\nContent-Type: multipart/report;"
            " report-type=delivery-status; boundary=b\n\n"
            "--b\nContent-Type: text/plain\n\nSorry.\n"
            "--b\nContent-Type: message/delivery-status\n\n"
            "Reporting-MTA: dns; mx.example\n\n"
            "Final-Recipient: rfc822; ida@brandt.example\nAction: failed\n"
            "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n\n"
            "--b\nContent-Type: text/rfc822-headers\n\n"
            "Message-ID: <offer@us.example>\nSubject: Offer\n\n--b--\n"
        )
        with mute_logger("odoo.addons.mail.models.mail_thread"):
            self.env["mail.thread"].message_process("crm.lead", report)
        self.assertEqual(self.Bounce.search_count([]), 1)
        self.assertEqual(self.customer_contact.message_bounce, 1)

    # ---- subscription -----------------------------------------------------------
    def _subscription(self, topic=TOPIC, host="sns.eu-west-1.amazonaws.com"):
        return self.amazon.sign(
            Type="SubscriptionConfirmation",
            Token="t",
            SubscribeURL=f"https://{host}/?Action=ConfirmSubscription"
            f"&TopicArn={topic}&Token=t",
        )

    def test_subscription_is_confirmed(self):
        message = self._subscription()
        self.assertEqual(self._receive(self.ses, message)[0], 200)
        self.assertEqual(self.fetched, [CERTIFICATE_URL, message["SubscribeURL"]])
        self.assertEqual(self.ses.subscription, "confirmed")

    def test_subscription_of_a_stranger_is_not(self):
        for message in (
            self._subscription(host="evil.example"),
            self._subscription(topic=f"{TOPIC}2"),
        ):
            self._assert_refused(self.ses, 403, message)
            self.assertNotIn(message["SubscribeURL"], self.fetched)
        self.assertEqual(self.ses.subscription, "none")

    # ---- failures ---------------------------------------------------------------
    def test_failed_event_does_not_hold_up_others(self):
        rows = [
            self._bounce_row(1, "ida@brandt.example"),
            self._bounce_row(2, "biuro@nowak.example"),
        ]
        self._receive(self.sendgrid, *self._sendgrid(rows))
        original = CrmMailEvent._prepare_history_row

        def fail(event):
            if event.email_normalized == "ida@brandt.example":
                raise ValueError("no")
            return original(event)

        with patch.object(CrmMailEvent, "_prepare_history_row", fail):
            self._process()
            first = self.Event.search([("event_id", "=", "sg-1")])
            self.assertEqual((first.state, first.tries), ("todo", 1))
            self.assertIn("ValueError: no", first.error)
            self.assertTrue(self._is_stopped("biuro@nowak.example"))
            # not again at once
            self._process()
            self.assertEqual(first.tries, 1)
            for tries in (2, 3):
                first.date_next = fields.Datetime.now()
                self._process()
                self.assertEqual(first.tries, tries)
        self.assertEqual(first.state, "failed")
        self.assertEqual(self.sendgrid.failed_count, 1)

        first.with_user(self.manager).action_process_again()
        self._process()

        self.assertEqual((first.state, first.error), ("done", False))
        self.assertTrue(self._is_stopped())
        self.assertFalse(self.sendgrid.failed_count)

    def test_what_is_not_readable_is_kept(self):
        def fail(_service, _payload):
            raise KeyError("new form")

        with patch.object(CrmMailService, "_read_events", fail), mute_logger(EVENT):
            self.assertEqual(self._receive(self.ses, self._ses_bounce())[0], 200)
        event = self.Event.search([])
        self.assertEqual((event.kind, event.state), ("unread", "failed"))

        # after the reader was mended
        event.with_user(self.manager).action_process_again()
        self._process()

        self.assertEqual(event.state, "done")
        self._process()
        self.assertTrue(self._is_stopped())

    def test_texts_that_cannot_be_kept(self):
        """They are signed: refusing them would have the service post them for days."""
        row = self._bounce_row(1, "ida@brandt.example", said="550 5.1.1 no\x00 \ud800")
        row["sg_message_id"] = "\x00\ud800"
        self.assertEqual(
            self._receive(self.sendgrid, *self._sendgrid([row])), (200, "ok")
        )
        event = self.Event.search([])
        self.assertEqual(json.loads(event.payload)["sg_message_id"], "\x00\ud800")
        self._process()
        self.assertEqual(event.bounce_id.diagnostic, "550 5.1.1 no ?")

    # ---- amount -------------------------------------------------------------------
    def test_many_events_in_few_queries(self):
        def post(start, count, *refusal):
            rows = [
                self._bounce_row(number, f"a{number}@many.example", *refusal)
                for number in range(start, start + count)
            ]
            self._receive(self.sendgrid, *self._sendgrid(rows))
            self.env.flush_all()
            events = self.Event.search([("state", "=", "todo")])
            before = self.env.cr.sql_log_count
            events._try_process()
            self.env.flush_all()
            self.assertEqual(set(events.mapped("state")), {"done"})
            return self.env.cr.sql_log_count - before

        self.env["res.partner"].create(
            [{"name": f"A{n}", "email": f"a{n}@many.example"} for n in range(0, 400, 2)]
        )
        for start, refusal in (
            (0, ("5.2.2", "552 5.2.2 mailbox full")),
            (200, ("5.1.1", "550 5.1.1 no such user")),
        ):
            with self.subTest(refusal=refusal):
                post(start + 1000, 2, *refusal)
                few = post(start, 2, *refusal)
                many = post(start + 50, 100, *refusal)
                self.assertLessEqual(many, few + 8)
        stopped = self.env["mail.blacklist"].search_count(
            [("email", "ilike", "@many.example")]
        )
        self.assertEqual(stopped, 104)

    def test_old_events_are_forgotten(self):
        rows = [
            self._bounce_row(1, "ida@brandt.example"),
            {"event": "open", "email": "ida@brandt.example", "sg_event_id": "sg-2"},
        ]
        self._receive(self.sendgrid, *self._sendgrid(rows))
        self._process()
        events = self.Event.search([])
        now = fields.Datetime.now()
        for days, left in ((2, 2), (4, 1), (29, 1), (31, 0)):
            events.exists().date_received = now - timedelta(days=days)
            self.Event._gc_events()
            self.assertEqual(self.Event.search_count([]), left)

    def test_known_as_long_as_it_can_come_again(self):
        self.env["ir.config_parameter"].set_param(
            "crm_plus.mail_event_retention_days", "0"
        )
        self._receive(self.mailgun, self._mailgun())
        self._process()
        self.Event.search([]).date_received = fields.Datetime.now() - timedelta(days=2)
        self.Event._gc_events()
        self.assertEqual(self.Event.search_count([]), 1)

    # ---- settings and rights ------------------------------------------------------
    def test_no_service_without_a_proof(self):
        for values in (
            {"provider": "ses"},
            {"provider": "ses", "topic_arn": "x"},
            {"provider": "mailgun"},
            {"provider": "sendgrid", "signing_key": "x"},
            {"provider": "postmark", "user_name": "pm", "password": "short"},
        ):
            with self.subTest(values=values), self.assertRaises(ValidationError):
                self.env["crm.mail.service"].create({"name": "No", **values})

    def test_new_address(self):
        old = self.ses.access_key
        self.assertEqual(self.env["crm.mail.service"]._get_by_key("ses", old), self.ses)
        self.assertFalse(self.env["crm.mail.service"]._get_by_key("mailgun", old))
        self.ses.with_user(self.manager).action_renew_key()
        self.assertNotEqual(self.ses.access_key, old)
        self.assertFalse(self.env["crm.mail.service"]._get_by_key("ses", old))
        self.ses.active = False
        self.assertFalse(
            self.env["crm.mail.service"]._get_by_key("ses", self.ses.access_key)
        )

    def test_rights(self):
        self._receive(self.ses, self._ses_bounce())
        event = self.Event.search([])
        self.assertTrue(self.ses.with_user(self.manager).read(["topic_arn"]))
        self.assertTrue(event.with_user(self.manager).read(["payload"]))
        for call in (
            lambda: event.with_user(self.manager).write({"state": "done"}),
            event.with_user(self.manager).unlink,
            lambda: self.Event.with_user(self.manager).create(
                {"service_id": self.ses.id, "kind": "bounce", "request_key": "x"}
            ),
        ):
            with self.assertRaises(AccessError):
                call()
        for user in (self.seller, self.accountant, self._create_portal_user()):
            for records, name in ((self.ses, "signing_key"), (event, "payload")):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    records.with_user(user).read([name])
            for call in (
                event.with_user(user).action_process_again,
                self.ses.with_user(user).action_renew_key,
            ):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    call()

    def test_companies(self):
        self.ses.company_id = self.company_2
        # of a mail that is not known, to nobody that is
        message = self._ses_bounce(email="nobody@else.example")
        message["Message"] = message["Message"].replace("offer@", "other@")
        message = self.amazon.sign(Message=message["Message"])
        self._receive(self.ses, message)
        self._process()
        event = self.Event.search([])
        self.assertEqual(event.company_id, self.company_2)
        self.assertEqual(event.bounce_id.company_id, self.company_2)
        manager = self.manager.with_company(self.company)
        for records in (self.ses, event, event.bounce_id):
            own = records.with_user(manager).with_context(
                allowed_company_ids=self.company.ids
            )
            self.assertFalse(own.search([("id", "=", records.id)]))
            other = records.with_user(self.user_other_company)
            self.assertTrue(other.search([("id", "=", records.id)]))


@tagged("post_install", "-at_install", "crm_plus_bounce")
class TestMailServiceRoute(MailServiceCommon, HttpCase):
    """The same through the web server, as strangers reach it."""

    def _post(self, service, payload, provider=None, key=None, **options):
        body = payload if isinstance(payload, bytes) else json.dumps(payload)
        return self.url_open(
            f"/crm_plus/mail_events/{provider or service.provider}"
            f"/{key or service.access_key}",
            data=body,
            **options,
        )

    def _now(self):
        return int(fields.Datetime.now().timestamp())

    def test_routes(self):
        now = self._now()
        body, headers = self._sendgrid([self._bounce_row(1, "ida@brandt.example")], now)
        json_type = {"Content-Type": "application/json"}
        answers = [
            self._post(self.sendgrid, body, headers={**headers, **json_type}),
            self._post(self.mailgun, self._mailgun(timestamp=now), headers=json_type),
            self._post(
                self.postmark,
                {
                    "RecordType": "Bounce",
                    "ID": 1,
                    "Type": "HardBounce",
                    "Email": "x@y.z",
                },
                headers={**self._basic(), **json_type},
            ),
        ]
        self.assertEqual([answer.status_code for answer in answers], [200] * 3)
        self.assertEqual(self.Event.search_count([]), 3)

    def test_route_of_sns(self):
        """It says that it posts plain text."""
        with freeze_time(NOW):
            answer = self._post(
                self.ses, self._ses_bounce(), headers={"Content-Type": "text/plain"}
            )
        self.assertEqual(answer.status_code, 200, answer.text)
        self.assertEqual(self.Event.search([]).service_id, self.ses)

    def test_form(self):
        now = self._now()
        answer = self.url_open(
            f"/crm_plus/mail_events/mailgun/{self.mailgun.access_key}",
            data={
                "event": "complained",
                "recipient": "ida@brandt.example",
                "timestamp": str(now),
                "token": "t-1",
                "signature": sign_mailgun("secret", now, "t-1"),
            },
        )
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self.Event.search([]).kind, "complaint")

    def test_strangers(self):
        good = self._mailgun(timestamp=self._now())
        for answer, status in (
            (self._post(self.mailgun, good, key="unknown"), 404),
            (self._post(self.mailgun, good, provider="postmark"), 404),
            (self._post(self.mailgun, {**good, "signature": {}}), 403),
            (self._post(self.postmark, {"RecordType": "Bounce"}), 401),
            (self._post(self.mailgun, b"\xff{"), 400),
            (
                self.url_open(
                    f"/crm_plus/mail_events/mailgun/{self.mailgun.access_key}"
                ),
                405,
            ),
        ):
            self.assertEqual(answer.status_code, status, answer.text)
        self.assertFalse(self.Event.search([]))
        # nobody learns anything from it
        self.assertNotIn("secret", self._post(self.mailgun, {}).text)

    def test_odd_keys_are_unknown(self):
        good = self._mailgun(timestamp=self._now())
        for key in ("%00", "a%00b", "%0A", "%F0%9F%98%80"):
            with self.subTest(key=key):
                answer = self._post(self.mailgun, good, key=key)
                self.assertEqual(answer.status_code, 404)

    def test_halves_of_characters_are_no_proof(self):
        """JSON can carry them, and no database and no hash can."""
        half = "\ud800"
        for service, payload in (
            (
                self.mailgun,
                {"signature": {"timestamp": "1", "token": half, "signature": half}},
            ),
            (self.ses, {"Type": "Notification", "TopicArn": half}),
        ):
            with self.subTest(service=service.name):
                answer = self._post(service, payload)
                self.assertEqual(answer.status_code, 403, answer.text)

    def test_too_much_is_not_read(self):
        answer = self._post(self.mailgun, b" " * (MAX_BODY + 1))
        self.assertEqual(answer.status_code, 413)
        self.assertFalse(self.Event.search([]))

    def test_nobody_is_told_what_went_wrong(self):
        def fail(_service, _body, _headers, _form=None):
            raise KeyError("inside of ours")

        self.patch(CrmMailService, "_prove", fail)
        with mute_logger("odoo.addons.crm_plus.controllers.mail_event"):
            answer = self._post(self.mailgun, self._mailgun(timestamp=self._now()))
        self.assertEqual((answer.status_code, answer.text), (500, "not taken in"))
