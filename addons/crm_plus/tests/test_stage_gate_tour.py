from odoo import Command
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestStageGateTour(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seller = new_test_user(
            cls.env, login="gate_seller", groups="sales_team.group_sale_salesman"
        )
        cls.manager = new_test_user(
            cls.env, login="gate_manager", groups="sales_team.group_sale_manager"
        )
        cls.team = cls.env["crm.team"].create(
            {"name": "Harbour", "member_ids": [Command.set(cls.seller.ids)]}
        )
        # the only stages of the pipeline, so that the columns fit the screen
        cls.env["crm.stage"].search([]).write({"fold": True})
        cls.first, cls.second = cls.env["crm.stage"].create(
            [
                {"name": "Gate first", "sequence": 3000, "team_ids": cls.team.ids},
                {"name": "Gate second", "sequence": 3001, "team_ids": cls.team.ids},
            ]
        )
        cls.frame = cls.env["crm.frame"].create(
            {"name": "Harbour", "criterion_ids": [Command.create({"name": "Need"})]}
        )
        cls.env["crm.stage.gate"].create(
            {"stage_id": cls.second.id, "frame_rule": "required"}
        )
        cls.lead = cls.env["crm.lead"].create(
            {
                "name": "Roastery of the harbour",
                "type": "opportunity",
                "user_id": cls.seller.id,
                "team_id": cls.team.id,
                "stage_id": cls.first.id,
                "frame_id": cls.frame.id,
            }
        )

    def test_seller_answers_and_passes(self):
        with mute_logger("odoo.http"):
            self.start_tour(
                "/odoo/action-crm.crm_lead_action_pipeline",
                "crm_plus_gate_seller",
                login="gate_seller",
            )
        self.assertEqual(self.lead.stage_id, self.second)
        self.assertRecordValues(
            self.lead.frame_answer_ids,
            [{"value": "Their machine is twenty years old", "user_id": self.seller.id}],
        )
        self.assertFalse(self.lead.stage_pass_ids)

    def test_manager_passes_with_a_reason(self):
        with mute_logger("odoo.http"):
            self.start_tour(
                f"/odoo/crm/{self.lead.id}",
                "crm_plus_gate_manager",
                login="gate_manager",
            )
        self.assertEqual(self.lead.stage_id, self.second)
        self.assertRecordValues(
            self.lead.stage_pass_ids,
            [{"user_id": self.manager.id, "reason": "They bought from us for years"}],
        )
