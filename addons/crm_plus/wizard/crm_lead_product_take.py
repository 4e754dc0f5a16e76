from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command


class CrmLeadProductTake(models.TransientModel):
    """Fill the products of a lead from one of its quotations or from a template."""

    _name = "crm.lead.product.take"
    _description = "Take Over Products"

    lead_id = fields.Many2one("crm.lead", required=True)
    source = fields.Selection(
        [("quotation", "A quotation or order"), ("template", "A template")],
        string="From",
        compute="_compute_source",
        compute_sudo=False,
        store=True,
        precompute=True,
        readonly=False,
        required=True,
    )
    order_id = fields.Many2one(
        "sale.order",
        string="Quotation",
        compute="_compute_order_id",
        # of the leads and orders that the user sees
        compute_sudo=False,
        store=True,
        precompute=True,
        readonly=False,
        domain="[('opportunity_id', '=', lead_id), ('state', '!=', 'cancel')]",
    )
    template_id = fields.Many2one("crm.lead.product.template")
    replace = fields.Boolean(
        string="Instead of the Present Products",
        default=True,
        help="Otherwise they are added to the present ones.",
    )

    @api.depends("lead_id")
    def _compute_order_id(self):
        for wizard in self:
            wizard.order_id = wizard.lead_id.order_ids.filtered(
                lambda order: order.state != "cancel"
            ).sorted("id", reverse=True)[:1]

    @api.depends("order_id")
    def _compute_source(self):
        for wizard in self:
            wizard.source = "quotation" if wizard.order_id else "template"

    def action_take(self):
        self.ensure_one()
        lead = self.lead_id
        if self.source == "quotation":
            if self.order_id.opportunity_id != lead:
                raise UserError(
                    self.env._("Choose a quotation of “%s” first.", lead.name)
                )
            lines = self.order_id.order_line.filtered(
                lambda line: (
                    line.product_id
                    and not line.display_type
                    and not line.is_downpayment
                    and line.product_uom_qty > 0
                )
            )
            values = [
                lead.product_line_ids._prepare_values_from_order_line(line)
                for line in lines
            ]
        else:
            if not self.template_id:
                raise UserError(self.env._("Choose a template first."))
            values = [
                {
                    "product_id": line.product_id.id,
                    "quantity": line.quantity,
                    "product_uom_id": line.product_uom_id.id,
                }
                for line in self.template_id.line_ids
            ]
        commands = [Command.create(line) for line in values]
        if self.replace:
            commands.insert(0, Command.clear())
        lead.write({"product_line_ids": commands})
        return {"type": "ir.actions.client", "tag": "soft_reload"}
