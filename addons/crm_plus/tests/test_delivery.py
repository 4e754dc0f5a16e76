from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .test_pipeline_products import PipelineCommon


class DeliveryCommon(PipelineCommon):
    """Orders of the deal, delivered, open and late."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = fields.Datetime.now()
        cls.today = fields.Date.today()
        cls.portal = cls._create_portal_user()
        cls.portal.partner_id.parent_id = cls.customer
        cls.company.partner_id.tz = "UTC"

    def _deliver_order(self, promised, *, done=None, quantity=2, **values):
        """An order whose transfer is promised so many days from now, and done so."""
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "opportunity_id": self.deal.id,
                "user_id": self.seller.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": self.machine.id,
                            "product_uom_qty": quantity,
                            "tax_ids": False,
                        }
                    )
                ],
                **values,
            }
        )
        order.action_confirm()
        picking = order.picking_ids
        picking.move_ids.date_deadline = self.now + timedelta(days=promised)
        if done is not None:
            picking.move_ids.write({"quantity": quantity, "picked": True})
            picking._action_done()
            picking.date_done = self.now + timedelta(days=done)
        return picking

    def _rows(self, *pickings, user=None):
        self.env.invalidate_all()
        return (
            self.env["crm.delivery.report"]
            .with_user(user or self.env.user)
            .search([("picking_id", "in", [one.id for one in pickings])], order="id")
        )


@tagged("post_install", "-at_install")
class TestDelivery(DeliveryCommon):
    def test_late_is_against_the_promise(self):
        for promised, done, state, days in (
            (3, None, "open", 0),
            (0, None, "open", 0),
            (-1, None, "late", 1),
            (-40, None, "late", 40),
            (-2, -2, "done", 0),
            (-2, -5, "done", 0),
            (-6, -2, "done_late", 4),
        ):
            with self.subTest(promised=promised, done=done):
                picking = self._deliver_order(promised, done=done)
                self.assertRecordValues(
                    self._rows(picking),
                    [
                        {
                            "direction": "delivery",
                            "state": state,
                            "days_late": days,
                            "date_promised": self.today + timedelta(days=promised),
                            "partner_id": self.customer.id,
                            "lead_id": self.deal.id,
                            "order_id": picking.sale_id.id,
                            "user_id": self.seller.id,
                            "products": "2 x Machine",
                        }
                    ],
                )

    def test_a_new_schedule_of_the_warehouse_moves_no_promise(self):
        picking = self._deliver_order(-3)
        picking.scheduled_date = self.now + timedelta(days=9)
        self.assertEqual(self._rows(picking).days_late, 3)

    def test_without_a_promise_the_schedule_counts(self):
        picking = self._deliver_order(-3)
        picking.scheduled_date = self.now - timedelta(days=2)
        self.env.flush_all()
        # a transfer made by hand has none
        self.env.cr.execute(
            "UPDATE stock_picking SET date_deadline = NULL WHERE id = %s", (picking.id,)
        )
        self.assertEqual(self._rows(picking).days_late, 2)

    def test_days_are_those_of_the_company(self):
        """Whoever looks; on the report, the deal, the profile and in the timeline."""
        day = fields.Datetime.to_datetime(self.today) - timedelta(days=5)
        # where the day begins at 15 o'clock of UTC
        self.company.partner_id.tz = "Asia/Tokyo"
        for promised, done, days in (
            # of one day of Tokyo, of two days of UTC
            (day + timedelta(hours=16), day + timedelta(hours=34), 0),
            # of two days of Tokyo, of one day of UTC
            (day + timedelta(hours=14), day + timedelta(hours=16), 1),
        ):
            picking = self._deliver_order(-5, done=-5)
            picking.move_ids.date_deadline = promised
            picking.date_done = done
            for tz in ("America/New_York", "Europe/Brussels", "UTC"):
                with self.subTest(days=days, tz=tz):
                    self.seller.tz = tz
                    row = self._rows(picking, user=self.seller)
                    self.assertEqual(row.days_late, days)
                    self.assertEqual((row.date_done - row.date_promised).days, days)
            self.env["crm.touchpoint"]._harvest(["delivery_late"])
            self.assertEqual(len(self._late_touchpoints(picking)), days)
            deal = self.deal.with_user(self.seller)
            [step] = [s for s in deal.progress if s["key"] == "delivered"]
            self.assertEqual(
                step["words"], "In full, late by a day" if days else "In full"
            )
            Profile = self.env["crm.customer.profile"].sudo()
            Profile._rebuild(self.customer.ids)
            profile = Profile.search(
                [
                    ("partner_id", "=", self.customer.id),
                    ("company_id", "=", self.company.id),
                ]
            )
            self.assertEqual(profile.delivery_late_12, days)
            picking.sale_id.opportunity_id = False

    def test_a_delivery_that_nobody_promised_is_late_on_the_profile_too(self):
        picking = self._deliver_order(-9, done=-2)
        self.env.flush_all()
        self.env.cr.execute(
            """UPDATE stock_picking SET date_deadline = NULL, scheduled_date = %s
                WHERE id = %s""",
            (self.now - timedelta(days=5), picking.id),
        )
        self.env.invalidate_all()
        self.assertEqual(self._rows(picking).days_late, 3)
        Profile = self.env["crm.customer.profile"].sudo()
        Profile._rebuild(self.customer.ids)
        profile = Profile.search([("partner_id", "=", self.customer.id)])
        self.assertEqual(profile.delivery_late_12, 1)

    def test_deals_of_colleagues_are_not_named(self):
        """A transfer is for all who sell, a deal for who may read it."""
        picking = self._deliver_order(-3)
        for user, lead in (
            (self.seller, self.deal),
            (self.seller_2, self.deal.browse()),
            (self.manager, self.deal),
        ):
            with self.subTest(user.login):
                [values] = self._rows(picking, user=user).web_read(
                    {"lead_id": {"fields": {"display_name": {}}}}
                )
                self.assertEqual((values["lead_id"] or {}).get("id", False), lead.id)
                found = (
                    self.env["crm.delivery.report"]
                    .with_user(user)
                    .search([("lead_id", "ilike", "harbour")])
                )
                self.assertEqual(bool(found), bool(lead))
        # also of a deal that was lost
        self.deal.action_set_lost()
        self.assertEqual(self._rows(picking, user=self.seller).lead_id, self.deal)

    def test_what_is_no_delivery(self):
        cancelled = self._deliver_order(-3)
        cancelled.action_cancel()
        internal = self.env["stock.picking"].create(
            {
                "picking_type_id": self.warehouse.int_type_id.id,
                "location_id": self.warehouse.lot_stock_id.id,
                "location_dest_id": self.warehouse.lot_stock_id.id,
                "partner_id": self.customer.id,
                "move_ids": [
                    Command.create(
                        {
                            "product_id": self.machine.id,
                            "product_uom_qty": 1,
                            "location_id": self.warehouse.lot_stock_id.id,
                            "location_dest_id": self.warehouse.lot_stock_id.id,
                        }
                    )
                ],
            }
        )
        internal.action_confirm()
        self.assertFalse(self._rows(cancelled, internal))

    def test_return(self):
        picking = self._deliver_order(-2, done=-2)
        wizard = (
            self.env["stock.return.picking"]
            .with_context(active_id=picking.id, active_model="stock.picking")
            .create({"picking_id": picking.id})
        )
        wizard.product_return_moves.quantity = 1
        back = wizard._create_return()
        row = self._rows(back)
        self.assertEqual(
            (row.direction, row.state, row.days_late), ("return", "open", 0)
        )
        self.assertEqual(row.products, "1 x Machine")

    def test_words_on_the_customer(self):
        contact = self.customer_contact.with_user(self.seller)
        self.assertFalse(contact.customer_delivery_words)
        for promised, done, words in (
            (-2, -2, "None open"),
            (3, None, "1 open"),
            (-3, None, "2 open, 1 late"),
        ):
            self._deliver_order(promised, done=done)
            self.env.invalidate_all()
            self.assertEqual(contact.customer_delivery_words, words)
        self.assertTrue(contact.customer_delivery_late)
        rows = self.env["crm.delivery.report"].search(
            contact.action_view_deliveries()["domain"]
        )
        self.assertEqual(len(rows), 3)
        deal = self.deal.with_user(self.seller)
        self.assertEqual(
            self.env["crm.delivery.report"].search(
                deal.action_view_deliveries()["domain"]
            ),
            rows,
        )

    def test_late_ones_are_in_the_line_of_the_customer(self):
        def facts(user):
            self.env.invalidate_all()
            customer = self.customer.with_user(user)
            headers = customer._get_customer_headers()
            return [one["text"] for one in headers[customer.id]["facts"]]

        self._deliver_order(3)
        self.assertFalse(facts(self.seller))
        self._deliver_order(-3)
        self.assertEqual(facts(self.seller), ["A delivery is late"])
        self._deliver_order(-3)
        self.assertEqual(facts(self.seller), ["2 late deliveries"])
        self.assertFalse(facts(self.accountant))

    def test_buttons_of_the_page(self):
        def methods(user):
            customer = self.customer.with_user(user)
            buttons = customer._get_customer_buttons()
            return {one["method"] for one in buttons} & {
                "action_print_customer_sheet",
                "action_send_statement",
            }

        self.assertEqual(methods(self.seller), {"action_print_customer_sheet"})
        self.assertEqual(methods(self.accountant), {"action_send_statement"})
        action = self.customer.with_user(self.seller).action_print_customer_sheet()
        self.assertEqual(action["context"]["active_ids"], self.customer.ids)
        action = self.customer.with_user(self.accountant).action_send_statement()
        wizard = (
            self.env["crm.customer.statement"]
            .with_user(self.accountant)
            .with_context(**action["context"])
            .create({})
        )
        self.assertEqual(wizard.partner_ids, self.customer)

    def test_rights(self):
        self.assertFalse(self.seller.has_group("stock.group_stock_user"))
        picking = self._deliver_order(-3)
        for user in (self.seller, self.seller_2, self.manager):
            with self.subTest(user.login):
                self.assertEqual(self._rows(picking, user=user).days_late, 3)
                [values] = self._rows(picking, user=user).web_read(
                    {"order_id": {"fields": {"display_name": {}}}, "order_name": {}}
                )
                self.assertEqual(
                    values["order_id"]["display_name"],
                    picking.sale_id.name,
                    "also of the order of a colleague",
                )
                self.assertEqual(
                    self._rows(picking, user=user).action_open_picking()["res_id"],
                    picking.id,
                )
        self.assertFalse(self._rows(picking, user=self.user_other_company))
        for user in (self.accountant, self.portal, self.user_employee):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._rows(picking, user=user)
        for name in ("customer_delivery_words", "customer_delivery_late"):
            with self.subTest(name), self.assertRaises(AccessError):
                self.customer.with_user(self.portal).read([name])

    # ------------------------------------------------------------
    # Touchpoints
    # ------------------------------------------------------------

    def _late_touchpoints(self, picking):
        return self.env["crm.touchpoint"].search(
            [
                ("kind_id.code", "=", "delivery_late"),
                ("res_model", "=", "stock.picking"),
                ("res_id", "=", picking.id),
            ]
        )

    def test_late_without_a_write_is_a_touchpoint_once(self):
        Touchpoint = self.env["crm.touchpoint"]
        picking = self._deliver_order(-3)
        on_time = self._deliver_order(0)
        source = Touchpoint._get_sources_by_key()["delivery_late"]
        # nothing was written for long, the promise passed since the last harvest
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE stock_picking SET write_date = %s WHERE id = %s",
            (self.now - timedelta(days=60), picking.id),
        )

        midnight = fields.Datetime.to_datetime(self.today - timedelta(days=2))
        # a day on it is late wherever a company may be
        later = midnight + timedelta(days=1)
        Touchpoint._harvest_source(source, since=later + timedelta(seconds=1))
        self.assertFalse(self._late_touchpoints(picking))
        Touchpoint._harvest_source(source, since=later)

        found = self._late_touchpoints(picking)
        self.assertRecordValues(
            found,
            [
                {
                    "date": midnight,
                    "channel": "delivery",
                    "partner_id": picking.partner_id.id,
                    "commercial_partner_id": self.customer.id,
                    "lead_id": self.deal.id,
                    "user_id": self.seller.id,
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertFalse(self._late_touchpoints(on_time))
        picking.move_ids.date_deadline = self.now - timedelta(days=1)
        Touchpoint._harvest(["delivery_late"])
        Touchpoint._harvest(["delivery_late"])
        self.assertEqual(self._late_touchpoints(picking), found)

    def test_late_by_the_cron(self):
        picking = self._deliver_order(-3)
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_harvest_touchpoints").method_direct_trigger()
        self.assertEqual(len(self._late_touchpoints(picking)), 1)

    def test_delivered_late_and_delivered_in_time(self):
        late = self._deliver_order(-6, done=-2)
        in_time = self._deliver_order(-2, done=-2)
        cancelled = self._deliver_order(-2)
        cancelled.action_cancel()
        self.env["crm.touchpoint"]._harvest(["delivery_late"])
        self.assertEqual(len(self._late_touchpoints(late)), 1)
        self.assertFalse(self._late_touchpoints(in_time))
        self.assertFalse(self._late_touchpoints(cancelled))
