from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import BODY, CampaignCommon

IDA = "ida@brandt.example"


class ConsentListCommon(CampaignCommon):
    """Ida is on two lists of the newsletter and on one without a topic."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Consent = cls.env["crm.consent"]
        cls.newsletter = cls.env.ref("crm_plus.crm_consent_purpose_newsletter")
        cls.general = cls.env.ref("crm_plus.crm_consent_purpose_marketing")
        cls.weekly, cls.monthly, cls.other = cls.env["mailing.list"].create(
            [
                {"name": "Weekly", "consent_purpose_id": cls.newsletter.id},
                {"name": "Monthly", "consent_purpose_id": cls.newsletter.id},
                {"name": "Other", "is_public": True},
            ]
        )
        cls.lists = cls.weekly + cls.monthly + cls.other
        cls.ida = cls.env["mailing.contact"].create(
            {"name": "Ida", "email": IDA, "list_ids": cls.lists.ids}
        )

    def _words(self, email=IDA):
        return self.Consent.search([("email", "=", email)], order="id")

    def _subscription(self, mailing_list, contact=None):
        return (contact or self.ida).subscription_ids.filtered(
            lambda one: one.list_id == mailing_list
        )

    def _is_on(self, *lists):
        self.env.invalidate_all()
        return [not self._subscription(one).opt_out for one in lists]

    def _block(self, email=IDA):
        return self.env["mail.blacklist"].search([("email", "=", email)])


@tagged("post_install", "-at_install", "crm_campaigns")
class TestConsentLists(ConsentListCommon):
    def test_who_leaves_the_last_list_on_a_topic_withdraws(self):
        self._subscription(self.weekly).opt_out = True
        self.assertFalse(self._words())

        self._subscription(self.monthly).opt_out = True

        self.assertRecordValues(
            self._words(),
            [
                {
                    "partner_id": self.customer_contact.id,
                    "purpose_id": self.newsletter.id,
                    "channel": "email",
                    "state": "withdrawn",
                    "company_id": self.env.company.id,
                    "source": f"Noted by {self.env.user.name}",
                    "proof": "Left the mailing list Monthly",
                }
            ],
        )

    def test_leaving_again_says_nothing_new(self):
        """Trap D16: who has opted out was counted again."""
        subscriptions = self.ida.subscription_ids
        subscriptions.opt_out = True
        subscriptions.opt_out = False
        subscriptions.opt_out = True
        self.assertEqual(len(self._words()), 1)

    def test_a_list_without_a_topic_says_nothing_of_topics(self):
        self._subscription(self.other).opt_out = True
        self.assertFalse(self._words())

    def test_importing_who_left(self):
        self.env["mailing.contact"].with_context(import_file=True).create(
            {
                "email": "new@brandt.example",
                "subscription_ids": [
                    (0, 0, {"list_id": self.weekly.id, "opt_out": True})
                ],
            }
        )
        words = self._words("new@brandt.example")
        self.assertEqual(words.state, "withdrawn")
        self.assertEqual(words.source, f"Import by {self.env.user.name}")

    def test_a_marketer_without_rights_to_the_ledger_may_take_somebody_off(self):
        user = new_test_user(
            self.env, "mailer", groups="mass_mailing.group_mass_mailing_user"
        )
        with self.assertRaises(AccessError):
            self.Consent.with_user(user).search([])
        self.ida.with_user(user).subscription_ids.opt_out = True
        self.assertEqual(self._words().source, f"Noted by {user.name}")

    def test_who_no_longer_wants_a_topic_leaves_its_lists(self):
        self.Consent._record(
            self.customer_contact, "newsletter", "withdrawn", source="On the phone"
        )
        self.assertEqual(self._is_on(*self.lists), [False, False, True])
        self.assertFalse(self._block())
        self.assertEqual(len(self._words()), 1)

    def test_who_wants_nothing_is_blocked(self):
        self.Consent._choose_nothing(self.customer_contact, self.company, "page")
        self.assertTrue(self._block())
        # what they said is in the ledger once
        self.assertEqual(self._words().purpose_id, self.general)

        # choosing a topic is the newer word
        self.Consent.sudo()._choose(
            self.customer_contact,
            self.company,
            {(self.newsletter.id, "email")},
            "page",
        )
        self.assertFalse(self._block())
        # a bounce is no word of theirs
        self.env["mail.blacklist"].with_context(crm_campaigns_bounce=True)._add(IDA)
        self.Consent.sudo()._choose(self.customer_contact, self.company, set(), "page")
        self.Consent.sudo()._choose(
            self.customer_contact,
            self.company,
            {(self.newsletter.id, "email")},
            "page",
        )
        self.assertTrue(self._block())

    def test_coming_back_to_a_topic_is_coming_back_to_its_lists(self):
        """Trap D16: known addresses could never agree again."""
        self.ida.subscription_ids.opt_out = True
        # what a seller notes moves nobody back
        self.Consent._record(
            self.customer_contact, "newsletter", source="Card at the fair"
        )
        self.assertEqual(self._is_on(*self.lists), [False] * 3)

        self.Consent._record(
            self.customer_contact, "newsletter", "withdrawn", source="On the phone"
        )
        self.Consent.sudo()._choose(
            self.customer_contact,
            self.company,
            {(self.newsletter.id, "email")},
            "page",
        )
        self.assertEqual(self._is_on(*self.lists), [True, True, False])

    def test_who_agreed_to_another_company_is_not_blocked_for_all(self):
        self.Consent._record(
            self.customer_contact,
            "newsletter",
            source="Fair",
            company_id=self.company_2.id,
        )
        self.Consent._choose_nothing(self.customer_contact, self.company, "page")
        self.assertFalse(self._block())

    def test_a_forged_context_is_nobodys_own_word(self):
        self.env["mail.blacklist"]._add(IDA)
        self.Consent.with_user(self.manager).with_context(
            crm_plus_own_word=True
        )._record(self.customer_contact, "marketing", source="Me")
        self.assertTrue(self._block())

    def test_a_batch_is_one_look(self):
        contacts = self.env["mailing.contact"].create(
            [
                {"email": f"p{number}@brandt.example", "list_ids": self.weekly.ids}
                for number in range(40)
            ]
        )
        few, many = contacts[:10].subscription_ids, contacts[10:].subscription_ids
        counts = []
        for some in (few, many):
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            some._say_left()
            some._say_left()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 3)

    def test_a_mailing_is_for_the_topic_of_its_lists(self):
        mailing = self._create_mailing(
            "mailing.list", contact_list_ids=(self.weekly + self.monthly).ids
        )
        self.assertEqual(mailing._get_contact_purpose(), self.newsletter)
        mailing.contact_list_ids += self.other
        self.assertFalse(mailing._get_contact_purpose())
        mailing.contact_purpose_id = self.env.ref("crm_plus.crm_consent_purpose_offers")
        self.assertEqual(mailing._get_contact_purpose().code, "offers")


@tagged("post_install", "-at_install", "crm_campaigns")
class TestUnsubscribePages(ConsentListCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mailing = cls._create_mailing(
            "mailing.list",
            contact_list_ids=(cls.weekly + cls.monthly).ids,
            body_html=BODY,
            user_id=cls.env.user.id,
        )

    def _post(self, url, data=None):
        page = self.url_open(url)
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.url_open(page.url, data={"csrf_token": token, **(data or {})})

    def test_one_click_writes_the_ledger_with_its_source(self):
        url = self.mailing._get_unsubscribe_oneclick_url(IDA, self.ida.id)
        response = self.url_open(url, data={"List-Unsubscribe": "One-Click"})
        self.assertEqual(response.status_code, 200)
        self.assertEqual(self._is_on(*self.lists), [False, False, True])
        words = self._words()
        self.assertEqual(len(words), 1)
        self.assertEqual(words.purpose_id, self.newsletter)
        self.assertEqual(words.source, "One click in the mail program")
        self.assertIn("127.0.0.1", words.proof)

    @mute_logger("odoo.http")
    def test_one_click_with_another_token_changes_nothing(self):
        url = self.mailing._get_unsubscribe_oneclick_url(IDA, self.ida.id)
        response = self.url_open(
            url.replace("hash_token=", "hash_token=0"), data={"x": "y"}
        )
        self.assertNotEqual(response.status_code, 200)
        self.assertEqual(self._is_on(*self.lists), [True] * 3)
        self.assertFalse(self._words())

    def test_the_page_offers_the_preferences(self):
        """Trap D3: scanners look at the page, and unsubscribe nobody."""
        page = self.url_open(self.mailing._get_unsubscribe_url(IDA, self.ida.id))
        self.assertIn("Manage your preferences", page.text)
        link = self.mailing._get_preference_url(IDA)
        self.assertIn(link, page.text)
        # looking changes nothing
        self.assertEqual(self._is_on(*self.lists), [True] * 3)

        saved = self._post(link, {f"topic-{self.newsletter.id}-sms": "1"})
        self.assertIn("Saved", saved.text)
        self.assertEqual(self._is_on(*self.lists), [False, False, True])
        self.assertEqual(
            self._words().filtered(lambda one: one.channel == "email").mapped("source"),
            ["Preference page"] * 3,
        )

    def test_who_is_no_contact_chooses_by_the_address(self):
        stranger = self.env["mailing.contact"].create(
            {"email": "stranger@no.example", "list_ids": self.weekly.ids}
        )
        link = self.mailing._get_preference_url("stranger@no.example")
        page = self.url_open(link)
        self.assertIn("stranger@no.example", page.text)
        self.assertNotIn("How often", page.text)
        self._post(link, {"nothing": "1"})
        words = self._words("stranger@no.example")
        self.assertEqual(words.purpose_id, self.general)
        self.assertFalse(words.partner_id)
        self.assertTrue(self._block("stranger@no.example"))
        self.assertTrue(stranger.exists())

    @mute_logger("odoo.http")
    def test_the_page_of_somebody_else_is_not_to_be_had(self):
        link = self.mailing._get_preference_url("stranger@no.example")
        other = link.replace("stranger", "other")
        self.assertEqual(self.url_open(other).status_code, 404)

    def test_who_is_logged_in_is_offered_the_own_page_only(self):
        """Whoever writes the address of another into their account gets no link to the
        page of the other, who was there before.
        """
        user = new_test_user(
            self.env, login="ida_too", groups="base.group_portal", email=IDA
        )
        self.assertLess(self.customer_contact.id, user.partner_id.id)
        self.authenticate("ida_too", "ida_too")

        page = self.url_open("/mailing/my").text

        Preference = self.env["crm.consent.preference"]
        own = Preference._get_url(user.partner_id, user.company_id)
        self.assertIn(f'href="{own}"', page)
        other = Preference._get_url(self.customer_contact, user.company_id)
        self.assertEqual(other, Preference._get_address_url(IDA, user.company_id))
        self.assertNotIn(other.rpartition("/")[2], page)
        self.assertNotIn(f"/{self.customer_contact.id}/", page)
        response = self.url_open("/contact/preferences", allow_redirects=False)
        self.assertTrue(own.endswith(response.headers["Location"]))

    @mute_logger("odoo.http")
    def test_nobody_is_offered_a_page_without_a_link_or_login(self):
        for path in (
            f"/mailing/{self.mailing.id}/unsubscribe?email={IDA}",
            f"/mailing/{self.mailing.id}/confirm_unsubscribe?email={IDA}",
        ):
            with self.subTest(path):
                page = self.url_open(path)
                self.assertGreaterEqual(page.status_code, 400)
                self.assertNotIn("/contact/preferences", page.text)

    def test_tokens_of_letters_that_none_has(self):
        """Refused as any wrong one: the log tells of no error."""
        company, partner = self.company.id, self.customer_contact.id
        query = f"document_id={self.ida.id}&email={IDA}&hash_token="
        for wrong in ("h%C3%B6chst", "%00", "%FF"):
            for path in (
                f"/contact/preferences/{company}/{partner}/{wrong}",
                f"/contact/preferences/{company}?email={IDA}&token={wrong}",
                f"/contact/preferences/{company}?email=%00&token={wrong}",
                f"/contact/confirm/1?expires=1&token={wrong}",
                f"/contact/confirm/1?expires={'9' * 5000}&token={wrong}",
                f"/mail/more/1/{wrong}",
                f"/mail/track/1/{wrong}/blank.gif",
                f"/mailing/{self.mailing.id}/unsubscribe?{query}{wrong}",
                f"/mailing/{self.mailing.id}/confirm_unsubscribe?{query}{wrong}",
            ):
                with self.subTest(path), self.assertNoLogs("odoo.http", "ERROR"):
                    response = self.url_open(path)
                    self.assertIn(response.status_code, (401, 403, 404))
        self.assertEqual(self._is_on(*self.lists), [True] * 3)
        self.assertFalse(self._words())

    def test_confirming_notes_that_page(self):
        page = self.url_open(self.mailing._get_unsubscribe_url(IDA, self.ida.id))
        values = {
            name: page.text.partition(f'name="{name}" value="')[2].partition('"')[0]
            for name in (
                "csrf_token",
                "mailing_id",
                "document_id",
                "email",
                "hash_token",
            )
        }
        done = self.url_open("/mailing/confirm_unsubscribe", data=values)
        self.assertIn("Manage your preferences", done.text)
        self.assertEqual(self._words().source, "Unsubscribe page")

    def test_lists_without_a_topic_are_marketing_in_general_when_the_last(self):
        mailing = self._create_mailing(
            "mailing.list", contact_list_ids=self.other.ids, user_id=self.env.user.id
        )
        url = mailing._get_unsubscribe_oneclick_url(IDA, self.ida.id)
        self.url_open(url, data={"x": "y"})
        self.assertFalse(self._words())

        (self.weekly + self.monthly).consent_purpose_id = False
        self.ida.subscription_ids.opt_out = True
        self.url_open(url, data={"x": "y"})
        self.assertEqual(self._words().purpose_id, self.general)
        self.assertFalse(self._block())

    def test_the_link_in_the_mail_is_the_own_page_of_each(self):
        mailing = self._create_mailing(
            "mailing.list",
            contact_list_ids=self.weekly.ids,
            body_html='<p>Hello <a href="/contact/preferences">choose</a></p>',
            user_id=self.env.user.id,
        )
        with self.mock_mail_gateway():
            mailing._action_send_mail()
        body = self._mails[0]["body"]
        self.assertIn(f'href="{mailing._get_preference_url(IDA)}"', body)
        self.assertEqual(
            self._mails[0]["headers"]["List-Unsubscribe-Post"],
            "List-Unsubscribe=One-Click",
        )


@tagged("post_install", "-at_install", "crm_campaigns")
class TestWishesOfOtherCompany(ConsentListCommon, HttpCase):
    """A campaign of the second company, whose responsible belongs to the first one; Ida
    has agreed to the newsletter of the second one.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.campaign_manager.company_ids += cls.company_2
        cls.campaign = cls._create_campaign(
            cls.customer_contact, company_id=cls.company_2.id
        )
        cls.step = cls._add_step(cls.campaign, "mail")
        cls.step._prepare_mailings()
        cls.mailing = cls.step.mailing_id
        cls.Consent._record(
            cls.customer_contact,
            "newsletter",
            source="Fair",
            company_id=cls.company_2.id,
        )

    def _decide(self, company, purpose="marketing"):
        return self.env["crm.contact.policy"]._decide(
            self.customer_contact, purpose=purpose, company=company
        )[self.customer_contact.id]

    def _post(self, url, data):
        page = self.url_open(url)
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.url_open(page.url, data={"csrf_token": token, **data})

    def test_a_mail_of_a_campaign_is_one_of_its_company(self):
        self.assertEqual(self.mailing.user_id.company_id, self.company)
        self.assertEqual(self.mailing._contact_company(), self.company_2)

    def test_nothing_at_all_is_said_to_the_company_of_the_campaign(self):
        link = self.mailing._get_preference_url(IDA)
        self.assertIn(f"/contact/preferences/{self.company_2.id}/", link)

        self._post(link, {"nothing": "1"})

        self.env.invalidate_all()
        for purpose in ("marketing", "newsletter"):
            decision = self._decide(self.company_2, purpose)
            self.assertEqual((decision.outcome, decision.reason), ("drop", "withdrawn"))
        self.assertEqual(self._decide(self.company).outcome, "send")

    def test_one_click_is_said_to_the_company_of_the_campaign(self):
        url = self.mailing._get_unsubscribe_oneclick_url(IDA, self.customer_contact.id)
        response = self.url_open(url, data={"List-Unsubscribe": "One-Click"})
        self.assertEqual(response.status_code, 200)
        withdrawn = self._words().filtered(lambda one: one.state == "withdrawn")
        self.assertRecordValues(
            withdrawn,
            [
                {
                    "company_id": self.company_2.id,
                    "purpose_id": self.general.id,
                    "source": "One click in the mail program",
                }
            ],
        )
        self.assertEqual(self._decide(self.company_2).outcome, "drop")
        self.assertEqual(self._decide(self.company).outcome, "send")

    def test_coming_back_is_said_to_it_too(self):
        """Over the page that Odoo shows after it."""
        query = {
            "mailing_id": self.mailing.id,
            "document_id": self.customer_contact.id,
            "email": IDA,
            "hash_token": self.mailing._generate_mailing_recipient_token(
                self.customer_contact.id, IDA
            ),
        }
        for route in ("add", "remove"):
            done = self.make_jsonrpc_request(f"/mailing/blocklist/{route}", query)
            self.assertIs(done, True)
        last = self._words().sorted("id")[-2:]
        self.assertEqual(last.mapped("state"), ["withdrawn", "given"])
        self.assertEqual(last.company_id, self.company_2)

    def test_leaving_the_lists_is_said_to_it_too(self):
        """Of a mail of the other company that went to lists."""
        other = new_test_user(
            self.env,
            "other_mailer",
            groups="mass_mailing.group_mass_mailing_user",
            company_id=self.company_2.id,
            company_ids=self.company_2.ids,
        )
        mailing = self._create_mailing(
            "mailing.list",
            contact_list_ids=(self.weekly + self.monthly).ids,
            user_id=other.id,
        )
        url = mailing._get_unsubscribe_oneclick_url(IDA, self.ida.id)
        self.url_open(url, data={"List-Unsubscribe": "One-Click"})
        self.assertEqual(self._is_on(*self.lists), [False, False, True])
        withdrawn = self._words().filtered(lambda one: one.state == "withdrawn")
        self.assertEqual(withdrawn.company_id, self.company_2)
        self.assertEqual(withdrawn.purpose_id, self.newsletter)
