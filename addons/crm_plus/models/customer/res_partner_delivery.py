from odoo import api, fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    customer_delivery_words = fields.Char(
        string="Deliveries",
        compute="_compute_customer_delivery",
        groups="crm_plus.crm_plus_group_user",
        help="Of the customer in the companies you are in: what is on its way.",
    )
    customer_delivery_late = fields.Boolean(
        string="Has Late Deliveries",
        compute="_compute_customer_delivery",
        groups="crm_plus.crm_plus_group_user",
    )

    @api.depends("commercial_partner_id")
    @api.depends_context("uid", "allowed_company_ids", "lang")
    def _compute_customer_delivery(self):
        counts = self.env["crm.delivery.report"]._count_by(
            "partner_id", self.commercial_partner_id.ids
        )
        for partner in self:
            found = counts.get(partner.commercial_partner_id._origin.id, {})
            partner.customer_delivery_late = bool(found.get("late"))
            partner.customer_delivery_words = self._get_delivery_words(found)

    def _get_delivery_words(self, counts):
        late = counts.get("late", 0)
        still_open = late + counts.get("open", 0)
        if late:
            return self.env._(
                "%(open)s open, %(late)s late", open=still_open, late=late
            )
        if still_open:
            return self.env._("%s open", still_open)
        return self.env._("None open") if counts else False

    def action_view_deliveries(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_delivery_report_action"
        )
        action["domain"] = [("partner_id", "=", self.commercial_partner_id.id)]
        action["context"] = {}
        return action
