"""Activity volume: what each person did for leads, per working day."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.calendar_time import work_time
from ...tools.client_input import read_day
from ...tools.company_time import company_timezone


class CrmActivityVolume(models.Model):
    """One row for each activity that a person has done on a lead, and each message that
    a person has written to its customer.

    A done activity leaves a message that names its type. Automatic messages are out:
    acknowledgements, tracking, notes, what machines sent, and OdooBot. So is what was
    done for junk.
    """

    _name = "crm.activity.volume"
    _description = "Activity Volume"
    _auto = False
    _order = "date desc, id desc"
    _rec_name = "lead_id"

    date = fields.Datetime(readonly=True)
    user_id = fields.Many2one("res.users", string="Person", readonly=True)
    is_activity = fields.Boolean(string="Done Activity", readonly=True)
    activity_type_id = fields.Many2one("mail.activity.type", readonly=True)
    activities = fields.Integer(
        string="Done Activities", readonly=True, aggregator="sum"
    )
    messages = fields.Integer(string="Messages Sent", readonly=True, aggregator="sum")
    lead_id = fields.Many2one("crm.lead", readonly=True, aggregator="count_distinct")
    lead_user_id = fields.Many2one("res.users", string="Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", string="Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    commercial_partner_id = fields.Many2one(
        "res.partner",
        string="Customers Touched",
        readonly=True,
        aggregator="count_distinct",
    )

    _depends = {
        "crm.lead": ["company_id", "is_junk", "partner_id", "team_id", "user_id"],
        "mail.message": [
            "author_id",
            "date",
            "is_internal",
            "is_machine_mail",
            "mail_activity_type_id",
            "message_type",
            "model",
            "res_id",
            "subtype_id",
        ],
        "res.partner": ["commercial_partner_id"],
        "res.users": ["partner_id", "share"],
    }

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT m.id, m.date, u.id AS user_id, l.id AS lead_id,
                   l.user_id AS lead_user_id, l.team_id, l.company_id,
                   p.commercial_partner_id,
                   m.mail_activity_type_id AS activity_type_id,
                   m.mail_activity_type_id IS NOT NULL AS is_activity,
                   (m.mail_activity_type_id IS NOT NULL)::int AS activities,
                   (m.mail_activity_type_id IS NULL)::int AS messages
              FROM mail_message AS m
              JOIN crm_lead AS l ON l.id = m.res_id
              JOIN LATERAL (
                    -- somebody with two logins is one person
                    SELECT ru.id
                      FROM res_users AS ru
                     WHERE ru.partner_id = m.author_id
                       AND NOT ru.share
                  ORDER BY ru.active DESC, ru.id
                     LIMIT 1
                   ) AS u ON TRUE
         LEFT JOIN res_partner AS p ON p.id = l.partner_id
             WHERE m.model = 'crm.lead'
               AND l.is_junk IS NOT TRUE
               AND m.author_id <> %(robot)s
               AND m.is_machine_mail IS NOT TRUE
               AND (
                    m.mail_activity_type_id IS NOT NULL
                    OR m.message_type IN ('comment', 'email', 'email_outgoing')
                       AND m.subtype_id = %(comment)s
                       AND m.is_internal IS NOT TRUE
                   )
            """,
            robot=self.env.ref("base.partner_root").id,
            comment=self.env.ref("mail.mt_comment").id,
        )

    def action_open_lead(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.lead",
            "res_id": self.lead_id.id,
            "views": [(False, "form")],
        }

    @api.model
    @api.readonly
    def get_overview(self, date_from, date_to, team_id=None):
        """Figures of each person in ``[date_from, date_to)``, days of the company's
        time zone, as the reader may see them; a period that still runs counts to today.

        Working days are those of the company's calendar, general time off left out. No
        working day, no rate.
        """
        work = work_time(self.env.company.resource_calendar_id, self.env.company)
        zone = company_timezone(self.env.company)
        first, last = (read_day(self.env, day) for day in (date_from, date_to))
        today = fields.Datetime.now().replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)
        until = min(last, today.date() + timedelta(days=1))
        days = 0
        if until > first:
            days = work.days_between(
                first - timedelta(days=1), until - timedelta(days=1)
            )
        start, stop = (
            datetime.combine(day, time.min, tzinfo=zone)
            .astimezone(ZoneInfo("UTC"))
            .replace(tzinfo=None)
            for day in (first, last)
        )
        domain = Domain("date", ">=", start) & Domain("date", "<", stop)
        if team_id:
            domain &= Domain("team_id", "=", team_id)
        rows = self._read_group(
            domain,
            ["user_id"],
            [
                "activities:sum",
                "messages:sum",
                "commercial_partner_id:count_distinct",
                "lead_id:count_distinct",
            ],
            order="activities:sum desc",
        )
        return {
            "days": days,
            "timezone": zone.key,
            "people": [
                {
                    "label": user.name,
                    "activities": activities,
                    "messages": messages,
                    "customers": customers,
                    "leads": leads,
                    "per_day": activities / days if days else None,
                    "domain": list(domain & Domain("user_id", "=", user.id)),
                }
                for user, activities, messages, customers, leads in rows
            ],
        }
