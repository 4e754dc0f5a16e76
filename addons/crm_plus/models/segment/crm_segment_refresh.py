import logging
from datetime import timedelta
from time import monotonic

import psycopg2

from odoo import api, fields, models, tools
from odoo.tools import SQL

from ...tools.user_domain import domain_fields, fields_behind
from ..scoring.crm_score_model import QUEUE_KEY as SCORE_QUEUE_KEY
from ..touchpoint.crm_touchpoint import QUEUE_KEY as TOUCHPOINT_QUEUE_KEY

_logger = logging.getLogger(__name__)

QUEUE_KEY = "crm_plus.segment_queue"
# Up to so many changed records are refreshed within the transaction that changes them:
# some milliseconds a segment. More are left to the scheduler.
INCREMENTAL_LIMIT = 1000
# A segment refreshed less than this ago is not refreshed again by the scheduler.
REFRESH_MIN_SECONDS = 60
# What only time changes is found by refreshing in full. A segment that nobody asked for
# takes at most this share of the time: one of ten seconds every quarter of an hour, one
# of a minute every hour and a half; each at least once a day.
REFRESH_SHARE = 0.011
REFRESH_MAX_WAIT = timedelta(days=1)
# First key of the advisory locks; the second is the segment's id.
LOCK_SPACE = 0x5E63


