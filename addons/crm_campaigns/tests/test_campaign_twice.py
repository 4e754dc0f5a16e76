from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .test_campaign_steps import StepCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignTwice(StepCommon):
    """One record that entered twice: what is done for it is done twice."""

    def _create_by_hand(self, **values):
        return self._create_campaign(
            self.leads, entry="manual", segment_id=False, **values
        )

    def _enter(self, campaign, leads, event):
        campaign._enrol_candidates(campaign._get_hand_candidates(leads.ids, event))

    def _start_twice(self, kind, records=None, **values):
        """Each of these leads enters for two events, in one batch."""
        campaign = self._create_by_hand(reentry="each_event")
        step = self._add_step(campaign, kind, **values)
        campaign.action_start()
        for event in "ab":
            self._enter(campaign, records or self.lead, event)
        return campaign, step

    def test_mail(self):
        campaign, step = self._start_twice("mail", self.leads)
        self.assertEqual(len(campaign.participant_ids), 4)

        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("state"), ["done"] * 4)
        self.assertEqual(
            sorted(self._recipients()),
            ["ida@brandt.example"] * 2 + ["ola@nowak.example"] * 2,
        )
        self.assertEqual(set(campaign.participant_ids.mapped("state")), {"done"})

    def test_number_is_raised_for_each(self):
        self.leads.write({"color": 5})
        campaign, step = self._start_twice(
            "update",
            value_ids=[
                Command.create(
                    {
                        "field_id": self._get_field("color").id,
                        "operation": operation,
                        "value": value,
                    }
                )
                for operation, value in (("add", "3"), ("remove", "2"))
            ],
        )
        self._enter(campaign, self.lead_2, "a")

        self._run()

        self.assertEqual(set(self._tasks(campaign, step).mapped("state")), {"done"})
        self.assertEqual(self.leads.mapped("color"), [7, 6])

    def test_server_action_is_run_for_each(self):
        action = self._create_action(
            "for lead in records:\n  lead.write({'color': lead.color + 1})"
        )
        self.lead.color = 1
        campaign, step = self._start_twice("server_action", server_action_id=action.id)

        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("state"), ["done"] * 2)
        self.assertEqual(self.lead.color, 3)

    def test_moved_each_time(self):
        other = self._create_by_hand(name="Other", reentry="each_event")
        self._add_step(other, "wait")
        other.action_start()
        campaign, step = self._start_twice("move", move_campaign_id=other.id)

        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("state"), ["done"] * 2)
        self.assertEqual(other.participant_ids.lead_id, self.lead)
        self.assertEqual(len(other.participant_ids), 2, "each enrolment")

        # a step that is done once more lets nobody in once more
        tasks = self._tasks(campaign, step)
        campaign.participant_ids.write({"state": "running"})
        step._get_kind().run(tasks)
        self.env.invalidate_all()
        self.assertEqual(len(other.participant_ids), 2, "and each once")

        self._enter(campaign, self.lead, "c")
        self._run()
        self.assertEqual(len(other.participant_ids), 3, "also later")

    def test_moved_again_after_the_end(self):
        other = self._create_by_hand(name="Other", reentry="after_exit")
        self._add_step(other, "wait")
        other.action_start()
        campaign, _step = self._start_twice("move", move_campaign_id=other.id)
        self._run()
        self.assertEqual(len(other.participant_ids), 1, "one at a time")
        other.participant_ids.action_exit()
        self._end_before_today(other)

        self._enter(campaign, self.lead, "c")
        self._run()
        self.assertEqual(len(other.participant_ids), 2)

    def test_what_runs_is_not_archived(self):
        campaign, _step = self._start("wait")

        with self.assertRaisesRegex(UserError, "stop it before you archive it"):
            campaign.active = False

        campaign.action_stop()
        campaign.action_archive()
        self.assertFalse(campaign.active)
        with self.assertRaisesRegex(UserError, "unarchive it first"):
            campaign.action_start()
        campaign.action_unarchive()
        campaign.action_start()
        self.assertEqual(campaign.state, "running")
