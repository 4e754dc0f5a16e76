from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from .test_pipeline_products import PipelineCommon


class InvoiceCommon(PipelineCommon):
    """The deal of the seller is won today for 1800: two machines."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.today = fields.Date.today()
        cls._add_interest(cls.deal, cls.machine, quantity=2)
        cls.deal.expected_revenue = 1800
        cls.deal.action_set_won()

    @classmethod
    def _invoice(cls, product=None, *, quantity=2, post=True, **values):
        move = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": cls.customer_contact.id,
                "company_id": cls.company.id,
                "invoice_date": cls.today,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": (product or cls.machine).id,
                            "quantity": quantity,
                            "tax_ids": False,
                        }
                    )
                ],
                **values,
            }
        )
        if post:
            move.action_post()
        return move

    def _suggestions(self, move):
        self.env["crm.invoice.suggestion"].invalidate_model()
        return self.env["crm.invoice.suggestion"]._of_moves(move)


@tagged("post_install", "-at_install")
class TestPipelineInvoice(InvoiceCommon):
    def _order(self, lead):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "opportunity_id": lead.id,
                "order_line": [
                    Command.create(
                        {"product_id": self.machine.id, "product_uom_qty": 1}
                    )
                ],
            }
        )
        order.order_line.product_id.invoice_policy = "order"
        order.action_confirm()
        return order

    # ------------------------------------------------------------
    # From the order
    # ------------------------------------------------------------

    def test_invoice_and_credit_note_of_an_order_know_the_deal(self):
        invoice = self._order(self.deal)._create_invoices()
        self.assertEqual(invoice.opportunity_id, self.deal)
        invoice.action_post()

        credit_note = invoice._reverse_moves()

        self.assertEqual(credit_note.opportunity_id, self.deal)
        self.assertFalse(invoice.copy().opportunity_id)

    def test_order_that_gets_its_deal_later_brings_its_invoices(self):
        order = self._order(self.env["crm.lead"])
        invoice = order._create_invoices()
        self.assertFalse(invoice.opportunity_id)

        order.with_user(self.manager).opportunity_id = self.deal

        self.assertEqual(invoice.opportunity_id, self.deal)

    def test_posting_links_what_creation_did_not(self):
        invoice = self._order(self.deal)._create_invoices()
        invoice.opportunity_id = False
        invoice.with_user(self.accountant).action_post()
        self.assertEqual(invoice.opportunity_id, self.deal)

    def test_history_is_linked_at_install(self):
        invoice = self._order(self.deal)._create_invoices()
        invoice.action_post()
        credit_note = invoice._reverse_moves()
        other = self._invoice()
        (invoice | credit_note).opportunity_id = False
        self.env.flush_all()

        self.env["account.move"]._link_history()
        self.env.invalidate_all()

        self.assertEqual((invoice | credit_note).opportunity_id, self.deal)
        self.assertFalse(other.opportunity_id)

    def test_merged_deals_keep_their_invoices(self):
        [other] = self._create_leads(
            1, type="opportunity", partner_id=self.customer.id, probability=90
        )
        invoice = self._invoice(opportunity_id=self.deal.id)
        merged = (self.deal | other).merge_opportunity()
        self.assertEqual(invoice.opportunity_id, merged)

    # ------------------------------------------------------------
    # Suggested
    # ------------------------------------------------------------

    def test_same_customer_product_time_and_amount_is_100(self):
        suggestion = self._suggestions(self._invoice())
        self.assertRecordValues(
            suggestion,
            [
                {
                    "lead_id": self.deal.id,
                    "strength": 100,
                    "same_product_count": 1,
                    "product_count": 1,
                }
            ],
        )
        self.assertIn("1 of 1 products", suggestion.why)

    def test_strength_falls_with_what_differs(self):
        # 30 customer + 0 product + 15 time + 15 x (40 / 1800) amount
        self.assertEqual(self._suggestions(self._invoice(self.beans)).strength, 45)
        # 30 customer + 40 product + 7.5 time + 15 amount
        late = self._invoice(invoice_date=self.today + timedelta(days=90))
        self.assertEqual(self._suggestions(late).strength, 93)

    def test_no_suggestion(self):
        [lost] = self._create_leads(
            1, type="opportunity", partner_id=self.customer_2.id
        )
        self._add_interest(lost, self.machine)
        lost.action_set_lost()
        draft = self._invoice(post=False)
        for what, move in (
            ("other customer, lost deal", self._invoice(partner_id=self.customer_2.id)),
            ("draft", draft),
            ("too late", self._invoice(invoice_date=self.today + timedelta(days=181))),
            ("linked", self._invoice(opportunity_id=self.deal.id)),
        ):
            with self.subTest(what):
                self.assertFalse(self._suggestions(move))

    def test_the_three_strongest(self):
        for revenue in (1800, 900, 450, 225):
            [lead] = self._create_leads(
                1,
                type="opportunity",
                partner_id=self.customer.id,
                company_id=self.company.id,
                expected_revenue=revenue,
            )
            self._add_interest(lead, self.machine)
        found = self._suggestions(self._invoice())
        self.assertEqual(found.mapped("strength"), [100, 93, 85])

    def test_accountant_links_with_one_click_and_it_is_tracked(self):
        campaign = self.env["utm.campaign"].create({"name": "Autumn"})
        self.deal.campaign_id = campaign
        invoice = self._invoice()
        self._harvest_queued()
        as_accountant = invoice.with_user(self.accountant)
        with self.assertRaises(AccessError):
            self.deal.with_user(self.accountant).read(["name"])
        self.assertEqual(as_accountant.opportunity_suggestion, self.deal.name)

        as_accountant.action_link_suggestion()
        self.flush_tracking()

        self.assertEqual(invoice.opportunity_id, self.deal)
        self.assertEqual(invoice.campaign_id, campaign)
        self.assertIn(
            "opportunity_id",
            invoice.message_ids.tracking_value_ids.field_id.mapped("name"),
        )
        touchpoint = self.env["crm.touchpoint"].search(
            [("res_model", "=", "account.move"), ("res_id", "=", invoice.id)]
        )
        self.assertEqual(touchpoint.lead_id, self.deal)

    def test_invoice_of_no_deal_is_asked_for_no_more(self):
        invoice = self._invoice()
        invoice.with_user(self.accountant).action_no_opportunity()
        self.assertFalse(self._suggestions(invoice))
        self.assertFalse(invoice.opportunity_suggestion)

    def test_only_accounting_links(self):
        invoice = self._invoice(invoice_user_id=self.seller.id)
        suggestion = self._suggestions(invoice)
        for user in (self.seller, self.manager, self.user_other_company):
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    suggestion.with_user(user).action_link()
                with self.assertRaises(AccessError):
                    suggestion.with_user(user).read(["strength"])
                with self.assertRaises(AccessError):
                    invoice.with_user(user).action_no_opportunity()
        self.assertFalse(invoice.opportunity_id)

    def test_suggestions_of_a_list_are_one_question(self):
        moves = self.env["account.move"].concat(*(self._invoice() for _ in range(6)))
        self.env.flush_all()
        self.env.invalidate_all()
        moves.mapped("state")
        with self.assertQueryCount(3):
            moves.mapped("opportunity_suggestion")


@tagged("post_install", "-at_install", "crm_plus_tour")
class TestInvoiceLinkTour(InvoiceCommon, HttpCase):
    def test_accountant_links_an_invoice(self):
        invoice = self._invoice()
        self.start_tour(
            "/odoo/invoices-without-opportunity",
            "crm_plus_invoice_link",
            login=self.accountant.login,
        )
        self.assertEqual(invoice.opportunity_id, self.deal)
