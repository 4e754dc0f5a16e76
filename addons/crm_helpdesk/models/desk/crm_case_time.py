from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.misc import format_duration

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

# The activity that says so comes while there is still something to agree on.
WARN_SHARE = 0.8
HOURS = ("hours_used", "hours_left", "is_used_up")


class CrmCaseTime(models.Model):
    """Time that somebody spent on a case: what it cost, and what of the hours that the
    customer has paid for in advance is used.

    Beside analytic lines and timesheets that name the case, for companies without them.
    """

    _name = "crm.case.time"
    _description = "Time Spent on a Case"
    _order = "date desc, id desc"

    case_id = fields.Many2one("crm.case", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(
        related="case_id.company_id", store=True, precompute=True, index=True
    )
    contract_id = fields.Many2one(
        related="case_id.contract_id", store=True, precompute=True, index=True
    )
    user_id = fields.Many2one(
        "res.users",
        string="Who",
        required=True,
        index=True,
        default=lambda self: self.env.user,
        domain="[('share', '=', False)]",
    )
    date = fields.Date(required=True, default=fields.Date.context_today)
    hours = fields.Float(required=True)
    name = fields.Char(string="What Was Done")
    is_charged = fields.Boolean(
        string="Counts",
        default=True,
        help="Counts against the hours of the service contract.",
    )
    hour_cost = fields.Float(
        string="Cost of an Hour",
        readonly=True,
        groups=MONEY_GROUPS,
        help="As it was when the time was noted.",
    )

    _check_hours = models.Constraint(
        "CHECK(hours > 0 AND hours <= 24)", "Between nothing and a day."
    )

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        # sudo: what an hour costs is kept with it, whoever notes the time
        for cost, found in (
            lines.sudo().grouped(lambda line: line.case_id.team_id.hour_cost).items()
        ):
            if cost:
                found.hour_cost = cost
        lines.contract_id._warn_of_hours()
        return lines

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"hours", "is_charged"}:
            self.contract_id._warn_of_hours()
        return result


