from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, sql

WAITING = Domain("kind", "=", "first_response") & Domain("date_stop", "=", False)


class CrmLead(models.Model):
    """First response: from the creation of a lead to the first time a person of ours
    writes, calls or meets. Won counts as answered; lost or archived, nobody waits.
    """

    _name = "crm.lead"
    # the mixin first: it extends hooks of mail.thread
    _inherit = ["crm.sla.mixin", "crm.lead"]

    _sla_priority_field = "priority"
    # the company of a lead follows its team and salesperson
    _sla_calendar_fields = ("team_id", "user_id")
    _sla_due_fields = {"sla_due": (), "sla_response_due": ("first_response",)}

    sla_response_due = fields.Datetime(
        string="Respond by",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="When the first response is due, while it is waited for.",
    )
    sla_response_is_overdue = fields.Boolean(
        string="First Response Overdue",
        compute="_compute_sla_response_is_overdue",
        search="_search_sla_response_is_overdue",
    )
    is_waiting_response = fields.Boolean(
        string="Waiting for First Response",
        compute="_compute_is_waiting_response",
        search="_search_is_waiting_response",
        help="Nobody has written, called or met yet, whether it was promised or not.",
    )

    def _auto_init(self):
        """Leads that wait already keep their promise when the column comes."""
        is_new = not sql.column_exists(self.env.cr, self._table, "sla_response_due")
        result = super()._auto_init()
        if is_new and sql.table_exists(self.env.cr, "crm_sla_clock"):
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE crm_lead AS l
                       SET sla_response_due = c.date_due
                      FROM crm_sla_clock AS c
                     WHERE c.res_model = 'crm.lead'
                       AND c.res_id = l.id
                       AND c.kind = 'first_response'
                       AND c.date_stop IS NULL
                       AND c.date_paused IS NULL
                       AND c.date_due IS NOT NULL
                    """
                )
            )
        return result

    @api.depends("sla_response_due")
    def _compute_sla_response_is_overdue(self):
        now = fields.Datetime.now()
        for lead in self:
            due = lead.sla_response_due
            lead.sla_response_is_overdue = bool(due) and due < now

    def _search_sla_response_is_overdue(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("sla_response_due", "<", fields.Datetime.now())

    @api.depends("sla_clock_ids.date_stop")
    def _compute_is_waiting_response(self):
        clocks = self._sla_clocks()._search_open(self, ["first_response"])
        ids = set(clocks.mapped("res_id"))
        for lead in self:
            lead.is_waiting_response = lead.id in ids

    def _search_is_waiting_response(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("sla_clock_ids", "any", WAITING)

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        if not self.env.context.get("crm_plus_skip_sla"):
            leads.filtered(lambda lead: lead._sla_is_waiting())._sla_start(
                "first_response"
            )
        return leads

    def write(self, vals):
        follows = vals.keys() & {"active", "stage_id", "probability", "won_status"}
        waiting = self.filtered(lambda lead: lead._sla_is_waiting()) if follows else ()
        result = super().write(vals)
        if follows:
            self._sla_follow_status(waiting)
        return result

    def _sla_get_calendar(self):
        return self.team_id.resource_calendar_id

    def _sla_is_waiting(self):
        return self.active and self.won_status == "pending"

    def _sla_follow_status(self, waiting):
        """Stop the clocks of leads that are done; start those that come back
        unanswered.

        :param waiting: the leads of ``self`` that waited before the change
        """
        done = self.filtered(lambda lead: not lead._sla_is_waiting())
        won = done.filtered(lambda lead: lead.won_status == "won")
        won._sla_stop(self._sla_answer_kinds)
        won._sla_cancel(("next_step", "handover"))
        (done - won)._sla_cancel()
        back = self - done - self.browse(lead.id for lead in waiting)
        if back:
            answered = self._sla_clocks().search_fetch(
                [
                    ("res_model", "=", self._name),
                    ("res_id", "in", back.ids),
                    ("kind", "=", "first_response"),
                    ("date_stop", "!=", False),
                    ("outcome", "!=", "cancelled"),
                ],
                ["res_id"],
            )
            ids = set(answered.mapped("res_id"))
            back.filtered(lambda lead: lead.id not in ids)._sla_start("first_response")

    @api.model
    def _sla_stop_contacted(self):
        """A meeting answers its lead when it begins, unless moved or cancelled."""
        self.env["crm.sla.clock"].flush_model(
            ["res_model", "res_id", "kind", "date_start", "date_stop"]
        )
        self.env["calendar.event"].flush_model(["opportunity_id", "start", "active"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT min(e.start), e.opportunity_id
                  FROM crm_sla_clock AS c
                  JOIN calendar_event AS e ON e.opportunity_id = c.res_id
                 WHERE c.res_model = 'crm.lead'
                   AND (
                       c.kind = 'first_response' AND e.start >= c.date_start
                       -- the meeting that started this wait does not end it
                       OR c.kind = 'next_step' AND e.start > c.date_start
                   )
                   AND c.date_stop IS NULL
                   AND e.active
                   AND e.start <= %s
              GROUP BY e.opportunity_id
                """,
                fields.Datetime.now(),
            )
        )
        by_start = {}
        for start, lead_id in rows:
            by_start.setdefault(start, []).append(lead_id)
        for start, lead_ids in by_start.items():
            # one moment, one call: meetings of one minute are few
            self.browse(lead_ids)._sla_on_human_answer(start)
