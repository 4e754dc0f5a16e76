from odoo import Command
from odoo.exceptions import (
    AccessError,
    RedirectWarning,
    UserError,
    ValidationError,
)
from odoo.tests import Form, new_test_user, tagged

from .common import CrmPlusCommon


@tagged("post_install", "-at_install", "crm_plus_gate")
class TestStageGate(CrmPlusCommon):
    """Stages: new, qualified, offer, won (of one team). The gate is before *offer*."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leader = new_test_user(
            cls.env,
            login="plus_leader",
            groups="sales_team.group_sale_salesman_all_leads",
            company_id=cls.company.id,
            email="plus_leader@test.example.com",
        )
        cls.team = cls.env["crm.team"].create(
            {
                "name": "Gated",
                "user_id": cls.leader.id,
                "member_ids": [Command.set((cls.seller + cls.seller_2).ids)],
            }
        )
        cls.env["crm.stage"].search([]).write({"team_ids": [Command.clear()]})
        cls.new, cls.qualified, cls.offer, cls.won = cls.env["crm.stage"].create(
            [
                {
                    "name": name,
                    "sequence": 1000 + i,
                    "team_ids": cls.team.ids,
                    "is_won": name == "Won",
                }
                for i, name in enumerate(("New", "Qualified", "Offer", "Won"))
            ]
        )
        cls.frame = cls.env.ref("crm_plus.crm_frame_bant")
        cls.lead = cls._gated_leads()

    @classmethod
    def _gated_leads(cls, count=1, **values):
        return cls._create_leads(
            count, **{"team_id": cls.team.id, "stage_id": cls.new.id, **values}
        )

    @classmethod
    def _gate(cls, stage=None, **values):
        return cls.env["crm.stage.gate"].create(
            {"stage_id": (stage or cls.offer).id, **values}
        )

    def _field_gate(self, *names, **values):
        return self._gate(
            field_ids=[Command.create({"name": name}) for name in names], **values
        )

    def _move(self, stage, leads=None, user=None, **vals):
        leads = self.lead if leads is None else leads
        leads.with_user(user or self.seller).write({"stage_id": stage.id, **vals})

    def _refused(self, stage, leads=None, user=None, error=UserError, **vals):
        with self.assertRaises(error) as caught, self.cr.savepoint():
            self._move(stage, leads, user, **vals)
        self.env.invalidate_all()
        return caught.exception.args[0]

    # ------------------------------------------------------------
    # What holds, and whom
    # ------------------------------------------------------------

    def test_fields(self):
        self._field_gate("date_deadline", "partner_id", note="Ask the customer first")
        message = self._refused(self.offer)
        for text in (
            "Lead 0",
            "Offer",
            "Expected Closing",
            "Contact",
            "Ask the customer first",
        ):
            self.assertIn(text, message)
        self.assertEqual(self.lead.stage_id, self.new)
        self.lead.partner_id = self.customer
        self.assertNotIn("Contact", self._refused(self.offer))
        # what is filled in together with the move counts
        self._move(self.offer, date_deadline="2026-06-01")
        self.assertEqual(self.lead.stage_id, self.offer)

    def test_past_the_gate_and_back(self):
        self._field_gate("date_deadline")
        self._move(self.qualified)  # before the gate
        self._refused(self.won)
        self.assertEqual(self.lead.stage_id, self.qualified)
        with self.assertRaises(UserError), self.cr.savepoint():
            self.lead.with_user(self.seller).action_set_won()
        self.env.invalidate_all()
        self.lead.date_deadline = "2026-06-01"
        self._move(self.won)
        self.lead.date_deadline = False
        # back is free, and so is the way that was gone
        self._move(self.offer)
        self._move(self.new)
        self._refused(self.offer)

    def test_gates_of_others(self):
        other_team = self.env["crm.team"].create({"name": "Others"})
        shared = self.env["crm.stage"].create({"name": "Shared", "sequence": 1001})
        self._gate(shared, team_id=other_team.id, needs_document=True)
        self._gate(shared, lead_type="lead", needs_document=True)
        self._gate(shared, company_id=self.company_2.id, needs_document=True)
        # a stage of other teams is not on the way
        foreign = self.env["crm.stage"].create(
            {"name": "Foreign", "sequence": 1001, "team_ids": other_team.ids}
        )
        self._gate(foreign, needs_document=True)
        archived = self._gate(needs_document=True)
        archived.active = False
        self._move(self.offer)
        lead = self._gated_leads(type="lead")
        self._refused(shared, lead)

    def test_who_is_not_held(self):
        self._field_gate("date_deadline")
        # creation is not a move
        lead = self._gated_leads(stage_id=self.offer.id)
        self.assertEqual(lead.stage_id, self.offer)
        created = (
            self.env["crm.lead"]
            .with_user(self.seller)
            .create({"name": "New", "team_id": self.team.id, "stage_id": self.offer.id})
        )
        self.assertEqual(created.stage_id, self.offer)
        # what the system does by itself
        self.lead.with_user(self.seller).sudo().stage_id = self.offer
        self.assertEqual(self.lead.stage_id, self.offer)

    def test_import(self):
        self._field_gate("date_deadline")
        xmlid = self.lead.export_data([".id"]) and self.lead._BaseModel__ensure_xml_id()
        xmlid = next(iter(xmlid))[1]
        Lead = self.env["crm.lead"].with_user(self.manager)
        result = Lead.with_context(import_file=True).load(
            ["id", "stage_id/.id"], [[xmlid, str(self.offer.id)]]
        )
        self.assertFalse(result["ids"])
        self.assertIn("Expected Closing", result["messages"][0]["message"])
        result = Lead.with_context(import_file=True).load(
            ["name", "team_id/.id", "stage_id/.id"],
            [["Imported", str(self.team.id), str(self.offer.id)]],
        )
        self.assertTrue(result["ids"], result["messages"])

    def test_properties(self):
        self.team.lead_properties_definition = [
            {"name": "roast", "string": "Roast", "type": "char"}
        ]
        self._field_gate("lead_properties.roast")
        self.assertIn("Roast", self._refused(self.offer))
        self.lead.lead_properties = {"roast": "dark"}
        self._move(self.offer)
        # a team without the property is not asked for it
        other = self.env["crm.team"].create({"name": "Others"})
        self.offer.team_ids += other
        lead = self._gated_leads(team_id=other.id, user_id=False)
        lead.stage_id = self.new.copy({"team_ids": other.ids, "sequence": 900})
        self._move(self.offer, lead)

    def test_wrong_fields(self):
        for name in ("nothing", "partner_id.name", "lead_properties", "activity_ids.x"):
            with self.assertRaises(ValidationError, msg=name):
                self._field_gate(name)
        with self.assertRaises(ValidationError):
            self._gate()  # asks for nothing
        with self.assertRaises(ValidationError):
            self._gate(approval_by="user")

    def test_answered_frame(self):
        self._gate(frame_rule="required")
        self.assertIn("Choose a qualification frame", self._refused(self.offer))
        self.lead.frame_id = self.frame
        message = self._refused(self.offer)
        self.assertIn("BANT", message)
        self.assertIn("Timeline", message)
        lead = self.lead.with_user(self.seller)
        for criterion in self.frame.criterion_ids:
            value = {"number": 100, "date": "2026-05-01"}.get(criterion.kind, "known")
            lead.answer_frame_question(criterion.id, value)
        self._move(self.offer)

    def test_share_of_a_given_frame(self):
        champ = self.env.ref("crm_plus.crm_frame_champ")
        self._gate(frame_rule="percent", frame_percent=50, frame_id=champ.id)
        self.lead.frame_id = self.frame
        self.assertIn("CHAMP", self._refused(self.offer))
        self.lead.frame_id = champ
        lead = self.lead.with_user(self.seller)
        lead.answer_frame_question(champ.criterion_ids[0].id, "Old machine")
        self.assertIn("50 %", self._refused(self.offer))
        lead.answer_frame_question(champ.criterion_ids[1].id, "The boss")
        self._move(self.offer)

    def test_done_activity(self):
        call = self.env.ref("mail.mail_activity_data_call")
        todo = self.env.ref("mail.mail_activity_data_todo")
        self._gate(needs_activity=True, activity_type_ids=[Command.set(call.ids)])
        lead = self.lead.with_user(self.seller)
        self.assertIn(call.name, self._refused(self.offer))
        activity = lead.activity_schedule(activity_type_id=call.id)
        self._refused(self.offer)  # planned is not done
        lead.activity_schedule(activity_type_id=todo.id)._action_done()
        self._refused(self.offer)
        activity._action_done()
        self._move(self.offer)

    def test_document(self):
        self._gate(needs_document=True, document_name="Offer")
        attachment = self.env["ir.attachment"].create(
            {
                "name": "plan.pdf",
                "raw": b"x",
                "res_model": "crm.lead",
                "res_id": self.lead.id,
            }
        )
        self.assertIn("Offer", self._refused(self.offer))
        attachment.name = "our offer v2.pdf"
        self._move(self.offer)

    # ------------------------------------------------------------
    # Approval
    # ------------------------------------------------------------

    def test_approval(self):
        gate = self._gate(approval_by="leader", approval_tolerance=10)
        self.lead.expected_revenue = 1000
        lead = self.lead.with_user(self.seller)
        self.assertTrue(lead.can_request_approval)
        self.assertIn("Ask for approval", self._refused(self.offer))
        lead.action_request_approval()
        self.assertFalse(lead.can_request_approval)
        with self.assertRaises(UserError):
            lead.action_request_approval()
        self.assertIn("Wait for the approval", self._refused(self.offer))
        approval = self.lead.stage_approval_ids
        self.assertEqual(approval.approver_ids, self.leader)
        self.assertEqual(self.lead.activity_ids.user_id, self.leader)
        for user in (self.seller, self.manager):
            with self.assertRaises(AccessError):
                approval.with_user(user).action_approve()
        with self.assertRaises(AccessError):
            approval.with_user(self.seller).state = "approved"
        with self.assertRaises(AccessError):
            self.env["crm.stage.approval"].with_user(self.manager).create(
                {
                    "lead_id": self.lead.id,
                    "gate_id": gate.id,
                    "state": "approved",
                    "user_id": self.manager.id,
                    "date_requested": "2026-01-01",
                }
            )
        approval.with_user(self.leader).action_approve()
        self.assertRecordValues(
            approval,
            [
                {
                    "state": "approved",
                    "decided_by_id": self.leader.id,
                    "date_decided": self.env.cr.now(),
                    "amount": 1000,
                }
            ],
        )
        self.assertFalse(self.lead.activity_ids)
        with self.assertRaises(UserError):
            approval.with_user(self.leader).action_refuse()
        # within the tolerance it holds, beyond it does not
        lead.expected_revenue = 1100
        self.assertEqual(approval.state, "approved")
        lead.expected_revenue = 1101
        self.assertEqual(approval.state, "withdrawn")
        self._refused(self.offer)
        lead.action_request_approval()
        self.lead.stage_approval_ids.filtered("can_decide")
        self.lead.stage_approval_ids.filtered(
            lambda a: a.state == "requested"
        ).with_user(self.leader).action_approve()
        self._move(self.offer)

    def test_approval_refused(self):
        self._gate(approval_by="user", approver_id=self.seller_2.id)
        lead = self.lead.with_user(self.seller)
        lead.action_request_approval()
        approval = self.env["crm.stage.approval"].with_user(self.seller_2).search([])
        self.assertTrue(approval.can_decide)  # though the lead is not theirs
        with self.assertRaises(AccessError):
            self.lead.stage_approval_ids.with_user(self.seller).action_refuse()
        action = approval.action_refuse()
        refusal = (
            self.env[action["res_model"]]
            .with_user(self.seller_2)
            .with_context(**action["context"])
            .create({"reason": "Too cheap"})
        )
        with self.mock_mail_gateway():
            refusal.action_refuse()
        self.assertRecordValues(
            self.lead.stage_approval_ids,
            [
                {
                    "state": "refused",
                    "reason": "Too cheap",
                    "decided_by_id": self.seller_2.id,
                }
            ],
        )
        message = self.lead.message_ids[0]
        self.assertIn("Too cheap", message.body)
        self.assertIn(self.seller.partner_id, message.notified_partner_ids)
        with self.assertRaises(UserError):
            refusal.action_refuse()
        # nobody refuses by the wizard what is not theirs to decide
        lead.action_request_approval()
        other = self.lead.stage_approval_ids.filtered(lambda a: a.state == "requested")
        wizard = self.env["crm.stage.approval.refuse"].with_user(self.seller)
        with self.assertRaises(AccessError):
            wizard.create({"approval_ids": other.ids, "reason": "Mine"}).action_refuse()
        other.sudo().state = "withdrawn"
        self._refused(self.offer)
        self.assertTrue(lead.can_request_approval)

    def test_nobody_approves_the_own_request_unless_alone(self):
        group = self.env.ref("sales_team.group_sale_salesman_all_leads")
        gate = self._gate(approval_by="group", approver_group_id=group.id)
        self.lead.user_id = self.leader
        self.lead.with_user(self.leader).action_request_approval()
        approval = self.env["crm.stage.approval"].search([("gate_id", "=", gate.id)])
        self.assertNotIn(self.leader, approval.approver_ids)
        self.assertTrue(approval.approver_ids)
        approval.state = "withdrawn"

        gate.write({"approval_by": "user", "approver_id": self.leader.id})
        self.lead.with_user(self.leader).action_request_approval()
        approval = self.env["crm.stage.approval"].search(
            [("gate_id", "=", gate.id), ("state", "=", "requested")]
        )
        self.assertEqual(approval.approver_ids, self.leader)

    def test_approvers(self):
        gate = self._gate(approval_by="leader")
        self.assertEqual(gate._get_approvers(self.lead), self.leader)
        self.team.user_id = False
        self.assertIn(self.manager, gate._get_approvers(self.lead))
        gate.write(
            {
                "approval_by": "group",
                "approver_group_id": self.env.ref(
                    "sales_team.group_sale_salesman_all_leads"
                ).id,
            }
        )
        approvers = gate._get_approvers(self.lead)
        self.assertIn(self.leader, approvers)
        self.assertNotIn(self.seller, approvers)
        self.lead.company_id = self.company
        self.assertNotIn(self.user_other_company, gate._get_approvers(self.lead))

    # ------------------------------------------------------------
    # Passing with a reason
    # ------------------------------------------------------------

    def test_pass_with_a_reason(self):
        self._field_gate("date_deadline")
        with self.assertRaises(RedirectWarning) as caught, self.cr.savepoint():
            self._move(self.offer, user=self.manager)
        message, action_id, _text, context = caught.exception.args
        self.assertIn("Expected Closing", message)
        action = self.env["ir.actions.act_window"].browse(action_id)
        self.assertEqual(action.res_model, "crm.lead.gate.pass")
        wizard = Form(
            self.env["crm.lead.gate.pass"]
            .with_user(self.manager)
            .with_context(**context)
        )
        self.assertIn("Expected Closing", wizard.missing)
        wizard.reason = "The board knows them"
        wizard.save().action_pass()
        self.assertEqual(self.lead.stage_id, self.offer)
        self.assertRecordValues(
            self.lead.stage_pass_ids,
            [
                {
                    "user_id": self.manager.id,
                    "seller_id": self.seller.id,
                    "reason": "The board knows them",
                    "missing": "Fill in Expected Closing",
                    "stage_id": self.offer.id,
                    "from_stage_id": self.new.id,
                    "date_used": self.env.cr.now(),
                }
            ],
        )
        # it was let through once
        self._move(self.new)
        self._refused(self.offer)
        gate_pass = self.lead.stage_pass_ids
        for user in (self.seller, self.manager):
            with self.assertRaises(AccessError):
                gate_pass.with_user(user).reason = "Another"
            with self.assertRaises(AccessError):
                gate_pass.with_user(user).unlink()

    def test_who_may_pass(self):
        self._field_gate("date_deadline")
        with self.assertRaises(RedirectWarning), self.cr.savepoint():
            self._move(self.offer, user=self.leader)
        values = {
            "lead_ids": [Command.set(self.lead.ids)],
            "stage_id": self.offer.id,
            "reason": "I want to",
        }
        Wizard = self.env["crm.lead.gate.pass"]
        wizard = Wizard.with_user(self.seller).create(values)
        with self.assertRaises(AccessError):
            wizard.action_pass()
        # nor by writing the row that opens the gate, nor by a context of the client
        with self.assertRaises(AccessError):
            self.env["crm.stage.pass"].with_user(self.seller).create(
                {
                    "lead_id": self.lead.id,
                    "stage_id": self.offer.id,
                    "user_id": self.seller.id,
                    "date": "2026-01-01",
                    "reason": "x",
                }
            )
        self.assertFalse(self.lead.with_user(self.seller).can_pass_gate)
        self.assertTrue(self.lead.with_user(self.leader).can_pass_gate)
        Wizard.with_user(self.leader).create(values).action_pass()
        self.assertEqual(self.lead.stage_id, self.offer)

    # ------------------------------------------------------------
    # In advance, in batches, merged
    # ------------------------------------------------------------

    def test_told_in_advance(self):
        lead = self.lead.with_user(self.seller)
        self.assertFalse(lead.gate_stage_id)
        self._field_gate("date_deadline")
        self._gate(self.won, needs_document=True)
        lead.invalidate_recordset()
        self.assertEqual(lead.gate_stage_id, self.offer)
        self.assertIn("Expected Closing", lead.gate_missing)
        self.assertNotIn("document", lead.gate_missing)
        self.lead.date_deadline = "2026-06-01"
        lead.invalidate_recordset()
        self.assertEqual(lead.gate_stage_id, self.won)
        self.lead.action_set_lost()
        lead.invalidate_recordset()
        self.assertFalse(lead.gate_stage_id)

    def test_batch(self):
        call = self.env.ref("mail.mail_activity_data_call")
        self._field_gate(
            "date_deadline",
            frame_rule="required",
            needs_activity=True,
            activity_type_ids=[Command.set(call.ids)],
            needs_document=True,
            approval_by="leader",
        )
        few = self._gated_leads(20, frame_id=self.frame.id)
        many = self._gated_leads(200, frame_id=self.frame.id)

        def count(leads):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            leads._get_gate_missing(
                {lead.id: (lead.stage_id, self.won) for lead in leads}
            )
            return self.env.cr.sql_log_count - start

        few_count = count(few)
        self.assertLessEqual(count(many), few_count)
        self.assertLess(few_count, 40)
        message = self._refused(self.offer, many)
        self.assertIn("200 leads", message)
        self.assertIn("and 180 more", message)
        self.assertEqual(set(many.mapped("stage_id")), {self.new})
        # only those that lack something are named
        ready = self._gated_leads(2)
        ready[0].name = "Ready"
        self.env["crm.stage.gate"].search([]).active = False
        self._field_gate("date_deadline")
        ready[0].date_deadline = "2026-06-01"
        message = self._refused(self.offer, ready)
        self.assertNotIn("Ready", message)
        self.assertIn("Lead 1", message)

    def test_merge(self):
        self._gate(approval_by="leader")
        head, tail = self._gated_leads(2)
        head.probability = 60
        for lead in (head, tail):
            lead.with_user(self.seller).action_request_approval()
        tail.stage_approval_ids.with_user(self.leader).action_approve()
        self._field_gate("date_deadline")
        tail.with_user(self.manager)._pass_gates(self.offer, "For a reason")
        tail.write({"stage_id": self.new.id, "probability": 10})
        merged = (head + tail).merge_opportunity()
        self.assertEqual(merged, head)
        self.assertTrue(merged.stage_pass_ids)
        # kept, but what was approved was another deal
        self.assertEqual(
            sorted(merged.stage_approval_ids.mapped("state")),
            ["requested", "withdrawn"],
        )

    def test_team_change_is_not_a_move(self):
        self._field_gate("date_deadline", stage=self.offer)
        other = self.env["crm.team"].create(
            {"name": "Others", "member_ids": [Command.set(self.seller.ids)]}
        )
        stage = self.env["crm.stage"].create(
            {"name": "Late", "sequence": 0, "team_ids": other.ids}
        )
        self._gate(stage, needs_document=True)
        self.lead.with_user(self.seller).team_id = other
        self.assertEqual(self.lead.team_id, other)
        self.assertEqual(self.lead.stage_id, stage)

    def test_companies(self):
        gate = self._gate(company_id=self.company.id, needs_document=True)
        Gate = self.env["crm.stage.gate"].with_user(self.user_other_company)
        self.assertNotIn(gate, Gate.search([]))
        with self.assertRaises(AccessError):
            gate.with_user(self.seller).active = False
        self.lead.company_id = self.company
        self.lead.with_user(self.manager)._pass_gates(self.offer, "x")
        for model in ("crm.stage.pass", "crm.stage.approval"):
            rows = self.env[model].with_user(self.user_other_company).search([])
            self.assertFalse(rows)
        self.assertFalse(self.env["crm.stage.pass"].with_user(self.seller_2).search([]))
        self.assertTrue(self.env["crm.stage.pass"].with_user(self.seller).search([]))
