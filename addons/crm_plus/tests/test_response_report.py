from datetime import datetime

from odoo.exceptions import AccessError
from odoo.tests import freeze_time, tagged

from .test_sla import SlaCommon, at


@tagged("post_install", "-at_install", "crm_sla")
class TestResponseReport(SlaCommon):
    """Leads of Monday, January 5, 2026, promised within 4 h.

    LEAD       ANSWERED AFTER       OUTCOME  TEAM
    quick      10 min               won      A
    hour       1 h                  lost     A
    late       6 h                  open     A
    silent     -, still waiting     open     A
    lost       -, lost after 2 h    lost     B
    won        -, won after 3 h     won      B
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team_a, cls.team_b = cls.env["crm.team"].create(
            [{"name": name, "company_id": cls.company.id} for name in "AB"]
        )
        cls.quick, cls.hour, cls.late, cls.silent, cls.lost, cls.won = (
            cls._create_leads(start=at(9), team_id=team.id)
            for team in [cls.team_a] * 4 + [cls.team_b] * 2
        )
        cls.leads = cls.quick | cls.hour | cls.late | cls.silent | cls.lost | cls.won
        cls.quick._sla_on_human_answer(at(9, 10))
        cls.hour._sla_on_human_answer(at(10))
        cls.late._sla_on_human_answer(at(15))
        with freeze_time(at(11)):
            cls.lost.action_set_lost()
        with freeze_time(at(12)):
            cls.won.action_set_won()
        with freeze_time(at(16)):
            cls.quick.action_set_won()
            cls.hour.action_set_lost()
        cls.env.flush_all()
        cls.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s WHERE id = ANY(%s)",
            [at(9), cls.leads.ids],
        )
        cls.env.invalidate_all()
        cls.Report = cls.env["crm.response.report"]

    def setUp(self):
        super().setUp()
        freezer = freeze_time(at(8, day=1))
        freezer.start()
        self.addCleanup(freezer.stop)

    def _overview(self, user=None, **kwargs):
        values = {"date_from": "2026-01-05", "date_to": "2026-01-06", **kwargs}
        if user:
            return self.Report.with_user(user).get_overview(**values)
        return self.Report.with_company(self.company).get_overview(**values)

    def _row(self, lead):
        return self.Report.browse(lead.id)

    def test_unanswered_has_no_time_and_is_no_zero(self):
        self.assertRecordValues(
            self.Report.search([("id", "in", self.leads.ids)], order="id"),
            [
                {"state": "answered", "band": "a", "unanswered": 0, "won": 1},
                {"state": "answered", "band": "b", "unanswered": 0, "won": 0},
                {"state": "answered", "band": "d", "unanswered": 0, "won": 0},
                {"state": "waiting", "band": "g", "unanswered": 1, "won": 0},
                {"state": "closed", "band": "g", "unanswered": 1, "won": 0},
                # winning it is no answer
                {"state": "closed", "band": "g", "unanswered": 1, "won": 1},
            ],
        )
        self.env.cr.execute(self.Report._table_query)
        names = [column.name for column in self.env.cr.description]
        hours = {
            row[names.index("id")]: row[names.index("response_hours")]
            for row in self.env.cr.fetchall()
        }
        self.assertIsNone(hours[self.silent.id])

    def test_figures_of_the_page(self):
        total = self._overview()["total"]

        self.assertEqual((total["count"], total["answered"]), (6, 3))
        self.assertEqual(total["unanswered"], 3)
        # of 10 min, 1 h, 6 h; the mean would be 2.4
        self.assertEqual(total["median"], 1)
        # kept: quick, hour; broken: late, silent; lost and won before it was due
        self.assertEqual((total["in_time"], total["judged"]), (0.5, 4))
        self.assertEqual((total["won"], total["pending"]), (2, 2))

    def test_medians_of_groups_are_their_own(self):
        data = self._overview()
        self.assertEqual(
            {row["label"]: row["median"] for row in data["groups"]}, {"A": 1, "B": None}
        )
        self.assertEqual(
            {row["label"]: row["in_time"] for row in data["groups"]},
            {"A": 0.5, "B": None},
        )
        # what a pivot asks for
        rows = self.Report._read_group(
            [("id", "in", self.leads.ids)],
            ["won_status"],
            ["response_hours_median:avg"],
        )
        self.assertEqual(dict(rows), {"won": 1 / 6, "lost": 1, "pending": 6})

    def test_won_share_by_response_time(self):
        bands = {row["label"]: row for row in self._overview()["bands"]}

        self.assertEqual(
            {label: (row["count"], row["won_share"]) for label, row in bands.items()},
            {
                "Up to 15 min": (1, 1),
                "15 min to 1 h": (1, 0),
                "4 h to 8 h": (1, 0),
                "Unanswered": (3, 1 / 3),
            },
        )
        self.assertEqual(
            data_ids(self, bands["Unanswered"]),
            (self.silent | self.lost | self.won).ids,
        )

    def test_each_part_opens_its_leads(self):
        for group_by in ("team_id", "user_id", "source_id", "create_date:week"):
            data = self._overview(group_by=group_by)
            for part in [data["total"], *data["groups"], *data["bands"]]:
                found = self.Report.search_count(part["domain"])
                self.assertEqual(found, part["count"], (group_by, part["label"]))
        with self.assertRaises(ValueError):
            self._overview(group_by="company_id")

    def test_period_is_half_open_in_the_time_zone_of_the_company(self):
        self.calendar.tz = "Europe/Berlin"
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s WHERE id = %s",
            # Monday midnight of that summer week in Berlin
            [datetime(2026, 6, 7, 22, 0), self.quick.id],
        )
        self.env.invalidate_all()

        def count(start, stop, **kwargs):
            data = self._overview(date_from=start, date_to=stop, **kwargs)
            return data["total"]["count"]

        self.assertEqual(count("2026-06-07", "2026-06-08"), 0)
        self.assertEqual(count("2026-06-08", "2026-06-09"), 1)
        data = self._overview(
            date_from="2026-06-01", date_to="2026-06-15", group_by="create_date:week"
        )
        self.assertEqual(len(data["groups"]), 1)
        self.assertEqual(data_ids(self, data["groups"][0]), self.quick.ids)
        self.assertEqual(data["timezone"], "Europe/Berlin")

    def test_nothing_is_blank_not_zero(self):
        total = self._overview(date_from="2020-01-01", date_to="2020-02-01")["total"]

        self.assertEqual(total["count"], 0)
        for name in ("median", "in_time", "won_share"):
            self.assertIsNone(total[name])

    def test_reader_sees_the_own_scope(self):
        self.quick.user_id = self.colleague
        self.env.flush_all()

        for user, count in (
            (self.seller, 5),
            (self.colleague, 1),
            (self.leader, 6),
            (self.stranger, 0),
        ):
            self.assertEqual(self._overview(user)["total"]["count"], count, user.login)
        with self.assertRaises(AccessError):
            self._overview(self.env.ref("base.public_user"))

    def test_a_lead_that_came_back_is_judged_by_its_answer(self):
        with freeze_time(at(10, day=1)):
            self.lost.action_restore()
        self.lost._sla_on_human_answer(at(12, day=1))

        row = self._row(self.lost)
        self.assertEqual((row.state, row.response_hours), ("answered", 2))

    def test_junk_stays_out(self):
        if "is_junk" not in self.env["crm.lead"]._fields:
            self.skipTest("junk is not told apart")
        self.env.cr.execute(
            "UPDATE crm_lead SET is_junk = TRUE WHERE id = %s", [self.silent.id]
        )
        self.assertFalse(self.Report.search([("id", "=", self.silent.id)]))

    def test_leads_from_before_the_measure_are_told(self):
        self.silent.sla_clock_ids.unlink()

        data = self._overview()
        self.assertEqual((data["total"]["count"], data["unmeasured"]), (5, 1))

    def test_one_question_for_the_page(self):
        self._overview()
        with self.assertQueryCount(6):
            self._overview()


def data_ids(test, part):
    return test.Report.search(part["domain"], order="id").mapped("lead_id").ids


@tagged("post_install", "-at_install", "crm_sla")
class TestResponseHistory(SlaCommon):
    """Leads from before the addon: they have no clock."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # whatever the database holds is measured already
        while cls.env["crm.sla.clock"]._measure_history():
            pass
        with freeze_time(at(9)):
            leads = cls._create_leads(4)
        cls.answered, cls.lost, cls.silent, cls.machine = leads
        cls.leads = leads
        leads.sla_clock_ids.unlink()
        cls.lost.action_set_lost()
        cls.lost.date_closed = at(12)
        kind = cls.env.ref("crm_plus.crm_touchpoint_kind_email_out")
        cls.env["crm.touchpoint"].create(
            [
                {
                    "kind_id": kind.id,
                    "lead_id": lead.id,
                    "date": date,
                    "user_id": cls.seller.id,
                    "is_machine": is_machine,
                    "res_model": "mail.message",
                    "res_id": number + 1,
                    "occurrence": "test",
                }
                for number, (lead, date, is_machine) in enumerate(
                    [
                        (cls.answered, at(10, day=1), False),
                        (cls.answered, at(12, day=2), False),
                        (cls.machine, at(10), True),
                    ]
                )
            ]
        )
        cls.env.flush_all()
        cls.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s WHERE id = ANY(%s)",
            [at(9), leads.ids],
        )
        cls.env.invalidate_all()

    def test_answers_are_read_from_the_timeline_once(self):
        self.assertEqual(self.env["crm.sla.clock"]._measure_history(), 2)
        self.assertEqual(self.env["crm.sla.clock"]._measure_history(), 0)

        self.assertRecordValues(
            self.answered.sla_clock_ids,
            [
                {
                    "date_start": at(9),
                    "date_stop": at(10, day=1),
                    "outcome": "unpromised",
                    "elapsed_hours": 9,
                    "date_due": False,
                    "policy_id": False,
                }
            ],
        )
        self.assertEqual(self.lost.sla_clock_ids.outcome, "cancelled")
        # a clock that runs would be late at once
        self.assertFalse((self.silent | self.machine).sla_clock_ids)
        row = self.env["crm.response.report"].browse(self.answered.id)
        self.assertEqual(
            (row.state, row.band, row.response_hours), ("answered", "e", 9)
        )

    def test_administrators_only(self):
        Report = self.env["crm.response.report"]
        with self.assertRaises(AccessError):
            Report.with_user(self.leader).measure_history()
        self.assertEqual(Report.with_user(self.manager).measure_history(), 2)
