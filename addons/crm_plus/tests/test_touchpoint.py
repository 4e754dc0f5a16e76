from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged, users
from odoo.tools import SQL, mute_logger

from odoo.addons.crm_plus.tools.touchpoint_source import TouchpointSource

from .common import CrmPlusCommon

INCOMING = """From: {email_from}
To: {to}
Subject: {subject}
Message-Id: {msg_id}
Date: Mon, 02 Nov 2026 09:12:00 +0000
{extra}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Do you deliver to Gdansk?
"""


@tagged("post_install", "-at_install", "crm_touchpoint")
class TestTouchpoint(CrmPlusCommon):
    def _touchpoints(self, domain, order="date, id"):
        return self.env["crm.touchpoint"].search(domain, order=order)

    def _kinds(self, domain):
        return [touchpoint.kind_id.code for touchpoint in self._touchpoints(domain)]

    # ------------------------------------------------------------
    # Leads
    # ------------------------------------------------------------

    def test_lead_created_won_and_lost(self):
        won, lost = self._create_leads(
            2, partner_id=self.customer_contact.id, expected_revenue=1200
        )
        won.action_set_won()
        lost.action_set_lost()
        self._harvest_queued()

        self.assertEqual(
            self._kinds([("lead_id", "=", won.id)]), ["lead_created", "lead_won"]
        )
        self.assertEqual(
            self._kinds([("lead_id", "=", lost.id)]), ["lead_created", "lead_lost"]
        )
        touchpoint = self._touchpoints(
            [("lead_id", "=", won.id), ("kind_id.code", "=", "lead_won")]
        )
        self.assertRecordValues(
            touchpoint,
            [
                {
                    "partner_id": self.customer_contact.id,
                    "commercial_partner_id": self.customer.id,
                    "user_id": self.seller.id,
                    "amount": 1200,
                    "channel": "crm",
                    "res_model": "crm.lead",
                    "is_machine": False,
                }
            ],
        )

    def test_deal_won_again_is_won_twice(self):
        lead = self._create_leads()
        lead.action_set_won()
        self._harvest_queued()
        lead.write({"stage_id": self.env["crm.stage"].search([], limit=1).id})
        lead.write({"probability": 20})
        lead.action_set_won()
        lead.date_closed = lead.date_closed + timedelta(days=3)
        self._harvest_queued()
        self.env["crm.touchpoint"]._harvest(["lead_won"])

        self.assertEqual(self._kinds([("lead_id", "=", lead.id)]).count("lead_won"), 2)

    def test_harvest_twice_adds_nothing(self):
        self._create_leads(5)
        self.env["crm.touchpoint"]._harvest()
        self.env.flush_all()

        counts = self.env["crm.touchpoint"]._harvest()

        self.assertEqual(sum(counts.values()), 0)

    def test_immediate_and_scheduled_harvest_give_the_same_rows(self):
        leads = self._create_leads(3)
        self._harvest_queued()
        self.assertEqual(len(self._touchpoints([("lead_id", "in", leads.ids)])), 3)

        counts = self.env["crm.touchpoint"]._harvest(["lead_created"])

        self.assertEqual(counts["lead_created"], 0)

    def test_one_statement_a_source_however_many_records(self):
        """The cost of a transaction does not grow with the records it touches."""

        def queries(count):
            self._create_leads(count)
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.env.cr.precommit.run()
            return self.env.cr.sql_log_count - before

        queries(1)
        self.assertEqual(queries(40), queries(2))

    def test_archived_kind_is_not_collected(self):
        self.env.ref("crm_plus.crm_touchpoint_kind_lead_created").active = False
        lead = self._create_leads()
        self._harvest_queued()

        self.assertFalse(self._touchpoints([("lead_id", "=", lead.id)]))

    # ------------------------------------------------------------
    # Who the touchpoints belong to
    # ------------------------------------------------------------

    def test_touchpoints_follow_a_lead_that_gets_its_customer(self):
        lead = self._create_leads(type="lead")
        self._harvest_queued()
        lead.partner_id = self.customer_contact
        self._harvest_queued()

        self.assertEqual(
            self._touchpoints(
                [("commercial_partner_id", "=", self.customer.id)]
            ).lead_id,
            lead,
        )

    def test_touchpoints_follow_a_lead_that_is_converted_to_a_new_customer(self):
        lead = self._create_leads(type="lead", email_from="new@somewhere.example")
        self._harvest_queued()
        lead._handle_partner_assignment(create_missing=True)
        lead.convert_opportunity(lead.partner_id)
        self._harvest_queued()

        touchpoints = self._touchpoints([("lead_id", "=", lead.id)])
        self.assertTrue(lead.partner_id)
        self.assertEqual(touchpoints.commercial_partner_id, lead.partner_id)

    def test_merged_leads_keep_their_history(self):
        leads = self._create_leads(3, partner_id=self.customer.id)
        self._harvest_queued()

        kept = leads.merge_opportunity()
        self._harvest_queued()

        created = self._touchpoints(
            [("lead_id", "=", kept.id), ("kind_id.code", "=", "lead_created")]
        )
        self.assertEqual(set(created.mapped("res_id")), set(leads.ids))

    def test_timeline_of_a_company_holds_that_of_its_contacts(self):
        self._create_leads(2, partner_id=self.customer_contact.id)
        self._create_leads(1, partner_id=self.customer.id)
        self._harvest_queued()

        partners = (self.customer + self.customer_contact).with_user(self.manager)
        self.assertEqual(partners.mapped("touchpoint_count"), [3, 2])
        action = partners[0].action_view_touchpoints()
        self.assertEqual(len(self._touchpoints(action["domain"])), 3)

    # ------------------------------------------------------------
    # Mail, calls, meetings
    # ------------------------------------------------------------

    def _receive(self, lead, extra="", msg_id="<in-1@brandt.example>"):
        parent = lead.message_post(body="Good morning", subtype_xmlid="mail.mt_comment")
        self.env["mail.thread"].message_process(
            "crm.lead",
            INCOMING.format(
                email_from="Ida Brandt <ida@brandt.example>",
                to="catchall@test.example.com",
                subject="Re: Lead",
                msg_id=msg_id,
                extra=f"In-Reply-To: {parent.message_id}\n{extra}",
            ),
            thread_id=lead.id,
        )
        self._harvest_queued()
        return self._touchpoints(
            [("lead_id", "=", lead.id), ("kind_id.code", "=", "email_in")]
        )

    def test_mail_of_a_customer(self):
        lead = self._create_leads(partner_id=self.customer_contact.id)

        touchpoint = self._receive(lead)

        self.assertRecordValues(
            touchpoint,
            [{"channel": "email", "name": "Re: Lead", "is_machine": False}],
        )
        self.assertEqual(touchpoint.partner_id, self.customer_contact)
        self.assertEqual(touchpoint.action_open_origin()["res_id"], lead.id)

    def test_automatic_reply_is_kept_but_marked(self):
        lead = self._create_leads(partner_id=self.customer_contact.id)

        touchpoint = self._receive(lead, extra="Auto-Submitted: auto-replied\n")

        self.assertTrue(touchpoint.is_machine)

    def test_mail_to_a_customer_but_not_a_note(self):
        lead = self._create_leads(partner_id=self.customer_contact.id)
        with self.mock_mail_gateway():
            lead.with_user(self.seller).message_post(
                body="Yes, twice a week.",
                subject="Delivery",
                message_type="comment",
                partner_ids=self.customer_contact.ids,
                subtype_xmlid="mail.mt_comment",
            )
            lead.with_user(self.seller).message_post(
                body="He seems keen.",
                message_type="comment",
                subtype_xmlid="mail.mt_note",
            )
        self._harvest_queued()

        touchpoints = self._touchpoints(
            [("lead_id", "=", lead.id), ("channel", "=", "email")]
        )
        self.assertEqual(touchpoints.kind_id.code, "email_out")
        self.assertEqual(touchpoints.user_id, self.seller)

    def test_call_done(self):
        lead = self._create_leads(partner_id=self.customer_contact.id)
        activity = lead.activity_schedule(
            "mail.mail_activity_data_call", user_id=self.seller.id
        )
        activity.with_user(self.seller).action_feedback(feedback="Wants a sample")
        self._harvest_queued()

        self.assertIn("call_done", self._kinds([("lead_id", "=", lead.id)]))

    def test_meeting_counts_when_it_has_ended_and_for_who_came(self):
        lead = self._create_leads(partner_id=self.customer_contact.id)
        now = fields.Datetime.now()
        event, coming = self.env["calendar.event"].create(
            [
                {
                    "name": name,
                    "start": start,
                    "stop": start + timedelta(hours=1),
                    "opportunity_id": lead.id,
                    "user_id": self.seller.id,
                    "partner_ids": (
                        self.customer_contact + self.customer_2 + self.seller.partner_id
                    ).ids,
                }
                for name, start in (
                    ("Tasting", now - timedelta(hours=3)),
                    ("Contract", now + timedelta(days=2)),
                )
            ]
        )
        declined = event.attendee_ids.filtered(
            lambda attendee: attendee.partner_id == self.customer_2
        )
        declined.do_decline()
        self.env["crm.touchpoint"]._harvest(["meeting_done"])

        touchpoints = self._touchpoints([("kind_id.code", "=", "meeting_done")])
        of_event = touchpoints.filtered(lambda t: t.res_id in (event + coming).ids)
        self.assertEqual(of_event.partner_id, self.customer_contact)
        self.assertEqual(of_event.res_id, event.id)
        self.assertEqual(of_event.lead_id, lead)

    # ------------------------------------------------------------
    # Faults
    # ------------------------------------------------------------

    def test_failing_source_does_not_undo_the_business(self):
        """It is logged, left to the scheduler, and the deal is saved all the same."""
        Touchpoint = type(self.env["crm.touchpoint"])
        broken = TouchpointSource(
            key="broken",
            kind="lead_created",
            model="crm.lead",
            record_id=SQL("l.id"),
            date=SQL("l.create_date / 0"),
            from_clause=SQL("crm_lead l"),
            where=SQL("TRUE"),
        )
        sources = [*self.env["crm.touchpoint"]._get_sources(), broken]
        self.patch(Touchpoint, "_get_sources", lambda self: sources)
        lead = self._create_leads()
        self.env["crm.touchpoint"]._queue_harvest("broken", lead.ids)
        with mute_logger("odoo.addons.crm_plus.models.touchpoint.crm_touchpoint"):
            with mute_logger("odoo.sql_db"):
                self._harvest_queued()

        self.assertTrue(lead.exists())
        self.assertEqual(self._kinds([("lead_id", "=", lead.id)]), ["lead_created"])

    def test_source_with_an_unknown_column_is_refused(self):
        with self.assertRaises(ValueError):
            TouchpointSource(
                key="x",
                kind="lead_created",
                model="crm.lead",
                record_id=SQL("l.id"),
                date=SQL("l.create_date"),
                from_clause=SQL("crm_lead l"),
                where=SQL("TRUE"),
                columns={"colour": SQL("1")},
            )

    def test_cron_harvests_every_source_and_notes_its_run(self):
        lead = self._create_leads()
        self.env.cr.precommit.clear()
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_harvest_touchpoints").method_direct_trigger()

        self.assertEqual(self._kinds([("lead_id", "=", lead.id)]), ["lead_created"])
        watermarks = self.env["crm.touchpoint.watermark"].search([])
        self.assertEqual(
            set(watermarks.mapped("source_key")),
            set(self.env["crm.touchpoint"]._get_sources_by_key()),
        )
        self.assertFalse(any(watermarks.mapped("last_error")))

    def test_every_source_has_a_kind(self):
        """A code without its kind would collect nothing, in silence."""
        kinds = set(self.env["crm.touchpoint.kind"].search([]).mapped("code"))
        for key, source in self.env["crm.touchpoint"]._get_sources_by_key().items():
            self.assertIn(source.kind, kinds, key)

    def test_retention(self):
        lead = self._create_leads()
        self._harvest_queued()
        touchpoint = self._touchpoints([("lead_id", "=", lead.id)])
        self.env.cr.execute(
            "UPDATE crm_touchpoint SET date = date - interval '400 days' WHERE id = %s",
            touchpoint.ids,
        )
        self.env.invalidate_all()
        self.env["crm.touchpoint"]._gc_touchpoints()
        self.assertTrue(touchpoint.exists(), "kept for ever by default")

        self.env["ir.config_parameter"].set_param(
            "crm_plus.touchpoint_retention_months", "12"
        )
        self.env["crm.touchpoint"]._gc_touchpoints()
        self.assertFalse(touchpoint.exists())

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_ledger_is_append_only(self):
        self._create_leads()
        self._harvest_queued()
        touchpoint = self._touchpoints([], order="id desc")[:1]
        with self.assertRaises(UserError):
            touchpoint.write({"name": "Better"})
        for user in (self.seller, self.manager, self.user_admin):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                touchpoint.with_user(user).unlink()
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["crm.touchpoint"].with_user(user).create(
                    {"kind_id": touchpoint.kind_id.id, "date": fields.Datetime.now()}
                )

    @users("plus_seller")
    def test_seller_sees_own_and_unassigned(self):
        own, foreign, nobodys = (
            self._create_leads(user_id=user.id, partner_id=self.customer.id)
            for user in (self.seller, self.seller_2, self.env["res.users"])
        )
        self._harvest_queued()

        seen = self.env["crm.touchpoint"].search(
            [("lead_id", "in", (own + foreign + nobodys).ids)]
        )
        self.assertEqual(seen.lead_id, own + nobodys)

    def test_manager_sees_all_but_not_other_companies(self):
        own, other = (
            self._create_leads(company_id=company.id, user_id=False)
            for company in (self.company, self.company_2)
        )
        self._harvest_queued()
        domain = [("lead_id", "in", (own + other).ids)]

        Touchpoint = self.env["crm.touchpoint"]
        one = Touchpoint.with_user(self.manager).with_context(
            allowed_company_ids=self.company.ids
        )
        self.assertEqual(one.search(domain).lead_id, own)
        both = one.with_context(allowed_company_ids=(self.company + self.company_2).ids)
        self.assertEqual(both.search(domain).lead_id, own + other)
        self.assertEqual(
            Touchpoint.with_user(self.user_other_company).search(domain).lead_id, other
        )

    def test_portal_and_plain_employee_see_nothing(self):
        self._create_leads(partner_id=self.customer.id)
        self._harvest_queued()
        for user in (self.user_employee_c2, self._create_portal_user()):
            with self.assertRaises(AccessError):
                self.env["crm.touchpoint"].with_user(user).search([], limit=1)
