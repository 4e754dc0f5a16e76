import secrets

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.entry_kind import EntryKind

_lt = LazyTranslate(__name__)


class WebhookEntry(EntryKind):
    """Another system says so, by a signed request: see ``controllers/webhook.py``."""

    code = "webhook"
    label = _lt("Another system says so")
    icon = "fa-plug"
    fields = ("model_id",)

    def get_problems(self):
        if self.get_model() not in ("crm.lead", "res.partner"):
            return [
                self.env._("Other systems name leads or contacts by their address.")
            ]
        return []

    def get_email_candidates(self, emails, event):
        """The newest open record of each address in the company of the campaign."""
        model = self.get_model()
        is_open = SQL("r.active")
        if model == "crm.lead":
            is_open = SQL("r.active AND r.won_status = 'pending'")
        return SQL(
            """
            SELECT DISTINCT ON (r.email) r.id AS res_id, %(event)s AS event,
                   %(now)s AS date
              FROM (%(people)s) r
             WHERE r.email = ANY(%(emails)s) AND %(is_open)s
               AND (r.company_id IS NULL OR r.company_id = %(company)s)
          ORDER BY r.email, r.id DESC
            """,
            event=event,
            now=fields.Datetime.now(),
            people=self.campaign._get_people_query(model),
            emails=list(emails),
            company=self.campaign.company_id.id,
            is_open=is_open,
        )


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    webhook_token = fields.Char(
        readonly=True,
        copy=False,
        default=lambda self: secrets.token_urlsafe(16),
        groups="crm_campaigns.crm_campaigns_group_manager",
    )
    webhook_secret = fields.Char(
        string="Secret",
        readonly=True,
        copy=False,
        default=lambda self: secrets.token_urlsafe(32),
        groups="crm_campaigns.crm_campaigns_group_manager",
        help="Requests are signed with it: header X-Signature, the hexadecimal "
        "HMAC-SHA256 of the body.",
    )
    webhook_url = fields.Char(
        string="Address",
        compute="_compute_webhook_url",
        groups="crm_campaigns.crm_campaigns_group_manager",
    )

    _webhook_token_uniq = models.UniqueIndex(
        "(webhook_token) WHERE webhook_token IS NOT NULL",
        "Another campaign has this address.",
    )

    @api.model
    def _get_entries(self):
        return [*super()._get_entries(), WebhookEntry]

    @api.model
    def _get_by_webhook_token(self, token):
        """The campaign of an address that a stranger calls; empty for any other."""
        if not (token.isascii() and token.isprintable()):
            # none of ours, and the database would stumble on some
            return self.browse()
        return self.search(
            [("webhook_token", "=", token), ("entry", "=", "webhook")], limit=1
        )

    def _init_column(self, column_name):
        """An address and a secret of its own for each campaign that was there before:
        Odoo would give one to all.
        """
        if column_name not in ("webhook_token", "webhook_secret"):
            return super()._init_column(column_name)
        column = SQL.identifier(column_name)
        rows = self.env.execute_query(
            SQL("SELECT id FROM crm_campaign WHERE %s IS NULL", column)
        )
        for [campaign_id] in rows:
            # once, for few campaigns
            self.env.cr.execute(
                SQL(
                    "UPDATE crm_campaign SET %s = %s WHERE id = %s",
                    column,
                    self._fields[column_name].default(self),
                    campaign_id,
                )
            )
        return None

    @api.depends("webhook_token")
    def _compute_webhook_url(self):
        for campaign in self:
            path = f"/crm_campaigns/enter/{campaign.webhook_token}"
            campaign.webhook_url = campaign.get_base_url() + path

    def action_webhook_secret(self):
        """A new secret: whoever has the old one is refused from now on."""
        for campaign in self:
            campaign.webhook_secret = secrets.token_urlsafe(32)
