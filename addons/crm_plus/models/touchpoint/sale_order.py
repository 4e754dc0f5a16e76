from odoo import api, models

SOURCE_BY_STATE = {"sent": "quotation_sent", "sale": "order_confirmed"}


class SaleOrder(models.Model):
    _inherit = "sale.order"

    _touchpoint_watermark_idx = models.Index("(write_date)")

    @api.model_create_multi
    def create(self, vals_list):
        orders = super().create(vals_list)
        for state, key in SOURCE_BY_STATE.items():
            self.env["crm.touchpoint"]._queue_harvest(
                key,
                orders.filtered(lambda order, state=state: order.state == state).ids,
            )
        return orders

    def write(self, vals):
        result = super().write(vals)
        if vals.get("state") in SOURCE_BY_STATE:
            self.env["crm.touchpoint"]._queue_harvest(
                SOURCE_BY_STATE[vals["state"]], self.ids
            )
        return result
