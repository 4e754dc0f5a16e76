from datetime import timedelta

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_campaign_goal import GoalCommon

WATCH_LOG = "odoo.addons.crm_campaigns.models.campaign.crm_campaign_watch"


@tagged("post_install", "-at_install", "crm_campaigns")
class TestExitRules(GoalCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead.partner_id = cls.customer_contact
        cls.lead.email_from = "Ida <ida@brandt.example>"

    def _start_with(self, records=None, **values):
        campaign = self._create_campaign(records or self.leads, **values)
        self._add_step(campaign, "wait", name="Rest")
        campaign.action_start()
        self._run()
        return campaign

    def _reasons(self, campaign):
        self.env.invalidate_all()
        return {
            participant.lead_id or participant.partner_id: participant.exit_reason
            for participant in campaign.participant_ids
        }

    def _invoice(self, amount, days=5):
        today = fields.Date.today()
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "invoice_date": today - timedelta(days=days + 10),
                "invoice_date_due": today - timedelta(days=days),
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Coffee",
                            "quantity": 1,
                            "price_unit": amount,
                            "tax_ids": False,
                        }
                    )
                ],
            }
        )
        invoice.action_post()
        self._harvest_queued()
        return invoice

    def test_what_a_campaign_does_not_ask_for_is_not_looked_up(self):
        """To plan a statement with all rules takes as long as a batch of people."""
        campaign = self._create_campaign(
            self.leads,
            exit_on_bought=False,
            exit_on_complaint=False,
            exit_on_overdue=False,
            exit_on_owner=False,
        )
        Participant = self.env["crm.campaign.participant"]

        def asks(table, campaigns=campaign):
            cases = Participant._get_exit_cases("crm.lead", campaigns)
            return table in cases.code

        for name, table in (
            ("exit_on_bought", "crm_touchpoint"),
            ("exit_on_complaint", "crm_mail_bounce"),
            ("exit_on_overdue", "account_move_line"),
            ("exit_on_owner", "crm_touchpoint"),
        ):
            with self.subTest(name):
                self.assertFalse(asks(table))
                self.assertTrue(asks(table, None), "of all campaigns nobody knows")
                campaign[name] = True
                self.assertTrue(asks(table))
                campaign[name] = False

    # ------------------------------------------------------------
    # What happens
    # ------------------------------------------------------------

    def test_bought(self):
        on, off = self._start_with(exit_on_bought=True), self._start_with()

        self._happens("order_confirmed", self.lead)

        self.assertEqual(self._reasons(on), {self.lead: "bought", self.lead_2: False})
        self.assertEqual(self._reasons(off), {self.lead: False, self.lead_2: False})
        ida = self._of(on, self.lead)
        self.assertIn("Left the campaign: Bought", ida.journey)
        self.assertEqual(self._steps_of(on, self.lead), [("Rest", "skipped", False)])

    def test_the_company_bought(self):
        campaign = self._start_with(exit_on_bought=True)
        self._happens(
            "order_confirmed",
            self.env["crm.lead"],
            partner_id=self.customer.id,
            commercial_partner_id=self.customer.id,
            res_id=1,
        )
        self.assertEqual(self._reasons(campaign)[self.lead], "bought")

    def test_bought_before_does_not_count(self):
        campaign = self._start_with(exit_on_bought=True)
        self._happens(
            "order_confirmed", self.lead, date=self._now() - timedelta(days=1)
        )
        self.assertFalse(self._reasons(campaign)[self.lead])

    def test_an_order_ends_it_in_its_own_transaction(self):
        campaign = self._start_with(exit_on_bought=True)
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer_contact.id,
                "company_id": self.company.id,
                "order_line": [
                    Command.create({"name": "Advice", "display_type": "line_note"})
                ],
            }
        )
        order.action_confirm()
        self._harvest_queued()

        self.assertEqual(self._reasons(campaign)[self.lead], "bought")

    def test_owner_takes_over(self):
        self.leads.user_id = self.seller
        campaign = self._start_with(exit_on_owner=True)
        self._happens("email_out", self.lead_2, user_id=self.manager.id)
        self.assertFalse(self._reasons(campaign)[self.lead_2], "somebody else")

        self._happens("meeting_done", self.lead, user_id=self.seller.id)

        self.assertEqual(self._reasons(campaign)[self.lead], "owner")

    def test_mails_of_the_campaign_are_not_the_owner_s(self):
        self.leads.user_id = self.campaign_manager
        campaign = self._create_campaign(self.leads, exit_on_owner=True)
        mail = self._add_step(campaign, "mail")
        self._add_step(campaign, "wait", mail)
        campaign.action_start()
        self._run()
        self._harvest_queued()
        self.env["crm.touchpoint"]._harvest()

        self.assertEqual(len(self._recipients()), 2)
        self.assertEqual(set(self._reasons(campaign).values()), {False})

    def test_owner_writes(self):
        self.leads.user_id = self.seller
        campaign = self._start_with(exit_on_owner=True)
        with self._sending():
            self.lead.with_user(self.seller).message_post(
                body="Shall we talk?",
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
                partner_ids=self.customer_contact.ids,
            )
        self.env["crm.touchpoint"]._harvest()

        self.assertEqual(
            self._reasons(campaign), {self.lead: "owner", self.lead_2: False}
        )

    def test_complaint_is_no_opt_out(self):
        campaign = self._start_with()
        for lead, kind in ((self.lead, "complaint"), (self.lead_2, "unsubscribe")):
            self.env["crm.mail.bounce"].create(
                {"email_normalized": lead.email_normalized, "kind": kind}
            )._stop()

        self.assertEqual(
            self._reasons(campaign), {self.lead: "complaint", self.lead_2: "opt_out"}
        )

    def test_complaint_that_is_not_verified_ends_nothing(self):
        """Anybody could have written it."""
        campaign = self._start_with()
        for lead, outcome in ((self.lead, "unverified"), (self.lead_2, "noted")):
            self.env["crm.mail.bounce"].create(
                {
                    "email_normalized": lead.email_normalized,
                    "kind": "complaint",
                    "outcome": outcome,
                }
            )

        campaign.participant_ids._exit_if_stopped()

        self.assertEqual(
            self._reasons(campaign), {self.lead: False, self.lead_2: "complaint"}
        )

    # ------------------------------------------------------------
    # Overdue
    # ------------------------------------------------------------

    def test_overdue(self):
        much, little = (
            self._start_with(exit_on_overdue=True, exit_overdue_amount=amount)
            for amount in (500, 50)
        )
        self._invoice(100)
        self.env["crm.touchpoint"]._harvest(["invoice_overdue"])

        self.assertFalse(self._reasons(much)[self.lead], "100 is less than 500")
        self.assertEqual(
            self._reasons(little), {self.lead: "overdue", self.lead_2: False}
        )
        self._invoice(401)
        much.date_watched = False
        self._look()
        self.assertEqual(self._reasons(much)[self.lead], "overdue")

    def test_overdue_of_another_company_is_not_ours(self):
        other = self.env["res.company"].create({"name": "Other"})
        campaign = self._start_with(exit_on_overdue=True)
        self._invoice(100)
        self.env.cr.execute(
            "UPDATE account_move_line SET company_id = %s WHERE partner_id = %s",
            [other.id, self.customer.id],
        )
        self.env.invalidate_all()
        campaign.date_watched = False
        self._look()

        self.assertFalse(self._reasons(campaign)[self.lead])

    # ------------------------------------------------------------
    # The condition
    # ------------------------------------------------------------

    def test_condition(self):
        campaign = self._start_with(exit_domain="[('priority', '=', '3')]")
        self.lead.priority = "3"
        self.assertTrue(self.env["crm.campaign.look"].search([]))
        self._run()

        self.assertEqual(
            self._reasons(campaign), {self.lead: "condition", self.lead_2: False}
        )
        self.assertFalse(self.env["crm.campaign.look"].search([]))

    def test_condition_is_asked_before_each_step(self):
        campaign = self._start_with(exit_domain="[('priority', '=', '3')]")
        self.env.cr.execute(
            "UPDATE crm_lead SET priority = '3' WHERE id = %s", [self.lead.id]
        )
        self.env.invalidate_all()
        self._pass(days=2)
        self._run()

        self.assertEqual(
            self._reasons(campaign), {self.lead: "condition", self.lead_2: False}
        )
        self.assertEqual(self._tasks(campaign).mapped("state"), ["skipped", "done"])

    def _break_condition(self, campaign):
        self.env.cr.execute(
            "UPDATE crm_campaign SET exit_domain = %s WHERE id = %s",
            ["[('gone', '=', 1)]", campaign.id],
        )
        self.env.invalidate_all()

    def _get_watch_notes(self, campaign):
        return self.env["mail.message"].search(
            [
                ("model", "=", "crm.campaign"),
                ("res_id", "=", campaign.id),
                ("subject", "like", "does not look"),
            ]
        )

    @mute_logger(WATCH_LOG)
    def test_condition_that_does_not_work_stops_no_other_campaign(self):
        bad = self._start_with(exit_domain="[('priority', '=', '3')]", name="Bad")
        good = self._start_with(exit_domain="[('priority', '=', '2')]", name="Good")
        self.env.cr.execute("UPDATE crm_campaign SET date_watched = now()")
        self._break_condition(bad)

        with self.subTest("of those something has happened to"):
            self.lead.priority = "2"
            self.assertTrue(self.env["crm.campaign.look"].search([]))
            self._look()
            self.assertFalse(self.env["crm.campaign.look"].search([]))
            self.assertEqual(self._reasons(good)[self.lead], "condition")
            self.assertEqual(set(self._reasons(bad).values()), {False})
        with self.subTest("of everybody"):
            self.env.cr.execute(
                "UPDATE crm_lead SET priority = '2' WHERE id = %s", [self.lead_2.id]
            )
            (bad + good).date_watched = False
            self._look()
            self.assertEqual(self._reasons(good)[self.lead_2], "condition")
        with self.subTest("it is said, once, and what to do"):
            self.assertIn("gone", bad.watch_error)
            self.assertTrue(bad.date_watch_failed)
            note = self._get_watch_notes(bad)
            self.assertEqual(len(note), 1)
            self.assertEqual(
                note.notified_partner_ids, self.campaign_manager.partner_id
            )
            self.assertIn("Ends When They Meet", note.body)
            self.assertFalse(good.watch_error)
        with self.subTest("mended, they are looked at at once"):
            bad.exit_domain = "[('priority', '=', '2')]"
            self.assertFalse(bad.watch_error)
            self._look()
            self.assertEqual(set(self._reasons(bad).values()), {"condition"})

    @mute_logger(WATCH_LOG)
    def test_responsible_may_read_it_again(self):
        bad = self._start_with(exit_domain="[('priority', '=', '3')]")
        field = self.env.registry["crm.lead"]._fields["priority"]
        self.patch(field, "groups", "base.group_system")
        bad.date_watched = False
        self._look()
        self.assertTrue(bad.watch_error)

        self.patch(field, "groups", None)
        bad.date_watched = False
        self._look()
        self.assertFalse(bad.watch_error)
        self.assertFalse(bad.date_watch_failed)

    def test_condition_is_no_way_to_read_what_one_may_not(self):
        campaign = self._create_campaign(self.leads)
        self.patch(
            self.env.registry["crm.lead"]._fields["referred"],
            "groups",
            "base.group_system",
        )
        with self.assertRaises(ValidationError):
            campaign.with_user(
                self.campaign_manager
            ).exit_domain = "[('referred', '=', 'x')]"

    def test_statements_do_not_grow_with_the_people(self):
        counts = []
        for number in (3, 30):
            leads = self._create_leads(number, email_from=False)
            campaign = self._start_with(leads, exit_on_bought=True)
            touchpoints = self.env["crm.touchpoint"].create(
                [
                    {
                        "kind_id": self._kind("order_confirmed").id,
                        "date": self._now(),
                        "lead_id": lead.id,
                        "res_model": "crm.lead",
                        "res_id": lead.id,
                        "occurrence": "many",
                    }
                    for lead in leads
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["crm.touchpoint"]._on_harvested(touchpoints.ids)
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(set(self._reasons(campaign).values()), {"bought"})
        self.assertEqual(counts[0], counts[1])

    # ------------------------------------------------------------
    # Too late
    # ------------------------------------------------------------

    def test_what_was_put_off_is_late_since_it_was_due_first(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "activity", expire_hours=48)
        campaign.action_start()
        ida, ola = self._tasks(campaign, step)
        for task, days in ((ida, 3), (ola, 1)):
            task.date_planned = self._now() - timedelta(days=days)
        self.env.flush_all()
        with self._no_commit():
            attempts = self.env["crm.campaign.task"]._reserve(step)
        (ida + ola)._defer(self._now(), "Not now")
        self.assertEqual(set(attempts), set((ida + ola).ids))
        self._run()

        self.assertEqual((ida.state, ola.state), ("skipped", "done"))
        self.assertIn("Too late", ida.reason)
