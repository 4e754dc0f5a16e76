from odoo import fields, models


class SaleOrder(models.Model):
    _inherit = "sale.order"

    case_ids = fields.One2many(
        "crm.case",
        "sale_order_id",
        string="Cases",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    case_count = fields.Integer(
        compute="_compute_case_count",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    def _compute_case_count(self):
        counts = dict(
            self.env["crm.case"]._read_group(
                [("sale_order_id", "in", self.ids)], ["sale_order_id"], ["__count"]
            )
        )
        for order in self:
            order.case_count = counts.get(order._origin, 0)

    def action_view_cases(self):
        """The cases about this order, or a new one where there is none."""
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["domain"] = [("sale_order_id", "=", self.id)]
        action["context"] = {
            "default_sale_order_id": self.id,
            "default_partner_id": self.partner_id.id,
        }
        action["views"] = [
            (False, "list" if self.case_count else "form"),
            (False, "form"),
        ]
        if self.case_count:
            action["views"].insert(1, (False, "kanban"))
        else:
            action["views"] = [(False, "form")]
        return action
