from odoo import fields, models


class CrmCase(models.Model):
    """Ratings that customers give by themselves, on the page of their case."""

    _inherit = "crm.case"

    def _may_be_rated_by(self, user, has_token):
        """Whether the page offers it: to whose case it is, once, where the team asks.

        :param self: the case, sudo
        :param has_token: came by the link that only its customer got
        """
        self.ensure_one()
        is_customer = user.partner_id == self.partner_id or (
            has_token and user._is_public()
        )
        return bool(
            is_customer
            and self.partner_id
            and self.is_closed
            and self.team_id.is_rated
            and not self.rating_ids.filtered("consumed")
        )

    def _take_rating_from_portal(self):
        """The token of the page with the faces: with this the customer was asked."""
        self.ensure_one()
        if not self.date_rating_requested:
            self.write(
                {
                    "date_rating_requested": fields.Datetime.now(),
                    "is_rating_due": False,
                    "rating_skipped": False,
                }
            )
        return self._rating_get_access_token()
