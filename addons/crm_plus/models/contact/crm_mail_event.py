"""What mail services told, each event once, until it is dealt with."""

import hashlib
import json
import logging
from dataclasses import asdict
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL, email_normalize

from ...tools.bounce.report import BOUNCE, COMPLAINT, DELAY, DELIVERED, Recipient
from ...tools.mail_event import CLICKED, OPENED, OTHER, UNSUBSCRIBE
from .crm_mail_service import MAX_AGE, RequestRefused

_logger = logging.getLogger(__name__)

UNREAD = "unread"
KINDS = [
    (BOUNCE, "Bounce"),
    (DELAY, "Still Tried"),
    (COMPLAINT, "Complaint"),
    (UNSUBSCRIBE, "Unsubscribed"),
    (DELIVERED, "Delivered"),
    (OPENED, "Opened"),
    (CLICKED, "Clicked"),
    (OTHER, "Other"),
    (UNREAD, "Not Readable"),
]
# Of the history of an address.
HISTORY_KINDS = (BOUNCE, DELAY, COMPLAINT, UNSUBSCRIBE)

# A few seconds of work, so that a run ends soon when the server stops.
BATCH_SIZE = 500
MAX_TRIES = 3
RETRY_MINUTES = (5, 60)
MAX_PAYLOAD = 20_000
MAX_SHORT = 500
GC_BATCH_SIZE = 10_000
RETENTION_DAYS = 30


