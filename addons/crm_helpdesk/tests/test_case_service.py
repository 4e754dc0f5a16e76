import io
import json
from datetime import datetime, timedelta

from lxml import html

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, freeze_time, tagged
from odoo.tools.pdf import PdfReader

from .common import CaseCommon

MONDAY = datetime(2026, 3, 2, 8)
DAYS = {"date_from": "2026-03-01", "date_to": "2026-03-31"}
REPORT = "crm_helpdesk.report_case_service"


def at(hours):
    return MONDAY + timedelta(hours=hours)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseService(CaseCommon):
    """Team hours: Monday to Friday, 8 to 16, UTC. Hours are since Monday, 8."""

    def _print(self, partner=None, user=None, **days):
        """The paper as text, and as a tree."""
        self.env.flush_all()
        self.env.invalidate_all()
        data = {
            "partner_ids": (partner or self.customer).ids,
            "company_id": self.company.id,
            **DAYS,
            **days,
        }
        content, kind = (
            self.env["ir.actions.report"]
            .with_user(user or self.agent)
            ._render_qweb_html(REPORT, [], data=data)
        )
        self.assertEqual(kind, "html")
        tree = html.fromstring(content)
        return " ".join(tree.text_content().split()), tree

    def _table(self, tree, name):
        [table] = tree.xpath(f"//table[@name='{name}']")
        return [
            [" ".join(cell.text_content().split()) for cell in row.xpath("./td")]
            for row in table.xpath("./tbody/tr")
        ]

    def _live(self):
        """Two cases: answered in 2 and 6 hours, one of them solved in 10 and rated."""
        with freeze_time(at(0)):
            solved, waiting = self._create_cases(2, date_opened=at(0))
        for case, hours in ((solved, 2), (waiting, 6)):
            with freeze_time(at(hours)):
                self._answer(case, date=at(hours))
        with freeze_time(at(7)):
            waiting.stage_id = self.stages["waiting_customer"]
        with freeze_time(at(26)):
            solved.action_close()
            solved.rating_apply(5, token=solved._rating_get_access_token())
        self.env["rating.rating"].search(
            [("res_model", "=", "crm.case"), ("res_id", "=", solved.id)]
        ).rated_on = at(26)
        return solved, waiting

    def test_figures(self):
        solved, waiting = self._live()

        with freeze_time(at(48)):
            text, tree = self._print()

        self.assertIn("Brandt Kaffee GmbH", text)
        self.assertEqual(self._table(tree, "volume"), [["2", "1", "0", "1"]])
        promises = {row[0]: row[1:] for row in self._table(tree, "promises")}
        self.assertEqual(promises["First Response"], ["2", "1", "1", "50 %"])
        self.assertEqual(promises["Resolution"], ["1", "1", "0", "100 %"])
        self.assertIn("answered within 4.0 working hours (n = 2)", text)
        self.assertIn("solved within 10.0 working hours", text)
        self.assertIn("5.0 of 5 on average; 1 of 1 ratings", text)
        self.assertEqual(
            [row[0] for row in self._table(tree, "cases")],
            [solved.number, waiting.number],
        )
        [row] = self._table(tree, "open_cases")
        self.assertEqual(row[0], waiting.number)
        # as on the portal, and whose turn it is
        self.assertIn("Waiting for your answer", row[3])
        self.assertIn("waiting for you", row[3])

    def test_nothing_is_invented(self):
        text, tree = self._print()

        for sentence in (
            "No promise fell due in this period.",
            "No case of this period was answered yet.",
            "No case was closed in this period.",
            "No rating was given in this period.",
            "No case was opened or closed in this period.",
            "Nothing is open.",
        ):
            self.assertIn(sentence, text)
        self.assertEqual(self._table(tree, "volume"), [["0"] * 4])

    def test_days_are_whole_days_of_the_company(self):
        self.company.partner_id.tz = "America/New_York"
        with freeze_time("2026-04-01 02:00:00"):  # the evening of 31 March there
            case = self._create_cases(date_opened=datetime(2026, 4, 1, 2))

        _text, march = self._print()
        text, _april = self._print(date_from="2026-04-01", date_to="2026-04-30")

        self.assertEqual(self._table(march, "cases")[0][0], case.number)
        self.assertIn("No case was opened or closed in this period.", text)

    def test_each_customer_has_a_paper(self):
        self._live()
        text, tree = self._print(partner=self.customer + self.eva)
        self.assertEqual(len(tree.xpath("//table[@name='volume']")), 2)
        self.assertIn("Eva Nowak", text)

    def test_what_the_reader_may_not_see_is_not_in_it(self):
        hidden = self.env["crm.case.team"].create(
            {
                "name": "Hidden",
                "company_id": self.company.id,
                "visibility": "members",
                "member_ids": self.agent_2.ids,
            }
        )
        [case] = self._create_cases(date_opened=at(0), team_id=hidden.id)
        self.assertNotIn(case.number, self._print(user=self.agent)[0])
        self.assertIn(case.number, self._print(user=self.agent_2)[0])
        with self.assertRaises(AccessError):
            self._print(user=self.portal_ida)

    def test_wizard(self):
        wizard = (
            self.env["crm.case.service"]
            .with_user(self.agent)
            .with_context(active_model="res.partner", active_ids=self.ida.ids)
            .create({})
        )
        self.assertEqual(wizard.partner_ids, self.ida)
        action = wizard.action_print()
        self.assertEqual(action["report_name"], REPORT)
        self.assertEqual(action["data"]["partner_ids"], self.customer.ids)
        wizard.date_to = wizard.date_from - timedelta(days=1)
        with self.assertRaises(UserError):
            wizard.action_print()


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseServicePdf(HttpCase, CaseCommon):
    """The file that is downloaded: a paper with a page of its own for each customer."""

    def _download(self, partners):
        if self.env["ir.actions.report"].get_wkhtmltopdf_state() == "install":
            self.skipTest("no wkhtmltopdf here")
        options = {
            "partner_ids": partners.ids,
            "company_id": self.company.id,
            **DAYS,
        }
        context = {"force_report_rendering": True, "lang": "en_US"}
        self.authenticate(self.agent.login, self.agent.login)
        answer = self.url_open(
            f"/report/pdf/{REPORT}",
            params={"options": json.dumps(options), "context": json.dumps(context)},
            timeout=120,
        )
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(answer.headers["Content-Type"], "application/pdf")
        return PdfReader(io.BytesIO(answer.content))

    def test_pages(self):
        with freeze_time(at(0)):
            self._create_cases(3, date_opened=at(0))
        self.env.flush_all()

        pdf = self._download(self.customer)
        text = pdf.pages[0].extract_text()
        self.assertIn("Brandt Kaffee GmbH", text)
        self.assertIn("Grinder 2", text)
        self.assertEqual(len(pdf.pages), 1)

        self.assertEqual(len(self._download(self.customer + self.eva).pages), 2)
