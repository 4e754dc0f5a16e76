from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError


class CrmStageGate(models.Model):
    """What a lead must have before it enters a stage, or passes it.

    Several gates of one stage all hold. Who is held by them, and who is not, is told in
    ``crm.lead._check_gates``.
    """

    _name = "crm.stage.gate"
    _description = "Stage Gate"
    _order = "stage_id, id"
    _check_company_auto = True

    stage_id = fields.Many2one(
        "crm.stage",
        required=True,
        ondelete="cascade",
        index=True,
        help="A lead must meet the gate to enter this stage or a later one.",
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", index=True)
    team_id = fields.Many2one(
        "crm.team",
        string="Sales Team",
        check_company=True,
        ondelete="cascade",
        index="btree_not_null",
        help="Holds for leads of this team only; none: of all teams.",
    )
    lead_type = fields.Selection(
        [("lead", "Leads"), ("opportunity", "Opportunities")],
        string="Holds For",
        help="Empty: for both.",
    )
    note = fields.Text(
        translate=True, help="What to do, in your words; shown to whom the gate holds."
    )
    # fields
    field_ids = fields.One2many(
        "crm.stage.gate.field", "gate_id", string="Required Fields", copy=True
    )
    # frame
    frame_rule = fields.Selection(
        [
            ("required", "All required questions"),
            ("percent", "A share of the questions"),
        ],
        string="Qualification",
    )
    frame_percent = fields.Float(
        string="Questions Answered (%)", default=100, digits=(5, 1)
    )
    frame_id = fields.Many2one(
        "crm.frame",
        check_company=True,
        index="btree_not_null",
        help="The lead must be qualified by this frame; none: by whichever it has.",
    )
    # activity
    needs_activity = fields.Boolean(string="A Done Activity")
    activity_type_ids = fields.Many2many(
        "mail.activity.type",
        string="Of Type",
        domain="[('res_model', 'in', [False, 'crm.lead'])]",
        help="One of these types; none: of any type.",
    )
    # document
    needs_document = fields.Boolean(string="An Attached Document")
    document_name = fields.Char(
        string="Named Like", help="Part of the file name; empty: any file."
    )
    # approval
    approval_by = fields.Selection(
        [
            ("leader", "The team leader"),
            ("user", "A user"),
            ("group", "Anyone of a group"),
        ],
    )
    approver_id = fields.Many2one("res.users", domain="[('share', '=', False)]")
    approver_group_id = fields.Many2one("res.groups")
    approval_tolerance = fields.Float(
        string="Amount May Change By (%)",
        default=10,
        digits=(5, 1),
        help="An approval is withdrawn when the expected revenue moves further than "
        "this from what was approved.",
    )
    summary = fields.Char(string="Asks For", compute="_compute_summary")
    pass_count = fields.Integer(string="Passed Anyway", compute="_compute_pass_count")

    _check_percent = models.Constraint(
        "CHECK (frame_percent > 0 AND frame_percent <= 100)",
        "The share of answered questions is above 0 and at most 100 %.",
    )
    _check_tolerance = models.Constraint(
        "CHECK (approval_tolerance >= 0)",
        "The amount may change by 0 % or more.",
    )

    @api.depends("stage_id", "team_id", "summary")
    def _compute_display_name(self):
        for gate in self:
            names = [gate.stage_id.name or "", gate.team_id.name, gate.summary]
            gate.display_name = " · ".join(name for name in names if name)

    @api.depends(
        "field_ids.name",
        "frame_rule",
        "frame_percent",
        "frame_id",
        "needs_activity",
        "activity_type_ids",
        "needs_document",
        "approval_by",
        "approver_id",
        "approver_group_id",
    )
    def _compute_summary(self):
        for gate in self:
            parts = [line.label for line in gate.field_ids if line.label]
            if gate.frame_rule:
                frame = gate.frame_id.name or self.env._("qualification")
                parts.append(
                    frame
                    if gate.frame_rule == "required"
                    else f"{frame} {gate.frame_percent:.0f} %"
                )
            if gate.needs_activity:
                parts.append(gate._get_activity_text())
            if gate.needs_document:
                parts.append(gate.document_name or self.env._("document"))
            if gate.approval_by:
                parts.append(self.env._("approval"))
            gate.summary = ", ".join(parts)

    def _compute_pass_count(self):
        counts = dict(
            self.env["crm.stage.pass"]._read_group(
                [("gate_id", "in", self.ids)], ["gate_id"], ["__count"]
            )
        )
        for gate in self:
            gate.pass_count = counts.get(gate, 0)

    @api.constrains(
        "stage_id",  # required: checked at each creation
        "field_ids",
        "frame_rule",
        "needs_activity",
        "needs_document",
        "approval_by",
        "approver_id",
        "approver_group_id",
    )
    def _check_requirements(self):
        for gate in self:
            if not gate.summary:
                raise ValidationError(
                    self.env._("A gate asks for something: choose at least one thing.")
                )
            if (gate.approval_by == "user" and not gate.approver_id) or (
                gate.approval_by == "group" and not gate.approver_group_id
            ):
                raise ValidationError(self.env._("Choose who approves."))

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        if "active" in vals:
            self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    @api.model
    @tools.ormcache()
    def _exist(self):
        """Whether there are gates at all: asked at each move of a lead."""
        # sudo: the answer is cached for everybody, and tells no more than yes or no
        return bool(self.sudo().search_count([], limit=1))

    # ------------------------------------------------------------
    # Business
    # ------------------------------------------------------------

    def _get_activity_text(self):
        self.ensure_one()
        if not self.activity_type_ids:
            return self.env._("a done activity")
        return self.env._(" or ").join(self.activity_type_ids.mapped("name"))

    def _holds_for(self, lead):
        """Whether this gate is one of the way of ``lead``."""
        self.ensure_one()
        stage_teams = self.stage_id.team_ids
        return (
            (not self.team_id or self.team_id == lead.team_id)
            and (not self.lead_type or self.lead_type == lead.type)
            and (not self.company_id or self.company_id == lead.company_id)
            # stages of other teams are not on the way
            and (not stage_teams or lead.team_id in stage_teams)
        )

    def _get_approvers(self, lead):
        """The users who may approve ``lead`` at this gate."""
        self.ensure_one()
        if self.approval_by == "user":
            return self.approver_id
        if self.approval_by == "group":
            group = self.approver_group_id
        elif lead.team_id.user_id:
            return lead.team_id.user_id
        else:  # a team without a leader
            group = self.env.ref("crm_plus.crm_plus_group_manager")
        users = group.all_user_ids
        if lead.company_id:
            users = users.filtered(lambda user: lead.company_id in user.company_ids)
        return users

    def action_view_passes(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_stage_pass_action"
        )
        action["domain"] = [("gate_id", "=", self.id)]
        return action
