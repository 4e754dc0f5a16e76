from datetime import timedelta

from odoo import api, fields, models
from odoo.http import request
from odoo.tools import SQL

# Who follows all links of a mail within so long does not read it. Two links a person
# may open at once.
BURST_SECONDS = 30
BURST_LINKS = 3


class LinkTrackerClick(models.Model):
    """Clicks, with whether a person made them.

    Odoo counts each hit of a mail's tracked link. Mail gateways follow links too, so a
    hit is a machine's when its agent says so, when it only asks for the headers, or
    when it comes so soon after sending that nobody can have read the mail, or when all
    links of the mail are followed within seconds. The hit is kept.
    """

    _inherit = "link.tracker.click"

    machine_reason = fields.Selection(
        [
            ("agent", "The browser says it is a robot"),
            ("head", "Asked for the headers only"),
            ("speed", "Too soon after sending"),
            ("burst", "All links at once"),
        ],
        string="Made by a Machine",
        readonly=True,
        help="Empty: a person, as far as one can tell. Machines' clicks are kept, but "
        "move no campaign and earn no points.",
    )

    # the ledger reads the newest clicks
    _create_date_idx = models.Index("(create_date)")

    @api.model
    def _prepare_click_values_from_route(self, **route_values):
        values = super()._prepare_click_values_from_route(**route_values)
        if request and "machine_reason" not in values:
            if request.httprequest.method == "HEAD":
                values["machine_reason"] = "head"
            elif self.env["ir.http"].is_a_bot():
                values["machine_reason"] = "agent"
        return values

    @api.model_create_multi
    def create(self, vals_list):
        clicks = super().create(vals_list)
        clicks._classify_by_speed()
        clicks._classify_by_burst()
        self.env["crm.touchpoint"]._queue_harvest(
            "campaign_clicked", clicks.filtered("mailing_trace_id").ids
        )
        return clicks

    def _classify_by_speed(self):
        # not create_date: that is the start of the transaction
        now = fields.Datetime.now()
        seconds = self.env["crm.touchpoint"]._get_machine_seconds()
        for click in self.filtered(
            lambda click: click.mailing_trace_id and not click.machine_reason
        ):
            # sudo: whoever clicks does not read traces
            sent = click.mailing_trace_id.sudo()._get_date_handed_over()
            if sent and now < sent + timedelta(seconds=seconds):
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
                SELECT n.mailing_trace_id, min(p.create_date),
                       array_agg(p.id) FILTER (WHERE p.machine_reason IS NULL)
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
        found = {click_id for *_trace, ids in rows for click_id in ids or ()}
        if not found:
            return
        # sudo: whoever clicks does not write clicks
        self.sudo().browse(found).machine_reason = "burst"
        self.env["crm.touchpoint"]._take_for_machine(
            list(found), {trace_id: start for trace_id, start, _ids in rows}
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
                   AND c.machine_reason IS NULL
                   AND c.create_date < t.sent_datetime + %s * interval '1 second'
             RETURNING c.id
                """,
                self.env["crm.touchpoint"]._get_machine_seconds(),
            )
        )
        self.invalidate_model(["machine_reason"], flush=False)
