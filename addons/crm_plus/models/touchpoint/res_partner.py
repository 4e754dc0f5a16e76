from odoo import fields, models
from odoo.fields import Domain


class ResPartner(models.Model):
    _inherit = "res.partner"

    touchpoint_count = fields.Integer(
        compute="_compute_touchpoint_count", groups="crm_plus.crm_plus_group_user"
    )

    def _compute_touchpoint_count(self):
        Touchpoint = self.env["crm.touchpoint"]
        companies = self.filtered(
            lambda p: p._origin == p.commercial_partner_id._origin
        )
        of_company = dict(
            Touchpoint._read_group(
                [("commercial_partner_id", "in", companies.ids)],
                ["commercial_partner_id"],
                ["__count"],
            )
        )
        of_contact = dict(
            Touchpoint._read_group(
                [("partner_id", "in", (self - companies).ids)],
                ["partner_id"],
                ["__count"],
            )
        )
        for partner in self:
            counts = of_company if partner in companies else of_contact
            partner.touchpoint_count = counts.get(partner._origin, 0)

    def _get_touchpoint_domain(self):
        """The timeline of a company is that of all its people."""
        self.ensure_one()
        if self == self.commercial_partner_id:
            return Domain("commercial_partner_id", "=", self.id)
        return Domain("partner_id", "=", self.id)

    def action_view_touchpoints(self):
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_touchpoint_action"
        )
        action["name"] = self.env._("Timeline of %s", self.display_name)
        action["domain"] = list(self._get_touchpoint_domain())
        action["context"] = {"search_default_interactions": 1}
        return action
