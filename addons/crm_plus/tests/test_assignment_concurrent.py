from contextlib import contextmanager

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.sql_db import db_connect
from odoo.tests import TransactionCase, get_db_name, tagged
from odoo.tools import mute_logger


@tagged("post_install", "-at_install")
class TestAssignmentConcurrent(TransactionCase):
    """Two runs at once give a lead once, and nobody two turns in a row.

    Real transactions on connections of their own: what is committed here is removed
    after the test.
    """

    def setUp(self):
        super().setUp()
        self.addCleanup(self._remove_committed)
        with self._env() as env:
            self.rules_before = env["crm.assignment.rule"].search([]).ids
            env["crm.assignment.rule"].browse(self.rules_before).active = False
            users = env["res.users"].create(
                [
                    {
                        "name": name,
                        "login": f"concurrent_{name}",
                        "group_ids": [
                            (4, env.ref("sales_team.group_sale_salesman").id)
                        ],
                    }
                    for name in ("ann", "bob")
                ]
            )
            team = env["crm.team"].create(
                {"name": "Concurrent", "assignment_engine": "plus"}
            )
            members = env["crm.team.member"].create(
                [
                    {"crm_team_id": team.id, "user_id": u.id, "assignment_max": 99}
                    for u in users
                ]
            )
            rule = env["crm.assignment.rule"].create(
                {
                    "name": "Concurrent",
                    "team_id": team.id,
                    "hours": "any",
                    "notify": "none",
                }
            )
            leads = env["crm.lead"].create(
                [{"name": f"Concurrent {i}", "user_id": False} for i in range(4)]
            )
            env.cr.commit()
            self.created = [
                (records._name, records.ids)
                for records in (leads, rule, members, team, users)
            ]
            self.partner_ids = users.partner_id.ids
            self.lead_ids = leads.ids

    @contextmanager
    def _env(self):
        """An environment in a real transaction, rolled back unless committed."""
        with db_connect(get_db_name()).cursor() as cr:
            cr.transaction = None
            Registry(get_db_name())
            yield api.Environment(cr, SUPERUSER_ID, {})

    def _remove_committed(self):
        with self._env() as env:
            env["crm.assignment.log"].search(
                [("res_model", "=", "crm.lead"), ("res_id", "in", self.lead_ids)]
            ).unlink()
            for name, ids in self.created:
                env[name].browse(ids).unlink()
            env["res.partner"].browse(self.partner_ids).unlink()
            env["crm.assignment.rule"].browse(self.rules_before).active = True
            env.cr.commit()

    def _snapshot(self, env):
        """What the transaction sees is fixed from its first query on."""
        env.cr.execute("SELECT count(*) FROM crm_assignment_log")

    def test_the_second_run_starts_over(self):
        with self._env() as first, self._env() as second:
            self._snapshot(second)
            first["crm.lead"].browse(self.lead_ids[:2])._assignment_run()
            first.cr.commit()

            # other leads, yet the turns it sees are not those of now
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.SerializationFailure),
            ):
                second["crm.lead"].browse(self.lead_ids[2:])._assignment_run()
            second.cr.rollback()
            second["crm.lead"].browse(self.lead_ids)._assignment_run()
            second.cr.commit()

        with self._env() as env:
            leads = env["crm.lead"].browse(self.lead_ids)
            logs = env["crm.assignment.log"].search([("lead_id", "in", self.lead_ids)])
            self.assertEqual(len(logs), 4)
            self.assertEqual(sorted(logs.lead_id.ids), sorted(self.lead_ids))
            takers = leads.mapped(lambda lead: lead.user_id.id)
            self.assertEqual({takers.count(user_id) for user_id in takers}, {2})

    def test_a_lead_that_somebody_edits_is_left(self):
        with self._env() as editor, self._env() as run:
            editor.cr.execute(
                "UPDATE crm_lead SET name = 'x' WHERE id = %s", [self.lead_ids[0]]
            )

            run["crm.lead"].browse(self.lead_ids)._assignment_run()
            run.cr.commit()
            editor.cr.rollback()

        with self._env() as env:
            leads = env["crm.lead"].browse(self.lead_ids)
            self.assertFalse(leads[0].user_id)
            self.assertTrue(all(lead.user_id for lead in leads[1:]))
