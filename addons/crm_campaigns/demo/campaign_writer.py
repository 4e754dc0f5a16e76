"""Writes the journeys of a ``CampaignPlot``: mails are in the past, none is sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from odoo.addons.crm_plus.demo.base_writer import BaseWriter

# addresses that are reserved for documentation
CLICK_IP = "192.0.2.7"
REPLIES = (
    "thank you, the box sounds good. Please send one with the filter coffees.",
    "not now, please ask again in two months.",
    "could you call me on Friday? I have questions about the grind.",
)
RECENT = timedelta(days=4)


@dataclass
class Person:
    name: str
    email: str

    @property
    def first_name(self):
        return self.name.split()[0]


@dataclass
class Mail:
    date: datetime
    incoming: bool
    text: str
    subject: str
    is_machine: bool = False


class CampaignWriter(BaseWriter):
    """One campaign: participants with their tasks, traces, clicks and activities."""

    def __init__(self, env, plot, campaign, steps, url):
        """
        :param steps: ``{code of the plot: crm.campaign.step}``
        :param url: where the links of the mails lead
        """
        super().__init__(env, plot.now)
        self.plot = plot
        self.campaign = campaign
        self.steps = steps
        self.url = url
        self.model = campaign.segment_id.target
        self.records = {}
        self.participants = env["crm.campaign.participant"]

    def run(self, started, stopped=None):
        self.records = {
            record.id: record
            for record in self.env[self.model].browse(
                journey.entrant.key for journey in self.plot.journeys
            )
        }
        pairs = self._write_participants()
        done = self._write_tasks(pairs)
        self._write_mails([(t, rec) for t, rec in done if t.clicks is not None])
        self._write_replies(pairs)
        self._write_activities(pairs)
        self._write_opt_outs()
        self._write_campaign(started, stopped)
        self.env.flush_all()

    def _write_participants(self):
        members = {
            member.res_id: member for member in self.campaign.segment_id.member_ids
        }
        nobody = self.env["crm.segment.member"]
        journeys = self.plot.journeys
        vals_list = []
        for journey in journeys:
            record = self.records[journey.entrant.key]
            is_lead = self.model == "crm.lead"
            vals_list.append(
                {
                    "campaign_id": self.campaign.id,
                    "event": str(members.get(record.id, nobody).id or ""),
                    "res_model": self.model,
                    "res_id": record.id,
                    "lead_id": record.id if is_lead else False,
                    "partner_id": record.partner_id.id if is_lead else record.id,
                    "email": record.email_normalized,
                    "person": record.email_normalized,
                    "state": journey.state,
                    "exit_reason": journey.exit_reason,
                    "date_entered": journey.entrant.entered,
                    "date_left": journey.left,
                }
            )
        self.participants = self.env["crm.campaign.participant"].create(vals_list)
        return list(zip(journeys, self.participants, strict=True))

    def _write_tasks(self, pairs):
        """Returns ``[(task of the plot, record)]`` of what was done."""
        Participant = self.env["crm.campaign.participant"]
        vals_list, plans = [], []
        for journey, participant in pairs:
            for task in journey.tasks:
                reason = self._get_task_reason(task, participant)
                if task.state == "skipped":
                    reason = Participant._get_exit_text(journey.exit_reason)
                plans.append(task)
                vals_list.append(
                    {
                        "participant_id": participant.id,
                        "campaign_id": self.campaign.id,
                        "step_id": self.steps[task.step].id,
                        "state": task.state,
                        "outcome": task.outcome,
                        "reason": reason,
                        "date_planned": task.planned,
                        "date_reserved": task.done if task.state == "done" else False,
                        "date_done": task.done,
                        "attempts": int(task.state == "done"),
                    }
                )
        tasks = self.env["crm.campaign.task"].create(vals_list)
        self.put(
            "crm.campaign.task",
            "create_date",
            {
                record: min(task.planned, self.now)
                for task, record in zip(plans, tasks, strict=True)
            },
        )
        return [
            (task, record)
            for task, record in zip(plans, tasks, strict=True)
            if task.state == "done"
        ]

    def _get_task_reason(self, task, participant):
        """As the engine would word it."""
        step = self.steps[task.step]
        if task.outcome == "yes":
            return self.url
        if step.kind == "activity" and task.state == "done":
            record = self.records[participant.res_id]
            owner = record.user_id or self.campaign.user_id
            return f"{step.activity_type_id.name} for {owner.name}"
        return False

    def _write_mails(self, done):
        mails = [
            (task, record) for task, record in done if record.step_id.kind == "mail"
        ]
        traces = self.env["mailing.trace"].create(
            [
                {
                    "crm_campaign_task_id": record.id,
                    "mass_mailing_id": record.step_id.mailing_id.id,
                    "model": self.model,
                    "res_id": record.participant_id.res_id,
                    "email": record.participant_id.email,
                    "message_id": f"<demo-task-{record.id}@saltwind.example>",
                    "trace_status": self._get_status(task),
                    "failure_type": "mail_bounce" if task.bounced else False,
                    "sent_datetime": task.done,
                    "open_datetime": task.opened or task.replied,
                    "reply_datetime": task.replied,
                    "links_click_datetime": task.clicks[-1][0]
                    if task.clicks
                    else False,
                }
                for task, record in mails
            ]
        )
        last = {
            trace: max(
                date
                for date in (task.done, task.opened, task.replied, task.bounced)
                if date
            )
            for trace, (task, _record) in zip(traces, mails, strict=True)
        }
        self.put("mailing.trace", "write_date", last)
        self.put(
            "mailing.trace",
            "create_date",
            {t: task.done for t, (task, _r) in zip(traces, mails, strict=True)},
        )
        self._write_clicks(
            [
                (trace, *click)
                for trace, (task, _record) in zip(traces, mails, strict=True)
                for click in task.clicks
            ]
        )
        for mailing in traces.mass_mailing_id:
            sent = traces.filtered(lambda t, m=mailing: t.mass_mailing_id == m)
            mailing.with_context(crm_campaigns_engine=True).write(
                {
                    "state": "done",
                    "sent_date": max(sent.mapped("sent_datetime")),
                    "kpi_mail_required": False,
                }
            )

    def _get_status(self, task):
        if task.bounced:
            return "bounce"
        if task.replied:
            return "reply"
        return "open" if task.opened or task.clicks else "sent"

    def _write_clicks(self, clicks):
        links = {
            mailing: self.env["link.tracker"].create(
                {
                    "url": self.url,
                    "title": mailing.subject,  # else it is read from the web
                    "label": "Order the box" if "box" in self.url else "See the lots",
                    "mass_mailing_id": mailing.id,
                    "campaign_id": mailing.campaign_id.id,
                    "source_id": mailing.source_id.id,
                    "medium_id": mailing.medium_id.id,
                }
            )
            for mailing in {trace.mass_mailing_id for trace, _date, _machine in clicks}
        }
        records = self.env["link.tracker.click"].create(
            [
                {
                    "link_id": links[trace.mass_mailing_id].id,
                    "mailing_trace_id": trace.id,
                    "mass_mailing_id": trace.mass_mailing_id.id,
                    "ip": CLICK_IP,
                    "machine_reason": machine,
                }
                for trace, _date, machine in clicks
            ]
        )
        self.put(
            "link.tracker.click",
            "create_date",
            {
                record: date
                for record, (_trace, date, _machine) in zip(
                    records, clicks, strict=True
                )
            },
        )
        # told from the dates that were put
        self.env.invalidate_all()
        records.mailing_trace_id._recompute_human()

    def _write_replies(self, pairs):
        if self.model != "crm.lead":
            return
        vals_list = []
        for journey, participant in pairs:
            lead = self.records[participant.res_id]
            person = Person(
                lead.contact_name or lead.partner_id.name, participant.email
            )
            for task in journey.tasks:
                if not task.replied:
                    continue
                mail = Mail(
                    task.replied,
                    True,
                    self.plot.random.choice(REPLIES),
                    f"Re: {self.steps[task.step].subject}",
                )
                vals_list.append(
                    self.mail_values(
                        "crm.lead", lead, mail, person, lead.partner_id, lead.user_id
                    )
                )
        self.post(sorted(vals_list, key=lambda values: values["date"]))

    def _write_activities(self, pairs):
        """Recent ones are open; on leads, older ones were done: a call."""
        planned, called = [], []
        activities = self.env.ref("mail.mt_activities")
        for journey, participant in pairs:
            record = self.records[participant.res_id]
            owner = record.user_id or self.campaign.user_id
            for task in journey.tasks:
                step = self.steps[task.step]
                if step.kind != "activity" or task.state != "done":
                    continue
                due = task.done + timedelta(days=step.activity_days)
                if task.done > self.now - RECENT:
                    planned.append(
                        {
                            "activity_type_id": step.activity_type_id.id,
                            "summary": step.activity_summary,
                            "note": step.activity_note,
                            "date_deadline": due.date(),
                            "res_model_id": self.env["ir.model"]._get_id(self.model),
                            "res_id": record.id,
                            "user_id": owner.id,
                            "automated": True,
                        }
                    )
                elif due < self.now and self.model == "crm.lead":
                    called.append(
                        {
                            "model": self.model,
                            "res_id": record.id,
                            "message_type": "notification",
                            "author_id": owner.partner_id.id,
                            "email_from": owner.email_formatted,
                            "mail_activity_type_id": step.activity_type_id.id,
                            "subtype_id": activities.id,
                            "date": due,
                            "body": f"{step.activity_summary}: box sent, they brew it "
                            "with the team next week.",
                        }
                    )
        self.env["mail.activity"].create(planned)
        self.post(sorted(called, key=lambda values: values["date"]))

    def _write_opt_outs(self):
        """Who had enough is blocked since then."""
        gone = self.participants.filtered(lambda p: p.exit_reason == "opt_out")
        blocked = {p.email: p.date_left for p in gone if p.email}
        records = self.env["mail.blacklist"].create(
            [{"email": email} for email in blocked]
        )
        for column in ("date_blocked", "create_date"):
            self.put("mail.blacklist", column, {r: blocked[r.email] for r in records})

    def _write_campaign(self, started, stopped):
        """Past the ORM: starting by the button would send mails to everybody today."""
        campaign = self.campaign
        self.put(
            "crm.campaign", "state", {campaign: "stopped" if stopped else "running"}
        )
        self.put("crm.campaign", "state_order", {campaign: 3 if stopped else 1})
        self.put("crm.campaign", "date_started", {campaign: started})
        self.put("crm.campaign", "date_stopped", {campaign: stopped})
        self.put("crm.campaign", "date_looked", {campaign: stopped or self.now})
        version = campaign.version_id
        self.put("crm.campaign.version", "date_published", {version: started})
        self.put("crm.campaign.version", "user_id", {version: campaign.user_id.id})
        made = started - timedelta(days=3)
        self.put("crm.campaign", "create_date", {campaign: made})
        for column in ("date", "create_date"):
            self.put(
                "mail.message", column, dict.fromkeys(campaign.message_ids.ids, made)
            )
        self.put(
            "crm.campaign",
            "date_segment",
            {campaign: campaign.segment_id.date_refreshed},
        )
