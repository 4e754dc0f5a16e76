"""What CRM Plus knows of leads and of contacts survives when Odoo merges them."""

from datetime import date, datetime, timedelta
from itertools import pairwise

from odoo import Command, fields, models
from odoo.tests import BaseCase, Form, tagged
from odoo.tools import SQL

from ..tools.stage_visits import Visit, merge_visits
from .test_lifecycle import LifecycleCommon


def day(number):
    return datetime(2026, 1, number)


@tagged("post_install", "-at_install", "crm_plus_lifecycle")
class TestMergeVisits(BaseCase):
    """Stages 1 to 4, in this order; visits as (stage, first day, last day, outcome)."""

    CASES = [
        ("nothing before", [(2, 5, 0, "")], [(1, 6, 0, "")], [(2, 5, 0, "")]),
        (
            "the other one goes on as the one that stays",
            [(3, 5, 0, "")],
            [(1, 1, 3, "forward"), (2, 3, 0, "")],
            [(1, 1, 3, "forward"), (2, 3, 5, "forward"), (3, 5, 0, "")],
        ),
        (
            "it had got further",
            [(2, 5, 0, "")],
            [(3, 1, 9, "lost")],
            [(3, 1, 5, "back"), (2, 5, 0, "")],
        ),
        (
            "in the same stage",
            [(2, 5, 0, "")],
            [(1, 1, 2, "forward"), (2, 2, 9, "forward"), (3, 9, 0, "")],
            [(1, 1, 2, "forward"), (2, 2, 0, "")],
        ),
        (
            "lost before the one that stays came",
            [(1, 5, 7, "forward"), (2, 7, 0, "")],
            [(1, 1, 3, "lost")],
            [(1, 1, 3, "lost"), (1, 5, 7, "forward"), (2, 7, 0, "")],
        ),
        ("of nothing", [], [(1, 1, 0, "")], [(1, 1, 0, "")]),
    ]

    def _visits(self, rows):
        return [
            Visit(stage, day(start), bool(end) and day(end), outcome or False)
            for stage, start, end, outcome in rows
        ]

    def test_cases(self):
        for name, kept, other, expected in self.CASES:
            with self.subTest(name):
                merged = merge_visits(
                    self._visits(kept),
                    [self._visits(other)],
                    {stage: stage for stage in range(1, 5)},
                )
                self.assertEqual(
                    [visit[:4] for visit in merged],
                    [visit[:4] for visit in self._visits(expected)],
                )
                for visit, following in pairwise(merged):
                    self.assertLessEqual(visit.date_end, following.date_start)

    def test_three(self):
        merged = merge_visits(
            self._visits([(3, 9, 0, "")]),
            [self._visits([(2, 5, 0, "")]), self._visits([(1, 1, 0, "")])],
            {stage: stage for stage in range(1, 5)},
        )
        self.assertEqual([visit.stage_id for visit in merged], [1, 2, 3])
        self.assertEqual(merged[0].next_stage_id, 2)


