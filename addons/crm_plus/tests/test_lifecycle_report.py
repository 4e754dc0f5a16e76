from datetime import datetime

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import SQL

from .test_lifecycle import LifecycleCommon

PERIOD = ("2019-02-01", "2019-02-28")


@tagged("post_install", "-at_install", "crm_plus_lifecycle")
class TestFunnel(LifecycleCommon):
    """A cohort of February 2019, Brussels time.

    LEAD      CREATED  OWNER     SOURCE  WHAT BECAME OF IT
    bought    02-01    seller    fair    MQL 02-03, accepted 02-04, converted 02-06
                                         after a call, invoiced 02-16, won
    refused   02-01    seller    fair    MQL 02-05 handed over, refused; a call; lost
    quiet     01-31    seller_2  -       23:30 UTC is February; handed over, no answer;
              23:30                      nobody called; open
    born      02-10    seller_2  -       born as opportunity, a call, open
    too late  02-28    seller    fair    23:30 UTC is March
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "Europe/Brussels"
        cls.source = cls.env["utm.source"].create({"name": "Fair"})
        lead = {"type": "lead", "company_id": cls.company.id}
        fair = {**lead, "source_id": cls.source.id, "user_id": cls.seller.id}
        cls.bought = cls._create_leads(partner_id=cls.customer_contact.id, **fair)
        cls.refused = cls._create_leads(**fair)
        cls.quiet = cls._create_leads(**lead, user_id=cls.seller_2.id)
        cls.born = cls._create_leads(
            company_id=cls.company.id, user_id=cls.seller_2.id, type="opportunity"
        )
        cls.late = cls._create_leads(**fair)
        cls.leads = cls.bought + cls.refused + cls.quiet + cls.born
        for created, record in (
            ("2019-02-01 10:00:00", cls.bought + cls.refused),
            ("2019-01-31 23:30:00", cls.quiet),
            ("2019-02-10 10:00:00", cls.born),
            ("2019-02-28 23:30:00", cls.late),
        ):
            cls._set("crm_lead", record, create_date=created)
        # K07: one accepted, one refused, one open, one withdrawn, and one of March
        Handover = cls.env["crm.handover"].sudo()
        handovers = [
            Handover.create(
                {
                    "lead_id": lead.id,
                    "to_user_id": user.id,
                    "from_user_id": cls.manager.id,
                }
            )
            for lead, user in (
                (cls.bought, cls.seller),
                (cls.refused, cls.seller),
                (cls.quiet, cls.seller_2),
                (cls.born, cls.seller_2),
                (cls.late, cls.seller),
            )
        ]
        accepted, refused, _waiting, withdrawn, late = handovers
        accepted.with_user(cls.seller).action_accept()
        refused.with_user(cls.seller)._refuse(
            cls.env.ref("crm_plus.crm_handover_reason_time")
        )
        withdrawn.action_withdraw()
        late.with_user(cls.seller).action_accept()
        for handover in handovers:
            cls._set("crm_handover", handover, date="2019-02-05 10:00:00")
        cls._set("crm_handover", late, date="2019-03-01 10:00:00")
        cls.bought.convert_opportunity(cls.customer_contact)
        cls.bought.date_conversion = "2019-02-06 10:00:00"
        cls.bought.action_set_won()
        cls.refused.action_set_lost()
        kind = cls.env["crm.touchpoint.kind"].search([("code", "=", "call_done")])
        cls.env["crm.touchpoint"].create(
            [
                {
                    "kind_id": kind.id,
                    "date": "2019-02-02",
                    "lead_id": lead.id,
                    "user_id": cls.seller.id,
                    "res_model": "crm.lead",
                    "res_id": lead.id,
                }
                for lead in cls.bought + cls.refused + cls.born
            ]
        )
        move = cls._invoice(cls, cls.customer, datetime(2019, 2, 16))
        cls.env.flush_all()
        cls.env.cr.precommit.run()
        # born was withdrawn: it is no MQL of this story, and quiet is one of the 5th
        for record, code, date in (
            (cls.bought, "lead", "2019-02-01 10:00:00"),
            (cls.bought, "mql", "2019-02-03 10:00:00"),
            (cls.bought, "mal", "2019-02-04 10:00:00"),
            (cls.refused, "lead", "2019-02-01 10:00:00"),
            (cls.refused, "mql", "2019-02-05 10:00:00"),
            (cls.quiet, "lead", "2019-01-31 23:30:00"),
            (cls.quiet, "mql", "2019-02-07 23:30:00"),
        ):
            cls._set(
                "crm_lifecycle_event",
                record.lifecycle_event_ids.filtered(
                    lambda e, code=code: (
                        e.step_to_id.code == code and e.kind == "reached"
                    )
                ),
                date=date,
            )
        cls.env.cr.execute(
            "DELETE FROM crm_lifecycle_event WHERE lead_id = %s AND step_to_id = %s",
            [cls.born.id, cls.steps["mql"].id],
        )
        cls.env.invalidate_all()
        cls.move = move

    @classmethod
    def _set(cls, table, records, **columns):
        cls.env.flush_all()
        for column, value in columns.items():
            cls.env.cr.execute(
                SQL(
                    "UPDATE %s SET %s = %s WHERE id = ANY(%s)",
                    SQL.identifier(table),
                    SQL.identifier(column),
                    value,
                    records.ids,
                )
            )
        cls.env.invalidate_all()

    def _get_funnel(self, group_by=None, user=None, period=PERIOD):
        # alone in the database of February 2019
        Report = self.env["crm.lifecycle.report"].with_user(user or self.manager)
        return Report.get_funnel(*period, group_by)

    def _kpis(self, figures):
        return {
            kpi["code"]: (kpi["n"], kpi["of"], kpi["rate"]) for kpi in figures["kpis"]
        }

    def test_formulas(self):
        funnel = self._get_funnel()

        self.assertEqual(
            self._kpis(funnel["total"]),
            {
                "K01": (4, False, False),
                "K02": (1, 3, 33.3),
                "K03": (1, 4, 25.0),
                "K04": (1, 4, 25.0),
                "K06": (3, 4, 75.0),
                "K07": (1, 2, 50.0),
            },
        )
        acceptance = funnel["total"]["kpis"][-1]
        self.assertEqual(acceptance["apart"]["count"], 1, "open ones are apart")
        self.assertEqual((funnel["total"]["open"], funnel["total"]["lost"]), (2, 1))

    def test_steps(self):
        steps = self._get_funnel()["total"]["steps"]

        self.assertEqual(
            [
                (step["code"], step["reached"], step["further"], step["conversion"])
                for step in steps
            ],
            [
                ("lead", 4, 4, 100.0),
                ("mql", 3, 1, 33.3),
                ("mal", 1, 1, 100.0),
                ("sql", 1, 1, 100.0),
                ("opportunity", 2, 1, 50.0),
                ("customer", 1, False, False),
            ],
        )
        self.assertEqual(
            {step["code"]: step["days"] for step in steps},
            {
                "lead": False,
                # 2, 4 and 7 days
                "mql": 4.0,
                "mal": 1.0,
                "sql": 2.0,
                # 0 after SQL, and 0 as born
                "opportunity": 0.0,
                "customer": steps[-1]["days"],
            },
        )
        # from 10:00 UTC to the beginning of the invoice's day in Brussels
        self.assertAlmostEqual(steps[-1]["days"], 9 + 13 / 24, 2)

    def test_groups(self):
        groups = self._get_funnel("source_id")["groups"]
        self.assertEqual(
            {group["name"]: self._kpis(group)["K06"] for group in groups},
            {"Fair": (2, 2, 100.0), "None": (1, 2, 50.0)},
        )
        self.assertNotIn("K07", self._kpis(groups[0]), "hand-overs have no source")

        groups = self._get_funnel("user_id")["groups"]
        self.assertEqual(
            {group["name"]: self._kpis(group)["K07"] for group in groups},
            {self.seller.name: (1, 2, 50.0), self.seller_2.name: (0, 0, False)},
        )

        groups = self._get_funnel("month", period=("2019-02-01", "2019-03-31"))
        self.assertEqual(
            [
                (group["name"], group["leads"], self._kpis(group)["K07"])
                for group in groups["groups"]
            ],
            [("Feb 2019", 4, (1, 2, 50.0)), ("Mar 2019", 1, (1, 1, 100.0))],
        )

    def test_every_figure_opens_its_records(self):
        for group_by in (None, "month", "user_id", "source_id"):
            funnel = self._get_funnel(group_by)
            for figures in [funnel["total"], *funnel["groups"]]:
                for kpi in figures["kpis"]:
                    Model = self.env[kpi["model"]].with_user(self.manager)
                    with self.subTest(group_by=group_by, kpi=kpi["code"]):
                        self.assertEqual(Model.search_count(kpi["domain"]), kpi["n"])
                        if kpi["of"] is not False:
                            self.assertEqual(
                                Model.search_count(kpi["of_domain"]), kpi["of"]
                            )
                for step in figures["steps"]:
                    Report = self.env["crm.lifecycle.report"].with_user(self.manager)
                    self.assertEqual(
                        Report.search_count(step["domain"]), step["reached"]
                    )
                    if step["further"] is not False:
                        self.assertEqual(
                            Report.search_count(step["further_domain"]), step["further"]
                        )
                self.assertEqual(
                    Report.search_count(figures["open_domain"]), figures["open"]
                )

    def test_narrowed_down(self):
        """Leads, hand-overs and stages: of the source, the seller, the team …"""
        Report = (
            self.env["crm.lifecycle.report"]
            .with_user(self.manager)
            .with_context(allowed_company_ids=self.company.ids)
        )
        choices = {row["name"]: row for row in Report.get_filters()}
        self.assertNotIn("company_id", choices, "one company is shown")
        fair = next(
            id_ for id_, name in choices["source_id"]["choices"] if name == "Fair"
        )
        everything = self._kpis(self._get_funnel()["total"])

        funnel = Report.get_funnel(*PERIOD, None, {"source_id": fair})
        self.assertEqual(self._kpis(funnel["total"])["K06"], (2, 2, 100.0))
        self.assertLess(funnel["total"]["leads"], everything["K01"][0])
        for kpi in funnel["total"]["kpis"]:
            with self.subTest(kpi=kpi["code"]):
                self.assertEqual(
                    self.env[kpi["model"]]
                    .with_user(self.manager)
                    .search_count(kpi["domain"]),
                    kpi["n"],
                )
        funnel = Report.get_funnel(*PERIOD, None, {"user_id": self.seller.id})
        self.assertEqual(self._kpis(funnel["total"])["K07"], (1, 2, 50.0))
        funnel = Report.get_funnel(*PERIOD, None, {"user_id": self.seller_2.id})
        self.assertEqual(self._kpis(funnel["total"])["K07"], (0, 0, False))
        # nothing chosen, and what is no filter
        funnel = Report.get_funnel(*PERIOD, None, {"user_id": False, "active": 1})
        self.assertEqual(self._kpis(funnel["total"]), everything)

    def test_narrowed_down_to_a_company(self):
        other = self._create_leads(company_id=self.company_2.id, user_id=False)
        self._date_back(other, create_date=datetime(2019, 2, 3))
        Report = (
            self.env["crm.lifecycle.report"]
            .with_user(self.manager)
            .with_context(allowed_company_ids=(self.company + self.company_2).ids)
        )
        choices = {row["name"]: row["choices"] for row in Report.get_filters()}
        self.assertIn([self.company_2.id, self.company_2.name], choices["company_id"])
        funnel = Report.get_funnel(*PERIOD, None, {"company_id": self.company_2.id})
        self.assertEqual(funnel["total"]["leads"], 1)
        self.assertEqual(
            Report.search(funnel["total"]["domain"]).lead_id,
            other,
        )

    def test_cohorts(self):
        """Of three leads of a January, one was qualified in it, one in March, one
        never; of one of February nothing happened.
        """
        january = self._create_leads(3, type="lead")
        february = self._create_leads(type="lead")
        self._date_back(january, create_date=datetime(2018, 1, 10))
        self._date_back(february, create_date=datetime(2018, 2, 10))
        self._date_back(january[0], date_conversion=datetime(2018, 1, 20))
        # in Brussels it is March
        self._date_back(january[1], date_conversion=datetime(2018, 2, 28, 23, 30))
        self.company.partner_id.tz = "Europe/Brussels"
        self.Event.sudo()._advance_leads((january + february).ids)
        self.env.invalidate_all()
        Report = self.env["crm.lifecycle.report"].with_user(self.manager)

        cohorts = Report.get_cohorts("2018-01-01", "2018-02-28", "sql")

        self.assertEqual(cohorts["step"], "sql")
        self.assertEqual(
            [
                (row["name"], row["leads"], [cell["n"] for cell in row["cells"]][:4])
                for row in cohorts["cohorts"]
            ],
            [("Jan 2018", 3, [1, 1, 2, 2]), ("Feb 2018", 1, [0, 0, 0, 0])],
        )
        self.assertEqual(cohorts["cohorts"][0]["cells"][2]["rate"], 66.7)
        for cohort in cohorts["cohorts"]:
            self.assertEqual(Report.search_count(cohort["domain"]), cohort["leads"])
            for cell in cohort["cells"]:
                self.assertEqual(Report.search_count(cell["domain"]), cell["n"])
        self.assertEqual(
            Report.get_cohorts("2018-01-01", "2018-02-28", "customer")["cohorts"][0][
                "cells"
            ][-1]["n"],
            0,
        )

    def test_cohort_of_this_month_has_no_future(self):
        self._create_leads()
        Report = self.env["crm.lifecycle.report"].with_user(self.manager)
        # of the company: in the last hour of UTC it is tomorrow there
        zone = self.company.partner_id.tz
        today = str(fields.Date.context_today(Report.with_context(tz=zone)))
        [cohort] = Report.get_cohorts(today, today, "opportunity")["cohorts"]
        self.assertEqual([cell["is_open"] for cell in cohort["cells"]], [True])

    def test_nothing_is_blank_not_zero(self):
        funnel = self._get_funnel(period=("2011-01-01", "2011-01-31"))
        self.assertEqual(
            set(self._kpis(funnel["total"]).values()),
            {(0, False, False), (0, 0, False)},
        )
        self.assertEqual(funnel["groups"], [])

    def test_sellers_see_their_scope(self):
        figures = self._kpis(self._get_funnel(user=self.seller)["total"])
        self.assertEqual(figures["K01"], (2, False, False))
        self.assertEqual(figures["K07"], (1, 2, 50.0))
        other = self._get_funnel(user=self.user_other_company)["total"]
        self.assertEqual(other["leads"], 0)
        Report = self.env["crm.lifecycle.report"]
        with self.assertRaises(AccessError):
            Report.with_user(self.accountant).get_funnel(*PERIOD)

    def test_same_rates_in_pivot(self):
        Report = self.env["crm.lifecycle.report"].with_user(self.manager)
        [(conversion, qualified, won, mql)] = Report._read_group(
            [("lead_id", "in", self.leads.ids)],
            [],
            [
                "conversion_rate:avg",
                "qualified_rate:avg",
                "won_rate:avg",
                "mql_rate:avg",
            ],
        )
        self.assertAlmostEqual(conversion, 100 / 3, 2)
        self.assertEqual((qualified, won, mql), (25, 25, 75))

    def test_invoice_that_was_cancelled_does_not_pay(self):
        self.move.button_draft()
        self.env.flush_all()
        self.assertEqual(self._kpis(self._get_funnel()["total"])["K02"], (0, 3, 0.0))

    def test_junk_is_out(self):
        self.quiet.write({"is_junk": True})
        self._harvest_queued()
        self.assertEqual(
            self._kpis(self._get_funnel()["total"])["K01"], (3, False, False)
        )
        self.assertTrue(self.quiet.lifecycle_date_out)

    def test_stages(self):
        """K05: two entered the first stage, one of them went on, one is there; of the
        two that entered the second, one was won, one moved back.
        """
        first, second, third = self.env["crm.stage"].create(
            [
                {"name": name, "sequence": sequence, "is_won": sequence == 92}
                for sequence, name in ((90, "One"), (91, "Two"), (92, "Three"))
            ]
        )
        stays, goes, wins = self._create_leads(3, company_id=self.company.id)
        self.env["crm.stage.history"].create(
            [
                {"lead_id": lead.id, "stage_id": stage.id, "date_start": start}
                | ({"date_end": end} if end else {})
                for lead, stage, start, end in (
                    (stays, first, "2019-05-01", "2019-05-02"),
                    # comes back: counts once
                    (stays, first, "2019-05-03", "2019-05-04"),
                    (goes, first, "2019-05-02", "2019-05-20"),
                    (goes, second, "2019-05-20", "2019-05-21"),
                    (wins, second, "2019-05-05", "2019-05-09"),
                    (wins, third, "2019-05-09", "2019-05-10"),
                    # of another month
                    (stays, second, "2019-04-01", "2019-04-02"),
                )
            ]
        )
        wins.stage_id = third
        stays.stage_id = first
        self.env.flush_all()

        funnel = self._get_funnel(period=("2019-05-01", "2019-05-31"))

        self.assertEqual(
            [
                tuple(
                    stage[key]
                    for key in ("name", "entered", "further", "left", "there", "rate")
                )
                for stage in funnel["stages"]
            ],
            [("One", 2, 1, 0, 1, 50.0), ("Two", 2, 1, 1, 0, 50.0)],
        )
        Lead = self.env["crm.lead"].with_context(active_test=False)
        self.assertEqual(
            Lead.search(funnel["stages"][0]["domain"]).sorted("id"), stays + goes
        )
        self.assertEqual(
            Lead.search(funnel["stages"][1]["domain"]).sorted("id"), goes + wins
        )
        for stage in funnel["stages"]:
            for key in ("further", "left", "there"):
                self.assertEqual(
                    Lead.search_count(stage[f"{key}_domain"]), stage[key], key
                )
        self.assertEqual(Lead.search(funnel["stages"][0]["there_domain"]), stays)
        self.assertEqual(Lead.search(funnel["stages"][1]["left_domain"]), goes)
        # as the seller asks, who sees the own ones
        visits = self.env["crm.stage.history"].with_user(self.seller)
        self.assertEqual(
            visits.search(
                [("lead_id", "=", goes.id), ("stage_id", "in", (first + second).ids)],
                order="date_start",
            ).mapped("course"),
            ["on", "out"],
        )
        theirs = self._get_funnel(
            period=("2019-05-01", "2019-05-31"), user=self.user_other_company
        )
        self.assertEqual(theirs["stages"], [])

    def test_query_count(self):
        """Two statements for the leads and the hand-overs, whatever their number."""
        self._get_funnel("month")
        before = self.env.cr.sql_log_count
        self._get_funnel("month")
        self.assertLessEqual(self.env.cr.sql_log_count - before, 12)


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestFunnelTour(HttpCase):
    def test_funnel_page(self):
        seller = new_test_user(
            self.env,
            login="seller",
            name="seller",
            groups="sales_team.group_sale_salesman",
        )
        leads = self.env["crm.lead"].create(
            [
                {"name": f"Roaster {i}", "type": "lead", "user_id": seller.id}
                for i in range(3)
            ]
        )
        self.env.flush_all()
        self.env.cr.precommit.run()
        leads[0].with_user(seller).action_lifecycle_qualify()
        self.assertEqual(fields.Date.today(), leads[0].create_date.date())

        self.start_tour("/odoo", "crm_plus_funnel", login="seller")

    def test_leakage_page(self):
        seller = new_test_user(
            self.env,
            login="seller",
            name="seller",
            groups="sales_team.group_sale_salesman",
        )
        stage = self.env["crm.stage"].create({"name": "Leaky", "sequence": 0})
        leads = self.env["crm.lead"].create(
            [
                {
                    "name": f"Roaster {i}",
                    "type": "opportunity",
                    "user_id": seller.id,
                    "stage_id": stage.id,
                }
                for i in range(6)
            ]
        )
        leads[:2].action_set_lost()

        self.start_tour("/odoo", "crm_plus_stage_leakage", login="seller")
