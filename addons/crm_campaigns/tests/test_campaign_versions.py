from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, new_test_user, tagged

from .common import CampaignCommon
from .test_campaign_goal import GoalCommon


class VersionCommon(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leads = cls.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "email_from": f"l{number}@version.example",
                    "city": "Version",
                }
                for number in range(3)
            ]
        )
        cls.late = cls.env["crm.lead"].create(
            {"name": "Late", "email_from": "late@version.example"}
        )

    def _start(self):
        """``First`` mail, ``Pause``, ``Call``: all wait at ``Pause``."""
        segment = self._create_segment(self.leads, domain="[('city', '=', 'Version')]")
        campaign = self._create_campaign(segment=segment)
        self.first = self._add_step(campaign, "mail", name="First")
        self.pause = self._add_step(campaign, "wait", self.first, name="Pause")
        self.call = self._add_step(campaign, "activity", self.pause, name="Call")
        campaign.action_start()
        self._run()
        return campaign.with_user(self.campaign_manager)

    def _edit(self, campaign):
        action = campaign.action_edit_version()
        return campaign.browse(action["res_id"])

    @staticmethod
    def _step(campaign, name):
        return campaign.step_ids.filtered(lambda step: step.name == name)

    def _add_draft_step(self, draft, kind, parent, **values):
        """Put a step between another and what follows it."""
        Step = self.env["crm.campaign.step"].with_user(self.campaign_manager)
        return Step.with_context(crm_campaigns_insert=True).create(
            {
                "campaign_id": draft.id,
                "name": kind,
                "kind": kind,
                "parent_id": parent.id,
                "branch": "next",
                **values,
            }
        )

    def _let_enter(self, campaign, lead):
        lead.city = "Version"
        campaign.sudo().segment_id._refresh()
        self._run()
        return campaign.sudo().participant_ids.filtered(lambda p: p.lead_id == lead)

    def _walked(self, participant):
        """``[(version, step, state)]`` in order."""
        return [
            (task.step_id.version_id.number, task.step_id.name, task.state)
            for task in participant.sudo().task_ids.sorted("id")
        ]


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignVersions(VersionCommon):
    # ------------------------------------------------------------
    # The draft
    # ------------------------------------------------------------

    def test_campaign_that_never_ran_has_one_version(self):
        campaign = self._create_journey(self.leads)

        self.assertEqual(campaign.version_ids.mapped("number"), [1])
        self.assertEqual(campaign.version_id.state, "current")
        self.assertEqual(campaign.step_ids.version_id, campaign.version_id)
        self.assertFalse(campaign.version_id.date_published)
        with self.assertRaisesRegex(UserError, "as they are"):
            campaign.action_edit_version()

        campaign.with_user(self.campaign_manager).action_start()

        self.assertEqual(campaign.version_id.user_id, self.campaign_manager)
        self.assertEqual(campaign.participant_ids.version_id, campaign.version_id)

    def test_editing_draws_a_copy(self):
        campaign = self._create_journey(self.leads)
        self.wait.link_step_id = self.mail
        campaign.action_start()
        mine = campaign.with_user(self.campaign_manager)

        draft = self._edit(mine)

        self.assertEqual(draft.state, "draft")
        self.assertEqual(draft.version_id.number, 2)
        self.assertEqual(draft.version_id.state, "draft")
        self.assertEqual(
            [(s.name, s.parent_id.name, s.branch, s.lineage) for s in draft.step_ids],
            [
                (s.name, s.parent_id.name, s.branch, s.lineage)
                for s in campaign.step_ids
            ],
        )
        self.assertFalse(draft.step_ids & campaign.step_ids)
        copied = self._step(draft, "Mail 1")
        self.assertNotEqual(copied.mailing_id, self.mail.mailing_id)
        self.assertEqual(copied.body, self.mail.body)
        self.assertEqual(self._step(draft, "Click?").clicked_step_id, copied)
        self.assertEqual(draft.utm_campaign_id, campaign.utm_campaign_id)
        # nobody sees it in a list; to edit again is to go on
        Campaign = self.env["crm.campaign"]
        self.assertEqual(Campaign.search([("name", "=", campaign.name)]), campaign)
        self.assertEqual(self._edit(mine), draft)
        self.assertEqual(mine.draft_ids, draft)

    def test_running_steps_stay_while_the_next_version_is_drawn(self):
        """Trap D13: what runs was changed under their feet."""
        campaign = self._start()
        draft = self._edit(campaign)
        self._step(draft, "Pause").delay_count = 9
        self._step(draft, "First").body = "<p>Other</p>"
        draft.canvas_remove(self._step(draft, "Call").id)

        self.assertEqual(self.pause.delay_count, 2)
        self.assertNotIn("Other", self.first.body)
        self._pass(3)
        self._run()
        self.assertEqual(
            {self._walked(p)[-1] for p in campaign.sudo().participant_ids},
            {(1, "Call", "done")},
        )
        with self.assertRaisesRegex(UserError, "Stop the campaign.*Edit"):
            self.pause.delay_count = 5

    def test_a_draft_is_not_started_and_nobody_enters_it(self):
        campaign = self._start()
        draft = self._edit(campaign)

        with self.assertRaisesRegex(UserError, "publish it"):
            draft.action_start()
        self.assertEqual(draft.sudo()._count_audience(), 0)
        self.assertFalse(draft.participant_ids)
        # the dry run tells who is inside
        self.assertIn("On the way in this campaign already", str(draft.get_dry_run()))

    def test_stopped_campaign_with_a_draft_is_changed_there(self):
        campaign = self._start()
        self._edit(campaign)
        campaign.action_stop()

        with self.assertRaisesRegex(UserError, "is being drawn"):
            self.pause.with_user(self.campaign_manager).delay_count = 5
        canvas = campaign.get_canvas()
        self.assertFalse(canvas["can_edit"])
        self.assertIn("being drawn", canvas["hint"])

    def test_discarded_draft_leaves_nothing(self):
        campaign = self._start()
        draft = self._edit(campaign)
        steps, mailings = draft.step_ids, draft.step_ids.mailing_id
        version = draft.version_id

        draft.action_discard_draft()

        for records in (draft, steps, mailings, version):
            self.assertFalse(records.exists())
        self.assertTrue(self.first.mailing_id.exists())
        self.assertEqual(campaign.version_ids.mapped("number"), [1])
        self.assertEqual(self._edit(campaign).version_id.number, 2)

    def test_settings_of_mails_go_into_the_next_version_and_are_told(self):
        campaign = self._start()
        attachment = self.env["ir.attachment"].create(
            {"name": "lots.txt", "datas": "bG90cw=="}
        )
        self.first.mailing_id.sudo().write(
            {
                "attachment_ids": [Command.set(attachment.ids)],
                "preview": "Six lots",
                "reply_to_mode": "new",
                "reply_to": "lots@test.example.com",
            }
        )
        draft = self._edit(campaign)
        mail = self._step(draft, "First")

        self.assertEqual(mail.mailing_id.attachment_ids, attachment)
        self.assertEqual(mail.mailing_id.reply_to, "lots@test.example.com")
        self.assertFalse(draft._get_version_changes(), "nothing was changed yet")
        mail.mailing_id.sudo().preview = "Five lots"
        [change] = draft._get_version_changes()
        self.assertIn("Preview", change)
        # one setting of a mail is enough for a version
        draft._publish()
        draft = self._edit(campaign)
        purpose = self.env["crm.consent.purpose"].search(
            [("nature", "!=", "transaction")], limit=1
        )
        self._step(draft, "First").contact_purpose_id = purpose
        [change] = draft._get_version_changes()
        self.assertIn("Purpose", change)

    def test_a_draft_is_called_as_its_campaign_is(self):
        campaign = self._start()
        draft = self._edit(campaign)
        campaign.name = "Winter"

        self._edit(campaign)

        self.assertEqual(draft.name, "Winter")

    def test_a_new_sender_reaches_those_on_an_earlier_version(self):
        campaign = self._start()
        draft = self._edit(campaign)
        self._step(draft, "Pause").delay_count = 9
        draft._publish()
        self.assertTrue(self.first.is_retired)

        campaign.email_from = "Winter <winter@test.example.com>"

        for step in (self.first, self._step(campaign, "First")):
            self.assertIn("winter@", step.mailing_id.email_from)

    def test_a_deleted_campaign_leaves_nothing(self):
        campaign = self._create_journey(self.leads.browse())
        campaign.action_start()
        draft = campaign.browse(campaign.action_edit_version()["res_id"])
        left = [
            draft,
            (campaign | draft).all_step_ids,
            (campaign | draft).all_step_ids.mailing_id,
            campaign.version_ids,
        ]
        self.assertEqual([len(records) for records in left], [1, 8, 4, 2])

        campaign.with_user(self.campaign_manager).unlink()

        for records in left:
            self.assertFalse(records.exists())

    # ------------------------------------------------------------
    # What may be published
    # ------------------------------------------------------------

    def test_what_is_unfinished_or_the_same_is_not_published(self):
        campaign = self._start()
        draft = self._edit(campaign)

        with self.assertRaisesRegex(UserError, "Nothing is different"):
            draft._publish()
        mail = self._add_draft_step(
            draft, "mail", self._step(draft, "Call"), name="More", subject="More"
        )
        with self.assertRaisesRegex(UserError, "More: the mail is empty"):
            draft._publish()
        wizard = self.env["crm.campaign.publish"].browse(
            draft.action_ask_publish()["res_id"]
        )
        self.assertTrue(wizard.is_blocked)

        mail.body = '<p>More</p><a href="/unsubscribe_from_list">Out</a>'
        draft._publish()
        self.assertEqual(campaign.version_id.number, 2)
        with self.assertRaisesRegex(UserError, "no draft"):
            campaign._publish()

    def test_large_audience_needs_an_approval(self):
        campaign = self._start()
        second = new_test_user(
            self.env,
            login="version_second",
            groups="crm_campaigns.crm_campaigns_group_manager",
            company_id=self.company.id,
            email="second@test.example.com",
        )
        draft = self._edit(campaign)
        self._step(draft, "Pause").delay_count = 9
        self.company.crm_campaigns_approval_limit = 3

        with self.assertRaisesRegex(UserError, "3 people .*approval"):
            draft._publish()
        draft._ask_approval("Longer")
        self.env["crm.campaign.approve"].with_user(second).create(
            {"campaign_id": draft.id}
        ).campaign_id._decide_approval("approved")
        draft._publish({})

        self.assertEqual(campaign.version_id.approved_by_id, second)
        self.assertEqual(campaign.version_id.user_id, self.campaign_manager)
        # it goes with the campaign
        self.assertEqual(campaign.approval_ids.state, "approved")

    def test_rights(self):
        campaign = self._start()
        draft = self._edit(campaign)
        self._step(draft, "Pause").delay_count = 9
        reader = campaign.with_user(self.campaign_user)
        other_company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = new_test_user(
            self.env,
            login="version_stranger",
            groups="crm_campaigns.crm_campaigns_group_manager",
            company_id=other_company.id,
            company_ids=[Command.set(other_company.ids)],
            email="stranger@test.example.com",
        )

        self.assertTrue(reader.version_ids.mapped("running_count"))
        for user in (self.campaign_user, stranger):
            for act in (
                lambda u=user: campaign.with_user(u).action_edit_version(),
                lambda u=user: draft.with_user(u).action_ask_publish(),
                lambda u=user: draft.with_user(u)._publish({}),
                lambda u=user: draft.with_user(u).action_discard_draft(),
            ):
                with self.assertRaises(AccessError), self.cr.savepoint():
                    act()
        version = campaign.version_id
        for user in (self.campaign_user, self.campaign_manager):
            with self.assertRaises(AccessError):
                version.with_user(user).number = 7
        with self.assertRaises(AccessError):
            version.with_user(stranger).read(["number"])
        self.assertEqual(
            self.env["crm.campaign.version"].with_user(stranger).search([]),
            self.env["crm.campaign.version"],
        )

    # ------------------------------------------------------------
    # Finish on theirs
    # ------------------------------------------------------------

    def test_those_inside_finish_on_their_version(self):
        campaign = self._start()
        draft = self._edit(campaign)
        draft.canvas_remove(self._step(draft, "Call").id)
        self._add_draft_step(
            draft,
            "mail",
            self._step(draft, "Pause"),
            name="Second",
            subject="Second",
            body=self.first.body,
        )

        self.assertEqual(draft._publish(), 0)

        self.assertFalse(draft.exists())
        self.assertEqual(campaign.step_ids.mapped("name"), ["First", "Pause", "Second"])
        self.assertEqual(
            [(v.number, v.state) for v in campaign.version_ids],
            [(2, "current"), (1, "retired")],
        )
        self.assertEqual(campaign.version_ids.mapped("running_count"), [0, 3])
        self.assertIn("Gone: “Call”", campaign.version_id.changes)
        self.assertIn("New: “Second”, after “Pause”", campaign.version_id.changes)
        self.assertIn("Version 2", campaign.message_ids[0].body)

        late = self._let_enter(campaign, self.late)
        self._pass(3)
        self._run()
        for participant in campaign.sudo().participant_ids - late:
            self.assertEqual(
                self._walked(participant),
                [(1, "First", "done"), (1, "Pause", "done"), (1, "Call", "done")],
            )
            self.assertEqual(participant.state, "done")
        self.assertEqual(
            self._walked(late),
            [(2, "First", "done"), (2, "Pause", "done"), (2, "Second", "done")],
        )

    def test_a_goal_is_reached_in_an_earlier_version(self):
        """See also ``TestVersionGoal``: only those who go through its tree jump."""
        campaign = self._start()
        draft = self._edit(campaign)
        self._step(draft, "Pause").delay_count = 9
        draft._publish()

        self.assertEqual(
            campaign.sudo()._get_used_version_ids(),
            campaign.version_ids.filtered(lambda v: v.number == 1).ids,
        )

    def test_history_is_not_changed(self):
        campaign = self._start()
        draft = self._edit(campaign)
        self._step(draft, "Pause").delay_count = 9
        draft._publish()
        campaign.action_stop()
        retired = self.pause.with_user(self.campaign_manager)

        for change in (
            lambda: retired.write({"delay_count": 4}),
            lambda: retired.write({"name": "Other"}),
            retired.unlink,
            lambda: self.first.mailing_id.write({"subject": "Other"}),
        ):
            with self.assertRaises(UserError), self.cr.savepoint():
                change()
        # what runs now is changed as before
        self._step(campaign, "Pause").delay_count = 4

    def test_each_version_is_drawn_and_nothing_is_done_on_it(self):
        campaign = self._start()
        draft = self._edit(campaign)
        self._add_draft_step(draft, "wait", self._step(draft, "First"), name="Rest")
        draft.canvas_remove(self._step(draft, "Call").id)
        drawn = draft.version_id.get_canvas()
        self.assertEqual(drawn["state"], "draft")
        self.assertEqual(
            [step["name"] for step in drawn["steps"]], ["First", "Rest", "Pause"]
        )
        draft._publish()
        self._let_enter(campaign, self.late)

        for user in (self.campaign_manager, self.campaign_user):
            now, earlier = (
                version.with_user(user).get_canvas() for version in campaign.version_ids
            )
            self.assertEqual(
                [(step["name"], step["done"]) for step in earlier["steps"]],
                [("First", 3), ("Pause", 0), ("Call", 0)],
            )
            self.assertEqual(
                [step["name"] for step in now["steps"]], ["First", "Rest", "Pause"]
            )
            # of its own people: on the journey of the campaign it is all four
            self.assertEqual([step["done"] for step in now["steps"]], [1, 0, 0])
            self.assertEqual(
                [canvas["steps"][0]["figures"][0]["text"] for canvas in (now, earlier)],
                ["1", "3"],
            )
            self.assertEqual(earlier["start"]["running"], 3)
            self.assertEqual(now["start"]["running"], 1)
            self.assertIn("earlier version", earlier["hint"])
            for canvas in (now, earlier):
                self.assertFalse(canvas["can_edit"] or canvas["can_write"])
                self.assertFalse(any(step["can_design"] for step in canvas["steps"]))
        action = campaign.version_ids[1].action_view_drawing()
        self.assertEqual(
            (action["res_model"], action["res_id"]),
            ("crm.campaign.version", campaign.version_ids[1].id),
        )
        with self.assertRaises(AccessError):
            campaign.version_ids[1].with_user(self.seller).get_canvas()

    def test_queries_of_a_drawn_version_do_not_grow_with_its_steps(self):
        campaign = self._start()
        draft = self._edit(campaign)
        last = self._step(draft, "Call")
        for number in range(12):
            last = self._add_draft_step(
                draft,
                "mail",
                last,
                name=f"Mail {number}",
                subject="More",
                body=self.first.body,
            )
        draft._publish()
        large, small = campaign.version_ids
        counts = []
        for version_id in (small.id, large.id):
            version = small.browse(version_id)
            version.get_canvas()  # what is cached for ever
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            version.get_canvas()
            counts.append(self.cr.sql_log_count - before)

        self.assertEqual(len(large.step_ids), 15)
        # one to find the earlier ones of its steps
        self.assertLessEqual(counts[1], counts[0] + 1)

    # ------------------------------------------------------------
    # Moved
    # ------------------------------------------------------------

    def test_moved_people_wait_on_at_the_same_step(self):
        campaign = self._start()
        dates = (
            campaign.sudo()
            .participant_ids.task_ids.filtered(lambda k: k.state == "planned")
            .mapped("date_planned")
        )
        draft = self._edit(campaign)
        self._add_draft_step(
            draft,
            "mail",
            self._step(draft, "First"),
            name="Between",
            subject="Between",
            body=self.first.body,
        )
        self._step(draft, "Call").activity_summary = "Call them twice"

        self.assertEqual(draft._publish({}), 3)

        self.assertEqual(campaign.version_id.moved_count, 3)
        participants = campaign.sudo().participant_ids
        self.assertEqual(participants.version_id, campaign.version_id)
        for participant in participants:
            self.assertEqual(
                self._walked(participant),
                [(2, "First", "done"), (2, "Pause", "planned")],
            )
        waiting = participants.task_ids.filtered(lambda k: k.state == "planned")
        self.assertEqual(waiting.mapped("date_planned"), dates)

        # what they have passed is passed, also after a stop
        campaign.action_stop()
        campaign.action_start()
        self._pass(3)
        self._run()
        for participant in participants:
            self.assertEqual(
                self._walked(participant),
                [(2, "First", "done"), (2, "Pause", "done"), (2, "Call", "done")],
            )
        self.assertEqual(
            set(
                self.env["mail.activity"]
                .search([("res_id", "in", self.leads.ids)])
                .mapped("summary")
            ),
            {"Call them twice"},
        )
        self.assertEqual(self._recipients(), [])

    def test_nothing_is_done_twice_where_the_order_changes(self):
        """Pause, First, Call: who has got the mail and waits goes on to the call.

        Trap D13.
        """
        campaign = self._start()
        draft = self._edit(campaign)
        first, pause, _call = draft.step_ids
        draft.canvas_move(pause.id, False, "next")
        draft.canvas_move(first.id, pause.id, "next")
        self.assertEqual(draft.step_ids.mapped("name"), ["Pause", "First", "Call"])

        draft._publish({})
        self._pass(3)
        self._run()

        for participant in campaign.sudo().participant_ids:
            self.assertEqual(
                self._walked(participant),
                [(2, "First", "done"), (2, "Pause", "done"), (2, "Call", "done")],
            )
            self.assertEqual(participant.state, "done")
        self.assertEqual(self._recipients(), [])
        # who enters now waits first
        late = self._let_enter(campaign, self.late)
        self.assertEqual(self._walked(late), [(2, "Pause", "planned")])

    def _publish_without_pause(self, choice):
        campaign = self._start()
        draft = self._edit(campaign)
        draft.canvas_remove(self._step(draft, "Pause").id, "next")
        if isinstance(choice, str) and choice == "go":
            choice = self._step(draft, "Call")
        moved = draft._publish({self.pause: choice})
        return campaign, moved

    def test_gone_step_go_on(self):
        campaign, moved = self._publish_without_pause("go")

        self.assertEqual(moved, 3)
        self._run()
        for participant in campaign.sudo().participant_ids:
            self.assertEqual(
                self._walked(participant),
                [(2, "First", "done"), (1, "Pause", "skipped"), (2, "Call", "done")],
            )
            self.assertEqual(participant.state, "done")
            skipped = participant.task_ids.filtered(lambda k: k.state == "skipped")
            self.assertIn("not in Version 2", skipped.reason)

    def test_gone_step_at_the_end(self):
        campaign, moved = self._publish_without_pause(
            self.env["crm.campaign.step"].browse()
        )

        self.assertEqual(moved, 3)
        self.assertEqual(campaign.sudo().participant_ids.mapped("state"), ["done"] * 3)

    def test_gone_step_leave(self):
        campaign, moved = self._publish_without_pause("leave")

        self.assertEqual(moved, 0)
        participants = campaign.sudo().participant_ids
        self.assertEqual(participants.mapped("state"), ["exited"] * 3)
        self.assertEqual(set(participants.mapped("exit_reason")), {"version"})
        self._pass(3)
        self._run()
        self.assertNotIn("Call", participants.task_ids.step_id.mapped("name"))

    def test_gone_step_stay(self):
        campaign, moved = self._publish_without_pause("stay")

        self.assertEqual(moved, 0)
        self._pass(3)
        self._run()
        for participant in campaign.sudo().participant_ids:
            self.assertEqual(
                self._walked(participant),
                [(1, "First", "done"), (1, "Pause", "done"), (1, "Call", "done")],
            )

    def test_who_is_in_the_middle_of_a_step_finishes_on_theirs(self):
        campaign = self._start()
        participants = campaign.sudo().participant_ids.sorted("res_id")
        busy = participants[0]
        busy.task_ids.filtered(lambda k: k.state == "planned").state = "reserved"
        draft = self._edit(campaign)
        self._step(draft, "Call").activity_summary = "Other"

        wizard = self.env["crm.campaign.publish"].with_user(self.campaign_manager)
        wizard = wizard.browse(draft.action_ask_publish()["res_id"])
        wizard.inside = "move"
        self.assertIn("1 at “Pause”: it is being done", wizard.outcome)
        self.assertIn("2 at “Pause” wait on there", wizard.outcome)
        wizard.action_publish()

        self.assertEqual([p.version_id.number for p in participants], [1, 2, 2])
        self.assertEqual(campaign.version_id.moved_count, 2)

    def test_moved_twice(self):
        campaign = self._start()
        for days in (5, 6):
            draft = self._edit(campaign)
            self._step(draft, "Pause").delay_count = days
            self.assertEqual(draft._publish({}), 3)

        self.assertEqual(campaign.version_ids.mapped("running_count"), [3, 0, 0])
        self.assertEqual(
            self._walked(campaign.sudo().participant_ids[0]),
            [(3, "First", "done"), (3, "Pause", "planned")],
        )
        self.assertEqual(self.pause.latest_id, self._step(campaign, "Pause"))

    # ------------------------------------------------------------
    # What is shown before
    # ------------------------------------------------------------

    def test_the_wizard_says_what_will_happen(self):
        campaign = self._start()
        draft = self._edit(campaign)
        draft.canvas_remove(self._step(draft, "Pause").id, "next")
        self._step(draft, "Call").name = "Call them"

        action = draft.action_ask_publish()
        wizard = (
            self.env["crm.campaign.publish"]
            .with_user(self.campaign_manager)
            .browse(action["res_id"])
        )

        for text in ("Gone: “Pause”", "Changed: “Call them” (Name)", "Elsewhere"):
            self.assertIn(text, wizard.changes)
        self.assertIn("3 people inside finish on their version", wizard.outcome)
        with Form(wizard) as form:
            form.inside = "move"
            self.assertIn("go on at “Call them”", form.outcome)
            with form.line_ids.edit(0) as line:
                line.choice = "leave"
            self.assertIn("3 at “Pause” leave", form.outcome)
            with form.line_ids.edit(0) as line:
                line.choice = "stay"
            self.assertIn("finish on their version", form.outcome)
            with form.line_ids.edit(0) as line:
                line.choice = "go"
        wizard.action_publish()

        self._run()
        self.assertEqual(
            {self._walked(p)[-1] for p in campaign.sudo().participant_ids},
            {(2, "Call them", "done")},
        )

    def test_nobody_goes_on_in_another_campaign(self):
        campaign = self._start()
        other = self._create_journey(self.leads)
        draft = self._edit(campaign)
        draft.canvas_remove(self._step(draft, "Pause").id, "next")
        wizard = self.env["crm.campaign.publish"].browse(
            draft.action_ask_publish()["res_id"]
        )

        with self.assertRaisesRegex(UserError, "step of the new version"):
            wizard.line_ids.target_id = other.step_ids[0]

    # ------------------------------------------------------------
    # What goes over versions
    # ------------------------------------------------------------

    def test_figures_of_a_step_are_of_all_its_versions(self):
        campaign = self._start()
        draft = self._edit(campaign)
        self._step(draft, "Pause").delay_count = 9
        draft._publish()
        self._let_enter(campaign, self.late)
        self.env.flush_all()

        first = self._step(campaign, "First")
        self.assertEqual(first.done_count, 4)
        self.assertEqual(self.first.done_count, 3)
        self.assertEqual(self._step(campaign, "Pause").waiting_count, 4)
        rows = self.env["crm.campaign.step.report"].search(
            [("campaign_id", "=", campaign.id)]
        )
        self.assertEqual(rows.step_id, campaign.step_ids)
        self.assertEqual(
            [(row.step_id.name, row.people, row.before) for row in rows],
            [("First", 4, 4), ("Pause", 4, 4), ("Call", 0, 4)],
        )
        self.assertEqual(rows[0].mails, 4)
        tasks = self.env["crm.campaign.task"].search(
            rows[0].action_view_people()["domain"]
        )
        self.assertEqual(len(tasks), 4)
        canvas = campaign.get_canvas()
        self.assertEqual([step["done"] for step in canvas["steps"]], [4, 0, 0])

    def test_a_draft_is_in_no_report(self):
        campaign = self._start()
        draft = self._edit(campaign)

        for model in ("crm.campaign.report", "crm.campaign.step.report"):
            found = self.env[model].search([]).campaign_id
            self.assertIn(campaign.sudo(), found)
            self.assertNotIn(draft.sudo(), found)

    def test_file_and_copy_are_of_the_current_version(self):
        campaign = self._start()
        draft = self._edit(campaign)
        draft.canvas_remove(self._step(draft, "Call").id)
        draft._publish()
        self._edit(campaign)

        content = campaign._get_file_content()
        self.assertEqual([s["name"] for s in content["steps"]], ["First", "Pause"])
        self.assertNotIn("lineage", str(content))
        copy = campaign.copy()
        self.assertEqual(copy.step_ids.mapped("name"), ["First", "Pause"])
        self.assertEqual(copy.version_ids.mapped("number"), [1])
        self.assertFalse(
            set(copy.step_ids.mapped("lineage"))
            & set(campaign.step_ids.mapped("lineage"))
        )

    def test_a_split_by_chance_draws_the_same_in_the_next_version(self):
        campaign = self._create_campaign(self.leads)
        split = self._add_step(
            campaign,
            "split_random",
            name="Split",
            winner_by="revenue",
            winner_hours=0,
            way_ids=[Command.create({"name": name}) for name in "AB"],
        )
        waits = [
            self._add_step(
                campaign, "wait", split, "way", way_id=way.id, name=f"Wait {way.name}"
            )
            for way in split.way_ids
        ]
        campaign.action_start()
        mine = campaign.with_user(self.campaign_manager)
        self._run()
        draft = self._edit(mine)
        copied = self._step(draft, "Split")
        persons = {i: f"p{i}@version.example" for i in range(200)}

        def draw(step):
            ways = step._get_kind()._draw(persons)
            return {way.name: sorted(keys) for way, keys in ways.items()}

        self.assertEqual(draw(split), draw(copied))
        self.assertEqual(
            copied.way_ids.mapped("lineage"), split.way_ids.mapped("lineage")
        )
        self.assertFalse(copied.way_ids & split.way_ids)

        # the winner is found meanwhile, and holds in both
        split.way_ids[1].action_win()
        self._step(draft, "Wait A").delay_count = 5
        draft._publish({})

        self.assertEqual(copied.winner_way_id, copied.way_ids[1])
        by_lead = {
            task.participant_id: task.way_id for task in self._tasks(campaign, copied)
        }
        self.assertEqual(len(by_lead), 3)
        self.assertLessEqual(set(by_lead.values()), set(copied.way_ids))
        self.assertEqual(sum(way.count for way in copied.sudo()._get_way_figures()), 3)
        self.assertEqual({wait.latest_id.campaign_id for wait in waits}, {campaign})


