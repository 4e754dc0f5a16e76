from odoo.tests import HttpCase, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseIntakeTour(HttpCase, CaseCommon):
    """What mail brings, as administrators set it up."""

    def test_administrator_gives_a_team_an_address(self):
        self.start_tour(
            f"/odoo/action-crm_helpdesk.crm_case_team_action/{self.team.id}",
            "crm_helpdesk_case_addresses",
            login="case_manager",
        )

        self.assertEqual(self.team.late_follow_up, "refuse")
        case = self._receive(to=f"tour-returns@{self.alias_domain}")
        self.assertEqual(case.address_id, self.team.address_ids)
