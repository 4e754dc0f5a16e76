from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import plaintext2html

from .crm_case_claim import OPEN

# states of a repair order, in those of a request
REPAIR_STATES = {
    "draft": "approved",
    "confirmed": "approved",
    "under_repair": "progress",
    "done": "done",
    "cancel": "cancelled",
}
# Programs whose cards have a code that is given to people.
PROGRAM_TYPES = ("coupons", "gift_card", "next_order_coupons")


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
        back = self._get_returned_transfer(line)
        is_warranty = bool(
            line.product_id._is_in_case_warranty(
                line.date_delivered, self.create_date.date(), self.company_id
            )
        )
        # in its company: by default the operation is one of the user's
        order = (
            self.env["repair.order"]
            .with_company(self.company_id)
            .create(
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
        )
        if line.lot_id:
            # after the defaults: the lot is computed from the transfer, and how many
            # there are from the lot
            order.write({"lot_id": line.lot_id.id, "product_qty": line.quantity})
        order.message_post(
            body=self.env._(
                "From the request %(claim)s of the case %(case)s.",
                claim=self.name,
                # sudo: who repairs sees no case, but for its number and subject
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

    def _get_returned_transfer(self, line):
        """The transfer that brings these goods back, of one for each delivery."""
        returned = self.return_claim_id.line_ids.filtered(
            lambda other: (
                other.source_key == line.source_key and other.lot_id == line.lot_id
            )
        )
        return returned._get_live_moves().picking_id[:1]

    def _get_state_repair(self):
        return REPAIR_STATES.get(self.document_state, "cancelled")

    def _get_progress_repair(self):
        return {
            "progress": self.env._("Under repair"),
            "done": self.env._("Repaired"),
        }.get(self.state)

    def _find_of_documents(self, documents):
        return self.search(
            [
                ("document_model", "=", documents._name),
                ("document_id", "in", documents.ids),
            ]
        )

    def _follow_documents(self, documents):
        """Take over the state of documents that are no moves of goods or money."""
        claims = self._find_of_documents(documents)
        states = {document.id: document.state for document in documents}
        for claim in claims:
            # one or two: a repair order has one request
            claim.document_state = states[claim.document_id]
        claims._report()

    def _forget_documents(self):
        """Their documents are deleted: what was under way is called off, what was done
        stays done.
        """
        for claim in self:
            if claim.state in OPEN:
                claim.document_state = False
        self.write({"document_id": False})
        self._report()

    # ------------------------------------------------------------
    # Coupon
    # ------------------------------------------------------------

    @api.model
    def _selection_program(self):
        return self._get_program_names(self._find_programs())

    @api.model
    def _find_programs(self):
        """Programs of the user's companies, over ones too, as root."""
        if "loyalty.program" not in self.env:
            return []
        # sudo: programs are for the sales department; who requests chooses by name
        Program_sudo = self.env["loyalty.program"].sudo()
        return Program_sudo.with_context(active_test=False).search(
            [
                ("program_type", "in", PROGRAM_TYPES),
                *Program_sudo._check_company_domain(self.env.companies),
            ]
        )

    @api.model
    def _get_program_names(self, programs):
        return [(f"loyalty.program,{program.id}", program.name) for program in programs]

    @api.model
    def _is_program_over(self, program):
        today = fields.Date.context_today(self)
        return not program.active or bool(program.date_to and program.date_to < today)

    @api.model
    def _get_program(self, key):
        """The program of this key, as root; none where it or its app is gone."""
        model, _comma, number = (key or "").partition(",")
        if model != "loyalty.program" or model not in self.env or not number.isdigit():
            return None
        # sudo: whether it still holds; cards are made with the rights of who confirms
        return self.env[model].sudo().browse(int(number)).exists()

    def _check_program(self):
        """Cards can be made of the program, and used by customers of this company."""
        for claim in self:
            program = self._get_program(claim.program)
            if not program or program.program_type not in PROGRAM_TYPES:
                raise UserError(self.env._("Choose the program of the coupon."))
            company = program.company_id
            if company and company not in claim.company_id.parent_ids:
                raise UserError(
                    self.env._("The program “%s” is of another company.", program.name)
                )
            if self._is_program_over(program):
                raise UserError(self.env._("The program “%s” has ended.", program.name))

    def _confirm_coupon(self):
        self.ensure_one()
        self._check_program()
        wizard = (
            self.env["loyalty.generate.wizard"]
            .with_company(self.company_id)
            .create(
                {
                    "program_id": self._get_program(self.program).id,
                    "mode": "selected",
                    "customer_ids": [Command.set(self.partner_id.ids)],
                    "points_granted": self.program_points,
                    # sudo: who grants coupons sees no case, but for its number
                    "description": f"{self.name} ({self.case_id.sudo().number})",
                }
            )
        )
        card = wizard.generate_coupons()
        is_mailed = wizard.will_send_mail and self.partner_id.email
        # sudo: see REQUEST_FIELDS
        self.sudo().write(
            {
                "document_model": card._name,
                "document_id": card.id,
                "document_state": "mailed" if is_mailed else "made",
                "coupon_code": card.code,
            }
        )

    def _get_state_coupon(self):
        return "done" if self.document_state else "cancelled"

    def _get_progress_coupon(self):
        if self.document_state == "made":
            return self.env._("Coupon made: tell the customer %s", self.coupon_code)
        if self.coupon_code:
            return self.env._("Coupon sent: %s", self.coupon_code)
        return self.env._("Coupon sent")
