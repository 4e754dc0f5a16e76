from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged, users
from odoo.tools import mute_logger

from .common import LeadsCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaign(LeadsCommon):
    # ------------------------------------------------------------
    # Building
    # ------------------------------------------------------------

    def test_campaign_brings_its_utm_campaign(self):
        campaign = self._create_campaign(self.leads)

        self.assertEqual(campaign.utm_campaign_id.title, "Autumn")

        campaign.name = "Winter"
        self.assertEqual(campaign.utm_campaign_id.title, "Winter")

    def test_steps_are_drawn_depth_first(self):
        campaign = self._create_journey(self.leads)
        thanks = self._add_step(campaign, "wait", self.call, name="Rest")

        self.assertEqual(
            campaign.step_ids.mapped("name"),
            ["Mail 1", "Click?", "Call", "Rest", "Mail 2"],
        )
        self.assertEqual(campaign.step_ids.mapped("level"), [0, 1, 2, 3, 2])
        self.assertIn("If so: Call", self.call.outline)
        self.assertEqual(thanks.mail_step_id, self.mail, "the nearest mail before")

    def test_step_cannot_come_after_itself_or_another_campaigns(self):
        campaign = self._create_journey(self.leads)
        other = self._create_campaign(self.leads)
        foreign = self._add_step(other, "mail")

        with self.assertRaises(ValidationError):
            self.mail.write({"parent_id": self.call.id, "branch": "next"})
        with self.assertRaises(ValidationError):
            self._add_step(campaign, "mail", foreign)

    def test_way_out_fits_the_step_before(self):
        self._create_journey(self.leads)

        self.call.parent_id = self.mail

        self.assertEqual(self.call.branch, "next")

    def test_deleted_step_closes_the_gap(self):
        campaign = self._create_journey(self.leads)

        self.wait.unlink()

        self.assertEqual((self.call + self.mail_2).parent_id, self.mail)
        self.assertEqual(len(campaign.step_ids), 3)

    def test_copy_has_steps_and_mails_of_its_own(self):
        campaign = self._create_journey(self.leads)

        copy = campaign.copy()

        self.assertEqual(
            copy.step_ids.mapped("outline"), campaign.step_ids.mapped("outline")
        )
        self.assertEqual(copy.step_ids[0].subject, "Autumn roast")
        self.assertIn("object.name", copy.step_ids[0].body)
        self.assertFalse(copy.step_ids.mailing_id & campaign.step_ids.mailing_id)
        self.assertNotEqual(copy.utm_campaign_id, campaign.utm_campaign_id)
        self.assertEqual(copy.step_ids.campaign_id, copy)

    def test_mail_gets_an_unsubscribe_link(self):
        campaign = self._create_campaign(self.leads)

        step = self._add_step(campaign, "mail", body="<p>Hello</p>")

        self.assertIn("/unsubscribe_from_list", step.mailing_id.body_html)
        self.assertIn("Hello", step.mailing_id.body_arch)

    def test_start_says_what_is_missing(self):
        campaign = self.env["crm.campaign"].create({"name": "Empty"})
        campaign.email_from = False
        self.env["crm.campaign.step"].create(
            [
                {"campaign_id": campaign.id, "name": "Hello", "kind": "mail"},
                {
                    "campaign_id": campaign.id,
                    "name": "Click?",
                    "kind": "wait_click",
                    "delay_count": 0,
                },
            ]
        )

        with self.assertRaises(UserError) as error:
            campaign.action_start()

        for text in ("segment", "come from", "Hello: the mail is empty", "Click?: "):
            self.assertIn(text, str(error.exception))
        self.assertEqual(campaign.state, "draft")

    def test_campaign_without_steps_cannot_start(self):
        with self.assertRaisesRegex(UserError, "first step"):
            self._create_campaign(self.leads).action_start()

    def test_running_campaign_is_not_changed(self):
        campaign = self._create_journey(self.leads)
        campaign.action_start()

        with self.assertRaisesRegex(UserError, "Stop the campaign"):
            self._add_step(campaign, "wait", self.call)
        with self.assertRaisesRegex(UserError, "Stop the campaign"):
            self.wait.delay_count = 5
        with self.assertRaisesRegex(UserError, "Stop it before"):
            self.mail.mailing_id.body_html = "<p>Other</p>"
        with self.assertRaisesRegex(UserError, "Stop the campaign"):
            self.mail_2.unlink()
        with self.assertRaisesRegex(UserError, "entered from this segment"):
            campaign.segment_id = self._create_segment(self.lead)
        with self.assertRaisesRegex(UserError, "history"):
            campaign.unlink()

    def test_segment_in_use_cannot_be_deleted(self):
        campaign = self._create_journey(self.leads)

        with self.assertRaisesRegex(UserError, "campaign “Autumn”"):
            campaign.segment_id.unlink()

    @users("campaign_manager")
    def test_marketer_builds_in_the_form(self):
        segment = self._create_segment(self.leads)
        form = Form(self.env["crm.campaign"])
        form.name = "Welcome"
        form.segment_id = segment
        campaign = form.save()
        action = campaign.action_add_step()
        step_form = Form(
            self.env["crm.campaign.step"].with_context(**action["context"])
        )
        step_form.name = "Hello"
        step_form.subject = "Hello there"
        step_form.body = "<p>Hello</p>"
        mail = step_form.save()
        action = mail.action_add_next()
        step_form = Form(
            self.env["crm.campaign.step"].with_context(**action["context"])
        )
        step_form.kind = "wait_click"
        step_form.name = "Click?"
        step_form.save()

        campaign.action_start()

        self.assertEqual(campaign.state, "running")
        self.assertEqual(campaign.participant_count, 2)
        self.assertEqual(mail.subject, "Hello there")

    # ------------------------------------------------------------
    # Entering
    # ------------------------------------------------------------

    def test_members_enter_at_start_and_as_they_join(self):
        segment = self._create_segment(self.lead)
        campaign = self._create_journey(segment=segment)
        campaign.action_start()
        self.assertEqual(campaign.participant_ids.lead_id, self.lead)

        segment.domain = repr([("id", "in", self.leads.ids)])
        segment._refresh()

        self.assertEqual(campaign.participant_ids.lead_id, self.leads)
        self.assertRecordValues(
            campaign.participant_ids.sorted("id"),
            [
                {"email": "ida@brandt.example", "number": 1, "state": "running"},
                {"email": "ola@nowak.example", "number": 1, "state": "running"},
            ],
        )
        self.assertEqual(len(self._tasks(campaign, self.mail)), 2)

    def test_enrolling_again_adds_nobody(self):
        campaign = self._create_journey(self.leads)
        campaign.action_start()

        self.assertFalse(campaign._enrol())
        self.assertEqual(campaign.participant_count, 2)

    def test_draft_campaign_enrols_nobody(self):
        campaign = self._create_journey(self.lead)
        campaign.segment_id.domain = repr([("id", "in", self.leads.ids)])

        campaign.segment_id._refresh()

        self.assertFalse(campaign.participant_ids)

    def test_one_address_is_once_in_a_campaign_also_in_a_second_run(self):
        """Trap D14: one mail an address, whatever records it has."""
        twins = self._create_leads(3, email_from="IDA@brandt.example")
        campaign = self._create_journey(self.leads + twins)

        campaign.action_start()
        campaign._enrol()

        self.assertEqual(
            sorted(campaign.participant_ids.mapped("email")),
            ["ida@brandt.example", "ola@nowak.example"],
        )

    def test_same_address_joining_later_does_not_enter(self):
        """Trap D14."""
        segment = self._create_segment(self.lead)
        campaign = self._create_journey(segment=segment)
        campaign.action_start()
        twin = self._create_leads(email_from="ida@brandt.example")

        segment.domain = repr([("id", "in", (self.lead + twin).ids)])
        segment._refresh()

        self.assertEqual(campaign.participant_ids.lead_id, self.lead)

    def test_contacts_are_a_target_too(self):
        campaign = self._create_journey(self.customer + self.customer_2)
        campaign.action_start()

        self.assertEqual(
            campaign.participant_ids.partner_id, self.customer + self.customer_2
        )
        self.assertEqual(self.mail.mailing_id.mailing_model_real, "res.partner")

    def _leave_and_join(self, campaign):
        segment = campaign.segment_id
        domain = segment.domain
        segment.domain = "[('id', '=', 0)]"
        segment._refresh()
        segment.domain = domain
        segment._refresh()

    def test_reentry_never(self):
        """Trap D9: the rule is said."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        campaign.participant_ids.action_exit()

        self._leave_and_join(campaign)

        self.assertEqual(campaign.participant_count, 1)

    def test_reentry_after_exit_needs_a_new_stay(self):
        """Trap D9: the rule is said."""
        campaign = self._create_journey(self.lead, reentry="after_exit")
        campaign.action_start()
        campaign._enrol()
        self.assertEqual(campaign.participant_count, 1, "on the way already")
        campaign.participant_ids.action_exit()
        campaign._enrol()
        self.assertEqual(campaign.participant_count, 1, "the same stay: no loop")
        self._end_before_today(campaign)

        self._leave_and_join(campaign)

        participants = campaign.participant_ids.sorted("number")
        self.assertEqual(participants.mapped("number"), [1, 2])
        self.assertEqual(participants.mapped("state"), ["exited", "running"])
        self.assertIn("enrolment 2", participants[1].display_name)

    def test_participant_is_named_by_person_and_campaign(self):
        campaign = self._create_journey(self.lead)
        campaign.name = "Spring"
        campaign.action_start()
        participant = campaign.participant_ids
        self.lead.write(
            {"partner_id": False, "contact_name": "Ada Byron", "partner_name": "Mills"}
        )
        participant.partner_id = False
        self.assertEqual(participant.display_name, "Ada Byron · Spring")

        participant.partner_id = self.env["res.partner"].create({"name": "Ida Brandt"})
        self.assertEqual(participant.display_name, "Ida Brandt · Spring")
        participant.number = 2
        self.assertEqual(participant.display_name, "Ida Brandt (enrolment 2) · Spring")

        participant.write({"partner_id": False, "lead_id": False, "number": 1})
        self.assertEqual(participant.display_name, f"{participant.email} · Spring")
        participant.email = False
        self.assertIn("Deleted record", participant.display_name)

    def test_leaving_the_segment_does_not_end_the_journey(self):
        """Trap D10: a query that ran again deleted what was planned."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()

        campaign.segment_id.domain = "[('id', '=', 0)]"
        campaign.segment_id._refresh()

        self.assertEqual(campaign.participant_ids.state, "running")
        self.assertEqual(self._states(campaign), [("Mail 1", "planned")])

    def test_leaving_the_segment_ends_the_journey_where_it_says_so(self):
        campaign = self._create_journey(self.leads, exit_on_leave=True)
        campaign.action_start()

        campaign.segment_id.domain = repr([("id", "=", self.lead_2.id)])
        campaign.segment_id._refresh()

        self.assertRecordValues(
            campaign.participant_ids.sorted("res_id"),
            [
                {"state": "exited", "exit_reason": "left"},
                {"state": "running", "exit_reason": False},
            ],
        )

    def test_enrolment_takes_the_same_queries_for_any_number(self):
        leads = self._create_leads(40)
        for i, lead in enumerate(leads):
            lead.email_from = f"n{i}@many.example"
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        segment = campaign.segment_id
        segment.domain = repr([("id", "in", leads.ids)])
        members = self.env["crm.segment.member"]
        members.create(
            [
                {
                    "segment_id": segment.id,
                    "res_model": "crm.lead",
                    "res_id": lead.id,
                    "lead_id": lead.id,
                    "date_joined": self._now(),
                }
                for lead in leads
            ]
        )
        self.env.flush_all()

        # enrol in a savepoint of its own, plan, look for clicks; kinds, once
        with self.assertQueryCount(6):
            new_ids = campaign._enrol()

        self.assertEqual(len(new_ids), 40)

    # ------------------------------------------------------------
    # Stopping
    # ------------------------------------------------------------

    def test_won_and_lost_leads_leave_at_once(self):
        campaign = self._create_journey(self.leads)
        campaign.action_start()

        self.lead.action_set_won()
        self.lead_2.action_set_lost()
        self._harvest_queued()
        self.env.invalidate_all()

        self.assertRecordValues(
            campaign.participant_ids.sorted("res_id"),
            [
                {"state": "exited", "exit_reason": "won"},
                {"state": "exited", "exit_reason": "lost"},
            ],
        )
        self.assertEqual(
            self._states(campaign), [("Mail 1", "skipped"), ("Mail 1", "skipped")]
        )
        self.assertIn("won", self._tasks(campaign)[0].reason)

    def test_won_leads_stay_where_it_says_so(self):
        campaign = self._create_journey(self.lead, exit_on_won=False)
        campaign.action_start()

        self.lead.action_set_won()
        self._harvest_queued()
        self._run()

        self.assertEqual(campaign.participant_ids.state, "running")
        self.assertEqual(self._recipients(), ["ida@brandt.example"])

    def test_reasons_to_leave_are_looked_at_before_each_step(self):
        """Also when the event was missed, as for a kind of touchpoint switched off."""
        self.env["crm.touchpoint.kind"].search([]).active = False
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        self.lead.action_set_won()
        self.lead_2.unlink()
        self._harvest_queued()

        self._run()

        self.assertEqual(
            campaign.participant_ids.sorted("res_id").mapped("exit_reason"),
            ["won", "deleted"],
        )
        self.assertFalse(self._recipients())

    def test_blocked_address_leaves_at_once(self):
        campaign = self._create_journey(self.leads)
        campaign.action_start()

        self.env["mail.blacklist"]._add("ida@brandt.example")
        self.env.invalidate_all()

        self.assertRecordValues(
            campaign.participant_ids.sorted("res_id"),
            [
                {"state": "exited", "exit_reason": "opt_out"},
                {"state": "running", "exit_reason": False},
            ],
        )

    def test_stopped_campaign_does_nothing_and_goes_on_where_it_was(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        campaign.action_stop()

        self._run()

        self.assertFalse(self._recipients())
        self.assertEqual(self._states(campaign), [("Mail 1", "planned")])

        campaign.action_start()
        self._run()
        self.assertEqual(self._recipients(), ["ida@brandt.example"])

    def test_step_added_while_stopped_reaches_those_inside(self):
        campaign = self._create_campaign(self.lead)
        mail = self._add_step(campaign, "mail", name="Mail 1")
        rest = self._add_step(campaign, "wait", mail, name="Rest")
        campaign.action_start()
        self._run()
        campaign.action_stop()
        self.assertIn("1 people inside", campaign.get_canvas()["hint"])
        self._add_step(campaign, "activity", mail, name="Call")

        campaign.action_start()
        self._run()

        self.assertEqual(
            self._states(campaign),
            [("Mail 1", "done"), ("Rest", "planned"), ("Call", "done")],
        )
        self.assertTrue(rest)
        self.assertFalse(campaign.get_canvas()["hint"])

    # ------------------------------------------------------------
    # Waiting, acting
    # ------------------------------------------------------------

    def test_wait_lasts_as_long_as_it_says(self):
        campaign = self._create_campaign(self.lead)
        wait = self._add_step(campaign, "wait", delay_count=2, delay_unit="days")
        self._add_step(campaign, "activity", wait)
        campaign.action_start()
        self._run()
        self.assertEqual(self._states(campaign), [("wait", "planned")])

        self._pass(days=1)
        self._run()
        self.assertEqual(self._states(campaign), [("wait", "planned")])

        self._pass(days=1)
        self._run()
        self.assertEqual(
            self._states(campaign), [("wait", "done"), ("activity", "done")]
        )
        self.assertEqual(campaign.participant_ids.state, "done")

    def test_activity_goes_to_the_owner_or_the_responsible(self):
        self.lead_2.user_id = False
        campaign = self._create_campaign(self.leads)
        self._add_step(campaign, "activity", activity_days=3)
        campaign.action_start()

        self._run()

        self.assertEqual(self.lead.activity_ids.user_id, self.seller)
        self.assertEqual(self.lead_2.activity_ids.user_id, self.campaign_manager)
        self.assertEqual(self.lead.activity_ids.summary, "Call them")
        self.assertIn("Autumn", self.lead.activity_ids.note)
        self.assertFalse(self._mails, "owners are not mailed about each")

    def test_next_run_is_asked_for_when_the_next_step_falls_due(self):
        """Trap D12: whatever was due waited for the hour."""
        campaign = self._create_campaign(self.lead)
        self._add_step(campaign, "wait", delay_count=2, delay_unit="days")
        campaign.action_start()
        self._run()

        task = self._tasks(campaign)
        triggers = self.env["ir.cron.trigger"].search(
            [("cron_id", "=", self.cron.id), ("call_at", ">", self._now())]
        )
        self.assertIn(task.date_planned, triggers.mapped("call_at"))

    # ------------------------------------------------------------
    # One bad record
    # ------------------------------------------------------------

    @mute_logger("odoo.addons.crm_campaigns.models.campaign.crm_campaign_task_run")
    def test_bad_record_stops_nobody_else(self):
        """Trap D11."""
        leads = self.leads + self._create_leads(3)
        campaign = self._create_campaign(leads)
        step = self._add_step(campaign, "activity")
        campaign.action_start()
        bad = self.lead_2
        Activity = self.env.registry["mail.activity"]
        create = Activity.create

        def fail(activities, vals_list):
            if any(vals["res_id"] == bad.id for vals in vals_list):
                # a real error of the database, which aborts the transaction
                activities.env.cr.execute("SELECT 1 / 0")
            return create(activities, vals_list)

        self.patch(Activity, "create", fail)
        with mute_logger("odoo.sql_db"):
            self._run(1)

        tasks = self._tasks(campaign, step)
        self.assertEqual(len(tasks.filtered(lambda task: task.state == "done")), 4)
        failed = tasks.filtered(lambda task: task.participant_id.lead_id == bad)
        self.assertEqual(failed.state, "planned", "again later")
        self.assertGreater(failed.date_planned, self._now())
        self.assertIn("division by zero", failed.reason)

        for _attempt in range(3):
            self._pass(days=1)
            with mute_logger("odoo.sql_db"):
                self._run(1)
        self.assertEqual((failed.state, failed.attempts), ("failed", 4))
        self.assertEqual(failed.participant_id.state, "failed")
        self.assertEqual(campaign.failed_task_count, 1)

        self.patch(Activity, "create", create)
        failed.action_retry()
        self._run()
        self.assertEqual(failed.state, "done")
        self.assertEqual(failed.participant_id.state, "done")

    def test_task_that_kills_its_worker_is_parked(self):
        """Trap D8: begun again and again."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        task = self._tasks(campaign)
        task.write({"state": "reserved", "attempts": 4})

        self._run()

        self.assertEqual(task.state, "failed")
        self.assertFalse(self._recipients())

    def test_work_grows_with_the_due_not_with_the_waiting(self):
        """A round over a long queue that is not due costs what an empty one costs."""
        campaign = self._create_campaign(self._create_leads(60))
        self._add_step(campaign, "wait")
        campaign.action_start()
        self._run(1)

        self.env.invalidate_all()
        with self._sending():
            counts = []
            for _i in range(2):
                before = self.env.cr.sql_log_count
                self.cron.method_direct_trigger()
                counts.append(self.env.cr.sql_log_count - before)
        self.assertLess(counts[1], 60)

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    @users("campaign_user")
    def test_user_sees_and_changes_nothing(self):
        campaign = self._create_journey(self.lead).with_user(self.env.user)
        campaign.sudo().action_start()

        self.assertEqual(campaign.participant_count, 1)
        self.assertIn("Entered", campaign.participant_ids.journey)
        self.assertTrue(campaign.step_ids[0].subject)
        for change in (
            lambda: campaign.write({"name": "Mine"}),
            campaign.action_stop,
            campaign.participant_ids.action_exit,
            lambda: campaign.step_ids.write({"name": "x"}),
            lambda: campaign.participant_ids.task_ids.write({"state": "done"}),
        ):
            with self.assertRaises(AccessError):
                change()

    @users("campaign_manager")
    def test_marketer_writes_no_tasks_by_hand(self):
        campaign = self._create_journey(self.lead).with_user(self.env.user)
        campaign.action_start()

        with self.assertRaises(AccessError):
            campaign.participant_ids.write({"state": "done"})
        with self.assertRaises(AccessError):
            campaign.participant_ids.task_ids.write({"state": "done"})

    @users("plus_seller")
    def test_seller_sees_no_campaigns_but_moves_them(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()

        with self.assertRaises(AccessError):
            self.env["crm.campaign"].search([])
        self.lead.with_user(self.env.user).action_set_won()
        self._harvest_queued()
        self.env.invalidate_all()
        self.assertEqual(campaign.participant_ids.state, "exited")

    def test_other_companies_see_nothing(self):
        campaign = self._create_journey(self.lead, company_id=self.company.id)
        campaign.action_start()
        self.user_other_company.group_ids += self.env.ref(
            "crm_campaigns.crm_campaigns_group_manager"
        )

        env = self.env(user=self.user_other_company)

        for model in ("", ".step", ".participant", ".task"):
            self.assertFalse(env[f"crm.campaign{model}"].search([]), model)
