from datetime import datetime, time, timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import Command, fields
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.customer import crm_customer_profile_rebuild as rebuild
from ..models.customer.crm_customer_product import COLUMNS
from ..models.customer.crm_customer_profile_facts import FACTS
from .test_customer_profile import CustomerProfileCommon

# what facts are read from, and what says when it was written
DATED = (
    "account_move",
    "sale_order",
    "stock_picking",
    "res_partner",
    "product_product",
)


def plain(value):
    """A quotient may differ in the last digit."""
    return round(float(value), 6) if isinstance(value, float | Decimal) else value


@tagged("post_install", "-at_install", "crm_plus_profile")
class TestCustomerNightly(CustomerProfileCommon):
    """Each night the ledger is read for whom it changed; the others grow older."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # nobody is read just because it is the turn
        cls.startClassPatcher(patch.object(rebuild, "READ_ALL_NIGHTS", 10**9))

    def _forget(self):
        """All of this was written long ago, and read since."""
        self.env.flush_all()
        long_ago = datetime.now() - timedelta(days=900)
        for table in DATED:
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET write_date = %s",
                    SQL.identifier(table),
                    long_ago,
                )
            )
        self.env.invalidate_all()

    def _night(self, today):
        """The nightly run, without its commits; return who was read."""
        due_ids = self.Profile._get_due_ids(today)
        yardsticks = self.Yardstick._get_all()
        self.Profile._read_facts(due_ids, today)
        self.Profile._age(today, yardsticks)
        return set(due_ids)

    def _rows(self):
        profiles = self.env.execute_query(
            SQL(
                "SELECT partner_id, company_id, %s FROM crm_customer_profile"
                " WHERE company_id = %s ORDER BY partner_id",
                SQL(", ").join(SQL.identifier(name) for name in FACTS),
                self.company.id,
            )
        )
        products = self.env.execute_query(
            SQL(
                "SELECT partner_id, product_id, %s FROM crm_customer_product"
                " WHERE company_id = %s ORDER BY partner_id, product_id",
                SQL(", ").join(SQL.identifier(name) for name in COLUMNS),
                self.company.id,
            )
        )
        return [tuple(plain(value) for value in row) for row in profiles + products]

    def test_a_night_tells_what_reading_all_would(self):
        begin = self.today - timedelta(days=30)
        self.company.account_use_credit_limit = True
        partners = self.env["res.partner"].create(
            [{"name": f"N{n}", "is_company": True} for n in range(8)]
        )
        # ages around the ends of the spans that facts are counted over
        for partner, ages in zip(
            partners,
            (
                (100, 80, 50),
                (200, 190, 65),
                (380, 375, 370),
                (470, 410),
                (35, 20),
                (28,),
                (120, 110, 105),
                (600, 500),
            ),
            strict=True,
        ):
            for age in ages:
                self._invoice(age, 100 + age, partner)
        self._pay(self._invoice(400, 90, partners[2]), 385)
        self._pay(self._invoice(390, 70, partners[4]), 30)
        self._invoice(
            40, 60, partners[0], invoice_date_due=self.today - timedelta(days=12)
        )
        partners[0].with_company(self.company).credit_limit = 500
        self._commit()
        self.Profile.search([]).unlink()
        self.Profile._rebuild(today=begin)
        self._forget()

        read = []
        for day in range(1, 31):
            today = begin + timedelta(days=day)
            read.append(self._night(today) & set(partners.ids))
            by_night = self._rows()
            self.Profile._read_facts(None, today)
            with self.subTest(today=today):
                self.assertEqual(by_night, self._rows())
            self.env.cr.execute(
                "UPDATE crm_customer_profile SET date_rebuilt = %s",
                [datetime.combine(today, time.max).replace(microsecond=0)],
            )

        self.assertTrue(set(partners.ids) - set().union(*read[1:]), "nobody just aged")
        self.assertTrue(set().union(*read[1:]), "nobody was read")
        self.assertLess(max(len(one) for one in read[1:]), len(partners))

    def test_who_changed_is_read(self):
        other = self.env["res.partner"].create({"name": "Other", "is_company": True})
        group = self.env["res.partner"].create({"name": "Group", "is_company": True})
        kind = self.env.ref("crm_plus.crm_touchpoint_kind_email_in")

        def tell(partner):
            self.env["crm.touchpoint"].sudo().create(
                {
                    "kind_id": kind.id,
                    "channel": kind.channel,
                    "date": fields.Datetime.now(),
                    "partner_id": partner.id,
                    "commercial_partner_id": partner.id,
                    "res_model": "res.partner",
                    "res_id": partner.id,
                }
            )

        def order(partner):
            self.env["sale.order"].create(
                {
                    "partner_id": partner.id,
                    "order_line": [Command.create({"product_id": self.beans.id})],
                }
            ).action_confirm()

        def book(partner):
            """A receivable that no invoice tells of."""
            receivable = self.company_data["default_account_receivable"]
            self.env["account.move"].create(
                {
                    "date": self.today,
                    "line_ids": [
                        Command.create(
                            {
                                "account_id": receivable.id,
                                "partner_id": partner.id,
                                "debit": 10,
                            }
                        ),
                        Command.create(
                            {
                                "account_id": self.company_data[
                                    "default_account_revenue"
                                ].id,
                                "credit": 10,
                            }
                        ),
                    ],
                }
            ).action_post()

        cases = [
            ("a message", tell),
            ("an order", order),
            ("an entry", book),
            ("an invoice", lambda partner: self._invoice(3, partner=partner)),
            ("a setting", lambda partner: partner.write({"credit_limit": 7})),
            ("a cost", lambda partner: self.beans.write({"standard_price": 7})),
            ("a group", lambda partner: partner.write({"parent_id": group.id})),
        ]
        self._invoice(40, partner=other, product=self.advice)
        for name, change in cases:
            partner = self.env["res.partner"].create({"name": name})
            self._invoice(40, partner=partner)
            self._commit()
            self._forget()
            day = fields.Datetime.now() - timedelta(days=1)
            self.env.cr.execute(
                "UPDATE crm_customer_profile SET date_read = %s, date_rebuilt = %s",
                [day, day],
            )
            self.env.invalidate_all()
            change(partner)
            self.env.flush_all()
            self.env.cr.precommit.clear()

            due_ids = self.Profile._get_due_ids(self.today)

            with self.subTest(name):
                self.assertIn(partner.commercial_partner_id.id, due_ids)
                self.assertNotIn(other.id, due_ids)

    def test_everybody_is_read_once_in_a_while(self):
        self._invoice(40)
        self._commit()
        self._forget()
        read = []
        with patch.object(rebuild, "READ_ALL_NIGHTS", 5):
            for day in range(1, 6):
                today = self.today + timedelta(days=day)
                stamp = datetime.combine(today, time.min) - timedelta(days=1)
                self.env.cr.execute(
                    "UPDATE crm_customer_profile SET date_read = %s, date_rebuilt = %s",
                    [fields.Datetime.now(), min(stamp, self.env.cr.now())],
                )
                with patch.object(
                    type(self.Profile),
                    "_get_start",
                    lambda _self, day: datetime.combine(day, time.min),
                ):
                    read.append(self.customer.id in self.Profile._get_due_ids(today))
        self.assertEqual(read.count(True), 1)

    def test_a_posted_invoice_costs_the_same_however_long_the_history(self):
        counts = []
        for ages in ((90,), (80, 70, 60, 50, 40, 30)):
            for age in ages:
                self._invoice(age)
            self._commit()
            self._invoice(5)
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.Profile._rebuild(self.customer.ids)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])
        self.assertLessEqual(counts[1], 12)

    def test_nothing_new_writes_no_product(self):
        self._invoice(90)
        self._invoice(40)
        self._profile()
        rows = SQL(
            "SELECT id, ctid::text FROM crm_customer_product WHERE partner_id = %s",
            self.customer.id,
        )
        before = self.env.execute_query(rows)
        self._profile()
        self.assertEqual(self.env.execute_query(rows), before)
