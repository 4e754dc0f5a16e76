"""Cases are assigned: who can take one, and who knows its customer."""

from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.assignment import Candidate, Count
from odoo.addons.crm_plus.tools.person_time import person_times

from ..case.crm_case_stage import DONE


class CrmCase(models.Model):
    _name = "crm.case"
    # the mixin first: it sees what a write has led to
    _inherit = ["crm.assignment.mixin", "crm.case"]

    _assignment_status_fields = ("active", "stage_id")

    # the queue of the scheduler
    _assignment_queue_idx = models.Index(
        "(assignment_next_try)"
        " WHERE user_id IS NULL AND assignment_next_try IS NOT NULL"
    )

    # ------------------------------------------------------------
    # Which
    # ------------------------------------------------------------

    @api.model
    def _assignment_get_open_domain(self):
        return Domain("active", "=", True) & Domain("stage_category", "not in", DONE)

    @api.model
    def _assignment_get_team(self, rule):
        return rule.case_team_id

    @api.model
    def _assignment_get_domain(self, rule):
        if not rule.case_team_id:
            return Domain.FALSE
        return rule._get_free_domain() & Domain("team_id", "=", rule.case_team_id.id)

    def _assignment_sorted(self):
        """The most urgent first, then what is due first."""
        return self.sorted(
            lambda case: (
                -int(case.priority or 0),
                case.sla_due or fields.Datetime.now().max,
                case.id,
            )
        )

    # ------------------------------------------------------------
    # To whom
    # ------------------------------------------------------------

    @api.model
    def _assignment_get_candidates(self, rules):
        """The active members of each rule's team."""
        teams = rules.case_team_id
        users = teams.member_ids.filtered("active")
        profiles = {
            (profile.team_id.id, profile.user_id.id): profile
            for profile in self.env["crm.case.team.member"].search(
                [("team_id", "in", teams.ids)]
            )
        }
        now = fields.Datetime.now()
        times = {}
        for company, of_company in teams.grouped("company_id").items():
            members = of_company.member_ids.filtered("active")
            for user_id, time in person_times(members, company, now).items():
                times[user_id, company.id] = time
        shifts = self.env["crm.case.team.member"].browse(
            profile.id for profile in profiles.values() if profile.resource_calendar_id
        )
        shift_times = shifts._get_shift_times(now)
        counts = users._get_open_case_counts()
        # what one rule gives away counts for the others as well
        opens = {user.id: Count(counts.get(user.id, 0)) for user in users}
        turns = rules._get_turns()
        candidates = {}
        for rule in rules:
            team = rule.case_team_id
            found = candidates[rule.id] = []
            for user in team.member_ids.filtered("active").sorted("id"):
                profile = profiles.get((team.id, user.id))
                time = (
                    shift_times.get((user.id, team.id))
                    or times[user.id, team.company_id.id]
                )
                fixed = None
                if profile and profile.is_paused:
                    fixed = "paused"
                elif time.away_until:
                    fixed = "away"
                elif rule.skill_ids and (
                    not profile or rule.skill_ids - profile.skill_ids
                ):
                    fixed = "skill"
                found.append(
                    Candidate(
                        id=user.id,
                        name=user.name,
                        fixed=fixed,
                        open=opens[user.id],
                        open_max=profile.max_open if profile else 0,
                        turn=turns.get((rule.id, user.id), 0),
                        at_work=time.at_work,
                        opens=time.opens,
                    )
                )
        return candidates

    def _assignment_get_refusals(self, rules):
        """Nobody gets cases of a company they do not work for."""
        refusals = defaultdict(dict)
        for (team, company), cases in self.grouped(
            lambda case: (rules[case.id].case_team_id, case.company_id)
        ).items():
            for user in team.member_ids:
                if company not in user.company_ids:
                    for case in cases:
                        refusals[case.id][user.id] = "company"
        return refusals

    def _assignment_get_owners(self):
        """Who has an open case of the same customer, the latest first; then who had
        the last one.
        """
        owners = defaultdict(list)
        if not self:
            return owners
        self.flush_model(
            ["user_id", "commercial_partner_id", "stage_category", "company_id"]
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (m.id, is_done) m.id, o.user_id,
                       o.stage_category = ANY(%(done)s) AS is_done
                  FROM crm_case m
                  JOIN crm_case o
                    ON o.commercial_partner_id = m.commercial_partner_id
                   AND o.company_id = m.company_id
                 WHERE m.id = ANY(%(ids)s) AND o.id != m.id
                   AND o.user_id IS NOT NULL AND o.active
              ORDER BY m.id, is_done, o.id DESC
                """,
                ids=list(self.ids),
                done=list(DONE),
            )
        )
        for case_id, user_id, is_done in rows:
            owners[case_id].append((user_id, "won" if is_done else "open"))
        return owners

    @api.model
    def _assignment_get_owner_words(self):
        return {
            **super()._assignment_get_owner_words(),
            "owner_open": self.env._("has an open case of the same customer"),
            "owner_won": self.env._("had the last case of the same customer"),
        }

    @api.model
    def _assignment_get_touches(self):
        """Moving the case, taking its priority down … is work on it, too."""
        self.env["mail.message"].flush_model()
        self.env["mail.tracking.value"].flush_model()
        return [
            *super()._assignment_get_touches(),
            SQL(
                """
                SELECT l.id, min(m.date) FROM log l
                  JOIN crm_assignment_log a ON a.id = l.id
                  JOIN res_users u ON u.id = a.user_id
                  JOIN mail_message m ON m.model = l.res_model AND m.res_id = l.res_id
                   AND m.author_id = u.partner_id AND m.date >= l.date
                 WHERE l.res_model = 'crm.case'
                   AND EXISTS (SELECT FROM mail_tracking_value v
                                WHERE v.mail_message_id = m.id)
              GROUP BY l.id
                """
            ),
        ]

    def _sla_on_human_answer(self, date):
        result = super()._sla_on_human_answer(date)
        # sudo: the log is the engine's, whoever answers
        logs = self.env["crm.assignment.log"].sudo()._search_open(self)
        logs = logs.filtered(lambda log: not log.date_touched and log.date <= date)
        logs._touch({log.id: date for log in logs})
        return result
