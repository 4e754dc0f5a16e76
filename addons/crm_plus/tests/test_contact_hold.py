from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged, warmup
from odoo.tools import SQL, mute_logger

from odoo.addons.base.tests.test_ir_cron import CronMixinCase

from ..tools.contact_hold import HoldProvider
from .test_pipeline_invoice import InvoiceCommon


class HoldCommon(InvoiceCommon):
    """``customer`` owes nothing yet; the general rules are those of the data."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Hold = cls.env["crm.contact.hold"]
        cls.Rule = cls.env["crm.contact.hold.rule"]
        cls.portal = cls._create_portal_user()
        cls.portal.partner_id.parent_id = cls.customer

    def _overdue_invoice(self, days=40, **values):
        invoice = self._invoice(
            invoice_date=self.today - timedelta(days=days + 10),
            invoice_date_due=self.today - timedelta(days=days),
            invoice_payment_term_id=False,
            **values,
        )
        self._harvest_queued()
        return invoice

    def _holds(self, provider=None, partner=None):
        domain = [("partner_id", "in", (partner or self.customer).ids)]
        if provider:
            domain.append(("provider", "=", provider))
        self.env.invalidate_all()
        return self.Hold.search([*domain, ("is_open", "=", True)])

    def _pay(self, invoice):
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        ).create({})._create_payments()
        self._harvest_queued()

    def _manual(self, partner=None, **values):
        return self.Hold.create(
            {
                "partner_id": (partner or self.customer).id,
                "note": "Complaint about the last delivery",
                **values,
            }
        )


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestHoldProviders(CronMixinCase, HoldCommon):
    def test_an_overdue_invoice_raises_a_hold_at_once(self):
        invoice = self._overdue_invoice(40)

        hold = self._holds("overdue")
        self.assertRecordValues(
            hold,
            [
                {
                    "company_id": self.company.id,
                    "date_since": self.today - timedelta(days=39),
                    "res_model": "account.move",
                    "res_id": invoice.id,
                    "scope": "marketing",
                    "note": False,
                }
            ],
        )
        self.assertIn("overdue since", hold.reason)
        self.assertNotIn("1,800", hold.reason, "no amounts: all who sell read it")

    def test_paid_releases_it_and_keeps_the_history(self):
        invoice = self._overdue_invoice(40)
        hold = self._holds("overdue")

        credit = invoice._reverse_moves([{"invoice_date": self.today}], cancel=True)
        self._harvest_queued()

        self.assertEqual(credit.payment_state, "paid")
        self.assertFalse(self._holds("overdue"))
        self.assertTrue(hold.date_released)

    def test_terms_of_the_rule(self):
        self._overdue_invoice(10)
        self.assertFalse(self._holds("overdue"), "30 days by default")

        general = self.Rule.search(
            [("provider", "=", "overdue"), ("company_id", "=", False)]
        )
        general.days = 5
        self.Hold._refresh()
        self.assertTrue(self._holds("overdue"))

        own = self.Rule.create(
            {"provider": "overdue", "company_id": self.company.id, "amount": 5000}
        )
        self.Hold._refresh()
        self.assertFalse(self._holds("overdue"), "1,800 is less than 5,000")

        own.write({"amount": 1000, "scope": "all"})
        self.Hold._refresh()
        self.assertEqual(self._holds("overdue").scope, "all")

        own.is_on = False
        self.Hold._refresh()
        self.assertFalse(self._holds("overdue"), "the company wants none")

    def test_money_on_account_counts_against_what_is_overdue(self):
        self._overdue_invoice(40)
        credit = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "invoice_date": self.today,
                "invoice_line_ids": [
                    Command.create(
                        {"name": "Goodwill", "price_unit": 2000, "tax_ids": False}
                    )
                ],
            }
        )
        credit.action_post()
        self._harvest_queued()
        self.assertFalse(self._holds("overdue"))

    def test_refreshing_twice_changes_nothing(self):
        self._overdue_invoice(40)
        hold = self._holds("overdue")
        self.assertEqual(self.Hold._refresh(), (0, 0))
        self.assertEqual(self._holds("overdue"), hold)

    def test_others_are_left_alone(self):
        self._overdue_invoice(40)
        self.env.cr.execute(
            SQL(
                "UPDATE crm_contact_hold SET date_since = '2020-01-01'"
                " WHERE partner_id = %s",
                self.customer.id,
            )
        )
        self.env.invalidate_all()
        self.Hold._refresh(self.customer_2.ids)
        self.assertEqual(str(self._holds("overdue").date_since), "2020-01-01")

    def test_another_company_has_holds_of_its_own(self):
        self._overdue_invoice(40)
        self.env.flush_all()
        self.assertFalse(
            self.Hold.search(
                [
                    ("partner_id", "=", self.customer.id),
                    ("company_id", "=", self.company_2.id),
                ]
            )
        )
        seen = self.Hold.with_user(self.user_other_company).search(
            [("partner_id", "=", self.customer.id)]
        )
        self.assertFalse(seen)
        self.assertFalse(
            self.customer.with_user(self.user_other_company).contact_hold_words
        )

    def test_a_bad_debtor_is_on_credit_hold(self):
        self.customer.with_company(self.company).trust = "bad"
        self._harvest_queued()
        self.assertTrue(self._holds("credit"))

        self.customer.with_company(self.company).trust = "normal"
        self._harvest_queued()
        self.assertFalse(self._holds("credit"))

    def test_over_the_credit_limit(self):
        self.company.account_use_credit_limit = True
        self._invoice()
        customer = self.customer.with_company(self.company)
        customer.credit_limit = 2000
        self._harvest_queued()
        self.assertFalse(self._holds("credit"))

        customer.credit_limit = 1000
        self._harvest_queued()
        hold = self._holds("credit")
        self.assertTrue(hold)
        standing = self.customer.sudo()._get_credit_standings(self.company)
        self.assertEqual(standing[self.customer.id].judge(self.env)[0], "red")

        # tomorrow it is since today
        self.env.cr.execute(
            SQL(
                "UPDATE crm_contact_hold SET date_since = date_since - 1 WHERE id = %s",
                hold.id,
            )
        )
        self.Hold._refresh()
        self.assertEqual(
            self._holds("credit").date_since, self.today - timedelta(days=1)
        )

    def test_a_return_holds_until_it_has_arrived(self):
        warehouse = self.env["stock.warehouse"].search(
            [("company_id", "=", self.company.id)], limit=1
        )
        customers = self.env.ref("stock.stock_location_customers")
        picking = self.env["stock.picking"].create(
            {
                "partner_id": self.customer_contact.id,
                "picking_type_id": warehouse.in_type_id.id,
                "location_id": customers.id,
                "location_dest_id": warehouse.lot_stock_id.id,
                "move_ids": [
                    Command.create(
                        {
                            "product_id": self.machine.id,
                            "product_uom_qty": 1,
                            "location_id": customers.id,
                            "location_dest_id": warehouse.lot_stock_id.id,
                        }
                    )
                ],
            }
        )
        picking.action_confirm()
        self._harvest_queued()
        hold = self._holds("return")
        self.assertRecordValues(
            hold, [{"res_model": "stock.picking", "res_id": picking.id}]
        )

        picking.move_ids.write({"quantity": 1, "picked": True})
        picking._action_done()
        self._harvest_queued()
        self.assertFalse(self._holds("return"))

    def test_an_addon_adds_a_provider(self):
        """In three lines of SQL, and nothing else."""
        Hold = self.env.registry["crm.contact.hold"]
        original = Hold._get_hold_providers
        named = [self.customer.id, self.customer_2.id]

        def select(terms, partner_ids):
            return SQL(
                """
                SELECT p.id AS partner_id, c.id AS company_id,
                       CURRENT_DATE AS date_since, NULL::varchar AS res_model,
                       NULL::integer AS res_id
                  FROM res_partner p, res_company c
                 WHERE p.id = ANY(%s) AND c.id = ANY(%s)
                """,
                named,
                [one.company_id for one in terms],
            )

        def providers(model):
            return [
                *original(model),
                HoldProvider(
                    key="named", label="Named", select=select, words=lambda hold: "Ours"
                ),
            ]

        with patch.object(Hold, "_get_hold_providers", providers):
            self.Rule.create({"provider": "named", "company_id": self.company.id})
            self.assertEqual(self.Hold._refresh(), (2, 0))
            self.assertEqual(self._holds("named").reason, "Ours")
            self.assertEqual(self.customer.contact_hold_words, "Ours")
            named.remove(self.customer.id)
            self.assertEqual(self.Hold._refresh(), (0, 1))
            self.assertFalse(self._holds("named"))

    @warmup
    def test_the_number_of_statements_does_not_grow_with_customers(self):
        self.Hold._refresh()
        partners = self.env["res.partner"].create(
            [
                {"name": f"Customer {n}", "is_company": True, "trust": "bad"}
                for n in range(30)
            ]
        )
        self._harvest_queued()
        self.Hold._refresh()
        counts = []
        for some in (partners[:2], partners[:1], partners):
            self.env.invalidate_all()
            started = self.env.cr.sql_log_count
            self.Hold._refresh(some.ids)
            counts.append(self.env.cr.sql_log_count - started)
        # the first one warms up what is read once
        self.assertEqual(counts[1], counts[2])
        self.assertEqual(len(self._holds(partner=partners)), 30)

    def test_many_customers_are_left_to_the_scheduler(self):
        self._overdue_invoice(40)
        hold = self._holds("overdue")
        hold.sudo().date_released = fields.Datetime.now()
        with (
            patch(
                "odoo.addons.crm_plus.models.contact.crm_contact_hold.AT_ONCE_LIMIT", 1
            ),
            self.capture_triggers("crm_plus.ir_cron_refresh_holds") as triggers,
        ):
            self.Hold._queue_refresh(self.customer + self.customer_2)
            self._harvest_queued()
            self.assertFalse(self._holds("overdue"))
        self.assertEqual(len(triggers.records), 1)
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_refresh_holds").method_direct_trigger()
        self.assertTrue(self._holds("overdue"))


@tagged("post_install", "-at_install", "crm_plus_contact")
class TestHoldOfPeople(HoldCommon):
    def test_a_seller_raises_and_releases(self):
        hold = self._manual().with_user(self.seller)
        hold = self.Hold.with_user(self.seller).create(
            {"partner_id": self.customer_contact.id, "note": "On holiday"}
        )
        self.assertRecordValues(
            hold,
            [
                {
                    "provider": "manual",
                    "user_id": self.seller.id,
                    "reason": "On holiday",
                    "is_open": True,
                    "company_id": self.company.id,
                }
            ],
        )
        hold.note = "On holiday till May"

        hold.action_release()

        self.assertFalse(hold.is_open)
        self.assertEqual(hold.released_user_id, self.seller)
        with self.assertRaises(UserError):
            hold.note = "never mind"

    def test_a_hold_on_a_company_is_on_its_people(self):
        self._manual()
        self._manual(self.customer_contact, note="Asked for silence")
        self.assertEqual(
            self.customer_contact.contact_hold_words.split("; "),
            ["Asked for silence", "Complaint about the last delivery"],
        )
        self.assertEqual(
            self.customer.contact_hold_words, "Complaint about the last delivery"
        )
        self.assertFalse(self.customer_2.contact_hold_words)

    def test_it_ends_by_itself(self):
        hold = self._manual(date_until=fields.Datetime.now() + timedelta(days=3))
        self.assertTrue(hold.is_open)
        self.assertIn(hold, self.Hold.search([("is_open", "=", True)]))
        hold.date_until = fields.Datetime.now() + timedelta(seconds=-1)
        self.assertFalse(hold.is_open)
        self.assertNotIn(hold, self.Hold.search([("is_open", "=", True)]))
        self.assertIn(hold, self.Hold.search([("is_open", "=", False)]))

    def test_why_has_to_be_said(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.IntegrityError):
            self._manual(note=False)
            self.env.flush_all()

    def test_nobody_writes_what_providers_raised(self):
        self.customer.trust = "bad"
        self._harvest_queued()
        hold = self._holds("credit")
        for user in (self.seller, self.manager):
            mine = hold.with_user(user)
            for call in (
                lambda mine=mine: mine.write({"date_until": fields.Datetime.now()}),
                mine.action_release,
            ):
                with self.subTest(user=user.login), self.assertRaises(UserError):
                    call()
            with self.subTest(user=user.login), self.assertRaises(UserError):
                self.Hold.with_user(user).create(
                    {"partner_id": self.customer_2.id, "provider": "overdue"}
                )

    def test_whose_and_since_when_are_not_changed(self):
        hold = self._manual().with_user(self.seller)
        for values in (
            {"partner_id": self.customer_2.id},
            {"date_released": fields.Datetime.now()},
            {"user_id": self.manager.id},
        ):
            with self.subTest(values), self.assertRaises(UserError):
                hold.write(values)
        with self.assertRaises(AccessError):
            hold.unlink()

    def test_others_see_nothing(self):
        hold = self._manual()
        for user in (self.portal, self.user_employee, self.accountant):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                hold.with_user(user).read(["note"])
        for user in (self.portal, self.user_employee):
            for name in ("contact_hold_ids", "contact_hold_words"):
                with self.subTest(user=user.login), self.assertRaises(AccessError):
                    self.customer.with_user(user).read([name])
        with self.assertRaises(AccessError):
            hold.with_user(self.user_other_company).read(["note"])
        with self.assertRaises(AccessError):
            self.Rule.with_user(self.seller).create({"provider": "overdue"})
        with self.assertRaises(AccessError):
            self.Rule.with_user(self.seller).search([]).action_refresh()

    def test_terms_on_amounts_are_for_those_who_see_amounts(self):
        """Else one finds what a customer owes by trying terms."""
        rule = self.Rule.search(
            [("provider", "=", "overdue"), ("company_id", "=", False)]
        )
        mine = rule.with_user(self.manager)
        for values in ({"amount": 900}, {"days": 7}, {"provider": "overdue"}):
            with self.subTest(values), self.assertRaises(ValidationError):
                mine.write(values)
        own = {"provider": "overdue", "company_id": self.company.id}
        for values in ({"amount": 900}, {"days": 7}):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.Rule.with_user(self.manager).create({**own, **values})
        returns = self.Rule.search([("provider", "=", "return")], limit=1)
        with self.assertRaises(ValidationError):
            returns.with_user(self.manager).write(
                {"provider": "overdue", "company_id": self.company.id, "days": 7}
            )
        # what tells no amounts is the manager's
        mine.write({"scope": "all", "is_on": False})
        returns.with_user(self.manager).days = 3

        self.manager.group_ids += self.env.ref("crm_plus.crm_plus_group_amounts")
        mine.write({"amount": 900, "days": 7})
        self.assertEqual((rule.amount, rule.days), (900, 7))

    def test_what_it_rests_on_needs_rights_of_its_own(self):
        self._overdue_invoice(40).invoice_user_id = self.manager
        hold = self._holds("overdue")
        with self.assertRaises(AccessError):
            hold.with_user(self.seller).action_open_origin()
        action = hold.with_user(self.accountant).sudo().action_open_origin()
        self.assertEqual(action["res_model"], "account.move")

    def test_panel_of_the_customer_page(self):
        self._manual(self.customer_contact)
        page = self.customer.with_user(self.seller).get_customer_page()
        [panel] = [
            panel
            for section in page["sections"]
            for panel in section["panels"]
            if panel["key"] == "holds"
        ]
        self.assertEqual(panel["count"], 1)
        self.assertIn("Complaint", str(panel["rows"]))

    def test_merged_contacts_keep_their_holds(self):
        twin = self.env["res.partner"].create({"name": "Brandt", "is_company": True})
        pair = self.customer + twin
        pair.with_company(self.company).trust = "bad"
        manual = self._manual(twin)
        self._harvest_queued()
        self.assertEqual(len(self._holds("credit", pair)), 2)

        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            pair.ids, self.customer
        )
        self._harvest_queued()

        self.assertFalse(twin.exists())
        self.assertEqual(len(self._holds("credit")), 1)
        self.assertEqual(manual.partner_id, self.customer)
        history = self.Hold.search(
            [("partner_id", "=", self.customer.id), ("provider", "=", "credit")]
        )
        self.assertEqual(len(history), 2)

    def test_retention(self):
        hold = self._manual()
        hold.action_release()
        hold.sudo().date_released = fields.Datetime.now() - timedelta(days=40)
        still = self._manual()
        self.Hold._gc_released()
        self.assertTrue(hold.exists(), "kept unless somebody says otherwise")
        self.env["ir.config_parameter"].set_param(
            "crm_plus.contact_hold_retention_days", 30
        )
        self.Hold._gc_released()
        self.assertFalse(hold.exists())
        self.assertTrue(still.exists())
