from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools.misc import clean_context

# remedies in the order in which they are requested: a replacement names its return
KINDS = ("return", "replacement", "repair", "credit")


class CrmCaseClaimCreate(models.TransientModel):
    """Choose goods and what the customer gets for them: one request for each remedy.

    Offers what was delivered and invoiced, with what is left of it, also to agents who
    see neither stock nor sales; what is requested is checked again when it is made.
    """

    _name = "crm.case.claim.create"
    _description = "Request After-Sales"
    _inherit = "crm.case.given.mixin"

    case_id = fields.Many2one(required=True, readonly=True)
    company_id = fields.Many2one(related="case_id.company_id", related_sudo=False)
    is_whole_customer = fields.Boolean(
        string="All Deliveries to This Customer",
        help="Not only the order or delivery that the case is about.",
    )
    line_ids = fields.One2many(
        "crm.case.claim.create.line",
        "wizard_id",
        compute="_compute_line_ids",
        # of the cases that the agent sees
        compute_sudo=False,
        store=True,
        readonly=False,
    )
    line_count = fields.Integer(compute="_compute_line_count")
    # what the customer gets
    is_return = fields.Boolean(string="Goods Come Back", default=True)
    warehouse_id = fields.Many2one(
        "stock.warehouse",
        domain="[('company_id', '=', company_id)]",
        help="Where goods come back to, or are sent from. Empty: the warehouse that"
        " delivered them.",
    )
    replacement = fields.Selection(
        [
            ("none", "No"),
            ("before", "Send at once"),
            ("after", "Send when the goods are back"),
        ],
        required=True,
        default="none",
    )
    credit = fields.Selection(
        [
            ("none", "No"),
            ("goods", "Credit these goods"),
            ("amount", "Credit an agreed amount"),
        ],
        string="Credit Note",
        required=True,
        default="none",
    )
    amount = fields.Float(
        string="Agreed Amount",
        digits="Product Price",
        help="Without taxes: the credit note adds those of the invoice.",
    )
    has_repair = fields.Boolean(compute="_compute_apps")
    is_repair = fields.Boolean(string="Repair")
    has_coupon = fields.Boolean(compute="_compute_apps")
    is_coupon = fields.Boolean(string="Coupon")
    program = fields.Selection("_selection_program", string="Coupon Program")
    program_points = fields.Float(
        string="Worth",
        compute="_compute_program_points",
        store=True,
        readonly=False,
        help="Points: the program says what they are worth. To begin with as many as"
        " its first reward takes.",
    )
    # why
    reason_id = fields.Many2one("crm.case.claim.reason")
    note = fields.Text(
        string="Instructions", help="For whoever confirms and carries it out."
    )
    claim_ids = fields.Many2many("crm.case.claim", readonly=True)

    @api.model
    def _selection_program(self):
        Claim = self.env["crm.case.claim"]
        return Claim._get_program_names(
            program
            for program in Claim._find_programs()
            if not Claim._is_program_over(program)
        )

    @api.depends("case_id")
    def _compute_apps(self):
        has_coupon = bool(self._selection_program())
        for wizard in self:
            wizard.has_repair = "repair.order" in self.env
            wizard.has_coupon = has_coupon

    @api.depends("program")
    def _compute_program_points(self):
        for wizard in self:
            program = self.env["crm.case.claim"]._get_program(wizard.program)
            points = program.reward_ids.mapped("required_points") if program else []
            wizard.program_points = min(filter(None, points), default=1)

    @api.depends("line_ids")
    def _compute_line_count(self):
        for wizard in self:
            wizard.line_count = len(wizard.line_ids)

    @api.depends("case_id", "is_whole_customer")
    def _compute_line_ids(self):
        for wizard in self:
            rows = []
            if wizard.case_id:
                wizard.case_id.check_access("read")
                rows = wizard.case_id._origin._get_claim_rows(wizard.is_whole_customer)
            if len(rows) == 1:
                rows[0]["is_chosen"] = True
            wizard.line_ids = [
                Command.clear(),
                *(Command.create(row) for row in rows),
            ]

    def _get_kinds(self):
        """The remedies that take goods, of those chosen."""
        chosen = {
            "return": self.is_return,
            "replacement": self.replacement != "none",
            "repair": self.is_repair,
            "credit": self.credit == "goods",
        }
        return [kind for kind in KINDS if chosen[kind]]

    # ------------------------------------------------------------
    # Request
    # ------------------------------------------------------------

    def action_request(self):
        """Make the requests; done twice, it makes them once."""
        self.ensure_one()
        if not self.claim_ids:
            self._check_chosen()
            self.claim_ids = self._create_claims()
        return {"type": "ir.actions.act_window_close"}

    def _check_chosen(self):
        kinds = self._get_kinds()
        if not kinds and self.credit == "none" and not self.is_coupon:
            raise UserError(
                self.env._(
                    "Choose what the customer gets: a return, a replacement, a credit"
                    " note …"
                )
            )
        if (kinds or self.credit != "none") and not self._get_chosen():
            raise UserError(
                self.env._("Choose at least one line, with a quantity above 0.")
            )
        if self.replacement == "after" and not self.is_return:
            raise UserError(
                self.env._(
                    "Nothing would come back that the replacement could wait for: have"
                    " the goods come back, or send the replacement at once."
                )
            )
        if self.credit == "amount" and self.amount <= 0:
            raise UserError(self.env._("Say which amount was agreed upon."))
        if self.is_coupon and not self.program:
            raise UserError(self.env._("Choose the program of the coupon."))

    def _get_chosen(self):
        return self.line_ids.filtered(lambda line: line.is_chosen and line.quantity > 0)

    def _create_claims(self):
        # what the case was opened with is no word about requests
        context = clean_context(self.env.context)
        Claim = self.env(context=context)["crm.case.claim"]
        lines = self._get_chosen()
        returned = made = Claim
        if self.is_return:
            returned = Claim.create(self._get_values("return", lines))
            made |= returned
        links = {"return_claim_id": returned.id}
        if self.replacement != "none":
            made |= Claim.create({**self._get_values("replacement", lines), **links})
        if self.is_repair:
            # a repair order is of one product
            made |= Claim.create(
                [{**self._get_values("repair", line), **links} for line in lines]
            )
        if self.credit != "none":
            made |= Claim.create({**self._get_values("credit", lines), **links})
        if self.is_coupon:
            made |= Claim.create(
                self._get_values("coupon", self.env["crm.case.claim.create.line"])
            )
        return made

    def _get_values(self, remedy, lines):
        is_amount = remedy == "credit" and self.credit == "amount"
        values = {
            "case_id": self.case_id.id,
            "remedy": remedy,
            "reason_id": self.reason_id.id,
            "note": self.note,
            "is_agreed": is_amount,
            "amount": self.amount if is_amount else 0,
            "line_ids": [Command.create(line._get_values(remedy)) for line in lines],
        }
        if remedy == "coupon":
            values["program"] = self.program
            values["program_points"] = self.program_points
        if remedy in ("return", "replacement"):
            values["warehouse_id"] = self.warehouse_id.id
        if remedy == "return":
            # goods that are replaced or repaired stay delivered
            values["is_refund"] = self.replacement == "none" and not self.is_repair
        if remedy == "replacement":
            values["timing"] = self.replacement
        return values


