from odoo import api, fields, models
from odoo.fields import Command, Domain

STRATEGIES = [
    ("none", "By hand"),
    ("round_robin", "In turn"),
    ("least_loaded", "Least loaded"),
]
# the team's own rule comes after all that people make
DEFAULT_SEQUENCE = 1000


class CrmCaseTeam(models.Model):
    """How the team's cases are given to its members: by assignment rules, of which the
    team has one of its own for the usual case.
    """

    _inherit = "crm.case.team"

    user_id = fields.Many2one(
        "res.users",
        string="Team Leader",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        check_company=True,
        index="btree_not_null",
        help="Told when promises break, where policies say so; gets the cases that "
        "several members were silent on.",
    )
    assignment = fields.Selection(
        STRATEGIES,
        compute="_compute_assignment",
        inverse="_inverse_assignment",
        required=True,
        default="none",
        help="In turn: each new case goes to the member who has waited longest for"
        " one.\nLeast loaded: to who has least to work on.\nWho is off, paused or has"
        " no capacity left is passed over. Assignment rules can say more: for which"
        " cases, with which skills, when a silent assignee loses it.",
    )
    assignment_rule_ids = fields.One2many("crm.assignment.rule", "case_team_id")
    assignment_rule_count = fields.Integer(
        string="Assignment Rules", compute="_compute_assignment_rule_count"
    )

    membership_ids = fields.One2many(
        "crm.case.team.member", "team_id", string="Who Takes What"
    )

    @api.depends("assignment_rule_ids.strategy", "assignment_rule_ids.active")
    def _compute_assignment(self):
        rules = self._get_default_rules()
        known = dict(STRATEGIES)
        for team in self:
            strategy = rules.get(team.id).strategy if team.id in rules else "none"
            team.assignment = strategy if strategy in known else "none"

    def _inverse_assignment(self):
        rules = self._get_default_rules(active_test=False)
        vals_list = []
        for team in self:
            rule = rules.get(team.id)
            if rule:
                is_used = team.assignment != "none"
                values = {"active": is_used}
                if is_used:
                    values["strategy"] = team.assignment
                rule.write(values)
            elif team.assignment != "none":
                vals_list.append(
                    {
                        "name": self.env._("Cases of %s", team.name),
                        "sequence": DEFAULT_SEQUENCE,
                        "res_model": "crm.case",
                        "case_team_id": team.id,
                        "is_case_default": True,
                        "strategy": team.assignment,
                    }
                )
        # sudo: whoever may set up the team says how its cases are given
        self.env["crm.assignment.rule"].sudo().create(vals_list)
        self.invalidate_recordset(["assignment_rule_ids"])

    def _get_default_rules(self, active_test=True):
        """``{team id: its own rule}``."""
        # sudo: shown with the team, to whoever sees it
        rules = self.env["crm.assignment.rule"].sudo()
        found = rules.with_context(active_test=active_test).search(
            [("case_team_id", "in", self.ids), ("is_case_default", "=", True)]
        )
        return {rule.case_team_id.id: rule for rule in found}

    def _compute_assignment_rule_count(self):
        counts = dict(
            self.env["crm.assignment.rule"]._read_group(
                [("case_team_id", "in", self.ids)], ["case_team_id"], ["__count"]
            )
        )
        for team in self:
            team.assignment_rule_count = counts.get(team, 0)

    @api.model_create_multi
    def create(self, vals_list):
        teams = super().create(vals_list)
        teams._follow_members()
        return teams

    def write(self, vals):
        result = super().write(vals)
        if "member_ids" in vals:
            self._follow_members()
            self._try_cases_again()
        if "resource_calendar_id" in vals:
            self.env["crm.case"]._replan_clocks(Domain("team_id", "in", self.ids))
        return result

    def _follow_members(self):
        """Have one membership for each member."""
        missing = []
        gone = self.env["crm.case.team.member"]
        for team in self.with_context(active_test=False):
            missing += [
                {"team_id": team.id, "user_id": user.id}
                for user in team.member_ids - team.membership_ids.user_id
            ]
            gone += team.membership_ids.filtered(
                lambda member, team=team: member.user_id not in team.member_ids
            )
        if gone:
            gone.unlink()
        if missing:
            self.env["crm.case.team.member"].create(missing)

    def _follow_memberships(self):
        """Have one member for each membership."""
        for team in self.with_context(active_test=False):
            users = team.membership_ids.user_id
            if users != team.member_ids:
                team.member_ids = [Command.set(users.ids)]

    def _try_cases_again(self):
        """What waits in these teams is asked again, by the scheduler."""
        if self:
            self.env["crm.case"]._assignment_retry(
                Domain("team_id", "in", self.ids)
                & Domain("assignment_block", "!=", "no_rule")
            )

    def action_view_assignment_rules(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "crm_helpdesk.crm_assignment_rule_action_case"
        )
        action["domain"] = [("case_team_id", "=", self.id)]
        action["context"] = {
            "default_res_model": "crm.case",
            "default_case_team_id": self.id,
        }
        return action
