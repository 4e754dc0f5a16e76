from datetime import timedelta

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import SQL

from .test_attribution import AttributionCommon


class MarketingCostCommon(AttributionCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Cost = cls.env["crm.marketing.cost"]
        cls.Return = cls.env["crm.marketing.return.report"].sudo()

    @classmethod
    def _cost(cls, campaign=None, amount=100, days_ago=20, **values):
        return cls.Cost.sudo().create(
            {
                "name": "Stand",
                "campaign_id": (campaign or cls.spring).id,
                "amount": amount,
                "date": cls.today - timedelta(days=days_ago),
                "company_id": cls.company.id,
                **values,
            }
        )

    @classmethod
    def _bill(cls, *amounts, move_type="in_invoice", post=True):
        bill = cls.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": cls.partner_a.id,
                "invoice_date": cls.today - timedelta(days=5),
                "invoice_line_ids": [
                    Command.create(
                        {"name": f"Line {amount}", "price_unit": amount, "tax_ids": []}
                    )
                    for amount in amounts
                ],
            }
        )
        if post:
            bill.action_post()
        return bill

    def _rows(self, bill):
        """The bill and its lines as they stand in the database."""
        self.env.flush_all()
        return [
            self.env.execute_query(SQL(query, bill.id))
            for query in (
                "SELECT * FROM account_move WHERE id = %s",
                "SELECT * FROM account_move_line WHERE move_id = %s ORDER BY id",
            )
        ]

    def _returns(self, campaign, *names, function="sum"):
        self.env.flush_all()
        [figures] = self.Return._read_group(
            [("campaign_id", "=", campaign.id)],
            [],
            [f"{name}:{function}" for name in names],
        )
        return [figure and round(figure, 4) for figure in figures]


