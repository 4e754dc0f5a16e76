from collections import Counter, defaultdict
from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date, format_datetime

from odoo.addons.crm_plus.tools.contact_policy import DEFER, DROP, Contact

from ...tools.dry_run import Crowd, HourLimit, spread
from ...tools.lazy_label import translate
from ...tools.lift import MIN_PEOPLE

# Names shown for a reason; the list of all is one click away.
SAMPLE = 5
# Lists are opened of so many people at most.
LIST_SIZE = 10_000
# The contact policy is asked once a moment, hour or day, as often as that at most.
MAX_ASKED = 48
# What waits for a known hour, and is sent then.
TIMED_REASONS = ("cap", "pause", "window", "wish")


class DryRun:
    """One run of people through the steps of a campaign; see ``tools/dry_run.py``.

    :param campaign: sudo: it foresees what the scheduler would do
    :param people: ``{id of record: normalised address or None}``
    :param assumed: code of the way that all take where nobody knows; empty: all ways
    :param choices: ``{id of step: (code, id of way)}`` for single steps
    :param is_followed: somebody looks at each step: reasons are said
    :param held_out: ids of those who would enter and get nothing
    """

    def __init__(
        self,
        campaign,
        people,
        assumed="",
        choices=None,
        *,
        is_followed=False,
        held_out=(),
    ):
        self.campaign = campaign
        self.env = campaign.env
        self.now = fields.Datetime.now()
        self.emails = people
        model = campaign._get_model()
        self.persons = {key: email or f"{model},{key}" for key, email in people.items()}
        self.blocked = self._get_blocked()
        self.assumed = assumed
        self.choices = choices or {}
        self.is_followed = is_followed
        self.held_out = set(held_out)
        self.limit = HourLimit(self.now, *self.env["crm.campaign.task"]._get_rates())
        self.words = {"rate": self.env._("Limit of mails an hour")}
        # {id of step: Crowd}
        self.crowds = {}

    def _get_blocked(self):
        """Whose address is on the list of blocked ones."""
        Blacklist = self.env["mail.blacklist"]
        emails = {email for email in self.emails.values() if email}
        rows = self.env.execute_query(
            SQL(
                "SELECT email FROM %s WHERE active AND email = ANY(%s)",
                SQL.identifier(Blacklist._table),
                list(emails),
            )
        )
        blocked = {row[0] for row in rows}
        return {key for key, email in self.emails.items() if email in blocked}

    def go(self, arrivals):
        """Let them all go through it.

        :param arrivals: ``{id of record: when it enters}``
        """
        arrivals = {
            key: moment for key, moment in arrivals.items() if key not in self.held_out
        }
        # parents come first
        for step in self.campaign.step_ids:
            crowd = self._get_crowd(step, arrivals)
            self.crowds[step.id] = crowd
            if crowd.rest:
                self._foresee(crowd)

    def _get_crowd(self, step, arrivals):
        before = self.crowds.get(step.parent_id.id)
        if not before:
            return Crowd(self, step, {} if step.parent_id else dict(arrivals))
        found, is_sure = before.ways.get((step.branch, step.way_id.id), ({}, True))
        if self.is_followed and before.is_unknown:
            found = {}  # somebody has to say first which way it goes
        return Crowd(
            self,
            step,
            found,
            is_sure=before.is_sure and is_sure,
            before=(before, *before.before),
        )

    def _foresee(self, crowd):
        try:
            crowd.step._get_kind().foresee(crowd)
        except (UserError, ValueError) as error:
            crowd.skip(str(error), crowd.ids)
        if crowd.rest:
            crowd.go()

    def find_meeting(self, ids, condition):
        """Those of the records for whom it is true now.

        :param condition: SQL on the participant ``p``, of whom the record and who
            stands behind it are known
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.res_id
                  FROM (SELECT id AS res_id, lead_id, partner_id, email
                          FROM (%s) r WHERE id = ANY(%s)) p
                 WHERE %s
                """,
                self.campaign._get_people_query(self.campaign._get_model()),
                ids,
                condition,
            )
        )
        return {row[0] for row in rows}

    # ------------------------------------------------------------
    # Contact policy
    # ------------------------------------------------------------

    def ask_policy(self, crowd, channel):
        """Tell the crowd whom the contact policy would not let us write to, and whom
        later.
        """
        step = crowd.step
        mailing_sudo = step.mailing_id
        for at, ids in self._get_batches(crowd.rest):
            planned = {
                key: [Contact(date, channel) for date in dates]
                for key in ids
                if (dates := crowd.get_sent_before(key))
            }
            decisions = mailing_sudo._decide_contacts(
                ids,
                channel=channel,
                company=step.company_id,
                origin=step,
                at=at,
                dry_run=True,
                planned=planned,
            )
            self._tell(crowd, decisions)

    def _tell(self, crowd, decisions):
        words = self.env["crm.contact.policy"]._get_reason_words(decisions)
        dropped, held, later = defaultdict(list), defaultdict(list), defaultdict(dict)
        for key, decision in decisions.items():
            if decision.outcome == DROP:
                dropped[words[key]].append(key)
            elif decision.outcome == DEFER:
                if decision.reason in TIMED_REASONS:
                    moment = max(decision.until, crowd.rest[key])
                    later[words[key]][key] = moment
                else:
                    held[words[key]].append(key)
        for reason, ids in dropped.items():
            crowd.skip(reason, ids)
        for reason, ids in held.items():
            crowd.hold(reason, ids)
        for reason, moments in later.items():
            crowd.delay(reason, moments)

    def _get_batches(self, moments):
        """``[(moment, ids)]``: those of one moment together; where there are too many
        of them, those of one hour or day.
        """
        for size in (None, timedelta(hours=1), timedelta(days=1)):
            batches = defaultdict(list)
            for key, moment in moments.items():
                batches[(moment - self.now) // size if size else moment].append(key)
            if len(batches) <= MAX_ASKED:
                break
        return [
            (min(moments[key] for key in ids), ids)
            for _moment, ids in sorted(batches.items())
        ]


class CrmCampaign(models.Model):
    """Dry run: what would become of the real audience, if the campaign was started now.

    It writes nothing; the database itself refuses that meanwhile.
    """

    _inherit = "crm.campaign"

    @contextmanager
    def _writing_nothing(self):
        """Within, the database refuses whatever would be written."""
        with self.env.cr.savepoint():
            # ends with the savepoint
            self.env.cr.execute("SET LOCAL transaction_read_only = on")
            yield

    # ------------------------------------------------------------
    # Who enters
    # ------------------------------------------------------------

    def _get_forecast(self):
        """``(entrants, excluded, words)``: ``{id of record: (email, moment)}``, ``{code
        of the reason: ids}``, and in words who was looked at.
        """
        self.ensure_one()
        candidates, words = self._get_entry().get_forecast()
        if candidates is None:
            return {}, {}, words
        rows = self.env.execute_query(
            SQL(
                "SELECT res_id, email, date FROM (%s) e ORDER BY res_id, date",
                self._get_entrants_query(candidates),
            )
        )
        found = {}
        for res_id, email, date in rows:
            # who would enter several times does so at the first
            found.setdefault(res_id, (email, date))
        excluded = defaultdict(list)
        for res_id, reason in self._get_excluded(candidates, list(found)):
            excluded[reason].append(res_id)
        for res_id, reason in self._get_leaving_now(list(found)):
            excluded[reason].append(res_id)
            del found[res_id]
        entrants = self._get_turns(found)
        if self.date_end:
            late = [key for key, one in entrants.items() if one[1] >= self.date_end]
            for key in late:
                del entrants[key]
            if late:
                excluded["date_end"] = late
        return entrants, dict(excluded), words

    def _get_excluded(self, candidates, entering_ids):
        """``[(id of record, reason)]`` of the candidates who do not enter."""
        model = self._get_model()
        return self.env.execute_query(
            SQL(
                """
                SELECT n.res_id,
                       CASE WHEN r.id IS NULL THEN 'deleted'
                            WHEN r.company_id <> %(company)s THEN 'company'
                            WHEN a.is_inside OR b.is_inside THEN 'inside'
                            WHEN a.res_id IS NOT NULL OR b.person IS NOT NULL
                            THEN 'before'
                            ELSE 'duplicate' END
                  FROM (SELECT DISTINCT res_id FROM (%(candidates)s) c) n
             LEFT JOIN unnest(%(entering)s::int[]) entering(id)
                    ON entering.id = n.res_id
             LEFT JOIN (%(people)s) r ON r.id = n.res_id
             LEFT JOIN (
                    SELECT res_id, bool_or(state = 'running') AS is_inside
                      FROM crm_campaign_participant
                     WHERE campaign_id = %(campaign)s AND res_model = %(model)s
                  GROUP BY res_id
                  ) a ON a.res_id = n.res_id
             LEFT JOIN (
                    SELECT person, bool_or(state = 'running') AS is_inside
                      FROM crm_campaign_participant
                     WHERE campaign_id = %(campaign)s AND person IS NOT NULL
                  GROUP BY person
                  ) b ON b.person = r.email
                 WHERE entering.id IS NULL
              ORDER BY n.res_id
                """,
                candidates=candidates,
                entering=entering_ids,
                people=self._get_people_query(model),
                campaign=(self.draft_of_id or self).id,
                company=self.company_id.id,
                model=model,
            )
        )

    def _get_leaving_now(self, res_ids):
        """``[(id of record, reason)]`` of those who would enter and leave at once."""
        model = self._get_model()
        Participant = self.env["crm.campaign.participant"]
        return self.env.execute_query(
            SQL(
                """
                SELECT * FROM (
                    SELECT e.id, %(cases)s AS reason
                      FROM unnest(%(ids)s::int[]) e(id)
                      JOIN crm_campaign c ON c.id = %(campaign)s
                 LEFT JOIN (%(people)s) r ON r.id = e.id
                 LEFT JOIN mail_blacklist b ON b.email = r.email AND b.active
                        -- nobody is inside yet: nothing is known of an enrolment
                 LEFT JOIN crm_campaign_participant p ON FALSE
                ) leaving
                 WHERE reason IS NOT NULL
                """,
                cases=Participant._get_exit_cases(model, self),
                ids=res_ids,
                campaign=self.id,
                people=self._get_people_query(model),
            )
        )

    def _get_turns(self, found):
        """``{id: (email, moment)}``: when each of them gets in, by the caps."""
        now = fields.Datetime.now()
        start = max(now, self.date_begin or now)
        [(in_hour, in_day)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*) FILTER (WHERE date_entered > %(hour)s), count(*)
                  FROM crm_campaign_participant
                 WHERE campaign_id = %(campaign)s AND date_entered > %(day)s
                """,
                campaign=(self.draft_of_id or self).id,
                hour=start - timedelta(hours=1),
                day=start - timedelta(days=1),
            )
        )
        at_start = [key for key, (_email, date) in found.items() if date <= start]
        waits = dict(
            zip(
                at_start,
                spread(
                    len(at_start),
                    self.entry_cap_hour,
                    self.entry_cap_day,
                    in_hour,
                    in_day,
                ),
                strict=True,
            )
        )
        return {
            key: (email, start + waits[key] if key in waits else date)
            for key, (email, date) in found.items()
        }

    def _count_audience(self):
        """How many would enter, as far as anybody knows."""
        self.ensure_one()
        candidates, _words = self._get_entry().get_forecast()
        if candidates is None:
            return 0
        [(count,)] = self.env.execute_query(
            SQL("SELECT count(*) FROM (%s) e", self._get_entrants_query(candidates))
        )
        return count

    @api.model
    def _get_exclusion_words(self):
        """``{code: why}`` of those who do not enter."""
        Participant = self.env["crm.campaign.participant"]
        return {
            **dict(Participant._fields["exit_reason"]._description_selection(self.env)),
            "company": self.env._("Of another company than the campaign"),
            "inside": self.env._("On the way in this campaign already"),
            "before": self.env._("Was in this campaign before"),
            "duplicate": self.env._("Same address as somebody who enters"),
            "date_end": self.env._("Comes after “Enter Until”"),
        }

    def _get_emails(self, records):
        """``{id: normalised address or None}`` of the people behind records."""
        self.ensure_one()
        model = self._get_model()
        self._flush_people(model)
        return dict(
            self.env.execute_query(
                SQL(
                    "SELECT id, email FROM (%s) r WHERE id = ANY(%s)",
                    self._get_people_query(model),
                    records.ids,
                )
            )
        )

    # ------------------------------------------------------------
    # The run
    # ------------------------------------------------------------

    def _run_dry(self, assumed=""):
        """``(run, excluded, words)``; see ``_get_forecast``."""
        entrants, excluded, words = self._get_forecast()
        emails = {key: email for key, (email, _date) in entrants.items()}
        run = DryRun(self, emails, assumed, held_out=self._get_held_out(emails))
        run.go({key: date for key, (_email, date) in entrants.items()})
        return run, excluded, words

    @api.readonly
    def get_dry_run(self, assumed=""):
        """All that the page of the dry run shows, in words and figures.

        :param assumed: ``yes``, ``no`` or empty: what people do where nobody knows
        """
        self.ensure_one()
        self.check_access("read")
        with self._writing_nothing():
            # sudo: it foresees what the scheduler would do; of people the reader may
            # not see figures are told, no names
            return DryRunPage(self, *self.sudo()._run_dry(assumed)).get_values()

    @api.readonly
    def get_dry_run_people(self, group, title, assumed=""):
        """Open the list of those of a group of the page.

        :param group: its key on the page
        """
        self.ensure_one()
        self.check_access("read")
        with self._writing_nothing():
            # sudo: as in ``get_dry_run``; the list shows what the reader may see
            page = DryRunPage(self, *self.sudo()._run_dry(assumed))
            page.get_values()
        ids = sorted(page.groups.get(group, ()))[:LIST_SIZE]
        return {
            "type": "ir.actions.act_window",
            "name": f"{self.name}: {title}",
            "res_model": self._get_model(),
            "views": [(False, "list"), (False, "form")],
            "domain": [("id", "in", ids)],
            "context": {"create": False, "active_test": False},
        }

    def action_dry_run(self):
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "crm_campaigns.dry_run",
            "name": self.env._("Dry Run"),
            "params": {"campaign_id": self.id},
        }


class DryRunPage:
    """Says a dry run in words and figures.

    ``groups`` keeps who is behind each figure, by its key.
    """

    def __init__(self, campaign, run, excluded, words):
        self.campaign = campaign
        self.env = campaign.env
        self.run = run
        self.excluded = excluded
        self.words = words
        self.groups = {}

    def get_values(self):
        campaign, run = self.campaign, self.run
        reasons = campaign._get_exclusion_words()
        excluded = [
            self._get_group(f"out-{code}", reasons.get(code, code), ids)
            for code, ids in sorted(
                self.excluded.items(), key=lambda item: -len(item[1])
            )
        ]
        entering = self._get_group("enter", self.env._("Enter"), list(run.emails))
        steps = [self._get_step(crowd) for crowd in run.crowds.values()]
        entry = campaign._get_entry()
        return {
            "id": campaign.id,
            "name": campaign.name,
            "as_of": format_datetime(self.env, run.now),
            "assumed": run.assumed,
            "entry": translate(self.env, entry.label),
            "audience": self.words,
            "candidates": entering["count"] + sum(one["count"] for one in excluded),
            "entering": entering,
            "held_out": self._get_held_out(),
            "excluded": excluded,
            "steps": steps,
            "days": self._get_days(),
            "mails": {
                "sure": sum(len(c.sent) for c in run.crowds.values() if c.is_sure),
                "at_most": sum(len(c.sent) for c in run.crowds.values()),
            },
            "limits": self._get_limits(),
            **self._get_end(),
        }

    def _get_held_out(self):
        """Those who would get nothing; ``None`` where nobody is held out."""
        percent = self.campaign.holdout_percent
        if not percent:
            return None
        held_out = sorted(self.run.held_out)
        words = self.env._("Held out, get nothing (%s %%)", f"{percent:g}")
        note = ""
        if len(held_out) < MIN_PEOPLE:
            note = self.env._(
                "Fewer than %s held out will show nothing: hold out more.", MIN_PEOPLE
            )
        return {
            **self._get_group("held-out", words, held_out),
            "note": note,
            "others": len(self.run.emails) - len(held_out),
        }

    def _get_group(self, key, text, ids):
        self.groups[key] = ids
        records = self.env[self.campaign._get_model()].browse(ids[:SAMPLE])
        # those that the reader may see
        seen = records.exists()._filtered_access("read")
        return {
            "key": key,
            "text": text,
            "count": len(ids),
            "sample": seen.mapped("display_name"),
        }

    def _get_step(self, crowd):
        step, key = crowd.step, f"step-{crowd.step.id}"
        kind = step._get_kind()
        moments = crowd.arrivals.values()
        values = {
            "id": step.id,
            "name": step.name,
            "outline": step.outline,
            "icon": kind.icon,
            "text": kind.get_text(),
            "is_sure": crowd.is_sure,
            "is_unknown": crowd.is_unknown,
            "arrive": self._get_group(key, step.name, list(crowd.arrivals)),
            "first": self._say(min(moments, default=None)),
            "last": self._say(max(moments, default=None)),
            "sent": len(crowd.sent) if kind.family == "message" else None,
            "ways": [],
            "ended": len(crowd.ended),
        }
        for code, way, label in kind.get_ways() if not kind.is_end else ():
            found, is_sure = crowd.ways.get((code, way.id), ({}, True))
            values["ways"].append(
                {
                    **self._get_group(f"{key}-{code}-{way.id}", label, list(found)),
                    "is_sure": is_sure and crowd.is_sure,
                }
            )
        for name in ("skipped", "held", "delayed"):
            groups = sorted(getattr(crowd, name).items())
            values[name] = [
                self._get_group(f"{key}-{name}-{number}", reason, ids)
                for number, (reason, ids) in enumerate(groups)
            ]
        return values

    def _say(self, moment):
        return format_datetime(self.env, moment, dt_format="short") if moment else ""

    def _get_days(self):
        """Mails a day, where the reader is: those that are sure, and at most."""
        counts = defaultdict(lambda: [0, 0])
        for crowd in self.run.crowds.values():
            for moment, count in Counter(crowd.sent.values()).items():
                day = fields.Datetime.context_timestamp(self.campaign, moment).date()
                counts[day][1] += count
                counts[day][0] += count if crowd.is_sure else 0
        per_day = self.run.limit.per_hour * 24
        return [
            {
                "day": str(day),
                "label": format_date(self.env, day, date_format="EEE d MMM"),
                "sure": sure,
                "at_most": at_most,
                "share": round(100 * at_most / per_day) if per_day else None,
            }
            for day, (sure, at_most) in sorted(counts.items())
        ]

    def _get_limits(self):
        """What holds mails back, as sentences."""
        campaign, limit = self.run.campaign, self.run.limit
        lines = []
        if limit.per_hour:
            lines.append(self.env._("%s mails an hour, of all", limit.per_hour))
        if limit.per_domain:
            lines.append(self.env._("%s an hour to one domain", limit.per_domain))
        if campaign.entry_cap_hour:
            lines.append(self.env._("%s enter each hour", campaign.entry_cap_hour))
        if campaign.entry_cap_day:
            lines.append(self.env._("%s enter each day", campaign.entry_cap_day))
        policy = self.run.env["crm.contact.policy"]._get_policy(campaign.company_id)
        if campaign.company_id.crm_plus_contact_policy and policy.summary:
            lines.append(self.env._("Contact policy: %s", policy.summary))
        return lines

    def _get_end(self):
        """When the last one is through, and how long it takes."""
        moments = set()
        for crowd in self.run.crowds.values():
            moments.update(crowd.arrivals.values(), crowd.sent.values())
            for found, _is_sure in crowd.ways.values():
                moments.update(found.values())
        last = max(moments, default=None)
        days = (last - self.run.now).total_seconds() / 86400 if last else 0
        return {"end": self._say(last), "days_long": round(days, 1)}
