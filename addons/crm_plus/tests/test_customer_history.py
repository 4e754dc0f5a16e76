from datetime import date, datetime, timedelta
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL

from .test_customer_profile import CustomerProfileCommon


@tagged("post_install", "-at_install", "crm_plus_profile")
class TestCustomerHistory(CustomerProfileCommon):
    """Moves between labels, retention, cohorts, profitability."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Snapshot = cls.env["crm.customer.snapshot"].sudo()
        cls.Retention = cls.env["crm.customer.retention"].sudo()

    def _invoice_on(self, day, amount=100, partner=None, **values):
        return self._invoice((self.today - day).days, amount, partner, **values)

    def _month(self, months_ago, day=10):
        """A day of the month so many months ago."""
        number = self.today.year * 12 + self.today.month - 1 - months_ago
        return date(number // 12, number % 12 + 1, day)

    def _new_partners(self, count):
        return self.env["res.partner"].create([{"name": f"H{n}"} for n in range(count)])

    def test_snapshot_is_kept_once_a_month_and_knows_the_move(self):
        labels = self.env["crm.customer.label"].sudo().search([], limit=2)
        self._invoice(40)
        profile = self._profile()
        profile.label_id = labels[0]
        self.Snapshot._keep(self.company, date(2026, 1, 5))
        profile.label_id = labels[1]
        self.Snapshot._keep(self.company, date(2026, 1, 6))
        self.Snapshot._keep(self.company, date(2026, 3, 1))

        kept = self.Snapshot.search([("partner_id", "=", self.customer.id)])

        self.assertRecordValues(
            kept,
            [
                {
                    "date": date(2026, 3, 1),
                    "label_from_id": labels[0].id,
                    "label_id": labels[1].id,
                    "is_moved": True,
                    "is_first": False,
                    "revenue_12": 100,
                },
                {
                    "date": date(2026, 1, 1),
                    "label_from_id": False,
                    "label_id": labels[0].id,
                    "is_moved": False,
                    "is_first": True,
                    "revenue_12": 100,
                },
            ],
        )
        action = kept[0].with_user(self.seller).action_open_profile()
        self.assertEqual(action["res_id"], profile.id)

    def test_old_snapshots_go(self):
        self._invoice(40)
        self._profile()
        self.Snapshot._keep(self.company, date(2015, 1, 5))
        self.Snapshot._keep(self.company, self.today)
        self.Snapshot._gc_snapshots()
        kept = self.Snapshot.search([("partner_id", "=", self.customer.id)])
        self.assertEqual(kept.mapped("date"), [self.today.replace(day=1)])

    def test_retention(self):
        """Last month: A, B, C were active at its start; A and B had their last invoice
        just over a year before its end, A came again. D is new, E came back.
        """
        a, b, c, d, e = self._new_partners(5)
        last, before = self._month(1), self._month(13, 5)
        self._invoice_on(before, partner=a)
        self._invoice_on(last, 70, partner=a)
        self._invoice_on(before, partner=b)
        self._invoice_on(self._month(6), partner=c)
        self._invoice_on(last, 200, partner=d)
        self._invoice_on(last, 40, partner=d, move_type="out_refund")
        self._invoice_on(self._month(30), partner=e)
        self._invoice_on(last, 30, partner=e)

        self.Retention._renew(self.company, self.today)

        row = self.Retention.search([("company_id", "=", self.company.id)], limit=1)
        self.assertRecordValues(
            row,
            [
                {
                    "date": self._month(1, 1),
                    "start_count": 3,
                    "kept_count": 2,
                    "lost_count": 1,
                    "new_count": 1,
                    "returned_count": 1,
                    "end_count": 4,
                    "buyer_count": 3,
                    "repeat_count": 0,
                    "revenue": 260,
                }
            ],
        )
        self.assertAlmostEqual(row.retention, 200 / 3)
        self.assertAlmostEqual(row.churn, 100 / 3)
        self.assertAlmostEqual(row.revenue_mean, 86.67)
        rows = self.Retention.search_count([("company_id", "=", self.company.id)])

        # an invoice of last month is posted late
        self._invoice_on(last, 100, partner=c)
        self.Retention._renew(self.company, self.today)

        self.assertEqual((row.buyer_count, row.repeat_count), (4, 1))
        self.assertEqual(
            self.Retention.search_count([("company_id", "=", self.company.id)]), rows
        )

    def test_months_that_an_invoice_of_long_ago_changes_are_counted_again(self):
        [a, b] = self._new_partners(2)
        self._invoice_on(self._month(9), partner=a)
        self._invoice_on(self._month(9), partner=b)
        self.Retention._renew(self.company, self.today)

        def row(months_ago):
            return self.Retention.search(
                [
                    ("company_id", "=", self.company.id),
                    ("date", "=", self._month(months_ago, 1)),
                ]
            )

        self.assertEqual((row(9).buyer_count, row(8).start_count), (2, 2))
        # so that what is written now was written since
        self.Retention.search([]).date_counted = datetime.now() - timedelta(days=1)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET write_date = now() - interval '3 days'"
        )
        untouched = row(20) + row(12)
        self._invoice_on(self._month(9), 70, partner=self.customer)
        self.Retention._renew(self.company, self.today)
        self.assertEqual((row(9).buyer_count, row(8).start_count), (3, 3))
        before = self.Retention.search([]).mapped("date_counted")
        self.assertTrue(before)
        self.assertFalse(untouched.filtered(lambda one: one.buyer_count))

    def _count_of(self, months_ago):
        row = self.Retention.search(
            [
                ("company_id", "=", self.company.id),
                ("date", "=", self._month(months_ago, 1)),
            ]
        )
        return row.buyer_count

    def _count_once(self):
        """Count, and have what was written by now be of long before."""
        self.Retention._renew(self.company, self.today)
        self.Retention.search([]).date_counted = datetime.now() - timedelta(days=1)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET write_date = now() - interval '3 days'"
        )
        self.env.invalidate_all()

    def _date_into(self, invoice, day):
        invoice.button_draft()
        # numbers are by year
        invoice.name = False
        invoice.invoice_date = day
        invoice.action_post()

    def test_months_that_an_invoice_leaves_are_counted_again(self):
        """Dated into a newer month it tells its old one no more."""
        [a, b] = self._new_partners(2)
        self._invoice_on(self._month(20), partner=b)
        invoice = self._invoice_on(self._month(15), partner=a)
        self._count_once()
        self.assertEqual((self._count_of(15), self._count_of(9)), (1, 0))

        self._date_into(invoice, self._month(9))
        self.Retention._renew(self.company, self.today)
        self.assertEqual((self._count_of(15), self._count_of(9)), (0, 1))
        self.assertFalse(
            self.Retention.search(
                [("company_id", "=", self.company.id), ("date_counted", "=", False)]
            )
        )

        # and back
        self._count_once()
        self._date_into(invoice, self._month(15))
        self.Retention._renew(self.company, self.today)
        self.assertEqual((self._count_of(15), self._count_of(9)), (1, 0))

    def test_months_of_an_invoice_that_is_deleted_are_counted_again(self):
        [a, b] = self._new_partners(2)
        self._invoice_on(self._month(20), partner=b)
        invoice = self._invoice_on(self._month(15), partner=a)
        self._count_once()
        invoice.button_draft()
        invoice.with_context(force_delete=True).unlink()
        self.Retention._renew(self.company, self.today)
        self.assertEqual(self._count_of(15), 0)

    def test_months_in_which_nobody_is_active_go(self):
        """The only invoice of a company that had one."""
        self.env["account.move"].search([("state", "=", "posted")]).button_draft()
        invoice = self._invoice_on(self._month(15), partner=self._new_partners(1))
        self._count_once()
        self.assertEqual(self._count_of(15), 1)
        self._date_into(invoice, self._month(9))
        self.Retention._renew(self.company, self.today)
        self.assertFalse(
            self.Retention.search(
                [
                    ("company_id", "=", self.company.id),
                    ("date", "<", self._month(9, 1)),
                ]
            )
        )

    def test_draft_invoices_forget_no_month(self):
        self._invoice_on(self._month(15))
        draft = self._invoice_on(self._month(14)).copy()
        self._count_once()
        draft.invoice_date = self._month(15)
        draft.invoice_date = self._month(2)
        self.assertFalse(
            self.Retention.search(
                [("company_id", "=", self.company.id), ("date_counted", "=", False)]
            )
        )

    def test_merged_customers_are_counted_again(self):
        [a, b] = self._new_partners(2)
        for partner in (a, b):
            self._invoice_on(self._month(9), partner=partner)
        self.Retention._renew(self.company, self.today)
        self.env["base.partner.merge.automatic.wizard"].sudo()._merge((a + b).ids, a)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET write_date = now() - interval '3 days'"
        )
        self.Retention._renew(self.company, self.today)
        row = self.Retention.search(
            [
                ("company_id", "=", self.company.id),
                ("date", "=", self._month(9, 1)),
            ]
        )
        self.assertEqual(row.buyer_count, 1)

    def test_cohorts(self):
        """Three begin; two come a month later, one of them again after that."""
        partners = self._new_partners(3)
        for partner in partners:
            self._invoice_on(self._month(3), partner=partner)
        for partner in partners[:2]:
            self._invoice_on(self._month(2), partner=partner)
            self._invoice_on(self._month(2, 20), partner=partner)
        self._invoice_on(self._month(1), partner=partners[0])
        self.env.flush_all()

        rows = self.env["crm.customer.cohort.report"].search(
            [
                ("company_id", "=", self.company.id),
                ("cohort", "=", self._month(3, 1)),
            ]
        )

        self.assertEqual(rows.mapped("age"), [0, 1, 2, 3])
        self.assertEqual(rows.mapped("size"), [3, 3, 3, 3])
        self.assertEqual(rows.mapped("customers"), [3, 2, 1, 0])
        self.assertAlmostEqual(rows[1].share, 200 / 3)

    def test_profitability_takes_goods_and_other_costs_off(self):
        self._invoice(10, 100)
        self._invoice(10, 50, product=self.advice)
        query = SQL(
            "SELECT %s AS partner_id, %s AS company_id, %s::date AS date, 8 AS cost",
            self.customer.id,
            self.company.id,
            self.today,
        )
        Report = self.env["crm.customer.profit.report"]
        self.env.flush_all()
        with patch.object(type(Report), "_get_cost_queries", lambda self: [query]):
            [[revenue, cost, other, profit, unknown]] = Report._read_group(
                [("partner_id", "=", self.customer.id)],
                [],
                [
                    f"{name}:sum"
                    for name in (
                        "revenue",
                        "cost",
                        "other_cost",
                        "profit",
                        "revenue_unknown",
                    )
                ],
            )
        self.assertEqual((revenue, cost, other, profit, unknown), (150, 60, 8, 82, 50))

    def test_profitability_says_which_costs_are_not_known(self):
        self._invoice(10, 100)
        self.env.flush_all()
        Report = self.env["crm.customer.profit.report"]
        row = Report.search([("partner_id", "=", self.customer.id)])
        with patch.object(
            type(Report), "_get_known_costs", lambda self, company: set()
        ):
            self.assertEqual(row.unknown_costs, "Campaigns, Service")
        row.invalidate_recordset()
        with patch.object(
            type(Report), "_get_known_costs", lambda self, company: {"campaign"}
        ):
            self.assertEqual(row.unknown_costs, "Service")

    def test_seller_sees_moves_and_no_money(self):
        self._invoice(40)
        self._profile()
        self.Snapshot._keep(self.company, self.today)
        self._invoice_on(self._month(1))
        self.Retention._renew(self.company, self.today)
        snapshot = self.Snapshot.search([("partner_id", "=", self.customer.id)])
        retention = self.Retention.search([("company_id", "=", self.company.id)])[:1]

        self.assertTrue(snapshot.with_user(self.seller).date)
        self.assertEqual(retention.with_user(self.seller).buyer_count, 1)
        for record, name in (
            (snapshot, "revenue_12"),
            (snapshot, "expected_value"),
            (retention, "revenue"),
        ):
            with self.assertRaises(AccessError):
                record.with_user(self.seller).read([name])
            with self.assertRaises(AccessError):
                record.with_user(self.seller)._read_group([], [], [f"{name}:sum"])
            self.assertTrue(record.with_user(self.accountant).read([name]))
        Report = self.env["crm.customer.profit.report"]
        with self.assertRaises(AccessError):
            Report.with_user(self.seller).search([])
        self.assertTrue(
            Report.with_user(self.seller_amounts).search(
                [("partner_id", "=", self.customer.id)]
            )
        )

    def test_reports_keep_to_the_companies_of_the_user(self):
        self._invoice(40)
        self._profile()
        self.Snapshot._keep(self.company, self.today)
        self.Retention._renew(self.company, self.today)
        self.env.flush_all()
        other = self.setup_other_company()["company"]
        self.accountant.sudo().write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        for model in (
            "crm.customer.snapshot",
            "crm.customer.retention",
            "crm.customer.cohort.report",
            "crm.customer.profit.report",
        ):
            with self.subTest(model):
                found = self.env[model].with_user(self.accountant).search([])
                self.assertNotIn(self.company, found.company_id)
