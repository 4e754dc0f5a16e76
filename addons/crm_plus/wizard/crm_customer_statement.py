from odoo import api, fields, models
from odoo.exceptions import UserError

from ..report.crm_customer_statement_report import COMPANY_KEY, DATE_KEY


class CrmCustomerStatement(models.TransientModel):
    """Print or send the statements of customers at a date.

    Sent one by one, each customer the own; what was sent is in the history of the
    contact without its amounts, which are for accounting.
    """

    _name = "crm.customer.statement"
    _description = "Customer Statement"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    date = fields.Date(
        string="Open At", required=True, default=fields.Date.context_today
    )
    partner_ids = fields.Many2many(
        "res.partner",
        string="Customers",
        required=True,
        default=lambda self: self._default_partner_ids(),
    )
    nothing_open_ids = fields.Many2many("res.partner", compute="_compute_open")
    without_email_ids = fields.Many2many(
        "res.partner", string="Without E-mail", compute="_compute_open"
    )
    held_ids = fields.Many2many(
        "res.partner",
        string="On Hold",
        compute="_compute_open",
        help="A hold keeps all back that is not written by hand. They can be printed.",
    )
    open_count = fields.Integer(string="Statements", compute="_compute_open")
    include_empty = fields.Boolean(
        string="Also Where Nothing Is Open",
        help="A statement that says so, for who asked for one.",
    )

    @api.model
    def _default_partner_ids(self):
        if self.env.context.get("active_model") != "res.partner":
            return False
        partners = self.env["res.partner"].browse(self.env.context.get("active_ids"))
        return partners.commercial_partner_id

    @api.depends("partner_ids", "date", "company_id", "include_empty")
    def _compute_open(self):
        for wizard in self:
            customers = wizard.partner_ids._origin.commercial_partner_id
            if not customers:
                wizard.nothing_open_ids = wizard.without_email_ids = False
                wizard.held_ids = False
                wizard.open_count = 0
                continue
            statements = customers._get_statements(wizard.company_id, wizard.date)
            wizard.nothing_open_ids = customers.filtered(
                lambda one, found=statements: found[one.id].is_empty
            )
            chosen = wizard._get_chosen()
            wizard.open_count = len(chosen)
            wizard.held_ids = wizard._get_held(chosen)
            wizard.without_email_ids = (
                chosen - wizard._get_reachable() - wizard.held_ids
            )

    def _get_chosen(self):
        """Customers who get a paper."""
        customers = self.partner_ids._origin.commercial_partner_id
        return customers if self.include_empty else customers - self.nothing_open_ids

    def _get_held(self, customers):
        """Whom a hold on all that is sent keeps from statements, too. Hours and caps do
        not: a person sends them, now.
        """
        decisions = self.env["crm.contact.policy"]._decide(
            customers, purpose="dunning", company=self.company_id, dry_run=True
        )
        return customers.filtered(lambda one: decisions[one.id].reason == "hold")

    def _get_reachable(self):
        """Of the chosen those with an address to send to, as the template finds it, and
        not on hold.
        """
        chosen = self._get_chosen()
        return (chosen - self._get_held(chosen)).filtered(
            lambda one: (
                one.browse(one.address_get(["invoice"])["invoice"]).email_normalized
            )
        )

    def _check_chosen(self, customers):
        if not customers:
            raise UserError(
                self.env._("Nothing is open of these customers at this date.")
            )

    def action_print(self):
        self.ensure_one()
        customers = self._get_chosen()
        self._check_chosen(customers)
        return self.env.ref("crm_plus.action_report_customer_statement").report_action(
            None,
            data={
                "partner_ids": customers.ids,
                "date": fields.Date.to_string(self.date),
                "company_id": self.company_id.id,
            },
        )

    def action_send(self):
        self.ensure_one()
        self._check_chosen(self._get_chosen())
        customers = self._get_reachable()
        if not customers:
            raise UserError(
                self.env._(
                    "None of these customers has an e-mail address, or is not on hold."
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Send Statement"),
            "res_model": "mail.compose.message",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_model": "res.partner",
                "default_res_ids": customers.ids,
                "default_template_id": self.env.ref(
                    "crm_plus.mail_template_customer_statement"
                ).id,
                # one by one: nobody gets the paper of another
                "default_composition_mode": "mass_mail",
                # who wants no marketing owes all the same
                "default_use_exclusion_list": False,
                # amounts do not stay with the contact, where all may read them
                "default_auto_delete": True,
                "default_auto_delete_keep_log": False,
                DATE_KEY: fields.Date.to_string(self.date),
                COMPANY_KEY: self.company_id.id,
                # for the subject: whoever sends it may be of another company
                "crm_plus_statement_company": self.company_id.name,
                "dialog_size": "large",
            },
        }
