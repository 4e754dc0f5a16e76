import smtplib
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo import SUPERUSER_ID, api, fields
from odoo.tests import TransactionCase, freeze_time, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.crm_campaigns.models.campaign.crm_campaign_task_outcome import (
    MAX_ATTEMPTS,
)
from odoo.addons.crm_campaigns.tools.delivery import Delivery, get_smtp_code

from .common import CampaignCommon

SEND_LOGS = (
    "odoo.addons.mail.models.mail_mail",
    "odoo.addons.base.models.ir_mail_server",
    "odoo.addons.crm_campaigns.models.campaign.crm_campaign_task_mail",
)


class Killed(BaseException):
    """The worker dies here: nothing after it runs, not even ``except Exception``."""


@contextmanager
def killed_in(Model, method):
    """Within, the worker dies as soon as it calls ``method``."""

    def die(*args):
        raise Killed

    with patch.object(Model, method, die), suppress(Killed):
        yield


class FakeServer:
    """A session of ``smtplib`` as far as Odoo and we use it.

    :param answers: by address, what the server does with the text: an exception is
        raised, a tuple is its answer; everybody else is accepted
    """

    def __init__(self, answers=()):
        self.answers = dict(answers)
        self.accepted = []
        self.resets = 0
        self.user = self.from_filter = self.smtp_from = False

    def data(self, message):
        self.accepted.append(self.recipient)
        answer = self.answers.get(self.recipient)
        if isinstance(answer, BaseException):
            raise answer
        return answer or (250, b"OK")

    def rset(self):
        self.resets += 1

    def send_message(self, message, smtp_from, smtp_to_list, *args, **kwargs):
        [self.recipient] = smtp_to_list
        if isinstance(self.answers.get(("rcpt", self.recipient)), Exception):
            raise self.answers["rcpt", self.recipient]
        code, text = self.data(message)
        if code != 250:
            self.accepted.remove(self.recipient)
            raise smtplib.SMTPDataError(code, text)

    def quit(self):
        pass


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignFaults(CampaignCommon):
    """What the server has, counted in the server; who dies when."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.mail_server"].search([]).active = False
        cls.env["mail.mail"].search([("state", "=", "outgoing")]).write(
            {"state": "cancel"}
        )
        cls.lead, cls.lead_2 = cls._create_leads(2)
        cls.lead.email_from = "ida@brandt.example"
        cls.lead_2.email_from = "ola@nowak.example"
        cls.leads = cls.lead + cls.lead_2
        cls.env["mail.mail"].search([("state", "=", "outgoing")]).write(
            {"state": "cancel"}
        )

    @contextmanager
    def _server(self, **answers):
        """Within, mails go to a server that counts them."""
        server = FakeServer(answers.pop("answers", {}))
        IrMailServer = self.env.registry["ir.mail_server"]
        with (
            patch.object(IrMailServer, "_connect__", lambda *args, **kwargs: server),
            patch.object(IrMailServer, "_disable_send", lambda *args: False),
            self.enter_registry_test_mode(),
        ):
            yield server
        self.env.invalidate_all()

    def _round(self):
        self.cron.method_direct_trigger()

    def _round_next_day(self):
        self.env.invalidate_all()
        self._pass(days=1)
        self.env.flush_all()
        self._round()

    def _round_killed_in(self, method):
        """A round of a worker that dies in this method of the tasks."""
        Task = self.env.registry["crm.campaign.task"]
        with killed_in(Task, method), self.registry.cursor() as cr:
            self.env(cr=cr)["crm.campaign.task"]._cron_run()
        self.env.invalidate_all()

    def _compose(self, campaign):
        """Compose the mails, and send none."""
        campaign.action_start()
        with (
            patch.object(self.env.registry["mail.mail"], "send", lambda *a, **k: True),
            self.enter_registry_test_mode(),
        ):
            self._round()
        self.env.invalidate_all()
        self.assertEqual(
            set(self._tasks(campaign, self.mail).mapped("state")), {"sending"}
        )

    def _delivery_of(self, task):
        return self.env["crm.campaign.delivery"].search(
            [("mail_id", "=", task.trace_id.mail_mail_id_int)]
        )

    def _hand_over_and_die(self, campaign):
        """Leave the mail of the only participant as a worker does that died during
        DATA: on record, and nothing else. Return the task.
        """
        self._compose(campaign)
        task = self._tasks(campaign, self.mail)
        with self.enter_registry_test_mode():
            Delivery(
                self.env.registry, task.trace_id.mail_mail_id.id, self._now()
            ).reserve()
        return task

    # ------------------------------------------------------------
    # The moment of delivery
    # ------------------------------------------------------------

    def test_killed_after_the_server_has_the_mail(self):
        """The server has the mail, Odoo does not know: not once more, and shown.

        Trap D7.
        """
        campaign = self._create_journey(self.leads)
        self._compose(campaign)
        ida, ola = self._tasks(campaign, self.mail)
        # as a worker leaves it that died during DATA: on record, and nothing else
        mail = ida.trace_id.mail_mail_id
        with self.enter_registry_test_mode():
            Delivery(self.env.registry, mail.id, self._now()).reserve()

        with self._server() as server:
            self._round()

        self.assertEqual(server.accepted, ["ola@nowak.example"])
        self.assertEqual(server.resets, 1)
        self.assertEqual((ida.state, ola.state), ("unknown", "done"))
        self.assertIn("may have arrived", ida.reason)
        self.assertEqual(ida.trace_id.trace_status, "sent")
        self.assertEqual(campaign.unknown_task_count, 1)
        self.assertEqual(
            self._tasks(campaign, self.wait).mapped("state"),
            ["planned"] * 2,
            "counted as sent: the journey goes on",
        )

        with self._server() as server:
            self._round()
        self.assertFalse(server.accepted, "never again")

    def test_unknown_mail_is_sent_again_when_somebody_says_so(self):
        campaign = self._create_journey(self.lead)
        task = self._hand_over_and_die(campaign)
        with self._server():
            self._round()

        task.action_send_again()
        with self._server() as server:
            self._round()
            self._round()

        self.assertEqual(server.accepted, ["ida@brandt.example"])
        self.assertEqual(
            self._tasks(campaign, self.mail).mapped("state"), ["done", "done"]
        )
        self.assertEqual(
            len(self._tasks(campaign, self.wait)), 1, "nothing follows from it twice"
        )

    @mute_logger(*SEND_LOGS)
    def test_killed_and_refused_at_the_next_try(self):
        """The first try may have reached the server, whatever it says to the second:
        "later" must not lead to a third one.
        """
        campaign = self._create_journey(self.lead)
        task = self._hand_over_and_die(campaign)
        refusal = smtplib.SMTPRecipientsRefused({"ida@brandt.example": (450, b"later")})

        with self._server(answers={("rcpt", "ida@brandt.example"): refusal}) as server:
            self._round()
            server.answers.clear()
            self._round_next_day()

        self.assertFalse(server.accepted)
        self.assertEqual(task.state, "unknown")
        self.assertIn("may have arrived", task.reason)

    @mute_logger(*SEND_LOGS)
    def test_killed_and_no_mail_server_at_the_next_try(self):
        campaign = self._create_journey(self.lead)
        task = self._hand_over_and_die(campaign)

        with self._server() as server:
            with patch.object(
                self.env.registry["ir.mail_server"],
                "_connect__",
                side_effect=OSError("down"),
            ):
                self._round()
            self._round_next_day()

        self.assertFalse(server.accepted)
        self.assertEqual(task.state, "unknown")

    def test_killed_and_the_journey_ended_before_the_next_try(self):
        campaign = self._create_journey(self.lead)
        task = self._hand_over_and_die(campaign)
        campaign.participant_ids.action_exit()

        with self._server() as server:
            self._round()

        self.assertFalse(server.accepted)
        self.assertEqual(task.state, "unknown", "it may have arrived")
        self.assertEqual(campaign.participant_ids.state, "exited")

    @mute_logger(*SEND_LOGS)
    def test_connection_breaks_while_the_mail_is_handed_over(self):
        for error in (
            smtplib.SMTPServerDisconnected("gone"),
            TimeoutError("timed out"),
        ):
            with self.subTest(error=error):
                lead = self._create_leads(email_from="eva@brandt.example")
                campaign = self._create_journey(lead)
                campaign.action_start()

                with self._server(answers={"eva@brandt.example": error}) as server:
                    for _i in range(3):
                        self._round()

                self.assertEqual(server.accepted, ["eva@brandt.example"])
                task = self._tasks(campaign, self.mail)
                self.assertEqual(task.state, "unknown")
                campaign.participant_ids.action_exit()

    @mute_logger(*SEND_LOGS)
    def test_connection_breaks_before_the_mail_is_handed_over(self):
        """Nothing was sent for certain: once more."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        answers = {("rcpt", "ida@brandt.example"): smtplib.SMTPServerDisconnected("x")}

        with self._server(answers=answers) as server:
            self._round()
            task = self._tasks(campaign, self.mail)
            self.assertFalse(server.accepted)
            self.env.invalidate_all()
            self.assertEqual(task.state, "sending")
            self.assertFalse(self._delivery_of(task))
            server.answers.clear()
            self._round()

        self.assertEqual(server.accepted, ["ida@brandt.example"])
        self.assertEqual(task.state, "done")

    @mute_logger(*SEND_LOGS)
    def test_refusal_frees_the_mail(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()

        with self._server(answers={"ida@brandt.example": (451, b"later")}) as server:
            self._round()
            self.env.invalidate_all()
            task = self._tasks(campaign, self.mail)
            self.assertEqual(task.state, "planned")
            self.assertRecordValues(
                self._delivery_of(task), [{"outcome": "refused", "smtp_code": 451}]
            )
            server.answers.clear()
            self._round_next_day()

        self.assertEqual(server.accepted, ["ida@brandt.example"])
        self.assertEqual(task.state, "done")

    @mute_logger(*SEND_LOGS)
    def test_refused_recipient_is_failed_for_good(self):
        """Trap D7: one rejected recipient, and all others again."""
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        refusal = smtplib.SMTPRecipientsRefused({"ida@brandt.example": (550, b"no")})

        with self._server(answers={("rcpt", "ida@brandt.example"): refusal}) as server:
            for _i in range(3):
                self._round()

        ida, ola = self._tasks(campaign, self.mail)
        self.assertEqual(server.accepted, ["ola@nowak.example"])
        self.assertEqual((ida.state, ola.state), ("failed", "done"))

    def test_database_fails_after_the_server_has_the_mail(self):
        """The commit that should note it is lost: counted as sent at the next try."""
        campaign = self._create_journey(self.lead)
        self._compose(campaign)
        mail = self._tasks(campaign, self.mail).trace_id.mail_mail_id

        def lost(*args, **kwargs):
            raise psycopg2.OperationalError("connection lost")

        MailMail = self.env.registry["mail.mail"]
        with (
            self._server() as server,
            mute_logger(*SEND_LOGS),
        ):
            with (
                patch.object(MailMail, "_postprocess_sent_message", lost),
                self.assertRaises(psycopg2.OperationalError),
                # the transaction, with what it wrote
                self.env.cr.savepoint(),
            ):
                mail.sudo().send()
            self.env.invalidate_all()
            self.assertEqual(mail.state, "outgoing")
            self.assertEqual(server.accepted, ["ida@brandt.example"])
            # on record through another cursor: the savepoint above is the test's own
            Delivery(self.env.registry, mail.id, self._now()).reserve()
            self._round()

        self.assertEqual(server.accepted, ["ida@brandt.example"])
        self.assertEqual(self._tasks(campaign, self.mail).state, "unknown")

    # ------------------------------------------------------------
    # While a mail waits for the server
    # ------------------------------------------------------------

    def test_record_deleted_while_its_mail_waits(self):
        """That is no failure of the step, and nothing for a person to look at."""
        campaign = self._create_journey(self.leads)
        self._compose(campaign)
        participant = self._tasks(campaign, self.mail)[0].participant_id
        self.lead.unlink()

        with self._server() as server:
            self._round()

        self.assertEqual(server.accepted, ["ola@nowak.example"])
        self.assertRecordValues(
            participant, [{"state": "exited", "exit_reason": "deleted"}]
        )
        self.assertEqual(participant.task_ids.state, "skipped")
        self.assertIn("deleted", participant.task_ids.reason)
        self.assertFalse(campaign.failed_task_count)

    def test_record_archived_while_its_mail_waits(self):
        campaign = self._create_journey(self.leads)
        self._compose(campaign)
        self.lead.active = False

        with self._server() as server:
            self._round()

        self.assertEqual(server.accepted, ["ola@nowak.example"])
        ida, ola = self._tasks(campaign, self.mail)
        self.assertRecordValues(
            ida.participant_id,
            # as Odoo calls an archived lead without a chance
            [{"state": "exited", "exit_reason": "lost"}],
        )
        self.assertEqual((ida.state, ola.state), ("skipped", "done"))

    def test_contact_archived_while_its_mail_waits(self):
        partners = self.env["res.partner"].create(
            [
                {"name": "Ida", "email": "ida@brandt.example"},
                {"name": "Ola", "email": "ola@nowak.example"},
            ]
        )
        campaign = self._create_journey(partners)
        self._compose(campaign)
        partners[0].active = False

        with self._server() as server:
            self._round()

        self.assertEqual(server.accepted, ["ola@nowak.example"])
        ida, ola = self._tasks(campaign, self.mail)
        self.assertEqual(ida.participant_id.exit_reason, "archived")
        self.assertEqual((ida.state, ola.state), ("skipped", "done"))

    def test_mail_without_campaign_is_not_touched(self):
        mail = self.env["mail.mail"].create(
            {
                "email_to": "ida@brandt.example",
                "email_from": "a@test.example.com",
                "body_html": "<p>Hello</p>",
            }
        )

        with self._server() as server:
            mail.send()

        self.assertEqual(server.accepted, ["ida@brandt.example"])
        self.assertFalse(
            self.env["crm.campaign.delivery"].search([("mail_id", "=", mail.id)])
        )

    def test_deliveries_are_forgotten_when_over(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        with self._server():
            self._round()
        task = self._tasks(campaign, self.mail)
        delivery = self._delivery_of(task)
        self.assertEqual(delivery.outcome, "reserved")
        self.env.cr.execute(
            "UPDATE crm_campaign_delivery SET date_reserved = date_reserved"
            " - interval '2 day'"
        )

        self.env["crm.campaign.delivery"]._gc_deliveries()

        self.assertFalse(delivery.exists())

    def test_what_was_sent_is_deleted_together(self):
        """One by one, each takes a round of queries with it."""
        campaign = self._create_journey(self.leads)
        self._compose(campaign)
        mails = self._tasks(campaign, self.mail).trace_ids.mail_mail_id
        MailMail = self.env.registry["mail.mail"]
        forget_over = MailMail._forget_over

        with (
            self._server() as server,
            patch.object(
                MailMail, "_forget_over", autospec=True, side_effect=forget_over
            ) as forgotten,
        ):
            self._round()

        self.assertEqual(len(server.accepted), 2)
        [call] = forgotten.call_args_list
        self.assertEqual(call.args[0].ids, mails.ids)
        self.assertFalse(mails.exists())
        self.assertEqual(
            set(self._tasks(campaign, self.mail).mapped("state")), {"done"}
        )

    def test_what_was_sent_before_its_worker_died_is_deleted_later(self):
        campaign = self._create_journey(self.leads)
        self._compose(campaign)
        old, new = self._tasks(campaign, self.mail).trace_ids.mail_mail_id
        other = self.env["mail.mail"].create({"auto_delete": True})
        (old + new + other).state = "sent"
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mail_mail SET write_date = write_date - interval '2 day'"
            " WHERE id = ANY(%s)",
            [(old + other).ids],
        )

        self.env["mail.mail"]._gc_over()

        self.assertEqual((old + new + other).exists(), new + other)

    def test_smtp_codes(self):
        for error, code in (
            (smtplib.SMTPDataError(451, b""), 451),
            (smtplib.SMTPRecipientsRefused({"a": (450, b""), "b": (550, b"")}), 550),
            (OSError(), None),
        ):
            self.assertEqual(get_smtp_code(error), code)

    # ------------------------------------------------------------
    # Before the delivery
    # ------------------------------------------------------------

    def test_killed_after_reserving(self):
        """Reserved, committed, and nothing more: done at the next round."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()

        with self._server() as server:
            self._round_killed_in("_execute")
            task = self._tasks(campaign, self.mail)
            self.assertEqual((task.state, task.attempts), ("reserved", 1))
            self._round()

        self.assertEqual(server.accepted, ["ida@brandt.example"])
        self.assertEqual((task.state, task.attempts), ("done", 2))

    def test_killed_while_composing(self):
        """Mails, traces and tasks are one commit: without it, none of them is there."""
        campaign = self._create_journey(self.leads)
        campaign.action_start()

        with self._server() as server:
            self._round_killed_in("_on_composed")
            tasks = self._tasks(campaign, self.mail)
            self.assertEqual(tasks.mapped("state"), ["reserved"] * 2)
            self.assertFalse(tasks.trace_ids)
            self._round()

        self.assertEqual(
            sorted(server.accepted), ["ida@brandt.example", "ola@nowak.example"]
        )
        self.assertEqual(len(tasks.trace_ids), 2)

    def test_step_may_commit_by_itself(self):
        """As Odoo's mailings do, outside tests: no savepoint may be open then."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        Mailing = self.env.registry["mailing.mailing"]
        send = Mailing._action_send_mail

        def send_and_commit(mailing, res_ids=None):
            result = send(mailing, res_ids)
            mailing.env.cr.commit()
            return result

        with (
            self._server() as server,
            patch.object(Mailing, "_action_send_mail", send_and_commit),
        ):
            self._round()

        self.assertEqual(server.accepted, ["ida@brandt.example"])
        task = self._tasks(campaign, self.mail)
        self.assertEqual((task.state, task.attempts), ("done", 1))

    def test_killed_after_composing(self):
        campaign = self._create_journey(self.leads)
        self._compose(campaign)

        with self._server() as server:
            self._round()

        self.assertEqual(
            sorted(server.accepted), ["ida@brandt.example", "ola@nowak.example"]
        )

    def test_killed_before_settling(self):
        """Sent and noted in the trace; the task learns it at the next round."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        Task = self.env.registry["crm.campaign.task"]
        with self._server() as server:
            with patch.object(Task, "_settle", lambda self: 0):
                self._round()
            self.env.invalidate_all()
            task = self._tasks(campaign, self.mail)
            self.assertEqual(task.state, "sending")
            self._round()

        self.assertEqual(server.accepted, ["ida@brandt.example"])
        self.assertEqual(task.state, "done")

    def test_collision_is_no_attempt(self):
        """Two workers write on the same mailing: nothing was wrong with the tasks,
        however often it happens."""
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        Task = self.env.registry["crm.campaign.task"]

        with self._server() as server:
            with patch.object(
                Task,
                "_run",
                side_effect=psycopg2.errors.SerializationFailure("concurrent update"),
            ):
                for _i in range(MAX_ATTEMPTS + 1):
                    self._round()
            self.env.invalidate_all()
            tasks = self._tasks(campaign, self.mail)
            self.assertEqual(tasks.mapped("state"), ["planned"] * 2)
            self.assertEqual(tasks.mapped("attempts"), [0, 0])
            self._round()

        self.assertEqual(
            sorted(server.accepted), ["ida@brandt.example", "ola@nowak.example"]
        )
        self.assertEqual(tasks.mapped("attempts"), [1, 1])

    def test_round_that_collides_is_begun_anew(self):
        """Trap D8: locks lost to each other in a loop."""
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        Task = self.env.registry["crm.campaign.task"]
        self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)]).unlink()

        with self._server() as server:
            with patch.object(
                Task,
                "_reserve",
                side_effect=psycopg2.errors.SerializationFailure("concurrent update"),
            ):
                self._round()
            self.env.invalidate_all()
            self.assertFalse(server.accepted)
            self.assertTrue(
                self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])
            )
            self._round()

        self.assertEqual(server.accepted, ["ida@brandt.example"])

    def test_mail_that_another_worker_has_just_sent_is_left_out(self):
        """The rest of the batch goes on."""
        campaign = self._create_journey(self.leads)
        self._compose(campaign)
        mails = self._tasks(campaign, self.mail).trace_ids.mail_mail_id
        MailMail = self.env.registry["mail.mail"]
        try_lock = MailMail.try_lock_for_update

        def lock(records, **options):
            if records == mails[0]:
                raise psycopg2.errors.SerializationFailure("concurrent update")
            return try_lock(records, **options)

        with (
            self._server() as server,
            patch.object(MailMail, "try_lock_for_update", lock),
            self.registry.cursor() as cr,
        ):
            mails.with_env(self.env(cr=cr)).sudo().send(auto_commit=True)

        self.assertEqual(server.accepted, ["ola@nowak.example"])

    def test_mail_that_another_worker_has_sent_and_deleted_is_left_out(self):
        """The rest of the batch goes on, and does not wait for the next round."""
        campaign = self._create_journey(self.leads)
        self._compose(campaign)
        mails = self._tasks(campaign, self.mail).trace_ids.mail_mail_id
        IrMailServer = self.env.registry["ir.mail_server"]

        with self._server() as server, self.registry.cursor() as cr:
            mails = mails.with_env(self.env(cr=cr)).sudo()

            def connect(*args, **kwargs):
                mails[0].unlink()
                return server

            with patch.object(IrMailServer, "_connect__", connect):
                mails.send(auto_commit=True)

        self.assertEqual(server.accepted, ["ola@nowak.example"])

    def test_task_taken_over_by_another_worker_is_left_to_it(self):
        campaign = self._create_campaign(self.lead)
        self._add_step(campaign, "activity")
        campaign.action_start()
        with self.enter_registry_test_mode():
            with self.registry.cursor() as cr:
                Task = self.env(cr=cr)["crm.campaign.task"]
                attempts = Task._reserve(
                    self._tasks(campaign).step_id.with_env(Task.env)
                )
                [(task_id, attempt)] = attempts.items()
                Task.browse(task_id).attempts = attempt + 1  # reserved by another
                Task.env.flush_all()
                Task.browse(task_id)._execute(attempts)
        self.env.invalidate_all()

        self.assertFalse(self.lead.activity_ids)
        self.assertEqual(self._tasks(campaign).state, "reserved")

    def test_clock_is_set_back_and_ahead(self):
        """What is not due by the clock waits; what was done is not done again."""
        campaign = self._create_journey(self.leads)
        campaign.action_start()
        both = ["ida@brandt.example", "ola@nowak.example"]
        back = self._now() - timedelta(hours=1)
        ahead = self._now() + timedelta(days=4)

        with self._server() as server:
            with freeze_time(back):
                self._round()
            self.assertFalse(server.accepted, "not due by this clock")
            self._round()
            self.assertEqual(sorted(server.accepted), both)
            with freeze_time(back):
                self._round()
            self.assertEqual(len(server.accepted), 2, "nothing again")

            with freeze_time(ahead):
                for _i in range(3):
                    self._round()
            self._round()

        self.assertEqual(sorted(server.accepted), sorted(2 * both))
        self.assertEqual(set(self._tasks(campaign).mapped("state")), {"done"})

    def test_one_task_has_one_mail(self):
        """The last guard: the database refuses a second trace."""
        campaign = self._create_journey(self.lead)
        self._compose(campaign)
        task = self._tasks(campaign, self.mail)

        with (
            self.assertRaises(psycopg2.errors.UniqueViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            task.trace_id.copy({"crm_campaign_task_id": task.id})
            self.env.flush_all()

    def test_one_participant_at_a_time(self):
        campaign = self._create_journey(self.lead)
        campaign.action_start()
        participant = campaign.participant_ids
        for values in ({"res_id": 0, "number": 1}, {"email": False, "number": 2}):
            with (
                self.assertRaises(psycopg2.errors.UniqueViolation),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                participant.copy(values)
                self.env.flush_all()


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignConcurrency(TransactionCase):
    """Two real connections to the database. What they see is committed for real, and
    removed at the end; the test's own connection writes nothing they could wait for."""

    def setUp(self):
        super().setUp()
        self.mail_id = 2_000_000_000 + threading.get_native_id()
        self.addCleanup(self._forget)

    def _forget(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "DELETE FROM crm_campaign_delivery WHERE mail_id = %s", (self.mail_id,)
            )

    def test_delivery_is_reserved_once_whoever_asks(self):
        first = Delivery(self.registry, self.mail_id, fields.Datetime.now())
        second = Delivery(self.registry, self.mail_id, fields.Datetime.now())

        self.assertTrue(first.reserve())
        self.assertFalse(second.note_refusal(451), "of the second try, not the first")
        self.assertFalse(second.reserve())
        self.assertTrue(second.unknown)

        self.assertTrue(first.note_refusal(451))
        third = Delivery(self.registry, self.mail_id, fields.Datetime.now())
        self.assertTrue(third.reserve(), "refused: free again")

    def test_reservation_outlives_the_transaction_that_sends(self):
        """What the dying worker has written is gone, the reservation is not."""
        with self.registry.cursor() as worker:
            worker.execute("SELECT 1")
            Delivery(self.registry, self.mail_id, fields.Datetime.now()).reserve()
            worker.rollback()

        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT outcome FROM crm_campaign_delivery WHERE mail_id = %s",
                (self.mail_id,),
            )
            self.assertEqual(cr.fetchall(), [("reserved",)])

    def test_locked_tasks_are_skipped_by_the_other_worker(self):
        """SKIP LOCKED: a second worker neither waits nor takes what the first holds;
        when the first dies, it takes it.

        Trap D7.
        """
        ids = self._commit_world()
        first = self.registry.cursor()
        second = self.registry.cursor()
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        first_env = api.Environment(first, SUPERUSER_ID, {})
        second_env = api.Environment(second, SUPERUSER_ID, {})
        domain = [("campaign_id", "=", ids["campaign"])]
        held = first_env["crm.campaign.task"].search(domain, limit=1)
        held.try_lock_for_update()

        free = second_env["crm.campaign.task"].search(domain).try_lock_for_update()
        self.assertEqual(len(free), 1)
        self.assertNotEqual(free.id, held.id)
        second.rollback()
        # the first worker is killed: its connection ends, its locks with it
        first.close()
        free = second_env["crm.campaign.task"].search(domain).try_lock_for_update()
        self.assertEqual(len(free), 2)

    def test_two_workers_reserve_different_tasks(self):
        """Trap D7: two workers send twice."""
        ids = self._commit_world()
        first = self.registry.cursor()
        second = self.registry.cursor()
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        tasks = [
            api.Environment(cr, SUPERUSER_ID, {})["crm.campaign.task"]
            for cr in (first, second)
        ]
        # each holds what it has reserved until its commit
        with patch.object(
            self.env.registry["ir.cron"], "_commit_progress", lambda *a, **k: 1
        ):
            one = tasks[0]._reserve(
                tasks[0].env["crm.campaign.step"].browse(ids["step"]), limit=1
            )
            tasks[0].env.flush_all()
            other = tasks[1]._reserve(
                tasks[1].env["crm.campaign.step"].browse(ids["step"])
            )

        self.assertEqual(len(one), 1)
        self.assertFalse(set(one) & set(other))
        self.assertEqual(len({*one, *other} & set(ids["tasks"])), 2)

    def _commit_world(self):
        """A running campaign with two planned tasks, visible to other connections."""
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            leads = env["crm.lead"].create(
                [
                    {"name": f"Real {i}", "email_from": f"real{i}@many.example"}
                    for i in range(2)
                ]
            )
            segment = env["crm.segment"].create(
                {
                    "name": "Real",
                    "domain": repr([("id", "in", leads.ids)]),
                    "user_id": env.ref("base.user_root").id,
                    "company_id": False,
                }
            )
            segment._refresh()
            campaign = env["crm.campaign"].create(
                {"name": "Real campaign", "segment_id": segment.id}
            )
            env["crm.campaign.step"].create(
                {
                    "campaign_id": campaign.id,
                    "name": "Call",
                    "kind": "activity",
                    "activity_type_id": env.ref("mail.mail_activity_data_call").id,
                }
            )
            campaign.action_start()
            ids = {
                "leads": leads.ids,
                "segment": segment.id,
                "campaign": campaign.id,
                "step": campaign.step_ids.id,
                "utm": campaign.utm_campaign_id.id,
                "tasks": campaign.participant_ids.task_ids.ids,
            }
            self.addCleanup(self._remove_world, ids)
        return ids

    def _remove_world(self, ids):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            for query in (
                SQL(
                    "DELETE FROM crm_campaign_task WHERE campaign_id = %s",
                    ids["campaign"],
                ),
                SQL("DELETE FROM crm_campaign WHERE id = %s", ids["campaign"]),
                SQL("DELETE FROM crm_segment WHERE id = %s", ids["segment"]),
                SQL("DELETE FROM utm_campaign WHERE id = %s", ids["utm"]),
                SQL("DELETE FROM crm_touchpoint WHERE lead_id = ANY(%s)", ids["leads"]),
            ):
                cr.execute(query)
            env["crm.lead"].browse(ids["leads"]).exists().unlink()
