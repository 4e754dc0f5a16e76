from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged, users

from .test_scoring import ScoringCommon


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreWhy(ScoringCommon):
    def _explain(self, record=None):
        return (record or self.lead).get_score_explanation()["lines"]

    def test_form_says_whose_grade_it_is(self):
        """That of the customer stands beside it."""
        arch = self.env["crm.lead"].get_view(view_type="form")["arch"]
        for words in ("Lead score", "Deal score"):
            self.assertIn(f">{words}</span>", arch)

    def test_decay_says_when_it_is_half(self):
        self._rule(10, kind="email_in", half_life_days=30)
        self._rule(5, kind="call_done")
        self._rule(3, domain="[]")
        yesterday = fields.Datetime.now() - timedelta(days=1)
        self._touch(self.lead, number=2, date=yesterday)
        self._touch(self.lead, kind="call_done", date=yesterday)
        by_name = {line["rule"]: line for line in self._explain()}
        line = by_name["email_in"]
        self.assertEqual(line["fading"], "half")
        self.assertAlmostEqual(line["points_next"], line["points"] / 2, delta=0.1)
        expected = fields.Datetime.now() + timedelta(days=30)
        self.assertAlmostEqual(
            fields.Datetime.to_datetime(line["date_next"]),
            expected,
            delta=timedelta(minutes=5),
        )
        for name in ("call_done", "[]"):
            self.assertFalse(by_name[name]["fading"])

    def test_touchpoints_that_count_are_opened(self):
        """As many, and the same, as the engine counts."""
        campaign = self.env["utm.campaign"].create({"name": "Fair"})
        contact = self.customer_contact
        self.lead.partner_id = contact
        self.lead.company_id = self.company
        kept = self._touch(self.lead, days=3, campaign_id=campaign.id)
        kept += self._touch(
            lead=None, days=2, partner_id=contact.id, campaign_id=campaign.id
        )
        self._touch(self.lead, days=4, campaign_id=campaign.id)
        self._touch(self.lead, days=1)
        self._touch(self.lead, days=1, campaign_id=campaign.id, is_machine=True)
        self._touch(self.lead, days=-999, campaign_id=campaign.id)
        other = self._create_leads()
        self._touch(other, days=1, campaign_id=campaign.id, partner_id=contact.id)
        self._touch(
            days=1,
            partner_id=contact.id,
            campaign_id=campaign.id,
            company_id=self.company_2.id,
        )
        rule = self._rule(
            10,
            kind="email_in",
            max_times=2,
            touchpoint_domain=f"[('campaign_id', '=', {campaign.id})]",
        )
        [line] = self._explain()
        self.assertEqual(line["touchpoints"], 2)

        lead = self.lead.with_user(self.seller)
        action = lead.action_view_score_touchpoints(rule.id)

        self.assertEqual(action["res_model"], "crm.touchpoint")
        self.assertEqual(
            self.env["crm.touchpoint"].sudo().search(action["domain"]), kept
        )

    def test_customers_too(self):
        self.model.target = "customer"
        rule = self._rule(10, kind="email_in")
        touchpoints = self.env["crm.touchpoint"]
        for partner in (self.customer, self.customer_contact):
            touchpoints += self._touch(
                partner_id=partner.id, commercial_partner_id=self.customer.id
            )
        [line] = self._explain(self.customer)
        counted = self.customer._get_counted_touchpoints(rule)
        self.assertEqual(line["touchpoints"], 2)
        self.assertEqual(counted, touchpoints)

    def test_other_companies_give_points_and_tell_nothing_else(self):
        """The score is one for all; when and how often another company sold is its own
        affair.
        """
        self.model.target = "customer"
        rule = self._rule(10, kind="email_in", linear_days=100)
        now = fields.Datetime.now().replace(microsecond=0)
        theirs = self._touch(
            number=3,
            date=now - timedelta(days=5),
            partner_id=self.customer.id,
            company_id=self.company_2.id,
        )

        def line(user, **context):
            self.env.invalidate_all()
            record = self.customer.with_user(user).with_context(**context)
            [line] = self._explain(record)
            action = record.action_view_score_touchpoints(rule.id)
            return line, self.env["crm.touchpoint"].search(action["domain"])

        found, touchpoints = line(self.seller)
        self.assertFalse(touchpoints)
        self.assertEqual(found["text"], "in another company")
        self.assertGreater(found["points"], 0)
        for name in ("touchpoints", "touchpoints_found", "date_first", "date_last"):
            self.assertFalse(found[name], name)
        for name in ("date_next", "fading", "points_next"):
            self.assertFalse(found[name], name)
        for name in ("points_before_cap", "points_before_decay"):
            self.assertEqual(found[name], found["points"])

        ours = self._touch(
            date=now - timedelta(days=2),
            partner_id=self.customer.id,
            company_id=self.company.id,
        )
        found, touchpoints = line(self.seller)
        self.assertEqual(touchpoints, ours)
        self.assertEqual(found["text"], "once, and in another company")
        self.assertEqual((found["touchpoints"], found["touchpoints_found"]), (1, 1))
        day = fields.Datetime.to_string(ours.date)
        self.assertEqual((found["date_first"], found["date_last"]), (day, day))

        # who has both open
        both = (self.company | self.company_2).ids
        found, touchpoints = line(self.manager, allowed_company_ids=both)
        self.assertEqual(touchpoints, ours | theirs)
        self.assertEqual(found["touchpoints"], 4)
        self.assertTrue(found["date_next"])
        found, touchpoints = line(self.manager, allowed_company_ids=self.company.ids)
        self.assertEqual(found["touchpoints"], 1)

    def test_not_for_those_who_may_not_see_the_lead(self):
        rule = self._rule(10, kind="email_in")
        with self.assertRaises(AccessError):
            self.lead.with_user(self.seller_2).action_view_score_touchpoints(rule.id)

    def test_fit_has_no_touchpoints(self):
        rule = self._rule(10, domain="[]")
        with self.assertRaises(UserError):
            self.lead.action_view_score_touchpoints(rule.id)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreFilters(ScoringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._rule(45, domain="[('name', 'in', ['best', 'fit'])]")
        cls._rule(45, kind="meeting_done")
        cls.best, cls.fit, cls.poor = cls._create_leads(3)
        for lead, name in zip(
            cls.best + cls.fit + cls.poor, ("best", "fit", "poor"), strict=True
        ):
            lead.name = name
        cls.leads = cls.best + cls.fit + cls.poor
        cls.env.flush_all()
        cls.env.cr.precommit.clear()

    def setUp(self):
        super().setUp()
        self._touch(self.best, kind="meeting_done")
        self._score(self.leads)

    def _found(self, *condition):
        return self.env["crm.lead"].search([condition, ("id", "in", self.leads.ids)])

    def test_hot_is_what_the_model_asks_for(self):
        cases = [
            ({"mql_rule": "grade"}, self.best),
            ({"mql_rule": "grade", "mql_min_engagement": "4"}, self.best + self.fit),
            ({"mql_rule": "total", "mql_min_total": 45}, self.best + self.fit),
            ({"mql_rule": "total", "mql_min_total": 46}, self.best),
            ({"mql_rule": "none"}, self.best),
        ]
        for values, expected in cases:
            with self.subTest(values):
                self.model.write(values)
                self.leads.invalidate_recordset(["is_hot"])
                self.assertEqual(self._found("is_hot", "=", True), expected)
                self.assertEqual(
                    self._found("is_hot", "=", False), self.leads - expected
                )
                self.assertEqual(self.leads.filtered("is_hot"), expected)

    @users("plus_seller")
    def test_sellers_filter_by_it(self):
        found = self.env["crm.lead"].search([("is_hot", "=", True)])
        self.assertEqual(found & self.leads.with_env(self.env), self.best)

    def test_rising_and_cooling(self):
        keep = self.env["crm.score.past"]._cron_keep
        keep()
        self.assertFalse(self._found("score_trend", ">=", 0), "no past yet")
        keep()
        self.assertEqual(self._found("score_trend", ">=", 0), self.leads)
        self._touch(self.fit, kind="meeting_done")
        self.best.name = "worse"
        self._score(self.leads)
        self.leads.invalidate_recordset()
        self.assertEqual(self.leads.mapped("score_trend"), [-45, 45, 0])
        self.assertEqual(self._found("score_trend", ">=", 5), self.fit)
        self.assertEqual(self._found("score_trend", "<=", -5), self.best)
        keep()
        self.leads.invalidate_recordset()
        self.assertEqual(self.fit.score_trend, 45, "as before: one week is not over")
        keep()
        self.leads.invalidate_recordset()
        self.assertEqual(self.fit.score_trend, 0)

    def test_past_is_written_where_it_differs(self):
        Past = self.env["crm.score.past"]
        Past._cron_keep()
        Past._cron_keep()
        self.env.cr.execute("SELECT max(xmin::text::bigint) FROM crm_score_past")
        self.env.cr.execute("SELECT array_agg(ctid ORDER BY id) FROM crm_score_past")
        before = self.env.cr.fetchone()
        Past._cron_keep()
        self.env.cr.execute("SELECT array_agg(ctid ORDER BY id) FROM crm_score_past")
        self.assertEqual(self.env.cr.fetchone(), before)

    def test_sorted_grouped_and_measured(self):
        Lead = self.env["crm.lead"]
        domain = [("id", "in", self.leads.ids)]
        self.assertEqual(
            Lead.search(domain, order="score_total desc, id"),
            self.best + self.fit + self.poor,
        )
        self.assertEqual(
            Lead._read_group(domain, ["score_grade"], ["score_total:avg", "__count"]),
            [("A1", 90, 1), ("A4", 45, 1), ("D4", 0, 1)],
        )
        groups = Lead.formatted_read_group(domain, ["score_grade"], ["score_fit:avg"])
        self.assertEqual([g["score_fit:avg"] for g in groups], [45, 45, 0])
        measures = Lead.fields_get(["score_total", "score_fit", "score_engagement"])
        for name, description in measures.items():
            with self.subTest(name):
                self.assertTrue(description["sortable"])
                self.assertEqual(description["aggregator"], "avg")
        self.assertTrue(Lead.fields_get(["score_grade"])["score_grade"]["groupable"])

    def test_in_lead_assignment_domains(self):
        """Odoo's own assignment gives a team, and a member, what the score says."""
        team = self.env["crm.team"].create(
            {
                "name": "Hot leads",
                "use_leads": True,
                "assignment_domain": "[('score_grade', 'in', ['A1', 'A4'])]",
                "crm_team_member_ids": [
                    Command.create(
                        {
                            "user_id": self.seller_2.id,
                            "assignment_max": 300,
                            "assignment_domain": "[('is_hot', '=', True)]",
                        }
                    )
                ],
            }
        )
        self.leads.write(
            {"user_id": False, "team_id": False, "type": "lead", "date_open": False}
        )
        self.leads.flush_recordset()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = create_date - interval '2 days'"
            " WHERE id = ANY(%s)",
            [self.leads.ids],
        )
        self._score(self.leads)
        self.env.invalidate_all()
        with patch.object(self.env.cr, "commit"):
            team._action_assign_leads()
        self.assertEqual((self.best + self.fit).team_id, team)
        self.assertFalse(self.poor.team_id)
        self.assertEqual(self.best.user_id, self.seller_2)
        self.assertFalse(self.fit.user_id)
