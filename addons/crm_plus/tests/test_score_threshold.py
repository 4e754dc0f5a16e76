from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged, users
from odoo.tools import mute_logger

from ..models.scoring import crm_score_change
from .test_scoring import NOW, ScoringCommon


@tagged("post_install", "-at_install", "crm_plus_scoring")
class TestScoreThreshold(ScoringCommon):
    """A model whose only fit rule gives 30 for priority 3, and a threshold at B4."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model.mql_rule = "none"
        cls.fit = cls._rule(30, domain="[('priority', '=', '3')]")
        cls._rule(4, kind="email_in")
        cls.threshold = cls.env["crm.score.threshold"].create(
            {
                "model_id": cls.model.id,
                "name": "Good fit",
                "min_fit": "B",
                "min_engagement": "4",
                "direction": "both",
            }
        )
        cls.env.flush_all()
        cls.env.cr.precommit.clear()

    def _rescore(self, leads=None, priority=None):
        leads = self.lead if leads is None else leads
        if priority:
            leads.write({"priority": priority})
        self.env.flush_all()
        self.env.cr.precommit.clear()
        leads._score_recompute()
        leads.invalidate_recordset()
        return self.env["crm.score.change"].search([("lead_id", "in", leads.ids)])

    def _act(self):
        self.env["crm.score.change"].search([("state", "=", "todo")])._run_actions()

    def test_rise_and_fall_with_reason(self):
        self.assertFalse(self._rescore())
        self._touch(self.lead)
        changes = self._rescore(priority="3")
        self.assertRecordValues(
            changes,
            [
                {
                    "threshold_id": self.threshold.id,
                    "direction": "rise",
                    "grade_before": "D4",
                    "grade_after": "B4",
                    "total_before": 0,
                    "total_after": 34,
                    "reason": f"{self.fit.name} +30, email_in +4",
                    "state": "todo",
                }
            ],
        )
        self.assertEqual(len(self._rescore()), 1, "once")
        fall = self._rescore(priority="1") - changes
        self.assertRecordValues(
            fall,
            [
                {
                    "direction": "fall",
                    "grade_after": "D4",
                    "reason": "[('priority', '=', '3')] -30",
                }
            ],
        )

    def test_who_leaves_the_model_falls(self):
        changes = self._rescore(priority="3")
        self.assertEqual(changes.direction, "rise")
        self.model.domain = "[('name', '=', 'nobody like this')]"
        fall = self._rescore() - changes
        self.assertRecordValues(
            fall,
            [
                {
                    "threshold_id": self.threshold.id,
                    "direction": "fall",
                    "grade_before": "B4",
                    "grade_after": False,
                    "total_after": 0,
                }
            ],
        )
        self.assertEqual(self._rescore(), changes + fall, "once")
        self._act()
        self.assertNotEqual(fall.state, "todo")

    def test_measures(self):
        for measure, points, crosses in [
            ("fit", 30, True),
            ("fit", 30.1, False),
            ("total", 34, True),
            ("total", 35, False),
            ("engagement", 4, True),
            ("engagement", 4.1, False),
        ]:
            with self.subTest(measure=measure, points=points):
                self.threshold.write({"measure": measure, "min_points": points})
                lead = self._create_leads()
                self._rescore(lead)
                self._touch(lead)
                self.assertEqual(bool(self._rescore(lead, priority="3")), crosses)

    def test_other_direction_is_kept_without_actions(self):
        self.threshold.direction = "fall"
        self.assertEqual(self._rescore(priority="3").state, "skipped")

    def _reach(self, lead=None, **actions):
        """Have a lead reach the threshold that does only this."""
        self.threshold.write(actions)
        changes = self._rescore(lead, priority="3")
        self.assertEqual(changes.state, "todo")
        self._act()
        self.assertEqual((changes.state, changes.error), ("done", False))
        return changes

    def _segment(self):
        return self.env["crm.segment"].create(
            {
                "name": "Hot",
                "domain": "[('name', '=', 'nobody')]",
                "user_id": self.manager.id,
            }
        )

    def _server_action(self, code):
        return self.env["ir.actions.server"].create(
            {
                "name": "Threshold",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "state": "code",
                "code": code,
            }
        )

    def test_no_action(self):
        messages = self.lead.message_ids
        self._reach()
        self.assertFalse(self.lead.date_mql)
        self.assertFalse(self.lead.activity_ids)
        self.assertEqual(self.lead.message_ids, messages)

    def test_marks_as_marketing_qualified(self):
        self._reach(is_mql=True)
        self.assertTrue(self.lead.date_mql)
        marked = self.lead.date_mql
        # the mark is kept when the score falls, and not renewed
        self._rescore(priority="1")
        self._rescore(priority="3")
        self._act()
        self.assertEqual(self.lead.date_mql, marked)

    def test_marks_no_lead_that_was_closed_meanwhile(self):
        self.threshold.is_mql = True
        self._rescore(priority="3")
        self.lead.action_set_lost()
        self._act()
        self.assertFalse(self.lead.date_mql)

    def test_crossing_names_its_record(self):
        self._rescore(priority="3")
        change = self.env["crm.score.change"].search(
            [("lead_id", "=", self.lead.id)], limit=1
        )
        self.assertEqual(
            change.with_user(self.lead.user_id).record_name, self.lead.name
        )

    def test_note_says_what_and_why(self):
        self._rescore()  # it has a grade to come from
        messages = self.lead.message_ids
        self._reach(notify="note")
        note = self.lead.message_ids - messages
        self.assertEqual(len(note), 1)
        for text in (
            "Score rose above “Good fit”",
            "D4",
            "B4",
            "30 points",
            f"{self.fit.name} +30",
        ):
            self.assertIn(text, note.preview or note.body)
        self.assertFalse(note.notified_partner_ids, "a note rings nobody")
        self.assertFalse(self.lead.activity_ids)
        messages = self.lead.message_ids
        self._rescore(priority="1")
        self._act()
        self.assertIn(
            "Score fell below “Good fit”", (self.lead.message_ids - messages).body
        )

    def test_activity_for_the_salesperson(self):
        self._reach(notify="activity")
        self.assertRecordValues(
            self.lead.activity_ids,
            [
                {
                    "user_id": self.seller.id,
                    "summary": "Good fit",
                    "res_model": "crm.lead",
                }
            ],
        )
        nobodys = self._create_leads(user_id=False)
        self._reach(nobodys)
        self.assertFalse(nobodys.activity_ids, "there is nobody to tell")

    def test_adds_to_a_segment(self):
        segment = self._segment()
        self._reach(segment_id=segment.id)
        self.assertEqual(segment.member_ids.lead_id, self.lead)
        # pinned: it stays, whatever the condition says
        segment._refresh()
        self.assertTrue(segment.member_ids.is_current)
        segment.member_ids.action_unpin()
        segment._refresh()
        self.assertFalse(segment.member_ids.filtered("is_current"))

    def test_no_activity_for_what_nobody_works(self):
        self.threshold.notify = "activity"
        lost, left, open_lead = self._create_leads(3)
        lost.action_set_lost()
        left.user_id = self.seller_2
        self._rescore(lost + left + open_lead, priority="3")
        self.seller_2.active = False
        self._act()
        activities = self.env["mail.activity"].search(
            [("res_model", "=", "crm.lead"), ("summary", "=", self.threshold.name)]
        )
        self.assertEqual(activities.mapped("res_id"), open_lead.ids)

    def test_model_does_not_change_sides_with_its_parts(self):
        segment = self.env["crm.segment"].create({"name": "Of leads"})
        self.threshold.segment_id = segment
        with self.assertRaisesRegex(ValidationError, "condition of rule"):
            self.model.target = "customer"
        self.model.rule_ids.filtered(lambda r: r.dimension == "fit").unlink()
        with self.assertRaisesRegex(ValidationError, "segment"):
            self.model.target = "customer"
        self.threshold.segment_id = False
        self.model.target = "customer"

    def test_runs_a_server_action(self):
        action = self._server_action("records.write({'referred': 'threshold'})")
        self._reach(server_action_id=action.id)
        self.assertEqual(self.lead.referred, "threshold")

    def test_assigns_by_the_rules(self):
        team = self.env["crm.team"].create(
            {
                "name": "Routed",
                "assignment_engine": "plus",
                "member_ids": [Command.set(self.seller_2.ids)],
            }
        )
        self.env["crm.assignment.rule"].create(
            {"name": "All", "team_id": team.id, "hours": "any", "notify": "none"}
        )
        nobodys = self._create_leads(user_id=False)
        taken = self.lead.user_id
        self._reach(nobodys, is_assigned=True)
        log = nobodys.assignment_log_ids
        self.assertEqual((nobodys.user_id, nobodys.team_id), (self.seller_2, team))
        self.assertEqual((log.trigger, log.user_id), ("score", self.seller_2))
        # who has a lead keeps it
        self._reach(is_assigned=True)
        self.assertEqual(self.lead.user_id, taken)
        self.assertFalse(self.lead.assignment_log_ids)

    def test_all_actions_together(self):
        segment = self._segment()
        action = self._server_action("records.write({'referred': 'threshold'})")
        self._reach(
            is_mql=True,
            notify="activity",
            segment_id=segment.id,
            server_action_id=action.id,
        )
        self.assertTrue(self.lead.date_mql)
        self.assertEqual(self.lead.activity_ids.user_id, self.seller)
        self.assertEqual(self.lead.referred, "threshold")
        self.assertEqual(segment.member_ids.lead_id, self.lead)

    def test_segment_of_another_company_is_left_alone(self):
        segment = self.env["crm.segment"].create(
            {
                "name": "Theirs",
                "domain": "[('name', '=', 'nobody')]",
                "user_id": self.manager.id,
                "company_id": self.company_2.id,
            }
        )
        self.lead.company_id = self.company
        segment._pin(self.lead)
        self.assertFalse(segment.member_ids)

    @mute_logger("odoo.addons.base.models.ir_actions")
    def test_failing_action_keeps_the_score_and_the_error(self):
        action = self._server_action(
            "if record.name == 'bad': raise UserError('no way')\n"
            "record.write({'referred': 'threshold'})"
        )
        self.threshold.server_action_id = action
        good, bad = self._create_leads(2)
        bad.name = "bad"
        changes = self._rescore(bad + good, priority="3")
        self._act()
        by_lead = {change.lead_id: change for change in changes}
        self.assertEqual(by_lead[bad].state, "failed")
        self.assertIn("no way", by_lead[bad].error)
        self.assertEqual(bad.score_fit, 30)
        self.assertEqual(by_lead[good].state, "done")

    def test_who_may_not_see_the_server_action_copies_without_it(self):
        action = self._server_action("record.write({'referred': 'threshold'})")
        self.threshold.server_action_id = action
        copies = self.model.with_user(self.manager).copy().threshold_ids
        self.assertEqual(copies.mapped("name"), [self.threshold.name])
        self.assertFalse(copies.sudo().server_action_id)
        self.assertEqual(self.model.copy().threshold_ids.server_action_id, action)

    def test_hundreds_at_once_are_kept_but_not_acted_on(self):
        self.patch(crm_score_change, "ACT_LIMIT", 2)
        leads = self._create_leads(3)
        changes = self._rescore(leads, priority="3")
        self.assertEqual(changes.mapped("state"), ["skipped"] * 3)
        changes.with_user(self.manager).action_retry()
        self.assertEqual(changes.mapped("state"), ["todo"] * 3)

    def test_retention(self):
        change = self._rescore(priority="3")
        self.env["crm.score.change"]._gc_changes()
        self.assertTrue(change.exists())
        self.env.cr.execute(
            "UPDATE crm_score_change SET date = %s", [NOW.replace(year=2020)]
        )
        change.invalidate_recordset()
        self.env["crm.score.change"]._gc_changes()
        self.assertFalse(change.exists())

    @users("plus_seller")
    def test_seller_reads_own_crossings_only(self):
        theirs = self._create_leads(user_id=self.seller_2.id)
        self._rescore(self.lead.sudo() + theirs.sudo(), priority="3")
        Change = self.env["crm.score.change"]
        self.assertEqual(Change.search([]).lead_id.ids, self.lead.ids)
        with self.assertRaises(AccessError):
            Change.search([]).write({"state": "done"})
        with self.assertRaises(AccessError):
            Change.search([]).action_retry()
        with self.assertRaises(AccessError):
            self.env["crm.score.threshold"].create(
                {"model_id": self.model.id, "name": "x"}
            )

    def test_crossing_of_another_company_is_hidden(self):
        self.lead.company_id = self.company
        self._rescore(priority="3")
        env = self.env(user=self.user_other_company)
        self.assertFalse(
            env["crm.score.change"].search([("lead_id", "=", self.lead.id)])
        )
