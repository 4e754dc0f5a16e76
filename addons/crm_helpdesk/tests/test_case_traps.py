"""Bugs that every helpdesk had, as far as no room of its own tests them.

D23, D24 … D36 are named in the tests of merging, clocks, macros, snooze, mail and
participants; here is what lies between them.
"""

from odoo.fields import Command
from odoo.tests import tagged

from .common import MAIL, CaseCommon
from .test_case_clock import ClockCommon


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestMailTraps(CaseCommon):
    def _emails_of(self, case):
        return case.message_ids.filtered(lambda m: m.message_type == "email")

    def _process(self, mail):
        before = self.env["crm.case"].search([])
        with self.mock_mail_gateway():
            self.env["mail.thread"].sudo().message_process(None, mail)
        return self.env["crm.case"].search([]) - before

    def test_each_way_back_in_its_order(self):
        """D31: references, then the signed address, then the number with a sender who
        has to do with the case; whatever else is said opens no second case."""
        by_reference, by_address, by_number = (
            self._receive(f"Case {i}") for i in range(3)
        )
        references = f"References: {self._emails_of(by_reference)[0].message_id}\n"
        address = by_address._get_reply_email()
        subject = f"Re: [{by_number.number}] x"

        for to, extra, expected in (
            (address, references, by_reference),
            (address, "", by_address),
            (None, "", by_number),
        ):
            with self.subTest(expected.name):
                before = len(self._emails_of(expected))
                self.assertFalse(self._receive(subject, to=to, extra=extra))
                self.assertEqual(len(self._emails_of(expected)), before + 1)

    def test_references_of_a_stranger_name_his_mail_only(self):
        """D31: a number alone is believed of nobody who has nothing to do with it."""
        case = self._receive("Case")
        new = self._receive(f"[{case.number}] x", email_from="eva@nowak.example")
        self.assertTrue(new)
        self.assertEqual(len(self._emails_of(case)), 1)

    def test_the_same_mail_fetched_again_opens_nothing(self):
        """D32: whatever went wrong after the case was opened."""
        mail = self.format(
            MAIL,
            to=f"help@{self.alias_domain}",
            cc="",
            subject="Once",
            email_from="ida@brandt.example",
            return_path="",
            extra="",
            msg_id="<once@customer.example>",
        )

        self.assertEqual(len(self._process(mail)), 1)
        self.assertFalse(self._process(mail))

    def test_what_is_done_after_a_case_was_opened_cannot_fail_it(self):
        """D32: an acknowledgement that fails; of filters, people in copy and quotes
        see their own tests."""
        self.patch(
            type(self.env["crm.case"]),
            "_queue_acknowledgement",
            lambda self, template: 1 / 0,
        )

        case = self._receive("Mail", acknowledge=False)
        with self.assertLogs(
            "odoo.addons.crm_helpdesk.models.case.crm_case_mail", "ERROR"
        ):
            case._acknowledge()

        self.assertEqual(len(case), 1)
        self.assertFalse(case.is_ack_due, "nor is it tried with each run")

    def test_who_is_in_copy_and_who_follows_see_nothing(self):
        """D33: OCA's rule shows a case to the whole company of any follower."""
        case = self._receive(email_from="eva@nowak.example", cc="jan@brandt.example")
        case.message_subscribe(partner_ids=self.jan.ids)

        for user in (self.portal_ida, self.portal_jan):
            with self.subTest(user.login):
                self.assertFalse(case.with_user(user).has_access("read"))
                self.assertFalse(self.env["crm.case"].with_user(user).search([]))
        self.assertTrue(case.with_user(self.portal_eva).has_access("read"))

    def test_who_was_made_a_requester_gets_in(self):
        """D33, the opposite (OCA#309, OCA#159): who was given a case does see it."""
        case = self._receive(email_from="eva@nowak.example", cc="jan@brandt.example")
        case.participant_ids.with_user(self.agent).action_make_requester()
        self.assertTrue(case.with_user(self.portal_jan).has_access("read"))
        self.assertFalse(case.with_user(self.portal_ida).has_access("read"))


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestRuleTraps(ClockCommon):
    def test_a_tag_makes_another_promise(self):
        """D35: elsewhere a change of tags may not fire."""
        tag = self.env["crm.case.tag"].create({"name": "VIP"})
        self._create_policy(
            "VIP", sequence=1, domain="[('tag_ids.name', '=', 'VIP')]", first_response=1
        )
        case = self._create_cases()
        self.assertEqual(
            self._clocks(case, "first_response").policy_id.name, "Standard"
        )

        case.tag_ids = tag
        self.env.flush_all()
        self.assertEqual(self._clocks(case, "first_response").policy_id.name, "VIP")
        case.tag_ids = False
        self.env.flush_all()
        self.assertEqual(
            self._clocks(case, "first_response").policy_id.name, "Standard"
        )

    def test_checklists_are_known_to_rules(self):
        """D35: elsewhere rules do not know whether the points are done."""
        checklist = self.env["crm.case.checklist"].create(
            {"name": "List", "line_ids": [Command.create({"name": "Photo"})]}
        )
        self.env["crm.assignment.rule"].search(
            [("res_model", "=", "crm.case")]
        ).unlink()
        self.env["crm.assignment.rule"].create(
            {
                "name": "Points to do",
                "res_model": "crm.case",
                "case_team_id": self.team.id,
                "hours": "any",
                "domain": "[('has_open_checks', '=', True)]",
            }
        )
        with_points, done, without = self._create_cases(3)
        (with_points + done)._add_checklists(checklist)
        done.check_ids.is_done = True

        (with_points + done + without)._assignment_run("queue")

        self.assertTrue(with_points.user_id)
        self.assertFalse((done + without).user_id)

    def test_what_is_out_of_bounds_is_done_in_the_next_run(self):
        """D35: elsewhere the scheduler stops at 2,000 objects, for good."""
        cases = self._create_cases(5)
        cases.write({"snooze_until": "2020-01-01 00:00:00"})
        self.env["crm.case"].search(
            [("snooze_until", "!=", False), ("id", "not in", cases.ids)]
        ).snooze_until = False
        with self.enter_registry_test_mode():
            self.patch(
                type(self.env["ir.cron"]), "_commit_progress", lambda *a, **kw: 1
            )
            left = []
            for _run in range(3):
                self.env["crm.case"]._cron_wake(batch_size=2)
                left.append(len(cases.filtered("snooze_until")))
        self.assertEqual(left, [3, 1, 0])
