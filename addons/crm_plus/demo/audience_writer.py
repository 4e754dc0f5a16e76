"""What follows from a year: probabilities, scores, segments."""

from collections import defaultdict

from .base_writer import BaseWriter


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
        # all: those of Odoo's own demo data would wait for the scheduler
        Lead = self.env["crm.lead"].with_context(active_test=False)
        Lead.search([])._score_recompute()
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
