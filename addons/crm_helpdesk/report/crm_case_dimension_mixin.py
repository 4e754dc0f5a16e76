from odoo import api, fields, models
from odoo.tools import SQL

from ..models.case.crm_case import PRIORITIES

# K65, K72: an answer holds when the case is not opened again within so many days
REOPEN_DAYS = 7


class CrmCaseDimensionMixin(models.AbstractModel):
    """By what the figures of cases are looked at: the same in all reports."""

    _name = "crm.case.dimension.mixin"
    _inherit = "crm.ratio.mixin"
    _description = "Dimensions of Case Reports"
    _rec_name = "case_id"

    case_id = fields.Many2one("crm.case", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    team_id = fields.Many2one("crm.case.team", readonly=True)
    user_id = fields.Many2one("res.users", string="Assignee", readonly=True)
    channel = fields.Selection("_selection_channel", readonly=True)
    priority = fields.Selection(PRIORITIES, readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    commercial_partner_id = fields.Many2one(
        "res.partner", string="Customer Company", readonly=True
    )
    type_id = fields.Many2one("crm.case.type", readonly=True)
    category_id = fields.Many2one("crm.case.category", readonly=True)
    resolution_id = fields.Many2one("crm.case.resolution", readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    active = fields.Boolean(readonly=True)

    @api.model
    def _selection_channel(self):
        """Those of the case, with what other rooms add."""
        return self.env["crm.case"]._fields["channel"]._description_selection(self.env)

    @api.model
    def _get_case_columns(self):
        """Hook: SQL of the dimensions that are the case's own (``c``), by field."""
        return {
            "case_id": SQL("c.id"),
            "company_id": SQL("c.company_id"),
            "channel": SQL("c.channel"),
            "priority": SQL("c.priority"),
            "partner_id": SQL("c.partner_id"),
            "commercial_partner_id": SQL("c.commercial_partner_id"),
            "type_id": SQL("c.type_id"),
            "category_id": SQL("c.category_id"),
            "resolution_id": SQL("c.resolution_id"),
            "product_id": SQL("c.product_id"),
            "active": SQL("c.active"),
        }

    @api.model
    def _get_case_select(self):
        return SQL(", ").join(
            SQL("%s AS %s", column, SQL.identifier(name))
            for name, column in self._get_case_columns().items()
        )

    @api.model
    def _get_real_sql(self, alias="c"):
        """Hook: the cases that people asked for: neither machines' nor spam nor those
        merged into another one, as duplicates are.
        """
        return SQL(
            """%(case)s.is_machine IS NOT TRUE AND %(case)s.is_spam IS NOT TRUE
               AND %(case)s.merged_into_id IS NULL""",
            case=SQL.identifier(alias),
        )

    def action_open_case(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case",
            "res_id": self.case_id.id,
            "views": [(False, "form")],
        }
