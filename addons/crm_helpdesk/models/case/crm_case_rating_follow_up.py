from odoo import fields, models
from odoo.tools import plaintext2html

LOW_RATING = "crm_helpdesk.mail_activity_type_low_rating"


class CrmCase(models.Model):
    """A low rating is an activity for somebody; until it is done, the customer is left
    in peace.
    """

    _inherit = "crm.case"

    def _follow_up_rating(self, rating_sudo):
        self.ensure_one()
        # sudo: it is the customer who rates, and has no right to activities and teams
        case_sudo = self.sudo()
        team = case_sudo.team_id
        low = 1 <= rating_sudo.rating <= team.rating_low
        if not (low and team.is_rating_followed):
            return
        type_id = self.env["ir.model.data"]._xmlid_to_res_id(
            LOW_RATING, raise_if_not_found=False
        )
        user = team._get_rating_follower(case_sudo)
        if not type_id or not user:
            return
        if type_id in case_sudo.activity_ids.activity_type_id.ids:
            return
        case_sudo.activity_schedule(
            LOW_RATING,
            date_deadline=fields.Date.add(fields.Date.context_today(self), days=1),
            summary=self.env._("Rated with %s of 5", round(rating_sudo.rating)),
            note=plaintext2html(rating_sudo.feedback or ""),
            user_id=user.id,
        )
