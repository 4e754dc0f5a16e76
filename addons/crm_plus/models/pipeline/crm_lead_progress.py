"""How far the money and the goods of a deal have come, in words for everybody."""

from datetime import timezone

from odoo import api, fields, models
from odoo.tools import format_amount, format_date

from ...tools.company_time import company_timezone, company_today
from ...tools.sales import DEBT_TYPES, SALE_TYPES

MONEY_GROUPS = "account.group_account_invoice,account.group_account_readonly"


class CrmLead(models.Model):
    _inherit = "crm.lead"

    progress = fields.Json(
        string="Money and Goods",
        compute="_compute_progress",
        export_string_translation=False,
    )

    @api.depends_context("uid", "company", "lang")
    @api.depends("order_ids.state", "order_ids.delivery_status")
    def _compute_progress(self):
        leads = self._origin
        # sudo: whose deal it is knows how far it is; amounts of accounting are cut off
        moves_sudo = self.env["account.move"].sudo()
        moves = moves_sudo.search(
            [
                ("opportunity_id", "in", leads.ids),
                ("state", "=", "posted"),
                ("move_type", "in", DEBT_TYPES),
            ]
        ).grouped("opportunity_id")
        orders = (
            self.env["sale.order"]
            # sudo: as above
            .sudo()
            .search([("opportunity_id", "in", leads.ids), ("state", "!=", "cancel")])
            .grouped("opportunity_id")
        )
        pickings = (
            self.env["stock.picking"]
            # sudo: as above
            .sudo()
            .search([("sale_id.opportunity_id", "in", leads.ids)])
            .grouped(lambda picking: picking.sale_id.opportunity_id)
        )
        for lead in self:
            lead.progress = lead._get_progress(
                orders.get(lead._origin, self.env["sale.order"]),
                pickings.get(lead._origin, self.env["stock.picking"]),
                moves.get(lead._origin, moves_sudo),
            )

    def _get_progress(self, orders, pickings, moves):
        """Hook: the steps, each ``{key, label, light, words, date, amount}``; orders,
        pickings and moves are superuser's.
        """
        self.ensure_one()
        quotations = orders.filtered(lambda order: order.state in ("draft", "sent"))
        confirmed = orders - quotations
        return [
            self._get_progress_sale("quoted", self.env._("Quoted"), quotations),
            self._get_progress_sale("ordered", self.env._("Ordered"), confirmed),
            self._get_progress_delivery(confirmed, pickings),
            *self._get_progress_money(confirmed, moves),
        ]

    def _get_progress_step(self, key, label, light, words, date=None, amount=None):
        currency = self.company_currency or self.env.company.currency_id
        return {
            "key": key,
            "label": label,
            "light": light,
            "words": words,
            "date": format_date(self.env, date) if date else "",
            "amount": ""
            if amount is None
            else format_amount(self.env, amount, currency),
        }

    def _get_progress_sale(self, key, label, orders):
        if not orders:
            return self._get_progress_step(key, label, "none", self.env._("Not yet"))
        return self._get_progress_step(
            key,
            label,
            "green",
            ", ".join(orders.mapped("name")),
            max(orders.mapped("date_order")),
            # currency_rate: units of the order's currency for one of the company's
            sum(order.amount_untaxed / (order.currency_rate or 1) for order in orders),
        )

    def _get_progress_delivery(self, orders, pickings):
        label = self.env._("Delivered")
        company = self.company_id or self.env.company
        today = company_today(company)
        zone = company_timezone(company)

        def day(moment):
            return moment.replace(tzinfo=timezone.utc).astimezone(zone).date()

        delivery = pickings.filtered(
            lambda picking: picking.picking_type_code == "outgoing"
        )
        open_pickings = delivery.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        # when it was promised, as in Deliveries to Customers
        promised = {
            picking: day(picking.date_deadline or picking.scheduled_date)
            for picking in delivery
        }
        late = open_pickings.filtered(lambda picking: promised[picking] < today)
        done = delivery.filtered(lambda picking: picking.state == "done")
        date = max((day(one.date_done) for one in done), default=None)
        if late:
            days = (today - min(promised[picking] for picking in late)).days
            words = (
                self.env._("Late by %s days", days)
                if days > 1
                else self.env._("Late since yesterday")
            )
            return self._get_progress_step("delivered", label, "red", words, date)
        if open_pickings:
            planned = format_date(
                self.env, day(min(open_pickings.mapped("scheduled_date")))
            )
            words = (
                self.env._("In part; the rest planned for %s", planned)
                if done
                else self.env._("Planned for %s", planned)
            )
            return self._get_progress_step("delivered", label, "amber", words, date)
        if done:
            days = max((day(one.date_done) - promised[one]).days for one in done)
            words = (
                self.env._("In full, late by %s days", days)
                if days > 1
                else self.env._("In full, late by a day")
                if days == 1
                else self.env._("In full")
            )
            return self._get_progress_step("delivered", label, "green", words, date)
        words = self.env._("Nothing to deliver") if orders else self.env._("Not yet")
        return self._get_progress_step("delivered", label, "none", words)

    def _get_progress_money(self, orders, moves):
        today = company_today(self.company_id or self.env.company)
        sees_money = self.env.user.has_groups(MONEY_GROUPS)
        debts = moves.filtered(lambda move: move.move_type != "out_refund")
        # receipts are owed, and no sales
        moves = moves.filtered(lambda move: move.move_type in SALE_TYPES)
        invoices = moves & debts
        date = max(invoices.mapped("invoice_date"), default=None)
        untaxed = sum(moves.mapped("amount_untaxed_signed"))
        residual = sum(moves.mapped("amount_residual_signed"))
        paid = sum(moves.mapped("amount_total_signed")) - residual
        # by instalment: the due date of an invoice is that of its last one
        overdue = debts.line_ids.filtered(
            lambda line: (
                line.display_type == "payment_term"
                and line.amount_residual > 0
                and line.date_maturity
                and line.date_maturity < today
            )
        )
        if not moves:
            invoiced_words, light = self.env._("Not yet"), "none"
            paid_words, paid_light = self.env._("Not yet"), "none"
        else:
            is_full = not orders or all(
                order.invoice_status == "invoiced" for order in orders
            )
            invoiced_words, light = (
                (self.env._("In full"), "green")
                if is_full
                else (self.env._("In part"), "amber")
            )
            open_invoices = invoices.filtered("amount_residual")
            paid_words, paid_light = (
                (self.env._("In full"), "green")
                if not open_invoices
                else (self.env._("In part"), "amber")
                if len(open_invoices) < len(invoices)
                or any(m.payment_state == "partial" for m in open_invoices)
                else (self.env._("Not yet"), "amber")
            )
        if overdue:
            since = min(overdue.mapped("date_maturity"))
            days = (today - since).days
            overdue_words = (
                self.env._("For %s days", days)
                if days > 1
                else self.env._("Since yesterday")
            )
        else:
            since = None
            overdue_words = self.env._("Nothing") if debts else ""

        def money(amount, entries=moves):
            return amount if sees_money and entries else None

        return [
            self._get_progress_step(
                "invoiced",
                self.env._("Invoiced"),
                light,
                invoiced_words,
                date,
                money(untaxed),
            ),
            self._get_progress_step(
                "paid", self.env._("Paid"), paid_light, paid_words, None, money(paid)
            ),
            self._get_progress_step(
                "overdue",
                self.env._("Overdue"),
                "red" if overdue else "green" if debts else "none",
                overdue_words,
                since,
                money(sum(overdue.mapped("amount_residual")), debts),
            ),
        ]

    def action_view_deliveries(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_delivery_report_action"
        )
        action["domain"] = [("lead_id", "=", self.id)]
        action["context"] = {}
        return action
