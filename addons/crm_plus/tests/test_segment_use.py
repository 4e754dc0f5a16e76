from ast import literal_eval
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged, users
from odoo.tools import mute_logger

from odoo.addons.base.tests.test_ir_cron import CronMixinCase
from odoo.addons.crm_plus.hooks import uninstall_hook

from .test_segment import SegmentCommon


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentInLists(SegmentCommon):
    @users("plus_seller")
    def test_sellers_have_segments_among_their_filters(self):
        self.hot._refresh()
        segment = self.hot.with_env(self.env)
        domain = literal_eval(segment.action_view_records()["domain"])
        self.assertEqual(self.env["crm.lead"].search(domain), self.hot_lead)

        segment.action_add_favorite()

        [favorite] = self._favorites(self.seller)
        self.assertEqual(literal_eval(favorite["domain"]), domain)
        self.assertFalse(self._favorites(self.seller_2))
        with self.assertRaises(UserError):
            segment.action_add_favorite()

    def _favorites(self, user):
        filters = self.env["ir.filters"].with_user(user).get_filters("crm.lead")
        return [one for one in filters if one["name"] == "In segment Hot"]

    def test_filters_go_with_the_segment_and_with_the_app(self):
        other = self._create_segment("Other", "[('id', '=', 0)]")
        self.hot.action_add_favorite()
        other.action_add_favorite()
        filters = self.env["ir.filters"].search([("name", "=like", "In segment %")])
        self.assertEqual(len(filters), 2)
        self.hot.unlink()
        self.assertEqual(filters.exists().name, "In segment Other")
        uninstall_hook(self.env)
        self.assertFalse(filters.exists())

    def test_a_scoring_rule_on_a_segment(self):
        self.hot._refresh()
        model = self.env["crm.score.model"].create(
            {
                "name": "By segment",
                "target": "lead",
                "sequence": -1,
                "rule_ids": [
                    Command.create(
                        {
                            "name": "Hot ones",
                            "dimension": "fit",
                            "domain": repr([("segment_ids", "in", self.hot.ids)]),
                            "points": 11,
                        }
                    )
                ],
            }
        )
        leads = self.hot_lead + self.cold_lead
        leads._score_recompute()
        scores = self.env["crm.score"].search(
            [("model_id", "=", model.id), ("lead_id", "in", leads.ids)]
        )
        points = {score.lead_id: score.fit for score in scores}
        self.assertEqual(points[self.hot_lead], 11)
        self.assertEqual(points[self.cold_lead], 0)
        lines = str(self.hot_lead.get_score_explanation())
        self.assertIn("Hot ones", lines)


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentPolicy(SegmentCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.sla.policy"].search([]).active = False
        cls.key = cls._create_segment(
            "Key customers",
            f"[('id', '=', {cls.customer.id})]",
            target="res.partner",
        )
        cls.key._refresh()
        cls.policy = cls._create_policy(segment_ids=[Command.set(cls.key.ids)])

    @classmethod
    def _create_policy(cls, **values):
        return cls.env["crm.sla.policy"].create(
            {"name": "Quick", "res_model": "crm.lead", "domain": "[]", **values}
        )

    def _match(self, leads):
        self.env.flush_all()
        matched = self.env["crm.sla.policy"]._match(leads)
        return leads.filtered(lambda lead: matched.get(lead.id) == self.policy)

    def test_leads_of_customers_in_the_segment(self):
        mine = self._create_leads(partner_id=self.customer.id)
        of_contact = self._create_leads(partner_id=self.customer_contact.id)
        other = self._create_leads(partner_id=self.customer_2.id)
        nobodys = self._create_leads()
        self.assertEqual(
            self._match(mine + of_contact + other + nobodys), mine + of_contact
        )
        self.policy.domain = "[('priority', '=', '3')]"
        mine.priority = "3"
        self.assertEqual(self._match(mine + of_contact), mine)

    def test_leads_in_the_segment_from_their_first_moment(self):
        self.policy.segment_ids = self.hot
        hot = self._create_leads(priority="3")
        cold = self._create_leads(priority="0")
        self.assertEqual(self._match(hot + cold), hot)

    def test_one_segment_of_several_is_enough(self):
        self.policy.segment_ids = self.hot + self.key
        hot = self._create_leads(priority="3")
        mine = self._create_leads(partner_id=self.customer.id)
        cold = self._create_leads()
        self.assertEqual(self._match(hot + mine + cold), hot + mine)

    def test_a_change_of_customer_is_seen(self):
        self.assertIn(
            "partner_id", self.env["crm.sla.policy"]._get_watched_fields("crm.lead")
        )

    def test_a_segment_in_use_is_not_deleted(self):
        with self.assertRaisesRegex(UserError, "Quick"):
            self.key.unlink()

    def test_queries_do_not_grow(self):
        leads = self._create_leads(40, partner_id=self.customer.id)
        self.env.flush_all()
        self._match(leads[:2])

        def queries(records):
            self.env.invalidate_all()
            records.mapped("partner_id.name")
            before = self.env.cr.sql_log_count
            self.env["crm.sla.policy"]._match(records)
            return self.env.cr.sql_log_count - before

        self.assertEqual(queries(leads[:2]), queries(leads))


@tagged("post_install", "-at_install", "crm_plus_segment")
class TestSegmentPricelist(CronMixinCase, SegmentCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.ref("base.group_user").implied_ids = [
            Command.link(cls.env.ref("product.group_product_pricelist").id)
        ]
        cls.usual, cls.special, cls.own = cls.env["product.pricelist"].create(
            [
                {"name": name, "company_id": False, "sequence": sequence}
                for name, sequence in (("Usual", 0), ("Special", 90), ("Own", 91))
            ]
        )
        cls.customers = cls.customer + cls.customer_2
        cls.segment = cls._create_segment(
            "Special customers",
            f"[('id', 'in', {cls.customers.ids}), ('ref', '!=', 'out')]",
            target="res.partner",
            pricelist_id=cls.special.id,
        )
        cls.segment._refresh()

    def _run(self):
        with self.enter_registry_test_mode():
            self.env.ref("crm_plus.ir_cron_segment_pricelists").method_direct_trigger()
        self.env.invalidate_all()

    def _pricelist(self, partner):
        return partner.with_company(self.company).property_product_pricelist

    def _rows(self, partner):
        return self.env["crm.segment.pricelist"].search(
            [("partner_id", "=", partner.id)]
        )

    def test_members_get_it_and_lose_it(self):
        self._run()
        for partner in self.customers + self.customer_contact:
            self.assertEqual(self._pricelist(partner), self.special, partner.name)
        self.assertEqual(self.segment.pricelist_count, 2)
        there = self.customer.with_company(self.company_2)
        self.assertNotEqual(there.property_product_pricelist, self.special)

        self.customer.ref = "out"
        self.segment._refresh()
        self._run()

        self.assertNotEqual(self._pricelist(self.customer), self.special)
        self.assertFalse(
            self.customer.with_company(self.company).specific_property_product_pricelist
        )
        self.assertNotEqual(self._pricelist(self.customer_contact), self.special)
        self.assertEqual(self._pricelist(self.customer_2), self.special)
        self.assertRecordValues(
            self._rows(self.customer), [{"state": "done", "is_open": False}]
        )

    def test_a_second_run_changes_nothing(self):
        self._run()
        rows = self.env["crm.segment.pricelist"].search([])
        self._run()
        self.assertEqual(self.env["crm.segment.pricelist"].search([]), rows)

    def test_what_a_person_chose_is_left(self):
        mine = self.customer.with_company(self.company)
        mine.property_product_pricelist = self.own
        self._run()
        self.assertEqual(self._pricelist(self.customer), self.own)
        self.assertRecordValues(self._rows(self.customer), [{"state": "kept"}])

        # what is taken away by hand makes room
        mine.specific_property_product_pricelist = False
        self._run()
        self.assertEqual(self._pricelist(self.customer), self.special)
        self.assertEqual(self._rows(self.customer).state, "given")

    def test_what_a_person_changes_later_is_left(self):
        self._run()
        self.customer.with_company(self.company).property_product_pricelist = self.own
        self._run()
        self.assertEqual(self._rows(self.customer).state, "changed")
        self.customer.ref = "out"
        self.segment._refresh()
        self._run()
        self.assertEqual(self._pricelist(self.customer), self.own)

    def test_another_pricelist(self):
        self._run()
        self.segment.pricelist_id = self.own
        self._run()
        self.assertEqual(self._pricelist(self.customer), self.own)
        self.segment.pricelist_id = False
        self._run()
        self.assertNotIn(
            self._pricelist(self.customer), self.own + self.special, "taken back"
        )

    def test_of_two_segments_the_first_one(self):
        self._run()
        second = self._create_segment(
            "Second",
            f"[('id', '=', {self.customer.id})]",
            target="res.partner",
            pricelist_id=self.own.id,
        )
        second._refresh()
        self._run()
        self.assertEqual(self._pricelist(self.customer), self.special)

    def test_goes_with_the_segment_and_with_the_app(self):
        self._run()
        uninstall_hook(self.env)
        self.assertNotEqual(self._pricelist(self.customer), self.special)
        self.env["crm.segment.pricelist"].search([]).unlink()
        self._run()
        self.assertEqual(self._pricelist(self.customer), self.special)
        self.segment.with_user(self.manager).unlink()
        self._run()
        self.assertNotEqual(self._pricelist(self.customer), self.special)
        self.assertEqual(
            set(self.env["crm.segment.pricelist"].search([]).mapped("is_open")), {False}
        )

    def test_whoever_deletes_a_segment_waits_for_no_customer(self):
        self._run()
        name = "crm_plus.ir_cron_segment_pricelists"
        with self.capture_triggers(name) as triggers:
            self.segment.with_user(self.manager).unlink()
        self.assertTrue(triggers.records)
        self.assertEqual(self._pricelist(self.customer), self.special)

    def test_batches(self):
        Given = self.env.registry["crm.segment.pricelist"]
        apply, counts = Given._apply, []

        def count(model, segment, company):
            counts.append(apply(model, segment, company))
            return counts[-1]

        with (
            patch.object(Given, "_apply", count),
            patch(
                "odoo.addons.crm_plus.models.segment.crm_segment_pricelist.BATCH_SIZE",
                1,
            ),
        ):
            self._run()
            for partner in (self.customer, self.customer_2):
                self.assertEqual(self._pricelist(partner), self.special)
            self.segment.pricelist_id = self.own
            self._run()
            for partner in (self.customer, self.customer_2):
                self.assertEqual(self._pricelist(partner), self.own)
            self.segment.unlink()
            self._run()
        self.assertNotIn(
            self._pricelist(self.customer), self.own + self.special, "taken back"
        )
        self.assertLessEqual(set(counts), {0, 1})

    @mute_logger("odoo.addons.crm_plus.models.segment.crm_segment_pricelist")
    def test_one_that_fails_does_not_stop_the_others(self):
        """The older one comes first, every time."""
        second = self._create_segment(
            "Second",
            f"[('id', '=', {self.customer_contact.id})]",
            target="res.partner",
            pricelist_id=self.own.id,
        )
        second._refresh()
        Given = self.env.registry["crm.segment.pricelist"]
        apply = Given._apply

        reason = "This customer may not be written on"

        def fail_first(model, segment, company):
            if segment == self.segment:
                raise ValidationError(reason)
            return apply(model, segment, company)

        with patch.object(Given, "_apply", fail_first):
            self._run()
        self.assertEqual(self._pricelist(self.customer), self.own)

    def test_queries_do_not_grow(self):
        def queries(count):
            partners = self.env["res.partner"].create(
                [{"name": f"P{i}", "is_company": True} for i in range(count)]
            )
            segment = self._create_segment(
                "Many",
                f"[('id', 'in', {partners.ids})]",
                target="res.partner",
                pricelist_id=self.special.id,
            )
            segment._refresh()
            self.env.flush_all()
            self.env.cr.precommit.clear()
            before = self.env.cr.sql_log_count
            self.env["crm.segment.pricelist"]._apply(segment, self.company)
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        queries(2)
        self.assertLess(queries(200) - queries(2), 30)

    def test_rights(self):
        with self.assertRaises(AccessError):
            self.segment.with_user(self.seller).pricelist_id = self.own
        self._run()
        Given = self.env["crm.segment.pricelist"]
        with self.assertRaises(AccessError):
            Given.with_user(self.seller).search([])
        self.assertFalse(Given.with_user(self.user_other_company).search([]))
        with self.assertRaises(AccessError):
            Given.with_user(self.manager).search([], limit=1).write({"state": "done"})

    def test_segments_of_leads_give_none(self):
        with self.assertRaises(ValidationError):
            self.hot.pricelist_id = self.special
