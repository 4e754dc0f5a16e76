from odoo.tests import tagged

from .test_campaign_goal import GoalCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestForget(GoalCommon):
    """Trap D37: who is deleted takes no figures along."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead.write({"contact_name": "Ida Brandt", "partner_id": False})
        cls.kind = cls.env["crm.touchpoint.kind"].search(
            [("code", "=", "order_confirmed")]
        )

    def _start_journey(self):
        campaign = self._create_journey(self.leads, result_kind_ids=self.kind.ids)
        campaign.action_start()
        self._run()
        return campaign

    def _get_figures(self, campaign):
        self.env.flush_all()
        self.env.invalidate_all()
        report = self.env["crm.campaign.result.report"]
        [(people, success)] = report._read_group(
            [("campaign_id", "=", campaign.id)],
            [],
            ["people:sum", "is_reached:sum"],
        )
        sent = self._tasks(campaign, self.mail)
        return {
            "people": people,
            "success": success,
            "participants": campaign.participant_count,
            "sent": self.mail.done_count,
            "opened": len(sent.trace_ids.filtered("human_open_datetime")),
        }

    def test_deleted_lead_is_forgotten_and_counted_on(self):
        campaign = self._start_journey()
        participant = self._of(campaign, self.lead)
        participant.date_entered = self._now().replace(year=2020)
        self._happens("order_confirmed", self.lead, date="2020-12-01 10:00:00")
        campaign.result_days = 10_000
        task = self._tasks(campaign, self.mail)[0]
        task.trace_id.set_opened()
        before = self._get_figures(campaign)
        self.assertEqual(
            before,
            {"people": 2, "success": 1, "participants": 2, "sent": 2, "opened": 1},
        )
        self.assertIn("Ida", participant.who)

        # who deletes leads sees no journeys
        self.lead.with_user(self.manager).unlink()
        self.assertEqual(self._get_figures(campaign), before)

        self.assertRecordValues(
            participant,
            [
                {
                    "state": "exited",
                    "exit_reason": "deleted",
                    "is_forgotten": True,
                    "email": False,
                    "person": False,
                    "who": f"Forgotten ({participant.id})",
                }
            ],
        )
        self.assertFalse(participant.lead_id)
        for text in (participant.journey, participant.display_name):
            self.assertNotIn("ida", text.lower())
        self.assertFalse(task.trace_id.email)
        self.assertEqual(task.trace_id.trace_status, "open")
        waiting = participant.task_ids.filtered(lambda k: k.step_id == self.wait)
        self.assertEqual(waiting.state, "skipped")
        self.assertIn("Record deleted", waiting.reason)

        # nothing is done for them any more, and the others go on
        self._pass(days=3)
        self._run()
        self.assertEqual(self._recipients(), ["ola@nowak.example"])
        self.assertFalse(self._of(campaign, self.lead_2).is_forgotten)

    def test_deleted_contact(self):
        partner = self.env["res.partner"].create(
            {"name": "Gone", "email": "gone@people.example"}
        )
        campaign = self._create_campaign(partner)
        self._add_step(campaign, "wait")
        campaign.action_start()

        partner.unlink()

        participant = campaign.participant_ids
        self.assertTrue(participant.is_forgotten)
        self.assertFalse(participant.email)
        self.assertEqual(participant.exit_reason, "deleted")
        self.assertEqual(participant.task_ids.state, "skipped")

        # a new one of that address is somebody else
        campaign.segment_id.domain = "[('email', '=', 'gone@people.example')]"
        again = partner.create({"name": "New", "email": "gone@people.example"})
        campaign.segment_id._refresh()
        self.assertIn(again.id, campaign.participant_ids.mapped("res_id"))

    def test_what_ended_before_keeps_its_end(self):
        campaign = self._create_campaign(self.leads)
        self._add_step(campaign, "activity")
        campaign.action_start()
        self._run()
        participant = self._of(campaign, self.lead)
        self.assertEqual(participant.state, "done")

        self.lead.unlink()

        self.assertRecordValues(
            participant,
            [{"state": "done", "exit_reason": False, "is_forgotten": True}],
        )
        self.assertEqual(campaign.done_count, 2)

    def test_merged_is_not_deleted(self):
        campaign = self._start_journey()
        self.leads.with_user(self.manager).merge_opportunity()
        self.assertFalse(campaign.participant_ids.filtered("is_forgotten"))

    def test_deleting_costs_nothing_where_no_campaign_was_started(self):
        self.env["crm.campaign"].search([]).write({"state": "draft"})
        Participant = self.env["crm.campaign.participant"]
        self.env["crm.campaign"]._any_started()
        with self.assertQueryCount(0):
            Participant._forget("crm.lead", self.lead.ids)
