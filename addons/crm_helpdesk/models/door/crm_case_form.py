from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import email_normalize


class CrmCase(models.Model):
    """Cases that people open on a page, with or without login."""

    _inherit = "crm.case"

    case_properties = fields.Properties(
        string="More Information",
        definition="team_id.case_properties_definition",
        copy=True,
        groups="base.group_user",
    )
    intake_key = fields.Char(
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Of the form or other system that opened it: the same opens no second.",
    )

    _intake_key_uniq = models.UniqueIndex(
        "(team_id, intake_key) WHERE intake_key IS NOT NULL",
        "This case is open already.",
    )

    @api.model
    def _find_by_intake_key(self, team, key):
        return self.with_context(active_test=False).search(
            [("team_id", "=", team.id), ("intake_key", "=", key)], limit=1
        )

    @api.model
    def _open_from_form(self, values, name, email, files=()):
        """Open a case for whoever filled in the form without login.

        Nobody has proved the address: the case is for its contact, as with a mail, and
        what we answer goes there, never to the browser that sent the form.
        """
        team = self.env["crm.case.team"].browse(values["team_id"])
        partner = self._find_or_create_contact(name, email, team.company_id)
        if not partner:
            values = {**values, "partner_name": name, "partner_email": email}
        return self.with_company(team.company_id)._open_by_customer(
            "web", values, partner, files
        )

    @api.model
    def _find_or_create_contact(self, name, email, company, phone=None):
        """Return the contact with exactly this address that the company may use; a new
        one where there is none. Never by name; none for an address of ours."""
        Partner = self.env["res.partner"].sudo()  # customers do not read contacts
        email = email_normalize(email)
        if not email or self._is_own_address(email):
            return Partner
        found = Partner.search(
            Domain("email_normalized", "=", email)
            & Domain("company_id", "in", (False, company.id))
        )
        if found:
            return found._sort_senders(company)[0]
        contact = self._create_contact(name, email, company)
        if phone:
            contact.phone = phone
        return contact
