import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import ormcache

# Providers of mail for everybody: having an address there tells nothing of a company.
FREE_MAIL = frozenset(
    re.findall(
        r"\S+",
        """
        aol.com bluewin.ch centrum.cz email.cz free.fr freenet.de gmail.com gmx.at
        gmx.ch gmx.com gmx.de gmx.net googlemail.com hotmail.co.uk hotmail.com
        hotmail.de hotmail.fr hotmail.it icloud.com interia.pl laposte.net libero.it
        live.com live.de live.fr mac.com mail.com mail.de mail.ru me.com msn.com o2.pl
        onet.pl orange.fr outlook.com outlook.de outlook.fr pm.me posteo.de proton.me
        protonmail.com qq.com seznam.cz sfr.fr t-online.de telenet.be tiscali.it
        ukr.net wanadoo.fr web.de wp.pl yahoo.co.uk yahoo.com yahoo.de yahoo.es
        yahoo.fr yahoo.it yandex.ru ymail.com ziggo.nl 126.com 163.com
        """,
    )
)
DOMAIN = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+$")


class CrmCaseMailDomain(models.Model):
    """A mail domain that is known to be a customer's: who writes from it for the first
    time becomes a contact of that company.

    Only what a person has entered here is believed; a name or a look-alike never is.
    And a contact of a company sees his own cases only, not those of the others.
    """

    _name = "crm.case.mail.domain"
    _description = "Mail Domain of a Customer"
    _inherit = "crm.cached.mixin"
    _order = "name"
    _check_company_auto = True

    name = fields.Char(
        string="Domain", required=True, help="What follows the @, e.g. brandt.example"
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer Company",
        required=True,
        index=True,
        ondelete="cascade",
        domain="[('is_company', '=', True)]",
        check_company=True,
    )
    company_id = fields.Many2one(
        "res.company",
        index=True,
        default=lambda self: self.env.company,
        help="Used for mail to teams of this company; of all when empty.",
    )

    # as long as one company only can have it, whom it belongs to is beyond doubt
    _name_uniq = models.UniqueIndex(
        "(name, COALESCE(company_id, 0))", "Each domain belongs to one customer."
    )

    @api.constrains("name")
    def _check_name(self):
        for domain in self:
            if not DOMAIN.match(domain.name or ""):
                raise ValidationError(
                    self.env._("%s is no mail domain.", domain.name or "")
                )
            if domain.name in FREE_MAIL:
                raise ValidationError(
                    self.env._(
                        "Everybody can have an address of %s: it says nothing of a "
                        "company.",
                        domain.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._clean(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._clean(vals))

    @api.model
    def _clean(self, vals):
        if not vals.get("name"):
            return vals
        return {**vals, "name": vals["name"].strip().lower().rpartition("@")[2]}

    @api.model
    def _find_company(self, email, company):
        """Return the customer whose domain the address has, for mail to ``company``."""
        name = (email or "").rpartition("@")[2].lower()
        found = self._get_companies().get(name, {})
        # that of the company before that of all
        partner_id = found.get(company.id) or found.get(False)
        return self.env["res.partner"].browse(partner_id).exists()

    @api.model
    @ormcache()
    def _get_companies(self):
        """``{domain: {our company or False: customer}}``: few, asked for each mail."""
        found = {}
        # sudo: the same for whoever the gateway runs as
        for domain_sudo in self.sudo().search([]):
            customers = found.setdefault(domain_sudo.name, {})
            customers[domain_sudo.company_id.id] = domain_sudo.partner_id.id
        return found


class CrmCase(models.Model):
    _inherit = "crm.case"

    @api.model
    def _prepare_customer_values(self, name, email, company):
        """People of a verified domain belong to its company."""
        values = super()._prepare_customer_values(name, email, company)
        parent = (
            # sudo: the gateway knows all customers
            self.env["crm.case.mail.domain"].sudo()._find_company(email, company)
        )
        if parent and parent.company_id in (company, self.env["res.company"]):
            values.update(parent_id=parent.id, company_id=parent.company_id.id)
        return values
