from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.case.crm_case_stage import DONE


class CrmCaseMerge(models.TransientModel):
    """Choose which case lives on."""

    _name = "crm.case.merge"
    _description = "Merge Cases"

    case_ids = fields.Many2many(
        "crm.case",
        string="Cases",
        default=lambda self: self._default_case_ids(),
        help="These are one and the same. All but one end in it.",
    )
    target_id = fields.Many2one(
        "crm.case",
        string="Goes On as",
        required=True,
        compute="_compute_target_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('merged_into_id', '=', False), ('company_id', 'in', company_ids)]",
        help="The case that lives on: one of these, or another one.",
    )
    company_ids = fields.Many2many("res.company", compute="_compute_people")
    other_people = fields.Char(
        string="Also Asked by",
        compute="_compute_people",
        help="They get the answers by mail, as followers; on the portal the case is "
        "the customer's.",
    )

    def _default_case_ids(self):
        if self.env.context.get("active_model") == "crm.case":
            return self.env.context.get("active_ids")
        return False

    @api.depends("case_ids")
    def _compute_target_id(self):
        """Several: the oldest that is open, as its promises began first. One: it is to
        end in another one."""
        for wizard in self:
            # as they are in the database: before it is saved they are copies
            cases = wizard.case_ids._origin
            if wizard.target_id or len(cases) < 2:
                wizard.target_id = wizard.target_id
            else:
                wizard.target_id = cases.sorted(
                    lambda case: (
                        case.stage_category in DONE,
                        case.date_opened,
                        case.id,
                    )
                )[:1]

    @api.depends("case_ids", "target_id")
    def _compute_people(self):
        for wizard in self:
            cases = wizard.case_ids._origin
            wizard.company_ids = cases.company_id
            others = cases.partner_id - wizard.target_id.partner_id
            wizard.other_people = ", ".join(others.mapped("display_name"))

    def action_merge(self):
        self.ensure_one()
        cases = self.case_ids - self.target_id
        if not cases:
            raise UserError(self.env._("Choose the case that it is to go on as."))
        cases._merge(self.target_id)
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case",
            "res_id": self.target_id.id,
            "views": [(False, "form")],
        }
