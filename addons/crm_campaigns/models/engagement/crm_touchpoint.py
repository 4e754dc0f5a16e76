from odoo import api, models
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.touchpoint_source import TouchpointSource

# An answer this soon after the mail left is a scanner's: no person reads that fast.
MACHINE_SECONDS = 5
# What we sent: no news of what people do.
SENT_KINDS = ("campaign_sent", "campaign_sms_sent")
# Clicks, by the type of the trace.
CLICKED_KINDS = {"mail": "campaign_clicked", "sms": "campaign_sms_clicked"}


class CrmTouchpoint(models.Model):
    """Sources of marketing mail: what was sent, and what people, or machines, did; and
    of text messages, which were sent and clicked.

    They read Odoo's own traces, of every mailing; those of campaign steps included.
    """

    _inherit = "crm.touchpoint"

    @api.model
    def _get_sources(self):
        return [
            *super()._get_sources(),
            self._source_campaign_sent(),
            self._source_campaign_sms_sent(),
            self._source_campaign_opened(),
            self._source_campaign_clicked(),
            self._source_campaign_sms_clicked(),
            self._source_campaign_replied(),
            self._source_campaign_bounced(),
            self._source_campaign_blacklisted(),
            self._source_campaign_unsubscribed(),
            self._source_campaign_confirmed(),
        ]

    @api.model
    def _get_machine_seconds(self):
        """Opens and clicks within so many seconds of sending are a machine's."""
        # a number that the engine needs, whoever triggers it
        return int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_campaigns.machine_seconds", MACHINE_SECONDS)
        )

    def _trace_source(self, kind, date, where, is_machine=None, trace_type="mail"):
        return TouchpointSource(
            key=kind,
            kind=kind,
            model="mailing.trace",
            record_id=SQL("t.id"),
            date=date,
            from_clause=self._get_trace_from(),
            where=SQL("%s AND %s", self._get_trace_where(trace_type), where),
            changed=(SQL("t.write_date"),),
            columns={
                **self._get_trace_columns(),
                "is_machine": is_machine or SQL("FALSE"),
            },
            depends=self._get_trace_depends(),
        )

    @api.model
    def _get_trace_from(self):
        """Traces with the person behind them: the lead, the contact, or for a mailing
        contact the oldest contact of that address."""
        return SQL(
            """mailing_trace t
               JOIN mailing_mailing m ON m.id = t.mass_mailing_id
          LEFT JOIN crm_lead l ON t.model = 'crm.lead' AND l.id = t.res_id
          LEFT JOIN res_partner p ON p.id = CASE t.model
                    WHEN 'crm.lead' THEN l.partner_id
                    WHEN 'res.partner' THEN t.res_id
                    WHEN 'mailing.contact' THEN (
                        SELECT min(e.id) FROM res_partner e
                         WHERE e.email_normalized = t.email AND e.active)
                    END"""
        )

    @api.model
    def _get_trace_where(self, trace_type="mail"):
        return SQL(
            """t.trace_type = %s AND t.is_test_trace IS NOT TRUE
               AND (l.id IS NOT NULL OR p.id IS NOT NULL)""",
            trace_type,
        )

    @api.model
    def _get_trace_columns(self):
        return {
            "name": SQL("m.subject"),
            "partner_id": SQL("p.id"),
            "lead_id": SQL("l.id"),
            "user_id": SQL("l.user_id"),
            "company_id": SQL("COALESCE(l.company_id, p.company_id)"),
            "campaign_id": SQL("t.campaign_id"),
            "medium_id": SQL("m.medium_id"),
            "source_id": SQL("m.source_id"),
        }

    @api.model
    def _get_trace_depends(self):
        return {
            "mailing.trace": [
                "campaign_id",
                "email",
                "human_open_datetime",
                "open_datetime",
                "reply_datetime",
                "sent_datetime",
                "trace_status",
            ],
            "mailing.mailing": ["medium_id", "source_id", "subject"],
            "crm.lead": ["company_id", "partner_id", "user_id"],
            "res.partner": ["company_id", "email_normalized"],
        }

    def _source_campaign_sent(self):
        return self._trace_source(
            "campaign_sent",
            SQL("t.sent_datetime"),
            SQL("t.sent_datetime IS NOT NULL"),
        )

    def _source_campaign_sms_sent(self):
        """Text messages, where their app is installed: without it there are none."""
        return self._trace_source(
            "campaign_sms_sent",
            SQL("t.sent_datetime"),
            SQL("t.sent_datetime IS NOT NULL"),
            trace_type="sms",
        )

    def _source_campaign_opened(self):
        """Odoo marks a mail opened on the pixel, on a click and on a reply; what a
        scanner does with it is kept as a machine's."""
        return self._trace_source(
            "campaign_opened",
            SQL("COALESCE(t.human_open_datetime, t.open_datetime)"),
            SQL("t.open_datetime IS NOT NULL"),
            is_machine=self._get_open_is_machine(),
        )

    @api.model
    def _get_open_is_machine(self):
        """SQL of whether a machine opened the mail of trace ``t``, and no person."""
        return SQL("t.human_open_datetime IS NULL")

    @api.model
    def _on_harvested(self, touchpoint_ids):
        super()._on_harvested(touchpoint_ids)
        self.env["link.tracker.click"]._believe(touchpoint_ids)

    @api.model
    def _follow_traces(self, trace_ids):
        """Opens and clicks of these mails have changed sides: what people did counts
        from now on, with all that follows, and what machines did counts no more.
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT t.id, n.is_machine, n.date
                  FROM (
                    SELECT CASE o.trace_type WHEN 'sms' THEN %(sms_clicked)s
                                ELSE %(clicked)s END AS code,
                           'link.tracker.click' AS res_model, c.id AS res_id,
                           c.machine_reason IS NOT NULL AS is_machine,
                           NULL::timestamp AS date
                      FROM link_tracker_click c
                      JOIN mailing_trace o ON o.id = c.mailing_trace_id
                     WHERE c.mailing_trace_id = ANY(%(traces)s)
                     UNION ALL
                    SELECT 'campaign_opened', 'mailing.trace', r.id,
                           r.human_open_datetime IS NULL, r.human_open_datetime
                      FROM mailing_trace r WHERE r.id = ANY(%(traces)s)
                  ) n
                  JOIN crm_touchpoint_kind k ON k.code = n.code
                  JOIN crm_touchpoint t
                    ON t.kind_id = k.id AND t.res_model = n.res_model
                   AND t.res_id = n.res_id
                 WHERE (t.is_machine IS TRUE) <> n.is_machine
                """,
                clicked=CLICKED_KINDS["mail"],
                sms_clicked=CLICKED_KINDS["sms"],
                traces=list(trace_ids),
            )
        )
        if not rows:
            return
        gone = [row_id for row_id, is_machine, _date in rows if is_machine]
        Model = self.env["crm.score.model"]
        # before: a machine's touches nobody's score
        touched = {}
        if gone and Model._get_engaging_kind_ids():
            touched = Model._get_touched(gone)
        # the ledger is append-only to everybody but the harvest
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_touchpoint t
                   SET is_machine = n.is_machine, date = COALESCE(n.date, t.date)
                  FROM unnest(%s, %s, %s::timestamp[]) n (id, is_machine, date)
                 WHERE n.id = t.id
             RETURNING t.id
                """,
                *(list(column) for column in zip(*rows, strict=True)),
            )
        )
        self.invalidate_model(["date", "is_machine"], flush=False)
        for target, record_ids in touched.items():
            if Model._get_watched_fields(target):
                Model._queue_recompute(target, record_ids)
        come = [row_id for row_id, is_machine, _date in rows if not is_machine]
        if come:
            # to all that look at what people do it is as new
            self._on_harvested(come)

    def _source_campaign_clicked(self):
        return self._click_source("mail")

    def _source_campaign_sms_clicked(self):
        """Of text messages, where their app is installed."""
        return self._click_source("sms")

    def _click_source(self, trace_type):
        kind = CLICKED_KINDS[trace_type]
        return TouchpointSource(
            key=kind,
            kind=kind,
            model="link.tracker.click",
            record_id=SQL("c.id"),
            date=SQL("c.create_date"),
            from_clause=SQL(
                """link_tracker_click c
                   JOIN link_tracker k ON k.id = c.link_id
                   JOIN (%s) ON t.id = c.mailing_trace_id""",
                self._get_trace_from(),
            ),
            where=self._get_trace_where(trace_type),
            changed=(SQL("c.create_date"),),
            columns={
                **self._get_trace_columns(),
                "name": SQL("m.subject || ': ' || COALESCE(k.label, k.title, k.url)"),
                "is_machine": SQL("c.machine_reason IS NOT NULL"),
            },
            depends={
                **self._get_trace_depends(),
                "link.tracker": ["label", "title", "url"],
                "link.tracker.click": ["machine_reason", "mailing_trace_id"],
            },
        )

    def _source_campaign_replied(self):
        return self._trace_source(
            "campaign_replied",
            SQL("t.reply_datetime"),
            SQL("t.reply_datetime IS NOT NULL"),
        )

    def _source_campaign_bounced(self):
        """Odoo notes no date of the bounce: it is the trace's last change."""
        return self._trace_source(
            "campaign_bounced",
            SQL("t.write_date"),
            SQL("t.trace_status = 'bounce'"),
            is_machine=SQL("TRUE"),
        )

    def _source_campaign_blacklisted(self):
        """Somebody no longer wants any marketing mail: one touchpoint each time."""
        return TouchpointSource(
            key="campaign_unsubscribed/mail.blacklist",
            kind="campaign_unsubscribed",
            model="mail.blacklist",
            record_id=SQL("b.id"),
            date=SQL("COALESCE(b.date_blocked, b.create_date)"),
            occurrence=SQL(
                "to_char(COALESCE(b.date_blocked, b.create_date), 'YYYYMMDDHH24MISS')"
            ),
            from_clause=SQL(
                "mail_blacklist b %s", self._get_person_by_email("b.email")
            ),
            where=SQL(
                """b.active AND b.is_bounce_block IS NOT TRUE
                   AND (l.id IS NOT NULL OR p.id IS NOT NULL)"""
            ),
            changed=(SQL("b.write_date"),),
            columns=self._get_person_columns(SQL("b.email")),
            depends={
                "mail.blacklist": ["active", "date_blocked", "email"],
                "crm.lead": ["company_id", "email_normalized", "user_id"],
                "res.partner": ["company_id", "email_normalized"],
            },
        )

    def _source_campaign_unsubscribed(self):
        """Somebody left one mailing list."""
        return TouchpointSource(
            key="campaign_unsubscribed/mailing.subscription",
            kind="campaign_unsubscribed",
            model="mailing.subscription",
            record_id=SQL("s.id"),
            date=SQL("s.opt_out_datetime"),
            occurrence=SQL("to_char(s.opt_out_datetime, 'YYYYMMDDHH24MISS')"),
            from_clause=SQL(
                """mailing_subscription s
                   JOIN mailing_list ml ON ml.id = s.list_id
                   JOIN mailing_contact mc ON mc.id = s.contact_id
                   %s""",
                self._get_person_by_email("mc.email_normalized"),
            ),
            where=SQL(
                """s.opt_out AND s.opt_out_datetime IS NOT NULL
                   AND (l.id IS NOT NULL OR p.id IS NOT NULL)"""
            ),
            changed=(SQL("s.write_date"),),
            columns=self._get_person_columns(SQL("ml.name")),
            depends={
                "mailing.subscription": ["opt_out", "opt_out_datetime"],
                "mailing.contact": ["email_normalized"],
                "crm.lead": ["company_id", "email_normalized", "user_id"],
                "res.partner": ["company_id", "email_normalized"],
            },
        )

    def _source_campaign_confirmed(self):
        """Somebody has pressed the button: it was them who signed up."""
        return TouchpointSource(
            key="campaign_confirmed",
            kind="campaign_confirmed",
            model="crm.consent",
            record_id=SQL("c.id"),
            date=SQL("c.date"),
            from_clause=SQL(
                """crm_consent c
                   JOIN crm_consent_purpose cp ON cp.id = c.purpose_id
                   %s""",
                self._get_person_by_email("c.email"),
            ),
            where=SQL(
                """c.state = 'given' AND c.request_id IS NOT NULL
                   AND (l.id IS NOT NULL OR p.id IS NOT NULL)"""
            ),
            changed=(SQL("c.write_date"),),
            columns=self._get_person_columns(SQL("cp.name->>'en_US'")),
            depends={
                "crm.consent": ["email", "request_id", "state"],
                "crm.lead": ["company_id", "email_normalized", "user_id"],
                "res.partner": ["company_id", "email_normalized"],
            },
        )

    @api.model
    def _get_person_by_email(self, column):
        """JOIN of the oldest contact and the newest lead with an address."""
        alias, name = column.split(".")
        email = SQL.identifier(alias, name)
        return SQL(
            """LEFT JOIN res_partner p ON p.id = (
                      SELECT min(e.id) FROM res_partner e
                       WHERE e.email_normalized = %(email)s AND e.active)
               LEFT JOIN crm_lead l ON l.id = (
                      SELECT max(e.id) FROM crm_lead e
                       WHERE e.email_normalized = %(email)s AND e.active)""",
            email=email,
        )

    @api.model
    def _get_person_columns(self, name):
        return {
            "name": name,
            "partner_id": SQL("COALESCE(p.id, l.partner_id)"),
            "lead_id": SQL("l.id"),
            "user_id": SQL("l.user_id"),
            "company_id": SQL("COALESCE(l.company_id, p.company_id)"),
        }
