from odoo.fields import Command
from odoo.tests import HttpCase, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseStructureTour(HttpCase, CaseCommon):
    def test_agent_solves_what_asks_for_something(self):
        self.agent.name = "Tour Agent"
        self.team.is_resolution_required = True
        incident = self.env.ref("crm_helpdesk.crm_case_type_incident")
        self.env["crm.case.checklist"].create(
            {
                "name": "Leak",
                "type_ids": [Command.link(incident.id)],
                "is_required": True,
                "line_ids": [Command.create({"name": "Close the tap"})],
            }
        )
        case = self._create_cases(
            name="The boiler leaks", type_id=incident.id, impact="1", urgency="3"
        )
        part = self._create_cases(name="Order a seal", parent_id=case.id)

        self.start_tour(
            "/odoo/action-crm_helpdesk.crm_case_action?view_type=list",
            "crm_helpdesk_case_structure",
            login="case_agent",
        )

        self.assertRecordValues(
            case,
            [
                {
                    "stage_category": "solved",
                    "priority": "2",
                    "resolution_id": self.env.ref(
                        "crm_helpdesk.crm_case_resolution_advice"
                    ).id,
                }
            ],
        )
        self.assertEqual(case.check_ids.user_done_id, self.agent)
        self.assertTrue(part.is_closed)