@tagged("post_install", "-at_install", "crm_plus_lifecycle")
class TestMergeLeads(LifecycleCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stages = cls.env["crm.stage"].create(
            [{"name": name, "sequence": i} for i, name in enumerate("ABC", 900)]
        )

    def _events(self, lead):
        return [
            (event.kind, event.step_to_id.code, event.cycle)
            for event in lead.lifecycle_event_ids.sorted(
                lambda e: (e.date, e.step_to_id.sequence, e.id)
            )
        ]

    def _merge(self, leads):
        merged = leads.merge_opportunity()
        self._harvest_queued()
        self.assertEqual((leads - merged).exists(), leads.browse())
        return merged

    def test_each_step_once_on_its_first_day(self):
        lead = self._create_lead(partner_id=self.customer.id)
        deal = self._create_leads(partner_id=self.customer.id)
        self._date_back(lead, create_date=day(2))
        self._date_back(deal, create_date=day(10))
        self._harvest_queued()
        lead.action_lifecycle_qualify()

        merged = self._merge(lead + deal)

        self.assertEqual(merged, deal)
        self.assertEqual(
            self._events(merged),
            [
                ("reached", "lead", 0),
                ("reached", "opportunity", 0),
                ("reached", "sql", 0),
            ],
        )
        first, second, third = merged.lifecycle_event_ids.sorted("date")
        self.assertEqual(first.date, day(2), "when the first of them came")
        self.assertFalse(first.step_from_id)
        self.assertEqual(second.days_before, 8)
        self.assertEqual(third.step_from_id, second.step_to_id)
        self.assertEqual(merged.lifecycle_step_id, self.steps["opportunity"])
        self.assertFalse(self.Event.sudo()._advance_leads(merged.ids), "all is told")
        self.assertEqual(len(merged.lifecycle_event_ids), 3)

    def test_passes_are_those_of_the_one_that_stays(self):
        lead = self._create_lead()
        deal = self._create_leads()
        self._harvest_queued()
        lead.action_lifecycle_recycle("Not yet")
        self.env.cr.execute(
            SQL(
                "UPDATE crm_lifecycle_event SET date = date - interval '1 hour'"
                " WHERE lead_id = %s",
                lead.id,
            )
        )
        self.env.invalidate_all()
        lead.action_lifecycle_qualify()
        self.assertEqual(lead.lifecycle_cycle, 1)

        merged = self._merge(lead + deal)

        self.assertEqual(merged, deal)
        self.assertEqual(
            sorted(self._events(merged)),
            [
                ("back", "lead", 0),
                ("reached", "lead", 0),
                ("reached", "opportunity", 0),
                ("reached", "sql", 0),
            ],
        )
        self.assertEqual(merged.lifecycle_cycle, 0)
        self.assertEqual(merged.lifecycle_step_id, self.steps["opportunity"])

    def test_two_passes_of_both(self):
        leads = self._create_leads(2, type="lead")
        self._harvest_queued()
        for _turn in range(2):
            for action in (
                leads.action_lifecycle_qualify,
                leads.action_lifecycle_recycle,
            ):
                # a day goes by
                self.env.cr.execute(
                    "UPDATE crm_lifecycle_event SET date = date - interval '1 day'"
                )
                self.env.invalidate_all()
                action()
        merged = self._merge(leads)
        self.assertEqual(
            sorted(event for event in self._events(merged) if event[0] == "reached"),
            [("reached", "lead", 0), ("reached", "sql", 0), ("reached", "sql", 1)],
        )
        self.assertEqual(merged.lifecycle_cycle, 2)

    def test_a_lost_one_does_not_take_the_other_out(self):
        lost, deal = self._create_leads(2)
        self._harvest_queued()
        lost.action_set_lost()
        self._harvest_queued()
        self.assertTrue(lost.lifecycle_date_out)

        merged = self._merge(lost + deal)

        self.assertEqual(merged, deal)
        self.assertFalse(merged.lifecycle_date_out)
        self.assertNotIn("out", merged.lifecycle_event_ids.mapped("kind"))

    def test_stages(self):
        first, second = self._create_leads(2, stage_id=self.stages[0].id)
        second.stage_id = self.stages[1]
        second.stage_id = self.stages[2]
        first.stage_id = self.stages[1]
        self.env.flush_all()
        # the first since the 1st, the second since the 5th, each two days in a stage
        for lead, start in ((first, 1), (second, 5)):
            for i, visit in enumerate(lead.stage_history_ids.sorted("id")):
                self.env.cr.execute(
                    SQL(
                        """UPDATE crm_stage_history
                              SET date_start = %s, date_end = %s WHERE id = %s""",
                        day(start + 2 * i),
                        day(start + 2 * i + 2) if visit.date_end else None,
                        visit.id,
                    )
                )
        self.env.invalidate_all()

        merged = self._merge(first + second)

        self.assertEqual(merged, second)
        self.assertRecordValues(
            merged.stage_history_ids.sorted("date_start"),
            [
                {"stage_id": stage.id, "date_start": start, "date_end": end}
                for stage, start, end in (
                    (self.stages[0], day(1), day(3)),
                    (self.stages[1], day(3), day(5)),
                    (self.stages[0], day(5), day(7)),
                    (self.stages[1], day(7), day(9)),
                    (self.stages[2], day(9), False),
                )
            ],
        )
        merged.stage_id = self.stages[1]
        visits = merged.stage_history_ids.sorted("id")
        self.assertEqual(visits, merged.stage_history_ids.sorted("date_start"))
        self.assertEqual(visits[-1].stage_id, self.stages[1])
        self.assertEqual(visits[-2].outcome, "back")
        rows = self.env["crm.stage.leakage.report"].search(
            [("lead_id", "=", merged.id), ("stage_id", "=", self.stages[0].id)]
        )
        self.assertEqual((rows.visits, rows.days), (2, 4))

    def test_answers_hold_until_the_next_one(self):
        frame = self.env["crm.frame"].create(
            {
                "name": "Frame",
                "criterion_ids": [Command.create({"name": "Need", "kind": "text"})],
            }
        )
        leads = self._create_leads(3, frame_id=frame.id)
        criterion = frame.criterion_ids
        for lead, answered in zip(leads, (day(4), day(2), day(9)), strict=True):
            lead.answer_frame_question(criterion.id, f"On {answered}")
            lead.frame_answer_ids.sudo().date = answered
        merged = self._merge(leads)
        self.assertRecordValues(
            self.env["crm.frame.answer"].search(
                [("lead_id", "=", merged.id)], order="date"
            ),
            [
                {"date": day(2), "date_end": day(4), "is_current": False},
                {"date": day(4), "date_end": day(9), "is_current": False},
                {"date": day(9), "date_end": False, "is_current": True},
            ],
        )

    def test_converting_many_merges_the_right_ones(self):
        """D23: elsewhere it crashed, or merged leads of other people and companies."""
        one, two, other = (
            self._create_lead(partner_id=partner.id, company_id=self.company.id)
            for partner in (self.customer, self.customer, self.customer_2)
        )
        team = self.env["crm.team"].create(
            {"name": "Two", "company_id": self.company_2.id}
        )
        foreign, foreign_2 = (
            self._create_lead(
                partner_id=self.customer.id,
                company_id=self.company_2.id,
                user_id=self.user_other_company.id,
                team_id=team.id,
            )
            for _i in range(2)
        )
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company_2.id,
                "opportunity_id": foreign.id,
            }
        )
        leads = one + two + other + foreign + foreign_2
        self._harvest_queued()

        Wizard = self.env["crm.lead2opportunity.partner.mass"].with_user(self.manager)
        wizard = Wizard.with_context(
            active_model="crm.lead",
            active_ids=leads.ids,
            allowed_company_ids=(self.company + self.company_2).ids,
        ).create({"deduplicate": True})
        wizard.action_mass_convert()
        self._harvest_queued()

        left = leads.exists()
        self.assertEqual(len(left), 3)
        self.assertIn(other, left)
        self.assertEqual(set(left.mapped("type")), {"opportunity"})
        of_two = left.filtered(lambda lead: lead.company_id == self.company_2)
        self.assertEqual(order.opportunity_id, of_two)
        self.assertEqual(
            left.filtered(lambda lead: lead.company_id == self.company).partner_id,
            self.customer + self.customer_2,
        )

    def _convert(self, leads, **values):
        """The dialog as a person fills it in."""
        Wizard = self.env["crm.lead2opportunity.partner.mass"].with_user(self.manager)
        with Form(
            Wizard.with_context(
                active_model="crm.lead",
                active_ids=leads.ids,
                allowed_company_ids=(self.company + self.company_2).ids,
            )
        ) as form:
            for name, value in values.items():
                if isinstance(value, models.BaseModel) and name.endswith("_ids"):
                    for record in value:
                        getattr(form, name).add(record)
                else:
                    setattr(form, name, value)
        form.record.action_mass_convert()
        self._harvest_queued()
        return form.record

    def test_converting_many_keeps_to_the_customer_that_was_chosen(self):
        """With duplicates looked for as without: only the choice of a person counts."""
        chosen = self.env["res.partner"].create({"name": "Chosen"})
        for deduplicate in (True, False):
            with self.subTest(deduplicate=deduplicate):
                leads = self._create_lead(
                    partner_name="A", email_from="a@a.example"
                ) + self._create_lead(partner_name="B", email_from="b@b.example")
                self._convert(
                    leads, deduplicate=deduplicate, action="exist", partner_id=chosen
                )
                self.assertEqual(leads.partner_id, chosen)
                self.assertEqual(set(leads.mapped("type")), {"opportunity"})

    def test_converting_many_with_new_customers_takes_no_known_one(self):
        lead = self._create_lead(
            partner_name="Somebody", email_from=self.customer.email
        )
        self.assertEqual(lead._find_matching_partner(), self.customer)
        self._convert(lead, action="create")
        self.assertTrue(lead.partner_id)
        self.assertNotEqual(lead.partner_id, self.customer)

    def test_sellers_take_turns_over_leads_of_all_companies(self):
        sellers = self.manager + self.user_other_company
        sellers.company_ids |= self.company + self.company_2
        leads = self.env["crm.lead"].union(
            *(
                self._create_lead(
                    company_id=company.id,
                    user_id=False,
                    team_id=False,
                    email_from=f"{i}@turns.example",
                )
                for i, company in enumerate(
                    (self.company, self.company_2, self.env["res.company"])
                )
            )
        )
        wizard = self._convert(leads, user_ids=sellers, force_assignment=True)
        one, two = wizard.user_ids
        self.assertEqual([lead.user_id for lead in leads], [one, two, one])

    def test_lead_that_goes_from_one_merge_into_the_next(self):
        """The second finds the one that is left of the first."""
        partner = self.env["res.partner"].create(
            {"name": "Two addresses", "email": "y@y.example, x@x.example"}
        )
        leads = self.env["crm.lead"].union(
            self._create_lead(email_from="x@x.example"),
            # gone through first
            self._create_lead(email_from="x@x.example", priority="3"),
        )
        last = self._create_lead(partner_id=partner.id, type="opportunity")
        self.assertEqual(last.email_normalized, "y@y.example")
        self._convert(leads + last)
        self.assertEqual((leads + last).exists(), last)