def _storable(value):
    """Texts without what PostgreSQL cannot keep: nulls and halves of characters."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(row) for row in value]
    if isinstance(value, dict):
        return {key: _storable(row) for key, row in value.items()}
    return value


class CrmMailEvent(models.Model):
    _name = "crm.mail.event"
    _description = "Mail Service Event"
    _order = "id desc"
    _rec_name = "email_normalized"

    service_id = fields.Many2one(
        "crm.mail.service",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="service_id.company_id", store=True, index="btree_not_null"
    )
    kind = fields.Selection(KINDS, required=True, readonly=True)
    email_normalized = fields.Char(string="E-mail", readonly=True, index=True)
    date = fields.Datetime(readonly=True, help="When the service says it happened")
    date_received = fields.Datetime(string="Received On", readonly=True)
    event_id = fields.Char(
        readonly=True,
        index=True,
        help="Of the service. The same event a second time changes nothing.",
    )
    request_key = fields.Char(required=True, readonly=True)
    digest = fields.Char(readonly=True)
    message_ids = fields.Char(string="Message-Ids", readonly=True)
    url = fields.Char(string="Link", readonly=True)
    user_agent = fields.Char(string="Program", readonly=True)
    is_machine = fields.Boolean(
        string="Machine", readonly=True, help="The service knows it for a program's."
    )
    recipient = fields.Json(readonly=True, export_string_translation=False)
    payload = fields.Text(string="As It Came", readonly=True)
    # what came of it
    state = fields.Selection(
        [
            ("todo", "Waiting"),
            ("done", "Done"),
            ("ignored", "Of No Use"),
            ("failed", "Failed"),
        ],
        required=True,
        readonly=True,
        default="todo",
        help="Failed: tried three times; it can be processed again from here.",
    )
    date_next = fields.Datetime(string="Next Try", readonly=True)
    tries = fields.Integer(readonly=True)
    error = fields.Text(readonly=True)
    bounce_id = fields.Many2one(
        "crm.mail.bounce",
        string="In the History",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )

    _request_uniq = models.UniqueIndex("(service_id, request_key)")
    _todo_idx = models.Index("(date_next, id) WHERE state = 'todo'")
    _failed_idx = models.Index("(id) WHERE state = 'failed'")
    _received_idx = models.Index("(date_received)")

    # ---- taking in ----------------------------------------------------------------
    @api.model
    def _get_wanted_kinds(self):
        """Hook: kinds of which something follows. Others are kept for a few days, as
        the mark that they came, and without what they said."""
        return HISTORY_KINDS

    @api.model
    def _take_in(self, service, payload):
        """Keep what a service has posted, proven to be its own; nothing follows yet."""
        try:
            with self.env.cr.savepoint():
                rows = self._get_rows(service, payload)
        except psycopg2.Error:
            raise
        except Exception as error:
            # a form that the reader does not know: kept whole, to be read when it does
            _logger.exception("crm_plus: an event of %s is not readable", service.name)
            rows = [self._get_unread_row(service, payload, error)]
        self._insert(service, rows)

    @api.model
    def _get_rows(self, service, payload):
        wanted = self._get_wanted_kinds()
        rows = {}
        for event in service._read_events(payload):
            email = email_normalize(event.email) or ""
            raw = service._dump(event.raw)
            is_wanted = event.kind in wanted and bool(email)
            key = (event.key or event.event_id)[:MAX_SHORT]
            rows[key] = {
                "kind": event.kind,
                "email_normalized": email or None,
                "date": event.date and fields.Datetime.to_string(event.date),
                "event_id": event.event_id[:MAX_SHORT],
                "request_key": key,
                "digest": hashlib.sha256(raw.encode()).hexdigest(),
                "message_ids": " ".join(event.message_ids)[:MAX_SHORT] or None,
                "url": event.url[:MAX_SHORT] or None,
                "user_agent": event.user_agent[:MAX_SHORT] or None,
                "is_machine": event.is_machine,
                "recipient": asdict(event.recipient) if event.recipient else None,
                "payload": raw[:MAX_PAYLOAD] if is_wanted else None,
                "state": "todo" if is_wanted else "ignored",
                "error": None,
            }
        return list(rows.values())

    @api.model
    def _get_unread_row(self, service, payload, error):
        raw = service._dump(payload)
        digest = hashlib.sha256(raw.encode()).hexdigest()
        return {
            "kind": UNREAD,
            "event_id": digest,
            "request_key": f"{UNREAD}/{digest}",
            "digest": digest,
            "payload": raw,
            "state": "failed",
            "error": f"{type(error).__name__}: {error}",
        }

    @api.model
    def _insert(self, service, rows):
        """One statement for all; what is there already stays as it is."""
        if not rows:
            return self.browse()
        now = fields.Datetime.now()
        columns = (
            "kind",
            "email_normalized",
            "date",
            "event_id",
            "request_key",
            "digest",
            "message_ids",
            "url",
            "user_agent",
            "is_machine",
            "recipient",
            "payload",
            "state",
            "error",
        )
        names = SQL(", ").join(SQL.identifier(name) for name in columns)
        # the ORM can create, but not leave out what another worker has just created
        created = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_mail_event (
                       service_id, company_id, create_uid, create_date, write_uid,
                       write_date, date_received, date_next, tries, %(names)s)
                SELECT %(service)s, %(company)s, %(uid)s, %(now)s, %(uid)s, %(now)s,
                       %(now)s, %(now)s, 0, %(names)s
                  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
                       kind varchar, email_normalized varchar, date timestamp,
                       event_id varchar, request_key varchar, digest varchar,
                       message_ids varchar, url varchar, user_agent varchar,
                       is_machine boolean, recipient jsonb, payload text,
                       state varchar, error text)
                    ON CONFLICT (service_id, request_key) DO NOTHING
             RETURNING id, request_key
                """,
                names=names,
                service=service.id,
                company=service.company_id.id or None,
                uid=self.env.uid,
                now=now,
                rows=json.dumps(_storable(rows)),
            )
        )
        if len(created) < len(rows) and service._is_word_used_once():
            self._check_used_words(service, rows, {key for _id, key in created})
        events = self.browse([row_id for row_id, _key in created])
        if any(event.state == "todo" for event in events):
            self._trigger()
        return events

    @api.model
    def _check_used_words(self, service, rows, new_keys):
        """The proof does not cover what was posted: with a word that was used it must
        be what came with it the first time."""
        digests = {row["request_key"]: row["digest"] for row in rows}
        known = self.search(
            [
                ("service_id", "=", service.id),
                ("request_key", "in", list(digests.keys() - new_keys)),
            ]
        )
        if any(event.digest != digests[event.request_key] for event in known):
            raise RequestRefused("used before")

    @api.model
    def _trigger(self, at=None):
        cron = self.env.ref(
            "crm_plus.ir_cron_process_mail_events", raise_if_not_found=False
        )
        if cron:
            cron._trigger(at)

    # ---- dealing with it -------------------------------------------------------
    @api.model
    def _cron_process(self, batch_size=BATCH_SIZE):
        now = fields.Datetime.now()
        due = [("state", "=", "todo"), ("date_next", "<=", now)]
        events = self.search(due, limit=batch_size, order="date_next, id")
        events = events.try_lock_for_update()
        events._try_process()
        remaining = self.search_count(due) if events else 0
        self.env["ir.cron"]._commit_progress(len(events), remaining=remaining)

    def _try_process(self):
        """All at once; if that fails each alone, so that the others are done."""
        if not self or self._try_once():
            return
        for event in self if len(self) > 1 else ():
            event._try_once()

    def _try_once(self):
        self.env.flush_all()
        try:
            with self.env.cr.savepoint():
                self._process()
                self.env.flush_all()
        except psycopg2.OperationalError:
            raise
        except Exception as error:
            if len(self) == 1:
                _logger.info("crm_plus: mail event %s failed", self.id, exc_info=True)
                self._postpone(error)
            return False
        return True

    def _postpone(self, error):
        tries = self.tries + 1
        values = {"tries": tries, "error": f"{type(error).__name__}: {error}"[:2000]}
        if tries >= MAX_TRIES:
            values["state"] = "failed"
        else:
            values["date_next"] = fields.Datetime.now() + timedelta(
                minutes=RETRY_MINUTES[tries - 1]
            )
            self._trigger(values["date_next"])
        self.write(values)

    def _process(self):
        unread = self.filtered(lambda event: event.kind == UNREAD)
        for event in unread:
            # one here and there, after the reader was mended
            event._read_again()
        events = self - unread
        again = events._filter_told_before()
        again.write({"state": "ignored", "error": False})
        events -= again
        history = events.filtered(lambda event: event.kind in HISTORY_KINDS)
        history._process_history()
        (events - history)._process_others()
        events.write({"state": "done", "error": False})

    def _read_again(self):
        self.ensure_one()
        rows = self._get_rows(self.service_id, json.loads(self.payload))
        self._insert(self.service_id, rows)
        self.write({"state": "done", "error": False})

    def _filter_told_before(self):
        """Events that the service has told already, with another request."""
        # of those that are waiting the first counts
        rows = self._read_group(
            [
                ("service_id", "in", self.service_id.ids),
                ("event_id", "in", self.mapped("event_id")),
                ("state", "in", ("todo", "done")),
            ],
            ["service_id", "event_id", "kind"],
            ["id:min"],
        )
        first = {tuple(keys): row_id for *keys, row_id in rows}
        return self.filtered(
            lambda event: (
                first.get((event.service_id, event.event_id, event.kind), event.id)
                != event.id
            )
        )

    def _process_history(self):
        if not self:
            return
        bounces = self.env["crm.mail.bounce"]._record_rows(
            [event._prepare_history_row() for event in self]
        )
        found = {(row.message_id, row.email_normalized): row for row in bounces}
        for event in self:
            event.bounce_id = found.get(
                (event._get_report_id(), event.email_normalized), False
            )

    def _get_report_id(self):
        self.ensure_one()
        return f"{self.service_id.provider}:{self.event_id}"

    def _prepare_history_row(self):
        """Hook: a row for ``crm.mail.bounce._record_rows``."""
        self.ensure_one()
        return {
            "email": self.email_normalized,
            "kind": self.kind,
            "recipient": Recipient(**(self.recipient or {})),
            "date": self.date or self.date_received,
            "report_id": self._get_report_id(),
            "message_ids": (self.message_ids or "").split(),
            "service": self.service_id,
        }

    def _process_others(self):
        """Hook: deliveries, opens and clicks, if their kinds are wanted."""

    # ---- screens --------------------------------------------------------------
    def action_process_again(self):
        """Have events that failed processed once more."""
        self.env["crm.mail.service"].check_access("write")
        self.check_access("read")
        # sudo: events are written by the system only
        failed = self.sudo().filtered(lambda event: event.state == "failed")
        failed.write({"state": "todo", "tries": 0, "date_next": fields.Datetime.now()})
        self._trigger()

    def action_view_bounce(self):
        self.ensure_one()
        return self.bounce_id.get_formview_action()

    @api.autovacuum
    def _gc_events(self):
        """Drop what is older than the retention setting (days), and what was of no use
        as soon as it cannot be sent a second time."""
        # sudo: settings are read by administrators only
        days = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_plus.mail_event_retention_days", RETENTION_DAYS)
        )
        now = fields.Datetime.now()
        # who catches a request must not find it forgotten while its time is good
        least = now - MAX_AGE - timedelta(days=1)
        old = self.search(
            [
                "|",
                ("date_received", "<", min(now - timedelta(days=days), least)),
                "&",
                ("date_received", "<", least),
                ("state", "=", "ignored"),
                ("state", "!=", "todo"),
            ],
            limit=GC_BATCH_SIZE,
            order="date_received, id",
        )
        count = len(old)
        old.unlink()
        return count, int(count == GC_BATCH_SIZE)
