from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged, users

from ..tools.domain_words import DomainWords, tree
from .test_segment import SegmentCommon


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentCombined(SegmentCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named = cls._create_segment("Named", "[('referred', '=', 'test')]")
        cls.env.flush_all()
        cls.env.cr.precommit.clear()

    def test_only_their_members(self):
        self.named.include_ids = self.hot
        (self.named + self.hot)._refresh()
        self.assertEqual(self._members(self.named).lead_id, self.hot_lead)

    def test_their_members_too(self):
        cold = self._create_segment(
            "Cold or hot",
            "[('referred', '=', 'test'), ('priority', '=', '0')]",
            include_ids=[Command.link(self.hot.id)],
            include_mode="or",
        )
        (cold + self.hot)._refresh()
        self.assertEqual(self._members(cold).lead_id, self.hot_lead + self.cold_lead)

    def test_their_members_too_without_condition_is_not_everybody(self):
        self.hot._refresh()
        either = self._create_segment(
            "Either", "[]", include_mode="or", include_ids=self.hot.ids
        )
        either._refresh()
        self.assertEqual(self._members(either).lead_id, self.hot_lead)
        for lead, holds in ((self.hot_lead, True), (self.cold_lead, False)):
            [line] = [
                line
                for line in either._explain(lead)["lines"]
                if "ember of" in line["text"]
            ]
            self.assertEqual(line["text"], "Member of Hot")
            self.assertEqual(line["holds"], holds)
        either.domain = f"[('id', '=', {self.cold_lead.id})]"
        either._refresh()
        self.assertEqual(self._members(either).lead_id, self.hot_lead + self.cold_lead)

    def test_excluded(self):
        self.named.exclude_ids = self.hot
        (self.named + self.hot)._refresh()
        self.assertEqual(self._members(self.named).lead_id, self.cold_lead)

    def test_who_joins_the_one_leaves_the_other_at_once(self):
        # made later, named by an earlier one: the order follows who names whom
        late = self._create_segment(
            "Late", "[('priority', '=', '2'), ('referred', '=', 'test')]"
        )
        self.named.exclude_ids = late
        (self.named + late)._refresh()
        self.assertIn(self.cold_lead, self._members(self.named).lead_id)

        self.cold_lead.priority = "2"
        self._harvest_queued()

        self.assertNotIn(self.cold_lead, self._members(self.named).lead_id)

    def test_a_pin_in_one_moves_those_that_name_it(self):
        self.named.exclude_ids = self.hot
        (self.named + self.hot)._refresh()
        self.hot._pin(self.cold_lead)
        self._harvest_queued()
        self.assertFalse(self._members(self.named))

    def test_segments_do_not_name_each_other(self):
        self.named.include_ids = self.hot
        with self.assertRaisesRegex(ValidationError, "depend on itself"):
            self.hot.exclude_ids = self.named

    def test_segments_of_one_kind_only(self):
        contacts = self._create_segment("Contacts", "[]", target="res.partner")
        with self.assertRaisesRegex(ValidationError, "different things"):
            self.named.include_ids = contacts

    def test_a_named_segment_is_not_deleted(self):
        self.named.exclude_ids = self.hot
        with self.assertRaisesRegex(UserError, "Named"):
            self.hot.unlink()


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentPin(SegmentCommon):
    def _add(self, segment, records, kind, user=None, note=False, **context):
        return (
            self.env["crm.segment.add"]
            .with_user(user or self.manager)
            .with_context(active_model=records._name, active_ids=records.ids, **context)
            .create({"segment_id": segment.id, "kind": kind, "note": note})
            .action_apply()
        )

    def test_pinned_in_stays_whatever_the_condition_says(self):
        self._add(self.hot, self.cold_lead, "in")
        self.hot._refresh()
        member = self._members(self.hot).filtered(lambda m: m.lead_id == self.cold_lead)
        self.assertEqual(member.reason_joined, "pinned")
        self.assertTrue(member.is_pinned)

        self._add(self.hot, self.cold_lead, "none")
        self._harvest_queued()
        self.assertEqual(self._members(self.hot).lead_id, self.hot_lead)

    def test_kept_out_survives_the_refresh(self):
        self.hot._refresh()
        self._add(self.hot, self.hot_lead, "out", note="asked us not to")
        self.assertFalse(self._members(self.hot))
        self.assertEqual(self.hot.member_ids.reason_left, "pinned")

        self.hot_lead.priority = "0"
        self.hot_lead.priority = "3"
        self._harvest_queued()
        self.hot._refresh()
        self.assertFalse(self._members(self.hot))

    def test_pinned_anew_changes_sides(self):
        self._add(self.hot, self.hot_lead, "out")
        self._add(self.hot, self.hot_lead, "in")
        self.assertEqual(self._members(self.hot).lead_id, self.hot_lead)
        self.assertEqual(len(self.hot.pin_ids), 1)

    def test_deleting_the_pin_asks_the_conditions(self):
        self._add(self.hot, self.hot_lead, "out")
        self.hot.pin_ids.with_user(self.manager).unlink()
        self._harvest_queued()
        self.assertEqual(self._members(self.hot).lead_id, self.hot_lead)

    def test_a_deleted_lead_takes_its_pin(self):
        self._add(self.hot, self.cold_lead, "in")
        self.cold_lead.unlink()
        self.env.invalidate_all()
        self.hot._refresh()
        self.assertFalse(self.hot.pin_ids)
        self.assertEqual(self._members(self.hot).lead_id, self.hot_lead)

    def test_of_another_company_is_left_out_and_said(self):
        there = self._create_leads(user_id=False, company_id=self.company_2.id)
        action = self._add(self.hot, there + self.cold_lead, "in")
        self.assertIn("1 left out", action["params"]["message"])
        self.assertEqual(self.hot.pin_ids.lead_id, self.cold_lead)

    def test_records_of_the_wrong_kind(self):
        contacts = self._create_segment("Contacts", "[]", target="res.partner")
        with self.assertRaises(UserError):
            self._add(contacts, self.hot_lead, "in")
        self.assertFalse(contacts.pin_ids)

    def test_queries_do_not_grow(self):
        leads = self._create_leads(60)
        self.env.flush_all()
        self.env.cr.precommit.clear()

        def queries(records):
            self.hot.mapped("name")
            before = self.env.cr.sql_log_count
            self.hot._pin(records)
            return self.env.cr.sql_log_count - before

        queries(leads[:2])
        self.assertEqual(queries(leads[2:4]), queries(leads[4:]))

    def test_sellers_do_not_pin(self):
        for kind in ("in", "out", "none"):
            with self.assertRaises(AccessError):
                self._add(self.hot, self.hot_lead, kind, user=self.seller)
        self._add(self.hot, self.hot_lead, "out")
        with self.assertRaises(AccessError):
            self.hot.pin_ids.with_user(self.seller).unlink()

    def test_managers_pin_what_they_may_read(self):
        there = self._create_leads(user_id=False, company_id=self.company_2.id)
        everywhere = self._create_segment("All", "[]", company_id=False)
        with self.assertRaises(AccessError):
            self._add(everywhere, there, "in", allowed_company_ids=self.company.ids)
        self._add(everywhere, there, "in")
        self.assertEqual(everywhere.pin_ids.lead_id, there)

    def test_sellers_see_pins_of_own_leads(self):
        other = self._create_leads(user_id=self.seller_2.id)
        self._add(self.hot, self.hot_lead + other, "in")
        self.assertEqual(
            self.env["crm.segment.pin"].with_user(self.seller).search([]).lead_id,
            self.hot_lead,
        )


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentWhy(SegmentCommon):
    def _lines(self, record, segment=None):
        return {
            line["text"]: line["holds"]
            for line in (segment or self.hot)._explain(record)["lines"]
        }

    def test_condition_on_what_the_reader_may_not_read(self):
        field = self.env["crm.lead"]._fields["referred"]
        segment = self._create_segment(
            "Secret",
            "['|', ('referred', '=', 'test'), ('priority', '=', '3')]",
        )
        self.cold_lead.referred = "test"
        self.env.flush_all()
        with patch.object(field, "groups", "base.group_system"):
            self.env.invalidate_all()
            as_seller = segment.with_user(self.seller)
            found = {
                lead: {
                    line["text"]: line["holds"]
                    for line in as_seller._explain(lead.with_user(self.seller))["lines"]
                }
                for lead in (self.cold_lead, self.hot_lead)
            }
        for lead, lines in found.items():
            self.assertNotIn("Referred By is test", lines)
            self.assertIsNone(lines["A condition that you may not see"])
            # what the others decide by themselves may be told
            self.assertIs(
                lines["One of these:"], True if lead == self.hot_lead else None
            )

    def test_each_condition_is_judged(self):
        self.hot._refresh()
        self.cold_lead.referred = "test"
        why = self.hot._explain(self.cold_lead)
        self.assertFalse(why["is_member"])
        by_text = {line["text"]: line for line in why["lines"]}
        self.assertTrue(by_text["Referred By is test"]["holds"])
        self.assertFalse(by_text["Priority is Very High"]["holds"])
        self.assertEqual(by_text["Priority is Very High"]["present"], "Low")
        self.assertTrue(self.hot._explain(self.hot_lead)["is_member"])

    def test_either_or_and_not(self):
        segment = self._create_segment(
            "Mixed",
            "['|', ('priority', '=', '3'), '!', ('referred', '=', 'test')]",
        )
        lines = self._lines(self.cold_lead, segment)
        self.assertIs(lines["One of these:"], False)
        self.assertIs(self._lines(self.hot_lead, segment)["One of these:"], True)

    def test_archived_and_kept_out(self):
        self.hot_lead.active = False
        self.assertIs(self._lines(self.hot_lead)["Not archived"], False)
        self.hot._pin(self.hot_lead, "out", "asked by phone")
        self.assertIn("asked by phone", self.hot._render_why(self.hot_lead))

    def test_other_segments(self):
        named = self._create_segment(
            "Named",
            "[('referred', '=', 'test')]",
            exclude_ids=[Command.link(self.hot.id)],
        )
        (self.hot + named)._refresh()
        self.assertIs(self._lines(self.hot_lead, named)["No member of Hot"], False)
        self.assertIs(self._lines(self.cold_lead, named)["No member of Hot"], True)

    @users("plus_seller")
    def test_seller_asks_for_own_records_only(self):
        wizard = self.env["crm.segment.why"].create(
            {"segment_id": self.hot.id, "lead_id": self.hot_lead.id}
        )
        self.assertIn("Priority is Very High", wizard.why)
        other = self._create_leads(user_id=self.seller_2.id)
        with self.assertRaises(AccessError):
            self.hot.with_env(self.env)._explain(other.with_env(self.env))

    def test_preview_follows_what_is_typed(self):
        self.env.flush_all()
        with Form(self.hot.with_user(self.manager)) as form:
            self.assertIn("1 match", form.preview)
            self.assertIn(self.hot_lead.display_name, form.preview)
            form.domain = "[('referred', '=', 'nobody like this')]"
            self.assertIn("Nobody matches", form.preview)
            form.domain = "[('no_such_field', '=', 1)]"
            self.assertIn("does not work", form.preview)
            form.domain = "[('referred', '=', 'test')]"
            self.assertIn("2 match", form.preview)

    def test_preview_tells_no_more_than_the_reader_may_read(self):
        """The responsible reads the ledger, the marketer who types does not."""
        segment = self.env["crm.segment"].new(
            {
                "name": "Rich",
                "target": "crm.lead",
                "user_id": self.env.ref("base.user_admin").id,
                "domain": "[('touchpoint_ids.amount_ledger', '>', 1)]",
            }
        )
        preview = segment.with_user(self.manager)._render_preview()
        self.assertIn("does not work", preview)

    def test_preview_of_amounts_is_for_who_may_see_them(self):
        """While a fact is typed no constraint has looked at it."""
        for kind in ("spent", "overdue"):
            segment = self.env["crm.segment"].new(
                {
                    "name": "Rich",
                    "target": "res.partner",
                    "user_id": self.manager.id,
                    "company_id": self.company.id,
                    "fact_ids": [Command.create({"kind": kind, "amount": 1})],
                }
            )
            with self.subTest(kind):
                preview = segment.with_user(self.manager)._render_preview()
                self.assertIn("does not work", preview)
                admin = self.env.ref("base.user_admin")
                preview = segment.with_user(admin)._render_preview()
                self.assertNotIn("does not work", preview)

    def test_size_and_overlap(self):
        named = self._create_segment("Named", "[('referred', '=', 'test')]")
        (self.hot + named)._refresh()
        self.env.flush_all()
        Overlap = self.env["crm.segment.overlap"].with_user(self.manager)
        pair = Overlap.search(
            [("segment_id", "=", named.id), ("other_id", "=", self.hot.id)]
        )
        self.assertRecordValues(
            pair, [{"common": 1, "size": 2, "other_size": 1, "share": 0.5}]
        )
        action = pair.action_view_common()
        self.assertEqual(self.env["crm.lead"].search(action["domain"]), self.hot_lead)

        self.env.cr.execute(
            "UPDATE crm_segment_member SET date_joined = now() - interval '15 days'"
            " WHERE segment_id = %s",
            [named.id],
        )
        self.env.invalidate_all()
        self.cold_lead.active = False
        named._refresh()
        sizes = self.env["crm.segment.size"].with_user(self.manager)
        weeks = sizes.search([("segment_id", "=", named.id)], order="date")
        self.assertEqual(weeks[0].size, 2)
        self.assertEqual(weeks[-1].size, 1)
        self.assertEqual(sum(weeks.mapped("left")), 1)
        with self.assertRaises(AccessError):
            Overlap.with_user(self.seller).search([])

    def test_reports_know_the_company(self):
        self.hot._refresh()
        self.env.flush_all()
        self.assertFalse(
            self.env["crm.segment.size"]
            .with_user(self.user_other_company)
            .search([("segment_id", "=", self.hot.id)])
        )


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestDomainWords(SegmentCommon):
    def test_tree(self):
        a, b, c = (("x", "=", i) for i in range(3))
        leaf = [("=", term) for term in (a, b, c)]
        for domain, expected in (
            ([], None),
            ([a], leaf[0]),
            ([a, b, c], ("&", leaf)),
            (["|", a, "|", b, c], ("|", leaf)),
            (["&", a, "|", b, c], ("&", [leaf[0], ("|", leaf[1:])])),
            # conditions are turned round; where there is no opposite, the sign stays
            (["!", a], ("=", ("x", "!=", 0))),
            (
                ["!", ("x", "child_of", 1)],
                ("!", [("=", ("x", "child_of", 1))]),
            ),
        ):
            with self.subTest(domain=domain):
                self.assertEqual(tree(domain), expected)

    def test_words(self):
        words = DomainWords(self.env)
        tags = self.env["crm.tag"].create([{"name": "Tea"}, {"name": "Coffee"}])
        gone = self.env["crm.tag"].create({"name": "Gone"})
        gone_id = gone.id
        gone.unlink()
        customer = (
            self.env["crm.lead"]._fields["partner_id"]._description_string(self.env)
        )
        for condition, expected in (
            (("priority", "=", "3"), "Priority is Very High"),
            (("priority", "in", ["2", "3"]), "Priority is one of High, Very High"),
            (("priority", "!=", "3"), "Priority is not Very High"),
            (("partner_id", "=", False), f"{customer} is not set"),
            (("partner_id", "!=", False), f"{customer} is set"),
            (("active", "=", True), "Active is set"),
            (("tag_ids", "in", tags.ids), "Tags is one of Tea, Coffee"),
            (("tag_ids", "in", [gone_id]), "Tags is a deleted record"),
            (("partner_id.city", "ilike", "ulm"), f"{customer} > City contains ulm"),
            (("probability", ">=", 50), "Probability is at least 50"),
            (("create_date", ">=", "today -7d"), "Created on is at least today -7d"),
            (
                ("tag_ids", "any", [("color", "=", 1), ("name", "=", "Tea")]),
                "Tags: one with (Color is 1 and Tag Name is Tea)",
            ),
            (("id", "in", list(range(1, 9))), "ID is one of 8 records"),
        ):
            with self.subTest(condition=condition):
                self.assertEqual(words.condition("crm.lead", condition), expected)

    def test_present_values(self):
        words = DomainWords(self.env)
        self.hot_lead.partner_id.city = "Ulm"
        self.assertEqual(words.present(self.hot_lead, "partner_id.city"), "Ulm")
        self.assertEqual(words.present(self.hot_lead, "source_id"), "not set")
        self.assertIsNone(words.present(self.hot_lead, "touchpoint_ids.name"))
        self.assertIsNone(words.present(self.hot_lead, "no_such_field"))
