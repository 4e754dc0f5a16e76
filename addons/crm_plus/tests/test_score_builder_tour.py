from odoo.tests import HttpCase, new_test_user, tagged


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestScoreBuilderTour(HttpCase):
    def test_manager_builds_a_model_and_sees_who_would_move(self):
        new_test_user(self.env, login="builder", groups="sales_team.group_sale_manager")
        self.env["crm.score.model"].search([]).active = False
        self.env["crm.lead"].with_context(active_test=False).search([]).unlink()
        leads = self.env["crm.lead"].create(
            [
                {
                    "name": name,
                    "partner_name": name,
                    "email_from": f"info@{name.lower()}.example",
                    "type": "lead",
                }
                for name in ("Roastery", "Bakery", "Hotel")
            ]
        )
        self.env.flush_all()
        self.env.cr.precommit.run()

        self.start_tour("/odoo", "crm_plus_score_builder", login="builder")

        model = self.env["crm.score.model"].search([("target", "=", "lead")])
        self.assertRecordValues(model, [{"active": True, "is_draft": False}])
        self.assertIn(45, model.rule_ids.mapped("points"))
        self.assertFalse(leads.filtered("score_grade"), "comparing scored nothing")
        leads._score_recompute()
        self.assertEqual(set(leads.mapped("score_model_id")), {model})
