from odoo import api, fields, models
from odoo.tools import SQL

from .crm_case_rating_report import CrmCaseRatingReport

FEW = 10  # K68: fewer ratings than this say little
DIMENSIONS = ("channel", "team_id", "user_id", "product_id")


class CrmCaseSatisfaction(models.Model):
    """Satisfaction of a period in a few lines: all in all, by channel, team, agent and
    product, each with the number it rests on. Of the cases that the reader may see.

    The period is that of the context key ``crm_helpdesk_days``, which the filters of
    the list set; without it, all ratings count.
    """

    _name = "crm.case.satisfaction"
    _description = "Satisfaction Overview"
    _auto = False
    _order = "by, responses desc, id"
    _rec_name = "name"
    _depends = CrmCaseRatingReport._depends

    by = fields.Selection(
        [
            ("0", "All"),
            ("channel", "Channel"),
            ("product_id", "Product"),
            ("team_id", "Team"),
            ("user_id", "Agent"),
        ],
        readonly=True,
    )
    value = fields.Char(readonly=True)
    name = fields.Char(compute="_compute_name")
    requests = fields.Integer(string="Asked", readonly=True)
    responses = fields.Integer(string="Ratings (n)", readonly=True)
    response_rate = fields.Char(compute="_compute_words")
    csat = fields.Char(string="CSAT", compute="_compute_words")
    nps = fields.Char(string="NPS", compute="_compute_words")
    note = fields.Char(compute="_compute_words", string="Reliability")
    is_few = fields.Boolean(compute="_compute_words")
    answers = fields.Integer(readonly=True)
    satisfied = fields.Integer(readonly=True)
    nps_answers = fields.Integer(string="Recommendations (n)", readonly=True)
    nps_balance = fields.Integer(readonly=True)

    @api.depends("by", "value")
    def _compute_name(self):
        """Names of teams, agents and products, one query a kind."""
        names = {"0": {"": self.env._("All")}}
        channels = self.env["crm.case"]._fields["channel"]
        names["channel"] = dict(channels._description_selection(self.env))
        for by, model in (
            ("team_id", "crm.case.team"),
            ("user_id", "res.users"),
            ("product_id", "product.product"),
        ):
            ids = [int(row.value) for row in self if row.by == by and row.value]
            # sudo: names of what the reader's own cases name
            records = self.env[model].sudo().browse(ids).exists()
            names[by] = {str(record.id): record.display_name for record in records}
        nothing = {
            "user_id": self.env._("Nobody"),
            "product_id": self.env._("No product"),
        }
        for row in self:
            name = names[row.by].get(row.value or "")
            row.name = name or nothing.get(row.by) or row.value

    @api.depends("requests", "responses", "nps_answers")
    def _compute_words(self):
        for row in self:
            row.response_rate = (
                f"{round(100 * row.answers / row.requests)} %" if row.requests else ""
            )
            row.csat = (
                f"{round(100 * row.satisfied / row.responses)} %"
                if row.responses
                else ""
            )
            row.nps = (
                f"{self._format_nps(row.nps_balance / row.nps_answers)}"
                f" (n = {row.nps_answers})"
                if row.nps_answers
                else ""
            )
            row.is_few = row.responses < FEW
            row.note = (
                self.env._("not enough data (n = %s)", row.responses)
                if row.is_few
                else ""
            )

    @api.model
    def _format_nps(self, share):
        """As it is written: with its sign, and 0 without."""
        nps = round(100 * share)
        return f"{nps:+d}" if nps else "0"

    @property
    def _table_query(self):
        Report = self.env["crm.case.rating.report"]
        domain = []
        days = self.env.context.get("crm_helpdesk_days")
        if isinstance(days, int) and days > 0:
            domain = [("date", ">=", f"today -{days}d")]
        rows = Report._search(domain).select(
            *(
                SQL(
                    "%s AS %s",
                    Report._field_to_sql(Report._table, name),
                    SQL.identifier(name),
                )
                for name in (
                    *DIMENSIONS,
                    "requests",
                    "answers",
                    "responses",
                    "satisfied",
                    "nps_answers",
                    "nps_balance",
                )
            )
        )
        return SQL(
            """
            SELECT row_number() OVER (ORDER BY by, value) AS id, s.*
              FROM (
                SELECT d.by, d.value, COALESCE(sum(requests), 0)::int AS requests,
                       COALESCE(sum(answers), 0)::int AS answers,
                       COALESCE(sum(responses), 0)::int AS responses,
                       COALESCE(sum(satisfied), 0)::int AS satisfied,
                       COALESCE(sum(nps_answers), 0)::int AS nps_answers,
                       COALESCE(sum(nps_balance), 0)::int AS nps_balance
                  FROM (%s) r
            CROSS JOIN LATERAL (
                    VALUES ('0', ''), ('channel', r.channel::varchar),
                           ('team_id', r.team_id::varchar),
                           ('user_id', r.user_id::varchar),
                           ('product_id', r.product_id::varchar)
                ) d (by, value)
                 GROUP BY d.by, d.value
              ) s
            """,
            rows,
        )
