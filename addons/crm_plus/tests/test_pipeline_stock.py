from dateutil.relativedelta import relativedelta

from odoo import Command, fields
from odoo.tests import new_test_user, tagged

from .test_pipeline_products import PipelineCommon


@tagged("post_install", "-at_install")
class TestPipelineStock(PipelineCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.today = fields.Date.today()
        cls.month = cls.today.replace(day=1)
        cls.next_month = cls.month + relativedelta(months=1)
        cls.env["stock.quant"]._update_available_quantity(
            cls.beans, cls.warehouse.lot_stock_id, 10
        )

    def _move(self, quantity, date, *, into=False):
        stock = self.warehouse.lot_stock_id
        side = "suppliers" if into else "customers"
        outside = self.env.ref(f"stock.stock_location_{side}")
        move = self.env["stock.move"].create(
            {
                "product_id": self.beans.id,
                "product_uom_qty": quantity,
                "location_id": (outside if into else stock).id,
                "location_dest_id": (stock if into else outside).id,
                "date": date,
            }
        )
        move._action_confirm()
        return move

    def _report(self, product=None):
        return self.env["crm.stock.demand.report"].search(
            [("product_id", "=", (product or self.beans).id)]
        )

    # ------------------------------------------------------------
    # Demand against stock
    # ------------------------------------------------------------

    def test_shortage_is_demand_and_deliveries_less_stock_and_receipts(self):
        self._add_interest(self.deal, self.beans, quantity=20)
        self._add_interest(
            self.deal, self.beans, quantity=40, date_expected=self.next_month
        )
        self._move(4, self.today)
        self._move(7, self.next_month, into=True)

        # 50 %: 10 this month, 20 the next one; 10 on hand
        self.assertRecordValues(
            self._report(),
            [
                {
                    "date_month": self.month,
                    "demand": 10,
                    "outgoing": 4,
                    "incoming": 0,
                    "on_hand": 10,
                    "forecast": 6,
                    "shortage": 4,
                    "warehouse_id": self.warehouse.id,
                },
                {
                    "date_month": self.next_month,
                    "demand": 20,
                    "outgoing": 0,
                    "incoming": 7,
                    "on_hand": 10,
                    "forecast": 13,
                    "shortage": 17,
                    "warehouse_id": self.warehouse.id,
                },
            ],
        )

    def test_enough_stock_is_no_shortage(self):
        self._add_interest(self.deal, self.beans, quantity=20)
        self.assertEqual(self._report().mapped("shortage"), [0])

    def test_overdue_counts_now_and_undated_apart(self):
        self.deal.date_deadline = False
        self._add_interest(self.deal, self.beans, quantity=100)
        self._add_interest(
            self.deal,
            self.beans,
            quantity=4,
            date_expected=self.today - relativedelta(months=3),
        )

        this_month, undated = self._report().sorted(lambda row: not row.date_month)

        self.assertEqual((this_month.demand, this_month.shortage), (2, 0))
        self.assertEqual((undated.date_month, undated.demand), (False, 50))
        self.assertFalse(undated.shortage)
        self.assertEqual(undated.deal_count, 1)

    def test_services_need_no_stock(self):
        service = self.env["product.product"].create(
            {"name": "Training", "type": "service"}
        )
        self._add_interest(self.deal, service)
        self.assertFalse(self._report(service))

    def test_row_opens_its_deals(self):
        [other] = self._create_leads(
            1,
            type="opportunity",
            user_id=self.seller_2.id,
            company_id=self.company.id,
            date_deadline=self.next_month,
        )
        self._add_interest(self.deal, self.beans)
        self._add_interest(other, self.beans)
        first, second = self._report()

        def opened(row, user):
            action = row.with_user(user).action_view_deals()
            return self.env["crm.lead"].search(action["domain"])

        self.assertEqual(opened(first, self.manager), self.deal)
        self.assertEqual(opened(second, self.manager), other)
        # all deals are counted, the own ones are shown
        self.assertEqual(second.with_user(self.seller).deal_count, 1)
        self.assertFalse(opened(second, self.seller))

    def test_products_that_no_warehouse_keeps_have_a_row_a_company(self):
        companies = self.env["res.company"].create(
            [{"name": "Without 1"}, {"name": "Without 2"}]
        )
        self.env["stock.warehouse"].search(
            [("company_id", "in", companies.ids)]
        ).active = False
        for company in companies:
            lead = self._create_leads(
                company_id=company.id, user_id=False, probability=50
            )
            self._add_interest(lead, self.beans, quantity=10, date_expected=self.today)
        rows = self.env["crm.stock.demand.report"].search(
            [("product_id", "=", self.beans.id), ("company_id", "in", companies.ids)]
        )
        self.assertEqual(len(set(rows.ids)), 2)
        self.assertEqual(rows.company_id, companies)
        self.assertEqual(rows.mapped("demand_full"), [10, 10])

    def test_who_sees_the_report(self):
        self._add_interest(self.deal, self.beans)
        row = self._report()
        keeper = new_test_user(
            self.env,
            login="plus_stock",
            groups="stock.group_stock_user",
            company_id=self.company.id,
        )
        for user, may in (
            (self.seller, True),
            (keeper, True),
            (self.accountant, False),
            (self.user_other_company, False),
        ):
            with self.subTest(user.login):
                self.assertEqual(row.with_user(user).has_access("read"), may)

    # ------------------------------------------------------------
    # Slow stock
    # ------------------------------------------------------------

    def _slow(self):
        Report = self.env["crm.slow.stock.report"]
        Report.invalidate_model()
        return Report.search([("product_id", "=", self.beans.id)])

    def _age_stock(self, days):
        self.env["stock.quant"].search([("product_id", "=", self.beans.id)]).in_date = (
            fields.Datetime.now() - relativedelta(days=days)
        )

    def _deliver(self, quantity, days_ago):
        move = self._move(quantity, self.today)
        move.quantity = quantity
        move.picked = True
        move._action_done()
        move.date = fields.Datetime.now() - relativedelta(days=days_ago)

    def test_new_goods_are_not_slow(self):
        self._age_stock(179)
        self.assertFalse(self._slow().is_slow)
        self._age_stock(180)
        self.assertTrue(self._slow().is_slow)
        self.assertFalse(self._slow().cover_days)

    def test_cover_is_free_stock_by_daily_deliveries(self):
        self._age_stock(400)
        self._deliver(1, days_ago=10)
        # 9 left, one in 90 days
        self.assertRecordValues(
            self._slow(),
            [{"quantity": 9, "cover_days": 810, "days_unsold": 10, "is_slow": False}],
        )

    def test_what_sold_long_ago_is_slow(self):
        self._age_stock(400)
        self._deliver(1, days_ago=200)
        self.assertRecordValues(
            self._slow(), [{"quantity": 9, "days_unsold": 200, "is_slow": True}]
        )

    def test_likely_buyers_become_a_segment_once(self):
        for partner, product in (
            (self.customer, self.beans),
            (self.customer_2, self.machine),
        ):
            self.env["sale.order"].create(
                {
                    "partner_id": partner.id,
                    "order_line": [Command.create({"product_id": product.id})],
                }
            ).action_confirm()
        row = self._slow()
        self.assertEqual(row.buyer_count, 1)

        segment = self.env["crm.segment"].browse(
            row.with_user(self.manager).action_view_buyers()["res_id"]
        )

        # who bought the product, and who bought of its category
        members = segment.member_ids.partner_id
        self.assertLessEqual(self.customer | self.customer_2, members)
        self.assertEqual(segment.company_id, self.company)
        again = row.with_user(self.manager).action_view_buyers()["res_id"]
        self.assertEqual(again, segment.id)

    def test_sellers_get_the_buyers_as_a_list(self):
        action = self._slow().with_user(self.seller).action_view_buyers()
        self.assertEqual(action["res_model"], "res.partner")
        self.env["res.partner"].with_user(self.seller).search(action["domain"])
