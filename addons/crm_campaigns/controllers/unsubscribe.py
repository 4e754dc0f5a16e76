from werkzeug.exceptions import Unauthorized

from odoo import http
from odoo.http import request

from odoo.addons.crm_plus.controllers.consent import MAX_DIGITS, get_proof
from odoo.addons.mass_mailing.controllers.main import MassMailController


class UnsubscribeController(MassMailController):
    """Odoo's pages to unsubscribe: whoever does so there is in the ledger, with what
    shows it, and is offered to choose instead of leaving.
    """

    def _say(self, source, hash_token, mailing_id=None):
        """From here on it is the person who speaks: who has the link out of a mail, or
        is logged in; without a link it is about the own address only.

        They speak to the company that sent them the mail. Odoo checks next whether it
        did, before anything is noted.
        """
        if "crm_campaigns_said" in request.env.context:
            return
        if hash_token or not request.env.user._is_public():
            mailing_sudo = self._get_mailing(mailing_id)
            company_id = mailing_sudo._contact_company().id if mailing_sudo else None
            request.update_context(
                crm_plus_own_word=True,
                crm_campaigns_said=(source, get_proof(), company_id),
            )

    def _get_mailing(self, mailing_id):
        """The mailing that the link names, none if it names none."""
        # sudo: whose mailing it is, of which Odoo checks the link
        Mailing_sudo = request.env["mailing.mailing"].sudo()
        if not str(mailing_id).isdecimal() or len(str(mailing_id)) > MAX_DIGITS:
            return Mailing_sudo
        return Mailing_sudo.browse(int(mailing_id)).exists()

    def _check_mailing_email_token(
        self,
        mailing_id,
        document_id,
        email,
        hash_token,
        required_mailing_id=False,
    ):
        if hash_token and not str(hash_token).isascii():
            # Odoo's comparison would stumble
            raise Unauthorized()
        return super()._check_mailing_email_token(
            mailing_id,
            document_id,
            email,
            hash_token,
            required_mailing_id=required_mailing_id,
        )

    def _get_preference_url(self, mailing_sudo, email, hash_token):
        """Where whoever looks at the page chooses.

        With a link out of a mail: whoever has its address. Without: who is logged in
        and nobody else. An address alone proves nothing then: people may write into
        their account whatever address they like, and some share one.
        """
        # sudo: the page is that of whoever has the address
        Preference = request.env["crm.consent.preference"].sudo()
        company = (
            mailing_sudo._contact_company() if mailing_sudo else request.env.company
        )
        if hash_token:
            return Preference._get_address_url(email, company)
        if request.env.user._is_public():
            return False
        # sudo: one's own page
        return Preference._get_url(request.env.user.partner_id.sudo(), company)

    def _after(self, mailing_id, email, hash_token, response=None):
        """Odoo has checked the link and done its part."""
        email, token = self._fetch_user_information(email, hash_token)
        # sudo: whoever unsubscribes has no rights
        mailing_sudo = request.env["mailing.mailing"].sudo().browse(int(mailing_id))
        mailing_sudo._say_unsubscribed(email)
        if response is not None and getattr(response, "is_qweb", False):
            response.qcontext["preference_url"] = self._get_preference_url(
                mailing_sudo, email, token
            )
        return response

    @http.route()
    def mailing_unsubscribe_oneclick(
        self, mailing_id, document_id=None, email=None, hash_token=None, **post
    ):
        source = request.env._("One click in the mail program")
        self._say(source, hash_token, mailing_id)
        return super().mailing_unsubscribe_oneclick(
            mailing_id,
            document_id=document_id,
            email=email,
            hash_token=hash_token,
            **post,
        )

    @http.route()
    def mailing_confirm_unsubscribe(
        self, mailing_id, document_id=None, email=None, hash_token=None
    ):
        response = super().mailing_confirm_unsubscribe(
            mailing_id, document_id=document_id, email=email, hash_token=hash_token
        )
        found, token = self._fetch_user_information(email, hash_token)
        # sudo: the link was checked
        mailing_sudo = request.env["mailing.mailing"].sudo().browse(mailing_id)
        response.qcontext["preference_url"] = self._get_preference_url(
            mailing_sudo, found, token
        )
        return response

    @http.route()
    def mailing_confirm_unsubscribe_post(
        self, mailing_id, document_id=None, email=None, hash_token=None
    ):
        self._say(request.env._("Unsubscribe page"), hash_token, mailing_id)
        response = super().mailing_confirm_unsubscribe_post(
            mailing_id, document_id=document_id, email=email, hash_token=hash_token
        )
        return self._after(mailing_id, email, hash_token, response)

    @http.route()
    def mailing_unsubscribe(
        self, mailing_id, document_id=None, email=None, hash_token=None, **post
    ):
        # post: what mail programs add to links and to a click of theirs
        self._say(request.env._("Unsubscribe page"), hash_token, mailing_id)
        response = super().mailing_unsubscribe(
            mailing_id, document_id=document_id, email=email, hash_token=hash_token
        )
        return self._after(mailing_id, email, hash_token, response)

    def _prepare_mailing_subscription_values(
        self, mailing, document_id, email, hash_token
    ):
        values = super()._prepare_mailing_subscription_values(
            mailing, document_id, email, hash_token
        )
        values["preference_url"] = self._get_preference_url(mailing, email, hash_token)
        return values

    @http.route()
    def mailing_update_list_subscription(
        self,
        mailing_id=None,
        document_id=None,
        email=None,
        hash_token=None,
        lists_optin_ids=None,
        **post,
    ):
        self._say(request.env._("Subscriptions page"), hash_token, mailing_id)
        return super().mailing_update_list_subscription(
            mailing_id=mailing_id,
            document_id=document_id,
            email=email,
            hash_token=hash_token,
            lists_optin_ids=lists_optin_ids,
            **post,
        )

    @http.route()
    def mail_blocklist_add(
        self, mailing_id=None, document_id=None, email=None, hash_token=None
    ):
        self._say(request.env._("Subscriptions page"), hash_token, mailing_id)
        return super().mail_blocklist_add(
            mailing_id=mailing_id,
            document_id=document_id,
            email=email,
            hash_token=hash_token,
        )

    @http.route()
    def mail_blocklist_remove(
        self, mailing_id=None, document_id=None, email=None, hash_token=None
    ):
        self._say(request.env._("Subscriptions page"), hash_token, mailing_id)
        return super().mail_blocklist_remove(
            mailing_id=mailing_id,
            document_id=document_id,
            email=email,
            hash_token=hash_token,
        )
