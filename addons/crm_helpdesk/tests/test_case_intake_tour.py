from odoo.tests import HttpCase, tagged

from .test_case_participant import ParticipantCommon
from .test_case_reply import HTML_MAIL


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseIntakeTour(HttpCase, ParticipantCommon):
    """What mail brings, as agents and administrators see it."""

    def test_agent_looks_at_a_mail(self):
        self._create_cases(name="The grinder smokes a lot")
        case = self._receive(
            "Re: The grinder smokes", cc=self.jan.email, template=HTML_MAIL
        )

        self.start_tour(
            f"/odoo/cases/{case.id}", "crm_helpdesk_case_intake", login="case_agent"
        )

        self.assertTrue(case.is_spam)
        self.assertEqual(case.participant_ids.role, "requester")

    def test_administrator_gives_a_team_an_address(self):
        self.start_tour(
            f"/odoo/action-crm_helpdesk.crm_case_team_action/{self.team.id}",
            "crm_helpdesk_case_addresses",
            login="case_manager",
        )

        self.assertEqual(self.team.late_follow_up, "refuse")
        case = self._receive(to=f"tour-returns@{self.alias_domain}")
        self.assertEqual(case.address_id, self.team.address_ids)
