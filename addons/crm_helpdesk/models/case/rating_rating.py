from odoo import fields, models


class RatingRating(models.Model):
    _inherit = "rating.rating"

    # a selection, for nothing said and 0 are not the same
    nps_score = fields.Selection(
        [(str(score), str(score)) for score in range(11)],
        string="Recommends Us",
        readonly=True,
        help="How likely it is that the customer recommends us, from 0 to 10.",
    )
