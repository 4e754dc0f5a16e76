from odoo import api, models

from ...tools.bulk import bulk_update
from ..sla.crm_sla_target import KINDS as CLOCK_KINDS
from .crm_handover import CLOCK


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmHandover(models.Model):
    """Hand-overs and their leads: told there, closed and merged with them."""

    _inherit = "crm.handover"

    def _store_on_leads(self):
        """Say on the leads who is asked: rules and lists read it there."""
        bulk_update(
            self.env["crm.lead"],
            [
                {
                    "id": handover.lead_id.id,
                    "handover_id": handover.id if is_open else None,
                    "handover_user_id": (is_open and handover.to_user_id.id) or None,
                    "handover_team_id": (is_open and handover.to_team_id.id) or None,
                }
                for handover in self
                for is_open in [handover.state == "open"]
            ],
        )

    @api.model
    def _close_with_leads(self, leads):
        """Withdraw the open hand-overs of leads that are closed by now."""
        waiting = leads.handover_id.filtered(
            lambda h: h.lead_id.won_status != "pending" or not h.lead_id.active
        )
        if waiting:
            waiting._withdraw(self.env._("Hand-over withdrawn: the lead was closed"))

    @api.model
    def _move_leads(self, lead_ids, into_lead_id):
        """Hand-overs of merged leads go on as those of the lead that stays; of two
        open ones one stays open: that of the lead that stays, else the first.
        """
        handovers = self.search([("lead_id", "in", [*lead_ids, into_lead_id])])
        waiting = handovers.filtered(lambda h: h.state == "open")
        if len(waiting) > 1:
            waiting.sorted(lambda h: (h.lead_id.id != into_lead_id, h.date, h.id))[
                1:
            ]._withdraw(self.env._("The leads were merged"))
        handovers.filtered(lambda h: h.lead_id.id != into_lead_id).write(
            {"lead_id": into_lead_id}
        )
        still = handovers.filtered(lambda h: h.state == "open")
        still._store_on_leads()
        if still and CLOCK in dict(CLOCK_KINDS):
            # the clock of a lead that goes, goes with it
            still.lead_id._sla_start(CLOCK, {h.lead_id.id: h.date for h in still})
