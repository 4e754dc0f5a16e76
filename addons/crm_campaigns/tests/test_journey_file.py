import base64
import json
from pathlib import Path

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged, users
from odoo.tools.translate import html_translate

from ..tools.journey_file import (
    FORMAT,
    JourneyFileError,
    dump,
    get_filters,
    get_marks,
    get_texts,
    load,
    replace_filters,
    set_texts,
    show_blocks,
)
from .common import CampaignCommon

READY = Path(__file__).parents[1] / "data" / "journeys"


class FileCommon(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leads = cls._create_leads(2)
        # who writes conditions on leads may read them
        cls.marketer = new_test_user(
            cls.env,
            login="marketer",
            groups="crm_campaigns.crm_campaigns_group_manager,"
            "sales_team.group_sale_salesman_all_leads",
            company_id=cls.company.id,
            email="marketer@test.example.com",
        )

    def _content(self, **values):
        return {
            "format": FORMAT,
            "version": 1,
            "name": "Autumn",
            "entry": "manual",
            "model": "crm.lead",
            "steps": [{"key": "1", "name": "Rest", "kind": "wait"}],
            **values,
        }

    def _step(self, **values):
        return self._content(
            steps=[{"key": "1", "name": "Rest", "kind": "wait", **values}]
        )

    def _import(self, content, user=None):
        Campaign = self.env["crm.campaign"].with_user(user or self.marketer)
        return Campaign._import_file(dump(content))

    def _refuse(self, content, words):
        count = self.env["crm.campaign"].search_count([])
        mailings = self.env["mailing.mailing"].search_count([])
        with self.assertRaisesRegex(UserError, words):
            self._import(content)
        self.assertEqual(self.env["crm.campaign"].search_count([]), count)
        self.assertEqual(self.env["mailing.mailing"].search_count([]), mailings)


@tagged("post_install", "-at_install", "crm_campaigns")
class TestJourneyExport(FileCommon):
    """Export, import, export: the same, and with the same tree."""

    def _create_all_kinds(self):
        campaign = self._create_campaign(
            self.leads,
            exit_kind_ids=self._kind("order_confirmed").ids,
            user_id=self.marketer.id,
        )
        tag = self.env["crm.tag"].create({"name": "Autumn tag"})
        fair = self.env["utm.source"].create({"name": "Coffee fair"})
        mail = self._add_step(
            campaign, "mail", name="Hello", subject="Autumn, {{object.name}}"
        )
        click = self._add_step(campaign, "wait_click", mail, delay_count=4)
        self._add_step(
            campaign,
            "update",
            click,
            "yes",
            value_ids=[
                (
                    0,
                    0,
                    {
                        "field_id": self._field("crm.lead", "tag_ids").id,
                        "operation": "add",
                        "record_ref": f"crm.tag,{tag.id}",
                    },
                ),
                (
                    0,
                    0,
                    {
                        "field_id": self._field("crm.lead", "priority").id,
                        "value": "2",
                    },
                ),
            ],
        )
        split = self._add_step(
            campaign,
            "split_random",
            click,
            "no",
            way_ids=[
                (0, 0, {"name": "Blue", "weight": 3}),
                (0, 0, {"name": "Red"}),
            ],
        )
        blue, red = split.way_ids
        self._add_step(campaign, "wait", split, "way", way_id=blue.id, name="Blue wait")
        event = self._add_step(
            campaign,
            "wait_event",
            split,
            "way",
            way_id=red.id,
            event_kind_ids=self._kind("order_confirmed").ids,
            event_domain=f'[("amount", ">=", 100), ("source_id", "=", {fair.id})]',
        )
        self._add_step(
            campaign,
            "condition",
            event,
            "no",
            condition=f'[("tag_ids", "in", [{tag.id}])]',
        )
        until = self._add_step(
            campaign,
            "wait_until",
            event,
            "yes",
            until="date",
            until_field_id=self._field("crm.lead", "date_deadline").id,
            until_days=-2,
        )
        segment = self._add_step(
            campaign, "segment", until, pin_segment_id=campaign.segment_id.id
        )
        calls = self._add_step(campaign, "activity", segment, activity_days=4)
        notify = self._add_step(
            campaign, "notify", calls, notify_user_id=self.campaign_user.id
        )
        action = self.env["ir.actions.server"].create(
            {
                "name": "Ours",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "state": "code",
                "code": "pass",
            }
        )
        self.env["ir.model.data"].create(
            {
                "module": "crm_campaigns_test",
                "name": "ours",
                "model": action._name,
                "res_id": action.id,
            }
        )
        run = self._add_step(
            campaign, "server_action", notify, server_action_id=action.id
        )
        self._add_step(campaign, "exit", run)
        return campaign

    def _kind(self, code):
        return self.env["crm.touchpoint.kind"].search([("code", "=", code)])

    def _field(self, model, name):
        return self.env["ir.model.fields"]._get(model, name)

    def test_export_of_the_import_is_the_export(self):
        campaign = self._create_all_kinds()
        before = campaign._get_file_content()

        copy, missing = self.env["crm.campaign"]._import_file(dump(before))

        self.assertFalse(missing)
        self.assertEqual(copy._get_file_content(), before)
        self.assertEqual(
            copy.step_ids.mapped("outline"), campaign.step_ids.mapped("outline")
        )
        self.assertEqual(copy.state, "draft")
        self.assertEqual(copy.step_ids[0].mailing_id.subject, "Autumn, {{object.name}}")
        self.assertNotEqual(
            copy.step_ids[0].mailing_id, campaign.step_ids[0].mailing_id
        )
        self.assertFalse(copy._get_start_problems())

    def test_steps_that_name_others_name_their_copies(self):
        campaign = self._create_campaign(self.leads)
        first = self._add_step(campaign, "mail", name="First")
        second = self._add_step(campaign, "mail", first, name="Second")
        self._add_step(campaign, "wait_click", second, link_step_id=first.id)

        content = campaign._get_file_content()
        self.assertEqual(content["steps"][2]["values"]["link_step_id"], {"step": "1"})
        copy, _missing = self._import(content)

        self.assertEqual(copy.step_ids[2].link_step_id, copy.step_ids[0])

    def test_nothing_of_the_database_is_in_the_file(self):
        campaign = self._create_all_kinds()
        content = campaign._get_file_content()
        text = dump(content)

        self.assertNotIn(campaign.webhook_secret, text)
        self.assertNotIn(campaign.email_from, text)
        condition = next(s for s in content["steps"] if s["kind"] == "condition")
        [[path, numbers]] = condition["values"]["condition"]["records"].items()
        self.assertEqual(path, "tag_ids")
        self.assertEqual(
            [one["name"] for one in numbers.values()], ["Autumn tag"], "named"
        )
        event = next(s for s in content["steps"] if s["kind"] == "wait_event")
        [[path, numbers]] = event["values"]["event_domain"]["records"].items()
        self.assertEqual(path, "source_id", "of the timeline")
        self.assertEqual([one["name"] for one in numbers.values()], ["Coffee fair"])
        action = next(s for s in content["steps"] if s["kind"] == "server_action")
        self.assertEqual(
            action["values"]["server_action_id"]["xml_id"], "crm_campaigns_test.ours"
        )
        self.assertNotIn('"pass"', text, "code stays here")

    def test_numbers_in_conditions_are_those_of_this_database(self):
        tag = self.env["crm.tag"].create({"name": "Theirs"})
        content = self._content(
            steps=[
                {
                    "key": "1",
                    "name": "Tagged?",
                    "kind": "condition",
                    "values": {
                        "condition": {
                            "domain": '[("tag_ids", "in", [77777])]',
                            "records": {
                                "tag_ids": {
                                    "77777": {"model": "crm.tag", "name": "Theirs"}
                                }
                            },
                        }
                    },
                }
            ]
        )
        campaign, missing = self._import(content)

        self.assertFalse(missing)
        self.assertIn(f"[{tag.id}]", campaign.step_ids.condition)

    def test_file_is_downloaded_by_whoever_may_read(self):
        campaign = self._create_all_kinds().with_user(self.campaign_user)
        self.assertIn("/export_file", campaign.action_export_file()["url"])
        text = base64.b64decode(campaign.export_file)
        self.assertEqual(load(text, self.env)["name"], "Autumn")
        self.assertEqual(campaign.export_filename, "Autumn.json")


@tagged("post_install", "-at_install", "crm_campaigns")
class TestJourneyImport(FileCommon):
    """What is wrong with a file is named, and nothing is created."""

    def test_missing_records_are_told_and_left_open(self):
        content = self._content(
            entry="segment",
            values={"segment_id": {"name": "Nobody knows it"}},
            steps=[
                {
                    "key": "1",
                    "name": "On the list",
                    "kind": "mailing_list",
                    "values": {"list_id": {"name": "No such list"}},
                },
                {
                    "key": "2",
                    "name": "Write",
                    "kind": "update",
                    "after": "1",
                    "values": {
                        "value_ids": [
                            {
                                "field_id": {"model": "crm.lead", "field": "x_gone"},
                                "value": "1",
                            }
                        ]
                    },
                },
                {
                    "key": "3",
                    "name": "Run",
                    "kind": "server_action",
                    "after": "2",
                    "values": {"server_action_id": {"name": "Their code"}},
                },
            ],
        )
        campaign, missing = self._import(content)

        self.assertEqual(len(missing), 4)
        for words in ("Nobody knows it", "No such list", "x_gone", "Their code"):
            self.assertIn(words, " ".join(missing))
            self.assertIn(words, str(campaign.message_ids[:1].body))
        self.assertEqual(
            campaign.step_ids.mapped("kind"),
            ["mailing_list", "update", "server_action"],
        )
        problems = " ".join(campaign._get_start_problems())
        self.assertIn("On the list: choose the mailing list.", problems)
        self.assertIn("Run: choose the server action.", problems)

    def test_action_of_the_same_name_is_not_run(self):
        self.env["ir.actions.server"].create(
            {
                "name": "Their code",
                "model_id": self.env["ir.model"]._get_id("crm.lead"),
                "state": "code",
                "code": "pass",
            }
        )
        campaign, missing = self._import(
            self._content(
                steps=[
                    {
                        "key": "1",
                        "name": "Run",
                        "kind": "server_action",
                        "values": {"server_action_id": {"name": "Their code"}},
                    }
                ]
            )
        )
        self.assertTrue(missing)
        self.assertFalse(campaign.step_ids.server_action_id)

    def test_unknown_is_refused_with_its_place(self):
        cases = [
            (self._content(color="red"), "“color” is not known"),
            (self._content(values={"colour": 3}), "“colour” is not known"),
            (self._content(values={"user_id": 2}), "“user_id” is not known"),
            (self._content(values={"webhook_secret": "x"}), "“webhook_secret” is not"),
            (self._content(values={"reentry": "daily"}), "“reentry” cannot be"),
            (self._content(values={"reentry_days": "many"}), "“reentry_days” cannot"),
            (self._content(values={"reentry_days": 2**40}), "“reentry_days” cannot"),
            (self._content(entry="magic"), "“entry” cannot be magic"),
            (self._content(model="res.users.log"), "nobody is behind"),
            (self._step(kind="teleport"), "step 1 “Rest”: no kind of step"),
            (self._step(values={"speed": 1}), "step 1 “Rest”: “speed” is not known"),
            (self._step(values={"campaign_id": 1}), "“campaign_id” is not known"),
            (self._step(values={"delay_count": True}), "“delay_count” cannot be True"),
            (self._step(after="9"), "no step before it has the key “9”"),
            (self._step(mail={"subject": "x"}), "such a step has no mail"),
            (self._step(name=""), "“name” is missing"),
        ]
        for content, words in cases:
            with self.subTest(words):
                self._refuse(content, words)

    def test_wrong_way_undoes_all(self):
        content = self._content()
        content["steps"].append(
            {"key": "2", "name": "Later", "kind": "wait", "after": "1", "way": "yes"}
        )
        self._refuse(content, "in which case")
        content["steps"][1]["way"] = 2
        self._refuse(content, "has no way 2")

    def test_condition_that_does_not_work_undoes_all(self):
        content = self._step(
            kind="condition", values={"condition": "[('x_y', '=', 1)]"}
        )
        self._refuse(content, "does not work")

    def test_code_in_mails_is_refused(self):
        cases = [
            ('<p t-if="user.password">x</p>', "t-if=“user.password” is code"),
            ('<t t-set="x" t-value="1"/>', "t-set=“x” is code"),
            ('<t t-out="object.sudo().unlink()"/>', "is code"),
            ('<t t-out="env"/>', "t-out=“env” is code"),
            ('<t t-call="web.layout"/>', "is code"),
            ("<p>{{ object.env.cr.commit() }}</p>", "is code"),
            ("<script>alert(1)</script>", "<script>” is not for mails"),
            (
                '<a onclick="x()">y</a>',
                "onclick=“x()” is not for mails".replace("(", r"\(").replace(
                    ")", r"\)"
                ),
            ),
            ('<a href="javascript:x">y</a>', "is not for mails"),
            ('<p t-out="object.no_such_field"/>', "no field “no_such_field” here"),
        ]
        for text, words in cases:
            with self.subTest(text):
                self._refuse(self._step(kind="mail", mail={"body": text}), words)
        self._refuse(
            self._step(kind="mail", mail={"subject": "{{ object.env.user }}"}),
            "no field “env.user” here",
        )

    def test_not_a_journey(self):
        for text, words in (
            (b"\xff\xfe", "UTF-8"),
            ("{", "line 1"),
            ("[]", "no journey"),
            ('{"format": "crm_plus.scoring_model"}', "no journey"),
            (json.dumps({"format": FORMAT, "version": 99}), "newer"),
            (json.dumps({"format": FORMAT, "version": True}), "not a number"),
            ("[" * 100_000, "nested"),
            (b" " * 2_000_001, "larger than 2 MB"),
            (dump(self._content(steps=[{}] * 501)), "more than 500 steps"),
        ):
            with self.subTest(words), self.assertRaisesRegex(JourneyFileError, words):
                load(text, self.env)

    @users("campaign_user")
    def test_user_imports_nothing(self):
        with self.assertRaises(AccessError):
            self.env["crm.campaign"]._import_file(dump(self._content()))
        with self.assertRaises(AccessError):
            self.env["crm.campaign.import"].create({})

    @users("campaign_manager")
    def test_wizard_shows_before_it_creates(self):
        text = dump(
            self._content(
                entry="segment", values={"segment_id": {"name": "Nobody knows it"}}
            )
        )
        count = self.env["crm.campaign"].search_count([])
        with Form(self.env["crm.campaign.import"]) as form:
            form.file = base64.b64encode(b"{")
            self.assertFalse(form.is_readable)
            self.assertIn("line 1", form.preview)
            form.file = base64.b64encode(text.encode())
            self.assertTrue(form.is_readable)
            self.assertIn("Nobody knows it", form.preview)
            self.assertIn("Rest", form.preview)
        self.assertEqual(self.env["crm.campaign"].search_count([]), count)

        action = form.record.action_import()

        campaign = self.env["crm.campaign"].browse(action["res_id"])
        self.assertEqual(campaign.user_id, self.env.user)
        self.assertEqual(campaign.step_ids.name, "Rest")


@tagged("post_install", "-at_install", "crm_campaigns")
class TestJourneyText(FileCommon):
    """What the file form knows of mails."""

    BLOCKS = (
        '<p>All</p><section data-filter-domain=\'[["name", "=", "A"]]\' '
        "t-if=\"object.filtered_domain([('name', '=', 'A')])\"><b>A</b></section>"
        "<section t-if=\"object.filtered_domain([('id', 'in', [7])])\">7</section>"
    )

    def test_blocks_for_some(self):
        a, seven = "[('name', '=', 'A')]", "[('id', 'in', [7])]"
        self.assertEqual(get_filters(self.BLOCKS), [a, seven])
        shown = show_blocks(self.BLOCKS, {a})
        self.assertIn("<b>A</b>", shown)
        self.assertNotIn("7", shown)
        self.assertNotIn("filter", shown, "nobody reads for whom it is")
        self.assertEqual(show_blocks(self.BLOCKS, set()), "<p>All</p>")

    def test_numbers_in_blocks_are_replaced(self):
        text = replace_filters(self.BLOCKS, {"id": {7: 70}})
        self.assertIn("[70]", text)
        self.assertEqual(replace_filters(self.BLOCKS, {}), self.BLOCKS)

    def test_marks_wait_for_words(self):
        text = '[[date]] <a href="https://www.example.com/x">a</a> [[date]] [[place]]'
        self.assertEqual(get_marks(self.BLOCKS.replace('"', "&quot;")), [])
        self.assertEqual(get_marks(self.BLOCKS), [])
        self.assertEqual(
            get_marks(text), ["[[date]]", "https://www.example.com/x", "[[place]]"]
        )

    def test_texts_are_translated_and_the_rest_is_not(self):
        text = dump(
            self._content(
                steps=[
                    {
                        "key": "1",
                        "name": "Hello",
                        "kind": "mail",
                        "mail": {
                            "subject": "Good day",
                            "body": "<p>Good <b>day</b></p>",
                        },
                    }
                ]
            )
        )
        content = json.loads(text)
        texts = get_texts(content)
        terms = []
        html_translate(terms.append, texts)
        self.assertEqual(terms, ["Autumn", "Hello", "Good day", "Good <b>day</b>"])
        words = {"Hello": "Hallo", "Good <b>day</b>": "Guten <b>Tag</b>"}
        set_texts(content, html_translate(words.get, texts))
        [step] = content["steps"]
        self.assertEqual(step["name"], "Hallo")
        self.assertEqual(step["kind"], "mail")
        self.assertEqual(
            step["mail"], {"subject": "Good day", "body": "<p>Guten <b>Tag</b></p>"}
        )

    def test_ready_journeys_are_as_they_are_written(self):
        """A file that is read, copied and exported says the same."""
        paths = sorted(READY.glob("*.json"))
        self.assertEqual(len(paths), 11)
        for path in paths:
            with self.subTest(path.stem):
                content = load(path.read_text(encoding="utf-8"), self.env)
                campaign, missing = self._import(content)
                self.assertFalse(missing)
                exported = campaign._get_file_content()
                again, _missing = self._import({**content, **exported})
                self.assertEqual(again._get_file_content(), exported)
                self.assertEqual(len(campaign.step_ids), len(content["steps"]))
