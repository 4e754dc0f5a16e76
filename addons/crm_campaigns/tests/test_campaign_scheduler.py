from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.crm_campaigns.models.campaign import crm_campaign_enrolment
from odoo.addons.crm_campaigns.tools.step_kind import StepKind

from .test_campaign_entry import EntryCommon

LOOK_LOG = "odoo.addons.crm_campaigns.models.campaign.crm_campaign_enrolment"


class Died(BaseException):
    """The worker dies: not even ``except Exception`` runs."""


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignScheduler(EntryCommon):
    """One bounded round after the other, whatever there is to do, and whoever dies."""

    def _count_queries(self, work):
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        work()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def _create_entries(self, number, **values):
        campaigns = self.env["crm.campaign"]
        for _i in range(number):
            campaigns |= self._create_entry(
                "domain", entry_domain=repr([("id", "in", self.leads.ids)]), **values
            )
        campaigns.action_start()
        return campaigns

    # ------------------------------------------------------------
    # Who enters
    # ------------------------------------------------------------

    def test_idle_campaigns_cost_nothing(self):
        """Trap D19: everything was read anew at each run."""
        self._create_entries(1)
        self._enrol_changed()
        one = self._count_queries(self._enrol_changed)
        segment = self._create_segment(self.leads)
        self._create_entries(6)
        for _i in range(3):
            self._create_entry("segment", segment_id=segment.id).action_start()
        self._enrol_changed()

        many = self._count_queries(self._enrol_changed)

        self.assertEqual(many, one)
        self.assertLessEqual(one, 4)

    def test_round_is_bounded_and_the_next_goes_on(self):
        """Trap D12: all of it was one transaction."""
        campaigns = self._create_entries(5)
        campaigns.date_looked = self._now().replace(year=2020)
        self.patch(crm_campaign_enrolment, "LOOK_SIZE", 2)

        rounds = [self._enrol_changed() for _i in range(4)]

        self.assertEqual(rounds, [(2, True), (2, True), (1, False), (0, False)])

    def test_very_many_enter_in_parts(self):
        leads = self._create_leads(5)
        for i, lead in enumerate(leads):
            lead.email_from = f"m{i}@many.example"
        self.patch(crm_campaign_enrolment, "ENTER_SIZE", 2)
        campaign = self._create_entry(
            "segment", segment_id=self._create_segment(leads).id
        )

        campaign.action_start()
        self.assertEqual(len(campaign.participant_ids), 2)
        self._run()

        self.assertEqual(self._who(campaign), leads.ids)
        self.assertEqual(len(self._tasks(campaign)), 5)
        self.assertTrue(campaign.date_looked)

    def test_who_enters_twice_at_the_same_moment_is_once_inside(self):
        """What another transaction has just let in, this one does not see."""
        campaign = self._create_entry(
            "segment", segment_id=self._create_segment(self.lead).id
        )
        campaign.action_start()
        self.patch(
            self.env.registry["crm.campaign"],
            "_get_before_condition",
            lambda campaign: SQL("FALSE"),
        )

        new_ids = campaign._enrol_by_hand(self.leads.ids)

        self.assertEqual(len(new_ids), 1)
        self.assertEqual(self._who(campaign), self.leads.ids)
        self.assertEqual(len(self._tasks(campaign)), 2)

    @mute_logger(LOOK_LOG)
    def test_what_is_wrong_with_one_campaign_stops_no_other(self):
        bad, good = self._create_entries(2)
        later = self._create_leads(email_from="eva@brandt.example")
        (bad + good).date_looked = self._now().replace(year=2020)
        self._set_condition(good, repr([("id", "=", later.id)]))
        self._set_condition(bad, "[('gone', '=', 1)]")

        self._run(2)

        self.assertIn(later.id, self._who(good))
        self.assertIn("gone", bad.look_error)
        notes = self.env["mail.message"].search(
            [("model", "=", "crm.campaign"), ("res_id", "=", bad.id)]
        )
        self.assertEqual(
            len(notes.filtered(lambda note: "Nobody enters" in (note.subject or ""))),
            1,
            "told once",
        )

        self._set_condition(bad, repr([("id", "=", later.id)]))
        bad.date_look_failed -= crm_campaign_enrolment.LOOK_PAUSE
        self._run(1)
        self.assertIn(later.id, self._who(bad), "what came meanwhile is not lost")
        self.assertFalse(bad.look_error)
        self.assertFalse(bad.date_look_failed)

    # ------------------------------------------------------------
    # Who kills the worker
    # ------------------------------------------------------------

    def test_who_kills_the_worker_is_parked_alone(self):
        """Each death makes the batch smaller; nobody else is given up."""
        leads = self._create_leads(30)
        for i, lead in enumerate(leads):
            lead.email_from = f"k{i}@many.example"
        victim = leads[11].id
        sizes = []

        class DeadlyKind(StepKind):
            code = "deadly"
            label = "Deadly"
            batch_size = 30

            def run(self, tasks):
                sizes.append(len(tasks))
                if victim in tasks._get_subjects().values():
                    raise Died
                tasks._done()

        Step = self.env.registry["crm.campaign.step"]
        kinds = Step._get_kinds
        self.patch(Step, "_get_kinds", lambda steps: [*kinds(steps), DeadlyKind])
        campaign = self._create_campaign(leads)
        step = self._add_step(campaign, "deadly")
        campaign.action_start()

        deaths = 0
        for _round in range(60):
            try:
                with self._sending(), self.registry.cursor() as cr:
                    self.env(cr=cr)["crm.campaign.task"]._cron_run()
            except Died:
                deaths += 1
            self.env.invalidate_all()

        tasks = self._tasks(campaign, step)
        failed = tasks.filtered(lambda task: task.state == "failed")
        self.assertEqual(failed.participant_id.res_id, victim)
        self.assertIn("interrupted", failed.reason)
        self.assertEqual(set((tasks - failed).mapped("state")), {"done"})
        self.assertEqual(deaths, 4)
        self.assertEqual(sizes[0], 30)
        self.assertIn(1, sizes)
