from unittest import SkipTest

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseChat(CaseCommon):
    def test_other_channels_open_no_case(self):
        channel = self.env["discuss.channel"].create(
            {
                "name": "Colleagues",
                "channel_member_ids": [
                    Command.create({"partner_id": self.agent.partner_id.id})
                ],
            }
        )
        with self.assertRaises(UserError):
            channel.with_user(self.agent).execute_command_case(body="/case x")


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseLiveChat(CaseCommon):
    """With live chat installed; without it there is nothing to try."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "im_livechat.channel" not in cls.env:
            raise SkipTest("live chat (im_livechat) is not installed here")
        cls.agent.group_ids += cls.env.ref("im_livechat.im_livechat_group_user")
        cls.live = cls.env["im_livechat.channel"].create(
            {"name": "Site", "user_ids": [Command.set(cls.agent.ids)]}
        )

    def _chat(self, *members):
        return self.env["discuss.channel"].create(
            {
                "name": "Visitor",
                "channel_type": "livechat",
                "livechat_channel_id": self.live.id,
                "livechat_operator_id": self.agent.partner_id.id,
                "channel_member_ids": [
                    Command.create({"partner_id": self.agent.partner_id.id}),
                    *(Command.create(member) for member in members),
                ],
            }
        )

    def _new_case(self):
        return self.env["crm.case"].search([], order="id desc", limit=1)

    def test_case_of_a_known_visitor(self):
        chat = self._chat({"partner_id": self.ida.id})
        chat.message_post(
            body="It leaks since May",
            author_id=self.ida.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        before = self._new_case()

        chat.with_user(self.agent).execute_command_case(body="/case The grinder leaks")

        case = self._new_case()
        self.assertNotEqual(case, before)
        self.assertRecordValues(
            case,
            [
                {
                    "name": "The grinder leaks",
                    "channel": "livechat",
                    "partner_id": self.ida.id,
                    "user_id": self.agent.id,
                }
            ],
        )
        self.assertIn("leaks since May", case.description)
        self.assertIn(case.number, chat.message_ids[0].body, "the visitor is told")

    def test_case_of_a_guest(self):
        guest = self.env["mail.guest"].create({"name": "Visitor 7"})
        chat = self._chat({"guest_id": guest.id}, {"partner_id": self.ida.id})

        chat.with_user(self.agent).execute_command_case(body="/case Price?")

        case = self._new_case()
        self.assertFalse(case.partner_id, "unclear who is the visitor")
        self.assertEqual(case.partner_name, "Visitor 7")

    def test_case_of_a_visitor_whom_a_chatbot_received(self):
        script = self.env["chatbot.script"].create({"title": "Bean"})
        chat = self._chat(
            {"partner_id": self.ida.id, "livechat_member_type": "visitor"},
            {
                "partner_id": script.operator_partner_id.id,
                "livechat_member_type": "bot",
                "chatbot_script_id": script.id,
            },
        )
        chat.with_user(self.agent).execute_command_case(body="/case It leaks")
        self.assertEqual(self._new_case().partner_id, self.ida)

    def test_words_of_visitors_are_text(self):
        chat = self._chat({"partner_id": self.ida.id})
        chat.message_post(
            body="<img src=x onerror=alert(1)>",
            author_id=self.ida.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        chat.with_user(self.agent).execute_command_case(
            body="/case <b>It</b> leaks &lt;script&gt;"
        )
        case = self._new_case()
        self.assertNotIn("<img src=x", case.description)
        self.assertIn("leaks", case.name)
        self.assertNotIn("<b>", case.name)

    def test_without_subject_nothing_is_opened(self):
        chat = self._chat({"partner_id": self.ida.id})
        before = self._new_case()
        chat.with_user(self.agent).execute_command_case(body="/case  ")
        self.assertEqual(self._new_case(), before)

    def test_who_may_not(self):
        chat = self._chat({"partner_id": self.ida.id})
        employee = self._new_user("case_chatter", "base.group_user", self.company)
        chat._add_members(users=employee)
        for user in (employee, self.portal_ida):
            with self.assertRaises(AccessError):
                chat.with_user(user).execute_command_case(body="/case x")
        with self.assertRaises(UserError):  # an AccessError is one, too
            chat.with_user(self.outsider).execute_command_case(body="/case x")
