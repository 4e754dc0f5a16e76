from odoo.exceptions import UserError
from odoo.tests import Form, HttpCase, tagged

from .common import CaseCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseCall(CaseCommon):
    """Who calls is found by exactly this number."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.country_id = cls.env.ref("base.de")
        (cls.ida + cls.jan + cls.eva).country_id = cls.env.ref("base.de")
        cls.ida.phone = "030 901820"
        cls.jan.phone = "+49 30 9018201"
        cls.Call = cls.env["crm.case.call"].with_user(cls.agent)

    def _call(self, **values):
        form = Form(self.Call.with_context(default_team_id=self.team.id))
        for name, value in values.items():
            form[name] = value
        return form

    def _log(self, form):
        action = form.save().action_log()
        return self.env["crm.case"].browse(action["res_id"])

    def test_caller_is_found(self):
        for number in ("+49 30 901820", "030/901820", "0049 30 90 18 20"):
            self.assertEqual(self._call(phone=number).partner_id, self.ida, number)
        for number in ("030 90182", "901820", "+43 30 901820", "nonsense", "+"):
            form = self._call(phone=number)
            self.assertFalse(form.partner_id, number)
            self.assertIn("Nobody", form.match_text)

    def test_several_have_it(self):
        self.eva.phone = "030 901820"
        form = self._call(phone="030 901820")
        self.assertFalse(form.partner_id)
        self.assertIn("2 contacts", form.match_text)

    def test_new_case(self):
        form = self._call(phone="030 901820", name="Leaks", notes="Since <b>May</b>")
        case = self._log(form)

        self.assertRecordValues(
            case,
            [
                {
                    "name": "Leaks",
                    "channel": "phone",
                    "partner_id": self.ida.id,
                    "team_id": self.team.id,
                    "user_id": self.agent.id,
                    "stage_category": "open",
                }
            ],
        )
        self.assertTrue(case.date_first_response, "they have talked")
        clocks = case.sla_clock_ids.filtered(lambda c: c.kind == "first_response")
        self.assertEqual(clocks.state, "met")
        self.assertIn("&lt;b&gt;May", case.description)
        message = case.message_ids.filtered("mail_activity_type_id")
        self.assertIn("&lt;b&gt;May", message.body)
        self.assertFalse(message.notified_partner_ids, "a note")
        self._harvest_queued()
        self.assertIn(
            self.ida, self._get_touchpoints("case_opened").mapped("partner_id")
        )

    def test_solved_in_the_call(self):
        case = self._log(
            self._call(phone="030 901820", name="Plug", is_solved=True, is_mine=False)
        )
        self.assertEqual(case.stage_category, "solved")
        self.assertFalse(case.user_id)

    def test_about_an_open_case(self):
        case = self._create_cases(stage_id=self.stages["waiting_customer"].id)
        closed = self._create_cases()
        closed.action_close()
        count = self.env["crm.case"].search_count([])
        form = self._call(phone="030 901820")
        self.assertIn(case, form.open_case_ids)
        self.assertNotIn(closed, form.open_case_ids)
        form.case_id = case

        self.assertEqual(self._log(form), case)

        self.assertEqual(self.env["crm.case"].search_count([]), count)
        self.assertEqual(case.stage_category, "open", "the customer has spoken")

    def test_unknown_caller_becomes_a_contact(self):
        form = self._call(phone="040 123123", name="Price?")
        form.partner_name = "Nora Neu"
        case = self._log(form)
        self.assertEqual(case.partner_id.name, "Nora Neu")
        self.assertEqual(case.partner_id.phone_sanitized, "+4940123123")
        self.assertEqual(
            self._call(phone="+49 40 123123").partner_id, case.partner_id, "next time"
        )
        form = self._call(phone="040 555555", name="Price?")
        form.partner_name, form.partner_email = "Ida", "ida@brandt.example"
        self.assertEqual(self._log(form).partner_id, self.ida)

    def test_nobody(self):
        case = self._log(self._call(name="Anonymous"))
        self.assertFalse(case.partner_id)
        self.assertEqual(case.channel, "phone")

    def test_what_is_missing_is_said(self):
        call = self.Call.create({"phone": "030 901820", "team_id": self.team.id})
        with self.assertRaisesRegex(UserError, "what it is about"):
            call.action_log()

    def test_contacts_of_other_companies_are_not_found(self):
        self.env["res.partner"].create(
            {
                "name": "Of the other company",
                "phone": "+49 40 777777",
                "company_id": self.company_2.id,
            }
        )
        self.assertFalse(self._call(phone="040 777777").partner_id)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseCallPage(HttpCase, CaseCommon):
    def test_telephone_opens_the_page(self):
        self.company.country_id = self.env.ref("base.de")
        self.ida.write({"phone": "030 901820", "country_id": self.env.ref("base.de")})
        self.authenticate("case_agent", "case_agent")
        response = self.url_open(
            "/crm_helpdesk/call?number=%2B4930901820", allow_redirects=False
        )
        call = self.env["crm.case.call"].search([], order="id desc", limit=1)
        self.assertTrue(response.headers["Location"].endswith(f"call/{call.id}"))
        self.assertEqual(call.partner_id, self.ida)
        self.assertFalse(self.env["crm.case"].search([("channel", "=", "phone")]))

    def test_others_open_nothing(self):
        self.authenticate("case_ida", "case_ida")
        response = self.url_open("/crm_helpdesk/call?number=1")
        self.assertEqual(response.status_code, 404)
