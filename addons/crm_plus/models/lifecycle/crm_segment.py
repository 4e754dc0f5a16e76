from odoo import api, models

from .crm_lifecycle_event import QUEUE_KEY


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    @api.model
    def _get_earlier_queues(self):
        return super()._get_earlier_queues() | {QUEUE_KEY}
