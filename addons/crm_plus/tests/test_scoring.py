import random
from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.modules.module import load_script
from odoo.tests import RecordCapturer, tagged, users
from odoo.tools import file_path, mute_logger

from ..tools import scoring
from ..tools.scoring import ScoringEngine
from .common import CrmPlusCommon

NOW = datetime(2026, 3, 2, 12, 0, 0)


class ScoringCommon(CrmPlusCommon):
    """One scoring model for leads, with no rule; ``_rule`` adds them, ``_touch`` feeds
    them.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.score.model"].search([]).active = False
        cls.model = cls.env["crm.score.model"].create(
            {"name": "Test", "target": "lead", "mql_notify": "none"}
        )
        cls.lead = cls._create_leads()
        cls.env.flush_all()
        cls.env.cr.precommit.clear()

    @classmethod
    def _rule(cls, points, kind=None, domain="[]", model=None, **values):
        if kind:
            values.update(
                dimension="engagement",
                kind_id=cls.env.ref(f"crm_plus.crm_touchpoint_kind_{kind}").id,
            )
        return cls.env["crm.score.rule"].create(
            {
                "model_id": (model or cls.model).id,
                "name": kind or domain,
                "points": points,
                "domain": domain,
                **values,
            }
        )

    def _touch(self, lead=None, days=0, kind="email_in", number=1, **values):
        """Write touchpoints as the harvest does, ``days`` before NOW."""
        last = (
            self.env["crm.touchpoint"].sudo().search([], order="res_id desc", limit=1)
        )
        return (
            self.env["crm.touchpoint"]
            .sudo()
            .create(
                [
                    {
                        "kind_id": self.env.ref(
                            f"crm_plus.crm_touchpoint_kind_{kind}"
                        ).id,
                        "date": NOW - timedelta(days=days),
                        "lead_id": lead and lead.id,
                        "res_model": "mail.message",
                        "res_id": last.res_id + 1 + i,
                        **values,
                    }
                    for i in range(number)
                ]
            )
        )

    def _score(self, records=None, now=NOW):
        records = self.lead if records is None else records
        self.env.flush_all()
        self.env.cr.precommit.clear()
        return ScoringEngine(self.env, records._name, now=now).recompute(records.ids)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringFormula(ScoringCommon):
    def test_fit_counts_once(self):
        self._rule(12, domain="[('name', 'like', 'Lead')]")
        self._rule(5, domain="[('name', '=', 'other')]")
        self._score()
        self.assertRecordValues(
            self.lead,
            [
                {
                    "score_model_id": self.model.id,
                    "score_fit": 12,
                    "score_engagement": 0,
                    "score_total": 12,
                    "score_grade": "C4",
                    "score_date": NOW,
                }
            ],
        )

    def test_engagement_table(self):
        """Half-life, number of times, cap and sign: one rule, its touchpoints, its
        points.
        """
        cases = [
            # rule, ages in days, expected
            ("no touchpoint", {"points": 10}, [], 0),
            ("no decay", {"points": 10}, [0, 1000], 20),
            ("one half-life is half", {"points": 10, "half_life_days": 30}, [30], 5),
            ("two are a quarter", {"points": 10, "half_life_days": 30}, [60], 2.5),
            ("today is all", {"points": 10, "half_life_days": 30}, [0], 10),
            ("sum of decayed", {"points": 8, "half_life_days": 10}, [0, 10, 20], 14),
            ("rounded to a tenth", {"points": 10, "half_life_days": 30}, [10], 7.9),
            ("n times at most", {"points": 10, "max_times": 2}, [0, 1, 2], 20),
            (
                "the newest ones",
                {"points": 10, "max_times": 1, "half_life_days": 30},
                [90, 30, 60],
                5,
            ),
            ("cap", {"points": 10, "max_points": 25}, [0, 1, 2], 25),
            (
                "cap after decay",
                {"points": 10, "max_points": 12, "half_life_days": 30},
                [0, 30],
                12,
            ),
            ("below the cap", {"points": 10, "max_points": 25}, [0, 1], 20),
            ("negative", {"points": -5}, [0, 1], -10),
            ("negative cap", {"points": -5, "max_points": 8}, [0, 1], -8),
            ("the future does not count", {"points": 10}, [-1], 0),
        ]
        for name, rule_values, ages, expected in cases:
            with self.subTest(name):
                lead = self._create_leads()
                rule = self._rule(kind="email_in", **rule_values)
                for age in ages:
                    self._touch(lead, days=age)
                self._score(lead)
                self.assertEqual(lead.score_engagement, expected)
                rule.unlink()

    def test_other_kinds_and_machines_do_not_count(self):
        self._rule(10, kind="email_in")
        self._touch(self.lead, kind="email_out")
        self._touch(self.lead, is_machine=True)
        self._score()
        self.assertEqual(self.lead.score_engagement, 0)

    def test_a_touchpoint_counts_once_a_rule(self):
        """Of the lead and of its contact: the same mail is not two."""
        self._rule(10, kind="email_in")
        self.lead.partner_id = self.customer_contact
        self._touch(
            self.lead,
            partner_id=self.customer_contact.id,
            commercial_partner_id=self.customer.id,
        )
        self._score()
        self.assertEqual(self.lead.score_engagement, 10)

    def test_contact_without_lead_counts_for_the_contacts_leads(self):
        self._rule(10, kind="email_in")
        self.lead.partner_id = self.customer_contact
        other_lead = self._create_leads(partner_id=self.customer_2.id)
        self._touch(partner_id=self.customer_contact.id)
        # it belongs to another lead of the contact
        self._touch(other_lead, partner_id=self.customer_contact.id)
        self._score(self.lead + other_lead)
        self.assertEqual(self.lead.score_engagement, 10)
        self.assertEqual(other_lead.score_engagement, 10)

    def test_condition_on_the_touchpoint(self):
        self._rule(
            10, kind="email_in", touchpoint_domain="[('name', 'ilike', 'price')]"
        )
        self._rule(1, kind="email_in")
        self._touch(self.lead, name="Your price list")
        self._touch(self.lead, name="Hello")
        self._score()
        self.assertEqual(self.lead.score_engagement, 12)

    def test_grade_at_the_boundary(self):
        self.model.write(
            {
                "fit_a": 30,
                "fit_b": 20,
                "fit_c": 10,
                "engagement_1": 3,
                "engagement_2": 2,
                "engagement_3": 1,
            }
        )
        fit = self._rule(0, domain="[]")
        engagement = self._rule(0, kind="email_in")
        self._touch(self.lead)
        for fit_points, engagement_points, grade in [
            (30, 3, "A1"),
            (29.9, 2.9, "B2"),
            (20, 2, "B2"),
            (19.9, 1.9, "C3"),
            (10, 1, "C3"),
            (9.9, 0.9, "D4"),
            (-5, -5, "D4"),
        ]:
            with self.subTest(grade=grade, fit=fit_points):
                fit.points = fit_points
                engagement.points = engagement_points
                self._score()
                self.assertEqual(self.lead.score_grade, grade)

    def test_thresholds_must_fall(self):
        with self.assertRaises(ValidationError):
            self.model.fit_b = self.model.fit_a
        with self.assertRaises(ValidationError):
            self.model.engagement_3 = 100

    def test_customer_counts_its_contacts(self):
        model = self.env["crm.score.model"].create(
            {"name": "Customers", "target": "customer"}
        )
        self._rule(10, kind="order_confirmed", model=model)
        self._rule(3, domain="[('is_company', '=', True)]", model=model)
        for partner in (self.customer, self.customer_contact):
            self._touch(
                kind="order_confirmed",
                partner_id=partner.id,
                commercial_partner_id=self.customer.id,
            )
        partners = self.customer + self.customer_contact + self.customer_2
        self._score(partners)
        self.assertEqual(partners.mapped("score_engagement"), [20, 10, 0])
        self.assertEqual(partners.mapped("score_fit"), [3, 0, 3])

    def test_probability_is_left_alone(self):
        self._rule(100, domain="[]")
        before = self.lead.probability, self.lead.automated_probability
        self._score()
        self.assertEqual(
            (self.lead.probability, self.lead.automated_probability), before
        )

    def test_copy_has_no_score(self):
        self._rule(100, domain="[]")
        self._score()
        copy = self.lead.copy()
        self.assertFalse(copy.score_grade)
        self.assertFalse(copy.date_mql)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringModelChoice(ScoringCommon):
    def test_first_model_that_fits(self):
        team = self.env["crm.team"].create({"name": "North"})
        of_team = self.env["crm.score.model"].create(
            {
                "name": "North",
                "sequence": 1,
                "team_ids": [Command.link(team.id)],
            }
        )
        of_company = self.env["crm.score.model"].create(
            {"name": "Two", "sequence": 2, "company_id": self.company_2.id}
        )
        here = self._create_leads(company_id=self.company.id)
        north = self._create_leads(team_id=team.id)
        there = self._create_leads(company_id=self.company_2.id, user_id=False)
        leads = here + north + there
        self._score(leads)
        self.assertEqual(
            leads.mapped("score_model_id"), self.model + of_team + of_company
        )

        of_company.active = False
        self._score(there)
        self.assertEqual(there.score_model_id, self.model)

    def test_a_model_for_all_companies_may_be_for_teams_of_one(self):
        team = self.env["crm.team"].create(
            {"name": "North", "company_id": self.company.id}
        )
        self.model.team_ids = team
        self.model.company_id = self.company
        with self.assertRaises(ValidationError):
            self.model.company_id = self.company_2
        with self.assertRaises(ValidationError):
            self.env["crm.score.model"].create(
                {
                    "name": "Two",
                    "company_id": self.company_2.id,
                    "team_ids": [Command.link(team.id)],
                }
            )

    def test_no_model_no_score(self):
        self._rule(50, domain="[]")
        self._score()
        self.assertTrue(self.lead.score_grade)
        self.model.company_id = self.company_2
        self.lead.company_id = self.company
        self._score()
        self.assertRecordValues(
            self.lead,
            [{"score_model_id": False, "score_grade": False, "score_total": 0}],
        )

    def test_touchpoints_of_another_company_do_not_count(self):
        self.model.company_id = self.company
        self.lead.write({"company_id": self.company.id, "partner_id": self.customer.id})
        self._rule(10, kind="invoice_paid")
        for company in (self.company, self.company_2):
            self._touch(
                kind="invoice_paid", partner_id=self.customer.id, company_id=company.id
            )
        self._score()
        self.assertEqual(self.lead.score_engagement, 10)

    def test_archived_rules_give_nothing(self):
        self._rule(10, domain="[]").active = False
        self._score()
        self.assertEqual(self.lead.score_total, 0)

    def test_broken_rule_gives_nothing_and_is_named(self):
        rule = self._rule(10, domain="[]")
        self._rule(3, domain="[]")
        self.env.cr.execute(
            "UPDATE crm_score_rule SET domain = %s WHERE id = %s",
            ["[('gone', '=', 1)]", rule.id],
        )
        self.env.invalidate_all()
        engine = ScoringEngine(self.env, "crm.lead", now=NOW)
        engine.recompute(self.lead.ids)
        self.assertEqual(self.lead.score_fit, 3)
        self.assertEqual(list(engine.errors), rule.sudo().ids and [rule])

    def test_condition_that_does_not_work_is_refused(self):
        for domain in ("[('nothing', '=', 1)]", "[1", "[('name', '=')]"):
            with self.subTest(domain), self.assertRaises(ValidationError):
                self._rule(1, domain=domain)
        with self.assertRaises(ValidationError):
            self._rule(1, kind="email_in", touchpoint_domain="[('nothing', '=', 1)]")


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringRules(ScoringCommon):
    """Groups, limits, decay, repetition and dates of rules."""

    def _group(self, dimension="fit", **values):
        return self.env["crm.score.group"].create(
            {
                "model_id": self.model.id,
                "name": dimension,
                "dimension": dimension,
                **values,
            }
        )

    def test_groups_add_up_within_their_limits(self):
        cases = [
            # limits, points of the rules inside, expected with a rule of 1 outside
            ("cap", {"max_points": 20}, [15, 10], 21),
            ("below the cap", {"max_points": 20}, [5, 10], 16),
            ("no cap", {"has_max": False}, [15, 10], 26),
            ("no floor", {}, [-15], -14),
            ("floor", {"has_min": True, "min_points": 0}, [-15, 5], 1),
            ("negative inside", {"max_points": 20}, [25, -10], 16),
        ]
        self._rule(1, domain="[]")
        for name, limits, points, expected in cases:
            with self.subTest(name):
                group = self._group(**limits)
                rules = self.env["crm.score.rule"]
                for each in points:
                    rules += self._rule(each, domain="[]", group_id=group.id)
                self._score()
                self.assertEqual(self.lead.score_fit, expected)
                lines = self.lead._score_explain()
                self.assertEqual(sum(line["points"] for line in lines), expected)
                rules.unlink()

    def test_group_of_engagement(self):
        group = self._group("engagement", max_points=12)
        for kind in ("email_in", "call_done"):
            self._rule(10, kind=kind, group_id=group.id)
            self._touch(self.lead, kind=kind)
        self._score()
        self.assertEqual(self.lead.score_engagement, 12)

    def test_group_is_of_the_rules_model_and_dimension(self):
        group = self._group("engagement")
        with self.assertRaises(ValidationError):
            self._rule(1, domain="[]", group_id=group.id)
        other = self.env["crm.score.model"].create({"name": "Other"})
        with self.assertRaises(ValidationError):
            self._rule(1, kind="email_in", model=other, group_id=group.id)
        self._rule(1, kind="email_in", group_id=group.id)
        with self.assertRaises(ValidationError):
            group.unlink()

    def test_copied_model_has_its_own_groups(self):
        group = self._group(max_points=7)
        self._rule(10, domain="[]", group_id=group.id)
        self._rule(1, domain="[]")
        copy = self.model.copy()
        self.assertEqual(copy.rule_ids.group_id, copy.group_ids)
        self.assertNotEqual(copy.group_ids, group)
        self.assertEqual(copy.group_ids.max_points, 7)

    def test_limits_of_the_total(self):
        self.model.write({"has_max_total": True, "max_total": 30})
        rule = self._rule(25, domain="[]")
        self._rule(15, kind="email_in")
        self._touch(self.lead)
        self._score()
        self.assertRecordValues(
            self.lead,
            [{"score_fit": 25, "score_engagement": 15, "score_total": 30}],
        )
        lines = self.lead._score_explain()
        self.assertEqual(sum(line["points"] for line in lines), 30)

        self.model.write({"has_min_total": True, "min_total": -5})
        rule.points = -50
        self._score()
        self.assertEqual(self.lead.score_total, -5)
        with self.assertRaises(ValidationError):
            self.model.min_total = 31

    def test_linear_decay(self):
        for days, expected in [(0, 10), (15, 5), (27, 1), (30, 0), (90, 0)]:
            with self.subTest(days=days):
                lead = self._create_leads()
                rule = self._rule(10, kind="email_in", linear_days=30)
                self._touch(lead, days=days)
                self._score(lead)
                self.assertEqual(lead.score_engagement, expected)
                self.assertEqual(rule.decay, "linear")
                rule.unlink()

    def test_decay_is_of_one_kind(self):
        rule = self._rule(10, kind="email_in", half_life_days=30)
        rule.decay = "linear"
        self.assertRecordValues(rule, [{"half_life_days": 0, "linear_days": 30}])
        rule.decay = "none"
        self.assertRecordValues(rule, [{"half_life_days": 0, "linear_days": 0}])

    def test_repeat_policy(self):
        rule = self._rule(10, kind="email_in", repeat_policy="once")
        self._touch(self.lead, number=4)
        for values, expected in [
            ({}, 10),
            ({"repeat_policy": "each"}, 40),
            ({"repeat_policy": "limit", "max_times": 3}, 30),
        ]:
            rule.write(values)
            self._score()
            self.assertEqual(self.lead.score_engagement, expected)

    def test_dates_of_a_rule(self):
        today = NOW.date()
        day = timedelta(days=1)
        for dates, counts in [
            ({"date_from": today}, True),
            ({"date_to": today}, True),
            ({"date_from": today + day}, False),
            ({"date_to": today - day}, False),
            ({"date_from": today - day, "date_to": today + day}, True),
        ]:
            with self.subTest(dates):
                rules = self._rule(10, domain="[]", **dates)
                rules += self._rule(5, kind="email_in", **dates)
                lead = self._create_leads()
                self._touch(lead)
                self._score(lead)
                self.assertEqual(lead.score_total, 15 if counts else 0)
                self.assertEqual(len(lead._score_explain()), 2)
                rules.unlink()

    def test_days_of_a_rule_are_those_of_its_company(self):
        """At noon of Greenwich it is tomorrow in Auckland, and today in Lima."""
        self.env.ref("base.user_root").company_id.partner_id.tz = "America/Lima"
        self.company_2.partner_id.tz = "Pacific/Auckland"
        self.lead.write({"user_id": False, "company_id": self.company_2.id})
        today, tomorrow = NOW.date(), NOW.date() + timedelta(days=1)
        for company, dates, expected in [
            (self.company_2, {"date_from": tomorrow}, 10),
            (self.company_2, {"date_to": today}, 0),
            (self.env["res.company"], {"date_from": tomorrow}, 0),
            (self.env["res.company"], {"date_to": today}, 10),
        ]:
            self.model.company_id = company
            rule = self._rule(10, domain="[]", **dates)
            with self.subTest((company.name, dates)), freeze_time(NOW):
                # wherever who looks is
                for zone in ("Pacific/Honolulu", "Pacific/Kiritimati"):
                    self.manager.tz = zone
                    lead = self.lead.with_user(self.manager).with_context(tz=zone)
                    explanation = lead.get_score_explanation()
                    self.assertEqual(explanation["total"], expected)
                    self.assertEqual(explanation["profile"]["of"], bool(expected))
            rule.unlink()

    def test_condition_on_a_property(self):
        team = self.env["crm.team"].create(
            {
                "name": "Machines",
                "lead_properties_definition": [
                    {"name": "volume", "type": "integer", "string": "Volume"}
                ],
            }
        )
        big, small, none = self._create_leads(3, team_id=team.id)
        big.lead_properties = {"volume": 900}
        small.lead_properties = {"volume": 9}
        self._rule(10, domain="[('lead_properties.volume', '>', 100)]")
        self._score(big + small + none)
        self.assertEqual((big + small + none).mapped("score_fit"), [10, 0, 0])
        # the change of a property scores at once
        small.lead_properties = {"volume": 500}
        self._harvest_queued()
        self.assertEqual(small.score_fit, 10)

    def test_condition_on_the_campaign_of_the_touchpoint(self):
        spring, autumn = self.env["utm.campaign"].create(
            [{"name": "Spring fair"}, {"name": "Autumn fair"}]
        )
        rule = self._rule(
            10,
            kind="email_in",
            touchpoint_domain="[('campaign_id.title', 'ilike', 'spring')]",
            max_times=1,
        )
        self._rule(1, kind="email_in")
        self._touch(self.lead, days=3, number=2, campaign_id=spring.id)
        self._touch(self.lead, days=1, number=3, campaign_id=autumn.id)
        self._score()
        self.assertEqual(self.lead.score_engagement, 15)
        line = next(x for x in self.lead._score_explain() if x["rule_id"] == rule.id)
        self.assertEqual((line["touchpoints"], line["touchpoints_found"]), (1, 2))


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringSeveralModels(ScoringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tag = cls.env["crm.tag"].create({"name": "Coffee machines"})
        cls.machines = cls.env["crm.score.model"].create(
            {
                "name": "Machines",
                "sequence": 1,
                "is_additional": True,
                "domain": f"[('tag_ids', 'in', [{cls.tag.id}])]",
                "mql_rule": "none",
            }
        )
        cls._rule(7, domain="[]")
        cls._rule(30, domain="[]", model=cls.machines)
        cls._rule(4, kind="email_in", model=cls.machines)

    def test_additional_model_beside_the_main_one(self):
        tagged_lead = self._create_leads(tag_ids=[Command.link(self.tag.id)])
        self._touch(tagged_lead)
        leads = self.lead + tagged_lead
        self._score(leads)
        self.assertEqual(leads.mapped("score_total"), [7, 7])
        self.assertEqual(leads.score_model_id, self.model)
        self.assertFalse(self.lead.additional_score_ids)
        self.assertRecordValues(
            tagged_lead.additional_score_ids,
            [
                {
                    "model_id": self.machines.id,
                    "fit": 30,
                    "engagement": 4,
                    "total": 34,
                    "grade": "B4",
                }
            ],
        )
        lines = tagged_lead._score_explain(self.machines)
        self.assertEqual(sorted(x["points"] for x in lines), [4, 30])

    def test_additional_score_is_explained_by_its_own_rules(self):
        self.machines.sequence = 99
        self._rule(3, domain="[('priority', '=', '3')]", sequence=0)
        self.lead.tag_ids = self.tag
        self._score()
        lines = self.lead._score_explain(self.machines)
        self.assertEqual(
            sum(line["points"] for line in lines),
            self.lead.additional_score_ids.total,
        )

    def test_additional_score_ends_with_the_condition(self):
        self.lead.tag_ids = self.tag
        self._score()
        self.assertTrue(self.lead.additional_score_ids)
        self.lead.tag_ids = False
        self._harvest_queued()
        self.lead.invalidate_recordset()
        self.assertFalse(self.lead.additional_score_ids)
        self.assertEqual(self.lead.score_total, 7)

    def test_condition_of_the_main_model(self):
        self.model.domain = f"[('tag_ids', 'in', [{self.tag.id}])]"
        fallback = self.env["crm.score.model"].create({"name": "Rest", "sequence": 99})
        tagged_lead = self._create_leads(tag_ids=[Command.link(self.tag.id)])
        leads = self.lead + tagged_lead
        self._score(leads)
        self.assertEqual(leads.mapped("score_model_id"), fallback + self.model)

    def test_condition_of_a_model_is_checked(self):
        with self.assertRaises(ValidationError):
            self.model.domain = "[('nothing', '=', 1)]"

    def test_customer_roll_up(self):
        """Who counts for the company: contacts, leads, both or neither."""
        model = self.env["crm.score.model"].create(
            {"name": "Customers", "target": "customer"}
        )
        self._rule(10, kind="email_in", model=model)
        mine = {"commercial_partner_id": self.customer.id}
        self._touch(partner_id=self.customer.id, **mine)
        self._touch(partner_id=self.customer_contact.id, **mine)
        self._touch(self.lead, partner_id=self.customer_contact.id, **mine)
        partners = self.customer + self.customer_contact
        for contacts, leads, expected in [
            (True, True, [30, 20]),
            (True, False, [20, 10]),
            (False, True, [10, 20]),
            (False, False, [10, 10]),
        ]:
            with self.subTest(contacts=contacts, leads=leads):
                model.write({"is_rolled_up": contacts, "is_lead_counted": leads})
                self._score(partners)
                self.assertEqual(partners.mapped("score_engagement"), expected)

    @users("plus_seller")
    def test_seller_sees_the_scores_of_own_leads(self):
        theirs = self._create_leads(user_id=self.seller_2.id)
        self._score(self.lead + theirs)
        scores = self.env["crm.score"].search([("model_id", "=", self.model.id)])
        self.assertIn(self.lead, scores.lead_id)
        self.assertNotIn(theirs, scores.lead_id)
        with self.assertRaises(AccessError):
            scores[:1].write({"total": 99})

    def test_scores_of_another_company_are_hidden(self):
        self.model.company_id = self.company
        self._score()
        env = self.env(user=self.user_other_company)
        self.assertFalse(env["crm.score"].search([("model_id", "=", self.model.id)]))
        self.model.company_id = False
        there = self._create_leads(company_id=self.company_2.id, user_id=False)
        here = self._create_leads(company_id=self.company.id, user_id=False)
        self._score(there + here)
        found = env["crm.score"].search([("model_id", "=", self.model.id)]).lead_id
        self.assertIn(there.id, found.ids)
        self.assertNotIn(here.id, found.ids)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreFields(ScoringCommon):
    """Scores are rows of their own, and yet fields of the record."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._rule(10, domain="[('priority', '=', '3')]")
        cls._rule(3, domain="[('priority', '!=', '0')]")
        cls.leads = cls._create_leads(3)
        for lead, priority in zip(cls.leads, "103", strict=True):
            lead.priority = priority
        cls.env.flush_all()
        cls.env.cr.precommit.clear()
        ScoringEngine(cls.env, "crm.lead", now=NOW).recompute(cls.leads.ids)
        cls.unscored = cls._create_leads()
        cls.env.flush_all()
        cls.env.cr.precommit.clear()
        cls.all_leads = cls.leads + cls.unscored

    def _search(self, *conditions, **options):
        return self.env["crm.lead"].search(
            [("id", "in", self.all_leads.ids), *conditions], **options
        )

    def test_search(self):
        first, second, third = self.leads
        for condition, expected in [
            (("score_total", ">", 3), third),
            (("score_total", ">=", 3), first + third),
            (("score_total", "=", 3), first),
            (("score_grade", "in", ["C4"]), third),
            (("score_grade", "=", False), self.unscored),
            (("score_grade", "!=", False), self.leads),
            (("score_grade", "=ilike", "d%"), first + second),
            (("score_model_id", "=", self.model.id), self.leads),
            (("score_model_id", "=", False), self.unscored),
            (("score_model_id.name", "=", "Test"), self.leads),
            (("score_model_id", "ilike", "test"), self.leads),
            (("score_date", ">=", NOW), self.leads),
            (("score_date", ">", NOW), self.env["crm.lead"]),
        ]:
            with self.subTest(condition):
                self.assertEqual(self._search(condition).sorted(), expected.sorted())
                self.assertEqual(self.all_leads.filtered_domain([condition]), expected)

    def test_sort(self):
        first, second, third = self.leads
        leads = self._search(("score_grade", "!=", False), order="score_total desc")
        self.assertEqual(leads, third + first + second)

    def test_group_and_average(self):
        groups = self.env["crm.lead"]._read_group(
            [("id", "in", self.leads.ids)],
            ["score_grade"],
            ["__count", "score_total:avg"],
        )
        self.assertEqual(groups, [("C4", 1, 13), ("D4", 2, 1.5)])
        groups = self.env["crm.lead"]._read_group(
            [("id", "in", self.leads.ids)], ["score_model_id"], ["__count"]
        )
        self.assertEqual(groups, [(self.model, 3)])

    def test_client_may_sort_and_group(self):
        described = self.env["crm.lead"].fields_get(
            ["score_total", "score_grade"],
            ["sortable", "groupable", "searchable", "aggregator"],
        )
        for description in described.values():
            self.assertTrue(description["sortable"])
            self.assertTrue(description["groupable"])
            self.assertTrue(description["searchable"])
        self.assertEqual(described["score_total"]["aggregator"], "avg")

    def test_one_query_reads_all(self):
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            self.all_leads.mapped("score_total")

    def test_deleted_lead_leaves_nothing(self):
        lead_id = self.leads[0].id
        self.leads[0].unlink()
        self.env.cr.execute("SELECT FROM crm_score WHERE lead_id = %s", [lead_id])
        self.assertFalse(self.env.cr.rowcount)

    def test_scores_as_columns_become_rows(self):
        """Of a database of version 19.0.1.0.0."""
        script = load_script(
            file_path("crm_plus/migrations/19.0.1.1.0/post-scores-to-rows.py"),
            "scores_to_rows",
        )
        self.env.cr.execute("DELETE FROM crm_score")
        self.env.cr.execute(
            """ALTER TABLE crm_lead ADD score_model_id int, ADD score_fit numeric,
               ADD score_engagement numeric, ADD score_total numeric,
               ADD score_grade varchar, ADD score_date timestamp"""
        )
        self.env.cr.execute(
            """UPDATE crm_lead SET score_model_id = %s, score_fit = 2.5,
                      score_engagement = 1, score_total = 3.5, score_grade = 'D4'
                WHERE id = %s""",
            [self.model.id, self.lead.id],
        )
        script.migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()
        self.assertEqual(self.lead.score_total, 3.5)
        self.assertEqual(self.lead.score_model_id, self.model)
        self.env.cr.execute(
            """SELECT FROM information_schema.columns
                WHERE table_name = 'crm_lead' AND column_name LIKE 'score%'"""
        )
        self.assertFalse(self.env.cr.rowcount)


