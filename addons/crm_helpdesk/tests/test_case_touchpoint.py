from odoo.tests import freeze_time, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseTouchpoint(CaseCommon):
    """What happens on a case is on the timeline of its customer, at once."""

    def test_life_of_a_case(self):
        case = self._receive()
        self._answer(case)
        case.user_id = self.agent
        case.action_close()
        case.rating_apply(5, token=case._rating_get_access_token())
        self._harvest_queued()

        touchpoints = self._get_touchpoints(
            "case_opened", "email_in", "email_out", "case_closed", "case_rated"
        ).filtered(lambda t: t.commercial_partner_id == self.customer)

        self.assertEqual(
            sorted(touchpoints.mapped("kind_id.code")),
            ["case_closed", "case_opened", "case_rated", "email_in", "email_out"],
        )
        self.assertEqual(touchpoints.partner_id, self.ida)
        self.assertEqual(touchpoints.company_id, self.company)
        by_code = {t.kind_id.code: t for t in touchpoints}
        self.assertEqual(by_code["case_opened"].name, f"[{case.number}] {case.name}")
        self.assertEqual(by_code["case_opened"].channel, "service")
        self.assertTrue(by_code["case_rated"].name.startswith("5/5"))
        self.assertEqual(by_code["case_closed"].user_id, self.agent)
        self.assertEqual(by_code["case_rated"]._get_origin(), ("crm.case", case.id))
        self.assertEqual(by_code["email_in"]._get_origin(), ("crm.case", case.id))

    def test_harvest_adds_nothing_twice(self):
        case = self._receive()
        case.action_close()
        case.rating_apply(3, token=case._rating_get_access_token())
        self._harvest_queued()
        before = self.env["crm.touchpoint"].search_count([])

        self.env["crm.touchpoint"]._harvest()

        self.assertEqual(self.env["crm.touchpoint"].search_count([]), before)

    def test_notes_of_machines_are_no_touchpoints(self):
        """Whether read at once or later by the scheduler."""
        case = self._receive()
        self._harvest_queued()
        before = self.env["crm.touchpoint"].search_count([])
        message_id = case.message_ids[-1].message_id

        self._receive(
            "Out of office",
            extra=f"In-Reply-To: {message_id}\nAuto-Submitted: auto-replied\n",
        )
        self._harvest_queued()
        self.env["crm.touchpoint"]._harvest()

        self.assertEqual(self.env["crm.touchpoint"].search_count([]), before)

    def test_each_closing_is_one(self):
        case = self._create_cases()
        with freeze_time("2026-03-02 09:00:00"):
            case.action_close()
            self._harvest_queued()
        with freeze_time("2026-03-03 09:00:00"):
            case.action_reopen()
            case.action_close()
            self._harvest_queued()

        closed = self._get_touchpoints("case_closed").filtered(
            lambda t: t.res_id == case.id
        )
        self.assertEqual(len(closed), 2)

    def test_machines_are_marked(self):
        case = self._receive(extra="Auto-Submitted: auto-generated\n")
        self._harvest_queued()

        opened = self._get_touchpoints("case_opened").filtered(
            lambda t: t.res_id == case.id
        )
        self.assertTrue(opened.is_machine)

    def test_back_fill_from_the_watermark(self):
        case = self._create_cases()
        case.action_close()
        self.env.flush_all()
        self.env.cr.precommit.clear()

        counts = self.env["crm.touchpoint"]._harvest(["case_opened", "case_closed"])

        self.assertGreaterEqual(counts["case_opened"], 1)
        self.assertGreaterEqual(counts["case_closed"], 1)

    def test_agents_see_service_on_the_timeline(self):
        case = self._create_cases(user_id=self.agent_2.id)
        self._harvest_queued()

        touchpoints = self.env["crm.touchpoint"].with_user(self.agent)

        self.assertTrue(
            touchpoints.search(
                [("res_model", "=", "crm.case"), ("res_id", "=", case.id)]
            )
        )
