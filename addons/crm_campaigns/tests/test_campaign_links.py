from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .test_campaign_steps import StepCommon

TEA = "https://brandt.example/tea"
COFFEE = "https://brandt.example/coffee?x=1"
BODY = f"""
    <p><a href="{TEA}">Tea</a> <a href="{COFFEE}">Coffee</a></p>
    <p><a href="https://brandt.example/{{{{object.id}}}}/rest">Rest</a></p>
    <p><a href="/unsubscribe_from_list">Unsubscribe</a></p>
"""


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignLinks(StepCommon):
    def _start_mail(self, kind, **values):
        """A mail with two links, and a step of this kind after it."""
        campaign = self._create_campaign(self.leads)
        self.mail = self._add_step(campaign, "mail", body=BODY, name="Offer")
        step = self._add_step(campaign, kind, self.mail, **values)
        return campaign, step

    def _click_on(self, lead, url, **values):
        trace = (
            self._tasks(self.mail.campaign_id, self.mail)
            .filtered(lambda task: task.participant_id.lead_id == lead)
            .trace_id
        )
        link = self.env["link.tracker"].search(
            [
                ("mass_mailing_id", "=", trace.mass_mailing_id.id),
                ("url", "=like", url),
            ]
        )
        self.env["link.tracker.click"].create(
            {"link_id": link.id, "mailing_trace_id": trace.id, **values}
        )
        self._harvest_queued()
        self.env.invalidate_all()

    def test_links_of_the_mail(self):
        _campaign, step = self._start_mail("wait_click")
        self.assertEqual(step.mail_links[:2], [[TEA, "Tea"], [COFFEE, "Coffee"]])

    def test_wait_for_one_link(self):
        campaign, step = self._start_mail("wait_click", link_url=COFFEE)
        campaign.action_start()
        self._run()
        self._click_on(self.lead, COFFEE)
        self._click_on(self.lead_2, TEA)
        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("outcome"), ["yes", False])
        self.assertEqual(
            step._get_kind().get_text(), "“Coffee” of “Offer”, within 3 days"
        )

    def test_machines_do_not_count(self):
        campaign, step = self._start_mail("wait_click", link_url=COFFEE)
        campaign.action_start()
        self._run()
        self._click_on(self.lead, COFFEE, machine_reason="agent")
        self._run()

        self.assertEqual(set(self._tasks(campaign, step).mapped("outcome")), {False})

    def test_if_clicked(self):
        campaign = self._create_campaign(self.leads)
        self.mail = self._add_step(campaign, "mail", body=BODY, name="Offer")
        wait = self._add_step(campaign, "wait", self.mail)
        step = self._add_step(
            campaign, "condition", wait, condition_by="click", link_url=TEA
        )
        campaign.action_start()
        self._run()
        self._click_on(self.lead, TEA)
        self._click_on(self.lead_2, COFFEE)
        self._pass(days=2)
        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("outcome"), ["yes", "no"])

    def test_of_another_mail_than_the_nearest(self):
        campaign = self._create_campaign(self.leads)
        self.mail = self._add_step(campaign, "mail", body=BODY, name="First")
        second = self._add_step(campaign, "mail", self.mail, name="Second")
        wait = self._add_step(campaign, "wait", second)
        step = self._add_step(
            campaign, "condition", wait, condition_by="click", link_step_id=self.mail.id
        )
        campaign.action_start()
        self._run()
        self._click_on(self.lead, TEA)
        self._pass(days=2)
        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("outcome"), ["yes", "no"])
        copied = campaign.copy().step_ids
        self.assertEqual(copied[3].link_step_id, copied[0])

    def test_split_by_link(self):
        third, fourth = self._create_leads(2)
        third.email_from, fourth.email_from = "t@x.example", "f@x.example"
        self.leads += third + fourth
        campaign = self._create_campaign(self.leads)
        self.mail = self._add_step(campaign, "mail", body=BODY, name="Offer")
        wait = self._add_step(campaign, "wait", self.mail)
        step = self._add_step(
            campaign,
            "split_link",
            wait,
            way_ids=[
                Command.create({"name": "Tea", "link_url": TEA}),
                Command.create({"name": "Coffee", "link_url": COFFEE}),
            ],
        )
        campaign.action_start()
        self._run()
        self._click_on(self.lead, TEA)
        self._click_on(self.lead_2, COFFEE)
        self._click_on(third, TEA)
        self._click_on(third, COFFEE)
        self._click_on(fourth, TEA, machine_reason="speed")
        self._pass(days=2)
        self._run()

        self.assertEqual(
            [(task.outcome, task.way_id.name) for task in self._tasks(campaign, step)],
            [("way", "Tea"), ("way", "Coffee"), ("way", "Coffee"), ("no", False)],
        )

    def test_problems(self):
        campaign, step = self._start_mail("wait_click", link_url="https://gone.example")
        with self.assertRaisesRegex(UserError, "has no link https://gone.example"):
            campaign.action_start()
        step.link_url = False
        late = self._add_step(campaign, "mail", step, "no", name="Late")
        step.link_step_id = late
        with self.assertRaisesRegex(UserError, "no mail before it"):
            campaign.action_start()
        split = self._add_step(campaign, "split_link", late)
        self.assertIn("say which links there are.", split._get_problems())
