from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, LockError, UserError
from odoo.tools.misc import clean_context

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

REMEDIES = [
    ("return", "Return"),
    ("replacement", "Replacement"),
    ("credit", "Credit Note"),
    ("repair", "Repair"),
    ("coupon", "Coupon"),
]
STATES = [
    ("requested", "Requested"),
    ("approved", "Approved"),
    ("progress", "In Progress"),
    ("done", "Done"),
    ("refused", "Refused"),
    ("cancelled", "Called Off"),
]
OPEN = ("requested", "approved", "progress")
# what is decided by people; the rest follows from documents
DECISIONS = ("requested", "approved", "refused", "cancelled")
# remedies that the warehouse carries out, and those of accounting
STOCK_REMEDIES = ("return", "replacement", "repair")
# What people say when they request; the rest follows from the case, from the actions
# below and from what happens to documents.
REQUEST_FIELDS = {
    "amount",
    "case_id",
    "freight_cost",
    "is_agreed",
    "is_refund",
    "line_ids",
    "location_dest_id",
    "note",
    "program",
    "program_points",
    "reason_id",
    "remedy",
    "return_claim_id",
    "timing",
    "warehouse_id",
}
# What stays as it was requested.
FIXED_FIELDS = {"case_id", "is_agreed", "remedy", "return_claim_id"}
# What stock and accounting may still say after they have approved.
LATE_FIELDS = {"freight_cost", "note"}


