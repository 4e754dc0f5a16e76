"""What the pages of figures of a period have in common."""

from datetime import datetime, time, timedelta, timezone

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools.client_input import read_day, read_id
from ...tools.company_time import company_timezone

# Below so many records a rate is shown in grey: chance speaks.
SMALL = 5
# By what a reader narrows the figures down; a page may have fewer.
FILTERS = ("team_id", "user_id", "source_id", "campaign_id", "company_id")
# of each filter the most frequent are offered
MAX_CHOICES = 100


class CrmPeriodReport(models.AbstractModel):
    """For reports on leads that a page of the web client shows for a period: each
    figure comes with the domain that opens its records.
    """

    _name = "crm.period.report"
    _description = "Report on a Period"

    @api.model
    @api.readonly
    def get_filters(self):
        """The teams, people, sources … of the leads that the reader sees."""
        Lead = self.env["crm.lead"].with_context(active_test=False)
        names = [
            name
            for name in FILTERS
            if name in self._fields
            and (name != "company_id" or len(self.env.companies) > 1)
        ]
        choices = []
        for name in names:
            groups = Lead._read_group(
                [(name, "!=", False)],
                [name],
                order="__count DESC",
                limit=MAX_CHOICES,
            )
            # sudo: names that the reader's own leads carry
            records = self.env[Lead._fields[name].comodel_name].browse(
                [record.id for (record,) in groups]
            )
            choices.append(
                {
                    "name": name,
                    "label": self._fields[name]._description_string(self.env),
                    "choices": sorted(
                        # sudo: as above
                        ([record.id, record.display_name] for record in records.sudo()),
                        key=lambda choice: choice[1],
                    ),
                }
            )
        return choices

    @api.model
    def _get_filter_domain(self, filters, names=None):
        """Domain of what the reader chose.

        :param filters: ``{name: id}``
        :param names: ``{name: path}`` where another model calls it otherwise
        """
        if not isinstance(filters or {}, dict):
            raise UserError(self.env._("These are no filters: choose them again."))
        return Domain.AND(
            Domain((names or {}).get(name, name), "=", read_id(self.env, value))
            for name, value in (filters or {}).items()
            if name in FILTERS and value
        )

    # ------------------------------------------------------------
    # Period
    # ------------------------------------------------------------

    @api.model
    def _get_timezone(self):
        return company_timezone(self.env.company)

    @api.model
    def _get_period(self, date_from, date_to):
        """The half-open period in UTC, from the first day to the end of the last."""
        tz = self._get_timezone()
        days = (
            read_day(self.env, date_from),
            read_day(self.env, date_to) + timedelta(days=1),
        )
        return [
            datetime.combine(day, time.min, tz)
            .astimezone(timezone.utc)
            .replace(tzinfo=None)
            for day in days
        ]

    @api.model
    def _get_month_period(self, key):
        following = (key.replace(day=1) + timedelta(days=32)).replace(day=1)
        return self._get_period(key, following - timedelta(days=1))

    # ------------------------------------------------------------
    # Figures
    # ------------------------------------------------------------

    @api.model
    def _rate(self, n, of):
        """Percent; ``False`` of nothing."""
        return round(100.0 * n / of, 1) if of and n is not None else False

    @api.model
    def _to_client(self, domain):
        """A domain as JSON carries it."""
        if domain is None:
            return False
        if isinstance(domain, datetime):
            return fields.Datetime.to_string(domain)
        if isinstance(domain, (Domain, list, tuple)):
            return [self._to_client(part) for part in domain]
        return domain
