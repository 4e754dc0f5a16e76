import itertools
import random
from datetime import datetime, time, timedelta
from unittest.mock import patch

import psycopg2

from odoo import Command, fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, new_test_user, tagged

from ..models.attribution import crm_attribution_freeze
from ..tools.attribution import MODELS, get_shares
from .test_customer_profile import CustomerProfileCommon

SHARES = [f"share_{model}" for model, _name in MODELS]


class AttributionCommon(CustomerProfileCommon):
    """Three campaigns; beans are sold by tens, which cost 60."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Attribution = cls.env["crm.attribution"].sudo()
        cls.Report = cls.env["crm.attribution.report"].sudo()
        cls.kind = cls.env["crm.touchpoint.kind"].create(
            {"name": "Clicked", "code": "test_clicked", "is_marketing": True}
        )
        cls.spring, cls.summer, cls.autumn = cls.env["utm.campaign"].create(
            [{"name": name} for name in ("Spring", "Summer", "Autumn")]
        )
        cls.fair = cls.env["utm.source"].create({"name": "Fair"})
        cls.manager = new_test_user(
            cls.env,
            login="attribution_manager",
            groups="sales_team.group_sale_manager",
            company_id=cls.company.id,
        )
        cls.numbers = itertools.count()

    @classmethod
    def _touch(cls, days_ago, campaign=None, partner=None, **values):
        """A touchpoint at noon, so many days ago."""
        number = next(cls.numbers)
        partner = partner or cls.contact
        return (
            cls.env["crm.touchpoint"]
            .sudo()
            .create(
                {
                    "kind_id": cls.kind.id,
                    "date": datetime.combine(
                        cls.today - timedelta(days=days_ago), time(12)
                    ),
                    "partner_id": partner.id,
                    "commercial_partner_id": partner.commercial_partner_id.id,
                    "company_id": cls.company.id,
                    "campaign_id": campaign and campaign.id,
                    "source_id": cls.fair.id,
                    "res_model": "res.partner",
                    "res_id": partner.id,
                    "occurrence": f"test {number}",
                    **values,
                }
            )
        )

    def _path(self, move):
        """The attribution of an invoice, posted and committed."""
        self._commit()
        return self.Attribution.search([("move_id", "=", move.id)])

    def _run_cron(self):
        with self.enter_registry_test_mode():
            cron = self.env.ref("crm_plus.ir_cron_attribute_invoices").sudo()
            cron.method_direct_trigger()
        self.env.invalidate_all()

    def _sums(self, campaign, *names, domain=()):
        """Sums of the report for a campaign (None: unknown)."""
        self.env.flush_all()
        [sums] = self.Report._read_group(
            [
                ("company_id", "=", self.company.id),
                ("campaign_id", "=", campaign.id if campaign else False),
                *domain,
            ],
            [],
            [f"{name}:sum" for name in names],
        )
        return [round(value or 0, 4) for value in sums]


@tagged("post_install", "-at_install", "crm_plus_attribution")
class TestAttribution(AttributionCommon):
    # ------------------------------------------------------------
    # Paths and shares
    # ------------------------------------------------------------

    def test_shares_in_each_model(self):
        for days, campaign in ((44, self.spring), (30, self.summer), (16, self.autumn)):
            self._touch(days, campaign)

        attribution = self._path(self._invoice(10, 100))

        self.assertRecordValues(
            attribution,
            [
                {
                    "revenue": 100,
                    "margin": 40,
                    "revenue_unknown": 0,
                    "trigger": "posted",
                    "lookback_days": 365,
                    "half_life_days": 14,
                    "touch_count": 3,
                }
            ],
        )
        self.assertEqual(
            attribution.touch_ids.campaign_id, self.spring + self.summer + self.autumn
        )
        expected = {
            "share_first": [1, 0, 0],
            "share_last": [0, 0, 1],
            "share_linear": [1 / 3] * 3,
            "share_u_shape": [0.4, 0.2, 0.4],
            "share_decay": [1 / 7, 2 / 7, 4 / 7],
        }
        for name, shares in expected.items():
            for share, right in zip(
                attribution.touch_ids.mapped(name), shares, strict=True
            ):
                with self.subTest(name):
                    self.assertAlmostEqual(share, right, places=6)

    def test_sql_and_rule_agree(self):
        """Paths of random length and distance: what the SQL says, the rule says."""
        chance = random.Random(45)
        moves = self.env["account.move"]
        for number in range(12):
            partner = self.env["res.partner"].create({"name": f"Random {number}"})
            for _touch in range(chance.randrange(1, 9)):
                # several may be of one moment
                self._touch(chance.choice((0, 1, 2, 50, 300)), partner=partner)
            moves += self._invoice(0, partner=partner)
        self._commit()
        for attribution in self.Attribution.search([("move_id", "in", moves.ids)]):
            touches = attribution.touch_ids
            ages = [
                (touches[-1].date - touch.date).total_seconds() / 86400
                for touch in touches
            ]
            self.assertEqual(ages, sorted(ages, reverse=True))
            for model, _name in MODELS:
                for touch, share in zip(touches, get_shares(model, ages), strict=True):
                    self.assertAlmostEqual(touch[f"share_{model}"], share, places=9)
        self.assertEqual(
            len(self.Attribution.search([("move_id", "in", moves.ids)])), 12
        )

    def test_what_does_not_count(self):
        unused = self.kind.copy({"code": "test_unused"})
        unused.is_attributed = False
        other = self.setup_other_company(name="Second House")["company"]
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        for case, values in (
            ("a machine", {"is_machine": True}),
            ("a kind that earns nothing", {"kind_id": unused.id}),
            ("of another company", {"company_id": other.id}),
            ("of another customer", {"partner": stranger}),
            ("after the invoice", {"days_ago": 9}),
            ("before the look-back", {"days_ago": 376}),
        ):
            with self.subTest(case):
                self._touch(
                    **{"days_ago": 20, "campaign": self.spring, **values},
                )
                attribution = self._path(self._invoice(10))
                self.assertEqual(len(attribution.touch_ids), 1)
                self.assertTrue(attribution.touch_ids.is_unknown)
        for case, values in (
            ("of no company", {"company_id": False}),
            ("on the day of the invoice", {"days_ago": 10}),
            ("the day the look-back begins", {"days_ago": 374}),
            ("of the customer itself", {"partner": self.customer}),
        ):
            with self.subTest(case):
                touch = self._touch(**{"days_ago": 20, **values})
                attribution = self._path(self._invoice(10))
                self.assertIn(touch, attribution.touch_ids.touchpoint_id)

    def test_no_touchpoint_is_unknown_with_the_whole_share(self):
        attribution = self._path(self._invoice(10))
        self.assertEqual(attribution.touch_count, 0)
        [shares] = attribution.touch_ids.read(SHARES)
        self.assertEqual([shares[name] for name in SHARES], [1] * 5)
        self.assertFalse(attribution.touch_ids.campaign_id)
        self.assertEqual(self._sums(None, "revenue_first", "revenue_decay"), [100, 100])

    def test_long_paths_are_bounded(self):
        first = self._touch(300, self.spring)
        for _number in range(12):
            self._touch(20, self.summer)
        with patch.object(crm_attribution_freeze, "PATH_LIMIT", 5):
            attribution = self._path(self._invoice(10))
        self.assertEqual(len(attribution.touch_ids), 5)
        self.assertEqual(attribution.touch_ids[0].touchpoint_id, first)
        for name in SHARES:
            self.assertAlmostEqual(sum(attribution.touch_ids.mapped(name)), 1)

    def test_touchpoints_of_the_same_transaction(self):
        """The lead that came today and the invoice posted with it."""
        lead = self.env["crm.lead"].create(
            {
                "name": "Walk-in",
                "partner_id": self.contact.id,
                "campaign_id": self.spring.id,
                "company_id": self.company.id,
            }
        )
        attribution = self._path(self._invoice(0))
        self.assertEqual(attribution.touch_ids.touchpoint_id.lead_id, lead)
        self.assertEqual(attribution.touch_ids.campaign_id, self.spring)

    def test_kinds_that_earn_as_a_rule(self):
        Kind = self.env["crm.touchpoint.kind"]
        earning = Kind.search([("is_attributed", "=", True)]).mapped("code")
        self.assertIn("lead_created", earning)
        self.assertIn("email_in", earning)
        for code in ("order_confirmed", "invoice_paid", "return_done", "email_out"):
            self.assertNotIn(code, earning)

    def test_settings(self):
        Params = self.env["ir.config_parameter"].sudo()
        Params.set_param("crm_plus.attribution_lookback_days", 30)
        Params.set_param("crm_plus.attribution_half_life_days", 7)
        self._touch(50, self.spring)
        self._touch(27, self.summer)
        self._touch(20, self.autumn)

        attribution = self._path(self._invoice(10))

        self.assertEqual(
            attribution.touch_ids.campaign_id.ids, (self.summer + self.autumn).ids
        )
        self.assertAlmostEqual(attribution.touch_ids[0].share_decay, 1 / 3, places=6)
        self.assertEqual(
            (attribution.lookback_days, attribution.half_life_days), (30, 7)
        )
        with self.assertRaises(ValidationError):
            self.env["res.config.settings"].sudo().create(
                {"crm_plus_attribution_half_life_days": 0}
            )

    # ------------------------------------------------------------
    # Money
    # ------------------------------------------------------------

    def test_credit_notes_take_back_from_whom_the_invoice_gave_to(self):
        self._touch(30, self.spring)
        invoice = self._invoice(20, 100)
        self._commit()
        self._touch(15, self.summer)
        credit_note = invoice._reverse_moves([{"invoice_date": self.today}])
        credit_note.invoice_line_ids.quantity = 5
        credit_note.action_post()

        attribution = self._path(credit_note)

        self.assertEqual(attribution.origin_id.move_id, invoice)
        self.assertEqual(attribution.touch_ids.campaign_id, self.spring)
        self.assertEqual((attribution.revenue, attribution.margin), (-50, -20))
        names = ("revenue_last", "margin_last", "count_last")
        self.assertEqual(self._sums(self.spring, *names), [50, 20, 1])
        self.assertEqual(self._sums(self.summer, *names), [0, 0, 0])

    def test_credit_notes_of_orders_follow_the_first_invoice(self):
        self.beans.invoice_policy = "order"
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "order_line": [
                    Command.create({"product_id": self.beans.id, "product_uom_qty": 10})
                ],
            }
        )
        order.action_confirm()
        self._touch(3, self.spring)
        invoice = order._create_invoices()
        invoice.action_post()
        self._commit()
        self._touch(1, self.summer)
        order.order_line.product_uom_qty = 4
        credit_note = order._create_invoices(final=True)
        self.assertEqual(credit_note.move_type, "out_refund")
        self.assertFalse(credit_note.reversed_entry_id)
        credit_note.action_post()

        attribution = self._path(credit_note)

        self.assertEqual(attribution.origin_id.move_id, invoice)
        self.assertEqual(attribution.touch_ids.campaign_id, self.spring)

    def test_credit_note_of_nothing_has_its_own_path(self):
        self._touch(15, self.summer)
        attribution = self._path(self._invoice(5, 30, move_type="out_refund"))
        self.assertFalse(attribution.origin_id)
        self.assertEqual(attribution.revenue, -30)
        self.assertEqual(attribution.touch_ids.campaign_id, self.summer)

    def test_an_invoice_and_its_credit_note_in_one_batch(self):
        self._touch(30, self.spring)
        invoice = self._invoice(20, 100)
        credit_note = invoice._reverse_moves([{"invoice_date": self.today}])
        credit_note.action_post()
        self.assertEqual(self._path(credit_note).origin_id, self._path(invoice))

    def test_paid_is_the_paid_share(self):
        self._touch(30, self.spring)
        invoice = self._invoice(20, 100)
        self._path(invoice)
        names = ("revenue_linear", "paid_linear")
        self.assertEqual(self._sums(self.spring, *names), [100, 0])
        self._pay(invoice, 3)
        self.assertEqual(self._sums(self.spring, *names), [100, 100])

    def test_foreign_currency_and_unknown_cost(self):
        currency = self.setup_other_currency(
            "GBP", rates=[("1900-01-01", 2), ("2017-01-01", 4)]
        )
        self._touch(30, self.spring)
        attribution = self._path(self._invoice(20, 100, currency_id=currency.id))
        self.assertEqual((attribution.revenue, attribution.margin), (25, -35))
        attribution = self._path(self._invoice(20, 100, product=self.advice))
        self.assertRecordValues(
            attribution, [{"revenue": 100, "margin": 0, "revenue_unknown": 100}]
        )

    def test_each_model_sums_up_to_what_was_invoiced(self):
        for days, campaign in ((44, self.spring), (30, self.summer), (16, None)):
            self._touch(days, campaign)
        for days in (50, 40, 10, 1):
            self._invoice(days, 100 + days)
        self._commit()
        self.env.flush_all()
        [sums] = self.Report._read_group(
            [("company_id", "=", self.company.id)],
            [],
            [f"revenue_{model}:sum" for model, _name in MODELS],
        )
        for total in sums:
            self.assertAlmostEqual(total, 501)

    def test_first_invoices_make_customers(self):
        self._touch(60, self.spring)
        self._invoice(50)
        self._touch(20, self.summer)
        self._invoice(10)
        self._commit()
        new = [("is_new", "=", True)]
        self.assertEqual(self._sums(self.spring, "count_last", domain=new), [1])
        self.assertEqual(self._sums(self.summer, "count_last", domain=new), [0])
        self.assertEqual(self._sums(self.summer, "count_last"), [1])

    # ------------------------------------------------------------
    # Frozen
    # ------------------------------------------------------------

    def test_later_touchpoints_and_costs_change_nothing(self):
        touch = self._touch(30, self.spring)
        invoice = self._invoice(20)
        attribution = self._path(invoice)
        self._touch(25, self.summer)
        self.beans.standard_price = 9
        self._run_cron()
        touch.unlink()  # the ledger forgets after a while
        self.assertEqual(attribution.touch_ids.campaign_id, self.spring)
        self.assertEqual(attribution.touch_ids.kind_id, self.kind)
        self.assertEqual(attribution.margin, 40)

    def test_managers_compute_again_with_a_reason(self):
        self._touch(30, self.spring)
        invoice = self._invoice(20)
        attribution = self._path(invoice)
        credit_note = invoice._reverse_moves([{"invoice_date": self.today}])
        credit_note.action_post()
        self._commit()
        self._touch(25, self.summer)
        form = Form(
            self.env["crm.attribution.recompute"]
            .with_user(self.manager)
            .with_context(active_model="crm.attribution", active_ids=attribution.ids)
        )
        form.reason = "A campaign was recorded late"
        form.save().action_recompute()

        self.assertRecordValues(
            attribution,
            [
                {
                    "trigger": "asked",
                    "reason": "A campaign was recorded late",
                    "user_id": self.manager.id,
                    "touch_count": 2,
                }
            ],
        )
        self.assertTrue(attribution.date_computed)
        self.assertEqual(self._path(credit_note).touch_count, 2, "it follows")
        for user in (self.seller, self.accountant):
            with self.subTest(user.login), self.assertRaises(AccessError):
                attribution.with_user(user).action_recompute("Mine")
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.env["crm.attribution.recompute"].with_user(user).create(
                    {"attribution_ids": attribution.ids, "reason": "Mine"}
                )

    def test_many_are_computed_again_by_the_scheduler(self):
        self._touch(30, self.spring)
        attributions = self._path(self._invoice(20)) + self._path(self._invoice(19))
        self._touch(25, self.summer)
        with patch.object(crm_attribution_freeze, "AT_ONCE_LIMIT", 1):
            attributions.action_recompute("All of them")
        self.assertFalse(any(attributions.mapped("date_computed")))
        self.assertEqual(attributions.mapped("touch_count"), [1, 1])
        with patch.object(crm_attribution_freeze, "BATCH_SIZE", 1):
            self._run_cron()
        self.assertTrue(all(attributions.mapped("date_computed")))
        self.assertEqual(attributions.mapped("touch_count"), [2, 2])
        self.assertEqual(attributions.mapped("trigger"), ["asked"] * 2)

    def test_history_is_read_by_the_scheduler(self):
        self._touch(30, self.spring)
        invoice = self._invoice(20)
        attribution = self._path(invoice)
        attribution.unlink()
        self._run_cron()
        attribution = self._path(invoice)
        self.assertEqual(attribution.trigger, "history")
        self.assertEqual(attribution.touch_ids.campaign_id, self.spring)
        self.assertFalse(set(self.Attribution._get_due_move_ids()) & set(invoice.ids))

    def test_drafts_are_in_no_figure_and_posted_again_they_are(self):
        self._touch(30, self.spring)
        invoice = self._invoice(20)
        attribution = self._path(invoice)
        invoice.button_draft()
        self.assertEqual(self._sums(self.spring, "revenue_last"), [0])
        invoice.invoice_line_ids.price_unit = 20
        invoice.action_post()
        self.assertEqual(self._path(invoice), attribution)
        self.assertEqual(attribution.revenue, 200)
        self.assertEqual(self._sums(self.spring, "revenue_last"), [200])

    def test_what_came_after_the_posting_never_counts(self):
        """Not even on the same day, by whoever asks when."""
        invoice = self._invoice(0)
        attribution = self._path(invoice)
        self._touch(0, self.summer, date=fields.Datetime.now() + timedelta(seconds=5))
        with patch.object(
            fields.Datetime, "now", lambda: datetime.now() + timedelta(hours=1)
        ):
            attribution.action_recompute("Later that day")
        self.assertEqual(attribution.touch_count, 0)

    def test_a_failure_does_not_undo_the_posting(self):
        def fail(*args, **kwargs):
            raise psycopg2.DataError("test")

        with (
            patch.object(type(self.Attribution), "_freeze", fail),
            self.assertLogs("odoo.addons.crm_plus.models.attribution", "ERROR"),
        ):
            invoice = self._invoice(20)
            self._commit()
        self.assertEqual(invoice.state, "posted")
        self.assertIn(invoice.id, self.Attribution._get_due_move_ids())

    def test_queries_do_not_grow_with_invoices(self):
        self._touch(60, self.spring)
        moves = self.env["account.move"]
        for days in range(20, 40):
            moves += self._invoice(days)
        self._commit()
        for count in (1, 20):
            self.env.flush_all()
            self.env.invalidate_all()
            with self.subTest(count), self.assertQueryCount(16):
                self.Attribution._freeze(moves[:count].ids)

    # ------------------------------------------------------------
    # Who sees what
    # ------------------------------------------------------------

    def test_amounts_are_for_accounting_and_whoever_may_see_margins(self):
        self._touch(30, self.spring)
        attribution = self._path(self._invoice(20))
        rows = self.Report.search([("attribution_id", "=", attribution.id)])
        for user in (self.accountant, self.seller_amounts):
            with self.subTest(user.login):
                self.assertEqual(attribution.with_user(user).revenue, 100)
                self.assertEqual(rows.with_user(user).margin_last, 40)
        # a manager sees shares
        self.assertEqual(rows.with_user(self.manager).count_last, 1)
        self.assertEqual(attribution.with_user(self.manager).touch_ids.share_last, 1)
        for record, name in ((attribution, "margin"), (rows, "revenue_first")):
            with self.subTest(name), self.assertRaises(AccessError):
                record.with_user(self.manager).read([name])
            with self.subTest(name), self.assertRaises(AccessError):
                record.with_user(self.manager)._read_group([], [], [f"{name}:sum"])
            with self.subTest(name), self.assertRaises(AccessError):
                record.with_user(self.manager).search([(name, ">", 10)])
        # a seller sees nothing of it
        for record in (attribution, attribution.touch_ids, rows):
            with self.subTest(record._name), self.assertRaises(AccessError):
                record.with_user(self.seller).read(["id"])

    def test_button_of_the_invoice(self):
        invoice = self._invoice(20)
        attribution = self._path(invoice)
        action = invoice.with_user(self.accountant).action_view_attribution()
        self.assertEqual(action["res_id"], attribution.id)
