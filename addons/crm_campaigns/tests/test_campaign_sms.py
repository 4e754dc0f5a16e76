from datetime import timedelta
from unittest import SkipTest
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_campaign_steps import StepCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignSms(StepCommon):
    def test_missing_app_is_said(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "sms", sms_body="Hello")
        if step.has_sms:
            self.assertFalse(step._get_problems())
            return
        self.assertIn("SMS Marketing", step._get_problems()[0])
        with self.assertRaisesRegex(UserError, "SMS Marketing"):
            campaign.action_start()

    def test_app_that_has_gone_skips(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "sms", on_failure="continue", sms_body="Hello")
        Step = self.env.registry["crm.campaign.step"]
        with patch.object(Step, "_get_problems", lambda steps: []):
            campaign.action_start()

        with patch.object(Step, "_has_sms", lambda steps: False):
            self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("state"), ["skipped"] * 2)


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignSmsApp(StepCommon):
    """With the app for text messages, where it is installed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cls.env["crm.campaign.step"]._has_sms():
            raise SkipTest("the app for text messages is not installed")
        belgium = cls.env.ref("base.be")
        cls.leads.country_id = belgium
        cls.lead.phone = "+32 456 00 11 22"
        cls.lead_2.phone = "+32 456 00 11 33"

    def _compose(self):
        Task = self.env.registry["crm.campaign.task"]
        with patch.object(Task, "_send_texts", lambda tasks: 0):
            self._run(1)

    def _send(self, states=None):
        """The provider takes what waits, or says what ``states`` say by number."""
        sent = []

        def contact(api, messages, delivery_reports_url=False):
            results = []
            for message in messages:
                for number in message["numbers"]:
                    sent.append((number["number"], message["content"]))
                    state = (states or {}).get(number["number"], "success")
                    if isinstance(state, Exception):
                        raise state
                    results.append({"uuid": number["uuid"], "state": state})
            return results

        with patch("odoo.addons.sms.tools.sms_api.SmsApi._send_sms_batch", contact):
            self._run_cron("sms.ir_cron_sms_scheduler_action")
            self.assertFalse(sent, "Odoo's own queue has none of them")
            self._run(2)
        return sent

    def _start_sms(self, records=None, **values):
        return self._start("sms", records, sms_body="Hello {{ object.name }}", **values)

    def test_each_person_gets_a_message_once(self):
        campaign, step = self._start_sms()
        self._compose()
        tasks = self._tasks(campaign, step)
        self.assertEqual(tasks.mapped("state"), ["sending"] * 2)
        self.assertEqual(len(tasks.trace_ids), 2)

        sent = self._send()
        self.assertEqual(
            sorted(number for number, _text in sent), ["+32456001122", "+32456001133"]
        )
        self.assertIn(f"Hello {self.lead.name}", sent[0][1] + sent[1][1])
        self.assertIn("STOP SMS", sent[0][1])
        self.assertEqual(tasks.mapped("state"), ["done"] * 2)
        self.assertIn("sms · sent", campaign.participant_ids[0].journey)
        self._harvest_queued()
        told = self.env["crm.touchpoint"].search(
            [
                ("kind_id.code", "=", "campaign_sms_sent"),
                ("lead_id", "in", self.leads.ids),
            ]
        )
        self.assertEqual(sorted(told.mapped("res_id")), sorted(tasks.trace_ids.ids))

        self.assertFalse(self._send())

    def test_blocked_and_missing_numbers_are_skipped(self):
        leads = self.leads + self._create_leads(email_from="no@phone.example")
        self.env["phone.blacklist"].add("+32456001133")

        campaign, step = self._start_sms(leads, on_failure="continue")
        self._compose()
        sent = self._send()

        self.assertEqual([number for number, _text in sent], ["+32456001122"])
        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["done", "skipped", "skipped"]
        )

    def test_provider_that_says_nothing_may_have_sent(self):
        campaign, step = self._start_sms(self.lead)
        self._compose()

        self._send({"+32456001122": TimeoutError("x")})

        task = self._tasks(campaign, step)
        self.assertEqual(task.state, "unknown")
        self.assertFalse(self._send(), "never again by itself")

    def test_no_credit_is_tried_again(self):
        campaign, step = self._start_sms(self.lead)
        self._compose()
        self._send({"+32456001122": "insufficient_credit"})
        task = self._tasks(campaign, step)
        self.assertEqual((task.state, task.attempts), ("planned", 1))

        self._pass(days=1)
        self._compose()
        sent = self._send()

        self.assertEqual(len(sent), 1)
        self.assertEqual(task.state, "done")

    def test_stopped_campaign_sends_nothing(self):
        campaign, step = self._start_sms(self.lead)
        self._compose()
        campaign.action_stop()
        self.assertFalse(self._send())

        campaign.action_start()
        self.assertEqual(len(self._send()), 1)
        campaign.action_halt_all()
        self.assertEqual(self._tasks(campaign, step).state, "done")

    def test_all_stand_still(self):
        campaign, _step = self._start_sms(self.lead)
        self._compose()
        campaign.action_halt_all()
        self.assertFalse(self._send())

        campaign.action_resume_all()
        self.assertEqual(len(self._send()), 1)

    def test_killed_when_the_provider_has_it(self):
        """On record before it was handed over: never again, and shown."""
        campaign, step = self._start_sms(self.lead)
        self._compose()
        task = self._tasks(campaign, step)
        task._set(date_handed=fields.Datetime.now())

        self.assertFalse(self._send())
        self.assertEqual(task.state, "sending")
        task._set(date_handed=fields.Datetime.now() - timedelta(minutes=16))
        self.assertFalse(self._send())

        self.assertEqual(task.state, "unknown")
        self.assertIn("may have arrived", task.reason)
        task.action_send_again()
        self.assertEqual(len(self._send()), 1)

    def test_deleted_message_fails(self):
        campaign, step = self._start_sms(self.lead)
        self._compose()
        self._tasks(campaign, step)._get_texts_sudo().unlink()

        self.assertFalse(self._send())

        task = self._tasks(campaign, step)
        self.assertEqual(task.state, "failed")
        self.assertIn("deleted", task.reason)

    def test_asks_the_contact_policy(self):
        asked = []
        Task = self.env.registry["crm.campaign.task"]

        def ask(tasks, channel):
            asked.append(channel)
            tasks._skip("no")
            return tasks.browse()

        campaign, _step = self._start_sms()
        with patch.object(Task, "_ask_contact_policy", ask):
            self._run(1)

        self.assertEqual(asked, ["sms"])
        self.assertFalse(self._send())
        self.assertTrue(campaign)

    def test_waits_for_a_click_or_a_bounce_of_it(self):
        for reaction in ("clicked", "bounced"):
            with self.subTest(reaction):
                campaign = self._create_campaign(self.leads)
                text = self._add_step(campaign, "sms", sms_body="https://x.example")
                wait = self._add_step(campaign, "wait_mail", text, reaction=reaction)
                self._add_step(campaign, "wait", wait, "yes", name="So")
                self._add_step(campaign, "wait", wait, "no", name="Not so")
                campaign.action_start()
                self._compose()
                self._send()
                task = self._tasks(campaign, text)[0]

                if reaction == "clicked":
                    # nobody reads it before it is sent
                    task.trace_id.sent_datetime -= timedelta(minutes=1)
                    self._click(task)
                else:
                    # the provider says so afterwards
                    task.trace_id.write(
                        {"trace_status": "error", "failure_type": "sms_not_delivered"}
                    )
                self._run()

                names = [
                    (row.participant_id == task.participant_id, row.step_id.name)
                    for row in self._tasks(campaign)
                ]
                self.assertIn((True, "So"), names)
                self.assertNotIn((False, "So"), names)
