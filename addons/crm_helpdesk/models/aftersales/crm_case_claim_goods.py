from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Command

from .crm_case_claim import OPEN


class CrmCaseClaim(models.Model):
    """Returns and replacements, by Odoo's own return and procurement."""

    _inherit = "crm.case.claim"

    # ------------------------------------------------------------
    # Return
    # ------------------------------------------------------------

    def _confirm_return(self):
        """One return transfer for each delivery, as the return wizard makes it."""
        self.ensure_one()
        by_picking = {}
        for line in self.line_ids:
            for move, quantity in line._spread():
                by_picking.setdefault(move.picking_id, []).append(
                    (line, move, quantity)
                )
        Return = self.env["stock.return.picking"].with_context(
            crm_case_claim_id=self.id
        )
        for picking, parts in by_picking.items():
            if not picking:
                raise UserError(
                    self.env._(
                        "These goods were delivered without a transfer: there is"
                        " nothing to return."
                    )
                )
            wizard = Return.create(
                {
                    "picking_id": picking.id,
                    "product_return_moves": [
                        Command.clear(),
                        *(
                            Command.create(
                                {
                                    "product_id": move.product_id.id,
                                    "move_id": move.id,
                                    "quantity": line._in_move_unit(move, quantity),
                                    "to_refund": self.is_refund,
                                    "case_claim_line_id": line.id,
                                }
                            )
                            for line, move, quantity in parts
                        ),
                    ],
                }
            )
            wizard._create_return()
        self.line_ids._set_returned_lots()

    def _get_state_return(self):
        return self._get_state_goods()

    def _get_progress_return(self):
        return self.env._(
            "%(done)s of %(asked)s received",
            done=f"{sum(self.line_ids.mapped('quantity_done')):g}",
            asked=f"{sum(self.line_ids.mapped('quantity')):g}",
        )

    def _get_state_goods(self):
        """Done when nothing is under way any more and something came or went; called
        off when nothing is left of the transfers.
        """
        lines = self.line_ids
        last = self.env["stock.move"].concat(
            *(line._get_last_moves() for line in lines)
        )
        live = last
        if self.remedy == "replacement":
            live = self.env["stock.move"].concat(
                *(line._get_live_moves() for line in lines)
            )
        is_some_done = any(move.state == "done" for move in last)
        is_under_way = any(move.state != "done" for move in live)
        if self._is_waiting_for_return():
            return "progress" if is_some_done or is_under_way else "approved"
        if is_under_way:
            return "progress" if is_some_done else "approved"
        return "done" if is_some_done else "cancelled"

    # ------------------------------------------------------------
    # Replacement
    # ------------------------------------------------------------

    def _confirm_replacement(self):
        self.ensure_one()
        if self.timing == "before" or not self.return_claim_id:
            self._launch(
                [
                    (line, product, quantity)
                    for line in self.line_ids
                    for product, quantity in line._get_parts()
                ]
            )
        elif self.return_claim_id.state in ("refused", "cancelled"):
            raise UserError(
                self.env._(
                    "It waits for a return that was called off. Have it sent at once,"
                    " or refuse it."
                )
            )

    def _is_waiting_for_return(self):
        """Whether more may still be sent, once goods are back."""
        return (
            self.remedy == "replacement"
            and self.timing == "after"
            and self.return_claim_id.state in OPEN
        )

    def _launch_waiting(self):
        """Send what was approved to be sent once goods are back: as much as is back."""
        for claim in self:
            if (
                claim.remedy != "replacement"
                or claim.decision != "approved"
                or claim.timing != "after"
                or not claim.return_claim_id
            ):
                continue
            parts = []
            for line in claim.line_ids:
                back = sum(
                    other.quantity_done
                    for other in claim.return_claim_id.line_ids
                    if other.source_key == line.source_key
                    and other.lot_id == line.lot_id
                )
                for product, quantity in line._get_parts():
                    part_back = quantity * min(back / line.quantity, 1)
                    sent = sum(
                        line._in_product_unit(move)
                        for move in line._get_first_moves(product)
                    )
                    missing = product.uom_id.round(part_back - sent)
                    if product.uom_id.compare(missing, 0) > 0:
                        parts.append((line, product, missing))
            claim._launch(parts)

    def _launch(self, parts):
        """Have goods delivered as the order had them, without billing them again."""
        self.ensure_one()
        if not parts:
            return
        Procurement = self.env["stock.rule"].Procurement
        procurements = []
        for line, product, quantity in parts:
            # sudo: stock users do not read orders; only where goods went is read
            move_sudo = line.sudo()._get_source_moves()[:1]
            location = move_sudo.location_final_id or move_sudo.location_dest_id
            procurements.append(
                Procurement(
                    product,
                    quantity,
                    product.uom_id,
                    location.sudo(False),
                    product.display_name,
                    # sudo: stock clerks see no case, but for its number
                    f"{self.name} ({self.case_id.sudo().number})",
                    self.company_id,
                    {
                        "reference_ids": move_sudo.reference_ids.sudo(False),
                        "date_planned": self.env.cr.now(),
                        "date_deadline": False,
                        "warehouse_id": self.warehouse_id
                        or move_sudo.warehouse_id.sudo(False)
                        or move_sudo.picking_type_id.warehouse_id.sudo(False),
                        "partner_id": (
                            move_sudo.picking_id.partner_id or self.partner_id
                        ).id,
                        "location_final_id": location.sudo(False),
                        "company_id": self.company_id,
                        "sale_line_id": move_sudo.sale_line_id.id,
                        "to_refund": False,
                        "case_claim_line_id": line.id,
                    },
                )
            )
        self.env["stock.rule"].run(procurements)
        moves = self.line_ids._get_live_moves()
        if "bom_line_id" in moves._fields:
            # parts of kits are sent besides what was ordered, as other goods are: the
            # order counts as kits what names a line of their bill of materials
            moves.filtered("bom_line_id").bom_line_id = False
        # as orders do it: the scheduler looks at transfers, not at moves
        moves.picking_id.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        ).action_confirm()

    def _get_state_replacement(self):
        return self._get_state_goods()

    def _get_progress_replacement(self):
        words = self.env._(
            "%(done)s of %(asked)s sent",
            done=f"{sum(self.line_ids.mapped('quantity_done')):g}",
            asked=f"{sum(self.line_ids.mapped('quantity')):g}",
        )
        if self._is_waiting_for_return():
            return self.env._("%s, when the goods are back", words)
        return words


