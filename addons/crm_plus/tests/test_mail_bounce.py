from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CrmPlusCommon

ROUTING = "odoo.addons.mail.models.mail_thread"


class MailBounceCommon(CrmPlusCommon):
    """A lead of which two contacts were sent a mail."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Bounce = cls.env["crm.mail.bounce"]
        cls.lead = cls._create_leads(partner_id=cls.customer_contact.id)
        cls.sent = cls.env["mail.message"].create(
            {
                "model": "crm.lead",
                "res_id": cls.lead.id,
                "message_id": "<offer@us.example>",
                "message_type": "email_outgoing",
                "body": "Offer",
                "partner_ids": (cls.customer_contact | cls.customer_2).ids,
            }
        )

    def _is_stopped(self, email="ida@brandt.example"):
        return bool(self.env["mail.blacklist"].search([("email", "=", email)]))


@tagged("post_install", "-at_install", "crm_plus_bounce")
class TestMailBounce(MailBounceCommon):
    # ---- mails ---------------------------------------------------------------
    def _process(self, source):
        with mute_logger(ROUTING):
            return self.env["mail.thread"].message_process("crm.lead", source)

    def _report(
        self,
        number=1,
        status="5.1.1",
        said="550 5.1.1 User unknown",
        action="failed",
        email="ida@brandt.example",
        more="",
        of="<offer@us.example>",
        headers="",
    ):
        return self._process(
            "Return-Path: <>\nFrom: Mail System <MAILER-DAEMON@mx.example>\n"
            f"To: {self.alias_bounce}@{self.alias_domain}\n{headers}"
            f"Message-ID: <report-{number}@mx.example>\n"
            "Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
            "Content-Type: multipart/report; report-type=delivery-status;"
            " boundary=b\n\n"
            "--b\nContent-Type: text/plain\n\nSorry.\n"
            "--b\nContent-Type: message/delivery-status\n\n"
            "Reporting-MTA: dns; mx.example\n\n"
            f"Final-Recipient: rfc822; {email}\nAction: {action}\n"
            f"Status: {status}\nDiagnostic-Code: smtp; {said}\n{more}\n"
            "--b\nContent-Type: text/rfc822-headers\n\n"
            f"Message-ID: {of}\nFrom: sales@us.example\n"
            "Subject: Offer\n\n--b--\n"
        )

    def _complaint(
        self,
        number=1,
        kind="abuse",
        email="ida@brandt.example",
        of="<offer@us.example>",
    ):
        return self._process(
            f"From: fbl@isp.example\nTo: {self.alias_bounce}@{self.alias_domain}\n"
            f"Message-ID: <complaint-{number}@isp.example>\nSubject: FW: Offer\n"
            "MIME-Version: 1.0\nContent-Type: multipart/report;"
            " report-type=feedback-report; boundary=b\n\n"
            "--b\nContent-Type: text/plain\n\nAbuse.\n"
            "--b\nContent-Type: message/feedback-report\n\n"
            f"Feedback-Type: {kind}\nUser-Agent: X/1\nVersion: 1\n"
            f"Original-Rcpt-To: <{email}>\n\n"
            "--b\nContent-Type: text/rfc822-headers\n\n"
            f"Message-ID: {of}\nFrom: sales@us.example\n\n--b--\n"
        )

    # ---- history -------------------------------------------------------------
    def test_hard_bounce_stops_the_address(self):
        self._report()
        bounce = self.Bounce.search([])
        self.assertRecordValues(
            bounce,
            [
                {
                    "email_normalized": "ida@brandt.example",
                    "kind": "bounce",
                    "reason": "userunknown",
                    "is_hard": True,
                    "status": "5.1.1",
                    "reply_code": "550",
                    "outcome": "stopped",
                    "partner_id": self.customer_contact.id,
                    "mail_message_id": self.sent.id,
                    "res_model": "crm.lead",
                    "res_id": self.lead.id,
                }
            ],
        )
        entry = self.env["mail.blacklist"].search(
            [("email", "=", "ida@brandt.example")]
        )
        self.assertIn("User unknown", entry.message_ids[:1].body)
        # Odoo's own count goes on
        self.assertEqual(self.customer_contact.message_bounce, 1)
        self.assertEqual(
            bounce.action_open_document()["res_id"],
            self.lead.id,
        )

    def test_stop_can_be_switched_off(self):
        self.env["ir.config_parameter"].set_param(
            "crm_plus.bounce_hard_action", "count"
        )
        self._report()
        self.assertEqual(self.Bounce.search([]).outcome, "counted")
        self.assertFalse(self._is_stopped())

    def test_report_that_comes_twice_counts_once(self):
        self._report()
        self._report()
        self.assertEqual(len(self.Bounce.search([])), 1)
        self.assertEqual(self.customer_contact.message_bounce, 1)

    def test_soft_bounce_is_counted_only(self):
        self._report(status="5.2.2", said="552 5.2.2 mailbox full")
        bounce = self.Bounce.search([])
        self.assertEqual((bounce.reason, bounce.outcome), ("mailboxfull", "counted"))
        self.assertFalse(bounce.is_hard)
        self.assertFalse(self._is_stopped())

    def test_soft_bounces_that_go_on_stop_the_address(self):
        today = fields.Datetime.now()
        for number, days in enumerate((30, 20, 10, 5)):
            self._report(number, "5.2.2", "552 5.2.2 mailbox full")
            self.Bounce.search([], limit=1, order="id desc").date = today - timedelta(
                days=days
            )
        self.assertFalse(self._is_stopped())
        self._report(9, "5.2.2", "552 5.2.2 mailbox full")
        self.assertTrue(self._is_stopped())

    def test_soft_bounces_of_one_week_do_not(self):
        for number in range(6):
            self._report(number, "5.2.2", "552 5.2.2 mailbox full")
        self.assertFalse(self._is_stopped())

    def test_mail_that_is_still_tried(self):
        """Odoo takes it for a bounce."""
        self._report(status="4.4.1", said="connection timed out", action="delayed")
        bounce = self.Bounce.search([])
        self.assertEqual((bounce.kind, bounce.outcome), ("delay", "noted"))
        self.assertFalse(self.customer_contact.message_bounce)
        self.assertFalse(self._is_stopped())

    def test_delivered_is_nothing_to_note(self):
        self._report(status="2.0.0", said="250 ok", action="delivered")
        self.assertFalse(self.Bounce.search([]))
        self.assertFalse(self.customer_contact.message_bounce)

    def test_complaint_stops_at_once(self):
        self._complaint()
        bounce = self.Bounce.search([])
        self.assertEqual((bounce.kind, bounce.outcome), ("complaint", "stopped"))
        self.assertTrue(self._is_stopped())
        # nothing bounced
        self.assertFalse(self.customer_contact.message_bounce)

    def test_complaint_of_a_machine_does_not(self):
        self._complaint(kind="auth-failure")
        self.assertEqual(self.Bounce.search([]).outcome, "noted")
        self.assertFalse(self._is_stopped())

    def test_several_recipients(self):
        self._report(
            more="\nFinal-Recipient: rfc822; biuro@nowak.example\nAction: failed\n"
            "Status: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 mailbox full\n"
        )
        self.assertEqual(
            self.Bounce.search([]).mapped(lambda row: (row.partner_id, row.is_hard)),
            [(self.customer_2, False), (self.customer_contact, True)],
        )
        self.assertEqual(self.customer_2.message_bounce, 1)
        self.assertFalse(self._is_stopped("biuro@nowak.example"))

    def test_report_in_words_makes_no_lead(self):
        """Odoo does not know it: the sender is no mailer-daemon, the type is plain."""
        before = self.env["crm.lead"].search_count([])
        self._process(
            "Return-Path: <>\nFrom: postmaster@mx.example\n"
            f"To: {self.alias_bounce}@other.example\nMessage-ID: <words@mx.example>\n"
            "Subject: Undeliverable mail\nContent-Type: text/plain\n\n"
            "Your message could not be delivered:\n\n<ida@brandt.example>:\n"
            "550 5.1.1 User unknown\n\n--- Below this line is a copy of the message.\n"
            "Message-ID: <offer@us.example>\nFrom: s@us.example\nSubject: Offer\n"
        )
        self.assertEqual(self.env["crm.lead"].search_count([]), before)
        bounce = self.Bounce.search([])
        self.assertEqual(bounce.mail_message_id, self.sent)
        self.assertTrue(bounce.is_hard)

    def test_report_that_odoo_cannot_read(self):
        """Without a proper copy of the original it raises in Odoo: the job of the mail
        server would stumble over it each time."""
        with patch.object(
            self.env.registry["mail.thread"],
            "_get_bounced_message_data",
            side_effect=AttributeError("'str' object has no attribute 'get_all'"),
        ) as call:
            self._report()
        self.assertTrue(call.called)
        bounce = self.Bounce.search([])
        self.assertEqual(bounce.mail_message_id, self.sent)
        self.assertTrue(bounce.is_hard)
        self.assertTrue(self._is_stopped())

    def test_out_of_office_is_no_bounce(self):
        self._process(
            "Return-Path: <ida@brandt.example>\nFrom: Ida <ida@brandt.example>\n"
            "To: sales@us.example\nMessage-ID: <away@brandt.example>\n"
            "In-Reply-To: <offer@us.example>\nReferences: <offer@us.example>\n"
            "Auto-Submitted: auto-replied\nSubject: Automatic reply: Offer\n"
            "Content-Type: text/plain\n\nI am away.\n"
        )
        self.assertFalse(self.Bounce.search([]))
        reply = self.lead.message_ids.filtered(
            lambda message: message.message_id == "<away@brandt.example>"
        )
        self.assertTrue(reply.is_machine_mail)

    # ---- forged reports ------------------------------------------------------
    def _assert_nothing_but_noted(self, email, count=1):
        self.assertEqual(
            self.Bounce.search([("email_normalized", "=", email)]).mapped("outcome"),
            ["unverified"] * count,
        )
        self.assertFalse(self._is_stopped(email))
        partners = self.env["res.partner"].search([("email_normalized", "=", email)])
        self.assertEqual(sum(partners.mapped("message_bounce")), 0)
        partners.invalidate_recordset()
        self.assertFalse(any(partners.mapped("bounce_note")))

    def test_report_of_a_mail_that_we_did_not_send(self):
        """Anybody may write one about anybody."""
        for number, of in enumerate(("<made-up@us.example>", "")):
            self._report(number, of=of)
        self._complaint(3, of="<made-up@us.example>")
        self._report(4, email="ceo@bigcustomer.example", of="<made-up@us.example>")
        self._assert_nothing_but_noted("ida@brandt.example", 3)
        self._assert_nothing_but_noted("ceo@bigcustomer.example")

    def test_report_of_a_mail_that_went_to_somebody_else(self):
        """Who was written to knows a Message-Id of ours, of the own mail."""
        victim = self.env["res.partner"].create(
            {"name": "Big", "email": "ceo@bigcustomer.example"}
        )
        self._report(1, email=victim.email)
        self._complaint(2, email=victim.email)
        self._assert_nothing_but_noted(victim.email, 2)
        # of several it counts for those to whom it went
        self._report(
            3,
            more=f"\nFinal-Recipient: rfc822; {victim.email}\nAction: failed\n"
            "Status: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n",
        )
        self._assert_nothing_but_noted(victim.email, 3)
        self.assertTrue(self._is_stopped())
        self.assertEqual(self.customer_contact.message_bounce, 1)

    def test_report_of_a_mail_that_came_in(self):
        """Its Message-Id is that of who wrote it."""
        self.sent.message_type = "email"
        self._report()
        self._assert_nothing_but_noted("ida@brandt.example")

    def test_forged_soft_bounces_that_go_on(self):
        today = fields.Datetime.now()
        for number, days in enumerate((40, 30, 20, 10, 5)):
            self._report(number, "5.2.2", "552 5.2.2 mailbox full", of="<x@x.example>")
            self.Bounce.search([], limit=1, order="id desc").date = today - timedelta(
                days=days
            )
        # nor do they help a true one
        self._report(9, "5.2.2", "552 5.2.2 mailbox full")
        self.assertFalse(self._is_stopped())

    def test_whatever_proves_that_we_wrote(self):
        contact, email = self.customer_contact, "ida@brandt.example"
        self.sent.partner_ids = False
        Mail = self.env["mail.mail"].sudo()
        mail = {"mail_message_id": self.sent.id, "is_notification": True}
        notification = {
            "mail_message_id": self.sent.id,
            "notification_type": "email",
            "notification_status": "sent",
        }
        Notification = self.env["mail.notification"].sudo()
        proofs = {
            "nothing": lambda: self.env["mail.mail"],
            "inbox": lambda: Notification.create(
                {
                    **notification,
                    "notification_type": "inbox",
                    "res_partner_id": contact.id,
                }
            ),
            "notification": lambda: Notification.create(
                {**notification, "res_partner_id": contact.id}
            ),
            "address": lambda: Notification.create(
                {**notification, "mail_email_address": email}
            ),
            "to": lambda: Mail.create({**mail, "email_to": f'"Ida" <{email}>'}),
            "cc": lambda: Mail.create({**mail, "email_cc": f"x@y.example, {email}"}),
            "partner": lambda: Mail.create({**mail, "recipient_ids": contact.ids}),
        }
        for number, (name, prove) in enumerate(proofs.items()):
            with self.subTest(name):
                self.env["mail.blacklist"].search([]).unlink()
                proof = prove()
                self._report(number)
                self.assertEqual(self._is_stopped(), name not in ("nothing", "inbox"))
                proof.unlink()

    def test_report_that_names_the_mail_in_its_own_headers(self):
        for name in ("In-Reply-To", "References"):
            with self.subTest(name):
                self.env["mail.blacklist"].search([]).unlink()
                self._report(name, of="", headers=f"{name}: <offer@us.example>\n")
                self.assertTrue(self._is_stopped())

    # ---- company, contact, rights --------------------------------------------
    def test_company_of_the_document(self):
        self.lead.write({"user_id": False, "company_id": self.company_2.id})
        self._report()
        bounce = self.Bounce.search([])
        self.assertEqual(bounce.company_id, self.company_2)
        Bounce = self.Bounce.with_user(self.seller)
        self.assertFalse(Bounce.search([]))
        with self.assertRaises(AccessError):
            bounce.with_user(self.seller).read(["reason"])
        self.assertEqual(
            self.Bounce.with_user(self.user_other_company).search([]), bounce
        )

    def test_note_on_the_contact(self):
        contact = self.customer_contact.with_user(self.seller)
        self.assertFalse(contact.bounce_note)
        self._report(status="5.2.2", said="552 5.2.2 mailbox full")
        self.Bounce.search([]).date = fields.Datetime.now() - timedelta(days=3)
        contact.invalidate_recordset()
        self.assertEqual(contact.bounce_note, "Mailbox full, 3 days ago")
        action = contact.action_view_bounces()
        self.assertEqual(len(self.Bounce.search(action["domain"])), 1)

    def test_note_of_many_contacts_in_one_query(self):
        self._report()
        partners = self.customer | self.customer_contact | self.customer_2
        partners.invalidate_recordset()
        partners.mapped("email_normalized")
        self.Bounce.search([]).mapped("reason")
        with self.assertQueryCount(3):
            partners.mapped("bounce_note")

    def test_rights(self):
        self._report()
        bounce = self.Bounce.search([])
        for user in (self.seller, self.manager):
            own = bounce.with_user(user)
            self.assertTrue(own.read(["reason"]))
            for call in (
                lambda own=own: own.write({"is_hard": False}),
                own.unlink,
                lambda own=own: own.create(
                    {"email_normalized": "x@y.example", "kind": "bounce"}
                ),
            ):
                with self.assertRaises(AccessError):
                    call()
        for user in (self.accountant, self._create_portal_user()):
            with self.assertRaises(AccessError):
                bounce.with_user(user).read(["reason"])
            with self.assertRaises(AccessError):
                self.customer_contact.with_user(user).read(["bounce_note"])

    def test_old_ones_are_forgotten(self):
        self._report()
        bounce = self.Bounce.search([])
        bounce.date = fields.Datetime.now() - timedelta(days=800)
        for months, left in (("0", 1), ("24", 0)):
            self.env["ir.config_parameter"].set_param(
                "crm_plus.bounce_retention_months", months
            )
            self.Bounce._gc_bounces()
            self.assertEqual(self.Bounce.search_count([]), left)
