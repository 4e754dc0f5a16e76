from odoo.tests import tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseSpam(CaseCommon):
    """Spam is put aside: out of sight, out of figures, and nobody is told."""

    def _spam(self, **values):
        case = self._receive("Cheap watches", email_from="win@spam.example", **values)
        self._harvest_queued()
        return case

    def test_put_aside(self):
        case = self._spam()
        self.assertTrue(case.date_acknowledged)

        with self.mock_mail_gateway():
            case.with_user(self.agent).action_mark_spam()

        self.assertFalse(self._new_mails)
        self.assertRecordValues(case, [{"is_spam": True, "active": False}])
        self.assertEqual(set(case.sla_clock_ids.mapped("state")), {"cancelled"})
        self.assertFalse(case.date_closed, "spam is not work that was done")
        Case = self.env["crm.case"].with_user(self.agent)
        self.assertNotIn(case, Case.search([]))
        self.assertIn(
            case,
            Case.search([("is_spam", "=", True), ("active", "in", [True, False])]),
        )

    def test_out_of_figures(self):
        before = self.team.open_count
        case = self._spam()
        touchpoints = self._get_touchpoints("case_opened", "email_in").filtered(
            lambda t: t.partner_id == case.partner_id
        )
        self.assertEqual(len(touchpoints), 2)
        self.assertFalse(any(touchpoints.mapped("is_machine")))

        case.action_mark_spam()

        self.team.invalidate_recordset(["open_count"])
        self.assertEqual(self.team.open_count, before)
        self.assertTrue(all(touchpoints.mapped("is_machine")))

    def test_more_of_the_sender_goes_the_same_way(self):
        self._spam().action_mark_spam()

        self._spam()

        self.assertFalse(self._new_mails, "no acknowledgement")
        cases = (
            self.env["crm.case"]
            .with_context(active_test=False)
            .search([("email_normalized", "=", "win@spam.example")])
        )
        self.assertEqual(cases.mapped("is_spam"), [True, True])
        self.assertTrue(self._receive(email_from="ida@brandt.example").active)

    def test_taken_back(self):
        case = self._spam()
        case.action_mark_spam()

        case.with_user(self.agent).action_unmark_spam()

        self.assertRecordValues(case, [{"is_spam": False, "active": True}])
        self.assertIn("running", case.sla_clock_ids.mapped("state"))
        self.assertFalse(
            any(
                self._get_touchpoints("case_opened")
                .filtered(lambda t: t.res_id == case.id)
                .mapped("is_machine")
            )
        )
        self.assertTrue(self._spam().active, "its sender is believed again")

    def test_many_at_once(self):
        cases = self._create_cases(20)
        cases[:2].action_mark_spam()
        self.env.flush_all()

        cases.action_mark_spam()

        self.assertFalse(cases.filtered("active"))
