from odoo import api, fields, models
from odoo.tools import SQL

from .crm_touchpoint import CLICKED_KINDS

# Who follows all links of a mail within so long does not read it. Two links a person
# may open at once.
BURST_SECONDS = 30
BURST_LINKS = 3
# What only looks like a machine's is a person's if a person shows up within so long.
SIGN_DAYS = 7
MACHINE_REASONS = [
    ("agent", "A known scanner or robot"),
    ("head", "Asked for the headers only"),
    ("honeypot", "Followed the hidden link"),
    ("speed", "Too soon after sending"),
    ("burst", "All links at once"),
]


class LinkTrackerClick(models.Model):
    """Clicks, with whether a person made them.

    Odoo counts each hit of a mail's tracked link. Mail gateways follow links too, so a
    hit is a machine's when it is known for one, when it only asks for the headers, or
    when it goes with the hidden link of the mail. When it comes so soon after sending
    that nobody can have read the mail, or all links of the mail are followed within
    seconds, it is probably a machine's: if the person shows up afterwards (answers,
    orders, clicks again), it was the person. The hit is kept, and so is the doubt.
    """

    _inherit = "link.tracker.click"

    machine_reason = fields.Selection(
        MACHINE_REASONS,
        string="Made by a Machine",
        readonly=True,
        help="Empty: a person, as far as one can tell. Machines' clicks are kept, but "
        "move no campaign and earn no points.",
    )
    doubt = fields.Selection(
        MACHINE_REASONS,
        string="Looked Like a Machine's",
        readonly=True,
        help="Until the person showed up.",
    )
    human_sign_id = fields.Many2one(
        "crm.touchpoint.kind",
        string="Showed Up By",
        readonly=True,
        ondelete="set null",
        help="What the person did afterwards, so that the click counts.",
    )

    # the ledger reads the newest clicks
    _create_date_idx = models.Index("(create_date)")
    # of which there may still be a sign
    _doubtful_idx = models.Index(
        "(create_date) WHERE machine_reason IN ('speed', 'burst')"
    )

    @api.model
    def _prepare_click_values_from_route(self, **route_values):
        values = super()._prepare_click_values_from_route(**route_values)
        if "machine_reason" not in values:
            reason = self.env["crm.mail.agent"]._get_machine_reason("click")
            if reason:
                values["machine_reason"] = reason
        return values

    @api.model_create_multi
    def create(self, vals_list):
        clicks = super().create(vals_list)
        clicks._classify_by_speed()
        clicks._classify_by_burst()
        # sudo: whoever clicks does not write traces
        traces = clicks.mailing_trace_id.sudo()
        traces._classify_trapped()
        traces._recompute_human()
        for trace_type, some in traces.grouped("trace_type").items():
            self.env["crm.touchpoint"]._queue_harvest(
                CLICKED_KINDS[trace_type],
                clicks.filtered(lambda c, t=some: c.mailing_trace_id in t).ids,
            )
        return clicks

    def _classify_by_speed(self):
        for click in self.filtered(
            lambda click: click.mailing_trace_id and not click.machine_reason
        ):
            if click.mailing_trace_id._is_too_soon():
                click.machine_reason = "speed"

    def _classify_by_burst(self):
        """A scanner that waits before it follows the links still follows all of them.

        That is seen at the last one only: those before were taken for a person's, so
        the timeline and the scores are told again. A campaign that moved on one of them
        does not move back.
        """
        traced = self.filtered("mailing_trace_id")
        if not traced:
            return
        self.flush_model()
        self.env["link.tracker"].flush_model(["mass_mailing_id"])
        self.env["mailing.trace"].flush_model(["mass_mailing_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT array_agg(p.id) FILTER (WHERE p.machine_reason IS NULL)
                  FROM link_tracker_click n
                  JOIN mailing_trace t ON t.id = n.mailing_trace_id
                  JOIN link_tracker_click p
                    ON p.mailing_trace_id = n.mailing_trace_id
                   AND p.create_date > n.create_date - %s * interval '1 second'
                   AND p.create_date <= n.create_date
                 WHERE n.id = ANY(%s)
              GROUP BY n.id, n.mailing_trace_id, t.mass_mailing_id
                HAVING (SELECT count(*) FROM link_tracker k
                         WHERE k.mass_mailing_id = t.mass_mailing_id)
                       BETWEEN %s AND count(DISTINCT p.link_id)
                """,
                BURST_SECONDS,
                traced.ids,
                BURST_LINKS,
            )
        )
        found = {click_id for (ids,) in rows for click_id in ids or ()}
        # sudo: whoever clicks does not write clicks
        self.sudo().browse(found).machine_reason = "burst"

    @api.model
    def _believe(self, touchpoint_ids):
        """People have shown up: what they did before and only looked like a machine's
        was theirs. One look for all of them; nothing is looked at while there is no
        click in doubt.
        """
        # a number that the engine needs, whoever triggers it
        days = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_campaigns.human_sign_days", SIGN_DAYS)
        )
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                WITH doubtful AS MATERIALIZED (
                    SELECT t.partner_id, t.lead_id, c.id, c.mailing_trace_id,
                           c.create_date AS date
                      FROM link_tracker_click c
                      JOIN crm_touchpoint t
                        ON t.res_model = 'link.tracker.click' AND t.res_id = c.id
                       AND t.kind_id IN (SELECT id FROM crm_touchpoint_kind
                                          WHERE code = ANY(%(clicked)s))
                     WHERE c.machine_reason IN ('speed', 'burst')
                       AND c.create_date > %(now)s - %(days)s * interval '1 day'
                ), signs AS MATERIALIZED (
                    SELECT s.partner_id, s.lead_id, s.kind_id, s.date, s.id,
                           k.code = ANY(%(clicked)s) AS is_click, s.res_id
                      FROM crm_touchpoint s
                      JOIN crm_touchpoint_kind k ON k.id = s.kind_id
                     WHERE s.id = ANY(%(ids)s) AND s.is_machine IS NOT TRUE
                       AND k.direction = 'in' AND k.code <> ALL(%(no_signs)s)
                       AND EXISTS (SELECT FROM doubtful)
                ), found AS (
                    SELECT DISTINCT ON (d.id) d.id, s.kind_id
                      FROM doubtful d
                      JOIN signs s
                        ON (s.partner_id = d.partner_id OR s.lead_id = d.lead_id)
                       AND s.date > d.date
                 LEFT JOIN link_tracker_click n ON s.is_click AND n.id = s.res_id
                     -- a second click is one on the same mail, not of the same go
                     WHERE NOT s.is_click
                        OR n.mailing_trace_id = d.mailing_trace_id
                       AND s.date >= d.date + %(burst)s * interval '1 second'
                  ORDER BY d.id, s.date, s.id
                )
                UPDATE link_tracker_click c
                   SET doubt = c.machine_reason, machine_reason = NULL,
                       human_sign_id = found.kind_id
                  FROM found
                 WHERE found.id = c.id
             RETURNING c.mailing_trace_id
                """,
                now=fields.Datetime.now(),
                days=days,
                ids=list(touchpoint_ids),
                clicked=list(CLICKED_KINDS.values()),
                no_signs=list(self._get_no_signs()),
                burst=BURST_SECONDS,
            )
        )
        if rows:
            self.invalidate_model(
                ["machine_reason", "doubt", "human_sign_id"], flush=False
            )
            # sudo: whoever shows up does not write traces
            self.env["mailing.trace"].sudo().browse(
                {trace_id for (trace_id,) in rows}
            )._recompute_human()

    @api.model
    def _get_no_signs(self):
        """Hook: codes of what comes from a customer and shows no person at the mail:
        programs open mails and unsubscribe, goods come back, accounts pay.
        """
        return (
            "campaign_opened",
            "campaign_unsubscribed",
            "return_done",
            "invoice_paid",
        )

    @api.model
    def _backfill_machine_reason(self):
        """Classify the clicks made before this app was installed."""
        self.flush_model()
        self.env["mailing.trace"].flush_model(["sent_datetime"])
        self.env.execute_query(
            SQL(
                """
                UPDATE link_tracker_click c
                   SET machine_reason = 'speed'
                  FROM mailing_trace t
                 WHERE t.id = c.mailing_trace_id
                   AND c.machine_reason IS NULL AND c.human_sign_id IS NULL
                   AND c.create_date < t.sent_datetime + %s * interval '1 second'
             RETURNING c.id
                """,
                self.env["crm.touchpoint"]._get_machine_seconds(),
            )
        )
        self.invalidate_model(["machine_reason"], flush=False)
        self.env["mailing.trace"]._backfill_human()
