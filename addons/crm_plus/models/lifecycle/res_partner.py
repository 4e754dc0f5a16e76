from odoo import api, fields, models

from .crm_lifecycle_step import LEAD_STEPS, PARTNER_STEPS


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "crm.lifecycle.mixin"]
    # the way of a company: that of its leads, then its own
    _lifecycle_codes = (*PARTNER_STEPS, *LEAD_STEPS)

    lifecycle_step_id = fields.Many2one(groups="crm_plus.crm_plus_group_user")
    lifecycle_date = fields.Datetime(groups="crm_plus.crm_plus_group_user")
    lifecycle_path = fields.Json(groups="crm_plus.crm_plus_group_user")
    lifecycle_event_ids = fields.One2many(
        "crm.lifecycle.event",
        "commercial_partner_id",
        string="Lifecycle",
        readonly=True,
        copy=False,
        groups="crm_plus.crm_plus_group_user",
        help="Of the company and of its leads.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_lifecycle_untouched(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_lifecycle_untouched(vals)
        return super().write(vals)
