import base64
from datetime import datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, HttpCase, tagged
from odoo.tools import mute_logger

from ..tools.contact_consent import GIVEN, PENDING, WITHDRAWN, ConsentRow, judge_consent
from .common import CrmPlusCommon

NOW = datetime(2026, 1, 14, 12, 0)


def day(number):
    return datetime(2026, 1, number)


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestJudgeConsent(BaseCase):
    """Rows as (day, state, general, expires on day), the verdict on the 14th."""

    CASES = [
        ("nothing said", [], "none"),
        ("agreed", [(1, GIVEN, False, None)], GIVEN),
        ("agreed in general", [(1, GIVEN, True, None)], GIVEN),
        ("asked, not confirmed", [(1, PENDING, False, None)], "none"),
        ("expired", [(1, GIVEN, False, 13)], "none"),
        ("not yet expired", [(1, GIVEN, False, 15)], GIVEN),
        ("still to come", [(15, GIVEN, False, None)], "none"),
        (
            "withdrawn",
            [(1, GIVEN, False, None), (2, WITHDRAWN, False, None)],
            WITHDRAWN,
        ),
        ("agreed anew", [(1, WITHDRAWN, False, None), (2, GIVEN, False, None)], GIVEN),
        (
            "withdrawn in general",
            [(1, GIVEN, False, None), (2, WITHDRAWN, True, None)],
            WITHDRAWN,
        ),
        (
            "this one agreed to afterwards",
            [(1, WITHDRAWN, True, None), (2, GIVEN, False, None)],
            GIVEN,
        ),
        (
            "this one not, whatever in general",
            [(1, WITHDRAWN, False, None), (2, GIVEN, True, None)],
            WITHDRAWN,
        ),
        (
            "asked again changes nothing",
            [(1, WITHDRAWN, False, None), (2, PENDING, False, None)],
            WITHDRAWN,
        ),
    ]

    def test_cases(self):
        for name, rows, expected in self.CASES:
            with self.subTest(name):
                words = [
                    ConsentRow(n, day(on), state, general, expiry and day(expiry))
                    for n, (on, state, general, expiry) in enumerate(rows)
                ]
                self.assertEqual(judge_consent(words[::-1], NOW)[0], expected)


