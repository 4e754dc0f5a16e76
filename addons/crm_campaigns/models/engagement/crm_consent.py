from odoo import api, models

from odoo.addons.crm_plus.tools.contact_consent import GIVEN


class CrmConsent(models.Model):
    _inherit = "crm.consent"

    # the ledger of touchpoints reads what changed
    _write_date_idx = models.Index("(write_date)")

    @api.model_create_multi
    def create(self, vals_list):
        """What a person confirmed is in the timeline at once: journeys wait for it."""
        consents = super().create(vals_list)
        self.env["crm.touchpoint"]._queue_harvest(
            "campaign_confirmed",
            consents.filtered(lambda one: one.request_id and one.state == GIVEN).ids,
        )
        return consents
