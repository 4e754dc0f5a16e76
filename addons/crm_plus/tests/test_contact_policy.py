import zlib
from datetime import datetime, timedelta

import psycopg2

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged, warmup
from odoo.tools import SQL, mute_logger

from .common import CrmPlusCommon

# a Wednesday; noon in UTC
NOW = datetime(2026, 1, 14, 12, 0)


class PolicyCommon(CrmPlusCommon):
    """A policy of the company, applied: two mails a week, no quiet hours; a kind of
    touchpoint that counts; everybody lives in UTC.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Policy = cls.env["crm.contact.policy"]
        cls.Log = cls.env["crm.contact.decision"]
        cls.company.crm_plus_contact_policy = True
        cls.policy = cls.Policy.create(
            {
                "name": "Ours",
                "company_id": cls.company.id,
                "quiet_from": 0,
                "quiet_to": 0,
                "cap_ids": [
                    Command.create({"channel": "email", "count": 2, "unit": "week"})
                ],
            }
        )
        cls.cap = cls.policy.cap_ids
        cls.kind = cls.env["crm.touchpoint.kind"].create(
            {
                "name": "Newsletter sent",
                "code": "test_sent",
                "channel": "marketing",
                "direction": "out",
                "is_marketing": True,
            }
        )
        cls.people = cls.customer + cls.customer_contact + cls.customer_2
        cls.people.write({"tz": "UTC"})
        cls.campaign, cls.campaign_2 = cls.env["utm.campaign"].create(
            [{"name": "Spring"}, {"name": "Summer"}]
        )

    @classmethod
    def _send(cls, partner, date, lead=None, kind=None):
        """A mail that the timeline knows."""
        cls.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_touchpoint (kind_id, channel, date, partner_id,
                            commercial_partner_id, lead_id, is_machine, res_model,
                            res_id, occurrence)
                VALUES (%s, 'marketing', %s, %s, %s, %s, FALSE, 'test', %s, %s)
                """,
                (kind or cls.kind).id,
                date,
                partner.id or None,
                partner.commercial_partner_id.id or None,
                lead.id if lead else None,
                zlib.crc32(str(date).encode()) % 1000000,
                f"{partner.id} {lead and lead.id}",
            )
        )

    def _decide(self, records, **values):
        return self.Policy._decide(
            records, **{"at": NOW, "company": self.company, **values}
        )

    def _outcomes(self, records, **values):
        return [one.outcome for one in self._decide(records, **values).values()]


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestPolicy(PolicyCommon):
    def test_not_applied_nothing_is_obeyed(self):
        self.company.crm_plus_contact_policy = False
        self.policy.window_ids = [Command.create({"weekday": "0"})]
        self.env["crm.contact.hold"].create(
            {"partner_id": self.customer.id, "note": "Complaint"}
        )
        for day in (12, 13):
            self._send(self.customer, datetime(2026, 1, day, 9))
        self.assertEqual(self._outcomes(self.customer), ["send"])

    def test_the_own_policy_goes_before_the_general_one(self):
        general = self.env.ref("crm_plus.crm_contact_policy_general")
        self.assertEqual(self.Policy._get_policy(self.company), self.policy)
        self.assertEqual(self.Policy._get_policy(self.company_2), general)
        self.policy.active = False
        self.assertEqual(self.Policy._get_policy(self.company), general)

    def test_one_policy_a_company(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.IntegrityError):
            self.policy.copy()
            self.env.flush_all()

    def test_cap_over_all_that_was_sent(self):
        self._send(self.customer_2, datetime(2026, 1, 12, 9))
        self.assertEqual(self._outcomes(self.customer_2), ["send"])
        self.assertEqual(
            self._outcomes(self.customer_2), ["defer"], "the first one counts"
        )
        decision = self._decide(self.customer_2)[self.customer_2.id]
        self.assertEqual(decision.until, datetime(2026, 1, 19, 9))
        self.assertEqual((decision.reason, decision.rule_id), ("cap", self.cap.id))

    def test_what_was_allowed_counts_once_when_the_timeline_knows_it(self):
        self.assertEqual(self._outcomes(self.customer_2), ["send"])
        self._send(self.customer_2, NOW + timedelta(minutes=2))
        later = NOW + timedelta(hours=1)
        self.assertEqual(self._outcomes(self.customer_2, at=later), ["send"])
        self.assertEqual(self._outcomes(self.customer_2, at=later), ["defer"])

    def test_what_people_do_and_machines_does_not_count(self):
        opened = self.env["crm.touchpoint.kind"].create(
            {
                "name": "Opened",
                "code": "test_opened",
                "direction": "in",
                "is_marketing": True,
            }
        )
        for hour in (8, 9, 10):
            self._send(self.customer_2, datetime(2026, 1, 13, hour), kind=opened)
        self.assertEqual(self._outcomes(self.customer_2), ["send"])

    def test_a_cap_of_the_customer(self):
        self.cap.write({"per": "customer", "count": 1})
        self._send(self.customer_contact, datetime(2026, 1, 13, 9))
        self.assertEqual(
            self._outcomes(self.customer + self.customer_2), ["defer", "send"]
        )
        self.cap.per = "person"
        self.assertEqual(self._outcomes(self.customer), ["send"])

    def test_leads_are_the_person_behind_them(self):
        self.cap.count = 1
        leads = self._create_leads(2, partner_id=self.customer_2.id)
        alone = self._create_leads(1, email_from="alone@example.com")
        twin = self._create_leads(1, email_from="Alone <alone@example.com>")
        self.assertEqual(
            self._outcomes(leads + alone + twin), ["send", "defer", "send", "defer"]
        )
        self.assertEqual(self._outcomes(self.customer_2), ["defer"])
        self.assertEqual(self._outcomes(alone), ["defer"])

    def test_mail_to_a_lead_without_contact_counts(self):
        self.cap.count = 1
        [lead] = self._create_leads(1, email_from="alone@example.com")
        self._send(self.env["res.partner"], datetime(2026, 1, 13, 9), lead=lead)
        self.assertEqual(self._outcomes(lead), ["defer"])

    def test_time_zones(self):
        self.policy.write({"quiet_from": 20, "quiet_to": 8})
        people = self.env["res.partner"].create(
            [
                {"name": "Own", "tz": "Asia/Tokyo"},
                {
                    "name": "Country",
                    "country_id": self.env.ref("base.us").id,
                    "tz": False,
                },
                {"name": "Company", "tz": False},
                {
                    "name": "Of a customer in Japan",
                    "tz": False,
                    "parent_id": self.env["res.partner"]
                    .create(
                        {
                            "name": "Japan",
                            "is_company": True,
                            "tz": False,
                            "country_id": self.env.ref("base.jp").id,
                        }
                    )
                    .id,
                },
            ]
        )
        people[3].country_id = False
        self.company.partner_id.tz = "Asia/Kolkata"
        decisions = list(self._decide(people).values())
        self.assertEqual(
            [one.until for one in decisions],
            [
                datetime(2026, 1, 14, 23),
                datetime(2026, 1, 14, 13),
                None,
                datetime(2026, 1, 14, 23),
            ],
        )

    def test_windows_and_public_holidays(self):
        self.policy.window_ids = [
            Command.create({"weekday": "3", "hour_from": 9, "hour_to": 11}),
            Command.create(
                {"weekday": "2", "hour_from": 9, "hour_to": 18, "channel": "sms"}
            ),
        ]
        calendar = self.env["resource.calendar"].create(
            {"name": "Holidays", "tz": "UTC", "company_id": self.company.id}
        )
        self.policy.holiday_ids = [Command.create({"calendar_id": calendar.id})]
        self.assertEqual(
            self._decide(self.customer)[self.customer.id].until,
            datetime(2026, 1, 15, 9),
        )
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Feast",
                "calendar_id": calendar.id,
                "company_id": self.company.id,
                "date_from": datetime(2026, 1, 15, 0, 0),
                "date_to": datetime(2026, 1, 15, 23, 59, 59),
            }
        )
        self.assertEqual(
            self._decide(self.customer)[self.customer.id].until,
            datetime(2026, 1, 22, 9),
        )
        self.assertEqual(self._outcomes(self.customer, channel="sms"), ["send"])

    def test_holds(self):
        Hold = self.env["crm.contact.hold"]
        until = NOW + timedelta(days=2)
        hold = Hold.create({"partner_id": self.customer.id, "note": "Complaint"})
        Hold.create(
            {
                "partner_id": self.customer_2.id,
                "note": "Fair",
                "date_since": NOW.date(),
                "date_until": until,
            }
        )
        held, contact, fair = self._decide(
            self.customer + self.customer_contact + self.customer_2
        ).values()
        self.assertEqual((held.outcome, held.reason), ("defer", "hold"))
        self.assertEqual(held.until, NOW + timedelta(hours=24), "asked again")
        self.assertEqual(contact.rule_id, hold.id, "a company's is one on its people")
        self.assertEqual(fair.until, until)
        # a statement is no marketing
        self.assertEqual(self._outcomes(self.customer, purpose="dunning"), ["send"])
        hold.scope = "all"
        self.assertEqual(self._outcomes(self.customer, purpose="dunning"), ["defer"])
        self.assertEqual(self._outcomes(self.customer, purpose="transaction"), ["send"])
        hold.action_release()
        self.assertEqual(self._outcomes(self.customer), ["send"])

    def test_holds_of_another_company_do_not_hold_us(self):
        self.env["crm.contact.hold"].create(
            {
                "partner_id": self.customer.id,
                "note": "Theirs",
                "company_id": self.company_2.id,
            }
        )
        self.assertEqual(self._outcomes(self.customer), ["send"])

    def test_unknown_purpose(self):
        with self.assertRaises(ValueError):
            self._decide(self.customer, purpose="nothing")

    def test_of_any_model(self):
        self.cap.count = 1
        orders = self.env["sale.order"].create(
            [{"partner_id": self.customer_2.id} for _n in range(2)]
        )
        self.assertEqual(self._outcomes(orders), ["send", "defer"])
        countries = self.env["res.country"].search([], limit=2)
        self.assertEqual(self._outcomes(countries), ["send", "send"], "nobody known")

    def test_dry_run_writes_nothing(self):
        before = self.Log.search_count([])
        decisions = self._decide(self.people, dry_run=True)
        self.assertEqual(set(decisions), set(self.people.ids))
        self.assertEqual(self.Log.search_count([]), before)


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestQueue(PolicyCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cap.count = 1
        cls._send(cls.customer_2, datetime(2026, 1, 13, 9))

    def _ask(self, priority=50, origin=None, at=NOW):
        return self._decide(
            self.customer_2, priority=priority, origin=origin or self.campaign, at=at
        )[self.customer_2.id]

    def _log_of(self, origin):
        self.env.invalidate_all()
        return self.Log.search(
            [("origin_model", "=", origin._name), ("origin_id", "=", origin.id)]
        )

    def test_what_waits_is_one_row_that_says_why(self):
        decision = self._ask()
        self.assertEqual(decision.until, datetime(2026, 1, 20, 9))
        self._ask(at=NOW + timedelta(hours=1))

        row = self._log_of(self.campaign)
        self.assertRecordValues(
            row,
            [
                {
                    "outcome": "defer",
                    "reason": "cap",
                    "cap_id": self.cap.id,
                    "date_first": NOW,
                    "date": NOW + timedelta(hours=1),
                    "date_until": datetime(2026, 1, 20, 9),
                    "deferral_count": 2,
                    "partner_id": self.customer_2.id,
                    "origin_name": "Spring",
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertIn("Cap reached", row.words)

        self.assertEqual(self._ask(at=decision.until).outcome, "send")
        self.assertEqual(self._log_of(self.campaign).outcome, "send")

    def test_places_in_the_queue(self):
        """One a week: Spring waits for the 20th, so Summer for the 27th."""
        self.assertEqual(self._ask().until, datetime(2026, 1, 20, 9))
        self.assertEqual(
            self._ask(origin=self.campaign_2).until, datetime(2026, 1, 27, 9)
        )
        # asked again, Spring keeps its place, and Summer its own
        self.assertEqual(self._ask().until, datetime(2026, 1, 20, 9))
        self.assertEqual(
            self._ask(origin=self.campaign_2).until, datetime(2026, 1, 27, 9)
        )

    def test_the_more_urgent_one_takes_the_place(self):
        self.assertEqual(self._ask(priority=10).until, datetime(2026, 1, 20, 9))
        self.assertEqual(
            self._ask(priority=60, origin=self.campaign_2).until,
            datetime(2026, 1, 20, 9),
        )
        # when it is its turn, the less urgent one stands behind
        self.assertEqual(
            self._ask(priority=10, at=datetime(2026, 1, 20, 9)).until,
            datetime(2026, 1, 27, 9),
        )

    def test_a_less_urgent_one_does_not_eat_the_place_of_one_that_waits(self):
        self.assertEqual(self._ask(priority=60).until, datetime(2026, 1, 20, 9))
        self.env.cr.execute("DELETE FROM crm_touchpoint WHERE res_model = 'test'")
        # nothing was sent after all, yet the 20th is less than a week away
        self.assertEqual(
            self._ask(priority=10, origin=self.campaign_2).until,
            datetime(2026, 1, 27, 9),
        )

    def test_a_priority_that_passes(self):
        self.cap.passes_from = 90
        self.assertEqual(self._ask(priority=89).outcome, "defer")
        self.assertEqual(self._ask(priority=90, origin=self.campaign_2).outcome, "send")

    def test_nobody_waits_for_ever(self):
        self.policy.wait_days = 3
        decision = self._ask()
        self.assertEqual((decision.outcome, decision.reason), ("drop", "late"))
        self.assertEqual(self._log_of(self.campaign).outcome, "drop")

    def test_time_waited_counts_from_the_first_question(self):
        self.env["crm.contact.hold"].create(
            {"partner_id": self.customer_2.id, "note": "Complaint"}
        )
        self.policy.wait_days = 3
        self.assertEqual(self._ask().outcome, "defer")
        self.assertEqual(self._ask(at=NOW + timedelta(days=1)).outcome, "defer")
        late = self._ask(at=NOW + timedelta(days=2, hours=1))
        self.assertEqual((late.outcome, late.reason), ("drop", "late"))

    def test_expires(self):
        decision = self._decide(self.customer_2, expires=datetime(2026, 1, 16))
        self.assertEqual(decision[self.customer_2.id].outcome, "drop")

    def test_a_place_that_is_given_back(self):
        self._ask()
        self.Policy._forget_waiting(self.campaign, self.customer_2)
        self.assertFalse(self._log_of(self.campaign))
        self.assertEqual(
            self._ask(origin=self.campaign_2).until, datetime(2026, 1, 20, 9)
        )

    def test_asked_again_after_it_was_allowed(self):
        """A worker died before it sent: the other one may."""
        asked = {"origin": self.campaign}
        self.assertEqual(self._outcomes(self.customer, **asked), ["send"])
        self.assertEqual(self._outcomes(self.customer, **asked), ["send"])
        self.assertEqual(self._outcomes(self.customer), ["defer"])

    def test_reasons_in_words(self):
        hold = self.env["crm.contact.hold"].create(
            {"partner_id": self.customer.id, "note": "Complaint"}
        )
        decisions = self._decide(self.people)
        words = self.Policy._get_reason_words(decisions)
        self.assertEqual(words[self.customer.id], "On hold: Complaint")
        self.assertEqual(decisions[self.customer.id].rule_id, hold.id)
        self.assertIn("Cap reached: E-mail: 1 a person", words[self.customer_2.id])
        hold.action_release()
        decisions = self._decide(self.customer)
        self.assertFalse(self.Policy._get_reason_words(decisions))

    def test_retention(self):
        self._ask()
        self._decide(self.customer, at=datetime(2020, 1, 1))
        row = self.Log.search([("date", "=", datetime(2020, 1, 1))])
        self.assertEqual(row.outcome, "send")
        self.Log._gc_decisions()
        self.assertFalse(row.exists())


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestPolicyBatch(PolicyCommon):
    @warmup
    def test_the_number_of_queries_does_not_grow_with_people(self):
        self.policy.write({"quiet_from": 20, "quiet_to": 8})
        countries = self.env["res.country"].search([], limit=20)
        people = self.env["res.partner"].create(
            [
                {"name": f"P{n}", "tz": False, "country_id": countries[n % 20].id}
                for n in range(60)
            ]
        )
        self.env["crm.contact.hold"].create(
            [{"partner_id": one.id, "note": "Why"} for one in people[::7]]
        )
        for partner in people[::3]:
            self._send(partner, datetime(2026, 1, 13, 9))
        self._decide(people[:1], origin=self.campaign)
        for some in (people[:2], people):
            self.env.flush_all()
            self.env.invalidate_all()
            with self.assertQueryCount(22):
                self._decide(some, origin=self.campaign_2)


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestPolicyRights(PolicyCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.portal = cls._create_portal_user()

    def test_who_writes_what(self):
        self._decide(self.customer, origin=self.campaign)
        row = self.Log.search([("partner_id", "=", self.customer.id)])
        for user in (self.portal, self.user_employee, self.accountant):
            for record in (self.policy, self.cap, row):
                with self.subTest(user=user.login, model=record._name):
                    with self.assertRaises(AccessError):
                        record.with_user(user).read(["display_name"])
        self.assertTrue(self.policy.with_user(self.seller).summary)
        with self.assertRaises(AccessError):
            self.policy.with_user(self.seller).quiet_from = 3
        self.policy.with_user(self.manager).quiet_from = 21
        for user in (self.seller, self.manager):
            with self.assertRaises(AccessError):
                row.with_user(user).write({"outcome": "drop"})
            with self.assertRaises(AccessError):
                row.with_user(user).unlink()

    def test_another_company(self):
        self._decide(self.customer, origin=self.campaign)
        row = self.Log.search([("partner_id", "=", self.customer.id)])
        for record in (self.policy, self.cap, row):
            with self.subTest(model=record._name), self.assertRaises(AccessError):
                record.with_user(self.user_other_company).read(["display_name"])

    def test_of_leads_of_others_nothing_is_told(self):
        [lead] = self._create_leads(1, user_id=self.seller_2.id)
        self._decide(lead)
        domain = [("lead_id", "=", lead.id)]
        self.assertFalse(self.Log.with_user(self.seller).search(domain))
        self.assertTrue(self.Log.with_user(self.seller_2).search(domain))
        self.assertTrue(self.Log.with_user(self.manager).search(domain))

    def test_a_seller_who_sends_sees_no_holds_of_others(self):
        """The policy looks at all, whoever asks."""
        self.env["crm.contact.hold"].create(
            {"partner_id": self.customer.id, "note": "Complaint", "company_id": False}
        )
        Policy = self.Policy.with_user(self.user_employee)
        decision = Policy._decide(
            self.customer.with_user(self.user_employee), at=NOW, company=self.company
        )
        self.assertEqual(decision[self.customer.id].reason, "hold")
