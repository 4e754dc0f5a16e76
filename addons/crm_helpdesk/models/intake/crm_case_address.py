from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import email_normalize, formataddr, ormcache


class CrmCaseAddress(models.Model):
    """One more address of a team, beside its own: mail to it opens cases there.

    The case keeps by which one it came in: its answers leave from the same address.
    """

    _name = "crm.case.address"
    _description = "Address of a Case Team"
    _inherit = ["mail.alias.mixin", "crm.cached.mixin"]
    _order = "team_id, sequence, id"
    _check_company_auto = True

    sequence = fields.Integer(default=10)
    name = fields.Char(
        string="Sender Name",
        translate=True,
        help="Whose answers these are, as customers read it: e.g. Warranty. The team's "
        "name when empty.",
    )
    team_id = fields.Many2one(
        "crm.case.team", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", related="team_id.company_id", store=True, index=True
    )
    alias_id = fields.Many2one(help="Mail to this address opens cases of the team.")
    public_email = fields.Char(
        string="Public Address",
        help="The address that customers know, when its mail is forwarded to this one: "
        "answers are sent from it. Your mail server must be allowed to send for it.",
    )
    priority = fields.Selection(
        selection=lambda self: self.env["crm.case"]._fields["priority"].selection,
        help="Priority of the cases that come in by this address; as usual when empty.",
    )
    case_count = fields.Integer(compute="_compute_case_count", string="Cases")

    @api.depends("name", "alias_full_name", "public_email")
    def _compute_display_name(self):
        for address in self:
            email = address.public_email or address.alias_full_name
            address.display_name = (
                f"{address.name} <{email}>"
                if address.name and email
                else address.name or email or self.env._("No address yet")
            )

    def _compute_case_count(self):
        counts = dict(
            self.env["crm.case"]._read_group(
                [("address_id", "in", self.ids)], ["address_id"], ["__count"]
            )
        )
        for address in self:
            address.case_count = counts.get(address, 0)

    @api.constrains("public_email")
    def _check_public_email(self):
        for address in self:
            if address.public_email and not email_normalize(address.public_email):
                raise ValidationError(
                    self.env._("%s is no e-mail address.", address.public_email)
                )

    def _alias_get_creation_values(self):
        values = super()._alias_get_creation_values()
        values["alias_model_id"] = self.env["ir.model"]._get_id("crm.case")
        values["alias_contact"] = "everyone"
        if self.id:
            values["alias_defaults"] = self._get_alias_defaults()
        return values

    def _get_alias_defaults(self):
        """What a mail to this address gives its case."""
        self.ensure_one()
        defaults = {"team_id": self.team_id.id, "address_id": self.id}
        if self.priority:
            defaults["priority"] = self.priority
        return repr(defaults)

    @api.model_create_multi
    def create(self, vals_list):
        teams = self.env["crm.case.team"]
        cleaned = []
        for vals in vals_list:
            vals = self._clean(vals)
            # an alias is of the company whose domain it has: that of the team
            company = teams.browse(vals.get("team_id")).company_id
            if company:
                vals.setdefault("alias_domain_id", company.alias_domain_id.id)
            cleaned.append(vals)
        return super().create(cleaned)

    @api.model
    def _clean(self, vals):
        vals = dict(vals)
        if email := vals.get("public_email"):
            vals["public_email"] = email_normalize(email) or email
        return vals

    @api.model
    @ormcache()
    def _get_public_emails(self):
        """The addresses that customers know and that are forwarded to ours."""
        # sudo: addresses of all companies are ours
        addresses_sudo = self.sudo().search([("public_email", "!=", False)])
        return frozenset(addresses_sudo.mapped("public_email"))

    def write(self, vals):
        vals = self._clean(vals)
        result = super().write(vals)
        if vals.keys() & {"team_id", "priority"}:
            for address in self:
                # sudo: aliases are for administrators; who sets up teams sets up theirs
                address.alias_id.sudo().alias_defaults = address._get_alias_defaults()
        return result

    def _get_sender_address(self):
        """What customers see as the sender of answers; nothing without an address."""
        self.ensure_one()
        email = self.public_email or self.alias_email
        return formataddr((self._get_sender_name(), email)) if email else False

    def _get_sender_name(self):
        self.ensure_one()
        return self.name or self.team_id.name

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["display_name"] = self.display_name
        action["domain"] = [("address_id", "=", self.id)]
        action["context"] = {"default_team_id": self.team_id.id}
        return action
