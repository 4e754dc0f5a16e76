from odoo import models
from odoo.fields import Command
from odoo.tools import plaintext2html

# states of a repair order, in those of a request
REPAIR_STATES = {
    "draft": "approved",
    "confirmed": "approved",
    "under_repair": "progress",
    "done": "done",
    "cancel": "cancelled",
}


class CrmCaseClaim(models.Model):
    """Repairs and coupons, where the apps for them are installed."""

    _inherit = "crm.case.claim"

    # ------------------------------------------------------------
    # Repair
    # ------------------------------------------------------------

    def _confirm_repair(self):
        """A repair order; of the goods that came back, if they have."""
        self.ensure_one()
        line = self.line_ids[:1]
        back = self.return_claim_id.picking_ids[:1]
        is_warranty = bool(
            line.product_id._is_in_case_warranty(
                line.date_delivered, self.create_date.date(), self.company_id
            )
        )
        order = self.env["repair.order"].create(
            {
                "company_id": self.company_id.id,
                "partner_id": self.partner_id.id,
                "product_id": line.product_id.id,
                "product_qty": line.quantity,
                "product_uom": line.uom_id.id,
                "picking_id": back.id,
                "under_warranty": is_warranty,
                "internal_notes": plaintext2html(self.note or ""),
            }
        )
        if line.lot_id:
            # after the defaults: the lot is computed from the transfer
            order.lot_id = line.lot_id
        order.message_post(
            body=self.env._(
                "From the request %(claim)s of the case %(case)s.",
                claim=self.name,
                case=self.case_id.sudo().display_name,
            ),
            subtype_xmlid="mail.mt_note",
        )
        # sudo: see REQUEST_FIELDS
        self.sudo().write(
            {
                "document_model": order._name,
                "document_id": order.id,
                "document_state": order.state,
            }
        )

    def _get_state_repair(self):
        return REPAIR_STATES.get(self.document_state, "cancelled")

    def _get_progress_repair(self):
        return {
            "progress": self.env._("Under repair"),
            "done": self.env._("Repaired"),
        }.get(self.state)

    def _follow_documents(self, documents):
        """Take over the state of documents that are no moves of goods or money."""
        claims = self.search(
            [
                ("document_model", "=", documents._name),
                ("document_id", "in", documents.ids),
            ]
        )
        states = {document.id: document.state for document in documents}
        for claim in claims:
            # one or two: a repair order has one request
            claim.document_state = states[claim.document_id]
        claims._report()

    # ------------------------------------------------------------
    # Coupon
    # ------------------------------------------------------------

    def _confirm_coupon(self):
        self.ensure_one()
        wizard = self.env["loyalty.generate.wizard"].create(
            {
                "program_id": self.program.id,
                "mode": "selected",
                "customer_ids": [Command.set(self.partner_id.ids)],
                "points_granted": 1,
                "description": f"{self.name} ({self.case_id.sudo().number})",
            }
        )
        card = wizard.generate_coupons()
        # sudo: see REQUEST_FIELDS
        self.sudo().write(
            {
                "document_model": card._name,
                "document_id": card.id,
                "document_state": "done",
            }
        )

    def _get_state_coupon(self):
        return "done" if self.document_id else "cancelled"

    def _get_progress_coupon(self):
        return self.env._("Coupon sent")
