"""People as the rules see them: skills, capacity, what they have, who is next."""

from ast import literal_eval
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import format_datetime

from ...tools.person_time import person_times
from ...tools.user_domain import domain_error

PRESENCE = [
    ("working", "At work"),
    ("off", "Off work"),
    ("away", "Time off"),
    ("paused", "Paused"),
    ("full", "Full"),
]


class CrmTeamMember(models.Model):
    _inherit = "crm.team.member"

    assignment_skill_ids = fields.Many2many(
        "crm.assignment.skill",
        relation="crm_assignment_skill_member_rel",
        column1="member_id",
        column2="skill_id",
        string="Skills",
        help="For assignment rules that need them.",
    )
    assignment_max_open = fields.Integer(
        string="Open Leads at most",
        help="Assignment rules give no more to who has so many open leads and"
        " opportunities. 0: no limit.",
    )
    # of Odoo: who pauses whom is kept
    assignment_optout = fields.Boolean(tracking=True)
    assignment_can_pause = fields.Boolean(compute="_compute_assignment_can_pause")
    assignment_engine = fields.Selection(related="crm_team_id.assignment_engine")
    assignment_open_count = fields.Integer(
        string="Open Leads", compute="_compute_assignment_state"
    )
    assignment_presence = fields.Selection(
        PRESENCE, string="Available", compute="_compute_assignment_state"
    )
    assignment_presence_text = fields.Char(
        string="Back", compute="_compute_assignment_state"
    )
    assignment_date_last = fields.Datetime(
        string="Last Assigned", compute="_compute_assignment_state"
    )
    assignment_place = fields.Integer(
        string="In Turn",
        compute="_compute_assignment_state",
        aggregator=None,
        help="1: the next of the team in turn among those who can take one.",
    )

    @api.depends("user_id")
    @api.depends_context("uid")
    def _compute_assignment_can_pause(self):
        is_manager = self.has_access("write")
        for member in self:
            member.assignment_can_pause = is_manager or member.user_id == self.env.user

    def _compute_assignment_state(self):
        # managers see the load of people whose leads they may not see
        members_sudo = self.sudo()
        counts = members_sudo._get_assignment_counts()
        last = members_sudo._get_assignment_last()
        now = fields.Datetime.now()
        times = {}
        for company, group in members_sudo.grouped(
            lambda m: m.crm_team_id.company_id or m.user_id.company_id
        ).items():
            for user_id, time in person_times(group.user_id, company, now).items():
                times[user_id, company.id] = time
        able = {}
        for member in members_sudo:
            company = member.crm_team_id.company_id or member.user_id.company_id
            time = times[member.user_id.id, company.id]
            key = (member.crm_team_id.id, member.user_id.id)
            number, date = last.get(key, (0, False))
            member.assignment_open_count = counts["open"].get(member.user_id.id, 0)
            member.assignment_date_last = date
            member.assignment_presence = member._get_assignment_presence(time)
            back = time.away_until or (time.opens if not time.at_work else False)
            member.assignment_presence_text = (
                format_datetime(self.env, back, dt_format="short") if back else False
            )
            member.assignment_place = 0
            if member.assignment_presence in ("working", "off"):
                able.setdefault(member.crm_team_id, []).append(
                    (not time.at_work, number, member.user_id.id, member)
                )
        for queue in able.values():
            for place, (*_key, member) in enumerate(
                sorted(queue, key=lambda entry: entry[:3]), 1
            ):
                member.assignment_place = place

    def _get_assignment_presence(self, time):
        self.ensure_one()
        if self.assignment_optout:
            return "paused"
        if time.away_until:
            return "away"
        if self.lead_month_count >= self.assignment_max or (
            self.assignment_max_open
            and self.assignment_open_count >= self.assignment_max_open
        ):
            return "full"
        return "working" if time.at_work else "off"

    @api.constrains("assignment_domain", "assignment_domain_preferred")
    def _check_assignment_domain_rights(self):
        """As that of the team: with the rights of who writes it."""
        Lead = self.env["crm.lead"].with_user(self.env.user)
        for member in self:
            for text in (member.assignment_domain, member.assignment_domain_preferred):
                if error := domain_error(Lead, text):
                    raise ValidationError(
                        self.env._(
                            "An assignment domain of %(user)s in %(team)s cannot be "
                            "used: %(error)s",
                            user=member.user_id.name,
                            team=member.crm_team_id.name,
                            error=error,
                        )
                    ) from error

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {
            "active",
            "assignment_domain",
            "assignment_max",
            "assignment_max_open",
            "assignment_optout",
            "assignment_skill_ids",
        }:
            # who could not take anything may now
            self.env["crm.lead"]._assignment_retry(
                Domain("assignment_block", "not in", ["no_rule", "foreign"])
            )
        return result

    @api.model_create_multi
    def create(self, vals_list):
        members = super().create(vals_list)
        self.env["crm.lead"]._assignment_retry(
            Domain("assignment_block", "not in", ["no_rule", "foreign"])
            & Domain("team_id", "in", members.crm_team_id.ids)
        )
        return members

    # ------------------------------------------------------------
    # Pause
    # ------------------------------------------------------------

    def action_assignment_pause(self):
        """Take no more leads, whatever rule or Odoo's assignment would give."""
        self._assignment_set_paused(True)

    def action_assignment_resume(self):
        self._assignment_set_paused(False)

    def _assignment_set_paused(self, is_paused):
        if self.user_id != self.env.user:
            self.check_access("write")
        # memberships are the managers'; this one thing people decide for themselves
        self.sudo().assignment_optout = is_paused

    # ------------------------------------------------------------
    # What they have
    # ------------------------------------------------------------

    def _get_assignment_counts(self):
        """``open``: leads that a user has, of whatever team; ``recent``: those assigned
        in 30 days by (user, team), as Odoo counts capacity.
        """
        opens = self.env["crm.lead"]._read_group(
            [
                ("user_id", "in", self.user_id.ids),
                ("active", "=", True),
                ("won_status", "=", "pending"),
            ],
            ["user_id"],
            ["__count"],
        )
        return {
            "open": {user.id: count for user, count in opens},
            "recent": self._get_lead_from_date(
                fields.Datetime.now() - timedelta(days=30)
            ),
        }

    def _get_assignment_last(self):
        """``{(team id, user id): (id of the last assignment, its date)}``."""
        self.env["crm.assignment.log"].flush_model(["team_id", "user_id", "date"])
        return {
            (team_id, user_id): (number, date)
            for team_id, user_id, number, date in self.env.execute_query(
                SQL(
                    """SELECT team_id, user_id, max(id), max(date)
                         FROM crm_assignment_log
                        WHERE team_id = ANY(%s) AND user_id = ANY(%s)
                     GROUP BY team_id, user_id""",
                    list(self.crm_team_id.ids),
                    list(self.user_id.ids),
                )
            )
        }

    def _filter_assignable(self, leads, domain):
        """Ids of the leads in one of the member's domains; None without a domain."""
        domain = Domain(literal_eval(domain or "[]"))
        if domain.is_true():
            return None
        return set(
            leads.with_context(active_test=False)
            .search(domain & Domain("id", "in", leads.ids))
            .ids
        )