class CrmCaseClaimLine(models.Model):
    _inherit = "crm.case.claim.line"

    def _in_move_unit(self, move, quantity):
        return move.product_id.uom_id._compute_quantity(
            quantity, move.product_uom, rounding_method="HALF-UP"
        )

    def _get_source_moves(self):
        """The deliveries a line takes from: one, or those of the parts of a kit."""
        self.ensure_one()
        if self.move_id:
            return self.move_id
        return self.env["stock.move"].concat(
            *(moves for moves, _per in self.sale_line_id._get_case_kit_parts())
        )

    def _get_parts(self):
        """``[(product, quantity)]`` to send: the goods, or the parts of the kits."""
        self.ensure_one()
        if self.move_id:
            return [(self.product_id, self.quantity)]
        # sudo: stock users do not read orders
        return [
            (moves.product_id, self.quantity * per_kit)
            for moves, per_kit in self.sudo().sale_line_id._get_case_kit_parts()
        ]

    def _get_first_moves(self, product):
        """Moves that were launched for a part, each chain counted once."""
        return self._get_live_moves().filtered(
            lambda move: move.product_id == product and not move.move_orig_ids
        )

    def _spread(self):
        """``[(delivery move, quantity)]`` to take back, oldest delivery first."""
        self.ensure_one()
        if self.move_id:
            return [(self.move_id, self.quantity)]
        result = []
        # sudo: stock users do not read orders; how much is left is asked as root
        line_sudo = self.sudo()
        for moves, per_kit in line_sudo.sale_line_id._get_case_kit_parts():
            missing = self.quantity * per_kit
            left = line_sudo._get_left(
                moves,
                self.env["sale.order.line"].sudo(),
                self.env["account.move.line"].sudo(),
                but=line_sudo,
            )
            for move in moves.sorted("date"):
                taken = min(left.get("return", (move.id, 0)), missing)
                if move.product_id.uom_id.compare(taken, 0) > 0:
                    result.append((move.sudo(False), taken))
                    missing -= taken
        return result

    def _set_returned_lots(self):
        """The serials that were chosen, not those that the transfer proposes."""
        for line in self.filtered("lot_id"):
            for move in line._get_last_moves():
                if move.state == "done":
                    continue
                move.move_line_ids.unlink()
                move.move_line_ids = [
                    Command.create(
                        {
                            **move._prepare_move_line_vals(
                                quantity=move.product_uom_qty
                            ),
                            "lot_id": line.lot_id.id,
                        }
                    )
                ]
