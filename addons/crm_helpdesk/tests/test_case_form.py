import json
import re
import time
from unittest.mock import Mock, patch

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import HttpCase, TransactionCase, tagged
from odoo.tools import hmac, mute_logger

from ..controllers import case_form
from ..tools import form_upload
from .common import CaseCommon

# a field, its condition, what is typed, and whether more is asked for then
CONDITIONS = [
    ("float", "5", "5.0", True),
    ("float", "5", "5", True),
    ("float", "5.5, 7", "5.50", True),
    ("float", "5", "5.5", False),
    ("float", "many", "5", False),
    ("float", "nan", "5", False),
    ("float", "", "0", True),
    ("float", "", "", False),
    ("integer", "5", "05", True),
    ("integer", "0", "0", True),
    ("integer", "", "0", True),
    ("integer", "", "", False),
    ("char", "Straße", "STRASSE", False),
    ("char", "Straße", " straße ", True),
    ("char", "", "   ", False),
    ("text", "yes", "Yes", True),
    ("date", "2026-03-01", "2026-03-01", True),
    ("date", "2026-03-01", "2026-03-02", False),
    ("datetime", "2026-03-01 10:00", "2026-03-01T10:00", True),
    ("datetime", "2026-03-01 09:00", "2026-03-01T10:00", False),
    ("selection", "Leak", "leak", True),
    ("selection", "Leak", "noise", False),
    ("selection", "", "noise", True),
    ("boolean", "", "1", True),
    ("boolean", "", "", False),
    ("tags", "Noise, Leak", "leak", True),
    ("tags", "Noise", "leak", False),
    ("tags", "", "", False),
]
OPTIONS = [["noise", "Noise"], ["leak", "Leak"]]
# Fills in what the page asks for first, and looks at what it asks for then.
CONDITIONS_JS = """
    const rows = %s;
    const wrong = [];
    rows.forEach(([typed], i) => {
        for (const input of document.querySelectorAll(`[name=field-from${i}]`)) {
            if (input.type === "checkbox") {
                input.checked = input.value === typed;
            } else {
                input.value = typed;
            }
            input.dispatchEvent(new Event("input", { bubbles: true }));
        }
    });
    rows.forEach(([typed, asked], i) => {
        const input = document.querySelector(`[name=field-then${i}]`);
        const shown = !input.disabled && !input.closest(".d-none");
        if (shown !== asked) {
            wrong.push(`${i}: ${JSON.stringify(typed)} ${shown}`);
        }
    });
    console[wrong.length ? "error" : "log"](wrong.join(", ") || "test successful");
"""


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestFormUpload(TransactionCase):
    def test_files(self):
        png = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
        for name, content, problem in (
            ("photo.png", png, None),
            ("photo.PNG", png, None),
            ("notes.txt", b"It stops after a minute", None),
            ("log.csv", b"a;b\n1;2\n", None),
            ("page.html", b"<p>x</p>", "type"),
            ("picture.svg", b"<svg/>", "type"),
            ("photo.png", b"<svg onload='x'>", "type"),
            ("notes.txt", b"  <!DOCTYPE html><script>", "type"),
            ("notes.txt", b"<?xml version='1.0'?><!-- a --><svg>", "type"),
            ("notes.txt", b"#!/bin/sh\nrm", "type"),
            ("film.mp4", b"MZ\x90\0", "type"),
            ("photo.png.exe", png, "type"),
            ("noextension", b"x", "type"),
            ("empty.txt", b"", "empty"),
            ("big.txt", b"x" * (form_upload.MAX_SIZE + 1), "size"),
        ):
            with self.subTest(name, content=content[:20]):
                self.assertEqual(form_upload.get_problem(name, content), problem)

    def test_names(self):
        for name, clean in (
            ("../../etc/passwd.txt", "passwd.txt"),
            ("C:\\photos\\a.png", "a.png"),
            ("a\r\nb\0.png", "ab.png"),
            ("x" * 300 + ".png", "x" * 100 + ".png"),
            ("", ""),
        ):
            self.assertEqual(form_upload.clean_name(name), clean)


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestCaseForm(HttpCase, CaseCommon):
    """The page without login: who is who is not known, programs try it, too."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case.team"].search([("id", "!=", cls.team.id)]).is_portal = False
        cls.team.is_public_form = True
        cls.team.case_properties_definition = [
            {"name": "part", "string": "Your machine", "type": "separator"},
            {"name": "model", "string": "Model*", "type": "char"},
            {"name": "cups", "string": "Cups a day", "type": "integer"},
            {
                "name": "kind",
                "string": "Kind",
                "type": "selection",
                "selection": [["noise", "Noise"], ["leak", "Leak"]],
            },
            {
                "name": "signs",
                "string": "Signs",
                "type": "tags",
                "tags": [["hot", "Hot", 1], ["wet", "Wet", 2]],
            },
            {"name": "since", "string": "Since", "type": "date"},
            {
                "name": "who",
                "string": "Colleague",
                "type": "many2one",
                "comodel": "res.partner",
            },
        ]
        cls.path = cls.team._get_form_path()
        cls.last_id = cls.env["crm.case"].search([], order="id desc", limit=1).id or 0

    def setUp(self):
        super().setUp()
        self.authenticate(None, None)

    def _token(self, age=60, word="word", team=None):
        team = team or self.team
        stamp = str(int(time.time()) - age)
        sign = hmac(self.env(su=True), "crm_helpdesk.form", (team.id, stamp, word))
        return f"{stamp}.{word}.{sign}"

    def _csrf(self, url):
        page = self.url_open(url).text
        return re.search(r'name="csrf_token" value="([^"]+)"', page)[1]

    def _send(self, path=None, files=None, redirect=True, **values):
        path = path or self.path
        return self.url_open(
            path,
            data={
                "csrf_token": self._csrf(self.path),
                "form_token": self._token(word=values.pop("word", "word")),
                "person": "Nora Neu",
                "email": "nora@neu.example",
                "name": "It leaks",
                "description": "Water <b>everywhere</b>",
                "field-model": "M 2",
                **values,
            },
            files=files,
            allow_redirects=redirect,
        )

    def _new_cases(self):
        return self.env["crm.case"].search([("id", ">", self.last_id)])

    # ------------------------------------------------------------
    # The page
    # ------------------------------------------------------------

    def test_page(self):
        self.team.form_intro = "<p>Have the number at hand</p>"

        page = self.url_open(self.path).text

        for text in ("Help", "Have the number at hand", "Model", "Cups a day", "Leak"):
            self.assertIn(text, page)
        self.assertNotIn("Colleague", page, "our records are not for strangers")
        self.assertIn('data-captcha="crm_case_form"', page)
        self.assertTrue(self.team.form_url.endswith(self.path))

    def test_no_page(self):
        other = self.team_2
        for path in (
            other._get_form_path(),
            "/case/new/nonsense",
            "/case/new/help-99999999",
            "/case/new/help-99999999999999999999",
            "/case/new/help-0",
            "/case/sent",
        ):
            self.assertEqual(self.url_open(path).status_code, 404, path)
        self.team.active = False
        self.assertEqual(self.url_open(self.path).status_code, 404)

    def test_open(self):
        response = self._send(
            **{
                "field-cups": "12",
                "field-kind": "leak",
                "field-signs": ["hot", "wet", "hacked"],
                "field-since": "2026-11-01",
                "field-who": str(self.eva.id),
                "phone": "+49 30 123456",
            }
        )

        case = self._new_cases()
        self.assertRecordValues(
            case,
            [
                {
                    "name": "It leaks",
                    "channel": "web",
                    "team_id": self.team.id,
                    "partner_name": "Nora Neu",
                    "email_normalized": "nora@neu.example",
                    "user_id": False,
                    "priority": "1",
                    "is_ack_due": True,
                }
            ],
        )
        self.assertTrue(response.url.endswith("/case/sent"))
        self.assertIn(case.number, response.text)
        self.assertIn("answer by", response.text, "the promise")
        self.assertNotIn("access_token", response.text, "nobody has proved the address")
        self.assertIn("&lt;b&gt;", case.description)
        self.assertIn("30 123456", case.description)
        self.assertTrue(case.sla_due)
        values = {
            field["name"]: field.get("value")
            for field in case.read(["case_properties"])[0]["case_properties"]
        }
        self.assertEqual(values["model"], "M 2")
        self.assertEqual(values["cups"], 12)
        self.assertEqual(values["kind"], "leak")
        self.assertEqual(values["signs"], ["hot", "wet"])
        self.assertEqual(values["since"], "2026-11-01")
        self.assertFalse(values["who"])

    def test_open_for_a_known_address(self):
        """As with a mail: whose address it is, whatever name is given."""
        count = self.env["res.partner"].search_count([])
        self._send(email="IDA@brandt.example", person="Mallory")

        self.assertEqual(self._new_cases().partner_id, self.ida)
        self.assertEqual(self.ida.name, "Ida Brandt")
        self.assertEqual(self.env["res.partner"].search_count([]), count)

    def test_open_with_an_address_of_ours(self):
        self._send(email=f"help@{self.alias_domain}")

        self.assertFalse(self._new_cases().partner_id)

    def test_open_with_files(self):
        self._send(files={"attachments": ("notes.txt", b"It stops", "text/plain")})
        self.assertEqual(self._new_cases().message_ids.attachment_ids.raw, b"It stops")

    def test_unsafe_files_are_refused(self):
        response = self._send(
            files={"attachments": ("photo.png", b"<svg onload=alert(1)>", "image/png")}
        )
        self.assertFalse(self._new_cases())
        self.assertIn("are not taken", response.text)

    def test_mistakes(self):
        response = self._send(
            name=" ",
            email="nobody",
            person="",
            **{
                "field-model": "",
                "field-cups": "many",
                "field-kind": "hacked",
                "field-since": "tomorrow",
            },
        )
        self.assertFalse(self._new_cases())
        for text in (
            "what it is about",
            "your name",
            "e-mail address: we answer",
            "fill this in",
            "give a number",
            "one of the list",
            "give a day",
        ):
            self.assertIn(text, response.text)
        self.assertIn("Water &lt;b&gt;everywhere", response.text, "text is kept")
        for number in ("nan", "inf", "1e400", "9" * 400):
            self._send(**{"field-cups": number})
        self.assertFalse(self._new_cases())

    def test_takes_no_foreign_values(self):
        self._send(
            partner_id=self.eva.id,
            user_id=self.agent.id,
            priority="3",
            team_id=self.team_2.id,
            channel="manual",
            stage_id=self.stages["closed"].id,
            sale_order_id="1",
        )
        self.assertRecordValues(
            self._new_cases(),
            [
                {
                    "team_id": self.team.id,
                    "user_id": False,
                    "priority": "1",
                    "channel": "web",
                    "stage_category": "open",
                }
            ],
        )

    def test_letters_that_the_database_does_not_take(self):
        with self.assertNoLogs("odoo.http", "ERROR"):
            self._send(name="No\0 power", description="\0 x", **{"field-model": "M\0"})
        self.assertEqual(self._new_cases().name, "No power")

    # ------------------------------------------------------------
    # Programs
    # ------------------------------------------------------------

    def test_needs_csrf(self):
        response = self.url_open(self.path, data={"name": "x"})
        self.assertEqual(response.status_code, 400)

    def test_honeypot(self):
        response = self._send(homepage="http://spam.example")
        self.assertFalse(self._new_cases())
        self.assertIn("nobody sees", response.text)

    def test_tokens(self):
        """Too fast, too old, of another team, made up."""
        signed = self._token()
        for token in (
            self._token(age=0),
            self._token(age=13 * 3600),
            self._token(team=self.team_2),
            "",
            "x",
            "1.2.3",
            "höchst.x.y",
            signed[:-1],
            "9" * 5000 + ".x.y",
        ):
            with self.subTest(token[:40]):
                response = self._send(form_token=token)
                self.assertEqual(response.status_code, 200)
                self.assertFalse(self._new_cases())

    def test_pressed_twice(self):
        first = self._send()
        second = self._send()

        case = self._new_cases()
        self.assertEqual(len(case), 1)
        self.assertIn(case.number, first.text)
        self.assertIn(case.number, second.text)

    def test_too_many_from_one_address(self):
        self.team.form_hourly_limit = 2
        for i in range(3):
            response = self._send(word=f"mail{i}")
        self.assertEqual(response.status_code, 429)
        self.assertIn("within the hour", response.text)
        self.assertEqual(len(self._new_cases()), 2)

    def test_too_many_from_one_connection(self):
        self.team.form_hourly_limit = 1
        for i in range(5):
            response = self._send(word=f"net{i}", email=f"n{i}@neu.example")
        self.assertEqual(response.status_code, 429)
        self.assertEqual(len(self._new_cases()), 4)

    def test_counters_keep_nobody(self):
        self._send()
        keys = self.env["crm.case.quota"].search([]).mapped("key")
        self.assertTrue(keys)
        self.assertFalse([key for key in keys if "nora" in key or "127" in key])
        self.env["crm.case.quota"].search([]).hour = "2020-01-01 00:00:00"
        self.env.flush_all()
        self.env["crm.case.quota"]._gc_quota()
        self.env.invalidate_all()
        self.assertFalse(self.env["crm.case.quota"].search([]))

    def test_captcha(self):
        asked = []

        def verify(_self, action):
            asked.append(action)
            raise UserError(self.env._("You look like a robot."))

        with patch.object(
            self.env.registry["ir.http"], "_verify_request_recaptcha_token", verify
        ):
            response = self._send()

        self.assertEqual(asked, ["crm_case_form"])
        self.assertIn("look like a robot", response.text)
        self.assertFalse(self._new_cases())

    def test_captcha_holds_once(self):
        """Who loads the page again is told the number, not that he is a robot."""
        asked = []

        def verify(_self, action):
            asked.append(action)
            if len(asked) > 1:
                raise UserError(self.env._("You look like a robot."))

        with patch.object(
            self.env.registry["ir.http"], "_verify_request_recaptcha_token", verify
        ):
            self._send()
            again = self._send()
            other = self._send(word="other")

        case = self._new_cases()
        self.assertEqual(len(case), 1)
        self.assertIn(case.number, again.text)
        self.assertIn("look like a robot", other.text)
        # a form that is too old is none, whatever it opened
        with patch.object(case_form, "MAX_SECONDS", 0):
            self.assertIn("open for long", self._send().text)

    def test_captcha_of_google(self):
        """As Odoo asks it, where its app is installed and has a key."""
        if not hasattr(self.env["ir.http"], "_verify_recaptcha_token"):
            self.skipTest("Google reCAPTCHA integration is not installed")
        params = self.env["ir.config_parameter"]
        params.set_param("recaptcha_private_key", "secret")
        params.set_param("recaptcha_public_key", "site")
        params.set_param("recaptcha_min_score", "0.7")
        sent = []

        def post(_url, data, **kw):
            sent.append(data)
            answer = Mock()
            answer.json.return_value = {
                "success": bool(data["response"]),
                "action": "crm_case_form",
                "score": 0.9 if data["response"] == "human" else 0.1,
                "error-codes": ["missing-input-response"],
            }
            return answer

        with (
            patch("odoo.addons.google_recaptcha.models.ir_http.requests.post", post),
            mute_logger("odoo.addons.google_recaptcha.models.ir_http"),
        ):
            self._send()
            self._send(recaptcha_token_response="robot")
            self.assertFalse(self._new_cases())
            self._send(recaptcha_token_response="human")

        self.assertEqual(len(self._new_cases()), 1)
        self.assertEqual([one["response"] for one in sent], [False, "robot", "human"])
        self.assertEqual({one["secret"] for one in sent}, {"secret"})

    # ------------------------------------------------------------
    # With login
    # ------------------------------------------------------------

    def test_customers_go_to_the_portal(self):
        self.authenticate("case_ida", "case_ida")
        response = self.url_open(self.path, allow_redirects=False)
        self.assertIn("/my/cases/new", response.headers["Location"])
        page = self.url_open(self.path).text
        self.assertIn("Cups a day", page, "the team's own fields")

    def test_own_fields_on_the_portal(self):
        self.authenticate("case_ida", "case_ida")
        values = {
            "csrf_token": self._csrf("/my/cases/new"),
            "name": "It leaks",
            "description": "x",
            "form_token": self._token(word="portal"),
        }
        response = self.url_open("/my/cases/new", data=values)
        self.assertIn("fill this in", response.text)
        self.assertFalse(self._new_cases())
        for _i in range(2):
            self.url_open("/my/cases/new", data={**values, "field-model": "M 3"})
        case = self._new_cases()
        self.assertEqual(len(case), 1, "pressed twice")
        self.assertEqual(case.case_properties["model"], "M 3")
        self.assertEqual(case.channel, "portal")

    def test_how_urgent_it_is(self):
        """The customer tells facts; the priority follows from the company's matrix."""
        self.authenticate("case_ida", "case_ida")
        self.assertNotIn("case_urgency", self.url_open("/my/cases/new").text)
        values = {
            "csrf_token": self._csrf("/my/cases/new"),
            "name": "It leaks",
            "description": "x",
            "field-model": "M 3",
            "urgency": "3",
            "impact": "3",
            "priority": "3",
        }
        self.url_open(
            "/my/cases/new",
            data={**values, "form_token": self._token(word="portal")},
        )
        case = self._new_cases()
        self.assertFalse(case.urgency, "nobody asked")
        self.assertEqual(case.priority, "1")

        self.team.is_urgency_asked = True
        self.assertIn("case_urgency", self.url_open("/my/cases/new").text)
        for urgency, impact, priority in (("3", "3", "3"), ("1", "1", "0")):
            self.url_open(
                "/my/cases/new",
                data={
                    **values,
                    "urgency": urgency,
                    "impact": impact,
                    "form_token": self._token(word=f"portal{urgency}"),
                },
            )
            case = self._new_cases().sorted("id")[-1]
            self.assertEqual(case.priority, priority)
            self.assertFalse(case.is_priority_manual)
        self.assertIn("case_priority", self.url_open(f"/my/cases/{case.id}").text)
        self.url_open(
            "/my/cases/new",
            data={
                **values,
                "urgency": "9",
                "impact": "drop table",
                "form_token": self._token(word="junk"),
            },
        )
        junk = self._new_cases().sorted("id")[-1]
        self.assertFalse(junk.urgency or junk.impact)

    # ------------------------------------------------------------
    # Fields under a condition
    # ------------------------------------------------------------

    def _set_condition(self, answers="Leak"):
        self.team.form_condition_ids = [
            Command.clear(),
            Command.create(
                {
                    "field_label": "Since",
                    "depends_label": "Kind",
                    "answers": answers,
                }
            ),
        ]

    def test_asked_for_after_an_answer_only(self):
        definition = self.team.case_properties_definition
        self.team.case_properties_definition = [
            {**field, "string": "Since*"} if field["name"] == "since" else field
            for field in definition
        ]
        self._set_condition()
        page = self.url_open(self.path).text
        self.assertIn('data-shown-if="kind"', page)

        response = self._send(**{"field-kind": "leak"}, word="one")
        self.assertIn("fill this in", response.text)
        self._send(**{"field-kind": "noise", "field-since": "2026-03-01"}, word="two")
        case = self._new_cases()
        self.assertEqual(len(case), 1, "what was not asked for is not missing")
        self.assertFalse(case.case_properties["since"], "nor is it taken")
        self._send(**{"field-kind": "leak", "field-since": "2026-03-01"}, word="three")
        self.assertTrue(self._new_cases().sorted("id")[-1].case_properties["since"])

    def test_whatever_is_filled_in(self):
        self._set_condition(answers="")
        self._send(**{"field-kind": "noise", "field-since": "2026-03-01"}, word="a")
        self.assertTrue(self._new_cases().case_properties["since"])

    def test_conditions_that_make_no_sense(self):
        for field, other in (
            ("Since", "Nonsense"),
            ("Nonsense", "Kind"),
            ("Kind", "Since"),
            ("Kind", "Kind"),
        ):
            with self.subTest(field=field), self.assertRaises(ValidationError):
                self.team.form_condition_ids = [
                    Command.create({"field_label": field, "depends_label": other})
                ]

    def test_form_shows_fields_as_answers_ask(self):
        self.env["ir.config_parameter"].set_param("crm_helpdesk.form_min_seconds", "0")
        self._set_condition()
        self.start_tour(self.path, "crm_helpdesk_case_conditions")

    def _set_conditions(self):
        # where noon is not the noon of UTC
        self.calendar.tz = "Asia/Tokyo"
        definition = []
        for i, (kind, _answers, _typed, _asked) in enumerate(CONDITIONS):
            choices = {
                "selection": {"selection": OPTIONS},
                "tags": {"tags": [[*option, 1] for option in OPTIONS]},
            }
            definition += [
                {
                    "name": f"from{i}",
                    "string": f"From {i}",
                    "type": kind,
                    **choices.get(kind, {}),
                },
                {"name": f"then{i}", "string": f"Then {i}", "type": "char"},
            ]
        self.team.case_properties_definition = definition
        self.team.form_condition_ids = [
            Command.create(
                {
                    "field_label": f"Then {i}",
                    "depends_label": f"From {i}",
                    "answers": answers,
                }
            )
            for i, (_kind, answers, _typed, _asked) in enumerate(CONDITIONS)
        ]

    def test_server_takes_what_is_asked_for(self):
        self._set_conditions()
        self._send(
            **{
                f"field-from{i}": typed
                for i, (_kind, _answers, typed, _asked) in enumerate(CONDITIONS)
                if typed
            },
            **{f"field-then{i}": "said" for i in range(len(CONDITIONS))},
        )
        given = self._new_cases().case_properties
        for i, row in enumerate(CONDITIONS):
            with self.subTest(row=row):
                self.assertEqual(given[f"then{i}"] == "said", row[-1])

    def test_page_asks_for_the_same(self):
        self._set_conditions()
        self.browser_js(
            self.path,
            CONDITIONS_JS % json.dumps([row[2:] for row in CONDITIONS]),
            "!!document.querySelector('.d-none input[name=field-then0]')",
        )

    def test_answer_to_what_was_not_asked_for_asks_for_nothing(self):
        self.team.form_condition_ids = [
            Command.create(values)
            for values in (
                {"field_label": "Kind", "depends_label": "Cups a day", "answers": "5"},
                {"field_label": "Since", "depends_label": "Kind", "answers": "Leak"},
            )
        ]
        answers = {"field-kind": "leak", "field-since": "2026-03-01"}
        self._send(**answers, **{"field-cups": "4"}, word="a")
        self.assertFalse(self._new_cases().case_properties["since"])
        self._send(**answers, **{"field-cups": "5"}, word="b")
        self.assertTrue(self._new_cases().sorted("id")[-1].case_properties["since"])

    def test_condition_whose_fields_changed_places_does_not_hold(self):
        self._set_condition()
        definition = self.team.case_properties_definition
        self.team.case_properties_definition = sorted(
            definition, key=lambda field: field["name"] != "since"
        )
        self.assertNotIn("data-shown-if", self.url_open(self.path).text)
