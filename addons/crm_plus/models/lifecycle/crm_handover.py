from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

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
