from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..customer.crm_customer_yardstick import MONEY_GROUPS

TRIGGERS = [
    ("posted", "Posted"),
    ("history", "Read from History"),
    ("asked", "Computed Again"),
]


class CrmAttribution(models.Model):
    """What earned a posted customer invoice: its path of touchpoints, and what each of
    them gets in each model (K45). One row an invoice or credit note.

    Frozen when the invoice is posted: later touchpoints, costs of products and settings
    change nothing, until a manager asks with a reason. Credit notes take back from whom
    their invoice gave to. Written by the system only, see ``_freeze``.
    """

    _name = "crm.attribution"
    _description = "Attribution"
    _order = "date desc, id desc"
    _rec_names_search = ["name"]
    # the system writes them all; who asked for it is in user_id
    _log_access = False

    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    name = fields.Char(string="Number", readonly=True)
    date = fields.Date(string="Invoice Date", readonly=True)
    partner_id = fields.Many2one(
        related="move_id.commercial_partner_id", string="Customer"
    )
    move_state = fields.Selection(related="move_id.state", string="Invoice Status")
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    origin_id = fields.Many2one(
        "crm.attribution",
        string="Follows",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The invoice that a credit note takes back from: its shares are those.",
    )
    touch_ids = fields.One2many(
        "crm.attribution.touch", "attribution_id", string="Touchpoints", readonly=True
    )
    touch_count = fields.Integer(
        string="Touchpoints (n)", compute="_compute_touch_count"
    )
    # how much
    revenue = fields.Monetary(
        string="Invoiced",
        readonly=True,
        groups=MONEY_GROUPS,
        help="Untaxed, in company currency; credit notes are negative.",
    )
    margin = fields.Monetary(
        readonly=True,
        groups=MONEY_GROUPS,
        help="Of the products whose cost was known on the day it was frozen.",
    )
    revenue_unknown = fields.Monetary(
        string="Sales Without Cost",
        readonly=True,
        groups=MONEY_GROUPS,
        help="Part of what was invoiced whose product has no cost: not in the margin.",
    )
    # how, and when
    date_until = fields.Datetime(
        string="Touchpoints Until",
        readonly=True,
        help="The end of the day of the invoice, or the moment it was posted.",
    )
    lookback_days = fields.Integer(string="Look-Back (Days)", readonly=True)
    half_life_days = fields.Float(
        string="Half-Life (Days)", readonly=True, digits=(16, 1)
    )
    date_computed = fields.Datetime(
        string="Frozen On",
        readonly=True,
        help="Empty: to be computed again by the scheduler.",
    )
    trigger = fields.Selection(TRIGGERS, string="Because", readonly=True)
    reason = fields.Char(readonly=True)
    user_id = fields.Many2one(
        "res.users", string="Asked For By", readonly=True, ondelete="set null"
    )

    _move_uniq = models.Constraint(
        "UNIQUE(move_id)", "An invoice is attributed once in each model."
    )
    # what the scheduler has to do
    _due_idx = models.Index("(id) WHERE date_computed IS NULL")

    @api.depends("touch_ids")
    def _compute_touch_count(self):
        counts = dict(
            self.env["crm.attribution.touch"]._read_group(
                [("attribution_id", "in", self.ids), ("is_unknown", "=", False)],
                ["attribution_id"],
                ["__count"],
            )
        )
        for attribution in self:
            attribution.touch_count = counts.get(attribution, 0)

    # ------------------------------------------------------------
    # Computing again
    # ------------------------------------------------------------

    def action_recompute(self, reason):
        """Compute these anew, with the touchpoints and settings of today; their credit
        notes follow. Many are left to the scheduler.

        :return: how many, credit notes among them
        """
        if not self.env.user.has_group("crm_plus.crm_plus_group_manager"):
            raise AccessError(
                self.env._("Only administrators of CRM Plus compute attribution again.")
            )
        self.check_access("read")
        # sudo: the rows are the system's
        return self.sudo()._ask_again(reason, self.env.user)

    def _ask_again(self, reason, user):
        rows = self | self.search([("origin_id", "in", self.ids)])
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_attribution
                   SET date_computed = NULL, trigger = 'asked', reason = %s,
                       user_id = %s
                 WHERE id = ANY(%s)
             RETURNING id
                """,
                reason,
                user.id,
                rows.ids,
            )
        )
        self.invalidate_model(flush=False)
        self._freeze_now_or_later(rows.move_id.ids)
        return len(rows)

    def action_open_invoice(self):
        self.ensure_one()
        self.move_id.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "view_mode": "form",
        }
