import logging

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

# So many contacts are made, or subscriptions, by one call of the ORM.
SYNC_BATCH_SIZE = 1000


class MailingList(models.Model):
    """How a mailing list follows its segment.

    The rule, by e-mail address: a member of the segment is subscribed unless the
    address has ever unsubscribed from the list, was taken off it by hand, or is
    blocked. Whoever leaves the segment is taken off, if the segment put them on and
    they have not unsubscribed: the wish of a person outlives the segment.
    """

    _inherit = "mailing.list"

    def _sync(self):
        """Bring this list up to date; return how many joined and left."""
        self.ensure_one()
        if not self.segment_id:
            return 0, 0
        syncing = self.with_context(
            crm_campaigns_sync=True,
            tracking_disable=True,
            mail_create_nosubscribe=True,
        )
        left = syncing._sync_leave()
        joined = syncing._sync_join()
        self.write({"date_synced": fields.Datetime.now(), "sync_error": False})
        return joined, left

    def _flush_sync(self):
        for name in (
            "crm.segment.member",
            "crm.mailing.list.move",
            "mail.blacklist",
            "mailing.contact",
            "mailing.subscription",
            self.segment_id.target,
        ):
            self.env[name].flush_model()

    def _select_wanted(self):
        """``SELECT`` of the addresses of the members, each once, with a name."""
        target = self.env[self.segment_id.target]
        name = {
            "crm.lead": SQL("COALESCE(r.contact_name, r.partner_name, r.name)"),
        }.get(target._name, SQL("r.name"))
        return SQL(
            """
            SELECT DISTINCT ON (r.email_normalized)
                   r.email_normalized AS email, %(name)s AS name,
                   %(contact)s AS contact_id
              FROM crm_segment_member m
              JOIN %(table)s r ON r.id = m.res_id
             WHERE m.segment_id = %(segment)s AND m.date_left IS NULL
               AND r.email_normalized <> ''
             ORDER BY r.email_normalized, r.id
            """,
            name=name,
            contact=(
                SQL("r.id")
                if target._name == "mailing.contact"
                else SQL("NULL::integer")
            ),
            table=SQL.identifier(target._table),
            segment=self.segment_id.id,
        )

    def _sync_leave(self):
        """Take off those whom a segment put on the list and who left it."""
        self._flush_sync()
        rows = self.env.execute_query(
            SQL(
                """
                WITH wanted AS MATERIALIZED (%(wanted)s)
                SELECT s.id, s.contact_id, c.email_normalized
                  FROM mailing_subscription s
                  JOIN mailing_contact c ON c.id = s.contact_id
             LEFT JOIN wanted ON wanted.email = c.email_normalized
                 WHERE s.list_id = %(list)s AND s.segment_id IS NOT NULL
                   AND s.opt_out IS NOT TRUE AND wanted.email IS NULL
                 ORDER BY s.id
                """,
                wanted=self._select_wanted(),
                list=self.id,
            )
        )
        for start in range(0, len(rows), SYNC_BATCH_SIZE):
            batch = rows[start : start + SYNC_BATCH_SIZE]
            self.env["mailing.subscription"].browse(row[0] for row in batch).unlink()
            self._log_moves(
                [(contact, email) for _id, contact, email in batch if email],
                "left",
                "left",
            )
        return len(rows)

    def _sync_join(self):
        """Subscribe the members who may be."""
        self._flush_sync()
        rows = self.env.execute_query(
            SQL(
                """
                WITH wanted AS MATERIALIZED (%(wanted)s
                ), subscribed AS MATERIALIZED (
                    SELECT c.email_normalized AS email, bool_or(s.opt_out) AS opt_out
                      FROM mailing_subscription s
                      JOIN mailing_contact c ON c.id = s.contact_id
                     WHERE s.list_id = %(list)s AND c.email_normalized IS NOT NULL
                     GROUP BY c.email_normalized
                ), said AS MATERIALIZED (
                    -- the last word on each address
                    SELECT DISTINCT ON (email) email, kind, reason
                      FROM crm_mailing_list_move
                     WHERE list_id = %(list)s
                     ORDER BY email, id DESC
                ), known AS MATERIALIZED (
                    SELECT email_normalized AS email, min(id) AS id
                      FROM mailing_contact
                     WHERE email_normalized IS NOT NULL
                     GROUP BY email_normalized
                )
                SELECT w.email, w.name, COALESCE(w.contact_id, k.id),
                       CASE WHEN s.opt_out THEN 'unsubscribed'
                            WHEN b.id IS NOT NULL THEN 'blocked'
                            -- put on by the segment, and gone without it: by hand
                            WHEN v.kind = 'joined' THEN 'removed'
                        END,
                       v.kind, v.reason
                  FROM wanted w
             LEFT JOIN subscribed s ON s.email = w.email
             LEFT JOIN said v ON v.email = w.email
             LEFT JOIN known k ON k.email = w.email
             LEFT JOIN mail_blacklist b ON b.email = w.email AND b.active
                 WHERE (s.email IS NULL OR s.opt_out)
                 ORDER BY w.email
                """,
                wanted=self._select_wanted(),
                list=self.id,
            )
        )
        joining, kept_out = [], {}
        for email, name, contact_id, reason, last_kind, last_reason in rows:
            if last_kind == "kept_out" and last_reason in ("removed", "unsubscribed"):
                continue
            if reason is None:
                joining.append((email, name, contact_id))
            elif (last_kind, last_reason) != ("kept_out", reason):
                kept_out.setdefault(reason, []).append((contact_id, email))
        for reason, who in kept_out.items():
            self._log_moves(who, "kept_out", reason)
        for start in range(0, len(joining), SYNC_BATCH_SIZE):
            self._subscribe(joining[start : start + SYNC_BATCH_SIZE])
        return len(joining)

    def _subscribe(self, people):
        """Subscribe ``(email, name, contact id or None)``; make missing contacts."""
        new = [(email, name) for email, name, contact_id in people if not contact_id]
        contacts = self.env["mailing.contact"].create(
            [{"email": email, "name": name or email} for email, name in new]
        )
        contact_ids = {
            email: contact.id
            for (email, _name), contact in zip(new, contacts, strict=True)
        }
        who = [
            (contact_id or contact_ids[email], email)
            for email, _name, contact_id in people
        ]
        self.env["mailing.subscription"].create(
            [
                {
                    "contact_id": contact_id,
                    "list_id": self.id,
                    "segment_id": self.segment_id.id,
                }
                for contact_id, _email in who
            ]
        )
        self._log_moves(who, "joined", "segment")

    def _log_moves(self, who, kind, reason):
        self.env["crm.mailing.list.move"].create(
            [
                {
                    "list_id": self.id,
                    "segment_id": self.segment_id.id,
                    "contact_id": contact_id,
                    "email": email,
                    "kind": kind,
                    "reason": reason,
                }
                for contact_id, email in who
            ]
        )

    # ------------------------------------------------------------
    # Scheduler
    # ------------------------------------------------------------

    @api.model
    def _trigger_sync(self):
        cron = self.env.ref(
            "crm_campaigns.ir_cron_sync_mailing_lists", raise_if_not_found=False
        )
        if cron:
            cron._trigger()

    @api.model
    def _cron_sync(self):
        """Each list in its own transaction."""
        IrCron = self.env["ir.cron"]
        lists = self.search([("segment_id", "!=", False)], order="date_synced, id")
        IrCron._commit_progress(remaining=len(lists))
        for mailing_list in lists:
            try:
                mailing_list._sync()
            except psycopg2.OperationalError:
                # somebody changed the same contacts meanwhile: again at the next run
                self.env.cr.rollback()
                self._trigger_sync()
            except Exception as error:
                self.env.cr.rollback()
                _logger.info(
                    "crm_campaigns: list %s failed", mailing_list.id, exc_info=True
                )
                mailing_list.sync_error = str(error)
            if not IrCron._commit_progress(1):
                break
