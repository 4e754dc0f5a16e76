from odoo import api, models


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    @api.model
    def _on_members_changed(self, segment, joined_member_ids, left_member_ids):
        """Whoever joins enters the campaigns of the segment, at once."""
        super()._on_members_changed(segment, joined_member_ids, left_member_ids)
        # sudo: a seller's change may be what lets somebody join
        campaigns = (
            self.env["crm.campaign"]
            .sudo()
            .search([("segment_id", "=", segment.id), ("state", "!=", "draft")])
        )
        if not campaigns:
            return
        if left_member_ids:
            campaigns._exit_left(left_member_ids)
            for campaign in campaigns.filtered(lambda c: c.entry == "segment_left"):
                campaign._enrol_candidates(
                    campaign._get_entry().get_left_candidates(left_member_ids)
                )
                self.env["crm.campaign.task"]._trigger()
        if joined_member_ids and campaigns._enrol(joined_member_ids):
            self.env["crm.campaign.task"]._trigger()

    def _get_usage(self):
        usage = super()._get_usage()
        # sudo: campaigns the user does not see use it too
        campaigns = (
            self.env["crm.campaign"]
            .sudo()
            .with_context(active_test=False)
            .search([("segment_id", "=", self.id)], limit=5)
        )
        return [
            *usage,
            *(self.env._("campaign “%s”", campaign.name) for campaign in campaigns),
        ]
