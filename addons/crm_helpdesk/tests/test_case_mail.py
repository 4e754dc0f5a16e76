from datetime import timedelta

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CaseCommon

BOUNCE = """\
Return-Path: <>
To: {to}
Message-ID: {msg_id}
Date: Tue, 29 Nov 2022 12:43:21 +0530
From: {email_from}
Subject: {subject}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

The mail system: <ida@brandt.example> is unknown.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ida@brandt.example
Action: failed
Status: 5.1.1

--b
Content-Type: message/rfc822

From: help@test.mycompany.com
To: ida@brandt.example
Message-ID: {extra}
Subject: Re: grinder

Please plug it in.
--b--
"""


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseMail(CaseCommon):
    """Mail in, through Odoo's own gateway.

    What leads back to a case, and what does not: D31. What fails after a case was
    opened: D32. Who gets to see it: D33.
    """

    def test_mail_opens_a_case_for_its_author(self):
        case = self._receive("The grinder does not start")

        self.assertRecordValues(
            case,
            [
                {
                    "name": "The grinder does not start",
                    "team_id": self.team.id,
                    "company_id": self.company.id,
                    "partner_id": self.ida.id,
                    "commercial_partner_id": self.customer.id,
                    "partner_email": "ida@brandt.example",
                    "channel": "email",
                    "user_id": False,
                    "stage_id": self.stages["new"].id,
                    "is_machine": False,
                }
            ],
        )
        mail = case.message_ids.filtered(lambda m: m.message_type == "email")
        self.assertIn("the grinder does not start", mail.body)
        self.assertEqual(mail.author_id, self.ida)

    def test_unknown_sender_becomes_a_contact(self):
        case = self._receive(email_from='"Olga Petrova" <olga@unknown.example>')

        self.assertRecordValues(
            case.partner_id,
            [
                {
                    "name": "Olga Petrova",
                    "email": "olga@unknown.example",
                    "is_company": False,
                    "company_id": False,
                }
            ],
        )
        self.assertEqual(
            case.message_ids.filtered(lambda m: m.message_type == "email").author_id,
            case.partner_id,
        )
        again = self._receive("Again", email_from="olga@unknown.example")
        self.assertEqual(again.partner_id, case.partner_id, "his history goes on")

    def test_customer_is_never_found_by_name(self):
        case = self._receive(email_from="Ida Brandt <ida@attacker.example>")

        self.assertNotEqual(case.partner_id, self.ida)
        self.assertFalse(case.with_user(self.portal_ida).has_access("read"))

    def test_customer_of_another_company_is_not_used(self):
        other = self.env["res.partner"].create(
            {
                "name": "Olga, of company 2",
                "email": "olga@unknown.example",
                "company_id": self.company_2.id,
            }
        )

        case = self._receive(email_from="olga@unknown.example")

        self.assertNotEqual(case.partner_id, other)
        self.assertEqual(case.message_ids[-1].author_id, case.partner_id)
        case_2 = self._receive(
            "Second", email_from="olga@unknown.example", to=self.team_2.alias_email
        )
        self.assertEqual(case_2.partner_id, other)

    def test_company_is_the_teams(self):
        case = self._receive(to=self.team_2.alias_email)

        self.assertEqual(case.company_id, self.company_2)
        self.assertEqual(case.team_id, self.team_2)

    def test_people_in_copy_follow_nothing(self):
        """Whom a customer copies does not see what comes later, nor all his company."""
        case = self._receive(cc=f"{self.jan.email}, eva@nowak.example, x@else.example")

        self.assertFalse(case.message_partner_ids)
        self.assertIn("eva@nowak.example", case.email_cc)
        for user in (self.portal_jan, self.portal_eva):
            self.assertFalse(case.with_user(user).has_access("read"))
            self.assertFalse(self.env["crm.case"].with_user(user).search([]))
        message = self._answer(case)
        self.assertEqual(message.notified_partner_ids, self.ida)

    def test_order_named_in_the_subject(self):
        order = self._create_order(self.customer)
        foreign = self._create_order(self.eva)

        case = self._receive(f"Order {order.name}: no power")
        self.assertEqual(case.sale_order_id, order)
        case = self._receive(f"Order {foreign.name}: no power")
        self.assertFalse(case.sale_order_id, "an order of somebody else")

    def test_order_of_another_company_is_not_linked(self):
        order = self._create_order(self.customer)

        case = self._receive(f"Order {order.name}", to=self.team_2.alias_email)

        self.assertFalse(case.sale_order_id)

    def test_mail_without_subject_and_with_a_long_one(self):
        self.assertEqual(self._receive("").name, "No subject")
        self.assertLessEqual(len(self._receive("x" * 5000).name), 500)

    # ------------------------------------------------------------
    # Which case
    # ------------------------------------------------------------

    def test_reply_lands_on_its_case(self):
        case = self._receive()
        mail = case.message_ids.filtered(lambda m: m.message_type == "email")

        self._receive("Re: grinder", extra=f"In-Reply-To: {mail.message_id}\n")

        self.assertEqual(
            self.env["crm.case"].search_count([("name", "ilike", "grinder")]), 1
        )
        self.assertEqual(
            len(case.message_ids.filtered(lambda m: m.message_type == "email")), 2
        )

    def test_number_in_the_subject_finds_the_case(self):
        case = self._receive()

        for subject, sender in (
            (f"AW: [{case.number}] grinder", "ida@brandt.example"),
            (f"about {case.number.lower()}", "ida@brandt.example"),
            (f"Re: {case.number}", "jan@brandt.example"),
            (f"Fwd: {case.number}", self.agent.email),
        ):
            self.assertFalse(self._receive(subject, email_from=sender), subject)

        self.assertEqual(
            len(case.message_ids.filtered(lambda m: m.message_type == "email")), 5
        )

    def test_number_of_somebody_elses_case_opens_a_new_one(self):
        case = self._receive()

        attack = self._receive(f"Re: [{case.number}] x", email_from="eva@nowak.example")

        self.assertTrue(attack)
        self.assertNotEqual(attack, case)
        self.assertEqual(
            len(case.message_ids.filtered(lambda m: m.message_type == "email")), 1
        )

    # ------------------------------------------------------------
    # Acknowledgement
    # ------------------------------------------------------------

    def _acknowledgements(self, case):
        return self._new_mails.filtered(
            lambda mail: mail.model == "crm.case" and mail.res_id == case.id
        )

    def test_acknowledgement(self):
        case = self._receive()

        mail = self._acknowledgements(case)
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.subject, f"[{case.number}] {case.name}")
        self.assertEqual(mail.recipient_ids, self.ida)
        self.assertEqual(mail.email_from, f'"Help" <help@{self.alias_domain}>')
        self.assertEqual(
            mail.reply_to,
            f'"Help" <help+{case._get_reply_token()}@{self.alias_domain}>',
        )
        self.assertIn("auto-replied", mail.headers)
        self.assertIn("X-Auto-Response-Suppress", mail.headers)
        self.assertEqual(mail.state, "outgoing", "left to the mail queue")
        self.assertIn(case.number, mail.body_html)
        self.assertIn(case.access_token, mail.body_html)
        self.assertFalse(case.date_first_response, "an acknowledgement is no answer")
        self.assertEqual(
            case.sla_clock_ids.filtered(lambda c: c.kind == "first_response").state,
            "running",
        )

    def test_reply_to_the_acknowledgement_lands_on_the_case(self):
        case = self._receive()
        message_id = self._acknowledgements(case).message_id

        self._receive("Re: ack", extra=f"References: {message_id}\n")

        self.assertEqual(
            len(case.message_ids.filtered(lambda m: m.message_type == "email")), 2
        )

    def test_acknowledgement_stays_on_the_case_when_it_was_sent(self):
        case = self._receive()
        message = self._acknowledgements(case).mail_message_id

        self._acknowledgements(case).unlink()  # as auto_delete does

        self.assertTrue(message.exists())

    def test_acknowledgements_are_made_by_the_scheduler_in_batches(self):
        cases = self._receive("one", acknowledge=False)
        cases += self._receive("two", "eva@nowak.example", acknowledge=False)
        self.assertFalse(self._new_mails, "the gateway does not wait for it")

        with (
            self.enter_registry_test_mode(),
            self.mock_mail_gateway(),
        ):
            self.env.ref(
                "crm_helpdesk.ir_cron_acknowledge_cases"
            ).method_direct_trigger()

        self.assertEqual(sorted(self._new_mails.mapped("res_id")), cases.ids)
        first = cases[0].message_ids.filtered(lambda m: m.message_type == "email")
        self.assertIn(first.message_id, self._new_mails.mapped("references"))
        self.assertFalse(cases.filtered("is_ack_due"))

    def test_one_acknowledgement_per_sender_and_interval(self):
        first, second = self._receive("one"), self._receive("two")

        self.assertTrue(first.date_acknowledged)
        self.assertFalse(second.date_acknowledged)
        first.date_acknowledged = self.env.cr.now() - timedelta(minutes=16)
        self.assertTrue(self._receive("three").date_acknowledged)
        self.assertTrue(
            self._receive("four", email_from="eva@nowak.example").date_acknowledged
        )

    def test_no_interval_acknowledges_each(self):
        self.team.ack_interval = 0

        self.assertTrue(self._receive("one").date_acknowledged)
        self.assertTrue(self._receive("two").date_acknowledged)

    def test_team_may_not_acknowledge(self):
        self.team.is_acknowledged = False

        self.assertFalse(self._acknowledgements(self._receive()))

    def test_machines_are_never_acknowledged(self):
        """They may ask for something (alarms, forms, lists); nobody answers them."""
        for extra in (
            "Auto-Submitted: auto-generated\n",
            "Precedence: bulk\n",
            "Precedence: list\nList-Id: <x.example>\n",
            "X-Auto-Response-Suppress: All\n",
        ):
            with self.subTest(extra=extra):
                case = self._receive(f"Alarm {extra[:20]!r}", extra=extra)
                self.assertTrue(case.is_machine)
                self.assertFalse(self._acknowledgements(case))
        case = self._receive("notice", email_from="no-reply@shop.example")
        self.assertFalse(self._acknowledgements(case))
        self.assertFalse(case.partner_id, "machines are no contacts")
        self.assertEqual(case.email_normalized, "no-reply@shop.example")

    def test_own_addresses_are_never_acknowledged(self):
        case = self._receive("From ourselves", email_from=self.team_2.alias_email)

        self.assertFalse(self._acknowledgements(case))
        self.assertFalse(case.partner_id)

    def test_our_own_acknowledgement_opens_no_case(self):
        """Two teams that write to each other, of this or another Odoo."""
        before = self.env["crm.case"].search_count([])

        self._receive(
            "[CASE-99999] Ticket",
            email_from="desk@other.example",
            extra="Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\n",
        )

        self.assertEqual(self.env["crm.case"].search_count([]), before)
        self.assertFalse(self._new_mails)

    def test_failing_acknowledgement_keeps_the_case(self):
        """D32: or each fetch of the mail server would raise, and open it anew."""
        self.team.ack_template_id = self.team.ack_template_id.copy(
            {"subject": "{{ object.nonsense }}"}
        )

        case = self._receive(acknowledge=False)
        good_team = self.team.copy({"name": "Good", "alias_name": False})
        good_team.ack_template_id = self.team_2.ack_template_id
        good = self._create_cases(
            team_id=good_team.id, partner_id=self.eva.id, is_ack_due=True
        )
        with (
            mute_logger(
                "odoo.addons.crm_helpdesk.models.case.crm_case_mail",
                "odoo.addons.mail.models.mail_render_mixin",
            ),
            self.mock_mail_gateway(),
        ):
            (case + good)._acknowledge()

        self.assertRecordValues(
            case + good, [{"is_ack_due": False}, {"is_ack_due": False}]
        )
        self.assertFalse(case.date_acknowledged)
        self.assertTrue(good.date_acknowledged)

    # ------------------------------------------------------------
    # Machines
    # ------------------------------------------------------------

    def test_automatic_answers_open_no_case_and_are_kept_on_the_team(self):
        before = self.env["crm.case"].search_count([])
        for subject, extra in (
            ("Out of office: grinder", ""),
            ("Away", "Auto-Submitted: auto-replied\n"),
            ("Away too", "X-Autoreply: yes\n"),
            ("Away, three", "Precedence: auto_reply\n"),
            (
                "Generated answer",
                "Auto-Submitted: auto-generated\nIn-Reply-To: <x@y>\n",
            ),
        ):
            with self.subTest(subject=subject):
                self.assertFalse(self._receive(subject, extra=extra))
                self.assertFalse(self._new_mails)
                self.assertEqual(self.team.message_ids[0].subject, subject)
        self._receive("Undelivered", return_path="<>")
        self.assertEqual(self.env["crm.case"].search_count([]), before)

    def test_delivery_report_and_receipt_open_no_case(self):
        before = self.env["crm.case"].search_count([])

        self._receive(
            "Delivery Status Notification (Failure)",
            email_from="mailer-daemon@mx.example",
        )
        self._receive(
            "Mail delivery failed",
            email_from="Mail Delivery System <bounce@mx.example>",
        )
        self._receive("Undeliverable: hello", email_from="postmaster@mx.example")

        self.assertEqual(self.env["crm.case"].search_count([]), before)

    def test_automatic_answer_on_a_case_changes_nothing(self):
        case = self._receive()
        self._answer(case)
        case.stage_id = self.stages["waiting_customer"]
        case.message_subscribe(partner_ids=self.eva.ids)
        clocks = case.sla_clock_ids.mapped("state")
        message_id = case.message_ids[0].message_id

        self._receive(
            "Automatic reply: grinder",
            extra=f"In-Reply-To: {message_id}\nAuto-Submitted: auto-replied\n",
            cc="new@else.example",
        )

        message = case.message_ids[0]
        self.assertEqual(message.subject, "Automatic reply: grinder")
        self.assertTrue(message.is_machine_mail)
        self.assertTrue(message.subtype_id.internal, "not sent to followers' machines")
        self.assertFalse(self._new_mails)
        self.assertEqual(case.stage_id, self.stages["waiting_customer"])
        self.assertEqual(case.sla_clock_ids.mapped("state"), clocks)
        self.assertNotIn("new@else.example", case.email_cc or "")

    def test_automatic_answer_does_not_reopen(self):
        case = self._receive()
        case.action_close()

        self._receive(
            f"Out of office: [{case.number}]", extra="Auto-Submitted: auto-replied\n"
        )

        self.assertTrue(case.is_closed)
        self.assertEqual(
            len(case.message_ids.filtered(lambda m: m.message_type == "email")), 2
        )

    def test_bounce_of_our_mail_is_noted(self):
        case = self._receive()
        message = self._answer(case)

        self._receive(
            "Undelivered Mail Returned to Sender",
            email_from="MAILER-DAEMON@mx.example",
            template=BOUNCE,
            extra=message.message_id,
        )

        self.assertEqual(
            message.notification_ids.mapped("notification_status"), ["bounce"]
        )
        self.assertIn("came back", case.message_ids[0].body)

    def test_machine_in_a_loop_is_told_nothing(self):
        """Odoo tells who writes too often so by mail; a machine would answer that."""
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", 3)

        for i in range(6):
            case = self._receive(f"Alarm {i}", extra="Auto-Submitted: auto-generated\n")
            self.assertFalse(self._new_mails, i)
        self.assertFalse(case, "the loop is broken")

        for i in range(4):
            self._receive(f"Me {i}", email_from="eva@nowak.example")
        self.assertTrue(self._new_mails, "people are told")

    def test_two_dumb_responders_do_not_play_ping_pong(self):
        """A responder without any header answers each acknowledgement with a mail that
        names the case: one acknowledgement, then silence."""
        case = self._receive(email_from="bot@dumb.example")
        sent = len(self._new_mails)

        for i in range(5):
            self._receive(
                f"Thanks for [{case.number}] {i}", email_from="bot@dumb.example"
            )
            sent += len(self._new_mails)
            self._receive(f"We got your mail {i}", email_from="bot@dumb.example")
            sent += len(self._new_mails)

        self.assertEqual(sent, 1)

    # ------------------------------------------------------------
    # Answers
    # ------------------------------------------------------------

    def test_customers_reply_opens_again_what_waits_or_is_done(self):
        case = self._receive()
        for category in ("waiting_customer", "solved", "closed"):
            with self.subTest(category=category):
                case.stage_id = self.stages[category]
                self._receive(f"[{case.number}] still broken")
                self.assertEqual(case.stage_category, "open")
        self.assertEqual(case.reopen_count, 2)
        case.stage_id = self.stages["waiting_third"]
        self._receive(f"[{case.number}] any news?")
        self.assertEqual(case.stage_id, self.stages["waiting_third"])

    def test_answer_goes_to_the_customer_with_the_teams_address(self):
        case = self._receive()

        message = self._answer(case)

        self.assertEqual(message.notified_partner_ids, self.ida)
        self.assertIn("help+c", self._new_mails.reply_to)
        self.assertNotIn(self.ida, case.message_partner_ids)

    def test_answer_that_names_somebody_goes_only_there(self):
        case = self._receive()

        message = self._answer(case, partner_ids=self.eva.ids)

        self.assertEqual(message.notified_partner_ids, self.eva)

    def test_note_goes_to_nobody(self):
        case = self._receive()

        message = case.with_user(self.agent).message_post(body="rude customer")

        self.assertFalse(message.notified_partner_ids)

    def test_answer_to_an_address_without_contact(self):
        case = self._create_cases(partner_id=False, partner_email="x@else.example")

        self._answer(case)

        self.assertIn("x@else.example", self._new_mails.mapped("email_to"))

    def test_agent_answers_by_mail(self):
        case = self._receive()
        message_id = case.message_ids[-1].message_id

        self._receive(
            "Re: grinder",
            email_from=self.agent.email,
            extra=f"In-Reply-To: {message_id}\n",
        )

        self.assertTrue(case.date_first_response)
        self.assertEqual(case.stage_id, self.stages["new"], "an answer moves nothing")

    def test_colleague_may_be_the_customer(self):
        case = self._receive(email_from=self.agent.email)

        self.assertEqual(case.partner_id, self.agent.partner_id)
        self.assertFalse(case.date_first_response)
        self._receive(f"[{case.number}] more", email_from=self.agent.email)
        self.assertFalse(case.date_first_response)
