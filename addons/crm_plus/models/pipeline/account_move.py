from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL
from odoo.tools.sql import column_exists

from ...tools.sales import DEBT_TYPES
from ..customer.res_partner import PROFILE_GROUPS


class AccountMove(models.Model):
    """Invoices and credit notes know their opportunity.

    From the order they bill, or the invoice they reverse. Where there is neither, the
    accountant gets suggestions (``crm.invoice.suggestion``) and decides.
    """

    _inherit = "account.move"

    opportunity_id = fields.Many2one(
        "crm.lead",
        copy=False,
        domain="[('type', '=', 'opportunity'),"
        " ('partner_id.commercial_partner_id', '=', commercial_partner_id)]",
        check_company=True,
        ondelete="set null",
        index="btree_not_null",
        tracking=True,
        # customers read their invoices in the portal
        groups=PROFILE_GROUPS,
        help="The deal that this bills. From its order, or linked by accounting.",
    )
    is_without_opportunity = fields.Boolean(
        string="Of No Opportunity",
        copy=False,
        tracking=True,
        groups=PROFILE_GROUPS,
        help="No deal stands behind it: no opportunity is suggested any more.",
    )
    opportunity_suggestion = fields.Char(
        string="Suggested Opportunity",
        compute="_compute_opportunity_suggestion",
        groups="account.group_account_invoice",
    )
    opportunity_suggestion_strength = fields.Integer(
        string="Strength",
        compute="_compute_opportunity_suggestion",
        groups="account.group_account_invoice",
        help="Of 100: 30 for the customer, up to 40 for the products, 15 for the time "
        "and 15 for the amount.",
    )
    opportunity_suggestion_why = fields.Text(
        string="Why",
        compute="_compute_opportunity_suggestion",
        groups="account.group_account_invoice",
    )
    opportunity_suggestion_count = fields.Integer(
        string="Suggestions",
        compute="_compute_opportunity_suggestion",
        groups="account.group_account_invoice",
    )

    def _auto_init(self):
        is_new = not column_exists(self.env.cr, self._table, "opportunity_id")
        result = super()._auto_init()
        if is_new:
            self._link_history()
        return result

    @api.depends("opportunity_id", "is_without_opportunity", "state")
    def _compute_opportunity_suggestion(self):
        suggestions = (
            self.env["crm.invoice.suggestion"]
            ._of_moves(self._origin)
            .grouped("move_id")
        )
        for move in self:
            found = suggestions.get(
                move._origin, self.env["crm.invoice.suggestion"]
            ).sorted("strength", reverse=True)
            move.opportunity_suggestion_count = len(found)
            best = found[:1]
            move.opportunity_suggestion = best.lead_name
            move.opportunity_suggestion_strength = best.strength
            move.opportunity_suggestion_why = best.why

    def _reverse_moves(self, default_values_list=None, cancel=False):
        if not default_values_list:
            default_values_list = [{} for _move in self]
        # sudo: who reverses need not read deals
        for move, values in zip(self.sudo(), default_values_list, strict=True):
            if move.opportunity_id:
                values.setdefault("opportunity_id", move.opportunity_id.id)
        return super()._reverse_moves(default_values_list, cancel=cancel)

    def _post(self, soft=True):
        self._link_from_orders()
        return super()._post(soft=soft)

    # ------------------------------------------------------------
    # Linking
    # ------------------------------------------------------------

    def _link_from_orders(self):
        """Take the opportunity of the order; of the reversed invoice without one."""
        # sudo: who invoices need not read orders and deals
        moves = self.sudo().filtered(
            lambda move: (
                move.is_sale_document(include_receipts=True) and not move.opportunity_id
            )
        )
        by_lead = moves.grouped(
            lambda move: (
                move.line_ids.sale_line_ids.order_id.opportunity_id[:1]
                or move.reversed_entry_id.opportunity_id
            )
        )
        for lead, of_lead in by_lead.items():
            if lead:
                of_lead.opportunity_id = lead

    def _link_opportunity(self, lead):
        """Link by hand: also the campaign, where the invoice has none of its own."""
        self.check_access("write")
        # sudo: the accountant need not read the deal
        lead_sudo = lead.sudo()
        origin = {
            name: lead_sudo[name].id
            for name in ("campaign_id", "medium_id", "source_id")
            if lead_sudo[name]
        }
        self.opportunity_id = lead
        without = self.filtered(
            lambda move: not (move.campaign_id or move.medium_id or move.source_id)
        )
        if origin:
            without.write(origin)
        # sudo: the ledger is written by the system only
        self.env["crm.touchpoint"].sudo()._set_lead("account.move", self.ids, lead.id)

    @api.model
    def _link_history(self):
        """Link what was there before us, when the column is made."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE account_move AS m
                   SET opportunity_id = o.opportunity_id
                  FROM (SELECT DISTINCT ON (ml.move_id) ml.move_id, so.opportunity_id
                          FROM sale_order AS so
                          JOIN sale_order_line AS ol ON ol.order_id = so.id
                          JOIN sale_order_line_invoice_rel AS r
                            ON r.order_line_id = ol.id
                          JOIN account_move_line AS ml ON ml.id = r.invoice_line_id
                         WHERE so.opportunity_id IS NOT NULL
                         ORDER BY ml.move_id, so.id) AS o
                 WHERE o.move_id = m.id
                   AND m.opportunity_id IS NULL
                   AND m.move_type IN %s
                """,
                DEBT_TYPES,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                UPDATE account_move AS m
                   SET opportunity_id = i.opportunity_id
                  FROM account_move AS i
                 WHERE i.id = m.reversed_entry_id
                   AND i.opportunity_id IS NOT NULL
                   AND m.opportunity_id IS NULL
                   AND m.move_type = 'out_refund'
                """
            )
        )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_link_suggestion(self):
        """Link the strongest suggestion of each."""
        suggestions = (
            self.env["crm.invoice.suggestion"]._of_moves(self).sorted("strength")
        )
        # the strongest comes last and stays
        best = {suggestion.move_id: suggestion for suggestion in suggestions}
        for suggestion in best.values():
            suggestion.action_link()

    def action_view_suggestions(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_invoice_suggestion_action"
        )
        action["domain"] = [("move_id", "=", self.id)]
        return action

    def action_no_opportunity(self):
        if not self.env.user.has_group("account.group_account_invoice"):
            raise AccessError(self.env._("Only accounting decides this."))
        self.is_without_opportunity = True
