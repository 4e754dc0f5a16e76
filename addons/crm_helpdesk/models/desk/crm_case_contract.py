from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import ormcache


class CrmCaseContract(models.Model):
    """What was agreed with a customer about service: which response times, in which
    hours, from when to when. It holds for cases opened in that time, whatever
    conditions policies have.
    """

    _name = "crm.case.contract"
    _description = "Service Contract"
    _inherit = ["crm.cached.mixin", "mail.thread"]
    _order = "date_start desc, id desc"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
        domain="[('parent_id', '=', False)]",
        tracking=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    date_start = fields.Date(
        string="From", required=True, default=fields.Date.context_today, tracking=True
    )
    date_end = fields.Date(
        string="To", tracking=True, help="The last day; empty: without end."
    )
    sla_policy_id = fields.Many2one(
        "crm.sla.policy",
        string="Response Times",
        domain="[('res_model', '=', 'crm.case'),"
        " ('company_id', 'in', (company_id, False))]",
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="Goes before all other policies; empty: the first policy that matches.",
    )
    resource_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Service Hours",
        check_company=True,
        index="btree_not_null",
        tracking=True,
        help="Response times count within these hours; empty: those of the customer, "
        "else of the team.",
    )
    sale_order_id = fields.Many2one(
        "sale.order",
        string="Order",
        check_company=True,
        index="btree_not_null",
        groups="sales_team.group_sale_salesman",
        help="The order by which it was sold.",
    )
    note = fields.Html(string="Terms")
    case_count = fields.Integer(string="Cases", compute="_compute_case_count")

    _check_dates = models.Constraint(
        "CHECK(date_end >= date_start)", "A contract ends after it began."
    )

    @api.constrains("partner_id")
    def _check_partner(self):
        for contract in self:
            partner = contract.partner_id
            if partner != partner.commercial_partner_id:
                raise ValidationError(
                    self.env._(
                        "%(contact)s is a contact of %(company)s: the contract is with"
                        " %(company)s, and holds for all of its people.",
                        contact=partner.name,
                        company=partner.commercial_partner_id.name,
                    )
                )

    def _compute_case_count(self):
        counts = dict(
            self.env["crm.case"]._read_group(
                [("contract_id", "in", self.ids)], ["contract_id"], ["__count"]
            )
        )
        for contract in self:
            contract.case_count = counts.get(contract, 0)

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"sla_policy_id", "resource_calendar_id"}:
            self.env["crm.case"]._replan_clocks(Domain("contract_id", "in", self.ids))
        return result

    @api.model
    @ormcache()
    def _get_all(self):
        """``{(customer id, company id): ((from, to, id), …)}``, the latest first."""
        contracts = {}
        # sudo: kept for everybody
        for contract in self.sudo().with_context(active_test=True).search([]):
            key = (contract.partner_id.id, contract.company_id.id)
            contracts.setdefault(key, []).append(
                (contract.date_start, contract.date_end, contract.id)
            )
        return {key: tuple(rows) for key, rows in contracts.items()}

    @api.model
    def _get_current(self, partner_id, company_id, day):
        """Return the contract of a customer that holds on ``day``, or none."""
        return self.browse(
            next(
                (
                    contract_id
                    for since, until, contract_id in self._get_all().get(
                        (partner_id, company_id), ()
                    )
                    if since <= day and (not until or day <= until)
                ),
                None,
            )
        )

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["domain"] = [("contract_id", "=", self.id)]
        action["context"] = {}
        return action
