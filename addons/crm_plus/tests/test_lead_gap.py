from datetime import date, timedelta

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import freeze_time, new_test_user, tagged

from .test_sla import SlaCommon, at

NOW = at(10, day=2)


@tagged("post_install", "-at_install", "crm_sla")
class TestLeadGap(SlaCommon):
    """Wednesday morning. All leads have a next activity, an answer and an owner, unless
    the test takes it away.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.stage"].search([]).rotting_threshold_days = 0
        cls.stage = cls.env["crm.stage"].create({"name": "Open", "sequence": 1})
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Team",
                "company_id": cls.company.id,
                "member_ids": [Command.set(cls.seller.ids)],
            }
        )
        cls.Gap = cls.env["crm.lead.gap"]

    def setUp(self):
        super().setUp()
        freezer = freeze_time(NOW)
        freezer.start()
        self.addCleanup(freezer.stop)

    def _create_good(self, count=1, **values):
        leads = self._create_leads(
            count,
            start=at(9),
            **{
                "type": "opportunity",
                "team_id": self.team.id,
                "stage_id": self.stage.id,
                **values,
            },
        )
        leads._sla_stop("first_response", at(10))
        self._plan(leads)
        return leads

    def _plan(self, leads, **values):
        return self.env["mail.activity"].create(
            [
                {
                    "activity_type_id": self.env.ref("mail.mail_activity_data_todo").id,
                    "date_deadline": date(2026, 1, 12),
                    "res_id": lead.id,
                    "res_model_id": self.env["ir.model"]._get_id("crm.lead"),
                    "user_id": self.seller.id,
                    **values,
                }
                for lead in leads
            ]
        )

    def _reasons(self, lead):
        """What the list, the field and the search say; all the same."""
        self.env.flush_all()
        self.env.invalidate_all()
        gap = self.Gap.search([("id", "=", lead.id)])
        reasons = [
            name for name, _label in lead._fields["gap_reason"].selection if gap[name]
        ]
        self.assertEqual(lead.gap_reason, gap.reason)
        for name, _label in lead._fields["gap_reason"].selection:
            found = lead.search([("id", "=", lead.id), ("gap_reason", "=", name)])
            self.assertEqual(bool(found), name in reasons, name)
        falls = lead.search([("id", "=", lead.id), ("gap_reason", "!=", False)])
        self.assertEqual(bool(falls), bool(reasons))
        return reasons

    def test_who_is_looked_after_is_not_listed(self):
        self.assertEqual(self._reasons(self._create_good()), [])

    def test_no_next_activity(self):
        lead = self._create_good()
        lead.activity_ids.unlink()

        self.assertEqual(self._reasons(lead), ["no_activity"])

    def test_alert_of_a_clock_is_no_plan(self):
        lead = self._create_good()
        lead.activity_ids.sla_clock_id = lead.sla_clock_ids[:1]

        self.assertEqual(self._reasons(lead), ["no_activity"])

    def test_done_activity_is_no_plan(self):
        lead = self._create_good()
        lead.activity_ids.action_feedback()

        self.assertEqual(self._reasons(lead), ["no_activity"])

    def test_leads_need_no_activity_where_the_settings_say_so(self):
        lead, deal = self._create_good(type="lead"), self._create_good()
        (lead | deal).activity_ids.unlink()
        self.assertEqual(self._reasons(lead), ["no_activity"])

        settings = self.env["res.config.settings"].create(
            {"crm_plus_gap_activity_scope": "opportunity"}
        )
        settings.execute()
        self.assertEqual(self._reasons(lead), [])
        self.assertEqual(self._reasons(deal), ["no_activity"])

    def test_unanswered(self):
        late = self._create_leads(start=at(9), team_id=self.team.id)
        self._plan(late)
        self.assertEqual(self._reasons(late), ["unanswered"])
        self.assertEqual(self.Gap.browse(late.id).date_since, at(13))

    def test_who_waits_in_time_is_looked_after(self):
        lead = self._create_leads(start=at(9, day=2), user_id=False)
        self.assertEqual(self._reasons(lead), [])

        with freeze_time(at(13, 1, day=2)):
            self.assertEqual(
                self._reasons(lead), ["owner_gone", "unanswered", "no_activity"]
            )
            self.assertEqual(
                self.Gap.browse(lead.id).reasons,
                "Owner Gone, Unanswered, No Next Activity",
            )

    def test_next_step_overdue(self):
        lead = self._create_good()
        lead.activity_ids.unlink()
        self.policy.target_ids = [Command.create({"kind": "next_step", "hours": 8})]
        lead._sla_on_human_answer(at(11, day=1))
        self.assertEqual(self._reasons(lead), ["no_activity"])

        with freeze_time(at(11, 1, day=2)):
            self.assertEqual(self._reasons(lead), ["step_overdue", "no_activity"])

    def test_rotting_is_what_odoo_says(self):
        self.stage.rotting_threshold_days = 5
        leads = old, fresh, raw = (
            self._create_good() | self._create_good() | self._create_good(type="lead")
        )
        # Odoo asks the database what time it is
        now = self.env.cr.now()
        old.date_last_stage_update = now - timedelta(days=6)
        raw.date_last_stage_update = now - timedelta(days=6)
        fresh.date_last_stage_update = now - timedelta(days=4)

        with freeze_time(now):
            self.assertEqual(self._reasons(old), ["rotting"])
            since = self.Gap.browse(old.id).date_since
            self.assertEqual(since, now - timedelta(days=1))
            for lead in leads:
                self.assertEqual("rotting" in self._reasons(lead), lead.is_rotting)

    def test_owner_gone(self):
        nobody, archived, left, moved, stranger = (
            self._create_good(user_id=user_id)
            for user_id in (
                False,
                self.colleague.id,
                self.leader.id,
                self.seller.id,
                self.manager.id,
            )
        )
        self.team.member_ids = self.seller | self.leader
        self.assertEqual(self._reasons(left), [])

        self.team.member_ids = self.seller
        # closes nothing: the deals stay with who is gone
        self.colleague.active = False
        expected = ["owner_gone"]
        self.assertEqual(self._reasons(nobody), expected)
        self.assertEqual(self._reasons(archived), expected)
        self.assertEqual(self._reasons(left), expected)
        self.assertEqual(self._reasons(moved), [])
        # never was a member: a manager's own deal
        self.assertEqual(self._reasons(stranger), [])

    def test_closed_deals_fall_nowhere(self):
        won, lost = self._create_good(2)
        (won | lost).activity_ids.unlink()
        won.action_set_won()
        lost.action_set_lost()

        self.assertEqual((self._reasons(won), self._reasons(lost)), ([], []))

    def test_reader_sees_the_own_scope(self):
        mine, other = self._create_good(), self._create_good(user_id=self.leader.id)
        (mine | other).activity_ids.unlink()
        self.env.flush_all()

        def seen(user):
            domain = [("id", "in", (mine | other).ids)]
            return self.Gap.with_user(user).search(domain).lead_id

        self.assertEqual(seen(self.seller), mine)
        self.assertEqual(seen(self.leader), mine | other)
        self.assertFalse(seen(self.stranger))
        with self.assertRaises(AccessError):
            seen(new_test_user(self.env, login="gap_none", groups="base.group_user"))
        # in the pipeline as well
        found = mine.with_user(self.seller).search([("gap_reason", "!=", False)])
        self.assertIn(mine, found)
        self.assertNotIn(other, found)

    def test_revenue_without_a_company_is_in_the_currency_of_the_reader(self):
        """Else the list would add up nothing: several currencies."""
        rows = self._create_good(2, expected_revenue=100)
        self.team.company_id = False
        rows[0].company_id = False
        rows.activity_ids.unlink()
        self.env.flush_all()

        gaps = self.Gap.search([("id", "in", rows.ids)])
        self.assertEqual(gaps.company_currency, self.env.company.currency_id)
        [(currencies, total)] = self.Gap._read_group(
            [("id", "in", rows.ids)],
            aggregates=["company_currency:array_agg_distinct", "expected_revenue:sum"],
        )
        self.assertEqual((currencies, total), (self.env.company.currency_id.ids, 200))

    def test_activities_are_planned_for_all_at_once(self):
        leads = self._create_good(3)
        leads.activity_ids.unlink()
        self.env.flush_all()
        action = self.Gap.browse(leads.ids).action_schedule_activity()

        wizard = (
            self.env[action["res_model"]]
            .with_context(**action["context"])
            .create({"date_deadline": date(2026, 1, 9)})
        )
        wizard.action_schedule_activities()
        self.assertEqual([self._reasons(lead) for lead in leads], [[], [], []])

    def test_reassign(self):
        lead = self._create_good(user_id=self.colleague.id)
        self.colleague.active = False
        self.env.flush_all()
        action = self.Gap.with_user(self.leader).browse(lead.id).action_reassign()

        self.assertEqual(action["tag"], "display_notification")
        self.assertNotEqual(lead.user_id, self.colleague)
        other = self._create_good(user_id=self.leader.id)
        other.activity_ids.unlink()
        self.env.flush_all()
        with self.assertRaises(AccessError):
            self.Gap.with_user(self.seller).browse(other.id).action_reassign()

    def test_one_line_in_the_digest(self):
        Digest = self.env["digest.digest"]
        digest = Digest.create({"name": "Digest", "kpi_crm_plus_gap": True})
        self.env.flush_all()

        def value(user):
            return next(
                kpi["kpi_col1"]["value"]
                for kpi in digest._compute_kpis(self.company, user)
                if kpi["kpi_name"] == "kpi_crm_plus_gap"
            )

        before = {user: value(user) for user in (self.leader, self.seller)}
        leads = self._create_good(2) | self._create_good(user_id=self.leader.id)
        leads |= self._create_good(company_id=False, team_id=False)
        leads.activity_ids.unlink()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(value(self.leader), before[self.leader] + 4)
        self.assertEqual(value(self.seller), before[self.seller] + 3)
        kpi = next(
            kpi
            for kpi in digest._compute_kpis(self.company, self.leader)
            if kpi["kpi_name"] == "kpi_crm_plus_gap"
        )
        self.assertIn("crm_plus.crm_lead_gap_action", kpi["kpi_action"])
        stranger = new_test_user(self.env, login="gap_user", groups="base.group_user")
        names = [k["kpi_name"] for k in digest._compute_kpis(self.company, stranger)]
        self.assertNotIn("kpi_crm_plus_gap", names)

    def test_one_query_whatever_number_of_leads(self):
        leads = self._create_good(30)
        leads.activity_ids.unlink()
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            reasons = leads.mapped("gap_reason")
        self.assertEqual(set(reasons), {"no_activity"})
