"""Leads are assigned: who can take one, what a rule looks at, who has its company."""

from ast import literal_eval
from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.assignment import Candidate, Count, parse_zip_ranges, zip_matches
from ...tools.person_time import person_times

# decided leads older than this say little of who wins today
CLOSING_PERIOD = "today -1y"


class CrmLead(models.Model):
    _name = "crm.lead"
    # the mixin first: it sees what a write has led to
    _inherit = ["crm.assignment.mixin", "crm.lead"]

    _assignment_status_fields = ("active", "stage_id", "probability", "won_status")

    # the queue of the scheduler: nearly all leads have somebody
    _assignment_queue_idx = models.Index(
        "(assignment_next_try)"
        " WHERE user_id IS NULL AND assignment_next_try IS NOT NULL"
    )

    # ------------------------------------------------------------
    # Which
    # ------------------------------------------------------------

    @api.model
    def _assignment_get_open_domain(self):
        return Domain("active", "=", True) & Domain("won_status", "=", "pending")

    @api.model
    def _assignment_get_own_domain(self):
        """Leads without team, and those of teams that CRM Plus assigns: Odoo's own
        assignment never takes the latter, and the former only when no rule does.
        """
        return Domain("team_id", "=", False) | Domain(
            "team_id.assignment_engine", "=", "plus"
        )

    @api.model
    def _assignment_get_team(self, rule):
        return rule.team_id

    @api.model
    def _assignment_is_left(self, team):
        return team.assignment_engine != "plus"

    @api.model
    def _assignment_is_off(self, team):
        return team.assignment_optout

    @api.model
    def _assignment_get_domain(self, rule):
        domain = super()._assignment_get_domain(rule)
        team = rule.team_id
        if not team:
            return Domain.FALSE
        # as Odoo: a team's own domain says which new leads it takes
        newcomer = Domain("team_id", "=", False) & Domain(
            literal_eval(team.assignment_domain or "[]")
        )
        domain &= newcomer | Domain("team_id", "=", team.id)
        if team.company_id:
            domain &= Domain("company_id", "in", [team.company_id.id, False])
        for fname, records in (
            ("country_id", rule.country_ids),
            ("state_id", rule.state_ids),
            ("lang_id", rule.lang_ids),
            ("segment_ids", rule.segment_ids),
            ("tag_ids", rule.tag_ids),
            ("source_id", rule.source_ids),
            ("medium_id", rule.medium_ids),
            ("campaign_id", rule.campaign_ids),
            ("order_ids.order_line.product_id", rule.product_ids),
        ):
            if records:
                domain &= Domain(fname, "in", records.ids)
        if rule.industry_ids:
            industries = rule.industry_ids.ids
            domain &= Domain("partner_id.industry_id", "in", industries) | Domain(
                "partner_id.commercial_partner_id.industry_id", "in", industries
            )
        if rule.categ_ids:
            domain &= Domain(
                "order_ids.order_line.product_id.categ_id",
                "child_of",
                rule.categ_ids.ids,
            )
        if rule.min_fit and rule.min_engagement:
            domain &= Domain("score_grade", "in", rule._get_grades())
        if rule.min_total:
            domain &= Domain("score_total", ">=", rule.min_total)
        if rule.zip_ranges:
            domain &= self._assignment_get_zip_domain(rule.zip_ranges)
        return domain

    @api.model
    def _assignment_get_zip_domain(self, text):
        ranges = parse_zip_ranges(text)

        def to_sql(model, alias, query):
            code = SQL(
                "regexp_replace(upper(%s), '[^[:alnum:]]', '', 'g')",
                model._field_to_sql(alias, "zip", query),
            )
            return SQL(
                "COALESCE(%s, FALSE)",
                SQL(" OR ").join(
                    SQL("%s = %s", code, low)
                    if is_exact
                    else SQL(
                        "(length(%(code)s) >= %(n)s AND left(%(code)s, %(n)s)"
                        ' COLLATE "C" BETWEEN %(low)s AND %(high)s)',
                        code=code,
                        n=len(low),
                        low=low,
                        high=high,
                    )
                    for low, high, is_exact in ranges
                ),
            )

        return Domain.custom(
            to_sql=to_sql, predicate=lambda lead: zip_matches(lead.zip, ranges)
        )

    # ------------------------------------------------------------
    # To whom
    # ------------------------------------------------------------

    @api.model
    def _assignment_get_candidates(self, rules):
        """The active members of each rule's team, by Odoo's fields and ours."""
        members = self.env["crm.team.member"].search(
            [("crm_team_id", "in", rules.team_id.ids), ("user_id.active", "=", True)]
        )
        counts = members._get_assignment_counts()
        now = fields.Datetime.now()
        times = {}
        by_company = defaultdict(self.env["res.users"].browse)
        for member in members:
            company = member.crm_team_id.company_id or member.user_id.company_id
            by_company[company] |= member.user_id
        for company, users in by_company.items():
            for user_id, time in person_times(users, company, now).items():
                times[user_id, company.id] = time
        turns = rules._get_turns()
        opens = {user_id: Count(n) for user_id, n in counts["open"].items()}
        recents = {}
        by_team = members.grouped("crm_team_id")
        candidates = {}
        for rule in rules:
            found = candidates[rule.id] = []
            for member in by_team.get(rule.team_id, members.browse()):
                user = member.user_id
                company = member.crm_team_id.company_id or user.company_id
                time = times[user.id, company.id]
                fixed = None
                if member.assignment_optout:
                    fixed = "paused"
                elif time.away_until:
                    fixed = "away"
                elif rule.skill_ids - member.assignment_skill_ids:
                    fixed = "skill"
                found.append(
                    Candidate(
                        id=user.id,
                        name=user.name,
                        fixed=fixed,
                        open=opens.setdefault(user.id, Count()),
                        open_max=member.assignment_max_open,
                        recent=recents.setdefault(
                            member.id,
                            Count(counts["recent"].get((user.id, rule.team_id.id), 0)),
                        ),
                        recent_max=member.assignment_max,
                        turn=turns.get((rule.id, user.id), 0),
                        at_work=time.at_work,
                        opens=time.opens,
                    )
                )
        return candidates

    def _assignment_get_refusals(self, rules):
        """Members refuse what is not in their domain or company, as with Odoo."""
        refusals = defaultdict(dict)
        for members, leads in self._assignment_by_team(rules):
            for member in members:
                user = member.user_id
                for lead in leads:
                    if lead.company_id and lead.company_id not in user.company_ids:
                        refusals[lead.id][user.id] = "company"
                taken = member._filter_assignable(leads, member.assignment_domain)
                if taken is not None:
                    for lead_id in set(leads.ids) - taken:
                        refusals[lead_id][user.id] = "domain"
        return refusals

    def _assignment_get_preferences(self, rules):
        preferences = defaultdict(set)
        for members, leads in self._assignment_by_team(rules):
            for member in members:
                liked = member._filter_assignable(
                    leads, member.assignment_domain_preferred
                )
                for lead_id in liked or ():
                    preferences[lead_id].add(member.user_id.id)
        return preferences

    def _assignment_by_team(self, rules):
        """``(members, leads)`` of each team."""
        leads = defaultdict(self.browse)
        for team, group in self.grouped(lambda lead: rules[lead.id].team_id).items():
            leads[team] = group
        members = self.env["crm.team.member"].search(
            [("crm_team_id", "in", [team.id for team in leads])]
        )
        for team, of_team in members.grouped("crm_team_id").items():
            yield of_team, leads[team]

    def _assignment_get_owners(self):
        """The customer's salesperson, who has an open lead of the same company, who won
        its last deal. The same company: the same commercial partner, or the same domain
        of e-mail (of free mail providers: the same address).
        """
        owners = defaultdict(list)
        if not self:
            return owners
        for lead in self:
            partner = lead.partner_id
            user = partner.user_id or partner.commercial_partner_id.user_id
            if user:
                owners[lead.id].append((user.id, "partner"))
        self.flush_model(
            ["user_id", "partner_id", "won_status", "active", "email_domain_criterion"]
        )
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        rows = self.env.execute_query(
            SQL(
                """
                WITH mine AS (
                    SELECT l.id, l.company_id, l.email_domain_criterion AS mail,
                           p.commercial_partner_id AS partner
                      FROM crm_lead l LEFT JOIN res_partner p ON p.id = l.partner_id
                     WHERE l.id = ANY(%(ids)s)
                ), theirs AS (
                    SELECT m.id, o.id AS other FROM mine m
                      JOIN res_partner p ON p.commercial_partner_id = m.partner
                      JOIN crm_lead o ON o.partner_id = p.id
                     UNION
                    SELECT m.id, o.id FROM mine m
                      JOIN crm_lead o ON o.email_domain_criterion = m.mail
                )
                SELECT DISTINCT ON (m.id, o.won_status) m.id, o.user_id, o.won_status
                  FROM theirs t
                  JOIN mine m ON m.id = t.id
                  JOIN crm_lead o ON o.id = t.other
                 WHERE o.id != m.id AND o.user_id IS NOT NULL
                   AND (o.won_status = 'won' OR o.won_status = 'pending' AND o.active)
                   AND (o.company_id IS NULL OR m.company_id IS NULL
                        OR o.company_id = m.company_id)
              ORDER BY m.id, o.won_status, o.id DESC
                """,
                ids=list(self.ids),
            )
        )
        # pending before won
        for lead_id, user_id, status in rows:
            how = "won" if status == "won" else "open"
            owners[lead_id].append((user_id, how))
        return owners

    @api.model
    def _assignment_get_closings(self, rule, user_ids):
        """Won and decided leads of the last year that meet the rule's conditions."""
        closings = defaultdict(lambda: (0, 0))
        for user, status, count in self.with_context(active_test=False)._read_group(
            self._assignment_get_domain(rule)
            & Domain("user_id", "in", user_ids)
            & Domain("won_status", "in", ["won", "lost"])
            & Domain("date_closed", ">=", CLOSING_PERIOD),
            ["user_id", "won_status"],
            ["__count"],
        ):
            won, decided = closings[user.id]
            closings[user.id] = (won + count * (status == "won"), decided + count)
        return closings

    def _assignment_sorted(self):
        """Hot ones first, then who came first."""
        return self.sorted(
            lambda lead: (-int(lead.priority or 0), -lead.score_total, lead.id)
        )

    # ------------------------------------------------------------
    # What is written
    # ------------------------------------------------------------

    def _assignment_prepare_values(self, rule, user):
        values = super()._assignment_prepare_values(rule, user)
        if user or self.team_id != rule.team_id:
            values["team_id"] = rule.team_id.id
        if user and rule.is_converted and self.type == "lead":
            values |= {"type": "opportunity", "date_conversion": self.env.cr.now()}
        return values

    def _assignment_prepare_log(self):
        return {**super()._assignment_prepare_log(), "lead_id": self.id}

    @api.model
    def _assignment_get_touches(self):
        """A call, mail or visit in the timeline, and a meeting that is planned."""
        self.env["crm.touchpoint"].flush_model(["date", "lead_id", "kind_id"])
        self.env["calendar.event"].flush_model(["opportunity_id", "active"])
        return [
            *super()._assignment_get_touches(),
            SQL(
                """
                SELECT l.id, min(t.date) FROM log l
                  JOIN crm_touchpoint t ON t.lead_id = l.res_id
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE l.res_model = 'crm.lead' AND t.date >= l.date
                   AND k.direction = 'out' AND t.user_id IS NOT NULL
                   AND t.is_machine IS NOT TRUE
              GROUP BY l.id
                """
            ),
            SQL(
                """
                SELECT l.id, min(e.create_date) FROM log l
                  JOIN calendar_event e ON e.opportunity_id = l.res_id
                 WHERE l.res_model = 'crm.lead' AND e.active AND e.create_date >= l.date
              GROUP BY l.id
                """
            ),
        ]

    def _sla_on_human_answer(self, date):
        result = super()._sla_on_human_answer(date)
        # whoever answers
        logs = self.env["crm.assignment.log"].sudo()._search_open(self)
        logs = logs.filtered(lambda log: not log.date_touched and log.date <= date)
        logs._touch({log.id: date for log in logs})
        return result

    def _assign_userless_lead_in_team(self, creation_source):
        """Not to the team leader when rules give it to somebody in a moment."""
        return super(
            CrmLead,
            self.filtered(lambda lead: lead.team_id.assignment_engine != "plus"),
        )._assign_userless_lead_in_team(creation_source)