@tagged("post_install", "-at_install", "crm_plus_attribution")
class TestMarketingCost(MarketingCostCommon):
    # ------------------------------------------------------------
    # Costs
    # ------------------------------------------------------------

    def test_typed_in_a_foreign_currency(self):
        currency = self.setup_other_currency(
            "GBP", rates=[("1900-01-01", 2), ("2017-01-01", 4)]
        )
        cost = self._cost(amount=100, currency_id=currency.id)
        self.assertEqual(cost.amount_company, 25)
        self.assertFalse(cost.problem)
        self.assertEqual(self._returns(self.spring, "cost"), [25])

    def test_accountant_picks_a_bill_line(self):
        bill = self._bill(300, 80)
        line = bill.invoice_line_ids[0]
        before = self._rows(bill)
        form = Form(self.Cost.with_user(self.accountant))
        form.campaign_id = self.spring
        form.bill_line_id = line
        self.assertEqual(form.amount, 300)
        form.amount = 200
        cost = form.save()
        self.assertRecordValues(
            cost,
            [
                {
                    "name": "Line 300",
                    "date": bill.invoice_date,
                    "amount_company": 200,
                    "is_from_bill": True,
                    "problem": False,
                }
            ],
        )
        # the rest is offered to the next campaign
        rest = self.Cost.with_user(self.accountant).create(
            {"campaign_id": self.summer.id, "bill_line_id": line.id}
        )
        self.assertEqual(rest.amount, 100)
        self.assertEqual(self._rows(bill), before, "not touched")

    def test_a_bill_line_is_never_counted_beyond_its_amount(self):
        line = self._bill(300).invoice_line_ids
        cost = self._cost(amount=200, bill_line_id=line.id)
        with self.assertRaises(ValidationError):
            self._cost(self.summer, amount=101, bill_line_id=line.id)
        with self.assertRaises(ValidationError):
            cost.amount = 301
        with self.assertRaises(ValidationError):
            cost.amount = -1
        other = self._cost(self.summer, amount=100, bill_line_id=line.id)
        with self.assertRaises(ValidationError):
            other.amount = 101
        cost.amount = 150
        other.amount = 150
        self.assertNotEqual(cost.bill_part, other.bill_part)

    def test_two_who_take_at_the_same_time(self):
        """The second one saw nothing of the first: it gets the same part."""
        line = self._bill(300).invoice_line_ids
        cost = self._cost(amount=300, bill_line_id=line.id)
        with self.assertRaises(Exception) as caught, self.env.cr.savepoint():
            self.env.cr.execute(
                "INSERT INTO crm_marketing_cost (name, date, company_id, campaign_id,"
                " currency_id, amount, bill_line_id, bill_part) VALUES"
                " ('x', now(), %s, %s, %s, 300, %s, %s)",
                [
                    self.company.id,
                    self.summer.id,
                    cost.currency_id.id,
                    line.id,
                    cost.bill_part,
                ],
            )
        self.assertIn("bill_part_uniq", str(caught.exception))

    def test_what_is_no_vendor_bill(self):
        for case, move in (
            ("a draft", self._bill(300, post=False)),
            ("an invoice of ours", self._invoice(5)),
        ):
            with self.subTest(case), self.assertRaises(ValidationError):
                self._cost(amount=10, bill_line_id=move.invoice_line_ids[0].id)
        bill = self._bill(300)
        debt = bill.line_ids - bill.invoice_line_ids
        with self.assertRaises(ValidationError):
            self._cost(amount=10, bill_line_id=debt.id)

    def test_refund_of_a_vendor_lowers_the_cost(self):
        line = self._bill(40, move_type="in_refund").invoice_line_ids
        self._cost(amount=100)
        refund = self.Cost.sudo().create(
            {"campaign_id": self.spring.id, "bill_line_id": line.id}
        )
        self.assertEqual(refund.amount, -40)
        self.assertEqual(self._returns(self.spring, "cost"), [60])

    def test_a_bill_that_is_no_longer_posted_counts_nothing(self):
        bill = self._bill(300)
        cost = self._cost(amount=300, bill_line_id=bill.invoice_line_ids.id)
        self.assertEqual(self._returns(self.spring, "cost"), [300])
        bill.button_draft()
        cost.invalidate_recordset(["problem"])
        self.assertIn("not posted", cost.problem)
        self.assertFalse(self._returns(self.spring, "cost")[0])
        # posted again for less: less counts
        bill.invoice_line_ids.price_unit = 120
        bill.action_post()
        cost.invalidate_recordset(["problem"])
        self.assertIn("less", cost.problem)
        self.assertEqual(self._returns(self.spring, "cost"), [120])
        bill.button_draft()
        bill.invoice_line_ids.unlink()
        cost.invalidate_recordset()
        self.assertTrue(cost.is_from_bill)
        self.assertIn("gone", cost.problem)
        self.assertFalse(self._returns(self.spring, "cost")[0])

    def test_where_it_comes_from_is_not_written(self):
        cost = self._cost(amount=100)
        cost.write({"is_from_bill": True, "bill_part": 7})
        self.assertFalse(cost.is_from_bill)
        self.assertFalse(cost.bill_part)

    # ------------------------------------------------------------
    # Returns
    # ------------------------------------------------------------

    def _story(self):
        """Spring: four leads and a junk one, a customer new by a half; cost 20."""
        leads = self.env["crm.lead"].create(
            [
                {
                    "name": f"Lead {number}",
                    "campaign_id": self.spring.id,
                    "company_id": self.company.id,
                    "team_id": False,
                }
                for number in range(5)
            ]
        )
        leads[4].is_junk = True
        leads[0].action_set_won()
        self._touch(30, self.spring)
        self._touch(20, self.summer)
        self._path(self._invoice(10, 100))
        self._path(self._invoice(9, 60))
        self.env["ir.config_parameter"].sudo().set_param(
            "crm_plus.attribution_model", "linear"
        )
        self._cost(amount=20)

    def test_figures_of_a_campaign(self):
        self._story()
        self.assertEqual(
            self._returns(
                self.spring,
                *("leads", "won", "customers", "cost", "revenue", "paid", "margin"),
            ),
            # half of 100 + 60 and of a margin of 40 + 0
            [4, 1, 0.5, 20, 80, 0, 20],
        )
        self.assertEqual(
            self._returns(
                self.spring,
                *("win_rate", "cost_per_lead", "cost_per_customer", "roi"),
                "roi_revenue",
                function="avg",
            ),
            [25, 5, 40, 0, 300],
        )
        self.assertRecordValues(
            self.spring.with_user(self.seller_amounts),
            [
                {
                    "marketing_cost": 20,
                    "marketing_lead_count": 4,
                    "marketing_customers": 0.5,
                    "marketing_cost_per_lead": 5,
                    "marketing_cost_per_customer": 40,
                    "marketing_revenue": 80,
                    "marketing_margin": 20,
                    "marketing_roi": 0,
                }
            ],
        )

    def test_without_cost_there_is_no_return(self):
        self._story()
        self.env["crm.lead"].create(
            {"name": "For nothing", "campaign_id": self.summer.id, "team_id": False}
        )
        self.assertEqual(self._returns(self.summer, "cost", "margin"), [0, 20])
        self.assertEqual(
            self._returns(
                self.summer, "roi", "roi_revenue", "cost_per_lead", function="avg"
            ),
            [False] * 3,
        )
        # no lead, no customer: no cost of one
        self._cost(self.autumn, amount=10)
        self.assertEqual(
            self._returns(
                self.autumn,
                *("cost_per_lead", "cost_per_customer", "roi"),
                function="avg",
            ),
            [False, False, -100],
        )

    def test_model_of_returns(self):
        self._story()
        Params = self.env["ir.config_parameter"].sudo()
        for model, revenue in (("first", 160), ("last", 0), ("nonsense", 0)):
            Params.set_param("crm_plus.attribution_model", model)
            with self.subTest(model):
                self.assertEqual(
                    [self._returns(self.spring, "revenue")[0] or 0], [revenue]
                )

    def test_ratios_of_months_are_those_of_their_sums(self):
        self._touch(60, self.spring)
        self._path(self._invoice(50, 100))
        self._path(self._invoice(5, 100))
        self._cost(amount=10, days_ago=50)
        self._cost(amount=30, days_ago=5)
        # margin 40 + 40, cost 40
        self.assertEqual(self._returns(self.spring, "roi", function="avg"), [100])

    # ------------------------------------------------------------
    # Who sees what
    # ------------------------------------------------------------

    def test_rights(self):
        self._story()
        cost = self.spring.marketing_cost_ids
        for user in (self.manager, self.accountant):
            with self.subTest(user.login):
                cost.with_user(user).amount = 21
        with self.assertRaises(AccessError):
            cost.with_user(self.seller_amounts).amount = 22
        with self.assertRaises(AccessError):
            cost.with_user(self.seller).read(["amount"])
        with self.assertRaises(AccessError):
            self.spring.with_user(self.seller).read(["marketing_cost"])
        # a manager keeps costs and sees leads, not what was invoiced
        self.assertEqual(self.spring.with_user(self.manager).marketing_lead_count, 4)
        Return = self.Return.with_user(self.manager)
        self.assertEqual(
            Return._read_group([], [], ["cost:sum", "cost_per_lead:avg"])[0][0], 21
        )
        for name in ("marketing_revenue", "marketing_roi"):
            with self.subTest(name), self.assertRaises(AccessError):
                self.spring.with_user(self.manager).read([name])
        for spec in ("revenue:sum", "roi:avg", "roi_revenue:avg", "profit:sum"):
            with self.subTest(spec), self.assertRaises(AccessError):
                Return._read_group([], [], [spec])
        with self.assertRaises(AccessError):
            cost.with_user(self.manager).read(["bill_line_id"])

    def test_costs_of_another_company(self):
        other = self.setup_other_company(name="Second House")["company"]
        self._cost(amount=70, company_id=other.id)
        mine = self._cost(amount=5)
        found = self.Cost.with_user(self.accountant).search(
            [("campaign_id", "=", self.spring.id)]
        )
        self.assertEqual(found, mine)
        rows = self.Return.with_user(self.accountant).sudo(False)
        self.assertEqual(
            sum(rows.search([("campaign_id", "=", self.spring.id)]).mapped("cost")), 5
        )
        self.assertEqual(self.spring.with_user(self.accountant).marketing_cost, 5)