class RandomChanges:
    """Leads, customers and rules of all kinds, and what may happen to them."""

    def __init__(self, test):
        self.test = test
        self.env = test.env
        self.now = NOW
        self.story = []
        partners = self.env["res.partner"].create(
            [{"name": f"Company {n}", "is_company": True} for n in range(4)]
        )
        partners += self.env["res.partner"].create(
            [{"name": f"Person {n}", "parent_id": partners[n % 2].id} for n in range(4)]
        )
        self.partners = partners
        self.leads = test._create_leads(10)
        self.leads[:5].phone = "123"
        self.countries = self.env["res.country"].create(
            [{"name": f"Land {n}", "code": f"{n}@"} for n in range(3)]
        )
        self.campaigns = self.env["utm.campaign"].create(
            [{"name": f"Campaign {n}"} for n in range(2)]
        )
        self._make_rules()
        self.targets = {"crm.lead": self.leads.ids, "res.partner": partners.ids}

    def _make_rules(self):
        rule, model = self.test._rule, self.test.model
        capped = self.env["crm.score.group"].create(
            {"model_id": model.id, "name": "Capped", "max_points": 9}
        )
        self.dated = rule(3, domain="[('phone', '!=', False)]", group_id=capped.id)
        rule(8, domain="[('email_from', 'ilike', 'brandt')]", group_id=capped.id)
        rule(1, domain="[('phone', 'ilike', '1')]")
        rule(4, domain="[('expected_revenue', '>=', 500)]")
        rule(6, domain="[('country_id.code', 'in', ['0@', '9@'])]")
        rule(-2, domain="[('country_id', '=', False)]")
        rule(7, domain="[('partner_id.function', 'ilike', 'director')]")
        rule(5, domain="[('create_date', '>=', 'today -3d')]")
        rule(9, domain="[('tag_ids', '!=', False)]")
        rule(4, kind="email_out", max_times=2)
        rule(
            6,
            kind="call_done",
            half_life_days=9,
            touchpoint_domain="[('campaign_id.name', 'ilike', 'summer')]",
        )
        self.env["crm.score.model"].create(
            {
                "name": "More",
                "is_additional": True,
                "domain": "[('phone', '!=', False)]",
            }
        )
        other = self.env["crm.score.model"].create(
            {"name": "Urgent", "sequence": 1, "domain": "[('color', '=', 5)]"}
        )
        rule(50, model=other)
        customers = self.env["crm.score.model"].create(
            {"name": "Customers", "target": "customer"}
        )
        rule(5, model=customers, domain="[('function', 'ilike', 'director')]")
        rule(6, model=customers, domain="[('country_id.code', '=', '1@')]")
        rule(9, model=customers, kind="email_in", half_life_days=20)

    def happen(self, seed):
        """Let a few things happen, and some time pass."""
        self.random = random.Random(seed)
        for _number in range(self.random.randint(0, 3)):
            name = self.random.choice(
                [name for name in dir(self) if name.startswith("_do_")]
            )
            self.story.append(name)
            getattr(self, name)()
        days = self.random.choice([0.1, 1, 1, 5])
        self.now += timedelta(days=days)
        self.env.flush_all()
        # all that the ORM wrote is dated by the real clock: what is found is not found
        # by that
        self.env.cr.execute("UPDATE crm_lead SET write_date = '2020-01-01'")
        self.env.cr.execute("UPDATE res_partner SET write_date = '2020-01-01'")

    def next_since(self):
        self.env.cr.execute("SELECT max(id) FROM crm_touchpoint")
        return self.now, self.env.cr.fetchone()[0] or 0

    def _lead(self):
        return self.random.choice(self.leads)

    def _sql(self, text, *values):
        self.env.flush_all()
        self.env.cr.execute(text, values)
        self.env.invalidate_all()

    def _do_write_lead(self):
        choice = self.random.choice
        values = {
            "phone": choice([False, "123"]),
            "email_from": choice([False, "a@brandt.example", "b@x.example"]),
            "expected_revenue": choice([0, 500, 900]),
            "country_id": choice([False, *self.countries.ids]),
            "partner_id": choice([False, *self.partners.ids]),
            "color": choice([0, 5]),
            "tag_ids": [Command.set(choice([[], self.tag.ids]))],
            "active": choice([True, True, False]),
        }
        name = choice(list(values))
        self._lead().write({name: values[name]})

    @property
    def tag(self):
        return self.env["crm.tag"].search([], limit=1) or self.env["crm.tag"].create(
            {"name": "x"}
        )

    def _do_write_lead_around_odoo(self):
        self._sql(
            "UPDATE crm_lead SET email_from = %s, expected_revenue = %s WHERE id = %s",
            self.random.choice([None, "c@brandt.example"]),
            self.random.choice([None, 1, 700]),
            self._lead().id,
        )

    def _do_date_lead(self):
        date = self.now - timedelta(days=self.random.choice([1, 4]))
        self._sql(
            "UPDATE crm_lead SET create_date = %s WHERE id = %s", date, self._lead().id
        )

    def _do_write_partner(self):
        self.random.choice(self.partners).write(
            {
                "function": self.random.choice([False, "Director", "Buyer"]),
                "country_id": self.random.choice([False, *self.countries.ids]),
            }
        )

    def _do_move_country(self):
        country = self.random.choice(self.countries)
        codes = {"0@", "1@", "2@", "9@"} - set(self.countries.mapped("code"))
        country.code = self.random.choice(sorted(codes))

    def _do_forget_country(self):
        self._sql(
            "UPDATE crm_lead SET country_id = NULL WHERE country_id = %s",
            self.random.choice(self.countries).id,
        )

    def _do_rename_campaign(self):
        campaign = self.random.choice(self.campaigns)
        campaign.title = self.random.choice(["Summer sale", "Winter sale"])

    def _do_touch(self):
        kind = self.random.choice(["email_in", "call_done", "email_out"])
        partner = self.random.choice(self.partners)
        lead = self.random.choice([self._lead(), None])
        self.test._touch(
            lead,
            kind=kind,
            date=self.now - timedelta(days=self.random.choice([-2, 0, 3, 30])),
            partner_id=partner.id,
            commercial_partner_id=partner.commercial_partner_id.id,
            campaign_id=self.random.choice([False, *self.campaigns.ids]),
            is_machine=self.random.random() < 0.1,
        )

    def _do_date_rule(self):
        day = self.now.date() + timedelta(days=self.random.choice([0, 2]))
        values = [
            {"date_from": day, "date_to": False},
            {"date_from": False, "date_to": day},
            {"points": self.dated.points + 1},
        ]
        self.dated.write(self.random.choice(values))


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringDirty(ScoringCommon):
    """What a run that looks for changes scores, and what it leaves."""

    def setUp(self):
        super().setUp()
        self._rule(5, domain="[('priority', '=', '3')]")
        self._rule(10, kind="email_in", half_life_days=30)
        self._rule(8, kind="call_done", linear_days=40)
        self.leads = self._create_leads(6)
        self.env.flush_all()
        self.env.cr.precommit.clear()
        self.env.cr.execute(
            "UPDATE crm_lead SET write_date = %s", [NOW - timedelta(days=9)]
        )

    def _recompute(self, now=NOW, since=None):
        self.env.flush_all()
        self.env.cr.precommit.clear()
        engine = ScoringEngine(self.env, "crm.lead", now=now)
        self.env.cr.execute("SELECT max(id) FROM crm_touchpoint")
        touchpoint_id = self.env.cr.fetchone()[0] or 0
        if since:
            scored = []
            original = ScoringEngine._recompute_batch

            def recompute_batch(engine, ids=None, id_range=None):
                scored.extend(ids or [])
                return original(engine, ids=ids, id_range=id_range)

            self.patch(ScoringEngine, "_recompute_batch", recompute_batch)
            engine.recompute(since=since)
            return set(scored) & set(self.leads.ids)
        engine.recompute()
        return (now, touchpoint_id)

    def test_nothing_changed(self):
        self._touch(self.leads[0], kind="meeting_done")
        since = self._recompute()
        self.assertEqual(self._recompute(since=since), set())

    def test_what_changed(self):
        written, by_sql, touched, late, contact = self.leads[:5]
        contact.partner_id = self.customer
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET write_date = %s", [NOW - timedelta(days=9)]
        )
        self._touch(late, days=-2)
        since = self._recompute()
        written.write({"name": "x"})
        self.env.flush_all()
        # around Odoo: what was written is compared, not guessed
        self.env.cr.execute(
            "UPDATE crm_lead SET priority = '3' WHERE id = %s", [by_sql.id]
        )
        self._touch(touched, days=100)
        self._touch(partner_id=self.customer.id, days=100)
        dirty = self._recompute(now=NOW + timedelta(days=3), since=since)
        self.assertEqual(dirty, set((written + by_sql + touched + late + contact).ids))
        self.assertEqual(by_sql.score_fit, 5)
        self.assertEqual(late.score_engagement, 9.8)

    def test_decay_is_due_when_points_move(self):
        """At each date it finds the leads whose score changes, and no score that
        changes is left out.
        """
        ages = [0, 1, 7, 30, 200, 900]
        for lead, age in zip(self.leads, ages, strict=True):
            self._touch(lead, days=age)
            self._touch(lead, days=age, kind="call_done", number=2)
        since = self._recompute()
        for days in (0.1, 1, 2, 5, 20, 45, 400):
            now = NOW + timedelta(days=days)
            before = {lead.id: lead.score_total for lead in self.leads}
            found = self._recompute(now=now, since=since)
            after = self.leads.mapped("score_total")
            since = (now, since[1])
            self.assertFalse(
                self._score(self.leads, now=now), f"left out after {days} days"
            )
            if days == 0.1:
                self.assertNotIn(self.leads[5].id, found, "nothing left to lose")
            moved = {
                lead_id
                for lead_id, total in zip(self.leads.ids, after, strict=True)
                if before[lead_id] != total
            }
            self.assertLessEqual(moved, found)

    def test_new_rule_and_its_dates_are_found(self):
        since = self._recompute()
        self._rule(2, domain="[]", date_from=NOW.date() + timedelta(days=1))
        self.assertEqual(self._recompute(since=since), set())
        found = self._recompute(now=NOW + timedelta(days=1), since=since)
        self.assertEqual(found, set(self.leads.ids))

    def test_engagement_rule_that_begins_or_ends_scores_all(self):
        day = NOW.date()
        for dates in ({"date_from": day}, {"date_to": day - timedelta(days=1)}):
            rule = self._rule(5, kind="meeting_done", **dates)
            since = self._recompute(now=NOW - timedelta(days=1))
            self.assertEqual(
                self._recompute(now=NOW, since=since), set(self.leads.ids), dates
            )
            rule.unlink()

    def test_settled_conditions(self):
        """Settled is what reads plain columns of the record and compares them with what
        is written there.
        """
        engine = ScoringEngine(self.env, "crm.lead", now=NOW)
        for domain, columns in [
            ("[]", set()),
            ("[('priority', '=', '3')]", {"priority"}),
            ("['|', ('phone', '!=', False), ('email_from', 'ilike', '@b')]", None),
            ("[('country_id', '=', False)]", {"country_id"}),
            ("[('country_id', 'in', [1, 2])]", {"country_id"}),
            # of other records
            ("[('country_id.code', '=', 'DE')]", None),
            ("[('country_id', 'ilike', 'ger')]", None),
            ("[('team_id', 'child_of', 1)]", None),
            ("[('tag_ids', 'in', [1])]", None),
            ("[('score_total', '>', 1)]", None),
            ("[('is_mql', '=', True)]", None),
            ("[('lead_properties.x', '=', 1)]", None),
            # of today, and of who asks
            ("[('create_date', '>=', 'today -3d')]", None),
            ("[('color', '=', context_today().day)]", None),
            ("[('user_id', '=', uid)]", None),
            # of no use
            ("[('gone', '=', 1)]", None),
            ("[(", None),
        ]:
            if columns is None and "|" in domain:
                columns = {"phone", "email_from"}
            rule = self.model.rule_ids[:1]
            with self.subTest(domain):
                engine.errors.clear()
                found = engine._settled_columns(rule, engine.Target, domain)
                self.assertEqual(found, columns)

    def test_odoos_own_scoring_makes_nothing_dirty(self):
        """It writes all open leads, every night, around the ORM."""
        since = self._recompute()
        self.env.cr.execute("UPDATE crm_lead SET automated_probability = random()")
        self.assertEqual(self._recompute(since=since), set())

    def test_same_as_scoring_all(self):
        """Whatever happens, a run that looks for changes leaves nothing out."""
        world = RandomChanges(self)
        since = self._recompute(now=world.now)
        for seed in range(40):
            world.happen(seed)
            with freeze_time(world.now):
                self.env.flush_all()
                self.env.cr.precommit.clear()
                for name, ids in world.targets.items():
                    engine = ScoringEngine(self.env, name, now=world.now)
                    engine.recompute(since=since)
                    self.assertFalse(engine.errors)
                    # the fingerprint is stored with the score: a look at all of the
                    # records by another way than it
                    left_out = ScoringEngine(self.env, name, now=world.now)
                    self.assertFalse(left_out.recompute(ids), world.story)
            since = world.next_since()

    def test_statement_in_bulk_leaves_the_session_as_it_was(self):
        self.patch(scoring, "BULK", 0)
        self.env.cr.execute("SHOW enable_nestloop")
        before = self.env.cr.fetchone()
        self._score(self.leads)
        self.env.cr.execute("SHOW enable_nestloop")
        self.assertEqual(self.env.cr.fetchone(), before)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringQualified(ScoringCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model.write(
            {"mql_rule": "grade", "mql_min_fit": "B", "mql_min_engagement": "2"}
        )
        cls.fit = cls._rule(25, domain="[]")
        cls.engagement = cls._rule(15, kind="email_in")

    def test_both_are_asked_for(self):
        self._score()
        self.assertEqual(self.lead.score_grade, "B4")
        self.assertFalse(self.lead.is_mql)

        self._touch(self.lead)
        self._score()
        self.assertEqual(self.lead.score_grade, "B2")
        self.assertEqual(self.lead.date_mql, NOW)

    def test_kept_when_the_score_falls(self):
        self._touch(self.lead)
        self._score()
        self.fit.points = 0
        self._score(now=NOW + timedelta(days=1))
        self.assertEqual(self.lead.score_grade, "D2")
        self.assertEqual(self.lead.date_mql, NOW)

        self.fit.points = 40
        self._score(now=NOW + timedelta(days=2))
        self.assertEqual(self.lead.date_mql, NOW, "first time counts")

    def test_by_total(self):
        self.model.write({"mql_rule": "total", "mql_min_total": 40})
        self._score()
        self.assertFalse(self.lead.is_mql)
        self._touch(self.lead)
        self._score()
        self.assertTrue(self.lead.is_mql)

    def test_never(self):
        self.model.mql_rule = "none"
        self._touch(self.lead)
        self._score()
        self.assertFalse(self.lead.is_mql)

    def test_closed_leads_do_not_qualify(self):
        lost, won = self._create_leads(2)
        lost.action_set_lost()
        won.action_set_won()
        self._touch(lost)
        self._touch(won)
        self._score(lost + won)
        self.assertEqual((lost + won).mapped("score_grade"), ["B2", "B2"])
        self.assertFalse((lost + won).filtered("is_mql"))

    def test_search_and_touchpoint(self):
        self._touch(self.lead)
        self.lead._score_recompute()
        self._harvest_queued()
        Lead = self.env["crm.lead"]
        self.assertIn(self.lead, Lead.search([("is_mql", "=", True)]))
        self.assertNotIn(self.lead, Lead.search([("is_mql", "=", False)]))
        touchpoint = self.env["crm.touchpoint"].search(
            [("lead_id", "=", self.lead.id), ("kind_id.code", "=", "lead_mql")]
        )
        self.assertEqual(len(touchpoint), 1)

    def test_note(self):
        self.model.mql_notify = "note"
        self._touch(self.lead)
        with RecordCapturer(
            self.env["mail.message"], [("res_id", "=", self.lead.id)]
        ) as capture:
            self.lead._score_recompute()
            self.lead._score_recompute()
        self.assertEqual(len(capture.records), 1)
        self.assertIn("B2", capture.records.body)

    def test_activity_for_the_salesperson(self):
        self.model.mql_notify = "activity"
        nobodys = self._create_leads(user_id=False)
        self._touch(self.lead)
        self._touch(nobodys)
        (self.lead + nobodys)._score_recompute()
        self.assertEqual(self.lead.activity_ids.user_id, self.seller)
        self.assertFalse(nobodys.activity_ids)
        self.assertTrue(nobodys.is_mql)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringExplain(ScoringCommon):
    def test_lines_add_up_to_the_score(self):
        self._rule(12.3, domain="[]")
        self._rule(4, domain="[('name', '=', 'other')]")
        self._rule(7, kind="email_in", half_life_days=13, max_times=2)
        self._rule(9, kind="call_done", half_life_days=17, max_points=10)
        for days in (1, 5, 9):
            self._touch(self.lead, days=days)
            self._touch(self.lead, days=days, kind="call_done")
        self.lead._score_recompute()

        lines = self.lead._score_explain()

        self.assertEqual(len(lines), 4)
        for dimension in ("fit", "engagement"):
            self.assertAlmostEqual(
                sum(x["points"] for x in lines if x["dimension"] == dimension),
                self.lead[f"score_{dimension}"],
            )
        self.assertEqual([x["is_matched"] for x in lines], [True, False, True, True])

    def test_rule_without_points_says_whether_it_matches(self):
        """Some note what they look for before they know what it is worth."""
        rules = [self._rule(0, domain=f"[('name', '=', '{n}')]") for n in ("Lead 0", 1)]
        rules += [self._rule(0, kind=kind) for kind in ("email_in", "call_done")]
        self._touch(self.lead)
        self.lead._score_recompute()

        lines = {line["rule_id"]: line for line in self.lead._score_explain()}

        self.assertEqual(
            [lines[rule.id]["is_matched"] for rule in rules], [True, False, True, False]
        )
        self.assertEqual(lines[rules[0].id]["text"], "Matches")
        self.assertEqual({line["points"] for line in lines.values()}, {0})

    def test_share_of_the_ideal_profile(self):
        """K09: weights that match / weights of what is known."""
        self._rule(30, domain="[('function', '=', 'CEO')]")
        self._rule(10, domain="[('city', '=', 'Bonn')]")
        self._rule(60, domain="[('country_id.code', '=', 'DE')]")
        self._rule(-50, domain="[('function', '=', 'Student')]")
        self._rule(20, domain="[('name', '!=', False)]", date_to="2020-01-01")
        lead = self._create_leads(function="CEO", city="Ulm")

        def profile():
            lead.invalidate_recordset()
            return lead.with_user(self.seller).get_score_explanation()["profile"]

        self.assertEqual(profile(), {"percent": 75.0, "known": 2, "of": 3})
        lead.country_id = self.env.ref("base.de")
        self.assertEqual(profile(), {"percent": 90.0, "known": 3, "of": 3})
        lead.write({"function": False, "city": False, "country_id": False})
        self.assertEqual(profile(), {"percent": False, "known": 0, "of": 3})

    def test_says_how_the_points_came_about(self):
        self._rule(10, kind="email_in", max_times=2)
        for days in (3, 1, 2):
            self._touch(self.lead, days=days)
        [line] = self.lead._score_explain()
        self.assertEqual((line["touchpoints"], line["touchpoints_found"]), (2, 3))
        self.assertEqual(line["date_first"], NOW - timedelta(days=2))
        self.assertEqual(line["date_last"], NOW - timedelta(days=1))
        self.assertEqual(line["text"], "the newest 2 of 3")

    def test_cap_is_said(self):
        self._rule(10, kind="email_in", max_points=15)
        self._touch(self.lead, number=2)
        [line] = self.lead._score_explain()
        self.assertEqual(line["points_before_cap"], 20)
        self.assertEqual(line["points"], 15)
        self.assertEqual(line["text"], "2 times, at most 15")

    @users("plus_seller")
    def test_seller_is_told_why(self):
        self._rule(12, domain="[]")
        self._score()
        explanation = self.lead.with_env(self.env).get_score_explanation()
        self.assertEqual(explanation["total"], 12)
        self.assertEqual(explanation["model"], "Test")
        self.assertIn("13.0 points of fit for grade B4", explanation["missing"])
        self.assertIn("5.0 points of engagement for grade C3", explanation["missing"])

    def test_explanation_adds_up_when_time_has_passed(self):
        self._rule(10, kind="email_in", half_life_days=30)
        self._touch(self.lead)
        self._score(now=NOW)
        self.assertEqual(self.lead.score_total, 10)

        explanation = self.lead.get_score_explanation()

        self.assertLess(explanation["total"], 10)
        self.assertEqual(
            explanation["total"], sum(line["points"] for line in explanation["lines"])
        )

    def test_other_sellers_lead_is_not_explained(self):
        self._rule(12, domain="[]")
        with self.assertRaises(AccessError):
            self.lead.with_user(self.seller_2).get_score_explanation()

    def test_without_a_model(self):
        self.model.active = False
        explanation = self.lead.get_score_explanation()
        self.assertFalse(explanation["model"])
        self.assertEqual(explanation["lines"], [])


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringAtWork(ScoringCommon):
    """When scores are computed, and at what cost."""

    def test_only_rows_that_change_are_written(self):
        self._rule(10, domain="[('priority', '=', '3')]")
        leads = self._create_leads(10)
        self.assertEqual(set(self._score(leads)), set(leads.ids))
        self.assertEqual(self._score(leads), [])
        rows_before = self._row_versions(leads)

        leads[:3].priority = "3"
        self.assertEqual(set(self._score(leads)), set(leads[:3].ids))
        self.assertFalse(set(self._row_versions(leads[:3])) & set(rows_before))
        self.assertEqual(self._row_versions(leads)[3:], rows_before[3:])

    def _row_versions(self, leads):
        self.env.cr.execute(
            "SELECT ctid FROM crm_score WHERE lead_id = ANY(%s) ORDER BY lead_id",
            [leads.ids],
        )
        return self.env.cr.fetchall()

    def test_write_date_is_not_touched(self):
        self._rule(10, domain="[]")
        before = self.lead.write_date
        self._score()
        self.lead.invalidate_recordset()
        self.assertEqual(self.lead.write_date, before)

    def test_query_count_is_constant(self):
        self._rule(10, domain="[('priority', '=', '3')]")
        self._rule(10, kind="email_in", half_life_days=30)
        one = self._create_leads(priority="3")
        many = self._create_leads(200, priority="3")
        self._touch(many[0])
        self.env.flush_all()
        self.env.cr.precommit.clear()
        one._score_recompute()
        self.env.cr.precommit.clear()
        counts = []
        for leads in (one, many):
            self.env.cr.execute(
                "UPDATE crm_score SET total = 0 WHERE lead_id = ANY(%s)", [leads.ids]
            )
            self.env.flush_all()
            self.env.cr.precommit.clear()
            self.env.invalidate_all()
            start = self.cr.sql_log_count
            changed = leads._score_recompute()
            counts.append(self.cr.sql_log_count - start)
            self.assertEqual(changed, leads)
        self.assertEqual(counts[0], counts[1])
        self.assertLess(counts[0], 12)

    def test_write_of_one_lead_takes_few_queries(self):
        self._rule(10, domain="[('priority', '=', '3')]")
        self._rule(10, kind="email_in", half_life_days=30)
        self._touch(self.lead)
        for priority in ("1", "2"):
            self.lead.priority = priority
            self._harvest_queued()
        self.lead.priority = "3"
        self.env.flush_all()
        # the statement that scores, and the segments that may follow
        with self.assertQueryCount(2):
            self.env["crm.score.model"]._recompute_queued()
        self.assertEqual(self.lead.score_fit, 10)

    def test_customer_of_a_lead_has_the_points_of_its_touchpoints(self):
        model = self.env["crm.score.model"].create(
            {"name": "Customers", "target": "customer"}
        )
        self._rule(10, kind="email_in", model=model)
        self._touch(self.lead)
        self.env.cr.precommit.clear()
        self.lead.partner_id = self.customer
        self._harvest_queued()
        self.assertEqual(self.customer.score_engagement, 10)

    def test_written_field_of_a_rule(self):
        self._rule(10, domain="[('priority', '=', '3')]")
        self.lead.priority = "3"
        self._harvest_queued()
        self.assertEqual(self.lead.score_fit, 10)

    def test_field_that_a_rules_field_is_computed_from(self):
        self._rule(10, domain="[('email_domain_criterion', '=like', '@%')]")
        self.lead.email_from = "ida@brandt.example"
        self._harvest_queued()
        self.assertEqual(self.lead.score_fit, 10)
        self.lead.email_from = "ida@gmail.com"
        self._harvest_queued()
        self.assertEqual(self.lead.score_fit, 0)

    def test_other_fields_cost_nothing(self):
        self._rule(10, domain="[('priority', '=', '3')]")
        self.env["crm.score.model"]._get_watched_fields("crm.lead")
        self.lead.description = "x"
        self.assertNotIn("crm_plus.score_queue", self.env.cr.precommit.data)

    def test_new_lead_is_scored_at_the_end_of_its_transaction(self):
        self._rule(10, domain="[]")
        lead = self._create_leads()
        self._harvest_queued()
        self.assertEqual(lead.score_fit, 10)

    def test_touchpoint_scores_at_once(self):
        self._rule(10, kind="lead_created")
        lead = self._create_leads()
        self._harvest_queued()
        self.assertEqual(lead.score_engagement, 10)

    def test_touchpoint_of_a_long_transaction_scores_at_once(self):
        """A message is dated when it is written, maybe long after the start."""
        self._rule(10, kind="email_in")
        started = fields.Datetime.now() - timedelta(minutes=5)
        self.patch(self.env.cr, "_now", started)
        self._touch(self.lead, date=fields.Datetime.now())
        self.lead._score_recompute()
        self.assertEqual(self.lead.score_engagement, 10)

    def test_segment_on_the_score_follows(self):
        self._rule(10, domain="[('priority', '=', '3')]")
        segment = self.env["crm.segment"].create(
            {
                "name": "Good",
                "domain": "[('score_fit', '>=', 10)]",
                "user_id": self.manager.id,
            }
        )
        self._harvest_queued()
        self.lead.priority = "3"
        self._harvest_queued()
        self.assertIn(self.lead, segment.member_ids.lead_id)

    def test_merged_lead_has_the_points_of_both(self):
        self._rule(10, kind="call_done")
        leads = self._create_leads(2)
        for lead in leads:
            self._touch(lead, kind="call_done", days=300)
        merged = leads.merge_opportunity()
        self._harvest_queued()
        self.assertEqual(merged.score_engagement, 20)

    def test_failure_does_not_stop_a_seller(self):
        self._rule(10, domain="[]")

        def fail(*args, **kwargs):
            raise ValueError

        self.patch(ScoringEngine, "recompute", fail)
        with mute_logger("odoo.addons.crm_plus.models.scoring.crm_score_model"):
            lead = self._create_leads()
            self._harvest_queued()
        self.assertTrue(lead.exists())

    def test_scores_are_not_written_by_hand(self):
        with self.assertRaises(AccessError):
            self.lead.with_user(self.seller).score_total = 99
        with self.assertRaises(AccessError):
            self.env["crm.lead"].with_user(self.seller).create(
                {"name": "x", "date_mql": fields.Datetime.now()}
            )

    @users("plus_seller")
    def test_sellers_read_models_only(self):
        model = self.model.with_env(self.env)
        self.assertEqual(model.name, "Test")
        for call in (
            lambda: model.write({"name": "x"}),
            lambda: self.env["crm.score.rule"].create({"model_id": model.id}),
            model.action_recompute_all,
            lambda: self.env["crm.score.run"].search([]),
        ):
            with self.assertRaises(AccessError):
                call()

    def test_model_of_another_company_is_hidden(self):
        self.model.company_id = self.company
        self._rule(1, domain="[]")
        env = self.env(user=self.user_other_company)
        self.assertNotIn(self.model, env["crm.score.model"].search([]))
        self.assertFalse(
            env["crm.score.rule"].search([("model_id", "=", self.model.id)])
        )

    def test_matrix_counts_the_leads_of_each_grade(self):
        self._rule(40, domain="[]")
        leads = self._create_leads(3)
        self._score(leads)
        self.model.invalidate_recordset()
        self.assertEqual(self.model.record_count, 3)
        self.assertIn("A4", self.model.matrix)
        self.assertIn(">3<", self.model.matrix)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringNightly(ScoringCommon):
    def _run_cron(self):
        self.env.flush_all()
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_recompute_scores").method_direct_trigger()

    def test_decay_is_found_by_the_nightly_run(self):
        self._rule(10, kind="email_in", half_life_days=30)
        touchpoint = self._touch(self.lead)
        touchpoint_date = fields.Datetime.now() - timedelta(days=30)
        self.env.cr.execute(
            "UPDATE crm_touchpoint SET date = %s WHERE id = %s",
            [touchpoint_date, touchpoint.id],
        )
        self._run_cron()
        self.assertEqual(self.lead.score_engagement, 5)
        run = self.env["crm.score.run"].search(
            [("target_model", "=", "crm.lead")], limit=1
        )
        self.assertTrue(run.date_end)
        self.assertGreaterEqual(run.changed_count, 1)

    def test_goes_through_all_in_batches(self):
        self._rule(10, domain="[]")
        leads = self._create_leads(7)
        self.patch(scoring, "BATCH_SIZE", 3)
        self._run_cron()
        self.assertEqual(set(leads.mapped("score_fit")), {10})

    def test_goes_on_where_it_stopped(self):
        self._rule(10, domain="[]")
        before, after = self._create_leads(2)
        self.env.flush_all()
        self.env.cr.precommit.clear()
        run = self.env["crm.score.run"]._start({"crm.lead"})
        run.last_id = before.id
        run.flush_recordset()
        self._run_cron()
        self.assertEqual(after.score_fit, 10)
        self.assertEqual(before.score_fit, 0)

    def test_changed_rules_start_over(self):
        run = self.env["crm.score.run"]._start({"crm.lead"})
        run.last_id = 99
        self._rule(10, domain="[]")
        self.assertEqual(run.last_id, 0)

    def test_error_of_a_rule_is_kept_on_the_run(self):
        rule = self._rule(10, domain="[]", active=True)
        self.env.cr.execute(
            "UPDATE crm_score_rule SET domain = %s WHERE id = %s",
            ["[('gone', '=', 1)]", rule.id],
        )
        self.env.invalidate_all()
        self._run_cron()
        run = self.env["crm.score.run"].search(
            [("target_model", "=", "crm.lead")], limit=1
        )
        self.assertIn("gone", run.errors)


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoringDefaultModel(CrmPlusCommon):
    def test_default_model_grades_a_business_lead(self):
        model = self.env.ref("crm_plus.crm_score_model_lead")
        self.assertTrue(model.active)
        good, unreachable = (
            self._create_leads(
                partner_name="Brandt",
                email_from="ida@brandt.example",
                phone="+49 30 123456",
                country_id=self.env.ref("base.de").id,
                expected_revenue=5000,
            ),
            self._create_leads(partner_id=False),
        )
        self._harvest_queued()
        self.assertEqual(good.score_model_id, model)
        self.assertEqual(good.score_fit, 45)
        self.assertEqual(good.score_grade, "A4")
        self.assertEqual(unreachable.score_fit, -20)