class ConsentCommon(CrmPlusCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Consent = cls.env["crm.consent"]
        cls.Preference = cls.env["crm.consent.preference"]
        cls.newsletter = cls.env.ref("crm_plus.crm_consent_purpose_newsletter")
        cls.general = cls.env.ref("crm_plus.crm_consent_purpose_marketing")
        cls.ida = cls.customer_contact
        cls.portal = cls._create_portal_user()

    def _say(self, state=GIVEN, purpose=None, partner=None, **values):
        return self.Consent._record(
            partner or self.ida,
            purpose or self.newsletter,
            state,
            **{"source": "Card at the fair", "company_id": self.company.id, **values},
        )

    def _reason(self, records=None, purpose="newsletter", **values):
        decisions = self.env["crm.contact.policy"]._decide(
            records or self.ida,
            purpose=purpose,
            **{"company": self.company, "dry_run": True, **values},
        )
        return [one.reason for one in decisions.values()]


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestConsent(ConsentCommon):
    def test_rows_are_never_changed(self):
        consent = self._say()
        for vals in ({"proof": "Better"}, {"state": WITHDRAWN}, {"is_current": False}):
            with self.assertRaises(UserError):
                consent.write(vals)
        with self.assertRaises(AccessError):
            consent.with_user(self.manager).unlink()

    def test_the_last_word_is_current(self):
        first = self._say(date=day(1))
        other_channel = self._say(channel="sms", date=day(1))
        second = self._say(WITHDRAWN, date=day(2))
        late = self._say(date=datetime(2025, 12, 1))
        self.assertEqual(
            [one.is_current for one in (first, other_channel, second, late)],
            [False, True, True, False],
        )

    def test_a_word_by_the_address_alone_revives_none_of_a_contact(self):
        """The contact had the address when it agreed, and another one when it withdrew:
        only the last of all its words holds.
        """
        agreed = self._say(date=day(1))
        self.ida.email = "new@brandt.example"
        withdrawn = self._say(WITHDRAWN, date=day(2))
        by_address = self.Consent.create(
            {
                "email": "ida@brandt.example",
                "purpose_id": self.newsletter.id,
                "company_id": self.company.id,
                "source": "Form",
                "date": day(3),
            }
        )
        self.assertEqual(
            [one.is_current for one in (agreed, withdrawn, by_address)],
            [False, True, True],
        )

    def test_asking_to_confirm_overrules_no_word(self):
        withdrawn = self._say(WITHDRAWN, date=day(1))
        asked = self._say(PENDING, date=day(2))
        self.assertTrue(withdrawn.is_current)
        self.assertTrue(asked.is_current)
        self.assertEqual(self._reason(), ["withdrawn"])

        asked._confirm("page")
        self.assertFalse(withdrawn.is_current)
        self.assertFalse(asked.is_current)
        self.assertEqual(self._reason(), [""])

    def test_not_enforced_only_withdrawals_count(self):
        self.assertEqual(self._reason(), [""])
        consent = self._say()
        self.assertEqual(self._reason(), [""])
        consent.action_withdraw()
        self.assertEqual(self._reason(), ["withdrawn"])
        self.assertEqual(self._reason(purpose="offers"), [""])
        self.assertEqual(self._reason(purpose="dunning"), [""])

    def test_enforced_nothing_leaves_without_a_basis(self):
        self.company.crm_plus_consent_enforced = True
        self.assertEqual(self._reason(), ["consent"])
        self._say(PENDING)
        self.assertEqual(self._reason(), ["consent"])
        self._say(channel="sms")
        self.assertEqual(self._reason(), ["consent"])
        self._say(date_expiry=fields.Datetime.now() + timedelta(days=1))
        self.assertEqual(self._reason(), [""])
        self.assertEqual(
            self._reason(at=fields.Datetime.now() + timedelta(days=2)), ["consent"]
        )
        self.assertEqual(self._reason(purpose="offers"), ["consent"])
        self.assertEqual(self._reason(purpose="transaction"), [""])
        self.assertEqual(self._reason(self.customer_2), ["consent"])

    def test_of_another_company_it_is_no_consent(self):
        self.company.crm_plus_consent_enforced = True
        self._say(company_id=self.company_2.id)
        self.assertEqual(self._reason(), ["consent"])

    def test_the_same_address_is_the_same_person(self):
        twin = self.env["res.partner"].create(
            {"name": "I. Brandt", "email": "Ida <IDA@brandt.example>"}
        )
        [lead] = self._create_leads(1, email_from="ida@brandt.example")
        self._say(WITHDRAWN)
        self.assertEqual(self._reason(twin), ["withdrawn"])
        self.assertEqual(self._reason(lead), ["withdrawn"])
        self.assertEqual(self._reason(self.customer_2), [""])

    def test_pause_and_frequency(self):
        preference = self.Preference.create(
            {
                "partner_id": self.ida.id,
                "company_id": self.company.id,
                "date_pause": fields.Datetime.now() + timedelta(days=3),
            }
        )
        [decision] = (
            self.env["crm.contact.policy"]
            ._decide(self.ida, company=self.company, dry_run=True)
            .values()
        )
        self.assertEqual(
            (decision.outcome, decision.reason, decision.until),
            ("defer", "pause", preference.date_pause),
        )
        self.assertEqual(self._reason(purpose="dunning"), [""])
        preference.write({"date_pause": False, "frequency": "month"})
        self.company.crm_plus_contact_policy = True
        self.env["crm.contact.policy"].create(
            {
                "name": "Ours",
                "company_id": self.company.id,
                "quiet_from": 0,
                "quiet_to": 0,
                "wait_days": 0,
            }
        )
        self.assertEqual(self._reason(dry_run=False), [""])
        self.assertEqual(self._reason(), ["wish"])

    def test_pause_and_frequency_are_those_of_the_address(self):
        """The link leads to the page of the eldest contact of an address."""
        twin = self.env["res.partner"].create(
            {"name": "I. Brandt", "email": "Ida <IDA@brandt.example>"}
        )
        [lead] = self._create_leads(1, email_from="ida@brandt.example")
        self.assertFalse(lead.partner_id)
        url = self.Preference._get_address_url("ida@brandt.example", self.company)
        self.assertEqual(url, self.Preference._get_url(self.ida, self.company))
        preference = self.Preference.create(
            {
                "partner_id": self.ida.id,
                "company_id": self.company.id,
                "date_pause": fields.Datetime.now() + timedelta(days=3),
            }
        )
        for records in (self.ida, twin, lead):
            with self.subTest(records):
                self.assertEqual(self._reason(records), ["pause"])
        self.assertEqual(self._reason(twin, company=self.company_2), [""])
        self.assertEqual(self._reason(self.customer_2), [""])

        preference.write({"date_pause": False, "frequency": "month"})
        persons = self._get_persons(twin)
        self.assertEqual([cap.seconds for cap in persons[twin.id].caps], [30 * 86400])
        # of two wishes that of whoever wants less
        self.Preference.create(
            {
                "partner_id": twin.id,
                "company_id": self.company.id,
                "frequency": "week",
            }
        )
        for partner in (self.ida, twin):
            [cap] = self._get_persons(partner)[partner.id].caps
            self.assertEqual(cap.seconds, 30 * 86400)

    def _get_persons(self, records):
        policy = self.env["crm.contact.policy"]
        rows = policy._read_persons(records)
        at = fields.Datetime.now()
        persons = policy._prepare_persons(rows, at, self.company)
        policy._add_preferences(rows, persons, at, self.company)
        return persons

    def test_wishes_of_a_batch_are_one_query(self):
        twins = self.env["res.partner"].create(
            [{"name": "I. Brandt", "email": "ida@brandt.example"} for _number in "1234"]
        )
        policy = self.env["crm.contact.policy"]
        rows = policy._read_persons(self.ida + twins)
        self.env.flush_all()
        for some in (rows[:1], rows):
            with self.assertQueryCount(1):
                policy._read_preferences(some, self.company)

    def test_merged_contacts_are_heard(self):
        twin = self.env["res.partner"].create(
            {"name": "I. Brandt", "email": "other@brandt.example"}
        )
        given = self._say(partner=twin, date=day(1))
        withdrawn = self._say(WITHDRAWN, date=day(2))
        for partner, frequency in ((twin, "week"), (self.ida, "month")):
            self.Preference.create(
                {
                    "partner_id": partner.id,
                    "company_id": self.company.id,
                    "frequency": frequency,
                }
            )
        self.assertTrue(given.is_current)

        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            (self.ida + twin).ids, self.ida
        )

        self.assertFalse(twin.exists())
        self.assertEqual((given + withdrawn).partner_id, self.ida)
        self.assertEqual([given.is_current, withdrawn.is_current], [False, True])
        kept = self.Preference.search([("partner_id", "=", self.ida.id)])
        self.assertEqual(len(kept), 1)

    def test_a_deleted_contact_leaves_its_word(self):
        gone = self.env["res.partner"].create({"name": "X", "email": "x@example.com"})
        consent = self._say(WITHDRAWN, partner=gone)
        gone.unlink()
        self.assertEqual(consent.email, "x@example.com")
        back = self.env["res.partner"].create({"name": "X", "email": "x@example.com"})
        self.assertEqual(self._reason(back), ["withdrawn"])

    def test_rights(self):
        consent = self._say()
        self.assertTrue(consent.with_user(self.seller).read(["proof"]))
        for user in (self.portal, self.user_employee, self.user_other_company):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                consent.with_user(user).read(["proof"])
        with self.assertRaises(AccessError):
            consent.with_user(self.portal).action_withdraw()
        with self.assertRaises(UserError):
            self.Consent.with_user(self.seller).create(
                {
                    "partner_id": self.ida.id,
                    "purpose_id": self.newsletter.id,
                    "source": "Forged",
                    "request_id": consent.id,
                }
            )
        with self.assertRaises(AccessError):
            self.env["crm.consent.import"].with_user(self.seller).create(
                {"file": b"", "proof": "x"}
            )

    def test_preference_page_is_opened_from_a_row(self):
        action = self._say().with_user(self.seller).action_open_preference_page()
        self.assertIn(
            f"/contact/preferences/{self.company.id}/{self.ida.id}/", action["url"]
        )
        action = self.ida.with_user(self.seller).action_view_consents()
        self.assertTrue(self.Consent.search(action["domain"]))

    def test_panel_of_the_customer_page(self):
        self._say(WITHDRAWN)
        page = self.customer.with_user(self.seller).get_customer_page()
        [panel] = [
            panel
            for section in page["sections"]
            for panel in section["panels"]
            if panel["key"] == "consent_ledger"
        ]
        self.assertEqual(panel["count"], 1)
        self.assertIn("Withdrawn", str(panel["rows"]))

    def test_a_seller_records_what_was_said(self):
        wizard = (
            self.env["crm.consent.record"]
            .with_user(self.seller)
            .with_context(active_model="res.partner", active_ids=self.ida.ids)
            .create(
                {
                    "purpose_id": self.newsletter.id,
                    "source": "Fair in Hamburg",
                    "proof": "Card in folder 3",
                }
            )
        )
        wizard.action_record()
        self.assertRecordValues(
            self.Consent.search([("partner_id", "=", self.ida.id)]),
            [
                {
                    "state": GIVEN,
                    "email": "ida@brandt.example",
                    "proof": "Card in folder 3",
                    "create_uid": self.seller.id,
                    "basis": "consent",
                }
            ],
        )
        wizard.date = fields.Datetime.now() + timedelta(days=1)
        with self.assertRaises(UserError):
            wizard.action_record()

    # ------------------------------------------------------------
    # Import
    # ------------------------------------------------------------

    def _import(self, text, **values):
        return self.env["crm.consent.import"].create(
            {
                "file": base64.b64encode(text.encode()),
                "filename": "old.csv",
                "proof": "Export of the old system",
                "company_id": self.company.id,
                **values,
            }
        )

    def test_import(self):
        wizard = self._import(
            "email;purpose;channel;date;proof\n"
            "Ida <ida@brandt.example>;Newsletter;email;2024-05-03;\n"
            "nobody@else.example;newsletter;;2024-05-03 10:00;Card 7\n"
            "broken;Newsletter;;2024-05-03;\n"
            "a@else.example;Unknown;;2024-05-03;\n"
            "b@else.example;Newsletter;fax;2024-05-03;\n"
            "c@else.example;Newsletter;;3 May;\n"
            "d@else.example;Newsletter;;2099-01-01;\n"
        )
        self.assertEqual((wizard.line_count, wizard.good_count), (7, 2))
        self.assertIn("Line 4: “broken” is no e-mail address", wizard.problems)
        self.assertIn("Line 5: there is no purpose “Unknown”", wizard.problems)

        wizard.action_import()

        self.assertRecordValues(
            self.Consent.search([], order="id desc", limit=2),
            [
                {
                    "email": "nobody@else.example",
                    "partner_id": False,
                    "proof": "Card 7",
                    "channel": False,
                    "date": datetime(2024, 5, 3, 10),
                },
                {
                    "email": "ida@brandt.example",
                    "partner_id": self.ida.id,
                    "proof": "Export of the old system",
                    "channel": "email",
                    "date": datetime(2024, 5, 3),
                },
            ],
        )
        self.assertEqual(wizard.taken_count, 2)
        rest = base64.b64decode(wizard.rest).decode("utf-8-sig").splitlines()
        self.assertEqual(len(rest), 6, "nothing is lost")
        self.assertIn("broken", rest[1])
        self.assertIn("no e-mail address", rest[1])

    def test_import_twice_adds_nothing(self):
        text = "email,purpose,date\nida@brandt.example,newsletter,2024-05-03\n" * 2
        wizard = self._import(text.replace("\nemail,purpose,date", "", 1))
        wizard.action_import()
        self.assertEqual((wizard.taken_count, wizard.known_count), (1, 1))
        again = self._import(text)
        again.action_import()
        self.assertEqual(again.taken_count, 0)

    def test_import_of_something_else(self):
        wizard = self._import("name,city\nIda,Hamburg\n")
        self.assertIn("no column", wizard.problems)
        with self.assertRaises(UserError):
            wizard.action_import()


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestConsentPages(HttpCase, ConsentCommon):
    def setUp(self):
        super().setUp()
        self.env.flush_all()

    def _path(self, url):
        return "/" + url.split("/", 3)[3]

    def _post(self, path, **data):
        html = self.url_open(path).text
        token = html.split('name="csrf_token" value="')[1].split('"')[0]
        response = self.url_open(path, data={"csrf_token": token, **data})
        self.env.invalidate_all()
        return response

    def _confirmed(self, consent):
        self.env.invalidate_all()
        return self.Consent.search([("request_id", "=", consent.id)])

    def test_opening_the_link_confirms_nothing_the_button_does(self):
        consent = self._say(PENDING, text_version="2026-01")
        path = self._path(consent._get_confirm_url())
        for _time in range(2):
            page = self.url_open(path)
            self.assertIn("Yes, confirm", page.text)
        self.url_open(path, method="HEAD")
        self.assertFalse(self._confirmed(consent))

        query = dict(pair.split("=") for pair in path.split("?")[1].split("&"))
        page = self._post(path, **query)
        self.assertIn("it is confirmed", page.text)
        page = self.url_open(path)
        self.assertIn("it is confirmed", page.text)
        self.assertNotIn("Yes, confirm", page.text)
        # pressed again in another window
        consent._confirm("again")
        self.assertRecordValues(
            self._confirmed(consent),
            [
                {
                    "state": GIVEN,
                    "partner_id": self.ida.id,
                    "purpose_id": self.newsletter.id,
                    "text_version": "2026-01",
                    "is_current": True,
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertIn("127.0.0.1", self._confirmed(consent).proof)

    @mute_logger("odoo.http")
    def test_forged_and_old_links(self):
        consent = self._say(PENDING)
        other = self._say(PENDING, partner=self.customer_2)
        path = self._path(consent._get_confirm_url())
        for wrong in (
            path.replace(f"/{consent.id}?", f"/{other.id}?"),
            path[:-3] + "abc",
            path.split("?")[0],
            path.replace("expires=", "expires=9"),
            f"/contact/confirm/999999999?{path.split('?')[1]}",
        ):
            with self.subTest(wrong):
                self.assertEqual(self.url_open(wrong).status_code, 404)
        old = self._say(PENDING, date=fields.Datetime.now() - timedelta(days=8))
        page = self.url_open(self._path(old._get_confirm_url()))
        self.assertIn("too old", page.text)
        self.assertNotIn("Yes, confirm", page.text)
        self.assertFalse(self._confirmed(consent) + self._confirmed(other))

    def test_the_mail_with_the_link(self):
        wizard = self.env["crm.consent.record"].create(
            {
                "partner_ids": self.ida.ids,
                "state": "pending",
                "purpose_id": self.newsletter.id,
                "source": "Website",
                "company_id": self.company.id,
            }
        )
        with self.mock_mail_gateway():
            wizard.action_record()
            mail = self._new_mails
        consent = self.Consent.search([("partner_id", "=", self.ida.id)])
        self.assertEqual(consent.state, PENDING)
        self.assertEqual(mail.email_to, "ida@brandt.example")
        token = consent._get_confirm_url().split("token=")[1]
        self.assertIn(token, mail.body_html)

    def test_preferences_without_login(self):
        path = self._path(self.Preference._get_url(self.ida, self.company))
        page = self.url_open(path)
        self.assertIn("Newsletter", page.text)
        self.assertFalse(self.Consent.search([("partner_id", "=", self.ida.id)]))

        offers = self.env.ref("crm_plus.crm_consent_purpose_offers")
        self._post(
            path,
            **{
                f"topic-{offers.id}-email": "1",
                f"topic-{offers.id}-sms": "1",
                "frequency": "month",
                "pause": "30",
            },
        )

        self.assertEqual(self._reason(), ["withdrawn"])
        self.assertEqual(self._reason(purpose="offers"), ["pause"])
        preference = self.Preference.search([("partner_id", "=", self.ida.id)])
        self.assertEqual(preference.frequency, "month")
        words = self.Consent.search(
            [("partner_id", "=", self.ida.id), ("purpose_id", "=", self.newsletter.id)]
        )
        self.assertEqual(set(words.mapped("state")), {WITHDRAWN})
        self.assertEqual(set(words.mapped("channel")), {"email", "sms"})
        self.assertEqual(words[0].source, "Preference page")

        # saved as it is: nothing is said
        before = self.Consent.search_count([])
        self._post(
            path,
            **{
                f"topic-{offers.id}-email": "1",
                f"topic-{offers.id}-sms": "1",
                "frequency": "month",
                "pause": "0",
            },
        )
        self.assertEqual(self.Consent.search_count([]), before)
        self.assertEqual(self._reason(purpose="offers"), [""])

        self._post(path, nothing="1")
        self.assertEqual(self._reason(purpose="offers"), ["withdrawn"])
        self.assertEqual(self._reason(purpose="marketing"), ["withdrawn"])

    def test_wishes_of_another_contact_of_the_address_can_be_changed(self):
        """What holds for a person is shown on the page, and what is chosen there
        holds.
        """
        twin = self.env["res.partner"].create(
            {"name": "I. Brandt", "email": "ida@brandt.example"}
        )
        theirs = self.Preference.create(
            {
                "partner_id": twin.id,
                "company_id": self.company.id,
                "frequency": "month",
                "date_pause": fields.Datetime.now() + timedelta(days=9),
            }
        )
        self.env.flush_all()
        self.assertEqual(self._reason(), ["pause"])
        path = self._path(self.Preference._get_url(self.ida, self.company))
        page = self.url_open(path).text
        self.assertIn(
            'value="month" selected', " ".join(page.replace('="selected"', "").split())
        )
        offers = self.env.ref("crm_plus.crm_consent_purpose_offers")
        self._post(
            path,
            **{
                f"topic-{self.newsletter.id}-email": "1",
                f"topic-{offers.id}-email": "1",
                "frequency": "week",
                "pause": "0",
            },
        )
        self.assertEqual(self._reason(), [""])
        self.assertEqual(theirs.frequency, "week")
        own = self.Preference.search([("partner_id", "=", self.ida.id)])
        self.assertEqual(own.frequency, "week")

    @mute_logger("odoo.http")
    def test_forged_preferences(self):
        path = self._path(self.Preference._get_url(self.ida, self.company))
        for wrong in (
            path.replace(f"/{self.ida.id}/", f"/{self.customer_2.id}/"),
            path.replace(f"/{self.company.id}/", f"/{self.company_2.id}/", 1),
            path[:-3] + "abc",
        ):
            with self.subTest(wrong):
                self.assertEqual(self.url_open(wrong).status_code, 404)
        self.ida.email = "moved@brandt.example"
        self.env.flush_all()
        self.assertEqual(self.url_open(path).status_code, 404, "of the old address")

    def test_a_post_from_elsewhere_is_refused(self):
        path = self._path(self.Preference._get_url(self.ida, self.company))
        with mute_logger("odoo.http"):
            response = self.url_open(path, data={"nothing": "1"})
        self.assertEqual(response.status_code, 400)
        self.env.invalidate_all()
        self.assertEqual(self._reason(), [""])
