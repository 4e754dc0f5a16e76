from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .crm_mail_hit import TRAP_SECONDS


class MailingTrace(models.Model):
    """What people did with a mail, beside what was done with it.

    Odoo counts each look and each click. Here are the first ones that a person made, as
    far as one can tell: from the clicks and the rows of ``crm.mail.hit``, which stay
    as they came, and told again whenever something is learned of one of them.
    """

    _inherit = "mailing.trace"

    human_open_datetime = fields.Datetime(
        string="Opened by a Person",
        readonly=True,
        copy=False,
        help="The first time, as far as one can tell. A click or an answer of a "
        "person counts, too.",
    )
    human_click_datetime = fields.Datetime(
        string="Clicked by a Person", readonly=True, copy=False
    )

    # the ledger reads what changed
    _write_date_idx = models.Index("(write_date)")

    @api.model_create_multi
    def create(self, vals_list):
        traces = super().create(vals_list)
        traces.filtered(
            lambda trace: trace.open_datetime or trace.reply_datetime
        )._recompute_human()
        return traces

    def write(self, vals):
        """What people do with a mail reaches their timeline at once; what was sent does
        too for campaigns, else with the next harvest."""
        result = super().write(vals)
        queue = self.env["crm.touchpoint"]._queue_harvest
        if vals.get("open_datetime"):
            queue("campaign_opened", self.ids)
        if vals.get("reply_datetime"):
            queue("campaign_replied", self.ids)
        if vals.get("open_datetime") or vals.get("reply_datetime"):
            self._recompute_human()
        if vals.get("trace_status") == "bounce":
            queue("campaign_bounced", self.ids)
        return result

    def set_opened(self, domain=None):
        if self.env.context.get("crm_campaigns_machine_mail"):
            return self
        return super().set_opened(domain=domain)

    def set_replied(self, domain=None):
        if self.env.context.get("crm_campaigns_machine_mail"):
            return self
        return super().set_replied(domain=domain)

    def _get_date_handed_over(self):
        """Hook: when the mail left, from which the speed of a click is measured."""
        self.ensure_one()
        return self.sent_datetime

    def _is_too_soon(self):
        """Nobody can have read the mail yet."""
        # sudo: whoever clicks does not read traces
        sent = self.sudo()._get_date_handed_over()
        seconds = self.env["crm.touchpoint"]._get_machine_seconds()
        # not the start of the transaction
        return bool(sent and fields.Datetime.now() < sent + timedelta(seconds=seconds))

    # ------------------------------------------------------------
    # Machines and people
    # ------------------------------------------------------------

    def _classify_trapped(self):
        """Whoever followed the hidden link made what was done around that moment."""
        if not self:
            return
        self.env["crm.mail.hit"].flush_model()
        self.env["link.tracker.click"].flush_model()
        near = SQL(
            """
            o.trace_id = ANY(%s) AND o.kind = 'trap'
            AND r.date BETWEEN o.date - %s * interval '1 second'
                           AND o.date + %s * interval '1 second'
            """,
            self.ids,
            TRAP_SECONDS,
            TRAP_SECONDS,
        )
        self.env.execute_query(
            SQL(
                """
                WITH clicks AS (
                    UPDATE link_tracker_click c
                       SET machine_reason = 'honeypot', doubt = NULL,
                           human_sign_id = NULL
                     WHERE c.id IN (
                        SELECT r.id
                          FROM crm_mail_hit o
                          JOIN (SELECT id, mailing_trace_id, create_date AS date
                                  FROM link_tracker_click) r
                            ON r.mailing_trace_id = o.trace_id
                         WHERE %(near)s)
                       AND (c.machine_reason IS NULL
                            OR c.machine_reason IN ('speed', 'burst'))
                 RETURNING c.id
                ), hits AS (
                    UPDATE crm_mail_hit h
                       SET machine_reason = 'honeypot'
                     WHERE h.id IN (
                        SELECT r.id
                          FROM crm_mail_hit o
                          JOIN crm_mail_hit r ON r.trace_id = o.trace_id
                         WHERE %(near)s)
                       AND (h.machine_reason IS NULL OR h.machine_reason = 'speed')
                 RETURNING h.id
                )
                SELECT count(*) FROM clicks
                """,
                near=near,
            )
        )
        self.env["link.tracker.click"].invalidate_model(
            ["machine_reason", "doubt", "human_sign_id"], flush=False
        )
        self.env["crm.mail.hit"].invalidate_model(["machine_reason"], flush=False)

    def _recompute_human(self):
        """What people did with these mails, told from all that is known now; whatever
        that changes in the timeline is told there. Doing it twice changes nothing.
        """
        if not self:
            return
        Click = self.env["link.tracker.click"]
        Click.flush_model()
        self.env["crm.mail.hit"].flush_model()
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE mailing_trace t
                   SET human_open_datetime = h.opened,
                       human_click_datetime = h.clicked,
                       write_date = %(now)s
                  FROM (%(human)s) h
                 WHERE h.id = t.id
                   AND (t.human_open_datetime, t.human_click_datetime)
                       IS DISTINCT FROM (h.opened, h.clicked)
             RETURNING t.id
                """,
                now=self.env.cr.now(),
                human=self._get_human_query(SQL("t.id = ANY(%s)", self.ids)),
            )
        )
        if rows:
            self.invalidate_model(
                ["human_open_datetime", "human_click_datetime"], flush=False
            )
        # clicks may have changed sides without being the first ones
        self.env["crm.touchpoint"]._follow_traces(self.ids)

    @api.model
    def _get_human_query(self, condition):
        """SQL of ``id, opened, clicked``: the first time that a person did.

        Where nothing tells who opened a mail, it was a person unless it was too soon,
        or came of a machine's click.
        """
        return SQL(
            """
            SELECT t.id, c.human AS clicked,
                   LEAST(o.human, c.human, t.reply_datetime, CASE
                       WHEN o.hits = 0 AND NOT (
                           COALESCE(t.open_datetime < t.sent_datetime
                               + %(seconds)s * interval '1 second', FALSE)
                           OR EXISTS (
                               SELECT FROM link_tracker_click m
                                WHERE m.mailing_trace_id = t.id
                                  AND m.machine_reason IS NOT NULL
                                  AND m.create_date
                                      BETWEEN t.open_datetime - interval '2 second'
                                          AND t.open_datetime + interval '2 second'))
                       THEN t.open_datetime END) AS opened
              FROM mailing_trace t
         LEFT JOIN LATERAL (
                SELECT count(*) AS hits,
                       min(date) FILTER (WHERE machine_reason IS NULL) AS human
                  FROM crm_mail_hit WHERE trace_id = t.id) o ON TRUE
         LEFT JOIN LATERAL (
                SELECT min(create_date) AS human
                  FROM link_tracker_click
                 WHERE mailing_trace_id = t.id AND machine_reason IS NULL) c ON TRUE
             WHERE %(condition)s
            """,
            seconds=self.env["crm.touchpoint"]._get_machine_seconds(),
            condition=condition,
        )

    @api.model
    def _backfill_human(self):
        """Tell people from machines in what was sent before this app was installed."""
        self.flush_model()
        self.env["link.tracker.click"].flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE mailing_trace t
                   SET human_open_datetime = h.opened, human_click_datetime = h.clicked
                  FROM (%s) h
                 WHERE h.id = t.id
                   AND (t.human_open_datetime, t.human_click_datetime)
                       IS DISTINCT FROM (h.opened, h.clicked)
             RETURNING t.id
                """,
                self._get_human_query(
                    SQL(
                        "(t.open_datetime IS NOT NULL OR t.reply_datetime IS NOT NULL"
                        " OR t.links_click_datetime IS NOT NULL)"
                    )
                ),
            )
        )
        self.invalidate_model(
            ["human_open_datetime", "human_click_datetime"], flush=False
        )
