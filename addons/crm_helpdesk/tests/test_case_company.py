import re

from odoo.exceptions import AccessError
from odoo.tests import (
    HttpCase,
    JsonRpcException,
    freeze_time,
    new_test_user,
    tagged,
)
from odoo.tools import mute_logger

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseCompany(HttpCase, CaseCommon):
    """The portal of a company: by right, never by being in it. Goods, promises, hours,
    and the way back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case.team"].search([("id", "!=", cls.team.id)]).is_portal = False
        cls.case = cls._create_cases(name="Of Ida")
        cls.of_jan = cls._create_cases(name="Of Jan", partner_id=cls.jan.id)
        cls.foreign = cls._create_cases(name="Of Eva", partner_id=cls.eva.id)
        cls.cases = cls.case + cls.of_jan + cls.foreign
        cls.portal_boss = cls._new_user("case_boss", "base.group_portal", cls.company)
        cls.boss = cls.portal_boss.partner_id
        cls.boss.write({"name": "Bea Boss", "parent_id": cls.customer.id})

    def _csrf(self, url="/my/cases/new"):
        page = self.url_open(url).text
        return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    def _post(self, url, page="/my/cases/new", **data):
        return self.url_open(
            url, data={"csrf_token": self._csrf(page), **data}, allow_redirects=False
        )

    def _seen(self, user):
        Case = self.env["crm.case"].with_user(user)
        return Case.search([("id", "in", self.cases.ids)]).sudo(False)

    # ------------------------------------------------------------
    # The right
    # ------------------------------------------------------------

    def test_right(self):
        self.assertEqual(self._seen(self.portal_jan), self.of_jan)
        self.jan.case_access = "company"
        self.assertEqual(self._seen(self.portal_jan), self.case + self.of_jan)
        self.assertTrue(self.case.with_user(self.portal_jan).has_access("read"))
        self.assertFalse(self.case.with_user(self.portal_jan).has_access("write"))
        self.assertFalse(self.foreign.with_user(self.portal_jan).has_access("read"))
        # at once, though Odoo remembers what rules say
        self.jan.case_access = "own"
        self.assertEqual(self._seen(self.portal_jan), self.of_jan)

    def test_right_covers_one_company_only(self):
        """Who has no company sees the own ones; a shared database company changes
        nothing."""
        self.eva.case_access = "company"
        self.assertEqual(self._seen(self.portal_eva), self.foreign)
        nobody = self._create_cases(name="Of nobody", partner_id=False)
        self.assertFalse(nobody.with_user(self.portal_eva).has_access("read"))

    def test_right_stays_behind(self):
        self.jan.case_access = "manage"
        self.jan.parent_id = self.env["res.partner"].create(
            {"name": "Other", "is_company": True}
        )
        self.assertEqual(self.jan.case_access, "own")

    def test_right_is_no_right_of_employees(self):
        """An employee who is a contact of a customer gains nothing by the flag."""
        employee = self._new_user("case_clerk", "base.group_user", self.company)
        employee.partner_id.write(
            {"parent_id": self.customer.id, "case_access": "manage"}
        )
        self.assertFalse(self.case.with_user(employee).has_access("read"))

    def test_customers_do_not_touch_it(self):
        for user in (self.portal_jan, self.portal_ida):
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.jan.with_user(user).write({"case_access": "manage"})
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.jan.with_user(user).read(["case_access"])
        self.authenticate("case_jan", "case_jan")
        self._post(
            "/my/account",
            "/my/account",
            name="Jan",
            email="jan@brandt.example",
            case_access="manage",
        )
        self.jan.invalidate_recordset()
        self.assertFalse(self.jan.case_access)

    def test_sellers_create_contacts(self):
        """What a customer sees of cases keeps nobody from their work."""
        seller = new_test_user(
            self.env,
            "case_seller",
            groups="sales_team.group_sale_salesman,base.group_partner_manager",
        )
        contact = self.env["res.partner"].with_user(seller).create({"name": "New"})
        contact.with_user(seller).write({"parent_id": self.customer.id})
        self.assertFalse(contact.sudo().case_access)

    def test_list_and_page(self):
        self.jan.case_access = "company"
        self.authenticate("case_jan", "case_jan")

        page = self.url_open("/my/cases").text
        self.assertIn("Of Ida", page)
        self.assertIn("Asked by", page)
        self.assertNotIn("Of Eva", page)
        page = self.url_open("/my/cases?filterby=mine").text
        self.assertNotIn("Of Ida", page)
        page = self.url_open("/my/cases?search_in=person&search=ida").text
        self.assertIn("Of Ida", page)
        self.assertNotIn("Of Jan", page)
        page = self.url_open(f"/my/cases/{self.case.id}").text
        self.assertIn("Of Ida", page)
        self._post(f"/my/cases/{self.case.id}/close", f"/my/cases/{self.case.id}")
        self.assertTrue(self.case.is_closed)
        self.authenticate("case_ida", "case_ida")
        self.assertNotIn("Asked by", self.url_open("/my/cases").text)

    # ------------------------------------------------------------
    # Who gives it
    # ------------------------------------------------------------

    def test_manager_of_the_company(self):
        self.boss.case_access = "manage"
        self.authenticate("case_boss", "case_boss")
        page = self.url_open("/my/cases/people").text
        self.assertIn("Ida Brandt", page)
        self.assertNotIn("Eva Nowak", page)

        self._post(
            f"/my/cases/people/{self.jan.id}", "/my/cases/people", access="company"
        )
        self.assertEqual(self.jan.case_access, "company")
        self._post(f"/my/cases/people/{self.jan.id}", "/my/cases/people", access="own")
        self.assertEqual(self.jan.case_access, "own")

    def test_manager_of_the_company_only(self):
        self.boss.case_access = "manage"
        self.authenticate("case_boss", "case_boss")
        for partner, access in (
            (self.eva, "company"),  # somebody else's
            (self.boss, "own"),  # oneself
            (self.customer, "company"),  # no person with an account
            (self.agent.partner_id, "company"),
            (self.jan, "root"),
        ):
            response = self._post(
                f"/my/cases/people/{partner.id}", "/my/cases/people", access=access
            )
            self.assertEqual(response.status_code, 404, partner.name)
        self.assertFalse(self.eva.case_access)
        self.assertEqual(self.boss.case_access, "manage")
        response = self._post("/my/cases/people/99999999", access="company")
        self.assertEqual(response.status_code, 404)

    def test_others_give_nothing(self):
        for login, access in (("case_jan", "own"), ("case_ida", "company")):
            user = self.env["res.users"].search([("login", "=", login)])
            user.partner_id.case_access = access
            self.authenticate(login, login)
            self.assertEqual(self.url_open("/my/cases/people").status_code, 404)
            response = self._post(f"/my/cases/people/{self.boss.id}", access="manage")
            self.assertEqual(response.status_code, 404)
        self.assertFalse(self.boss.case_access)

    # ------------------------------------------------------------
    # Goods
    # ------------------------------------------------------------

    def _open(self, goods):
        last = self.env["crm.case"].search([], order="id desc", limit=1)
        response = self._post(
            "/my/cases/new", name="It leaks", description="x", goods=goods
        )
        return response, self.env["crm.case"].search([("id", ">", last.id)])

    def test_goods(self):
        lot, picking, order = self._deliver_serial(self.ida)
        self.authenticate("case_ida", "case_ida")
        page = self.url_open("/my/cases/new").text
        for text in (order.name, "Espresso machine", "SN-1", f"lot-{lot.id}"):
            self.assertIn(text, page)

        _response, case = self._open(f"lot-{lot.id}")
        self.assertRecordValues(
            case,
            [
                {
                    "lot_id": lot.id,
                    "picking_id": picking.id,
                    "sale_order_id": order.id,
                    "product_id": lot.product_id.id,
                }
            ],
        )
        page = self.url_open(f"/my/cases/{case.id}").text
        self.assertIn("SN-1", page)
        _response, case = self._open(f"line-{order.order_line.id}")
        self.assertEqual(case.sale_line_id, order.order_line)
        self.assertEqual(case.sale_order_id, order)
        page = self.url_open(f"/my/orders/{order.id}").text
        self.assertIn(f"goods=order-{order.id}", page)

    def test_goods_of_others(self):
        lot, picking, order = self._deliver_serial(self.eva, "SN-EVA")
        draft = self.env["sale.order"].create({"partner_id": self.ida.id})
        self.authenticate("case_ida", "case_ida")
        page = self.url_open("/my/cases/new").text
        self.assertNotIn("SN-EVA", page)
        self.assertNotIn(order.name, page)

        for goods in (
            f"lot-{lot.id}",
            f"order-{order.id}",
            f"line-{order.order_line.id}",
            f"picking-{picking.id}",
            f"order-{draft.id}",
            "lot-x",
            "nonsense",
        ):
            response, case = self._open(goods)
            self.assertFalse(case, goods)
            self.assertEqual(response.status_code, 200)
            self.assertNotIn("SN-EVA", response.text)

    # ------------------------------------------------------------
    # Promise and hours
    # ------------------------------------------------------------

    def _page(self, login="case_ida"):
        self.authenticate(login, login)
        return self.url_open(f"/my/cases/{self.case.id}").text

    def test_promise_in_the_readers_time(self):
        self.portal_ida.tz = "Asia/Tokyo"
        promise = self.case._get_promise()
        kinds = [line["kind"] for line in promise["lines"]]
        self.assertIn("first_response", kinds)
        self.assertEqual(promise["waiting_for"], "us")

        page = self._page()

        self.assertIn("our turn", page)
        self.assertIn("(Asia/Tokyo)", page)
        self.assertIn("answer by", page)

    def test_promise_waits(self):
        self.case.stage_id = self.stages["waiting_customer"]
        self.assertEqual(self.case._get_promise()["lines"], [], "time stands still")
        self.assertIn("your turn", self._page())
        self.case.stage_id = self.stages["waiting_third"]
        self.assertIn("somebody else", self._page())
        self.case.action_close()
        page = self._page()
        self.assertNotIn('name="case_promise"', page)

    def test_promise_broken(self):
        with freeze_time("2020-01-06 10:00:00"):
            self.case = self._create_cases(name="Old")
        self.assertTrue(self.case._get_promise()["lines"][0]["is_late"])
        self.assertIn("We are sorry", self._page())

    def test_promise_not_shown(self):
        self.team.is_promise_shown = False
        page = self._page()
        self.assertIn("our turn", page)
        self.assertNotIn("answer by", page)

    def test_hours(self):
        # Monday to Friday, 8 to 16, UTC
        with freeze_time("2026-11-21 12:00:00"):  # a Saturday
            self.assertEqual(
                str(self.team._get_next_opening()), "2026-11-23 08:00:00", "Monday"
            )
        with freeze_time("2026-11-23 12:00:00"):
            self.assertFalse(self.team._get_next_opening())
        self.calendar.attendance_ids.unlink()
        self.assertFalse(self.team._get_next_opening(), "nobody knows")

    def test_hours_on_the_page(self):
        self.portal_ida.tz = "Europe/Berlin"
        attendances = self.calendar.attendance_ids
        attendances.filtered(lambda a: a.dayofweek != "0").unlink()
        # closed whenever the test runs, but for one hour of the week
        attendances.exists().write({"hour_from": 3, "hour_to": 3.01})
        page = self._page()
        self.assertIn("The team is back on", page)
        self.assertIn("(Europe/Berlin)", page)
        self.assertIn("The team is back on", self.url_open("/my/cases/new").text)

    # ------------------------------------------------------------
    # Open it again
    # ------------------------------------------------------------

    def test_reopen(self):
        self.case.action_close()
        self.authenticate("case_ida", "case_ida")
        url = f"/my/cases/{self.case.id}"

        self._post(f"{url}/reopen", url, message="Still <b>wet</b>")

        self.assertFalse(self.case.is_closed)
        message = self.case.message_ids.filtered(lambda m: "wet" in (m.body or ""))
        self.assertEqual(message.author_id, self.ida)
        self.assertIn("&lt;b&gt;", message.body)
        self.assertEqual(self.case.reopen_count, 1)

    def test_reopen_without_words_and_login(self):
        self.case.action_close()
        self.authenticate(None, None)
        token = self.case._portal_ensure_token()
        page = f"/my/cases/{self.case.id}?access_token={token}"
        self._post(f"/my/cases/{self.case.id}/reopen", page, access_token=token)
        self.assertFalse(self.case.is_closed)

    def test_reopen_too_late(self):
        """The rule of the team holds on the portal, too."""
        self.team.write({"reopen_days": 1, "late_follow_up": "new"})
        self.case.action_close()
        self.case.date_closed = "2020-01-01 00:00:00"
        self.authenticate("case_ida", "case_ida")
        for message in ("", "Still wet"):
            self._post(f"/my/cases/{self.case.id}/reopen", message=message)
        self.assertTrue(self.case.is_closed)
        self.assertNotIn("reopen_case", self.url_open(f"/my/cases/{self.case.id}").text)

    def test_reopen_by_others(self):
        self.foreign.action_close()
        url = f"/my/cases/{self.foreign.id}/reopen"
        self.jan.case_access = "manage"
        self.authenticate("case_jan", "case_jan")
        self._post(url, message="x")
        self._post(url, access_token=self.case._portal_ensure_token())
        self.assertEqual(self.url_open(url).status_code, 405)
        self.assertEqual(self.url_open(url, data={"x": 1}).status_code, 400)
        self.assertTrue(self.foreign.is_closed)

    # ------------------------------------------------------------
    # The thread, by the link and by whoever guesses
    # ------------------------------------------------------------

    def _reply(self, case, token=None, **post_data):
        return self.make_jsonrpc_request(
            "/mail/message/post",
            {
                "thread_model": "crm.case",
                "thread_id": case.id,
                "post_data": {
                    "body": "From the link",
                    "message_type": "comment",
                    "subtype_xmlid": "mail.mt_comment",
                    **post_data,
                },
                **({"token": token} if token else {}),
            },
        )

    def test_reply_by_the_link(self):
        """Without login: what is written there is the customer's."""
        self.case.stage_id = self.stages["waiting_customer"]
        self.authenticate(None, None)

        self._reply(self.case, self.case._portal_ensure_token())

        message = self.case.message_ids.filtered(lambda m: "the link" in m.body)
        self.assertEqual(message.author_id, self.ida)
        self.assertEqual(self.case.stage_category, "open")
        with self.assertRaises(JsonRpcException), mute_logger("odoo.http"):
            self._reply(self.foreign, self.case.access_token)
        with self.assertRaises(JsonRpcException), mute_logger("odoo.http"):
            self._reply(self.case, "wrong")

    def test_reply_takes_no_files_of_others(self):
        """Ids are guessed easily: without its token no file is attached or read."""
        secret = (
            self.of_jan.with_user(self.agent)
            .message_post(
                body="internal",
                message_type="comment",
                attachments=[("secret.txt", b"secret")],
            )
            .attachment_ids
        )
        self.authenticate("case_ida", "case_ida")
        for tokens in ({}, {"attachment_tokens": ["x"]}):
            with mute_logger("odoo.http"):
                try:
                    self._reply(self.case, attachment_ids=secret.ids, **tokens)
                except JsonRpcException:
                    continue
        self.assertEqual(secret.res_id, self.of_jan.id)
        self.assertNotIn(secret, self.case.message_ids.attachment_ids)

    def test_company_right_reads_no_notes(self):
        self.jan.case_access = "manage"
        note = self.case.with_user(self.agent).message_post(
            body="rude customer", message_type="comment"
        )
        answer = self._answer(self.case)
        self.assertFalse(note.with_user(self.portal_jan).has_access("read"))
        self.assertTrue(answer.with_user(self.portal_jan).has_access("read"))
        self.authenticate("case_jan", "case_jan")
        self.assertNotIn("rude", self.url_open(f"/my/cases/{self.case.id}").text)
        self._reply(self.case)
        message = self.case.message_ids.filtered(lambda m: "the link" in m.body)
        self.assertEqual(message.author_id, self.jan, "as himself")

    def test_upload_by_the_link(self):
        token = self.case._portal_ensure_token()
        self.authenticate(None, None)
        for access, status in ((token, 200), ("wrong", 404)):
            response = self.url_open(
                "/mail/attachment/upload",
                data={
                    "csrf_token": self._csrf(
                        f"/my/cases/{self.case.id}?access_token={token}"
                    ),
                    "thread_model": "crm.case",
                    "thread_id": self.case.id,
                    "is_pending": "true",
                    "token": access,
                },
                files={"ufile": ("photo.txt", b"a photo", "text/plain")},
            )
            self.assertEqual(response.status_code, status)
