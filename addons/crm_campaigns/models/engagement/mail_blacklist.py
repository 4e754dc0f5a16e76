from odoo import api, fields, models


class MailBlacklist(models.Model):
    _inherit = "mail.blacklist"

    date_blocked = fields.Datetime(
        string="Blocked On",
        readonly=True,
        copy=False,
        help="When the address was last put on the list.",
    )
    is_bounce_block = fields.Boolean(
        string="Blocked by Bounces",
        readonly=True,
        copy=False,
        help="The address does not work; nobody asked to be left alone.",
    )

    # the ledger reads what changed
    _write_date_idx = models.Index("(write_date)")

    @api.model_create_multi
    def create(self, vals_list):
        now = fields.Datetime.now()
        is_bounce = bool(self.env.context.get("crm_campaigns_bounce"))
        records = super().create(
            [
                {**vals, "date_blocked": now, "is_bounce_block": is_bounce}
                if vals.get("active", True)
                else vals
                for vals in vals_list
            ]
        )
        records.filtered("active")._on_blocked()
        return records

    def write(self, vals):
        blocked = self.browse()
        if vals.get("active"):
            blocked = self.filtered(lambda record: not record.active)
        result = super().write(vals)
        if blocked:
            super(MailBlacklist, blocked).write(
                {
                    "date_blocked": fields.Datetime.now(),
                    "is_bounce_block": bool(
                        self.env.context.get("crm_campaigns_bounce")
                    ),
                }
            )
            blocked._on_blocked()
        return result

    def _on_blocked(self):
        """Hook: these addresses have just been put on the list."""
        self.env["crm.touchpoint"]._queue_harvest(
            "campaign_unsubscribed/mail.blacklist", self.ids
        )
