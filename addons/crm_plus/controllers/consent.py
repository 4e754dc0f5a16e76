from odoo import fields, http
from odoo.http import request

from ..models.contact.crm_consent_preference import FREQUENCIES, FREQUENCY_SECONDS

PAUSES = [30, 90, 180]
# moments and ids have no more digits; Python converts no text of thousands
MAX_DIGITS = 18


def _read_number(text):
    """The number that a stranger gives, 0 for what is none of ours."""
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else 0


def get_proof():
    """What shows later that it was them."""
    http_request = request.httprequest
    return request.env._(
        "On %(url)s, from %(address)s, with %(agent)s",
        url=http_request.path,
        address=http_request.remote_addr,
        agent=http_request.user_agent.string[:200],
    )


class ConsentController(http.Controller):
    """Pages without login, behind signed links. Opening a page changes nothing: mail
    scanners open all links. Buttons do.
    """

    @http.route(
        "/contact/confirm/<int:consent_id>",
        type="http",
        auth="public",
        methods=["GET", "POST"],
        website=True,
        sitemap=False,
    )
    def contact_confirm(self, consent_id, expires="0", token="", **kw):
        # sudo: whoever has the link is the addressee; the token proves it
        consent_sudo = request.env["crm.consent"].sudo().browse(consent_id).exists()
        expires = _read_number(expires)
        verdict = consent_sudo._check_confirm_token(expires, token)
        if verdict == "wrong":
            raise request.not_found()
        if consent_sudo.search_count([("request_id", "=", consent_sudo.id)], limit=1):
            verdict = "done"
        elif verdict == "ok" and request.httprequest.method == "POST":
            consent_sudo._confirm(get_proof())
            verdict = "done"
        return request.render(
            "crm_plus.contact_confirm",
            {
                "verdict": verdict,
                "consent": consent_sudo,
                "expires": expires,
                "token": token,
            },
        )

    @http.route(
        "/contact/preferences",
        type="http",
        auth="user",
        methods=["GET"],
        website=True,
        multilang=False,
        sitemap=False,
    )
    def contact_own_preferences(self, **kw):
        """Of whoever is logged in. In mails this address stands for the own page of
        each recipient.
        """
        user = request.env.user
        return request.redirect(
            request.env["crm.consent.preference"]
            .sudo()  # sudo: one's own page
            ._get_url(user.partner_id, user.company_id)
        )

    @http.route(
        "/contact/preferences/<int:company_id>/<int:partner_id>/<string:token>",
        type="http",
        auth="public",
        methods=["GET", "POST"],
        website=True,
        sitemap=False,
    )
    def contact_preferences(self, company_id, partner_id, token, **post):
        # sudo: whoever has the link is the contact; the token proves it
        company_sudo = request.env["res.company"].sudo().browse(company_id).exists()
        partner_sudo = request.env["res.partner"].sudo().browse(partner_id).exists()
        Preference = request.env["crm.consent.preference"].sudo()
        if not Preference._check_token(partner_sudo, company_sudo, token):
            raise request.not_found()
        return self._show_preferences(partner_sudo, company_sudo, None, post)

    @http.route(
        "/contact/preferences/<int:company_id>",
        type="http",
        auth="public",
        methods=["GET", "POST"],
        website=True,
        sitemap=False,
    )
    def contact_address_preferences(self, company_id, email="", token="", **post):
        """Of somebody of whom we know but the address."""
        # sudo: whoever has the link has the address; the token proves it
        company_sudo = request.env["res.company"].sudo().browse(company_id).exists()
        Preference = request.env["crm.consent.preference"].sudo()
        if not Preference._check_address_token(email, company_sudo, token):
            raise request.not_found()
        nobody_sudo = request.env["res.partner"].sudo()
        return self._show_preferences(nobody_sudo, company_sudo, email, post)

    def _show_preferences(self, partner_sudo, company_sudo, email, post):
        Consent = request.env["crm.consent"].sudo()  # sudo: see the routes
        saved = False
        if request.httprequest.method == "POST":
            if post.get("nothing"):
                Consent._choose_nothing(partner_sudo, company_sudo, get_proof(), email)
            else:
                self._save_topics(partner_sudo, company_sudo, email, post)
                if partner_sudo:
                    self._save_preferences(partner_sudo, company_sudo, post)
            saved = True
        Preference = request.env["crm.consent.preference"].sudo()  # sudo: likewise
        known = Preference
        if partner_sudo:
            known = Preference._search_of(partner_sudo, company_sudo)
        now = fields.Datetime.now()
        # as the policy hears them: whoever wants less
        pauses = [date for date in known.mapped("date_pause") if date and date > now]
        return request.render(
            "crm_plus.contact_preferences",
            {
                "saved": saved,
                "partner": partner_sudo,
                "email": email or partner_sudo.email,
                "company": company_sudo,
                "topics": Consent._get_choices(partner_sudo, company_sudo, email),
                "frequencies": Preference._fields["frequency"]._description_selection(
                    request.env
                ),
                "frequency": max(
                    known.mapped("frequency"),
                    key=lambda frequency: FREQUENCY_SECONDS.get(frequency, 0),
                    default=False,
                ),
                "pauses": PAUSES,
                "date_pause": max(pauses, default=False),
            },
        )

    def _save_topics(self, partner_sudo, company_sudo, email, post):
        wanted = set()
        for name in post:
            kind, _sep, rest = name.partition("-")
            purpose, _sep, channel = rest.partition("-")
            if kind == "topic":
                wanted.add((_read_number(purpose), channel))
        Consent = request.env["crm.consent"].sudo()  # sudo: see the routes
        Consent._choose(partner_sudo, company_sudo, wanted, get_proof(), email)

    def _save_preferences(self, partner_sudo, company_sudo, post):
        frequency = post.get("frequency")
        days = post.get("pause", "")
        values = {"frequency": frequency if frequency in dict(FREQUENCIES) else False}
        if days == "0":
            values["date_pause"] = False
        elif _read_number(days) in PAUSES:
            values["date_pause"] = fields.Datetime.add(
                fields.Datetime.now(), days=_read_number(days)
            )
        Preference = request.env["crm.consent.preference"].sudo()  # sudo: likewise
        # what is shown is that of all contacts of the address, and so is what is said
        known = Preference._search_of(partner_sudo, company_sudo)
        known.write(values)
        if partner_sudo not in known.partner_id and any(values.values()):
            Preference.create(
                {
                    "partner_id": partner_sudo.id,
                    "company_id": company_sudo.id,
                    **values,
                }
            )
