from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.crm_campaigns.tools.step_kind import FAMILIES, StepKind
from odoo.addons.mail.models.mail_thread import MailThread

from .common import LeadsCommon

RUN_LOG = "odoo.addons.crm_campaigns.models.campaign.crm_campaign_task_run"


class StepCommon(LeadsCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # who answers for a condition or a change may read and change leads
        cls.campaign_manager.group_ids += cls.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )

    @classmethod
    def _get_field(cls, name, model="crm.lead"):
        return cls.env["ir.model.fields"]._get(model, name)

    @classmethod
    def _create_action(cls, code, **values):
        return cls.env["ir.actions.server"].create(
            {
                "name": "Do it",
                "model_id": cls.env["ir.model"]._get_id("crm.lead"),
                "state": "code",
                "code": code,
                **values,
            }
        )

    def _add_step_as(self, user, campaign, **values):
        return (
            self.env["crm.campaign.step"]
            .with_user(user)
            .create({"campaign_id": campaign.id, "name": "By them", **values})
        )

    def _start(self, kind, records=None, **values):
        """A campaign of one step of this kind, started; return both."""
        campaign = self._create_campaign(records or self.leads)
        step = self._add_step(campaign, kind, **values)
        campaign.action_start()
        return campaign, step


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignSteps(StepCommon):
    # ------------------------------------------------------------
    # Kinds
    # ------------------------------------------------------------

    def test_kinds_say_what_they_are(self):
        Step = self.env["crm.campaign.step"]

        kinds = Step._get_kinds()

        self.assertEqual(len(kinds), len(Step._get_kind_classes()), "codes are unique")
        for kind in kinds:
            with self.subTest(kind.code):
                self.assertTrue(issubclass(kind, StepKind))
                self.assertIn(kind.family, FAMILIES)
                self.assertTrue(kind.ways)
                self.assertTrue(self.env._(kind.label))
                self.assertFalse(set(kind.fields) - set(Step._fields))
                self.assertIsNot(kind.run, StepKind.run)

    def test_kind_of_another_addon(self):
        """A kind is a class in the list: nothing else needs to know it."""

        class ShoutKind(StepKind):
            code = "shout"
            label = "Shout"

            def run(self, tasks):
                tasks._done(reason="HELLO")

        Step = self.env.registry["crm.campaign.step"]
        kinds = Step._get_kinds
        self.patch(Step, "_get_kinds", lambda steps: [*kinds(steps), ShoutKind])

        campaign, _step = self._start("shout")
        self._run()

        self.assertEqual(set(self._tasks(campaign).mapped("reason")), {"HELLO"})
        self.assertIn("shout · done: HELLO", campaign.participant_ids[0].journey)

    def _forget_kind(self, step):
        """As if the addon of this step's kind had been uninstalled."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_campaign_step SET kind = 'shout' WHERE id = %s", [step.id]
        )
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        self.addCleanup(self.env.registry.clear_cache)

    def test_kind_that_is_gone_breaks_neither_form_nor_canvas(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "condition", condition="[('id', '>', 0)]")
        no = self._add_step(campaign, "activity", step, "no")
        self._forget_kind(step)

        drawn = campaign.get_canvas()["steps"][0]
        self.assertIn("“shout”", drawn["text"])
        self.assertIn("not installed any more", drawn["problems"][0])
        self.assertIn("no", [way["key"] for way in drawn["ways"]])
        description = self.env["crm.campaign.step"].fields_get(["kind"])["kind"]
        selection = dict(description["selection"])
        self.assertEqual(selection["shout"], "shout (not installed)")
        with Form(step) as form:
            form.name = "Gone"
        self.assertEqual(campaign.copy().step_ids[0].kind, "shout")
        with self.assertRaisesRegex(UserError, "not installed any more"):
            campaign.action_start()

        no.branch = "no"  # the tree stays as it is
        with Form(step) as form:
            form.kind = "wait"
            self.assertFalse(form.is_kind_gone)
        self.assertEqual(no.branch, "next")
        campaign.action_start()

    def test_kind_that_is_gone_parks_who_comes_there(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "wait")
        other, other_step = self._start("activity")
        campaign.action_start()
        self._forget_kind(step)
        self._pass(days=3)

        self._run()

        self.assertEqual(set(self._tasks(other, other_step).mapped("state")), {"done"})
        tasks = self._tasks(campaign, step)
        self.assertEqual(set(tasks.mapped("state")), {"failed"})
        self.assertIn("not installed any more", tasks[0].reason)
        self.assertIn("not installed any more", campaign.participant_ids[0].journey)

        campaign.action_stop()
        step.kind = "activity"
        campaign.action_start()
        tasks.action_retry()
        self._run()
        self.assertEqual(set(tasks.mapped("state")), {"done"})

    def test_entry_that_is_gone_lets_nobody_enter(self):
        campaign, _step = self._start("activity")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_campaign SET entry = 'shout' WHERE id = %s", [campaign.id]
        )
        self.env.invalidate_all()
        self.env.registry.clear_cache()
        self.addCleanup(self.env.registry.clear_cache)

        self._run()

        self.assertEqual(set(self._tasks(campaign).mapped("state")), {"done"})
        self.assertEqual(campaign.get_canvas()["start"]["icon"], "fa-question-circle")
        campaign.action_stop()
        with self.assertRaisesRegex(UserError, "not installed any more"):
            campaign.action_start()

    # ------------------------------------------------------------
    # If
    # ------------------------------------------------------------

    def test_condition_parts_them(self):
        """Trap D17: asked once; who is to wait has another step."""
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign, "condition", condition="[('email_from', 'ilike', 'brandt')]"
        )
        yes = self._add_step(campaign, "activity", step, "yes")
        no = self._add_step(campaign, "wait", step, "no")
        campaign.action_start()
        self._run()

        self.assertEqual(self._tasks(campaign, step).mapped("outcome"), ["yes", "no"])
        self.assertEqual(self._tasks(campaign, yes).participant_id.lead_id, self.lead)
        self.assertEqual(self._tasks(campaign, no).participant_id.lead_id, self.lead_2)
        ida = campaign.participant_ids.filtered(lambda p: p.lead_id == self.lead)
        self.assertIn("condition · If so", ida.journey)

    def test_condition_is_no_way_to_read_what_one_may_not(self):
        campaign = self._create_campaign(self.leads, user_id=self.env.user.id)
        seller = self.seller
        seller.group_ids += self.env.ref("crm_campaigns.crm_campaigns_group_manager")

        with self.assertRaisesRegex(ValidationError, "does not work for"):
            self._add_step(campaign, "condition", condition="[('nothing', '=', 1)]")
        self.patch(
            self.env.registry["crm.lead"]._fields["referred"],
            "groups",
            "base.group_system",
        )
        with self.assertRaises(ValidationError):
            self._add_step_as(
                seller,
                campaign,
                kind="condition",
                condition="[('referred', '=', 'x')]",
            )

    def test_condition_asks_for_something(self):
        with self.assertRaisesRegex(UserError, "what it asks for"):
            self._start("condition")

    def test_condition_takes_the_same_queries_for_any_number(self):
        counts = []
        # the first time, Odoo fills its caches
        for number in (2, 3, 30):
            leads = self._create_leads(number)
            for i, lead in enumerate(leads):
                lead.email_from = f"n{number}.{i}@many.example"
            campaign = self._create_campaign(leads)
            step = self._add_step(
                campaign, "condition", condition="[('priority', '=', '0')]"
            )
            self._add_step(campaign, "wait", step, "yes")
            campaign.action_start()
            tasks = self._tasks(campaign, step)
            tasks._set(state="reserved")
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            tasks._run()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(set(tasks.mapped("outcome")), {"yes"})

        self.assertEqual(counts[1], counts[2])

    def test_some_go_on_and_the_others_are_at_the_end(self):
        self.lead.priority = "1"
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign, "condition", condition="[('priority', '=', '1')]"
        )
        self._add_step(campaign, "wait", step, "yes")
        campaign.action_start()

        self._run()

        for participant in campaign.participant_ids:
            self.assertEqual(
                participant.state,
                "running" if participant.lead_id == self.lead else "done",
            )

    # ------------------------------------------------------------
    # Update
    # ------------------------------------------------------------

    def test_update_writes_values(self):
        tag, other_tag = self.env["crm.tag"].create([{"name": "A"}, {"name": "B"}])
        self.leads.tag_ids = other_tag
        self.lead_2.color = 3
        lines = [
            {"field_id": self._get_field("referred").id, "value": "campaign"},
            {"field_id": self._get_field("priority").id, "value": "2"},
            {
                "field_id": self._get_field("date_deadline").id,
                "value": "today +7d",
            },
            {
                "field_id": self._get_field("user_id").id,
                "record_ref": f"res.users,{self.seller_2.id}",
            },
            {
                "field_id": self._get_field("tag_ids").id,
                "operation": "add",
                "record_ref": f"crm.tag,{tag.id}",
            },
            {
                "field_id": self._get_field("tag_ids").id,
                "operation": "remove",
                "record_ref": f"crm.tag,{other_tag.id}",
            },
            {
                "field_id": self._get_field("color").id,
                "operation": "add",
                "value": "2",
            },
            {"field_id": self._get_field("description").id, "operation": "clear"},
        ]
        self.leads.description = "<p>Old</p>"
        campaign, _step = self._start(
            "update", value_ids=[Command.create(line) for line in lines]
        )

        self._run()

        self.assertEqual(self.leads.mapped("referred"), ["campaign"] * 2)
        self.assertEqual(self.leads.mapped("priority"), ["2"] * 2)
        self.assertEqual((self.lead.date_deadline - self._now().date()).days, 7)
        self.assertEqual(self.leads.user_id, self.seller_2)
        self.assertEqual(self.leads.tag_ids, tag)
        self.assertEqual(self.leads.mapped("color"), [2, 5])
        self.assertFalse(self.lead.description)
        self.assertEqual(campaign.participant_ids.mapped("state"), ["done"] * 2)
        self.assertIn("campaign", self._tasks(campaign)[0].reason)

    def _run_noting_tracked(self):
        """Run; return the records whose tracked fields Odoo has compared."""
        tracked = []
        original = MailThread._message_track

        def track(records, *args):
            tracked.extend(records)
            return original(records, *args)

        with patch.object(MailThread, "_message_track", track):
            self._run()
        return tracked

    def test_update_of_what_is_tracked_is_told(self):
        lines = [{"field_id": self._get_field("contact_name").id, "value": "Ida"}]
        self._start("update", value_ids=[Command.create(line) for line in lines])

        tracked = self._run_noting_tracked()

        self.assertIn(self.lead, tracked)
        [value] = self.lead.message_ids.tracking_value_ids
        self.assertEqual(value.field_id.name, "contact_name")
        self.assertEqual(value.new_value_char, "Ida")

    def test_update_of_what_computes_the_tracked_is_told(self):
        """The e-mail address of a lead follows its contact."""
        partner = self.env["res.partner"].create(
            {"name": "Ida", "email": "ida@nowak.example"}
        )
        lines = [
            {
                "field_id": self._get_field("partner_id").id,
                "record_ref": f"res.partner,{partner.id}",
            },
        ]
        self._start("update", value_ids=[Command.create(line) for line in lines])

        self._run()

        names = self.lead.message_ids.tracking_value_ids.field_id.mapped("name")
        self.assertLessEqual({"partner_id", "email_from"}, set(names))

    def test_update_of_nothing_tracked_compares_nothing(self):
        lines = [{"field_id": self._get_field("referred").id, "value": "campaign"}]
        self._start("update", value_ids=[Command.create(line) for line in lines])

        tracked = self._run_noting_tracked()

        self.assertEqual(self.leads.mapped("referred"), ["campaign"] * 2)
        self.assertFalse([one for one in tracked if one._name == "crm.lead"])

    def test_each_write_of_an_action_is_judged_by_itself(self):
        action = self._create_action(
            "records.write({'referred': 'x'})\n"
            "records[0].write({'contact_name': 'Ola'})\n"
            "records.write({'referred': 'y'})"
        )
        campaign, _step = self._start("server_action", server_action_id=action.id)

        tracked = self._run_noting_tracked()

        first = self._tasks(campaign).participant_id.sorted("res_id").lead_id[:1]
        self.assertEqual([one for one in tracked if one._name == "crm.lead"], [first])
        self.assertEqual(
            first.message_ids.tracking_value_ids.field_id.name, "contact_name"
        )
        self.assertEqual(self.leads.mapped("referred"), ["y"] * 2)

    def test_update_refuses_what_is_no_value(self):
        campaign = self._create_campaign(self.leads)
        for name, value in (
            ("color", "many"),
            ("priority", "9"),
            ("date_deadline", "someday"),
            ("user_id", "1"),
        ):
            with self.subTest(name), self.assertRaisesRegex(ValidationError, "nothing"):
                self._add_step(
                    campaign,
                    "update",
                    value_ids=[
                        Command.create(
                            {"field_id": self._get_field(name).id, "value": value}
                        )
                    ],
                )

    def test_update_is_no_way_to_write_what_one_may_not(self):
        marketer = self.campaign_manager
        marketer.group_ids -= self.env.ref("sales_team.group_sale_salesman_all_leads")
        marketer.group_ids -= self.env.ref("sales_team.group_sale_salesman")
        campaign = self._create_campaign(self.leads)
        values = [
            Command.create({"field_id": self._get_field("referred").id, "value": "x"})
        ]

        with self.assertRaises(AccessError):
            self._add_step_as(marketer, campaign, kind="update", value_ids=values)

    # ------------------------------------------------------------
    # Server action
    # ------------------------------------------------------------

    def test_server_action_gets_the_batch_at_once(self):
        action = self._create_action(
            "records.write({'referred': 'batch of %s' % len(records)})"
        )

        campaign, _step = self._start("server_action", server_action_id=action.id)
        self._run()

        self.assertEqual(self.leads.mapped("referred"), ["batch of 2"] * 2)
        self.assertEqual(set(self._tasks(campaign).mapped("reason")), {"Do it"})

    def test_server_action_is_told_what_the_step_says(self):
        action = self._create_action(
            "told = env.context['campaign_values']\n"
            "records.write({'referred': '%s of %s' % (told['cut'], len(records))})"
        )
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign,
            "server_action",
            server_action_id=action.id,
            server_action_values='{"cut": 10}',
        )
        for wrong, why in (("{cut: 10}", "no JSON"), ("[10]", "names with their")):
            with self.assertRaisesRegex(ValidationError, why), self.cr.savepoint():
                step.server_action_values = wrong
        campaign.action_start()
        with self.assertRaisesRegex(UserError, "Stop the campaign"):
            step.server_action_values = "{}"
        self._run()

        self.assertEqual(self.leads.mapped("referred"), ["10 of 2"] * 2)
        self.assertEqual(campaign.copy().step_ids.server_action_values, '{"cut": 10}')

    def test_server_action_of_others_is_not_for_the_marketer(self):
        action = self._create_action(
            "records", group_ids=self.env.ref("base.group_system").ids
        )
        campaign = self._create_campaign(self.leads)

        with self.assertRaisesRegex(ValidationError, "may not run"):
            self._add_step_as(
                self.campaign_manager,
                campaign,
                kind="server_action",
                server_action_id=action.id,
            )

    def test_server_action_of_others_is_not_told_what_the_marketer_says(self):
        """Somebody else chose the action, for what it was told then."""
        action, own = (
            self._create_action("records", group_ids=group.ids)
            for group in (self.env.ref("base.group_system"), self.env["res.groups"])
        )
        campaign = self._create_campaign(self.leads)
        step, own_step = (
            self._add_step(
                campaign,
                "server_action",
                server_action_id=one.id,
                server_action_values='{"discount": 10}',
            )
            for one in (action, own)
        )

        for values in ('{"discount": 100}', False):
            with (
                self.subTest(values),
                self.assertRaisesRegex(ValidationError, "may not run"),
                self.cr.savepoint(),
            ):
                step.with_user(self.campaign_manager).server_action_values = values
        step.with_user(self.campaign_manager).name = "Later"
        own_step.with_user(self.campaign_manager).server_action_values = "{}"

        self.assertEqual(step.server_action_values, '{"discount": 10}')
        self.assertEqual(own_step.server_action_values, "{}")

    def test_server_action_of_other_records_does_not_start(self):
        action = self._create_action(
            "records", model_id=self.env["ir.model"]._get_id("res.partner")
        )

        with self.assertRaisesRegex(UserError, "for other records"):
            self._start("server_action", server_action_id=action.id)

    @mute_logger(RUN_LOG, "odoo.sql_db")
    def test_one_bad_record_is_found_by_halving(self):
        """One of sixteen: it fails alone, in a few batches, and the others once."""
        leads = self._create_leads(16)
        for i, lead in enumerate(leads):
            lead.email_from = f"h{i}@many.example"
        leads[5].referred = "bad"
        action = self._create_action(
            "for lead in records:\n"
            "  lead.write({'color': 1 // (lead.referred != 'bad') + lead.color})"
        )
        campaign, step = self._start("server_action", leads, server_action_id=action.id)
        runs = []
        Action = self.env.registry["ir.actions.server"]
        run = Action.run
        self.patch(
            Action,
            "run",
            lambda actions: (
                runs.append(len(actions.env.context.get("active_ids", ())))
                or run(actions)
            ),
        )

        self._run(1)

        # the scheduled action itself has no records
        self.assertEqual([n for n in runs if n], [16, 8, 4, 4, 2, 1, 1, 2, 8])
        self.assertEqual((leads - leads[5]).mapped("color"), [1] * 15)
        tasks = self._tasks(campaign, step)
        bad = tasks.filtered(lambda task: task.participant_id.lead_id == leads[5])
        self.assertEqual((bad.state, bad.attempts), ("planned", 1))
        self.assertEqual(set((tasks - bad).mapped("state")), {"done"})

    # ------------------------------------------------------------
    # Activity
    # ------------------------------------------------------------

    def test_activity_for_somebody(self):
        self._start("activity", activity_user_id=self.seller_2.id)

        self._run()

        self.assertEqual(self.leads.activity_ids.user_id, self.seller_2)

    # ------------------------------------------------------------
    # Colleagues, segments, lists
    # ------------------------------------------------------------

    def test_owner_is_told_once_of_all(self):
        self.lead_2.user_id = self.lead.user_id
        campaign, _step = self._start("notify", notify_text="Look at them")

        self._run()

        note = self.env["mail.message"].search(
            [("model", "=", "crm.campaign"), ("res_id", "=", campaign.id)], limit=2
        )[0]
        self.assertEqual(note.notified_partner_ids, self.seller.partner_id)
        self.assertIn("Look at them", note.body)
        for lead in self.leads:
            self.assertIn(f"/odoo/crm.lead/{lead.id}", note.body)
        self.assertEqual(
            set(self._tasks(campaign).mapped("reason")), {self.seller.name}
        )

    def test_followers_come_and_go(self):
        follower = self.seller_2.partner_id

        self._start("followers", follower_ids=[Command.set(self.seller_2.ids)])
        self._run()
        self.assertLessEqual(follower, self.lead.message_partner_ids)

        self._start(
            "followers",
            follower_ids=[Command.set(self.seller_2.ids)],
            follower_operation="remove",
        )
        self._run()
        self.assertFalse(follower & self.leads.message_partner_ids)

    def test_pinned_into_a_segment(self):
        segment = self._create_segment(self._create_leads())

        campaign, _step = self._start("segment", pin_segment_id=segment.id)
        self._run()

        self.assertEqual(campaign.participant_ids.mapped("state"), ["done"] * 2)
        self.assertLessEqual(
            self.leads, segment.member_ids.filtered("is_current").lead_id
        )

    def test_put_on_a_mailing_list_but_not_who_unsubscribed(self):
        mailing_list = self.env["mailing.list"].create({"name": "News"})
        ola = self.env["mailing.contact"].create(
            {
                "email": "ola@nowak.example",
                "subscription_ids": [
                    Command.create({"list_id": mailing_list.id, "opt_out": True})
                ],
            }
        )
        nobody = self._create_leads(email_from=False)

        campaign, step = self._start(
            "mailing_list",
            self.leads + nobody,
            list_id=mailing_list.id,
            on_failure="continue",
        )
        self._run()

        subscriptions = self.env["mailing.subscription"].search(
            [("list_id", "=", mailing_list.id)]
        )
        self.assertEqual(
            {s.contact_id.email_normalized: s.opt_out for s in subscriptions},
            {"ida@brandt.example": False, "ola@nowak.example": True},
        )
        self.assertEqual(subscriptions.filtered("opt_out").contact_id, ola)
        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["done", "done", "skipped"]
        )

        again, _step = self._start(
            "mailing_list", list_id=mailing_list.id, list_operation="remove"
        )
        self._run()
        self.assertEqual(again.participant_ids.mapped("state"), ["done"] * 2)
        self.assertEqual(subscriptions.exists().contact_id, ola)
