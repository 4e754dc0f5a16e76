"""A run of assignment: who gets which record, decided for a whole batch at once."""

import logging
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.assignment import Choice, Dispatcher, Item
from ...tools.person_time import person_times
from .crm_assignment_mixin import OURS

_logger = logging.getLogger(__name__)

# what could not be assigned is tried again then, and when rules or the record change
RETRY = {
    "no_rule": timedelta(days=1),
    "by_hand": None,
    "foreign": None,
}
RETRY_AFTER = timedelta(hours=1)
# a run that assigns more than this (an import) tells nobody but by the list
NOTIFY_LIMIT = 200
# people named in the log of one assignment
CONSIDERED_MAX = 20


@dataclass
class Plan:
    """What one record gets."""

    record: object
    rule: object = None
    team: object = None
    choice: Choice = field(default_factory=Choice)
    attempt: int = 1
    detail: str = ""
    considered: list = field(default_factory=list)
    routed: bool = False
    user: object = None


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmAssignmentMixin(models.AbstractModel):
    _inherit = "crm.assignment.mixin"

    def _assignment_run(self, reason=None):
        """Assign those of these records that nobody has; return the rows of the log.

        Whoever calls: who gets a record does not depend on who asks. What cannot be
        assigned stays in the queue, with the reason on the record.

        :param reason: queue, manual, score or silence
        """
        # archived people and rules take nothing, whatever the caller looks at
        records = self.sudo().with_context(active_test=True)._assignment_lock()
        if not records:
            return self.env["crm.assignment.log"]
        plans = records._assignment_plan(reason)
        return records._assignment_apply(plans, reason or "other")

    def _assignment_lock(self):
        """Those that nobody has, locked for this transaction."""
        self.env["crm.assignment.rule"]._lock(self._name)
        records = self.search(
            self._assignment_get_waiting_domain() & Domain("id", "in", self.ids)
        )
        return records.try_lock_for_update(allow_referencing=True)

    # ------------------------------------------------------------
    # Decide
    # ------------------------------------------------------------

    def _assignment_plan(self, reason=None):
        """A :class:`Plan` for each of these records; nothing is written."""
        # as in _assignment_run
        self = self.sudo().with_context(active_test=True)  # noqa: PLW0642
        Rule = self.env["crm.assignment.rule"]
        own = self.search(
            self._assignment_get_own_domain() & Domain("id", "in", self.ids)
        )
        rules = Rule._match(own)
        used = Rule.union(*rules.values()) if rules else Rule
        teams = {rule.id: self._assignment_get_team(rule) for rule in used}
        candidates = self._assignment_get_candidates(used)
        for rule in used.filtered(lambda rule: rule.strategy == "best_closer"):
            closings = self._assignment_get_closings(
                rule, [candidate.id for candidate in candidates[rule.id]]
            )
            for candidate in candidates[rule.id]:
                candidate.won, candidate.decided = closings.get(candidate.id, (0, 0))
        dispatchers = {
            rule.id: Dispatcher(candidates[rule.id], rule.strategy, rule.hours)
            for rule in used
        }
        ruled = own.filtered(lambda record: record.id in rules)
        refusals = ruled._assignment_get_refusals(rules)
        preferences = ruled._assignment_get_preferences(rules)
        tried, rounds = ruled._assignment_get_tried()
        owners = ruled.filtered(
            lambda record: rules[record.id].is_sticky
        )._assignment_get_owners()
        plans = []
        for record in self._assignment_sorted():
            rule = rules.get(record.id)
            plan = Plan(record, rule, teams[rule.id] if rule else None)
            plans.append(plan)
            plan.attempt = rounds.get(record.id, 0) + 1
            if record not in own:
                plan.choice.block = "foreign"
            elif not rule:
                plan.choice.block = "no_rule"
            elif rule.strategy == "team" or self._assignment_is_left(plan.team):
                plan.choice.block = "by_hand"
            elif reason != "manual" and self._assignment_is_off(plan.team):
                plan.choice.block = "team_off"
            elif plan.attempt <= rule.max_rounds:
                plan.choice = dispatchers[rule.id].choose(
                    Item(
                        {**refusals.get(record.id, {}), **tried.get(record.id, {})},
                        owners.get(record.id, []),
                        frozenset(preferences.get(record.id, ())),
                    )
                )
            if rule and (
                plan.choice.block == "tried"
                or not (plan.choice.block or plan.choice.how)
            ):
                # all rounds are over, or nobody is left who did not have it
                plan.choice = self._assignment_choose_leader(
                    rule, candidates[rule.id], tried.get(record.id, {})
                )
            plan.detail = self._assignment_get_words(
                plan, dispatchers.get(rule.id if rule else 0)
            )
            plan.considered = self._assignment_get_considered(plan)
        return plans

    @api.model
    def _assignment_is_left(self, team):
        """Hook: another scheduler gives the records of this team to its people."""
        return False

    @api.model
    def _assignment_is_off(self, team):
        """Hook: this team gets nothing unless somebody asks for it."""
        return False

    def _assignment_get_tried(self):
        """Who had these records and was silent, or gave them back; and how many rounds
        of silence there were: ``({record id: {user id: code}}, {record id: number})``.
        """
        tried, rounds = defaultdict(dict), Counter()
        for log in self.env["crm.assignment.log"].search_fetch(
            [
                ("res_model", "=", self._name),
                ("res_id", "in", self.ids),
                ("end_reason", "in", ["silence", "returned"]),
            ],
            ["res_id", "user_id", "end_reason"],
        ):
            tried[log.res_id][log.user_id.id] = "tried"
            rounds[log.res_id] += log.end_reason == "silence"
        return tried, rounds

    @api.model
    def _assignment_choose_leader(self, rule, candidates, tried):
        """After too many silent people: the team leader, unless silent as well."""
        leader = self._assignment_get_leader(rule)
        if not leader.active or leader.id in tried:
            return Choice(block="rounds")
        known = next((c for c in candidates if c.id == leader.id), None)
        others = [(c, tried.get(c.id, "behind")) for c in candidates if c is not known]
        choice = Choice(known, "leader", others)
        choice.leader = leader
        return choice

    @api.model
    def _assignment_get_considered(self, plan):
        return [
            {
                "user": candidate.id,
                "name": candidate.name,
                "code": code,
                "open": candidate.open.value,
                "recent": candidate.recent.value,
                "won": candidate.won,
                "decided": candidate.decided,
            }
            for candidate, code in plan.choice.others[:CONSIDERED_MAX]
        ]

    @api.model
    def _assignment_get_words(self, plan, dispatcher=None):
        """Why it goes to somebody, or to nobody, in words."""
        choice, rule = plan.choice, plan.rule
        names = {
            "rule": rule.name if rule else "",
            "team": plan.team.display_name if plan.team else "",
        }
        if choice.block:
            return self._assignment_get_block_words(choice, names)
        if choice.how == "leader":
            return self.env._(
                "%(user)s by rule “%(rule)s”: leads the team, after %(count)s silent"
                " people",
                user=choice.leader.name,
                count=plan.attempt - 1,
                **names,
            )
        taker = choice.candidate
        values = {
            "open": taker.open.value - 1,
            "max": taker.open_max or taker.recent_max or "-",
            "won": taker.won,
            "decided": taker.decided,
            "share": f"{100 * dispatcher.share(taker):.0f}",
            "n": dispatcher.decided,
        }
        why = {
            **self._assignment_get_owner_words(),
            "round_robin": self.env._("longest without one of this rule"),
            "least_loaded": self.env._(
                "least loaded, %(open)s open of %(max)s", **values
            ),
            "best_closer": self.env._(
                "wins most of this kind, %(won)s of %(decided)s"
                " (%(share)s %% smoothed)",
                **values,
            ),
        }[choice.how]
        if rule.strategy == "best_closer" and choice.how == "round_robin":
            why = self.env._(
                "%(why)s; too few are decided to tell who wins most (n = %(n)s)",
                why=why,
                n=dispatcher.decided,
            )
        if choice.is_preferred and not choice.how.startswith("owner"):
            why = self.env._("prefers such records; %(why)s", why=why)
        if choice.is_later and rule.hours == "next":
            why = self.env._("%(why)s; starts work next", why=why)
        return self.env._(
            "%(user)s by rule “%(rule)s”: %(why)s", user=taker.name, why=why, **names
        )

    @api.model
    def _assignment_get_owner_words(self):
        """Hook: how somebody has the company of a record, in words."""
        return {
            "owner_partner": self.env._("salesperson of the customer"),
            "owner_open": self.env._("has an open lead of the same company"),
            "owner_won": self.env._("won the last deal of the same company"),
        }

    @api.model
    def _assignment_get_block_words(self, choice, names):
        labels = dict(self._fields["assignment_block"]._description_selection(self.env))
        text = labels[choice.block]
        if choice.block in ("no_rule", "foreign"):
            return text
        whom = [f"{c.name}: {code}" for c, code in choice.others]
        if whom and choice.block != "no_member":
            Log = self.env["crm.assignment.log"]
            lines = [
                Log.new({})._get_considered_line(
                    {
                        "code": code,
                        "name": candidate.name,
                        "open": candidate.open.value,
                        "recent": candidate.recent.value,
                        "won": candidate.won,
                        "decided": candidate.decided,
                    }
                )
                for candidate, code in choice.others[:CONSIDERED_MAX]
            ]
            text = f"{text} ({'; '.join(lines)})"
        return self.env._("Rule “%(rule)s”: %(text)s", text=text, **names)

    # ------------------------------------------------------------
    # Do
    # ------------------------------------------------------------

    def _assignment_apply(self, plans, reason):
        """Write what was decided: one write for each person and rule."""
        now = fields.Datetime.now()
        Users = self.env["res.users"]
        for plan in plans:
            if plan.choice.how == "leader":
                plan.user = plan.choice.leader
            elif plan.choice.candidate:
                plan.user = Users.browse(plan.choice.candidate.id)
            else:
                plan.user = Users
        is_told = sum(bool(plan.user) for plan in plans) <= NOTIFY_LIMIT
        errors = self._assignment_give(
            [plan for plan in plans if plan.rule and plan.choice.block != "foreign"],
            is_told,
        )
        # in the order of decisions: that of the rows is that of the next turns
        done = [
            (plan, plan.user)
            for plan in plans
            if plan.rule and plan.record.id not in errors and (plan.user or plan.routed)
        ]
        states = {}
        for plan in plans:
            if plan.record.id in errors:
                state = ("error", errors[plan.record.id], now + RETRY_AFTER)
            elif plan.choice.block:
                delay = RETRY.get(plan.choice.block, RETRY_AFTER)
                retry = now + delay if delay else None
                if plan.choice.wake:
                    retry = plan.choice.wake
                state = (plan.choice.block, plan.detail, retry)
            else:
                state = (None, None, None)
            states[plan.record.id] = state
        self._assignment_write_state(states)
        logs = self._assignment_log(done, reason, now)
        if is_told:
            logs._tell_assignee()
        Rule = self.env["crm.assignment.rule"]
        Rule._count_turns(Counter(log.rule_id.id for log in logs if log.rule_id))
        Rule._wake(
            [log.date_silence for log in logs if log.date_silence]
            + [
                state[2]
                for state in states.values()
                if state[0] == "off_work" and state[2]
            ]
        )
        return logs

    def _assignment_give(self, plans, is_told):
        """Write on these records; ``{id: error}`` of those that refuse.

        All in one savepoint, as each runs what waits for a commit; what refuses is
        found by halves.
        """
        for plan in plans:
            plan.routed = False
        if not plans:
            return {}
        try:
            with self.env.cr.savepoint():
                self._assignment_write(plans, is_told)
                self.env.flush_all()
            return {}
        except psycopg2.OperationalError:
            raise  # somebody else's change: the whole run starts over
        except Exception as error:  # found out by halves
            if len(plans) == 1:
                record = plans[0].record
                _logger.info("Assignment of %s fails", record, exc_info=True)
                return {record.id: str(error)}
        half = len(plans) // 2
        return self._assignment_give(plans[:half], is_told) | self._assignment_give(
            plans[half:], is_told
        )

    def _assignment_write(self, plans, is_told):
        """One write for all records of the same values."""
        groups = defaultdict(list)
        for plan in plans:
            values = plan.record._assignment_prepare_values(plan.rule, plan.user)
            if values:
                plan.routed = True
                mails = is_told and plan.rule.notify == "mail"
                key = (plan.user, mails, tuple(sorted(values.items())))
                groups[key].append(plan.record.id)
        for (user, mails, values), ids in groups.items():
            records = self.browse(ids).with_context(
                **OURS,
                # Odoo's message to the assignee
                mail_auto_subscribe_no_notify=not mails,
            )
            if user:
                # the company of a lead without one becomes that of whom it is given to
                records = records.with_context(allowed_company_ids=user.company_id.ids)
            records.write(dict(values))

    def _assignment_log(self, done, reason, now):
        """One row for each record that was given; open until it is somebody else's."""
        if not done:
            return self.env["crm.assignment.log"]
        silent_rules = {
            plan.rule for plan, user in done if user and plan.rule.silence_minutes
        }
        times = {}
        if silent_rules:
            by_company = defaultdict(self.env["res.users"].browse)
            for plan, user in done:
                if plan.rule in silent_rules and user:
                    by_company[self._assignment_get_company(plan)] |= user
            for company, users in by_company.items():
                for user_id, time in person_times(users, company, now).items():
                    times[user_id, company] = time
        vals_list = []
        for plan, user in done:
            how = plan.choice.how
            minutes = plan.rule.silence_minutes
            silence = False
            # a leader is the last one: nobody is left to give it to
            if user and minutes and how != "leader":
                time = times[user.id, self._assignment_get_company(plan)]
                silence = time.due(now, 60 * minutes).replace(microsecond=0)
            vals_list.append(
                {
                    **plan.record._assignment_prepare_log(),
                    "user_id": user.id,
                    "team_id": plan.team.id
                    if plan.team and plan.team._name == "crm.team"
                    else False,
                    "rule_id": plan.rule.id,
                    "strategy": ("owner" if how.startswith("owner") else how) or "team",
                    "trigger": reason
                    if reason in ("queue", "manual", "score", "silence")
                    else "other",
                    "reason": plan.detail,
                    "considered": plan.considered,
                    "attempt": plan.attempt,
                    "date": now,
                    "date_silence": silence,
                    "date_end": False if user else now,
                    "end_reason": False if user else "routed",
                }
            )
        return self.env["crm.assignment.log"].create(vals_list)

    @api.model
    def _assignment_get_company(self, plan):
        """Whose hours hold: of the team's company, else of the record's."""
        company = plan.team.company_id if "company_id" in plan.team._fields else None
        if not company and "company_id" in plan.record._fields:
            company = plan.record.company_id
        return company or self.env.company

    def _assignment_take_back(self):
        """Nobody has these records any more: a silent person did not act on them.

        Who got one by hand is written down as well: it goes to somebody else now.
        """
        now = fields.Datetime.now()
        Log = self.env["crm.assignment.log"].sudo()  # the engine's own
        known = {
            (log.res_id, log.user_id.id)
            for log in Log.search_fetch(
                [("res_model", "=", self._name), ("res_id", "in", self.ids)],
                ["res_id", "user_id"],
            )
        }
        # by the scheduler, whoever woke it: the records of all people
        Log.create(
            [
                {
                    **record._assignment_prepare_log(),
                    "user_id": record[self._assignment_user_field].id,
                    "trigger": "other",
                    "reason": self.env._(
                        "%s, by hand", record[self._assignment_user_field].name
                    ),
                    "date": now,
                    "date_end": now,
                    "end_reason": "silence",
                }
                # sudo: as above
                for record in self.sudo()
                if record[self._assignment_user_field]
                and (record.id, record[self._assignment_user_field].id) not in known
            ]
        )
        self.with_context(**OURS).write({self._assignment_user_field: False})


class CrmAssignmentLog(models.Model):
    _inherit = "crm.assignment.log"

    def _tell_assignee(self):
        """By activity, where the rule says so; Odoo's message went with the write."""
        logs = self.filtered(
            lambda log: (
                log.user_id
                and log.rule_id.notify == "activity"
                # that of the silence says more
                and log.trigger != "silence"
            )
        )
        activity_type = self.env.ref(
            "mail.mail_activity_data_todo", raise_if_not_found=False
        )
        if not logs or not activity_type:
            return
        self.env["mail.activity"].with_context(
            mail_activity_quick_update=True, mail_create_nosubscribe=True
        ).create(
            [
                {
                    "activity_type_id": activity_type.id,
                    "automated": True,
                    "note": log.reason,
                    "res_id": log.res_id,
                    "res_model_id": self.env["ir.model"]._get_id(log.res_model),
                    "summary": self.env._("New for you: get in touch"),
                    "user_id": log.user_id.id,
                    "date_deadline": fields.Date.context_today(
                        log.with_context(tz=log.user_id.tz)
                    ),
                }
                for log in logs
            ]
        )
