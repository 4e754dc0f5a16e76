from odoo import api, models

from .crm_case_rating_follow_up import LOW_RATING


class MailActivity(models.Model):
    _inherit = "mail.activity"

    @api.model_create_multi
    def create(self, vals_list):
        activities = super().create(vals_list)
        activities._queue_low_rating_holds()
        return activities

    def write(self, vals):
        queue = bool(vals.keys() & {"active", "activity_type_id", "res_id"})
        if queue:
            self._queue_low_rating_holds()
        result = super().write(vals)
        if queue:
            self._queue_low_rating_holds()
        return result

    def unlink(self):
        self._queue_low_rating_holds()
        return super().unlink()

    def _queue_low_rating_holds(self):
        """The customers behind follow-ups of ratings: look at their holds at commit."""
        type_id = self.env["ir.model.data"]._xmlid_to_res_id(
            LOW_RATING, raise_if_not_found=False
        )
        # sudo: only whose cases they are, whoever is done with the activity
        case_ids = [
            activity.res_id
            for activity in self.sudo()
            if activity.activity_type_id.id == type_id
            and activity.res_model == "crm.case"
        ]
        if type_id and case_ids:
            cases = self.env["crm.case"].sudo().browse(case_ids).exists()  # sudo: same
            self.env["crm.contact.hold"]._queue_refresh(cases.partner_id)
