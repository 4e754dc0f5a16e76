"""What writers of demo data share: to say when things were, and to tell nobody."""

from markupsafe import Markup

from odoo import Command, fields
from odoo.tools import SQL

ARRAY_TYPES = {
    "timestamp": SQL("timestamp[]"),
    "int4": SQL("int[]"),
    "varchar": SQL("varchar[]"),
    "numeric": SQL("numeric[]"),
    "float8": SQL("float8[]"),
}


def sentence(text):
    """The pools begin small, as after a salutation."""
    return text[:1].upper() + text[1:]


class BaseWriter:
    """Writes records of the past: in batches, dated back in SQL, without a mail."""

    def __init__(self, env, now):
        """
        :param env: as of ``crm.plus.demo._get_env()``
        :param now: naive UTC datetime; what is later is a plan
        """
        self.env = env
        self.now = now
        self.company = env.company
        self.messages = env["mail.message"]
        self.first_message_id = self.max_id("mail.message")
        self.first_touchpoint_id = self.max_id("crm.touchpoint")

    def ref(self, name):
        return self.env.ref(f"crm_plus.demo_{name}")

    def max_id(self, model):
        return self.env[model].search([], order="id desc", limit=1).id or 0

    def put(self, model, column, values):
        """Set a column past the ORM, which knows only now.

        :param values: ``{record or id: value}``; empty ones are left as they are
        """
        values = {getattr(key, "id", key): v for key, v in values.items() if v}
        if not values:
            return
        Model = self.env[model]
        Model.flush_model()
        self.env.execute_query(
            SQL(
                "UPDATE %(table)s SET %(column)s = v.value"
                " FROM unnest(%(ids)s::int[], %(values)s::%(type)s) AS v(id, value)"
                " WHERE %(table)s.id = v.id RETURNING v.id",
                table=SQL.identifier(Model._table),
                column=SQL.identifier(column),
                type=ARRAY_TYPES[Model._fields[column].column_type[0]],
                ids=list(values),
                values=list(values.values()),
            )
        )
        Model.invalidate_model([column], flush=False)

    def silence_alerts(self, clocks):
        """What is long over alerts nobody today."""
        if not clocks:
            return
        clocks.flush_recordset()
        for column, date in (
            ("date_warned", "date_warning"),
            ("date_breached", "date_due"),
        ):
            self.env.execute_query(
                SQL(
                    "UPDATE crm_sla_clock SET %(column)s = %(date)s"
                    " WHERE id = ANY(%(ids)s)"
                    " AND %(date)s <= COALESCE(date_stop, %(now)s)"
                    " RETURNING id",
                    column=SQL.identifier(column),
                    date=SQL.identifier(date),
                    ids=clocks.ids,
                    now=fields.Datetime.now(),
                )
            )
        clocks.invalidate_recordset(flush=False)

    def mail_values(self, model, record, mail, contact, partner, user):
        """A mail between ``contact`` (of the plot) and ``user``."""
        text = sentence(mail.text)
        if mail.is_machine:
            body = Markup("<p>%s</p>") % text
        elif mail.incoming:
            body = Markup("<p>Hello,</p><p>%s</p><p>Best regards<br/>%s</p>") % (
                text,
                contact.name,
            )
        else:
            body = Markup("<p>Dear %s,</p><p>%s</p><p>Kind regards<br/>%s</p>") % (
                contact.first_name,
                text,
                user.name,
            )
        return {
            "model": model,
            "res_id": record.id,
            "message_type": "email" if mail.incoming else "comment",
            "subtype_id": self.env.ref("mail.mt_comment").id,
            "author_id": partner.id if mail.incoming else user.partner_id.id,
            "email_from": f'"{contact.name}" <{contact.email}>'
            if mail.incoming
            else user.email_formatted,
            "partner_ids": []
            if mail.incoming or not partner
            else [Command.link(partner.id)],
            "subject": mail.subject,
            "body": body,
            "date": mail.date,
            "is_machine_mail": mail.is_machine,
            "machine_reason": "Auto-Submitted: auto-replied"
            if mail.is_machine
            else False,
        }

    def post(self, vals_list):
        """Create messages as they were, and tell nobody."""
        first = self.max_id("mail.message") + 1
        for number, values in enumerate(vals_list, first):
            # what the ORM would else compute one by one
            values["message_id"] = f"<demo-{number}@saltwind.example>"
            values["reply_to"] = values.get("email_from")
            values.setdefault("email_from", False)
        messages = self.env["mail.message"].create(vals_list)
        self.messages += messages
        self.put(
            "mail.message",
            "create_date",
            {m: values["date"] for m, values in zip(messages, vals_list, strict=True)},
        )
        self.env["mail.notification"].create(
            [
                {
                    "mail_message_id": message.id,
                    "res_partner_id": partner.id,
                    "author_id": message.author_id.id,
                    "notification_type": "email",
                    "notification_status": "sent",
                    "is_read": True,
                }
                for message in messages
                for partner in message.partner_ids
            ]
        )
        return messages

    def keep_messages(self, last_id, model, moments):
        """What the app itself logged since message ``last_id`` was written then.

        :param moments: ``{id of a record: when, or None for now}``
        """
        messages = self.env["mail.message"].search(
            [
                ("id", ">", last_id),
                ("model", "=", model),
                ("res_id", "in", list(moments)),
                ("message_type", "in", ("notification", "comment")),
            ]
        )
        self.messages += messages
        for column in ("date", "create_date"):
            self.put(
                "mail.message",
                column,
                {message: moments[message.res_id] for message in messages},
            )

    def harvest(self):
        """Timelines from the beginning: history is older than the watermarks, and what
        was harvested on the way has the dates of today."""
        self.env.execute_query(
            SQL(
                "DELETE FROM crm_touchpoint WHERE id > %s RETURNING id",
                self.first_touchpoint_id,
            )
        )
        self.env["crm.touchpoint"].invalidate_model(flush=False)
        self.env["crm.touchpoint.watermark"].search([]).write(
            {"date_from": False, "date_horizon": False}
        )
        self.env["crm.touchpoint"]._harvest()

    def forget_today(self):
        """Drop what the flows logged now about things of the past; no mail is sent."""
        self.env["mail.mail"].search(
            [("mail_message_id", ">", self.first_message_id)]
        ).unlink()
        self.env["mail.message"].search(
            [
                ("id", ">", self.first_message_id),
                ("id", "not in", self.messages.ids),
                ("model", "!=", False),
            ]
        ).unlink()

    def join(self, segment, moments):
        """Refresh a segment; its members joined when it became so of them.

        :param moments: ``{record id: when}``; the others joined now
        """
        segment._refresh()
        self.put(
            "crm.segment.member",
            "date_joined",
            {
                member: min(moments[member.res_id], self.now)
                for member in segment.member_ids
                if moments.get(member.res_id)
            },
        )

    def track_stages(self, model, moves):
        """As tracking leaves them: the time in each stage is read from it.

        :param moves: ``[(message, stage before, stage after)]``
        """
        field = self.env["ir.model.fields"]._get(model, "stage_id")
        trackings = self.env["mail.tracking.value"].create(
            [
                {
                    "mail_message_id": message.id,
                    "field_id": field.id,
                    "old_value_integer": before.id,
                    "old_value_char": before.name,
                    "new_value_integer": after.id,
                    "new_value_char": after.name,
                }
                for message, before, after in moves
            ]
        )
        self.put(
            "mail.tracking.value",
            "create_date",
            {
                tracking: message.date
                for tracking, (message, _before, _after) in zip(
                    trackings, moves, strict=True
                )
            },
        )
