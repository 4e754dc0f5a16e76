from collections import Counter

from odoo import api, fields, models
from odoo.exceptions import ValidationError

BILL_GROUPS = "account.group_account_readonly,account.group_account_invoice"
BILL_TYPES = ("in_invoice", "in_refund", "in_receipt")


class CrmMarketingCost(models.Model):
    """What a campaign cost: typed, or taken from a line of a posted vendor bill.

    The bill is only pointed at. Several costs may share a line, never for more than its
    amount; as long as the bill is not posted they are in no figure.
    """

    _name = "crm.marketing.cost"
    _description = "Campaign Cost"
    _order = "date desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        string="Description",
        compute="_compute_name",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    date = fields.Date(
        compute="_compute_date",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        index=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    # of what
    campaign_id = fields.Many2one(
        "utm.campaign", required=True, index=True, ondelete="restrict"
    )
    medium_id = fields.Many2one(
        "utm.medium",
        ondelete="set null",
        help="Where the whole of it was spent; empty for the campaign in general.",
    )
    source_id = fields.Many2one(
        "utm.source",
        ondelete="set null",
        help="Where the whole of it was spent; empty for the campaign in general.",
    )
    # how much
    amount = fields.Monetary(
        compute="_compute_amount",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
        aggregator=None,
        help="Untaxed. Of a bill: what of its line is not yet a cost, in company "
        "currency; a part may be typed.",
    )
    currency_id = fields.Many2one(
        "res.currency",
        compute="_compute_currency_id",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    amount_company = fields.Monetary(
        string="Cost",
        currency_field="company_currency_id",
        compute="_compute_amount_company",
        store=True,
        precompute=True,
        help="In company currency, at the rate of the date.",
    )
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Currency of the Company"
    )
    # from where
    bill_line_id = fields.Many2one(
        "account.move.line",
        domain="[('parent_state', '=', 'posted'), ('display_type', '=', 'product'),"
        " ('move_type', 'in', ['in_invoice', 'in_refund', 'in_receipt']),"
        " ('company_id', '=', company_id)]",
        check_company=True,
        index="btree_not_null",
        ondelete="set null",
        copy=False,
        groups=BILL_GROUPS,
    )
    is_from_bill = fields.Boolean(string="From a Bill", readonly=True, copy=False)
    bill_part = fields.Integer(readonly=True, copy=False)
    problem = fields.Char(
        string="Not Counted",
        compute="_compute_problem",
        help="Why this cost is not in the figures, or not as a whole.",
    )

    # Two who take from one line at the same time would each see all of it: both number
    # their part, and the second one fails.
    _bill_part_uniq = models.Constraint(
        "UNIQUE(bill_line_id, bill_part)",
        "Somebody else takes costs from this bill line right now. Please try again.",
    )

    # a method a field: who gives one does not have it overwritten with the others

    @api.depends("bill_line_id")
    def _compute_name(self):
        for cost in self:
            # sudo: where it comes from is filled in for whoever may write it
            line_sudo = cost.sudo().bill_line_id
            cost.name = line_sudo.name or line_sudo.move_id.name or cost.name

    @api.depends("bill_line_id")
    def _compute_date(self):
        for cost in self:
            # sudo: as above
            line_sudo = cost.sudo().bill_line_id
            cost.date = (
                line_sudo.invoice_date
                or line_sudo.date
                or cost.date
                or fields.Date.context_today(cost)
            )

    @api.depends("bill_line_id", "company_id")
    def _compute_currency_id(self):
        for cost in self:
            # sudo: whether there is a bill, of which nothing is read
            if cost.sudo().bill_line_id or not cost.currency_id:
                cost.currency_id = cost.company_id.currency_id

    @api.depends("bill_line_id")
    def _compute_amount(self):
        # sudo: as above
        left = self._get_left(self.sudo().bill_line_id)
        for cost in self:
            line_sudo = cost.sudo().bill_line_id
            if line_sudo:
                own = cost._origin.sudo()
                # of its own line it gives back what it has
                has = own.amount if own.bill_line_id == line_sudo else 0
                cost.amount = left[line_sudo._origin.id] + has
            else:
                cost.amount = cost.amount or 0

    @api.model
    def _get_left(self, lines):
        """Return ``{bill line id: what is not yet a cost}``, in company currency."""
        # sudo: what others took, of whatever campaign
        taken = dict(
            self.sudo()._read_group(
                [("bill_line_id", "in", lines._origin.ids)],
                ["bill_line_id"],
                ["amount_company:sum"],
            )
        )
        return {line.id: line.balance - taken.get(line, 0) for line in lines._origin}

    @api.depends("amount", "currency_id", "company_id", "date")
    def _compute_amount_company(self):
        for cost in self:
            cost.amount_company = cost.currency_id._convert(
                cost.amount,
                cost.company_id.currency_id,
                cost.company_id,
                cost.date or fields.Date.context_today(cost),
            )

    @api.depends("is_from_bill", "bill_line_id", "amount_company")
    def _compute_problem(self):
        # sudo: the state of a bill, for who keeps costs without accounting
        left = self._get_left(self.sudo().bill_line_id)
        for cost in self:
            line_sudo = cost.sudo().bill_line_id
            if not cost.is_from_bill:
                cost.problem = False
            elif not line_sudo:
                cost.problem = self.env._("The line of the bill is gone.")
            elif line_sudo.parent_state != "posted":
                cost.problem = self.env._("The bill is not posted.")
            elif line_sudo.balance * (
                line_sudo.balance - left[line_sudo._origin.id]
            ) > 0 and (
                cost.company_currency_id.compare_amounts(
                    abs(line_sudo.balance),
                    abs(line_sudo.balance - left[line_sudo._origin.id]),
                )
                < 0
            ):
                cost.problem = self.env._("The bill is for less by now: in proportion.")
            else:
                cost.problem = False

    @api.constrains("bill_line_id", "amount", "currency_id", "company_id")
    def _check_bill_line(self):
        # sudo: what others took of the line counts, whoever may see it
        costs = self.sudo().filtered("bill_line_id")
        left = self._get_left(costs.bill_line_id)
        for cost in costs:
            line = cost.bill_line_id
            if (
                line.parent_state != "posted"
                or line.move_type not in BILL_TYPES
                or line.display_type != "product"
            ):
                raise ValidationError(
                    self.env._("Costs are taken from lines of posted vendor bills.")
                )
            if cost.currency_id != line.company_currency_id:
                raise ValidationError(
                    self.env._("Costs from bills are in the currency of the company.")
                )
            currency = line.company_currency_id
            over = currency.compare_amounts(left[line.id], 0) * (
                1 if line.balance > 0 else -1
            )
            if over < 0 or cost.amount * line.balance < 0:
                raise ValidationError(
                    self.env._(
                        "%(line)s is for %(amount)s: no more of it can be a cost.",
                        line=line.display_name,
                        amount=currency.format(line.balance),
                    )
                )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [dict(vals, is_from_bill=False, bill_part=0) for vals in vals_list]
        parts = self._get_parts({vals.get("bill_line_id") for vals in vals_list})
        for vals in vals_list:
            if vals.get("bill_line_id"):
                parts[vals["bill_line_id"]] += 1
                vals.update(is_from_bill=True, bill_part=parts[vals["bill_line_id"]])
        return super().create(vals_list)

    def write(self, vals):
        vals = {
            name: value
            for name, value in vals.items()
            if name not in ("is_from_bill", "bill_part")
        }
        if "bill_line_id" in vals:
            vals["is_from_bill"] = bool(vals["bill_line_id"])
        result = super().write(vals)
        if vals.keys() & {"bill_line_id", "amount"}:
            # sudo: who writes an amount need not see bills
            taking = self.sudo().filtered("bill_line_id")
            parts = self._get_parts(set(taking.bill_line_id.ids))
            for cost in taking:
                parts[cost.bill_line_id.id] += 1
                super(CrmMarketingCost, cost).write(
                    {"bill_part": parts[cost.bill_line_id.id]}
                )
        return result

    @api.model
    def _get_parts(self, line_ids):
        """Return ``{bill line id: the highest number of a part}``."""
        # sudo: parts that others took
        return Counter(
            {
                line.id: part
                for line, part in self.sudo()._read_group(
                    [("bill_line_id", "in", list(line_ids - {False, None}))],
                    ["bill_line_id"],
                    ["bill_part:max"],
                )
            }
        )

    def action_open_bill(self):
        self.ensure_one()
        bill = self.bill_line_id.move_id
        bill.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": bill.id,
            "view_mode": "form",
        }
