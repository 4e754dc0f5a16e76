from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, freeze_time, tagged, users

from .common import CaseCommon

MONDAY_9 = "2026-03-02 09:00:00"


class StructureCommon(CaseCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.types = {
            name: cls.env.ref(f"crm_helpdesk.crm_case_type_{name}")
            for name in ("question", "incident", "problem", "complaint")
        }
        Category = cls.env["crm.case.category"]
        cls.machines = Category.create(
            {
                "name": "Machines",
                "team_id": cls.team.id,
                "type_id": cls.types["incident"].id,
                "priority": "2",
            }
        )
        cls.grinders = Category.create(
            {"name": "Grinders", "parent_id": cls.machines.id}
        )
        cls.beans = Category.create({"name": "Beans"})
        cls.resolution = cls.env.ref("crm_helpdesk.crm_case_resolution_advice")


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCategories(StructureCommon):
    def test_a_category_proposes_what_its_parents_say(self):
        case = self.env["crm.case"].create(
            {"name": "Leak", "category_id": self.grinders.id}
        )

        self.assertRecordValues(
            case,
            [
                {
                    "team_id": self.team.id,
                    "type_id": self.types["incident"].id,
                    "priority": "2",
                    "is_priority_manual": False,
                }
            ],
        )
        self.assertEqual(self.grinders.display_name, "Machines / Grinders")

    def test_what_was_chosen_stays(self):
        other = self.team.copy({"name": "Other", "alias_name": False})

        case = self._create_cases(
            team_id=other.id,
            category_id=self.grinders.id,
            type_id=self.types["question"].id,
            priority="0",
        )
        case.category_id = self.machines

        self.assertRecordValues(
            case,
            [
                {
                    "team_id": other.id,
                    "type_id": self.types["question"].id,
                    "priority": "0",
                }
            ],
        )

    def test_a_shared_category_gives_nobody_a_team_of_another_company(self):
        case = (
            self.env["crm.case"]
            .with_company(self.company_2)
            .create({"name": "Leak", "category_id": self.grinders.id})
        )

        self.assertEqual(case.company_id, self.company_2)

    @users("case_agent")
    def test_form_of_a_new_case_goes_to_the_team_of_the_category(self):
        other = self.team.sudo().copy({"name": "Other", "alias_name": False})
        self.machines.sudo().team_id = other

        with Form(self.env["crm.case"]) as form:
            form.name = "Leak"
            form.category_id = self.grinders.with_env(self.env)

        self.assertEqual(form.record.team_id.id, other.id)
        with Form(form.record) as form:
            form.category_id = self.beans.with_env(self.env)
        self.assertEqual(form.record.team_id.id, other.id)

    def test_the_tree_has_no_circles(self):
        with self.assertRaises(UserError):
            self.machines.parent_id = self.grinders

    def test_counts_with_the_parts(self):
        self._create_cases(2, category_id=self.grinders.id)
        self._create_cases(category_id=self.machines.id)

        self.assertEqual(self.machines.case_count, 3)
        self.assertEqual(self.grinders.case_count, 2)
        self.assertEqual(self.beans.case_count, 0)

    def test_a_category_of_another_company_is_not_seen(self):
        foreign = self.env["crm.case.category"].create(
            {"name": "Foreign", "company_id": self.company_2.id}
        )

        Category = self.env["crm.case.category"].with_user(self.agent)
        self.assertNotIn(foreign, Category.search([]))
        with self.assertRaises(AccessError):
            foreign.with_user(self.agent).read(["name"])
        with self.assertRaises(AccessError):
            self.beans.with_user(self.agent).name = "x"


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestPriority(StructureCommon):
    def test_impact_and_urgency_make_the_priority(self):
        case = self._create_cases(impact="3", urgency="3")
        self.assertEqual(case.priority, "3")
        self.assertFalse(case.is_priority_manual)
        self.assertIn("The whole company", case.priority_reason)

        case.urgency = "1"
        self.assertEqual(case.priority, "1")

    def test_by_hand_stays_until_given_back(self):
        case = self._create_cases(impact="1", urgency="1")
        self.assertEqual(case.priority, "0")

        case.priority = "3"
        case.write({"impact": "2", "urgency": "2"})
        self.assertEqual(case.priority, "3")
        self.assertIn("Normal", case.priority_reason)

        case.action_follow_priority()
        self.assertEqual(case.priority, "1")

    @users("case_agent")
    def test_by_hand_in_the_form(self):
        with Form(self.env["crm.case"]) as form:
            form.name = "Leak"
            form.impact = "3"
            form.urgency = "3"
            self.assertEqual(form.priority, "3")
        self.assertFalse(form.record.is_priority_manual)

        with Form(form.record) as form:
            form.priority = "0"
            form.impact = "2"
            self.assertEqual(form.priority, "0")
        self.assertTrue(form.record.is_priority_manual)

    def test_each_company_has_its_matrix_and_open_cases_follow(self):
        case = self._create_cases(impact="1", urgency="1")
        mine = self._create_cases(impact="1", urgency="1", priority="2")
        closed = self._create_cases(impact="1", urgency="1")
        closed.action_close()
        foreign = self._create_cases(
            impact="1", urgency="1", team_id=self.team_2.id, partner_id=self.eva.id
        )

        Rule = self.env["crm.case.priority.rule"].with_user(self.manager)
        Rule.action_open_matrix()
        Rule.action_open_matrix()
        rules = Rule.search([("company_id", "=", self.company.id)])
        self.assertEqual(len(rules), 9)
        rules.filtered(lambda r: r.impact == "1" and r.urgency == "1").priority = "1"

        self.assertEqual(case.priority, "1")
        self.assertEqual(mine.priority, "2", "set by hand")
        self.assertEqual(closed.priority, "0", "over")
        self.assertEqual(foreign.priority, "0", "of another company")
        self.assertFalse(Rule.search([("company_id", "=", self.company_2.id)]))

    def test_agents_do_not_change_the_matrix(self):
        self.env["crm.case.priority.rule"].search([]).unlink()
        with self.assertRaises(AccessError):
            self.env["crm.case.priority.rule"].with_user(
                self.agent
            ).action_open_matrix()

    @freeze_time(MONDAY_9)
    def test_the_promise_follows_the_matrix(self):
        self.env["crm.sla.policy"].search(
            [
                ("res_model", "=", "crm.case"),
                ("id", "!=", self.env.ref("crm_helpdesk.crm_sla_policy_case").id),
            ]
        ).active = False
        self.env.ref("crm_helpdesk.crm_sla_policy_case").target_ids = [
            Command.create({"kind": "first_response", "priority": "3", "hours": 1})
        ]
        case = self._create_cases()
        clock = case.sla_clock_ids.filtered(lambda c: c.kind == "first_response")
        self.assertEqual(str(clock.date_due), "2026-03-02 13:00:00")

        case.write({"impact": "3", "urgency": "3"})

        self.assertEqual(str(clock.date_due), "2026-03-02 10:00:00")


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestStageFields(StructureCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stages["in_progress"].required_field_ids = [
            Command.create({"name": "category_id"}),
            Command.create({"name": "impact"}),
        ]

    @users("case_agent")
    def test_the_error_names_fields_and_stage(self):
        case = self._create_cases().with_env(self.env)

        with self.assertRaises(UserError) as caught:
            case.stage_id = self.stages["in_progress"].id
        message = str(caught.exception)
        for word in (case.number, "Category", "Impact", "In Progress"):
            self.assertIn(word, message)

        case.write(
            {
                "stage_id": self.stages["in_progress"].id,
                "category_id": self.beans.id,
                "impact": "1",
            }
        )
        self.assertEqual(case.stage_id.id, self.stages["in_progress"].id)

    @users("case_agent")
    def test_opened_right_there(self):
        with self.assertRaises(UserError):
            self.env["crm.case"].create(
                {"name": "x", "stage_id": self.stages["in_progress"].id}
            )

    def test_neither_customers_nor_mail_are_held_up(self):
        self.stages["new"].required_field_ids = [
            Command.create({"name": "category_id"})
        ]
        self.stages["solved"].required_field_ids = [
            Command.create({"name": "resolution_id"})
        ]

        case = self._receive()
        self.assertEqual(case.stage_id, self.stages["new"])
        case.sudo().with_user(self.portal_ida).sudo()._close_by_customer(
            self.portal_ida
        )
        self.assertTrue(case.is_closed)

    def test_only_fields_of_cases(self):
        for name in ("partner_id.name", "nonsense"):
            with self.assertRaises(ValidationError):
                self.stages["new"].required_field_ids = [Command.create({"name": name})]

    def test_no_requirement_costs_no_query(self):
        self.stages["in_progress"].required_field_ids.unlink()
        case = self._create_cases().with_user(self.agent)
        self.env["crm.case.stage"]._get_asking_stages()

        with self.assertQueryCount(0):
            self.assertFalse(case._get_missing_fields())


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestResolution(StructureCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.is_resolution_required = True

    @users("case_agent")
    def test_the_button_asks_and_the_board_refuses(self):
        case = self._create_cases().with_env(self.env)

        action = case.action_close()
        self.assertEqual(action["res_model"], "crm.case.close")
        self.assertFalse(case.is_closed)
        with self.assertRaises(UserError) as caught:
            case.stage_id = self.stages["solved"].id
        self.assertIn("resolution", str(caught.exception))

        wizard = self.env["crm.case.close"].with_context(**action["context"])
        with Form(wizard) as form:
            form.resolution_id = self.resolution.with_env(self.env)
            form.body = "<p>Plug it in.</p>"
        with self.mock_mail_gateway():
            form.save().action_close()

        self.assertTrue(case.is_closed)
        self.assertEqual(case.resolution_id, self.resolution)
        self.assertTrue(case.date_first_response, "the answer was one")
        self.assertIn(
            self.ida, self._new_mails.recipient_ids, "the customer was written to"
        )

    def test_customers_close_without_a_code(self):
        """They are asked for none; what nobody had answered was called off."""
        case, unanswered = self._create_cases(2)
        self._answer(case)

        for each in (case, unanswered):
            each.with_user(self.portal_ida).sudo()._close_by_customer(self.portal_ida)

        self.assertTrue(case.is_closed)
        self.assertFalse(case.resolution_id)
        self.assertTrue(unanswered.is_closed)
        self.assertEqual(
            unanswered.resolution_id,
            self.env.ref("crm_helpdesk.crm_case_resolution_withdrawn"),
        )

    @users("case_agent")
    def test_many_at_once(self):
        cases = self._create_cases(3).with_env(self.env)
        wizard = (
            self.env["crm.case.close"]
            .with_context(active_model="crm.case", active_ids=cases.ids)
            .create({"resolution_id": self.resolution.id, "body": "<p>Done</p>"})
        )

        with self.mock_mail_gateway():
            wizard.action_close()

        self.assertEqual(set(cases.mapped("stage_category")), {"solved"})
        self.assertEqual(len(self._new_mails), 3)
        with self.assertRaises(UserError):
            wizard.action_close()


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestChecklists(StructureCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.checklist = cls.env["crm.case.checklist"].create(
            {
                "name": "Machine comes back",
                "category_ids": [Command.link(cls.machines.id)],
                "is_required": True,
                "line_ids": [
                    Command.create({"name": "Photo of the plate"}),
                    Command.create({"name": "Serial number"}),
                ],
            }
        )
        cls.by_hand = cls.env["crm.case.checklist"].create(
            {"name": "Visit", "line_ids": [Command.create({"name": "Call before"})]}
        )

    def test_added_by_category_with_its_parts_once(self):
        case, other = (
            self._create_cases(category_id=self.grinders.id),
            (self._create_cases(category_id=self.beans.id)),
        )

        self.assertEqual(
            case.check_ids.mapped("name"), ["Photo of the plate", "Serial number"]
        )
        self.assertFalse(other.check_ids)
        case.check_ids[0].is_done = True
        case.category_id = self.beans
        case.category_id = self.machines
        self.assertEqual(len(case.check_ids), 2)
        self.assertEqual(case.check_progress, "1/2")
        other.category_id = self.grinders
        self.assertEqual(len(other.check_ids), 2)

    def test_by_type_team_and_company(self):
        self.checklist.write(
            {
                "category_ids": [Command.clear()],
                "type_ids": [Command.link(self.types["complaint"].id)],
                "company_id": self.company.id,
            }
        )

        case = self._create_cases(type_id=self.types["complaint"].id)
        foreign = self._create_cases(
            type_id=self.types["complaint"].id,
            team_id=self.team_2.id,
            partner_id=self.eva.id,
        )
        self.assertEqual(len(case.check_ids), 2)
        self.assertFalse(foreign.check_ids)

    @users("case_agent")
    def test_who_and_when(self):
        case = self._create_cases(category_id=self.grinders.id).with_env(self.env)
        check = case.check_ids[0]

        with freeze_time("2026-03-02 10:00:00"):
            check.is_done = True
        with freeze_time("2026-03-02 11:00:00"):
            check.with_user(self.agent_2).is_done = True

        self.assertEqual(check.user_done_id, self.env.user)
        self.assertTrue(check.date_done)
        with self.assertRaises(AccessError):
            check.user_done_id = self.agent_2.id
        check.is_done = False
        self.assertFalse(check.user_done_id or check.date_done)

    @users("case_agent")
    def test_closing_waits_for_required_points(self):
        case = self._create_cases(category_id=self.grinders.id).with_env(self.env)
        self.env["crm.case.checklist.add"].create(
            {"case_ids": case.ids, "checklist_ids": self.by_hand.ids}
        ).action_add()
        self.assertEqual(case.check_progress, "0/3")

        with self.assertRaises(UserError) as caught:
            case.action_close()
        self.assertIn("Serial number", str(caught.exception))
        self.assertNotIn("Call before", str(caught.exception))
        required = case.check_ids.filtered("is_required")
        with self.assertRaises(AccessError):
            required.unlink()
        with self.assertRaises(AccessError):
            required.is_required = False
        required.is_done = True
        case.action_close()
        self.assertTrue(case.is_closed)

    def test_points_are_seen_with_their_case(self):
        case = self._create_cases(category_id=self.grinders.id)

        for user, sees in (
            (self.agent, True),
            (self.outsider, True),
            (self.agent_c2, False),
        ):
            self.assertEqual(
                case.check_ids.with_user(user).has_access("read"), sees, user.login
            )
        self.team.visibility = "members"
        self.assertFalse(case.check_ids.with_user(self.outsider).has_access("read"))
        for user in (self.portal_ida, self.portal_eva):
            self.assertFalse(case.check_ids.with_user(user).has_access("read"))
            with self.assertRaises(AccessError):
                case.with_user(user).read(["check_ids"])

    def test_search_for_points_to_do(self):
        case = self._create_cases(category_id=self.grinders.id)
        Case = self.env["crm.case"]
        domain = [("has_open_checks", "=", True), ("id", "=", case.id)]

        self.assertTrue(Case.search(domain))
        case.check_ids.is_done = True
        self.assertFalse(Case.search(domain))


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestFamily(StructureCommon):
    @users("case_agent")
    def test_parts_are_closed_by_choice(self):
        case = self._create_cases().with_env(self.env)
        part = self._create_cases(parent_id=case.id).with_env(self.env)
        below = self._create_cases(parent_id=part.id).with_env(self.env)
        self.assertEqual((case.child_count, case.open_child_count), (1, 1))

        action = case.action_close()
        self.assertEqual(action["res_model"], "crm.case.close")
        wizard = self.env["crm.case.close"].with_context(**action["context"])
        kept = wizard.create({})
        self.assertEqual(kept.part_count, 2)
        kept.action_close()
        self.assertTrue(case.is_closed)
        self.assertFalse(part.is_closed)

        case.action_reopen()
        wizard.create({"with_parts": True}).action_close()
        self.assertTrue(part.is_closed)
        self.assertTrue(below.is_closed)

    @users("case_agent")
    def test_one_answer_solves_all_incidents(self):
        problem = self._create_cases(type_id=self.types["problem"].id)
        incidents = self._create_cases(2, problem_id=problem.id)
        incidents += self._create_cases(problem_id=problem.id, partner_id=self.eva.id)
        problem.partner_id = False
        problem.partner_email = False
        incidents[1].action_close()
        problem = problem.with_env(self.env)
        self.assertEqual(problem.open_incident_count, 2)

        with self.mock_mail_gateway():
            self.env["crm.case.close"].create(
                {
                    "case_ids": problem.ids,
                    "body": "<p>The firmware is fixed.</p>",
                    "resolution_id": self.resolution.id,
                }
            ).action_close()

        self.assertEqual(set(incidents.mapped("stage_category")), {"solved"})
        self.assertTrue(problem.is_closed)
        self.assertEqual(self._new_mails.recipient_ids, self.ida + self.eva)
        answered = incidents.filtered("date_first_response")
        self.assertEqual(answered, incidents[0] + incidents[2])
        for case in answered:
            self.assertIn("firmware", "".join(case.message_ids.mapped("body")))

    def test_incidents_that_the_user_may_not_write_stay_open(self):
        team = self.team.copy(
            {
                "name": "Hidden",
                "alias_name": False,
                "visibility": "members",
                "member_ids": [Command.clear()],
            }
        )
        problem = self._create_cases(type_id=self.types["problem"].id)
        hidden = self._create_cases(problem_id=problem.id, team_id=team.id)

        self.env["crm.case.close"].with_user(self.agent).create(
            {"case_ids": problem.ids}
        ).action_close()

        self.assertTrue(problem.is_closed)
        self.assertFalse(hidden.is_closed)

    def test_no_circles(self):
        case = self._create_cases()
        part = self._create_cases(parent_id=case.id)

        for fname in ("parent_id", "problem_id"):
            part[fname] = case
            with self.assertRaises(ValidationError):
                case[fname] = part

    @users("case_agent")
    def test_related_is_mutual(self):
        one, two, three = self._create_cases(3).with_env(self.env)

        one.related_ids = two + three
        self.assertEqual(two.related_ids, one)
        two.related_ids = one + three
        self.env.invalidate_all()
        self.assertEqual(three.related_ids, one + two)
        three.related_ids = two
        self.env.invalidate_all()
        self.assertEqual(one.related_ids, two)

    def test_not_across_companies(self):
        case = self._create_cases()
        foreign = self._create_cases(team_id=self.team_2.id, partner_id=self.eva.id)

        for fname in ("parent_id", "problem_id"):
            with self.assertRaises(UserError):
                case[fname] = foreign
        with self.assertRaises(UserError):
            case.related_ids = foreign


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestBulk(StructureCommon):
    @users("case_agent")
    def test_what_is_left_empty_stays(self):
        cases = self._create_cases(3, priority="2").with_env(self.env)
        old, new = self.env["crm.case.tag"].create([{"name": "Old"}, {"name": "New"}])
        cases.tag_ids = old

        self.env["crm.case.bulk"].with_context(
            active_model="crm.case", active_ids=cases.ids
        ).create(
            {
                "user_id": self.agent_2.id,
                "category_id": self.beans.id,
                "tag_ids": [Command.link(new.id)],
                "removed_tag_ids": [Command.link(old.id)],
            }
        ).action_apply()

        self.assertEqual(cases.user_id, self.agent_2)
        self.assertEqual(cases.category_id, self.beans)
        self.assertEqual(cases.tag_ids, new)
        self.assertEqual(set(cases.mapped("priority")), {"2"})
        self.assertEqual(cases.stage_id, self.stages["new"])

    @users("case_agent")
    def test_back_to_the_queue_and_nothing(self):
        cases = self._create_cases(2, user_id=self.agent.id).with_env(self.env)
        wizard = self.env["crm.case.bulk"].create({"case_ids": cases.ids})
        with self.assertRaises(UserError):
            wizard.action_apply()

        wizard.is_unassigned = True
        wizard.action_apply()

        self.assertFalse(cases.user_id)

    def test_rights_hold(self):
        case = self._create_cases()

        # what he may not see is not among what he chose
        with self.assertRaises(UserError):
            self.env["crm.case.bulk"].with_user(self.agent_c2).create(
                {"case_ids": case.ids, "priority": "3"}
            ).action_apply()
        self.assertEqual(case.priority, "1")
