from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.entry_kind import FORECAST_DAYS, EntryKind

_lt = LazyTranslate(__name__)


class DateEntry(EntryKind):
    """When a date of the record comes, or some days before or after it. Dates that had
    come before the start let nobody enter.
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

    def _get_moment(self, column, now):
        """SQL of the moment at which a date leads into the campaign."""
        return SQL("%s::timestamp", column)

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
        """Those whose moment comes between two others.

        :param now: when it is asked, for dates that come each year
        """
        # sudo: fields of models are no secret
        field = self.campaign.entry_date_field_id.sudo()
        Model = self.campaign._get_entry_model()
        Model.flush_model([field.name])
        return self._narrow(
            SQL(
                """
                SELECT id AS res_id, moment::text AS event, moment AS date
                  FROM (
                    SELECT r.id, %(moment)s + %(days)s * interval '1 day' AS moment
                      FROM %(table)s r
                     WHERE r.%(column)s IS NOT NULL
                  ) dates
                 WHERE moment > %(since)s AND moment <= %(until)s
                """,
                moment=self._get_moment(SQL.identifier("r", field.name), now),
                days=self.campaign.entry_days,
                table=SQL.identifier(Model._table),
                column=SQL.identifier(field.name),
                since=since,
                until=until,
            )
        )


class AnniversaryEntry(DateEntry):
    """Each year on the day of a date; a day that a year does not have is the one
    before it.
    """

    code = "anniversary"
    label = _lt("Each year on a date")
    icon = "fa-birthday-cake"

    def _get_moment(self, column, now):
        shifted = SQL(
            "(%s - %s * interval '1 day')",
            now,
            self.campaign.entry_days,
        )
        # of this year, or of the last one while January looks at December
        this_year = SQL(
            "(%(date)s::timestamp + interval '1 year' * (extract(year FROM %(now)s)"
            " - extract(year FROM %(date)s)))",
            date=column,
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
