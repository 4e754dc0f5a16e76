from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import float_compare, float_round
from odoo.tools.misc import clean_context

from .crm_case_claim import OPEN

MONEY = "credit"
# What people say of goods; the rest is read from where they come from.
GOODS_FIELDS = {
    "claim_id",
    "date_delivered",
    "invoice_line_id",
    "lot_id",
    "move_id",
    "product_id",
    "quantity",
    "sale_line_id",
}


class CrmCaseClaimLine(models.Model):
    """Which goods, and how many of them, in the product's own unit.

    What a line takes from: the stock move that delivered them (``move_id``), with
    a serial or lot if there is one; or the order line, for credits, kits and
    services; or the invoice line where there was no order.

    How much is left is read from the documents of now (deliveries, returns, invoices,
    credit notes), whoever made them, and from what is requested. Two people who request
    the same at once do not both get it: lines that take from the same are numbered, and
    the number is unique.
    """

    _name = "crm.case.claim.line"
    _description = "After-Sales Goods"
    _order = "claim_id desc, id"
    _check_company_auto = True

    claim_id = fields.Many2one(
        "crm.case.claim", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="claim_id.company_id", store=True, precompute=True, index=True
    )
    case_id = fields.Many2one(
        related="claim_id.case_id", store=True, precompute=True, index=True
    )
    remedy = fields.Selection(
        related="claim_id.remedy", store=True, precompute=True, index=True
    )
    state = fields.Selection(related="claim_id.state", store=True)
    commercial_partner_id = fields.Many2one(
        related="claim_id.commercial_partner_id", store=True, string="Customer Company"
    )
    product_id = fields.Many2one(
        "product.product", required=True, readonly=True, index=True, ondelete="restrict"
    )
    lot_id = fields.Many2one(
        "stock.lot",
        string="Lot/Serial",
        readonly=True,
        check_company=True,
        index="btree_not_null",
    )
    uom_id = fields.Many2one(related="product_id.uom_id", string="Unit")
    quantity = fields.Float(digits="Product Unit", required=True, default=1)
    quantity_done = fields.Float(
        string="Carried Out",
        digits="Product Unit",
        compute="_compute_quantity_done",
        store=True,
        help="Received, sent or credited so far.",
    )
    # what it takes from
    move_id = fields.Many2one(
        "stock.move",
        string="Delivered By",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    sale_line_id = fields.Many2one(
        "sale.order.line",
        string="Order Line",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    invoice_line_id = fields.Many2one(
        "account.move.line",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    source_key = fields.Char(readonly=True, copy=False, export_string_translation=False)
    occurrence = fields.Integer(
        readonly=True, copy=False, export_string_translation=False
    )
    date_delivered = fields.Datetime(string="Delivered", readonly=True)
    # why
    reason_id = fields.Many2one(
        related="claim_id.reason_id", store=True, index="btree_not_null"
    )
    supplier_id = fields.Many2one(
        "res.partner",
        readonly=True,
        index="btree_not_null",
        help="Who delivered this lot to us; without a lot, the first vendor of the"
        " product.",
    )
    # what became of it
    move_ids = fields.One2many(
        "stock.move", "case_claim_line_id", string="Stock Moves", readonly=True
    )

    _check_quantity = models.Constraint(
        "CHECK(quantity > 0)", "A quantity is more than nothing."
    )
    _source_uniq = models.Constraint(
        "UNIQUE(source_key, occurrence)",
        "Somebody has just requested the same goods. Look again at what is left.",
    )

    # ------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------

    @api.depends(
        "move_ids.state",
        "move_ids.quantity",
        "move_ids.product_uom",
        "remedy",
        "claim_id.credit_move_ids.state",
    )
    def _compute_quantity_done(self):
        for line in self:
            if line.remedy == MONEY:
                posted = line.claim_id.credit_move_ids.filtered(
                    lambda move: move.state == "posted"
                )
                line.quantity_done = line.quantity if posted else 0
            else:
                line.quantity_done = line._get_quantity_done()

    def _get_quantity_done(self):
        """How much came or went; of kits, how many of which all parts did."""
        moves = self._get_last_moves().filtered(lambda move: move.state == "done")
        done = defaultdict(float)
        for move in moves:
            done[move.product_id] += self._in_product_unit(move)
        if self.move_id or self.product_id in done:
            return sum(done.values())
        shares = [
            done[product] / quantity
            for product, quantity in self._get_parts()
            if quantity
        ]
        if not shares:
            return sum(done.values())
        return self.product_id.uom_id.round(min(shares) * self.quantity) // 1

    def _in_product_unit(self, move):
        if move.state != "done":
            return move.product_qty
        return move.product_uom._compute_quantity(
            move.quantity, move.product_id.uom_id, rounding_method="HALF-UP"
        )

    def _get_live_moves(self):
        return self.move_ids.filtered(lambda move: move.state != "cancel")

    def _get_last_moves(self):
        """Those between us and the customer, of a chain of several steps."""
        self.ensure_one()
        end = "location_id" if self.remedy == "return" else "location_dest_id"
        return self._get_live_moves().filtered(lambda move: move[end]._is_outgoing())

    def _get_words(self):
        self.ensure_one()
        name = self.product_id.display_name
        if self.lot_id:
            name = f"{name} {self.lot_id.name}"
        return f"{self.quantity:g} {self.uom_id.name} {name}"

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        # without the defaults of the case: the documents have their own
        context = clean_context(self.env.context)
        self = self.with_env(self.env(context=context))  # noqa: PLW0642
        if not self.env.su and any(vals.keys() - GOODS_FIELDS for vals in vals_list):
            raise AccessError(
                self.env._("How far a request is follows from what is done with it.")
            )
        vals_list = [dict(vals) for vals in vals_list]
        claims = self.env["crm.case.claim"].browse(
            {vals["claim_id"] for vals in vals_list if vals.get("claim_id")}
        )
        claims._check_editable()
        remedies = {claim.id: claim.remedy for claim in claims}
        for vals in vals_list:
            vals["source_key"] = self._get_source_key(
                remedies.get(vals.get("claim_id")), vals
            )
        for vals, number in zip(
            vals_list,
            self._draw_occurrences([vals["source_key"] for vals in vals_list]),
            strict=True,
        ):
            vals["occurrence"] = number
        lines = super().create(vals_list)
        lines._check_source()
        lines._check_left()
        # sudo: when goods were delivered, and by whom, is not the client's word
        lines.sudo()._complete()
        return lines

    def write(self, vals):
        if not self.env.su:
            self.claim_id._check_editable()
            if vals.keys() - {"quantity"}:
                raise UserError(
                    self.env._("Of a requested line only the quantity can be changed.")
                )
        if "quantity" in vals and "occurrence" not in vals:
            raised = self.filtered(lambda line: line.quantity < vals["quantity"])
            # another number, so that two who raise the same do not both get it
            for line, number in zip(
                raised,
                self._draw_occurrences(raised.mapped("source_key")),
                strict=True,
            ):
                # sudo: people do not write the number
                line.sudo().write({"occurrence": number, "quantity": vals["quantity"]})
        result = super().write(vals)
        if "quantity" in vals:
            self._check_left()
        return result

    def unlink(self):
        if not self.env.su:
            self.claim_id._check_editable()
        return super().unlink()

    @api.model
    def _get_source_key(self, remedy, vals):
        if remedy != MONEY and vals.get("move_id"):
            return f"goods-{vals['move_id']}"
        if vals.get("sale_line_id"):
            kind = "money" if remedy == MONEY else "kit"
            return f"{kind}-{vals['sale_line_id']}"
        if remedy == MONEY and vals.get("invoice_line_id"):
            return f"invoice-{vals['invoice_line_id']}"
        raise UserError(
            self.env._("Say which delivery, order line or invoice line it is about.")
        )

    @api.model
    def _draw_occurrences(self, keys):
        """The next numbers of these sources: taken by the first who commits."""
        if not keys:
            return []
        # sudo: also requests of others, on the same goods
        last = dict(
            self.sudo()._read_group(
                [("source_key", "in", keys)], ["source_key"], ["occurrence:max"]
            )
        )
        numbers = []
        for key in keys:
            last[key] = (last.get(key) or 0) + 1
            numbers.append(last[key])
        return numbers

    def _check_source(self):
        """Goods of this customer and company, whatever ids a client sends."""
        # sudo: agents read neither stock nor sales; only whose it is is looked at
        for line in self.sudo():
            claim = line.claim_id
            customer = claim.commercial_partner_id
            move = line.move_id
            sale_line = line.sale_line_id
            bill = line.invoice_line_id
            owners = [
                (move._get_case_customer() | move.sale_line_id.order_id.partner_id)
                if move
                else self.env["res.partner"],
                sale_line.order_id.partner_id | sale_line.order_id.partner_shipping_id,
                bill.move_id.commercial_partner_id,
            ]
            companies = move.company_id | sale_line.company_id | bill.company_id
            wrong = (
                any(
                    found and customer not in found.commercial_partner_id
                    for found in owners
                )
                or companies - claim.company_id
                or (
                    move
                    and (
                        move.state != "done"
                        or not move.location_dest_id._is_outgoing()
                        or move.product_id != line.product_id
                    )
                )
                or (move and sale_line and move.sale_line_id != sale_line)
                or (
                    # of a part of a kit there is no price
                    (line.remedy == MONEY or not move)
                    and sale_line
                    and sale_line.product_id != line.product_id
                )
                or (bill and bill.product_id != line.product_id)
                or (line.lot_id and line.lot_id not in move.move_line_ids.lot_id)
            )
            if wrong:
                raise ValidationError(
                    self.env._(
                        "These goods were not delivered or invoiced to the customer of"
                        " the case."
                    )
                )

    def _complete(self):
        by_lot = self.env["crm.case.defect.report"]._get_lot_suppliers(self.lot_id)
        for line in self:
            sellers = line.product_id.seller_ids.filtered(
                lambda info, line=line: (
                    info.company_id <= line.company_id
                    and info.product_id <= line.product_id
                )
            )
            line.write(
                {
                    "date_delivered": line.move_id.date
                    or line.sale_line_id._get_case_delivery_date(),
                    "supplier_id": by_lot.get(line.lot_id.id)
                    or sellers[:1].partner_id.commercial_partner_id.id,
                }
            )

    # ------------------------------------------------------------
    # How much is left
    # ------------------------------------------------------------

    def _check_left(self):
        """No more than was delivered or invoiced, less what came back, was made good or
        is requested. Lines that are stored already do not count against themselves.
        """
        # sudo: the documents; nothing of them is told but the quantity of goods
        lines = self.sudo().filtered(lambda line: line.claim_id.state == "requested")
        if not lines:
            return
        left = lines._get_left(
            lines.move_id, lines.sale_line_id, lines.invoice_line_id, but=lines
        )
        taken = defaultdict(float)
        for line in lines:
            keys = left.get_keys(line)
            if not keys:
                continue
            for key, per_unit in keys.items():
                taken[line.remedy, key] += line.quantity * per_unit
            possible = min(
                (left.get(line.remedy, key) - taken[line.remedy, key]) / per_unit
                for key, per_unit in keys.items()
            )
            precision = self.env["decimal.precision"].precision_get("Product Unit")
            if float_compare(possible, 0, precision_digits=precision) < 0:
                raise ValidationError(
                    self.env._(
                        "%(product)s: %(remedy)s of %(quantity)s, of which only"
                        " %(left)s are left. The others came back, were made good or"
                        " are requested already.",
                        product=line.product_id.display_name,
                        remedy=dict(
                            line._fields["remedy"]._description_selection(self.env)
                        )[line.remedy],
                        quantity=f"{line.quantity:g}",
                        left=f"{max(possible + line.quantity, 0):g}",
                    )
                )
        lines._check_price_left(left)
        for claim in lines.claim_id.filtered(
            lambda claim: claim.remedy == MONEY and claim.is_agreed
        ):
            if (
                claim.currency_id.compare_amounts(
                    claim.amount, left.get_amount(claim.line_ids)
                )
                > 0
            ):
                raise ValidationError(
                    self.env._(
                        "The agreed amount is more than what these lines were invoiced"
                        " for, less what was credited already."
                    )
                )

    def _check_price_left(self, left):
        """Goods are not credited at their full price where a part of it was agreed
        upon already: the quantity does not know of that. Call as root.
        """
        prices = defaultdict(float)
        for line in self:
            if line.remedy != MONEY or line.claim_id.is_agreed:
                continue
            [key] = left.get_keys(line)
            prices[key] += line._get_price()
            if not left.is_money_left(key, prices[key], line.claim_id.currency_id):
                raise ValidationError(
                    self.env._(
                        "%(product)s: a credit of %(quantity)s is more than what is"
                        " left of its invoice, as a part of the price was agreed upon"
                        " as a credit. Request fewer, or agree upon an amount.",
                        product=line.product_id.display_name,
                        quantity=f"{line.quantity:g}",
                    )
                )

    @api.model
    def _get_left(self, moves, sale_lines, invoice_lines, but=None):
        """Return the :class:`Left` of these sources; call as root.

        :param but: lines of requests that are not counted
        """
        orders = sale_lines | moves.sale_line_id
        kits = {
            line: parts
            for line in orders
            if line.product_id.type == "consu" and (parts := line._get_case_kit_parts())
        }
        # of a kit all parts, whichever is asked for: they share what is left
        moves = moves.union(
            *(of_part for parts in kits.values() for of_part, _n in parts)
        )
        requested = self.search(
            Domain("claim_id.state", "in", OPEN)
            & Domain("id", "not in", (but or self.browse()).ids)
            & (
                Domain("move_id", "in", moves.ids)
                | Domain("sale_line_id", "in", orders.ids)
                | Domain("invoice_line_id", "in", invoice_lines.ids)
            )
        )
        return Left(moves, sale_lines, invoice_lines, requested, kits)


class Left:
    """How much is left of some deliveries, order lines and invoice lines.

    Quantities are in the units of the products. Goods are known by
    ``(move id, lot id or 0)``; each lot of a move has what is left of the lot, and no
    more than what is left of the move. Kits are known by their order line: whole kits,
    and of each part what neither kits nor the part by itself were requested for. Of
    what was invoiced: by order line or invoice line.

    - to return: delivered, less returned or coming back, less requested
    - to replace: delivered, less replaced, less taken back for credit, less requested
    - to repair: delivered, less what is in repair or requested for it
    - to credit: invoiced and posted, less credit notes (drafts too), less requested
    """

    def __init__(self, moves, sale_lines, invoice_lines, requested, kits):
        self.moves = moves
        # {order line: [(deliveries of a part, quantity of it in one kit)]}
        self.kits = kits
        self.sale_lines = sale_lines
        self.invoice_lines = invoice_lines
        self.requested = requested
        # (remedy, key) -> quantity
        self.quantities = defaultdict(float)
        self.amounts = {}
        # of agreed amounts, what falls on each key; of goods requested, their price
        self.shares = defaultdict(float)
        self.pending = defaultdict(float)
        # key -> mean price of one
        self.prices = {}
        for move in moves:
            self._read_move(move)
        self._read_goods_requests()
        for line in sale_lines:
            self._read_bills(f"sale-{line.id}", line.product_id, line.invoice_lines)
        for line, parts in kits.items():
            self._read_kit(line, parts)
        for line in invoice_lines:
            bills = line | line._get_case_refund_lines()
            self._read_bills(f"bill-{line.id}", line.product_id, bills)
        self._read_money_requests()

    def get(self, remedy, key):
        return self.quantities[remedy, key]

    def get_keys(self, line):
        """What the quantity of a line counts against: ``{key: how much of it one
        takes}``.
        """
        if line.remedy == MONEY:
            if line.claim_id.is_agreed:
                return {}  # see get_amount
            return {self._get_money_key(line.sale_line_id, line.invoice_line_id): 1}
        if not line.move_id:
            return {
                f"kit-{line.sale_line_id.id}": 1,
                **{
                    self._get_part_key(line.sale_line_id, moves.product_id): per_kit
                    for moves, per_kit in self.kits.get(line.sale_line_id, ())
                },
            }
        return dict.fromkeys(self._get_goods_keys(line.move_id, line.lot_id), 1)

    def _get_goods_keys(self, move, lot):
        keys = {(move.id, 0), (move.id, lot.id or 0)}
        line = move.sale_line_id
        # replacements of parts are delivered besides the kits
        if any(move in moves for moves, _per_kit in self.kits.get(line, ())):
            keys.add(self._get_part_key(line, move.product_id))
        return keys

    @staticmethod
    def _get_part_key(sale_line, product):
        return f"part-{sale_line.id}-{product.id}"

    def get_possible(self, remedy, move, lot, sale_line, invoice_line):
        """How much of a remedy is possible for a row of goods."""
        if remedy == MONEY:
            source = sale_line or invoice_line
            key = self._get_money_key(sale_line, invoice_line)
            possible = self.quantities[MONEY, key]
            if self.shares[key] and self.prices.get(key):
                by_price = self._get_money_left(key) / self.prices[key]
                digits = source.env["decimal.precision"].precision_get("Product Unit")
                by_price = float_round(by_price, digits, rounding_method="DOWN")
                possible = min(possible, by_price)
            return max(possible, 0)
        if not move:
            return max(self.quantities[remedy, f"kit-{sale_line.id}"], 0)
        keys = self._get_goods_keys(move, lot)
        return max(min(self.quantities[remedy, key] for key in keys), 0)

    def get_amount(self, lines):
        """What is left to credit of these lines, untaxed."""
        keys = {
            self._get_money_key(line.sale_line_id, line.invoice_line_id)
            for line in lines
        }
        return (
            sum(self.amounts.get(key, 0) - self.pending[key] for key in keys)
            - self.agreed
        )

    def is_money_left(self, key, price, currency):
        """Whether goods may be credited at this price."""
        if not self.shares[key]:
            return True  # the quantity says it; prices are rounded
        return currency.compare_amounts(price, self._get_money_left(key)) <= 0

    def _get_money_left(self, key):
        return self.amounts.get(key, 0) - self.shares[key] - self.pending[key]

    @staticmethod
    def _get_money_key(sale_line, invoice_line):
        return f"sale-{sale_line.id}" if sale_line else f"bill-{invoice_line.id}"

    # ------------------------------------------------------------
    # Goods
    # ------------------------------------------------------------

    def _add(self, remedies, move, lot, quantity):
        for remedy in remedies:
            self.quantities[remedy, (move.id, 0)] += quantity
            if lot:
                self.quantities[remedy, (move.id, lot.id)] += quantity

    def _read_move(self, move):
        for move_line in move.move_line_ids:
            self._add(
                ("return", "replacement", "repair"),
                move,
                move_line.lot_id,
                move_line.quantity_product_uom,
            )
        for back in move.returned_move_ids:
            if back.state == "cancel" or not back.location_id._is_outgoing():
                continue
            remedies = ["return"]
            if back.to_refund:
                remedies.append("replacement")
            if back.state == "done":
                for move_line in back.move_line_ids:
                    self._add(
                        remedies,
                        move,
                        move_line.lot_id,
                        -move_line.quantity_product_uom,
                    )
            else:
                self._add(
                    remedies, move, back.case_claim_line_id.lot_id, -back.product_qty
                )

    def _read_goods_requests(self):
        """Requests whose documents are not there yet; and all of replacements and
        repairs, which no document of the delivery knows.
        """
        lines = self.requested.filtered("move_id")
        for line in lines:
            claim = line.claim_id
            if line.remedy == "return" and claim.state == "requested":
                remedies = ["return", *(["replacement"] if claim.is_refund else [])]
                self._add(remedies, line.move_id, line.lot_id, -line.quantity)
            elif line.remedy in ("replacement", "repair"):
                self._add([line.remedy], line.move_id, line.lot_id, -line.quantity)
        done = lines.search(
            [
                ("move_id", "in", self.moves.ids),
                ("remedy", "=", "replacement"),
                ("claim_id.state", "=", "done"),
            ]
        )
        for line in done:
            self._add(["replacement"], line.move_id, line.lot_id, -line.quantity_done)

    def _read_kit(self, sale_line, parts):
        """Of each part what is left over all its deliveries, less what kits are
        requested for that no document knows; whole kits, of which all parts are left.
        """
        for remedy in ("return", "replacement", "repair"):
            waiting = self._get_waiting_kits(sale_line, remedy)
            kits = []
            for moves, per_kit in parts:
                left = sum(self.get(remedy, (move.id, 0)) for move in moves)
                left -= waiting * per_kit
                key = self._get_part_key(sale_line, moves.product_id)
                self.quantities[remedy, key] = left
                kits.append(left / per_kit)
            # a part of a kit is none
            whole = sale_line.product_id.uom_id.round(min(kits)) // 1
            self.quantities[remedy, f"kit-{sale_line.id}"] = whole

    def _get_waiting_kits(self, sale_line, remedy):
        """How many kits are requested, or were replaced: their parts' deliveries do not
        know of it. Returns that were confirmed are known.
        """
        of_kit = self.requested.filtered(
            lambda line: (
                not line.move_id
                and line.sale_line_id == sale_line
                and line.remedy == remedy
                and (remedy != "return" or line.claim_id.state == "requested")
            )
        )
        kits = sum(of_kit.mapped("quantity"))
        if remedy == "replacement":
            # what comes back for credit is not replaced: taken off before it is on its
            # way, as with other goods
            coming = self.requested.filtered(
                lambda line: (
                    not line.move_id
                    and line.sale_line_id == sale_line
                    and line.remedy == "return"
                    and line.claim_id.state == "requested"
                    and line.claim_id.is_refund
                )
            )
            sent = of_kit.search(
                [
                    ("sale_line_id", "=", sale_line.id),
                    ("move_id", "=", False),
                    ("remedy", "=", "replacement"),
                    ("claim_id.state", "=", "done"),
                ]
            )
            kits += sum(coming.mapped("quantity")) + sum(sent.mapped("quantity_done"))
        return kits

    # ------------------------------------------------------------
    # Money
    # ------------------------------------------------------------

    def _read_bills(self, key, product, bills):
        amount = 0.0
        for bill in bills:
            if bill.display_type != "product":
                continue
            if bill.move_type == "out_invoice" and bill.parent_state == "posted":
                sign = 1
            elif bill.move_type == "out_refund" and bill.parent_state != "cancel":
                sign = -1
            else:
                continue
            unit = bill.product_uom_id or product.uom_id
            self.quantities[MONEY, key] += sign * unit._compute_quantity(
                bill.quantity, product.uom_id, rounding_method="HALF-UP"
            )
            amount += sign * bill.price_subtotal
        self.amounts[key] = amount
        quantity = self.quantities[MONEY, key]
        self.prices[key] = amount / quantity if quantity > 0 else 0.0

    def _read_money_requests(self):
        lines = self.requested.filtered(lambda line: line.remedy == MONEY)
        for line in lines:
            claim = line.claim_id
            if claim.state == "requested" and not claim.is_agreed:
                for key in self.get_keys(line):
                    self.quantities[MONEY, key] -= line.quantity
                    self.pending[key] += line.quantity * self.prices.get(key, 0)
        # an agreed amount is on no order line: take it off whichever it touches
        agreed = (
            (self.sale_lines | self.moves.sale_line_id).case_claim_line_ids
            | self.invoice_lines.case_claim_line_ids
        ).claim_id.filtered(
            lambda claim: (
                claim.remedy == MONEY
                and claim.is_agreed
                and claim.state in (*OPEN, "done")
                and (claim.state != "requested" or claim in lines.claim_id)
            )
        )
        self.agreed = sum(agreed.mapped("amount"))
        for claim in agreed:
            self._share_agreed(claim)

    def _share_agreed(self, claim):
        """Over the lines it was agreed upon for, as they were invoiced."""
        invoiced = {}
        for line in claim.line_ids:
            key = self._get_money_key(line.sale_line_id, line.invoice_line_id)
            bills = line.sale_line_id.invoice_lines or line.invoice_line_id
            invoiced[key] = sum(
                bill.price_subtotal
                for bill in bills
                if bill.display_type == "product"
                and bill.move_type == "out_invoice"
                and bill.parent_state == "posted"
            )
        total = sum(invoiced.values())
        for key, amount in invoiced.items():
            self.shares[key] += claim.amount * (amount / total if total else 1)
