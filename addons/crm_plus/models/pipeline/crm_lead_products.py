"""The products a lead is about, before and besides its quotations."""

from odoo import api, fields, models
from odoo.fields import Command


class CrmLead(models.Model):
    _inherit = "crm.lead"

    product_line_ids = fields.One2many(
        "crm.lead.product.line",
        "lead_id",
        string="Products of Interest",
        copy=True,
    )
    product_amount = fields.Monetary(
        string="Total of Products",
        compute="_compute_product_amount",
        currency_field="company_currency",
        help="What the products of interest come to, untaxed.",
    )
    is_product_amount_other = fields.Boolean(
        compute="_compute_is_product_amount_other",
        export_string_translation=False,
    )

    @api.depends("product_line_ids.amount_company")
    def _compute_product_amount(self):
        for lead in self:
            lead.product_amount = sum(lead.product_line_ids.mapped("amount_company"))

    @api.depends("product_amount", "expected_revenue", "product_line_ids")
    def _compute_is_product_amount_other(self):
        for lead in self:
            currency = lead.company_currency or self.env.company.currency_id
            lead.is_product_amount_other = bool(
                lead.product_line_ids
                and currency.compare_amounts(lead.product_amount, lead.expected_revenue)
            )

    def _merge_dependences(self, opportunities):
        super()._merge_dependences(opportunities)
        # sudo: what was asked for stays asked for, whoever merges
        opportunities.sudo().product_line_ids.write({"lead_id": self.id})
        # sudo: who merges need not write invoices
        self.env["account.move"].sudo().search(
            [("opportunity_id", "in", opportunities.ids)]
        ).opportunity_id = self

    def action_new_quotation(self):
        """With products of interest the quotation is made at once: an unsaved form
        would price its lines before it knows pricelist and taxes of the customer.
        """
        action = super().action_new_quotation()
        if not self.product_line_ids:
            return action
        order = (
            self.env["sale.order"]
            .with_context(**action["context"])
            .create(
                {
                    "order_line": [
                        Command.create(line._prepare_order_line_values())
                        for line in self.product_line_ids
                    ]
                }
            )
        )
        return {**action, "res_id": order.id}

    def action_take_product_amount(self):
        """Take the total over as the expected revenue."""
        for lead in self:
            lead._track_set_log_message(
                self.env._("Expected revenue taken from the products of interest.")
            )
            lead.expected_revenue = lead.product_amount

    def action_take_products(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_lead_product_take_action"
        )
        action["context"] = {"default_lead_id": self.id, "dialog_size": "medium"}
        return action
