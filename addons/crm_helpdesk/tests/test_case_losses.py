from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import RedirectWarning
from odoo.modules.module import load_script
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from odoo.tools.misc import file_path

from .common import CaseCommon

MAIL_LOGGER = "odoo.addons.crm_helpdesk.models.case.crm_case_mail"
SILENCE_LOGGER = "odoo.addons.crm_helpdesk.models.structure.crm_case_silence"
SNOOZE_LOGGER = "odoo.addons.crm_helpdesk.models.structure.crm_case_snooze"
RENDER_LOGGER = "odoo.addons.mail.models.mail_render_mixin"


def break_template(stage):
    """A mail of the stage that names a field which has gone since, with its app."""
    env = stage.env
    template = env["mail.template"].create(
        {
            "name": "Broken",
            "model_id": env["ir.model"]._get_id("crm.case"),
            "subject": "We are at it",
            "partner_to": "{{ object.partner_id.id }}",
            "body_html": "<p><t t-out='object.number'/></p>",
        }
    )
    env.flush_all()
    env.cr.execute(
        """UPDATE mail_template SET body_html = replace(
                      body_html::text, 'object.number', 'object.is_gone')::jsonb
            WHERE id = %s""",
        [template.id],
    )
    env.invalidate_all()
    stage.template_id = template


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestAnswersAreKept(CaseCommon):
    """What a customer writes is there, whatever was deleted or is broken."""

    def _mails_of(self, case):
        return case.message_ids.filtered(lambda m: m.message_type == "email")

    def _break_stage(self, name):
        break_template(self.stages[name])

    def _notes(self, case):
        return "".join(case.message_ids.mapped(lambda m: str(m.body)))

    def test_reply_to_a_deleted_case_opens_a_new_one(self):
        """The signed address is the only one: nothing else of ours is written to."""
        case = self._create_cases()
        address = case._get_reply_email()
        self.assertIn("+c", address)
        case.unlink()

        new = self._receive("Re: gone", to=f"Help <{address}>")

        self.assertEqual(new.team_id, self.team)
        self.assertNotIn("+c", self._mails_of(new).incoming_email_to or "")

    def test_broken_mail_of_a_stage_keeps_the_answer(self):
        case = self._receive()
        case.stage_id = self.stages["solved"]
        self._harvest_queued()
        self._break_stage("new")

        with mute_logger(MAIL_LOGGER, RENDER_LOGGER):
            self._receive(f"Re: [{case.number}] still broken")
            self._harvest_queued()

        self.assertEqual(case.stage_category, "open")
        self.assertEqual(len(self._mails_of(case)), 2)
        self.assertIn("The customer was not written to", self._notes(case))
        self.assertIn("Broken", self._notes(case))
        note = case.message_ids.filtered(lambda m: "not written to" in m.body)
        self.assertTrue(note.subtype_id.internal, "not for the customer's eyes")

    def test_broken_mail_of_a_stage_keeps_nobody_from_closing(self):
        case = self._create_cases()
        self._harvest_queued()
        self._break_stage("solved")
        self._break_stage("new")
        mine = case.with_user(self.portal_ida).sudo()

        with mute_logger(MAIL_LOGGER, RENDER_LOGGER):
            mine.action_close()
            self._harvest_queued()
            self.assertEqual(case.stage_category, "solved")
            mine.action_reopen()
            self._harvest_queued()

        self.assertEqual(case.stage_category, "open")
        self.assertEqual(self._notes(case).count("The customer was not written to"), 2)

    def test_subject_with_a_line_feed(self):
        case = self._receive("=?utf-8?q?The_grinder=0A_does_not=0D=0A_start?=")
        self.assertEqual(case.name, "The grinder does not start")
        self.assertTrue(case.date_acknowledged)
        self.assertTrue(self._new_mails, "the acknowledgement")

        case.name = "Two\n lines"
        self.assertEqual(case.name, "Two lines")
        self.assertEqual(self._create_cases(name="A\r\nB").name, "A B")

        answer = self._answer(case, subject="One\nTwo")
        self.assertEqual(answer.subject, "One Two")

    def test_old_templates_and_subjects(self):
        script = load_script(
            file_path("crm_helpdesk/migrations/19.0.1.2.0/post-losses.py"),
            "crm_helpdesk_losses",
        )
        silence = self.env.ref("crm_helpdesk.mail_template_case_silence")
        refusal = self.env.ref("crm_helpdesk.mail_template_case_refusal")
        case = self._create_cases()
        silence.reply_to = script.OLD
        refusal.reply_to = "care@brandt.example"
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_case SET name = %s WHERE id = %s", ["A\r\n B", case.id]
        )

        script.migrate(self.env.cr, "19.0.1.1.0")
        self.env.invalidate_all()

        self.assertEqual(silence.reply_to, script.NEW)
        self.assertEqual(refusal.reply_to, "care@brandt.example")
        self.assertEqual(case.name, "A B")


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestOneHoldsUpNoOther(CaseCommon):
    """A case that cannot be closed or woken by itself is left aside."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["crm.case.team"].search([]).silence_warn_days = 0
        cls.team.write({"silence_warn_days": 3, "silence_close_days": 2})
        cls.odd_team = cls.team.copy({"name": "Odd", "alias_name": False})
        with freeze_time("2026-03-05 10:00:00"):  # a Thursday
            cls.case = cls._create_cases()
            cls.odd = cls._create_cases(team_id=cls.odd_team.id)
            (cls.case + cls.odd).stage_id = cls.stages["waiting_customer"]

    def _run_cron(self, moment, name="silent"):
        with (
            freeze_time(moment),
            self.mock_mail_gateway(),
            self.enter_registry_test_mode(),
        ):
            self.env.ref(f"crm_helpdesk.ir_cron_{name}_cases").method_direct_trigger()

    def test_a_team_that_cannot_close(self):
        self._run_cron("2026-03-10 10:30:00")
        self.assertTrue(self.case.date_silence_warned and self.odd.date_silence_warned)
        done = self.env["crm.case.stage"].search(
            [("category", "in", ("solved", "closed"))]
        )
        done.team_ids = self.team + self.team_2

        with mute_logger(SILENCE_LOGGER):
            self._run_cron("2026-03-12 11:00:00")

        self.assertEqual(self.case.stage_category, "closed")
        self.assertEqual(self.odd.stage_category, "waiting_customer")
        self.assertFalse(self.odd.resolution_id, "nothing is left half done")
        self.assertEqual(
            self.odd.date_silence_warned,
            fields.Datetime.to_datetime("2026-03-12 11:00"),
        )
        self.assertIn("Close it by hand", "".join(self.odd.message_ids.mapped("body")))
        Case = self.env["crm.case"]
        with freeze_time("2026-03-12 12:00:00"):
            _remind, close = Case._get_silence_domains()
            self.assertFalse(Case.search(close), "parked: none is tried each hour")

    def test_closed_although_its_mail_cannot_be_made(self):
        self._run_cron("2026-03-10 10:30:00")
        break_template(self.stages["closed"])

        with mute_logger(SILENCE_LOGGER, MAIL_LOGGER, RENDER_LOGGER):
            self._run_cron("2026-03-12 11:00:00")

        self.assertTrue(self.case.is_closed and self.odd.is_closed)

    def test_collisions_are_tried_again(self):
        """A collision in the database is no fault of the case."""
        with (
            patch.object(
                self.registry["crm.case"],
                "_end_silence",
                side_effect=SerializationFailure,
            ),
            self.assertRaises(SerializationFailure),
        ):
            self.case._close_silent()
        with (
            patch.object(
                self.registry["crm.case"],
                "_wake_and_tell",
                side_effect=SerializationFailure,
            ),
            self.assertRaises(SerializationFailure),
        ):
            self.case._wake()

    def test_one_that_cannot_be_told_of_wakes_all_the_same(self):
        cases = self.case + self.odd
        cases.user_id = self.agent
        with freeze_time("2026-03-05 10:00:00"):
            cases._snooze("2026-03-06 10:00:00")
        odd_id = self.odd.id
        create = self.registry["mail.activity"].create

        def fail(activities, vals_list):
            if any(vals.get("res_id") == odd_id for vals in vals_list):
                raise ValueError
            return create(activities, vals_list)

        with (
            mute_logger(SNOOZE_LOGGER),
            patch.object(self.registry["mail.activity"], "create", fail),
        ):
            self._run_cron("2026-03-06 11:00:00", "wake")

        self.assertFalse(any(cases.mapped("snooze_until")))
        self.assertTrue(self.case.activity_ids)
        self.assertFalse(self.odd.activity_ids)


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestLastWordOnSpam(CaseCommon):
    """The last word of a person on a sender holds, in that person's company."""

    def _spam(self, to=None):
        last = self.env["crm.case"].with_context(active_test=False)
        last = last.search([], order="id desc", limit=1)
        self._receive("Cheap watches", email_from="win@spam.example", to=to)
        return last.search([("id", ">", last.id or 0)])

    def test_taking_back_a_later_one_brings_the_sender_back(self):
        with freeze_time("2026-03-05 10:00:00"):
            first = self._spam()
            first.with_user(self.agent).action_mark_spam()
        with freeze_time("2026-03-05 11:00:00"):
            second = self._spam()
            self.assertTrue(second.is_spam)
            second.with_user(self.agent).action_unmark_spam()

        self.assertFalse(self._spam().is_spam, "the sender is believed again")
        self.assertTrue(first.is_spam, "what was said of the first one holds for it")
        with freeze_time("2026-03-05 12:00:00"):
            second.with_user(self.agent).action_mark_spam()
        self.assertTrue(self._spam().is_spam)

    def test_each_company_for_itself(self):
        self._spam().with_user(self.agent).action_mark_spam()
        alias = self.team_2.alias_full_name

        other = self._spam(to=alias)

        self.assertEqual(other.company_id, self.company_2)
        self.assertFalse(other.is_spam)
        self.assertTrue(other.active)
        self.assertTrue(self._spam().is_spam)

    def test_answered_case_taken_back_is_promised_no_second_answer(self):
        case = self._receive()
        self._answer(case)
        first = case.sla_clock_ids.filtered(lambda c: c.kind == "first_response")
        self.assertEqual(first.mapped("state"), ["met"])
        case.action_mark_spam()

        case.action_unmark_spam()

        again = case.sla_clock_ids.filtered(lambda c: c.kind == "first_response")
        self.assertEqual(again, first)
        self.assertIn(
            "running",
            case.sla_clock_ids.filtered(lambda c: c.kind == "resolution").mapped(
                "state"
            ),
        )


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestMeaningOfStages(CaseCommon):
    """Cases are not closed or opened again by who sets up stages."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage = cls.env["crm.case.stage"].create(
            {"name": "Extra", "sequence": 99, "category": "open"}
        )

    def test_open_and_over_are_not_exchanged_under_cases(self):
        case = self._create_cases(stage_id=self.stage.id)
        stage = self.stage.with_user(self.manager)
        with self.assertRaisesRegex(RedirectWarning, r"“Extra” \(1\)"):
            stage.category = "closed"
        self.assertEqual(case.stage_category, "open")
        self.assertFalse(case.date_closed)

        case.stage_id = self.stages["closed"]
        stage.category = "closed"
        self.assertEqual(stage.category, "closed", "empty: as you please")

        case.stage_id = self.stage
        case.active = False
        with self.assertRaises(RedirectWarning):
            stage.category = "waiting_third"
        self.assertTrue(case.date_closed)
        stage.category = "solved"
        self.assertTrue(case.date_closed, "over it stays")

    def test_of_other_companies_too(self):
        self._create_cases(team_id=self.team_2.id, stage_id=self.stage.id)
        with self.assertRaises(RedirectWarning):
            self.stage.with_user(self.manager).category = "solved"

    def test_waiting_stops_the_clocks_and_goes_on(self):
        cases = self._create_cases(2, stage_id=self.stage.id)
        clocks = cases.sla_clock_ids
        self.assertEqual(set(clocks.mapped("state")), {"running"})

        with self.mock_mail_gateway():
            self.stage.with_user(self.manager).category = "waiting_customer"
            self.env.flush_all()
        self.assertFalse(self._new_mails)
        resolution = clocks.filtered(lambda clock: clock.kind == "resolution")
        self.assertEqual(set(resolution.mapped("state")), {"paused"})
        self.assertTrue(all(cases.mapped("date_waiting")))

        self.stage.with_user(self.manager).category = "open"
        self.assertEqual(set(resolution.mapped("state")), {"running"})
        self.assertFalse(any(cases.mapped("date_waiting")))

    def test_spam_does_not_hold_it_up(self):
        case = self._create_cases(stage_id=self.stage.id)
        case.action_mark_spam()

        self.stage.category = "closed"
        case.action_unmark_spam()

        self.assertTrue(case.date_closed)


@tagged("post_install", "-at_install", "mail_gateway", "crm_helpdesk")
class TestSideByComposer(CaseCommon):
    def test_written_in_the_full_composer(self):
        carrier = self.env["res.partner"].create(
            {"name": "Fast Freight", "email": "desk@freight.example"}
        )
        side = self.env["crm.case.side"].create(
            {
                "case_id": self._create_cases().id,
                "name": "Where is it?",
                "partner_id": carrier.id,
                "state": "answered",
            }
        )
        composer = Form(
            self.env["mail.compose.message"]
            .with_user(self.agent)
            .with_context(
                default_model=side._name,
                default_res_ids=side.ids,
                default_composition_mode="comment",
                default_subtype_xmlid="mail.mt_comment",
            )
        )
        composer.body = "<p>And now?</p>"
        composer.partner_ids = carrier
        composer = composer.save()
        self.assertEqual(composer.author_id, self.agent.partner_id)

        with self.mock_mail_gateway():
            composer._action_send_mail()

        self.assertEqual(side.state, "waiting")
        self.assertIn(f"[S-{side.id}-", self._new_mails.subject)
        self.assertEqual(self._new_mails.recipient_ids, carrier)

    def test_automatic_mail_is_answered_to_the_signed_address(self):
        case = self._create_cases()
        for name in ("silence", "refusal"):
            with self.subTest(template=name), self.mock_mail_gateway():
                self.env.ref(f"crm_helpdesk.mail_template_case_{name}").send_mail(
                    case.id
                )
                self.assertIn(case._get_reply_token(), self._new_mails.reply_to)
