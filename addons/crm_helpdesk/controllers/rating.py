from odoo import http
from odoo.http import request

from odoo.addons.rating.controllers.main import Rating


class CaseRating(Rating):
    def _get_rating_and_record(self, token):
        if not (token.isascii() and token.isprintable()):
            # none of ours, and the database would stumble on some
            raise request.not_found()
        return super()._get_rating_and_record(token)

    @http.route()
    def action_submit_rating(self, token, rate=0, **kwargs):
        """A form that a known robot posts is shown, not counted (for cases)."""
        if (
            request.httprequest.method == "POST"
            and request.env["ir.http"].is_a_bot()
            and self._get_rating_and_record(token)[1]._name == "crm.case"
        ):
            return self.action_open_rating(token, int(rate), **kwargs)
        return super().action_submit_rating(token, rate=rate, **kwargs)
