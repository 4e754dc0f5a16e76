from datetime import timedelta
from time import monotonic

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.crm_helpdesk.models.intake import crm_case_mail_filter

from .common import MAIL, CaseCommon

FILTERED = "odoo.addons.crm_helpdesk.models.intake.crm_case_mail_filtered"
FORM = """\
Return-Path: <>
To: {to}
Message-ID: {msg_id}
Date: Tue, 29 Nov 2022 12:43:21 +0530
From: {email_from}
Subject: {subject}
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8
{extra}
<p>A form was filled in.</p>
<table><tr><td>Name: Olga Petrova</td></tr>
<tr><td>E-mail: Olga@Unknown.example</td></tr>
<tr><td>Serial number: SN-77</td></tr>
<tr><td>Hours: 12,5</td></tr>
<tr><td>Kind: leak</td></tr></table>
"""


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestCaseMailFilter(CaseCommon):
    """What is known of a mail before anybody reads it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case.mail.filter"].search([]).active = False
        cls.tag, cls.tag_2 = cls.env["crm.case.tag"].create(
            [{"name": "Shop"}, {"name": "Alarm"}]
        )
        cls.other_team = cls.env["crm.case.team"].create(
            {"name": "Shop", "company_id": cls.company.id}
        )

    @classmethod
    def _filter(cls, conditions=(), extracts=(), **values):
        return cls.env["crm.case.mail.filter"].create(
            {
                "name": "Filter",
                "company_id": cls.company.id,
                "condition_ids": [
                    Command.create(
                        dict(zip(("part", "operator", "value"), row, strict=True))
                    )
                    for row in conditions
                ],
                "extract_ids": [
                    Command.create({"pattern": pattern, "target": target, **more})
                    for pattern, target, more in extracts
                ],
                **values,
            }
        )

    def _logs(self):
        return self.env["crm.case.mail.filter.log"].search([], order="id")

    def test_fields_by_what_the_mail_says(self):
        category = self.env["crm.case.category"].create({"name": "Orders"})
        rule = self._filter(
            [("from", "contains", "shop.example"), ("subject", "contains", "URGENT")],
            team_id=self.other_team.id,
            user_id=self.agent.id,
            priority="3",
            category_id=category.id,
            tag_ids=[Command.link(self.tag.id)],
            is_silent=True,
        )

        case = self._receive("Urgent: parcel", email_from="Bo <bo@Shop.example>")

        self.assertRecordValues(
            case,
            [
                {
                    "team_id": self.other_team.id,
                    "user_id": self.agent.id,
                    "priority": "3",
                    "category_id": category.id,
                    "tag_ids": self.tag.ids,
                    "date_acknowledged": False,
                    "partner_email": "bo@shop.example",
                }
            ],
        )
        self.assertNotIn(case.partner_id, self._new_mails.recipient_ids)
        self.assertRecordValues(
            self._logs(),
            [
                {
                    "filter_id": rule.id,
                    "case_id": case.id,
                    "team_id": self.team.id,
                    "outcome": "open",
                    "subject": "Urgent: parcel",
                    "email_from": '"Bo" <bo@Shop.example>',
                }
            ],
        )
        self.assertEqual(rule.log_count, 1)
        self.assertIn(
            "By the mail filters: Filter",
            "".join(case.with_user(self.agent).message_ids.mapped("body")),
            "agents read why",
        )

    def test_all_conditions_have_to_hold(self):
        self._filter(
            [
                ("subject", "contains", "parcel\nletter"),
                ("subject", "not_contains", "lost"),
                ("body", "pattern", r"^hello, .*\bstart\b"),
                ("body", "not_pattern", r"^grinder"),
            ],
            priority="3",
        )

        self.assertEqual(self._receive("My LETTER").priority, "3")
        self.assertEqual(self._receive("My letter is lost").priority, "1")
        self.assertEqual(self._receive("My grinder").priority, "1")

    def test_pattern_with_brackets_that_stay_empty(self):
        """Whether it matches is what counts, not what is in its brackets."""
        self._filter([("subject", "pattern", "^(re: )?invoice")], priority="3")
        self._filter(
            [("subject", "pattern", "^x*"), ("subject", "pattern", "plan (b)?$")],
            priority="2",
        )
        self._filter(
            [("subject", "not_pattern", "(our )?offer|inv|plan")], priority="0"
        )
        self._filter(
            [("subject", "not_pattern", "^(re: )?(invoice|plan|offer)")], outcome="drop"
        )

        self.assertEqual(self._receive("Re: Invoice 11").priority, "3")
        self.assertEqual(self._receive("Invoice 12").priority, "3")
        self.assertEqual(self._receive("Plan ").priority, "2")
        self.assertEqual(self._receive("Offer 1").priority, "1")
        self.assertFalse(self._receive("Lottery"))

    def test_header(self):
        rule = self._filter(priority="0")
        rule.condition_ids = [
            Command.create({"part": "header", "header": "X-Shop", "value": "yes"})
        ]

        self.assertEqual(self._receive("a", extra="X-Shop: Yes\n").priority, "0")
        self.assertEqual(self._receive("b", extra="X-Other: yes\n").priority, "1")

    def test_later_ones_go_before_and_tags_add_up(self):
        first = self._filter(
            [("subject", "contains", "parcel")],
            sequence=1,
            priority="0",
            tag_ids=[Command.link(self.tag.id)],
        )
        self._filter(sequence=2, priority="2", tag_ids=[Command.link(self.tag_2.id)])

        case = self._receive("parcel one")
        self.assertEqual((case.priority, case.tag_ids), ("2", self.tag + self.tag_2))

        first.is_last = True
        case = self._receive("parcel two")
        self.assertEqual((case.priority, case.tag_ids), ("0", self.tag))

    def test_people_and_machines(self):
        self._filter(senders="machines", priority="0")
        self._filter(senders="people", priority="2")

        alarm = self._receive("Alarm", extra="Auto-Submitted: auto-generated\n")
        self.assertEqual(alarm.priority, "0")
        self.assertEqual(self._receive("Help").priority, "2")

    def test_dropped_and_kept_on_the_team(self):
        drop = self._filter([("subject", "contains", "lottery")], outcome="drop")
        self._filter([("subject", "contains", "newsletter")], outcome="note")
        before = len(self.team.message_ids)

        self.assertFalse(self._receive("You won the Lottery"))
        self.assertEqual(len(self.team.message_ids), before)
        self.assertFalse(self._receive("Our newsletter"))

        note = self.team.message_ids[0]
        self.assertEqual(note.subject, "Our newsletter")
        self.assertTrue(note.subtype_id.internal)
        self.assertFalse(self._new_mails)
        self.assertRecordValues(
            self._logs(),
            [
                {
                    "filter_id": drop.id,
                    "outcome": "drop",
                    "subject": "You won the Lottery",
                    "case_id": False,
                },
                {
                    "filter_id": drop.search([("outcome", "=", "note")]).id,
                    "outcome": "note",
                    "subject": "Our newsletter",
                    "case_id": False,
                },
            ],
        )

    def test_team_of_a_filter_is_not_deleted(self):
        """A filter for mail to one team must not become one for all mail."""
        rule = self._filter(
            [("body", "contains", "hello")],
            outcome="drop",
            team_ids=[Command.link(self.other_team.id)],
            name="Of the shop",
        )
        rule.active = False
        third = self.other_team.copy({"name": "Third"})
        given = self._filter(team_id=third.id, name="To the third")
        both = self.other_team + third

        with self.assertRaisesRegex(UserError, "Shop.*Third.*Of the shop.*To the thi"):
            both.with_user(self.manager).unlink()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            with self.env.cr.savepoint():
                self.env.cr.execute(
                    "DELETE FROM crm_case_team WHERE id = %s", [self.other_team.id]
                )
        self.assertEqual(rule.team_ids, self.other_team)

        rule.team_ids = [Command.set(self.team.ids)]
        given.unlink()
        both.with_user(self.manager).unlink()
        self.assertFalse(both.exists())

    def test_deleted_tags_are_no_longer_added(self):
        self._filter(tag_ids=[Command.set((self.tag + self.tag_2).ids)], priority="3")
        self._receive("one")

        self.tag.unlink()

        case = self._receive("two")
        self.assertEqual((case.priority, case.tag_ids), ("3", self.tag_2))

    def test_last_condition_stays(self):
        rule = self._filter(
            [("subject", "contains", "a"), ("subject", "contains", "b")],
            outcome="drop",
        )
        other = self._filter([("subject", "contains", "c")], name="Opens")
        lines = rule.condition_ids.with_user(self.manager)

        lines[0].unlink()
        with self.assertRaises(ValidationError) as refused:
            lines[1].unlink()
        self.assertIn("would keep any mail", str(refused.exception))
        with self.assertRaises(ValidationError):
            (rule + other).condition_ids.unlink()
        with self.assertRaises(ValidationError):
            rule.condition_ids = [Command.clear()]
        other.condition_ids.unlink()
        self.assertFalse(other.condition_ids)
        # another one instead, saved at once
        rule.with_user(self.manager).condition_ids = [
            Command.delete(lines[1].id),
            Command.create({"part": "subject", "value": "c"}),
        ]
        self.assertEqual(rule.condition_ids.value, "c")
        rule.write({"outcome": "open", "condition_ids": [Command.clear()]})
        self.assertFalse(rule.condition_ids)
        third = self._filter([("subject", "contains", "a")], outcome="note")
        lines = third.condition_ids
        third.with_user(self.manager).unlink()
        self.assertFalse(lines.exists())

    def test_without_conditions_nothing_is_kept_away(self):
        """However a filter came to that, no mail is lost."""
        rule = self._filter([("subject", "contains", "a")], outcome="drop")
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM crm_case_mail_filter_condition")
        self.env.invalidate_all()
        self.env.registry.clear_cache()

        self.assertTrue(self._receive("parcel"))

        self.assertFalse(rule.log_count)
        wizard = self.env["crm.case.mail.filter.test"].create(
            {"team_id": self.team.id, "subject": "parcel"}
        )
        self.assertIn("It has no conditions", wizard.result)

    def test_each_route_has_its_own_mail(self):
        """A mail to two teams is to each what the filters of this one say."""
        self.other_team.write({"alias_name": "shop", "ack_interval": 0})
        shop = self.other_team.alias_email
        self._filter(
            [("subject", "contains", "offer")],
            outcome="note",
            team_ids=[Command.link(self.team.id)],
        )
        self._filter(
            [("subject", "contains", "form")],
            [(r"for (\S+)", "customer", {"part": "subject"})],
            team_ids=[Command.link(self.team.id)],
        )
        for to in (
            f"{self.team.alias_email}, {shop}",
            f"{shop}, {self.team.alias_email}",
        ):
            with self.subTest(to):
                before = self.team.message_ids
                case = self._receive("Our offer", to=to, cc="Ute <ute@new.example>")
                self.assertRecordValues(
                    case,
                    [
                        {
                            "team_id": self.other_team.id,
                            "is_machine": False,
                            "partner_id": self.ida.id,
                        }
                    ],
                )
                self.assertTrue(case.date_acknowledged)
                mail = case.message_ids.filtered(lambda m: m.message_type == "email")
                self.assertFalse(mail.is_machine_mail)
                self.assertEqual(
                    case.participant_ids.mapped("email"), ["ute@new.example"]
                )
                note = self.team.message_ids - before
                self.assertTrue(note.is_machine_mail)
                self.assertEqual(note.machine_reason, "Filter")
                self.assertTrue(note.subtype_id.internal)

                cases = self._receive(
                    "Form for eva@nowak.example",
                    to=to,
                    email_from=f"Form <{len(to)}.{to[:4]}@site.example>",
                ).grouped("team_id")
                of_shop = cases[self.other_team].partner_id
                self.assertEqual(of_shop.name, "Form")
                self.assertEqual(cases[self.team].partner_id, self.eva)
                for case in cases.values():
                    mail = case.message_ids.filtered(
                        lambda m: m.message_type == "email"
                    )
                    self.assertEqual(mail.author_id, case.partner_id)

    def test_unknown_sender_to_two_teams_is_one_contact(self):
        self.other_team.alias_name = "shop"

        cases = self._receive(
            to=f"{self.team.alias_email}, {self.other_team.alias_email}",
            email_from="New <new@unknown.example>",
        )

        self.assertEqual(len(cases), 2)
        self.assertEqual(len(cases.partner_id), 1)
        self.assertEqual(
            self.env["res.partner"].search(
                [("email_normalized", "=", "new@unknown.example")]
            ),
            cases.partner_id,
        )

    def test_notes_of_teams_are_no_loop_that_is_answered(self):
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", 2)
        self._filter([("subject", "contains", "offer")], outcome="note")
        before = len(self.team.message_ids)

        for _i in range(4):
            self._receive("Our offer")
            self.assertFalse(self._new_mails)

        self.assertEqual(len(self.team.message_ids), before + 2)

    def test_answers_to_cases_are_not_filtered(self):
        case = self._receive("Grinder")
        self._filter([("subject", "contains", "grinder")], outcome="drop")
        message_id = case.message_ids[-1].message_id

        self._receive("Re: grinder", extra=f"In-Reply-To: {message_id}\n")

        self.assertEqual(
            len(case.message_ids.filtered(lambda m: m.message_type == "email")), 2
        )
        self.assertFalse(self._logs())

    def test_other_teams_and_companies(self):
        self._filter(priority="3", team_ids=[Command.link(self.other_team.id)])
        self._filter(priority="2", company_id=self.company_2.id)

        self.assertEqual(self._receive("one").priority, "1")
        case = self._receive("two", to=self.team_2.alias_email)
        self.assertEqual(case.priority, "2")

    # ------------------------------------------------------------
    # What is read from the mail
    # ------------------------------------------------------------

    def test_form_of_a_web_site(self):
        """The mail comes from the form; the case is of who filled it in."""
        self.team.case_properties_definition = [
            {"name": "hours", "string": "Hours*", "type": "float"},
            {
                "name": "kind",
                "string": "Kind",
                "type": "selection",
                "selection": [["l", "Leak"], ["n", "Noise"]],
            },
            {"name": "more", "string": "More", "type": "char", "default": "kept"},
        ]
        self._filter(
            [("from", "contains", "form@site.example")],
            [
                (r"E-mail:\s*(\S+)", "customer", {}),
                (r"Name:\s*(.+)$", "customer_name", {}),
                (r"Hours:\s*(\S+)", "own", {"own_field": "Hours"}),
                (r"Kind:\s*(\w+)", "own", {"own_field": "kind"}),
            ],
        )

        case = self._receive(
            "Form",
            email_from="form@site.example",
            template=FORM.replace("Return-Path: <>\n", ""),
        )

        self.assertRecordValues(
            case.partner_id,
            [{"name": "Olga Petrova", "email_normalized": "olga@unknown.example"}],
        )
        self.assertFalse(
            self.env["res.partner"].search(
                [("email_normalized", "=", "form@site.example")]
            ),
            "the form is no contact",
        )
        self.assertEqual(
            dict(case.case_properties), {"hours": 12.5, "kind": "Leak", "more": "kept"}
        )
        self.assertEqual(self._new_mails.recipient_ids, case.partner_id)
        self.assertFalse(case.is_machine)
        mail = case.message_ids.filtered(lambda m: m.message_type == "email")
        self.assertEqual(mail.author_id, case.partner_id)

    def test_brackets_that_stay_empty_give_the_whole_match(self):
        run = self.env["crm.case.mail.filter"]._run_patterns

        for pattern, found in (
            (r"no\. (\d+)", "12"),
            (r"(our )?no\. (\d+)", "12"),
            (r"(our )?NO\.", "no."),
            (r"(?i)(our )?NO\. \d", "no. 1"),
            (r"(x)*", ""),
            (r"(x)|(n)o\1", None),
            (r"(our )no", None),
        ):
            with self.subTest(pattern):
                self.assertEqual(run([("Order no. 12 \\1", pattern)]), [found])

    def test_numbers_that_are_none_undo_nothing(self):
        """ "nan" and "inf" are numbers to Python, and to no field."""
        self.team.case_properties_definition = [
            {"name": "weight", "string": "Weight", "type": "float"},
            {"name": "count", "string": "Count", "type": "integer"},
        ]
        self._filter(
            extracts=[
                (rf"{name}:\s*(\S+)", "own", {"own_field": name, "part": "subject"})
                for name in ("weight", "count")
            ],
            priority="3",
        )

        for text in ("nan", "inf", "-Infinity", "1e400", "heavy"):
            with self.subTest(text):
                case = self._receive(f"weight: {text} count: {text}")
                self.assertEqual(case.priority, "3", "the filter holds all the same")
                self.assertFalse(any(dict(case.case_properties).values()))
                self.assertEqual(self._logs()[-1].outcome, "open")
                self.assertIn(f"{text} is no weight", self._logs()[-1].text)
        case = self._receive("weight: 1,5 count: 3")
        self.assertEqual(dict(case.case_properties), {"weight": 1.5, "count": 3})
        case = self._receive("count: 3.5")
        self.assertFalse(case.case_properties["count"])

    def test_known_customer_of_the_form(self):
        self._filter(
            [("subject", "contains", "form")], [(r"for (\S+)", "customer", {})]
        )
        self._filter(
            [("subject", "contains", "form")],
            [(r"for (\S+)", "customer", {"part": "subject"})],
        )

        case = self._receive("Form for IDA@brandt.example", email_from="x@y.example")

        self.assertEqual(case.partner_id, self.ida)

    def test_only_the_customers_own_goods_are_linked(self):
        lot, _picking, order = self._deliver_serial(self.ida, "SN-77")
        foreign = self._create_order(self.eva)
        self._filter(
            extracts=[
                (r"Serial:\s*(\S+)", "lot", {"part": "subject"}),
                (r"Order:\s*(\S+)", "order", {"part": "subject"}),
            ]
        )

        case = self._receive("Serial: SN-77")
        self.assertEqual(case.lot_id, lot)
        self.assertEqual(case.product_id, lot.product_id)
        self.assertEqual(case.sale_order_id, order)

        case = self._receive(f"Order: {foreign.name}")
        self.assertFalse(case.sale_order_id)
        self.assertIn(foreign.name, self._logs()[-1].text)

        case = self._receive("Serial: SN-77 again", email_from="eva@nowak.example")
        self.assertFalse(case.lot_id)
        case = self._receive("Order: %")
        self.assertFalse(case.sale_order_id)

    def test_product_category_tag_and_subject(self):
        self.product.default_code = "GR-9"
        category = self.env["crm.case.category"].create({"name": "Leaks"})
        self._filter(
            extracts=[
                (r"\[(.*?)\]", "product", {"part": "subject"}),
                (r"#(\w+)", "category", {"part": "subject"}),
                (r"\+(\w+)", "tag", {"part": "subject"}),
                (r"about (.*)", "subject", {"part": "subject"}),
            ]
        )

        case = self._receive("[GR-9] #leaks +shop about the lid")

        self.assertRecordValues(
            case,
            [
                {
                    "product_id": self.product.id,
                    "category_id": category.id,
                    "tag_ids": self.tag.ids,
                    "name": "the lid",
                }
            ],
        )
        case = self._receive("#% +_hop")
        self.assertFalse(case.category_id)
        self.assertFalse(case.tag_ids)

    # ------------------------------------------------------------
    # What goes wrong
    # ------------------------------------------------------------

    def test_settings_that_fail_lose_no_mail(self):
        """D32: a mail that cannot be taken in would come back with each fetch."""
        rule = self._filter(priority="3", tag_ids=[Command.link(self.tag.id)])
        self.patch(
            type(self.env["crm.case"]),
            "_fill_in_found",
            lambda case, found: case.browse(0).nonsense,
        )

        with self.assertLogs(FILTERED, "ERROR"):
            case = self._receive("parcel")

        self.assertEqual(len(case), 1)
        self.assertEqual(case.partner_id, self.ida)
        self.assertEqual(case.priority, "1")
        self.assertEqual(self._logs().outcome, "failed")
        self.assertEqual(self._logs().filter_id, rule)

    def test_filters_that_cannot_be_tried_lose_no_mail(self):
        self._filter(priority="3")
        self.patch(
            type(self.env["crm.case.mail.filter"]),
            "_try_all",
            lambda self, mail, team: 1 / 0,
        )

        with self.assertLogs(FILTERED, "ERROR"):
            self.assertEqual(self._receive("parcel").priority, "1")

    def test_assignee_of_another_company(self):
        self._filter(user_id=self.agent_c2.id, priority="3")

        case = self._receive("parcel")

        self.assertFalse(case.user_id)
        self.assertEqual(case.priority, "3")
        self.assertIn(self.agent_c2.name, self._logs().text)

    def test_a_pattern_that_takes_for_ever_is_given_up(self):
        self._filter([("body", "pattern", "a+")], priority="2")
        self._filter([("body", "pattern", r"(.+)(.+)(.+)\3\1\2z$")], priority="3")
        self.patch(crm_case_mail_filter, "PATTERN_TIMEOUT", 100)
        start = monotonic()
        numbers = " ".join(str(number**3) for number in range(400))

        with self.assertLogs(crm_case_mail_filter.__name__, "WARNING"):
            case = self._receive("x", template=MAIL.replace("Hello", f"{numbers}z\n"))

        self.assertLess(monotonic() - start, 20)
        self.assertEqual(case.priority, "2", "the others hold all the same")
        [(timeout,)] = self.env.execute_query(
            SQL("SELECT current_setting('statement_timeout')")
        )
        self.assertEqual(timeout, "0", "what comes after has its time again")

    def test_what_makes_no_sense_is_refused(self):
        for values in (
            {"part": "subject", "operator": "pattern", "value": "(("},
            {"part": "header", "operator": "contains", "value": "x"},
            {"part": "subject", "operator": "contains", "value": "  \n"},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                self._filter().condition_ids = [Command.create(values)]
        with self.assertRaisesRegex(ValidationError, "any mail"):
            self._filter(outcome="drop")
        for values in (
            {"pattern": "[", "target": "order"},
            {"pattern": "x", "target": "own"},
        ):
            with self.subTest(values), self.assertRaises(ValidationError):
                self._filter().extract_ids = [Command.create(values)]

    def test_junk_is_taken_in(self):
        self._filter(
            [("body", "pattern", "."), ("subject", "not_contains", "lottery")],
            [("(.)", "order", {"part": "header", "header": "X-Y"})],
        )

        self.assertTrue(self._receive("=?utf-8?q?=00?=", extra="X-Y: =?x?q?=ff?=\n"))

    # ------------------------------------------------------------
    # Try it, rights, log
    # ------------------------------------------------------------

    def test_try_a_mail(self):
        rule = self._filter(
            [("from", "contains", "shop.example"), ("body", "pattern", r"no\.\s*\d+")],
            [(r"no\.\s*(\d+)", "order", {})],
            name="Of the shop",
            priority="3",
        )
        before = self.env["crm.case"].search_count([])

        with Form(
            self.env["crm.case.mail.filter.test"].with_user(self.manager)
        ) as form:
            form.team_id = self.team
            form.email_from = "Bo <bo@shop.example>"
            form.body = "Your order"
            self.assertIn("does not hold", form.result)
            self.assertIn("matches the pattern", form.result)
            form.body = "Your order no. 4711"
            self.assertIn("4711", form.result)
            self.assertNotIn("does not hold", form.result)
        self.assertEqual(self.env["crm.case"].search_count([]), before)
        self.assertFalse(rule.log_count)

    def test_try_the_mail_of_a_case(self):
        case = self._receive("Grinder")
        self._filter([("body", "contains", "does not start")], priority="3")

        wizard = (
            self.env["crm.case.mail.filter.test"]
            .with_user(self.manager)
            .create({"team_id": self.team.id, "case_id": case.id})
        )

        self.assertEqual(wizard.subject, "Grinder")
        self.assertIn("Urgent", wizard.result)

    def test_rights(self):
        rule = self._filter(priority="3")
        self.assertTrue(rule.with_user(self.manager).has_access("write"))
        for user in (self.agent, self.portal_ida):
            self.assertFalse(rule.with_user(user).has_access("read"))
        self._receive("parcel")
        with self.assertRaises(AccessError):
            self._logs().with_user(self.agent).read(["subject"])
        with self.assertRaises(AccessError):
            self._logs().with_user(self.manager).write({"subject": "forged"})
        manager_2 = self._new_user(
            "case_manager_2", "crm_helpdesk.crm_helpdesk_group_manager", self.company_2
        )
        self.assertFalse(rule.with_user(manager_2).has_access("read"))
        self.assertFalse(self._logs().with_user(manager_2).has_access("read"))
        self.assertFalse(rule.condition_ids.with_user(manager_2).search([]))

    def test_log_is_forgotten(self):
        self._filter(priority="3")
        self._receive("one")
        self._receive("two")
        old, new = self._logs()
        self.env.cr.execute(
            "UPDATE crm_case_mail_filter_log SET create_date = %s WHERE id = %s",
            [old.create_date - timedelta(days=91), old.id],
        )
        self.env.invalidate_all()

        new._gc_logs()

        self.assertEqual(self._logs(), new)

    def test_no_filter_costs_no_query(self):
        self._receive("warm")
        with self.assertQueryCount(0):
            self.assertFalse(self.env["crm.case.mail.filter"]._get_all())
