from odoo import models
from odoo.tools import SQL


class CrmRatioMixin(models.AbstractModel):
    """Ratios of a report. Those of a group are of its sums, not the average of its
    rows' ratios.
    """

    _name = "crm.ratio.mixin"
    _description = "Ratios of a Report"

    # measure, with the aggregator avg: (numerator, denominator, factor)
    _ratios = {}
    # numerators that are not known when they are 0, rather than nothing
    _ratio_blanks = ()

    def _read_group_select(self, aggregate_spec: str, query) -> SQL:
        name, _colon, function = aggregate_spec.partition(":")
        if name not in self._ratios or function != "avg":
            return super()._read_group_select(aggregate_spec, query)
        above, below, factor = self._ratios[name]
        total = SQL("sum(%s)", self._field_to_sql(self._table, above, query))
        if above in self._ratio_blanks:
            total = SQL("NULLIF(%s, 0)", total)
        return SQL(
            "%s * %s::float8 / NULLIF(sum(%s), 0)",
            factor,
            total,
            self._field_to_sql(self._table, below, query),
        )

    def _get_sum_columns(self, **names_by_alias):
        """SQL of columns of joined queries, by the alias of each; 0 where a row has
        none there.
        """
        return SQL(", ").join(
            SQL(
                "COALESCE(%s, 0) AS %s",
                SQL.identifier(alias, name),
                SQL.identifier(name),
            )
            for alias, names in names_by_alias.items()
            for name in names
        )

    def _get_ratio_columns(self, alias):
        """SQL of the ratios of a row, of its columns in ``alias``."""
        return SQL(", ").join(
            SQL(
                "%s * %s::float8 / NULLIF(%s, 0) AS %s",
                factor,
                SQL("NULLIF(%s, 0)", SQL.identifier(alias, above))
                if above in self._ratio_blanks
                else SQL.identifier(alias, above),
                SQL.identifier(alias, below),
                SQL.identifier(name),
            )
            for name, (above, below, factor) in self._ratios.items()
        )
