import re

from odoo.tests import HttpCase, JsonRpcException, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCasePortal(HttpCase, CaseCommon):
    """The customer's pages, by whom they are meant for and by who tries."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the portal is that of the first company
        cls.env["crm.case.team"].search([("id", "!=", cls.team.id)]).is_portal = False
        cls.case = cls._create_cases(name="My grinder")
        cls.foreign = cls._create_cases(name="Not yours", partner_id=cls.eva.id)

    def _csrf(self, url):
        page = self.url_open(url).text
        return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    def _post(self, url, page=None, **data):
        return self.url_open(
            url, data={"csrf_token": self._csrf(page or "/my/cases/new"), **data}
        )

    # ------------------------------------------------------------
    # List and page
    # ------------------------------------------------------------

    def test_list(self):
        closed = self._create_cases(name="Old thing")
        closed.action_close()
        self.authenticate("case_ida", "case_ida")

        page = self.url_open("/my/cases").text
        self.assertIn("My grinder", page)
        self.assertIn("Old thing", page)
        self.assertIn(self.case.number, page)
        self.assertIn("Received", page, "the label for customers")
        self.assertNotIn("Not yours", page)
        for url, shown in (
            ("/my/cases?filterby=open", (True, False)),
            ("/my/cases?filterby=closed", (False, True)),
            ("/my/cases?search=old&search_in=subject", (False, True)),
            (f"/my/cases?search={self.case.number}&search_in=number", (True, False)),
            ("/my/cases?search=grinder", (True, False)),
            ("/my/cases?sortby=subject", (True, True)),
            ("/my/cases?sortby=nonsense&filterby=nonsense&search_in=x", (True, True)),
        ):
            page = self.url_open(url).text
            self.assertEqual(("My grinder" in page, "Old thing" in page), shown, url)

    def test_pager(self):
        self._create_cases(85)
        self.authenticate("case_ida", "case_ida")

        page_1 = self.url_open("/my/cases").text
        page_2 = self.url_open("/my/cases/page/2").text

        self.assertEqual(page_1.count("Grinder "), 80)
        self.assertEqual(page_2.count("Grinder "), 5)

    def test_empty_list_and_counter(self):
        self.authenticate("case_jan", "case_jan")

        self.assertIn("You have no cases", self.url_open("/my/cases").text)
        self.assertIn("/my/cases", self.url_open("/my").text)
        counters = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["case_count"]}
        )
        self.assertEqual(counters, {"case_count": 0})
        self.authenticate("case_ida", "case_ida")
        counters = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["case_count"]}
        )
        self.assertEqual(counters, {"case_count": 1})

    def test_page(self):
        self.authenticate("case_ida", "case_ida")

        page = self.url_open(f"/my/cases/{self.case.id}").text

        self.assertIn("My grinder", page)
        self.assertIn(self.case.number, page)
        self.assertIn("o_portal_chatter", page)

    def test_foreign_and_missing_cases(self):
        self.authenticate("case_ida", "case_ida")

        for case_id in (self.foreign.id, 99999999):
            response = self.url_open(f"/my/cases/{case_id}", allow_redirects=False)
            self.assertEqual(response.status_code, 303)
            self.assertTrue(response.headers["Location"].endswith("/my"))
        self.authenticate(None, None)
        response = self.url_open(f"/my/cases/{self.case.id}", allow_redirects=False)
        self.assertEqual(response.status_code, 303)

    def test_token(self):
        token = self.case._portal_ensure_token()
        foreign_token = self.foreign._portal_ensure_token()
        self.authenticate(None, None)

        page = self.url_open(f"/my/cases/{self.case.id}?access_token={token}").text
        self.assertIn("My grinder", page)
        for wrong in (foreign_token, "x", ""):
            response = self.url_open(
                f"/my/cases/{self.case.id}?access_token={wrong}", allow_redirects=False
            )
            self.assertEqual(response.status_code, 303)

    # ------------------------------------------------------------
    # Close
    # ------------------------------------------------------------

    def test_close(self):
        self.authenticate("case_ida", "case_ida")

        self._post(f"/my/cases/{self.case.id}/close", f"/my/cases/{self.case.id}")

        self.assertTrue(self.case.is_closed)
        self.flush_tracking()
        self.assertEqual(
            self.case.message_ids.filtered("tracking_value_ids")[0].author_id, self.ida
        )

    def test_close_with_token(self):
        url = (
            f"/my/cases/{self.case.id}?access_token={self.case._portal_ensure_token()}"
        )
        self.authenticate(None, None)

        response = self._post(
            f"/my/cases/{self.case.id}/close", url, access_token=self.case.access_token
        )

        self.assertTrue(self.case.is_closed)
        self.assertIn("My grinder", response.text)

    def test_close_by_others_by_get_and_without_csrf(self):
        url = f"/my/cases/{self.case.id}/close"
        self.authenticate("case_ida", "case_ida")
        self.assertEqual(self.url_open(url).status_code, 405)
        self.assertEqual(self.url_open(url, data={"x": 1}).status_code, 400)
        self.authenticate("case_eva", "case_eva")
        self._post(url)
        self._post(url, access_token="wrong")
        self._post(url, access_token=self.foreign._portal_ensure_token())

        self.assertFalse(self.case.is_closed)

    def test_letters_that_no_token_and_no_text_has(self):
        """Halves of links and zeros, which the database does not take."""
        url = f"/my/cases/{self.case.id}"
        for token in ("h%C3%B6chst", "%00", "%FF"):
            with self.subTest(token), self.assertNoLogs("odoo.http", "ERROR"):
                self.authenticate(None, None)
                response = self.url_open(
                    f"{url}?access_token={token}", allow_redirects=False
                )
                self.assertEqual(response.status_code, 303)
                self.authenticate("case_ida", "case_ida")
                page = self.url_open(f"{url}?access_token={token}")
                self.assertIn("My grinder", page.text, "his own, with or without")
        with self.assertNoLogs("odoo.http", "ERROR"):
            self.assertEqual(self.url_open("/my/cases?search=%00").status_code, 200)
            self._post("/my/cases/new", name="No\0 power", description="It \0 stops")
        self.assertEqual(self._new_cases().name, "No power")

    # ------------------------------------------------------------
    # Open
    # ------------------------------------------------------------

    def _new_cases(self):
        return self.env["crm.case"].search(
            [("id", ">", max(self.case.id, self.foreign.id))]
        )

    def test_open_a_case_about_an_order(self):
        order = self._create_order(self.customer)
        self.authenticate("case_ida", "case_ida")
        self.assertIn(order.name, self.url_open("/my/cases/new").text)

        response = self._post(
            "/my/cases/new",
            name="No power",
            description="It does <b>nothing</b>.",
            order_id=order.id,
        )

        case = self._new_cases()
        self.assertRecordValues(
            case,
            [
                {
                    "name": "No power",
                    "partner_id": self.ida.id,
                    "team_id": self.team.id,
                    "channel": "portal",
                    "sale_order_id": order.id,
                    "user_id": False,
                }
            ],
        )
        self.assertIn("&lt;b&gt;nothing", case.description)
        self.assertIn(case.number, response.text)
        self.assertTrue(case.is_ack_due)
        self.assertTrue(case.sla_due)
        self.assertFalse(case.message_partner_ids)

    def test_open_with_files(self):
        self.authenticate("case_ida", "case_ida")

        self.url_open(
            "/my/cases/new",
            data={
                "csrf_token": self._csrf("/my/cases/new"),
                "name": "No power",
                "description": "See the photo",
            },
            files={"attachments": ("photo.txt", b"a photo", "text/plain")},
        )

        attachment = self._new_cases().message_ids.attachment_ids
        self.assertEqual(attachment.raw, b"a photo")
        # he gets them with his messages, each with a token; nobody by guessing ids
        case = self._new_cases()
        [data] = self._fetch_files(case)
        self.assertEqual(data["id"], attachment.id)
        url = f"/web/content/{attachment.id}"
        token = data["raw_access_token"]
        response = self.url_open(f"{url}?access_token={token}")
        self.assertEqual(response.content, b"a photo")
        for user in ("case_ida", "case_jan", None):
            self.authenticate(user, user)
            self.assertEqual(self.url_open(url).status_code, 404)
        for user in ("case_jan", None):
            self.authenticate(user, user)
            self.assertFalse(self._fetch_files(case))

    def test_files_of_notes(self):
        note = self.case.with_user(self.agent).message_post(
            body="internal",
            message_type="comment",
            attachments=[("secret.txt", b"secret")],
        )
        self.authenticate("case_ida", "case_ida")

        url = f"/web/content/{note.attachment_ids.id}"
        token = self.case._portal_ensure_token()
        for query in ("", f"?access_token={token}", "?access_token=x"):
            self.assertEqual(self.url_open(url + query).status_code, 404)
        self.assertFalse(self._fetch_files(self.case))

    def _fetch_files(self, case):
        """What the portal's page gets to show, as it asks for it."""
        result = self.make_jsonrpc_request(
            "/mail/chatter_fetch",
            {"thread_model": "crm.case", "thread_id": case.id, "fetch_params": {}},
        )
        return [
            file
            for message in result["data"]["mail.message"]
            for file in message["attachment_ids"]
        ]

    def test_open_needs_its_fields(self):
        self.authenticate("case_ida", "case_ida")

        response = self._post("/my/cases/new", name=" ", description="kept text")

        self.assertFalse(self._new_cases())
        self.assertIn("what it is about", response.text)
        self.assertIn("kept text", response.text)

    def test_open_takes_no_foreign_values(self):
        """Whatever else is posted: the customer, the team and the order are checked."""
        order = self._create_order(self.eva)
        self.authenticate("case_ida", "case_ida")

        response = self._post(
            "/my/cases/new", name="Attack", description="x", order_id=order.id
        )
        self.assertFalse(self._new_cases())
        self.assertNotIn(order.name, response.text)
        self._post(
            "/my/cases/new",
            name="Attack",
            description="x",
            team_id=self.team_2.id,
            partner_id=self.eva.id,
            user_id=self.agent.id,
            priority="3",
            stage_id=self.stages["closed"].id,
        )
        self.assertRecordValues(
            self._new_cases(),
            [
                {
                    "partner_id": self.ida.id,
                    "team_id": self.team.id,
                    "user_id": False,
                    "priority": "1",
                    "stage_category": "open",
                }
            ],
        )

    def test_open_needs_a_login_and_csrf(self):
        self.authenticate(None, None)
        response = self.url_open("/my/cases/new", allow_redirects=False)
        self.assertIn("/web/login", response.headers["Location"])
        self.authenticate("case_ida", "case_ida")
        response = self.url_open(
            "/my/cases/new", data={"name": "x", "description": "y"}
        )
        self.assertEqual(response.status_code, 400)

    # ------------------------------------------------------------
    # Reply
    # ------------------------------------------------------------

    def _reply(self, case, **params):
        return self.make_jsonrpc_request(
            "/mail/message/post",
            {
                "thread_model": "crm.case",
                "thread_id": case.id,
                "post_data": {
                    "body": "Still broken",
                    "message_type": "comment",
                    "subtype_xmlid": "mail.mt_comment",
                },
                **params,
            },
        )

    def test_reply_opens_again(self):
        self.case.action_close()
        self.authenticate("case_ida", "case_ida")

        self._reply(self.case)

        self.assertFalse(self.case.is_closed)
        self.assertIn("Still broken", "".join(self.case.message_ids.mapped("body")))

    def test_reply_on_foreign_cases(self):
        count = len(self.foreign.message_ids)
        self.authenticate("case_ida", "case_ida")

        for params in (
            {},
            {"token": "wrong"},
            {"token": self.case._portal_ensure_token()},
        ):
            with self.assertRaises(JsonRpcException):
                self._reply(self.foreign, **params)

        self.assertEqual(len(self.foreign.message_ids), count)

    def test_rate_on_the_page(self):
        """From the page of the case, without the mail; asked is who was shown it."""
        case = self._create_cases(user_id=self.agent.id)
        path = f"/my/cases/{case.id}"
        self.authenticate("case_ida", "case_ida")
        self.assertNotIn('name="rate_case"', self.url_open(path).text, "still open")
        case.action_close()
        self.assertIn('name="rate_case"', self.url_open(path).text)
        self.assertEqual(self.url_open(f"{path}/rate").status_code, 405)
        self.assertFalse(case.date_rating_requested, "nothing by following a link")

        response = self._post(f"{path}/rate")

        self.assertIn("/rate/", response.url)
        self.assertTrue(case.date_rating_requested)
        self.assertFalse(case.is_rating_due, "no mail beside")
        self.assertFalse(case.rating_ids.consumed)
        case.rating_apply(4, token=case._rating_get_access_token())
        page = self.url_open(path).text
        self.assertNotIn('name="rate_case"', page)
        self.assertIn('name="case_rated"', page)

    def test_rate_by_others(self):
        case = self._create_cases(user_id=self.agent.id)
        case.action_close()
        for login in ("case_jan", "case_eva"):
            with self.subTest(login):
                self.authenticate(login, login)
                response = self._post(f"/my/cases/{case.id}/rate")
                self.assertNotIn("/rate/", response.url)
        self.team.is_rated = False
        self.authenticate("case_ida", "case_ida")
        response = self._post(f"/my/cases/{case.id}/rate")
        self.assertNotIn("/rate/", response.url)
        self.assertFalse(case.rating_ids)
