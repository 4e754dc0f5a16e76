"""What a touchpoint source is: the SQL that turns origin rows into touchpoints."""

from dataclasses import dataclass, field

from odoo.tools import SQL

# Columns of the ledger that a source may fill; the others follow from them.
SOURCE_COLUMNS = (
    "name",
    "partner_id",
    "lead_id",
    "user_id",
    "company_id",
    "campaign_id",
    "medium_id",
    "source_id",
    "amount",
    "amount_ledger",
    "is_machine",
)
# PostgreSQL needs a type where every source column may also be NULL.
COLUMN_TYPES = {
    "name": SQL("varchar"),
    "amount": SQL("numeric"),
    "amount_ledger": SQL("numeric"),
    "is_machine": SQL("boolean"),
}


@dataclass(frozen=True, kw_only=True)
class TouchpointSource:
    """One kind of interaction, read from the table that already knows it.

    How it is used: the ledger runs ``INSERT … SELECT <columns> FROM <from_clause>
    WHERE <where> AND <window> ON CONFLICT DO NOTHING``, where the window is either
    "changed since the watermark" or "one of these origin records".

    :param key: unique name of the source, also the key of its watermark
    :param kind: code of the ``crm.touchpoint.kind`` that the rows get
    :param model: model of the origin; with ``record_id`` and ``occurrence`` it makes
        a touchpoint unique, so that harvesting twice adds nothing
    :param record_id: SQL of the origin's id
    :param date: SQL of the moment of the interaction (timestamp in UTC)
    :param from_clause: SQL after FROM
    :param where: SQL condition of the rows that are such an interaction
    :param changed: timestamps (UTC), one of which is not before the start of the
        transaction that made the row match - ``write_date``, ``create_date`` - or is
        the moment from which it matches by itself (the end of a meeting). Empty: all
        matching rows are read each time; only for small sets.
    :param window_id: SQL compared with the ids of an immediate harvest
        (default: ``record_id``)
    :param occurrence: SQL text that tells several touchpoints of one origin apart
    :param columns: SQL by name of the ledger's columns, see ``SOURCE_COLUMNS``
    :param depends: ``{model: [fields]}`` read by the SQL, flushed before it runs
    """

    key: str
    kind: str
    model: str
    record_id: SQL
    date: SQL
    from_clause: SQL
    where: SQL
    changed: tuple[SQL, ...] = ()
    window_id: SQL | None = None
    occurrence: SQL = field(default_factory=lambda: SQL("''"))
    columns: dict[str, SQL] = field(default_factory=dict)
    depends: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self):
        unknown = set(self.columns) - set(SOURCE_COLUMNS)
        if unknown:
            raise ValueError(f"source {self.key}: unknown columns {sorted(unknown)}")

    def select(self, since=None, ids=None) -> SQL:
        """Return the SELECT of the rows changed ``since`` (datetime), or of the origins
        ``ids``; of all matching rows when neither is given."""
        window = SQL("TRUE")
        if ids is not None:
            window = SQL("%s = ANY(%s)", self.window_id or self.record_id, list(ids))
        elif since and self.changed:
            window = SQL(
                "(%s)",
                SQL(" OR ").join(
                    SQL("%s >= %s", column, since) for column in self.changed
                ),
            )
        return SQL(
            "SELECT %s AS res_id, %s AS date, (%s)::varchar AS occurrence, %s"
            " FROM %s WHERE %s AND %s",
            self.record_id,
            self.date,
            self.occurrence,
            SQL(", ").join(
                SQL(
                    "%s::%s AS %s",
                    SQL("(%s)", self.columns.get(name, SQL("NULL"))),
                    COLUMN_TYPES.get(name, SQL("integer")),
                    SQL.identifier(name),
                )
                for name in SOURCE_COLUMNS
            ),
            self.from_clause,
            SQL("(%s)", self.where),
            window,
        )
