import time

from werkzeug.exceptions import BadRequest

from odoo import http
from odoo.http import request
from odoo.tools import consteq, hmac
from odoo.tools.misc import get_lang

from odoo.addons.rating.controllers.main import Rating

from ..tools.machine_visit import is_program

MIN_SECONDS = 3  # who answers faster has not read the page
MAX_FEEDBACK = 5000
SCOPE = "crm_helpdesk-rating"


class CaseRating(Rating):
    """The page behind the faces of a rating request, for cases.

    Opening it changes nothing. A post counts if a person seems to have made it: not a
    known robot or scanner, the field that nobody sees left empty, and not in the moment
    the page was opened; else the page is shown again, and its button works. The first
    answer counts.
    """

    def _get_rating_and_record(self, token):
        if not (token.isascii() and token.isprintable()):
            # none of ours, and the database would stumble on some
            raise request.not_found()
        rating_sudo, record_sudo = super()._get_rating_and_record(token)
        if record_sudo._name == "crm.case":
            # what the page says, it says in the customer's language
            request.update_context(
                lang=rating_sudo.partner_id.lang or get_lang(request.env).code
            )
        return rating_sudo, record_sudo

    @http.route()
    def action_open_rating(self, token, rate, **kwargs):
        rating_sudo, record_sudo = self._get_rating_and_record(token)
        if record_sudo._name != "crm.case":
            return super().action_open_rating(token, rate, **kwargs)
        if not 1 <= rate <= 5:
            raise request.not_found()
        return self._show_case_rating(rating_sudo, record_sudo, {"rate": str(rate)})

    @http.route()
    def action_submit_rating(self, token, rate=0, **kwargs):
        rating_sudo, record_sudo = self._get_rating_and_record(token)
        if record_sudo._name != "crm.case":
            return super().action_submit_rating(token, rate=rate, **kwargs)
        post = {**kwargs, "rate": str(rate)}
        if request.httprequest.method != "POST":
            return self._show_case_rating(rating_sudo, record_sudo, post)
        if len(kwargs.get("feedback") or "") > MAX_FEEDBACK * 2:
            raise BadRequest
        problem = self._find_problem(rating_sudo, post)
        if problem:
            return self._show_case_rating(rating_sudo, record_sudo, post, problem)
        if not self._is_customer(rating_sudo):
            return self._show_case_rating(rating_sudo, record_sudo, post)
        if not rating_sudo.consumed:
            nps_score = post.get("nps_score")
            record_sudo._take_rating(
                rating_sudo,
                int(post["rate"]),
                self._read_feedback(post),
                nps_score if nps_score in self._get_nps_scores(record_sudo) else False,
            )
        return self._render_case_page(
            "crm_helpdesk.case_rating_thanks",
            {"rating": rating_sudo, "case": record_sudo},
        )

    def _read_feedback(self, post):
        # zeros: the database takes none
        return (post.get("feedback") or "").replace("\0", "").strip()[:MAX_FEEDBACK]

    def _get_nps_scores(self, case_sudo):
        if not case_sudo.team_id.is_nps_asked:
            return []
        return [str(score) for score in range(11)]

    def _is_customer(self, rating_sudo):
        """Whoever has the link, but nobody who is logged in as somebody else."""
        user = request.env.user
        return user._is_public() or (
            user.partner_id.commercial_partner_id
            == rating_sudo.partner_id.commercial_partner_id
        )

    # ------------------------------------------------------------
    # People and machines
    # ------------------------------------------------------------

    def _find_problem(self, rating_sudo, post):
        """Why a post does not count yet, as words for people, or None."""
        if post["rate"] not in ("1", "2", "3", "4", "5"):
            return request.env._("Please choose one of the faces.")
        agent = request.httprequest.user_agent.string
        if post.get("url") or request.env["ir.http"].is_a_bot() or is_program(agent):
            return request.env._("Please press the button once more to send it.")
        if self._get_age(rating_sudo, post.get("opened")) < MIN_SECONDS:
            return request.env._("Please press the button once more to send it.")
        return None

    def _get_stamp(self, rating_sudo, opened=None):
        opened = opened or int(time.time())
        # sudo: the secret of the database
        env = request.env(su=True)
        return f"{opened}-{hmac(env, SCOPE, (rating_sudo.access_token, opened))}"

    def _get_age(self, rating_sudo, stamp):
        """For how many seconds the page has been open; -1 when nobody knows."""
        opened = (stamp or "").partition("-")[0]
        if not (opened.isdecimal() and opened.isascii() and len(opened) < 12):
            return -1
        expected = self._get_stamp(rating_sudo, int(opened))
        if not stamp.isascii() or not consteq(expected, stamp):
            return -1
        return time.time() - int(opened)

    # ------------------------------------------------------------
    # Pages
    # ------------------------------------------------------------

    def _show_case_rating(self, rating_sudo, case_sudo, post, problem=None):
        if not self._is_customer(rating_sudo):
            return request.render(
                "rating.rating_external_page_invalid_partner",
                {
                    "model_name": request.env["ir.model"]
                    .sudo()  # sudo: only what such records are called
                    ._get(rating_sudo.res_model)
                    .display_name,
                    "name": case_sudo.number,
                    "web_base_url": rating_sudo.get_base_url(),
                },
            )
        if rating_sudo.consumed:
            return self._render_case_page(
                "crm_helpdesk.case_rating_thanks",
                {"rating": rating_sudo, "case": case_sudo, "is_given": True},
            )
        stamp = post.get("opened")
        if self._get_age(rating_sudo, stamp) < 0:
            stamp = self._get_stamp(rating_sudo)
        return self._render_case_page(
            "crm_helpdesk.case_rating_page",
            {
                "rating": rating_sudo,
                "case": case_sudo,
                "rates": [
                    (1, request.env._("Very dissatisfied")),
                    (2, request.env._("Dissatisfied")),
                    (3, request.env._("Okay")),
                    (4, request.env._("Satisfied")),
                    (5, request.env._("Very satisfied")),
                ],
                "rate": post["rate"],
                "nps_scores": self._get_nps_scores(case_sudo),
                "nps_score": post.get("nps_score"),
                "feedback": self._read_feedback(post),
                "stamp": stamp,
                "problem": problem,
            },
        )

    def _render_case_page(self, template, values):
        return request.make_response(
            request.env["ir.ui.view"]._render_template(template, values),
            headers=[("X-Robots-Tag", "noindex, nofollow")],
        )
