"""What to offer a customer next, on the contact and on the customer page."""

from odoo import fields, models
from odoo.tools import format_date

from ...tools.customer_offers import DUE_AHEAD_DAYS
from ...tools.customer_panel import CustomerColumn, CustomerPanel, format_number


class ResPartner(models.Model):
    _inherit = "res.partner"

    def action_suggest_offers(self):
        """What to offer this customer next."""
        self.ensure_one()
        return self.env["crm.customer.offer"]._open(self, self.env.company)

    def _get_customer_buttons(self):
        buttons = super()._get_customer_buttons()
        if self.env["crm.customer.offer"].has_access("create"):
            buttons.append(
                {
                    "method": "action_suggest_offers",
                    "label": self.env._("Suggest offers"),
                    "icon": "fa-lightbulb-o",
                }
            )
        return buttons

    def _get_customer_panels(self):
        return [*super()._get_customer_panels(), self._get_customer_panel_due()]

    def _get_customer_panel_due(self):
        today = fields.Date.context_today(self)

        def due(row):
            return format_date(self.env, row.date_next), (
                "amber" if row.date_next < today else "none"
            )

        return CustomerPanel(
            key="due",
            section="goods",
            title=self.env._("Due again"),
            icon="fa-lightbulb-o",
            model="crm.customer.product",
            domain=[
                ("partner_id", "in", self.ids),
                ("company_id", "=", self.env.company.id),
                ("date_next", "<=", fields.Date.add(today, days=DUE_AHEAD_DAYS)),
                ("date_given_up", ">=", today),
            ],
            all_domain=[
                ("partner_id", "in", self.ids),
                ("company_id", "=", self.env.company.id),
                ("date_next", "!=", False),
            ],
            order="date_next, id",
            columns=[
                CustomerColumn(name="product_id", label=self.env._("Product")),
                CustomerColumn(name="date_next", label=self.env._("Due"), get=due),
                CustomerColumn(
                    name="interval_median",
                    label=self.env._("Every ... days"),
                    get=lambda row: format_number(self.env, row.interval_median, 0),
                    is_number=True,
                    is_wide=True,
                ),
                CustomerColumn(
                    name="quantity_usual",
                    label=self.env._("Usually"),
                    get=lambda row: format_number(self.env, row.quantity_usual),
                    is_number=True,
                ),
            ],
            opens="product_id",
            partner_field="partner_id",
            sequence=5,
            views=("list", "pivot"),
            empty=self.env._("Nothing is due again by the customer's own rhythm."),
        )
