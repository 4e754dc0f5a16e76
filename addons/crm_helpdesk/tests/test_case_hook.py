import base64
import hashlib
import hmac
import json
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..models.door import crm_case_hook
from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseHook(HttpCase, CaseCommon):
    """Signed requests of other systems, and those that are not."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.is_hook = True
        cls.team.case_properties_definition = [
            {"name": "serial", "string": "Serial*", "type": "char"},
            {"name": "hours", "string": "Hours", "type": "integer"},
            {
                "name": "kind",
                "string": "Kind",
                "type": "selection",
                "selection": [["noise", "Noise"], ["leak", "Leak"]],
            },
        ]
        cls.url = f"/crm_helpdesk/hook/{cls.team.hook_token}"
        cls.last_id = cls.env["crm.case"].search([], order="id desc", limit=1).id or 0

    def _post(self, message, url=None, secret=None, **headers):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        sign = hmac.new(
            (secret or self.team.hook_secret).encode(), body, hashlib.sha256
        ).hexdigest()
        response = self.url_open(
            url or self.url,
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-Signature": sign,
                **headers,
            },
        )
        return response.status_code, response.json()

    def _open(self, **values):
        return self._post(
            {
                "key": "shop-1",
                "subject": "It leaks",
                "text": "Water <b>everywhere</b>",
                "email": "ida@brandt.example",
                **values,
            }
        )

    def _new_cases(self):
        return self.env["crm.case"].search([("id", ">", self.last_id)])

    def _calls(self):
        return self.env["crm.case.hook.call"].search([("team_id", "=", self.team.id)])

    def test_open(self):
        order = self._create_order(self.jan)
        status, answer = self._open(
            priority=2,
            order=order.name,
            fields={"Serial": "S-1", "hours": 12, "kind": "leak"},
            attachments=[
                {"name": "log.txt", "content": base64.b64encode(b"hot").decode()}
            ],
        )

        case = self._new_cases()
        self.assertEqual(status, 201)
        self.assertEqual(answer, {"case": case.number, "repeated": False})
        self.assertRecordValues(
            case,
            [
                {
                    "name": "It leaks",
                    "channel": "api",
                    "partner_id": self.ida.id,
                    "team_id": self.team.id,
                    "priority": "2",
                    "sale_order_id": order.id,
                    "user_id": False,
                    "is_ack_due": True,
                }
            ],
        )
        self.assertIn("&lt;b&gt;", case.description)
        self.assertEqual(case.case_properties["serial"], "S-1")
        self.assertEqual(case.case_properties["hours"], 12)
        self.assertEqual(case.message_ids.attachment_ids.raw, b"hot")
        self.assertTrue(case.sla_due)
        self.assertRecordValues(
            self._calls(), [{"key": "shop-1", "status": 201, "case_id": case.id}]
        )

    def test_what_the_database_does_not_take_is_said(self):
        self.team.case_properties_definition = [
            *self.team.case_properties_definition,
            {
                "name": "tags",
                "string": "T",
                "type": "tags",
                "tags": [["a", "A", 1]],
            },
        ]
        half = "\ud800"
        for fields in (
            {"T": [{}]},
            {"T": [["a"]]},
            {"Kind": {}},
            {"Serial": half},
            {"T": [half]},
            {half: 1},
            {"a\0": 1},
        ):
            with self.subTest(fields=ascii(fields)):
                status, answer = self._open(fields=fields)
                self.assertEqual(status, 422)
                self.assertIn("fields: ", answer["error"])
        self.assertEqual(self._open(fields={"T": ["a"], "Serial": "S-1"})[0], 201)

    def test_subject_in_lines(self):
        self._open(subject="It\nleaks\r\n badly")

        self.assertEqual(self._new_cases().name, "It leaks badly")

    def test_the_same_key_opens_no_second(self):
        status, answer = self._open()
        self.assertEqual(status, 201)
        self.assertEqual(
            self._open(subject="Changed"),
            (200, {"case": answer["case"], "repeated": True}),
        )
        self.assertEqual(len(self._new_cases()), 1)
        self.assertEqual(self._open(key="shop-2")[0], 201)
        self.assertEqual(len(self._new_cases()), 2)

    def test_message(self):
        _status, answer = self._open()
        case = self._new_cases()
        case.action_close()
        status, said = self._post(
            {"key": "m-1", "case": answer["case"], "text": "Still <i>wet</i>"}
        )
        self.assertEqual((status, said["case"]), (200, case.number))
        message = case.message_ids.filtered(lambda m: "wet" in (m.body or ""))
        self.assertEqual(message.author_id, self.ida)
        self.assertIn("&lt;i&gt;", message.body)
        self.assertFalse(case.is_closed, "as any answer of the customer")
        status, said = self._post(
            {"key": "m-1", "case": answer["case"], "text": "Still wet"}
        )
        self.assertTrue(said["repeated"])
        self.assertEqual(
            len(case.message_ids.filtered(lambda m: "wet" in (m.body or ""))), 1
        )
        status, _said = self._post(
            {
                "key": "m-2",
                "case": answer["case"],
                "text": "Me too",
                "email": "jan@brandt.example",
            }
        )
        self.assertEqual(status, 200)
        message = case.message_ids.filtered(lambda m: "Me too" in (m.body or ""))
        self.assertEqual(message.author_id, self.jan)

    def test_message_where_it_does_not_belong(self):
        case_2 = self._create_cases(team_id=self.team_2.id, partner_id=self.eva.id)
        case = self._create_cases()
        for values, status in (
            ({"case": case_2.number, "text": "x"}, 404),
            ({"case": "CASE-0", "text": "x"}, 404),
            ({"case": "%", "text": "x"}, 404),
            ({"case": case.number, "text": "x", "email": "eva@nowak.example"}, 422),
            ({"case": case.number, "text": ""}, 400),
        ):
            self.assertEqual(self._post({"key": "k", **values})[0], status, values)
        self.assertNotIn("<p>x</p>", case.message_ids.mapped("body"))
        self.team.write({"reopen_days": 1, "late_follow_up": "new"})
        case.action_close()
        case.date_closed = "2020-01-01 00:00:00"
        status, _answer = self._post({"key": "k", "case": case.number, "text": "x"})
        self.assertEqual(status, 409)

    def test_signature(self):
        count = self.env["crm.case"].search_count([])
        body = {"key": "k", "subject": "x", "text": "y"}
        self.assertEqual(self._post(body, secret="wrong")[0], 403)
        for sign in ("", "sha256=", "x", "höchst".encode().decode("latin-1")):
            self.assertEqual(self._post(body, **{"X-Signature": sign})[0], 403)
        self.team_2.is_hook = True
        self.assertEqual(self._post(body, secret=self.team_2.hook_secret)[0], 403)
        self.assertEqual(self.env["crm.case"].search_count([]), count)
        self.assertEqual(set(self._calls().mapped("status")), {403})
        self.assertNotIn("subject", str(self._calls().mapped("answer")))

    def test_refusals_do_not_fill_the_ledger(self):
        with patch.object(crm_case_hook, "MAX_REFUSED", 2):
            for i in range(4):
                self.assertEqual(self._post({"key": str(i)}, secret="wrong")[0], 403)
        self.assertEqual(len(self._calls()), 2)

    def test_new_secret(self):
        old = self.team.hook_secret
        self.team.with_user(self.manager).action_new_hook_secret()
        body = {"key": "k", "subject": "x", "text": "y"}
        self.assertEqual(self._post(body, secret=old)[0], 403)
        self.assertEqual(self._post(body)[0], 201)

    def test_address(self):
        body = {"key": "k", "subject": "x", "text": "y"}
        for url in ("/crm_helpdesk/hook/x", "/crm_helpdesk/hook/h%C3%B6", self.url):
            if url == self.url:
                self.team.is_hook = False
            self.assertEqual(self._post(body, url=url)[0], 404, url)
        self.assertEqual(self.url_open(self.url).status_code, 405)

    def test_what_is_wrong_is_said(self):
        foreign = self._create_order(self.eva)
        many = [{"name": "a.txt", "content": "eA=="}] * 11
        for values, status, word in (
            (b"{", 400, "JSON"),
            (b"[" * 100_000, 400, "JSON"),
            (b"[]", 400, "object"),
            (b'{"key": "\\ud800"}', 400, "letters"),
            ({"key": ""}, 400, "key"),
            ({"key": "x" * 300}, 400, "key"),
            ({"subject": ""}, 400, "subject"),
            ({"text": ""}, 400, "text"),
            ({"text": 1.5}, 400, "text"),
            ({"text": "x" * 100_001}, 413, "text"),
            ({"email": "nobody"}, 422, "email"),
            ({"priority": 9}, 422, "priority"),
            ({"order": foreign.name}, 422, "order"),
            ({"order": "S?"}, 422, "order"),
            ({"fields": []}, 422, "fields"),
            ({"fields": [1]}, 400, "fields"),
            ({"fields": {"nonsense": 1}}, 422, "nonsense"),
            ({"fields": {"hours": "many"}}, 422, "hours"),
            ({"fields": {"hours": float("nan")}}, 422, "hours"),
            ({"fields": {"hours": float("-inf")}}, 422, "hours"),
            ({"fields": {"kind": "x"}}, 422, "kind"),
            ({"attachments": "x"}, 400, "attachments"),
            ({"attachments": [{"name": "a.txt"}]}, 400, "attachments"),
            ({"attachments": [{"name": "a.exe", "content": "eA=="}]}, 422, "a.exe"),
            ({"attachments": many}, 413, "attachments"),
        ):
            with (
                self.subTest(str(values)[:60]),
                self.assertNoLogs("odoo.http", "ERROR"),
            ):
                if isinstance(values, dict) and values.get("fields") == []:
                    continue  # none
                code, answer = (
                    self._post(values)
                    if isinstance(values, bytes)
                    else self._open(**values)
                )
                self.assertEqual(code, status)
                self.assertIn(word, answer["error"])
        self.assertFalse(self._new_cases())
        # the key is free for another try
        self.assertEqual(self._open()[0], 201)

    def test_a_form_is_no_message(self):
        """What curl sends when it is not told otherwise."""
        status, answer = self._post(
            {"key": "k", "subject": "x", "text": "y"},
            **{"Content-Type": "application/x-www-form-urlencoded"},
        )
        self.assertEqual(status, 415)
        self.assertIn("application/json", answer["error"])

    def test_too_many(self):
        self.team.hook_hourly_limit = 2
        self.assertEqual([self._open(key=str(i))[0] for i in range(3)], [201, 201, 429])

    def test_stays_in_its_company(self):
        self.team_2.is_hook = True
        self.ida.company_id = self.company
        body = {
            "key": "k",
            "subject": "x",
            "text": "y",
            "email": "ida@brandt.example",
        }
        status, _answer = self._post(
            body,
            url=f"/crm_helpdesk/hook/{self.team_2.hook_token}",
            secret=self.team_2.hook_secret,
        )
        self.assertEqual(status, 201)
        case = self._new_cases()
        self.assertEqual(case.company_id, self.company_2)
        self.assertNotEqual(case.partner_id, self.ida, "of another company")

    def test_rights(self):
        self._open()
        call = self._calls()
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            self.team.with_user(self.agent).read(["hook_secret"])
        for user in (self.agent, self.portal_ida):
            self.assertFalse(call.with_user(user).has_access("read"))
        self.assertTrue(call.with_user(self.manager).has_access("read"))
        self.assertFalse(call.with_user(self.manager).has_access("write"))
        self.assertFalse(call.with_user(self.agent_c2).has_access("read"))
        copy = self.team.copy()
        self.assertNotEqual(copy.hook_token, self.team.hook_token)

    def test_old_requests_go(self):
        self._open()
        self._calls().date = "2020-01-01 00:00:00"
        self.env["crm.case.hook.call"]._gc_calls()
        self.assertFalse(self._calls())
        self.assertTrue(self._new_cases())
