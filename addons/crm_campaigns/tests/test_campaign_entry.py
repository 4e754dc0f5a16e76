import hashlib
import hmac
import json
from datetime import date, datetime, timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, freeze_time, tagged, users
from odoo.tools import mute_logger

from .common import LeadsCommon


class EntryCommon(LeadsCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.campaign_manager.group_ids += cls.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )

    @classmethod
    def _create_entry(cls, entry, model="crm.lead", **values):
        """A campaign of one wait that people enter in this way."""
        campaign = cls.env["crm.campaign"].create(
            {
                "name": "Entry",
                "entry": entry,
                "model_id": cls.env["ir.model"]._get_id(model),
                "user_id": cls.campaign_manager.id,
                "company_id": cls.company.id,
                **values,
            }
        )
        cls._add_step(campaign, "wait")
        return campaign

    def _who(self, campaign):
        return sorted(campaign.participant_ids.mapped("res_id"))

    def _set_condition(self, campaign, text):
        """The condition means something else, as after an update of another app: nobody
        can change it while the campaign runs.
        """
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_campaign SET entry_domain = %s WHERE id = %s",
            [text, campaign.id],
        )
        self.env.invalidate_all()

    def _look(self, campaign, hours=2):
        """The scheduler looks, having looked some hours ago."""
        campaign.date_looked = self._now() - timedelta(hours=hours)
        self._enrol_changed()

    def _enrol_changed(self):
        """The scheduler looks who enters; nothing is committed."""
        with patch.object(
            self.env.registry["ir.cron"], "_commit_progress", lambda *a, **k: 1
        ):
            return self.env["crm.campaign"]._enrol_changed()


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignEntry(EntryCommon):
    # ------------------------------------------------------------
    # What lets them enter
    # ------------------------------------------------------------

    def test_leaving_a_segment(self):
        segment = self._create_segment(self.leads)
        campaign = self._create_entry("segment_left", segment_id=segment.id)
        campaign.action_start()
        self.assertFalse(campaign.participant_ids, "only those who leave from now on")

        segment.domain = repr([("id", "=", self.lead_2.id)])
        segment._refresh()

        self.assertEqual(self._who(campaign), self.lead.ids)

    def test_condition_on_any_model(self):
        order, other = self.env["sale.order"].create(
            [
                {"partner_id": self.customer.id, "client_order_ref": "yes"},
                {"partner_id": self.customer_2.id},
            ]
        )
        self.customer.email = "buyer@brandt.example"
        campaign = self._create_entry(
            "domain", "sale.order", entry_domain="[('client_order_ref', '=', 'yes')]"
        )
        campaign.action_start()

        self.assertRecordValues(
            campaign.participant_ids,
            [
                {
                    "res_model": "sale.order",
                    "res_id": order.id,
                    "partner_id": self.customer.id,
                    "email": "buyer@brandt.example",
                }
            ],
        )
        other.client_order_ref = "yes"
        self._enrol_changed()
        self.assertEqual(len(campaign.participant_ids), 1, "not looked again so soon")
        self._look(campaign)
        self.assertEqual(self._who(campaign), (order + other).ids)

    def test_records_of_another_company_do_not_enter(self):
        """By whatever way, and the dry run says so."""
        theirs = self._create_leads(
            company_id=self.company_2.id,
            user_id=False,
            email_from="only@theirs.example",
        )
        segment = self._create_segment(self.leads + theirs)
        campaign = self._create_campaign(segment=segment)
        self._add_step(campaign, "wait")

        _entrants, excluded, _words = campaign._get_forecast()
        campaign.action_start()

        self.assertEqual(excluded, {"company": theirs.ids})
        self.assertEqual(self._who(campaign), self.leads.ids)
        by_hand = self._create_entry("manual")
        by_hand.action_start()
        both = (self.lead + theirs).ids
        self.assertEqual(by_hand._preview_by_hand(both), self.lead.ids)
        by_hand._enrol_by_hand(both)
        self.assertEqual(self._who(by_hand), self.lead.ids)

    def test_who_is_inside_again_does_not_go_on_where_they_failed(self):
        campaign = self._create_entry("manual", reentry="after_exit")
        campaign.action_start()
        campaign._enrol_by_hand(self.leads.ids)
        tasks = self._tasks(campaign)
        tasks.state = "failed"
        campaign.participant_ids.write(
            {"state": "failed", "date_left": self._now() - timedelta(days=1)}
        )
        campaign._enrol_candidates(
            campaign._get_hand_candidates(self.lead.ids, "once more")
        )
        self.assertEqual(len(campaign.participant_ids), 3)

        with self.assertRaisesRegex(UserError, "on the way in this campaign again"):
            tasks.action_retry()

        self.assertEqual(set(tasks.mapped("state")), {"failed"})
        other = tasks.filtered(lambda task: task.participant_id.lead_id == self.lead_2)
        other.action_retry()
        self.assertEqual(other.state, "planned")
        self.assertEqual(other.participant_id.state, "running")

    def test_condition_enters_again_after_days_only(self):
        """Trap D9: what matches, matches a moment later too."""
        campaign = self._create_entry(
            "domain",
            entry_domain=repr([("id", "=", self.lead.id)]),
            reentry="after_exit",
        )
        with self.assertRaisesRegex(UserError, "enter again at once"):
            campaign.action_start()
        campaign.write({"reentry": "after_days", "reentry_days": 30})
        campaign.action_start()
        campaign.participant_ids.action_exit()

        self._look(campaign)
        self.assertEqual(len(campaign.participant_ids), 1)
        campaign.participant_ids.date_entered -= timedelta(days=31)
        self._look(campaign)
        self.assertEqual(
            campaign.participant_ids.sorted("number").mapped("number"), [1, 2]
        )

    def test_condition_is_no_way_to_read_what_one_may_not(self):
        with self.assertRaisesRegex(ValidationError, "does not work for"):
            self._create_entry("domain", entry_domain="[('nothing', '=', 1)]")
        self.patch(
            self.env.registry["crm.lead"]._fields["referred"],
            "groups",
            "base.group_system",
        )
        with self.assertRaisesRegex(ValidationError, "does not work for"):
            self.env["crm.campaign"].with_user(self.campaign_manager).create(
                {
                    "name": "Secrets",
                    "entry": "domain",
                    "user_id": self.env.ref("base.user_root").id,
                    "entry_domain": "[('referred', '=', 'x')]",
                }
            )

    def test_something_happens(self):
        kind = self.env.ref("crm_plus.crm_touchpoint_kind_lead_won")
        campaign = self._create_entry(
            "touchpoint",
            entry_kind_ids=[Command.set(kind.ids)],
            entry_domain="[('email_from', 'ilike', 'brandt')]",
            exit_on_won=False,
        )
        campaign.action_start()

        self.leads.action_set_won()
        self._harvest_queued()

        self.assertEqual(self._who(campaign), self.lead.ids)

    @mute_logger("odoo.sql_db")
    def test_a_broken_campaign_stops_nobody_at_work(self):
        """Trap D11: people enter in the transaction of whoever makes it happen."""
        kind = self.env.ref("crm_plus.crm_touchpoint_kind_lead_won")
        campaign = self._create_entry(
            "touchpoint",
            entry_kind_ids=[Command.set(kind.ids)],
            entry_domain="[('priority', '=', '0')]",
            exit_on_won=False,
        )
        campaign.action_start()
        # a test is one transaction, with one date
        campaign.date_started = self._now() - timedelta(hours=1)

        def set_condition(text):
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE crm_campaign SET entry_domain = %s WHERE id = %s",
                [text, campaign.id],
            )
            self.env.invalidate_all()

        # of a field that somebody has deleted
        set_condition("[('gone', '=', 1)]")
        self.lead.action_set_won()
        self._harvest_queued()
        self.assertEqual(self.lead.won_status, "won")
        self.assertFalse(campaign.participant_ids)

        # nobody is lost
        set_condition("[('priority', '=', '0')]")
        self.lead.priority = "0"
        self._look(campaign)
        self.assertEqual(self._who(campaign), self.lead.ids)

    def test_each_event_is_an_enrolment(self):
        """Trap D9: each enrolment is a row of its own."""
        kind = self.env["crm.touchpoint.kind"].search([], limit=1)
        campaign = self._create_entry(
            "touchpoint",
            "res.partner",
            entry_kind_ids=[Command.set(kind.ids)],
            reentry="each_event",
        )
        campaign.action_start()
        touchpoints = self.env["crm.touchpoint"].create(
            [
                {
                    "kind_id": kind.id,
                    "date": self._now(),
                    "partner_id": self.customer.id,
                    "res_model": "res.partner",
                    "res_id": self.customer.id,
                    "occurrence": f"test {i}",
                }
                for i in range(2)
            ]
        )

        for _again in range(2):
            self.env["crm.touchpoint"]._on_harvested(touchpoints.ids)

        self.assertRecordValues(
            campaign.participant_ids.sorted("number"),
            [
                {"number": 1, "event": str(touchpoints[0].id), "state": "running"},
                {"number": 2, "event": str(touchpoints[1].id), "state": "running"},
            ],
        )

    def test_event_of_a_machine_lets_nobody_enter(self):
        """Trap D5: our mail, their answering machine, our mail …"""
        kind = self.env["crm.touchpoint.kind"].search([], limit=1)
        campaign = self._create_entry(
            "touchpoint", "res.partner", entry_kind_ids=[Command.set(kind.ids)]
        )
        campaign.action_start()
        touchpoint = self.env["crm.touchpoint"].create(
            {
                "kind_id": kind.id,
                "date": self._now(),
                "partner_id": self.customer.id,
                "is_machine": True,
                "res_model": "res.partner",
                "res_id": self.customer.id,
            }
        )

        self.env["crm.touchpoint"]._on_harvested(touchpoint.ids)

        self.assertFalse(campaign.participant_ids)

    def test_a_date_comes(self):
        today = self._now().date()
        self.lead.date_deadline = today + timedelta(days=3)
        self.lead_2.date_deadline = today + timedelta(days=4)
        campaign = self._create_entry(
            "date",
            entry_date_field_id=self.env["ir.model.fields"]
            ._get("crm.lead", "date_deadline")
            .id,
            entry_days=-3,
        )
        campaign.action_start()
        self.assertFalse(campaign.participant_ids, "it has come before the start")

        self._look(campaign, hours=25)
        self.assertEqual(self._who(campaign), self.lead.ids)
        self._look(campaign, hours=25)
        self.assertEqual(self._who(campaign), self.lead.ids)

    def test_each_year(self):
        today = self._now().date()
        leads = self._create_leads(3)
        dates = [
            today.replace(year=today.year - 3),
            today.replace(year=today.year - 3) + timedelta(days=1),
            today.replace(year=today.year - 1) - timedelta(days=1),
        ]
        for i, (lead, day) in enumerate(zip(leads, dates, strict=True)):
            lead.write({"date_deadline": day, "email_from": f"y{i}@many.example"})
        campaign = self._create_entry(
            "anniversary",
            entry_domain=repr([("id", "in", leads.ids)]),
            entry_date_field_id=self.env["ir.model.fields"]
            ._get("crm.lead", "date_deadline")
            .id,
            reentry="each_event",
        )
        campaign.action_start()

        self._look(campaign, hours=24)
        self.assertEqual(self._who(campaign), leads[0].ids)
        campaign.participant_ids.action_exit()
        self._look(campaign, hours=24)
        self.assertEqual(len(campaign.participant_ids), 1, "once a year")
        event = campaign.participant_ids.event
        self.assertTrue(event.startswith(str(today.year)), event)

    def test_a_day_begins_where_they_live(self):
        """Who has no time zone lives where the company is."""
        self.company.partner_id.tz = "Europe/Berlin"
        zones = {"Asia/Tokyo": "tokyo", False: "berlin", "America/Los_Angeles": "la"}
        for entry, year, days in (
            ("date", 2027, 0),
            ("date", 2027, -3),
            ("anniversary", 2019, 0),
            ("anniversary", 2019, 1),
        ):
            leads = self.env["crm.lead"]
            for zone, name in zones.items():
                partner = self.env["res.partner"].create(
                    {"name": name, "tz": zone, "email": f"{name}@zone.example"}
                )
                lead = self._create_leads(name=name, partner_id=partner.id)
                lead.date_deadline = date(year, 3, 10) - timedelta(days=days)
                leads += lead
            campaign = self._create_entry(
                entry,
                entry_domain=repr([("id", "in", leads.ids)]),
                entry_date_field_id=self.env["ir.model.fields"]
                ._get("crm.lead", "date_deadline")
                .id,
                entry_days=days,
            )
            with freeze_time(datetime(2027, 3, 9, 14, 0)):
                campaign.action_start()
            for moment, names in (
                (datetime(2027, 3, 9, 14, 55), ""),
                (datetime(2027, 3, 9, 15, 5), "tokyo"),
                (datetime(2027, 3, 9, 22, 55), "tokyo"),
                (datetime(2027, 3, 9, 23, 5), "berlin tokyo"),
                (datetime(2027, 3, 10, 0, 5), "berlin tokyo"),
                (datetime(2027, 3, 10, 7, 55), "berlin tokyo"),
                (datetime(2027, 3, 10, 8, 5), "berlin la tokyo"),
                (datetime(2027, 3, 11, 8, 5), "berlin la tokyo"),
            ):
                with self.subTest(entry=entry, days=days, moment=moment):
                    with freeze_time(moment):
                        campaign._look()
                    entered = campaign.participant_ids.lead_id
                    self.assertEqual(" ".join(sorted(entered.mapped("name"))), names)
            self.assertEqual(
                set(campaign.participant_ids.mapped("event")), {"2027-03-10 00:00:00"}
            )

    def test_days_after_a_moment_are_days_where_they_live(self):
        """Over the night in which summer time begins it is the same hour."""
        self.company.partner_id.tz = "Europe/Berlin"
        self.lead.partner_id = self.customer_contact
        self.lead.date_open = datetime(2027, 3, 25, 8, 0)
        campaign = self._create_entry(
            "date",
            entry_domain=repr([("id", "=", self.lead.id)]),
            entry_date_field_id=self.env["ir.model.fields"]
            ._get("crm.lead", "date_open")
            .id,
            entry_days=7,
        )
        with freeze_time(datetime(2027, 4, 1, 6, 0)):
            campaign.action_start()
        for minute, expected in ((55, []), (65, self.lead.ids)):
            with freeze_time(datetime(2027, 4, 1, 6, 0) + timedelta(minutes=minute)):
                campaign._look()
            self.assertEqual(self._who(campaign), expected)

    def test_a_time_zone_that_the_database_does_not_know(self):
        today = self._now().date()
        self.lead.partner_id = self.customer_contact
        self.lead_2.partner_id = self.customer_2
        self.leads.date_deadline = today
        campaign = self._create_entry(
            "date",
            entry_domain=repr([("id", "in", self.leads.ids)]),
            entry_date_field_id=self.env["ir.model.fields"]
            ._get("crm.lead", "date_deadline")
            .id,
        )
        campaign.action_start()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_partner SET tz = 'Mars/Olympus' WHERE id = %s",
            [self.customer_contact.id],
        )
        self.env.invalidate_all()
        self._look(campaign, hours=48)
        self.assertEqual(self._who(campaign), self.leads.ids)

    # ------------------------------------------------------------
    # How many, how long, who is one
    # ------------------------------------------------------------

    def test_caps_spread_the_entries(self):
        leads = self._create_leads(7)
        for i, lead in enumerate(leads):
            lead.email_from = f"c{i}@many.example"
        campaign = self._create_entry("manual", entry_cap_hour=2, entry_cap_day=5)
        campaign.action_start()

        campaign._enrol_by_hand(leads[:3].ids)
        campaign._enrol_by_hand(leads[3:].ids)

        start = min(campaign.participant_ids.mapped("date_entered"))
        hours = [
            round((p.date_entered - start).total_seconds() / 3600)
            for p in campaign.participant_ids.sorted("id")
        ]
        self.assertEqual(hours, [0, 0, 1, 1, 2, 24, 24])
        for participant in campaign.participant_ids:
            self.assertEqual(
                participant.task_ids.date_planned,
                participant.date_entered + timedelta(days=2),
                "their journey begins at their turn",
            )

    def test_cap_of_a_day_above_that_of_its_hours(self):
        """30 a day with one an hour: the day after begins when the hours are full."""
        leads = self._create_leads(32)
        for i, lead in enumerate(leads):
            lead.email_from = f"c{i}@many.example"
        campaign = self._create_entry("manual", entry_cap_hour=1, entry_cap_day=30)
        campaign.action_start()

        campaign._enrol_by_hand(leads.ids)

        dates = campaign.participant_ids.mapped("date_entered")
        start = min(dates)
        hours = sorted(round((date - start).total_seconds() / 3600) for date in dates)
        self.assertEqual(hours, list(range(32)))

    def test_nobody_enters_before_or_after_the_time(self):
        campaign = self._create_entry(
            "manual", date_begin=self._now() + timedelta(days=1)
        )
        campaign.action_start()
        self.assertFalse(
            campaign._enrol_candidates(campaign._get_hand_candidates(self.lead.ids))
        )
        campaign.date_begin = self._now() - timedelta(days=1)
        self.assertTrue(campaign._enrol_by_hand(self.lead.ids))
        campaign.date_end = self._now() - timedelta(hours=1)
        self.assertFalse(
            campaign._enrol_candidates(campaign._get_hand_candidates(self.lead_2.ids))
        )
        campaign.action_stop()
        with self.assertRaisesRegex(UserError, "Nobody may enter"):
            campaign.action_start()

    def test_segment_enters_when_the_time_has_come(self):
        segment = self._create_segment(self.leads)
        campaign = self._create_entry(
            "segment",
            segment_id=segment.id,
            date_begin=self._now() + timedelta(days=1),
        )
        campaign.action_start()
        self.assertFalse(campaign.participant_ids)
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])
        self.assertIn(campaign.date_begin, triggers.mapped("call_at"))

        campaign.date_begin = self._now() - timedelta(minutes=1)
        self._enrol_changed()

        self.assertEqual(self._who(campaign), self.leads.ids)

    def test_each_record_where_it_says_so(self):
        twin = self._create_leads(email_from="ida@brandt.example")
        for dedupe, number in (("email", 1), ("record", 2)):
            with self.subTest(dedupe):
                campaign = self._create_entry("manual", dedupe=dedupe)
                campaign.action_start()
                campaign._enrol_by_hand((self.lead + twin).ids)
                self.assertEqual(len(campaign.participant_ids), number)

    def test_records_of_other_companies_stay_out(self):
        """Whatever lets people enter, with no condition and a responsible who sees all
        companies."""
        today = self._now().date()
        campaign = self._create_entry(
            "date",
            entry_date_field_id=self.env["ir.model.fields"]
            ._get("crm.lead", "date_deadline")
            .id,
            user_id=self.env.ref("base.user_root").id,
        )
        no_one = self._create_leads(email_from="nobody@nowhere.example")
        nobody = {"team_id": False, "user_id": False}
        self.lead.company_id = self.company
        self.lead_2.write({"company_id": self.company_2.id, **nobody})
        no_one.write({"company_id": False, **nobody})
        leads = self.leads + no_one
        leads.date_deadline = today
        campaign.action_start()

        self._look(campaign, hours=25)
        self.assertEqual(self._who(campaign), sorted((self.lead + no_one).ids))

        by_hand = self._create_entry("manual")
        by_hand.action_start()
        by_hand._enrol_by_hand(leads.ids)
        self.assertEqual(self._who(by_hand), sorted((self.lead + no_one).ids))
        excluded = by_hand._get_excluded(
            by_hand._get_hand_candidates(self.lead_2.ids), []
        )
        self.assertEqual(excluded, [(self.lead_2.id, "company")])

    def test_another_system_finds_the_record_of_its_company(self):
        twin = self._create_leads(email_from="ida@brandt.example")
        nobody = {"team_id": False, "user_id": False}
        twin.write({"company_id": self.company_2.id, **nobody})
        campaign = self._create_entry("webhook")
        campaign.action_start()

        campaign._enrol_candidates(
            campaign._get_entry().get_email_candidates(["ida@brandt.example"], "e-1")
        )

        self.assertEqual(self._who(campaign), self.lead.ids, "the newest is not theirs")

    # ------------------------------------------------------------
    # By hand
    # ------------------------------------------------------------

    @users("campaign_manager")
    def test_marketer_puts_them_in(self):
        campaign = self._create_entry("manual")
        campaign.action_start()
        campaign._enrol_by_hand(self.lead.ids)
        Wizard = self.env["crm.campaign.enter"].with_context(
            active_model="crm.lead", active_ids=self.leads.ids
        )

        form = Form(Wizard)
        form.campaign_id = campaign.with_env(self.env)
        self.assertEqual((form.record_count, form.entering_count), (2, 1))
        form.save().action_enter()

        self.assertEqual(self._who(campaign), self.leads.ids)

    @users("campaign_user")
    def test_user_puts_nobody_in(self):
        self._create_entry("manual").action_start()
        with self.assertRaises(AccessError):
            self.env["crm.campaign.enter"].create({})

    def test_fields_of_the_audience_stay(self):
        campaign = self._create_entry("manual")
        campaign.action_start()

        with self.assertRaisesRegex(UserError, "Duplicate the campaign"):
            campaign.entry = "webhook"
        campaign.name = "Other name"


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignWebhook(HttpCase, EntryCommon):
    def _post(self, campaign, message, secret=None, token=None):
        body = json.dumps(message).encode()
        secret = secret or campaign.webhook_secret
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        response = self.url_open(
            f"/crm_campaigns/enter/{token or campaign.webhook_token}",
            data=body,
            headers={"Content-Type": "application/json", "X-Signature": signature},
        )
        return response.status_code, response.json()

    def test_signed_request_lets_them_enter_once(self):
        campaign = self._create_entry("webhook", reentry="each_event")
        campaign.action_start()
        message = {"emails": ["IDA@brandt.example", "no@body.example"], "event": "o-1"}

        self.assertEqual(self._post(campaign, message), (200, {"entered": 1}))
        self.assertEqual(self._post(campaign, message), (200, {"entered": 0}))

        self.assertEqual(self._who(campaign), self.lead.ids)
        self.assertEqual(campaign.participant_ids.event, "o-1")

    def test_it_wakes_the_scheduler(self):
        """Whoever enters gets their first mail at once, not when it wakes up by itself;
        a message that lets nobody enter wakes nobody.
        """
        campaign = self._create_entry("webhook", reentry="each_event")
        self._add_step(campaign, "mail")
        campaign.action_start()
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])
        triggers.unlink()
        for event, number in (("o-1", 1), ("o-1", 0)):
            self._post(campaign, {"emails": ["ida@brandt.example"], "event": event})
            triggers = triggers.search([("cron_id", "=", self.cron.id)])
            self.assertEqual(bool(triggers), bool(number))
            self.assertFalse(
                triggers.filtered(lambda one: one.call_at > self._now()), "at once"
            )
            triggers.unlink()

    def test_people_of_another_company_do_not_enter(self):
        """Of one address the newest record of the own company enters, not the newest;
        whoever is of no company at all is of each.
        """
        self._create_leads(
            company_id=self.company_2.id,
            user_id=False,
            email_from="ida@brandt.example",
        )
        self._create_leads(
            company_id=self.company_2.id,
            user_id=False,
            email_from="only@theirs.example",
        )
        shared = self._create_leads(
            company_id=False, user_id=False, email_from="all@shared.example"
        )
        campaign = self._create_entry("webhook", reentry="each_event")
        campaign.action_start()
        emails = ["ida@brandt.example", "only@theirs.example", "all@shared.example"]

        self.assertEqual(
            self._post(campaign, {"emails": emails, "event": "o-2"}),
            (200, {"entered": 2}),
        )

        self.assertEqual(self._who(campaign), sorted((self.lead + shared).ids))

    def test_letters_that_are_none_are_refused(self):
        """Zeros, which the database does not take, and halves of characters."""
        campaign = self._create_entry("webhook")
        campaign.action_start()
        for token in ("%00", f"{campaign.webhook_token}%00", "h%C3%B6chst", "%FF"):
            with self.subTest(token):
                message = {"emails": ["ida@brandt.example"]}
                self.assertEqual(self._post(campaign, message, token=token)[0], 403)
        for message in (
            {"emails": ["ida@brandt.example"], "event": "o\0"},
            {"emails": ["ida@brandt.example"], "event": "o\ud800"},
            {"emails": ["ida\0@brandt.example"]},
            {"emails": ["ida\ud800@brandt.example"]},
        ):
            with self.subTest(message):
                self.assertEqual(self._post(campaign, message)[0], 400)
        self.assertFalse(campaign.participant_ids)

    def test_others_are_refused(self):
        campaign = self._create_entry("webhook")
        message = {"emails": ["ida@brandt.example"]}
        self.assertEqual(self._post(campaign, message)[0], 409, "it does not run")
        campaign.action_start()

        self.assertEqual(self._post(campaign, message, secret="guessed")[0], 403)
        self.assertEqual(self._post(campaign, message, token="guessed")[0], 403)
        response = self.url_open(
            f"/crm_campaigns/enter/{campaign.webhook_token}",
            data=b"{}",
            headers={"X-Signature": "h\xf6chst"},
        )
        self.assertEqual(response.status_code, 403, "no signature is of such letters")
        campaign.webhook_secret = False
        self.assertEqual(self._post(campaign, message, secret="\0")[0], 403)
        campaign.action_webhook_secret()
        self.assertEqual(self._post(campaign, {"emails": 7})[0], 400)
        self.assertEqual(self._post(campaign, ["x"])[0], 400)
        self.assertFalse(campaign.participant_ids)
