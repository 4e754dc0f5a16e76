"""Nothing falls through: open leads that nobody is after, and why."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

# the most serious first: it is the one a lead is listed under
REASONS = [
    ("owner_gone", "Owner Gone"),
    ("unanswered", "Unanswered"),
    ("step_overdue", "Next Step Overdue"),
    ("no_activity", "No Next Activity"),
    ("rotting", "Rotting"),
]


class CrmLeadGap(models.Model):
    """One row for each open lead or deal that falls through, with all its reasons.

    - Owner gone: nobody has it, or somebody who was archived or left its team.
    - Unanswered: the first response is overdue.
    - Next step overdue: the promise of the next step is broken.
    - No next activity: nothing is planned. Alerts of broken promises are no plan.
    - Rotting: as Odoo says, longer in its stage than the stage allows.

    A lead that waits for its first response in time is looked after by that promise: it
    needs neither an owner nor an activity yet.
    """

    _name = "crm.lead.gap"
    _description = "Falling Through"
    _auto = False
    _order = "reason, date_since, id"
    _rec_name = "lead_id"

    lead_id = fields.Many2one("crm.lead", readonly=True)
    type = fields.Selection(
        [("lead", "Lead"), ("opportunity", "Opportunity")], readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)
    # of a lead without a company as Odoo shows it: that of the company one works in
    company_currency = fields.Many2one("res.currency", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    stage_id = fields.Many2one("crm.stage", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    expected_revenue = fields.Monetary(
        currency_field="company_currency", readonly=True, aggregator="sum"
    )
    create_date = fields.Datetime(string="Created", readonly=True)
    date_since = fields.Datetime(
        string="Since",
        readonly=True,
        help="When the promise was due or the deal began to rot; else when it last"
        " changed stage.",
    )
    # why
    reason = fields.Selection(REASONS, string="First Reason", readonly=True)
    owner_gone = fields.Boolean(readonly=True)
    unanswered = fields.Boolean(readonly=True)
    step_overdue = fields.Boolean(string="Next Step Overdue", readonly=True)
    no_activity = fields.Boolean(string="No Next Activity", readonly=True)
    rotting = fields.Boolean(readonly=True)
    reasons = fields.Char(
        string="Why", compute="_compute_reasons", help="Everything that is amiss."
    )

    _depends = {
        "crm.lead": [
            "active",
            "company_id",
            "create_date",
            "date_last_stage_update",
            "expected_revenue",
            "partner_id",
            "sla_response_due",
            "stage_id",
            "team_id",
            "type",
            "user_id",
            "won_status",
        ],
        "crm.sla.clock": [
            "date_due",
            "date_paused",
            "date_stop",
            "kind",
            "res_id",
            "res_model",
        ],
        "crm.stage": ["rotting_threshold_days"],
        "crm.team.member": ["active", "crm_team_id", "user_id"],
        "mail.activity": ["active", "res_id", "res_model", "sla_clock_id"],
        "res.company": ["currency_id"],
        "res.users": ["active"],
    }

    @api.depends(*(name for name, _label in REASONS))
    def _compute_reasons(self):
        labels = dict(self._fields["reason"]._description_selection(self.env))
        for gap in self:
            names = [labels[name] for name, _label in REASONS if gap[name]]
            gap.reasons = ", ".join(names)

    @property
    def _table_query(self):
        names = [name for name, _label in REASONS]
        return SQL(
            """
            SELECT g.*,
                   CASE %(cases)s END AS reason,
                   CASE
                        WHEN g.unanswered THEN g.sla_response_due
                        WHEN g.step_overdue THEN g.step_due
                        WHEN g.rotting THEN g.date_rot
                        ELSE COALESCE(g.date_last_stage_update, g.create_date)
                   END AS date_since
              FROM (
                    SELECT l.id, l.id AS lead_id, l.type, l.company_id, l.team_id,
                           l.user_id, l.stage_id, l.partner_id, l.expected_revenue,
                           co.currency_id AS company_currency,
                           l.create_date, l.date_last_stage_update,
                           l.sla_response_due, c.date_due AS step_due, s.date_rot,
                           COALESCE(l.sla_response_due < %(now)s, FALSE) AS unanswered,
                           COALESCE(c.date_due < %(now)s, FALSE) AS step_overdue,
                           COALESCE(s.date_rot <= %(now)s, FALSE) AS rotting,
                           -- who waits in time is looked after
                           COALESCE(l.sla_response_due, %(now)s) <= %(now)s
                           AND %(needs_activity)s
                           AND NOT EXISTS (
                                SELECT FROM mail_activity AS a
                                 WHERE a.res_model = 'crm.lead'
                                   AND a.res_id = l.id
                                   AND a.active
                                   AND a.sla_clock_id IS NULL
                           ) AS no_activity,
                           CASE WHEN l.user_id IS NULL
                                THEN COALESCE(l.sla_response_due, %(now)s) <= %(now)s
                                ELSE u.active IS NOT TRUE
                                     OR m.was_member AND NOT m.is_member
                           END AS owner_gone
                      FROM crm_lead AS l
                      JOIN res_company AS co
                        ON co.id = COALESCE(l.company_id, %(company)s)
                 LEFT JOIN res_users AS u ON u.id = l.user_id
                 LEFT JOIN crm_sla_clock AS c
                        ON c.res_model = 'crm.lead'
                       AND c.res_id = l.id
                       AND c.kind = 'next_step'
                       AND c.date_stop IS NULL
                       AND c.date_paused IS NULL
                 LEFT JOIN LATERAL (
                            SELECT l.date_last_stage_update
                                   + st.rotting_threshold_days * interval '1 day'
                                   AS date_rot
                              FROM crm_stage AS st
                             WHERE st.id = l.stage_id
                               AND st.rotting_threshold_days > 0
                               AND l.type = 'opportunity'
                           ) AS s ON TRUE
                CROSS JOIN LATERAL (
                            SELECT COALESCE(bool_or(tm.active), FALSE) AS is_member,
                                   COALESCE(bool_or(NOT tm.active), FALSE) AS was_member
                              FROM crm_team_member AS tm
                             WHERE tm.crm_team_id = l.team_id
                               AND tm.user_id = l.user_id
                           ) AS m
                     WHERE l.active
                       AND l.won_status = 'pending'
                   ) AS g
             WHERE %(any_reason)s
            """,
            cases=SQL(" ").join(
                SQL("WHEN %s THEN %s", SQL.identifier("g", name), name)
                for name in names
            ),
            any_reason=SQL(" OR ").join(SQL.identifier("g", name) for name in names),
            needs_activity=(
                SQL("l.type = 'opportunity'")
                if self._get_activity_scope() == "opportunity"
                else SQL("TRUE")
            ),
            company=self.env.company.id,
            now=fields.Datetime.now(),
        )

    @api.model
    def _get_activity_scope(self):
        """Whether leads need a next activity too, or opportunities only."""
        # a setting, read by whoever opens the list
        params = self.env["ir.config_parameter"].sudo()
        return params.get_param("crm_plus.gap_activity_scope", "all")

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_open_lead(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.lead",
            "res_id": self.lead_id.id,
            "views": [(False, "form")],
        }

    def action_schedule_activity(self):
        """Plan the next activity of all these leads at once."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Schedule Activity"),
            "res_model": "mail.activity.schedule",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "active_model": "crm.lead",
                "active_id": self[:1].lead_id.id,
                "active_ids": self.lead_id.ids,
            },
        }

    def action_reassign(self):
        """Give these leads to somebody else, by the assignment rules where there are
        some; else to nobody: then they wait in the queue.
        """
        leads = self.lead_id
        leads.check_access("write")
        leads._sla_reassign("manual")
        assigned = len(leads.filtered("user_id"))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if assigned else "info",
                "message": self.env._(
                    "%(assigned)s assigned, %(queued)s back in the queue.",
                    assigned=assigned,
                    queued=len(leads) - assigned,
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmLead(models.Model):
    _inherit = "crm.lead"

    gap_reason = fields.Selection(
        REASONS,
        string="Falls Through",
        compute="_compute_gap_reason",
        search="_search_gap_reason",
        help="Why nobody is after this lead: the first reason of possibly several.",
    )

    @api.depends(
        "active",
        "activity_ids",
        "sla_due",
        "sla_response_due",
        "stage_id",
        "user_id",
        "won_status",
    )
    def _compute_gap_reason(self):
        gaps = self.env["crm.lead.gap"].search_fetch(
            [("id", "in", self.ids)], ["reason"]
        )
        reasons = {gap.id: gap.reason for gap in gaps}
        for lead in self:
            lead.gap_reason = reasons.get(lead._origin.id, False)

    def _search_gap_reason(self, operator, value):
        """Leads with that reason, be it the first or not."""
        if operator != "in":
            return NotImplemented
        # who may see the leads is judged by the search this is part of
        Gap = self.env["crm.lead.gap"].sudo()
        result = Domain.FALSE
        known = {name for name, _label in REASONS}.intersection(value)
        if known:
            domain = Domain.OR(Domain(name, "=", True) for name in sorted(known))
            result |= Domain("id", "in", Gap._search(domain))
        if False in value:
            result |= Domain("id", "not in", Gap._search([]))
        return result
