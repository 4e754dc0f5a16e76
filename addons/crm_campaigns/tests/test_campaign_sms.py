from datetime import timedelta
from unittest import SkipTest
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
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


TEA = "https://brandt.example/tea"
COFFEE = "https://brandt.example/coffee?x=1"
LINKS = f"""
    <p><a href="{TEA}">Tea</a> <a href="{COFFEE}">Coffee</a></p>
    <p><a href="/unsubscribe_from_list">Unsubscribe</a></p>
"""


class TextCommon(StepCommon):
    def _click_in(self, task, url):
        """A person clicks one of the links of a text message."""
        trace = task.trace_id
        trace.sent_datetime = fields.Datetime.now() - timedelta(hours=1)
        link = self.env["link.tracker"].search(
            [("mass_mailing_id", "=", trace.mass_mailing_id.id), ("url", "=", url)]
        )
        self.env["link.tracker.click"].add_click(link.code, mailing_trace_id=trace.id)
        self._harvest_queued()
        self.env.invalidate_all()


@tagged("post_install", "-at_install", "crm_campaigns")
class TestSmsTraces(TextCommon):
    """What becomes of text messages, by their traces as they are in the database: also
    where the app for them is not installed.

    Text ─ Rest ─ Asks ─┬─ if so:  So
    └─ if not: Not so
    """

    def _start_text(self, reaction, kind="wait_mail", **values):
        campaign = self._create_campaign(self.leads)
        text = self._add_step(campaign, "mail", name="Text")
        rest = self._add_step(campaign, "wait", text, name="Rest", delay_count=1)
        step = self._add_step(
            campaign, kind, rest, reaction="clicked", name="Asks", **values
        )
        self._add_step(campaign, "wait", step, "yes", name="So")
        self._add_step(campaign, "wait", step, "no", name="Not so")
        campaign.action_start()
        # as if the message was a text
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_campaign_step SET reaction = %s WHERE id = %s",
            [reaction, step.id],
        )
        self.env.invalidate_all()
        return campaign, text

    def _turn_into_texts(self, traces, status="pending"):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mailing_trace SET trace_type = 'sms', trace_status = %s"
            " WHERE id = ANY(%s)",
            [status, traces.ids],
        )
        self.env.invalidate_all()

    def _went(self, campaign):
        """Who went which way, in the order of the leads."""
        return [
            [
                task.step_id.name
                for task in self._tasks(campaign)
                if task.participant_id.lead_id == lead
                and task.step_id.name in ("So", "Not so")
            ]
            for lead in self.leads
        ]

    def test_wait_for_its_delivery(self):
        campaign, text = self._start_text("delivered", delay_count=5)
        self._run()
        ida, ola = self._tasks(campaign, text).trace_ids
        self._turn_into_texts(ida + ola)
        self._pass(days=1)
        self._run()
        self.assertEqual(self._went(campaign), [[], []], "handed over only")

        # the provider says so
        ida.write({"trace_status": "sent"})
        ola.write({"trace_status": "error", "failure_type": "unknown"})
        self._run()
        self.assertEqual(self._went(campaign), [["So"], []])
        self._pass(days=5)
        self._run()
        self.assertEqual(self._went(campaign), [["So"], ["Not so"]])

    def test_a_mail_that_has_left_is_not_delivered(self):
        """The same word of Odoo's, of which nobody knows more."""
        campaign, text = self._start_text("delivered")
        self._run()
        self.assertEqual(
            self._tasks(campaign, text).trace_ids.mapped("trace_status"), ["sent"] * 2
        )
        self._pass(days=1)
        self._run()

        self.assertEqual(self._went(campaign), [[], []])

    def test_mails_that_leave_ask_nobody_to_look(self):
        campaign, text = self._start_text("delivered")
        self._run()
        traces = self._tasks(campaign, text).trace_ids
        Look = self.env.registry["crm.campaign.look"]
        with patch.object(Look, "_ask_of_tasks", side_effect=AssertionError):
            traces.write({"trace_status": "sent"})
        self._turn_into_texts(traces)
        with patch.object(Look, "_ask_of_tasks") as asked:
            traces.write({"trace_status": "sent"})
        asked.assert_called_once()

    def test_branch_on_its_delivery(self):
        """Looked at once, when they get there."""
        campaign, text = self._start_text(
            "delivered", "condition", condition_by="reaction"
        )
        self._run()
        ida, ola = self._tasks(campaign, text).trace_ids
        self._turn_into_texts(ida, "sent")
        self._turn_into_texts(ola)

        self._pass(days=1)
        self._run()

        self.assertEqual(self._went(campaign), [["So"], ["Not so"]])

    def test_what_can_be_known_is_said(self):
        campaign = self._create_campaign(self.leads)
        mail = self._add_step(campaign, "mail", name="Mail")
        text = self._add_step(campaign, "sms", mail, name="Text", sms_body="Hello")
        for kind, values in (
            ("wait_mail", {}),
            ("condition", {"condition_by": "reaction"}),
        ):
            step = self._add_step(
                campaign, kind, text, of_step_id=text.id, reaction="delivered", **values
            )
            self.assertFalse(step._get_problems())
            self.assertIn("“Text” reaches the phone", step._get_kind().get_text())
            step.reaction = "opened"
            self.assertIn("of text messages only", step._get_problems()[0])
            self.assertIn("show no pictures", step._get_kind().get_hints()[0])
            step.of_step_id = mail
            self.assertFalse(step._get_problems())
            step.reaction = "delivered"
            self.assertIn("no mail server tells", step._get_problems()[0])

    def _start_clicks(self, kind, **values):
        """Text ─ Asks: which of its two links."""
        campaign = self._create_campaign(self.leads)
        text = self._add_step(campaign, "mail", name="Text", body=LINKS)
        step = self._add_step(campaign, kind, text, name="Asks", **values)
        campaign.action_start()
        self._run()
        self._turn_into_texts(self._tasks(campaign, text).trace_ids, "sent")
        return campaign, text, step

    def test_wait_for_a_click_in_it(self):
        campaign, text, step = self._start_clicks("wait_click", link_url=TEA)
        ida, ola = self._tasks(campaign, text)
        self._click_in(ola, COFFEE)
        self._click_in(ida, TEA)
        self.assertEqual(
            self._tasks(campaign, step).mapped("outcome"),
            ["yes", False],
            "woken by the click, not by the clock",
        )
        self._run()
        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["done", "planned"]
        )

    def test_split_by_the_link_clicked_in_it(self):
        campaign = self._create_campaign(self.leads)
        text = self._add_step(campaign, "mail", name="Text", body=LINKS)
        rest = self._add_step(campaign, "wait", text, delay_count=1)
        step = self._add_step(
            campaign,
            "split_link",
            rest,
            way_ids=[
                Command.create({"name": "Tea", "link_url": TEA}),
                Command.create({"name": "Coffee", "link_url": COFFEE}),
            ],
        )
        campaign.action_start()
        self._run()
        ida, ola = self._tasks(campaign, text)
        self._turn_into_texts((ida + ola).trace_ids, "sent")
        self._click_in(ida, COFFEE)

        self._pass(days=1)
        self._run()

        self.assertEqual(
            [(task.outcome, task.way_id.name) for task in self._tasks(campaign, step)],
            [("way", "Coffee"), ("no", False)],
        )
        self.assertTrue(ola)

    def test_which_message_is_clicked(self):
        campaign = self._create_campaign(self.leads)
        mail = self._add_step(campaign, "mail", name="Mail", body=LINKS)
        plain = self._add_step(campaign, "sms", mail, name="Plain", sms_body="Hello")
        step = self._add_step(campaign, "wait_click", plain)
        self.assertEqual(step.clicked_step_id, mail, "there is no link in the text")

        plain.sms_body = f"See {TEA} or {COFFEE}"
        self.assertEqual(step.clicked_step_id, plain)
        self.assertEqual(step.mail_links, [[TEA, ""], [COFFEE, ""]])
        self.assertFalse(step._get_problems())
        self.assertIn("A link of “Plain”", step._get_kind().get_text())
        step.link_url = TEA
        self.assertIn(f"“{TEA}” of “Plain”", step._get_kind().get_text())
        self.assertFalse(step._get_problems())

        step.link_step_id = mail
        self.assertEqual(step.mail_links, [[TEA, "Tea"], [COFFEE, "Coffee"]])
        step.link_step_id = plain
        plain.sms_body = f"Only {COFFEE}"
        self.assertIn(f"“Plain” has no link {TEA}.", step._get_problems())
        plain.sms_body = "Nothing"
        self.assertEqual(step.mail_step_id, mail)
        self.assertIn("no link that could be clicked", step._get_problems()[0])
        copied = campaign.copy().step_ids
        self.assertEqual(copied[2].link_step_id, copied[1])

    def test_clicks_are_in_the_timeline(self):
        traces = self._create_trace(self.lead) + self._create_trace(self.lead_2)
        links = {
            trace: self._create_link(
                trace.mass_mailing_id, f"https://brandt.example/{trace.res_id}"
            )
            for trace in traces
        }
        self._turn_into_texts(traces[0])
        self.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 60)
        traces.sent_datetime = fields.Datetime.now() - timedelta(hours=1)
        for trace, link in links.items():
            self.env["link.tracker.click"].add_click(
                link.code, mailing_trace_id=trace.id
            )
        self._harvest_queued()

        touchpoints = self.env["crm.touchpoint"].search(
            [("lead_id", "in", self.leads.ids), ("kind_id.code", "like", "clicked")]
        )
        self.assertEqual(
            {(t.lead_id, t.kind_id.code, t.channel) for t in touchpoints},
            {
                (self.lead, "campaign_sms_clicked", "sms"),
                (self.lead_2, "campaign_clicked", "marketing"),
            },
        )
        self.assertFalse(any(touchpoints.mapped("is_machine")))
        # twice, and from the origin rows: nothing more
        self.env["crm.touchpoint"]._harvest(
            ["campaign_clicked", "campaign_sms_clicked"]
        )
        self.assertEqual(
            self.env["crm.touchpoint"].search_count(
                [("lead_id", "in", self.leads.ids), ("kind_id.code", "like", "clicked")]
            ),
            2,
        )

    def test_click_in_doubt_is_believed_when_the_person_shows_up(self):
        """As of mails: too soon after sending, until the person does something."""
        trace = self._create_trace(self.lead)
        link = self._create_link(trace.mass_mailing_id)
        self._turn_into_texts(trace)
        self.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 60)
        trace.sent_datetime = fields.Datetime.now()
        click = self.env["link.tracker.click"].add_click(
            link.code, mailing_trace_id=trace.id
        )
        self._harvest_queued()
        touchpoint = self.env["crm.touchpoint"].search(
            [("res_model", "=", "link.tracker.click"), ("res_id", "=", click.id)]
        )
        self.assertEqual(touchpoint.kind_id.code, "campaign_sms_clicked")
        self.assertTrue(touchpoint.is_machine)

        kind = self.env["crm.touchpoint.kind"].search([("code", "=", "email_in")])
        sign = self.env["crm.touchpoint"].create(
            {
                "kind_id": kind.id,
                "date": fields.Datetime.now() + timedelta(hours=1),
                "lead_id": self.lead.id,
                "res_model": "crm.lead",
                "res_id": self.lead.id,
                "occurrence": "sign",
            }
        )
        self.env["crm.touchpoint"]._on_harvested(sign.ids)

        self.assertFalse(click.machine_reason)
        self.assertEqual(click.human_sign_id, kind)
        self.assertFalse(touchpoint.is_machine)


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignSmsApp(TextCommon):
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

    def test_who_has_left_meanwhile_gets_nothing(self):
        campaign, step = self._start_sms()
        self._compose()
        self.lead.action_set_won()
        self._harvest_queued()

        self.assertEqual([number for number, _text in self._send()], ["+32456001133"])

        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["skipped", "done"]
        )
        self.assertFalse(self._send())

    def test_number_blocked_meanwhile_gets_nothing(self):
        campaign, step = self._start_sms(on_failure="continue")
        self._compose()
        self.env["phone.blacklist"].add("+32456001133")

        self.assertEqual([number for number, _text in self._send()], ["+32456001122"])

        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["done", "skipped"]
        )

    def test_who_is_on_hold_meanwhile_waits(self):
        self.company.crm_plus_contact_policy = True
        self.env["crm.contact.policy"].create(
            {
                "name": "Ours",
                "company_id": self.company.id,
                "quiet_from": 0,
                "quiet_to": 0,
            }
        )
        self.lead.partner_id = self.customer
        self.lead.phone = "+32 456 00 11 22"
        campaign, step = self._start_sms()
        self._compose()
        hold = self.env["crm.contact.hold"].create(
            {"partner_id": self.customer.id, "note": "Complaint"}
        )

        self.assertEqual([number for number, _text in self._send()], ["+32456001133"])

        ida = self._tasks(campaign, step)[0]
        self.assertEqual((ida.state, ida.reason), ("planned", "On hold: Complaint"))
        hold.action_release()
        self._pass(days=2)
        self.assertEqual([number for number, _text in self._send()], ["+32456001122"])
        self.assertEqual(ida.state, "done")

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
        for reaction in ("clicked", "bounced", "delivered"):
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
                elif reaction == "delivered":
                    self.assertEqual(task.trace_id.trace_status, "pending")
                    # the report of the provider
                    task.trace_id.sms_tracker_ids._action_update_from_sms_state("sent")
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

    def test_waits_and_splits_by_its_links(self):
        campaign = self._create_campaign(self.leads)
        text = self._add_step(campaign, "sms", sms_body=f"{TEA} or {COFFEE}")
        wait = self._add_step(campaign, "wait_click", text)
        split = self._add_step(
            campaign,
            "split_link",
            wait,
            "yes",
            way_ids=[
                Command.create({"name": "Tea", "link_url": TEA}),
                Command.create({"name": "Coffee", "link_url": COFFEE}),
            ],
        )
        campaign.action_start()
        self._compose()
        self._send()
        self._click_in(self._tasks(campaign, text)[0], COFFEE)
        self._run()

        self.assertEqual(self._tasks(campaign, wait).mapped("outcome"), ["yes", False])
        self.assertEqual(self._tasks(campaign, split).way_id.name, "Coffee")

    def test_click_on_it_is_in_the_timeline(self):
        campaign = self._create_campaign(self.leads)
        text = self._add_step(campaign, "sms", sms_body="See https://x.example/tea")
        campaign.action_start()
        self._compose()
        sent = self._send()
        task = self._tasks(campaign, text)[0]
        self.assertTrue(all("/r/" in body for _number, body in sent))
        task.trace_id.sent_datetime -= timedelta(minutes=1)

        self._click(task)

        told = self.env["crm.touchpoint"].search(
            [("kind_id.code", "=", "campaign_sms_clicked")]
        )
        self.assertEqual(told.lead_id, task.participant_id.lead_id)
        self.assertFalse(told.is_machine)
        self.assertIn("tea", told.name)
