from odoo import fields, models
from odoo.exceptions import AccessError


class DigestDigest(models.Model):
    _inherit = "digest.digest"

    kpi_crm_plus_gap = fields.Boolean("Leads Falling Through (Target: 0)")
    kpi_crm_plus_gap_value = fields.Integer(compute="_compute_kpi_crm_plus_gap_value")

    def _compute_kpi_crm_plus_gap_value(self):
        """How many there are now, whatever the period: the aim is none."""
        if not self.env.user.has_group("crm_plus.crm_plus_group_user"):
            raise AccessError(
                self.env._("Do not have access, skip this data for user's digest email")
            )
        _start, _end, companies = self._get_kpi_compute_parameters()
        counts = dict(
            self.env["crm.lead.gap"]._read_group(
                [("company_id", "in", [*companies.ids, False])],
                ["company_id"],
                ["__count"],
            )
        )
        # leads of no company are everybody's
        shared = counts.get(self.env["res.company"], 0)
        for digest in self:
            company = digest.company_id or self.env.company
            digest.kpi_crm_plus_gap_value = counts.get(company, 0) + shared

    def _compute_kpis_actions(self, company, user):
        result = super()._compute_kpis_actions(company, user)
        menu = self.env.ref("crm.crm_menu_root")
        result["kpi_crm_plus_gap"] = f"crm_plus.crm_lead_gap_action?menu_id={menu.id}"
        return result
