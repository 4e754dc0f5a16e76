"""Silent assignees: what nobody has worked on goes back to the queue, at the minute."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmAssignmentLog(models.Model):
    _inherit = "crm.assignment.log"

    @api.model
    def _get_silence_domain(self):
        """Hook: assignments whose time to show a sign of work is over."""
        return Domain("date_end", "=", False) & Domain(
            "date_silence", "<=", fields.Datetime.now()
        )

    @api.model
    def _get_next_silences(self):
        return (
            self.search(
                [
                    ("date_end", "=", False),
                    ("date_silence", ">", fields.Datetime.now()),
                ],
                order="date_silence",
                limit=1,
            )
        ).mapped("date_silence")

    @api.model
    def _process_silence(self, batch_size):
        """One batch; returns how many were looked at and how many are left."""
        domain = self._get_silence_domain()
        logs = self.search(domain, limit=batch_size, order="date_silence, id")
        logs = logs.try_lock_for_update(allow_referencing=True).filtered_domain(domain)
        for res_model, group in logs.grouped("res_model").items():
            if res_model in self.env:
                group._judge_silence()
            else:
                group._end("closed")
        return len(logs), self.search_count(domain) if logs else 0

    def _judge_silence(self):
        """Keep what was worked on, take back the rest and offer it to the next one."""
        Model = self.env[self[:1].res_model]
        touched = self._get_touched()
        self.browse(touched)._touch(touched)
        silent = self.filtered(lambda log: log.id not in touched)
        records = Model.browse(silent.mapped("res_id")).exists()
        still = records._assignment_filter_held(
            {log.res_id: log.user_id.id for log in silent}
        )
        silent.filtered(lambda log: log.res_id not in still._ids)._end("closed")
        silent = silent.filtered(lambda log: log.res_id in still._ids)
        if silent:
            silent._end("silence")
            still._assignment_take_back()
            still._assignment_run("silence")
            silent._tell_taken_back()

    def _get_touched(self):
        """``{log id: moment}`` of the first sign of work since each assignment.

        A message or note of a person of ours (not only of the assignee: a colleague who
        answers has answered), a done activity, an answered first response; and what the
        model adds.
        """
        partner_root = self.env.ref("base.partner_root")
        for name, fnames in (
            ("mail.message", ["date", "author_id", "message_type", "model", "res_id"]),
            ("mail.activity", ["date_done", "active", "res_model", "res_id"]),
            ("crm.sla.clock", ["date_stop", "outcome", "res_model", "res_id"]),
        ):
            self.env[name].flush_model(fnames)
        self.flush_recordset(["date", "res_model", "res_id"])
        parts = [
            SQL(
                """
                SELECT l.id, min(m.date) FROM log l
                  JOIN mail_message m ON m.model = l.res_model AND m.res_id = l.res_id
                  JOIN res_users u ON u.partner_id = m.author_id
                 WHERE m.message_type IN ('comment', 'email', 'email_outgoing')
                   AND m.date >= l.date AND u.share IS NOT TRUE AND m.author_id != %s
              GROUP BY l.id
                """,
                partner_root.id,
            ),
            SQL(
                """
                SELECT l.id, min(a.date_done) FROM log l
                  JOIN mail_activity a
                    ON a.res_model = l.res_model AND a.res_id = l.res_id
                 WHERE a.date_done >= l.date AND NOT a.active
              GROUP BY l.id
                """
            ),
            SQL(
                """
                SELECT l.id, min(c.date_stop) FROM log l
                  JOIN crm_sla_clock c
                    ON c.res_model = l.res_model AND c.res_id = l.res_id
                 WHERE c.date_stop >= l.date AND c.kind = 'first_response'
                   AND c.outcome != 'cancelled'
              GROUP BY l.id
                """
            ),
            *self.env[self[:1].res_model]._assignment_get_touches(),
        ]
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    WITH log AS (SELECT id, res_model, res_id, date
                                   FROM crm_assignment_log WHERE id = ANY(%s))
                    SELECT id, min(date) FROM (%s) AS touch(id, date) GROUP BY id
                    """,
                    list(self.ids),
                    SQL(" UNION ALL ").join(parts),
                )
            )
        )

    def _tell_taken_back(self):
        """Tell who lost a record and who has it now; the reason stays on the record."""
        Model = self.env[self[:1].res_model]
        records = Model.browse(self.mapped("res_id"))
        now_open = {log.res_id: log for log in self._search_open(records)}
        bodies = {}
        for log in self:
            new = now_open.get(log.res_id)
            minutes = log.rule_id.silence_minutes
            bodies[log.res_id] = self.env._(
                "%(old)s did not act within %(minutes)s working minutes."
                " Back in the queue; now with %(new)s.",
                old=log.user_id.name,
                minutes=minutes,
                new=new.user_id.name if new else self.env._("nobody yet"),
            )
        records._message_log_batch(bodies)
        for log in self:
            # one message each: a batch takes back few, and each names its record
            record = Model.browse(log.res_id)
            record.message_notify(
                partner_ids=log.user_id.partner_id.ids,
                subject=self.env._("Taken back: %s", record.display_name),
                body=bodies[log.res_id],
            )
        activity_type = self.env.ref(
            "mail.mail_activity_data_todo", raise_if_not_found=False
        )
        if not activity_type:
            return
        self.env["mail.activity"].with_context(
            mail_activity_quick_update=True, mail_create_nosubscribe=True
        ).create(
            [
                {
                    "activity_type_id": activity_type.id,
                    "automated": True,
                    "note": bodies[res_id],
                    "res_id": res_id,
                    "res_model_id": self.env["ir.model"]._get_id(Model._name),
                    "summary": self.env._("Waits already: get in touch now"),
                    "user_id": log.user_id.id,
                    "date_deadline": fields.Date.context_today(
                        log.with_context(tz=log.user_id.tz)
                    ),
                }
                for res_id, log in now_open.items()
                if log.user_id
            ]
        )
