import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_list

_logger = logging.getLogger(__name__)

TICKET, TEAM, STAGE = "helpdesk.ticket", "helpdesk.ticket.team", "helpdesk.ticket.stage"
CATEGORY, TAG = "helpdesk.ticket.category", "helpdesk.ticket.tag"
CHANNEL = "helpdesk.ticket.channel"
# what tells the community's application from others that use the same model names
SHAPE = {
    TICKET: {"number", "stage_id", "team_id", "partner_email", "closed_date"},
    STAGE: {"closed", "unattended"},
    TEAM: {"user_ids"},
}
# a transaction of some seconds, with a dozen messages each
BATCH_SIZE = 200


class CrmCaseMigration(models.Model):
    """Brings the tickets of the community's helpdesk_mgmt: they become cases with their
    numbers, messages, followers, files and activities. Nothing there is changed.

    - Settings first, then tickets in batches, each committed; whoever stops it goes on
      where it was. What was brought is noted (``crm.case.origin``) and never brought
      twice. A ticket that fails is listed with its reason, the others go on.
    - On the portal only the customer whom the ticket names sees the case. There, the
      whole company of each follower did.
    - Nobody is written to: neither acknowledgements nor notifications. Promises of open
      cases begin when they are brought; nothing was promised before.
    """

    _name = "crm.case.migration"
    _description = "Bringing Tickets"
    _order = "id desc"

    name = fields.Char(compute="_compute_name")
    state = fields.Selection(
        [
            ("draft", "Not Looked At"),
            ("counted", "Ready"),
            ("running", "Running"),
            ("done", "Done"),
        ],
        default="draft",
        required=True,
        readonly=True,
    )
    map_ids = fields.One2many("crm.case.migration.map", "migration_id")
    team_map_ids = fields.One2many(
        "crm.case.migration.map",
        "migration_id",
        string="Teams",
        domain=[("kind", "=", "team")],
    )
    stage_map_ids = fields.One2many(
        "crm.case.migration.map",
        "migration_id",
        string="Stages",
        domain=[("kind", "=", "stage")],
    )
    channel_map_ids = fields.One2many(
        "crm.case.migration.map",
        "migration_id",
        string="Channels",
        domain=[("kind", "=", "channel")],
    )
    count_ids = fields.One2many(
        "crm.case.migration.count", "migration_id", string="Figures", readonly=True
    )
    error_ids = fields.One2many(
        "crm.case.migration.error", "migration_id", string="Not Brought", readonly=True
    )
    error_count = fields.Integer(compute="_compute_error_count")
    ticket_total = fields.Integer(string="Tickets", readonly=True)
    ticket_done = fields.Integer(string="Tickets Brought", readonly=True)
    progress = fields.Float(compute="_compute_progress")
    date_start = fields.Datetime(string="Started", readonly=True)
    date_end = fields.Datetime(string="Finished", readonly=True)

    def _compute_name(self):
        self.name = self.env._("Tickets of helpdesk_mgmt")

    @api.depends("error_ids")
    def _compute_error_count(self):
        for migration in self:
            migration.error_count = len(migration.error_ids)

    @api.depends("ticket_total", "ticket_done")
    def _compute_progress(self):
        for migration in self:
            total = migration.ticket_total
            migration.progress = 100 * migration.ticket_done / total if total else 0

    # ------------------------------------------------------------
    # What is there
    # ------------------------------------------------------------

    @api.model
    def _is_available(self):
        """Whether the application is installed whose tickets we know."""
        return all(
            name in self.env and fnames <= self.env[name]._fields.keys()
            for name, fnames in SHAPE.items()
        )

    def _check_available(self):
        if not self._is_available():
            raise UserError(
                self.env._(
                    "There are no tickets to bring: helpdesk_mgmt is not installed in"
                    " this database."
                )
            )

    @api.model
    def action_open(self):
        """The one there is, or a new one."""
        self._check_available()
        migration = self.search([], limit=1) or self.create({})
        if migration.state == "draft":
            migration.action_count()
        return {
            "type": "ir.actions.act_window",
            "name": migration.name,
            "res_model": self._name,
            "res_id": migration.id,
            "views": [(False, "form")],
        }

    def action_count(self):
        """Dry run: what there is, what was brought, what would become what."""
        self.ensure_one()
        self._check_available()
        self._prepare_maps()
        self.count_ids.unlink()
        self.env["crm.case.migration.count"].create(
            [
                {
                    "migration_id": self.id,
                    "name": name,
                    "total": total,
                    "done": done,
                    "todo": total - done,
                }
                for name, total, done in self._count()
            ]
        )
        self._count_tickets()
        if self.state == "draft":
            self.state = "counted"
        return True

    def _count_tickets(self):
        [[self.ticket_total, self.ticket_done]] = self.env.execute_query(
            SQL(
                """SELECT count(*), count(o.id) FROM helpdesk_ticket AS t
                LEFT JOIN crm_case_origin AS o
                       ON o.origin_model = %s AND o.origin_id = t.id""",
                TICKET,
            )
        )

    def _count(self):
        """``[(what, how many, how many of them were brought)]``"""
        self.env.flush_all()
        settings = [
            (self.env._("Teams"), TEAM),
            (self.env._("Stages"), STAGE),
            (self.env._("Tags"), TAG),
            (self.env._("Categories"), CATEGORY),
            (self.env._("Tickets"), TICKET),
        ]
        rows = []
        for label, model in settings:
            if model not in self.env or (
                model == CATEGORY and "crm.case.category" not in self.env
            ):
                continue
            [[total, done]] = self.env.execute_query(
                SQL(
                    """SELECT count(*), count(*) FILTER (WHERE EXISTS (
                              SELECT FROM crm_case_origin AS o
                               WHERE o.origin_model = %s AND o.origin_id = t.id))
                         FROM %s AS t""",
                    model,
                    SQL.identifier(self.env[model]._table),
                )
            )
            rows.append((label, total, done))
        for label, table, model_column in (
            (self.env._("Messages"), "mail_message", "model"),
            (self.env._("Followers"), "mail_followers", "res_model"),
            (self.env._("Files"), "ir_attachment", "res_model"),
            (self.env._("Activities"), "mail_activity", "res_model"),
        ):
            [[total, done]] = self.env.execute_query(
                SQL(
                    """SELECT count(*), count(o.id) FROM %(table)s AS m
                         JOIN helpdesk_ticket AS t ON t.id = m.res_id
                    LEFT JOIN crm_case_origin AS o
                           ON o.origin_model = %(model)s AND o.origin_id = t.id
                        WHERE m.%(model_column)s = %(model)s""",
                    table=SQL.identifier(table),
                    model=TICKET,
                    model_column=SQL.identifier(model_column),
                )
            )
            rows.append((label, total, done))
        return rows

    # ------------------------------------------------------------
    # Running
    # ------------------------------------------------------------

    def action_start(self):
        self.ensure_one()
        self._check_available()
        unknown = self.stage_map_ids.filtered(lambda row: not row.category)
        if unknown:
            raise UserError(
                self.env._(
                    "Say what these stages mean: %s.",
                    format_list(self.env, unknown.mapped("name")),
                )
            )
        self.write(
            {
                "state": "running",
                "date_start": self.date_start or fields.Datetime.now(),
                "date_end": False,
            }
        )
        self.env["crm.case"]._trigger_cron("crm_helpdesk.ir_cron_bring_tickets")
        return True

    def action_retry(self):
        """Once more what could not be brought, after its cause is mended."""
        self.error_ids.unlink()
        return self.action_start()

    def action_pause(self):
        """What is brought stays; it goes on from there."""
        self.filtered(lambda m: m.state == "running").state = "counted"
        return True

    @api.model
    def _cron_run(self):
        migration = self.search([("state", "=", "running")], limit=1)
        if not migration or not self._is_available():
            return
        cron = self.env["ir.cron"]
        time_left = 1
        while time_left and migration.state == "running":
            brought = migration._run_batch()
            time_left = cron._commit_progress(
                brought,
                remaining=migration.ticket_total - migration.ticket_done
                if migration.state == "running"
                else 0,
            )
            # somebody may have paused it meanwhile
            migration.invalidate_recordset(["state"])

    def _run_batch(self, limit=BATCH_SIZE):
        """Bring the settings that are missing and the next tickets; return how many."""
        self.ensure_one()
        self._bring_settings()
        tickets = self._find_tickets(limit)
        if not tickets:
            self._finish()
            return 0
        try:
            with self.env.cr.savepoint():
                self._bring_tickets(tickets)
        except Exception:
            _logger.info("A batch of tickets fails: each alone", exc_info=True)
            for ticket in tickets:
                self._bring_alone(ticket)
        self._count_tickets()
        return len(tickets)

    def _bring_alone(self, ticket):
        try:
            with self.env.cr.savepoint():
                self._bring_tickets(ticket)
        except Exception as error:
            _logger.info("Ticket %s could not be brought", ticket.id, exc_info=True)
            self.env.invalidate_all(flush=False)
            self.env["crm.case.migration.error"].create(
                {
                    "migration_id": self.id,
                    "origin_id": ticket.id,
                    "name": ticket.display_name,
                    "message": str(error) or type(error).__name__,
                }
            )

    def _find_tickets(self, limit):
        rows = self.env.execute_query(
            SQL(
                """SELECT t.id FROM helpdesk_ticket AS t
                    WHERE NOT EXISTS (SELECT FROM crm_case_origin AS o
                                       WHERE o.origin_model = %s AND o.origin_id = t.id)
                      AND NOT EXISTS (SELECT FROM crm_case_migration_error AS e
                                       WHERE e.migration_id = %s AND e.origin_id = t.id)
                    ORDER BY t.id LIMIT %s""",
                TICKET,
                self.id,
                limit,
            )
        )
        return self.env[TICKET].browse(id_ for (id_,) in rows)

    def _finish(self):
        """All is there: tell timelines, and note that nothing is left."""
        self.env["crm.touchpoint"].sudo()._harvest(
            [f"{kind}/crm.case" for kind in ("email_in", "email_out", "call_done")]
        )
        self.action_count()
        self.write({"state": "done", "date_end": fields.Datetime.now()})
