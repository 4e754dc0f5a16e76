from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import CrmPlusCommon


@tagged("post_install", "-at_install", "crm_plus_frame")
class TestFrame(CrmPlusCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.frame = cls.env["crm.frame"].create(
            {
                "name": "Coffee",
                "criterion_ids": [
                    Command.create({"name": "Need", "kind": "text"}),
                    Command.create({"name": "Kilos", "kind": "number"}),
                    Command.create(
                        {
                            "name": "Roast",
                            "kind": "choice",
                            "choices": "Light\n Dark \n",
                        }
                    ),
                    Command.create(
                        {"name": "From", "kind": "date", "is_required": False}
                    ),
                    Command.create(
                        {"name": "Organic", "kind": "yesno", "is_required": False}
                    ),
                ],
            }
        )
        cls.need, cls.kilos, cls.roast, cls.since, cls.organic = cls.frame.criterion_ids
        cls.lead = cls._create_leads(frame_id=cls.frame.id)

    def _answer(self, lead, criterion, value, user=None):
        lead.with_user(user or self.seller).answer_frame_question(criterion.id, value)

    def test_answers_and_completeness(self):
        self.assertRecordValues(
            self.lead,
            [{"frame_total": 5, "frame_answered": 0, "is_frame_complete": False}],
        )
        self._answer(self.lead, self.need, "  Their machine is old ")
        self._answer(self.lead, self.kilos, 0)  # nought is an answer
        self.assertFalse(self.lead.is_frame_complete)
        self._answer(self.lead, self.roast, "Dark")
        self.assertRecordValues(
            self.lead,
            [
                {
                    "frame_answered": 3,
                    "frame_completeness": 60.0,
                    "is_frame_complete": True,
                }
            ],
        )
        self._answer(self.lead, self.since, "2026-05-01")
        self._answer(self.lead, self.organic, "no")
        self.assertEqual(self.lead.frame_completeness, 100)
        questions = self.lead.with_user(self.seller).get_frame_questions()["questions"]
        self.assertEqual(
            [question["value"] for question in questions],
            ["Their machine is old", 0.0, "Dark", "2026-05-01", "no"],
        )
        self.assertEqual(questions[4]["answer"]["text"], "No")
        self.assertEqual(questions[2]["choices"], ["Light", "Dark"])

    def test_former_answers_are_kept(self):
        self._answer(self.lead, self.roast, "Dark")
        self._answer(self.lead, self.roast, "Light", self.manager)
        answers = self.env["crm.frame.answer"].search([("lead_id", "=", self.lead.id)])
        self.assertRecordValues(
            answers.sorted("id"),
            [
                {"value": "Dark", "user_id": self.seller.id, "is_current": False},
                {"value": "Light", "user_id": self.manager.id, "is_current": True},
            ],
        )
        self.assertTrue(answers.filtered(lambda a: not a.is_current).date_end)
        question = self.lead.get_frame_questions()["questions"][2]
        self.assertEqual([row["text"] for row in question["history"]], ["Dark"])
        # taking it back leaves no answer, and the history
        self._answer(self.lead, self.roast, "")
        self.assertEqual(self.lead.frame_answered, 0)
        question = self.lead.get_frame_questions()["questions"][2]
        self.assertFalse(question["answer"])
        self.assertEqual(len(question["history"]), 2)

    def test_what_is_refused(self):
        with self.assertRaises(UserError):
            self._answer(self.lead, self.roast, "Medium")
        other = self.env.ref("crm_plus.crm_frame_bant_need")
        with self.assertRaises(UserError):
            self._answer(self.lead, other, "No question of this lead")
        with self.assertRaises(ValidationError):
            self.env["crm.frame.answer"].create(
                {"lead_id": self.lead.id, "criterion_id": self.need.id}
            )
        with self.assertRaises(ValidationError):
            self.env["crm.frame.criterion"].create(
                {"frame_id": self.frame.id, "name": "Empty", "kind": "choice"}
            )
        self._answer(self.lead, self.need, "A machine")
        with self.assertRaises(ValidationError):
            self.need.unlink()

    def test_rights(self):
        answers = self.env["crm.frame.answer"]
        with self.assertRaises(AccessError):
            self._answer(self.lead, self.need, "Not my lead", self.seller_2)
        with self.assertRaises(AccessError):
            answers.with_user(self.seller_2).create(
                {
                    "lead_id": self.lead.id,
                    "criterion_id": self.need.id,
                    "value_text": "Not my lead",
                }
            )
        self._answer(self.lead, self.need, "A machine")
        answer = answers.search([("lead_id", "=", self.lead.id)])
        self.assertFalse(answers.with_user(self.seller_2).search_count([]))
        self.assertEqual(answers.with_user(self.seller).search([]), answer)
        for vals in ({"value_text": "Another"}, {"user_id": self.seller_2.id}):
            with self.assertRaises(AccessError):
                answer.with_user(self.manager).write(vals)
        with self.assertRaises(AccessError):
            answer.with_user(self.manager).unlink()
        # who and when are facts, whatever is said
        forged = answers.with_user(self.seller).create(
            {
                "lead_id": self.lead.id,
                "criterion_id": self.kilos.id,
                "value_number": 3,
                "user_id": self.manager.id,
                "date": "2001-01-01",
            }
        )
        self.assertEqual(forged.user_id, self.seller)
        self.assertEqual(forged.date, self.env.cr.now())
        with self.assertRaises(AccessError):
            self.frame.with_user(self.seller).name = "Mine"
        self.frame.with_user(self.manager).name = "Ours"

    def test_companies(self):
        self.frame.company_id = self.company
        Frame = self.env["crm.frame"].with_user(self.user_other_company)
        self.assertNotIn(self.frame, Frame.search([]))
        Criterion = self.env["crm.frame.criterion"].with_user(self.user_other_company)
        self.assertFalse(Criterion.search_count([("frame_id", "=", self.frame.id)]))
        lead = self._create_leads(user_id=False, company_id=self.company_2.id)
        with self.assertRaises(UserError):
            lead.frame_id = self.frame

    def test_frame_of_the_team(self):
        team = self.env["crm.team"].create(
            {"name": "Roasters", "member_ids": [Command.set(self.seller.ids)]}
        )
        before = self._create_leads(team_id=team.id)
        lost = self._create_leads(team_id=team.id)
        lost.action_set_lost()
        team.frame_id = self.frame
        self.assertEqual(before.frame_id, self.frame)
        self.assertFalse(lost.frame_id)
        self.assertEqual(self._create_leads(team_id=team.id).frame_id, self.frame)
        with Form(self.env["crm.lead"].with_user(self.seller)) as form:
            form.name = "On the form"
            form.team_id = team
            self.assertEqual(form.frame_id, self.frame)
        # another team keeps the questions that have been answered
        self.frame.team_ids = team
        other = self.env["crm.team"].create(
            {"name": "Bars", "frame_id": self.env.ref("crm_plus.crm_frame_champ").id}
        )
        answered, untouched = self._create_leads(2, team_id=team.id)
        self._answer(answered, self.need, "A machine")
        (answered + untouched).write({"team_id": other.id})
        self.assertEqual(answered.frame_id, self.frame)
        self.assertEqual(untouched.frame_id, other.frame_id)

    def test_questions_change(self):
        for criterion, value in (
            (self.need, "x"),
            (self.kilos, 2),
            (self.roast, "Dark"),
        ):
            self._answer(self.lead, criterion, value)
        self.assertTrue(self.lead.is_frame_complete)
        new = self.env["crm.frame.criterion"].create(
            {"frame_id": self.frame.id, "name": "Budget", "kind": "number"}
        )
        self.assertRecordValues(
            self.lead,
            [{"frame_total": 6, "frame_answered": 3, "is_frame_complete": False}],
        )
        new.active = False
        self.assertRecordValues(
            self.lead, [{"frame_total": 5, "is_frame_complete": True}]
        )
        self.since.is_required = True
        self.assertFalse(self.lead.is_frame_complete)
        incomplete = self.env["crm.lead"].search(
            [("frame_id", "!=", False), ("is_frame_complete", "=", False)]
        )
        self.assertIn(self.lead, incomplete)

    def test_completeness_of_many_in_constant_queries(self):
        def answer(leads):
            self.env["crm.frame.answer"].create(
                [
                    {
                        "lead_id": lead.id,
                        "criterion_id": self.need.id,
                        "value_text": "A machine",
                    }
                    for lead in leads
                ]
            )
            self.env.flush_all()

        def count(leads):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            answer(leads)
            return self.env.cr.sql_log_count - start

        few = self._create_leads(10, frame_id=self.frame.id)
        many = self._create_leads(90, frame_id=self.frame.id)
        count(self.lead)  # warm caches
        self.assertLessEqual(count(many), count(few))
        self.assertEqual(set(many.mapped("frame_answered")), {1})

    def test_merge_keeps_answers(self):
        head, tail = self._create_leads(2, frame_id=self.frame.id)
        tail.frame_id = self.frame
        head.probability = 60
        self._answer(head, self.need, "Of the first")
        self._answer(tail, self.need, "Of the second")
        self._answer(tail, self.kilos, 12)
        self.env["crm.frame.answer"].search(
            [("lead_id", "=", head.id)]
        ).sudo().date = "2026-01-01"
        merged = (head + tail).merge_opportunity()
        self.assertEqual(merged.frame_answered, 2)
        questions = merged.get_frame_questions()["questions"]
        self.assertEqual(questions[0]["value"], "Of the second")
        self.assertEqual(
            [row["text"] for row in questions[0]["history"]], ["Of the first"]
        )
        self.assertEqual(questions[1]["value"], 12)

    def test_merge_takes_the_frame(self):
        head, tail = self._create_leads(2)
        head.probability = 60
        tail.frame_id = self.frame
        self._answer(tail, self.need, "A machine")
        merged = (head + tail).merge_opportunity()
        self.assertEqual(merged, head)
        self.assertEqual(merged.frame_id, self.frame)
        self.assertEqual(merged.frame_answered, 1)
