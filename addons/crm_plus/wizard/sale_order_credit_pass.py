from odoo import fields, models
from odoo.exceptions import AccessError


class SaleOrderCreditPass(models.TransientModel):
    """Confirm a quotation although the customer's light is red, for a kept reason."""

    _name = "sale.order.credit.pass"
    _description = "Confirm Despite the Credit Stop"

    order_id = fields.Many2one("sale.order", required=True)
    credit_words = fields.Char(related="order_id.credit_words", related_sudo=False)
    reason = fields.Text(required=True)

    def action_pass(self):
        self.ensure_one()
        if not self.env.user.has_group("sales_team.group_sale_manager"):
            raise AccessError(
                self.env._("Only sales managers confirm despite the credit stop.")
            )
        order = self.order_id
        words = order.credit_words
        order.write(
            {
                "credit_pass_user_id": self.env.uid,
                "credit_pass_reason": self.reason,
            }
        )
        order.message_post(
            body=self.env._(
                "Confirmed despite the credit stop (%(why)s): %(reason)s",
                why=words,
                reason=self.reason,
            )
        )
        order.action_confirm()
        return {"type": "ir.actions.client", "tag": "soft_reload"}
