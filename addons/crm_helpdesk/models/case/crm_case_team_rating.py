from odoo import fields, models


class CrmCaseTeam(models.Model):
    """How a team asks for ratings, and what it does with a bad one."""

    _inherit = "crm.case.team"

    rating_delay = fields.Float(
        string="Hours to Wait",
        help="From when the case was last solved or closed until the customer is "
        "asked; who opens it again before is not asked.",
    )
    rating_sample = fields.Integer(
        string="Share Asked (%)",
        default=100,
        help="Of the cases of the team. Which ones follows from their numbers: the "
        "same case is always in or out.",
    )
    rating_cap = fields.Integer(
        string="Requests per Customer",
        default=1,
        help="At most so many to one address in the days beside, by whatever team; 0: "
        "no limit.",
    )
    rating_cap_days = fields.Integer(string="In Days", default=7)
    is_nps_asked = fields.Boolean(
        string="Ask for Recommendation",
        help="Also ask: how likely is it that you recommend us, from 0 to 10? "
        "(Net promoter score)",
    )
    is_rating_followed = fields.Boolean(
        string="Follow Up Low Ratings",
        default=True,
        help="Somebody gets an activity, and as long as it is open the customer gets "
        "no marketing.",
    )
    rating_low = fields.Integer(
        string="Low Is up to", default=2, help="Of 5; ratings up to this are low."
    )
    rating_follow_user_id = fields.Many2one(
        "res.users",
        string="Followed Up By",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        check_company=True,
        index="btree_not_null",
        help="The leader of the team, as a rule. Empty: who had the case, else the "
        "first member.",
    )

    _check_rating_terms = models.Constraint(
        "CHECK(rating_delay BETWEEN 0 AND 8760 AND rating_cap >= 0"
        " AND rating_cap_days BETWEEN 0 AND 3650"
        " AND rating_sample BETWEEN 0 AND 100 AND rating_low BETWEEN 1 AND 3)",
        "A delay and a limit are not negative: at most 8,760 hours (a year) and 3,650 "
        "days. A share is between 0 and 100 %, and low is 1, 2 or 3 of 5.",
    )

    def _get_rating_follower(self, case):
        """Who follows up a low rating of ``case``; active users only."""
        self.ensure_one()
        candidates = self.rating_follow_user_id + case.user_id + self.member_ids
        return candidates.filtered(lambda user: user.active and not user.share)[:1]