class CrmCaseClaim(models.Model):
    """What a customer gets for goods that were not right: one row a case and remedy.

    An agent *requests*, without rights in stock or accounting; who has them *confirms*
    or refuses. Confirming makes the document: a return transfer, a delivery, a draft
    credit note, a repair order, a coupon. From then on the state follows from that
    document, whoever works on it: a transfer that is cancelled or a draft that is
    deleted calls the request off and gives the quantity back.

    How each remedy is carried out is in ``crm_case_claim_goods.py``,
    ``crm_case_claim_credit.py`` and ``crm_case_claim_other.py``; how much is left, in
    ``crm_case_claim_line.py``.
    """

    _name = "crm.case.claim"
    _description = "After-Sales Request"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _check_company_auto = True

    # identity
    name = fields.Char(
        string="Number", required=True, readonly=True, copy=False, default="/"
    )
    case_id = fields.Many2one(
        "crm.case", required=True, readonly=True, index=True, ondelete="restrict"
    )
    remedy = fields.Selection(REMEDIES, required=True, readonly=True)
    # whose
    company_id = fields.Many2one(
        related="case_id.company_id", store=True, precompute=True, index=True
    )
    team_id = fields.Many2one(
        related="case_id.team_id", store=True, precompute=True, index=True
    )
    case_user_id = fields.Many2one(
        related="case_id.user_id",
        store=True,
        precompute=True,
        string="Case Assignee",
        index="btree_not_null",
    )
    partner_id = fields.Many2one(
        related="case_id.partner_id",
        store=True,
        precompute=True,
        index="btree_not_null",
    )
    commercial_partner_id = fields.Many2one(
        related="case_id.commercial_partner_id",
        string="Customer Company",
        store=True,
        precompute=True,
        index="btree_not_null",
    )
    # what
    line_ids = fields.One2many("crm.case.claim.line", "claim_id", string="Goods")
    product_names = fields.Char(string="What", compute="_compute_product_names")
    reason_id = fields.Many2one(
        "crm.case.claim.reason", index="btree_not_null", ondelete="restrict"
    )
    note = fields.Text(
        string="Instructions", help="For whoever confirms and carries it out."
    )
    # how: return and replacement
    warehouse_id = fields.Many2one(
        "stock.warehouse",
        check_company=True,
        index="btree_not_null",
        help="Where goods come back to, or are sent from. Empty: the warehouse that"
        " delivered them.",
    )
    location_dest_id = fields.Many2one(
        "stock.location",
        string="Return to",
        domain="[('usage', '=', 'internal'),"
        " ('company_id', 'in', [company_id, False])]",
        check_company=True,
        index="btree_not_null",
        help="A place apart for goods to be looked at, for one. Empty: where the"
        " warehouse takes returns in.",
    )
    is_refund = fields.Boolean(
        string="Not Delivered After All",
        help="The order then counts these goods as not delivered, as it should when"
        " they are credited. Not so when they are replaced or repaired.",
    )
    timing = fields.Selection(
        [("before", "At Once"), ("after", "When the Goods Are Back")],
        string="Send",
        default="after",
    )
    return_claim_id = fields.Many2one(
        "crm.case.claim",
        string="Return",
        readonly=True,
        index="btree_not_null",
        help="The return that brings back the goods that this makes good.",
    )
    # how: credit note
    is_agreed = fields.Boolean(
        string="Agreed Amount",
        help="A part of the price is agreed upon, the goods stay with the customer.",
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_currency_id")
    amount = fields.Monetary(
        tracking=1,
        help="Without taxes: the credit note adds those of the invoice.",
    )
    # how: coupon
    # no relation: the app with the programs may be missing, and may go
    program = fields.Selection(
        "_selection_program", string="Coupon Program", help="What the customer gets."
    )
    program_points = fields.Float(
        string="Worth", default=1, help="Points: the program says what they are worth."
    )
    coupon_code = fields.Char(string="Coupon", readonly=True, copy=False)
    # decision
    decision = fields.Selection(
        [state for state in STATES if state[0] in DECISIONS],
        required=True,
        readonly=True,
        default="requested",
        copy=False,
    )
    user_id = fields.Many2one(
        "res.users",
        string="Requested By",
        readonly=True,
        default=lambda self: self.env.user,
        index="btree_not_null",
    )
    approver_id = fields.Many2one(
        "res.users",
        string="Decided By",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
    date_approved = fields.Datetime(string="Decided", readonly=True, copy=False)
    refusal = fields.Char(string="Why Not", readonly=True, copy=False, tracking=3)
    refusal_told = fields.Text(
        string="Told to the Customer",
        readonly=True,
        copy=False,
        help="Why not, in the words that were sent to the customer and that the portal"
        " shows. Empty: nobody has told the reason yet.",
    )
    may_confirm = fields.Boolean(compute="_compute_may_confirm")
    # progress
    state = fields.Selection(
        STATES,
        compute="_compute_state",
        store=True,
        recursive=True,
        index=True,
        tracking=2,
    )
    reported_state = fields.Selection(
        STATES, readonly=True, default="requested", copy=False
    )
    progress = fields.Char(compute="_compute_progress", compute_sudo=True)
    hint = fields.Text(
        string="Terms",
        compute="_compute_hint",
        compute_sudo=True,
        help="Return right and warranty as they were when this was requested. They"
        " block nothing.",
    )
    # documents
    # agents see how many transfers there are; opening one takes rights
    picking_ids = fields.Many2many(
        "stock.picking",
        string="Transfers",
        compute="_compute_picking_ids",
        compute_sudo=True,
    )
    picking_count = fields.Integer(compute="_compute_picking_ids", compute_sudo=True)
    credit_move_ids = fields.One2many(
        "account.move",
        "case_claim_id",
        string="Credit Notes",
        readonly=True,
        groups="account.group_account_readonly,account.group_account_invoice",
    )
    document_model = fields.Char(readonly=True, copy=False)
    document_id = fields.Many2oneReference(
        model_field="document_model", readonly=True, copy=False
    )
    document_state = fields.Char(readonly=True, copy=False)
    # money
    freight_cost = fields.Monetary(
        currency_field="company_currency_id",
        tracking=4,
        help="What carriers charged, as far as the transfers do not say it themselves.",
    )
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Currency of the Company"
    )
    amount_credited = fields.Monetary(
        string="Credited",
        currency_field="company_currency_id",
        compute="_compute_amount_credited",
        compute_sudo=True,
        groups=MONEY_GROUPS,
        help="Untaxed, of posted credit notes.",
    )

    _name_uniq = models.Constraint("UNIQUE(name)", "Each request has its own number.")
    _check_amount = models.Constraint(
        "CHECK(NOT is_agreed OR amount > 0)", "Say which amount was agreed upon."
    )
    _check_points = models.Constraint(
        "CHECK(program_points IS NULL OR program_points > 0)",
        "A coupon is worth something.",
    )
    _check_freight = models.Constraint(
        "CHECK(freight_cost IS NULL OR freight_cost >= 0)",
        "What freight cost is not negative.",
    )
    _queue_idx = models.Index("(remedy, id) WHERE state = 'requested'")

    # ------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------

    @api.depends("name", "remedy")
    @api.depends_context("lang")
    def _compute_display_name(self):
        remedies = dict(self._fields["remedy"]._description_selection(self.env))
        for claim in self:
            claim.display_name = f"{claim.name} {remedies.get(claim.remedy, '')}"

    @api.depends("line_ids.product_id", "line_ids.quantity", "line_ids.lot_id")
    def _compute_product_names(self):
        for claim in self:
            claim.product_names = ", ".join(
                line._get_words() for line in claim.line_ids
            )

    @api.depends("line_ids.sale_line_id", "line_ids.invoice_line_id", "company_id")
    def _compute_currency_id(self):
        for claim in self:
            # sudo: which currency the customer pays in is no secret of accounting
            lines = claim.sudo().line_ids
            claim.currency_id = (
                lines.sale_line_id.currency_id[:1]
                or lines.invoice_line_id.currency_id[:1]
                or claim.company_id.currency_id
            )

    @api.depends("remedy", "state")
    @api.depends_context("uid")
    def _compute_may_confirm(self):
        may = {remedy: self._may_confirm(remedy) for remedy, _label in REMEDIES}
        for claim in self:
            claim.may_confirm = claim.state == "requested" and may.get(claim.remedy)

    @api.depends(
        "decision",
        "document_state",
        "line_ids.quantity",
        "line_ids.move_ids.state",
        "line_ids.move_ids.quantity",
        "credit_move_ids.state",
        "return_claim_id.state",
    )
    def _compute_state(self):
        """Follows from the decision and then from the documents.

        Computed as root (stored): whoever works on a document need not see requests.
        """
        for claim in self:
            if claim.decision != "approved":
                claim.state = claim.decision
            else:
                claim.state = getattr(claim, f"_get_state_{claim.remedy}")()

    @api.depends(
        "state",
        "refusal",
        "coupon_code",
        "document_state",
        "line_ids.quantity",
        "line_ids.quantity_done",
        "return_claim_id.state",
    )
    @api.depends_context("lang")
    def _compute_progress(self):
        """In words that any agent may read: quantities, no figures of accounting."""
        states = dict(self._fields["state"]._description_selection(self.env))
        for claim in self:
            words = states[claim.state]
            if claim.state in OPEN[1:] or claim.state == "done":
                words = getattr(claim, f"_get_progress_{claim.remedy}")() or words
            elif claim.refusal:
                words = f"{words}: {claim.refusal}"
            claim.progress = words

    @api.depends("line_ids.date_delivered", "line_ids.product_id", "company_id")
    @api.depends_context("lang")
    def _compute_hint(self):
        for claim in self:
            words = []
            asked = (claim.create_date or self.env.cr.now()).date()
            for line in claim.line_ids:
                hint = line.product_id._get_case_terms(
                    line.date_delivered, asked, claim.company_id
                )
                if hint:
                    if len(claim.line_ids) > 1:
                        hint = f"{line.product_id.display_name}: {hint}"
                    words.append(hint)
            claim.hint = "\n".join(dict.fromkeys(words))

    @api.depends("line_ids.move_ids.picking_id")
    def _compute_picking_ids(self):
        for claim in self:
            claim.picking_ids = claim.line_ids.move_ids.picking_id
            claim.picking_count = len(claim.picking_ids)

    @api.depends("credit_move_ids.state", "credit_move_ids.amount_untaxed_signed")
    def _compute_amount_credited(self):
        for claim in self:
            claim.amount_credited = -sum(
                claim.credit_move_ids.filtered(lambda m: m.state == "posted").mapped(
                    "amount_untaxed_signed"
                )
            )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        # whatever the lists were opened with that this is requested from
        context = clean_context(self.env.context)
        self = self.with_env(self.env(context=context))  # noqa: PLW0642
        self._check_given({name for vals in vals_list for name in vals})
        vals_list = [dict(vals) for vals in vals_list]
        for vals in vals_list:
            # sudo: whoever requests gets a number
            sequence_sudo = self.env["ir.sequence"].sudo()
            vals["name"] = sequence_sudo.next_by_code("crm.case.claim") or "/"
        claims = super().create(vals_list)
        claims._check_made()
        claims.filtered(lambda claim: claim.remedy == "return").case_id._sla_start(
            "return"
        )
        claims._log_on_case()
        return claims

    def write(self, vals):
        self._check_given(vals.keys(), FIXED_FIELDS)
        if not self.env.su and vals.keys() & REQUEST_FIELDS - LATE_FIELDS:
            self._check_editable()
        result = super().write(vals)
        if "amount" in vals:
            self.line_ids._check_left()
        return result

    def _check_given(self, names, fixed=frozenset()):
        """People give what they request; followers and activities are Odoo's."""
        if self.env.su:
            return
        wrong = {
            name
            for name in names
            if name in fixed
            or (
                name not in REQUEST_FIELDS
                and not name.startswith(("message_", "activity_", "my_activity_"))
            )
        }
        if wrong:
            raise AccessError(
                self.env._("How far a request is follows from what is done with it.")
            )

    def _check_editable(self):
        """Only what is requested is changed, by the helpdesk or by who confirms it."""
        decided = self.filtered(lambda claim: claim.state != "requested")[:1]
        if decided:
            raise UserError(
                self.env._(
                    "%s is decided already: call it off and request anew.", decided.name
                )
            )

    def _check_made(self):
        """What the database does not check: the parts that a remedy needs."""
        for claim in self:
            if claim.remedy == "coupon":
                claim._check_program()
            elif not claim.line_ids:
                raise UserError(
                    self.env._("Choose at least one line, with a quantity.")
                )
            if not claim.partner_id:
                raise UserError(
                    self.env._("Say on the case who the customer is, then request.")
                )
            if claim.return_claim_id and claim.return_claim_id.case_id != claim.case_id:
                raise UserError(self.env._("That return belongs to another case."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_decided(self):
        if any(claim.state != "requested" for claim in self):
            raise UserError(
                self.env._("Decided requests are kept. Those called off do no harm.")
            )

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    @api.model
    def _get_confirming_model(self, remedy):
        """The model of the document of a remedy."""
        return {
            "return": "stock.picking",
            "replacement": "stock.picking",
            "credit": "account.move",
            "repair": "repair.order",
            "coupon": "loyalty.card",
        }[remedy]

    @api.model
    def _get_confirming_group(self, remedy):
        """Hook: who confirms a remedy. Not whoever may create its document: sellers
        create transfers by confirming an order.
        """
        return {
            "credit": "account.group_account_invoice",
            "coupon": "sales_team.group_sale_manager",
        }.get(remedy, "stock.group_stock_user")

    @api.model
    def _may_confirm(self, remedy):
        return self._get_confirming_model(remedy) in self.env and (
            self.env.su or self.env.user.has_group(self._get_confirming_group(remedy))
        )

    def _check_may_confirm(self):
        for claim in self:
            if claim._may_confirm(claim.remedy):
                continue
            model = self._get_confirming_model(claim.remedy)
            if model not in self.env:
                raise UserError(
                    self.env._(
                        "The app for this is no longer installed: call %s off.",
                        claim.name,
                    )
                )
            raise AccessError(
                {
                    "credit": self.env._(
                        "Credit notes are confirmed by who may invoice: %s waits in"
                        " their list.",
                        claim.name,
                    ),
                    "coupon": self.env._(
                        "Coupons are confirmed by sales administrators: %s waits in"
                        " their list.",
                        claim.name,
                    ),
                }.get(
                    claim.remedy,
                    self.env._(
                        "Goods are moved by users of Inventory: %s waits in their"
                        " list.",
                        claim.name,
                    ),
                )
            )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_confirm(self):
        """Make the documents; confirming what is confirmed opens its document."""
        self._check_may_confirm()
        self.check_access("write")
        try:
            self.lock_for_update(allow_referencing=True)
        except LockError as error:
            raise UserError(
                self.env._("Somebody else is just deciding this: look again.")
            ) from error
        quiet = self.with_env(self.env(context=clean_context(self.env.context)))
        for claim in quiet.filtered(lambda claim: claim.state == "requested"):
            # how much is left may have changed since: returns without a request
            claim.line_ids._check_left()
            getattr(claim, f"_confirm_{claim.remedy}")()
            # sudo: see REQUEST_FIELDS; the rights were checked above
            claim.sudo().write(
                {
                    "decision": "approved",
                    "approver_id": self.env.uid,
                    "date_approved": self.env.cr.now(),
                }
            )
        self._report()
        if len(self) == 1 and self.state in ("approved", "progress", "done"):
            return self.action_view_documents()
        return True

    def action_refuse(self):
        self._check_may_confirm()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Refuse"),
            "res_model": "crm.case.claim.refuse",
            "view_mode": "form",
            "target": "new",
            "context": {"default_claim_ids": self.ids},
        }

    def _refuse(self, reason, told=""):
        """
        :param reason: for us; customers never see it
        :param told: for the customer, sent as an answer on the case
        """
        self._check_may_confirm()
        self.check_access("write")
        if any(claim.state != "requested" for claim in self):
            raise UserError(
                self.env._(
                    "Only what is still requested can be refused. Cancel the transfer"
                    " or the draft credit note instead: that calls the request off."
                )
            )
        # sudo: see REQUEST_FIELDS
        self.sudo().write(
            {
                "decision": "refused",
                "refusal": reason,
                "refusal_told": told.strip(),
                "approver_id": self.env.uid,
                "date_approved": self.env.cr.now(),
            }
        )
        self._report()
        self.filtered("refusal_told")._tell_refusal()

    def _tell_refusal(self):
        """One answer on each case, by who refuses, in the customer's language."""
        for case, claims in self.grouped("case_id").items():
            # sudo: who confirms goods or credit notes need not see cases
            case_sudo = case.sudo()
            env = self.with_context(lang=case_sudo.partner_id.lang or self.env.lang).env
            remedies = dict(self._fields["remedy"]._description_selection(env))
            subjects = [
                f"{remedies[claim.remedy]} {claim.name}"
                for claim in claims.sorted("id")
            ]
            case_sudo.message_post(
                body=Markup("<p>%s</p><p>%s</p>")
                % (
                    env._("About %s: we cannot do this.", subjects),
                    Markup("<br/>").join(claims[:1].refusal_told.splitlines()),
                ),
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
                author_id=self.env.user.partner_id.id,
            )

    def action_withdraw(self):
        """Agents call off what nobody has confirmed yet."""
        self.check_access("write")
        if any(claim.state != "requested" for claim in self):
            raise UserError(
                self.env._(
                    "This is on its way: ask whoever confirmed it to cancel the"
                    " transfer or the credit note."
                )
            )
        # sudo: see REQUEST_FIELDS
        self.sudo().write({"decision": "cancelled"})
        self._report()

    def action_view_documents(self):
        """What the request led to, for who may see it."""
        self.ensure_one()
        if self.remedy in ("return", "replacement"):
            return self._action_view("stock.picking", self.picking_ids.ids)
        if self.remedy == "credit":
            # sudo: which they are; they are opened with the user's rights
            return self._action_view("account.move", self.sudo().credit_move_ids.ids)
        return self._action_view(self.document_model, [self.document_id])

    def action_view_case(self):
        self.ensure_one()
        return self._action_view("crm.case", self.case_id.ids)

    def _action_view(self, model, ids):
        ids = [id_ for id_ in ids if id_]
        # the app may be gone
        Model = self.env.get(model)
        if Model is None or not ids or not Model.has_access("read"):
            return {
                "type": "ir.actions.client",
                "tag": "display_notification",
                "params": {
                    "message": self.env._(
                        "Its documents are for who works on them; how far they are is"
                        " said here."
                    ),
                    "type": "info",
                },
            }
        action = {
            "type": "ir.actions.act_window",
            "name": Model._description,
            "res_model": model,
            "view_mode": "form",
        }
        if len(ids) == 1:
            return {**action, "res_id": ids[0]}
        return {**action, "view_mode": "list,form", "domain": [("id", "in", ids)]}

    # ------------------------------------------------------------
    # What happens to documents
    # ------------------------------------------------------------

    def _report(self):
        """Follow a change of the documents: launch what waited for it, stop the clock
        of the return, tell the case and who requested. Doing it again does nothing.
        """
        # sudo: documents are worked on by people who need not see requests
        claims = self.sudo().exists()
        if not claims:
            return
        claims |= self.sudo().search([("return_claim_id", "in", claims.ids)])
        claims._launch_waiting()
        changed = claims.filtered(lambda claim: claim.state != claim.reported_state)
        for state, some in changed.grouped("state").items():
            some.write({"reported_state": state})
        changed._log_on_case()
        done = changed.filtered(
            lambda claim: claim.remedy == "return" and claim.state not in OPEN
        ).case_id
        waiting = self.sudo().search(
            [
                ("case_id", "in", done.ids),
                ("remedy", "=", "return"),
                ("state", "in", OPEN),
            ]
        )
        (done - waiting.case_id)._sla_stop("return")

    def _log_on_case(self):
        """A line in the conversation; who requested hears of the end."""
        states = dict(self._fields["state"]._description_selection(self.env))
        for claim in self:
            # one note a change of a request, not of a batch
            to_tell = self.env["res.partner"]
            if claim.state not in OPEN and claim.user_id != self.env.user:
                to_tell = claim.user_id.partner_id
            words = self.env._(
                "%(claim)s: %(state)s. %(goods)s",
                claim=claim.display_name,
                state=states[claim.state],
                goods=claim.product_names or "",
            )
            if claim.state == "refused" and claim.refusal:
                words = f"{words} — {claim.refusal}"
            # sudo: clerks and accountants do not write in cases
            claim.case_id.sudo().message_post(
                body=words,
                message_type="notification",
                subtype_xmlid="mail.mt_note",
                partner_ids=to_tell.ids,
                author_id=self.env.user.partner_id.id,
            )
