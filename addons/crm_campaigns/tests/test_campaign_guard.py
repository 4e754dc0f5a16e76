from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import tagged, users
from odoo.tools import mute_logger

from odoo.addons.crm_campaigns.tools.step_kind import StepKind

from .test_campaign_steps import RUN_LOG, StepCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignGuard(StepCommon):
    def _create_many(self, number, domain="many.example"):
        leads = self._create_leads(number)
        for i, lead in enumerate(leads):
            lead.email_from = f"g{i}@{domain}"
        return leads

    def _set_param(self, name, value):
        self.env["ir.config_parameter"].set_param(f"crm_campaigns.{name}", value)

    # ------------------------------------------------------------
    # All campaigns
    # ------------------------------------------------------------

    def test_all_stand_still_and_go_on(self):
        campaign, step = self._start("activity")
        mails = self._create_campaign(self.leads, name="Mails")
        self._add_step(mails, "mail")
        mails.action_start()
        campaign.action_halt_all()
        self.assertTrue(campaign.is_halted)

        self._run()
        self.assertEqual(set(self._tasks(campaign).mapped("state")), {"planned"})

        campaign.action_resume_all()
        self._run()
        self.assertEqual(set(self._tasks(campaign, step).mapped("state")), {"done"})
        self.assertEqual(len(self._recipients()), 2)

    def test_composed_mails_stand_still_too(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "mail")
        campaign.action_start()
        MailMail = self.env.registry["mail.mail"]
        with patch.object(MailMail, "send", lambda *args, **kwargs: True):
            self._run(1)
        campaign.action_halt_all()

        self._run_cron("mail.ir_cron_mail_scheduler_action")
        self.assertFalse(self._recipients())

        campaign.action_resume_all()
        self._run()
        self.assertEqual(len(self._recipients()), 2)
        self.assertEqual(set(self._tasks(campaign, step).mapped("state")), {"done"})

    @users("campaign_user")
    def test_user_stops_nothing(self):
        with self.assertRaises(AccessError):
            self.env["crm.campaign"].action_halt_all()
        with self.assertRaises(AccessError):
            self.env["crm.campaign"].action_resume_all()

    # ------------------------------------------------------------
    # One step
    # ------------------------------------------------------------

    @mute_logger(RUN_LOG, "odoo.sql_db")
    def test_step_that_fails_too_often_stands_still(self):
        leads = self._create_many(24)
        action = self._create_action("1 / 0")
        campaign, step = self._start("server_action", leads, server_action_id=action.id)

        self._run()

        tasks = self._tasks(campaign, step)
        tried = tasks.filtered("attempts")
        self.assertTrue(step.date_halted)
        self.assertIn("division by zero", step.halt_reason)
        self.assertEqual(len(tried), 10, "ten were enough")
        self.assertEqual(set(tasks.mapped("state")), {"planned"})
        note = self.env["mail.message"].search(
            [("model", "=", "crm.campaign"), ("res_id", "=", campaign.id)], limit=1
        )
        self.assertIn("stands still", note.subject)
        self.assertEqual(note.notified_partner_ids, self.campaign_manager.partner_id)

        action.code = "records.write({'referred': 'done'})"
        step.action_resume()
        self._pass(days=1)
        self._run()
        self.assertEqual(set(tasks.mapped("state")), {"done"})
        self.assertEqual(set(leads.mapped("referred")), {"done"})

    @mute_logger(RUN_LOG, "odoo.sql_db")
    def test_few_failures_stop_nothing(self):
        leads = self._create_many(60)
        leads[::6].referred = "bad"
        action = self._create_action(
            "for lead in records:\n  1 // (lead.referred != 'bad')"
        )
        campaign, step = self._start("server_action", leads, server_action_id=action.id)

        self._run(1)

        self.assertFalse(step.date_halted, "ten of sixty are no more than 20 %")
        states = self._tasks(campaign, step).mapped("state")
        self.assertEqual((states.count("done"), states.count("planned")), (50, 10))

    @mute_logger(RUN_LOG, "odoo.sql_db")
    def test_who_was_not_tried_says_nothing(self):
        """Ten of ten have failed; the ninety that come next do not make it ten of a
        hundred."""
        leads = self._create_many(100)
        action = self._create_action("1 / 0")
        campaign, step = self._start("server_action", leads, server_action_id=action.id)

        self._run()

        self.assertTrue(step.date_halted)
        self.assertEqual(len(self._tasks(campaign, step).filtered("attempts")), 10)

    def test_batch_is_judged_when_it_is_over(self):
        """A kind may tell first what failed, and then what went well."""

        class RefuseKind(StepKind):
            code = "refuse"
            label = "Refuse"

            def run(self, tasks):
                tasks[:10]._fail("Refused")
                tasks[10:]._done()

        Step = self.env.registry["crm.campaign.step"]
        kinds = Step._get_kinds
        self.patch(Step, "_get_kinds", lambda steps: [*kinds(steps), RefuseKind])
        leads = self._create_many(60)

        campaign, step = self._start("refuse", leads)
        self._run(1)

        self.assertFalse(step.date_halted, "ten of sixty are no more than 20 %")
        states = self._tasks(campaign, step).mapped("state")
        self.assertEqual((states.count("done"), states.count("planned")), (50, 10))

    # ------------------------------------------------------------
    # Mails an hour
    # ------------------------------------------------------------

    def test_no_more_mails_an_hour_than_agreed(self):
        self._set_param("mails_per_hour", "3")
        leads = self._create_many(5)
        campaign = self._create_campaign(leads)
        step = self._add_step(campaign, "mail")
        campaign.action_start()

        with self.subTest("three of five"):
            self._run()
            states = self._tasks(campaign, step).mapped("state")
            self.assertEqual((states.count("done"), states.count("sending")), (3, 2))
        with self.subTest("Odoo's own queue keeps to it"):
            self._run_cron("mail.ir_cron_mail_scheduler_action")
            self.assertFalse(self._recipients())
        with self.subTest("an hour later"):
            hour_ago = self._now() - timedelta(hours=1, minutes=1)
            self.env["crm.campaign.delivery"].search([]).date_reserved = hour_ago
            self._run()
            self.assertEqual(len(self._recipients()), 2)
            states = self._tasks(campaign, step).mapped("state")
            self.assertEqual(set(states), {"done"})

    def _compose(self, campaign, rounds=4):
        """All that is made where nothing can be sent."""
        campaign.action_start()
        with patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: True):
            self._run(rounds)

    def test_no_more_is_made_than_goes_within_an_hour(self):
        self._set_param("mails_per_hour", "3")
        campaign = self._create_campaign(self._create_many(8))
        step = self._add_step(campaign, "mail")

        self._compose(campaign)

        states = self._tasks(campaign, step).mapped("state")
        self.assertEqual((states.count("sending"), states.count("planned")), (3, 5))
        self.assertEqual(self._get_waiting_mails(step), 3)

    def test_no_more_is_made_to_a_domain_than_goes_within_an_hour(self):
        self._set_param("mails_per_hour_domain", "2")
        leads = self._create_many(5, "big.example") + self._create_many(
            2, "small.example"
        )
        campaign = self._create_campaign(leads)
        step = self._add_step(campaign, "mail")

        self._compose(campaign)

        self.assertEqual(self._get_waiting_mails(step), 4)
        waiting = self._tasks(campaign, step).filtered(
            lambda task: task.state == "planned"
        )
        self.assertEqual(
            set(waiting.participant_id.mapped("email")),
            {f"g{i}@big.example" for i in (2, 3, 4)},
        )
        self.assertIn("2 mails an hour go to big.example", waiting[0].reason)
        hours = [
            round((task.date_planned - self._now()).total_seconds() / 3600)
            for task in waiting
        ]
        self.assertEqual(hours, [1, 1, 2])

        self._run()
        hour_ago = self._now() - timedelta(hours=1, minutes=1)
        self.env["crm.campaign.delivery"].search([]).date_reserved = hour_ago
        for task in waiting:
            task.date_planned -= timedelta(hours=1)
        self._run()
        self.assertEqual(len(self._recipients()), 2)

    def _get_waiting_mails(self, step):
        return self.env["mail.mail"].search_count(
            [("mailing_id", "=", step.mailing_id.id), ("state", "=", "outgoing")]
        )

    def _take_from_queue(self):
        """The mails that Odoo's queue takes up next, of two."""
        self.env["ir.config_parameter"].set_param("mail.mail.queue.batch.size", "2")
        taken = []

        def send(mails, **kwargs):
            taken.append(mails)
            return True

        with patch.object(self.env.registry["mail.mail"], "send", send):
            self.env["mail.mail"].process_email_queue()
        return taken[0]

    def test_other_mails_do_not_wait_behind(self):
        """Odoo takes the newest of its queue, and would look at no others."""
        self._set_param("mails_per_hour", "3")
        MailMail = self.env["mail.mail"]
        old = MailMail.create({"subject": "Old", "email_to": "old@other.example"})
        campaign = self._create_campaign(self._create_many(5))
        step = self._add_step(campaign, "mail")
        self._compose(campaign)
        self.assertEqual(self._get_waiting_mails(step), 3)
        MailMail.search(
            [("state", "=", "outgoing"), ("mailing_id", "=", False)]
        ).filtered(lambda mail: mail != old).write({"state": "cancel"})

        self.assertEqual(self._take_from_queue(), old)

        self._set_param("mails_per_hour", False)
        self.assertNotIn(old, self._take_from_queue(), "nothing has to wait")
        campaign.action_halt_all()
        self.assertEqual(self._take_from_queue(), old)

    def test_all_stand_still_in_the_middle_of_a_batch(self):
        """Another one says so: neither the cache nor the transaction of the mails know
        of it.
        """
        campaign = self._create_campaign(self._create_many(5))
        step = self._add_step(campaign, "mail")
        self._compose(campaign)
        MailMail = self.env.registry["mail.mail"]
        postprocess = MailMail._postprocess_sent_message
        sent = []

        def halt_after_two(mails, *args, **kwargs):
            sent.append(mails)
            if len(sent) == 2:
                mails.env.cr.execute(
                    "INSERT INTO ir_config_parameter (key, value)"
                    " VALUES ('crm_campaigns.is_halted', 'True')"
                )
            return postprocess(mails, *args, **kwargs)

        with patch.object(MailMail, "_postprocess_sent_message", halt_after_two):
            self._run(1)

        self.assertEqual(len(self._recipients()), 2)
        self.assertEqual(self._get_waiting_mails(step), 3)

        campaign.action_resume_all()
        self._run()
        self.assertEqual(len(self._recipients()), 3)
        self.assertEqual(set(self._tasks(campaign, step).mapped("state")), {"done"})

    def test_no_more_mails_to_one_domain(self):
        self._set_param("mails_per_hour_domain", "2")
        leads = self._create_many(4, "big.example") + self._create_many(
            1, "small.example"
        )
        campaign = self._create_campaign(leads)
        self._add_step(campaign, "mail")
        campaign.action_start()

        self._run()

        domains = [email.partition("@")[2] for email in self._recipients()]
        self.assertEqual(
            (domains.count("big.example"), domains.count("small.example")), (2, 1)
        )
