from odoo import api, fields, models

from ..customer.res_partner import PROFILE_GROUPS


class SaleOrder(models.Model):
    """The traffic light of the customer, and the stop at confirmation."""

    _name = "sale.order"
    _inherit = ["sale.order", "crm.credit.mixin"]

    is_credit_stopped = fields.Boolean(
        compute="_compute_is_credit_stopped", groups=PROFILE_GROUPS
    )
    # who may not override may not write them either
    credit_pass_user_id = fields.Many2one(
        "res.users",
        string="Credit Stop Lifted By",
        readonly=True,
        copy=False,
        groups="sales_team.group_sale_manager",
    )
    credit_pass_reason = fields.Text(
        string="Why It Was Lifted",
        readonly=True,
        copy=False,
        groups="sales_team.group_sale_manager",
    )

    def _get_credit_amounts(self):
        # confirmed orders are in what the customer owes already
        return {
            order: order.amount_total / (order.currency_rate or 1)
            if order.state in ("draft", "sent")
            else 0.0
            for order in self
        }

    @api.depends("amount_total", "state", "currency_rate")
    def _compute_credit_light(self):
        super()._compute_credit_light()

    @api.depends("credit_light", "state", "company_id")
    def _compute_is_credit_stopped(self):
        for order in self:
            order.is_credit_stopped = (
                order.state in ("draft", "sent")
                and order.credit_light == "red"
                and order.company_id.crm_plus_credit_stop
                # sudo: that it was lifted concerns who confirms, by whom does not
                and not order.sudo().credit_pass_user_id
            )

    def _confirmation_error_message(self):
        error = super()._confirmation_error_message()
        # superuser: the customer signs or pays online; nobody could answer the stop
        if error or self.env.su:
            return error
        # sudo: it stops whoever confirms, also who may not read the light
        if not self.sudo().is_credit_stopped:
            return error
        if not self._has_field_access(self._fields["credit_words"], "read"):
            return self.env._(
                "%s is stopped. A sales manager can confirm it with a reason.",
                self.name,
            )
        return self.env._(
            "%(order)s is stopped: %(why)s. A sales manager can confirm it with a "
            "reason.",
            order=self.name,
            why=self.credit_words,
        )

    def action_draft(self):
        """What was let pass was the order as it stood; its reason stays in the log."""
        result = super().action_draft()
        # sudo: who may not lift a stop may well bring the order back to draft
        self.sudo().filtered(
            lambda order: order.state == "draft" and order.credit_pass_user_id
        ).write({"credit_pass_user_id": False, "credit_pass_reason": False})
        return result