class CrmSegment(models.Model):
    """How a segment is brought up to date.

    One SQL statement finds and writes who joined and who left, for all records
    (``_refresh``) or for some that have just changed (``_refresh_records``). The two
    never run at the same time on one segment: the first holds an exclusive, the second
    a shared advisory lock.
    """

    _inherit = "crm.segment"

    # ------------------------------------------------------------
    # Refresh
    # ------------------------------------------------------------

    def _refresh(self):
        """Bring the members of these segments up to date; all of them.

        :return: ``{segment: (ids of members joined, ids of members left)}``; a segment
            that another transaction is refreshing is left out
        """
        result = {}
        for segment in self._in_order():
            [(locked,)] = self.env.execute_query(
                SQL("SELECT pg_try_advisory_xact_lock(%s, %s)", LOCK_SPACE, segment.id)
            )
            if not locked:
                continue
            started = monotonic()
            result[segment] = segment._apply_difference()
            now = fields.Datetime.now()
            # sudo: a seller's change may be what refreshes the segment
            segment.sudo().write(
                {
                    "date_refreshed": now,
                    "date_tried": now,
                    "refresh_seconds": monotonic() - started,
                    "last_error": False,
                }
            )
        return result

    @api.model
    def _refresh_records(self, model, res_ids, segments=None):
        """Bring the membership of some records up to date, in ``segments`` or in all of
        their model.

        One statement a segment. A segment under full refresh, or too many records, are
        left to the scheduler. The segment row is not written, so that concurrent users
        do not wait for each other.
        """
        # sudo: membership does not depend on who changes the record
        if segments is None:
            segments = self.sudo().search(
                [("target", "=", model), ("last_error", "=", False)]
            )
        # as above, for those that the caller names
        segments = segments.sudo()
        res_ids = list(set(res_ids))
        if not segments or not res_ids:
            return
        if len(res_ids) > INCREMENTAL_LIMIT:
            segments._ask_refresh()
            return
        locked = self.env.execute_query(
            SQL(
                "SELECT id FROM unnest(%s) id"
                " WHERE pg_try_advisory_xact_lock_shared(%s, id)",
                segments.ids,
                LOCK_SPACE,
            )
        )
        free = segments.browse(row[0] for row in locked)._in_order()
        if len(free) != len(segments):
            (segments - free)._ask_refresh()
        # A flushing savepoint would run other precommit queues amid this one.
        self.env.flush_all()
        try:
            with self.env.cr.savepoint(flush=False):
                for segment in free:
                    segment._apply_difference(res_ids)
        except psycopg2.OperationalError:
            raise  # serialisation, lock timeout: the whole transaction is retried
        except Exception:
            # Someone's bad condition must not stop a seller's work: the scheduler finds
            # out which one it is and notes the error on it.
            _logger.info("crm_plus: incremental refresh failed", exc_info=True)
            free._ask_refresh()

    def _apply_difference(self, res_ids=None):
        """Write who joined and who left; return the ids of both member rows."""
        self.ensure_one()
        Member = self.env["crm.segment.member"]
        Target = self.env[self.target]
        query = self._get_member_query(res_ids)

        def window(alias):
            if res_ids is None:
                return SQL("TRUE")
            return SQL("%s = ANY(%s)", SQL.identifier(alias, "res_id"), list(res_ids))

        Member.flush_model()
        self.env["crm.segment.pin"].flush_model()
        Target.flush_model(
            [name for name in ("partner_id", "company_id") if name in Target._fields]
        )
        columns = self._get_member_columns("t")
        rows = self.env.execute_query(
            SQL(
                # Joined by FULL JOIN: a table that has just been filled has no
                # statistics, and a planner that expects one row of it would compare
                # each member with each match. There is no nested loop of a full join.
                """
                WITH found (id, %(columns)s) AS MATERIALIZED (
                    %(found)s
                ), pin AS MATERIALIZED (
                    SELECT p.res_id, p.kind
                      FROM crm_segment_pin p
                     WHERE p.segment_id = %(segment)s AND %(pin_window)s
                ), judged AS MATERIALIZED (
                    SELECT found.*, pin.res_id AS pin_id, pin.kind
                      FROM found FULL JOIN pin ON pin.res_id = found.id
                ), wanted AS MATERIALIZED (
                    SELECT id, %(columns)s,
                           CASE WHEN kind = 'out' THEN 'out' ELSE 'domain' END AS reason
                      FROM judged WHERE id IS NOT NULL
                 UNION ALL
                    SELECT t.id, %(pinned)s,
                           CASE WHEN kind = 'out' THEN 'out' ELSE 'pinned' END
                      FROM judged JOIN %(table)s t ON t.id = judged.pin_id
                     WHERE judged.id IS NULL
                ), present AS MATERIALIZED (
                    SELECT m.id AS member_id, m.res_id
                      FROM crm_segment_member m
                     WHERE m.segment_id = %(segment)s AND m.date_left IS NULL
                       AND %(window)s
                ), difference AS MATERIALIZED (
                    SELECT wanted.*, present.member_id
                      FROM wanted FULL JOIN present ON present.res_id = wanted.id
                     WHERE CASE WHEN COALESCE(wanted.reason, 'out') = 'out'
                                THEN member_id IS NOT NULL
                                ELSE member_id IS NULL END
                ), joined AS (
                    INSERT INTO crm_segment_member (
                        segment_id, res_model, res_id, %(columns)s,
                        date_joined, reason_joined,
                        create_uid, create_date, write_uid, write_date
                    )
                    SELECT %(segment)s, %(model)s, id, %(columns)s,
                           %(now)s, reason, %(uid)s, %(now)s, %(uid)s, %(now)s
                      FROM difference
                     WHERE member_id IS NULL
                ON CONFLICT (segment_id, res_id) WHERE date_left IS NULL DO NOTHING
                 RETURNING id
                ), gone AS (
                    UPDATE crm_segment_member m
                       SET date_left = %(now)s,
                           reason_left = CASE
                               WHEN difference.reason = 'out' THEN 'pinned'
                               WHEN NOT EXISTS (
                                   SELECT FROM %(table)s t WHERE t.id = m.res_id
                               ) THEN 'deleted'
                               ELSE 'domain' END,
                           write_uid = %(uid)s, write_date = %(now)s
                      FROM difference
                     WHERE m.id = difference.member_id
                 RETURNING m.id
                )
                SELECT TRUE, id FROM joined UNION ALL SELECT FALSE, id FROM gone
                """,
                columns=SQL(", ").join(SQL.identifier(name) for name in columns),
                found=query.select(
                    SQL.identifier(query.table, "id"),
                    *self._get_member_columns(query.table).values(),
                ),
                pinned=SQL(", ").join(columns.values()),
                segment=self.id,
                model=self.target,
                table=SQL.identifier(Target._table),
                window=window("m"),
                pin_window=window("p"),
                now=self.env.cr.now(),
                uid=self.env.uid,
            )
        )
        joined_ids = [row_id for joined, row_id in rows if joined]
        left_ids = [row_id for joined, row_id in rows if not joined]
        if rows:
            self._members_written(joined_ids, left_ids)
        return joined_ids, left_ids

    def _members_written(self, joined_ids, left_ids):
        """Follow up what SQL has written: caches, touchpoints, and who listens."""
        self.ensure_one()
        self.env["crm.segment.member"].invalidate_model(flush=False)
        self.invalidate_recordset(
            ["member_ids", "member_count", "joined_count", "left_count"], flush=False
        )
        self.env[self.target].invalidate_model(
            [
                name
                for name in ("segment_member_ids", "segment_ids")
                if name in self.env[self.target]._fields
            ],
            flush=False,
        )
        Touchpoint = self.env["crm.touchpoint"]
        if len(joined_ids) + len(left_ids) > INCREMENTAL_LIMIT:
            Touchpoint._trigger_harvest()
        else:
            Touchpoint._queue_harvest("segment_joined", joined_ids)
            Touchpoint._queue_harvest("segment_left", left_ids)
        self._refresh_dependents(joined_ids + left_ids)
        self._on_members_changed(self, joined_ids, left_ids)

    def _refresh_dependents(self, member_ids):
        """Who joins or leaves a segment may join or leave those that name it."""
        self.ensure_one()
        dependents = [
            segment_id
            for segment_id, named in self._get_references().items()
            if self.id in named
        ]
        if not dependents:
            return
        if len(member_ids) > INCREMENTAL_LIMIT:
            # sudo: a seller's change may be what refreshes the segment
            self.sudo().browse(dependents)._ask_refresh()
            return
        # sudo: members the user may not see count too
        members = self.env["crm.segment.member"].sudo().browse(member_ids)
        self._queue_refresh(self.target, members.mapped("res_id"))

    @api.model
    @tools.ormcache()
    def _get_references(self):
        """Return which segments each active segment includes or excludes, as ids."""
        # sudo: all segments, whoever changes a record
        segments = self.sudo().search(
            ["|", ("include_ids", "!=", False), ("exclude_ids", "!=", False)]
        )
        return {
            segment.id: frozenset((segment.include_ids | segment.exclude_ids).ids)
            for segment in segments
        }

    def _in_order(self):
        """Return these segments so that those that others name come before them."""
        references = self._get_references()

        def depth(segment_id):
            named = references.get(segment_id)
            return 1 + max(map(depth, named)) if named else 0

        return self.sorted("id").sorted(lambda segment: depth(segment.id))

    @api.model
    def _on_members_changed(self, segment, joined_member_ids, left_member_ids):
        """Hook: called after each refresh that changed something, in its transaction.

        The transaction may be a seller's: overrides are set-based, and leave long work
        to their own cron.
        """

    @api.model
    def _queue_refresh(self, model, res_ids):
        """Refresh the membership of these records when the transaction commits."""
        if not res_ids or not self._get_watched_fields(model):
            return
        precommit = self.env.cr.precommit
        if QUEUE_KEY not in precommit.data:
            precommit.data[QUEUE_KEY] = {}
            # membership does not depend on who changes the record
            precommit.add(self.sudo().browse()._refresh_queued)
        precommit.data[QUEUE_KEY].setdefault(model, set()).update(res_ids)

    @api.model
    def _refresh_queued(self):
        precommit = self.env.cr.precommit
        if any(key in precommit.data for key in self._get_earlier_queues()):
            precommit.add(self._refresh_queued)
            return
        queue = precommit.data.pop(QUEUE_KEY, {})
        for model, res_ids in queue.items():
            self._refresh_records(model, res_ids)

    @api.model
    def _get_earlier_queues(self):
        """Hook: precommit queues to wait for, since conditions may read what they
        write.
        """
        return {TOUCHPOINT_QUEUE_KEY, SCORE_QUEUE_KEY}

    @api.model
    @tools.ormcache("model")
    def _get_watched_fields(self, model):
        """Return the fields of ``model`` that active segments read; empty without
        segments.
        """
        watched = set()
        Target = self.env[model]
        # sudo: all segments, whoever changes a record
        for segment in self.sudo().search([("target", "=", model)]):
            watched.add("active")
            watched |= fields_behind(Target, segment.fact_ids._get_watched_fields())
            try:
                watched |= domain_fields(Target, segment._get_member_domain())
            except Exception:  # noqa: BLE001 whatever a user may have written
                _logger.info("crm_plus: segment %s not readable", segment.id)
        return frozenset(watched)

    def _ask_refresh(self):
        """Have the scheduler refresh these in full, however long that takes."""
        # not for those that wait already: who changes many records would wait for the
        # row of somebody else
        self.filtered("date_tried").write({"date_tried": False})
        self._trigger_refresh()

    @api.model
    def _trigger_refresh(self, now=False):
        """Let the scheduler refresh; unless ``now``, when a minute has passed."""
        cron = self.env.ref(
            "crm_plus.ir_cron_refresh_segments", raise_if_not_found=False
        )
        if cron:
            wait = timedelta(seconds=0 if now else REFRESH_MIN_SECONDS)
            cron._trigger(at=fields.Datetime.now() + wait)

    # ------------------------------------------------------------
    # Scheduler
    # ------------------------------------------------------------

    def _is_due(self, now):
        """Whether the scheduler refreshes this segment: it was asked to, or the last
        time is long enough ago for what it took.
        """
        if not self.date_tried:
            return True
        wait = timedelta(
            seconds=max(REFRESH_MIN_SECONDS, self.refresh_seconds / REFRESH_SHARE)
        )
        return self.date_tried + min(wait, REFRESH_MAX_WAIT) <= now

    @api.model
    def _cron_refresh(self):
        """Refresh segment by segment, longest waiting first, each in its own
        transaction.
        """
        IrCron = self.env["ir.cron"]
        now = fields.Datetime.now()
        segments = (
            self.search([], order="date_tried NULLS FIRST, id")
            .filtered(lambda segment: segment._is_due(now))
            ._in_order()
        )
        IrCron._commit_progress(remaining=len(segments))
        for segment in segments:
            try:
                segment._refresh()
            except psycopg2.OperationalError:
                # somebody changed the same members meanwhile: again at the next run
                self.env.cr.rollback()
                self._trigger_refresh()
            except Exception as error:
                self.env.cr.rollback()
                _logger.info("crm_plus: segment %s failed", segment.id, exc_info=True)
                segment.write(
                    {"date_tried": fields.Datetime.now(), "last_error": str(error)}
                )
            if not IrCron._commit_progress(1):
                break
