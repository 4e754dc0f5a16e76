from odoo import api, fields, models
from odoo.tools.sql import column_exists, create_column, table_exists

from ..case.crm_case_stage import DONE
from .crm_case_priority_rule import IMPACTS, URGENCIES


class CrmCase(models.Model):
    """What sort of case it is, and how pressing.

    The priority is what somebody set by hand; else what impact and urgency make of it
    in the matrix of the company; else what the category proposes; else normal. What is
    set by hand stays, until somebody asks for the proposal again.
    """

    _inherit = "crm.case"

    type_id = fields.Many2one(
        "crm.case.type",
        compute="_compute_type_id",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        tracking=7,
    )
    type_kind = fields.Selection(related="type_id.kind", string="Kind")
    category_id = fields.Many2one(
        "crm.case.category",
        check_company=True,
        index="btree_not_null",
        tracking=8,
    )
    impact = fields.Selection(
        IMPACTS,
        falsy_value_label="Not known",
        tracking=9,
        help="For how many of the customer's people it is so.",
    )
    urgency = fields.Selection(
        URGENCIES,
        falsy_value_label="Not known",
        tracking=10,
        help="How long they can do without.",
    )
    is_priority_manual = fields.Boolean(
        string="Priority Set by Hand",
        copy=False,
        groups="base.group_user",
        help="Then neither impact nor urgency nor the category change it.",
    )
    priority_reason = fields.Char(
        string="Why This Priority",
        compute="_compute_priority_reason",
        groups="base.group_user",
    )

    def _auto_init(self):
        # priorities of cases that were there before were set by hand
        # at the installation there is no table yet, and no case
        is_new = table_exists(self.env.cr, self._table) and not column_exists(
            self.env.cr, self._table, "is_priority_manual"
        )
        if is_new:
            create_column(self.env.cr, self._table, "is_priority_manual", "bool")
        result = super()._auto_init()
        if is_new:
            # the column is ours and new: no model method can know of it yet
            self.env.cr.execute(
                "UPDATE crm_case SET is_priority_manual = TRUE WHERE priority <> '1'"
            )
        return result

    # ------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------

    @api.depends("category_id")
    def _compute_type_id(self):
        """The type of the category, where nobody has chosen one."""
        for case in self:
            if case.type_id or not case.category_id:
                case.type_id = case.type_id
            else:
                case.type_id = self.env["crm.case.category"]._get_defaults(
                    case.category_id.id
                )[2]

    @api.depends("impact", "urgency", "category_id", "is_priority_manual")
    def _compute_priority(self):
        # sudo: whoever opens the case; whether it was set by hand is ours
        for case, case_sudo in zip(self, self.sudo(), strict=True):
            if case_sudo.is_priority_manual and case.priority:
                case.priority = case.priority
            else:
                case.priority = case_sudo._get_priority_proposal()

    def _get_priority_proposal(self):
        self.ensure_one()
        return self._propose_priority(
            self.team_id.company_id.id if self.impact and self.urgency else False,
            self.impact,
            self.urgency,
            self.category_id.id,
        )

    @api.model
    def _propose_priority(self, company_id, impact, urgency, category_id):
        return (
            self.env["crm.case.priority.rule"]._get_priority(
                company_id, impact, urgency
            )
            or self.env["crm.case.category"]._get_defaults(category_id)[3]
            or "1"
        )

    @api.depends(
        "priority", "impact", "urgency", "category_id", "is_priority_manual", "team_id"
    )
    @api.depends_context("lang")
    def _compute_priority_reason(self):
        labels = {
            name: dict(self._fields[name]._description_selection(self.env))
            for name in ("priority", "impact", "urgency")
        }
        for case in self:
            proposal = labels["priority"].get(case._get_priority_proposal())
            if case.is_priority_manual:
                case.priority_reason = (
                    self.env._("Set by hand.")
                    if proposal == labels["priority"].get(case.priority)
                    else self.env._(
                        "Set by hand; by the rules it would be %s.", proposal
                    )
                )
            elif case.impact and case.urgency:
                case.priority_reason = self.env._(
                    "“%(impact)s” and “%(urgency)s” make it %(priority)s, as the "
                    "matrix of %(company)s says.",
                    impact=labels["impact"][case.impact],
                    urgency=labels["urgency"][case.urgency],
                    priority=proposal,
                    # sudo: the name of the company whose case it is
                    company=case.sudo().team_id.company_id.name,
                )
            elif self.env["crm.case.category"]._get_defaults(case.category_id.id)[3]:
                case.priority_reason = self.env._(
                    "Cases of %(category)s begin as %(priority)s; impact and urgency "
                    "overrule it.",
                    category=case.category_id.display_name,
                    priority=proposal,
                )
            else:
                case.priority_reason = self.env._(
                    "%s, until impact and urgency are known.", proposal
                )

    # ------------------------------------------------------------
    # What people type
    # ------------------------------------------------------------

    @api.onchange("priority")
    def _onchange_priority(self):
        if self.priority and self.priority != self._get_priority_proposal():
            self.is_priority_manual = True

    @api.onchange("category_id")
    def _onchange_category_id(self):
        """A new case goes to the team of its category; one that somebody handles
        stays where it is."""
        team_id, company_id, *_rest = self.env["crm.case.category"]._get_defaults(
            self.category_id.id
        )
        if (
            not self._origin
            and team_id
            and company_id == (self.company_id or self.env.company).id
        ):
            self.team_id = team_id

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._classify(vals) for vals in vals_list])

    @api.model
    def _classify(self, vals):
        """Add what the category proposes, and whether the priority is by hand."""
        vals = dict(vals)
        category_id = vals.get("category_id")
        if category_id and not vals.get("team_id"):
            team_id, company_id, *_rest = self.env["crm.case.category"]._get_defaults(
                category_id
            )
            if team_id and company_id == self.env.company.id:
                vals["team_id"] = team_id
        if vals.get("priority") and "is_priority_manual" not in vals:
            impact, urgency = vals.get("impact"), vals.get("urgency")
            company_id = False
            if impact and urgency:
                team = self.env["crm.case.team"].browse(vals.get("team_id"))
                # sudo: which company's matrix holds, whoever opens the case
                company_id = (team.sudo().company_id or self.env.company).id
            vals["is_priority_manual"] = vals["priority"] != self._propose_priority(
                company_id, impact, urgency, category_id
            )
        return vals

    def write(self, vals):
        if "priority" in vals and "is_priority_manual" not in vals:
            vals = {**vals, "is_priority_manual": True}
        return super().write(vals)

    @api.model
    def _sla_get_watched_fields(self):
        # from these the priority follows, which picks the target
        return super()._sla_get_watched_fields() | {
            "impact",
            "urgency",
            "category_id",
            "is_priority_manual",
        }

    # ------------------------------------------------------------
    # Business
    # ------------------------------------------------------------

    def action_follow_priority(self):
        """Button: the priority by the rules again."""
        self.write({"is_priority_manual": False})

    def _refresh_priority(self):
        """The rules have changed: cases that are not over get their priority anew."""
        cases = self.filtered(
            lambda case: case.stage_category not in DONE and not case.is_priority_manual
        )
        self.env.add_to_compute(self._fields["priority"], cases)
        cases._sla_replan(self.env._("The priority matrix was changed"))
