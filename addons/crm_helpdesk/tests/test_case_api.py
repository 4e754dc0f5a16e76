import json
from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseApi(HttpCase, CaseCommon):
    """Odoo's own API, as the README shows it: a key of a user, with his rights."""

    def _key(self, user):
        return (
            self.env["res.users.apikeys"]
            .with_user(user)
            .sudo()
            ._generate("rpc", "test", fields.Datetime.now() + timedelta(days=1))
        )

    def _call(self, user, method, model="crm.case", **params):
        response = self.url_open(
            f"/json/2/{model}/{method}",
            data=json.dumps(params),
            headers={
                "Authorization": f"Bearer {self._key(user)}",
                "Content-Type": "application/json",
            },
        )
        return response.status_code, response.json()

    def test_open_read_answer(self):
        status, ids = self._call(
            self.agent,
            "create",
            vals_list=[
                {
                    "name": "It leaks",
                    "team_id": self.team.id,
                    "partner_id": self.ida.id,
                    "description": "Water",
                }
            ],
        )
        self.assertEqual(status, 200)
        case = self.env["crm.case"].browse(ids)
        self.assertEqual(case.channel, "api")
        self.assertTrue(case.sla_due)

        status, rows = self._call(
            self.agent,
            "search_read",
            domain=[["number", "=", case.number]],
            fields=["name", "stage_category", "sla_due"],
        )
        self.assertEqual(rows[0]["name"], "It leaks")

        with self.mock_mail_gateway():
            status, _answer = self._call(
                self.agent,
                "message_post",
                ids=case.ids,
                body="Please <b>plug</b> it in",
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
        self.assertEqual(status, 200)
        self.assertTrue(case.date_first_response)
        message = case.message_ids[0]
        self.assertIn("&lt;b&gt;", message.body, "a text, no page")
        self.assertIn(self.ida, message.notified_partner_ids)

        status, _answer = self._call(self.agent, "action_close", ids=case.ids)
        self.assertEqual(status, 200)
        self.assertTrue(case.is_closed)

    def test_by_hand_is_no_api(self):
        self.assertEqual(self._create_cases().channel, "manual")

    @mute_logger("odoo.http", "odoo.addons.base.models.ir_rule", "odoo.models")
    def test_rights(self):
        case = self._create_cases(team_id=self.team_2.id, partner_id=self.eva.id)
        mine = self._create_cases()
        for user, method, params in (
            (self.agent, "read", {"ids": case.ids, "fields": ["name"]}),
            (self.agent, "write", {"ids": case.ids, "vals": {"name": "x"}}),
            (self.portal_ida, "create", {"vals_list": [{"name": "x"}]}),
            (self.portal_ida, "write", {"ids": mine.ids, "vals": {"name": "x"}}),
            (self.portal_ida, "action_close", {"ids": mine.ids}),
            (self.portal_jan, "read", {"ids": mine.ids, "fields": ["name"]}),
        ):
            status, _answer = self._call(user, method, **params)
            self.assertEqual(status, 403, (user.login, method))
        for method in ("_open_from_portal", "_open_by_customer", "_log_call"):
            self.assertIn(self._call(self.agent, method)[0], (403, 404))
        response = self.url_open(
            "/json/2/crm.case/search",
            data="{}",
            headers={
                "Authorization": "Bearer wrong",
                "Content-Type": "application/json",
            },
        )
        self.assertEqual(response.status_code, 401)
        self.assertEqual(mine.name, "Grinder 0")
