from unittest import skipUnless

from odoo import Command
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..tools import prediction
from .test_prediction import PredictionCommon


@tagged("post_install", "-at_install", "crm_plus_tour")
@skipUnless(prediction.is_available(), "scikit-learn is not installed")
class TestPredictionTour(PredictionCommon, HttpCase):
    """600 decided leads of one team; won more often in one country."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prediction.unlink()
        for login, group in (
            ("chance_seller", "sales_team.group_sale_salesman"),
            ("chance_manager", "sales_team.group_sale_manager"),
        ):
            new_test_user(cls.env, login=login, groups=group, company_id=cls.company.id)
        cls.seller = cls.env["res.users"].search([("login", "=", "chance_seller")])
        cls.team.write(
            {
                "name": "Harbour",
                "company_id": False,
                "member_ids": [Command.set(cls.seller.ids)],
            }
        )
        cls._leads(600)
        cls.lead = cls._leads(1, status="pending")
        defaults = cls.env["ir.default"]
        defaults.set("crm.prediction.model", "minimum_sample", 300)

    def _start(self, path, tour, login):
        with mute_logger("odoo.http"):
            self.start_tour(path, f"crm_plus_prediction_{tour}", login=login)

    def test_prediction_from_making_to_reason(self):
        self._start(
            "/odoo/action-crm_plus.crm_prediction_model_action",
            "make",
            "chance_manager",
        )
        model = self.env["crm.prediction.model"].search([])
        self.assertEqual(model.team_ids, self.team)
        self.assertTrue(model.date_next_training)
        self.assertFalse(model.version_ids)

        self._run_cron("train")
        self.assertEqual(model.version_id.state, "used", model.last_message)
        path = f"/odoo/action-crm_plus.crm_prediction_model_action/{model.id}"
        self._start(path, "read", "chance_manager")

        self._run_cron("score")
        self.assertEqual(self.lead.predict_version_id, model.version_id)
        self._start(f"/odoo/crm/{self.lead.id}", "why", "chance_manager")
        self._start(f"/odoo/crm/{self.lead.id}", "why", "chance_seller")
        self._start(path, "locked", "chance_seller")
