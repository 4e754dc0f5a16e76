from odoo import api, models

from .crm_customer_profile_rebuild import QUEUE_KEY


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    @api.model
    def _get_earlier_queues(self):
        """Conditions may ask for labels and lights."""
        return super()._get_earlier_queues() | {QUEUE_KEY}
