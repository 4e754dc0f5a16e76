"""What follows from a year: probabilities, scores, segments."""

from collections import defaultdict
from datetime import datetime, time, timedelta

from ..tools.scoring import ScoringEngine
from .base_writer import BaseWriter

# when the scheduler has scored; the last days count for the crossings that are shown
SCORED_DAYS_AGO = (*range(182, 28, -7), *range(28, 0, -1))
# of two weeks ago: what is rising and cooling is read from it
KEPT_DAYS_AGO = (14, 7)
# crossings of so many days have been acted on
ACTS_DAYS = 3
# of the segment of those that are quieter than usual
QUIET_RATIO = 1.2
# when the personas were looked for
PERSONAS_DAYS_AGO = 9


class AudienceWriter(BaseWriter):
    """Scores and segments of a plot, dated back as well."""

    def predict(self):
        """Let Odoo learn its probabilities from the year."""
        self.env["ir.config_parameter"].set_param(
            "crm.pls_start_date", str(self.plot.ago(400).date())
        )
        Lead = self.env["crm.lead"]
        Lead._rebuild_pls_frequency_table()
        pending = self.env["crm.lead"].concat(*self.leads.values())
        pending = pending.filtered(lambda lead: lead.won_status == "pending")
        pending._compute_probabilities()

    def write_scores(self):
        """Score as the scheduler did all the time, and act on what is new."""
        # all: those of Odoo's own demo data would wait for the scheduler
        for model_name in ("crm.lead", "res.partner"):
            Target = self.env[model_name].with_context(active_test=False)
            self._score_past(model_name, Target.search([], order="create_date"))
        changes = self.env["crm.score.change"].search([("state", "=", "todo")])
        recent = changes.filtered(lambda x: x.date >= self.plot.ago(ACTS_DAYS))
        # of the others everything was said in its time
        (changes - recent).write({"state": "skipped"})
        mark = self.max_id("mail.message")
        recent._run_actions()
        self.keep_messages(
            mark, "crm.lead", {change.lead_id.id: change.date for change in recent}
        )
        qualified = {}
        for plan in self.plot.leads:
            lead = self.leads[id(plan)]
            if lead.date_mql:
                qualified[lead] = plan.warm
            elif plan.outcome in ("won", "lost") and plan.moves:
                # closed long ago: some were marked in their time
                if lead.score_grade and lead.score_grade[0] in "AB":
                    qualified[lead] = plan.moves[0][0]
        self.put("crm.lead", "date_mql", qualified)

    def _score_past(self, model_name, records):
        """Score those that there were, at moments of the last months and now; what they
        are (fit) is taken as it is now, Odoo keeps no history of it.
        """
        records.fetch(["create_date"])
        moments = [self.plot.ago(days) for days in SCORED_DAYS_AGO]
        for days, moment in zip(SCORED_DAYS_AGO, moments, strict=True):
            ids = [r.id for r in records if r.create_date <= moment]
            engine = ScoringEngine(self.env, model_name, now=moment)
            engine.recompute(ids)
            self.env["crm.score.change"]._follow_up(engine.change_ids)
            if days in KEPT_DAYS_AGO:
                self.env["crm.score.past"]._keep(model_name)
        records._score_recompute()

    def write_segments(self):
        """Members, who joined and left when the plot says so."""
        segments = {
            code: self.ref(f"segment_{code}")
            for code in (
                "hot",
                "waiting",
                "roasters_dach",
                "places_europe",
                "silent",
                "overdue",
                "repeat",
            )
        }
        self.env["crm.segment"].concat(*segments.values())._refresh()
        stays = self._stays()
        rows, joined, left = [], {}, {}
        for code, segment in segments.items():
            for member in segment.member_ids:
                past = stays[code].get(member.res_id, ())
                joined[member.id] = next((d for d, end in past if not end), None)
            for res_id, periods in stays[code].items():
                for begin, end in periods:
                    if end:
                        rows.append((segment, res_id, begin, end))
        members = self.env["crm.segment.member"].create(
            [self._member_values(segment, res_id) for segment, res_id, _b, _e in rows]
        )
        for member, (_segment, _res_id, begin, end) in zip(members, rows, strict=True):
            joined[member.id] = begin
            left[member.id] = end
        self.put("crm.segment.member", "date_joined", joined)
        self.put("crm.segment.member", "date_left", left)

    def _member_values(self, segment, res_id):
        is_lead = segment.target == "crm.lead"
        lead = self.env["crm.lead"].browse(res_id if is_lead else ())
        return {
            "segment_id": segment.id,
            "res_model": segment.target,
            "res_id": res_id,
            "lead_id": lead.id,
            "partner_id": lead.partner_id.id if is_lead else res_id,
            "company_id": self.company.id if is_lead else False,
            "date_joined": self.plot.now,
            "reason_joined": "domain",
            # at once: a segment has one open stay of a record
            "date_left": self.plot.now,
            "reason_left": "domain",
        }

    def _stays(self):
        """``{segment: {record id: [(joined, left or None)]}}``"""
        stays = defaultdict(lambda: defaultdict(list))
        for plan in self.plot.leads:
            lead = self.leads[id(plan)]
            ending = plan.closed
            if (
                ending
                and lead.score_grade
                and lead.score_grade[0] == "A"
                and plan.moves
            ):
                stays["hot"][lead.id].append((plan.moves[0][0], ending))
            stays["hot"][lead.id].append((plan.warm, None))
            for clock in lead.sla_clock_ids.filtered("date_due"):
                if clock.outcome == "breached":
                    stays["waiting"][lead.id].append((clock.date_due, clock.date_stop))
                elif not clock.date_stop:
                    stays["waiting"][lead.id].append((clock.date_due, None))
        for customer in self.plot.customers:
            company = self.partners[id(customer)].id
            stays["roasters_dach"][company].append((customer.since, None))
            for contact in customer.contacts:
                stays["places_europe"][self.partners[id(contact)].id].append(
                    (customer.since, None)
                )
            stays["silent"][company] = self.plot.silences(customer)
            stays["overdue"][company] = self.plot.arrears(customer)
            repeated = [
                order.confirmed
                for order in self.plot.orders
                if order.customer is customer and order.confirmed and not order.lead
            ]
            if repeated:
                stays["repeat"][company].append((min(repeated), None))
        return stays

    def write_fact_segments(self):
        """Members of segments that ask for facts, since these are so of them."""
        profiles = self.env["crm.customer.profile"].search(
            [("company_id", "=", self.company.id), ("date_last", "!=", False)]
        )
        first, last, ripe = {}, {}, {}
        for profile in profiles:
            first[profile.partner_id.id] = self._noon(profile.date_first)
            last[profile.partner_id.id] = self._noon(profile.date_last)
            ripe[profile.partner_id.id] = self._noon(
                profile.date_last
                + timedelta(days=QUIET_RATIO * profile.interval_median)
            )
        warm = {self.leads[id(plan)].id: plan.warm for plan in self.plot.leads}
        for code, moments in (
            ("no_machine", first),
            ("regulars", last),
            ("large", last),
            ("quiet", ripe),
            ("talking", self._talks()),
            ("tasting", last),
            ("graded", warm),
        ):
            self.join(self.ref(f"segment_{code}"), moments)

    def _noon(self, day):
        return datetime.combine(day, time(12))

    def _talks(self):
        """``{customer id: since when they have been writing or calling}``, lately."""
        groups = self.env["crm.touchpoint"]._read_group(
            [
                ("kind_id.code", "in", ("email_in", "call_done")),
                ("is_machine", "=", False),
                ("date", ">=", self.plot.ago(30)),
            ],
            ["commercial_partner_id"],
            ["date:min"],
        )
        return {partner.id: date for partner, date in groups}

    def write_personas(self):
        """Look for groups among the customers. Without scikit-learn there are none, and
        the search says why.
        """
        study = self.ref("persona_study")
        study._find(self.users["admin"])
        found = self.plot.ago(PERSONAS_DAYS_AGO)
        personas = study.persona_ids
        self.put("crm.persona.study", "date_found", {study: study.date_found and found})
        self.put("crm.persona", "date_found", dict.fromkeys(personas, found))
        members = personas.segment_id.member_ids
        self.put("crm.segment.member", "date_joined", dict.fromkeys(members, found))
