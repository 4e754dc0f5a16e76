from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ...tools.bulk import bulk_update
from ...tools.calendar_time import plan_due
from ...tools.worktime import NoWorkingTimeError
from ..sla.crm_sla_target import KINDS as CLOCK_KINDS

STATES = [
    ("open", "Waiting"),
    ("accepted", "Accepted"),
    ("refused", "Refused"),
    ("expired", "Expired"),
    ("withdrawn", "Withdrawn"),
]
CLOCK = "handover"
DEFAULT_HOURS = 8
# hand-overs of one transaction of the scheduler
BATCH_SIZE = 200
# moments handed to the scheduler at once; each run asks for the next one
TRIGGERS_MAX = 50


class CrmHandover(models.Model):
    """Marketing hands a lead over to sales, who accept or refuse it in time.

    Open until the addressee (a seller, or anybody of a team) accepts or refuses, who
    handed it over withdraws it, or the due date passes in silence. The lead keeps its
    owner until somebody accepts. Rows are written by the methods below only.
    """

    _name = "crm.handover"
    _description = "Hand-over"
    _order = "date desc, id desc"
    _rec_name = "lead_id"
    _check_company_auto = True

    # what
    lead_id = fields.Many2one(
        "crm.lead",
        required=True,
        index=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(related="lead_id.partner_id")
    score_grade = fields.Char(related="lead_id.score_grade")
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, precompute=True
    )
    note = fields.Text(help="What sales should know: need, budget, when to call.")
    # who
    from_user_id = fields.Many2one(
        "res.users",
        string="Handed Over by",
        required=True,
        readonly=True,
        default=lambda self: self.env.user,
        index=True,
    )
    to_user_id = fields.Many2one(
        "res.users",
        string="To",
        domain=[("share", "=", False)],
        check_company=True,
        index="btree_not_null",
        help="Empty: whoever of the team takes it.",
    )
    to_team_id = fields.Many2one("crm.team", check_company=True, index="btree_not_null")
    answered_by_id = fields.Many2one(
        "res.users", string="Answered by", readonly=True, index="btree_not_null"
    )
    # when
    date = fields.Datetime(
        string="Handed Over", required=True, readonly=True, default=fields.Datetime.now
    )
    date_due = fields.Datetime(
        string="Answer by",
        readonly=True,
        help="In working time: by the response time policy that holds for the lead, "
        "else within the hours of the setting.",
    )
    date_done = fields.Datetime(string="Answered", readonly=True)
    hours_waited = fields.Float(
        readonly=True,
        aggregator="avg",
        help="From hand-over to answer, round the clock.",
    )
    is_overdue = fields.Boolean(
        string="Overdue", compute="_compute_is_overdue", search="_search_is_overdue"
    )
    # outcome
    state = fields.Selection(STATES, required=True, readonly=True, default="open")
    reason_id = fields.Many2one(
        "crm.handover.reason",
        string="Why Refused",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    reason_note = fields.Text(string="Remark", readonly=True)
    activity_id = fields.Many2one(
        "mail.activity", readonly=True, ondelete="set null", index="btree_not_null"
    )
    can_answer = fields.Boolean(compute="_compute_can")
    can_withdraw = fields.Boolean(compute="_compute_can")

    _open_uniq = models.UniqueIndex(
        "(lead_id) WHERE state = 'open'", "This lead is being handed over already."
    )
    # history outlives the team and the user it names
    _check_addressee = models.Constraint(
        "CHECK(state <> 'open' OR to_user_id IS NOT NULL OR to_team_id IS NOT NULL)",
        "Say to whom, or to which team, the lead is handed over.",
    )
    _due_idx = models.Index("(date_due) WHERE state = 'open'")

    # ------------------------------------------------------------
    # Computes
    # ------------------------------------------------------------

    @api.depends("lead_id.company_id", "to_team_id.company_id")
    def _compute_company_id(self):
        """A lead of no company goes to the company of the team, once accepted."""
        for handover in self:
            handover.company_id = (
                handover.lead_id.company_id or handover.to_team_id.company_id
            )

    @api.depends("state", "date_due")
    def _compute_is_overdue(self):
        now = fields.Datetime.now()
        for handover in self:
            handover.is_overdue = (
                handover.state == "open"
                and bool(handover.date_due)
                and handover.date_due < now
            )

    def _search_is_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("state", "=", "open") & Domain(
            "date_due", "<", fields.Datetime.now()
        )

    @api.depends_context("uid")
    @api.depends("state", "to_user_id", "to_team_id", "from_user_id")
    def _compute_can(self):
        for handover in self:
            is_open = handover.state == "open"
            handover.can_answer = is_open and handover._is_addressee(self.env.user)
            handover.can_withdraw = is_open and handover._is_sender(self.env.user)

    def _is_addressee(self, user):
        """Who may answer: the addressee; of a team, its members; the leader of the
        team; and whoever administers CRM Plus.
        """
        self.ensure_one()
        if user.has_group("crm_plus.crm_plus_group_manager"):
            return True
        # sudo: who is in the team is no secret to who answers
        team_sudo = self.to_team_id.sudo()
        if user == team_sudo.user_id:
            return True
        if self.to_user_id:
            return user == self.to_user_id
        return user in team_sudo.crm_team_member_ids.user_id

    def _is_sender(self, user):
        return user == self.from_user_id or user.has_group(
            "crm_plus.crm_plus_group_manager"
        )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model
    def _get_open_fields(self):
        """Fields that who hands over fills in; the others are kept by the methods."""
        return {"lead_id", "note", "to_user_id", "to_team_id"}

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            for vals in vals_list:
                if vals.keys() - self._get_open_fields():
                    raise AccessError(
                        self.env._("Only leads, addressee and note are given.")
                    )
        Lead = self.env["crm.lead"]
        leads = Lead.browse([vals["lead_id"] for vals in vals_list])
        leads.check_access("write")
        self._check_leads(leads)
        Users = self.env["res.users"]
        for vals in vals_list:
            if vals.get("to_user_id") and not vals.get("to_team_id"):
                # sudo: the team of a colleague, for its leader
                team = Users.sudo().browse(vals["to_user_id"]).sale_team_id
                lead = Lead.browse(vals["lead_id"])
                if not (team.company_id and lead.company_id) or (
                    team.company_id == lead.company_id
                ):
                    vals["to_team_id"] = team.id
        # sudo: rows are written by the system; the lead was checked above
        handovers = super(CrmHandover, self.sudo()).create(
            [{"from_user_id": self.env.uid, **vals} for vals in vals_list]
        )
        handovers._begin()
        return handovers.sudo(self.env.su)

    @api.model
    def _check_leads(self, leads):
        done = leads.filtered(
            lambda lead: lead.won_status != "pending" or not lead.active
        )
        if done:
            raise UserError(
                self.env._(
                    "Only open leads are handed over. Closed: %s",
                    done.mapped("display_name"),
                )
            )
        # sudo: hand-overs of others count
        waiting = self.sudo().search(
            [("lead_id", "in", leads.ids), ("state", "=", "open")]
        )
        if waiting:
            raise UserError(
                self.env._(
                    "Being handed over already: %s",
                    waiting.lead_id.mapped("display_name"),
                )
            )

    # ------------------------------------------------------------
    # Begin
    # ------------------------------------------------------------

    def _begin(self):
        """Due dates, lifecycle, chatter and activities of new hand-overs; in sudo."""
        leads = self.lead_id
        self.env["crm.lifecycle.event"]._reach(leads, "mql", "handover")
        if CLOCK in dict(CLOCK_KINDS):
            leads._sla_start(CLOCK)
        self._plan_due()
        self._store_on_leads()
        leads._message_log_batch(
            {
                handover.lead_id.id: self.env._(
                    "Handed over to %(to)s. %(note)s",
                    to=handover._get_addressee_name(),
                    note=handover.note or "",
                )
                for handover in self
            }
        )
        personal = self.filtered("to_user_id")
        activities = self._create_activities(
            [
                {
                    "res_id": handover.lead_id.id,
                    "user_id": handover.to_user_id.id,
                    "summary": self.env._("Accept or refuse the hand-over"),
                    "note": handover.note,
                    "date_deadline": fields.Date.context_today(
                        handover.with_context(tz=handover.to_user_id.tz),
                        handover.date_due,
                    ),
                }
                for handover in personal
            ]
        )
        for handover, activity in zip(personal, activities, strict=True):
            handover.activity_id = activity
        self._wake(self.mapped("date_due"))

    def _get_addressee_name(self):
        self.ensure_one()
        return self.to_user_id.name or self.to_team_id.name

    def _get_clock_dues(self):
        """``{lead id: due date}`` that response time policies promise."""
        if CLOCK not in dict(CLOCK_KINDS):
            return {}
        clocks = self.env["crm.sla.clock"].search(
            [
                ("res_model", "=", "crm.lead"),
                ("res_id", "in", self.lead_id.ids),
                ("kind", "=", CLOCK),
                ("date_stop", "=", False),
                ("date_due", "!=", False),
            ]
        )
        return {clock.res_id: clock.date_due for clock in clocks}

    def _plan_due(self):
        """The date of the policy that holds; else the hours of the setting, in the
        working time of the lead's team, or its company.
        """
        dues = self._get_clock_dues()
        hours = float(
            self.env["ir.config_parameter"].get_param(
                "crm_plus.handover_hours", DEFAULT_HOURS
            )
        )
        for handover in self.filtered(lambda h: h.lead_id.id not in dues):
            lead = handover.lead_id
            company = lead.company_id or handover.to_team_id.company_id
            company = company or self.env.company
            calendar = handover._get_calendar() or company.resource_calendar_id
            try:
                [due] = plan_due(calendar, [(handover.date, hours * 3600)], company)
            except NoWorkingTimeError:
                due = handover.date + timedelta(hours=hours)
            dues[lead.id] = due
        for handover in self:
            handover.date_due = dues[handover.lead_id.id].replace(microsecond=0)

    def _get_calendar(self):
        """Hook: working hours of the team that answers, if it has its own."""
        self.ensure_one()
        if "resource_calendar_id" in self.to_team_id._fields:
            return self.to_team_id.resource_calendar_id
        return self.lead_id._sla_get_calendar()

    # ------------------------------------------------------------
    # Answers
    # ------------------------------------------------------------

    def _take(self, state):
        """Lock these hand-overs; return in sudo those that are to become ``state``.

        Those that are it already are left out: asking twice does nothing.
        """
        self.lock_for_update()
        closed = self.filtered(lambda h: h.state not in ("open", state))
        if closed:
            states = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "The hand-over of “%(lead)s” is no longer open: %(state)s.",
                    lead=closed[0].sudo().lead_id.display_name,
                    state=states[closed[0].state],
                )
            )
        # sudo: rows are written by these methods only
        return self.filtered(lambda h: h.state == "open").sudo()

    def _check_addressee_is_user(self):
        self.check_access("read")
        if not self.env.su and not all(
            handover._is_addressee(self.env.user) for handover in self
        ):
            raise AccessError(
                self.env._(
                    "Only the addressee, the leader of the team or an administrator "
                    "answers a hand-over."
                )
            )

    def _close(self, state, **values):
        """Close these (open, in sudo), and what waited for the answer."""
        now = fields.Datetime.now()
        rated = state in ("accepted", "refused", "expired")
        for handover in self:  # written together when flushed
            handover.write(
                {
                    "state": state,
                    "date_done": now,
                    "hours_waited": (now - handover.date).total_seconds() / 3600,
                    **values,
                }
            )
        self.activity_id.unlink()
        self._store_on_leads()
        if CLOCK in dict(CLOCK_KINDS):
            if rated:
                self.lead_id._sla_stop(CLOCK)
            else:
                self.lead_id._sla_cancel(CLOCK)

    def action_accept(self):
        """The lead is the addressee's: step *accepted*, and the owner is set."""
        self._check_addressee_is_user()
        taken = self._take("accepted")
        if not taken:
            return True
        taken._close("accepted", answered_by_id=self.env.uid)
        for owner, handovers in taken.grouped(
            lambda h: (h.to_user_id or self.env.user, h.to_team_id)
        ).items():
            user, team = owner
            values = {"user_id": user.id}
            if team:
                values["team_id"] = team.id
            handovers.lead_id.write(values)
        taken.env["crm.lifecycle.event"]._reach(taken.lead_id, "mal", "handover")
        taken.lead_id._message_log_batch(
            dict.fromkeys(
                taken.lead_id.ids,
                self.env._("Hand-over accepted by %s", self.env.user.name),
            ),
            author_id=self.env.user.partner_id.id,
        )
        return True

    def action_refuse(self):
        """Ask for the reason."""
        self._check_addressee_is_user()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Refuse the Hand-over"),
            "res_model": "crm.handover.refuse",
            "view_mode": "form",
            "target": "new",
            "context": {"default_handover_ids": self.ids},
        }

    def _refuse(self, reason, note=None):
        """Back to who handed it over, with an activity that says why."""
        self._check_addressee_is_user()
        taken = self._take("refused")
        if not taken:
            return
        taken._close(
            "refused",
            answered_by_id=self.env.uid,
            reason_id=reason.id,
            reason_note=note,
        )
        text = ": ".join(part for part in (reason.name, note) if part)
        taken.env["crm.lifecycle.event"]._note_refused(taken.lead_id, text)
        message = self.env._("Hand-over refused: %s", text)
        taken.lead_id._message_log_batch(
            dict.fromkeys(taken.lead_id.ids, message),
            author_id=self.env.user.partner_id.id,
        )
        taken._give_back(message)

    def _give_back(self, summary):
        """Leads without answer or refused: an activity for who handed them over."""
        self._create_activities(
            [
                {
                    "res_id": handover.lead_id.id,
                    "user_id": handover.from_user_id.id,
                    "summary": summary,
                    "date_deadline": fields.Date.context_today(
                        handover.with_context(tz=handover.from_user_id.tz)
                    ),
                }
                for handover in self
                if handover.from_user_id.active
            ]
        )

    @api.model
    def _create_activities(self, vals_list):
        model_id = self.env["ir.model"]._get_id("crm.lead")
        activity_type = self.env.ref("mail.mail_activity_data_todo")
        return (
            self.env["mail.activity"]
            .with_context(mail_activity_quick_update=True, mail_create_nosubscribe=True)
            .create(
                [
                    {
                        "res_model_id": model_id,
                        "activity_type_id": activity_type.id,
                        "automated": True,
                        **vals,
                    }
                    for vals in vals_list
                ]
            )
        )

    def action_withdraw(self):
        self.check_access("read")
        if not self.env.su and not all(
            handover._is_sender(self.env.user) for handover in self
        ):
            raise AccessError(
                self.env._("Only who handed the lead over takes it back.")
            )
        taken = self._take("withdrawn")
        if taken:
            taken._withdraw(self.env._("Hand-over withdrawn"))
        return True

    def _withdraw(self, message):
        self._close("withdrawn", answered_by_id=self.env.uid)
        self.lead_id._message_log_batch(dict.fromkeys(self.lead_id.ids, message))

    def action_open_lead(self):
        self.ensure_one()
        self.lead_id.check_access("read")
        return self.lead_id.redirect_lead_opportunity_view()

    # ------------------------------------------------------------
    # Silence
    # ------------------------------------------------------------

    @api.model
    def _wake(self, moments):
        """Have the scheduler come at these moments."""
        # an administrator may have deleted it: then nothing expires
        cron = self.env.ref("crm_plus.ir_cron_expire_handovers", False)
        if cron and moments:
            moments = {
                moment.replace(second=0) + timedelta(minutes=bool(moment.second))
                for moment in moments
            }
            # sudo: whoever hands over wakes the job at the due minute, no more
            cron.sudo()._trigger(sorted(moments)[:TRIGGERS_MAX])

    @api.model
    def _cron_expire(self, batch_size=BATCH_SIZE):
        """Close what nobody answered in time; one batch."""
        domain = Domain("state", "=", "open") & Domain(
            "date_due", "<=", fields.Datetime.now()
        )
        found = self.search(domain, limit=batch_size, order="date_due, id")
        handovers = found.try_lock_for_update().filtered_domain(domain)
        # a clock that was planned again moves the due date
        dues = handovers._get_clock_dues()
        for handover in handovers:
            due = dues.get(handover.lead_id.id)
            if due and due > handover.date_due:
                handover.date_due = due
        handovers.filtered_domain(domain)._expire()
        remaining = self.search_count(domain) if handovers else 0
        following = self.search([("state", "=", "open")], limit=1, order="date_due")
        self._wake(following.mapped("date_due"))
        self.env["ir.cron"]._commit_progress(len(handovers), remaining=remaining)

    def _expire(self):
        """Silence: back to who handed it over, or to the leader of the team."""
        if not self:
            return
        self._close("expired")
        message = self.env._("Hand-over not answered in time")
        self.lead_id._message_log_batch(dict.fromkeys(self.lead_id.ids, message))
        to_leader = self.filtered(
            lambda h: h.to_team_id.handover_silence == "leader" and h.to_team_id.user_id
        )
        for leader, handovers in to_leader.grouped(
            lambda h: h.to_team_id.user_id
        ).items():
            handovers.lead_id.user_id = leader
        self._create_activities(
            [
                {
                    "res_id": handover.lead_id.id,
                    "user_id": handover.to_team_id.user_id.id,
                    "summary": self.env._(
                        "%(to)s did not answer the hand-over of %(by)s",
                        to=handover._get_addressee_name(),
                        by=handover.from_user_id.name,
                    ),
                    "date_deadline": fields.Date.context_today(
                        handover.with_context(tz=handover.to_team_id.user_id.tz)
                    ),
                }
                for handover in to_leader
            ]
        )
        (self - to_leader)._give_back(message)

    # ------------------------------------------------------------
    # Leads
    # ------------------------------------------------------------

    def _store_on_leads(self):
        """Say on the leads who is asked: rules and lists read it there."""
        bulk_update(
            self.env["crm.lead"],
            [
                {
                    "id": handover.lead_id.id,
                    "handover_id": handover.id if is_open else None,
                    "handover_user_id": (is_open and handover.to_user_id.id) or None,
                    "handover_team_id": (is_open and handover.to_team_id.id) or None,
                }
                for handover in self
                for is_open in [handover.state == "open"]
            ],
        )

    @api.model
    def _close_with_leads(self, leads):
        """Withdraw the open hand-overs of leads that are closed by now."""
        waiting = leads.handover_id.filtered(
            lambda h: h.lead_id.won_status != "pending" or not h.lead_id.active
        )
        if waiting:
            waiting._withdraw(self.env._("Hand-over withdrawn: the lead was closed"))

    @api.model
    def _move_leads(self, lead_ids, into_lead_id):
        """Hand-overs of merged leads go on as those of the lead that stays; of two
        open ones one stays open: that of the lead that stays, else the first.
        """
        handovers = self.search([("lead_id", "in", [*lead_ids, into_lead_id])])
        waiting = handovers.filtered(lambda h: h.state == "open")
        if len(waiting) > 1:
            waiting.sorted(lambda h: (h.lead_id.id != into_lead_id, h.date, h.id))[
                1:
            ]._withdraw(self.env._("The leads were merged"))
        handovers.filtered(lambda h: h.lead_id.id != into_lead_id).write(
            {"lead_id": into_lead_id}
        )
        still = handovers.filtered(lambda h: h.state == "open")
        still._store_on_leads()
        if still and CLOCK in dict(CLOCK_KINDS):
            # the clock of a lead that goes, goes with it
            still.lead_id._sla_start(CLOCK, {h.lead_id.id: h.date for h in still})
