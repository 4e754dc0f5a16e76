from odoo import models


class CrmCase(models.Model):
    """What the customer sees of returns, replacements and the like. Whoever calls has
    checked that he may see the case.
    """

    _inherit = "crm.case"

    def _get_portal_claims(self):
        """``[{name, label, what, state, words, address, instructions}]``: no notes, no
        amounts, nobody's names. What was called off is not told.
        """
        self.ensure_one()
        # sudo: customers read no requests; these words are for them
        claims_sudo = self.sudo().claim_ids.filtered(
            lambda claim: claim.state != "cancelled"
        )
        remedies = dict(claims_sudo._fields["remedy"]._description_selection(self.env))
        return [
            {
                "name": claim.name,
                "label": remedies[claim.remedy],
                "what": claim.product_names,
                "state": claim.state,
                "words": claim._get_portal_words(),
                **claim._get_portal_return(),
            }
            for claim in claims_sudo.sorted("id")
        ]


class CrmCaseClaim(models.Model):
    _inherit = "crm.case.claim"

    def _get_portal_words(self):
        """How far it is, to the customer."""
        self.ensure_one()
        env = self.env
        if self.state == "requested":
            return env._("We are looking at it.")
        if self.state == "refused":
            if self.refusal_told:
                return env._("We cannot do this: %s", self.refusal_told)
            # the reason that was noted is for us
            return env._("We cannot do this. Write to us here if you want to know why.")
        return getattr(self, f"_get_portal_words_{self.remedy}")()

    def _get_portal_words_return(self):
        if self.state == "approved":
            return self.env._("Please send the goods back.")
        return self._get_progress_return()

    def _get_portal_words_replacement(self):
        if self.state == "approved" and not self._is_waiting_for_return():
            return self.env._("We prepare the delivery.")
        return self._get_progress_replacement()

    def _get_portal_words_credit(self):
        if self.state == "done":
            return self.env._("The credit note is made.")
        return self.env._("The credit note is being prepared.")

    def _get_portal_words_repair(self):
        return {
            "progress": self.env._("It is being repaired."),
            "done": self.env._("It is repaired."),
        }.get(self.state, self.env._("The repair is planned."))

    def _get_portal_words_coupon(self):
        # the code is for whom it was made, not for everybody who sees the case
        if self.document_state == "made":
            return self.env._("Your coupon is made: we tell you its code.")
        return self.env._("You have it by e-mail.")

    def _get_portal_return(self):
        """Where goods that we wait for are sent to, and what to know about it."""
        nothing = {"address": "", "instructions": ""}
        if self.remedy != "return" or self.state not in ("approved", "progress"):
            return nothing
        pickings = self.picking_ids.filtered(
            lambda picking: picking.state not in ("done", "cancel")
        )
        warehouse = (
            pickings[:1].location_dest_id.warehouse_id
            or pickings[:1].picking_type_id.warehouse_id
        )
        partner = warehouse.partner_id or self.company_id.partner_id
        lines = [partner.name or "", *partner._display_address(True).splitlines()]
        return {
            "address": "\n".join(line.strip() for line in lines if line.strip()),
            "instructions": self.company_id.case_return_instructions or "",
        }
