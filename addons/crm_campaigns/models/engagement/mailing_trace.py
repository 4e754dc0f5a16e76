from odoo import models


class MailingTrace(models.Model):
    _inherit = "mailing.trace"

    # the ledger reads what changed
    _write_date_idx = models.Index("(write_date)")

    def write(self, vals):
        """What people do with a mail reaches their timeline at once; what was sent does
        too for campaigns, else with the next harvest."""
        result = super().write(vals)
        queue = self.env["crm.touchpoint"]._queue_harvest
        if vals.get("open_datetime"):
            queue("campaign_opened", self.ids)
        if vals.get("reply_datetime"):
            queue("campaign_replied", self.ids)
        if vals.get("trace_status") == "bounce":
            queue("campaign_bounced", self.ids)
        return result

    def set_opened(self, domain=None):
        if self.env.context.get("crm_campaigns_machine_mail"):
            return self
        return super().set_opened(domain=domain)

    def set_replied(self, domain=None):
        if self.env.context.get("crm_campaigns_machine_mail"):
            return self
        return super().set_replied(domain=domain)

    def _get_date_handed_over(self):
        """Hook: when the mail left, from which the speed of a click is measured."""
        self.ensure_one()
        return self.sent_datetime
