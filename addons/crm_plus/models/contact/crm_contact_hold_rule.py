from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ...tools.contact_hold import HoldTerms
from .crm_contact_hold import MANUAL, SCOPES


class CrmContactHoldRule(models.Model):
    """Whether, and on what terms, a company wants the holds of a provider.

    The rule of a company goes before the one for all companies.
    """

    _name = "crm.contact.hold.rule"
    _description = "Contact Hold Rule"
    _order = "provider, company_id nulls first, id"
    _rec_name = "provider"

    provider = fields.Selection("_selection_provider", required=True, string="Hold")
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        ondelete="cascade",
        help="Empty: for all companies without a rule of their own.",
    )
    is_on = fields.Boolean(string="On", default=True)
    days = fields.Integer(
        string="For More Days Than",
        help="Overdue for more days than this, in a row. Returns: on their way for "
        "more days than this. For overdue invoices it is set by whoever may see what "
        "customers owe.",
    )
    amount = fields.Float(
        string="Of More Than",
        digits="Account",
        help="In company currency: what is overdue in all has to be more than this. "
        "Without meaning for credit holds and returns. It is set by whoever may see "
        "what customers owe.",
    )
    scope = fields.Selection(
        SCOPES, string="Holds Back", required=True, default="marketing"
    )

    _company_uniq = models.UniqueIndex(
        "(provider, COALESCE(company_id, 0))",
        "There is a rule for this hold and company already.",
    )
    _positive = models.Constraint(
        "CHECK(days >= 0 AND amount >= 0)", "Days and amounts start at 0."
    )

    @api.constrains("provider", "days", "amount")
    def _check_amounts(self):
        """Who may not see what customers owe shall not find it out by trying terms and
        looking who is held. That something is overdue, the profile tells everybody.
        """
        if not self.filtered(
            lambda rule: rule.provider == "overdue" and (rule.days or rule.amount)
        ):
            return
        # not as superuser: it is about who asks
        Profile = self.env["crm.customer.profile"].with_user(self.env.user)
        if Profile._has_field_access(Profile._fields["overdue_amount"], "read"):
            return
        raise ValidationError(
            self.env._(
                "Days and amounts of the hold on overdue invoices are set by whoever "
                "may see what customers owe. Ask accounting, or for the group "
                "“Customer Amounts and Margins”."
            )
        )

    @api.model
    def _selection_provider(self):
        return [
            option
            for option in self.env["crm.contact.hold"]._selection_provider()
            if option[0] != MANUAL
        ]

    @api.model
    def _get_terms(self):
        """``{provider: [HoldTerms]}`` of all companies that want it."""
        # sudo: rules of companies that the user is not in
        rules = self.sudo().search([])
        # inactive companies have no customers
        companies = self.env["res.company"].sudo().search([])
        chosen = {}
        for rule in rules:  # those for all companies first
            for company in rule.company_id or companies:
                chosen[rule.provider, company] = rule
        terms = {}
        for (provider, company), rule in chosen.items():
            if rule.is_on and company in companies:
                terms.setdefault(provider, []).append(
                    HoldTerms(
                        company_id=company.id,
                        days=rule.days,
                        amount=rule.amount,
                        scope=rule.scope,
                    )
                )
        return terms

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        self.env["crm.contact.hold"]._trigger_refresh()
        return rules

    def write(self, vals):
        result = super().write(vals)
        self.env["crm.contact.hold"]._trigger_refresh()
        return result

    def unlink(self):
        result = super().unlink()
        self.env["crm.contact.hold"]._trigger_refresh()
        return result

    def action_refresh(self):
        """Raise and release by these rules now."""
        self.check_access("write")
        # sudo: holds of providers are the system's
        raised, released = self.env["crm.contact.hold"].sudo()._refresh()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(raised)s raised or renewed, %(released)s released",
                    raised=raised,
                    released=released,
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
