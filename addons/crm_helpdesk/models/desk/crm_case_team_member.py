from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import format_datetime

from odoo.addons.crm_plus.models.assignment.crm_team_member import PRESENCE
from odoo.addons.crm_plus.tools.person_time import person_times


class CrmCaseTeamMember(models.Model):
    """Somebody of a team, as assignment sees them: what they are good at, how much they
    take at a time, whether they take anything now.

    One row for each of ``crm.case.team.member_ids``; whichever of the two is written,
    the other follows.
    """

    _name = "crm.case.team.member"
    _description = "Member of a Case Team"
    _order = "team_id, user_id, id"
    _rec_name = "user_id"

    team_id = fields.Many2one(
        "crm.case.team", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="team_id.company_id", store=True, precompute=True, index=True
    )
    user_id = fields.Many2one(
        "res.users",
        string="Agent",
        required=True,
        index=True,
        ondelete="cascade",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
    )
    skill_ids = fields.Many2many(
        "crm.assignment.skill",
        relation="crm_assignment_skill_case_member_rel",
        column1="member_id",
        column2="skill_id",
        string="Skills",
        help="Product lines, languages, trades: for rules that need them.",
    )
    max_open = fields.Integer(
        string="Open Cases at most",
        help="No more is given to who has so many to work on; what waits for the"
        " customer or for others does not count. 0: no limit.",
    )
    is_paused = fields.Boolean(string="Paused", help="Gets nothing by rules.")
    resource_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Shift",
        domain="[('company_id', 'in', (company_id, False))]",
        index="btree_not_null",
        help="When this team's cases are given to them: early or late shift, on call "
        "at the weekend. Their time off holds as well. Empty: their own hours.",
    )
    # now
    open_count = fields.Integer(string="Has Now", compute="_compute_state")
    presence = fields.Selection(PRESENCE, string="Available", compute="_compute_state")
    presence_text = fields.Char(string="Back", compute="_compute_state")

    _member_uniq = models.Constraint(
        "UNIQUE(team_id, user_id)", "Somebody is a member of a team once."
    )
    _check_max_open = models.Constraint(
        "CHECK(max_open >= 0)", "Nobody has less than no case."
    )

    def init(self):
        """Members that teams had before there were rows about them."""
        # SQL: at installation and update, for whatever number of teams
        self.env.cr.execute(
            SQL(
                """INSERT INTO crm_case_team_member (team_id, user_id, company_id)
                   SELECT r.crm_case_team_id, r.res_users_id, t.company_id
                     FROM crm_case_team_res_users_rel r
                     JOIN crm_case_team t ON t.id = r.crm_case_team_id
                   ON CONFLICT DO NOTHING"""
            )
        )

    @api.depends("user_id", "team_id", "max_open", "is_paused", "resource_calendar_id")
    def _compute_state(self):
        # sudo: leaders see the load of people whose cases they may not see
        counts = self.user_id.sudo()._get_open_case_counts()
        now = fields.Datetime.now()
        times = {}
        for company, group in self.grouped("company_id").items():
            for user_id, time in person_times(group.user_id, company, now).items():
                times[user_id, company.id] = time
        shift_times = self._get_shift_times(now)
        for member in self:
            time = shift_times.get((member.user_id.id, member.team_id.id)) or times.get(
                (member.user_id.id, member.company_id.id)
            )
            count = counts.get(member.user_id.id, 0)
            member.open_count = count
            if not time:
                member.presence = member.presence_text = False
                continue
            back = time.away_until or (time.opens if not time.at_work else False)
            member.presence_text = (
                format_datetime(self.env, back, dt_format="short") if back else False
            )
            if member.is_paused:
                member.presence = "paused"
            elif time.away_until:
                member.presence = "away"
            elif member.max_open and count >= member.max_open:
                member.presence = "full"
            else:
                member.presence = "working" if time.at_work else "off"

    def _get_shift_times(self, now):
        """``{(user id, team id): PersonTime}`` of those who have a shift."""
        times = {}
        for team, members in (
            self.filtered("resource_calendar_id").grouped("team_id").items()
        ):
            shifts = {m.user_id.id: m.resource_calendar_id for m in members}
            for user_id, time in person_times(
                members.user_id, team.company_id, now, shifts
            ).items():
                times[user_id, team.id] = time
        return times

    @api.model_create_multi
    def create(self, vals_list):
        members = super().create(vals_list)
        members.team_id._follow_memberships()
        members.team_id._try_cases_again()
        return members

    def write(self, vals):
        teams = self.team_id
        result = super().write(vals)
        if vals.keys() & {"team_id", "user_id"}:
            (teams | self.team_id)._follow_memberships()
        if vals.keys() & {
            "skill_ids",
            "max_open",
            "is_paused",
            "resource_calendar_id",
        }:
            # who could not take anything may now
            self.team_id._try_cases_again()
        return result

    def unlink(self):
        teams = self.team_id
        result = super().unlink()
        teams._follow_memberships()
        return result
