from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseMacro(CaseCommon):
    """D35: macros that answer, with variables, and go on to the next case."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case"].search([]).active = False
        cls.case = cls._create_cases()
        cls.tag, cls.old_tag = cls.env["crm.case.tag"].create(
            [{"name": "Serial asked"}, {"name": "New here"}]
        )

    def _macro(self, user=None, **values):
        return (
            self.env["crm.case.macro"]
            .with_user(user or self.agent)
            .create({"name": "Ask for the serial number", **values})
        )

    def _apply(self, macro, cases=None, user=None):
        with self.mock_mail_gateway():
            return macro.with_user(user or self.agent).action_apply(
                (cases or self.case).ids
            )

    def _last(self, case=None):
        return (case or self.case).message_ids.sorted("id")[-1]

    def test_everything_at_once(self):
        self.case.tag_ids = self.old_tag
        macro = self._macro(
            reply="<p>Dear {{ object.partner_name }}, about {{ object.number }}: which"
            " serial number? {{ user.name }}</p>",
            note="<p>Asked for it</p>",
            assign="me",
            priority="2",
            add_tag_ids=[Command.set(self.tag.ids)],
            remove_tag_ids=[Command.set(self.old_tag.ids)],
            stage_id=self.stages["waiting_customer"].id,
        )
        self.assertFalse(self._apply(macro), "stays on the case")

        self.assertRecordValues(
            self.case,
            [
                {
                    "user_id": self.agent.id,
                    "priority": "2",
                    "tag_ids": self.tag.ids,
                    "stage_id": self.stages["waiting_customer"].id,
                }
            ],
        )
        self.assertTrue(self.case.date_first_response, "it is an answer of a person")
        answer, note = self.case.message_ids.filtered(
            lambda m: m.message_type == "comment"
        ).sorted("id")
        self.assertIn(f"Dear Ida Brandt, about {self.case.number}", answer.body)
        self.assertIn(self.agent.name, answer.body)
        self.assertEqual(answer.author_id, self.agent.partner_id)
        self.assertEqual(answer.notified_partner_ids, self.ida)
        self.assertTrue(note.is_internal or note.subtype_id.internal)

    def test_what_customers_write_is_no_html(self):
        """Nor a template: it is not evaluated a second time."""
        self.case.partner_name = "<a href='https://evil.example'>x</a>{{ user.email }}"
        self._apply(self._macro(reply="<p>Dear {{ object.partner_name }}</p>"))

        body = self._last().body
        self.assertNotIn("<a ", body)
        self.assertIn("evil.example", body)
        self.assertNotIn(self.agent.email, body)

    def test_no_value_and_the_blanks_of_the_editor(self):
        self._apply(
            self._macro(
                reply="<p>{{&nbsp;object.lot_id.name&nbsp;||| your machine }}</p>"
            )
        )
        self.assertIn("your machine", self._last().body)

    def test_nothing_is_evaluated(self):
        for expression in (
            "object.env['res.users'].sudo().search([]).mapped('login')",
            "object.access_token",
            "object.sudo().team_id.name",
            "1 + 1",
            "user.password",
            "env.cr.execute('x')",
        ):
            with self.subTest(expression), self.assertRaises(ValidationError):
                self._macro(reply=f"<p>{{{{ {expression} }}}}</p>")
        # and what somebody wrote into the table says nothing
        macro = self._macro(reply="<p>fine</p>")
        self.env.cr.execute(
            "UPDATE crm_case_macro SET reply = jsonb_build_object('en_US', %s::text)"
            " WHERE id = %s",
            ["<p>[{{ object.access_token }}]</p>", macro.id],
        )
        self.env.invalidate_all()
        self._apply(macro)
        self.assertIn("[]", self._last().body)

    def test_what_the_agent_may_not_read_is_left_out(self):
        """Who may not read invoices does not read them by a macro either."""
        invoice = self._create_order(self.ida)._create_invoices()
        invoice.action_post()
        self.case.invoice_id = invoice
        macro = self._macro(reply="<p>[{{ object.invoice_id.name ||| - }}]</p>")
        self._apply(macro)
        self.assertIn("[-]", self._last().body)
        self.agent.group_ids += self.env.ref("account.group_account_invoice")
        self._apply(macro)
        self.assertIn(f"[{invoice.name}]", self._last().body)

    def test_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.ida.lang = "fr_FR"
        macro = self._macro(reply="<p>Hello</p>")
        macro.with_context(lang="fr_FR").reply = "<p>Bonjour</p>"
        self._apply(macro)
        self.assertIn("Bonjour", self._last().body)

    def test_many_cases(self):
        cases = self.case + self._create_cases(3)
        macro = self._macro(
            reply="<p>About {{ object.number }}</p>", stage_id=self.stages["solved"].id
        )
        wizard = Form(
            self.env["crm.case.macro.apply"]
            .with_user(self.agent)
            .with_context(active_model="crm.case", active_ids=cases.ids)
        )
        wizard.macro_id = macro
        self.assertIn(cases[0].number, wizard.preview)
        with self.mock_mail_gateway():
            wizard.save().action_apply()

        self.assertEqual(set(cases.mapped("stage_category")), {"solved"})
        for case in cases:
            self.assertTrue(
                case.message_ids.filtered(
                    lambda m, case=case: f"About {case.number}" in m.body
                )
            )

    def test_nothing_is_done_when_somebody_cannot_be_answered(self):
        mute = self._create_cases(partner_id=False)
        macro = self._macro(reply="<p>Hello</p>", stage_id=self.stages["solved"].id)
        with self.assertRaisesRegex(UserError, mute.number):
            self._apply(macro, self.case + mute)
        self.assertEqual(self.case.stage_category, "open")
        self.assertFalse(self.case.date_first_response)

    def test_next_case(self):
        mine = self._create_cases(user_id=self.agent.id)
        queued = self._create_cases()
        macro = self._macro(stage_id=self.stages["solved"].id, following="mine")

        action = self._apply(macro)
        self.assertEqual(action["res_id"], mine.id)
        action = self._apply(macro, mine)
        self.assertEqual(action["res_id"], queued.id, "none of mine: of the queue")
        self.assertEqual(queued.user_id, self.agent)
        action = self._apply(macro, queued)
        self.assertEqual(action["tag"], "display_notification")
        another = self._create_cases()
        self._create_cases(user_id=self.agent.id)
        macro.following = "queue"
        self.assertEqual(self._apply(macro)["res_id"], another.id)

    def test_shown_before_sending(self):
        macro = self._macro(
            reply="<p>{{ object.number }}</p>", is_reviewed=True, assign="me"
        )
        action = self._apply(macro)
        self.assertEqual(action["res_model"], "mail.compose.message")
        self.assertIn(self.case.number, action["context"]["default_body"])
        self.assertEqual(self.case.user_id, self.agent, "the rest is done")
        self.assertFalse(self.case.date_first_response)

    def test_scopes(self):
        personal = self._macro()
        of_team = self._macro(
            self.manager, scope="team", team_ids=[Command.set(self.team.ids)]
        )
        of_all = self._macro(self.manager, scope="all")

        def offered(user):
            Macro = self.env["crm.case.macro"].with_user(user)
            ids = [macro["id"] for macro in Macro.get_available()]
            return (personal + of_team + of_all).filtered(lambda m: m.id in ids)

        self.assertEqual(offered(self.agent), personal + of_team + of_all)
        self.assertEqual(offered(self.agent_2), of_team + of_all)
        self.assertEqual(offered(self.outsider), of_all)
        with self.assertRaises(AccessError):
            self._apply(personal, user=self.agent_2)
        with self.assertRaises(AccessError):
            self._apply(of_team, user=self.outsider)
        with self.assertRaises(AccessError):
            self._apply(personal, user=self.manager)

    def test_rights_of_macros(self):
        with self.assertRaises(AccessError):
            self._macro(scope="all")
        with self.assertRaises(AccessError):
            self._macro(user_id=self.agent_2.id)
        mine = self._macro()
        with self.assertRaises(AccessError):
            mine.scope = "all"
        with self.assertRaises(AccessError):
            mine.with_user(self.agent_2).name = "Not mine"
        with self.assertRaises(ValidationError):
            self._macro(self.manager, scope="team")
        with self.assertRaises(ValidationError):
            self._macro(assign="user")

    def test_macros_do_what_the_agent_may_and_no_more(self):
        macro = self._macro(self.manager, scope="all", priority="3")
        of_others = self._create_cases(team_id=self.team_2.id, partner_id=self.eva.id)
        with self.assertRaises(AccessError):
            self._apply(macro, of_others)
        with self.assertRaises(AccessError):
            macro.with_user(self.portal_ida).action_apply(self.case.ids)

    def test_summary_says_what_is_done(self):
        macro = self._macro(
            reply="<p>x</p>", assign="me", stage_id=self.stages["solved"].id
        )
        self.assertEqual(
            macro.summary, f"reply · assign to me · {self.stages['solved'].name}"
        )
