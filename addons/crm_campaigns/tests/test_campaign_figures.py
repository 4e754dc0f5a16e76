from datetime import timedelta

from odoo.exceptions import AccessError
from odoo.modules.module import load_script
from odoo.tests import new_test_user, tagged, warmup
from odoo.tools import file_path

from .common import CampaignCommon, CampaignMoneyCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignFigures(CampaignCommon):
    """Five people: one does nothing, one opens and clicks, one answers, one bounces,
    and the mail of one is opened and clicked by a machine.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people = cls._create_leads(5)
        for number, lead in enumerate(cls.people):
            lead.email_from = f"person{number}@figures.example"
        cls.campaign = cls._create_journey(cls.people)

    def _start(self):
        self.campaign.action_start()
        self._run()
        self.silent, self.clicks, self.answers, self.bounces, self.machine = (
            self._tasks(self.campaign, self.mail)
        )
        self.traces = {task: task.trace_id for task in self._tasks(self.campaign)}

    def _react(self):
        self._start()
        sent = self._now() - timedelta(hours=10)
        all_tasks = self._tasks(self.campaign, self.mail)
        all_tasks.trace_ids.write({"sent_datetime": sent})
        all_tasks.write({"date_done": sent})
        all_tasks.participant_id.write({"date_entered": sent - timedelta(hours=4)})
        self._click(self.clicks)
        self.answers.trace_id.set_replied()
        self.bounces.trace_id.write({"trace_status": "bounce"})
        self._click(self.machine, machine_reason="agent")
        # a test is one transaction: its clicks are as old as it is
        opened = self.machine.trace_id
        opened.open_datetime = opened.links_click_ids.create_date
        self.env.flush_all()
        self.env.invalidate_all()

    def _row(self, step, user=None):
        Report = self.env["crm.campaign.step.report"]
        if user:
            Report = Report.with_user(user)
        return Report.search([("step_id", "=", step.id)])

    # ------------------------------------------------------------
    # Mails
    # ------------------------------------------------------------

    def test_people_and_machines_side_by_side(self):
        self._react()

        self.assertRecordValues(
            self._row(self.mail),
            [
                {
                    "people": 5,
                    "sent": 5,
                    "mails": 4,
                    "delivered": 4,
                    "opened": 2,
                    "opened_raw": 3,
                    "clicked": 1,
                    "clicked_raw": 2,
                    "replied": 1,
                    "bounced": 1,
                    "unsubscribed": 0,
                    "complained": 0,
                    "open_rate": 50,
                    "open_rate_raw": 75,
                    "click_rate": 25,
                    "click_rate_raw": 50,
                    "reply_rate": 25,
                    "bounce_rate": 20,
                }
            ],
        )

    def test_raw_figures_are_those_of_odoo(self):
        self._react()
        mailing = self.mail.mailing_id
        row = self._row(self.mail)

        self.assertEqual(row.delivered, mailing.delivered)
        self.assertEqual(row.opened_raw, mailing.opened)
        self.assertEqual(row.clicked_raw, mailing.clicked)
        self.assertEqual(row.replied, mailing.replied)
        self.assertEqual(row.bounced, mailing.bounced)
        self.assertAlmostEqual(row.open_rate_raw, mailing.opened_ratio)
        self.assertAlmostEqual(row.bounce_rate, mailing.bounced_ratio)

    def test_opting_out_soon_is_of_the_mail(self):
        self._react()
        Blacklist = self.env["mail.blacklist"]
        Blacklist._add(self.silent.participant_id.email)
        # an address that does not work has not opted out
        Blacklist.with_context(crm_campaigns_bounce=True)._add(
            self.bounces.participant_id.email
        )
        late = Blacklist._add(self.clicks.participant_id.email)
        late.date_blocked = self._now() + timedelta(days=8)
        self.env["crm.mail.bounce"].sudo().create(
            {
                "email_normalized": self.answers.participant_id.email,
                "kind": "complaint",
                "message_id": "<complaint@test.example>",
            }
        )
        self.env.flush_all()

        row = self._row(self.mail)
        self.assertEqual((row.unsubscribed, row.complained), (1, 1))
        self.assertEqual(row.unsubscribe_rate, 25)

    def test_rates_of_several_steps_are_of_their_sums(self):
        self._react()
        self._pass(5)
        self._run()
        rows = self.env["crm.campaign.step.report"]._read_group(
            [("campaign_id", "=", self.campaign.id)],
            ["campaign_id"],
            ["mails:sum", "clicked:sum", "click_rate:avg"],
        )

        [(_campaign, mails, clicked, rate)] = rows
        self.assertGreater(mails, 4)
        self.assertAlmostEqual(rate, 100 * clicked / mails)

    # ------------------------------------------------------------
    # The funnel
    # ------------------------------------------------------------

    def test_who_reached_each_step_and_how_long_it_took(self):
        self._react()
        self._run()

        mail, wait = self._row(self.mail), self._row(self.wait)
        self.assertEqual((mail.entered, mail.before, mail.people), (5, 5, 5))
        self.assertAlmostEqual(mail.hours, 4, 1)
        # of those four wait, one has clicked
        self.assertEqual(
            (wait.before, wait.people, wait.waiting, wait.done), (5, 5, 4, 1)
        )
        self.assertAlmostEqual(wait.hours, 10, 1)
        call = self._row(self.call)
        self.assertEqual((call.before, call.people), (5, 1))
        self.assertEqual((call.step_rate, call.reach_rate), (20, 20))
        nobody = self._row(self.mail_2)
        self.assertEqual((nobody.people, nobody.sent, nobody.hours), (0, 0, 0))
        self.assertEqual(
            [row.step_id for row in (mail + wait + call + nobody).sorted()],
            [self.mail, self.wait, self.call, self.mail_2],
        )

    def test_skipped_opens_by_reason(self):
        self.env["mail.blacklist"]._add("person0@figures.example")
        self.campaign.exit_on_opt_out = False
        self._start()

        row = self._row(self.mail)
        self.assertEqual((row.people, row.done, row.skipped), (5, 4, 1))
        action = row.action_view_skipped()
        tasks = self.env["crm.campaign.task"].search(action["domain"])
        self.assertEqual(tasks, self.silent)
        self.assertEqual(action["context"]["search_default_group_by_reason"], 1)
        people = self.env["crm.campaign.task"].search(
            row.action_view_people()["domain"]
        )
        self.assertEqual(len(people), 5)

    def test_drawn_on_the_canvas(self):
        self.assertEqual(self.campaign.get_canvas()["steps"][0]["figures"], [])
        self._react()

        steps = self.campaign.with_user(self.campaign_user).get_canvas()["steps"]

        figures = steps[0]["figures"]
        self.assertEqual(
            [(figure["name"], figure["text"], figure["few"]) for figure in figures],
            [
                ("sent", "5", False),
                ("opened", "50%", True),
                ("clicked", "25%", True),
                ("replied", "25%", True),
                ("bounced", "20%", False),
            ],
        )
        titles = {figure["name"]: figure["title"] for figure in figures}
        self.assertIn("2 of 4 opened by people (with machines: 3)", titles["opened"])
        self.assertEqual(titles["bounced"], "1 of 5 bounced")
        self.assertEqual([step["figures"] for step in steps[1:]], [[]] * 3)

    def test_shares_of_nothing_are_not_drawn(self):
        self._start()
        self._tasks(self.campaign, self.mail).trace_ids.write(
            {"trace_status": "bounce"}
        )
        self.env.flush_all()

        figures = self.campaign.get_canvas()["steps"][0]["figures"]
        self.assertEqual(
            [(figure["name"], figure["text"]) for figure in figures],
            [("sent", "5"), ("bounced", "100%")],
        )
        Step = self.env["crm.campaign.step"]
        self.assertEqual(Step._get_canvas_share(3, 100), "3%")
        self.assertEqual(Step._get_canvas_share(1, 250), "0.4%")
        self.assertEqual(Step._get_canvas_share(1, 9000), "0.1%")
        self.assertEqual(Step._get_canvas_share(0, 40), "0%")
        self.assertEqual(Step._get_canvas_share(12345, 0), "12,345")

    def test_behind_a_count_are_those_counted(self):
        self._react()
        self._run()

        for name, count in (("waiting", 4), ("done", 1), ("skipped", 0)):
            domain = self.wait.action_view_count(name)["domain"]
            self.assertEqual(self.env["crm.campaign.task"].search_count(domain), count)
        with self.assertRaises(AccessError):
            self.wait.with_user(self.seller).action_view_count("done")

    @warmup
    def test_figures_of_the_canvas_are_one_query(self):
        self._react()
        steps = self.campaign.step_ids
        counts = []
        for some in (self.mail, steps):
            canvas = {"state": "running", "steps": [{"id": i} for i in some.ids]}
            some._add_canvas_figures(canvas)  # what is cached, or flushed
            before = self.cr.sql_log_count
            some._add_canvas_figures(canvas)
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(counts, [1, 1])

    @warmup
    def test_one_query_whatever_there_is(self):
        self._react()
        self.env["crm.campaign.step.report"].search([("id", "=", self.mail.id)])
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            self.env["crm.campaign.step.report"].search_fetch(
                [("campaign_id", "=", self.campaign.id)], ["people", "opened"]
            )

    # ------------------------------------------------------------
    # Links
    # ------------------------------------------------------------

    def test_clicks_by_link(self):
        self._react()
        self._click(self.clicks)

        self.assertRecordValues(
            self.env["crm.campaign.link.report"].search(
                [("campaign_id", "=", self.campaign.id)]
            ),
            [
                {
                    "step_id": self.mail.id,
                    "url": "https://brandt.example/autumn",
                    "people": 1,
                    "people_raw": 2,
                    # Odoo counts an address once
                    "mails": 4,
                    "click_rate": 25,
                }
            ],
        )

    def test_who_clicked(self):
        self._react()
        Link = self.env["crm.campaign.link.report"].with_user(self.campaign_user)
        link = Link.search([("campaign_id", "=", self.campaign.id)])

        action = link.action_view_people()

        self.assertEqual(
            self.env["crm.campaign.participant"].search(action["domain"]),
            self.clicks.participant_id,
        )

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_who_sees_what(self):
        self._start()
        for model in ("step", "link", "result"):
            Report = self.env[f"crm.campaign.{model}.report"]
            with self.subTest(model=model), self.assertRaises(AccessError):
                Report.with_user(self.seller).search([])
        with self.assertRaises(AccessError):
            self.env["crm.campaign.report"].with_user(self.seller).search([])
        row = self._row(self.mail, self.campaign_user)
        self.assertEqual(row.people, 5)
        for name in ("revenue", "margin", "paid"):
            with self.subTest(name=name), self.assertRaises(AccessError):
                row.read([name])

    def test_other_companies_do_not_see_it(self):
        self._start()
        stranger = new_test_user(
            self.env,
            login="figures_stranger",
            groups="crm_campaigns.crm_campaigns_group_manager",
            company_id=self.company_2.id,
        )
        for model in ("step.report", "link.report", "result.report", "report"):
            Report = self.env[f"crm.campaign.{model}"]
            domain = [("campaign_id", "=", self.campaign.id)]
            with self.subTest(model=model):
                self.assertFalse(Report.with_user(stranger).search(domain))
                if model != "link.report":
                    self.assertTrue(Report.with_user(self.campaign_user).search(domain))


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignMoney(CampaignMoneyCommon):
    """What came after a step, and campaigns side by side."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.buyers = cls._create_buyers(4)
        cls.campaign = cls._create_campaign(cls.buyers, company_id=cls.company.id)
        cls.first = cls._add_step(cls.campaign, "wait", name="First")
        cls.second = cls._add_step(cls.campaign, "wait", cls.first, name="Second")
        cls.campaign.action_start()
        people = cls.campaign.participant_ids.sorted("res_id")
        people.write({"date_entered": cls._now() - timedelta(days=20)})
        people.task_ids.write(
            {
                "state": "done",
                "outcome": "next",
                "date_done": cls._now() - timedelta(days=15),
            }
        )
        cls.env["crm.campaign.task"].create(
            [
                {
                    "participant_id": one.id,
                    "campaign_id": cls.campaign.id,
                    "step_id": cls.second.id,
                    "state": "done",
                    "date_planned": cls._now() - timedelta(days=10),
                    "date_done": cls._now() - timedelta(days=10),
                }
                for one in people[:2]
            ]
        )
        cls.lookers = {
            level: new_test_user(
                cls.env,
                login=f"money_{level}",
                groups=f"crm_campaigns.crm_campaigns_group_user,{group}",
                company_id=cls.company.id,
            )
            for level, group in (
                ("marketer", "crm_plus.crm_plus_group_manager"),
                ("accountant", "account.group_account_readonly"),
            )
        }

    def _row(self, step):
        self._commit()
        self.env.invalidate_all()
        return (
            self.env["crm.campaign.step.report"]
            .sudo()
            .search([("step_id", "=", step.id)])
        )

    def test_what_came_after_each_step(self):
        """Ten pieces that cost 6: an invoice of 100 leaves 40."""
        self._invoice(12, 100, partner=self.buyers[0])
        self._invoice(5, 200, partner=self.buyers[1])
        self._invoice(5, 160, partner=self.buyers[2])
        # before the first step
        self._invoice(18, 500, partner=self.buyers[3])

        first, second = self._row(self.first), self._row(self.second)

        self.assertEqual((first.revenue, first.margin), (460, 40 + 140 + 100))
        self.assertEqual((second.revenue, second.margin), (200, 140))

    def test_older_campaigns_mean_the_usual_success(self):
        usual = self.campaign.result_kind_ids
        script = load_script(
            file_path("crm_campaigns/migrations/19.0.1.1.0/post-success.py"),
            "crm_campaigns_success",
        )
        self.campaign.result_kind_ids = False

        script.migrate(self.env.cr, None)
        self.assertFalse(self.campaign.result_kind_ids, "a new database")
        script.migrate(self.env.cr, "19.0.1.0.0")

        self.assertEqual(
            set(self.campaign.result_kind_ids.mapped("code")),
            {"lead_won", "order_confirmed"},
        )
        self.assertEqual(self.campaign.result_kind_ids, usual)

    def test_success_after_each_step(self):
        kind = self.campaign.result_kind_ids.filtered(
            lambda k: k.code == "order_confirmed"
        )
        for buyer, days in ((self.buyers[0], 12), (self.buyers[1], 5)):
            self.env["crm.touchpoint"].sudo().create(
                {
                    "kind_id": kind.id,
                    "date": self._now() - timedelta(days=days),
                    "partner_id": buyer.id,
                    "commercial_partner_id": buyer.id,
                    "res_model": "res.partner",
                    "res_id": buyer.id,
                    "occurrence": "figures",
                }
            )

        self.assertEqual(self._row(self.first).reached, 2)
        self.assertEqual(self._row(self.second).reached, 1)

    def _compare(self, user=None):
        self._commit()
        self.env.invalidate_all()
        Report = self.env["crm.campaign.report"]
        Report = Report.with_user(user) if user else Report.sudo()
        return Report.search([("campaign_id", "=", self.campaign.id)])

    def test_side_by_side_as_returns_of_campaigns_say(self):
        utm = self.campaign.utm_campaign_id
        self.env["crm.marketing.cost"].create(
            {
                "name": "Printer",
                "campaign_id": utm.id,
                "amount": 50,
                "date": self.today,
                "company_id": self.company.id,
            }
        )
        self._create_leads(4, campaign_id=utm.id, company_id=self.company.id)
        mail = self.env["crm.touchpoint.kind"].search([("code", "=", "campaign_sent")])
        self.env["crm.touchpoint"].sudo().create(
            {
                "kind_id": mail.id,
                "date": self._now() - timedelta(days=15),
                "partner_id": self.buyers[0].id,
                "commercial_partner_id": self.buyers[0].id,
                "campaign_id": utm.id,
                "res_model": "res.partner",
                "res_id": self.buyers[0].id,
                "occurrence": "figures",
            }
        )
        self._invoice(5, 200, partner=self.buyers[0])

        row = self._compare()

        self.assertRecordValues(
            row,
            [
                {
                    "people": 4,
                    "held_out": 0,
                    "leads": 4,
                    "cost": 50,
                    "cost_per_lead": 12.5,
                    "customers": 1,
                    "cost_per_customer": 50,
                    "revenue": 200,
                    "margin": 140,
                    "profit": 90,
                    "roi": 180,
                }
            ],
        )
        self.assertEqual(row.margin, utm.with_company(self.company).marketing_margin)

    def test_nothing_spent_has_no_return(self):
        self._invoice(5, 200, partner=self.buyers[0])
        [(roi, per_lead)] = (
            self.env["crm.campaign.report"]
            .sudo()
            ._read_group(
                [("campaign_id", "=", self.campaign.id)],
                [],
                ["roi:avg", "cost_per_lead:avg"],
            )
        )
        self.assertFalse(roi)
        self.assertFalse(per_lead)

    def test_amounts_are_for_those_who_may_see_invoices(self):
        row = self._compare(self.lookers["marketer"])
        self.assertEqual(row.people, 4)
        self.assertEqual(row.cost, 0)
        for name in ("revenue", "margin", "paid", "profit", "roi"):
            with self.subTest(name=name), self.assertRaises(AccessError):
                row.read([name])
        with self.assertRaises(AccessError):
            self._compare(self.campaign_user).read(["cost"])
        names = ["cost", "revenue", "margin", "paid", "profit", "roi"]
        self.assertTrue(self._compare(self.lookers["accountant"]).read(names))

    def test_lift_in_one_line(self):
        self.assertFalse(self._compare().lift)
        self.assertFalse(self._compare().margin_lift)
        self.env.cr.execute(
            "UPDATE crm_campaign SET holdout_percent = 10 WHERE id = %s",
            (self.campaign.id,),
        )
        self.assertEqual(self._compare().lift, "not enough people")
        self.assertEqual(self._compare().margin_lift, "not enough people")
        marketer = self._compare(self.lookers["marketer"])
        self.assertTrue(marketer.read(["lift"])[0]["lift"])
        with self.assertRaises(AccessError):
            marketer.read(["margin_lift"])
