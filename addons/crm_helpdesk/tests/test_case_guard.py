from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, JsonRpcException, tagged
from odoo.tools import mute_logger

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseGuard(HttpCase, CaseCommon):
    """What the screens do not offer, and a client may ask for all the same."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._create_cases(name="Something private")
        cls.customer = cls.env["res.users"].search([("login", "=", "case_ida")])

    def _post(self, **data):
        return self.make_jsonrpc_request(
            "/mail/message/post",
            {
                "thread_model": "crm.case",
                "thread_id": self.case.id,
                "post_data": {
                    "body": "Hello",
                    "message_type": "comment",
                    "subtype_xmlid": "mail.mt_comment",
                    **data,
                },
            },
        )

    def _get_ratings(self):
        return self.env["rating.rating"].search(
            [("res_model", "=", "crm.case"), ("res_id", "=", self.case.id)]
        )

    def test_nobody_rates_by_a_message(self):
        self.case.action_close()
        for login in ("case_agent", "case_ida"):
            self.authenticate(login, login)
            self._post(rating_value=5)
            with mute_logger("odoo.http"), self.assertRaises(JsonRpcException):
                self.make_jsonrpc_request(
                    "/web/dataset/call_kw/crm.case/rating_apply",
                    {
                        "model": "crm.case",
                        "method": "rating_apply",
                        "args": [self.case.ids, 5],
                        "kwargs": {},
                    },
                )
        self.case.with_user(self.agent).message_post(body="Good", rating_value=5)

        self.assertFalse(self._get_ratings())
        said = [
            m for m in self.case.message_ids if "Hello" in m.body or "Good" in m.body
        ]
        self.assertEqual(len(said), 3)

    def test_message_of_a_rating_keeps_it(self):
        token = self.case._rating_get_access_token(self.ida)
        rating = self.case.rating_apply(4, token=token, feedback="Fine")
        message = self.case.message_post(body="Fine", message_type="comment")
        rating.message_id = message

        self.case._message_update_content(message, body="Bad", rating_value=1)
        self.case._message_update_content(message, body="None", rating_value=False)

        self.assertEqual(self._get_ratings().rating, 4)

    def test_customers_write_nothing_but_comments(self):
        self.team.late_follow_up = "refuse"
        self.case.action_close()
        self.case.date_closed = fields.Datetime.now() - timedelta(days=400)
        self.authenticate("case_ida", "case_ida")

        for kind in ("comment", "email", "auto_comment", "notification"):
            with (
                self.subTest(kind=kind),
                mute_logger("odoo.http"),
                self.assertRaisesRegex(JsonRpcException, "UserError"),
            ):
                self._post(message_type=kind)
            with self.subTest(kind=kind), self.assertRaises(UserError):
                self.case.with_user(self.customer).message_post(
                    body="Hello", message_type=kind, subtype_xmlid="mail.mt_comment"
                )
        self.assertEqual(self.case.stage_category, "solved")

    def test_customers_do_not_read_how_we_work(self):
        case = self.case.with_user(self.customer)
        self.assertEqual(case.name, "Something private")
        for name in (
            "assignment_reason",
            "assignment_block_detail",
            "assignment_why",
            "duration_tracking",
            "sla_reason",
        ):
            with self.subTest(name=name), self.assertRaises(AccessError):
                case.read([name])
            self.case.with_user(self.agent).read([name])

    def test_nobody_writes_what_is_noted(self):
        case = self.case.with_user(self.manager)
        for name, value in (
            ("number", "FAKE-1"),
            ("date_first_response", "2020-01-01 08:00:00"),
            ("date_closed", "2020-01-01 08:00:00"),
            ("reopen_count", 7),
        ):
            with self.subTest(name=name), self.assertRaises(AccessError):
                case.write({name: value})
        case.action_close()
        self.assertTrue(case.date_closed)
        case.action_reopen()
        self.assertEqual(case.reopen_count, 1)

    def test_timelines_do_not_tell_of_cases_for_members(self):
        seller = self._new_user(
            "case_seller", "sales_team.group_sale_salesman_all_leads", self.company
        )
        self._receive("Complaint of the works council", email_from="ida@brandt.example")
        self.case.message_post(
            body="Private, too",
            subject="Something private",
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        token = self.case._rating_get_access_token(self.ida)
        self.case.rating_apply(4, token=token)
        self._harvest_queued()
        self.env["crm.touchpoint"]._harvest()

        def seen(user):
            touchpoints = self.env["crm.touchpoint"].with_user(user).search([])
            return [name for name in touchpoints.mapped("name") if name]

        def tells(user):
            return {"private" in name for name in seen(user) if "private" in name}

        self.assertEqual(tells(self.outsider), {True}, "open to all agents")
        origins = self.env["crm.touchpoint"].search([("name", "ilike", "private")])
        self.assertGreaterEqual(
            set(origins.mapped("res_model")), {"crm.case", "rating.rating"}
        )

        (self.team + self.case.team_id).visibility = "members"

        for user in (self.outsider, seller):
            self.assertFalse(tells(user), user.login)
            for touchpoint in origins:
                with self.assertRaises(AccessError):
                    touchpoint.with_user(user).read(["name"])
        self.assertEqual(tells(self.agent), {True}, "a member")
        self.assertEqual(tells(self.manager), {True})
        self.case.user_id = self.outsider
        self.assertEqual(tells(self.outsider), {True}, "one's own")

    def test_right_stays_behind_when_the_company_moves(self):
        brandt = self.ida.commercial_partner_id
        other = self.env["res.partner"].create({"name": "Other", "is_company": True})
        self.ida.case_access = "manage"

        brandt.write({"is_company": False, "parent_id": other.id})

        self.assertEqual(self.ida.commercial_partner_id, other)
        self.assertEqual(self.ida.case_access, "own")

    def test_right_does_not_come_with_a_merge(self):
        other = self.env["res.partner"].create({"name": "Other", "is_company": True})
        ann, jan = self.env["res.partner"].create(
            [
                {"name": "Ann", "parent_id": other.id, "case_access": "company"},
                {"name": "Ann", "parent_id": self.ida.commercial_partner_id.id},
            ]
        )

        self.env["base.partner.merge.automatic.wizard"]._merge([ann.id, jan.id], jan)

        self.assertFalse(ann.exists())
        self.assertFalse(jan.case_access)
