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

    def _get_customer_headers(self, profiles=None, names=None):
        """Late deliveries concern whoever talks to the customer."""
        headers = super()._get_customer_headers(profiles, names)
        Delivery = self.env["crm.delivery.report"]
        if not Delivery.has_access("read"):
            return headers
        for partner_id, counts in Delivery._count_by("partner_id", self.ids).items():
            late = counts.get("late")
            if late:
                headers[partner_id]["facts"].append(
                    {
                        "key": "late_deliveries",
                        "text": self.env._("%s late deliveries", late)
                        if late > 1
                        else self.env._("A delivery is late"),
                        "light": "red",
                        "icon": "fa-truck",
                    }
                )
        return headers

    def _get_customer_buttons(self):
        buttons = super()._get_customer_buttons()
        if self.env.user.has_group("crm_plus.crm_plus_group_user"):
            buttons.append(
                {
                    "method": "action_print_customer_sheet",
                    "label": self.env._("Print Sheet"),
                    "icon": "fa-print",
                }
            )
        return buttons

    def action_print_customer_sheet(self):
        return self.env.ref("crm_plus.action_report_customer_sheet").report_action(self)
