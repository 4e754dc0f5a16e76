from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, Form, tagged

from ..tools.side_token import find_token, write_token
from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestSideToken(BaseCase):
    def test_written_once_and_found_in_any_answer(self):
        token = "0123456789abcdef"
        subject = write_token("Grinder", 7, token)
        self.assertEqual(subject, f"Grinder [S-7-{token}]")
        self.assertEqual(write_token(f"Re: {subject}", 7, token), f"Re: {subject}")
        for text in (f"AW: {subject}", f"[EXT] {subject.upper()} (fwd)"):
            self.assertEqual(find_token(text), (7, token))
        for text in (None, "", "[S-7-xyz]", "[S-7-0123]", f"S-7-{token}"):
            self.assertIsNone(find_token(text), text)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseSide(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._create_cases(user_id=cls.agent.id)
        cls.carrier = cls.env["res.partner"].create(
            {"name": "Fast Freight", "email": "desk@freight.example"}
        )

    def _ask(self, **values):
        action = self.case.with_user(self.agent).action_ask_aside()
        form = Form(
            self.env["crm.case.side"]
            .with_user(self.agent)
            .with_context(**action["context"]),
            view=action["views"][0][0],
        )
        form.partner_id = self.carrier
        form.body = "<p>Where is it?</p>"
        for name, value in values.items():
            setattr(form, name, value)
        side = form.save()
        with self.mock_mail_gateway():
            side.action_send()
            mails = self._new_mails
        return side, mails

    def _answer_mail(self, subject, extra="", to=None, email_from=None):
        return self._receive(
            subject,
            email_from=email_from or "Freight <desk@freight.example>",
            extra=extra,
            to=to,
        )

    def test_asked_answered_and_the_case_comes_back(self):
        side, mails = self._ask()
        self.assertEqual(mails.recipient_ids, self.carrier)
        self.assertIn(f"[S-{side.id}-", mails.subject)
        self.assertNotIn(self.case.number, mails.body_html)
        self.assertEqual((side.state, side.name), ("waiting", self.case.name))
        self.assertEqual(self.case.stage_category, "waiting_third")

        sent = side.message_ids.filtered(lambda m: m.message_type == "comment")
        opened = self._answer_mail(
            "Re: whatever",
            extra=f"In-Reply-To: {sent.message_id}\n",
            to=f"catchall@{self.alias_domain}",
        )

        self.assertFalse(opened, "no case is opened by it")
        self.assertEqual(side.state, "answered")
        self.assertEqual(self.case.stage_category, "open")
        answer = side.message_ids.sorted("id").filtered(
            lambda m: m.message_type == "email"
        )
        self.assertEqual(answer.author_id, self.carrier)
        told = self.env["mail.notification"].search(
            [
                ("mail_message_id.model", "=", "crm.case.side"),
                ("mail_message_id.res_id", "=", side.id),
                ("res_partner_id", "=", self.agent.partner_id.id),
            ]
        )
        self.assertTrue(told, "the assignee")

    def test_answer_without_references_to_the_address_of_the_team(self):
        side, mails = self._ask()
        opened = self._answer_mail(f"AW: {mails.subject}")

        self.assertFalse(opened)
        self.assertEqual(side.state, "answered")

    def test_answer_by_references_to_the_address_of_the_team(self):
        side, _mails = self._ask()
        sent = side.message_ids.filtered(lambda m: m.message_type == "comment")
        opened = self._answer_mail(
            "About your parcel", extra=f"In-Reply-To: {sent.message_id}\n"
        )

        self.assertFalse(opened)
        self.assertEqual(side.state, "answered")

    def test_guessed_marks_reach_nothing(self):
        side, mails = self._ask()
        forged = mails.subject.rpartition("-")[0] + "-" + "0" * 16 + "]"
        opened = self._answer_mail(forged, email_from="eve@else.example")

        self.assertEqual(side.state, "waiting")
        self.assertTrue(opened, "a mail like any other")

    def test_the_customer_never_sees_it(self):
        side, _mails = self._ask()
        self._answer_mail(
            "Re",
            extra=f"In-Reply-To: {side.message_ids.sorted('id')[-1].message_id}\n",
            to=f"catchall@{self.alias_domain}",
        )
        for user in (self.portal_ida, self.portal_eva):
            with self.assertRaises(AccessError):
                side.with_user(user).read(["name"])
            with self.assertRaises(AccessError):
                side.message_ids.with_user(user).read(["body"])
        self.assertNotIn(self.ida, side.message_partner_ids)
        # nor on the case what is noted of it
        visible = (
            self.env["mail.message"]
            .with_user(self.portal_ida)
            .search([("model", "=", "crm.case"), ("res_id", "=", self.case.id)])
        )
        self.assertNotIn("Fast Freight", "".join(visible.mapped("body")))
        self.assertFalse(self.case.date_first_response, "it answers no customer")

    def test_case_does_not_wait_when_it_was_not_chosen(self):
        side, _mails = self._ask(is_case_waiting=False)
        self.assertEqual(self.case.stage_category, "open")
        self.case.stage_id = self.stages["waiting_customer"]
        self._answer_mail(
            f"Re {side.name}",
            extra=f"In-Reply-To: {side.message_ids.sorted('id')[-1].message_id}\n",
            to=f"catchall@{self.alias_domain}",
        )
        self.assertEqual(self.case.stage_category, "waiting_customer", "still theirs")

    def test_waits_for_the_last_of_several(self):
        one, mails = self._ask()
        _two, mails_2 = self._ask()
        self._answer_mail(f"AW: {mails.subject}")
        self.assertEqual(self.case.stage_category, "waiting_third")
        self._answer_mail(f"AW: {mails_2.subject}")
        self.assertEqual(self.case.stage_category, "open")
        self.assertEqual(one.state, "answered")

    def test_not_with_the_customer_nor_without_address(self):
        Side = self.env["crm.case.side"]
        with self.assertRaises(UserError):
            Side.create(
                {"name": "x", "case_id": self.case.id, "partner_id": self.jan.id}
            )
        self.carrier.email = False
        with self.assertRaises(UserError):
            self._ask()

    def test_who_sees_the_case_sees_it(self):
        side, _mails = self._ask()
        self.assertTrue(side.with_user(self.outsider).has_access("read"))
        self.team.visibility = "members"
        self.assertFalse(side.with_user(self.outsider).has_access("read"))
        self.assertFalse(side.with_user(self.agent_c2).has_access("read"))
        self.assertTrue(side.with_user(self.agent_2).has_access("read"))
        with self.assertRaises(AccessError):
            side.with_user(self.agent_2).read(["token"])
        self.assertEqual(self.case.with_user(self.agent_2).side_waiting_count, 1)
