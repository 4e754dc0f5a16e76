from odoo import api, fields, models
from odoo.exceptions import UserError


class CrmCampaignEnter(models.TransientModel):
    """Put the chosen records into a campaign by hand."""

    _name = "crm.campaign.enter"
    _description = "Put into a Campaign"

    model_name = fields.Char(
        string="Model", default=lambda self: self.env.context.get("active_model")
    )
    campaign_id = fields.Many2one(
        "crm.campaign",
        required=True,
        ondelete="cascade",
        domain="[('state', '=', 'running'), ('id', 'in', possible_ids)]",
    )
    possible_ids = fields.Many2many("crm.campaign", compute="_compute_possible_ids")
    closed_reason = fields.Char(compute="_compute_counts")
    record_count = fields.Integer(string="Chosen", compute="_compute_counts")
    entering_count = fields.Integer(
        string="Enter Now",
        compute="_compute_counts",
        help="The others are or were in the campaign, share an address with somebody, "
        "belong to another company, or were deleted.",
    )

    def _get_record_ids(self):
        return list(self.env.context.get("active_ids") or [])

    @api.depends("model_name")
    def _compute_possible_ids(self):
        campaigns = self.env["crm.campaign"].search([("state", "=", "running")])
        for wizard in self:
            wizard.possible_ids = campaigns.filtered(
                lambda c, model=wizard.model_name: c._get_model() == model
            )

    @api.depends("campaign_id")
    def _compute_counts(self):
        for wizard in self:
            campaign = wizard.campaign_id
            wizard.closed_reason = campaign and campaign._get_closed_reason()
            wizard.record_count = len(self._get_record_ids())
            wizard.entering_count = (
                len(campaign._preview_by_hand(self._get_record_ids()))
                if campaign and not wizard.closed_reason
                else 0
            )

    def action_enter(self):
        self.ensure_one()
        campaign = self.campaign_id
        campaign.check_access("write")
        if campaign._get_model() != self.model_name:
            raise UserError(self.env._("This campaign is for other records."))
        # whoever may not see a record puts it into nothing
        records = self.env[self.model_name].browse(self._get_record_ids()).exists()
        records.check_access("read")
        # sudo: participants are written by the system only
        new_ids = campaign.sudo()._enrol_by_hand(records.ids)
        self.env["crm.campaign.task"]._trigger()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("%s have entered", len(new_ids)),
            "res_model": "crm.campaign.participant",
            "view_mode": "list,form",
            "domain": [("id", "in", new_ids)],
        }
