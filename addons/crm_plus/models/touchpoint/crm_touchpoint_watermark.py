from datetime import timedelta

from odoo import fields, models
from odoo.tools import SQL

# Read again what changed shortly before the watermark: covers clock steps of the
# database host, and sessions of other roles, whose transactions PostgreSQL does not
# show us.
OVERLAP_MINUTES = 10


class CrmTouchpointWatermark(models.Model):
    """How far a source has been harvested.

    ``date_from`` is where the next harvest starts. It lags one run behind on purpose,
    see ``crm.touchpoint._harvest``.
    """

    _name = "crm.touchpoint.watermark"
    _description = "Touchpoint Source"
    _order = "source_key"
    _rec_name = "source_key"

    source_key = fields.Char(string="Source", required=True, readonly=True)
    kind_id = fields.Many2one(
        "crm.touchpoint.kind",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    date_from = fields.Datetime(
        readonly=True,
        help="Origin records changed since then are read by the next run.",
    )
    date_horizon = fields.Datetime(
        readonly=True,
        help="Start of the oldest transaction that was still open at the last run: "
        "whatever it commits later carries this date or a later one.",
    )
    horizon_xid = fields.Char(readonly=True, export_string_translation=False)
    date_last_run = fields.Datetime(string="Last Run", readonly=True)
    last_count = fields.Integer(string="Rows of Last Run", readonly=True)
    total_count = fields.Integer(string="Rows in All", readonly=True)
    last_duration = fields.Float(string="Seconds of Last Run", readonly=True)
    last_error = fields.Text(readonly=True)

    _source_key_uniq = models.Constraint(
        "UNIQUE(source_key)", "A source has one watermark."
    )

    def _advance(self, count, seconds):
        """Note a finished run: the next starts at the horizon of the run before it."""
        self.ensure_one()
        [(xid, horizon)] = self.env.execute_query(
            SQL(
                """
                SELECT pg_current_xact_id()::varchar,
                       LEAST(now(),
                             (SELECT min(xact_start) FROM pg_stat_activity
                               WHERE datname = current_database()
                                 AND pid <> pg_backend_pid()),
                             (SELECT min(prepared) FROM pg_prepared_xacts
                               WHERE database = current_database())
                       ) AT TIME ZONE 'UTC'
                """
            )
        )
        # a number that the engine needs, whoever triggers it
        overlap = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_plus.harvest_overlap_minutes", OVERLAP_MINUTES)
        )
        values = {
            "date_last_run": self.env.cr.now(),
            "last_count": count,
            "total_count": self.total_count + count,
            "last_duration": seconds,
            "last_error": False,
        }
        # Two runs within one transaction see the same database: the second proves
        # nothing.
        if self.horizon_xid != xid:
            values.update(
                date_from=self.date_horizon,
                date_horizon=horizon.replace(microsecond=0)
                - timedelta(minutes=overlap),
                horizon_xid=xid,
            )
        self.write(values)

    def action_harvest(self):
        """Harvest these sources now and say how many touchpoints came in."""
        self.check_access("read")
        # sudo: only the system writes the ledger; reading again adds nothing twice
        counts = self.env["crm.touchpoint"].sudo()._harvest(self.mapped("source_key"))
        return self._notify_harvest(counts)

    def action_rebuild(self):
        """Read the whole history of these sources again; what is there stays."""
        self.check_access("read")  # administrators of CRM Plus only may
        # the rows are the engine's
        self.sudo().write({"date_from": False, "date_horizon": False})
        return self.action_harvest()

    def _notify_harvest(self, counts):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("%s new touchpoints", sum(counts.values())),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