@tagged("post_install", "-at_install", "crm_campaigns")
class TestVersionGoal(VersionCommon, GoalCommon):
    def test_goals_of_earlier_versions_are_reached(self):
        campaign = self._create_campaign(self.leads)
        wait = self._add_step(campaign, "wait", name="Pause")
        goal = self._add_step(
            campaign,
            "goal",
            wait,
            name="Ordered",
            event_kind_ids=[Command.set(self._kind("order_confirmed").ids)],
        )
        self._add_step(campaign, "activity", goal, "yes", name="Thank")
        campaign.action_start()
        mine = campaign.with_user(self.campaign_manager)
        draft = self._edit(mine)
        self._step(draft, "Pause").delay_count = 9
        draft._publish()

        self._happens("order_confirmed", self.leads[0])
        self._run()

        tasks = self._tasks(campaign).filtered(
            lambda k: k.participant_id.lead_id == self.leads[0]
        )
        self.assertEqual(
            [(k.step_id.version_id.number, k.step_id.name, k.state) for k in tasks],
            [(1, "Pause", "skipped"), (1, "Ordered", "done"), (1, "Thank", "done")],
        )
        # the others are moved, and jump in their new version
        draft = self._edit(mine)
        self._step(draft, "Pause").delay_count = 10
        self.assertEqual(draft._publish({}), 2)
        self._happens("order_confirmed", self.leads[1])
        self._run()
        tasks = self._tasks(campaign).filtered(
            lambda k: k.participant_id.lead_id == self.leads[1]
        )
        self.assertEqual(
            [(k.step_id.version_id.number, k.step_id.name, k.state) for k in tasks],
            [(3, "Pause", "skipped"), (3, "Ordered", "done"), (3, "Thank", "done")],
        )
        self.assertEqual(self._step(campaign, "Ordered").goal_count, 2)


@tagged("post_install", "-at_install", "crm_campaigns_tour")
class TestVersionTour(VersionCommon, HttpCase):
    def test_marketer_edits_what_runs(self):
        campaign = self._start()
        campaign.sudo().name = "Versioned campaign"
        marketer = new_test_user(
            self.env,
            login="version_marketer",
            groups="crm_campaigns.crm_campaigns_group_manager,"
            "sales_team.group_sale_salesman_all_leads",
            email="version_marketer@test.example.com",
        )

        self.start_tour(
            f"/odoo/campaigns/{campaign.id}",
            "crm_campaigns_versions",
            login=marketer.login,
        )

        self.assertEqual(campaign.version_id.number, 2)
        self.assertEqual(campaign.version_id.user_id, marketer)
        self.assertEqual(
            campaign.step_ids.mapped("name"), ["First", "Rest", "Pause", "Call"]
        )
        self.assertEqual(campaign.version_id.moved_count, 3)
        self._pass(3)
        self._run()
        self.assertEqual(
            {self._walked(p)[-1] for p in campaign.sudo().participant_ids},
            {(2, "Call", "done")},
        )
