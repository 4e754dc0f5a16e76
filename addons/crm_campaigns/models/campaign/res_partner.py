from odoo import models

from odoo.addons.crm_plus.tools.customer_panel import CustomerColumn, CustomerPanel


class ResPartner(models.Model):
    _inherit = "res.partner"

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & self.env["crm.campaign"]._get_watched_fields(self._name):
            # sudo: journeys move by what happens, whoever makes it happen
            self.env["crm.campaign.look"].sudo()._ask(partner_ids=self.ids)
        return result

    def _get_customer_panels(self):
        return [*super()._get_customer_panels(), self._get_customer_panel_campaigns()]

    def _get_customer_panel_campaigns(self):
        def state(participant):
            words = dict(participant._fields["state"]._description_selection(self.env))[
                participant.state
            ]
            if participant.state == "exited" and participant.exit_reason:
                reasons = participant._fields["exit_reason"]._description_selection(
                    self.env
                )
                words = dict(reasons)[participant.exit_reason]
            lights = {"running": "green", "failed": "red"}
            return words, lights.get(participant.state, "")

        participants = self._get_customer_domain()
        if self.env["crm.lead"].has_access("read"):
            participants |= self._get_customer_domain("lead_id.partner_id")
        return CustomerPanel(
            key="campaigns",
            section="marketing",
            title=self.env._("Campaigns"),
            icon="fa-bullhorn",
            model="crm.campaign.participant",
            domain=participants,
            order="date_entered desc, id desc",
            columns=[
                CustomerColumn(name="campaign_id", label=self.env._("Campaign")),
                CustomerColumn(name="state", label=self.env._("Status"), get=state),
                CustomerColumn(name="next", label=self.env._("Comes next")),
                CustomerColumn(
                    name="date_entered", label=self.env._("Entered"), is_wide=True
                ),
            ],
            reads=("exit_reason",),
            values=lambda participants: participants._get_next_cells(),
            partner_field="partner_id",
            context={"create": False},
            empty=self.env._("In no campaign so far."),
        )
