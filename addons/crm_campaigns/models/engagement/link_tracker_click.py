from datetime import timedelta

from odoo import api, fields, models
from odoo.http import request
from odoo.tools import SQL


class LinkTrackerClick(models.Model):
    """Clicks, with whether a person made them.

    Odoo counts each hit of a mail's tracked link. Mail gateways follow links too, so a
    hit is a machine's when its agent says so, when it only asks for the headers, or
    when it comes so soon after sending that nobody can have read the mail. The hit is
    kept.
    """

    _inherit = "link.tracker.click"

    machine_reason = fields.Selection(
        [
            ("agent", "The browser says it is a robot"),
            ("head", "Asked for the headers only"),
            ("speed", "Too soon after sending"),
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
