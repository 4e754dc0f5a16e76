from datetime import datetime

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, freeze_time, tagged, users
from odoo.tools import mute_logger

from .common import CaseCommon

MONDAY_9 = datetime(2026, 3, 2, 9, 0)


class MergeCommon(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.sla.policy"].search(
            [
                ("res_model", "=", "crm.case"),
                ("id", "!=", cls.env.ref("crm_helpdesk.crm_sla_policy_case").id),
            ]
        ).active = False

    def _clock(self, case, kind, is_open=True):
        return case.sla_clock_ids.filtered(
            lambda clock: clock.kind == kind and clock.is_open == is_open
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestMerge(MergeCommon):
    @users("case_agent")
    def test_nothing_is_lost(self):
        """D34: histories, files, people, tags, points and activities go along."""
        one, two = self._create_cases(2).with_env(self.env)
        self.flush_tracking()
        two.partner_id = self.jan.id
        two.description = "<p>It smokes, too.</p>"
        tags = self.env["crm.case.tag"].create([{"name": "Hot"}, {"name": "Wet"}])
        one.tag_ids, two.tag_ids = tags[0], tags[1]
        order = self._create_order(self.customer)
        two.sudo().sale_order_id = order
        self._answer(one)
        answer = self._answer(two, body="Pull the plug.", attachments=[("a.txt", b"x")])
        note = two.message_post(body="He is angry.", message_type="comment")
        check = self.env["crm.case.check"].create({"case_id": two.id, "name": "Call"})
        activity = two.activity_schedule("mail.mail_activity_data_todo")
        two.message_subscribe(partner_ids=self.agent_2.partner_id.ids)
        self.flush_tracking()
        # sudo: values of tracking are read by administrators
        noted = two.sudo().message_ids.filtered("tracking_value_ids")
        self.assertTrue(noted)

        action = (
            self.env["crm.case.merge"]
            .with_context(active_model="crm.case", active_ids=(one + two).ids)
            .create({})
        )
        self.assertEqual(action.target_id, one)
        self.assertIn("Jan Brandt", action.other_people)
        action.action_merge()

        self.assertEqual((answer + note).mapped("res_id"), [one.id, one.id])
        self.assertEqual(answer.attachment_ids.res_id, one.id)
        self.assertEqual(check.case_id, one)
        self.assertEqual(activity.res_id, one.id)
        self.assertEqual(one.tag_ids, tags)
        self.assertEqual(one.sudo().sale_order_id, order)
        self.assertIn(self.jan, one.message_partner_ids)
        self.assertIn(self.agent_2.partner_id, one.message_partner_ids)
        self.assertEqual(one.partner_id, self.ida)
        self.assertRecordValues(
            two,
            [
                {
                    "merged_into_id": one.id,
                    "stage_category": "closed",
                    "resolution_id": self.env.ref(
                        "crm_helpdesk.crm_case_resolution_duplicate"
                    ).id,
                    "is_rating_due": False,
                }
            ],
        )
        self.assertEqual(set(noted.mapped("res_id")), {two.id}, "what was noted of it")
        # both say so
        history = "".join(one.message_ids.mapped("body"))
        self.assertIn("It smokes, too.", history)
        self.assertIn(two.number, history)
        self.assertIn(one.number, "".join(two.message_ids.mapped("body")))

    def test_three_into_one_and_chains(self):
        one, two, three = self._create_cases(3)

        three._merge(two)
        two._merge(one)

        self.assertEqual(three._get_survivor(), one, "no chain to follow")
        self.assertEqual(one.merged_ids, two + three)

    def test_the_survivor_was_a_part_of_the_other(self):
        parent, sibling = self._create_cases(2)
        part = self._create_cases(parent_id=parent.id)
        sibling.parent_id = parent

        parent._merge(part)

        self.assertFalse(part.parent_id)
        self.assertEqual(sibling.parent_id, part)

    def test_what_cannot_be_merged(self):
        one, two, over, foreign, stranger = (
            self._create_cases(),
            self._create_cases(),
            self._create_cases(),
            self._create_cases(team_id=self.team_2.id),
            self._create_cases(partner_id=self.eva.id),
        )
        over.action_close()

        for cases, target in (
            (one, one),
            (one, foreign),  # D23: companies
            (one, stranger),  # D33: customers
            (one, over),
        ):
            with self.subTest(target=target.number), self.assertRaises(UserError):
                cases._merge(target)
        two._merge(one)
        with self.assertRaises(UserError):
            two._merge(one)
        with self.assertRaises(UserError):
            one._merge(two)

    def test_rights(self):
        one, two = self._create_cases(2)

        for user in (self.agent_c2, self.portal_ida):
            with (
                self.subTest(user=user.login),
                self.assertRaises(AccessError),
                mute_logger("odoo.addons.base.models.ir_rule"),
            ):
                two.with_user(user)._merge(one)
        for vals in (
            {"merged_into_id": one.id},
            {"split_from_id": one.id},
            {"date_merged": "2026-01-01 00:00:00"},
        ):
            with self.subTest(vals=vals), self.assertRaises(AccessError):
                two.with_user(self.agent).write(vals)
            with self.subTest(vals=vals), self.assertRaises(AccessError):
                self.env["crm.case"].with_user(self.agent).create(
                    {"name": "x", "team_id": self.team.id, **vals}
                )
        with self.assertRaises(AccessError):
            self.env["crm.case"].with_user(self.agent).with_context(
                default_merged_into_id=one.id
            ).create({"name": "x", "team_id": self.team.id})

    def test_a_merged_case_stays_closed(self):
        one, two = self._create_cases(2)
        two._merge(one)

        with self.assertRaises(UserError) as caught:
            two.with_user(self.agent).action_reopen()
        self.assertIn(one.number, str(caught.exception))

    def test_nobody_is_asked_or_told_about_the_merged_one(self):
        self.stages["closed"].template_id = self.env.ref(
            "crm_helpdesk.mail_template_case_acknowledgement"
        )
        one, two = self._create_cases(2)
        self.flush_tracking()

        with self.mock_mail_gateway():
            two._merge(one)
            self.flush_tracking()

        self.assertFalse(self._new_mails)
        self.assertFalse(two.is_rating_due)
        one.action_close()
        self.assertTrue(one.is_rating_due)

    # ------------------------------------------------------------
    # Promises
    # ------------------------------------------------------------

    def test_the_earliest_open_promise_holds(self):
        """The later case asked first: its promises move, those of the other end."""
        with freeze_time(MONDAY_9.replace(hour=11)):
            one = self._create_cases()
        with freeze_time(MONDAY_9.replace(hour=9)):
            two = self._create_cases()
        with freeze_time(MONDAY_9.replace(hour=12)):
            two._merge(one)

            self.assertEqual(
                self._clock(one, "first_response").date_due, MONDAY_9.replace(hour=13)
            )
            self.assertEqual(
                self._clock(one, "resolution").date_start, MONDAY_9.replace(hour=9)
            )
            self.assertEqual(one.sla_due, MONDAY_9.replace(hour=13))
            self.assertEqual(
                set(self._clock(one, "first_response", False).mapped("state")),
                {"cancelled"},
            )
            # D25: nothing of the merged case escalates any more
            self.assertFalse(two.sla_clock_ids.filtered("is_open"))
            self.assertFalse(two.sla_due)
            self._answer(one)
            self.assertEqual(
                self._clock(one, "first_response", False)
                .filtered(lambda c: c.outcome != "cancelled")
                .outcome,
                "met",
            )

    def test_an_earlier_promise_of_the_survivor_stays(self):
        with freeze_time(MONDAY_9):
            one = self._create_cases()
        with freeze_time(MONDAY_9.replace(hour=11)):
            two = self._create_cases()
            two._merge(one)

        clock = self._clock(one, "first_response")
        self.assertEqual(clock.date_start, MONDAY_9)
        self.assertEqual(clock.occurrence, 1)
        self.assertEqual(
            set(two.sla_clock_ids.mapped("outcome")), {"cancelled"}, "without a verdict"
        )

    def test_pauses_move_with_their_promise(self):
        with freeze_time(MONDAY_9):
            two = self._create_cases()
        with freeze_time(MONDAY_9.replace(hour=10)):
            two.stage_id = self.stages["waiting_customer"]
        with freeze_time(MONDAY_9.replace(hour=11)):
            two.stage_id = self.stages["in_progress"]
        with freeze_time(MONDAY_9.replace(hour=14)):
            one = self._create_cases()
            two._merge(one)

        clock = self._clock(one, "first_response")
        self.assertEqual(clock.date_due, MONDAY_9.replace(hour=14))
        self.assertEqual(clock.pause_ids.mapped("reason"), ["Waiting for Customer"])

    def test_the_promise_waits_where_the_survivor_waits(self):
        with freeze_time(MONDAY_9):
            two = self._create_cases()
        with freeze_time(MONDAY_9.replace(hour=10)):
            one = self._create_cases(stage_id=self.stages["waiting_customer"].id)
            two._merge(one)

        self.assertEqual(
            set(one.sla_clock_ids.filtered("is_open").mapped("state")), {"paused"}
        )
        with freeze_time(MONDAY_9.replace(hour=12)):
            one.stage_id = self.stages["in_progress"]
        self.assertEqual(
            self._clock(one, "first_response").date_due, MONDAY_9.replace(hour=15)
        )

    def test_the_highest_priority_holds(self):
        one, two = self._create_cases(priority="1"), self._create_cases(priority="3")

        two._merge(one)

        self.assertEqual(one.priority, "3")

    # ------------------------------------------------------------
    # Redirection
    # ------------------------------------------------------------

    def test_answers_by_mail_go_to_the_survivor(self):
        """By References, by the number in the subject, also after a second merge."""
        one, two = self._receive("One"), self._receive("Two")
        message_id = two.message_ids.filtered(
            lambda m: m.message_type == "email"
        ).message_id
        two._merge(one)

        for extra, subject in (
            (f"In-Reply-To: {message_id}\n", "Re: Two"),
            ("", f"Re: [{two.number}] Two"),
        ):
            with self.subTest(subject=subject):
                count = len(one.message_ids)
                self.assertFalse(self._receive(subject, extra=extra))
                self.assertEqual(len(one.message_ids), count + 1)
        self.assertTrue(two.is_closed)

    def test_signed_address_and_late_answers(self):
        """The rule for late answers asks the case that goes on, not the closed one."""
        one, two = self._receive("One"), self._receive("Two")
        two._merge(one)
        two.sudo().date_closed = "2020-01-01 00:00:00"

        self.assertFalse(self._receive("Oh", to=two._get_reply_address()))

        self.assertIn("Oh", one.message_ids.mapped("subject"))
        self.assertFalse(two.follow_up_ids)

    def test_participants_are_united(self):
        one, two = self._create_cases(), self._create_cases(partner_id=self.jan.id)
        Participant = self.env["crm.case.participant"]
        Participant.create(
            [
                {"case_id": one.id, "email": "both@else.example", "name": "Both"},
                {"case_id": two.id, "email": "both@else.example", "name": "Both"},
                {"case_id": two.id, "email": "new@else.example", "name": "New"},
            ]
        )

        two._merge(one)

        self.assertEqual(
            {(p.email, p.role) for p in one.participant_ids},
            {
                ("both@else.example", "copied"),
                ("new@else.example", "copied"),
                ("jan@brandt.example", "informed"),
            },
        )
        self.assertEqual(len(two.participant_ids), 2, "its history")
        # D33: nobody sees the case who did not before
        self.assertFalse(one.with_user(self.portal_jan).has_access("read"))

    def test_mail_about_a_notice_that_stayed_goes_to_the_survivor(self):
        self.team.ack_interval = 0
        one, two = self._receive("One"), self._receive("Two")
        ack = two.message_ids.filtered(lambda m: m.message_type == "auto_comment")
        self.assertTrue(ack)
        two._merge(one)
        self.assertEqual(ack.res_id, two.id)
        one.action_close()

        self.assertFalse(
            self._receive("Re: Two", extra=f"In-Reply-To: {ack.message_id}\n")
        )

        self.assertFalse(one.is_closed, "his answer reopens it")
        self.assertTrue(two.is_closed)

    def test_what_is_posted_on_the_merged_case(self):
        one, two = self._create_cases(2)
        two._merge(one)

        answer = self._answer(two)
        by_customer = two.with_user(self.portal_ida).message_post(
            body="Still", message_type="comment", subtype_xmlid="mail.mt_comment"
        )

        self.assertEqual((answer + by_customer.sudo()).mapped("res_id"), [one.id] * 2)
        self.assertTrue(two.is_closed)

    def test_queries_do_not_grow_with_the_messages(self):
        def merge(count):
            one, two = self._create_cases(2)
            for _i in range(count):
                two.message_post(body="x", message_type="comment")
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            two._merge(one)
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        merge(1)
        self.assertLess(abs(merge(30) - merge(2)), 15)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestMergedOnPortal(HttpCase, MergeCommon):
    def test_links_lead_to_the_survivor(self):
        one, two = self._create_cases(2)
        token = two._portal_ensure_token()
        two._merge(one)

        page = self.url_open(f"/my/cases/{two.id}?access_token={token}")
        self.assertEqual(page.status_code, 200)
        self.assertIn(one.number, page.text)
        self.assertIn(f"/my/cases/{one.id}", page.url)
        # a wrong one opens neither
        page = self.url_open(f"/my/cases/{two.id}?access_token=guess")
        self.assertNotIn(one.number, page.text)

    def test_a_colleague_is_told_not_shown(self):
        one = self._create_cases(name="Secret of Ida")
        two = self._create_cases(partner_id=self.jan.id, name="Zebra of Jan")
        two._merge(one)
        self.authenticate("case_jan", "case_jan")

        page = self.url_open(f"/my/cases/{two.id}")
        self.assertIn(one.number, page.text)
        self.assertNotIn("Secret of Ida", page.text)
        self.assertNotIn("Secret of Ida", self.url_open(f"/my/cases/{one.id}").text)
        self.assertNotIn(
            "Zebra of Jan", self.url_open("/my/cases").text, "one case, not two"
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestSplit(MergeCommon):
    def test_chosen_messages_become_a_case(self):
        with freeze_time(MONDAY_9):
            case = self._receive("Grinder")
        message_id = case.message_ids.filtered(
            lambda m: m.message_type == "email"
        ).message_id
        with freeze_time(MONDAY_9.replace(hour=10)):
            self._receive(
                "Re: Grinder",
                extra=f"In-Reply-To: {message_id}\n",
            )
        mails = case.message_ids.filtered(lambda m: m.message_type == "email")
        second = mails.sorted("id")[-1]
        second.date = MONDAY_9.replace(hour=10)
        with freeze_time(MONDAY_9.replace(hour=11)):
            wizard = (
                self.env["crm.case.split"]
                .with_user(self.agent)
                .with_context(default_case_id=case.id)
                .create({"name": "The invoice"})
            )
            with self.assertRaises(UserError):
                wizard.action_split()
            wizard.line_ids.filtered(
                lambda line: line.message_id.id == second.id
            ).is_chosen = True
            new = self.env["crm.case"].browse(wizard.action_split()["res_id"])

        self.assertRecordValues(
            new,
            [
                {
                    "name": "The invoice",
                    "partner_id": self.ida.id,
                    "split_from_id": case.id,
                    "date_opened": MONDAY_9.replace(hour=10),
                    "team_id": self.team.id,
                }
            ],
        )
        self.assertEqual(second.res_id, new.id)
        self.assertEqual(new.related_ids, case)
        self.assertEqual(
            self._clock(new, "first_response").date_due, MONDAY_9.replace(hour=14)
        )
        self.assertIn(new.number, "".join(case.message_ids.mapped("body")))
        self.assertIn(case.number, "".join(new.message_ids.mapped("body")))
        # who answers the moved mail is on the new case
        self.assertFalse(
            self._receive("Re: Grinder", extra=f"In-Reply-To: {second.message_id}\n")
        )
        self.assertEqual(
            len(new.message_ids.filtered(lambda m: m.message_type == "email")), 2
        )

    def test_an_answer_among_them_was_the_first_response(self):
        with freeze_time(MONDAY_9):
            case = self._create_cases()
            asked = case.message_post(
                body="And the invoice?",
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
                author_id=self.ida.id,
                attachments=[("i.pdf", b"x")],
            )
            answer = self._answer(case)
        (asked + answer).date = MONDAY_9

        new = case.with_user(self.agent)._split(asked + answer, {"name": "Invoice"})

        self.assertEqual(new.date_first_response, MONDAY_9)
        self.assertEqual(asked.attachment_ids.res_id, new.id)
        self.assertFalse(self._clock(new, "first_response"))

    def test_only_messages_of_the_case(self):
        case, other = self._create_cases(2)
        foreign = self._answer(other)

        with self.assertRaises(UserError):
            case.with_user(self.agent)._split(foreign, {"name": "x"})
        self.assertEqual(foreign.res_id, other.id)

    def test_rights_and_companies(self):
        case = self._create_cases()
        message = self._answer(case)

        with (
            self.assertRaises(AccessError),
            mute_logger("odoo.addons.base.models.ir_rule"),
        ):
            case.with_user(self.agent_c2)._split(message, {"name": "x"})
        with self.assertRaises(UserError):
            case.with_user(self.agent)._split(
                message, {"name": "x", "team_id": self.team_2.id}
            )
