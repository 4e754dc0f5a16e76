from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged

from .test_campaign_steps import StepCommon

FEW, MANY = 20, 60


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignQueries(StepCommon):
    """What one more participant costs, in queries, counted for 20 and for 60 of them;
    and the whole round of the scheduler that does 20.

    =================== =============== =====================
    step                one participant round of 20, at most
    =================== =============== =====================
    enter               0               12, without the round
    wait                0               60
    wait for an event   0               70
    condition           0               70
    update              0               80
    activity            0               100
    mail, composed      below 2         170
    mail, also sent     below 13        420
    =================== =============== =====================
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.crowd = cls.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "email_from": f"q{number}@queries.example",
                    "user_id": cls.seller.id,
                    "team_id": False,
                }
                for number in range(FEW + MANY)
            ]
        )

    def test_rows_of_many_carry_no_more_than_they_need(self):
        """Each key and index of a task is a look-up for each of 100,000 tasks."""
        self.env.cr.execute(
            """
            SELECT a.attname FROM pg_constraint c
              JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
             WHERE c.conrelid = 'crm_campaign_task'::regclass AND c.contype = 'f'
            """
        )
        self.assertEqual(
            {row[0] for row in self.env.cr.fetchall()},
            {"participant_id", "step_id", "way_id", "create_uid", "write_uid"},
        )
        self.env.cr.execute(
            """
            SELECT i.indexrelid::regclass::text, o.indexrelid::regclass::text
              FROM pg_index i
              JOIN pg_index o ON o.indrelid = i.indrelid
               AND o.indexrelid <> i.indexrelid AND o.indpred IS NULL
             WHERE i.indrelid IN ('crm_campaign_task'::regclass,
                                  'crm_campaign_participant'::regclass)
               AND i.indnatts = 1 AND i.indpred IS NULL AND o.indkey[0] = i.indkey[0]
            """
        )
        self.assertEqual(self.env.cr.fetchall(), [], "covered by the other's first key")

    def _count(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        work()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def _measure(self, kind, **values):
        """``(queries of each further participant, of the round of a few)``."""
        counts = []
        # once for what is cached for ever
        for leads in (self.leads, self.crowd[:FEW], self.crowd[FEW:]):
            campaign = self._create_campaign(leads)
            step = self._add_step(campaign, kind, **values)
            campaign.action_start()
            self._pass(days=9)
            with self._sending():
                counts.append(self._count(self.cron.method_direct_trigger))
            self.env.invalidate_all()
            self.assertEqual(
                set(self._tasks(campaign, step).mapped("state")) - {"done", "sending"},
                set(),
            )
            campaign.action_stop()
        _warm, few, many = counts
        return (many - few) / (MANY - FEW), few

    def test_enrolment(self):
        counts = []
        for leads in (self.leads, self.crowd[:FEW], self.crowd[FEW:]):
            campaign = self._create_campaign(leads)
            self._add_step(campaign, "wait")
            campaign.write({"state": "running", "date_started": self._now()})
            counts.append(self._count(campaign._enrol))
            self.assertEqual(len(campaign.participant_ids), len(leads))
        self.assertEqual(counts[1], counts[2])
        self.assertLessEqual(counts[1], 12)

    def test_steps_in_one_statement(self):
        kind = self.env["crm.touchpoint.kind"].search([], limit=1)
        for name, most, values in (
            ("wait", 60, {}),
            (
                "wait_event",
                70,
                {
                    "event_kind_ids": [Command.set(kind.ids)],
                    "event_domain": "[('amount', '>=', 100)]",
                },
            ),
            ("condition", 70, {"condition": "[('priority', '=', '3')]"}),
        ):
            with self.subTest(name):
                each, few = self._measure(name, **values)
                self.assertEqual(each, 0)
                self.assertLessEqual(few, most)

    def test_update(self):
        each, few = self._measure(
            "update",
            value_ids=[
                Command.create(
                    {"field_id": self._get_field("city").id, "value": "Porto"}
                )
            ],
        )
        self.assertEqual(each, 0)
        self.assertLessEqual(few, 80)

    def test_activity(self):
        each, few = self._measure("activity")
        self.assertEqual(each, 0)
        self.assertLessEqual(few, 100)

    def test_mail_is_composed(self):
        Task = self.env.registry["crm.campaign.task"]
        with patch.object(Task, "_send_mails", lambda tasks: 0):
            each, few = self._measure("mail")
        self.assertLess(each, 2)
        self.assertLessEqual(few, 170)

    def test_mail_is_composed_and_sent(self):
        each, few = self._measure("mail")
        self.assertLess(each, 13)
        # with what the contact policy asks before they go, and whether all stand still
        self.assertLessEqual(few, 450)
