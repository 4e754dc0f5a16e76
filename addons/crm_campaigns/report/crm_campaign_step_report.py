from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

from ..models.campaign.crm_campaign_figures import MESSAGE_SUMS
from ..models.campaign.crm_campaign_result import RESULT_DEPENDS

# KPI 50
OPT_OUT_DAYS = 7
# a step is the same in all versions that have it
SAME_STEP = SQL("COALESCE(s.latest_id, s.id)")
TASK_SUMS = ("people", "waiting", "done", "skipped", "failed")
MAIL_SUMS = (*MESSAGE_SUMS, "unsubscribed", "complained")
# KPI 39 to 41 and 50
MAIL_RATIOS = {
    "open_rate": ("opened", "mails", 100),
    "open_rate_raw": ("opened_raw", "mails", 100),
    "click_rate": ("clicked", "mails", 100),
    "click_rate_raw": ("clicked_raw", "mails", 100),
    "reply_rate": ("replied", "mails", 100),
    "bounce_rate": ("bounced", "tried", 100),
    "unsubscribe_rate": ("unsubscribed", "delivered", 100),
}


class CrmCampaignMailFigures(models.AbstractModel):
    """What became of the mails of campaigns: by people, and raw, with machines.

    One mail is one person at one step. Figures of people are not those of machines:
    see ``link.tracker.click`` and the timeline.
    """

    _name = "crm.campaign.mail.figures"
    _description = "Figures of Campaign Mails"
    _inherit = ["crm.ratio.mixin"]

    sent = fields.Integer(readonly=True)
    mails = fields.Integer(
        readonly=True,
        help="Neither failed nor bounced: what rates are of (KPI 39, 40).",
    )
    tried = fields.Integer(string="Mails and Bounces", readonly=True)
    delivered = fields.Integer(readonly=True)
    opened = fields.Integer(
        readonly=True,
        help="By people: not by the machine of a mail gateway, or clicked or answered "
        "later.",
    )
    opened_raw = fields.Integer(
        string="Opened (Raw)", readonly=True, help="By people and machines."
    )
    clicked = fields.Integer(
        readonly=True, help="Mails of which a person clicked a link."
    )
    clicked_raw = fields.Integer(
        string="Clicked (Raw)", readonly=True, help="By people and machines."
    )
    replied = fields.Integer(
        string="Answered", readonly=True, help="Without automatic answers."
    )
    bounced = fields.Integer(readonly=True)
    unsubscribed = fields.Integer(
        readonly=True, help="Opted out within 7 days after the mail (KPI 50)."
    )
    complained = fields.Integer(
        readonly=True, help="Called it spam within 7 days after the mail."
    )
    open_rate = fields.Float(
        string="Opened (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    open_rate_raw = fields.Float(
        string="Opened, Raw (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    click_rate = fields.Float(
        string="Clicked (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    click_rate_raw = fields.Float(
        string="Clicked, Raw (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    reply_rate = fields.Float(
        string="Answered (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    bounce_rate = fields.Float(
        string="Bounced (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    unsubscribe_rate = fields.Float(
        string="Unsubscribed (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )

    @api.model
    def _read_mails(self, steps, names, is_version=False):
        """``{step id: {name: number}}`` of those of these steps that have messages, in
        one query.

        :param steps: of one campaign
        :param names: of ``MAIL_SUMS``
        :param is_version: of each in its own version, not in all that have it
        """
        if not steps:
            return {}
        for model, columns in MAIL_DEPENDS.items():
            self.env[model].flush_model(columns)
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT m.step_id, %s FROM (%s) m
                 WHERE m.campaign_id = %s AND m.step_id = ANY(%s)
                """,
                # what is not asked for is not computed
                SQL(", ").join(SQL.identifier("m", name) for name in names),
                self._get_mails_query(SQL("s.id") if is_version else SAME_STEP),
                steps.campaign_id.id,
                steps.ids,
            )
        )
        return {row["step_id"]: row for row in rows}

    @api.model
    def _get_mails_query(self, step=SAME_STEP):
        """SQL of ``MAIL_SUMS`` of each ``step_id``, with its ``campaign_id``.

        :param step: SQL of what a step ``s`` is counted as
        """
        return SQL(
            """
            SELECT s.campaign_id, %(step)s AS step_id,
                   count(t.sent_datetime) AS sent,
                   count(*) FILTER (
                       WHERE t.trace_status NOT IN ('cancel', 'bounce', 'error'))
                       AS mails,
                   count(*) FILTER (
                       WHERE t.trace_status NOT IN ('cancel', 'error')) AS tried,
                   count(*) FILTER (
                       WHERE t.trace_status IN ('sent', 'open', 'reply')) AS delivered,
                   count(*) FILTER (
                       WHERE t.trace_status IN ('open', 'reply')) AS opened_raw,
                   count(*) FILTER (
                       WHERE t.trace_status IN ('open', 'reply')
                         AND (click.is_human OR t.reply_datetime IS NOT NULL
                              OR NOT (%(is_machine)s))) AS opened,
                   count(*) FILTER (
                       WHERE t.trace_status NOT IN ('cancel', 'bounce', 'error')
                         AND click.is_human IS NOT NULL) AS clicked_raw,
                   count(*) FILTER (
                       WHERE t.trace_status NOT IN ('cancel', 'bounce', 'error')
                         AND click.is_human) AS clicked,
                   count(*) FILTER (WHERE t.trace_status = 'reply') AS replied,
                   count(*) FILTER (WHERE t.trace_status = 'bounce') AS bounced,
                   count(*) FILTER (WHERE %(opted_out)s) AS unsubscribed,
                   count(*) FILTER (WHERE EXISTS (
                       SELECT FROM crm_mail_bounce b
                        WHERE b.email_normalized = p.email AND b.kind = 'complaint'
                          AND b.outcome <> 'unverified'
                          AND %(b_date)s)) AS complained
              FROM crm_campaign_step s
              JOIN crm_campaign_task k ON k.step_id = s.id
              JOIN crm_campaign_participant p ON p.id = k.participant_id
              JOIN mailing_trace t ON t.crm_campaign_task_id = k.id
         LEFT JOIN LATERAL (
                SELECT bool_or(c.machine_reason IS NULL) AS is_human
                  FROM link_tracker_click c WHERE c.mailing_trace_id = t.id
              ) click ON TRUE
          GROUP BY 1, 2
            """,
            step=step,
            is_machine=self.env["crm.touchpoint"]._get_open_is_machine(),
            opted_out=self._get_opted_out_condition(),
            b_date=self._get_soon_condition(SQL("b.date")),
        )

    @api.model
    def _get_soon_condition(self, date):
        """SQL of whether something happened soon after the mail of trace ``t``."""
        return SQL(
            "%(date)s >= t.sent_datetime"
            " AND %(date)s < t.sent_datetime + %(days)s * interval '1 day'",
            date=date,
            days=OPT_OUT_DAYS,
        )

    @api.model
    def _get_opted_out_condition(self):
        """Hook: SQL of whether participant ``p`` opted out soon after trace ``t``."""
        return SQL(
            """
            EXISTS (SELECT FROM mail_blacklist b
                     WHERE b.email = p.email AND b.is_bounce_block IS NOT TRUE
                       AND %(blocked)s)
            OR EXISTS (SELECT FROM mailing_contact m
                         JOIN mailing_subscription u ON u.contact_id = m.id
                        WHERE m.email_normalized = p.email AND u.opt_out
                          AND %(left)s)
            """,
            blocked=self._get_soon_condition(SQL("b.date_blocked")),
            left=self._get_soon_condition(SQL("u.opt_out_datetime")),
        )


MAIL_DEPENDS = {
    "crm.campaign.step": ["campaign_id", "latest_id"],
    "crm.campaign.task": ["participant_id", "step_id"],
    "crm.mail.bounce": ["date", "email_normalized", "kind", "outcome"],
    "link.tracker.click": ["machine_reason", "mailing_trace_id"],
    "mail.blacklist": ["date_blocked", "email", "is_bounce_block"],
    "mailing.contact": ["email_normalized"],
    "mailing.subscription": ["contact_id", "opt_out", "opt_out_datetime"],
    "mailing.trace": [
        "crm_campaign_task_id",
        "human_open_datetime",
        "open_datetime",
        "reply_datetime",
        "sent_datetime",
        "trace_status",
    ],
}


class CrmCampaignStepReport(models.Model):
    """The funnel of a campaign: a row a step.

    Who reached it, how many of those who entered and of those at the step before, how
    long it took them; what became of its mails; who reached what the campaign is for,
    and was invoiced, after it was done, within the time that counts.
    """

    _name = "crm.campaign.step.report"
    _description = "Funnel of Campaigns"
    _inherit = ["crm.campaign.mail.figures"]
    _auto = False
    _order = "campaign_id, position, id"
    _rec_name = "step_id"
    _depends = {
        **RESULT_DEPENDS,
        **MAIL_DEPENDS,
        "crm.campaign.step": ["campaign_id", "latest_id", "parent_id", "position"],
        "crm.campaign.task": [
            "date_done",
            "occurrence",
            "participant_id",
            "state",
            "step_id",
        ],
        "res.company": ["currency_id"],
    }
    _ratios = {
        **MAIL_RATIOS,
        "reach_rate": ("people", "entered", 100),
        "step_rate": ("people", "before", 100),
    }

    campaign_id = fields.Many2one("crm.campaign", readonly=True)
    step_id = fields.Many2one("crm.campaign.step", readonly=True)
    outline = fields.Char(related="step_id.outline", string="Outline")
    kind = fields.Selection(related="step_id.kind")
    position = fields.Integer(string="#", readonly=True, aggregator=None)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    # who
    entered = fields.Integer(
        readonly=True, aggregator="max", help="People in the campaign, not held out."
    )
    before = fields.Integer(
        string="At the Step Before",
        readonly=True,
        aggregator=None,
        help="People who reached the step before; at the first one, who entered.",
    )
    people = fields.Integer(string="Reached", readonly=True)
    waiting = fields.Integer(readonly=True)
    done = fields.Integer(readonly=True)
    skipped = fields.Integer(readonly=True)
    failed = fields.Integer(readonly=True)
    reach_rate = fields.Float(
        string="Of All (%)", readonly=True, digits=(16, 1), aggregator="avg"
    )
    step_rate = fields.Float(
        string="Of the Step Before (%)",
        readonly=True,
        digits=(16, 1),
        aggregator="avg",
    )
    hours = fields.Float(
        string="Hours (Median)",
        readonly=True,
        digits=(16, 1),
        aggregator=None,
        help="From when the step before was done until this one was; of the first one, "
        "from entering.",
    )
    # what came of it
    reached = fields.Integer(
        string="Success",
        readonly=True,
        aggregator="max",
        help="People who reached what the campaign is for after this step was done.",
    )
    revenue = fields.Monetary(
        string="Invoiced",
        readonly=True,
        aggregator="max",
        groups=MONEY_GROUPS,
        help="To people after this step was done: posted invoices less credit notes, "
        "untaxed, within the time that counts.",
    )
    margin = fields.Monetary(readonly=True, aggregator="max", groups=MONEY_GROUPS)
    paid = fields.Monetary(readonly=True, aggregator="max", groups=MONEY_GROUPS)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT f.*, %(ratios)s
              FROM (
                SELECT s.id, s.id AS step_id, s.campaign_id, s.position, c.company_id,
                       y.currency_id, %(sums)s,
                       COALESCE(e.people, 0) AS entered,
                       CASE WHEN s.parent_id IS NULL THEN COALESCE(e.people, 0)
                            ELSE COALESCE(b.people, 0) END AS before,
                       h.hours, COALESCE(g.people, 0) AS reached,
                       COALESCE(v.revenue, 0) AS revenue,
                       COALESCE(v.margin, 0) AS margin, COALESCE(v.paid, 0) AS paid
                  FROM crm_campaign_step s
                  JOIN crm_campaign c ON c.id = s.campaign_id
                  JOIN res_company y ON y.id = c.company_id
             LEFT JOIN (
                    SELECT campaign_id, count(*) AS people
                      FROM crm_campaign_participant
                     WHERE state <> 'held_out'
                  GROUP BY campaign_id
                  ) e ON e.campaign_id = s.campaign_id
             LEFT JOIN (%(tasks)s) k
                    ON k.campaign_id = s.campaign_id AND k.step_id = s.id
             LEFT JOIN (%(tasks)s) b
                    ON b.campaign_id = s.campaign_id AND b.step_id = s.parent_id
             LEFT JOIN (%(hours)s) h
                    ON h.campaign_id = s.campaign_id AND h.step_id = s.id
             LEFT JOIN (%(mails)s) m
                    ON m.campaign_id = s.campaign_id AND m.step_id = s.id
             LEFT JOIN (%(reached)s) g
                    ON g.campaign_id = s.campaign_id AND g.step_id = s.id
             LEFT JOIN (%(sold)s) v
                    ON v.campaign_id = s.campaign_id AND v.step_id = s.id
                 WHERE s.latest_id IS NULL AND c.draft_of_id IS NULL
              ) f
            """,
            ratios=self._get_ratio_columns("f"),
            sums=self._get_sum_columns(k=TASK_SUMS, m=MAIL_SUMS),
            tasks=self._get_tasks_query(),
            hours=self._get_hours_query(),
            mails=self._get_mails_query(),
            reached=self._get_after_query(
                self.env["crm.campaign.participant"]._get_reached_query(),
                SQL("count(*) AS people"),
            ),
            sold=self._get_after_query(
                self.env["crm.campaign.participant"]._get_sold_query(),
                SQL(
                    "sum(o.revenue) AS revenue, sum(o.margin) AS margin,"
                    " sum(o.paid) AS paid"
                ),
            ),
        )

    @api.model
    def _get_tasks_query(self):
        """SQL of ``TASK_SUMS`` of each step. Sent again is not reached again."""
        return SQL(
            """
            SELECT s.campaign_id, COALESCE(s.latest_id, s.id) AS step_id,
                   count(*) FILTER (WHERE k.occurrence = 1) AS people,
                   count(*) FILTER (
                       WHERE k.state IN ('planned', 'reserved', 'sending')) AS waiting,
                   count(*) FILTER (WHERE k.state IN ('done', 'unknown')) AS done,
                   count(*) FILTER (WHERE k.state = 'skipped') AS skipped,
                   count(*) FILTER (WHERE k.state = 'failed') AS failed
              FROM crm_campaign_step s
              JOIN crm_campaign_task k ON k.step_id = s.id
          GROUP BY 1, 2
            """
        )

    @api.model
    def _get_hours_query(self):
        """SQL of how long it took to get through each step."""
        return SQL(
            """
            SELECT s.campaign_id, COALESCE(s.latest_id, s.id) AS step_id,
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY EXTRACT(
                       EPOCH FROM k.date_done - COALESCE(b.date_done, p.date_entered)
                       ) / 3600) AS hours
              FROM crm_campaign_step s
              JOIN crm_campaign_task k
                ON k.step_id = s.id AND k.occurrence = 1
               AND k.state IN ('done', 'unknown') AND k.date_done IS NOT NULL
              JOIN crm_campaign_participant p ON p.id = k.participant_id
         LEFT JOIN crm_campaign_task b
                ON b.participant_id = k.participant_id AND b.step_id = s.parent_id
               AND b.occurrence = 1
          GROUP BY 1, 2
            """
        )

    @api.model
    def _get_after_query(self, outcomes, columns):
        """SQL of what came after each step, of people who went through it.

        :param outcomes: SQL of campaign_id, participant_id, date and amounts
        :param columns: SQL of aggregates of outcome ``o``
        """
        return SQL(
            """
            SELECT s.campaign_id, COALESCE(s.latest_id, s.id) AS step_id, %(columns)s
              FROM crm_campaign_step s
              JOIN (%(outcomes)s) o ON o.campaign_id = s.campaign_id
              JOIN crm_campaign_task k
                ON k.participant_id = o.participant_id AND k.step_id = s.id
               AND k.occurrence = 1 AND k.state IN ('done', 'unknown')
               AND k.date_done <= o.date
          GROUP BY 1, 2
            """,
            columns=columns,
            outcomes=outcomes,
        )

    # ------------------------------------------------------------
    # Who
    # ------------------------------------------------------------

    def _get_tasks_action(self, *domain, **context):
        self.ensure_one()
        action = self.step_id.action_view_tasks()
        action["domain"] = [*self.step_id._get_tasks_domain(), *domain]
        action["context"] = context
        return action

    def action_view_people(self):
        return self._get_tasks_action()

    def action_view_skipped(self):
        """Who was left out here, by reason."""
        return self._get_tasks_action(
            ("state", "in", ("skipped", "failed")), search_default_group_by_reason=1
        )
