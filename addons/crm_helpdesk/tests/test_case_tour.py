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

    def test_anybody_on_the_form(self):
        self.env["ir.config_parameter"].set_param("crm_helpdesk.form_min_seconds", "0")
        self.team.is_public_form = True
        self.team.case_properties_definition = [
            {
                "name": "kind",
                "string": "Kind*",
                "type": "selection",
                "selection": [["noise", "Noise"], ["leak", "Leak"]],
            }
        ]

        self.start_tour(self.team._get_form_path(), "crm_helpdesk_case_form")

        case = self.env["crm.case"].search(
            [("email_normalized", "=", "nora@neu.example")]
        )
        self.assertRecordValues(
            case, [{"name": "It leaks", "channel": "web", "team_id": self.team.id}]
        )
        self.assertEqual(case.case_properties["kind"], "Leak")

    def test_agent_logs_a_call(self):
        self.company.country_id = self.env.ref("base.de")
        self.ida.write({"phone": "030 901820", "country_id": self.env.ref("base.de")})

        self.start_tour(
            "/odoo/action-crm_helpdesk.crm_case_call_action",
            "crm_helpdesk_case_call",
            login="case_agent",
        )

        case = self.env["crm.case"].search([("partner_id", "=", self.ida.id)])
        self.assertRecordValues(
            case,
            [
                {
                    "channel": "phone",
                    "stage_category": "solved",
                    "user_id": self.agent.id,
                }
            ],
        )
