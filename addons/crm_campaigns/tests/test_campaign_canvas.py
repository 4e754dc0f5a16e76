from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged, users, warmup

from .common import CampaignCommon


@tagged("post_install", "-at_install", "crm_campaigns_canvas")
class TestCampaignCanvas(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls.env["crm.lead"].create(
            {"name": "Ida", "email_from": "ida@brandt.example"}
        )
        cls.campaign = cls._create_journey(cls.lead)

    def _tree(self):
        """``[(step, before, way)]`` as it is drawn."""
        steps = self.campaign.get_canvas()["steps"]
        names = {step["id"]: step["name"] for step in steps} | {False: ""}
        return [(step["name"], names[step["parent_id"]], step["way"]) for step in steps]

    # ------------------------------------------------------------
    # What is drawn
    # ------------------------------------------------------------

    @users("campaign_manager")
    def test_canvas_tells_each_step_in_plain_words(self):
        canvas = self.campaign.with_user(self.env.user).get_canvas()

        self.assertTrue(canvas["can_edit"])
        self.assertIn("Audience", canvas["start"]["name"])
        self.assertEqual(
            [(step["name"], step["text"]) for step in canvas["steps"]],
            [
                ("Mail 1", "Autumn roast"),
                ("Click?", "A link of “Mail 1”, within 3 days"),
                ("Call", "Call them, due the next day"),
                ("Mail 2", "Still there?"),
            ],
        )
        self.assertEqual(
            [(way["key"], way["label"]) for way in canvas["steps"][1]["ways"]],
            [("yes", "clicked"), ("no", "no click in time")],
        )
        self.assertEqual([step["problems"] for step in canvas["steps"]], [[]] * 4)
        for step in canvas["steps"]:
            kind = next(k for k in canvas["kinds"] if k["kind"] == step["kind"])
            self.assertTrue(kind["icon"].startswith("fa-"))

    def test_every_kind_is_offered_and_drawn(self):
        kinds = self.campaign.get_canvas()["kinds"]
        for kind in kinds:
            self._add_step(self.campaign, kind["kind"], self.call)
        update = self.campaign.step_ids.filtered(lambda s: s.kind == "update")
        update.value_ids = [
            Command.create(
                {
                    "field_id": self.env["ir.model.fields"]._get("crm.lead", "city").id,
                    "value": "Porto",
                }
            )
        ]
        self.env.invalidate_all()

        for user in (self.campaign_manager, self.campaign_user):
            steps = self.campaign.with_user(user).get_canvas()["steps"]
            drawn = {step["kind"]: step for step in steps}
            self.assertEqual(set(drawn), {kind["kind"] for kind in kinds})
            self.assertIn("Porto", drawn["update"]["text"])
        self.assertEqual(
            [way["key"] for way in drawn["condition"]["ways"]], ["yes", "no"]
        )

    def test_problems_are_shown_where_they_are(self):
        self.mail.mailing_id.body_html = False

        problems = self.campaign.get_canvas()["steps"][0]["problems"]

        self.assertEqual(problems, ["the mail is empty."])

    def test_counts_are_those_of_the_tasks(self):
        self.campaign.action_start()
        self._run()

        canvas = self.campaign.get_canvas()

        self.assertFalse(canvas["can_edit"], "it runs")
        self.assertTrue(canvas["can_write"])
        self.assertEqual(canvas["start"]["running"], 1)
        self.assertEqual(
            [(step["waiting"], step["done"]) for step in canvas["steps"]],
            [(0, 1), (1, 0), (0, 0), (0, 0)],
        )

    @users("campaign_user")
    def test_who_only_reads_is_offered_nothing(self):
        canvas = self.campaign.with_user(self.env.user).get_canvas()

        self.assertEqual(len(canvas["steps"]), 4)
        self.assertFalse(canvas["can_edit"])
        self.assertFalse(canvas["can_write"])

    def test_sellers_do_not_see_it(self):
        with self.assertRaises(AccessError):
            self.campaign.with_user(self.seller).get_canvas()

    @users("campaign_manager")
    @warmup
    def test_queries_do_not_grow_with_the_steps(self):
        campaign = self.campaign.with_user(self.env.user)
        canvas = self._count_queries(campaign)
        last = self.mail_2
        for number in range(12):
            for kind in ("mail", "wait_click"):
                last = self._add_step(
                    self.campaign,
                    kind,
                    last,
                    last._get_canvas_ways()[0]["key"],
                    name=f"{kind} {number}",
                )

        self.assertEqual(self._count_queries(campaign), canvas)

    def _count_queries(self, campaign):
        self.env.flush_all()
        campaign.get_canvas()  # what is cached for ever
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        campaign.get_canvas()
        return self.env.cr.sql_log_count - before

    # ------------------------------------------------------------
    # Add
    # ------------------------------------------------------------

    def _insert(self, kind, parent, branch="next", **values):
        campaign = self.campaign
        return (
            self.env["crm.campaign.step"]
            .with_context(crm_campaigns_insert=True)
            .create(
                {
                    "campaign_id": campaign.id,
                    "kind": kind,
                    "name": "New",
                    "parent_id": parent.id,
                    "branch": branch,
                    **values,
                }
            )
        )

    def test_added_between_two_steps(self):
        self._insert("wait", self.wait, "no", delay_count=1, delay_unit="days")

        self.assertEqual(
            self._tree(),
            [
                ("Mail 1", "", "next"),
                ("Click?", "Mail 1", "next"),
                ("Call", "Click?", "yes"),
                ("New", "Click?", "no"),
                ("Mail 2", "New", "next"),
            ],
        )

    def test_added_first_and_at_an_end(self):
        self._insert("wait", self.mail.browse())
        self._insert("activity", self.call)

        self.assertEqual(
            self._tree(),
            [
                ("New", "", "next"),
                ("Mail 1", "New", "next"),
                ("Click?", "Mail 1", "next"),
                ("Call", "Click?", "yes"),
                ("New", "Call", "next"),
                ("Mail 2", "Click?", "no"),
            ],
        )

    def test_what_follows_a_question_is_its_usual_answer(self):
        new = self._insert("wait_click", self.mail)

        self.assertEqual((self.wait.parent_id, self.wait.branch), (new, "yes"))

    # ------------------------------------------------------------
    # Move
    # ------------------------------------------------------------

    def test_moves_with_what_hangs_below_it(self):
        wait_2 = self._add_step(self.campaign, "wait", self.mail_2, name="Pause")

        self.campaign.canvas_move(self.mail_2.id, self.call.id, "next")

        self.assertEqual(
            self._tree(),
            [
                ("Mail 1", "", "next"),
                ("Click?", "Mail 1", "next"),
                ("Call", "Click?", "yes"),
                ("Mail 2", "Call", "next"),
                ("Pause", "Mail 2", "next"),
            ],
        )
        self.assertEqual(wait_2.mail_step_id, self.mail_2)

    def test_what_was_there_comes_after_what_is_put_there(self):
        self._add_step(self.campaign, "wait", self.mail_2, name="Pause")

        self.campaign.canvas_move(self.mail_2.id, False, "next")

        self.assertEqual(
            self._tree(),
            [
                ("Mail 2", "", "next"),
                ("Pause", "Mail 2", "next"),
                ("Mail 1", "Pause", "next"),
                ("Click?", "Mail 1", "next"),
                ("Call", "Click?", "yes"),
            ],
        )

    def test_moves_to_a_way_of_a_split(self):
        split = self._add_step(
            self.campaign,
            "split_random",
            self.call,
            way_ids=[Command.create({"name": name}) for name in ("Letter", "Call")],
        )
        letter, call = (
            way["key"] for way in self.campaign.get_canvas()["steps"][3]["ways"]
        )

        self.campaign.canvas_move(self.mail_2.id, split.id, call)

        self.assertEqual(self._tree()[-1], ("Mail 2", "split_random", call))
        self.assertEqual(self.mail_2.way_id.name, "Call")
        self.campaign.canvas_remove(split.id, call)
        self.assertEqual(self._tree()[-1], ("Mail 2", "Call", "next"))
        self.assertNotEqual(letter, call)

    def test_nothing_is_put_between_an_end_and_what_follows(self):
        with self.assertRaisesRegex(UserError, "does not lead on"):
            self._insert("exit", self.mail)

    def test_put_back_where_it_is_changes_nothing(self):
        beside = self._add_step(self.campaign, "wait", self.wait, "no", name="Beside")
        before = self._tree()

        self.campaign.canvas_move(self.mail_2.id, self.wait.id, "no")

        self.assertEqual(self._tree(), before)
        self.assertEqual(beside.parent_id, self.wait)

    def test_not_below_itself(self):
        with self.assertRaisesRegex(UserError, "which comes after it"):
            self.campaign.canvas_move(self.mail.id, self.call.id, "next")
        with self.assertRaisesRegex(UserError, "which comes after it"):
            self.campaign.canvas_move(self.mail.id, self.mail.id, "next")

    def test_only_to_a_way_that_there_is(self):
        with self.assertRaisesRegex(UserError, "not this way out"):
            self.campaign.canvas_move(self.call.id, self.mail.id, "yes")

    def test_only_steps_of_this_campaign(self):
        other = self._add_step(self._create_campaign(self.lead), "wait")
        gone = self._add_step(self.campaign, "wait", self.call)
        gone_id = gone.id
        gone.unlink()

        for args in [
            (other.id, self.call.id, "next"),
            (self.call.id, other.id, "next"),
            (gone_id, self.call.id, "next"),
        ]:
            with self.assertRaisesRegex(UserError, "not there any more"):
                self.campaign.canvas_move(*args)
        with self.assertRaisesRegex(UserError, "not there any more"):
            self.campaign.canvas_remove(other.id)

    def test_not_while_it_runs(self):
        self.campaign.action_start()

        with self.assertRaisesRegex(UserError, "Stop the campaign"):
            self.campaign.canvas_move(self.mail_2.id, self.call.id, "next")
        with self.assertRaisesRegex(UserError, "Stop the campaign"):
            self.campaign.canvas_remove(self.call.id)

    # ------------------------------------------------------------
    # Remove
    # ------------------------------------------------------------

    def test_removed_with_all_that_follows(self):
        self.campaign.canvas_remove(self.wait.id)

        self.assertEqual(self._tree(), [("Mail 1", "", "next")])

    def test_what_follows_one_way_moves_up(self):
        self._add_step(self.campaign, "wait", self.mail_2, name="Pause")

        self.campaign.canvas_remove(self.wait.id, "no")

        self.assertEqual(
            self._tree(),
            [
                ("Mail 1", "", "next"),
                ("Mail 2", "Mail 1", "next"),
                ("Pause", "Mail 2", "next"),
            ],
        )
        self.assertFalse(self.call.exists())

    def test_the_first_step_makes_way(self):
        self.campaign.canvas_remove(self.mail.id, "next")

        self.assertEqual(
            self._tree(),
            [
                ("Click?", "", "next"),
                ("Call", "Click?", "yes"),
                ("Mail 2", "Click?", "no"),
            ],
        )
        self.assertIn(
            "no mail before it", self.campaign.get_canvas()["steps"][0]["problems"][0]
        )

    def test_where_people_have_been_is_history(self):
        self.campaign.action_start()
        self._run()
        self.campaign.action_stop()

        with self.assertRaisesRegex(UserError, "part of their history"):
            self.campaign.canvas_remove(self.mail.id, "next")
        self.campaign.canvas_remove(self.call.id)

        self.assertNotIn("Call", [name for name, _before, _way in self._tree()])

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_who_only_reads_changes_nothing(self):
        campaign = self.campaign.with_user(self.campaign_user)

        with self.assertRaises(AccessError):
            campaign.canvas_move(self.mail_2.id, self.call.id, "next")
        with self.assertRaises(AccessError):
            campaign.canvas_remove(self.call.id)
        self.assertEqual(len(self._tree()), 4)

    def test_another_company_sees_and_changes_nothing(self):
        stranger = self.campaign_manager.copy(
            {
                "login": "campaign_stranger",
                "company_id": self.company_2.id,
                "company_ids": [(6, 0, self.company_2.ids)],
            }
        )
        campaign = self.campaign.with_user(stranger)

        with self.assertRaises(AccessError):
            campaign.get_canvas()
        with self.assertRaises(AccessError):
            campaign.canvas_remove(self.call.id)
