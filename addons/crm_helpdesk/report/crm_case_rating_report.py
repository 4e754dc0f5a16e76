from odoo import api, fields, models
from odoo.tools import SQL


class CrmCaseRatingReport(models.Model):
    """Who was asked, who answered and what: a row a case.

    CSAT (K67) is the share of ratings of 4 and 5 of all ratings; NPS (K69) the share of
    9 and 10 less that of 0 to 6. Without a rating there is no figure, rather than 0.
    Of a case, the first answer counts; of spam, machines and merged cases, none.
    """

    _name = "crm.case.rating.report"
    _inherit = "crm.ratio.mixin"
    _description = "Satisfaction Analysis"
    _auto = False
    _order = "date desc, id desc"
    _rec_name = "case_id"
    _depends = {
        "crm.case": [
            "category_id",
            "channel",
            "commercial_partner_id",
            "company_id",
            "date_rating_requested",
            "is_machine",
            "is_spam",
            "merged_into_id",
            "partner_id",
            "priority",
            "product_id",
            "team_id",
            "type_id",
            "user_id",
        ],
        "rating.rating": [
            "consumed",
            "feedback",
            "nps_score",
            "rated_on",
            "rated_partner_id",
            "rating",
            "res_id",
            "res_model",
        ],
        "res.users": ["partner_id"],
    }

    case_id = fields.Many2one("crm.case", readonly=True)
    date = fields.Datetime(string="Rated or Asked", readonly=True)
    date_requested = fields.Datetime(string="Asked", readonly=True)
    date_rated = fields.Datetime(string="Rated", readonly=True)
    team_id = fields.Many2one("crm.case.team", readonly=True)
    user_id = fields.Many2one(
        "res.users",
        string="Agent",
        readonly=True,
        help="Whose case it was when the customer was asked.",
    )
    channel = fields.Selection("_selection_channel", readonly=True)
    priority = fields.Selection("_selection_priority", readonly=True)
    type_id = fields.Many2one("crm.case.type", readonly=True)
    category_id = fields.Many2one("crm.case.category", readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    commercial_partner_id = fields.Many2one(
        "res.partner", string="Customer Company", readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)
    feedback = fields.Text(string="Comment", readonly=True)
    nps_score = fields.Selection(
        [(str(score), str(score)) for score in range(11)],
        string="Recommends Us",
        readonly=True,
    )
    # sums
    requests = fields.Integer(string="Asked (n)", readonly=True)
    answers = fields.Integer(string="Of These Answered", readonly=True)
    responses = fields.Integer(string="Ratings (n)", readonly=True)
    satisfied = fields.Integer(string="4 or 5 of 5", readonly=True)
    low = fields.Integer(string="1 or 2 of 5", readonly=True)
    rating_sum = fields.Float(string="Points", readonly=True)
    nps_answers = fields.Integer(string="Recommendations (n)", readonly=True)
    promoters = fields.Integer(readonly=True)
    detractors = fields.Integer(readonly=True)
    nps_balance = fields.Integer(string="Promoters less Detractors", readonly=True)
    # ratios
    csat = fields.Float(
        string="CSAT (%)",
        readonly=True,
        aggregator="avg",
        help="Ratings of 4 and 5 of all ratings. Look at their number, too: with fewer "
        "than 10 it says little.",
    )
    response_rate = fields.Float(
        string="Response Rate (%)", readonly=True, aggregator="avg"
    )
    rating = fields.Float(string="Rating (of 5)", readonly=True, aggregator="avg")
    nps = fields.Float(
        string="NPS",
        readonly=True,
        aggregator="avg",
        help="Share of 9 and 10 less share of 0 to 6, from -100 to 100.",
    )

    _ratios = {
        "csat": ("satisfied", "responses", 100),
        "response_rate": ("answers", "requests", 100),
        "rating": ("rating_sum", "responses", 1),
        "nps": ("nps_balance", "nps_answers", 100),
    }

    @api.model
    def _selection_channel(self):
        """Those of the case, with what others add."""
        return self.env["crm.case"]._fields["channel"]._description_selection(self.env)

    @api.model
    def _selection_priority(self):
        return self.env["crm.case"]._fields["priority"]._description_selection(self.env)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT c.*, %(ratios)s
              FROM (
                SELECT c.id, c.id AS case_id, c.team_id, c.channel, c.priority,
                       c.type_id, c.category_id, c.product_id, c.partner_id,
                       c.commercial_partner_id, c.company_id,
                       COALESCE(r.user_id, c.user_id) AS user_id,
                       COALESCE(r.rated_on, c.date_rating_requested) AS date,
                       c.date_rating_requested AS date_requested,
                       r.rated_on AS date_rated, r.feedback, r.nps_score,
                       (c.date_rating_requested IS NOT NULL)::int AS requests,
                       (c.date_rating_requested IS NOT NULL
                        AND r.id IS NOT NULL)::int AS answers,
                       (r.id IS NOT NULL)::int AS responses,
                       COALESCE((r.rating >= 4)::int, 0) AS satisfied,
                       COALESCE((r.rating < 3)::int, 0) AS low,
                       COALESCE(r.rating, 0) AS rating_sum,
                       (r.nps_score IS NOT NULL)::int AS nps_answers,
                       COALESCE((r.nps_score::int >= 9)::int, 0) AS promoters,
                       COALESCE((r.nps_score::int <= 6)::int, 0) AS detractors,
                       COALESCE((r.nps_score::int >= 9)::int
                                - (r.nps_score::int <= 6)::int, 0) AS nps_balance
                  FROM crm_case c
             LEFT JOIN LATERAL (
                    SELECT r.id, r.rating, r.rated_on, r.feedback, r.nps_score,
                           (SELECT u.id FROM res_users u
                             WHERE u.partner_id = r.rated_partner_id
                             ORDER BY u.active DESC, u.id LIMIT 1) AS user_id
                      FROM rating_rating r
                     WHERE r.res_model = 'crm.case' AND r.res_id = c.id
                       AND r.consumed AND r.rating >= 1
                     ORDER BY r.rated_on, r.id
                     LIMIT 1
                ) r ON TRUE
                 WHERE (c.date_rating_requested IS NOT NULL OR r.id IS NOT NULL)
                   AND %(is_real)s
              ) c
            """,
            is_real=self.env["crm.case.dimension.mixin"]._get_real_sql(),
            ratios=self._get_ratio_columns("c"),
        )

    def action_open_case(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case",
            "res_id": self.case_id.id,
            "views": [(False, "form")],
        }
