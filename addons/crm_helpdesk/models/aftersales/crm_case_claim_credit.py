from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Command


class CrmCaseClaim(models.Model):
    """Credit notes: a draft reversal of the invoices, of the requested lines only."""

    _inherit = "crm.case.claim"

    def _confirm_credit(self):
        """One draft for each invoice; whoever may posts it."""
        self.ensure_one()
        by_invoice = self._spread_amount() if self.is_agreed else self._spread_bills()
        for invoice, parts in by_invoice.items():
            wizard = (
                self.env["account.move.reversal"]
                .with_context(active_model="account.move", active_ids=invoice.ids)
                .create(
                    {
                        "company_id": invoice.company_id.id,
                        # sudo: accountants see no case, but for its number
                        "reason": f"{self.name} ({self.case_id.sudo().number})",
                        "journal_id": invoice.journal_id.id,
                    }
                )
            )
            wizard.refund_moves()
            refund = wizard.new_move_ids
            refund.write(
                {
                    "case_claim_id": self.id,
                    "invoice_line_ids": self._get_refund_commands(
                        invoice, refund, parts
                    ),
                }
            )

    def _get_refund_commands(self, invoice, refund, parts):
        """Keep the reversed lines that are credited, drop the others.

        :param parts: ``{invoice line: quantity}``, or ``{invoice line: amount}`` of an
            agreed amount
        """
        commands = []
        missing = [] if self.is_agreed else list(parts)
        for copied in refund.invoice_line_ids:
            key = self._get_copy_key(copied)
            bill = next((b for b in missing if self._get_copy_key(b) == key), None)
            if bill:
                missing.remove(bill)
                commands.append(Command.update(copied.id, {"quantity": parts[bill]}))
            else:
                commands.append(Command.delete(copied.id))
        if missing:
            raise UserError(
                self.env._(
                    "The reversal of %s has other lines than the invoice. Make the"
                    " credit note by hand and refuse the request.",
                    invoice.name,
                )
            )
        if self.is_agreed:
            # without the product: neither goods nor their cost come back, and the
            # order still counts them as invoiced
            commands += [
                Command.create(
                    {
                        "name": self.env._("Agreed reduction: %s", bill.name or ""),
                        "quantity": 1,
                        # a price with taxes in it stays one
                        "price_unit": amount
                        / bill.price_subtotal
                        * bill.price_unit
                        * bill.quantity
                        * (1 - bill.discount / 100),
                        "account_id": bill.account_id.id,
                        "tax_ids": [Command.set(bill.tax_ids.ids)],
                        "analytic_distribution": bill.analytic_distribution,
                    }
                )
                for bill, amount in parts.items()
            ]
        return commands

    def _get_copy_key(self, bill):
        """What a reversed line has in common with the line it reverses."""
        return (
            bill.display_type,
            bill.sequence,
            bill.product_id,
            bill.name,
            bill.quantity,
            bill.price_unit,
        )

    def _spread_bills(self):
        """``{invoice: {invoice line: quantity}}``, newest invoice first, each no more
        than what is left of it.
        """
        result = {}
        for line in self.line_ids:
            missing = line.quantity
            for bill, left in line._get_bills_left():
                unit = bill.product_uom_id or line.uom_id
                taken = min(missing, left)
                if line.uom_id.compare(taken, 0) <= 0:
                    continue
                parts = result.setdefault(bill.move_id, {})
                parts[bill] = parts.get(bill, 0) + line.uom_id._compute_quantity(
                    taken, unit, rounding_method="HALF-UP"
                )
                missing -= taken
            if line.uom_id.compare(missing, 0) > 0:
                raise UserError(
                    self.env._(
                        "%s is not invoiced yet, or its invoice is not posted. Post the"
                        " invoice first, or refuse the request.",
                        line.product_id.display_name,
                    )
                )
        return result

    def _spread_amount(self):
        """``{invoice: {invoice line: amount}}``, in proportion to what was paid."""
        amounts = {
            bill: bill.price_subtotal * left / line._get_bill_quantity(bill)
            for line in self.line_ids
            for bill, left in line._get_bills_left()
            if line.uom_id.compare(left, 0) > 0 and bill.price_subtotal > 0
        }
        total = sum(amounts.values())
        if not amounts:
            raise UserError(
                self.env._(
                    "Nothing of this is invoiced and posted yet. Post the invoice"
                    " first, or refuse the request."
                )
            )
        result = {}
        rest = self.amount
        for bill, amount in amounts.items():
            share = self.currency_id.round(self.amount * amount / total)
            if bill == list(amounts)[-1]:
                share = rest
            rest -= share
            result.setdefault(bill.move_id, {})[bill] = share
        return result

    def _get_state_credit(self):
        alive = self.credit_move_ids.filtered(lambda move: move.state != "cancel")
        if not alive:
            return "cancelled"
        posted = alive.filtered(lambda move: move.state == "posted")
        if posted == alive:
            return "done"
        return "progress" if posted else "approved"

    def _get_progress_credit(self):
        if self.state == "done":
            return self.env._("Credit note posted")
        return self.env._("Credit note in draft")


class CrmCaseClaimLine(models.Model):
    _inherit = "crm.case.claim.line"

    def _get_bill_quantity(self, bill):
        unit = bill.product_uom_id or self.uom_id
        return unit._compute_quantity(
            bill.quantity, self.uom_id, rounding_method="HALF-UP"
        )

    def _get_price(self):
        """What crediting the quantity comes to, untaxed; call as root."""
        self.ensure_one()
        missing, price = self.quantity, 0.0
        for bill, left in self._get_left_of(self._get_bills()):
            quantity = self._get_bill_quantity(bill)
            taken = max(min(missing, left), 0)
            missing -= taken
            price += bill.price_subtotal * taken / quantity if quantity else 0
        return price

    def _get_bills_left(self):
        """``[(posted invoice line, quantity left)]`` in the product's unit, newest
        invoice first: less the credit notes of that very invoice, then less those
        that say of no invoice.
        """
        self.ensure_one()
        # sudo: accountants need not read orders; invoice lines are theirs
        return self._get_left_of(self.sudo()._get_bills().sudo(False))

    def _get_bills(self):
        return self.sale_line_id.invoice_lines or (
            self.invoice_line_id | self.invoice_line_id._get_case_refund_lines()
        )

    def _get_left_of(self, bills):
        bills = bills.filtered(lambda bill: bill.display_type == "product")
        refunds = bills.filtered(
            lambda bill: (
                bill.move_type == "out_refund" and bill.parent_state != "cancel"
            )
        )
        invoiced = bills.filtered(
            lambda bill: (
                bill.move_type == "out_invoice"
                and bill.parent_state == "posted"
                and bill.quantity > 0
            )
        ).sorted(lambda bill: (bill.move_id.invoice_date, bill.id), reverse=True)
        left = {bill: self._get_bill_quantity(bill) for bill in invoiced}
        for refund in refunds.sorted(lambda one: not one.move_id.reversed_entry_id):
            quantity = self._get_bill_quantity(refund)
            own = refund.move_id.reversed_entry_id
            candidates = invoiced.filtered(lambda bill, own=own: bill.move_id == own)
            for bill in candidates or invoiced:
                taken = min(quantity, left[bill])
                left[bill] -= taken
                quantity -= taken
        return list(left.items())
