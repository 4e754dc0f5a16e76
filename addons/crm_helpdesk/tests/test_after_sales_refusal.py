from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, tagged

from .after_sales import AfterSalesCommon

INTERNAL = "He always breaks them"
TOLD = "The seal is broken.\nPlease see our <terms>."


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAfterSalesRefusal(HttpCase, AfterSalesCommon):
    """What was noted among us stays among us; what was written to the customer gets
    there, by the hand of who refuses.
    """

    def _refuse(self, claims, user=None, **values):
        wizard = (
            self.env["crm.case.claim.refuse"]
            .with_user(user or self.clerk)
            .create(
                {"claim_ids": [Command.set(claims.ids)], "reason": INTERNAL, **values}
            )
        )
        with self.mock_mail_gateway():
            wizard.action_refuse()
            self.env.flush_all()

    def _get_answers(self, case):
        comment = self.env.ref("mail.mt_comment")
        return case.message_ids.filtered(lambda m: m.subtype_id == comment)

    def _page(self):
        self.authenticate("case_ida", "case_ida")
        return self.url_open(f"/my/cases/{self.case.id}").text

    def test_the_customer_is_told(self):
        claim = self._request(quantities=[1])
        self.assertFalse(self.case.with_user(self.clerk).has_access("read"))

        self._refuse(claim, told=TOLD)

        self.assertEqual(claim.refusal, INTERNAL)
        message = self._get_answers(self.case)
        self.assertEqual(message.author_id, self.clerk.partner_id)
        self.assertIn(claim.name, message.body)
        self.assertIn(
            "The seal is broken.<br>Please see our &lt;terms&gt;", message.body
        )
        self.assertNotIn(INTERNAL, message.body)
        self.assertIn(self.ida, self._new_mails.recipient_ids, "by mail, too")
        self.assertTrue(self.case.date_first_response, "that was an answer")

        page = self._page()
        self.assertIn("We cannot do this: The seal is broken.", page)
        self.assertNotIn("<terms>", page)
        self.assertNotIn(INTERNAL, page)

    def test_nothing_is_told_that_was_not_written_to_the_customer(self):
        claim = self._request(quantities=[1])

        self._refuse(claim, told="  ")

        self.assertFalse(self._get_answers(self.case))
        self.assertNotIn(self.ida, self._new_mails.recipient_ids)
        page = self._page()
        self.assertIn("We cannot do this. Write to us here", page)
        self.assertNotIn("reason in the messages", page, "there is none")
        self.assertNotIn(INTERNAL, page)
        self.assertNotIn(self.clerk.name, page)

    def test_one_answer_for_what_is_refused_together(self):
        claims = self._request(quantities=[1]) + self._request(quantities=[2])
        other = self._create_cases(partner_id=self.ida.id, sale_order_id=self.order.id)
        elsewhere = self._request(case=other, quantities=[1])

        self._refuse(claims + elsewhere, told=TOLD)

        message = self._get_answers(self.case)
        self.assertEqual(len(message), 1)
        for claim in claims:
            self.assertIn(claim.name, message.body)
        self.assertNotIn(elsewhere.name, message.body)
        self.assertEqual(len(self._get_answers(other)), 1)

    def test_nobody_else_writes_to_the_customer_this_way(self):
        claim = self._request(quantities=[1])
        for user in (self.agent, self.accountant):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._refuse(claim, user, told=TOLD)
        self.assertFalse(self._get_answers(self.case))

    def test_the_dialog_says_who_reads_what(self):
        claim = self._request(quantities=[1])
        action = claim.with_user(self.clerk).action_refuse()
        with Form(
            self.env["crm.case.claim.refuse"]
            .with_user(self.clerk)
            .with_context(**action["context"])
        ) as form:
            form.reason = INTERNAL
            form.told = TOLD
        self.assertEqual(form.record.claim_ids, claim)
