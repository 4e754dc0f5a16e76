from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from .crm_case_stage import DONE

CASE_KINDS = ("case_open", "case_rated")


class CrmSegmentFact(models.Model):
    """Facts of service: who has an open case, and how customers rated."""

    _inherit = "crm.segment.fact"

    kind = fields.Selection(
        selection_add=[
            ("case_open", "Has an open case"),
            ("case_rated", "Rated our service"),
        ],
        ondelete={kind: lambda facts: facts._forget_kind() for kind in CASE_KINDS},
    )
    case_priority = fields.Selection(
        [("0", "Low"), ("1", "Normal"), ("2", "High"), ("3", "Urgent")],
        string="Priority at Least",
        default="0",
    )
    rating_operator = fields.Selection(
        [("most", "At most"), ("least", "At least")], string="Rating Is", default="most"
    )
    rating_value = fields.Integer(string="Rating", default=2, help="Of 1 to 5.")

    @api.model
    def _get_definition_fields(self):
        return super()._get_definition_fields() | {
            "case_priority",
            "rating_operator",
            "rating_value",
        }

    @api.model
    def _get_counted_kinds(self):
        return super()._get_counted_kinds() | set(CASE_KINDS)

    @api.model
    def _get_undated_kinds(self):
        return super()._get_undated_kinds() | {"case_open"}

    def _say_fact(self):
        if self.kind == "case_open":
            if (self.case_priority or "0") == "0":
                return (
                    self.env._("has no open case")
                    if self.is_not
                    else self.env._("has an open case")
                )
            priority = dict(
                self._fields["case_priority"]._description_selection(self.env)
            )[self.case_priority]
            if self.is_not:
                return self.env._("has no open case of priority %s or more", priority)
            return self.env._("has an open case of priority %s or more", priority)
        if self.kind == "case_rated":
            rating = self.rating_value
            if self.rating_operator == "least":
                if self.is_not:
                    return self.env._("did not rate us with %s or more", rating)
                return self.env._("rated us with %s or more", rating)
            if self.is_not:
                return self.env._("did not rate us with %s or less", rating)
            return self.env._("rated us with %s or less", rating)
        return super()._say_fact()

    @api.constrains("kind", "rating_value", "rating_operator")
    def _check_rating(self):
        for fact in self.filtered(lambda fact: fact.kind == "case_rated"):
            if not 1 <= fact.rating_value <= 5 or not fact.rating_operator:
                raise ValidationError(self.env._("Ratings are from 1 to 5."))

    def _select_commercial_partners(self, companies, today):
        if self.kind not in CASE_KINDS:
            return super()._select_commercial_partners(companies, today)
        self.env["crm.case"].flush_model()
        self.env["rating.rating"].flush_model()
        values = {
            "companies": companies.ids,
            "days": self.days,
            "today": today,
            "times": self.times,
            "is_ever": not self.days,
        }
        if self.kind == "case_open":
            return SQL(
                """
                SELECT c.commercial_partner_id FROM crm_case c
                 WHERE c.active AND c.stage_category <> ALL(%(done)s)
                   AND c.company_id = ANY(%(companies)s)
                   AND c.priority >= %(priority)s
                 GROUP BY c.commercial_partner_id HAVING count(*) >= %(times)s
                """,
                done=list(DONE),
                priority=self.case_priority or "0",
                **values,
            )
        return SQL(
            """
            SELECT p.commercial_partner_id
              FROM rating_rating r
              JOIN crm_case c ON c.id = r.res_id
              JOIN res_partner p ON p.id = COALESCE(r.partner_id, c.partner_id)
             WHERE r.res_model = 'crm.case' AND r.consumed AND r.rating >= 1
               AND c.company_id = ANY(%(companies)s)
               AND r.rating %(operator)s %(rating)s
               AND (%(is_ever)s
                    OR COALESCE(r.rated_on, r.write_date) >= %(today)s::date - %(days)s)
             GROUP BY p.commercial_partner_id HAVING count(*) >= %(times)s
            """,
            operator=SQL(">=") if self.rating_operator == "least" else SQL("<="),
            rating=self.rating_value,
            **values,
        )

    def _say_present(self, record, customer):
        if self.kind not in CASE_KINDS or not customer:
            return super()._say_present(record, customer)
        # with the reader's rights: who may see no cases is told nothing
        cases = self.env["crm.case"].search_fetch(
            [
                ("commercial_partner_id", "=", customer.id),
                ("company_id", "in", self._get_companies().ids),
            ],
            ["stage_category", "number"],
        )
        if self.kind == "case_open":
            still_open = cases.filtered(lambda case: case.stage_category not in DONE)
            return self.env._("%s open", len(still_open))
        # as far as the cases may be seen
        rating = (
            self.env["rating.rating"]
            .sudo()
            .search(
                [
                    ("res_model", "=", "crm.case"),
                    ("res_id", "in", cases.ids),
                    ("consumed", "=", True),
                    ("rating", ">=", 1),
                ],
                order="rated_on desc, id desc",
                limit=1,
            )
        )
        return (
            self.env._("last rating %s", round(rating.rating))
            if rating
            else self.env._("no rating")
        )
