from datetime import datetime, timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged, users, warmup
from odoo.tools import SQL

from .common import CrmPlusCommon


class LifecycleCommon(CrmPlusCommon):
    """Leads of the seller, and a product to sell."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.product = cls.env["product.product"].create(
            {"name": "Roast", "type": "service", "list_price": 100, "taxes_id": False}
        )
        cls.steps = {
            step.code: step for step in cls.env["crm.lifecycle.step"].search([])
        }
        cls.Event = cls.env["crm.lifecycle.event"]

    @classmethod
    def _create_lead(cls, **values):
        return cls._create_leads(**{"type": "lead", **values})

    def _codes(self, record):
        """Events oldest first, as (kind, step)."""
        return [
            (event.kind, event.step_to_id.code)
            for event in record.lifecycle_event_ids.sorted(
                lambda e: (e.date, e.cycle, e.step_to_id.sequence, e.id)
            )
        ]

    def _date_back(self, lead, **columns):
        """Write dates that only SQL can."""
        self.env.flush_all()
        for column, date in columns.items():
            self.env.cr.execute(
                SQL(
                    "UPDATE crm_lead SET %s = %s WHERE id = ANY(%s)",
                    SQL.identifier(column),
                    date,
                    lead.ids,
                )
            )
        self.env.invalidate_all()

    def _sell(self, partner, date, lead=None, invoice=True):
        """Confirm an order dated ``date``, and invoice it."""
        order = self.env["sale.order"].create(
            {
                "partner_id": partner.id,
                "opportunity_id": lead and lead.id,
                "order_line": [Command.create({"product_id": self.product.id})],
            }
        )
        order.action_confirm()
        order.date_order = date
        if invoice:
            self._invoice(partner, date, order)
        self._harvest_queued()
        return order

    def _invoice(self, partner, date, order=None):
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_date": date.date(),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": self.product.id,
                            "price_unit": 100,
                            "sale_line_ids": order
                            and [Command.set(order.order_line.ids)],
                        }
                    )
                ],
            }
        )
        move.action_post()
        return move


@tagged("post_install", "-at_install", "crm_plus_lifecycle")
class TestLifecycleOfLead(LifecycleCommon):
    def test_created(self):
        lead = self._create_lead(partner_id=self.customer_contact.id)
        self._harvest_queued()

        event = lead.lifecycle_event_ids
        self.assertRecordValues(
            event,
            [
                {
                    "target": "lead",
                    "kind": "reached",
                    "commercial_partner_id": self.customer.id,
                    "step_from_id": False,
                    "step_to_id": self.steps["lead"].id,
                    "cycle": 0,
                    "user_id": self.seller.id,
                    "origin": "record",
                }
            ],
        )
        self.assertEqual(lead.lifecycle_step_id, self.steps["lead"])
        self.assertEqual(lead.lifecycle_date, event.date)
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["lead"])
        self.assertFalse(self.customer_contact.lifecycle_step_id, "the company's")

    def test_converted(self):
        lead = self._create_lead(partner_id=self.customer.id)
        self._harvest_queued()
        self._date_back(lead, create_date=datetime(2026, 1, 1))
        self.env.cr.execute(
            "UPDATE crm_lifecycle_event SET date = '2026-01-01' WHERE lead_id = %s",
            [lead.id],
        )

        lead.convert_opportunity(self.customer)
        lead.date_conversion = "2026-01-03 12:00:00"
        self._harvest_queued()

        self.assertEqual(
            self._codes(lead),
            [("reached", "lead"), ("reached", "sql"), ("reached", "opportunity")],
        )
        sql = lead.lifecycle_event_ids.filtered(lambda e: e.step_to_id.code == "sql")
        self.assertEqual(sql.step_from_id, self.steps["lead"])
        self.assertEqual(sql.days_before, 2.5)
        self.assertEqual(lead.lifecycle_step_id, self.steps["opportunity"])
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["opportunity"])

    def test_born_as_opportunity_was_qualified_by_nobody(self):
        lead = self._create_leads()
        self._harvest_queued()
        self.assertEqual(
            self._codes(lead), [("reached", "lead"), ("reached", "opportunity")]
        )

    def test_qualified_by_score(self):
        lead = self._create_lead()
        self._harvest_queued()
        lead.sudo().date_mql = lead.create_date + timedelta(seconds=1)
        self.env["crm.score.model"]._on_scores_changed("crm.lead", lead.ids, lead.ids)
        self._harvest_queued()

        self.assertEqual(self._codes(lead), [("reached", "lead"), ("reached", "mql")])
        self.assertEqual(lead.lifecycle_event_ids[0].origin, "score")

    @users("plus_seller")
    def test_qualified_by_seller(self):
        lead = self._create_lead().with_user(self.env.user)
        lead.action_lifecycle_qualify()
        lead.action_lifecycle_qualify()

        self.assertEqual(self._codes(lead), [("reached", "lead"), ("reached", "sql")])
        self.assertEqual(lead.lifecycle_event_ids[0].origin, "user")

    def test_customer_by_first_invoice_after_creation(self):
        date = fields.Datetime.now() - timedelta(days=30)
        lead = self._create_leads(partner_id=self.customer_contact.id)
        other = self._create_leads(partner_id=self.customer.id)
        late = self._create_leads(partner_id=self.customer.id)
        self._date_back(lead + other, create_date=date - timedelta(days=5))
        self._sell(self.customer, date, lead=lead, invoice=False)
        self._harvest_queued()
        self.assertEqual(lead.lifecycle_step_id, self.steps["opportunity"])
        self.assertNotEqual(self.customer.lifecycle_step_id, self.steps["customer"])

        self._sell(self.customer, date, lead=lead)

        self.assertEqual(lead.lifecycle_step_id, self.steps["customer"])
        self.assertEqual(lead.lifecycle_date.date(), date.date())
        self.assertEqual(
            other.lifecycle_step_id,
            self.steps["opportunity"],
            "the invoice belongs to another deal",
        )
        self.assertEqual(late.lifecycle_step_id, self.steps["opportunity"])
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["customer"])

    def test_second_reading_adds_nothing(self):
        lead = self._create_leads(partner_id=self.customer.id)
        self._date_back(lead, create_date=datetime(2026, 1, 1))
        self._sell(self.customer, datetime(2026, 1, 10), lead=lead)
        self._sell(self.customer, datetime(2026, 2, 10))
        lead.action_set_lost()
        self._harvest_queued()
        events = self.Event.search([])
        values = events.read(["date", "step_from_id", "days_before"])

        self.Event.sudo()._backfill()
        self.assertEqual(self.Event.sudo()._advance_leads(lead.ids), [])

        self.assertEqual(self.Event.search([]), events)
        self.assertEqual(events.read(["date", "step_from_id", "days_before"]), values)

    def test_backfill(self):
        """What was there before the app gets the history it would have had."""
        date = datetime(2026, 1, 1)
        lead = self._create_lead(partner_id=self.customer.id)
        lead.convert_opportunity(self.customer)
        lead.date_conversion = date + timedelta(days=3)
        lost = self._create_lead()
        lost.action_set_lost()
        self._date_back(lead + lost, create_date=date)
        self._date_back(lost, date_closed=date + timedelta(days=9))
        self._sell(self.customer, date + timedelta(days=10), lead=lead)
        self.env.cr.execute("DELETE FROM crm_lifecycle_event")
        self.env.cr.execute(
            "UPDATE crm_lead SET lifecycle_step_id = NULL, lifecycle_date_out = NULL"
        )
        self.env.cr.execute("UPDATE res_partner SET lifecycle_step_id = NULL")
        self.env.invalidate_all()

        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_advance_lifecycle").method_direct_trigger()
        self.env.invalidate_all()

        self.assertEqual(
            [
                (event.step_to_id.code, (event.date - date).days, event.days_before)
                for event in lead.lifecycle_event_ids.sorted(
                    lambda e: e.step_to_id.sequence
                )
            ],
            [("lead", 0, 0), ("sql", 3, 3), ("opportunity", 3, 0), ("customer", 10, 7)],
        )
        self.assertEqual(self._codes(lost), [("reached", "lead"), ("out", "lead")])
        self.assertEqual(lost.lifecycle_date_out, date + timedelta(days=9))
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["customer"])

    def test_lost_and_restored(self):
        lead = self._create_leads(partner_id=self.customer.id)
        self._harvest_queued()
        reason = self.env["crm.lost.reason"].create({"name": "Too late"})

        lead.action_set_lost(lost_reason_id=reason.id)
        self._harvest_queued()

        out = lead.lifecycle_event_ids.filtered(lambda e: e.kind == "out")
        self.assertEqual(out.step_to_id, self.steps["opportunity"])
        self.assertEqual(out.reason, "Too late")
        self.assertEqual(lead.lifecycle_date_out, lead.date_closed)
        self.assertFalse(self.customer.lifecycle_step_id, "no open lead, no invoice")

        lead.action_restore()
        self._harvest_queued()

        self.assertFalse(lead.lifecycle_date_out)
        self.assertEqual(lead.lifecycle_step_id, self.steps["opportunity"])
        self.assertEqual(
            sorted(lead.lifecycle_event_ids.mapped("kind")),
            ["out", "reached", "reached", "return"],
        )
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["opportunity"])

    def test_archived_is_not_lost(self):
        lead = self._create_leads()
        lead.probability = 30
        lead.action_archive()
        self._harvest_queued()
        self.assertEqual(lead.won_status, "pending")
        self.assertFalse(lead.lifecycle_date_out)

    def test_lost_before_it_was_imported(self):
        """Its closing date lies before its creation here; it was a lead all the same,
        and the nightly run is done with it.
        """
        lead = self._create_lead(active=False, probability=0)
        self._date_back(lead, date_closed=fields.Datetime.now() - timedelta(days=200))
        self._harvest_queued()

        self.assertEqual(lead.lifecycle_step_id, self.steps["lead"])
        self.assertTrue(lead.lifecycle_date_out)
        self._date_back(lead, write_date=fields.Datetime.now() - timedelta(days=100))
        self.assertNotIn(lead.id, self.Event._find_stale_leads())

    def test_sent_back_begins_a_new_pass(self):
        lead = self._create_leads()
        self._harvest_queued()

        lead.action_lifecycle_recycle("Budget next year")

        self.assertEqual(lead.lifecycle_step_id, self.steps["lead"])
        self.assertEqual(lead.lifecycle_cycle, 1)
        back = lead.lifecycle_event_ids.filtered(lambda e: e.kind == "back")
        self.assertEqual(back.step_from_id, self.steps["opportunity"])
        self.assertEqual(back.reason, "Budget next year")
        self.assertIn("Budget next year", lead.message_ids[0].body)
        # what its record said before does not count again
        self.Event.sudo()._advance_leads(lead.ids)
        self.assertEqual(lead.lifecycle_step_id, self.steps["lead"])

        lead.action_lifecycle_qualify()

        self.assertEqual(lead.lifecycle_step_id, self.steps["opportunity"])
        self.assertEqual(
            len(lead.lifecycle_event_ids.filtered(lambda e: e.cycle == 1)), 3
        )

    def test_lost_lead_is_not_sent_back_or_qualified(self):
        lead = self._create_leads()
        lead.action_set_lost()
        self._harvest_queued()
        with self.assertRaises(UserError):
            lead.action_lifecycle_recycle("No")
        with self.assertRaises(UserError):
            lead.action_lifecycle_qualify()

    def test_customer_that_comes_later(self):
        lead = self._create_lead()
        self._harvest_queued()
        lead.partner_id = self.customer_contact
        self._harvest_queued()
        self.assertEqual(lead.lifecycle_event_ids.commercial_partner_id, self.customer)
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["lead"])

    def test_path(self):
        lead = self._create_lead()
        self._harvest_queued()
        lead.action_lifecycle_qualify()
        self.assertEqual(
            [(step["code"], step["state"]) for step in lead.lifecycle_path],
            [
                ("lead", "done"),
                ("mql", "passed"),
                ("mal", "passed"),
                ("sql", "current"),
                ("opportunity", "ahead"),
                ("customer", "ahead"),
            ],
        )

    @warmup
    def test_query_count_does_not_grow(self):
        def queries(count):
            # by SQL, as the thousand are not what is measured
            ids = [
                row[0]
                for row in self.env.execute_query(
                    SQL(
                        """
                        INSERT INTO crm_lead (name, type, active, won_status, user_id,
                                              partner_id, create_date, write_date)
                        SELECT 'Lead', 'opportunity', TRUE, 'pending', %s, %s, now(),
                               now()
                          FROM generate_series(1, %s)
                     RETURNING id
                        """,
                        self.seller.id,
                        self.customer.id,
                        count,
                    )
                )
            ]
            before = self.env.cr.sql_log_count
            changed_ids = self.Event.sudo()._advance_leads(ids)
            self.assertEqual(len(changed_ids), count)
            return self.env.cr.sql_log_count - before

        self._harvest_queued()
        queries(2)
        few = queries(2)
        self.assertEqual(queries(1000), few)
        self.assertLessEqual(few, 10)

    @warmup
    def test_batch_write_costs_the_same_however_many(self):
        def queries(count):
            leads = self._create_leads(count, type="lead", partner_id=self.customer.id)
            self._harvest_queued()
            # the lifecycle alone: a step that is written, and read at commit
            self._date_back(leads, date_conversion=datetime(2026, 3, 1))
            self.Event._queue("lead", leads.ids)
            before = self.env.cr.sql_log_count
            self._harvest_queued()
            cost = self.env.cr.sql_log_count - before
            self.assertEqual(leads.lifecycle_step_id, self.steps["sql"])
            self.assertEqual(len(leads.lifecycle_event_ids), 2 * count)
            return cost

        queries(2)
        few = queries(2)
        self.assertEqual(queries(50), few)
        self.assertLessEqual(few, 15)

    def test_new_leads_are_written_once(self):
        now = self.env.cr.now().replace(microsecond=0)
        leads = self._create_leads(type="lead") + self._create_leads()
        expected = [
            {
                "lifecycle_step_id": self.steps[code].id,
                "lifecycle_date": now,
                "lifecycle_cycle": 0,
            }
            for code in ("lead", "opportunity")
        ]
        self.assertRecordValues(leads, expected)
        self._harvest_queued()
        self.Event.search([("lead_id", "in", leads.ids)]).unlink()
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT xmin::text, ctid::text FROM crm_lead WHERE id = ANY(%s)",
            [leads.ids],
        )
        rows = self.env.cr.fetchall()

        self.assertEqual(self.Event.sudo()._advance_leads(leads.ids), [])

        self.env.cr.execute(
            "SELECT xmin::text, ctid::text FROM crm_lead WHERE id = ANY(%s)",
            [leads.ids],
        )
        self.assertEqual(self.env.cr.fetchall(), rows)
        self.assertRecordValues(leads, expected)
        self.assertEqual(len(leads.lifecycle_event_ids), 3)


@tagged("post_install", "-at_install", "crm_plus_lifecycle")
class TestLifecycleOfCustomer(LifecycleCommon):
    def _partner_codes(self, partner):
        return [
            (event.step_to_id.code, event.date.date().isoformat(), event.cycle)
            for event in partner.lifecycle_event_ids.filtered(
                lambda e: e.target == "partner"
            ).sorted(lambda e: (e.date, e.cycle, e.step_to_id.sequence))
        ]

    def test_customer_repeat_lapsed_and_back(self):
        today = fields.Datetime.now().replace(hour=0, minute=0, second=0)
        days = [today - timedelta(days=ago) for ago in (500, 490, 20)]
        self._sell(self.customer, days[0])
        self.Event.sudo()._advance_partners(self.customer.ids)
        self.assertEqual(
            self.customer.lifecycle_step_id,
            self.steps["lapsed"],
            "500 days ago, and nothing since",
        )

        self._sell(self.customer_2, days[0])
        self._sell(self.customer_2, days[1])
        self._sell(self.customer_2, days[2])

        lapsed = (days[0] + timedelta(days=365)).date().isoformat()
        self.assertEqual(
            self._partner_codes(self.customer_2),
            [
                ("customer", days[0].date().isoformat(), 0),
                ("lapsed", lapsed, 0),
                # the order of ten days later was known only after
                ("repeat", days[2].date().isoformat(), 1),
            ],
        )

    def test_whole_history_at_once(self):
        today = fields.Datetime.now().replace(hour=0, minute=0, second=0)
        days = [today - timedelta(days=ago) for ago in (900, 890, 20)]
        for day in days:
            self._sell(self.customer, day)
        self.env.cr.execute("DELETE FROM crm_lifecycle_event")
        self.env.invalidate_all()

        self.Event.sudo()._advance_partners(self.customer.ids)
        self.Event.sudo()._advance_partners(self.customer.ids)

        self.assertEqual(
            self._partner_codes(self.customer),
            [
                ("customer", days[0].date().isoformat(), 0),
                ("repeat", days[1].date().isoformat(), 0),
                ("lapsed", (days[1] + timedelta(days=365)).date().isoformat(), 0),
                ("repeat", days[2].date().isoformat(), 1),
            ],
        )
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["repeat"])

    def test_two_invoices_of_one_order_are_one_purchase(self):
        date = fields.Datetime.now() - timedelta(days=20)
        order = self._sell(self.customer, date)
        self._invoice(self.customer, date + timedelta(days=2), order)
        self._harvest_queued()
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["customer"])

        self._invoice(self.customer, date + timedelta(days=5))
        self._harvest_queued()
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["repeat"])

    def test_silence_is_found_by_the_scheduler(self):
        self._sell(self.customer, fields.Datetime.now() - timedelta(days=40))
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["customer"])
        self.env["ir.config_parameter"].set_param("crm_plus.lapsed_days", 30)

        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_advance_lifecycle").method_direct_trigger()
        self.env.invalidate_all()

        self.assertEqual(self.customer.lifecycle_step_id, self.steps["lapsed"])

    def test_no_days_nobody_lapses(self):
        self.env["ir.config_parameter"].set_param("crm_plus.lapsed_days", 0)
        self._sell(self.customer, fields.Datetime.now() - timedelta(days=4000))
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["customer"])

    def test_customer_stays_customer_with_a_new_lead(self):
        self._sell(self.customer, fields.Datetime.now() - timedelta(days=40))
        self._create_lead(partner_id=self.customer.id)
        self._harvest_queued()
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["customer"])

    def test_subscriber(self):
        kind = self.env["crm.touchpoint.kind"].search([("code", "=", "email_in")])
        kind.is_marketing = True
        for partner in self.customer_2 + self.customer:
            self.env["crm.touchpoint"].create(
                {
                    "kind_id": kind.id,
                    "date": "2026-01-01",
                    "partner_id": partner.id,
                    "commercial_partner_id": partner.id,
                    "res_model": "res.partner",
                    "res_id": partner.id,
                }
            )
        self._create_lead(partner_id=self.customer.id)
        self._harvest_queued()
        touchpoints = self.env["crm.touchpoint"].search(
            [("kind_id", "=", kind.id), ("res_model", "=", "res.partner")]
        )

        for _time in range(2):
            self.env["crm.touchpoint"]._on_harvested(touchpoints.ids)
        self._harvest_queued()

        self.assertEqual(self.customer_2.lifecycle_step_id, self.steps["subscriber"])
        self.assertEqual(len(self.customer_2.lifecycle_event_ids), 1)
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["lead"])


@tagged("post_install", "-at_install", "crm_plus_lifecycle")
class TestLifecycleRights(LifecycleCommon):
    def test_history_is_not_written(self):
        lead = self._create_lead()
        self._harvest_queued()
        event = lead.lifecycle_event_ids
        for user in (self.seller, self.manager):
            with self.assertRaises(AccessError):
                event.with_user(user).copy()
            with self.assertRaises(AccessError):
                event.with_user(user).unlink()
            with self.assertRaises(AccessError):
                lead.with_user(user).lifecycle_step_id = self.steps["customer"]
        with self.assertRaises(UserError):
            event.date = "2026-01-01"

    def test_where_a_customer_stands_is_not_written(self):
        Partner = self.env["res.partner"].with_user(self.manager)
        customer = self.customer.with_user(self.manager)
        values = (
            {"lifecycle_step_id": self.steps["customer"].id},
            {"lifecycle_date": "2026-01-01 00:00:00"},
        )
        for vals in values:
            with self.assertRaises(AccessError):
                customer.write(vals)
            with self.assertRaises(AccessError):
                Partner.create({"name": "Dreamt up", **vals})
            defaults = {f"default_{name}": value for name, value in vals.items()}
            with self.assertRaises(AccessError):
                Partner.with_context(**defaults).create({"name": "Dreamt up"})
        customer.write({"phone": "+49 30 123"})
        self.assertFalse(self.customer.lifecycle_step_id)

    def test_path_of_a_customer_tells_nothing_of_other_companies(self):
        theirs = self._create_lead(
            user_id=False, company_id=self.company_2.id, partner_id=self.customer.id
        )
        self._create_leads(
            user_id=self.seller_2.id,
            company_id=self.company.id,
            partner_id=self.customer.id,
        )
        self._harvest_queued()
        theirs.action_lifecycle_qualify()

        def dated(user, companies=None):
            customer = self.customer.with_user(user)
            if companies:
                customer = customer.with_context(allowed_company_ids=companies.ids)
            return {step["code"] for step in customer.lifecycle_path if step["date"]}

        both = self.company + self.company_2
        self.assertEqual(self.customer.lifecycle_step_id.code, "opportunity")
        # as a colleague's, but not of the other company
        self.assertEqual(dated(self.seller), {"lead", "opportunity"})
        self.assertEqual(dated(self.manager, both), {"lead", "sql", "opportunity"})
        self.assertEqual(dated(self.manager, self.company), {"lead", "opportunity"})

    def test_seller_sees_history_of_own_and_unassigned_leads(self):
        mine, theirs, nobodys = (
            self._create_lead(user_id=user)
            for user in (self.seller.id, self.seller_2.id, False)
        )
        self._harvest_queued()
        leads = mine + theirs + nobodys

        def seen(user):
            return (
                self.Event.with_user(user)
                .search([("lead_id", "in", leads.ids)])
                .sudo()
                .lead_id
            )

        self.assertEqual(seen(self.seller), mine + nobodys)
        self.assertEqual(seen(self.manager), leads)

    def test_company(self):
        lead = self.env["crm.lead"].create(
            {"name": "Theirs", "company_id": self.company_2.id, "user_id": False}
        )
        ours = self.env["crm.lead"].create(
            {"name": "Ours", "company_id": self.company.id, "user_id": False}
        )
        self._harvest_queued()
        Event = self.Event.with_user(self.user_other_company)
        self.assertEqual(
            Event.search([("lead_id", "in", (lead + ours).ids)]).lead_id, lead
        )

    def test_no_qualifying_of_what_is_not_ones_own(self):
        lead = self._create_lead(user_id=self.seller_2.id)
        for method in ("action_lifecycle_qualify", "action_lifecycle_recycle"):
            with self.assertRaises(AccessError):
                getattr(lead.with_user(self.seller), method)()
