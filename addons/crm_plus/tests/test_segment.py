from datetime import datetime, timedelta

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import RecordCapturer, tagged, users
from odoo.tools import mute_logger

from .common import CrmPlusCommon


class SegmentCommon(CrmPlusCommon):
    """Segment ``hot`` of the manager: leads with priority 3. Leads ``hot_lead``,
    ``cold_lead``.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hot = cls._create_segment(
            "Hot", "[('priority', '=', '3'), ('referred', '=', 'test')]"
        )
        cls.hot_lead = cls._create_leads(priority="3", partner_id=cls.customer.id)
        cls.cold_lead = cls._create_leads(priority="0")
        cls.env.flush_all()
        cls.env.cr.precommit.clear()

    @classmethod
    def _create_leads(cls, count=1, **values):
        # told apart from whatever else the database holds
        return super()._create_leads(count, referred="test", **values)

    @classmethod
    def _create_segment(cls, name, domain, **values):
        return cls.env["crm.segment"].create(
            {
                "name": name,
                "domain": domain,
                "user_id": cls.manager.id,
                "company_id": cls.company.id,
                **values,
            }
        )

    def _members(self, segment, current=True):
        return segment.member_ids.filtered(lambda m: m.is_current == current)


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegment(SegmentCommon):
    def test_refresh_notes_who_joined_and_why(self):
        self.hot._refresh()

        self.assertRecordValues(
            self.hot.member_ids,
            [
                {
                    "res_model": "crm.lead",
                    "res_id": self.hot_lead.id,
                    "lead_id": self.hot_lead.id,
                    "partner_id": self.customer.id,
                    "company_id": self.hot_lead.company_id.id,
                    "reason_joined": "domain",
                    "date_left": False,
                    "reason_left": False,
                }
            ],
        )
        self.assertTrue(self.hot.date_refreshed)
        self.assertEqual(self.hot.member_count, 1)
        self.assertEqual(self.hot_lead.segment_ids, self.hot)

    def test_second_refresh_changes_nothing(self):
        self.hot._refresh()
        members = self.hot.member_ids

        self.assertEqual(self.hot._refresh(), {self.hot: ([], [])})
        self.assertEqual(self.hot.member_ids, members)

    def test_who_leaves_keeps_the_row_and_may_come_back(self):
        self.hot._refresh()
        first_stay = self.hot.member_ids
        self.hot_lead.priority = "0"
        self.hot._refresh()
        self.assertEqual(first_stay.reason_left, "domain")
        self.assertTrue(first_stay.date_left)
        self.assertEqual(self.hot.member_count, 0)

        self.hot_lead.priority = "3"
        self.hot._refresh()

        self.assertEqual(len(self.hot.member_ids), 2)
        self.assertEqual(self._members(self.hot, current=False), first_stay)
        self.assertEqual(self.hot.member_count, 1)

    def test_deleted_record_leaves(self):
        self.hot._refresh()
        member = self.hot.member_ids
        lead_id = self.hot_lead.id
        self.hot_lead.unlink()

        self.hot._refresh()

        self.assertTrue(member.exists(), "the log outlives the record")
        self.assertEqual(member.res_id, lead_id)
        self.assertEqual(member.reason_left, "deleted")

    def test_lost_lead_leaves_unless_the_condition_names_active(self):
        both = self._create_segment(
            "Hot or lost",
            "[('priority', '=', '3'), ('referred', '=', 'test'),"
            " ('active', 'in', [True, False])]",
        )
        (self.hot + both)._refresh()
        self.hot_lead.action_set_lost()

        (self.hot + both)._refresh()

        self.assertFalse(self._members(self.hot))
        self.assertEqual(self._members(both).lead_id, self.hot_lead)

    def test_contacts(self):
        segment = self._create_segment(
            "Brandt",
            f"[('id', 'in', {(self.customer + self.customer_contact).ids})]",
            target="res.partner",
        )
        segment._refresh()

        self.assertEqual(
            segment.member_ids.partner_id, self.customer + self.customer_contact
        )
        self.assertFalse(segment.member_ids.lead_id)
        self.assertEqual(self.customer.segment_ids, segment)
        self.assertIn(
            self.customer,
            self.env["res.partner"].search([("segment_ids", "=", segment.id)]),
        )

    def test_member_of_lead_segment_is_not_the_contact(self):
        self.hot._refresh()
        self.assertEqual(self.hot.member_ids.partner_id, self.customer)
        self.assertFalse(self.customer.segment_ids)

    def test_one_open_row_a_record(self):
        self.hot._refresh()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(psycopg2.errors.UniqueViolation),
        ):
            self.hot.member_ids.copy()
            self.env.flush_all()

    def test_condition_on_touchpoints(self):
        segment = self._create_segment(
            "New", "[('touchpoint_ids.kind_id.code', '=', 'lead_created')]"
        )
        lead = self._create_leads()
        self._harvest_queued()
        self.assertIn(lead, self._members(segment).lead_id)

    def test_query_count_does_not_grow(self):
        """Two hundred join in as many queries as two, whoever else listens."""

        def queries(count):
            self._create_leads(count, priority="3")
            self.env.flush_all()
            self.env.cr.precommit.clear()
            self.hot.mapped("date_refreshed")
            before = self.env.cr.sql_log_count
            changes = self.hot._refresh()
            self.assertEqual(len(changes[self.hot][0]), count)
            return self.env.cr.sql_log_count - before

        self.hot._refresh()
        queries(2)
        self.assertEqual(queries(200), queries(2))

    def test_hook_gets_who_joined_and_left(self):
        calls = []
        self.patch(
            self.registry["crm.segment"],
            "_on_members_changed",
            lambda _self, segment, joined, left: calls.append((segment, joined, left)),
        )
        self.hot._refresh()
        member = self.hot.member_ids
        self.hot_lead.priority = "0"
        self.hot._refresh()
        self.hot._refresh()
        self.assertEqual(
            calls, [(self.hot, member.ids, []), (self.hot, [], member.ids)]
        )


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentOnChange(SegmentCommon):
    def test_new_lead_joins_when_the_transaction_ends(self):
        lead = self._create_leads(priority="3")
        self._harvest_queued()
        self.assertIn(lead, self.hot.member_ids.lead_id)

    def test_write_on_a_field_of_the_condition(self):
        self.cold_lead.priority = "3"
        self._harvest_queued()
        self.assertEqual(self.hot.member_ids.lead_id, self.cold_lead)

        self.cold_lead.priority = "1"
        self._harvest_queued()
        self.assertFalse(self._members(self.hot))

    def test_write_elsewhere_costs_nothing(self):
        self.env["crm.segment"]._get_watched_fields("crm.lead")
        self.hot_lead.write({"description": "x"})
        self.assertNotIn("crm_plus.segment_queue", self.env.cr.precommit.data)

    def test_many_records_are_left_to_the_scheduler(self):
        cron = self.env.ref("crm_plus.ir_cron_refresh_segments")
        with RecordCapturer(
            self.env["ir.cron.trigger"], [("cron_id", "=", cron.id)]
        ) as capture:
            self.env["crm.segment"]._refresh_records("crm.lead", range(1, 1500))
        self.assertEqual(len(capture.records), 1)
        self.assertFalse(self.hot.member_ids)

    def test_what_takes_long_is_refreshed_seldom(self):
        now = datetime(2026, 5, 13, 12, 0)
        for seconds, minutes, is_due in (
            (0.1, 0.5, False),
            (0.1, 1, True),
            (10, 14, False),
            (10, 16, True),
            (60, 60, False),
            (60, 95, True),
            (7200, 23 * 60, False),
            (7200, 24 * 60, True),
        ):
            self.hot.write(
                {
                    "refresh_seconds": seconds,
                    "date_tried": now - timedelta(minutes=minutes),
                }
            )
            with self.subTest(seconds=seconds, minutes=minutes):
                self.assertEqual(self.hot._is_due(now), is_due)

        self.hot.date_tried = False
        self.assertTrue(self.hot._is_due(now), "asked for")

    def test_what_many_records_changed_is_asked_for(self):
        self.hot.write({"refresh_seconds": 7200, "date_tried": fields.Datetime.now()})
        self.env["crm.segment"]._refresh_records("crm.lead", range(1, 1500))
        self.assertTrue(self.hot._is_due(fields.Datetime.now()))

    def test_joining_and_leaving_are_touchpoints_once(self):
        self.cold_lead.priority = "3"
        self._harvest_queued()
        self.cold_lead.priority = "0"
        self._harvest_queued()
        self.env["crm.touchpoint"]._harvest(["segment_joined", "segment_left"])

        touchpoints = self.env["crm.touchpoint"].search(
            [
                ("res_model", "=", "crm.segment.member"),
                ("lead_id", "=", self.cold_lead.id),
            ],
            order="id",
        )
        self.assertRecordValues(
            touchpoints,
            [
                {
                    "kind_id": self.env.ref(f"crm_plus.crm_touchpoint_kind_{code}").id,
                    "name": "Hot",
                    "lead_id": self.cold_lead.id,
                    "user_id": self.seller.id,
                }
                for code in ("segment_joined", "segment_left")
            ],
        )

    def test_segments_do_not_chase_each_other(self):
        """A condition on its own touchpoint flips at most once a run."""
        flip = self._create_segment(
            "Flip",
            "['!', ('touchpoint_ids.kind_id.code', '=', 'segment_joined')]",
        )
        lead = self._create_leads()
        self._harvest_queued()
        stays = flip.member_ids.filtered(lambda m: m.lead_id == lead)
        self.assertEqual(len(stays), 1)
        self.assertFalse(stays.date_left)

        flip._refresh()
        self.assertTrue(stays.date_left)

    def test_bad_condition_does_not_stop_a_seller(self):
        self.env.cr.execute(
            "UPDATE crm_segment SET domain = %s WHERE id = %s",
            ["[('gone_field', '=', 1)]", self.hot.id],
        )
        self.hot.invalidate_recordset()
        self.registry.clear_cache()
        good = self._create_segment(
            "Good", "[('priority', '=', '3'), ('referred', '=', 'test')]"
        )
        with mute_logger("odoo.addons.crm_plus.models.segment.crm_segment_refresh"):
            self._create_leads(priority="3")
            self._harvest_queued()
            with self.enter_registry_test_mode():
                self.env.ref(
                    "crm_plus.ir_cron_refresh_segments"
                ).method_direct_trigger()

        self.assertIn("gone_field", self.hot.last_error)
        self.assertFalse(good.last_error)
        self.assertEqual(good.member_count, 2)

    def test_cron_refreshes_all(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_refresh_segments").method_direct_trigger()
        self.assertEqual(self.hot.member_ids.lead_id, self.hot_lead)
        self.assertTrue(self.hot.date_tried)


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentRules(SegmentCommon):
    def test_condition_that_does_not_work_is_refused(self):
        for domain in ("[('no_such_field', '=', 1)]", "[('name', '=']", "[1]"):
            with self.subTest(domain=domain), self.assertRaises(ValidationError):
                self.hot.domain = domain

    def test_evaluated_with_the_rights_of_the_responsible(self):
        other = self._create_leads(priority="3", user_id=self.seller_2.id)
        unassigned = self._create_leads(priority="3", user_id=False)
        self.hot.user_id = self.seller
        self.hot._refresh()
        self.assertIn(self.hot_lead, self.hot.member_ids.lead_id)
        self.assertNotIn(other, self.hot.member_ids.lead_id)

        self.hot.user_id = self.manager
        self.hot._refresh()
        self.assertIn(other, self.hot.member_ids.lead_id)
        self.assertIn(unassigned, self.hot.member_ids.lead_id)

    def test_companies_of_the_segment_not_of_who_refreshes(self):
        there = self._create_leads(
            priority="3", user_id=False, company_id=self.company_2.id
        )
        here = self._create_leads(
            priority="3", user_id=False, company_id=self.company.id
        )
        everywhere = self._create_segment(
            "All",
            "[('priority', '=', '3'), ('referred', '=', 'test')]",
            company_id=False,
        )
        (self.hot + everywhere).with_context(
            allowed_company_ids=self.company_2.ids
        )._refresh()

        self.assertIn(here, self.hot.member_ids.lead_id)
        self.assertNotIn(there, self.hot.member_ids.lead_id)
        self.assertLessEqual(here + there, everywhere.member_ids.lead_id)

    def test_responsible_must_be_of_the_company(self):
        with self.assertRaises(ValidationError):
            self.hot.user_id = self.user_other_company

    def test_superuser_is_not_responsible(self):
        with self.assertRaises(ValidationError):
            self.hot.with_user(self.manager).user_id = self.env.ref("base.user_root")

    def test_condition_on_a_field_the_writer_may_not_read(self):
        """Membership must not tell a marketer what the ledger hides from him."""
        with self.assertRaises(ValidationError):
            self.env["crm.segment"].with_user(self.manager).create(
                {
                    "name": "Rich",
                    "user_id": self.env.ref("base.user_admin").id,
                    "domain": "[('touchpoint_ids.amount_ledger', '>', 1)]",
                }
            )

    @users("plus_seller")
    def test_seller_reads_only(self):
        segment = self.hot.with_env(self.env)
        self.assertEqual(segment.name, "Hot")
        segment.action_preview()
        for call in (
            lambda: segment.write({"name": "x"}),
            segment.action_refresh,
            lambda: self.env["crm.segment"].create({"name": "x"}),
            segment.unlink,
        ):
            with self.assertRaises(AccessError):
                call()

    def test_seller_sees_members_of_own_leads(self):
        other = self._create_leads(priority="3", user_id=self.seller_2.id)
        self.hot._refresh()
        self.env.flush_all()
        seen = self.env["crm.segment.member"].with_user(self.seller).search([])
        self.assertIn(self.hot_lead, seen.lead_id)
        self.assertNotIn(other, seen.lead_id)
        self.assertEqual(self.hot.with_user(self.seller).member_count, 1)

    def test_other_company_sees_neither_segment_nor_members(self):
        self.hot._refresh()
        env = self.env(user=self.user_other_company)
        self.assertNotIn(self.hot, env["crm.segment"].search([]))
        self.assertFalse(
            env["crm.segment.member"].search([("segment_id", "=", self.hot.id)])
        )

    def test_members_are_written_by_the_refresh_only(self):
        self.hot._refresh()
        members = self.hot.member_ids.with_user(self.manager)
        with self.assertRaises(AccessError):
            members.write({"date_left": fields.Datetime.now()})
        with self.assertRaises(AccessError):
            members.unlink()

    def test_used_segment_is_not_deleted(self):
        self.patch(
            self.registry["crm.segment"], "_get_usage", lambda _self: ["campaign X"]
        )
        with self.assertRaisesRegex(UserError, "campaign X"):
            self.hot.unlink()

    def test_unused_segment_goes_with_its_members(self):
        self.hot._refresh()
        members = self.hot.member_ids
        self.hot.with_user(self.manager).unlink()
        self.assertFalse(members.exists())

    def test_what_it_holds_is_fixed_once_it_had_members(self):
        self.hot._refresh()
        with self.assertRaises(UserError):
            self.hot.write({"target": "res.partner", "domain": "[]"})

    def test_preview_is_of_what_the_reader_may_see(self):
        """The number would tell what others have."""
        self.hot_lead.user_id = self.seller_2
        action = self.hot.with_user(self.manager).action_preview()
        theirs = self.hot.with_user(self.seller).action_preview()
        self.assertNotEqual(action["name"], theirs["name"])
        found = self.env["crm.lead"].with_user(self.seller).search(theirs["domain"])
        self.assertIn(f": {len(found)} match", theirs["name"])
        self.assertNotIn(self.hot_lead, found)

    def test_preview_makes_no_member(self):
        action = self.hot.with_user(self.manager).action_preview()
        self.assertEqual(action["res_model"], "crm.lead")
        self.assertIn(self.hot_lead, self.env["crm.lead"].search(action["domain"]))
        self.assertFalse(self.hot.member_ids)
