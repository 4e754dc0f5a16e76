from odoo import api, fields, models
from odoo.tools import SQL


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
                   AND c.kind = 'first_response'
                   AND c.date_stop IS NULL
                   AND e.active
                   AND e.start >= c.date_start
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
