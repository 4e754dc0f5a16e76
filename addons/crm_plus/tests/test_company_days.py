from datetime import datetime, time, timedelta

from dateutil.relativedelta import relativedelta
from freezegun import freeze_time

from odoo import Command, fields
from odoo.tests import tagged

from .test_customer_profile import CustomerProfileCommon


@tagged("post_install", "-at_install", "crm_plus_days")
class TestCompanyDays(CustomerProfileCommon):
    """A company in New York, at ``night``: it is the first of the month in UTC, and
    ``evening``, the last day of the month before, where the company is.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.partner_id.tz = "America/New_York"
        first = fields.Date.today().replace(day=1) - relativedelta(months=1)
        cls.night = datetime.combine(first, time(1, 30))
        cls.evening = first - timedelta(days=1)
        cls.beans.write({"is_storable": True, "invoice_policy": "order"})
        cls.warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.company.id)], limit=1
        )
        cls.deal = cls.env["crm.lead"].create(
            {
                "name": "Beans",
                "type": "opportunity",
                "partner_id": cls.customer.id,
                "company_id": cls.company.id,
                "expected_revenue": 100,
            }
        )

    def _created(self, record, moment=None):
        """What its row says about when it was made."""
        self.env.flush_all()
        self.env.cr.execute(
            f"UPDATE {record._table} SET create_date = %s WHERE id = %s",  # noqa: S608
            [moment or self.night, record.id],
        )
        self.env.invalidate_all()

    def _invoice_dated(self, day, **values):
        return self._invoice((self.today - day).days, **values)

    def _win(self):
        self.deal.action_set_won()
        self.deal.date_closed = self.night
        self.env.flush_all()

    def test_won_deals(self):
        self._win()
        row = self.env["crm.won.invoiced.report"].search(
            [("lead_id", "=", self.deal.id)]
        )
        self.assertEqual(row.date_closed, self.evening)
        # a deal of no company: on the day of who reads
        self.deal.company_id = False
        self.env.invalidate_all()
        self.assertEqual(row.date_closed, self.evening)

    def test_suggestions(self):
        self._win()
        self._created(self.deal, self.night - timedelta(days=30))
        invoice = self._invoice_dated(self.evening)
        [suggestion] = self.env["crm.invoice.suggestion"]._of_moves(invoice)
        self.assertEqual((suggestion.date_closed, suggestion.days), (self.evening, 0))

    def test_days_before_a_deal_was_noted(self):
        """Eight days before, seven of them by the clock of Greenwich."""
        self._created(self.deal, self.night - timedelta(days=30))
        noted = self.evening - timedelta(days=30)
        for days, count in ((7, 1), (8, 0)):
            invoice = self._invoice_dated(noted - timedelta(days=days))
            found = self.env["crm.invoice.suggestion"]._of_moves(invoice)
            self.assertEqual(len(found), count, days)

    def test_slow_stock(self):
        stock = self.warehouse.lot_stock_id
        self.env["stock.quant"]._update_available_quantity(self.beans, stock, 10)
        quant = self.env["stock.quant"].search(
            [("product_id", "=", self.beans.id), ("location_id", "=", stock.id)]
        )
        quant.in_date = self.night
        Report = self.env["crm.slow.stock.report"]
        domain = [("product_id", "=", self.beans.id)]
        self.env.flush_all()
        now = self.night + timedelta(days=10)
        with freeze_time(now):
            row = Report.search(domain)
            self.assertEqual((row.date_arrived, row.days_unsold), (self.evening, 10))

        move = self.env["stock.move"].create(
            {
                "product_id": self.beans.id,
                "product_uom_qty": 9,
                "location_id": stock.id,
                "location_dest_id": self.env.ref("stock.stock_location_customers").id,
            }
        )
        move._action_confirm()
        move.write({"quantity": 9, "picked": True})
        move._action_done()
        move.date = self.night
        self.env.flush_all()
        for days, cover, daily in ((10, 10, 0.1), (89, 10, 0.1), (90, 0, 0)):
            with freeze_time(self.night + timedelta(days=days)):
                self.env.invalidate_all()
                row = Report.search(domain)
                self.assertEqual((row.date_sold, row.days_unsold), (self.evening, days))
                self.assertAlmostEqual(row.daily_quantity, daily)
                self.assertAlmostEqual(row.cover_days, cover)

    def test_demand(self):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "opportunity_id": self.deal.id,
                "commitment_date": self.night,
                "order_line": [
                    Command.create({"product_id": self.beans.id, "product_uom_qty": 2})
                ],
            }
        )
        self.env.flush_all()
        demand = self.env["crm.product.demand"].search(
            [("lead_id", "=", order.opportunity_id.id)]
        )
        self.assertEqual(demand.date_expected, self.evening)

    def test_months_of_demand(self):
        self.env["crm.lead.product.line"].create(
            {
                "lead_id": self.deal.id,
                "product_id": self.beans.id,
                "quantity": 2,
                "date_expected": self.evening,
            }
        )
        self.env.flush_all()
        with freeze_time(self.night):
            row = self.env["crm.stock.demand.report"].search(
                [("product_id", "=", self.beans.id)]
            )
            self.assertEqual(row.mapped("date_month"), [self.evening.replace(day=1)])

    def test_weeks_of_segments(self):
        segment = self.env["crm.segment"].create(
            {
                "name": "Brandt",
                "target": "res.partner",
                "domain": repr([("id", "=", self.customer.id)]),
                "company_id": self.company.id,
            }
        )
        segment._refresh()
        monday = self.night + relativedelta(weekday=0)
        segment.member_ids.sudo().date_joined = monday
        for company in (self.company, self.env["res.company"]):
            segment.company_id = company
            self.env.flush_all()
            self.env.invalidate_all()
            weeks = self.env["crm.segment.size"].search(
                [("segment_id", "=", segment.id)], order="date"
            )
            self.assertEqual(weeks[0].date, monday.date() - timedelta(days=7))
            self.assertEqual(weeks[0].joined, 1)

    def test_cohorts(self):
        self._invoice_dated(self.evening.replace(day=1))
        self.env.flush_all()
        Report = self.env["crm.customer.cohort.report"]
        domain = [("company_id", "=", self.company.id)]
        with freeze_time(self.night):
            self.assertEqual(Report.search(domain).mapped("age"), [0])
        with freeze_time(self.night + timedelta(days=1)):
            self.assertEqual(Report.search(domain).mapped("age"), [0, 1])

    def test_open_returns(self):
        customers = self.env.ref("stock.stock_location_customers")
        picking = self.env["stock.picking"].create(
            {
                "partner_id": self.customer.id,
                "picking_type_id": self.warehouse.in_type_id.id,
                "location_id": customers.id,
                "location_dest_id": self.warehouse.lot_stock_id.id,
                "move_ids": [
                    Command.create(
                        {
                            "product_id": self.beans.id,
                            "product_uom_qty": 1,
                            "location_id": customers.id,
                            "location_dest_id": self.warehouse.lot_stock_id.id,
                        }
                    )
                ],
            }
        )
        picking.action_confirm()
        self._created(picking)
        self.env["crm.contact.hold.rule"].search(
            [("provider", "=", "return"), ("company_id", "=", self.company.id)]
        ).unlink()
        Hold = self.env["crm.contact.hold"]
        Hold._refresh(self.customer.ids)
        hold = Hold.search(
            [("partner_id", "=", self.customer.id), ("provider", "=", "return")]
        )
        self.assertEqual(hold.date_since, self.evening)

    def test_last_word(self):
        self._invoice(40)
        self.env["crm.touchpoint"].sudo().create(
            {
                "kind_id": self.env["crm.touchpoint.kind"]
                .sudo()
                .search([("direction", "=", "in"), ("channel", "=", "email")], limit=1)
                .id,
                "channel": "email",
                "date": self.night,
                "partner_id": self.customer.id,
                "commercial_partner_id": self.customer.id,
                "res_model": "res.partner",
                "res_id": self.customer.id,
            }
        )
        self.assertEqual(self._profile().date_last_word, self.evening)

    # ------------------------------------------------------------
    # Touchpoints
    # ------------------------------------------------------------

    def _harvested(self, *keys, kind=None):
        self.env.flush_all()
        self.env.cr.precommit.clear()
        Touchpoint = self.env["crm.touchpoint"].sudo()
        for key in keys:
            Touchpoint._harvest_source(Touchpoint._get_sources_by_key()[key])
        Touchpoint.invalidate_model()
        return Touchpoint.search(
            [
                ("commercial_partner_id", "=", self.customer.id),
                ("kind_id.code", "=", kind or keys[0]),
            ],
            order="res_id",
        )

    def _midnight(self, day):
        """The moment that a day begins in New York, in UTC: 4 or 5 o'clock."""
        noon = datetime.combine(day, time(12))
        self.env.cr.execute(
            "SELECT (%s::date::timestamp AT TIME ZONE 'America/New_York')"
            " AT TIME ZONE 'UTC'",
            [noon],
        )
        return self.env.cr.fetchone()[0]

    def test_invoices_are_of_their_day(self):
        """One dated the day that it was made was made at that moment; others begin
        with their day, which is not the evening before."""
        invoices = (
            self._invoice_dated(self.evening)
            + self._invoice_dated(self.night.date())
            + self._invoice_dated(self.evening, move_type="out_refund")
        )
        for invoice in invoices:
            self._created(invoice)
        posted = self._harvested("invoice_posted")
        self.assertEqual(
            posted.mapped("date"), [self.night, self._midnight(self.night.date())]
        )
        credited = self._harvested("credit_note_posted")
        self.assertEqual(credited.date, self.night)

    def test_payments_are_of_their_day(self):
        payments = self.env["account.payment"].create(
            [
                {"partner_id": self.customer.id, "amount": 40, "date": day}
                for day in (self.evening, self.night.date())
            ]
        )
        payments.action_post()
        for payment in payments:
            self._created(payment)
        self.assertEqual(
            self._harvested("payment_received").mapped("date"),
            [self.night, self._midnight(self.night.date())],
        )

    def test_bank_lines_are_of_their_day(self):
        invoice = self._invoice_dated(self.evening)
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "partner_id": self.customer.id,
                "payment_ref": invoice.name,
                "amount": 100,
                "date": self.evening,
            }
        )
        _liquidity, suspense, _other = line._seek_for_lines()
        owed = invoice.line_ids.filtered(
            lambda each: each.account_type == "asset_receivable"
        )
        suspense.account_id = owed.account_id
        (suspense + owed).reconcile()
        self._created(line)
        paid = self._harvested("bank_payment_received", kind="payment_received")
        self.assertEqual(paid.date, self.night)

    def test_invoices_are_overdue_when_the_day_is_over(self):
        invoice = self._invoice_dated(self.evening)
        self.assertEqual(invoice.invoice_date_due, self.evening)
        self.assertEqual(
            self._harvested("invoice_overdue").date, self._midnight(self.night.date())
        )
        # where it is today still, though not in Greenwich, or the other way round
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            self.company.partner_id.tz = zone
            self.env.cr.execute("SELECT (now() AT TIME ZONE %s)::date", [zone])
            [today] = self.env.cr.fetchone()
            due = self._invoice_dated(today)
            late = self._invoice_dated(today - timedelta(days=1))
            found = self._harvested("invoice_overdue")
            self.assertNotIn(due.id, found.mapped("res_id"), zone)
            self.assertIn(late.id, found.mapped("res_id"), zone)