@tagged("post_install", "-at_install", "crm_plus_lifecycle")
class TestMergeContacts(LifecycleCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = fields.Datetime.now().replace(microsecond=0)
        cls.twin = cls.env["res.partner"].create(
            {"name": "Brandt Kaffee", "is_company": True, "email": cls.customer.email}
        )

    def _ago(self, days):
        return self.now - timedelta(days=days)

    def _merge(self, kept, *others):
        partners = kept.union(*others)
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            partners.ids, kept
        )
        self._harvest_queued()
        self.assertEqual((partners - kept).exists(), partners.browse())

    def test_a_manager_merges_customers(self):
        """Where they stand is nobody's to write, yet Odoo's merge writes all fields."""
        self._sell(self.customer, self._ago(100))
        self._sell(self.twin, self._ago(300))
        Wizard = self.env["base.partner.merge.automatic.wizard"]
        Wizard.with_user(self.manager).create({})._merge(
            (self.customer + self.twin).ids, self.customer.with_user(self.manager)
        )
        self._harvest_queued()

        self.assertFalse(self.twin.exists())
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["repeat"])

    def _history(self, partner):
        events = self.Event.search(
            [("target", "=", "partner"), ("commercial_partner_id", "=", partner.id)]
        )
        self.assertEqual(
            set(events.mapped("origin_id")), {partner.id} if events else set()
        )
        return [
            (event.step_to_id.code, event.cycle, (self.now - event.date).days)
            for event in events.sorted(lambda e: (e.date, e.id))
        ]

    def test_two_customers_were_one_who_came_again(self):
        self._sell(self.customer, self._ago(100))
        self._sell(self.twin, self._ago(300))
        self.assertEqual(self.twin.lifecycle_step_id, self.steps["customer"])

        self._merge(self.customer, self.twin)

        self.assertEqual(
            [row[:2] for row in self._history(self.customer)],
            [("customer", 0), ("repeat", 0)],
        )
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["repeat"])

    def test_silence_during_which_the_other_one_bought(self):
        self._sell(self.customer, self._ago(1000))
        self._sell(self.customer, self._ago(10))
        self._sell(self.twin, self._ago(700))
        self._sell(self.twin, self._ago(400))
        self.Event.sudo()._advance_partners((self.customer + self.twin).ids)
        self.assertEqual(
            [row[:2] for row in self._history(self.customer)],
            [("customer", 0), ("lapsed", 0), ("repeat", 1)],
        )
        self.assertEqual(self.twin.lifecycle_step_id, self.steps["lapsed"])

        self._merge(self.twin, self.customer)

        self.assertEqual(
            self._history(self.twin)[0][:2] + self._history(self.twin)[-1][:2],
            ("customer", 0, "repeat", 1),
        )
        self.assertEqual(
            [row[:2] for row in self._history(self.twin)],
            # 300 days, 300 days, 390 days of silence
            [("customer", 0), ("repeat", 0), ("lapsed", 0), ("repeat", 1)],
        )
        self.assertEqual(self.twin.lifecycle_step_id, self.steps["repeat"])

    def test_what_the_ledger_no_longer_holds(self):
        self._sell(self.customer, self._ago(200))
        self._sell(self.twin, self._ago(300))
        self.env["crm.touchpoint"].search(
            [("commercial_partner_id", "in", (self.customer + self.twin).ids)]
        ).unlink()

        self._merge(self.customer, self.twin)

        self.assertEqual(
            [row[:2] for row in self._history(self.customer)],
            [("customer", 0), ("repeat", 0)],
        )

    def test_into_a_contact_of_another_company(self):
        self._sell(self.customer, self._ago(100))
        self._sell(self.twin, self._ago(300))
        lead = self._create_lead(partner_id=self.twin.id)
        self._harvest_queued()
        self.twin.is_company = False  # else the contact becomes one

        self._merge(self.customer_contact, self.twin)

        self.assertEqual(self.customer_contact.commercial_partner_id, self.customer)
        self.assertEqual(
            [row[:2] for row in self._history(self.customer)],
            [("customer", 0), ("repeat", 0)],
        )
        self.assertFalse(self._history(self.customer_contact))
        self.assertEqual(lead.lifecycle_event_ids.commercial_partner_id, self.customer)
        touchpoints = self.env["crm.touchpoint"].search(
            [("partner_id", "=", self.customer_contact.id)]
        )
        self.assertTrue(touchpoints)
        self.assertEqual(touchpoints.commercial_partner_id, self.customer)

    def test_leads_of_both(self):
        leads = self._create_lead(partner_id=self.customer.id) + self._create_leads(
            partner_id=self.twin.id
        )
        self._harvest_queued()
        self._merge(self.customer, self.twin)
        self.assertEqual(leads.lifecycle_event_ids.commercial_partner_id, self.customer)
        self.assertEqual(self.customer.lifecycle_step_id, self.steps["opportunity"])

    def test_first_time_a_subscriber(self):
        subscriber = self.steps["subscriber"].id
        for partner, days in ((self.customer, 20), (self.twin, 30)):
            self.env.cr.execute(
                SQL(
                    """INSERT INTO crm_lifecycle_event (target, origin_id, kind, origin,
                              commercial_partner_id, step_to_id, cycle, date)
                       VALUES ('partner', %(id)s, 'reached', 'record', %(id)s, %(step)s,
                               0, %(date)s)""",
                    id=partner.id,
                    step=subscriber,
                    date=self._ago(days),
                )
            )
        self._merge(self.customer, self.twin)
        self.assertEqual(self._history(self.customer), [("subscriber", 0, 30)])
        self.assertEqual(self.customer.lifecycle_step_id.id, subscriber)

    def test_moves_of_both_are_kept(self):
        """Also of months in which both had one."""
        labels = self.env["crm.customer.label"].search([], limit=2)
        Snapshot = self.env["crm.customer.snapshot"].sudo()
        values = {"company_id": self.company.id, "is_first": True}
        Snapshot.create(
            [
                {
                    **values,
                    "partner_id": partner.id,
                    "date": date(2026, month, 1),
                    "label_id": label.id,
                    "revenue_12": revenue,
                }
                for partner, month, label, revenue in (
                    (self.twin, 1, labels[0], 10),
                    (self.twin, 2, labels[0], 20),
                    (self.customer, 2, labels[1], 100),
                    (self.customer, 3, labels[1], 200),
                )
            ]
        )

        self._merge(self.customer, self.twin)

        kept = Snapshot.search([("partner_id", "=", self.customer.id)], order="date")
        self.assertRecordValues(
            kept,
            [
                {
                    "date": date(2026, month, 1),
                    "label_id": label.id,
                    "label_from_id": label_from.id,
                    "revenue_12": revenue,
                    "is_first": month == 1,
                    "is_moved": is_moved,
                }
                for month, label, label_from, revenue, is_moved in (
                    (1, labels[0], labels.browse(), 10, False),
                    (2, labels[1], labels[0], 120, True),
                    (3, labels[1], labels[1], 200, False),
                )
            ],
        )

    def test_rows_on_both_sides_everywhere(self):
        """Also where an index allows one row a contact, at which Odoo would stop."""
        score_model = self.env["crm.score.model"].create(
            {
                "name": "Customers",
                "target": "customer",
                "rule_ids": [
                    Command.create(
                        {
                            "name": "All",
                            "dimension": "fit",
                            "domain": "[('name', '!=', False)]",
                            "points": 7,
                        }
                    )
                ],
            }
        )
        segment = self.env["crm.segment"].create(
            {
                "name": "Brandt",
                "target": "res.partner",
                "domain": "[('name', 'ilike', 'Brandt Kaffee')]",
                "user_id": self.manager.id,
            }
        )
        pair = self.customer + self.twin
        third = self.env["res.partner"].create({"name": "Brandt Kaffee 3"})
        partners = pair + third
        for partner in partners:
            self._sell(partner, self._ago(50))
        self._harvest_queued()
        partners._score_recompute()
        segment._refresh()
        segment._pin(self.customer, note="asked for it")
        segment._pin(third)
        self.env["crm.score.past"]._cron_keep()
        self.env.flush_all()
        for table in ("crm_score", "crm_score_past", "crm_segment_member"):
            self.env.cr.execute(
                SQL(
                    "SELECT count(DISTINCT partner_id) FROM %s"
                    " WHERE partner_id = ANY(%s)",
                    SQL.identifier(table),
                    partners.ids,
                )
            )
            self.assertEqual(self.env.cr.fetchone(), (3,), table)

        self._merge(self.twin, self.customer, third)

        kept = [("partner_id", "=", self.twin.id)]
        score = self.env["crm.score"].search([*kept, ("is_main", "=", True)])
        self.assertEqual((score.model_id, score.total), (score_model, 7))
        self.assertEqual(self.env["crm.score.past"].search_count(kept), 1)
        member = self.env["crm.segment.member"].search(kept)
        self.assertRecordValues(
            member, [{"segment_id": segment.id, "res_id": self.twin.id}]
        )
        self.assertFalse(member.date_left)
        self.assertRecordValues(
            segment.pin_ids,
            [{"kind": "in", "res_id": self.twin.id, "partner_id": self.twin.id}],
        )
        self.assertTrue(member.is_pinned)
        self.assertEqual(
            self.env["crm.touchpoint"].search_count(
                [*kept, ("kind_id.code", "=", "invoice_posted")]
            ),
            3,
        )
        self.assertEqual(
            [row[:2] for row in self._history(self.twin)],
            [("customer", 0), ("repeat", 0)],
        )

    def test_no_table_is_forgotten(self):
        """A new table that points to contacts needs a thought about merging them."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT c.conrelid::regclass::text
                  FROM pg_constraint c
                  JOIN ir_model m
                    ON replace(m.model, '.', '_') = c.conrelid::regclass::text
                  JOIN ir_model_data d ON d.model = 'ir.model' AND d.res_id = m.id
                 WHERE c.contype = 'f' AND c.confrelid = 'res_partner'::regclass
                   AND d.module = 'crm_plus' AND m.model LIKE 'crm.%%'
                   AND m.model <> 'crm.lead'
                """
            )
        )
        self.assertEqual(
            {row[0] for row in rows},
            {
                "crm_consent",
                "crm_consent_preference",
                "crm_contact_decision",
                "crm_contact_hold",
                # derived from the ledger each night; of two, Odoo keeps one
                "crm_customer_product",
                "crm_customer_profile",
                # a question, not an answer
                "crm_customer_offer",
                "crm_customer_snapshot",
                "crm_lifecycle_event",
                # a question, not an answer
                "crm_lead2opportunity_partner_mass",
                # belongs to the address; Odoo moves the link to the contact
                "crm_mail_bounce",
                "crm_score",
                "crm_score_change",
                "crm_score_past",
                "crm_segment_member",
                "crm_segment_pin",
                # of two that a segment gave one, Odoo keeps that of the one that stays
                "crm_segment_pricelist",
                # a question, not an answer
                "crm_segment_why",
                "crm_touchpoint",
            },
        )
