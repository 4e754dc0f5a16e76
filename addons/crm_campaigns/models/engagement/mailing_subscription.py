from odoo import api, models


class MailingSubscription(models.Model):
    _inherit = "mailing.subscription"

    # the ledger reads what changed
    _write_date_idx = models.Index("(write_date)")

    @api.model_create_multi
    def create(self, vals_list):
        subscriptions = super().create(vals_list)
        subscriptions._queue_touchpoints()
        return subscriptions

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"opt_out", "opt_out_datetime", "opt_out_reason_id"}:
            self._queue_touchpoints()
        return result

    def _queue_touchpoints(self):
        self.env["crm.touchpoint"]._queue_harvest(
            "campaign_unsubscribed/mailing.subscription", self.filtered("opt_out").ids
        )
