from collections import Counter
from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Datetime, Domain
from odoo.tests import Form, freeze_time, new_test_user, tagged, users, warmup
from odoo.tools import mute_logger

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from .common import CrmPlusCommon

# a Monday, 10:00 in Brussels; Odoo's standard hours are 8-12 and 13-17
MONDAY = datetime(2025, 3, 3, 9)
EVENING = MONDAY.replace(hour=20)


@tagged("post_install", "-at_install")
class TestAssignmentCommon(CronMixinCase, CrmPlusCommon):
    """A team of three that CRM Plus assigns, and one of Odoo's.

    TEAM    ENGINE   MEMBERS                        LEADER
    plus    plus     seller, seller_2, seller_3     manager
    odoo    odoo     seller_4                       -
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # what other data set up does not take part
        cls.env["crm.assignment.rule"].search([]).active = False
        cls.env["crm.team"].search([]).assignment_optout = True
        cls.seller_3, cls.seller_4 = (
            new_test_user(
                cls.env,
                login=login,
                groups="sales_team.group_sale_salesman",
                company_id=cls.company.id,
                tz="Europe/Brussels",
            )
            for login in ("plus_seller_3", "plus_seller_4")
        )
        (cls.seller + cls.seller_2).tz = "Europe/Brussels"
        cls.calendar = cls.env["resource.calendar"].create(
            {"name": "Office", "tz": "Europe/Brussels", "company_id": cls.company.id}
        )
        cls.company.resource_calendar_id = cls.calendar
        cls.team, cls.team_odoo = cls.env["crm.team"].create(
            [
                {
                    "name": "Plus",
                    "assignment_engine": "plus",
                    "user_id": cls.manager.id,
                    "company_id": cls.company.id,
                },
                {"name": "Odoo", "company_id": cls.company.id, "user_id": False},
            ]
        )
        cls.env["ir.config_parameter"].set_param("sales_team.membership_multi", True)
        cls.people = cls.seller + cls.seller_2 + cls.seller_3
        cls.members = cls.env["crm.team.member"].create(
            [
                {
                    "crm_team_id": cls.team.id,
                    "user_id": user.id,
                    "assignment_max": 100_000,
                }
                for user in cls.people
            ]
        )
        cls.member_odoo = cls.env["crm.team.member"].create(
            {
                "crm_team_id": cls.team_odoo.id,
                "user_id": cls.seller_4.id,
                "assignment_max": 900,
            }
        )
        cls.rule = cls._create_rule()

    @classmethod
    def _create_rule(cls, **values):
        return cls.env["crm.assignment.rule"].create(
            {
                "name": "Everything",
                "team_id": cls.team.id,
                "hours": "any",
                "notify": "none",
                **values,
            }
        )

    @classmethod
    def _new_leads(cls, count=1, **values):
        return cls._create_leads(count, **{"user_id": False, **values})

    def _counts(self, leads):
        return sorted(Counter(lead.user_id.id for lead in leads).values())

    def _resource(self, user, **values):
        return self.env["resource.resource"].create(
            {
                "name": user.name,
                "user_id": user.id,
                "company_id": self.company.id,
                "calendar_id": self.calendar.id,
                "tz": user.tz,
                **values,
            }
        )


class TestAssignmentRouting(TestAssignmentCommon):
    """Which rule takes which lead."""

    def _assert_takes(self, values, inside, outside):
        rule = self._create_rule(name="Narrow", sequence=1, **values)
        leads = self._new_leads()
        other = self._new_leads()
        leads.write(inside)
        other.write(outside)

        matched = self.env["crm.assignment.rule"]._match(leads + other)

        self.assertEqual(matched[leads.id], rule)
        self.assertEqual(matched[other.id], self.rule)

    def test_country(self):
        us, be = self.env.ref("base.us"), self.env.ref("base.be")
        self._assert_takes(
            {"country_ids": us.ids}, {"country_id": us.id}, {"country_id": be.id}
        )

    def test_state(self):
        us = self.env.ref("base.us")
        states = us.state_ids[:2]
        self._assert_takes(
            {"state_ids": states[0].ids},
            {"country_id": us.id, "state_id": states[0].id},
            {"country_id": us.id, "state_id": states[1].id},
        )

    def test_zip(self):
        self._assert_takes({"zip_ranges": "10000-19999, 2*"}, {"zip": "10 115"}, {})

    def test_zip_in_sql_is_zip_in_python(self):
        codes = ["10115", "19999", "20000", "1500", "SW1A 1AA", "sw1a1aa", "-", False]
        leads = self._new_leads(len(codes))
        for lead, code in zip(leads, codes, strict=True):
            lead.zip = code
        for text in ("10000-19999", "2*", "SW1-SW3", "1500", "SW1A1AA"):
            domain = leads._assignment_get_zip_domain(text)
            found = leads.search(domain & Domain("id", "in", leads.ids))
            self.assertEqual(found, leads.filtered_domain(domain), text)
            self.assertTrue(found, text)

    def test_zip_that_is_none(self):
        with self.assertRaises(ValidationError):
            self._create_rule(zip_ranges="1-20000")

    def test_language(self):
        lang = self.env["res.lang"]._activate_lang("fr_FR")
        self._assert_takes({"lang_ids": lang.ids}, {"lang_id": lang.id}, {})

    def test_industry_of_the_company(self):
        industry = self.env["res.partner.industry"].create({"name": "Roasters"})
        self.customer.industry_id = industry
        self._assert_takes(
            {"industry_ids": industry.ids},
            {"partner_id": self.customer_contact.id},
            {"partner_id": self.customer_2.id},
        )

    def test_segment(self):
        segment = self.env["crm.segment"].create(
            {
                "name": "Referred",
                "target": "crm.lead",
                "domain": "[('referred', '=', 'yes')]",
            }
        )
        leads = self._new_leads(2)
        leads[0].referred = "yes"
        segment._refresh()
        rule = self._create_rule(sequence=1, segment_ids=segment.ids)

        matched = self.env["crm.assignment.rule"]._match(leads)

        self.assertEqual(matched[leads[0].id], rule)
        self.assertEqual(matched[leads[1].id], self.rule)

    def _assert_takes_scored(self, values, inside, outside):
        rule = self._create_rule(name="Narrow", sequence=1, **values)
        lead, other = self._new_leads(), self._new_leads()
        model = self.env["crm.score.model"].create({"name": "Any", "target": "lead"})
        # the rows that scoring would write; none of these leads has one yet
        self.env["crm.score"].create(
            [
                {"model_id": model.id, "is_main": True, "lead_id": lead.id, **inside},
                {"model_id": model.id, "is_main": True, "lead_id": other.id, **outside},
            ]
        )

        matched = self.env["crm.assignment.rule"]._match(lead + other)

        self.assertEqual(matched[lead.id], rule)
        self.assertEqual(matched[other.id], self.rule)

    def test_score(self):
        self._assert_takes_scored(
            {"min_fit": "B", "min_engagement": "2"}, {"grade": "A2"}, {"grade": "A3"}
        )

    def test_score_total(self):
        self._assert_takes_scored({"min_total": 50}, {"total": 50}, {"total": 49})

    def test_grade_needs_both(self):
        with self.assertRaises(ValidationError):
            self._create_rule(min_fit="A")

    def test_tag_and_source(self):
        tag = self.env["crm.tag"].create({"name": "Machines"})
        self._assert_takes(
            {"tag_ids": tag.ids}, {"tag_ids": [Command.link(tag.id)]}, {}
        )

    def test_source(self):
        source = self.env["utm.source"].create({"name": "Fair"})
        self._assert_takes({"source_ids": source.ids}, {"source_id": source.id}, {})

    def test_product_of_a_quotation(self):
        categ = self.env["product.category"].create({"name": "Espresso"})
        product = self.env["product.product"].create(
            {"name": "Machine", "categ_id": categ.id}
        )
        leads = self._new_leads(2, partner_id=self.customer.id)
        self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "opportunity_id": leads[0].id,
                "order_line": [Command.create({"product_id": product.id})],
            }
        )
        rule = self._create_rule(sequence=1, categ_ids=categ.ids)
        second = self._create_rule(sequence=2, product_ids=product.ids)

        matched = self.env["crm.assignment.rule"]._match(leads)

        self.assertEqual(matched[leads[0].id], rule)
        self.assertEqual(matched[leads[1].id], self.rule)
        self.assertEqual(list(second._filter_ids(leads.ids)), leads[0].ids)

    def test_condition(self):
        self._assert_takes(
            {"domain": "[('expected_revenue', '>', 100)]"},
            {"expected_revenue": 101},
            {"expected_revenue": 100},
        )

    def test_condition_that_does_not_work_is_refused(self):
        with self.assertRaises(ValidationError):
            self._create_rule(domain="[('no_such_field', '=', 1)]")

    @mute_logger("odoo.addons.crm_plus.models.assignment.crm_assignment_rule_match")
    def test_condition_that_stopped_working_takes_nothing(self):
        """A field that is gone must not stop the other rules."""
        broken = self._create_rule(sequence=1)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_assignment_rule SET domain = %s WHERE id = %s",
            ["[('gone', '=', 1)]", broken.id],
        )
        broken.invalidate_recordset()
        lead = self._new_leads()

        self.assertEqual(
            self.env["crm.assignment.rule"]._match(lead)[lead.id], self.rule
        )

    def test_team_domain_of_odoo_holds_for_newcomers(self):
        self.team.assignment_domain = "[('priority', '=', '3')]"
        new = self._new_leads()
        hot = self._new_leads(priority="3")
        inside = self._new_leads(team_id=self.team.id)

        matched = self.env["crm.assignment.rule"]._match(new + hot + inside)

        self.assertEqual(matched.keys(), {hot.id, inside.id})

    def test_lead_of_another_team_stays_there(self):
        lead = self._new_leads(team_id=self.team_odoo.id)

        self.assertFalse(self.env["crm.assignment.rule"]._match(lead))

    def test_companies(self):
        """A rule of a company takes leads of it and of none; people work for it."""
        theirs = self._create_rule(
            name="Theirs",
            sequence=1,
            company_id=self.company_2.id,
            team_id=self.env["crm.team"]
            .create(
                {
                    "name": "Two",
                    "company_id": self.company_2.id,
                    "assignment_engine": "plus",
                }
            )
            .id,
        )
        leads = self._new_leads(2)
        leads[0].company_id = self.company
        leads[1].company_id = self.company_2

        matched = self.env["crm.assignment.rule"]._match(leads)

        self.assertEqual(matched[leads[0].id], self.rule)
        self.assertEqual(matched[leads[1].id], theirs)
        rules = self.env["crm.assignment.rule"].with_user(self.user_other_company)
        self.assertIn(theirs, rules.search([]))
        self.assertNotIn(self.rule, rules.search([]))

    def test_company_is_that_of_the_team(self):
        """Whichever team a form chooses, before it says anything of companies."""
        form = Form(self.env["crm.assignment.rule"].with_user(self.manager))
        form.name = "New"
        form.team_id = self.team
        rule = form.save()

        self.assertEqual(rule.company_id, self.company)
        # nothing narrows the choice of the client but the user's rights
        description = rule.fields_get(["team_id"], ["domain"])["team_id"]
        self.assertFalse(description["domain"])
        with self.assertRaises(ValidationError):
            rule.company_id = self.company_2

    def test_seller_pauses_but_nobody_else(self):
        mine, theirs = self.members[:2].with_user(self.seller)

        mine.action_assignment_pause()
        self._harvest_queued()  # as at a commit: who paused whom is kept

        self.assertTrue(mine.assignment_optout)
        self.assertEqual(mine.message_ids[:1].author_id, self.seller.partner_id)
        self.assertTrue(mine.assignment_can_pause)
        self.assertFalse(theirs.assignment_can_pause)
        with self.assertRaises(AccessError):
            theirs.action_assignment_pause()
        with self.assertRaises(AccessError):
            (mine + theirs).action_assignment_resume()
        with self.assertRaises(AccessError):
            mine.assignment_max = 5

        mine.with_user(self.manager).action_assignment_resume()

        self.assertFalse(mine.assignment_optout)

    def test_user_of_another_company_gets_nothing_of_it(self):
        self.team.company_id = False
        self.rule.company_id = False
        lead = self._new_leads()
        lead.company_id = self.company_2

        lead._assignment_run()

        self.assertFalse(lead.user_id)
        self.assertEqual(lead.assignment_block, "company")

    @warmup
    def test_matching_does_not_ask_by_lead(self):
        self._create_rule(sequence=1, zip_ranges="1*")
        self._create_rule(sequence=2, country_ids=self.env.ref("base.us").ids)
        few, many = self._new_leads(5), self._new_leads(200)
        Rule = self.env["crm.assignment.rule"]
        self.env.flush_all()
        counts = []
        for leads in (few, few, many):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            Rule._match(leads)
            counts.append(self.env.cr.sql_log_count - before)

        self.assertEqual(counts[1], counts[2])

    def test_overlap_says_who_goes_first(self):
        first = self._create_rule(name="First", sequence=1, zip_ranges="1*")
        self.env.cr.execute("UPDATE crm_lead SET create_date = '2020-01-01'")
        self.env.invalidate_all()
        self._new_leads(2, zip="1000")
        self._new_leads(3, zip="2000")

        self.assertRecordValues(
            first + self.rule,
            [
                {"match_count": 2, "take_count": 2, "overlap": False},
                {
                    "match_count": 5,
                    "take_count": 3,
                    "overlap": "2 go to “First” before",
                },
            ],
        )

    def test_which_rule_takes_it(self):
        lead = self._new_leads()
        test = (
            self.env["crm.assignment.test"]
            .with_user(self.manager)
            .create({"record": f"crm.lead,{lead.id}"})
        )

        self.assertIn("takes it", test.result)
        self.assertIn("Now it would go to", test.result)
        self.assertFalse(lead.user_id)


class TestAssignmentRun(TestAssignmentCommon):
    """To whom it goes, and what is kept of that."""

    def test_fair_over_a_thousand(self):
        leads = self._new_leads(1000)
        for i in range(0, 1000, 250):
            leads[i : i + 250].with_context(tracking_disable=True)._assignment_run()

        self.assertEqual(self._counts(leads), [333, 333, 334])

    def test_log_says_why_and_who_else(self):
        self.members[1].assignment_optout = True
        lead = self._new_leads()

        log = lead._assignment_run("manual")

        self.assertEqual(lead.user_id, self.seller)
        self.assertEqual(lead.team_id, self.team)
        self.assertRecordValues(
            log,
            [
                {
                    "lead_id": lead.id,
                    "user_id": self.seller.id,
                    "team_id": self.team.id,
                    "rule_id": self.rule.id,
                    "strategy": "round_robin",
                    "trigger": "manual",
                    "date_end": False,
                }
            ],
        )
        self.assertIn("longest without one", log.reason)
        self.assertIn(f"{self.seller_2.name}: is paused", log.considered_text)
        self.assertIn(f"{self.seller_3.name}: comes later", log.considered_text)
        self.assertEqual(lead.assignment_reason, log.reason)

    def test_who_has_somebody_is_left_alone(self):
        lead = self._create_leads()

        self.assertFalse(lead._assignment_run())
        self.assertEqual(lead.user_id, self.seller)

    def test_lost_and_won_get_nobody(self):
        lost = self._new_leads(team_id=self.team.id)
        lost.action_set_lost()

        self.assertFalse(lost._assignment_run())

    def test_capacity_of_odoo_and_ours(self):
        self.members[0].assignment_max = 0
        self.members[1].assignment_max = 2
        self.members[2].assignment_max_open = 1
        leads = self._new_leads(5)

        leads._assignment_run()

        self.assertEqual(
            Counter(leads.user_id.mapped("login")).keys(),
            {self.seller_2.login, self.seller_3.login},
        )
        self.assertEqual(self._counts(leads.filtered("user_id")), [1, 2])
        waiting = leads.filtered(lambda lead: not lead.user_id)
        self.assertEqual(waiting.mapped("assignment_block"), ["full", "full"])
        self.assertIn("no capacity left", waiting[0].assignment_block_detail)
        self.assertGreater(waiting[0].assignment_next_try, Datetime.now())

    def test_hot_ones_first_when_capacity_is_short(self):
        (self.members - self.members[0]).assignment_optout = True
        self.members[0].assignment_max = 1
        cold, hot = self._new_leads(), self._new_leads(priority="3")

        (cold + hot)._assignment_run()

        self.assertEqual(hot.user_id, self.seller)
        self.assertFalse(cold.user_id)

    def test_least_loaded(self):
        self.rule.strategy = "least_loaded"
        self.members.assignment_max_open = 10
        self._create_leads(3, user_id=self.seller.id)
        self._create_leads(1, user_id=self.seller_2.id)
        self._create_leads(2, user_id=self.seller_3.id)
        leads = self._new_leads(3)

        logs = leads._assignment_run()

        self.assertEqual(self._counts(leads), [1, 2])
        self.assertEqual(leads[0].user_id, self.seller_2)
        self.assertIn(
            "1 open of 10", logs.filtered(lambda g: g.lead_id == leads[0]).reason
        )

    def _decide(self, user, won, lost):
        leads = self._create_leads(won + lost, user_id=user.id, team_id=self.team.id)
        leads[:won].action_set_won()
        leads[won:].action_set_lost()

    def test_best_closer(self):
        self.rule.strategy = "best_closer"
        self._decide(self.seller, 2, 10)
        self._decide(self.seller_2, 8, 4)
        self._decide(self.seller_3, 1, 8)
        leads = self._new_leads(2)

        logs = leads._assignment_run()

        self.assertEqual(leads.user_id, self.seller_2)
        self.assertIn("8 of 12", logs[0].reason)
        self.assertIn("won 2 of 12", logs[0].considered_text)

    def test_best_closer_of_too_few_says_n(self):
        self.rule.strategy = "best_closer"
        self._decide(self.seller, 3, 0)
        leads = self._new_leads(3)

        logs = leads._assignment_run()

        self.assertEqual(self._counts(leads), [1, 1, 1])
        self.assertIn("n = 3", logs[0].reason)

    def test_best_closer_counts_leads_of_the_rule_only(self):
        self.rule.write({"strategy": "best_closer", "zip_ranges": "1*"})
        self._decide(self.seller, 40, 0)

        closings = self.env["crm.lead"]._assignment_get_closings(
            self.rule, self.people.ids
        )

        self.assertFalse(closings)

    def test_owner_of_the_customer(self):
        self.rule.is_sticky = True
        self.customer.user_id = self.seller_3
        leads = self._new_leads(3, partner_id=self.customer_contact.id)

        logs = leads._assignment_run()

        self.assertEqual(leads.user_id, self.seller_3)
        self.assertEqual(set(logs.mapped("strategy")), {"owner"})

    def test_owner_of_the_last_open_and_won_lead(self):
        self.rule.is_sticky = True
        won = self._create_leads(
            partner_id=self.customer.id, user_id=self.seller_2.id, team_id=self.team.id
        )
        won.action_set_won()
        first = self._new_leads(partner_id=self.customer_contact.id)
        first._assignment_run()
        self.assertEqual(first.user_id, self.seller_2)
        self.assertIn("won the last deal", first.assignment_reason)

        first.user_id = self.seller_3
        second = self._new_leads(partner_id=self.customer.id)
        second._assignment_run()
        self.assertEqual(second.user_id, self.seller_3)
        self.assertIn("open lead of the same company", second.assignment_reason)

    def test_owner_by_domain_of_mail_but_not_of_a_free_provider(self):
        self.rule.is_sticky = True
        self._create_leads(user_id=self.seller_3.id, email_from="ann@roastery.example")
        self._create_leads(user_id=self.seller_3.id, email_from="ann@gmail.com")
        same = self._new_leads(email_from="bob@roastery.example")
        other = self._new_leads(email_from="bob@gmail.com")

        owners = (same + other)._assignment_get_owners()

        self.assertEqual(owners[same.id], [(self.seller_3.id, "open")])
        self.assertFalse(owners[other.id])

    def test_owner_who_is_paused_is_passed_over(self):
        self.rule.is_sticky = True
        self.customer.user_id = self.seller_3
        self.members[2].assignment_optout = True
        lead = self._new_leads(partner_id=self.customer.id)

        log = lead._assignment_run()

        self.assertNotEqual(lead.user_id, self.seller_3)
        self.assertEqual(log.strategy, "round_robin")

    def test_skills(self):
        skills = self.env["crm.assignment.skill"].create(
            [{"name": "French x"}, {"name": "Machines x"}]
        )
        self.rule.skill_ids = skills
        self.members[0].assignment_skill_ids = skills[0]
        self.members[2].assignment_skill_ids = skills
        leads = self._new_leads(2)

        leads._assignment_run()

        self.assertEqual(leads.user_id, self.seller_3)

    def test_member_domains_of_odoo(self):
        self.members[0].assignment_domain = "[('priority', '=', '3')]"
        self.members[1].assignment_domain_preferred = "[('priority', '=', '2')]"
        plain = self._new_leads(4, priority="0")
        liked = self._new_leads(4, priority="2")

        (plain + liked)._assignment_run()

        self.assertEqual(liked.user_id, self.seller_2)
        self.assertNotIn(self.seller, plain.user_id)

    def test_convert_as_odoo_does(self):
        self.rule.is_converted = True
        lead = self._new_leads(type="lead")

        lead._assignment_run()

        self.assertEqual(lead.type, "opportunity")
        self.assertTrue(lead.date_conversion)

    def test_activity_for_the_assignee(self):
        self.rule.notify = "activity"
        lead = self._new_leads()

        lead._assignment_run()

        self.assertEqual(lead.activity_ids.user_id, lead.user_id)

    def test_message_to_the_assignee(self):
        self.rule.notify = "mail"
        lead = self._new_leads()

        with self.mock_mail_gateway(), self.mock_mail_app():
            lead._assignment_run()
            self.env.flush_all()

        self.assertIn(
            lead.user_id.partner_id, self._new_msgs.mapped("notified_partner_ids")
        )

    def test_no_rule_is_said(self):
        self.rule.zip_ranges = "9*"
        lead = self._new_leads()

        self.assertFalse(lead._assignment_run())

        self.assertEqual(lead.assignment_block, "no_rule")

    def test_team_of_odoo_is_said(self):
        lead = self._new_leads(team_id=self.team_odoo.id)

        lead._assignment_run("manual")

        self.assertEqual(lead.assignment_block, "foreign")
        self.assertFalse(lead.user_id)

    def test_team_that_skips_is_skipped_unless_asked(self):
        self.team.assignment_optout = True
        lead = self._new_leads()

        lead._assignment_run("queue")
        self.assertEqual((lead.assignment_block, lead.user_id.id), ("team_off", False))

        lead._assignment_run("manual")
        self.assertTrue(lead.user_id)
        self.assertFalse(lead.assignment_block)

    def test_one_that_refuses_does_not_sink_the_others(self):
        leads = self._new_leads(4)
        refused = leads[1]
        Lead = self.registry["crm.lead"]
        write = Lead.write

        def refuse(self, vals):
            if refused in self and vals.get("user_id"):
                raise ValidationError(self.env._("A gate"))
            return write(self, vals)

        self.patch(Lead, "write", refuse)
        leads._assignment_run()

        self.assertEqual(leads.filtered("user_id"), leads - refused)
        self.assertEqual(refused.assignment_block, "error")
        self.assertIn("A gate", refused.assignment_block_detail)

    def test_by_hand_ends_it(self):
        leads = self._new_leads(3)
        logs = leads._assignment_run()

        leads[0].user_id = leads[0].user_id - self.people or self.manager
        leads[1].user_id = False
        leads[2].action_set_won()

        by_lead = {log.lead_id: log.end_reason for log in logs}
        self.assertEqual(
            [by_lead[lead] for lead in leads], ["manual", "returned", "closed"]
        )

    def test_client_cannot_pass_for_the_assignment(self):
        """Its context is what the client says; the follow-up is not skipped by it."""
        for value in (True, 1, "ours", {"ours": True}):
            with self.subTest(value):
                lead = self._new_leads()
                log = lead._assignment_run()
                lead.with_context(crm_plus_assignment=value).user_id = self.manager
                self.assertEqual(log.end_reason, "manual")

    def test_log_is_kept_for_so_many_months(self):
        lead = self._new_leads()
        log = lead._assignment_run()
        lead.user_id = self.manager
        self.assertTrue(log.date_end)
        set_param = self.env["ir.config_parameter"].set_param
        for months in (-1, -24, 0, 24):
            set_param("crm_plus.assignment_retention_months", months)
            log._gc_logs()
            self.assertTrue(log.exists(), months)
        log.date_end = Datetime.now() - timedelta(days=800)
        log._gc_logs()
        self.assertFalse(log.exists())

    def test_given_back_goes_to_the_next(self):
        lead = self._new_leads()
        lead._assignment_run()
        first = lead.user_id

        lead.user_id = False
        lead._assignment_run("queue")

        self.assertTrue(lead.user_id)
        self.assertNotEqual(lead.user_id, first)

    @warmup
    def test_a_run_does_not_ask_by_lead(self):
        self.rule.write({"is_sticky": True})
        batches = [
            self._new_leads(n, partner_id=self.customer.id) for n in (30, 30, 90)
        ]
        counts = []
        for leads in batches:
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            leads._assignment_plan()
            counts.append(self.env.cr.sql_log_count - before)

        self.assertEqual(counts[1], counts[2])

    @warmup
    def test_a_run_does_not_write_by_lead(self):
        """A write for each person, and what follows of it, whatever the number of
        leads; Odoo's own message on each lead, with its tracking, is left out.
        """
        batches = [self._new_leads(n) for n in (30, 30, 90)]
        counts = []
        for leads in batches:
            self._harvest_queued()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            leads.with_context(tracking_disable=True)._assignment_run("queue")
            self._harvest_queued()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(self._counts(leads), [len(leads) // 3] * 3)

        self.assertEqual(counts[1], counts[2])


class TestAssignmentHours(TestAssignmentCommon):
    """Hours, time zones and time off of people."""

    def _assign_at(self, moment, hours):
        self.rule.hours = hours
        lead = self._new_leads()
        with freeze_time(moment):
            lead._assignment_run("queue")
        return lead

    def test_only_who_is_at_work(self):
        (self.seller_2 + self.seller_3).tz = "America/New_York"

        leads = [self._assign_at(MONDAY, "working") for _i in range(3)]

        self.assertEqual({lead.user_id for lead in leads}, {self.seller})

    def test_evening_here_is_noon_there(self):
        self.seller_3.tz = "America/New_York"

        lead = self._assign_at(EVENING, "next")

        self.assertEqual(lead.user_id, self.seller_3)
        self.assertIn("is not at work", lead.assignment_log_ids.considered_text)

    def test_nobody_at_work_waits_for_the_first(self):
        lead = self._assign_at(EVENING, "working")

        self.assertFalse(lead.user_id)
        self.assertEqual(lead.assignment_block, "off_work")
        # Tuesday 8:00 in Brussels
        self.assertEqual(lead.assignment_next_try, datetime(2025, 3, 4, 7))
        self.assertTrue(
            self.env["ir.cron.trigger"].search_count(
                [
                    ("cron_id", "=", self.env.ref("crm_plus.ir_cron_assign").id),
                    ("call_at", "=", datetime(2025, 3, 4, 7)),
                ]
            )
        )

    def test_nobody_at_work_goes_to_who_starts_next(self):
        self.seller_3.tz = "Europe/London"
        self.seller_2.tz = "Europe/Helsinki"

        lead = self._assign_at(EVENING, "next")

        self.assertEqual(lead.user_id, self.seller_2)
        self.assertIn("starts work next", lead.assignment_reason)

    def test_time_off(self):
        for user in (self.seller, self.seller_2):
            resource = self._resource(user)
            self.env["resource.calendar.leaves"].create(
                {
                    "name": "Skiing",
                    "resource_id": resource.id,
                    "company_id": self.company.id,
                    "calendar_id": self.calendar.id,
                    "date_from": MONDAY - timedelta(days=1),
                    "date_to": MONDAY + timedelta(days=5),
                }
            )

        leads = [self._assign_at(MONDAY, "any") for _i in range(2)]

        self.assertEqual({lead.user_id for lead in leads}, {self.seller_3})
        self.assertIn("has time off", leads[0].assignment_log_ids.considered_text)
        member = self.members[0]
        with freeze_time(MONDAY):
            self.assertEqual(member.assignment_presence, "away")

    def test_own_hours_of_a_resource(self):
        nights = self.env["resource.calendar"].create(
            {
                "name": "Nights",
                "tz": "Europe/Brussels",
                "company_id": self.company.id,
                "attendance_ids": [
                    Command.clear(),
                    Command.create(
                        {
                            "name": "Monday",
                            "dayofweek": "0",
                            "hour_from": 20,
                            "hour_to": 23,
                            "day_period": "afternoon",
                        }
                    ),
                ],
            }
        )
        self._resource(self.seller_2, calendar_id=nights.id)

        lead = self._assign_at(EVENING, "working")

        self.assertEqual(lead.user_id, self.seller_2)

    def test_public_holiday(self):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "company_id": self.company.id,
                "calendar_id": self.calendar.id,
                "date_from": MONDAY.replace(hour=0),
                "date_to": MONDAY.replace(hour=23),
            }
        )

        lead = self._assign_at(MONDAY, "working")

        self.assertEqual(lead.assignment_next_try, datetime(2025, 3, 4, 7))

    def test_who_is_next_is_shown(self):
        with freeze_time(MONDAY):
            self._new_leads()._assignment_run()
            self.members.invalidate_recordset()
            self.members[1].assignment_optout = True

            self.assertRecordValues(
                self.members,
                [
                    {"assignment_place": 2, "assignment_presence": "working"},
                    {"assignment_place": 0, "assignment_presence": "paused"},
                    {"assignment_place": 1, "assignment_presence": "working"},
                ],
            )


class TestAssignmentQueue(TestAssignmentCommon):
    """New leads, the scheduler, and Odoo's own."""

    def _run_cron(self):
        cron = self.env.ref("crm_plus.ir_cron_assign")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.env.invalidate_all()

    def test_new_leads_are_assigned_by_the_scheduler(self):
        with self.capture_triggers("crm_plus.ir_cron_assign") as capture:
            leads = self._new_leads(3)
            leads += self._new_leads()
        # once a transaction
        self.assertEqual(len(capture.records), 1)
        self.assertFalse(leads.user_id)

        self._run_cron()

        self.assertEqual(self._counts(leads), [1, 1, 2])

    def test_lead_by_mail_waits_for_nobody(self):
        """The gateway does not assign, and Odoo's team leader does not get it."""
        lead = self.env["crm.lead"].message_new(
            {"subject": "Hello", "from": "a@b.example", "to": "x@y.example"},
            {"team_id": self.team.id},
        )

        self.assertFalse(lead.user_id)
        self._run_cron()
        self.assertIn(lead.user_id, self.people)

    def test_leads_with_somebody_wake_nobody(self):
        with self.capture_triggers("crm_plus.ir_cron_assign") as capture:
            self._create_leads(2)

        self.assertFalse(capture.records)

    def test_leads_of_before_are_not_touched(self):
        old = self._new_leads()
        old._assignment_write_state({old.id: (None, None, None)})

        self._run_cron()

        self.assertFalse(old.user_id)

    def test_each_that_waits_says_why(self):
        """Also those that were there before the rules, and those not tried yet."""
        old, new, stuck, broken, given = leads = self._new_leads(5)
        self.rule.zip_ranges = "9*"
        stuck._assignment_run()
        now = Datetime.now()
        leads._assignment_write_state(
            {
                old.id: (None, None, None),
                new.id: (None, None, now),
                broken.id: ("error", "Boom", now),
            }
        )
        given.user_id = self.seller
        self.assertEqual(
            leads.mapped("assignment_why"),
            [
                "Older than the rules, not tried yet",
                "Waits for the scheduler",
                "No rule takes it",
                "An error: Boom",
                False,
            ],
        )
        self.rule.active = False
        leads.invalidate_recordset(["assignment_why"])
        self.assertEqual(old.assignment_why, "There are no assignment rules")

    def test_what_waits_is_asked_again_when_a_rule_changes(self):
        self.rule.zip_ranges = "9*"
        lead = self._new_leads(zip="1000")
        self._run_cron()
        self.assertEqual(lead.assignment_block, "no_rule")

        self.rule.zip_ranges = "1*"
        self._run_cron()

        self.assertIn(lead.user_id, self.people)

    def test_what_waits_is_asked_again_when_it_changes(self):
        self.rule.zip_ranges = "9*"
        lead = self._new_leads(zip="1000")
        self._run_cron()

        lead.zip = "9000"
        self._run_cron()

        self.assertIn(lead.user_id, self.people)

    def test_what_waits_is_asked_again_when_somebody_comes_back(self):
        self.members.assignment_optout = True
        lead = self._new_leads()
        self._run_cron()
        self.assertEqual(lead.assignment_block, "paused")

        self.members[1].assignment_optout = False
        self._run_cron()

        self.assertEqual(lead.user_id, self.seller_2)

    def test_batches_come_to_an_end(self):
        """What cannot be assigned does not keep the scheduler busy."""
        self.members.assignment_optout = True
        leads = self._new_leads(7)
        Rule = self.env["crm.assignment.rule"]
        rest = []
        for _i in range(4):
            rest.append(Rule._process(2)[1])

        self.assertEqual(rest, [5, 3, 1, 0])
        self.assertEqual(set(leads.mapped("assignment_block")), {"paused"})

    def test_both_schedulers_give_each_lead_once(self):
        """Whichever runs first, and as often as they like."""
        for ours_first in (True, False):
            self._create_rule(sequence=1, name="Ours", zip_ranges="1*")
            self.rule.active = False
            self.team_odoo.assignment_optout = False
            ours = self._new_leads(6, zip="1000")
            inside = self._new_leads(2, team_id=self.team.id, zip="1000")
            theirs = self._new_leads(4, zip="2000", team_id=self.team_odoo.id)
            free = self._new_leads(2, zip="3000")
            self.env.flush_all()
            teams = self.team + self.team_odoo
            for ours_now in (ours_first, not ours_first, ours_first, not ours_first):
                if ours_now:
                    self._run_cron()
                else:
                    teams._action_assign_leads(force_quota=True)

            both = ours + inside + theirs + free
            self.assertFalse(both.filtered(lambda lead: not lead.user_id))
            self.assertEqual((ours + inside).team_id, self.team)
            self.assertLessEqual((ours + inside).user_id, self.people)
            self.assertEqual((theirs + free).user_id, self.seller_4)
            logs = self.env["crm.assignment.log"].search(
                [("lead_id", "in", both.ids), ("user_id", "!=", False)]
            )
            self.assertEqual(sorted(logs.lead_id.ids), sorted((ours + inside).ids))
            self.assertEqual(len(logs), 8)

    def test_schedulers_of_odoo_take_batches(self):
        """Not all that waits in one transaction."""
        self.team_odoo.assignment_optout = False
        leads = self._new_leads(5)
        Lead = self.env.registry["crm.lead"]
        run, counts = Lead._assignment_run, []

        def count(records, reason=None):
            counts.append(len(records))
            return run(records, reason)

        with (
            patch.object(Lead, "_assignment_run", count),
            patch(
                "odoo.addons.crm_plus.models.assignment.crm_team.BATCH_SIZE",
                2,
            ),
        ):
            self.team_odoo._action_assign_leads(force_quota=True)

        self.assertEqual(counts, [2, 2, 1])
        self.assertLessEqual(leads.user_id, self.people)
        self.assertFalse(leads.filtered(lambda lead: not lead.user_id))

    def test_rule_may_choose_the_team_of_odoo(self):
        self.rule.active = False
        self._create_rule(
            sequence=1, team_id=self.team_odoo.id, strategy="team", zip_ranges="1*"
        )
        lead = self._new_leads(zip="1000")

        self._run_cron()

        self.assertEqual(lead.team_id, self.team_odoo)
        self.assertFalse(lead.user_id)
        self.assertEqual(lead.assignment_log_ids.end_reason, "routed")
        self.team_odoo._action_assign_leads(force_quota=True)
        self.assertEqual(lead.user_id, self.seller_4)

    def test_button_of_the_team(self):
        lead = self._new_leads(team_id=self.team.id)

        action = self.team.with_user(self.manager).action_assign_leads()

        self.assertTrue(lead.user_id)
        self.assertIn(lead.user_id.name, action["params"]["message"])

    def test_button_is_for_managers(self):
        lead = self._new_leads(team_id=self.team.id)
        for user in (self.seller, self.user_employee):
            with self.subTest(user.login), self.assertRaises(UserError):
                self.team.with_user(user).action_assign_leads()
        with self.assertRaisesRegex(UserError, "administrators"):
            self.team.with_user(self.seller).action_assign_leads()
        self.assertFalse(lead.user_id)

    def test_button_leaves_leads_of_other_companies(self):
        # a team of all companies
        self.team.company_id = False
        self.rule.company_id = False
        foreign = self._new_leads(company_id=self.company_2.id)
        free = self._new_leads(company_id=False)
        ours = self._new_leads(company_id=self.company.id)
        states = {lead.id: (None, None, Datetime.now()) for lead in foreign}
        Team = self.team.with_user(self.manager).with_context(
            allowed_company_ids=self.company.ids
        )
        tried = []
        Lead = self.env.registry["crm.lead"]
        run = Lead._assignment_run

        def note(records, reason=None):
            tried.extend(records.ids)
            return run(records, reason)

        with patch.object(Lead, "_assignment_run", note):
            Team.action_assign_leads()
            self.assertLessEqual({*free.ids, *ours.ids}, {*tried})
            self.assertNotIn(foreign.id, tried)
            # nor does Odoo's own button for its teams
            foreign._assignment_write_state(states)
            self.team_odoo.assignment_optout = False
            Team.browse(self.team_odoo.id).action_assign_leads()
            self.assertNotIn(foreign.id, tried)
            # the scheduler has all
            self.team_odoo._action_assign_leads(force_quota=True)
            self.assertIn(foreign.id, tried)

    def test_button_does_a_batch_and_says_what_is_left(self):
        waiting = self.env["crm.lead"].search(
            [("user_id", "=", False), ("won_status", "=", "pending")]
        )
        waiting.active = False  # those of other data
        leads = self._new_leads(5, team_id=self.team.id)
        # known to nobody: older than the rules
        leads._assignment_write_state({lead.id: (None, None, None) for lead in leads})
        leads[3].priority = "3"
        button = self.team.with_user(self.manager).action_assign_leads
        with patch("odoo.addons.crm_plus.models.assignment.crm_team.BATCH_SIZE", 2):
            message = button()["params"]["message"]
        self.env.invalidate_all()

        self.assertEqual(leads.filtered("user_id"), leads[0] + leads[3])
        self.assertIn("2 assigned", message)
        self.assertIn("3 more follow", message)
        self._run_cron()
        self.assertFalse(leads.filtered(lambda lead: not lead.user_id))

    def test_button_does_not_stick_to_what_nobody_takes(self):
        self.env["crm.lead"].search(
            [("user_id", "=", False), ("won_status", "=", "pending")]
        ).active = False
        self.rule.zip_ranges = "9*"
        stuck = self._new_leads(2, team_id=self.team.id, zip="1000")
        stuck._assignment_run()
        fresh = self._new_leads(1, team_id=self.team.id, zip="9000")
        with patch("odoo.addons.crm_plus.models.assignment.crm_team.BATCH_SIZE", 2):
            self.team.with_user(self.manager).action_assign_leads()
        self.env.invalidate_all()

        self.assertTrue(fresh.user_id)

    def test_domains_of_odoo_ask_for_nothing_secret(self):
        """Odoo tries them as superuser: what matches would tell its writer."""
        field = self.env["crm.lead"]._fields["assignment_log_ids"]
        secret = "[('assignment_log_ids.reason', '=', 'x')]"
        member = self.members[0].with_user(self.manager)
        team = self.team.with_user(self.manager)
        with patch.object(field, "groups", "base.group_system"):
            with self.assertRaises(ValidationError):
                team.assignment_domain = secret
            for name in ("assignment_domain", "assignment_domain_preferred"):
                with self.assertRaises(ValidationError):
                    member.write({name: secret})
        # Odoo's own check stays
        with mute_logger("odoo.sql_db"), self.assertRaises(ValidationError):
            team.assignment_domain = "[('no_field', '=', 1)]"
        team.assignment_domain = "[('zip', '=', '1000')]"
        member.assignment_domain = "[('zip', '=', '1000')]"

    def test_each_run_writes_the_turns(self):
        """What makes a second transaction start over."""
        before = self.rule.turn

        self._new_leads(2)._assignment_run()

        self.rule.invalidate_recordset()
        self.assertEqual(self.rule.turn, before + 2)


