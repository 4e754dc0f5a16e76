from datetime import datetime, timedelta
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, freeze_time, tagged
from odoo.tools import mute_logger

from .common import CampaignCommon

NOW = datetime(2026, 1, 14, 12, 0)


@freeze_time(NOW)
@tagged("post_install", "-at_install", "crm_campaigns")
class TestMailingPolicy(CampaignCommon):
    """Odoo's own mailings obey, once the company says so."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # a round of the queue is one of ours only
        cls.env["mailing.mailing"].search(
            [("state", "in", ("in_queue", "sending"))]
        ).write({"state": "draft"})
        cls.company.crm_plus_contact_policy = True
        cls.policy = cls.env["crm.contact.policy"].create(
            {
                "name": "Ours",
                "company_id": cls.company.id,
                "quiet_from": 0,
                "quiet_to": 0,
                "cap_ids": [
                    Command.create({"channel": "email", "count": 1, "unit": "week"})
                ],
            }
        )
        cls.people = cls.customer + cls.customer_contact + cls.customer_2
        cls.people.tz = "UTC"
        cls.mailing = cls._mail(cls.people)
        cls.cron = cls.env.ref("mass_mailing.ir_cron_mass_mailing_queue")

    @classmethod
    def _mail(cls, records, **values):
        return cls._create_mailing(
            records._name,
            mailing_domain=repr([("id", "in", records.ids)]),
            user_id=cls.env.user.id,
            **values,
        )

    def _hold(self, partner, **values):
        return self.env["crm.contact.hold"].create(
            {"partner_id": partner.id, "note": "Complaint", **values}
        )

    def _process(self, mailing=None):
        """A round of Odoo's queue of mailings."""
        mailing = mailing or self.mailing
        if mailing.state == "draft":
            mailing.action_put_in_queue()
        with self.mock_mail_gateway(), self.enter_registry_test_mode():
            self.cron.method_direct_trigger()
        self.env.invalidate_all()
        return sorted(mail["email_to"][0] for mail in self._mails)

    def _traces(self, mailing=None, **values):
        return (mailing or self.mailing).mailing_trace_ids.filtered_domain(
            [(name, "=", value) for name, value in values.items()]
        )

    def test_who_is_on_hold_waits_and_the_mailing_goes_on(self):
        hold = self._hold(self.customer)

        self.assertEqual(len(self._process()), 1)

        self.assertEqual(self._traces().mapped("res_id"), self.customer_2.ids)
        self.assertEqual(self.mailing.state, "sending")
        self.assertEqual(self.mailing.contact_waiting_count, 2)
        waiting = self.env["crm.contact.decision"].search(
            self.mailing.action_view_contact_queue()["domain"]
            + [("outcome", "=", "defer")]
        )
        self.assertEqual(waiting.partner_id, self.customer + self.customer_contact)
        self.assertEqual(set(waiting.mapped("words")), {"On hold: Complaint"})

        # before it is time nobody is asked about
        self.assertFalse(self._process())
        self.assertEqual(set(waiting.mapped("deferral_count")), {1})

        hold.action_release()
        with freeze_time(NOW + timedelta(hours=25)):
            self.assertEqual(len(self._process()), 2)
        self.assertEqual(self.mailing.state, "done")
        self.assertEqual(len(self._traces()), 3)
        self.assertFalse(self.mailing.contact_waiting_count)

    def test_who_waited_too_long_gets_a_trace_that_says_why(self):
        self._hold(self.customer_2)
        self.policy.wait_days = 1
        self._process()
        with freeze_time(NOW + timedelta(days=1, hours=1)):
            self._process()
        trace = self._traces(res_id=self.customer_2.id)
        self.assertRecordValues(
            trace,
            [
                {
                    "trace_status": "cancel",
                    "failure_type": "crm_contact_policy",
                    "failure_reason": "Waited too long",
                    "email": "biuro@nowak.example",
                    "model": "res.partner",
                }
            ],
        )
        self.assertEqual(self.mailing.state, "done")

    def _release(self, decisions, user=None, note="Agreed on the phone"):
        self.env["crm.contact.release"].with_user(user or self.manager).create(
            {"decision_ids": decisions.ids, "note": note}
        ).action_release()

    def _get_waiting(self, mailing=None):
        return self.env["crm.contact.decision"].search(
            (mailing or self.mailing).action_view_contact_queue()["domain"]
            + [("outcome", "=", "defer")]
        )

    def test_what_waits_is_released_with_a_reason(self):
        self._hold(self.customer_2)
        self._process()
        waiting = self._get_waiting()
        self.assertIn("On hold: Complaint", waiting.explanation)
        self.assertEqual(waiting.action_open_origin()["res_id"], self.mailing.id)
        with self.assertRaises(AccessError):
            self._release(waiting, self.seller)

        self._release(waiting, self.campaign_manager)

        self.assertFalse(waiting.is_releasable)
        self.assertEqual(len(self._process()), 1)
        self.assertEqual(self.mailing.state, "done")
        # how it came to that is kept
        self.assertRecordValues(
            waiting,
            [
                {
                    "outcome": "send",
                    "release_note": "Agreed on the phone",
                    "released_user_id": self.campaign_manager.id,
                }
            ],
        )
        self.assertIn("Agreed on the phone", waiting.explanation)
        # of this one only: the hold goes on
        second = self._mail(self.customer_2, subject="Winter roast")
        self.assertFalse(self._process(second))

    def test_caps_and_hours_are_released_and_wishes_are_not(self):
        self._process()
        second = self._mail(self.people, subject="Winter roast")
        self._process(second)
        self.env["crm.consent.preference"].create(
            {
                "partner_id": self.customer_2.id,
                "company_id": self.company.id,
                "date_pause": NOW + timedelta(days=5),
            }
        )
        self.policy.write({"quiet_from": 11, "quiet_to": 13})
        self._release(self._get_waiting(second))
        self.assertEqual(len(self._process(second)), 2)
        left = self._get_waiting(second)
        self.assertEqual((left.partner_id, left.reason), (self.customer_2, "pause"))
        with self.assertRaises(UserError):
            self._release(left)

    def test_who_withdrew_meanwhile_gets_nothing(self):
        """Trap D16: asked when it is sent."""
        self._hold(self.customer_2)
        self._process()
        self.env["crm.consent"]._record(
            self.customer_2, "marketing", "withdrawn", channel="email", source="Phone"
        )
        self.env["mail.blacklist"]._remove(self.customer_2.email)
        self._release(self._get_waiting())
        self.assertFalse(self._process())
        self.assertEqual(
            self._traces(res_id=self.customer_2.id).failure_reason, "Consent withdrawn"
        )

    def test_what_another_company_waits_for_is_not_released(self):
        self._hold(self.customer_2)
        self._process()
        with self.assertRaises(AccessError):
            self._release(self._get_waiting(), self.user_other_company)

    def test_two_mailings_keep_one_cap(self):
        self.assertEqual(len(self._process()), 3)
        second = self._mail(self.people, subject="Winter roast")
        self.assertFalse(self._process(second))
        self.assertEqual(second.contact_waiting_count, 3)
        with freeze_time(NOW + timedelta(days=7)):
            self.assertEqual(len(self._process(second)), 3)

    def test_quiet_hours_of_each(self):
        self.policy.write({"quiet_from": 20, "quiet_to": 8})
        self.customer_2.tz = "America/New_York"
        self._process()
        self.assertNotIn(self.customer_2.id, self._traces().mapped("res_id"))
        with freeze_time(NOW + timedelta(hours=1)):
            self.assertEqual(len(self._process()), 1)

    def test_mailing_contacts_are_people(self):
        contact = self.env["mailing.contact"].create(
            {"name": "Ida", "email": "Ida <ida@brandt.example>"}
        )
        self._hold(self.customer_contact)
        mailing = self._mail(contact)
        self.assertFalse(self._process(mailing))
        self.assertEqual(mailing.contact_waiting_count, 1)

    def test_not_applied_all_is_as_ever(self):
        self.company.crm_plus_contact_policy = False
        self._hold(self.customer_2)
        self.assertEqual(len(self._process()), 3)
        self.assertEqual(self.mailing.state, "done")
        self.assertFalse(
            self.env["crm.contact.decision"].search(
                self.mailing.action_view_contact_queue()["domain"]
            )
        )

    def test_taken_back_it_waits_no_more(self):
        self._hold(self.customer_2)
        self._process()
        self.assertEqual(self.mailing.contact_waiting_count, 1)
        self.mailing.action_cancel()
        self.env.invalidate_all()
        self.assertFalse(self.mailing.contact_waiting_count)

    def test_who_is_no_recipient_any_more_holds_nothing_up(self):
        self._hold(self.customer_2)
        self._process()
        self.mailing.mailing_domain = repr([("id", "in", self.customer.ids)])
        with freeze_time(NOW + timedelta(hours=25)):
            self.assertFalse(self._process())
        self.assertEqual(self.mailing.state, "done")

    def test_of_a_sample_nobody_is_drawn_twice(self):
        self._hold(self.customer_2)
        mailing = self._mail(self.people, ab_testing_enabled=True, ab_testing_pc=100)
        self._process(mailing)
        self.assertEqual(mailing.state, "done")
        self.assertEqual(
            self._traces(mailing, failure_type="crm_contact_policy").res_id,
            self.customer_2.id,
        )

    def test_campaigns_ask_for_themselves(self):
        leads = self._create_leads(2, partner_id=self.customer_2.id)
        mailing = self._mail(leads, contact_priority=70)
        decisions = mailing._decide_contacts(leads.ids, dry_run=True)
        self.assertEqual([one.outcome for one in decisions.values()], ["send", "defer"])

    def test_who_unsubscribes_is_in_the_ledger(self):
        Consent = self.env["crm.consent"]
        self.env["mail.blacklist"]._add("biuro@nowak.example")
        self.env["mail.blacklist"]._add("biuro@nowak.example")
        row = Consent.search([("email", "=", "biuro@nowak.example")])
        self.assertRecordValues(
            row,
            [
                {
                    "partner_id": self.customer_2.id,
                    "state": "withdrawn",
                    "channel": "email",
                    "source": "Unsubscribed",
                }
            ],
        )
        self.env["mail.blacklist"].with_context(crm_campaigns_bounce=True)._add(
            "ida@brandt.example"
        )
        self.assertFalse(Consent.search([("email", "=", "ida@brandt.example")]))

    def test_withdrawn_counts_even_where_nothing_is_applied(self):
        self.company.crm_plus_contact_policy = False
        self.env["crm.consent"]._record(
            self.customer_2,
            "newsletter",
            "withdrawn",
            source="Told us",
            company_id=self.company.id,
        )
        newsletter = self.env.ref("crm_plus.crm_consent_purpose_newsletter")
        self.mailing.contact_purpose_id = newsletter
        self.assertEqual(len(self._process()), 2)
        trace = self._traces(failure_type="crm_contact_policy")
        self.assertEqual(trace.failure_reason, "Consent withdrawn")
        self.assertEqual(self.mailing.state, "done")


