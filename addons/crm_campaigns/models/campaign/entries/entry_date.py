from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, ormcache
from odoo.tools.translate import LazyTranslate

from odoo.addons.crm_plus.tools.company_time import company_timezone

from ....tools.entry_kind import FORECAST_DAYS, EntryKind

_lt = LazyTranslate(__name__)


class DateEntry(EntryKind):
    """When a date of the record comes, or some days before or after it. Dates that had
    come before the start let nobody enter.

    A day begins at midnight where the contact lives, who has no time zone where the
    company is; days are counted there, too.
    """

    code = "date"
    label = _lt("A date comes")
    icon = "fa-calendar"
    look_minutes = 15
    fields = ("model_id", "entry_domain", "entry_date_field_id", "entry_days")

    def get_problems(self):
        field = self.campaign.entry_date_field_id
        if not field:
            return [self.env._("Choose the date.")]
        # sudo: fields of models are no secret
        if field.sudo().model != self.get_model():
            return [self.env._("The date is one of other records.")]
        return []

    def get_text(self):
        # sudo: fields of models are no secret
        date = self.campaign.entry_date_field_id.sudo().field_description or ""
        days = self.campaign.entry_days
        if not date or not days:
            return date
        if days > 0:
            return self.env._("%(days)s days after %(date)s", days=days, date=date)
        return self.env._("%(days)s days before %(date)s", days=-days, date=date)

    def _get_moment(self, date, now):
        """SQL of the local time at which a date comes: all are timestamps of the same
        time zone.
        """
        return date

    def get_forecast(self):
        now = fields.Datetime.now()
        until = now + timedelta(days=FORECAST_DAYS)
        return self._get_dated_candidates(now, until, until), self.env._(
            "Those whose date comes in the next %s days.", FORECAST_DAYS
        )

    def get_candidates(self, since):
        now = fields.Datetime.now()
        return self._get_dated_candidates(since, now, now)

    def _get_dated_candidates(self, since, until, now):
        """Those whose moment comes between two others. The event is the local time,
        which stays the same when somebody moves.

        :param now: when it is asked, for dates that come each year
        """
        # sudo: fields of models are no secret
        field = self.campaign.entry_date_field_id.sudo()
        Model = self.campaign._get_entry_model()
        is_person = Model._name == "res.partner"
        Model.flush_model([field.name] if is_person else [field.name, "partner_id"])
        self.env["res.partner"].flush_model(["tz"])
        column = SQL.identifier("r", field.name)
        date = SQL("%s::timestamp", column)
        if field.ttype == "datetime":
            date = SQL("%s AT TIME ZONE 'UTC' AT TIME ZONE z.name", column)
        return self._narrow(
            SQL(
                """
                SELECT id AS res_id, local::text AS event, moment AS date
                  FROM (
                    SELECT r.id, m.local,
                           m.local AT TIME ZONE z.name AT TIME ZONE 'UTC' AS moment
                      FROM %(table)s r
                 LEFT JOIN res_partner p ON p.id = %(partner)s
                CROSS JOIN LATERAL (
                        SELECT CASE WHEN p.tz = ANY(%(zones)s) THEN p.tz
                                    ELSE %(own)s END AS name) z
                CROSS JOIN LATERAL (
                        SELECT %(date)s AS date,
                               %(now)s AT TIME ZONE 'UTC' AT TIME ZONE z.name AS now) d
                CROSS JOIN LATERAL (
                        SELECT %(moment)s + %(days)s * interval '1 day' AS local) m
                     WHERE %(column)s IS NOT NULL AND %(near)s
                  ) dates
                 WHERE moment > %(since)s AND moment <= %(until)s
                """,
                table=SQL.identifier(Model._table),
                partner=SQL.identifier("r", "id" if is_person else "partner_id"),
                zones=self.campaign._get_zone_names(),
                own=company_timezone(self.campaign.company_id).key,
                date=date,
                moment=self._get_moment(SQL("d.date"), SQL("d.now")),
                days=self.campaign.entry_days,
                column=column,
                near=self._get_near(column, since, until),
                now=now,
                since=since,
                until=until,
            )
        )

    def _get_near(self, column, since, until):
        """SQL of a condition that all meet whose moment comes in between, wherever they
        live: of the others nobody asks where that is.
        """
        days = timedelta(days=self.campaign.entry_days)
        return SQL(
            "%(column)s BETWEEN %(first)s AND %(last)s",
            column=column,
            first=since - days - timedelta(days=2),
            last=until - days + timedelta(days=2),
        )


class AnniversaryEntry(DateEntry):
    """Each year on the day of a date; a day that a year does not have is the one
    before it.
    """

    code = "anniversary"
    label = _lt("Each year on a date")
    icon = "fa-birthday-cake"

    def _get_near(self, column, since, until):
        return SQL("TRUE")

    def _get_moment(self, date, now):
        shifted = SQL(
            "(%s - %s * interval '1 day')",
            now,
            self.campaign.entry_days,
        )
        # of this year, or of the last one while January looks at December
        this_year = SQL(
            "(%(date)s + interval '1 year' * (extract(year FROM %(now)s)"
            " - extract(year FROM %(date)s)))",
            date=date,
            now=shifted,
        )
        return SQL(
            "CASE WHEN %(day)s > %(now)s THEN %(day)s - interval '1 year'"
            " ELSE %(day)s END",
            day=this_year,
            now=shifted,
        )


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    entry_date_field_id = fields.Many2one(
        "ir.model.fields",
        string="Date",
        domain="[('model_id', '=', model_id), ('store', '=', True),"
        " ('ttype', 'in', ('date', 'datetime'))]",
        ondelete="cascade",
        index="btree_not_null",
    )
    entry_days = fields.Integer(
        string="Days After It", help="Negative: so many days before it."
    )

    @api.model
    def _get_entries(self):
        return [*super()._get_entries(), DateEntry, AnniversaryEntry]

    @api.model
    @ormcache()
    def _get_zone_names(self):
        """Names of the time zones that the database knows, too: one contact with
        another one shall keep nobody from entering.
        """
        rows = self.env.execute_query(SQL("SELECT name FROM pg_timezone_names"))
        return [name for (name,) in rows]
