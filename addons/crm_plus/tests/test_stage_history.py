from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.sql_db import Cursor
from odoo.tests import freeze_time, tagged
from odoo.tools import SQL

from .common import CrmPlusCommon

START = datetime(2026, 3, 2, 9)


@tagged("post_install", "-at_install", "crm_plus_stage_history")
class TestStageHistory(CrmPlusCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team = cls.env["crm.team"].create({"name": "Leaky", "user_id": False})
        cls.first, cls.second, cls.third, cls.won = cls.env["crm.stage"].create(
            [
                {
                    "name": name,
                    "sequence": 2000 + i,
                    "team_ids": cls.team.ids,
                    "is_won": name == "Won",
                }
                for i, name in enumerate(("First", "Second", "Third", "Won"))
            ]
        )
        cls.History = cls.env["crm.stage.history"]

    def _leads(self, count=1, **values):
        return self._create_leads(
            count,
            **{"team_id": self.team.id, "stage_id": self.first.id, **values},
        )

    def _backdate(self, leads, date):
        """The leads were created at ``date``, with all that is known of them."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s, date_last_stage_update = %s"
            " WHERE id = ANY(%s)",
            [date, date, leads.ids],
        )
        self.env.cr.execute(
            "UPDATE crm_stage_history SET date_start = %s WHERE lead_id = ANY(%s)",
            [date, leads.ids],
        )
        self.env.invalidate_all()

    def _visits(self, lead):
        visits = self.History.search([("lead_id", "=", lead.id)], order="id")
        return [
            (visit.stage_id, visit.outcome or "open", visit.next_stage_id)
            for visit in visits
        ]

    def test_kept_on_write(self):
        lead = self._leads()
        none = self.env["crm.stage"]
        self.assertEqual(self._visits(lead), [(self.first, "open", none)])
        lead.stage_id = self.second
        lead.stage_id = self.first
        self.assertEqual(
            self._visits(lead),
            [
                (self.first, "forward", self.second),
                (self.second, "back", self.first),
                (self.first, "open", none),
            ],
        )
        lead.action_set_lost()
        self.assertEqual(self._visits(lead)[-1], (self.first, "lost", none))
        # revived: it never left
        lead.action_restore()
        self.assertEqual(self._visits(lead)[-1], (self.first, "open", none))
        self.assertEqual(len(self._visits(lead)), 3)
        lead.action_set_junk()
        self.assertEqual(self._visits(lead)[-1], (self.first, "junk", none))
        lead.action_set_won()
        self.assertEqual(self._visits(lead)[-1], (self.won, "open", none))
        lead.action_archive()
        self.assertEqual(self._visits(lead)[-1], (self.won, "archived", none))
        self.History._sync()  # nothing to add
        self.assertEqual(len(self._visits(lead)), 4)

    def test_moved_by_sql_or_team(self):
        lead, gone = self._leads(2)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET stage_id = %s WHERE id = %s", [self.third.id, lead.id]
        )
        self.env.cr.execute(
            "UPDATE crm_lead SET active = FALSE, probability = 0, won_status = 'lost',"
            " date_closed = %s WHERE id = %s",
            [self.env.cr.now() + timedelta(days=2), gone.id],
        )
        self.env.invalidate_all()
        self.History._cron_sync()
        self.assertEqual(
            [visit[:2] for visit in self._visits(lead)],
            [(self.first, "forward"), (self.third, "open")],
        )
        self.assertEqual(self._visits(gone)[0][1], "lost")
        visit = self.History.search([("lead_id", "=", gone.id)])
        self.assertEqual(visit.date_end, self.env.cr.now() + timedelta(days=2))
        other = self.env["crm.team"].create({"name": "Others"})
        start = self.env["crm.stage"].create(
            {"name": "Start", "sequence": 0, "team_ids": other.ids}
        )
        lead.team_id = other
        self.assertEqual(lead.stage_id, start)
        self.assertEqual(self._visits(lead)[-1][0], start)

    def test_many_in_constant_queries(self):
        few, many = self._leads(5), self._leads(200)

        def count(leads):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.History._sync(leads.ids)
            return self.env.cr.sql_log_count - start

        self.assertEqual(count(few), count(many))
        self.assertEqual(count(many), 3)

    def test_leads_restored_together_are_followed_together(self):
        """Odoo restores lost leads by a write on each; the ledger follows them all."""
        few, many = self._leads(3), self._leads(30)
        (few + many).action_set_lost()
        execute = Cursor.execute
        statements = []

        def count(cr, query, *args, **kwargs):
            text = query.code if isinstance(query, SQL) else query
            if "crm_stage_history" in text and not text.lstrip().startswith("SELECT"):
                statements.append(text)
            return execute(cr, query, *args, **kwargs)

        counts = []
        for leads in (few, many):
            self.env.flush_all()
            self.env.invalidate_all()
            statements.clear()
            with patch.object(Cursor, "execute", count):
                leads.action_restore()
                self.env.flush_all()
            counts.append(len(statements))
            self.assertEqual(
                {visit[:2] for lead in leads for visit in self._visits(lead)},
                {(self.first, "open")},
            )
        self.assertEqual(*counts)
        # it is one statement that closes, one that resumes, one that opens
        self.assertEqual(counts[0], 3)

    def test_backfill(self):
        moved, still, lost = self._leads(3)
        self.flush_tracking()
        self._backdate(moved + still + lost, START)
        for days, stage in ((2, self.second), (5, self.third)):
            with freeze_time(START + timedelta(days=days)):
                (moved + lost).stage_id = stage
                self.flush_tracking()
                messages = self.env["mail.message"].search(
                    [("model", "=", "crm.lead"), ("res_id", "in", moved.ids + lost.ids)]
                )
                last = messages.filtered("tracking_value_ids").sorted("id")[-2:]
                last.date = START + timedelta(days=days)
        with freeze_time(START + timedelta(days=9)):
            lost.action_set_lost()
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM crm_stage_history")
        self.env.invalidate_all()
        self.History._backfill()
        visits = self.History.search([("lead_id", "=", moved.id)], order="id")
        self.assertRecordValues(
            visits,
            [
                {
                    "stage_id": self.first.id,
                    "date_start": START,
                    "date_end": START + timedelta(days=2),
                    "outcome": "forward",
                },
                {
                    "stage_id": self.second.id,
                    "date_start": START + timedelta(days=2),
                    "date_end": START + timedelta(days=5),
                    "outcome": "forward",
                },
                {
                    "stage_id": self.third.id,
                    "date_start": START + timedelta(days=5),
                    "date_end": False,
                    "outcome": False,
                },
            ],
        )
        self.assertEqual(self._visits(still)[0][:2], (self.first, "open"))
        visit = self.History.search([("lead_id", "=", lost.id)], order="id")[-1]
        self.assertRecordValues(
            visit,
            [{"outcome": "lost", "date_end": START + timedelta(days=9)}],
        )
        count = self.History.search_count([])
        self.History._backfill()  # twice adds nothing
        self.assertEqual(self.History.search_count([]), count)

    def _report(self, stage):
        self.env.invalidate_all()
        return self.env["crm.stage.leakage.report"].search(
            [("stage_id", "=", stage.id), ("team_id", "=", self.team.id)]
        )

    def test_leakage(self):
        """Six enter the first stage: one is lost there, one stalls, three move on (one
        of them is lost in the second), one is fresh; a seventh is junk.
        """
        now = self.env.cr.now()
        lost, stalled, moved, moved_2, gone, fresh, junk = self._leads(
            7, expected_revenue=100
        )
        self._backdate(lost + stalled + moved + moved_2 + gone + junk, now)
        self.first.rotting_threshold_days = 30
        self._backdate(stalled, now - timedelta(days=31))
        self._backdate(fresh, now - timedelta(days=29))
        lost.action_set_lost()
        (moved + moved_2 + gone).stage_id = self.second
        gone.action_set_lost()
        moved.stage_id = self.won
        junk.action_set_junk()
        rows = self._report(self.first)
        self.assertEqual(len(rows), 6)
        by_lead = {row.lead_id: row for row in rows}
        self.assertEqual(
            {lead for lead, row in by_lead.items() if row.conversion},
            {moved, moved_2, gone},
        )
        self.assertEqual({lead for lead in by_lead if by_lead[lead].is_lost}, {lost})
        self.assertEqual(
            {lead for lead in by_lead if by_lead[lead].is_stalled}, {stalled}
        )
        [(_stage, conversion, leakage, value)] = self.env[
            "crm.stage.leakage.report"
        ]._read_group(
            [("team_id", "=", self.team.id), ("stage_id", "=", self.first.id)],
            ["stage_id"],
            ["conversion:avg", "leakage:avg", "leaked_value:sum"],
        )
        self.assertAlmostEqual(conversion, 3 / 6)
        self.assertAlmostEqual(leakage, 2 / 6)
        self.assertEqual(value, 200)
        self.assertEqual(self._report(self.second).filtered("is_lost").lead_id, gone)
        self.assertFalse(self._report(self.won))
        shares = self.env["crm.stage.leakage.report"]._read_group(
            [("team_id", "=", self.team.id)], ["stage_id"], ["leaked_share:avg"]
        )
        self.assertEqual(
            {stage: round(share, 4) for stage, share in shares},
            {self.first: 0.6667, self.second: 0.3333},
        )
        # revived: it leaves the leak
        lost.action_restore()
        self.assertFalse(self._report(self.first).filtered("is_lost"))

    def test_leakage_page(self):
        """K21: each figure, and the deals behind it; of the stages entered in time."""
        now = self.env.cr.now()
        lost, stalled, moved, before = self._leads(4, expected_revenue=100)
        moved.expected_revenue = 300
        self.first.rotting_threshold_days = 30
        self._backdate(lost + moved, now)
        self._backdate(stalled, now - timedelta(days=31))
        self._backdate(before, now - timedelta(days=400))
        moved.stage_id = self.second
        (lost + moved + before).action_set_lost()
        other = self._leads(1, team_id=False)
        self.env.flush_all()
        Report = self.env["crm.stage.leakage.report"].with_user(self.manager)
        day = fields.Date.to_string
        period = (day(now - timedelta(days=60)), day(now + timedelta(days=1)))

        page = Report.get_leakage(*period, {"team_id": self.team.id})

        self.assertEqual(
            [
                [row[key] for key in ("id", "entered", "lost", "stalled", "rate")]
                for row in page["rows"]
            ],
            [
                [self.first.id, 3, 1, 1, 66.7],
                [self.second.id, 1, 1, 0, 100.0],
            ],
        )
        self.assertEqual([row["value"] for row in page["rows"]], [200, 300])
        self.assertEqual([row["share"] for row in page["rows"]], [40.0, 60.0])
        for row in page["rows"]:
            for name in ("lost", "stalled", "leaked"):
                self.assertEqual(
                    Report.search_count(row[f"{name}_domain"]), row[name], name
                )
            self.assertEqual(Report.search_count(row["domain"]), row["entered"])
        self.assertEqual(
            Report.search(page["rows"][0]["stalled_domain"]).lead_id, stalled
        )
        # long ago, and of other teams
        before_rows = Report.get_leakage(
            day(now - timedelta(days=410)), day(now - timedelta(days=390))
        )["rows"]
        self.assertIn(
            before, Report.search(before_rows[0]["lost_domain"]).mapped("lead_id")
        )
        everything = Report.get_leakage(*period)["rows"]
        first = next(row for row in everything if row["id"] == self.first.id)
        self.assertIn(other, Report.search(first["domain"]).lead_id)

    def test_leakage_page_counts_days_of_the_company(self):
        """Half past eleven at night in Greenwich is the next day in Brussels."""
        self.company.partner_id.tz = "Europe/Brussels"
        lead = self._leads(company_id=self.company.id)
        self._backdate(lead, datetime(2026, 1, 14, 23, 30))
        for zone in ("Pacific/Honolulu", "Pacific/Kiritimati"):
            Report = self.env["crm.stage.leakage.report"].with_user(self.manager)
            Report = Report.with_context(tz=zone, allowed_company_ids=self.company.ids)
            for day, entered in (("2026-01-14", []), ("2026-01-15", [1])):
                page = Report.get_leakage(day, day, {"team_id": self.team.id})
                self.assertEqual([row["entered"] for row in page["rows"]], entered)

    def test_leakage_page_of_nothing(self):
        page = self.env["crm.stage.leakage.report"].get_leakage(
            "2001-01-01", "2001-01-31"
        )
        self.assertEqual((page["rows"], page["leaked"]), ([], 0))

    def test_stalls_by_twice_the_median(self):
        now = self.env.cr.now()
        done = self._leads(5)
        slow, fresh = self._leads(2)
        self._backdate(slow, now - timedelta(days=21))
        self._backdate(fresh, now - timedelta(days=19))
        self._backdate(done[:4], now - timedelta(days=10))
        done[:4].stage_id = self.second
        # four are too few to say what is usual
        self.assertFalse(self._report(self.first).filtered("is_stalled"))
        self._backdate(done[4], now - timedelta(days=10))
        done[4].stage_id = self.second
        self.assertEqual(self._report(self.first).filtered("is_stalled").lead_id, slow)

    def test_rights(self):
        lead = self._leads(user_id=self.seller_2.id, company_id=self.company.id)
        for model in ("crm.stage.history", "crm.stage.leakage.report"):
            domain = [("lead_id", "=", lead.id)]
            for user, count in (
                (self.seller, 0),
                (self.seller_2, 1),
                (self.manager, 1),
                (self.user_other_company, 0),
            ):
                rows = self.env[model].with_user(user)
                self.assertEqual(rows.search_count(domain), count, (model, user.login))
        visit = self.History.search([("lead_id", "=", lead.id)])
        with self.assertRaises(AccessError):
            visit.with_user(self.manager).unlink()
        with self.assertRaises(AccessError):
            self.env["crm.stage.history"].with_user(self.seller_2).create(
                {"lead_id": lead.id, "stage_id": self.won.id, "date_start": START}
            )


@tagged("post_install", "-at_install", "crm_plus_stage_history")
class TestActionLift(CrmPlusCommon):
    """Of five closed deals three had a call before: two of these were won, and one of
    the other two. A call after the end does not count.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team = cls.env["crm.team"].create({"name": "Callers"})
        cls.call = cls.env.ref("mail.mail_activity_data_call")
        leads = cls._create_leads(7, team_id=cls.team.id)
        won, lost = leads[:3], leads[3:5]
        cls.called = leads[:2] + leads[3]
        for lead in cls.called:
            lead.activity_schedule(activity_type_id=cls.call.id)._action_done()
        won.action_set_won()
        lost.action_set_lost()
        leads[6].activity_schedule(activity_type_id=cls.call.id)._action_done()
        leads[6].action_set_junk()
        late = leads[4].with_context(active_test=False)
        late.activity_schedule(activity_type_id=cls.call.id)._action_done()
        cls.env.flush_all()
        cls.env["mail.message"].search(
            [("model", "=", "crm.lead"), ("res_id", "in", leads.ids)]
        ).date = cls.env.cr.now() - timedelta(days=2)
        late.message_ids.date = cls.env.cr.now() + timedelta(days=2)
        (won + lost).date_closed = cls.env.cr.now()
        cls.leads = leads

    def test_lift(self):
        [row] = self.env["crm.action.lift.report"]._read_group(
            [("team_id", "=", self.team.id), ("activity_type_id", "=", self.call.id)],
            ["activity_type_id"],
            [
                "has_action:sum",
                "has_none:sum",
                "won_with:avg",
                "won_without:avg",
                "lift:avg",
            ],
        )
        _type, n1, n0, won_with, won_without, lift = row
        self.assertEqual((n1, n0), (3, 2))
        self.assertAlmostEqual(won_with, 2 / 3)
        self.assertAlmostEqual(won_without, 1 / 2)
        self.assertAlmostEqual(lift, 2 / 3 - 1 / 2)

    def test_rights(self):
        self.leads.company_id = self.company
        Report = self.env["crm.action.lift.report"]
        domain = [("lead_id", "in", self.leads.ids)]
        self.assertTrue(Report.with_user(self.seller).search_count(domain))
        for user in (self.seller_2, self.user_other_company):
            self.assertFalse(Report.with_user(user).search_count(domain))