class CrmScoreModel(models.Model):
    _inherit = "crm.score.model"

    @api.model
    def _on_scores_changed(self, target_model, changed_ids, qualified_ids):
        """What no rule took may be good enough by now."""
        result = super()._on_scores_changed(target_model, changed_ids, qualified_ids)
        if (
            changed_ids
            and target_model == "crm.lead"
            and self.env["crm.assignment.rule"]._get_watched_fields(target_model)
            & {"score_grade", "score_total"}
        ):
            self.env[target_model]._assignment_retry(
                Domain("assignment_block", "=", "no_rule")
                & Domain("id", "in", list(changed_ids))
            )
        return result


class CrmAssignmentRule(models.Model):
    _inherit = "crm.assignment.rule"

    def _get_turns(self):
        """``{(rule id, user id): turn}``: the last assignment of each, the id of its
        row, which only grows.
        """
        self.env["crm.assignment.log"].flush_model(["rule_id", "user_id"])
        return {
            (rule_id, user_id): turn
            for rule_id, user_id, turn in self.env.execute_query(
                SQL(
                    """SELECT rule_id, user_id, max(id) FROM crm_assignment_log
                        WHERE rule_id = ANY(%s) AND user_id IS NOT NULL
                     GROUP BY rule_id, user_id""",
                    list(self.ids),
                )
            )
        }
