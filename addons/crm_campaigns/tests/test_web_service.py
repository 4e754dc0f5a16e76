import base64
import hashlib
import hmac
import json
from datetime import timedelta
from unittest.mock import patch

import requests

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.crm_campaigns.models.outbox.crm_campaign_endpoint import MAX_FAILURES
from odoo.addons.crm_campaigns.models.outbox.crm_campaign_request_send import MAX_TRIES
from odoo.addons.crm_campaigns.tools.outbound import sign

from .receiver import Receiver
from .test_campaign_faults import killed_in
from .test_campaign_steps import RUN_LOG, StepCommon


class WebServiceCommon(StepCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.env["ir.config_parameter"].set_param(
            "crm_campaigns.outbound_allowed", "127.0.0.1"
        )
        cls.env["crm.campaign.request"].search([]).unlink()
        cls.endpoint = cls.env["crm.campaign.endpoint"].create(
            {
                "name": "Loyalty system",
                "url": cls.receiver.url,
                "user_id": cls.campaign_manager.id,
                "company_id": cls.company.id,
            }
        )

    def setUp(self):
        super().setUp()
        self.receiver.calls.clear()
        self.receiver.methods.clear()
        self.receiver.answers.clear()

    def _start_calls(self, records=None, **values):
        """A campaign that calls for each of these records; its calls are written."""
        values = {"endpoint_id": self.endpoint.id, **values}
        campaign, step = self._start("web_service", records, **values)
        self._run(1)
        return campaign, step

    def _requests(self, campaign=None):
        domain = [("campaign_id", "=", campaign.id)] if campaign else []
        return self.env["crm.campaign.request"].search(domain, order="id")

    def _deliver(self, rounds=1):
        """What the scheduler does; what waits for its next try is due."""
        cron = self.env.ref("crm_campaigns.ir_cron_send_requests")
        for _round in range(rounds):
            waiting = self._requests().filtered(lambda r: r.state == "waiting")
            waiting.date_next = self._now() - timedelta(seconds=1)
            self.env.flush_all()
            with self.enter_registry_test_mode():
                cron.method_direct_trigger()
            self.env.invalidate_all()


@tagged("post_install", "-at_install", "crm_campaigns")
class TestWebService(WebServiceCommon):
    # ------------------------------------------------------------
    # What is sent
    # ------------------------------------------------------------

    def test_tells_of_each_person_signed(self):
        """Trap D39: sent once, and forgotten."""
        self.lead.write({"priority": "2", "user_id": self.seller.id})
        names = ("name", "priority", "user_id", "tag_ids", "date_deadline")
        self.lead.tag_ids = self.env["crm.tag"].create({"name": "Roaster"})
        campaign, step = self._start_calls(
            payload_field_ids=[Command.set([self._get_field(n).id for n in names])]
        )

        self.assertFalse(self.receiver.calls, "nothing is sent by the step")
        self.assertEqual(campaign.participant_ids.mapped("state"), ["done"] * 2)
        self._deliver()

        self.assertEqual(len(self.receiver.calls), 2)
        headers, body = self.receiver.calls[0]
        key = base64.b64decode(self.endpoint.secret.removeprefix("whsec_"))
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
        digest = hmac.new(key, content + body, hashlib.sha256).digest()
        self.assertEqual(
            headers["webhook-signature"], "v1," + base64.b64encode(digest).decode()
        )
        message = json.loads(body)
        self.assertEqual(message["type"], "campaign.step")
        self.assertEqual(message["data"]["campaign"]["name"], "Autumn")
        self.assertEqual(message["data"]["step"]["id"], step.id)
        self.assertEqual(
            message["data"]["record"],
            {
                "model": "crm.lead",
                "id": self.lead.id,
                "name": self.lead.name,
                "priority": "2",
                "user_id": {"id": self.seller.id, "name": self.seller.name},
                "tag_ids": [{"id": self.lead.tag_ids.id, "name": "Roaster"}],
                "date_deadline": None,
            },
        )
        request = self._requests(campaign)[0]
        self.assertEqual((request.state, request.status), ("delivered", 200))
        self.assertRecordValues(
            request.try_ids,
            [{"outcome": "ok", "status": 200, "answer": "thanks"}],
        )
        journey = campaign.participant_ids[0].journey
        self.assertIn("web_service · done: Loyalty system", journey)
        self.assertIn("Loyalty system · has it", journey)

        self._deliver()
        self.assertEqual(len(self.receiver.calls), 2, "once")

    def test_calls_of_deleted_records_go_with_them(self):
        """Trap D37: what was told of them is in the call."""
        campaign, step = self._start_calls()
        self._deliver()
        self.assertEqual(len(self._requests(campaign)), 2)

        self.lead.unlink()

        kept = self._requests(campaign)
        self.assertEqual(kept.participant_id.res_id, self.lead_2.id)
        self.assertEqual(step.done_count, 2, "counted on")

    def test_more_headers(self):
        self.endpoint.headers = "Authorization: Bearer 123\nX-Shop:  coffee"
        self._start_calls(self.lead)

        self._deliver()

        headers = self.receiver.calls[0][0]
        self.assertEqual(headers["Authorization"], "Bearer 123")
        self.assertEqual(headers["X-Shop"], "coffee")

    def test_methods(self):
        """Each carries the same, signed; what was used is on record with the try."""
        names = dict(self.endpoint._fields["method"].selection)
        self.assertEqual(list(names), ["GET", "POST", "PUT", "PATCH", "DELETE"])
        self.assertEqual(self.endpoint.method, "POST")
        for method in names:
            with self.subTest(method):
                self.receiver.calls.clear()
                self.receiver.methods.clear()
                self.endpoint.method = method
                campaign, _step = self._start_calls(self.lead)

                self._deliver()

                self.assertEqual(self.receiver.methods, [method])
                [(headers, body)] = self.receiver.calls
                message = json.loads(body)
                self.assertEqual(message["data"]["record"]["id"], self.lead.id)
                self.assertEqual(
                    headers["webhook-signature"],
                    sign(
                        self.endpoint.secret,
                        headers["webhook-id"],
                        headers["webhook-timestamp"],
                        body,
                    ),
                )
                request = self._requests(campaign)
                self.assertEqual(request.state, "delivered")
                self.assertEqual(request.try_ids.mapped("method"), [method])
                campaign.action_stop()
        with self.assertRaises(ValueError):
            self.endpoint.method = "TRACE"

    def test_no_method_follows_a_redirect(self):
        """GET would, if it was left to it."""
        self.endpoint.method = "GET"
        self.receiver.answers.append((302, {"Location": self.receiver.url}, ""))
        campaign, _step = self._start_calls(self.lead)

        self._deliver()

        self.assertEqual(self.receiver.methods, ["GET"])
        self.assertEqual(self._requests(campaign).state, "parked")

    def test_headers_that_cannot_be_added(self):
        for header in (
            "no header",
            "webhook-id: mine",
            "Host: other",
            "X: naïve",
            "X: a\rHost: other",
            "X: a\rY: b",
            "X: a\x0bY: b",
            "X: a\x85Y: b",
            "X: a\u2028Y: b",
            "X: a\x01",
            "X\r: a",
            "Y: b\nConnection: close",
        ):
            with self.subTest(header), self.assertRaisesRegex(ValidationError, "added"):
                self.endpoint.headers = header

    def test_one_insert_for_the_batch(self):
        """The queries of the step do not grow with the people."""
        counts = []
        # the first time, Odoo fills its caches
        for number in (2, 3, 30):
            leads = self._create_leads(number)
            for i, lead in enumerate(leads):
                lead.email_from = f"w{number}.{i}@many.example"
            campaign, step = self._start(
                "web_service",
                leads,
                endpoint_id=self.endpoint.id,
                payload_field_ids=[
                    Command.set(
                        [self._get_field("name").id, self._get_field("user_id").id]
                    )
                ],
            )
            tasks = self._tasks(campaign, step)
            tasks._set(state="reserved")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            tasks._run()
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(len(self._requests(campaign)), number)

        # a few more or less, where a cache is cold or warm by then; not one a person
        self.assertLess(counts[2], counts[1] + 5)

    @mute_logger(RUN_LOG, "odoo.sql_db")
    def test_record_out_of_sight_fails_alone(self):
        """The responsible may read all but one: the others are told."""
        leads = self._create_leads(6)
        for i, lead in enumerate(leads):
            lead.email_from = f"o{i}@many.example"
        campaign, step = self._start(
            "web_service",
            leads,
            endpoint_id=self.endpoint.id,
            payload_field_ids=[Command.set(self._get_field("name").ids)],
        )
        # once they are inside: records of other companies do not enter
        leads[3].write({"company_id": self.company_2.id, "user_id": False})

        self._run(1)

        bad = self._tasks(campaign, step).filtered(lambda t: t.state != "done")
        self.assertEqual(bad.participant_id.lead_id, leads[3])
        self.assertEqual((bad.state, bad.attempts), ("planned", 1))
        self.assertEqual(len(self._requests(campaign)), 5)

    # ------------------------------------------------------------
    # At least once
    # ------------------------------------------------------------

    def test_killed_between_the_call_and_the_commit(self):
        """The other system has it, we do not know: it gets it again, by the same key,
        when the time of the dead worker is over.
        """
        campaign, _step = self._start_calls(self.lead)
        Request = self.env.registry["crm.campaign.request"]

        with (
            self.enter_registry_test_mode(),
            killed_in(Request, "_note"),
            self.registry.cursor() as cr,
        ):
            self.env(cr=cr)["crm.campaign.request"]._cron_send()
        self.env.invalidate_all()

        request = self._requests(campaign)
        self.assertEqual(len(self.receiver.calls), 1)
        self.assertEqual((request.state, request.attempts), ("waiting", 1))
        self.assertEqual(request.try_ids.outcome, "begun")
        self.assertGreater(request.date_next, self._now(), "nobody calls meanwhile")
        with self.enter_registry_test_mode():
            self.env.ref("crm_campaigns.ir_cron_send_requests").method_direct_trigger()
        self.assertEqual(len(self.receiver.calls), 1)

        self._deliver()
        self.assertEqual(len(self.receiver.calls), 2)
        self.assertEqual(len(set(self.receiver.keys)), 1)
        self.assertEqual(request.state, "delivered")
        self.assertEqual(request.try_ids.mapped("outcome"), ["ok", "begun"])

    def test_killed_each_time_is_given_up(self):
        campaign, _step = self._start_calls(self.lead)
        request = self._requests(campaign)
        request.attempts = MAX_TRIES

        self._deliver()

        self.assertFalse(self.receiver.calls)
        self.assertEqual(request.state, "parked")
        self.assertIn("interrupted each time", request.reason)

    def test_step_done_again_calls_once(self):
        campaign, step = self._start_calls(self.lead)
        task = self._tasks(campaign, step)

        self.env["crm.campaign.request"]._put(
            self.endpoint, campaign, {task.id: "other"}
        )

        self.assertEqual(len(self._requests(campaign)), 1)
        self.assertNotEqual(self._requests(campaign).body, "other")

    # ------------------------------------------------------------
    # What goes wrong
    # ------------------------------------------------------------

    def test_failure_is_tried_again_later(self):
        """Trap D39: a service that was down never heard of it."""
        self.receiver.answers += [(500, {}, "x" * 5000), (503, {}, "")]
        campaign, _step = self._start_calls(self.lead)
        request = self._requests(campaign)

        before = self._now()
        self._deliver()
        self.assertEqual((request.state, request.status), ("waiting", 500))
        pause = request.date_next - before
        self.assertTrue(timedelta(seconds=59) < pause < timedelta(seconds=90), pause)
        self.assertEqual(len(request.try_ids.answer), 2048, "no more is kept")
        self._deliver()
        self.assertGreater(request.date_next - self._now(), timedelta(minutes=4))

        self._deliver()
        self.assertEqual(request.state, "delivered")
        self.assertEqual(request.try_ids.mapped("status"), [200, 503, 500])
        self.assertEqual(len(set(self.receiver.keys)), 1)
        self.assertEqual(
            len({headers["webhook-signature"] for headers, _b in self.receiver.calls}),
            len({headers["webhook-timestamp"] for headers, _b in self.receiver.calls}),
        )

    def test_refusal_is_given_up_at_once(self):
        self.receiver.answers += [(422, {}, "no such customer"), (200, {}, "")]
        campaign, _step = self._start_calls()

        self._deliver()

        bad, good = self._requests(campaign)
        self.assertEqual((bad.state, good.state), ("parked", "delivered"))
        self.assertIn("422", bad.reason)
        self.assertEqual(bad.try_ids.answer, "no such customer")
        self.assertIn("given up", bad.participant_id.journey)

    def test_redirects_are_not_followed(self):
        self.receiver.answers.append((302, {"Location": self.receiver.url}, ""))
        campaign, _step = self._start_calls(self.lead)

        self._deliver()

        self.assertEqual(len(self.receiver.calls), 1)
        self.assertEqual(self._requests(campaign).state, "parked")
        self.assertIn("has moved", self._requests(campaign).reason)

    def test_given_up_after_some_tries(self):
        self.receiver.answers += [(500, {}, "")] * 20
        campaign, _step = self._start_calls(self.lead)

        self._deliver(MAX_TRIES + 2)

        self.assertEqual(len(self.receiver.calls), MAX_TRIES)
        self.assertEqual(self._requests(campaign).state, "parked")

    def test_no_answer_at_all(self):
        campaign, _step = self._start_calls(self.lead)
        other = Receiver()
        self.endpoint.url = other.url
        other.close()

        self._deliver()

        request = self._requests(campaign)
        self.assertEqual((request.state, request.status), ("waiting", 0))
        self.assertIn("Nobody answers", request.reason)

    def test_answer_that_does_not_come_in_time(self):
        campaign, _step = self._start_calls(self.lead)
        timeouts = []

        def send(session, request, **kwargs):
            timeouts.append(kwargs["timeout"])
            raise requests.ReadTimeout

        with patch.object(requests.Session, "send", send):
            self._deliver()

        request = self._requests(campaign)
        self.assertEqual((request.state, timeouts), ("waiting", [10]))
        self.assertIn("within 10 seconds", request.reason)

    def test_asked_to_wait_all_calls_wait(self):
        self.receiver.answers.append((429, {"Retry-After": "1800"}, ""))
        campaign, _step = self._start_calls()

        self._deliver(2)

        self.assertEqual(len(self.receiver.calls), 1)
        first, second = self._requests(campaign)
        self.assertEqual((first.attempts, second.attempts), (1, 0))
        rest = self.endpoint.date_free - self._now()
        self.assertTrue(timedelta(minutes=29) < rest <= timedelta(minutes=30), rest)
        trigger = self.env["ir.cron.trigger"].search(
            [
                (
                    "cron_id",
                    "=",
                    self.env.ref("crm_campaigns.ir_cron_send_requests").id,
                ),
                ("call_at", ">", self._now()),
            ]
        )
        self.assertIn(self.endpoint.date_free, trigger.mapped("call_at"))

        self.endpoint.date_free = self._now()
        self._deliver()
        self.assertEqual(self._requests(campaign).mapped("state"), ["delivered"] * 2)

    def test_failing_service_stands_still_and_its_owner_knows(self):
        leads = self._create_leads(MAX_FAILURES + 5)
        for i, lead in enumerate(leads):
            lead.email_from = f"f{i}@many.example"
        self.receiver.answers += [(500, {}, "")] * MAX_FAILURES
        campaign, _step = self._start_calls(leads)

        self._deliver(2)

        self.assertEqual(len(self.receiver.calls), MAX_FAILURES)
        self.assertTrue(self.endpoint.date_paused)
        activity = self.endpoint.activity_ids
        self.assertEqual(activity.user_id, self.campaign_manager)
        self.assertIn("Refused with 500", activity.note)
        with self.assertRaisesRegex(UserError, "stands still"):
            self._start("web_service", self.lead, endpoint_id=self.endpoint.id)

        # failures of before count no more
        self.receiver.answers.append((500, {}, ""))
        self.endpoint.action_resume()
        self.assertFalse(self.endpoint.activity_ids)
        self._deliver(2)
        self.assertFalse(self.endpoint.date_paused)
        self.assertEqual(
            self._requests(campaign).mapped("state"), ["delivered"] * len(leads)
        )

    def test_one_service_that_fails_holds_up_no_other(self):
        other = self.endpoint.copy({"name": "Other", "url": self.receiver.url})
        self.endpoint._pause("x")
        self.endpoint.flush_recordset()
        campaign, _step = self._start_calls(self.lead, endpoint_id=other.id)
        stuck = self._create_campaign(self.lead_2)
        stuck_step = self._add_step(stuck, "wait")
        stuck.action_start()
        self.env["crm.campaign.request"]._put(
            self.endpoint, stuck, {self._tasks(stuck, stuck_step).id: "{}"}
        )

        self._deliver()

        self.assertEqual(len(self.receiver.calls), 1)
        self.assertEqual(self._requests(campaign).state, "delivered")
        self.assertEqual(self._requests(stuck).attempts, 0)

    # ------------------------------------------------------------
    # Stopped
    # ------------------------------------------------------------

    def test_stopped_campaign_calls_nobody(self):
        campaign, _step = self._start_calls(self.lead)
        campaign.action_stop()

        self._deliver()
        self.assertFalse(self.receiver.calls)

        campaign.action_start()
        self._deliver()
        self.assertEqual(len(self.receiver.calls), 1)

    def test_all_stand_still(self):
        campaign, _step = self._start_calls(self.lead)
        campaign.action_halt_all()
        self._deliver()
        self.assertFalse(self.receiver.calls)

        campaign.action_resume_all()
        self._deliver()
        self.assertEqual(len(self.receiver.calls), 1)

    # ------------------------------------------------------------
    # Waiting for the answer
    # ------------------------------------------------------------

    def _start_waiting(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(
            campaign, "web_service", endpoint_id=self.endpoint.id, answer_wait=True
        )
        yes = self._add_step(campaign, "activity", step, "yes")
        no = self._add_step(campaign, "wait", step, "no")
        campaign.action_start()
        self._run(1)
        return campaign, step, yes, no

    def test_journey_waits_for_the_answer(self):
        self.receiver.answers += [(200, {}, "ok"), (410, {}, "gone")]
        campaign, step, yes, no = self._start_waiting()
        self.assertEqual(self._tasks(campaign, step).mapped("state"), ["planned"] * 2)

        self._deliver()
        self._run(1)

        self.assertEqual(self._tasks(campaign, step).mapped("outcome"), ["yes", "no"])
        self.assertEqual(self._tasks(campaign, yes).participant_id.lead_id, self.lead)
        self.assertEqual(self._tasks(campaign, no).participant_id.lead_id, self.lead_2)
        for task, text in zip(
            self._tasks(campaign, step),
            ("web_service · delivered", "web_service · not delivered"),
            strict=True,
        ):
            self.assertIn(text, task.participant_id.journey)

    def test_journey_waits_no_longer_than_said(self):
        campaign, step, _yes, no = self._start_waiting()

        self._pass(days=2)
        self._run(1)

        self.assertEqual(self._tasks(campaign, step).mapped("outcome"), ["no"] * 2)
        self.assertEqual(
            set(self._tasks(campaign, step).mapped("reason")), {"No answer in time."}
        )
        self.assertEqual(len(self._tasks(campaign, no)), 2)

    def test_cancelled_call_is_no_answer(self):
        campaign, step, _yes, _no = self._start_waiting()

        self._requests(campaign)[0].action_cancel()
        self._run(1)

        self.assertEqual(
            self._tasks(campaign, step).mapped("state"), ["done", "planned"]
        )
        self._deliver()
        self.assertEqual(len(self.receiver.calls), 1)

    def test_ways_follow_the_setting(self):
        campaign = self._create_campaign(self.leads)
        step = self._add_step(campaign, "web_service", endpoint_id=self.endpoint.id)
        after = self._add_step(campaign, "wait", step)

        step.answer_wait = True
        self.assertEqual(after.branch, "yes")
        step.answer_wait = False
        self.assertEqual(after.branch, "next")

    # ------------------------------------------------------------
    # What people do
    # ------------------------------------------------------------

    def test_given_up_is_called_again_by_hand(self):
        """Trap D39: the log is there to send it again."""
        self.receiver.answers.append((404, {}, ""))
        campaign, _step = self._start_calls(self.lead)
        self._deliver()
        request = self._requests(campaign)
        self.assertEqual(request.state, "parked")

        request.with_user(self.campaign_manager).action_replay()
        self._deliver()

        self.assertEqual(request.state, "delivered")
        self.assertEqual(len(set(self.receiver.keys)), 1)
        with self.assertRaises(UserError):
            request.action_cancel()

    def test_call_it_now(self):
        self.receiver.answers += [(200, {}, "pong"), (401, {}, "who?")]

        good = self.endpoint.action_test()
        bad = self.endpoint.action_test()

        self.assertEqual(good["params"]["type"], "success")
        self.assertEqual(good["params"]["message"], "pong")
        self.assertEqual(bad["params"]["type"], "danger")
        self.assertEqual(self.receiver.messages[0]["type"], "test")

    def test_form_of_the_step(self):
        campaign = self._create_campaign(self.leads)
        Step = self.env["crm.campaign.step"].with_context(
            default_campaign_id=campaign.id, default_kind="web_service"
        )
        with Form(Step.with_user(self.campaign_manager)) as form:
            form.name = "Tell them"
            form.endpoint_id = self.endpoint
            form.answer_wait = True
            form.answer_hours = 5
        step = form.record

        self.assertIn("5 hours", step._get_kind().get_text())
        self.assertFalse(step._get_problems())
        kinds = {kind["kind"]: kind for kind in Step._get_canvas_kinds()}
        self.assertEqual(kinds["web_service"]["icon"], "fa-cloud-upload")

    def test_what_is_missing_is_said(self):
        foreign = self.endpoint.copy(
            {"company_id": self.company_2.id, "url": self.receiver.url}
        )
        archived = self.endpoint.copy({"active": False, "url": self.receiver.url})
        for endpoint, problem in (
            (self.endpoint.browse(), "choose the web service"),
            (foreign, "another company"),
            (archived, "is archived"),
        ):
            with self.subTest(problem), self.assertRaisesRegex(UserError, problem):
                self._start("web_service", endpoint_id=endpoint.id)

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_addresses_inside_are_refused(self):
        self.env["ir.config_parameter"].set_param(
            "crm_campaigns.outbound_allowed", False
        )
        for url in (
            "http://hooks.example/",
            "https://10.0.0.1/",
            "https://localhost/",
            "http://localhost/",
            "ftp://hooks.example/",
        ):
            with self.subTest(url), self.assertRaises(ValidationError):
                self.endpoint.url = url

    def test_name_that_leads_inside_is_not_called(self):
        """What a name leads to is looked at when it is called: nothing is sent."""
        campaign, _step = self._start_calls(self.lead)
        self.env["ir.config_parameter"].set_param(
            "crm_campaigns.outbound_allowed", "10.0.0.1"
        )

        self._deliver()

        self.assertFalse(self.receiver.calls)
        request = self._requests(campaign)
        self.assertEqual(request.state, "parked")
        self.assertIn("our own network", request.reason)

    def test_secrets_are_for_the_administrators_of_campaigns(self):
        endpoint = self.endpoint.with_user(self.campaign_user)

        self.assertEqual(endpoint.name, "Loyalty system")
        for name in ("url", "secret", "headers"):
            with self.subTest(name), self.assertRaises(AccessError):
                endpoint.read([name])
        self.assertTrue(self.endpoint.with_user(self.campaign_manager).secret)
        self.assertNotEqual(
            self.endpoint.copy({"url": self.receiver.url}).secret, self.endpoint.secret
        )

    def test_user_reads_and_calls_nothing(self):
        campaign, _step = self._start_calls(self.lead)
        self._deliver()
        request = self._requests(campaign).with_user(self.campaign_user)

        for call in (
            lambda: request.read(["body"]),
            request.action_replay,
            request.action_cancel,
            self.endpoint.with_user(self.campaign_user).action_test,
            self.endpoint.with_user(self.campaign_user).action_resume,
            lambda: request.try_ids.read(["answer"]),
        ):
            with self.assertRaises(AccessError):
                call()
        with self.assertRaises(AccessError):
            request.with_user(self.campaign_manager).write({"body": "{}"})
        self.assertEqual(len(self.receiver.calls), 1)

    def test_outbox_of_another_company(self):
        campaign, _step = self._start_calls(self.lead)
        self._deliver()
        stranger = new_test_user(
            self.env,
            login="campaign_stranger",
            groups="crm_campaigns.crm_campaigns_group_manager",
            company_id=self.company_2.id,
        )

        self.assertFalse(
            self.env["crm.campaign.request"].with_user(stranger).search([])
        )
        self.assertFalse(
            self.env["crm.campaign.request.try"].with_user(stranger).search([])
        )
        self.assertNotIn(
            self.endpoint,
            self.env["crm.campaign.endpoint"].with_user(stranger).search([]),
        )
        self.assertTrue(self._requests(campaign))

    def test_fields_that_one_may_not_read_are_not_told(self):
        campaign = self._create_campaign(self.leads)
        self.patch(
            self.env.registry["crm.lead"]._fields["referred"],
            "groups",
            "base.group_system",
        )
        with self.assertRaises(AccessError):
            self._add_step_as(
                self.campaign_manager,
                campaign,
                kind="web_service",
                endpoint_id=self.endpoint.id,
                payload_field_ids=[Command.set(self._get_field("referred").ids)],
            )
        with self.assertRaisesRegex(ValidationError, "cannot be told"):
            self._add_step(
                campaign,
                "web_service",
                endpoint_id=self.endpoint.id,
                payload_field_ids=[
                    Command.set(self._get_field("name", "res.partner").ids)
                ],
            )

    # ------------------------------------------------------------
    # What is over
    # ------------------------------------------------------------

    def test_old_calls_are_forgotten(self):
        self.receiver.answers += [(200, {}, ""), (404, {}, "")]
        campaign, _step = self._start_calls()
        self._deliver()
        delivered, parked = self._requests(campaign)
        Request = self.env["crm.campaign.request"]

        def age(days):
            self.env.execute_query(
                SQL(
                    "UPDATE crm_campaign_request SET date_done = %s RETURNING id",
                    fields.Datetime.now() - timedelta(days=days),
                )
            )
            Request._gc_requests()
            return delivered.exists() + parked.exists()

        self.assertEqual(age(29), delivered + parked)
        self.assertEqual(age(31), parked, "for people to look at")
        self.assertFalse(age(366))
        self.assertFalse(self.env["crm.campaign.request.try"].search([]))
