"""How the leads of a plot are worked: routing, hand-overs, questions, gates, junk.

Decided by the app itself - the assignment engine, the methods behind the buttons, as
the user who presses them - and dated back.
"""

from datetime import timedelta

from odoo.tools import SQL

from . import pools
from .base_writer import BaseWriter

# who can take what: login, skills, leads of 30 days
MEMBERS = (
    ("nora", ("green",), 60),
    ("luca", ("green",), 90),
    ("camille", (), 0),  # does marketing
    ("owen", ("green",), 45),
    ("marisol", (), 90),
)
# a silent seller of the demo loses a lead of so many days ago
SILENT_DAYS = 4
ALERT_DAYS = 12


class ProcessWriter(BaseWriter):
    """What sales and marketing do with the leads of a plot."""

    # ------------------------------------------------------------
    # Routing
    # ------------------------------------------------------------

    def write_members(self):
        """Before the leads: which of them the rules may give to whom."""
        members = self.env["crm.team.member"].search(
            [("user_id", "in", [user.id for user in self.users.values()])]
        )
        by_user = members.grouped("user_id")
        for login, skills, at_most in MEMBERS:
            by_user[self.users[login]].write(
                {
                    "assignment_skill_ids": [
                        (6, 0, [self.ref(f"skill_{skill}").id for skill in skills])
                    ],
                    "assignment_max": at_most,
                    "assignment_optout": not at_most,
                }
            )

    def write_assignments(self):
        """The rules choose who gets the leads of the last weeks, and who gets one does
        what the plot has the seller do.
        """
        plans = [plan for plan in self.plot.leads if plan.is_routed]
        leads = self.env["crm.lead"].concat(*(self.leads[id(plan)] for plan in plans))
        mark = self.max_id("mail.message")
        self.assignments = leads._assignment_run("queue")
        moments = {
            self.leads[id(plan)].id: plan.created + timedelta(minutes=1)
            for plan in plans
        }
        self.put(
            "crm.assignment.log",
            "date",
            {log: moments[log.res_id] for log in self.assignments},
        )
        logins = {user: login for login, user in self.users.items()}
        by_hand = {}
        for plan in plans:
            lead = self.leads[id(plan)]
            if lead.user_id:
                plan.seller = logins[lead.user_id]
            elif plan.answered:
                # no rule took it, but somebody answered
                by_hand.setdefault(plan.seller, self.env["crm.lead"])
                by_hand[plan.seller] += lead
        for login, taken in by_hand.items():
            taken.user_id = self.users[login]
        self.keep_messages(mark, "crm.lead", moments)

    def write_silence(self):
        """Who has worked on what, and who was silent for too long."""
        touched = self.assignments._get_touched()
        self.assignments.browse(touched)._touch(touched)
        silent = self.assignments.filtered(
            lambda log: (
                not log.date_touched
                and log.date_silence
                and log.date < self.plot.ago(SILENT_DAYS)
            )
        )
        self.put(
            "crm.assignment.log",
            "date_silence",
            {log: self.plot.ago(1) for log in silent},
        )
        if silent:
            mark = self.max_id("mail.message")
            silent._judge_silence()
            self.keep_messages(mark, "crm.lead", dict.fromkeys(silent.mapped("res_id")))

    # ------------------------------------------------------------
    # Hand-overs
    # ------------------------------------------------------------

    def write_handovers(self):
        """Each step as its user, then dated back with what it has led to."""
        plans = [plan for plan in self.plot.leads if plan.handover]
        handovers = self._begin_handovers(plans)
        for plan, handover in zip(plans, handovers, strict=True):
            self._answer_handover(plan, handover)
        silent = handovers.filtered(lambda h: h.state == "open" and h.is_overdue)
        mark = self.marks()
        silent._expire()
        # silence is late
        dues = {
            handover.lead_id.id: handover.date_due + timedelta(seconds=1)
            for handover in silent
        }
        self._date_back_answers(silent, dues, mark)

    def marks(self):
        return self.max_id("mail.message"), self.max_id("crm.lifecycle.event")

    def _begin_handovers(self, plans):
        marketer = self.users[pools.MARKETER]
        mark = self.marks()
        handovers = self.env["crm.handover"].create(
            [
                {
                    "lead_id": self.leads[id(plan)].id,
                    "from_user_id": marketer.id,
                    "to_user_id": False
                    if plan.handover.team
                    else self.users[plan.handover.seller].id,
                    "to_team_id": self.ref(f"team_{plan.handover.team}").id
                    if plan.handover.team
                    else False,
                    "note": plan.handover.note,
                    "date": plan.handover.date,
                }
                for plan in plans
            ]
        )
        began = {h.lead_id.id: h.date for h in handovers}
        # the promise runs from the hand-over, which was not today
        leads = handovers.lead_id
        leads.sla_clock_ids.filtered(lambda c: c.kind == "handover").unlink()
        clocks = leads._sla_start("handover", began)
        self.silence_alerts(clocks)
        dues = {clock.res_id: clock.date_due for clock in clocks}
        self.put(
            "crm.handover", "date_due", {h: dues.get(h.lead_id.id) for h in handovers}
        )
        self._date_back_effects(mark, began)
        return handovers

    def _answer_handover(self, plan, handover):
        state, when = plan.handover.state, plan.handover.answered
        if state not in ("accepted", "refused"):
            return
        mark = self.marks()
        handover = handover.with_user(self.users[plan.handover.seller])
        if state == "accepted":
            handover.action_accept()
            plan.seller = plan.handover.seller
        else:
            reason = self.env.ref(
                f"crm_plus.crm_handover_reason_{plan.handover.reason}"
            )
            handover._refuse(reason, plan.handover.remark)
        # sudo: answers are dated by the system only, and the story needs past ones
        self._date_back_answers(handover.sudo(), {handover.lead_id.id: when}, mark)

    def _date_back_answers(self, handovers, moments, mark):
        """:param moments: ``{lead id: when it was answered}``"""
        when = {h: moments[h.lead_id.id] for h in handovers}
        self.put("crm.handover", "date_done", when)
        self.put(
            "crm.handover",
            "hours_waited",
            {h: (date - h.date).total_seconds() / 3600 for h, date in when.items()},
        )
        for handover, date in when.items():
            clocks = handover.lead_id.sla_clock_ids.filtered(
                lambda clock: clock.kind == "handover"
            )
            clocks.unlink()
            handover.lead_id._sla_start("handover", handover.date)
            handover.lead_id._sla_stop("handover", date)
        self._date_back_effects(mark, moments)

    def _date_back_effects(self, mark, moments):
        """Notes and steps of these leads that were written meanwhile."""
        last_message, last_event = mark
        self.keep_messages(last_message, "crm.lead", moments)
        Event = self.env["crm.lifecycle.event"]
        events = Event.search(
            [
                ("id", ">", last_event),
                ("origin", "=", "handover"),
                ("lead_id", "in", list(moments)),
            ]
        )
        self.put(
            "crm.lifecycle.event", "date", {e: moments[e.lead_id.id] for e in events}
        )
        Event._settle_leads(list(moments))

    # ------------------------------------------------------------
    # Questions and gates
    # ------------------------------------------------------------

    def write_answers(self):
        """What sellers have found out: all of it before a quotation, some of it while
        a deal is being qualified.
        """
        rnd = self.plot.random
        criteria = {
            name: self.ref(f"frame_{name}").id
            for name in ("volume", "machine", "supplier", "authority", "start", "water")
        }
        columns = {"volume": "value_number", "start": "value_date"}
        columns["water"] = "value_yesno"
        vals_list = []
        for plan in self.plot.leads:
            lead = self.leads[id(plan)]
            if not plan.moves or lead.frame_id != self.ref("frame_coffee"):
                continue
            names = list(criteria)
            if plan.stage == "qualified":
                names = names[: rnd.randrange(1, 6)]
            for name in names:
                value = rnd.choice(pools.FRAME_ANSWERS[name])
                date = plan.moves[0][0] - timedelta(minutes=rnd.randrange(10, 60))
                if name == "start":
                    value = (date + timedelta(days=value)).date()
                vals_list.append(
                    {
                        "lead_id": lead.id,
                        "criterion_id": criteria[name],
                        columns.get(name, "value_text"): value,
                        "user_id": self.users[plan.seller].id,
                        "date": max(date, plan.created),
                    }
                )
        self.env["crm.frame.answer"].create(vals_list)

    def write_gate_pass(self):
        """The leader lets a deal pass that the gate holds, with a reason."""
        stage = self.stages["proposition"]
        held = next(
            (
                lead
                for plan in self.plot.leads
                for lead in [self.leads[id(plan)]]
                if plan.outcome == "open"
                and plan.stage == "qualified"
                and plan.customer.team == "europe"
                and lead._get_gate_missing({lead.id: (lead.stage_id, stage)})
            ),
            None,
        )
        if held:
            self.env["crm.lead.gate.pass"].with_user(self.users["nora"]).create(
                {
                    "lead_ids": held.ids,
                    "stage_id": stage.id,
                    "reason": "They have bought from us before, under another name: "
                    "the volume is known.",
                }
            ).action_pass()

    # ------------------------------------------------------------
    # What ends
    # ------------------------------------------------------------

    def write_junk(self):
        junk = self.plot.junk
        leads = self.env["crm.lead"].create(
            [
                {
                    "name": plan.name,
                    "type": "lead",
                    "contact_name": plan.contact,
                    "email_from": plan.email,
                    "description": plan.text,
                    "company_id": self.company.id,
                    "team_id": self.ref("team_europe").id,
                    "user_id": self.users["camille"].id,
                    "source_id": self.ref("utm_source_website").id,
                }
                for plan in junk
            ]
        )
        pairs = list(zip(leads, junk, strict=True))
        self.put(
            "crm.lead", "create_date", {lead: plan.created for lead, plan in pairs}
        )
        for lead, plan in pairs:
            lead.action_set_junk(
                self.env.ref(f"crm_plus.crm_junk_reason_{plan.reason}").id
            )
        self.put("crm.lead", "date_junk", {lead: plan.date for lead, plan in pairs})

    def write_stage_history(self):
        """As after an installation: read from what Odoo has tracked."""
        self.env.flush_all()
        self.env.execute_query(
            SQL(
                "DELETE FROM crm_stage_history WHERE lead_id = ANY(%s) RETURNING id",
                [lead.id for lead in self.leads.values()],
            )
        )
        self.env["crm.stage.history"].invalidate_model(flush=False)
        self.env["crm.stage.history"]._backfill()

    def write_alerts(self):
        """What has become late of late alerts; what was late before alerted then."""
        Clock = self.env["crm.sla.clock"]
        leads = self.env["crm.lead"].concat(*self.leads.values())
        clocks = Clock.search(
            [
                ("res_model", "=", "crm.lead"),
                ("res_id", "in", leads.ids),
                ("kind", "=", "first_response"),
                ("date_stop", "=", False),
                ("date_due", ">", self.plot.ago(ALERT_DAYS)),
            ]
        )
        due = clocks.filtered_domain(Clock._get_alert_domain())
        due._alert()
        self.env["crm.sla.action.run"]._process()
