from odoo import fields, models


class MailingList(models.Model):
    _inherit = "mailing.list"

    consent_purpose_id = fields.Many2one(
        "crm.consent.purpose",
        string="Topic",
        domain="[('nature', '=', 'marketing'), ('code', '!=', 'marketing')]",
        index="btree_not_null",
        ondelete="restrict",
        help="Whoever leaves the last list on a topic no longer wants the topic, and "
        "whoever no longer wants it on the preference page leaves its lists.",
    )
