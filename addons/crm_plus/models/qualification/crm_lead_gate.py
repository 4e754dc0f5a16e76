from collections import defaultdict

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import RedirectWarning, UserError
from odoo.fields import Command

# the message of a batch names this many leads
MAX_LEADS_NAMED = 20


class CrmLead(models.Model):
    """Stage gates: a lead moves on when it has what the stages on its way ask for."""

    _inherit = "crm.lead"

    stage_approval_ids = fields.One2many(
        "crm.stage.approval", "lead_id", string="Approvals", readonly=True, copy=False
    )
    stage_pass_ids = fields.One2many(
        "crm.stage.pass", "lead_id", string="Passed Gates", readonly=True, copy=False
    )
    gate_stage_id = fields.Many2one(
        "crm.stage",
        string="Next Gate",
        compute="_compute_gate_missing",
        help="The nearest stage ahead whose gate the lead does not meet yet.",
    )
    gate_missing = fields.Html(
        string="Missing for the Next Gate", compute="_compute_gate_missing"
    )
    can_request_approval = fields.Boolean(compute="_compute_gate_missing")
    can_pass_gate = fields.Boolean(compute="_compute_gate_missing")

    @api.depends(
        "stage_id", "team_id", "type", "frame_completeness", "expected_revenue"
    )
    @api.depends_context("uid", "lang")
    def _compute_gate_missing(self):
        """What the nearest gate ahead still asks for, so that nobody is surprised."""
        self.gate_stage_id = self.gate_missing = False
        self.can_request_approval = self.can_pass_gate = False
        leads = self.filtered(
            lambda lead: lead._origin and lead.active and lead.won_status == "pending"
        )
        if not leads or not self.env["crm.stage.gate"]._exist():
            return
        last = self._get_gate_order()[-1:]
        missing = leads._get_gate_missing(
            {lead._origin.id: (lead.stage_id, last) for lead in leads}
        )
        asked = self._get_asked_approvals(missing)
        for lead in leads:
            gates = missing.get(lead._origin.id)
            if not gates:
                continue
            stage = next(iter(gates)).stage_id
            items = [
                item
                for gate, texts in gates.items()
                if gate.stage_id == stage
                for item in texts
            ]
            lead.gate_stage_id = stage
            lead.gate_missing = Markup("<ul class='mb-0'>%s</ul>") % Markup().join(
                Markup("<li>%s</li>") % item for item in items
            )
            lead.can_pass_gate = lead._may_pass_gates()
            lead.can_request_approval = any(
                gate.approval_by and (lead._origin.id, gate.id) not in asked
                for gate in gates
                if gate.stage_id == stage
            )

    # ------------------------------------------------------------
    # Moves
    # ------------------------------------------------------------

    def write(self, vals):
        is_held = bool(vals.get("stage_id")) and self._is_held_by_gates()
        origins = {lead.id: lead.stage_id for lead in self} if is_held else {}
        result = super().write(vals)
        if "expected_revenue" in vals and self.env["crm.stage.gate"]._exist():
            self.env["crm.stage.approval"]._withdraw_changed(self)
        if is_held:
            # after the write: what is filled in together with the move counts
            self._check_gates(origins)
        return result

    def _is_held_by_gates(self):
        return not self.env.su and self.env["crm.stage.gate"]._exist()

    def _check_gates(self, origins):
        """Refuse moves of leads that do not meet the gates on their way.

        Held are people, however they move a lead: form, kanban, list, import, API,
        *Won*. Not held are: the creation of a lead in a stage (a web form, a mail or an
        import shall never lose a lead), moves backwards, a new stage because the team
        changed, and what the system does by itself (sudo: scheduled jobs, portal,
        automation rules that run as the system).

        :param origins: ``{lead id: stage before}``
        """
        moves = {
            lead.id: (origins[lead.id], lead.stage_id)
            for lead in self
            if origins[lead.id] != lead.stage_id
        }
        missing = self._get_gate_missing(moves)
        if missing:
            missing = self._use_gate_passes(missing)
        if not missing:
            return
        leads = self.filtered(lambda lead: lead.id in missing)
        message = leads._get_gate_message(missing)
        # an import shows the plain message beside the row
        if self.env.context.get("import_file") or not all(
            lead._may_pass_gates() for lead in leads
        ):
            raise UserError(message)
        raise RedirectWarning(
            message,
            self.env.ref("crm_plus.crm_lead_gate_pass_action").id,
            self.env._("Pass With a Reason"),
            {
                "default_lead_ids": leads.ids,
                "default_stage_id": leads[0].stage_id.id,
                "active_ids": leads.ids,
                "active_id": leads[0].id,
                "active_model": "crm.lead",
            },
        )

    def _get_gate_message(self, missing):
        lines = [
            self.env._("This lead cannot move on yet:")
            if len(self) == 1
            else self.env._("%s leads cannot move on yet:", len(self))
        ]
        for lead in self[:MAX_LEADS_NAMED]:
            lines.append("")
            lines.append(
                self.env._(
                    "%(lead)s, to enter “%(stage)s”:",
                    lead=lead.name,
                    stage=next(iter(missing[lead.id])).stage_id.name,
                )
            )
            lines += [
                f"  • {item}" for texts in missing[lead.id].values() for item in texts
            ]
        if len(self) > MAX_LEADS_NAMED:
            lines += ["", self.env._("… and %s more.", len(self) - MAX_LEADS_NAMED)]
        return "\n".join(lines)

    def _may_pass_gates(self):
        """Administrators of CRM Plus and the leader of the lead's team may."""
        self.ensure_one()
        return (
            self.env.user.has_group("crm_plus.crm_plus_group_manager")
            # sudo: the team may be hidden from the user
            or self.sudo().team_id.user_id == self.env.user
        )

    # ------------------------------------------------------------
    # What is missing
    # ------------------------------------------------------------

    @api.model
    def _get_gate_order(self):
        # sudo: all stages, in order
        return self.env["crm.stage"].sudo().search([])

    def _get_gate_missing(self, moves):
        """What these moves lack, in a number of queries that does not grow with them.

        :param moves: ``{lead id: (stage before, stage after)}``
        :return: ``{lead id: {gate: [text, …]}}``, gates in the order of the stages;
            leads that lack nothing are left out
        """
        # sudo: a gate judges the lead, not what its seller may see of it
        leads = self.sudo().filtered(lambda lead: lead._origin.id in moves)
        rank = {stage.id: i for i, stage in enumerate(self._get_gate_order())}
        # sudo: gates hold whoever moves the lead
        gates = self.env["crm.stage.gate"].sudo().search([])
        gates = gates.sorted(lambda gate: (rank.get(gate.stage_id.id, 0), gate.id))
        ahead = {}
        for lead in leads:
            before, after = moves[lead._origin.id]
            low, high = rank.get(before.id, -1), rank.get(after.id, -1)
            held = gates.filtered(
                lambda gate, lead=lead, low=low, high=high: (
                    low < rank[gate.stage_id.id] <= high and gate._holds_for(lead)
                )
            )
            if held:
                ahead[lead] = held
        if not ahead:
            return {}
        facts = self._get_gate_facts(ahead)
        missing = {}
        for lead, held in ahead.items():
            texts = {gate: lead._get_missing_at(gate, facts) for gate in held}
            texts = {gate: items for gate, items in texts.items() if items}
            if texts:
                missing[lead._origin.id] = texts
        return missing

    def _get_gate_facts(self, ahead):
        """What the gates want to know of their leads: one query each."""
        lead_ids = [lead._origin.id for lead in ahead]
        gates = self.env["crm.stage.gate"].union(*ahead.values())
        facts = {"answered": {}, "activities": {}, "documents": {}, "approvals": {}}
        if any(gates.mapped("frame_rule")):
            facts["answered"] = self._get_answered_criteria(lead_ids)
        if any(gates.mapped("needs_activity")):
            # sudo: messages of a lead are read by its followers only
            facts["activities"] = {
                res_id: set(types)
                for res_id, types in self.env["mail.message"]
                .sudo()
                ._read_group(
                    [
                        ("model", "=", "crm.lead"),
                        ("res_id", "in", lead_ids),
                        ("mail_activity_type_id", "!=", False),
                    ],
                    ["res_id"],
                    ["mail_activity_type_id:array_agg"],
                )
            }
        if any(gates.mapped("needs_document")):
            # sudo: that there is a document matters, not who may open it
            facts["documents"] = dict(
                self.env["ir.attachment"]
                .sudo()
                ._read_group(
                    [
                        ("res_model", "=", "crm.lead"),
                        ("res_id", "in", lead_ids),
                        ("res_field", "=", False),
                    ],
                    ["res_id"],
                    ["name:array_agg"],
                )
            )
        if any(gates.mapped("approval_by")):
            approvals = (
                self.env["crm.stage.approval"]
                .sudo()  # as above
                .search_fetch(
                    [
                        ("lead_id", "in", lead_ids),
                        ("state", "in", ("requested", "approved")),
                    ],
                    ["lead_id", "gate_id", "state"],
                )
            )
            facts["approvals"] = {
                (approval.lead_id.id, approval.gate_id.id): approval.state
                for approval in approvals
            }
        return facts

    def _get_missing_at(self, gate, facts):
        """Texts of what this lead lacks at ``gate``: what to do, each."""
        self.ensure_one()
        lead_id = self._origin.id
        texts = []
        labels = [line.label for line in gate.field_ids if not line._is_filled(self)]
        if labels:
            texts.append(self.env._("Fill in %s", labels))
        if gate.frame_rule:
            texts += self._get_missing_answers(
                gate, facts["answered"].get(lead_id, set())
            )
        if gate.needs_activity:
            done = facts["activities"].get(lead_id, set())
            types = set(gate.activity_type_ids.ids)
            if not (done & types if types else done):
                texts.append(
                    self.env._("Do and mark as done: %s", gate._get_activity_text())
                )
        if gate.needs_document:
            names = facts["documents"].get(lead_id, [])
            part = (gate.document_name or "").strip().lower()
            if not any(part in (name or "").lower() for name in names):
                texts.append(
                    self.env._("Attach a document named like “%s”", gate.document_name)
                    if part
                    else self.env._("Attach a document")
                )
        if gate.approval_by:
            state = facts["approvals"].get((lead_id, gate.id))
            if state == "requested":
                texts.append(self.env._("Wait for the approval that was asked for"))
            elif state != "approved":
                texts.append(self.env._("Ask for approval (button Request Approval)"))
        if texts and gate.note:
            texts.append(gate.note)
        return texts

    def _get_missing_answers(self, gate, answered):
        frame = gate.frame_id or self.frame_id
        criteria = frame.criterion_ids
        if not criteria:
            return [self.env._("Choose a qualification frame and answer its questions")]
        if gate.frame_id and self.frame_id != gate.frame_id:
            note = self.env._(
                "Qualify by %s (choose it as the frame of this lead)", frame.name
            )
        else:
            note = False
        wanted = criteria
        if gate.frame_rule == "required":
            wanted = criteria.filtered("is_required")
        left = wanted.filtered(lambda criterion: criterion.id not in answered)
        if gate.frame_rule == "percent":
            share = 100 * (len(wanted) - len(left)) / len(wanted)
            if share >= gate.frame_percent:
                return []
        if not left:
            return []
        text = self.env._(
            "Answer the questions of %(frame)s: %(questions)s",
            frame=frame.name,
            questions=left.mapped("name"),
        )
        if gate.frame_rule == "percent":
            text = self.env._(
                "%(answer)s (%(percent)s %% of them are enough)",
                answer=text,
                percent=f"{gate.frame_percent:g}",
            )
        return [note, text] if note else [text]

    # ------------------------------------------------------------
    # Passing with a reason
    # ------------------------------------------------------------

    def _use_gate_passes(self, missing):
        """Take off what a manager let pass, and note that it was used."""
        # sudo: passes are written by the system only
        passes = (
            self.env["crm.stage.pass"]
            .sudo()
            .search([("lead_id", "in", list(missing)), ("date_used", "=", False)])
        )
        used = passes.filtered(
            lambda gate_pass: gate_pass.gate_id in missing[gate_pass.lead_id.id]
        )
        used.write({"date_used": self.env.cr.now()})
        passed = defaultdict(set)
        for gate_pass in used:
            passed[gate_pass.lead_id.id].add(gate_pass.gate_id)
        left = {
            lead_id: {
                gate: texts
                for gate, texts in gates.items()
                if gate not in passed[lead_id]
            }
            for lead_id, gates in missing.items()
        }
        return {lead_id: gates for lead_id, gates in left.items() if gates}

    def _pass_gates(self, stage, reason):
        """Move the leads to ``stage`` whatever is missing; keep who, why and what."""
        missing = self._get_gate_missing(
            {lead.id: (lead.stage_id, stage) for lead in self}
        )
        # sudo: passes are written by the system only
        self.env["crm.stage.pass"].sudo().create(
            [
                {
                    "lead_id": lead.id,
                    "gate_id": gate.id,
                    "stage_id": gate.stage_id.id,
                    "from_stage_id": lead.stage_id.id,
                    "user_id": self.env.uid,
                    "seller_id": lead.user_id.id,
                    "team_id": lead.team_id.id,
                    "date": self.env.cr.now(),
                    "reason": reason,
                    "missing": "\n".join(texts),
                }
                for lead in self
                for gate, texts in missing.get(lead.id, {}).items()
            ]
        )
        self._track_set_log_message(
            Markup("<p>%s</p><p>%s</p>") % (self.env._("Passed the gate:"), reason)
        )
        self.write({"stage_id": stage.id})

    def action_pass_gate(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_lead_gate_pass_action"
        )
        action["context"] = {
            "default_lead_ids": self.ids,
            "default_stage_id": self.gate_stage_id.id,
        }
        return action

    # ------------------------------------------------------------
    # Approval
    # ------------------------------------------------------------

    @api.model
    def _get_asked_approvals(self, lead_ids):
        """``{(lead id, gate id)}`` of what was asked for, or granted."""
        # sudo: of leads that the user sees
        approvals = (
            self.env["crm.stage.approval"]
            .sudo()
            .search_fetch(
                [
                    ("lead_id", "in", list(lead_ids)),
                    ("state", "in", ("requested", "approved")),
                ],
                ["lead_id", "gate_id"],
            )
        )
        return {(approval.lead_id.id, approval.gate_id.id) for approval in approvals}

    def action_request_approval(self):
        """Ask whoever may approve the next gate ahead."""
        self.ensure_one()
        self.check_access("write")
        last = self._get_gate_order()[-1:]
        missing = self._get_gate_missing({self.id: (self.stage_id, last)}).get(
            self.id, {}
        )
        asked = self._get_asked_approvals(self.ids)
        gates = [
            gate
            for gate in missing
            if gate.approval_by
            and gate.stage_id == next(iter(missing)).stage_id
            and (self.id, gate.id) not in asked
        ]
        if not gates:
            raise UserError(self.env._("There is no approval to ask for."))
        for gate in gates:
            self._request_approval(gate)

    def _request_approval(self, gate):
        # sudo: the leader of a team that the seller may not read can approve
        approvers = gate._get_approvers(self.sudo())
        # nobody approves what they ask for, unless there is nobody else
        approvers = approvers - self.env.user or approvers
        if not approvers:
            raise UserError(
                self.env._("Nobody may approve this; ask your administrator.")
            )
        # sudo: see crm.stage.approval
        approval = (
            self.env["crm.stage.approval"]
            .sudo()
            .create(
                {
                    "lead_id": self.id,
                    "gate_id": gate.id,
                    "user_id": self.env.uid,
                    "date_requested": self.env.cr.now(),
                    "approver_ids": [Command.set(approvers.ids)],
                    "amount": self.expected_revenue,
                }
            )
        )
        summary = self.env._("Approve for stage %s", gate.stage_id.name)
        if len(approvers) == 1:
            # sudo: the approver may be somebody who does not see the lead
            approval.activity_id = self.sudo().activity_schedule(
                "mail.mail_activity_data_todo",
                summary=summary,
                note=gate.note or False,
                user_id=approvers.id,
            )
        else:
            self.message_notify(
                partner_ids=approvers.partner_id.ids,
                subject=summary,
                body=self.env._("%(user)s asks for approval.", user=self.env.user.name),
            )

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: written by the system only; of leads that are about to go
        for model in ("crm.stage.pass", "crm.stage.approval"):
            rows = self.env[model].sudo().search([("lead_id", "in", opportunities.ids)])
            if model == "crm.stage.approval":
                # what was approved was another deal
                rows.filtered(lambda r: r.state in ("requested", "approved")).write(
                    {"state": "withdrawn"}
                )
            rows.write({"lead_id": self.id})
