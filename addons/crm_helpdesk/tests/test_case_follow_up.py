from datetime import timedelta

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseFollowUp(CaseCommon):
    """What an answer to a closed case does: the rule of the team."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.reopen_days = 7

    def _close(self, days_ago):
        order = self._create_order(self.customer)
        case = self._receive(f"Order {order.name}")
        self._answer(case)
        case.action_close()
        case.date_closed -= timedelta(days=days_ago)
        return case

    def _emails_of(self, case):
        return case.message_ids.filtered(lambda m: m.message_type == "email")

    def _reply(self, case, **values):
        references = self._emails_of(case)[0].message_id
        return self._receive(
            "Re: still broken", extra=f"In-Reply-To: {references}\n", **values
        )

    def test_within_the_days_it_is_opened_again(self):
        case = self._close(6)

        self.assertFalse(self._reply(case))

        self.assertEqual(case.stage_category, "open")
        self.assertEqual(case.reopen_count, 1)

    def test_later_a_new_linked_case_is_opened(self):
        case = self._close(8)

        new = self._reply(case)

        self.assertRecordValues(
            new,
            [
                {
                    "follow_up_of_id": case.id,
                    "team_id": self.team.id,
                    "partner_id": self.ida.id,
                    "sale_order_id": case.sale_order_id.id,
                    "channel": "email",
                }
            ],
        )
        self.assertTrue(new.date_acknowledged or new.is_ack_due is False)
        self.assertTrue(case.is_closed)
        self.assertEqual(len(self._emails_of(case)), 1)
        self.assertEqual(len(self._emails_of(new)), 1)
        self.assertIn(new.number, case.message_ids[0].body)

    def test_every_way_to_the_case_obeys(self):
        """References, signed address, number in the subject."""
        case = self._close(8)
        address = case._get_reply_email()

        first = self._receive("by address", to=address)
        self.assertEqual(first.follow_up_of_id, case)
        first.action_close()
        second = self._receive(f"[{case.number}] by number")
        self.assertEqual(second.follow_up_of_id, case)
        self.assertFalse(self._reply(case), "the follow-up is open: it goes there")
        self.assertEqual(len(self._emails_of(second)), 2)

    def test_team_may_always_reopen(self):
        self.team.late_follow_up = "reopen"
        case = self._close(800)

        self.assertFalse(self._reply(case))

        self.assertEqual(case.stage_category, "open")

    def test_refused_politely(self):
        self.team.late_follow_up = "refuse"
        case = self._close(8)

        self.assertFalse(self._reply(case))

        self.assertTrue(case.is_closed)
        mail = self._new_mails
        self.assertEqual(mail.email_to, '"Ida Brandt" <ida@brandt.example>')
        self.assertFalse(mail.recipient_ids)
        self.assertIn("auto-replied", mail.headers)
        self.assertIn(case.number, mail.body_html)
        kept = self._emails_of(case)[0]
        self.assertEqual(kept.subject, "Re: still broken")
        self.assertTrue(kept.subtype_id.internal, "kept, as a note")
        self._reply(case)
        self.assertFalse(self._new_mails, "told once in a while")

    def test_refusal_that_fails_keeps_the_mail(self):
        self.team.late_follow_up = "refuse"
        self.team.refusal_template_id = self.team.refusal_template_id.copy(
            {"subject": "{{ object.nonsense }}"}
        )
        case = self._close(8)

        with (
            self.assertLogs(
                "odoo.addons.crm_helpdesk.models.intake.crm_case_follow_up", "ERROR"
            ),
            self.assertLogs("odoo.addons.mail.models.mail_render_mixin"),
        ):
            self._reply(case)

        self.assertEqual(len(self._emails_of(case)), 2)

    def test_machines_open_nothing_and_are_told_nothing(self):
        for rule in ("new", "refuse"):
            self.team.late_follow_up = rule
            case = self._close(8)
            references = self._emails_of(case)[0].message_id

            new = self._receive(
                "Out of office",
                extra=f"In-Reply-To: {references}\nAuto-Submitted: auto-replied\n",
            )

            self.assertFalse(new)
            self.assertFalse(self._new_mails)
            self.assertTrue(case.is_closed)

    def test_order_is_not_told_to_somebody_else(self):
        case = self._close(8)
        address = case._get_reply_email()

        new = self._receive("Re", to=address, email_from="eva@nowak.example")

        self.assertEqual(new.follow_up_of_id, case)
        self.assertFalse(new.sale_order_id)

    def test_report_without_a_mark_reopens_nothing(self):
        case = self._close(1)
        references = self._emails_of(case)[0].message_id

        self._receive(
            "Your mail",
            email_from="ida@brandt.example",
            extra=f"In-Reply-To: {references}\nX-Precedence: auto\n",
        )

        self.assertTrue(case.is_closed)
        self.assertTrue(self._emails_of(case)[0].is_machine_mail)

    def test_ours_write_into_closed_cases(self):
        case = self._close(8)

        self.assertFalse(self._reply(case, email_from=self.agent.email))

        self.assertEqual(len(self._emails_of(case)), 2)
        self.assertTrue(case.is_closed)

    def test_portal_says_what_to_do(self):
        case = self._close(8)

        with self.assertRaisesRegex(UserError, "open a new one"):
            case.with_user(self.portal_ida).message_post(
                body="again", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
        case.date_closed += timedelta(days=7)
        case.with_user(self.portal_ida).message_post(
            body="again", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        self.assertEqual(case.stage_category, "open")
