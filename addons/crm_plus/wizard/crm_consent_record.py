from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.contact.crm_consent import BASES
from ..models.contact.crm_contact_policy import CONTACT_CHANNELS


class CrmConsentRecord(models.TransientModel):
    """Note what contacts said, or ask them by mail to confirm it."""

    _name = "crm.consent.record"
    _description = "Record Consent"

    partner_ids = fields.Many2many(
        "res.partner",
        string="Contacts",
        required=True,
        default=lambda self: self._default_partner_ids(),
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    state = fields.Selection(
        [
            ("given", "They agreed"),
            ("pending", "Ask them to confirm by mail"),
            ("withdrawn", "They do not want it any more"),
        ],
        string="What Happened",
        required=True,
        default="given",
    )
    purpose_id = fields.Many2one(
        "crm.consent.purpose",
        required=True,
        domain="[('nature', '=', 'marketing')]",
        default=lambda self: self.env["crm.consent.purpose"].search(
            [("nature", "=", "marketing")], limit=1
        ),
    )
    channel = fields.Selection(CONTACT_CHANNELS, help="Empty: all channels.")
    basis = fields.Selection(
        BASES, string="Lawful Basis", required=True, default="consent"
    )
    source = fields.Char(required=True, help="Where, e.g. fair in Hamburg.")
    text_version = fields.Char(string="Version of the Text")
    proof = fields.Text(help="How it can be shown, e.g. where the signed card is.")
    date = fields.Datetime(required=True, default=fields.Datetime.now)
    date_expiry = fields.Datetime(string="Expires")

    @api.model
    def _default_partner_ids(self):
        if self.env.context.get("active_model") != "res.partner":
            return False
        return self.env["res.partner"].browse(self.env.context.get("active_ids"))

    def action_record(self):
        self.ensure_one()
        self.partner_ids.check_access("read")
        if self.date > fields.Datetime.now():
            raise UserError(self.env._("Nobody agreed in the future."))
        partners = self.partner_ids
        if self.state == "pending":
            partners = partners.filtered("email_normalized")
            if not partners:
                raise UserError(
                    self.env._("None of these contacts has an e-mail address.")
                )
        consents = self.env["crm.consent"]._record(
            partners,
            self.purpose_id,
            self.state,
            company_id=self.company_id.id,
            channel=self.channel,
            basis=self.basis,
            source=self.source,
            text_version=self.text_version,
            proof=self.proof,
            # a link is good for some days from now on
            date=fields.Datetime.now() if self.state == "pending" else self.date,
            date_expiry=self.date_expiry,
        )
        if self.state == "pending":
            return consents.action_send_confirmation()
        return {"type": "ir.actions.act_window_close"}
