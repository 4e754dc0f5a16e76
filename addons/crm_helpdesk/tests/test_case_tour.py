from odoo.tests import HttpCase, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseTour(HttpCase, CaseCommon):
    def test_agent_answers_a_case(self):
        self.agent.name = "Tour Agent"
        case = self._receive("The grinder does not start")

        self.start_tour(
            "/odoo/action-crm_helpdesk.crm_case_action?view_type=list",
            "crm_helpdesk_case_answer",
            login="case_agent",
        )

        self.assertTrue(case.date_first_response)
        self.assertEqual(case.user_id, self.agent)
        self.assertEqual(case.stage_id, self.stages["solved"])
        answer = case.message_ids.filtered(
            lambda m: m.author_id == self.agent.partner_id
        )
        self.assertIn(self.ida, answer.notified_partner_ids)

    def test_overview(self):
        self.team.name = "Tour Team"
        self._receive("The grinder does not start")
        self.start_tour(
            "/odoo/action-crm_helpdesk.crm_case_team_action_dashboard",
            "crm_helpdesk_overview",
            login="case_agent",
        )

    def test_customer_on_the_portal(self):
        self.env["crm.case.team"].search([("id", "!=", self.team.id)]).is_portal = False

        self.start_tour("/my", "crm_helpdesk_case_portal", login="case_ida")

        case = self.env["crm.case"].search([("partner_id", "=", self.ida.id)])
        self.assertRecordValues(
            case,
            [{"name": "No power", "channel": "portal", "stage_category": "solved"}],
        )
        self.assertIn("The lamp is on", "".join(case.message_ids.mapped("body")))