class CrmCaseClaimCreateLine(models.TransientModel):
    _name = "crm.case.claim.create.line"
    _description = "Goods to Request After-Sales For"

    wizard_id = fields.Many2one("crm.case.claim.create", ondelete="cascade", index=True)
    is_chosen = fields.Boolean(string="Choose")
    product_id = fields.Many2one("product.product", readonly=True)
    uom_id = fields.Many2one(related="product_id.uom_id", string="Unit")
    lot_id = fields.Many2one("stock.lot", string="Lot/Serial", readonly=True)
    move_id = fields.Many2one("stock.move", readonly=True)
    sale_line_id = fields.Many2one("sale.order.line", readonly=True)
    invoice_line_id = fields.Many2one("account.move.line", readonly=True)
    origin = fields.Char(string="Order", readonly=True)
    date_delivered = fields.Datetime(string="Delivered On", readonly=True)
    delivered = fields.Float(digits="Product Unit", readonly=True)
    return_left = fields.Float(
        string="To Return",
        digits="Product Unit",
        readonly=True,
        help="Delivered, less what came back or is requested to.",
    )
    replacement_left = fields.Float(
        string="To Replace",
        digits="Product Unit",
        readonly=True,
        help="Delivered, less what was replaced, taken back for credit or is"
        " requested.",
    )
    repair_left = fields.Float(string="To Repair", digits="Product Unit", readonly=True)
    credit_left = fields.Float(
        string="To Credit",
        digits="Product Unit",
        readonly=True,
        help="Invoiced, less what was credited or is requested to be.",
    )
    quantity = fields.Float(
        digits="Product Unit",
        compute="_compute_quantity",
        store=True,
        readonly=False,
        help="As much as is left for all that was chosen.",
    )
    terms = fields.Char(compute="_compute_terms")

    @api.depends(
        "wizard_id.is_return",
        "wizard_id.replacement",
        "wizard_id.is_repair",
        "wizard_id.credit",
    )
    def _compute_quantity(self):
        for line in self:
            kinds = line.wizard_id._get_kinds()
            if not kinds:
                # an agreed amount: all that was delivered
                line.quantity = line.delivered or line.credit_left
            else:
                line.quantity = min(line[f"{kind}_left"] for kind in kinds)

    @api.depends("product_id", "date_delivered")
    @api.depends_context("lang")
    def _compute_terms(self):
        for line in self:
            line.terms = line.product_id._get_case_terms(
                line.date_delivered,
                fields.Date.context_today(line),
                line.wizard_id.company_id,
            )

    def _get_values(self, remedy):
        return {
            "product_id": self.product_id.id,
            "lot_id": self.lot_id.id,
            "move_id": self.move_id.id,
            "sale_line_id": self.sale_line_id.id,
            "invoice_line_id": self.invoice_line_id.id,
            "date_delivered": self.date_delivered,
            "quantity": self.quantity,
        }
