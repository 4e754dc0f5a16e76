from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

EXIT_REASONS = [
    ("won", "Opportunity won"),
    ("lost", "Opportunity lost"),
    ("opt_out", "Opted out"),
    ("left", "Left the segment"),
    ("archived", "Record archived"),
    ("deleted", "Record deleted"),
    ("undeliverable", "Mail could not be sent"),
    ("manual", "Taken out"),
    ("event", "Something happened that ends it"),
    ("bought", "Bought"),
    ("complaint", "Complained about a mail"),
    ("overdue", "Invoices overdue"),
    ("owner", "The owner took over"),
    ("condition", "Met the condition that ends it"),
    ("step", "Ended by a step"),
    ("moved", "Moved to another campaign"),
    ("merged", "Merged with another one inside"),
    ("version", "Their step was taken out"),
]


class CrmCampaignParticipant(models.Model):
    """One enrolment of one record in a campaign, and how it went.

    Enrolments of a record are numbered; only one is on its way at a time, also by
    e-mail address, so that several leads of one person get one mail.
    """

    _name = "crm.campaign.participant"
    _description = "Campaign Participant"
    _order = "date_entered desc, id desc"

    # no index: the first key of _enrolment_uniq
    campaign_id = fields.Many2one(
        "crm.campaign", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id")
    number = fields.Integer(
        string="Enrolment",
        required=True,
        readonly=True,
        default=1,
        help="How many times the record has entered this campaign.",
    )
    event = fields.Char(
        readonly=True,
        default="",
        export_string_translation=False,
        help="What let them enter: it lets nobody enter twice.",
    )
    # who
    res_model = fields.Char(string="Model", required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="res_model", required=True, readonly=True
    )
    lead_id = fields.Many2one(
        "crm.lead",
        string="Lead/Opportunity",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    email = fields.Char(readonly=True, help="Normalised, when entering.")
    # what may be once on its way at a time: an address, and, where each event counts,
    # an address for each event
    person = fields.Char(readonly=True, export_string_translation=False)
    parallel = fields.Char(readonly=True, default="", export_string_translation=False)
    who = fields.Char(
        compute="_compute_who",
        help="The person, and the enrolment if it is not the first.",
    )
    # how far
    state = fields.Selection(
        [
            ("running", "On the way"),
            ("done", "At the end"),
            ("exited", "Left early"),
            ("failed", "Failed"),
            ("held_out", "Held out"),
        ],
        required=True,
        readonly=True,
        default="running",
    )
    exit_reason = fields.Selection(EXIT_REASONS, string="Why Left", readonly=True)
    date_entered = fields.Datetime(string="Entered", required=True, readonly=True)
    date_left = fields.Datetime(string="Left", readonly=True)
    task_ids = fields.One2many("crm.campaign.task", "participant_id", readonly=True)
    current_step = fields.Char(string="Now At", compute="_compute_current_step")
    journey = fields.Html(compute="_compute_journey", sanitize=False)

    _enrolment_uniq = models.Constraint(
        "UNIQUE(campaign_id, res_model, res_id, number)",
        "Enrolments of a record in a campaign are numbered.",
    )
    _running_uniq = models.UniqueIndex(
        "(campaign_id, res_model, res_id, parallel) WHERE state = 'running'",
        "This record is on its way in the campaign already.",
    )
    _running_person_uniq = models.UniqueIndex(
        "(campaign_id, person, parallel)"
        " WHERE state = 'running' AND person IS NOT NULL",
        "This address is on its way in the campaign already.",
    )
    # enrolment looks for the person, opting out for the address
    _person_idx = models.Index("(person, campaign_id) WHERE person IS NOT NULL")
    _email_idx = models.Index("(email) WHERE email IS NOT NULL AND state = 'running'")

    # ------------------------------------------------------------
    # Computes
    # ------------------------------------------------------------

    @api.depends(
        "partner_id.display_name",
        "lead_id.contact_name",
        "lead_id.partner_name",
        "lead_id.display_name",
        "email",
        "number",
    )
    def _compute_who(self):
        for participant in self:
            # sudo: who sees the journey sees whose it is; the mail address is there too
            lead_sudo = participant.lead_id.sudo()
            partner_sudo = participant.partner_id.sudo()
            who = (
                partner_sudo.display_name
                or lead_sudo.contact_name
                or lead_sudo.partner_name
                or participant.email
                or lead_sudo.display_name
                or self.env._("Deleted record %s", participant.res_id)
            )
            if participant.number > 1:
                who = self.env._(
                    "%(who)s (enrolment %(number)s)",
                    who=who,
                    number=participant.number,
                )
            participant.who = who

    @api.depends("who", "campaign_id.name")
    def _compute_display_name(self):
        for participant in self:
            participant.display_name = (
                f"{participant.who} · {participant.campaign_id.name}"
            )

    @api.depends("task_ids.state", "state", "exit_reason")
    def _compute_current_step(self):
        tasks = self.env["crm.campaign.task"].search(
            [
                ("participant_id", "in", self.ids),
                ("state", "in", ("planned", "reserved", "sending", "failed")),
            ]
        )
        by_participant = tasks.grouped("participant_id")
        for participant in self:
            open_tasks = by_participant.get(participant, tasks.browse())
            participant.current_step = ", ".join(open_tasks.step_id.mapped("name"))

    @api.depends("task_ids.state", "state")
    def _compute_journey(self):
        """The story of one person: what happened when, and why."""
        for participant in self:
            events = participant._get_journey_events()
            participant.journey = Markup(
                '<ul class="o_crm_campaigns_journey list-unstyled mb-0">%s</ul>'
            ) % Markup().join(
                Markup(
                    '<li class="d-flex gap-3 py-1">'
                    '<span class="text-muted text-nowrap">%(date)s</span>'
                    '<i class="fa fa-fw %(icon)s mt-1"/>'
                    "<span>%(text)s</span></li>"
                )
                % {
                    "date": format_datetime(self.env, event["date"], dt_format="short"),
                    "icon": event["icon"],
                    "text": event["text"],
                }
                for event in events
            )

    def _get_journey_events(self):
        """Hook: dicts of ``date``, ``icon`` and ``text``, in order of time."""
        self.ensure_one()
        events = [
            {
                "date": self.date_entered,
                "order": -1,
                "is_entry": True,
                "icon": "fa-sign-in text-primary",
                "text": self.env._("Entered the campaign"),
            }
        ]
        for task in self.task_ids:
            events += task._get_journey_events()
        if self.date_left and self.state != "held_out":
            texts = {
                "done": self.env._("Reached the end"),
                "failed": self.env._("Stopped at a step that failed"),
            }
            reason = dict(self._fields["exit_reason"]._description_selection(self.env))
            events.append(
                {
                    "date": self.date_left,
                    "order": float("inf"),
                    "icon": "fa-flag-checkered"
                    if self.state == "done"
                    else "fa-sign-out text-warning",
                    "text": texts.get(self.state)
                    or self.env._(
                        "Left the campaign: %s",
                        self._get_exit_event_text() or reason.get(self.exit_reason, ""),
                    ),
                }
            )
        return sorted(events, key=lambda event: (event["date"], event.get("order", 0)))

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_exit(self):
        """Take these people out by hand."""
        self.campaign_id.check_access("write")
        self._exit({"manual": self.ids})

    def action_open_record(self):
        self.ensure_one()
        record = self.env[self.res_model].browse(self.res_id).exists()
        if not record:
            raise UserError(self.env._("This record was deleted."))
        record.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": self.res_model,
            "res_id": self.res_id,
            "view_mode": "form",
        }