class CrmCase(models.Model):
    _inherit = "crm.case"

    time_ids = fields.One2many(
        "crm.case.time",
        "case_id",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    time_hours = fields.Float(
        string="Hours Spent",
        compute="_compute_time_hours",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    contract_hours = fields.Char(
        string="Prepaid Hours",
        compute="_compute_contract_hours",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    is_contract_used_up = fields.Boolean(
        compute="_compute_contract_hours",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )

    @api.depends("time_ids.hours")
    def _compute_time_hours(self):
        hours = dict(
            self.env["crm.case.time"]._read_group(
                [("case_id", "in", self.ids)], ["case_id"], ["hours:sum"]
            )
        )
        for case in self:
            case.time_hours = hours.get(case._origin, 0.0)

    @api.depends("contract_id", "time_ids.hours", "time_ids.is_charged")
    def _compute_contract_hours(self):
        for case in self:
            contract = case.contract_id
            case.is_contract_used_up = bool(
                contract.hours_sold and contract.hours_left <= 0
            )
            case.contract_hours = (
                self.env._(
                    "%(left)s of %(sold)s hours left",
                    left=format_duration(max(contract.hours_left, 0)),
                    sold=format_duration(contract.hours_sold),
                )
                if contract.hours_sold
                else False
            )


class CrmCaseContract(models.Model):
    """Hours of service that are paid in advance, and what is left of them."""

    _name = "crm.case.contract"
    _inherit = ["crm.case.contract", "mail.activity.mixin"]

    hours_sold = fields.Float(
        string="Prepaid Hours",
        tracking=True,
        help="Hours of work that the customer has paid for; 0: none are agreed on.",
    )
    hours_used = fields.Float(
        compute="_compute_hours",
        help="Time on cases of the contract that counts, and analytic lines of them.",
    )
    hours_billed = fields.Float(
        tracking=True,
        copy=False,
        help="Hours beyond the prepaid ones that were brought to the order: they are "
        "paid for by it, and take nothing off what is bought later. Change them where "
        "somebody changes the delivered quantity of the order line by hand.",
    )
    hours_left = fields.Float(
        compute="_compute_hours",
        help="Prepaid hours and those billed beyond them, without those used. Below "
        "zero: more than was paid for.",
    )
    is_used_up = fields.Boolean(
        string="Hours Used Up", compute="_compute_hours", search="_search_is_used_up"
    )
    is_hours_warned = fields.Boolean(readonly=True, copy=False)
    time_ids = fields.One2many("crm.case.time", "contract_id")
    sale_line_id = fields.Many2one(
        "sale.order.line",
        string="Bill More Hours by",
        domain="[('order_id.partner_id', 'child_of', partner_id),"
        " ('product_id.type', '=', 'service'), ('state', '=', 'sale')]",
        check_company=True,
        index="btree_not_null",
        groups="sales_team.group_sale_salesman",
        help="A line of the customer's order, billed by what was delivered: the hours "
        "beyond the prepaid ones are delivered by it.",
    )

    _check_hours_sold = models.Constraint(
        "CHECK(hours_sold >= 0)", "Nobody buys less than no hour."
    )
    _check_hours_billed = models.Constraint(
        "CHECK(hours_billed >= 0)", "Nobody is billed less than no hour."
    )

    @api.depends("hours_sold", "hours_billed", "time_ids.hours", "time_ids.is_charged")
    def _compute_hours(self):
        # sudo: how much is left is told to who sees the contract
        used = self.sudo()._get_hours_used()
        for contract in self:
            contract.hours_used = used.get(contract._origin.id, 0.0)
            # what is billed beyond the prepaid hours is paid for as they are
            paid = contract.hours_sold + contract.hours_billed
            contract.hours_left = paid - contract.hours_used
            contract.is_used_up = bool(contract.hours_sold) and contract.hours_left <= 0

    def _get_hours_used(self):
        """``{contract id: hours}``."""
        used = {
            contract.id: hours
            for contract, hours in self.env["crm.case.time"]._read_group(
                [("contract_id", "in", self.ids), ("is_charged", "=", True)],
                ["contract_id"],
                ["hours:sum"],
            )
        }
        hour = self.env.ref("uom.product_uom_hour", raise_if_not_found=False)
        lines = self.env["account.analytic.line"]
        for case, unit, amount in lines._read_group(
            Domain("case_id.contract_id", "in", self.ids)
            & Domain("unit_amount", ">", 0),
            ["case_id", "product_uom_id"],
            ["unit_amount:sum"],
        ):
            if not hour or not unit or not unit._has_common_reference(hour):
                continue  # an expense, not time
            contract_id = case.contract_id.id
            hours = unit._compute_quantity(amount, hour, round=False)
            used[contract_id] = used.get(contract_id, 0.0) + hours
        return used

    def _search_is_used_up(self, operator, value):
        if operator != "in":
            return NotImplemented
        # contracts with hours are few
        contracts = self.search([("hours_sold", ">", 0)])
        return Domain("id", "in", contracts.filtered("is_used_up").ids)

    def write(self, vals):
        result = super().write(vals)
        if "hours_sold" in vals:
            self.is_hours_warned = False
            self._warn_of_hours()
        return result

    def _warn_of_hours(self):
        """Once, when most of the hours are used: somebody has to sell more."""
        # sudo: whoever notes the time
        contracts = self.sudo().filtered(
            lambda contract: contract.hours_sold and not contract.is_hours_warned
        )
        # analytic lines are not among what they depend on
        contracts.invalidate_recordset(HOURS)
        for contract in contracts:
            used = contract.hours_used - contract.hours_billed
            if used < WARN_SHARE * contract.hours_sold:
                continue
            contract.is_hours_warned = True
            text = self.env._(
                "%(used)s of %(sold)s prepaid hours are used",
                used=format_duration(used),
                sold=format_duration(contract.hours_sold),
            )
            partner = contract.partner_id
            user = partner.user_id or contract.create_uid
            if user.active and not user.share and user._is_internal():
                contract.activity_schedule(
                    "mail.mail_activity_data_todo", summary=text, user_id=user.id
                )
            else:
                contract._message_log(body=text)

    def action_bill_hours(self):
        """Button: what goes beyond the hours paid for is delivered by the order line,
        in addition to what it has delivered before, and for other contracts.
        """
        self.ensure_one()
        line = self.sale_line_id
        if not line:
            raise UserError(
                self.env._("Choose the order line that more hours are billed by.")
            )
        if line.qty_delivered_method != "manual":
            raise UserError(
                self.env._(
                    "What is delivered of “%s” is not entered by hand: choose a line "
                    "whose service is billed by delivered quantities.",
                    line.name,
                )
            )
        hours = max(-self.hours_left, 0.0)
        hour = self.env.ref("uom.product_uom_hour")
        unit = line.product_uom_id
        if not unit._has_common_reference(hour):
            unit = hour
        quantity = hour._compute_quantity(hours, unit, rounding_method="HALF-UP")
        if quantity:
            line.qty_delivered += quantity
            # sudo: whoever may deliver by the order line bills the hours
            self.sudo().hours_billed += unit._compute_quantity(
                quantity, hour, round=False
            )
        return {
            "type": "ir.actions.act_window",
            "res_model": "sale.order",
            "res_id": line.order_id.id,
            "views": [(False, "form")],
        }


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    hour_cost = fields.Float(
        string="Cost of an Hour",
        groups=MONEY_GROUPS,
        help="In the currency of the company: what time noted on cases costs.",
    )
