"""Writes a ``CasePlot`` into the database."""

from markupsafe import Markup

from odoo import Command

from odoo.addons.crm_plus.demo.base_writer import BaseWriter, sentence

from .case_plot import OVER

STAGES = (
    "new",
    "in_progress",
    "waiting_customer",
    "waiting_third",
    "solved",
    "closed",
)
WAITING = ("waiting_customer", "waiting_third")
AGENTS = ("tomas", "aiko", "jonna")


class CaseWriter(BaseWriter):
    """Cases with threads, clocks and ratings as they were; nobody is written to."""

    def __init__(self, env, plot):
        super().__init__(env, plot.now)
        self.plot = plot
        ref = env.ref
        self.stages = {
            code: ref(f"crm_helpdesk.crm_case_stage_{code}") for code in STAGES
        }
        self.teams = {
            "care": ref("crm_helpdesk.crm_case_team_care"),
            "machine": ref("crm_helpdesk.demo_case_team_machine"),
        }
        self.users = {login: ref(f"crm_helpdesk.demo_user_{login}") for login in AGENTS}
        self.cases = env["crm.case"]
        self.pairs = []

    def run(self):
        self.write_cases()
        self.write_clocks()
        self.write_threads()
        self.write_states()
        self.write_history()
        self.write_ratings()
        self.harvest()
        self.forget_today()
        self.env.flush_all()
        self.env.invalidate_all()

    def write_cases(self):
        """All of them new: what came after is written past the automatic steps, which
        would take place today."""
        plans = self.plot.cases
        self.cases = self.env["crm.case"].create(
            [
                {
                    "name": plan.name,
                    "description": Markup("<p>%s</p>") % sentence(plan.text),
                    "team_id": self.teams[plan.team].id,
                    "partner_id": plan.person.key,
                    "sale_order_id": plan.order[0] if plan.order else False,
                    "channel": plan.channel,
                    "priority": plan.priority,
                    "user_id": self.users[plan.agent].id if plan.agent else False,
                    "tag_ids": [
                        Command.link(
                            self.env.ref(f"crm_helpdesk.demo_case_tag_{plan.tag}").id
                        )
                    ],
                    "date_opened": plan.opened,
                    "date_assigned": plan.opened if plan.agent else False,
                }
                for plan in plans
            ]
        )
        self.pairs = list(zip(plans, self.cases, strict=True))
        self.put("crm.case", "create_date", {c: p.opened for p, c in self.pairs})

    def write_clocks(self):
        for plan, case in self.pairs:
            # a moment of its own each: a call for each
            if plan.answered:
                case._sla_stop("first_response", plan.answered)
            for date, before, after in plan.moves:
                if before in WAITING:
                    case._sla_resume(date=date)
                if after in WAITING:
                    case._sla_pause(self.stages[after].name, date=date)
                if before in OVER and after not in OVER:
                    case._sla_start("resolution", date)
                if after == "solved":
                    case._sla_stop("resolution", date)
        clocks = self.env["crm.sla.clock"].search(
            [("res_model", "=", "crm.case"), ("res_id", "in", self.cases.ids)]
        )
        self.silence_alerts(clocks)

    def write_threads(self):
        events, moves, handovers = [], [], []
        note = self.env.ref("mail.mt_note")
        for plan, case in self.pairs:
            user = self.users[plan.agent] if plan.agent else case.team_id.member_ids[:1]
            partner = case.partner_id
            for mail in plan.mails:
                events.append(
                    self.mail_values("crm.case", case, mail, plan.person, partner, user)
                )
            base = {
                "model": "crm.case",
                "res_id": case.id,
                "author_id": user.partner_id.id,
                "email_from": user.email_formatted,
                "subtype_id": note.id,
            }
            for date, text in plan.notes:
                events.append(
                    {
                        **base,
                        "message_type": "comment",
                        "is_internal": True,
                        "body": Markup("<p>%s</p>") % text,
                        "date": date,
                    }
                )
            for date, before, after in plan.moves:
                values = {
                    **base,
                    "message_type": "notification",
                    "body": "",
                    "date": date,
                }
                events.append(values)
                moves.append((values, self.stages[before], self.stages[after]))
            if plan.handover:
                date, before = plan.handover
                author = self.users[before]
                values = {
                    **base,
                    "author_id": author.partner_id.id,
                    "email_from": author.email_formatted,
                    "message_type": "notification",
                    "body": "",
                    "date": date,
                }
                events.append(values)
                handovers.append((values, author, user))
        events.sort(key=lambda values: values["date"])
        message_by_event = {
            id(values): message
            for values, message in zip(events, self.post(events), strict=True)
        }
        self.track_stages(
            "crm.case",
            [
                (message_by_event[id(values)], before, after)
                for values, before, after in moves
            ],
        )
        self.env["mail.tracking.value"].create(
            [
                {
                    "mail_message_id": message_by_event[id(values)].id,
                    "field_id": self.env["ir.model.fields"]
                    ._get("crm.case", "user_id")
                    .id,
                    "old_value_integer": before.id,
                    "old_value_char": before.name,
                    "new_value_integer": after.id,
                    "new_value_char": after.name,
                }
                for values, before, after in handovers
            ]
        )

    def write_states(self):
        pairs = self.pairs
        stage_ids = {case: self.stages[plan.stage].id for plan, case in pairs}
        categories = {case: self.stages[plan.stage].category for plan, case in pairs}
        self.put("crm.case", "stage_id", stage_ids)
        self.put("crm.case", "stage_category", categories)
        for column, dates in (
            ("date_first_response", {case: plan.answered for plan, case in pairs}),
            ("date_closed", {case: plan.closed for plan, case in pairs}),
            ("reopen_count", {case: plan.reopened for plan, case in pairs}),
            # asked already: nobody is asked by this database
            ("date_rating_requested", {case: plan.closed for plan, case in pairs}),
            (
                "date_acknowledged",
                {case: plan.opened for plan, case in pairs if plan.channel == "email"},
            ),
        ):
            self.put("crm.case", column, dates)

    def write_history(self):
        """Stays from the moves that were noted; their promises' causes with them."""
        self.env["crm.case.stage.history"]._rebuild(self.cases.ids)
        self.env["crm.case.stage.history"]._count_open()
        self.env["crm.case.promise.time"]._settle()

    def write_ratings(self):
        rated = [(plan, case) for plan, case in self.pairs if plan.rating]
        ratings = self.env["rating.rating"].create(
            [
                {
                    "res_model_id": self.env["ir.model"]._get_id("crm.case"),
                    "res_id": case.id,
                    "parent_res_model_id": self.env["ir.model"]._get_id(
                        "crm.case.team"
                    ),
                    "parent_res_id": case.team_id.id,
                    "rated_partner_id": case.user_id.partner_id.id,
                    "partner_id": case.partner_id.id,
                    "rating": plan.rating,
                    "feedback": plan.feedback,
                    "nps_score": None
                    if plan.recommends is None
                    else str(plan.recommends),
                    "consumed": True,
                }
                for plan, case in rated
            ]
        )
        moments = {r: plan.rated for r, (plan, _c) in zip(ratings, rated, strict=True)}
        for column in ("create_date", "write_date", "rated_on"):
            if self.env["rating.rating"]._fields[column].store:
                self.put("rating.rating", column, moments)
