import smtplib
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.base.models.ir_mail_server import IrMail_Server

from .common import LeadsCommon

SEND_LOGS = (
    "odoo.addons.mail.models.mail_mail",
    "odoo.addons.base.models.ir_mail_server",
)


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignMail(LeadsCommon):
    # ------------------------------------------------------------
    # The journey
    # ------------------------------------------------------------

    def test_click_leads_to_the_call_and_silence_to_the_second_mail(self):
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        self._run()
        self.assertEqual(
            sorted(self._recipients()), ["ida@brandt.example", "ola@nowak.example"]
        )
        self.assertEqual(
            self._states(campaign),
            [("Mail 1", "done")] * 2 + [("Click?", "planned")] * 2,
        )

        self._click(self._tasks(campaign, self.mail)[0])
        self._run()
        ida, ola = campaign.participant_ids.sorted("res_id")
        self.assertEqual(self.lead.activity_ids.summary, "Call them")
        self.assertEqual(ida.state, "done")
        self.assertFalse(self.lead_2.activity_ids)
        self.assertFalse(self._recipients())

        self._pass(days=3)
        self._run()
        self.assertEqual(self._recipients(), ["ola@nowak.example"])
        self.assertEqual(self._mails[0]["subject"], "Still there?")
        self.assertEqual(ola.state, "done")
        self.assertEqual(
            [event["text"].split(" · ")[0] for event in ola._get_journey_events()],
            [
                "Entered the campaign: Joins a segment “Audience”",
                "Mail 1",
                "Click?",
                "Mail 2",
                "Reached the end",
            ],
        )
        self.assertIn("Click? · no click in time", ola.journey)
        self.assertIn("https://brandt.example/autumn", ida.journey)

    def test_subject_and_text_are_changed_each_for_itself(self):
        self._create_journey(self.leads)
        mailing = self.mail.mailing_id
        designed = "<table><tr><td>Drawn</td></tr></table>"
        mailing.body_arch = mailing.body_html = designed
        text = mailing.body_html

        # what a form saves where only the subject was changed
        self.mail.invalidate_recordset()
        self.mail.write({"subject": "Fresh lots"})
        self.assertEqual(mailing.subject, "Fresh lots")
        self.assertEqual(mailing.body_html, text)
        self.assertIn("Drawn", mailing.body_arch)

        self.mail.invalidate_recordset()
        self.mail.write({"body": "<p>In short</p>"})
        self.assertEqual(mailing.subject, "Fresh lots")
        self.assertIn("In short", mailing.body_html)
        self.assertIn("/unsubscribe_from_list", mailing.body_html)

    def test_mail_is_odoos_with_all_it_brings(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()

        self._run()

        mail = self._mails[0]
        trace = self._tasks(campaign, self.mail).trace_id
        self.assertIn("/unsubscribe_oneclick?", mail["headers"]["List-Unsubscribe"])
        self.assertIn("List-Unsubscribe=One-Click", str(mail["headers"]))
        self.assertIn("confirm_unsubscribe", mail["body"])
        self.assertRegex(mail["body"], rf"/r/\w+/m/{trace.id}")
        self.assertIn("Hello Lead 0", mail["body"], "placeholders are filled in")
        self.assertIn("marketing@test.example.com", mail["email_from"])
        self.assertEqual(trace.trace_status, "sent")
        self.assertEqual(trace.campaign_id, campaign.utm_campaign_id)
        mailing = self.mail.mailing_id
        self.assertEqual((mailing.sent, mailing.delivered), (1, 1))
        touchpoint = self.env["crm.touchpoint"].search(
            [("lead_id", "=", self.lead.id), ("kind_id.code", "=", "campaign_sent")]
        )
        self.assertEqual(touchpoint.campaign_id, campaign.utm_campaign_id)

    def test_click_of_a_machine_moves_nobody(self):
        """Trap D2: raw clicks are kept, and lead nowhere."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        self._run()

        self._click(self._tasks(campaign, self.mail), machine_reason="agent")
        self._run()

        self.assertEqual(self._states(campaign)[-1], ("Click?", "planned"))
        self.assertIn("by a machine", campaign.participant_ids.journey)

    def test_click_in_time_counts_even_if_nobody_heard_it(self):
        """The event may be missed: the deadline looks at the clicks themselves."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        self._run()
        self.env["crm.touchpoint.kind"].search(
            [("code", "=", "campaign_clicked")]
        ).active = False
        self._click(self._tasks(campaign, self.mail))
        self.assertFalse(self._tasks(campaign, self.wait).outcome)

        self._pass(days=3)
        self._run()

        self.assertEqual(self._tasks(campaign, self.wait).outcome, "yes")

    def test_click_before_the_wait_begins_counts(self):
        campaign = self._create_campaign(self.lead)
        mail = self._add_step(campaign, "mail")
        rest = self._add_step(campaign, "wait", mail)
        click = self._add_step(campaign, "wait_click", rest)
        campaign.action_start()
        self._run()
        self._click(self._tasks(campaign, mail))

        self._pass(days=2)
        self._run()

        self.assertEqual(self._tasks(campaign, click).outcome, "yes")

    def test_batch_is_one_mailing_call(self):
        campaign = self._create_journey(self._create_leads(12))
        for i, lead in enumerate(campaign.segment_id.member_ids.lead_id):
            lead.email_from = f"n{i}@many.example"
        campaign.action_start()
        Mailing = self.env.registry["mailing.mailing"]

        with patch.object(
            Mailing,
            "_action_send_mail",
            autospec=True,
            side_effect=Mailing._action_send_mail,
        ) as call:
            self._run(1)

        self.assertEqual(call.call_count, 1)
        self.assertEqual(len(self._recipients()), 12)

    # ------------------------------------------------------------
    # Not sent
    # ------------------------------------------------------------

    def test_blocked_and_missing_addresses_are_skipped_and_not_sent(self):
        self.lead.email_from = False
        campaign = self._create_journey(self.leads, exit_on_opt_out=False)
        campaign.action_start()
        self.env["mail.blacklist"]._add("ola@nowak.example")

        self._run()

        self.assertFalse(self._recipients())
        tasks = self._tasks(campaign, self.mail)
        self.assertEqual(tasks.mapped("state"), ["skipped", "skipped"])
        by_lead = {task.participant_id.lead_id: task.reason for task in tasks}
        self.assertEqual(by_lead[self.lead], "Missing email address")
        # the blacklist writes into the ledger of consent, which is asked first
        self.assertEqual(by_lead[self.lead_2], "Consent withdrawn")
        self.assertEqual(
            campaign.participant_ids.mapped("exit_reason"), ["undeliverable"] * 2
        )

    def test_journey_goes_on_without_the_mail_where_the_step_says_so(self):
        self.lead.email_from = False
        campaign = self._create_campaign(self.lead)
        mail = self._add_step(campaign, "mail", on_failure="continue")
        self._add_step(campaign, "activity", mail)
        campaign.action_start()

        self._run()

        self.assertEqual(
            self._states(campaign), [("mail", "skipped"), ("activity", "done")]
        )
        self.assertIn("skipped: Missing email", campaign.participant_ids.journey)

    def test_address_blocked_after_composing_is_left_out(self):
        """Trap D14: blocked at the last moment."""
        campaign = self._create_journey(self.lead, exit_on_opt_out=False)
        campaign.action_start()
        Mail = self.env.registry["mail.mail"]
        send = Mail.send

        def block_and_send(mails, *args, **kwargs):
            mails.env["mail.blacklist"]._add("ida@brandt.example")
            return send(mails, *args, **kwargs)

        self.patch(Mail, "send", block_and_send)
        self._run()

        self.assertFalse(self._recipients())
        self.assertRecordValues(
            self._tasks(campaign, self.mail),
            [{"state": "skipped", "reason": "Blacklisted Address"}],
        )

    @mute_logger(*SEND_LOGS)
    def test_refused_mail_is_failed_and_shown(self):
        """Trap D7: one refusal had all others sent again for ever."""
        campaign = self._create_journey(self.leads)
        campaign.action_start()

        error = smtplib.SMTPRecipientsRefused(
            {"ida@brandt.example": (550, b"no such user")}
        )
        with self._refused(error):
            self._run()

        ida, ola = self._tasks(campaign, self.mail)
        self.assertEqual((ida.state, ola.state), ("failed", "done"))
        self.assertIn("no such user", ida.reason)
        self.assertEqual(ida.trace_id.trace_status, "error")
        self.assertEqual(ida.participant_id.state, "failed")
        self.assertFalse(ida.participant_id.task_ids - ida, "nothing followed")
        self.assertEqual(campaign.failed_task_count, 1)

        ida.action_retry()
        self._run()
        self.assertEqual(ida.state, "done")
        self.assertEqual(self._recipients(), ["ida@brandt.example"])
        self.assertEqual(ida.participant_id.state, "running")

    @mute_logger(*SEND_LOGS)
    def test_refused_for_now_is_tried_again(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()

        with self._refused(smtplib.SMTPDataError(451, b"greylisted")):
            self._run()
        task = self._tasks(campaign, self.mail)
        self.assertEqual((task.state, task.attempts), ("planned", 1))
        self.assertIn("greylisted", task.reason)

        self._pass(days=1)
        self._run()
        self.assertEqual(task.state, "done")
        self.assertEqual(self._recipients(), ["ida@brandt.example"])

    @mute_logger(*SEND_LOGS)
    def test_server_down_is_not_sent_and_is_given_up_at_last(self):
        """Trap D8: tried again without an end."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()

        for attempt in range(1, 5):
            with self._server_down():
                self._run()
            task = self._tasks(campaign, self.mail)
            self.assertEqual(task.attempts, attempt)
            self._pass(days=1)

        self.assertEqual(task.state, "failed")
        self.assertFalse(campaign.participant_ids.task_ids - task)

    def _refused(self, error):
        """Within, the server answers ``error`` to mail for Ida."""
        send_email = IrMail_Server.send_email

        def refuse(server, message, *args, **kwargs):
            if "ida@brandt.example" in message["To"]:
                # as Odoo's: wrapped, with the server's error as context
                from odoo.addons.base.models.ir_mail_server import (
                    MailDeliveryException,
                )

                try:
                    raise error
                except Exception as cause:
                    raise MailDeliveryException("refused", str(cause)) from cause
            return send_email(server, message, *args, **kwargs)

        return patch.object(IrMail_Server, "send_email", refuse)

    def _server_down(self):
        return patch.object(
            IrMail_Server, "_connect__", side_effect=OSError("connection refused")
        )

    # ------------------------------------------------------------
    # Guards
    # ------------------------------------------------------------

    def test_mailing_of_a_step_is_sent_by_nobody_else(self):
        self._create_journey(self.leads)
        mailing = self.mail.mailing_id

        for send in (
            mailing.action_launch,
            mailing.action_put_in_queue,
            mailing.action_retry_failed,
            mailing.action_send_mail,
            lambda: mailing.write({"state": "in_queue"}),
            mailing.unlink,
        ):
            with self.assertRaises(UserError):
                send()
        self._run_cron("mass_mailing.ir_cron_mass_mailing_queue")
        self.assertFalse(self._recipients())
        self.assertFalse(mailing._get_recipients(), "its domain holds nobody")

    def test_other_mailings_are_odoos_as_ever(self):
        mailing = self._create_mailing(
            mailing_domain=repr([("id", "in", self.leads.ids)]),
            email_from="marketing@test.example.com",
        )
        mailing.action_launch()

        self._run_cron("mass_mailing.ir_cron_mass_mailing_queue")

        self.assertEqual(len(self._recipients()), 2)
        self.assertEqual(mailing.state, "done")

    def test_mails_of_a_stopped_campaign_wait(self):
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        with patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: True):
            self._run(1)
        self.assertEqual(self._states(campaign), [("Mail 1", "sending")] * 2)

        campaign.action_stop()
        self._run_cron("mail.ir_cron_mail_scheduler_action")
        self.assertFalse(self._recipients())

        campaign.action_start()
        self._run()
        self.assertEqual(len(self._recipients()), 2)

    def test_mail_of_an_ended_journey_is_not_sent(self):
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        with patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: True):
            self._run(1)
        self.lead.action_set_won()
        self._harvest_queued()

        self._run()

        self.assertEqual(self._recipients(), ["ola@nowak.example"])
        self.assertEqual(
            sorted(self._tasks(campaign, self.mail).mapped("state")),
            ["done", "skipped"],
        )

    def test_odoos_own_queue_may_send_what_was_composed(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        with patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: True):
            self._run(1)

        self._run_cron("mail.ir_cron_mail_scheduler_action")
        self.assertEqual(self._recipients(), ["ida@brandt.example"])
        self._run()

        self.assertFalse(self._recipients(), "not once more")
        self.assertEqual(self._states(campaign)[0], ("Mail 1", "done"))

    def test_mail_cancelled_by_hand_is_skipped_not_lost(self):
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        with patch.object(
            self.env.registry["mail.mail"], "send", lambda *args, **kwargs: True
        ):
            self._run(1)
        ida, ola = self._tasks(campaign, self.mail)
        ida.trace_id.mail_mail_id.cancel()

        self._run()

        self.assertEqual((ida.state, ola.state), ("skipped", "done"))
        self.assertIn("Cancel", ida.reason)

    def test_deleted_mail_is_failed_not_lost(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        with patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: True):
            self._run(1)
        task = self._tasks(campaign)
        task.trace_id.mail_mail_id.unlink()

        self._run()

        self.assertEqual(task.state, "failed")
        self.assertIn("deleted", task.reason)

    def test_reentry_sends_the_mail_again(self):
        campaign = self._create_journey(self.lead, reentry="after_exit")
        campaign.action_start()
        self._run()
        campaign.participant_ids.action_exit()
        self._end_before_today(campaign)
        segment = campaign.segment_id
        domain = segment.domain
        segment.domain = "[('id', '=', 0)]"
        segment._refresh()
        segment.domain = domain
        segment._refresh()

        self._run()

        self.assertEqual(self._recipients(), ["ida@brandt.example"])
        self.assertEqual(len(self._tasks(campaign, self.mail).trace_ids), 2)
