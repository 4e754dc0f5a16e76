from contextlib import contextmanager

from odoo import SUPERUSER_ID, api
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.modules.registry import Registry
from odoo.sql_db import db_connect
from odoo.tests import TransactionCase, get_db_name, tagged
from odoo.tools import mute_logger

from .after_sales import AfterSalesCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAfterSalesSecurity(AfterSalesCommon):
    def test_how_far_it_is_is_not_written(self):
        claim = self._request(quantities=[2])
        for user in (self.agent, self.manager, self.clerk):
            for values in (
                {"state": "done"},
                {"decision": "approved"},
                {"approver_id": user.id},
                {"user_id": user.id},
                {"refusal": "x"},
            ):
                with (
                    self.subTest(user=user.login, values=values),
                    self.assertRaises(AccessError),
                ):
                    claim.with_user(user).write(values)
        made = (
            self.env["crm.case.claim"]
            .with_user(self.agent)
            .with_context(default_decision="approved", default_partner_id=self.eva.id)
            .create(
                {
                    "case_id": self.case.id,
                    "remedy": "return",
                    "line_ids": [Command.create(self._line_values())],
                }
            )
        )
        self.assertRecordValues(
            made, [{"decision": "requested", "partner_id": self.ida.id}]
        )

    def test_what_follows_is_not_given(self):
        """Neither whose the goods are, nor that they are back already."""
        case = self._create_cases(partner_id=self.eva.id)
        Claim = self.env["crm.case.claim"].with_user(self.agent)
        for values in (
            {"commercial_partner_id": self.customer.id},
            {"partner_id": self.ida.id},
            {"company_id": self.company_2.id},
            {"state": "done"},
        ):
            with self.subTest(values=values), self.assertRaises(AccessError):
                Claim.create(
                    {
                        "case_id": case.id,
                        "remedy": "return",
                        "line_ids": [Command.create(self._line_values())],
                        **values,
                    }
                )
        for values in (
            {"quantity_done": 1},
            {"remedy": "credit"},
            {"move_ids": [Command.link(self.move.id)]},
            {"occurrence": 99},
        ):
            with self.subTest(values=values), self.assertRaises(AccessError):
                self._create_claim(**values)

    def test_what_was_requested_stays(self):
        claim = self._request(quantities=[1])
        other = self._create_cases()
        for user in (self.agent, self.clerk):
            for values in ({"case_id": other.id}, {"remedy": "replacement"}):
                with (
                    self.subTest(user=user.login, values=values),
                    self.assertRaises(AccessError),
                ):
                    claim.with_user(user).write(values)
        claim.with_user(self.clerk).with_context(default_state="done").note = "Soon"
        self.assertEqual(claim.note, "Soon")

    def test_agreed_amount_is_changed_within_what_is_left(self):
        claim = self._request(
            quantities=[1], is_return=False, credit="amount", amount=30
        )
        claim.with_user(self.accountant).amount = 40
        with self.assertRaises(ValidationError):
            claim.with_user(self.accountant).amount = 501

    def _line_values(self, **values):
        return {
            "product_id": self.machine.id,
            "move_id": self.move.id,
            "sale_line_id": self.sale_line.id,
            "quantity": 1,
            **values,
        }

    def _create_claim(self, case=None, user=None, **values):
        return (
            self.env["crm.case.claim"]
            .with_user(user or self.agent)
            .create(
                {
                    "case_id": (case or self.case).id,
                    "remedy": "return",
                    "line_ids": [Command.create(self._line_values(**values))],
                }
            )
        )

    def test_guessed_goods_of_somebody_else(self):
        self._create_claim()
        case = self._create_cases(partner_id=self.eva.id)
        with self.assertRaises(ValidationError):
            self._create_claim(case)
        with self.assertRaises(ValidationError):
            self._create_claim(case, move_id=False)
        bill = self.invoice.invoice_line_ids
        with self.assertRaises(ValidationError):
            self.env["crm.case.claim"].with_user(self.agent).create(
                {
                    "case_id": case.id,
                    "remedy": "credit",
                    "line_ids": [
                        Command.create(
                            {
                                "product_id": self.machine.id,
                                "invoice_line_id": bill.id,
                                "quantity": 1,
                            }
                        )
                    ],
                }
            )

    def test_guessed_mixtures(self):
        """Each part must be of the other."""
        order = self._sell(self.ida, self.machine, 1)
        self._receive_goods(order.picking_ids)
        lot = self.env["stock.lot"].create({"name": "Z", "product_id": self.machine.id})
        for values in (
            {"sale_line_id": order.order_line.id},
            {"product_id": self.product.id},
            {"lot_id": lot.id},
            {"quantity": 6},
        ):
            with self.subTest(values=values), self.assertRaises(ValidationError):
                self._create_claim(**values)
        with self.assertRaises(UserError):
            self._create_claim(move_id=False, sale_line_id=False)

    def test_not_yet_delivered_goods(self):
        order = self._sell(self.ida, self.machine, 1)
        with self.assertRaises(ValidationError):
            self._create_claim(
                move_id=order.picking_ids.move_ids.id,
                sale_line_id=order.order_line.id,
            )

    def test_no_line_is_added_to_what_is_decided(self):
        claim = self._confirm(self._request(quantities=[1]))
        Line = self.env["crm.case.claim.line"].with_user(self.agent)
        with self.assertRaises(UserError):
            Line.create({"claim_id": claim.id, **self._line_values()})
        with self.assertRaises(UserError):
            claim.line_ids.with_user(self.agent).quantity = 3
        with self.assertRaises(UserError):
            claim.line_ids.with_user(self.agent).unlink()
        with self.assertRaises(UserError):
            claim.with_user(self.agent).warehouse_id = self.warehouse

    def test_quantity_of_a_request_is_changed_within_what_is_left(self):
        line = self._request(quantities=[1]).line_ids.with_user(self.clerk)
        line.quantity = 4
        with self.assertRaises(ValidationError):
            line.quantity = 6
        with self.assertRaises(UserError):
            line.write({"product_id": self.product.id})

    def test_each_sees_what_is_theirs(self):
        claims = self._request(quantities=[1], replacement="before", credit="goods")
        returned, replaced, credit = claims
        Claim = self.env["crm.case.claim"]
        mine = [("id", "in", claims.ids)]
        for user, seen in (
            (self.agent, claims),
            (self.outsider, claims),
            (self.manager, claims),
            (self.clerk, returned | replaced),
            (self.accountant, credit),
            (self.agent_c2, Claim),
        ):
            with self.subTest(user=user.login):
                self.assertEqual(Claim.with_user(user).search(mine), seen)
        for user in (self.portal_ida, self.portal_eva):
            for model in (
                "crm.case.claim",
                "crm.case.claim.line",
                "crm.case.claim.create",
                "crm.case.cost",
                "crm.case.defect.report",
            ):
                with (
                    self.subTest(user=user.login, model=model),
                    self.assertRaises(AccessError),
                ):
                    self.env[model].with_user(user).search([])
        with self.assertRaises(AccessError):
            self.case.with_user(self.portal_ida).read(["claim_ids"])
        with self.assertRaises(AccessError):
            self.case.with_user(self.portal_ida).action_request_after_sales()

    def test_requests_of_a_closed_team(self):
        self.team.visibility = "members"
        claim = self._request(quantities=[1])

        self.assertFalse(
            self.env["crm.case.claim"]
            .with_user(self.outsider)
            .search([("id", "=", claim.id)])
        )
        with self.assertRaises(AccessError):
            claim.with_user(self.outsider).read(["name"])
        with self.assertRaises(AccessError):
            self.env["crm.case.claim.create"].with_user(self.outsider).create(
                {"case_id": self.case.id}
            )
        # the warehouse carries out for all teams
        self.assertTrue(claim.with_user(self.clerk).read(["name"]))

    def test_other_company(self):
        claim = self._request(quantities=[1])
        clerk_2 = self._new_user(
            "case_clerk_2", "stock.group_stock_user", self.company_2
        )
        for user in (clerk_2, self.agent_c2):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                claim.with_user(user).read(["name"])
        with self.assertRaises(AccessError):
            claim.with_user(clerk_2).action_confirm()
        # goods of the first company on a case of the second
        case = self._create_cases(team_id=self.team_2.id, partner_id=self.ida.id)
        self.assertEqual(case.company_id, self.company_2)
        with self.assertRaises(ValidationError):
            self._create_claim(case, self.agent_c2)
        self.assertFalse(
            self.env["crm.case.claim.create"]
            .with_user(self.agent_c2)
            .create({"case_id": case.id, "is_whole_customer": True})
            .line_ids
        )

    def test_clerk_does_not_see_cases(self):
        claim = self._request(quantities=[1]).with_user(self.clerk)
        with self.assertRaises(AccessError):
            self.case.with_user(self.clerk).read(["name"])
        # and yet the whole request, with who it is for
        self.assertTrue(
            claim.web_read(
                {
                    "name": {},
                    "case_id": {"fields": {"display_name": {}}},
                    "product_names": {},
                    "hint": {},
                    "progress": {},
                    "may_confirm": {},
                    "picking_count": {},
                    "line_ids": {"fields": {"product_id": {}, "quantity": {}}},
                }
            )[0]["may_confirm"]
        )

    def test_refusing_takes_the_same_rights(self):
        claim = self._request(quantities=[1])
        for user in (self.agent, self.accountant):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                claim.with_user(user)._refuse("No")
        wizard = (
            self.env["crm.case.claim.refuse"]
            .with_user(self.clerk)
            .create({"claim_ids": [Command.set(claim.ids)], "reason": "No"})
        )
        wizard.action_refuse()
        self.assertEqual(claim.state, "refused")
        with self.assertRaises(UserError):
            claim.with_user(self.clerk)._refuse("Again")

    def test_merged_customers_keep_their_requests(self):
        claim = self._request(quantities=[1])
        other = self.env["res.partner"].create({"name": "Ida B."})
        self.env["base.partner.merge.automatic.wizard"]._merge(
            (self.ida | other).ids, other
        )
        self.env.invalidate_all()
        self.assertEqual(claim.partner_id, other)
        self.assertEqual(
            claim.line_ids.commercial_partner_id, other.commercial_partner_id
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAfterSalesConcurrent(TransactionCase):
    """Two who request the last piece at once do not both get it.

    Real transactions on connections of their own: what is committed here is removed
    after the test.
    """

    def setUp(self):
        super().setUp()
        self.addCleanup(self._remove_committed)
        self.created = []
        with self._env() as env:
            company = env.ref("base.main_company")
            env = env(context={"allowed_company_ids": company.ids})
            partner = env["res.partner"].create({"name": "Concurrent"})
            product = env["product.product"].create(
                {"name": "Concurrent", "type": "consu", "is_storable": False}
            )
            team = env["crm.case.team"].create(
                {"name": "Concurrent", "company_id": company.id}
            )
            order = env["sale.order"].create(
                {
                    "partner_id": partner.id,
                    "company_id": company.id,
                    "order_line": [
                        Command.create({"product_id": product.id, "product_uom_qty": 3})
                    ],
                }
            )
            order.action_confirm()
            order.picking_ids.move_ids.write({"quantity": 3, "picked": True})
            order.picking_ids._action_done()
            case = env["crm.case"].create(
                {
                    "name": "Concurrent",
                    "team_id": team.id,
                    "partner_id": partner.id,
                    "sale_order_id": order.id,
                }
            )
            self.values = {
                "product_id": product.id,
                "move_id": order.picking_ids.move_ids.id,
                "sale_line_id": order.order_line.id,
                "quantity": 2,
            }
            self.case_id = case.id
            self.ids = {
                "case": case.id,
                "order": order.id,
                "picking": order.picking_ids.id,
                "move": order.picking_ids.move_ids.id,
                "product": product.product_tmpl_id.id,
                "partner": partner.id,
                "team": team.id,
            }
            env.cr.commit()

    @contextmanager
    def _env(self):
        """An environment in a real transaction, rolled back unless committed."""
        with db_connect(get_db_name()).cursor() as cr:
            cr.transaction = None
            Registry(get_db_name())
            yield api.Environment(cr, SUPERUSER_ID, {})

    def _remove_committed(self):
        with self._env() as env:
            # done transfers and confirmed orders are not deleted in the ORM
            for query, key in (
                (
                    "DELETE FROM crm_case_claim_line WHERE case_id = %s",
                    "case",
                ),
                ("DELETE FROM crm_case_claim WHERE case_id = %s", "case"),
                ("DELETE FROM stock_move_line WHERE move_id = %s", "move"),
                ("DELETE FROM stock_move WHERE id = %s", "move"),
                ("DELETE FROM stock_picking WHERE id = %s", "picking"),
            ):
                env.cr.execute(query, [self.ids[key]])
            env["crm.case"].browse(self.ids["case"]).unlink()
            env.cr.execute("DELETE FROM sale_order WHERE id = %s", [self.ids["order"]])
            env.cr.execute(
                "DELETE FROM stock_quant WHERE product_id IN"
                " (SELECT id FROM product_product WHERE product_tmpl_id = %s)",
                [self.ids["product"]],
            )
            env["product.template"].browse(self.ids["product"]).unlink()
            env["crm.case.team"].browse(self.ids["team"]).unlink()
            env.cr.execute(
                "DELETE FROM crm_touchpoint WHERE partner_id = %s",
                [self.ids["partner"]],
            )
            env["res.partner"].browse(self.ids["partner"]).unlink()
            env.cr.commit()

    def _request(self, env):
        return env["crm.case.claim"].create(
            {
                "case_id": self.case_id,
                "remedy": "return",
                "line_ids": [Command.create(self.values)],
            }
        )

    def test_the_second_request_does_not_get_it_either(self):
        with self._env() as first, self._env() as second:
            # both see three pieces left
            for env in (first, second):
                env.cr.execute("SELECT count(*) FROM crm_case_claim_line")
            self._request(first)
            first.cr.commit()

            with (
                mute_logger("odoo.sql_db"),
                self.assertRaisesRegex(Exception, "source_uniq"),
            ):
                self._request(second)
            second.cr.rollback()

            # and who looks again is told
            with self.assertRaises(ValidationError):
                self._request(second)
            second.cr.rollback()

        with self._env() as env:
            self.assertEqual(
                env["crm.case.claim"].search_count([("case_id", "=", self.case_id)]), 1
            )

    def test_confirming_at_once_makes_one_transfer(self):
        with self._env() as env:
            claim_id = self._request(env).id
            env.cr.commit()
        with self._env() as first, self._env() as second:
            for env in (first, second):
                env.cr.execute("SELECT count(*) FROM crm_case_claim_line")
            first["crm.case.claim"].browse(claim_id).lock_for_update(
                allow_referencing=True
            )
            with self.assertRaisesRegex(UserError, "Somebody else"):
                second["crm.case.claim"].browse(claim_id).action_confirm()
            second.cr.rollback()
            first.cr.rollback()
