from collections import Counter
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from ..tools.collision import MAX_COLLISIONS
from .common import CrmPlusCommon


@tagged("post_install", "-at_install", "crm_plus_collision")
class TestNightlyCollision(CronMixinCase, CrmPlusCommon):
    """Somebody writes on what a job works on: the job tries again, and what does not
    end rests a minute, not a day. An exception would use up the triggers, too.
    """

    def _run(self, xmlid):
        self.env.flush_all()
        self.env.cr.precommit.clear()
        with self.enter_registry_test_mode():
            # an exception of the job is returned, as an action to show it
            self.assertIs(self.env.ref(xmlid).method_direct_trigger(), True)
        self.env.invalidate_all()

    def _check(self, xmlid, model, method):
        Model = self.env.registry[model]
        original = getattr(Model, method)
        calls = Counter()
        collisions = 2

        def collide(records, *args, **kwargs):
            result = original(records, *args, **kwargs)
            calls["begun"] += 1
            if calls["begun"] <= collisions:
                raise SerializationFailure("could not serialize access")
            calls["done"] += 1
            return result

        with patch.object(Model, method, collide):
            with self.capture_triggers(xmlid) as capture:
                self._run(xmlid)
            self.assertGreaterEqual(calls["done"], 1, "tried again")
            self.assertFalse(capture.records)
            calls.clear()
            collisions = 1000
            before = fields.Datetime.now()
            with self.capture_triggers(xmlid) as capture:
                self._prepare()
                self._run(xmlid)
            later = capture.records.filtered(
                lambda one: one.call_at >= before + timedelta(seconds=55)
            )
            self.assertGreaterEqual(calls["begun"], MAX_COLLISIONS)
            self.assertFalse(calls["done"])
            self.assertTrue(later, "comes again by itself, after a rest")
            self.assertLess(later[:1].call_at, before + timedelta(minutes=3))

    def _prepare(self):
        """Something for the job to do."""

    def test_facts_of_customers(self):
        self._prepare = self._make_profiles_due
        self._prepare()
        self._check(
            "crm_plus.ir_cron_rebuild_profiles", "crm.customer.profile", "_read_facts"
        )

    def test_comparison_of_customers(self):
        self._prepare = self._make_profiles_due
        self._prepare()
        self._check(
            "crm_plus.ir_cron_rebuild_profiles", "crm.customer.profile", "_compare"
        )

    def test_age_of_customers(self):
        self._prepare = self._make_profiles_due
        self._prepare()
        self._check("crm_plus.ir_cron_rebuild_profiles", "crm.customer.profile", "_age")

    def _make_profiles_due(self):
        self.env["sale.order"].create({"partner_id": self.customer.id}).action_confirm()
        self.env["crm.customer.yardstick"]._get_all().date = False
        self.env["crm.customer.profile"].search([]).date_rebuilt = False

    def test_holds(self):
        self._check("crm_plus.ir_cron_refresh_holds", "crm.contact.hold", "_refresh")

    def test_lifecycle(self):
        self._create_leads()
        self._check(
            "crm_plus.ir_cron_advance_lifecycle",
            "crm.lifecycle.event",
            "_advance_leads",
        )

    def test_stage_history(self):
        self._check("crm_plus.ir_cron_sync_stage_history", "crm.stage.history", "_sync")

    def test_past_scores(self):
        self._check("crm_plus.ir_cron_keep_scores", "crm.score.past", "_keep")

    def test_scores(self):
        self.env["crm.score.model"].create({"name": "Collides", "target": "lead"})
        self._create_leads()
        self._prepare = lambda: self.env["crm.score.run"]._create_runs({"crm.lead"})
        self._check("crm_plus.ir_cron_recompute_scores", "crm.score.run", "_step")

    def _make_prediction(self):
        return self.env["crm.prediction.model"].create(
            {
                "name": "Collides",
                "company_id": self.company.id,
                "age_days": 1,
                "user_id": self.manager.id,
                "input_ids": [
                    Command.create(
                        {
                            "source": "field",
                            "field_path": "country_id",
                        }
                    )
                ],
            }
        )

    def test_predictions(self):
        prediction = self._make_prediction()
        Model = self.env.registry["crm.prediction.model"]
        self.patch(
            Model, "_get_scoring_models", lambda self: self.browse(prediction.id)
        )
        # scored by another test; here only what becomes of a collision
        self.patch(Model, "_score_due", lambda self, **kwargs: [])
        self._check(
            "crm_plus.ir_cron_score_predictions", "crm.prediction.model", "_score_due"
        )

    def test_values_kept_for_predictions(self):
        self._make_prediction()
        leads = self._create_leads(2, company_id=self.company.id)
        self.env.flush_all()
        two_days_ago = fields.Datetime.now() - timedelta(days=2)
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s, write_date = %s WHERE id = ANY(%s)",
            [two_days_ago, two_days_ago, leads.ids],
        )
        self.env.invalidate_all()
        kept = self.env["crm.prediction.snapshot"].search(
            [("lead_id", "in", leads.ids)]
        )
        self.assertFalse(kept)

        def forget():
            self.env["crm.prediction.snapshot"].search([]).unlink()

        self._prepare = forget
        self._check(
            "crm_plus.ir_cron_score_predictions", "crm.prediction.snapshot", "_keep"
        )
