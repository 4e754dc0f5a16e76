from datetime import timedelta

from odoo import api, fields, models
from odoo.http import request
from odoo.tools import SQL, hmac

from odoo.addons.crm_plus.tools.webhook_signature import same

from .link_tracker_click import MACHINE_REASONS

TRAP_SCOPE = "crm_campaigns-trap"
# Who follows a link that nobody sees follows the others in the same go.
TRAP_SECONDS = 120
# So many of each mail are kept: some programs load a picture each time they look.
MAX_HITS = 20
RETENTION_DAYS = 365
GC_BATCH_SIZE = 20_000


class CrmMailHit(models.Model):
    """What was fetched of a mail besides its links: the picture that tells that it was
    opened, and the link that nobody sees. Rows as they came.
    """

    _name = "crm.mail.hit"
    _description = "Mail Opened"
    _order = "date desc, id desc"
    _rec_name = "trace_id"
    # written by the system only, one each time somebody looks
    _log_access = False

    trace_id = fields.Many2one(
        "mailing.trace",
        string="Mail",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    mailing_id = fields.Many2one(related="trace_id.mass_mailing_id")
    kind = fields.Selection(
        [("open", "Opened"), ("trap", "Hidden Link")], required=True, readonly=True
    )
    date = fields.Datetime(required=True, readonly=True)
    user_agent = fields.Char(string="Program", readonly=True)
    machine_reason = fields.Selection(
        MACHINE_REASONS,
        string="Made by a Machine",
        readonly=True,
        help="Empty: a person, as far as one can tell.",
    )

    # what is old goes
    _date_idx = models.Index("(date)")

    @api.model
    def _get_trap_token(self, mail_id):
        return hmac(self.env(su=True), TRAP_SCOPE, mail_id)

    @api.model
    def _get_trap_path(self, mail_id):
        return f"/mail/more/{mail_id}/{self._get_trap_token(mail_id)}"

    @api.model
    def _check_trap_token(self, mail_id, token):
        return same(token, self._get_trap_token(mail_id))

    @api.model
    def _note(self, mail_id, kind):
        """Somebody fetched it now; say who it was as far as one can tell."""
        traces = self.env["mailing.trace"].search(
            [("mail_mail_id_int", "=", mail_id)], limit=1
        )
        if not traces:
            return
        reason = "honeypot"
        user_agent = request.httprequest.user_agent.string if request else ""
        if kind == "open":
            reason = self.env["crm.mail.agent"]._get_machine_reason("open")
            if not reason and traces._is_too_soon():
                reason = "speed"
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_mail_hit (trace_id, kind, date, user_agent,
                                          machine_reason)
                SELECT %(trace)s, %(kind)s, %(now)s, %(agent)s, %(reason)s
                 WHERE (SELECT count(*) FROM crm_mail_hit
                         WHERE trace_id = %(trace)s AND kind = %(kind)s) < %(most)s
             RETURNING id
                """,
                trace=traces.id,
                kind=kind,
                now=fields.Datetime.now(),
                agent=(user_agent or "")[:200] or None,
                reason=reason or None,
                most=MAX_HITS,
            )
        )
        self.invalidate_model(flush=False)
        traces._classify_trapped()
        traces._recompute_human()

    @api.autovacuum
    def _gc_hits(self):
        """Drop hits older than the retention setting (days; 0 keeps all)."""
        # a number that the engine needs, whoever triggers it
        days = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_campaigns.mail_hit_retention_days", RETENTION_DAYS)
        )
        if days <= 0:
            return None
        old = self.search(
            [("date", "<", fields.Datetime.now() - timedelta(days=days))],
            limit=GC_BATCH_SIZE,
            order="date, id",
        )
        count = len(old)
        old.unlink()
        return count, int(count == GC_BATCH_SIZE)
