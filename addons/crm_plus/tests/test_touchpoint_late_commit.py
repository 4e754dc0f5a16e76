from contextlib import contextmanager
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.modules.registry import Registry
from odoo.sql_db import db_connect
from odoo.tests import TransactionCase, get_db_name, tagged

from odoo.addons.crm_plus.models.touchpoint import crm_touchpoint_watermark

KEY = "lead_created"


@tagged("post_install", "-at_install", "crm_touchpoint")
class TestLateCommit(TransactionCase):
    """Nothing is lost when a transaction commits after a harvest that could not see it.

    Real transactions on connections of their own: what a test commits is removed after
    it. The overlap that covers clock steps is switched off, for it would hide a fault.
    """

    def setUp(self):
        super().setUp()
        self.lead_ids = []
        self.enterContext(patch.object(crm_touchpoint_watermark, "OVERLAP_MINUTES", 0))
        self.addCleanup(self._remove_committed)
        self._forget_watermark()

    @contextmanager
    def _env(self):
        """An environment in a real transaction, rolled back unless committed."""
        with db_connect(get_db_name()).cursor() as cr:
            cr.transaction = None
            registry = Registry(get_db_name())
            env = api.Environment(cr, SUPERUSER_ID, {})
            self.assertIs(env.registry, registry)
            yield env

    def _forget_watermark(self):
        with self._env() as env:
            env.cr.execute(
                "DELETE FROM crm_touchpoint_watermark WHERE source_key = %s", [KEY]
            )
            env.cr.commit()

    def _remove_committed(self):
        self._forget_watermark()
        with self._env() as env:
            env.cr.execute(
                "DELETE FROM crm_touchpoint WHERE lead_id = ANY(%s)", [self.lead_ids]
            )
            env.cr.execute("DELETE FROM crm_lead WHERE id = ANY(%s)", [self.lead_ids])
            env.cr.commit()

    def _insert_lead(self, env):
        """A lead as another program of the company would write it: no hook sees it."""
        env.cr.execute(
            """
            INSERT INTO crm_lead
                        (name, type, active, won_status, create_date, write_date)
                 VALUES ('late', 'lead', TRUE, 'pending', %(now)s, %(now)s)
              RETURNING id
            """,
            {"now": env.cr.now()},
        )
        [lead_id] = env.cr.fetchone()
        self.lead_ids.append(lead_id)
        return lead_id

    def _harvest(self):
        with self._env() as env:
            env["crm.touchpoint"]._harvest([KEY])
            env.cr.commit()

    def _is_in_ledger(self, lead_id):
        with self._env() as env:
            return bool(env["crm.touchpoint"].search_count([("lead_id", "=", lead_id)]))

    def test_row_of_a_transaction_open_during_two_harvests(self):
        self._harvest()
        with self._env() as late:
            lead_id = self._insert_lead(late)
            late.cr.execute("SELECT pg_sleep(1.1)")
            self._harvest()
            self._harvest()
            self.assertFalse(self._is_in_ledger(lead_id))
            late.cr.commit()
        self._harvest()

        self.assertTrue(self._is_in_ledger(lead_id))

    def test_row_committed_between_the_snapshot_and_the_horizon(self):
        """Odoo's transactions see the database as of their first query. What commits
        after that and before the horizon is taken is neither visible nor an open
        transaction.
        """
        self._harvest()
        with self._env() as late, self._env() as harvest:
            lead_id = self._insert_lead(late)
            late.cr.execute("SELECT pg_sleep(1.1)")
            harvest.cr.execute("SELECT count(*) FROM crm_lead")  # takes the snapshot
            late.cr.commit()
            harvest["crm.touchpoint"]._harvest([KEY])
            harvest.cr.commit()
        self.assertFalse(self._is_in_ledger(lead_id))
        self._harvest()

        self.assertTrue(self._is_in_ledger(lead_id))

    def test_watermark_of_the_last_run_would_lose_it(self):
        """The plain watermark, "since the last run", fails the first test: the lag of
        one run behind the oldest open transaction is what holds it.
        """

        def advance(watermark, count, seconds):
            watermark.date_from = fields.Datetime.now()

        watermark_class = type(self.env["crm.touchpoint.watermark"])
        with patch.object(watermark_class, "_advance", advance), self._env() as late:
            self._harvest()
            lead_id = self._insert_lead(late)
            late.cr.execute("SELECT pg_sleep(1.1)")
            self._harvest()
            late.cr.commit()
            self._harvest()

        self.assertFalse(self._is_in_ledger(lead_id))

    def test_watermark_moves_on(self):
        """Rows that are old and done are not read for ever."""
        for _run in range(3):
            self._harvest()

        with self._env() as env:
            watermark = env["crm.touchpoint.watermark"].search(
                [("source_key", "=", KEY)]
            )
            self.assertTrue(watermark.date_from)
            self.assertLessEqual(watermark.date_from, watermark.date_horizon)