@freeze_time(NOW)
@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignPolicy(CampaignCommon):
    """The mails of journeys obey, too."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.crm_plus_contact_policy = True
        cls.env["crm.contact.policy"].create(
            {
                "name": "Ours",
                "company_id": cls.company.id,
                "quiet_from": 0,
                "quiet_to": 0,
            }
        )
        cls.lead = cls.env["crm.lead"].create(
            {
                "name": "Brandt",
                "partner_id": cls.customer.id,
                "company_id": cls.company.id,
            }
        )
        cls.other_lead = cls.env["crm.lead"].create(
            {
                "name": "Other",
                "email_from": "other@test.example.com",
                "company_id": cls.company.id,
            }
        )
        cls.campaign = cls._create_journey(cls.lead + cls.other_lead)

    def _start(self):
        self.campaign.action_start()
        self._run()
        return sorted(mail["email_to"][0] for mail in self._mails)

    def _task(self, lead):
        return self._tasks(self.campaign, self.mail).filtered(
            lambda task: task.participant_id.res_id == lead.id
        )

    def _get_waiting(self):
        return self.env["crm.contact.decision"].search(
            [
                ("origin_model", "=", "crm.campaign.step"),
                ("origin_id", "=", self.mail.id),
                ("outcome", "=", "defer"),
            ]
        )

    def _hold(self):
        return self.env["crm.contact.hold"].create(
            {"partner_id": self.customer.id, "note": "Complaint"}
        )

    def test_who_is_on_hold_waits_and_then_gets_it(self):
        hold = self._hold()

        self.assertEqual(self._start(), ["other@test.example.com"])

        task = self._task(self.lead)
        self.assertEqual(task.state, "planned")
        self.assertEqual(task.reason, "On hold: Complaint")
        self.assertEqual(self._get_waiting().res_id, self.lead.id)
        self.assertEqual(task.date_planned, self._get_waiting().date_until)

        hold.action_release()
        self._pass(2)
        self._run()
        self.assertEqual(len(self._mails), 1)
        self.assertEqual(self._task(self.lead).state, "done")
        self.assertFalse(self._get_waiting())

    def test_what_is_released_goes_on_at_once(self):
        self._hold()
        self._start()
        self.env["crm.contact.release"].with_user(self.campaign_manager).create(
            {"decision_ids": self._get_waiting().ids, "note": "Settled"}
        ).action_release()
        self._run()
        self.assertEqual(len(self._mails), 1)
        self.assertEqual(self._task(self.lead).state, "done")

    def test_who_withdrew_is_skipped_with_the_reason(self):
        self.company.crm_plus_contact_policy = False
        self.env["crm.consent"]._record(
            self.customer, "marketing", state="withdrawn", source="On the phone"
        )
        # the ledger holds even without Odoo's list of blocked addresses
        self.env["mail.blacklist"]._remove(self.customer.email)

        self.assertEqual(self._start(), ["other@test.example.com"])

        task = self._task(self.lead)
        self.assertEqual(task.state, "skipped")
        self.assertTrue(task.reason)
        self.assertEqual(task.participant_id.exit_reason, "undeliverable")

    def test_messages_are_for_what_the_campaign_says(self):
        purposes = {
            code: self.env.ref(f"crm_plus.crm_consent_purpose_{code}")
            for code in ("newsletter", "offers")
        }
        self.campaign.contact_purpose_id = purposes["newsletter"]
        self.assertEqual(self.mail.campaign_purpose_id, purposes["newsletter"])
        self.env["crm.consent"]._record(
            self.customer,
            "newsletter",
            state="withdrawn",
            source="On the phone",
            company_id=self.company.id,
        )

        self.assertEqual(self._start(), ["other@test.example.com"])
        self.assertEqual(self._task(self.lead).state, "skipped")

        # one mail may be for something else
        other = self.campaign.copy()
        mail = other.step_ids.filtered(lambda s: s.kind == "mail")[0]
        self.assertEqual(other.contact_purpose_id, purposes["newsletter"])
        with Form(mail) as form:
            form.contact_purpose_id = purposes["offers"]
        self.assertEqual(mail.mailing_id.contact_purpose_id, purposes["offers"])
        other.action_start()
        with self.assertRaisesRegex(UserError, "Stop the campaign"):
            mail.contact_purpose_id = purposes["newsletter"]
        self._run()
        self.assertEqual(len(self._mails), 2)
        self.assertEqual(
            other.copy().step_ids.filtered("contact_purpose_id").contact_purpose_id,
            purposes["offers"],
        )

    def test_campaign_of_higher_priority_passes_the_cap(self):
        """Before the others, where the company says so."""
        self.env["crm.contact.policy"].search([("name", "=", "Ours")]).cap_ids = [
            Command.create(
                {"channel": "email", "count": 1, "unit": "week", "passes_from": 80}
            )
        ]
        self.assertEqual(len(self._start()), 2)

        def send(priority):
            campaign = self._create_campaign(
                self.lead, name=f"Of {priority}", contact_priority=priority
            )
            self._add_step(campaign, "mail")
            campaign.action_start()
            self._run()
            return self._tasks(campaign).state

        self.assertEqual(send(79), "planned")
        self.assertEqual(send(80), "done")
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            send(101)

    def test_who_leaves_waits_no_more(self):
        self._hold()
        self._start()
        self.assertTrue(self._get_waiting())

        self._task(self.lead).participant_id.action_exit()

        self.assertFalse(self._get_waiting())

    # ------------------------------------------------------------
    # Between composing and sending
    # ------------------------------------------------------------

    def _compose(self, campaign=None):
        """The mails are made, and nobody has sent them yet."""
        (campaign or self.campaign).action_start()
        with patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: True):
            self._run(1)

    def _create_mail_campaign(self, **values):
        campaign = self._create_campaign(self.lead, name="Another", **values)
        self._add_step(campaign, "mail")
        return campaign

    def _set_policy(self, **values):
        self.env["crm.contact.policy"].search([("name", "=", "Ours")]).write(values)

    def test_hold_while_the_mail_waits(self):
        self._compose()
        self.assertEqual(self._task(self.lead).state, "sending")
        hold = self._hold()

        self._run()

        self.assertEqual(len(self._mails), 1)
        task = self._task(self.lead)
        self.assertEqual(task.state, "planned")
        self.assertEqual(task.reason, "On hold: Complaint")
        self.assertEqual(task.date_planned, self._get_waiting().date_until)
        self.assertFalse(task.trace_ids, "made anew when its time comes")

        hold.action_release()
        self._pass(2)
        self._run()
        self.assertEqual(len(self._mails), 1)
        self.assertEqual(self._task(self.lead).state, "done")

    def test_night_falls_while_the_mails_wait(self):
        self._compose()
        # NOW is within, wherever they are
        self._set_policy(quiet_from=0, quiet_to=23.5)

        self._run()

        self.assertFalse(self._mails)
        tasks = self._tasks(self.campaign, self.mail)
        self.assertEqual(set(tasks.mapped("state")), {"planned"})
        self.assertGreater(min(tasks.mapped("date_planned")), NOW)
        for date in sorted(set(tasks.mapped("date_planned"))):
            with freeze_time(date):
                self._run()
        self.assertEqual(set(tasks.mapped("state")), {"done"})

    def test_withdrawn_while_the_mail_waits(self):
        self.company.crm_plus_contact_policy = False
        self.campaign.contact_purpose_id = self.env.ref(
            "crm_plus.crm_consent_purpose_newsletter"
        )
        self._compose()
        self.env["crm.consent"]._record(
            self.customer,
            "newsletter",
            state="withdrawn",
            source="On the phone",
            company_id=self.company.id,
        )

        self._run()

        self.assertEqual(len(self._mails), 1)
        task = self._task(self.lead)
        self.assertEqual(task.state, "skipped")
        self.assertEqual(task.reason, "Consent withdrawn")
        self.assertEqual(task.participant_id.exit_reason, "undeliverable")

    def test_mail_that_waits_is_not_counted_twice(self):
        """It has its place: whoever was told to wait because of it comes after it, also
        when that one is more urgent.
        """
        self._set_policy(
            cap_ids=[Command.create({"channel": "email", "count": 1, "unit": "week"})]
        )
        self._compose()
        for priority in (50, 90):
            later = self._create_mail_campaign(contact_priority=priority)
            self._compose(later)
            self.assertEqual(self._tasks(later).state, "planned", "it is the second")

        self._run()

        self.assertEqual(self._task(self.lead).state, "done")
        self.assertEqual(len(self._mails), 2)

    def test_stopped_and_started_it_is_decided_anew(self):
        self._compose()
        self.campaign.action_stop()
        self.mail.body = (
            '<p>Corrected</p><a href="/unsubscribe_from_list">Unsubscribe</a>'
        )
        self._hold()

        self.campaign.action_start()
        self.assertFalse(
            self._tasks(self.campaign).filtered(lambda task: task.state == "sending")
        )
        self._run()

        self.assertEqual(
            [mail["email_to"][0] for mail in self._mails], ["other@test.example.com"]
        )
        self.assertIn("Corrected", self._mails[0]["body"])
        self.assertEqual(self._task(self.lead).reason, "On hold: Complaint")

    def test_started_weeks_later_it_comes_after_what_was_sent(self):
        self._set_policy(
            cap_ids=[Command.create({"channel": "email", "count": 1, "unit": "week"})]
        )
        self._compose()
        self.campaign.action_stop()
        with freeze_time(NOW + timedelta(days=20)):
            other = self._create_mail_campaign()
            other.action_start()
            self._run()
            self.assertEqual(self._tasks(other).state, "done")
            self.campaign.action_start()
            self._run()
            self.assertEqual(len(self._mails), 1, "not the customer")
            task = self._task(self.lead)
            self.assertEqual(task.state, "planned")
            self.assertEqual(task.date_planned, NOW + timedelta(days=27))

    def test_what_a_server_may_have_is_not_made_again(self):
        self._compose()
        mail = self._task(self.lead).trace_id.mail_mail_id
        self.env["crm.campaign.delivery"].create(
            {"mail_id": mail.id, "date_reserved": NOW, "outcome": "reserved"}
        )
        self._hold()
        self.campaign.action_stop()
        self.campaign.action_start()

        self._run()

        task = self._task(self.lead)
        self.assertEqual(task.state, "unknown")
        self.assertEqual(task.trace_id.mail_mail_id_int, mail.id)

    def test_second_mail_of_a_step_counts_the_first(self):
        self._set_policy(
            cap_ids=[Command.create({"channel": "email", "count": 1, "unit": "week"})]
        )
        campaign = self._create_mail_campaign(
            entry="manual", segment_id=False, reentry="each_event"
        )
        campaign.action_start()
        for event in "ab":
            campaign._enrol_candidates(
                campaign._get_hand_candidates(self.lead.ids, event)
            )
        with patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: True):
            self._run(3)

        self.assertEqual(
            sorted(self._tasks(campaign).mapped("state")), ["planned", "sending"]
        )

    def test_a_batch_asks_once_before_it_goes(self):
        leads = self.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "email_from": f"lead{number}@test.example.com",
                    "company_id": self.company.id,
                }
                for number in range(20)
            ]
        )
        self.campaign = self._create_campaign(leads)
        self._add_step(self.campaign, "mail")
        self._compose()
        with patch.object(
            self.env.registry["crm.contact.policy"], "_decide", autospec=True
        ) as decide:
            decide.return_value = {}
            self._run(1)
        self.assertEqual(len(self._mails), 20)
        self.assertEqual(decide.call_count, 1)
        self.assertTrue(decide.call_args.kwargs["dry_run"], "nothing is noted")

    def test_a_batch_asks_once(self):
        leads = self.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "email_from": f"lead{number}@test.example.com",
                    "company_id": self.company.id,
                }
                for number in range(20)
            ]
        )
        self.campaign = self._create_campaign(leads)
        self._add_step(self.campaign, "mail")
        with patch.object(
            self.env.registry["crm.contact.policy"], "_decide", autospec=True
        ) as decide:
            decide.return_value = {}
            self.assertEqual(len(self._start()), 20)
        self.assertEqual(decide.call_count, 2, "before it is made, and before it goes")