@freeze_time(MONDAY)
class TestAssignmentSilence(TestAssignmentCommon):
    """Who does not act loses it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rule.write({"silence_minutes": 30, "max_rounds": 2})

    def _run_at(self, moment):
        with freeze_time(moment):
            done = self.env["crm.assignment.rule"]._process(100)
        self.env.invalidate_all()
        return done

    def _given(self, **values):
        lead = self._new_leads(**values)
        log = lead._assignment_run("queue")
        return lead, log

    def test_time_counts_in_hours_of_the_assignee(self):
        _lead, log = self._given()
        self.assertEqual(log.date_silence, MONDAY + timedelta(minutes=30))

        with freeze_time(MONDAY.replace(hour=15, minute=50)):
            # 16:50 in Brussels: ten minutes today, twenty tomorrow
            _lead, log = self._given()
        self.assertEqual(log.date_silence, datetime(2025, 3, 4, 7, 20))

    def test_scheduler_is_woken_at_the_minute(self):
        with self.capture_triggers("crm_plus.ir_cron_assign") as capture:
            _lead, log = self._given()

        self.assertIn(log.date_silence, capture.records.mapped("call_at"))

    def test_silence_gives_it_to_the_next(self):
        lead, log = self._given()
        first = lead.user_id

        self._run_at(MONDAY + timedelta(minutes=29))
        self.assertEqual(lead.user_id, first)
        with self.mock_mail_gateway(), self.mock_mail_app():
            self._run_at(MONDAY + timedelta(minutes=30))

        self.assertEqual(log.end_reason, "silence")
        self.assertIn(lead.user_id, self.people - first)
        again = lead.assignment_log_ids - log
        self.assertRecordValues(
            again, [{"attempt": 2, "trigger": "silence", "date_end": False}]
        )
        self.assertIn("had it before", again.considered_text)
        # both are told, and the record keeps why
        self.assertIn(first.partner_id, self._new_msgs.mapped("notified_partner_ids"))
        self.assertEqual(lead.activity_ids.user_id, lead.user_id)
        self.assertTrue(
            lead.message_ids.filtered(lambda m: "did not act within" in m.body)
        )

    def test_after_all_rounds_it_goes_to_the_leader(self):
        lead, _log = self._given()
        self._run_at(MONDAY + timedelta(minutes=30))
        self._run_at(MONDAY + timedelta(minutes=60))

        self.assertEqual(lead.user_id, self.manager)
        last = lead.assignment_log_ids.filtered(lambda log: not log.date_end)
        self.assertEqual((last.strategy, last.attempt), ("leader", 3))
        # and stays there
        self.assertFalse(last.date_silence)
        self._run_at(MONDAY + timedelta(days=3))
        self.assertEqual(lead.user_id, self.manager)

    def test_without_leader_it_waits_in_sight(self):
        self.team.user_id = False
        self.rule.max_rounds = 1
        lead, _log = self._given()

        self._run_at(MONDAY + timedelta(minutes=30))

        self.assertFalse(lead.user_id)
        self.assertEqual(lead.assignment_block, "rounds")

    def test_nobody_left_goes_to_the_leader(self):
        (self.members - self.members[0]).active = False
        lead, _log = self._given()

        self._run_at(MONDAY + timedelta(minutes=30))

        self.assertEqual(lead.user_id, self.manager)

    def _assert_kept(self, lead, log):
        owner = log.user_id
        self._run_at(MONDAY + timedelta(minutes=30))
        self.assertEqual(lead.user_id, owner)
        self.assertTrue(log.date_touched)
        self.assertFalse(log.date_silence)
        self._run_at(MONDAY + timedelta(days=2))
        self.assertEqual(lead.user_id, owner)

    def test_a_note_is_a_sign_of_work(self):
        lead, log = self._given()
        with freeze_time(MONDAY + timedelta(minutes=5)):
            lead.with_user(lead.user_id).message_post(
                body="Called, no answer", message_type="comment"
            )

        self._assert_kept(lead, log)

    def test_an_answer_is_a_sign_of_work_at_once(self):
        lead, log = self._given(partner_id=self.customer.id)
        with freeze_time(MONDAY + timedelta(minutes=6)):
            lead.with_user(lead.user_id).message_post(
                body="Dear customer",
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )

        self.assertEqual(log.date_touched, MONDAY + timedelta(minutes=6))
        self.assertAlmostEqual(log.hours_to_touch, 0.1)
        self._assert_kept(lead, log)

    def test_a_done_activity_is_a_sign_of_work(self):
        lead, log = self._given()
        activity = lead.activity_schedule(
            "mail.mail_activity_data_call", user_id=lead.user_id.id
        )
        with freeze_time(MONDAY + timedelta(minutes=5)):
            activity.with_user(lead.user_id).action_feedback()

        self._assert_kept(lead, log)

    def test_mail_of_the_customer_is_none(self):
        lead, log = self._given(partner_id=self.customer.id)
        with freeze_time(MONDAY + timedelta(minutes=5)):
            lead.message_post(
                body="Hello?",
                message_type="email",
                author_id=self.customer.id,
                subtype_xmlid="mail.mt_comment",
            )

        self._run_at(MONDAY + timedelta(minutes=30))

        self.assertEqual(log.end_reason, "silence")
        self.assertNotEqual(lead.user_id, log.user_id)

    def test_won_meanwhile_is_not_taken_back(self):
        lead, log = self._given()
        lead.action_set_won()

        self._run_at(MONDAY + timedelta(minutes=30))

        self.assertEqual(lead.user_id, log.user_id)
        self.assertEqual(log.end_reason, "closed")

    def test_silence_is_set_based(self):
        leads = self._new_leads(20)
        leads._assignment_run("queue")

        self._run_at(MONDAY + timedelta(minutes=30))

        logs = leads.assignment_log_ids
        self.assertEqual(len(logs.filtered(lambda g: g.end_reason == "silence")), 20)
        self.assertEqual(len(logs.filtered(lambda g: not g.date_end)), 20)

    def test_taken_from_who_got_it_by_hand(self):
        """A broken promise takes it back as well, and not to the same one."""
        leads = self._create_leads(6, user_id=self.seller.id, team_id=self.team.id)

        leads._assignment_take_back()
        leads._assignment_run("silence")

        self.assertEqual(leads.user_id, self.seller_2 + self.seller_3)
        self.assertEqual(len(leads.assignment_log_ids), 12)

    def test_no_minutes_no_silence(self):
        self.rule.silence_minutes = 0
        lead, log = self._given()

        self._run_at(MONDAY + timedelta(days=9))

        self.assertEqual(lead.user_id, log.user_id)


class TestAssignmentRights(TestAssignmentCommon):
    @users("plus_seller")
    def test_seller_reads_rules_and_changes_none(self):
        rule = self.rule.with_env(self.env)
        self.assertTrue(rule.name)
        for action in (
            lambda: rule.write({"name": "Mine"}),
            rule.copy,
            rule.unlink,
            lambda: self.env["crm.assignment.skill"].create({"name": "Mine"}),
            lambda: self.env["crm.assignment.test"].create({}),
        ):
            with self.assertRaises(AccessError):
                action()

    def test_seller_sees_the_log_of_leads_they_see(self):
        leads = self._new_leads(2)
        (self.members - self.members[0]).assignment_optout = True
        mine = leads[0]._assignment_run()
        self.members[0].assignment_optout = True
        self.members[1].assignment_optout = False
        theirs = leads[1]._assignment_run()
        Log = self.env["crm.assignment.log"]

        seen = Log.with_user(self.seller).search([("id", "in", (mine + theirs).ids)])
        all_seen = Log.with_user(self.manager).search(
            [("id", "in", (mine + theirs).ids)]
        )

        self.assertEqual(seen, mine)
        self.assertEqual(all_seen, mine + theirs)
        for action in ("write", "create", "unlink"):
            self.assertFalse(mine.with_user(self.manager).has_access(action))

    def test_log_of_another_company(self):
        lead = self._new_leads()
        log = lead._assignment_run()
        self.assertEqual(log.company_id, self.company)

        with self.assertRaises(AccessError):
            log.with_user(self.user_other_company).read(["reason"])

    def test_seller_may_have_one_assigned(self):
        lead = self._new_leads()

        action = lead.with_user(self.seller_2).action_assign()

        self.assertTrue(lead.user_id)
        self.assertIn(self.rule.name, action["params"]["message"])

    def test_accountant_may_not(self):
        lead = self._new_leads()

        with self.assertRaises(AccessError):
            lead.with_user(self.accountant).action_assign()
