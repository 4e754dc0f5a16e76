from odoo import fields, models


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "crm.case.subject.mixin"]

    _case_field = "sale_order_id"

    case_ids = fields.One2many(
        "crm.case",
        "sale_order_id",
        string="Cases",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
