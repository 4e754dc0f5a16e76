from datetime import datetime, timedelta
from unittest.mock import patch

import psycopg2

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged, users
from odoo.tools import SQL, mute_logger

from odoo.addons.crm_plus.tools.contact_policy import Contact

from ..tools.dry_run import HourLimit, spread
from .common import CampaignCommon

# a Monday, by day
NOW = "2027-03-01 10:00:00"


@tagged("post_install", "-at_install", "crm_campaigns_trust")
class TestDryRun(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leads = cls.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "email_from": f"lead{number}@brandt.example",
                    "city": "Lyon" if number % 2 else "Porto",
                    "user_id": False,
                }
                for number in range(10)
            ]
        )
        cls.company.crm_plus_contact_policy = False
        # conditions are looked at with the rights of the responsible
        cls.campaign_manager.group_ids += cls.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )

    def _run_page(self, campaign, assumed=""):
        return campaign.get_dry_run(assumed)

    @staticmethod
    def _excluded(page):
        return {group["key"]: group["count"] for group in page["excluded"]}

    @staticmethod
    def _arrive(page):
        """``{step: (how many get there, is it sure)}``"""
        return {
            step["name"]: (step["arrive"]["count"], step["is_sure"])
            for step in page["steps"]
        }

    # ------------------------------------------------------------
    # Nothing is written
    # ------------------------------------------------------------

    def _get_state(self):
        """Rows of all tables of ours and of mails, and where their sequences are."""
        self.env.cr.flush()
        self.env.cr.execute(
            """
            SELECT c.relname FROM pg_class c
              JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
             WHERE c.relkind = 'r'
               AND (c.relname LIKE 'crm_%' OR c.relname LIKE 'mail%'
                    OR c.relname LIKE 'link_%' OR c.relname LIKE 'ir_cron%'
                    OR c.relname LIKE 'ir_attachment%' OR c.relname LIKE 'res_%')
            """
        )
        state = {}
        for (table,) in self.env.cr.fetchall():
            [(state[table],)] = self.env.execute_query(
                SQL("SELECT count(*) FROM %s", SQL.identifier(table))
            )
        self.env.cr.execute("SELECT sequencename, last_value FROM pg_sequences")
        return state, dict(self.env.cr.fetchall())

    def test_it_writes_nothing(self):
        self.company.crm_plus_contact_policy = True
        campaign = self._create_journey(self.leads)
        for kind in ("wait_until", "update", "notify", "wait_event", "exit"):
            self._add_step(campaign, kind, self.call, name=kind)
        before = self._get_state()

        self._run_page(campaign)
        campaign.get_dry_run_people("enter", "Enter")

        self.assertEqual(self._get_state(), before)
        self.assertFalse(campaign.participant_ids)

    @mute_logger("odoo.sql_db")
    def test_the_database_refuses_what_would_be_written(self):
        """A kind of step that writes by mistake is found out."""
        campaign = self._create_journey(self.leads)

        def foresee(kind, crowd):
            kind.env.cr.execute("UPDATE crm_lead SET name = 'x'")

        kind = type(self.call._get_kind())
        with (
            patch.object(kind, "foresee", foresee, create=True),
            self.assertRaises(psycopg2.errors.ReadOnlySqlTransaction),
            self.env.cr.savepoint(),
        ):
            self._run_page(campaign, "yes")
        self.leads[0].name = "Can be written again"
        self.leads.flush_recordset()

    # ------------------------------------------------------------
    # Who enters
    # ------------------------------------------------------------

    def test_who_would_be_held_out_is(self):
        self.leads[0].email_from = False
        campaign = self._create_journey(self.leads, holdout_percent=50)

        page = self._run_page(campaign)
        listed = campaign.get_dry_run_people("held-out", "Held out")["domain"][0][2]
        campaign.action_start()

        held_out = page["held_out"]
        participants = campaign.participant_ids
        self.assertEqual(
            listed,
            sorted(
                participants.filtered(lambda p: p.state == "held_out").mapped("res_id")
            ),
        )
        self.assertEqual(held_out["count"], len(listed))
        self.assertEqual(page["entering"]["count"], len(participants))
        # nothing is done for them
        others = len(participants) - len(listed)
        self.assertEqual(held_out["others"], others)
        self.assertEqual(self._arrive(page)["Mail 1"], (others, True))
        self.assertIn("Fewer than 100", held_out["note"])

    def test_nobody_is_held_out_without_a_share(self):
        page = self._run_page(self._create_journey(self.leads))

        self.assertIsNone(page["held_out"])
        self.assertEqual(self._arrive(page)["Mail 1"], (10, True))

    def test_who_enters_and_who_does_not(self):
        twin = self.env["crm.lead"].create(
            {"name": "Twin", "email_from": "lead9@brandt.example"}
        )
        won, blocked, inside, before = self.leads[:4]
        campaign = self._create_journey(self.leads + twin)
        campaign.action_start()
        campaign.participant_ids.filtered(
            lambda p: p.lead_id not in inside + before
        ).unlink()
        campaign.participant_ids.filtered(lambda p: p.lead_id == before).state = "done"
        won.action_set_won()
        self.env["mail.blacklist"]._add(blocked.email_normalized)

        page = self._run_page(campaign)

        self.assertEqual(
            self._excluded(page),
            {
                "out-won": 1,
                "out-opt_out": 1,
                "out-inside": 1,
                "out-before": 1,
                "out-duplicate": 1,
            },
        )
        self.assertEqual(page["entering"]["count"], 6)
        self.assertEqual(page["candidates"], 11)
        for group in page["excluded"]:
            self.assertTrue(group["sample"], group["text"])

    @freeze_time(NOW)
    def test_they_are_those_who_enter_at_the_start(self):
        """And at the moments that were told."""
        campaign = self._create_journey(
            self.leads, entry_cap_hour=2, entry_cap_day=5, date_begin=False
        )
        page = campaign.sudo()._run_dry()[0]
        told = page.crowds[self.mail.id].arrivals

        campaign.action_start()

        self.assertEqual(
            {p.res_id: p.date_entered for p in campaign.participant_ids}, told
        )
        self.assertEqual(len(set(told.values())), 6)

    def test_the_list_behind_a_figure(self):
        campaign = self._create_journey(self.leads)
        self.leads[0].action_set_won()
        action = campaign.get_dry_run_people("out-won", "Won")
        self.assertEqual(
            self.env["crm.lead"]
            .with_context(active_test=False)
            .search(action["domain"]),
            self.leads[0],
        )

    @users("campaign_user")
    def test_names_are_of_those_that_the_reader_may_see(self):
        campaign = self._create_journey(self.leads).with_user(self.env.user)
        page = self._run_page(campaign)
        self.assertEqual(page["entering"]["count"], 10)
        self.assertEqual(page["entering"]["sample"], [])

    def test_sellers_see_no_dry_run(self):
        campaign = self._create_journey(self.leads).with_user(self.seller)
        for call in (
            campaign.get_dry_run,
            lambda: campaign.get_dry_run_people("enter", "Enter"),
            lambda: campaign.get_walk(self.leads[0].id),
        ):
            with self.assertRaises(AccessError):
                call()

    def test_campaigns_of_another_company(self):
        campaign = self._create_journey(self.leads)
        other = self.env["res.company"].create({"name": "Other"})
        campaign.company_id = other
        with self.assertRaises(AccessError):
            campaign.with_user(self.campaign_manager).get_dry_run()

    @freeze_time(NOW)
    def test_dates_of_the_next_days(self):
        """What comes by and by enters then."""
        field = self.env["ir.model.fields"]._get("crm.lead", "date_deadline")
        self.leads[0].date_deadline = "2027-03-10"
        self.leads[1].date_deadline = "2027-06-10"
        self.leads[2].date_deadline = "2027-02-10"
        campaign = self._create_journey(
            self.leads,
            entry="date",
            model_id=self.env["ir.model"]._get_id("crm.lead"),
            entry_date_field_id=field.id,
            entry_domain=repr([("id", "in", self.leads.ids)]),
        )
        run, _excluded, words = campaign.sudo()._run_dry()
        self.assertEqual(
            run.crowds[self.mail.id].arrivals,
            {self.leads[0].id: datetime(2027, 3, 10)},
        )
        self.assertIn("30 days", words)

    def test_what_happened_lately_stands_for_what_will(self):
        kind = self.env["crm.touchpoint.kind"].create(
            {"name": "Dry", "code": "dry", "direction": "in"}
        )
        for lead, days in zip(self.leads[:3], (1, 10, 40), strict=True):
            self.env["crm.touchpoint"].sudo().create(
                {
                    "kind_id": kind.id,
                    "date": self._now() - timedelta(days=days),
                    "lead_id": lead.id,
                    "res_model": "crm.lead",
                    "res_id": lead.id,
                    "occurrence": f"dry {days}",
                }
            )
        campaign = self._create_journey(
            self.leads,
            entry="touchpoint",
            model_id=self.env["ir.model"]._get_id("crm.lead"),
            entry_kind_ids=[Command.set(kind.ids)],
            entry_domain=repr([("id", "in", self.leads.ids)]),
        )
        run, _excluded, _words = campaign.sudo()._run_dry()
        arrivals = run.crowds[self.mail.id].arrivals
        self.assertEqual(set(arrivals), set(self.leads[:2].ids))
        self.assertGreater(min(arrivals.values()), self._now() + timedelta(days=19))

    def test_whom_nobody_knows_beforehand(self):
        campaign = self._create_journey(
            self.leads,
            entry="manual",
            model_id=self.env["ir.model"]._get_id("crm.lead"),
        )
        page = self._run_page(campaign)
        self.assertEqual(page["candidates"], 0)
        self.assertIn("Nobody knows", page["audience"])

    # ------------------------------------------------------------
    # Which way
    # ------------------------------------------------------------

    def test_nobody_knows_who_clicks(self):
        campaign = self._create_journey(self.leads)

        self.assertEqual(
            self._arrive(self._run_page(campaign)),
            {
                "Mail 1": (10, True),
                "Click?": (10, True),
                "Call": (10, False),
                "Mail 2": (10, False),
            },
        )
        page = self._run_page(campaign, "no")
        self.assertEqual(self._arrive(page)["Call"], (0, True))
        self.assertEqual(self._arrive(page)["Mail 2"], (10, True))
        self.assertEqual(page["mails"], {"sure": 20, "at_most": 20})
        self.assertEqual(page["days_long"], 3)
        page = self._run_page(campaign, "yes")
        self.assertEqual(page["days_long"], 0)

    def test_conditions_and_splits_go_the_way_of_now(self):
        campaign = self._create_campaign(self.leads)
        condition = self._add_step(
            campaign,
            "condition",
            name="Lyon?",
            condition="[('city', '=', 'Lyon')]",
        )
        draw = self._add_step(
            campaign,
            "split_random",
            condition,
            "yes",
            name="Draw",
            way_ids=[Command.create({"name": "A"}), Command.create({"name": "B"})],
        )
        value = self._add_step(
            campaign,
            "split_value",
            condition,
            "no",
            name="Value",
            split_field_id=self.env["ir.model.fields"]._get("crm.lead", "city").id,
            way_ids=[Command.create({"name": "Porto", "value": "porto"})],
        )
        ways = {}
        for parent in (draw, value):
            for way in parent.way_ids:
                ways[way.name] = self._add_step(
                    campaign, "wait", parent, "way", way_id=way.id, name=way.name
                )
        run = campaign.sudo()._run_dry()[0]
        self.assertEqual(len(run.crowds[ways["Porto"].id].arrivals), 5)

        campaign.action_start()
        self._run()

        for name in ("A", "B", "Porto"):
            with self.subTest(way=name):
                self.assertEqual(
                    set(run.crowds[ways[name].id].arrivals),
                    set(
                        self._tasks(campaign, ways[name]).participant_id.mapped(
                            "res_id"
                        )
                    ),
                )

    @freeze_time(NOW)
    def test_waits_move_the_clock(self):
        campaign = self._create_campaign(self.leads)
        wait = self._add_step(campaign, "wait", name="Two days")
        until = self._add_step(
            campaign,
            "wait_until",
            wait,
            name="Nine",
            until="hour",
            until_hour=9,
            until_tz="company",
        )
        end = self._add_step(campaign, "exit", until, name="End")
        self.company.resource_calendar_id.tz = "UTC"

        run = campaign.sudo()._run_dry()[0]

        self.assertEqual(
            set(run.crowds[until.id].arrivals.values()), {datetime(2027, 3, 3, 10)}
        )
        self.assertEqual(
            set(run.crowds[end.id].arrivals.values()), {datetime(2027, 3, 4, 9)}
        )
        self.assertEqual(len(run.crowds[end.id].ended), 10)

    def test_a_skipped_step_ends_the_journey_or_not(self):
        self.leads[:3].email_from = False
        campaign = self._create_journey(self.leads)
        page = self._run_page(campaign)
        [skipped] = page["steps"][0]["skipped"]
        self.assertEqual((skipped["text"], skipped["count"]), ("No e-mail address.", 3))
        self.assertEqual(self._arrive(page)["Click?"], (7, True))

        self.mail.on_failure = "continue"

        page = self._run_page(campaign)
        self.assertEqual(self._arrive(page)["Click?"], (10, True))
        self.assertEqual(page["steps"][0]["sent"], 7)

    # ------------------------------------------------------------
    # Limits
    # ------------------------------------------------------------

    @freeze_time(NOW)
    def test_no_more_mails_an_hour_than_agreed(self):
        self.env["ir.config_parameter"].set_param("crm_campaigns.mails_per_hour", 4)
        campaign = self._create_journey(self.leads)

        run = campaign.sudo()._run_dry("yes")[0]

        hours = sorted(moment.hour for moment in run.crowds[self.mail.id].sent.values())
        self.assertEqual(hours, [10] * 4 + [11] * 4 + [12] * 2)
        page = self._run_page(campaign, "yes")
        self.assertEqual([group["count"] for group in page["steps"][0]["delayed"]], [6])
        self.assertTrue(page["limits"])

    @freeze_time(NOW)
    def test_the_contact_policy_is_asked(self):
        """Holds keep from writing, caps count what the journey itself sends before."""
        partners = self.env["res.partner"].create(
            [
                {
                    "name": f"P{number}",
                    "email": f"p{number}@brandt.example",
                    "tz": "UTC",
                }
                for number in range(3)
            ]
        )
        self.company.crm_plus_contact_policy = True
        policy = self.env["crm.contact.policy"]._get_policy(self.company)
        policy.write(
            {
                "quiet_from": 0,
                "quiet_to": 0,
                "cap_ids": [
                    Command.clear(),
                    Command.create({"count": 1, "number": 1, "unit": "week"}),
                ],
                "window_ids": [Command.clear()],
                "holiday_ids": [Command.clear()],
            }
        )
        self.env["crm.contact.hold"].create(
            {"partner_id": partners[0].id, "note": "Complaint"}
        )
        campaign = self._create_journey(partners)

        run = campaign.sudo()._run_dry("no")[0]

        first, second = run.crowds[self.mail.id], run.crowds[self.mail_2.id]
        self.assertEqual([len(ids) for ids in first.held.values()], [1])
        self.assertEqual(set(first.sent), set(partners[1:].ids))
        # three days later would be too early: a week after the first one
        self.assertEqual(
            set(second.sent.values()), {datetime(2027, 3, 8, 10)}, second.delayed
        )
        self.assertFalse(self.env["crm.contact.decision"].search([]))

    def test_what_will_have_been_sent_counts_for_the_cap(self):
        partner = self.env["res.partner"].create({"name": "P", "tz": "UTC"})
        self.company.crm_plus_contact_policy = True
        policy = self.env["crm.contact.policy"]._get_policy(self.company)
        policy.write(
            {
                "quiet_from": 0,
                "quiet_to": 0,
                "cap_ids": [
                    Command.clear(),
                    Command.create({"count": 1, "number": 1, "unit": "week"}),
                ],
            }
        )
        planned = {partner.id: [Contact(self._now() - timedelta(days=1), "email")]}
        for value, outcome in ((None, "send"), (planned, "defer")):
            decision = policy._decide(
                partner, company=self.company, dry_run=True, planned=value
            )[partner.id]
            self.assertEqual(decision.outcome, outcome)

    def test_queries_do_not_grow_with_the_people(self):
        def count(leads):
            campaign = self._create_journey(leads)
            campaign.get_dry_run()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            campaign.get_dry_run()
            return self.env.cr.sql_log_count - before

        few = count(self.leads[:2])
        self.assertLessEqual(count(self.leads), few + 2)

    # ------------------------------------------------------------
    # Arithmetic
    # ------------------------------------------------------------

    def test_turns(self):
        hour, day = timedelta(hours=1), timedelta(days=1)
        for values, waits in (
            ((3,), [timedelta()] * 3),
            ((3, 2), [timedelta(), timedelta(), hour]),
            ((3, 0, 1), [timedelta(), day, 2 * day]),
            ((4, 1, 2), [timedelta(), hour, day, day + hour]),
            ((2, 2, 0, 1), [timedelta(), hour]),
            ((2, 0, 2, 0, 2), [day, day]),
        ):
            with self.subTest(values=values):
                self.assertEqual(spread(*values), waits)

    def test_hours_that_are_full(self):
        start = datetime(2026, 3, 2, 10)
        limit = HourLimit(start, 3, 2)
        got = [
            limit.take(start, email).hour
            for email in ("a@x", "b@x", "c@x", "d@y", "e@y", "f@x", "g@z")
        ]
        self.assertEqual(got, [10, 10, 11, 10, 11, 11, 12])
        self.assertEqual(limit.take(start + timedelta(minutes=150), "h@w").minute, 30)
