import logging
from datetime import timedelta
from time import monotonic

import psycopg2

from odoo import SUPERUSER_ID, api, fields, models, tools
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.user_domain import domain_fields, evaluate_domain
from ..scoring.crm_score_model import QUEUE_KEY as SCORE_QUEUE_KEY
from ..touchpoint.crm_touchpoint import QUEUE_KEY as TOUCHPOINT_QUEUE_KEY

_logger = logging.getLogger(__name__)

QUEUE_KEY = "crm_plus.segment_queue"
# Up to so many changed records are refreshed within the transaction that changes them:
# some milliseconds a segment. More are left to the scheduler.
INCREMENTAL_LIMIT = 1000
# A segment refreshed less than this ago is not refreshed again by the scheduler.
REFRESH_MIN_SECONDS = 60
# First key of the advisory locks; the second is the segment's id.
LOCK_SPACE = 0x5E63


class CrmSegment(models.Model):
    """Who: a stored, dated set of records that match a domain.

    The rule: a record *joins* when it matches the domain and has no open member row,
    and *leaves* when it has an open row and no longer matches. Rows are never deleted,
    so the history answers who was in when. The domain is evaluated with the rights and
    in the companies of the responsible person, whoever or whatever triggers the
    refresh.

    One SQL statement finds and writes both, for all records (``_refresh``) or for some
    that have just changed (``_refresh_records``). The two never run at the same time on
    one segment: the first holds an exclusive, the second a shared advisory lock.
    """

    _name = "crm.segment"
    _description = "Segment"
    _order = "name, id"

    # identity
    name = fields.Char(required=True)
    active = fields.Boolean(
        default=True,
        help="An archived segment is not refreshed: it keeps the members it has.",
    )
    description = fields.Text(help="Whom it holds and what it is for.")
    # who is in
    target = fields.Selection(
        [("crm.lead", "Leads and Opportunities"), ("res.partner", "Contacts")],
        string="Holds",
        required=True,
        default="crm.lead",
    )
    domain = fields.Char(
        string="Condition",
        required=True,
        default="[]",
        help="Records that match are members. As everywhere in Odoo, archived records "
        "are left out, and with them lost leads, unless the condition names Active.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        required=True,
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        help="The condition is evaluated with the rights of this person.",
    )
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        help="Only records of this company, and of none. Empty: of all companies of "
        "the responsible person.",
    )
    # members
    member_ids = fields.One2many("crm.segment.member", "segment_id", readonly=True)
    member_count = fields.Integer(string="Members", compute="_compute_member_count")
    joined_count = fields.Integer(
        string="Joined in 7 Days", compute="_compute_member_count"
    )
    left_count = fields.Integer(
        string="Left in 7 Days", compute="_compute_member_count"
    )
    # last refresh
    date_refreshed = fields.Datetime(string="Refreshed On", readonly=True, copy=False)
    refresh_seconds = fields.Float(
        string="Refresh Time", readonly=True, copy=False, help="In seconds."
    )
    date_tried = fields.Datetime(readonly=True, copy=False)
    last_error = fields.Text(readonly=True, copy=False)

    # ------------------------------------------------------------
    # Computes and constraints
    # ------------------------------------------------------------

    @api.depends("member_ids.date_left")
    def _compute_member_count(self):
        Member = self.env["crm.segment.member"]
        in_segments = Domain("segment_id", "in", self.ids)

        def count(domain):
            return dict(
                Member._read_group(in_segments & domain, ["segment_id"], ["__count"])
            )

        members = count(Domain("date_left", "=", False))
        joined = count(Domain("date_joined", ">=", "now -7d"))
        left = count(Domain("date_left", ">=", "now -7d"))
        for segment in self:
            segment.member_count = members.get(segment._origin, 0)
            segment.joined_count = joined.get(segment._origin, 0)
            segment.left_count = left.get(segment._origin, 0)

    @api.constrains("domain", "target", "user_id", "company_id")
    def _check_domain(self):
        """The condition works for who writes it and for who it will run as.

        Both, or membership would tell the one what only the other may read. Constraints
        are called as superuser: who writes is told by ``env.uid``.
        """
        by_system = self.env.uid == SUPERUSER_ID
        for segment in self:
            if segment.user_id.id == SUPERUSER_ID and not by_system:
                raise ValidationError(
                    self.env._("A person must be responsible for the segment.")
                )
            if (
                segment.company_id
                and segment.user_id.id != SUPERUSER_ID
                and segment.company_id not in segment.user_id.company_ids
            ):
                raise ValidationError(
                    self.env._(
                        "%(user)s has no access to %(company)s.",
                        user=segment.user_id.name,
                        company=segment.company_id.name,
                    )
                )
            users = segment.user_id if by_system else segment.user_id | self.env.user
            for user in users:
                Target = segment._get_target(user)
                try:
                    with self.env.cr.savepoint():
                        Target.search(
                            evaluate_domain(Target.env, segment.domain), limit=1
                        )
                except Exception as error:
                    raise ValidationError(
                        self.env._(
                            "The condition of segment “%(segment)s” does not work for "
                            "%(user)s: %(error)s",
                            segment=segment.name,
                            user=user.name,
                            error=error,
                        )
                    ) from error

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model
    def _get_definition_fields(self):
        """Fields whose change asks for a full refresh."""
        return {"domain", "target", "user_id", "company_id", "active"}

    @api.model_create_multi
    def create(self, vals_list):
        segments = super().create(vals_list)
        self.env.registry.clear_cache()
        self._trigger_refresh(now=True)
        return segments

    def write(self, vals):
        if "target" in vals:
            changed = self.filtered(lambda s: s.target != vals["target"])
            # sudo: members the user may not see count too
            if changed.sudo().member_ids:
                raise UserError(
                    self.env._(
                        "A segment that has had members cannot hold something else. "
                        "Create another one."
                    )
                )
        if vals.keys() & self._get_definition_fields():
            vals = {**vals, "date_tried": False}
            result = super().write(vals)
            self.env.registry.clear_cache()
            self._trigger_refresh(now=True)
            return result
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for segment in self:
            usage = segment._get_usage()
            if usage:
                raise UserError(
                    self.env._(
                        "Segment “%(segment)s” is used by %(usage)s. "
                        "Archive it instead.",
                        segment=segment.name,
                        usage=usage,
                    )
                )

    def _get_usage(self):
        """Hook: what uses this segment, as texts; then it cannot be deleted."""
        self.ensure_one()
        return []

    # ------------------------------------------------------------
    # Who matches
    # ------------------------------------------------------------

    def _get_target(self, user=None):
        """Return the target model as ``user`` (the responsible), in the segment's
        companies.
        """
        self.ensure_one()
        user = user or self.user_id
        # The companies of the segment, not those the present user has switched on.
        companies = self.company_id or user.company_id | user.company_ids
        return (
            self.env[self.target]
            .with_user(user)
            .with_context(
                allowed_company_ids=companies.ids,
                tz=user.tz,
                lang=user.lang,
                active_test=True,
            )
        )

    def _get_member_domain(self):
        """Hook: the domain of who is in, to evaluate on ``_get_target()``."""
        self.ensure_one()
        Target = self._get_target()
        domain = evaluate_domain(Target.env, self.domain)
        if self.company_id and "company_id" in Target._fields:
            domain &= Domain("company_id", "in", [self.company_id.id, False])
        return domain

    def _get_member_query(self, res_ids=None):
        """Return the query of the records that match, or of those of ``res_ids`` that
        do.
        """
        domain = self._get_member_domain()
        if res_ids is not None:
            domain &= Domain("id", "in", list(res_ids))
        return self._get_target()._search(domain)

    def _get_member_columns(self, alias):
        """Hook: SQL of the lead, partner and company of a target record."""
        self.ensure_one()
        nothing = SQL("NULL::integer")
        fields_of_target = self.env[self.target]._fields

        def column(name):
            field = fields_of_target.get(name)
            stored = field is not None and field.store
            return SQL.identifier(alias, name) if stored else nothing

        return {
            "lead_id": column("id") if self.target == "crm.lead" else nothing,
            "partner_id": column(
                "id" if self.target == "res.partner" else "partner_id"
            ),
            "company_id": column("company_id"),
        }

    # ------------------------------------------------------------
    # Refresh
    # ------------------------------------------------------------

    def _refresh(self):
        """Bring the members of these segments up to date; all of them.

        :return: ``{segment: (ids of members joined, ids of members left)}``; a segment
            that another transaction is refreshing is left out
        """
        result = {}
        for segment in self:
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
    def _refresh_records(self, model, res_ids):
        """Bring the membership of some records up to date, in all segments of their
        model.

        One statement a segment. A segment under full refresh, or too many records, are
        left to the scheduler. The segment row is not written, so that concurrent users
        do not wait for each other.
        """
        # sudo: membership does not depend on who changes the record
        segments = self.sudo().search(
            [("target", "=", model), ("last_error", "=", False)]
        )
        res_ids = list(set(res_ids))
        if not segments or not res_ids:
            return
        if len(res_ids) > INCREMENTAL_LIMIT:
            self._trigger_refresh()
            return
        locked = self.env.execute_query(
            SQL(
                "SELECT id FROM unnest(%s) id"
                " WHERE pg_try_advisory_xact_lock_shared(%s, id)",
                segments.ids,
                LOCK_SPACE,
            )
        )
        free = segments.browse(sorted(row[0] for row in locked))
        if free != segments.sorted("id"):
            self._trigger_refresh()
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
            self._trigger_refresh()

    def _apply_difference(self, res_ids=None):
        """Write who joined and who left; return the ids of both member rows."""
        self.ensure_one()
        Member = self.env["crm.segment.member"]
        Target = self.env[self.target]
        query = self._get_member_query(res_ids)
        columns = self._get_member_columns(query.table)
        Member.flush_model()
        Target.flush_model(
            [name for name in ("partner_id", "company_id") if name in Target._fields]
        )
        rows = self.env.execute_query(
            SQL(
                """
                WITH matched (id, lead_id, partner_id, company_id) AS MATERIALIZED (
                    %(matched)s
                ), joined AS (
                    INSERT INTO crm_segment_member (
                        segment_id, res_model, res_id, lead_id, partner_id, company_id,
                        date_joined, reason_joined,
                        create_uid, create_date, write_uid, write_date
                    )
                    SELECT %(segment)s, %(model)s, id, lead_id, partner_id, company_id,
                           %(now)s, 'domain', %(uid)s, %(now)s, %(uid)s, %(now)s
                      FROM matched
                     WHERE NOT EXISTS (
                        SELECT FROM crm_segment_member m
                         WHERE m.segment_id = %(segment)s AND m.res_id = matched.id
                           AND m.date_left IS NULL
                     )
                ON CONFLICT (segment_id, res_id) WHERE date_left IS NULL DO NOTHING
                 RETURNING id
                ), gone AS (
                    UPDATE crm_segment_member m
                       SET date_left = %(now)s,
                           reason_left = CASE WHEN EXISTS (
                               SELECT FROM %(table)s t WHERE t.id = m.res_id
                           ) THEN 'domain' ELSE 'deleted' END,
                           write_uid = %(uid)s, write_date = %(now)s
                     WHERE m.segment_id = %(segment)s AND m.date_left IS NULL
                       AND %(window)s
                       AND NOT EXISTS (SELECT FROM matched WHERE matched.id = m.res_id)
                       AND (m.is_pinned IS NOT TRUE OR NOT EXISTS (
                           SELECT FROM %(table)s t WHERE t.id = m.res_id))
                 RETURNING id
                )
                SELECT TRUE, id FROM joined UNION ALL SELECT FALSE, id FROM gone
                """,
                matched=query.select(
                    SQL.identifier(query.table, "id"),
                    columns["lead_id"],
                    columns["partner_id"],
                    columns["company_id"],
                ),
                segment=self.id,
                model=self.target,
                table=SQL.identifier(Target._table),
                window=(
                    SQL("TRUE")
                    if res_ids is None
                    else SQL("m.res_id = ANY(%s)", list(res_ids))
                ),
                now=self.env.cr.now(),
                uid=self.env.uid,
            )
        )
        joined_ids = [row_id for joined, row_id in rows if joined]
        left_ids = [row_id for joined, row_id in rows if not joined]
        if rows:
            self._members_written(joined_ids, left_ids)
        return joined_ids, left_ids

    def _pin(self, records):
        """Make these records members that stay, whatever the condition says; those of
        another company than the segment's are left out.
        """
        self.ensure_one()
        if self.company_id:
            records = records.filtered(
                lambda r: not r.company_id or r.company_id == self.company_id
            )
        if not records:
            return
        columns = self._get_member_columns(records._table)
        self.env["crm.segment.member"].flush_model()
        records.flush_model(
            [name for name in ("partner_id", "company_id") if name in records._fields]
        )
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_segment_member (
                    segment_id, res_model, res_id, lead_id, partner_id, company_id,
                    date_joined, reason_joined, is_pinned,
                    create_uid, create_date, write_uid, write_date
                )
                SELECT %(segment)s, %(model)s, id, %(lead)s, %(partner)s, %(company)s,
                       %(now)s, 'pinned', TRUE, %(uid)s, %(now)s, %(uid)s, %(now)s
                  FROM %(table)s WHERE id = ANY(%(ids)s)
           ON CONFLICT (segment_id, res_id) WHERE date_left IS NULL
         DO UPDATE SET is_pinned = TRUE
             RETURNING id, xmax = 0
                """,
                segment=self.id,
                model=self.target,
                lead=columns["lead_id"],
                partner=columns["partner_id"],
                company=columns["company_id"],
                table=SQL.identifier(records._table),
                ids=records.ids,
                now=self.env.cr.now(),
                uid=self.env.uid,
            )
        )
        # without those that were members already
        self._members_written([row_id for row_id, is_new in rows if is_new], [])

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
        self._on_members_changed(self, joined_ids, left_ids)

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
        # sudo: all segments, whoever changes a record
        for segment in self.sudo().search([("target", "=", model)]):
            watched.add("active")
            try:
                watched |= domain_fields(self.env[model], segment._get_member_domain())
            except Exception:  # noqa: BLE001 whatever a user may have written
                _logger.info("crm_plus: segment %s not readable", segment.id)
        return frozenset(watched)

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
    # Actions
    # ------------------------------------------------------------

    def action_refresh(self):
        self.check_access("write")
        changes = self._refresh()
        if not changes:
            message = self.env._("It is being refreshed already.")
        else:
            message = self.env._(
                "%(joined)s joined, %(left)s left",
                joined=sum(len(joined) for joined, _left in changes.values()),
                left=sum(len(left) for _joined, left in changes.values()),
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if changes else "warning",
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_preview(self):
        """Open who matches now, without making anyone a member."""
        self.ensure_one()
        ids = self._get_member_query().get_result_ids()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._(
                "%(segment)s: %(count)s match now",
                segment=self.name,
                count=len(ids),
            ),
            "res_model": self.target,
            "view_mode": "list,form",
            "domain": list(self._get_member_domain()),
            "context": {"create": False},
        }

    def action_view_members(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_segment_member_action"
        )
        action["name"] = self.env._("Members of %s", self.name)
        action["domain"] = [("segment_id", "=", self.id)]
        action["context"] = {"search_default_current": 1}
        return action

    # ------------------------------------------------------------
    # Scheduler
    # ------------------------------------------------------------

    @api.model
    def _cron_refresh(self):
        """Refresh segment by segment, longest waiting first, each in its own
        transaction.
        """
        IrCron = self.env["ir.cron"]
        limit = fields.Datetime.now() - timedelta(seconds=REFRESH_MIN_SECONDS)
        segments = self.search(
            ["|", ("date_tried", "=", False), ("date_tried", "<=", limit)],
            order="date_tried NULLS FIRST, id",
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
