from odoo import api, models
from odoo.tools import SQL

from ...tools.touchpoint_source import TouchpointSource

# Notes are between colleagues, also those that came or went by mail.
NOT_INTERNAL = SQL(
    """m.is_internal IS NOT TRUE AND NOT EXISTS (
           SELECT FROM mail_message_subtype s
            WHERE s.id = m.subtype_id AND s.internal)"""
)


class CrmTouchpoint(models.Model):
    """Sources of mail, calls and meetings."""

    _inherit = "crm.touchpoint"

    @api.model
    def _get_sources(self):
        return [
            *super()._get_sources(),
            *(
                source
                for model, origin in self._get_message_origins().items()
                for source in (
                    self._source_email_in(model, origin),
                    self._source_email_out(model, origin),
                    self._source_call_done(model, origin),
                )
            ),
            self._source_meeting_done(),
        ]

    @api.model
    def _get_message_origins(self):
        """Hook: documents whose messages are touchpoints.

        :return: ``{model: {"from_clause": SQL of the document aliased ``d``,
            "columns": {ledger column: SQL}}}``
        """
        utm = {
            "campaign_id": SQL("d.campaign_id"),
            "medium_id": SQL("d.medium_id"),
            "source_id": SQL("d.source_id"),
        }
        return {
            "crm.lead": {
                "table": SQL("crm_lead"),
                "columns": {
                    "partner_id": SQL("d.partner_id"),
                    "lead_id": SQL("d.id"),
                    "company_id": SQL("d.company_id"),
                    **utm,
                },
            },
            "res.partner": {
                "table": SQL("res_partner"),
                "columns": {
                    "partner_id": SQL("d.id"),
                    "company_id": SQL("d.company_id"),
                },
            },
            "sale.order": {
                "table": SQL("sale_order"),
                "columns": {
                    "partner_id": SQL("d.partner_id"),
                    "lead_id": SQL("d.opportunity_id"),
                    "company_id": SQL("d.company_id"),
                    **utm,
                },
            },
        }

    def _message_source(self, kind, model, origin, where, joins=None, columns=None):
        return TouchpointSource(
            key=f"{kind}/{model}",
            kind=kind,
            model="mail.message",
            record_id=SQL("m.id"),
            date=SQL("m.date"),
            from_clause=SQL(
                "mail_message m JOIN %s d ON d.id = m.res_id %s",
                origin["table"],
                joins or SQL(),
            ),
            where=SQL("m.model = %s AND %s", model, where),
            # a message is never changed into a mail: it is born as one
            changed=(SQL("m.create_date"),),
            columns={
                "name": SQL(
                    "COALESCE(m.subject, (%s))", origin.get("name", SQL("d.name"))
                ),
                "is_machine": SQL("m.is_machine_mail"),
                **origin["columns"],
                **(columns or {}),
            },
            depends={
                "mail.message": [
                    "message_type",
                    "model",
                    "res_id",
                    "subtype_id",
                    "is_internal",
                    "is_machine_mail",
                ],
                "mail.notification": ["notification_type", "res_partner_id"],
                model: [],
            },
        )

    def _source_email_in(self, model, origin):
        return self._message_source(
            "email_in",
            model,
            origin,
            SQL(
                """m.message_type = 'email' AND NOT EXISTS (
                       SELECT FROM res_users u
                        WHERE u.partner_id = m.author_id AND NOT u.share)
                   AND %s""",
                NOT_INTERNAL,
            ),
        )

    def _source_email_out(self, model, origin):
        """Mails written by a user that went to somebody outside."""
        return self._message_source(
            "email_out",
            model,
            origin,
            SQL(
                """m.message_type IN ('comment', 'email_outgoing', 'email') AND EXISTS (
                       SELECT FROM mail_notification n
                         JOIN res_partner np ON np.id = n.res_partner_id
                        WHERE n.mail_message_id = m.id
                          AND n.notification_type = 'email'
                          AND np.partner_share)
                   AND %s""",
                NOT_INTERNAL,
            ),
            joins=SQL("JOIN res_users u ON u.partner_id = m.author_id AND NOT u.share"),
            columns={"user_id": SQL("u.id")},
        )

    def _source_call_done(self, model, origin):
        """A done activity leaves a message that names its type."""
        return self._message_source(
            "call_done",
            model,
            origin,
            SQL("TRUE"),
            joins=SQL(
                """JOIN mail_activity_type at
                     ON at.id = m.mail_activity_type_id AND at.category = 'phonecall'
                   LEFT JOIN res_users u ON u.partner_id = m.author_id"""
            ),
            columns={"user_id": SQL("u.id")},
        )

    def _source_meeting_done(self):
        """One touchpoint for each customer who attended a meeting that has ended.

        Nothing is written when a meeting ends: its end is itself a watermark.
        """
        return TouchpointSource(
            key="meeting_done",
            kind="meeting_done",
            model="calendar.event",
            record_id=SQL("e.id"),
            date=SQL("e.start"),
            occurrence=SQL("p.id"),
            from_clause=SQL(
                """calendar_event e
                   JOIN calendar_attendee a ON a.event_id = e.id
                   JOIN res_partner p ON p.id = a.partner_id
                   LEFT JOIN crm_lead l ON l.id = e.opportunity_id"""
            ),
            where=SQL(
                """e.active AND e.stop <= now() AT TIME ZONE 'UTC'
                   AND a.state <> 'declined'
                   AND NOT EXISTS (SELECT FROM res_users u
                                    WHERE u.partner_id = p.id AND NOT u.share)"""
            ),
            changed=(SQL("e.write_date"), SQL("e.stop"), SQL("a.write_date")),
            columns={
                "name": SQL("e.name"),
                "partner_id": SQL("p.id"),
                "lead_id": SQL("l.id"),
                "user_id": SQL("e.user_id"),
                "company_id": SQL("COALESCE(l.company_id, p.company_id)"),
            },
            depends={
                "calendar.event": ["start", "stop", "active", "opportunity_id"],
                "calendar.attendee": ["state", "partner_id"],
            },
        )
