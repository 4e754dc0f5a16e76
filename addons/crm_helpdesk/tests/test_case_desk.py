from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import HttpCase, freeze_time, tagged

from .common import CaseCommon

MONDAY_9 = datetime(2026, 3, 2, 9, 0)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestPresence(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._create_cases()

    def _ping(self, user, state="viewing"):
        return self.case.with_user(user).presence_ping(state)

    def _sent(self, function):
        """What the function sends: ``[(user id, type, payload)]``."""
        sent = []

        def bus_send(records, kind, payload, **_kw):
            sent.extend((record.id, kind, payload) for record in records)

        with patch.object(
            type(self.env["res.users"]),
            "_bus_send",
            autospec=True,
            side_effect=bus_send,
        ):
            function()
        return sent

    def test_who_else_is_there(self):
        self.assertEqual(self._ping(self.agent), [])
        others = self._ping(self.agent_2)
        self.assertEqual([p["id"] for p in others], [self.agent.id])
        self.assertFalse(others[0]["is_typing"])
        self._ping(self.agent, "typing")
        self.assertTrue(self._ping(self.agent_2)[0]["is_typing"])
        self._ping(self.agent, "left")
        self.assertEqual(self._ping(self.agent_2), [])

    def test_told_at_once_and_only_what_has_changed(self):
        self._ping(self.agent)
        sent = self._sent(lambda: self._ping(self.agent_2))
        self.assertEqual(
            [(s[0], s[1]) for s in sent], [(self.agent.id, "crm_helpdesk.presence")]
        )
        self.assertEqual(
            [p["id"] for p in sent[0][2]["people"]], [self.agent_2.id], "not oneself"
        )
        self.assertFalse(self._sent(lambda: self._ping(self.agent_2)), "nothing new")
        self.assertTrue(self._sent(lambda: self._ping(self.agent_2, "left")))

    def test_who_closes_the_laptop_is_gone_after_a_while(self):
        now = fields.Datetime.now()
        with freeze_time(now):
            self._ping(self.agent, "typing")
        with freeze_time(now + timedelta(seconds=30)):
            [person] = self._ping(self.agent_2)
            self.assertFalse(person["is_typing"])
        with freeze_time(now + timedelta(seconds=90)):
            self.assertEqual(self._ping(self.agent_2), [])
        with freeze_time(now + timedelta(days=2)):
            self.env["crm.case.presence"]._gc_presence()
        self.assertFalse(
            self.env["crm.case.presence"].search([("case_id", "=", self.case.id)])
        )

    def test_only_colleagues_who_see_the_case(self):
        for user in (self.portal_ida, self.agent_c2):
            with self.assertRaises(AccessError):
                self._ping(user)
        with self.assertRaises(ValueError):
            self._ping(self.agent, "DROP TABLE")


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestDraft(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._create_cases()

    def test_one_draft_of_several_people(self):
        mine, theirs = (self.case.with_user(u) for u in (self.agent, self.agent_2))
        one = mine.draft_write("Dear Ida,", 0)
        self.assertEqual((one["version"], one["is_conflict"]), (1, False))
        read = theirs.draft_read()
        self.assertEqual((read["body"], read["user"]), ("Dear Ida,", self.agent.name))
        two = theirs.draft_write("Dear Ida, it is", read["version"])
        self.assertFalse(two["is_conflict"])
        self.assertEqual(
            self.env["crm.case.draft"].search_count([("case_id", "=", self.case.id)]), 1
        )

    def test_conflicts_are_told_and_lose_nothing(self):
        mine, theirs = (self.case.with_user(u) for u in (self.agent, self.agent_2))
        mine.draft_write("A", 0)
        theirs.draft_write("B", 1)
        conflict = mine.draft_write("C", 1)
        self.assertTrue(conflict["is_conflict"])
        self.assertEqual((conflict["body"], conflict["user"]), ("B", self.agent_2.name))
        self.assertEqual(mine.draft_read()["body"], "B", "nothing was overwritten")
        self.assertFalse(
            mine.draft_write("C", conflict["version"], is_forced=True)["is_conflict"]
        )
        self.assertEqual(theirs.draft_read()["body"], "C")

    def test_sent_as_an_answer_of_who_sends(self):
        mine, theirs = (self.case.with_user(u) for u in (self.agent, self.agent_2))
        mine.draft_write("Dear <Ida>\nplug it in", 0)
        with self.mock_mail_gateway():
            self.assertTrue(theirs.draft_send(7)["is_conflict"], "not what one sees")
            result = theirs.draft_send(1)
        self.assertEqual(result["body"], "")
        answer = self.case.message_ids.sorted("id")[-1]
        self.assertIn("&lt;Ida&gt;", answer.body)
        self.assertEqual(answer.author_id, self.agent_2.partner_id)
        self.assertEqual(answer.notified_partner_ids, self.ida)
        self.assertTrue(self.case.date_first_response)

    def test_rights(self):
        self.case.with_user(self.agent).draft_write("secret", 0)
        for user in (self.portal_ida, self.agent_c2):
            case = self.case.with_user(user)
            with self.assertRaises(AccessError):
                case.draft_write("x", 1)
        with self.assertRaises(AccessError):
            self.case.with_user(self.agent_c2).draft_read()
        draft = self.env["crm.case.draft"].search([("case_id", "=", self.case.id)])
        with self.assertRaises(AccessError):
            draft.with_user(self.portal_ida).read(["body"])
        with self.assertRaises(AccessError):
            draft.with_user(self.agent).body = "past the numbers"

    def test_customers_read_no_draft(self):
        self.case.with_user(self.agent).draft_write("secret", 0)
        with self.assertRaises(AccessError):
            self.case.with_user(self.portal_ida).draft_read()


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestHome(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case"].search([]).active = False
        cls.company.resource_calendar_id = cls.calendar
        cls.agent.tz = "UTC"

    def _home(self, user=None):
        home = self.env["crm.case"].with_user(user or self.agent).get_home()
        lists = {
            key: [row["id"] for row in one["rows"]]
            for key, one in home["lists"].items()
        }
        return (
            lists,
            {figure["key"]: figure["value"] for figure in home["figures"]},
            home,
        )

    def test_lists_by_due(self):
        with freeze_time(MONDAY_9):
            late_colleague = self._create_cases(user_id=self.agent_2.id)
            late_mine = self._create_cases(user_id=self.agent.id)
        with freeze_time(MONDAY_9.replace(day=3)):
            later = self._create_cases(user_id=self.agent.id)
            queued = self._create_cases()
            waiting = self._create_cases(
                user_id=self.agent.id, stage_id=self.stages["waiting_customer"].id
            )
            self._create_cases(team_id=self.team_2.id)
            lists, figures, home = self._home()

        self.assertEqual(lists["mine"], [late_mine.id, later.id])
        self.assertEqual(lists["queue"], queued.ids)
        self.assertEqual(lists["late"], late_colleague.ids)
        self.assertEqual(lists["waiting"], waiting.ids)
        self.assertEqual(figures["open"], 2)
        row = home["lists"]["mine"]["rows"][0]
        self.assertEqual(
            (row["is_late"], row["customer"], row["kind"]),
            (True, self.ida.display_name, "First Response"),
        )

    def test_figures_of_today(self):
        with freeze_time(MONDAY_9 - timedelta(days=1)):
            self._answer(self._create_cases(user_id=self.agent.id))
        with freeze_time(MONDAY_9):
            case, other = self._create_cases(2, user_id=self.agent.id)
            self._answer(case)
            self._answer(case)
            case.with_user(self.agent).message_post(body="a note")
            case.action_close()
            _lists, figures, _home = self._home()
        self.assertEqual((figures["answered"], figures["solved"]), (1, 1))
        self.assertEqual(figures["met"], 2, "first response and resolution")
        self.assertEqual(figures["late"], 0)
        self.assertEqual(figures["rating"], "-", "none is not zero")
        with freeze_time(MONDAY_9.replace(hour=14)):
            _lists, figures, home = self._home()
        self.assertEqual(figures["late"], 1)
        [late] = [f for f in home["figures"] if f["key"] == "late"]
        self.assertEqual(self.env["crm.case"].search(late["domain"]), other)

    def test_counts_go_on_behind_the_screen(self):
        self._create_cases(15, user_id=self.agent.id)
        _lists, _figures, home = self._home()
        mine = home["lists"]["mine"]
        self.assertEqual((len(mine["rows"]), mine["count"]), (12, 15))
        self.assertEqual(self.env["crm.case"].search_count(mine["domain"]), 15)

    def test_rights(self):
        with self.assertRaises(AccessError):
            self._home(self._new_user("case_none", "base.group_user", self.company))
        hidden = self._create_cases()
        self.team.visibility = "members"
        lists, _figures, _home = self._home(self.outsider)
        self.assertNotIn(hidden.id, lists["queue"])

    def test_queries_do_not_grow_with_the_cases(self):
        counts = []
        for number in (2, 10):
            self._create_cases(number, user_id=self.agent.id)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._home()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLess(counts[1] - counts[0], 8, counts)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestGoods(CaseCommon):
    """What the customer bought and got, by the rights of who looks."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.machine = cls.env["product.product"].create(
            {
                "name": "Machine",
                "type": "consu",
                "is_storable": True,
                "tracking": "serial",
            }
        )
        cls.lot = cls.env["stock.lot"].create(
            {"name": "SN-1", "product_id": cls.machine.id, "company_id": cls.company.id}
        )
        warehouse = cls.env["stock.warehouse"].search(
            [("company_id", "=", cls.company.id)], limit=1
        )
        cls.env["stock.quant"]._update_available_quantity(
            cls.machine, warehouse.lot_stock_id, 1, lot_id=cls.lot
        )
        cls.order = cls._create_order(
            cls.ida, order_line=[Command.create({"product_id": cls.machine.id})]
        )
        cls.picking = cls.order.picking_ids
        cls.picking.action_assign()
        cls.picking.move_ids.picked = True
        cls.picking._action_done()
        cls.invoice = cls.order._create_invoices()
        cls.invoice.invoice_date_due = "2020-01-01"
        cls.invoice.action_post()
        cls.case = cls._create_cases(lot_id=cls.lot.id, user_id=cls.agent.id)

    def _sections(self, user):
        return {
            section["key"]: section["rows"]
            for section in self.case.with_user(user).get_goods()
        }

    def test_what_is_shown_to_who_may_see_it(self):
        self.agent.group_ids += (
            self.env.ref("sales_team.group_sale_salesman_all_leads")
            + self.env.ref("stock.group_stock_user")
            + self.env.ref("account.group_account_invoice")
        )
        sections = self._sections(self.agent)
        self.assertEqual(
            list(sections)[:5], ["order", "lot", "delivery", "return", "invoice"]
        )
        self.assertEqual([row["id"] for row in sections["order"]], self.order.ids)
        [lot] = sections["lot"]
        self.assertEqual((lot["id"], lot["is_this"]), (self.lot.id, True))
        self.assertEqual([row["id"] for row in sections["delivery"]], self.picking.ids)
        [invoice] = sections["invoice"]
        self.assertEqual((invoice["id"], invoice["is_bad"]), (self.invoice.id, True))
        self.assertEqual(sections["return"], [])

    def test_without_the_rights_there_is_no_such_section(self):
        self.assertNotIn("invoice", self._sections(self.agent))
        self.agent.group_ids += self.env.ref("account.group_account_invoice")
        self.assertIn("invoice", self._sections(self.agent))

    def test_what_came_back_is_no_longer_there(self):
        self.agent.group_ids += self.env.ref("stock.group_stock_user")
        self.assertTrue(self._sections(self.agent)["lot"])
        wizard = (
            self.env["stock.return.picking"]
            .with_context(active_id=self.picking.id, active_model="stock.picking")
            .create({"picking_id": self.picking.id})
        )
        wizard.product_return_moves.quantity = 1
        back = self.env["stock.picking"].browse(
            wizard.action_create_returns()["res_id"]
        )
        back.move_ids.picked = True
        for line in back.move_ids.move_line_ids:
            line.lot_id = self.lot
        back._action_done()
        sections = self._sections(self.agent)
        self.assertFalse(sections["lot"])
        self.assertEqual([row["id"] for row in sections["return"]], back.ids)

    def test_lot_that_is_no_longer_good(self):
        if "expiration_date" not in self.lot._fields:
            self.skipTest("Products Expiration Date (product_expiry) is not installed")
        self.lot.expiration_date = "2020-01-01"
        [lot] = self._sections(self.env.user)["lot"]
        self.assertTrue(lot["is_bad"])
        self.assertIn("until", lot["state"])
        self.lot.expiration_date = "2099-01-01"
        [lot] = self._sections(self.env.user)["lot"]
        self.assertFalse(lot["is_bad"])

    def test_not_of_other_customers_nor_for_other_people(self):
        case = self._create_cases(partner_id=self.eva.id)
        self.agent.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        rows = [
            row["id"]
            for section in case.with_user(self.agent).get_goods()
            for row in section["rows"]
        ]
        self.assertFalse(rows)
        with self.assertRaises(AccessError):
            self.case.with_user(self.agent_c2).get_goods()
        self.assertEqual(
            self._create_cases(partner_id=False).with_user(self.agent).get_goods(), []
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestDeskTour(HttpCase, CaseCommon):
    def test_from_the_desk_to_the_next_case(self):
        self.env["crm.case"].search([]).active = False
        self.env["crm.case.macro"].create(
            {
                "name": "Tour: plug it in",
                "scope": "all",
                "reply": "<p>Dear {{ object.partner_name }}, plug it in.</p>",
                "stage_id": self.stages["solved"].id,
                "following": "queue",
            }
        )
        first = self._create_cases(name="Tour one", priority="3")
        second = self._create_cases(name="Tour two")
        # a colleague has it on the screen
        first.with_user(self.agent_2).presence_ping("viewing")

        self.start_tour("/odoo/desk", "crm_helpdesk_desk", login="case_agent")

        self.assertEqual((first + second).user_id, self.agent)
        self.assertEqual(first.stage_category, "solved")
        self.assertIn("Dear Ida Brandt", "".join(first.message_ids.mapped("body")))
        self.assertEqual(second.draft_read()["body"], "Written together")
