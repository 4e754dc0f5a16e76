import json
from datetime import timedelta

from odoo import api, models

from odoo.addons.crm_plus.demo.base_writer import BaseWriter

FORM = "Form “Seasonal roast” on the web site"
APPROVAL_LIMIT = 25
SAMPLE_DAYS = 3


class CrmPlusDemo(models.AbstractModel):
    """What people agreed to and said later, what is held back and waits, what was
    approved, and what another system was told.
    """

    _inherit = "crm.plus.demo"

    @api.model
    def _load_contact(self):
        """Write it, once."""
        if not self._is_demo_database():
            return
        env = self._get_env().env
        topic = env.ref("crm_campaigns.demo_topic_roast")
        if env["crm.consent"].search_count([("purpose_id", "=", topic.id)], limit=1):
            return
        writer = BaseWriter(env, self._get_demo_now())
        # before large ones need an approval
        self._write_version(env, writer)
        env.company.write(
            {
                "crm_plus_contact_policy": True,
                "crm_campaigns_approval_limit": APPROVAL_LIMIT,
            }
        )
        self._write_purposes(env)
        self._write_consents(env, writer, topic)
        self._write_approvals(env, writer)
        people = env.ref("crm_campaigns.demo_segment_buyers").member_ids.partner_id
        people = people.sorted("id")
        self._write_calls(env, writer, people[:12])
        self._write_waiting(env, writer, people[12:18])
        env.ref("crm_campaigns.demo_sunset_rule")._look()
        writer.forget_today()
        env.flush_all()
        env.invalidate_all()

    @api.model
    def _write_version(self, env, writer):
        """The next version of what runs: whoever is inside finishes on theirs."""
        box = env.ref("crm_campaigns.demo_campaign_box")
        ines = env.ref("crm_campaigns.demo_user_ines")
        draft = box.browse(box.with_user(ines).action_edit_version()["res_id"])
        again = draft.step_ids.filtered(
            lambda step: step.name == "Six days for a click"
        )
        again.write({"name": "Five days for a click", "delay_count": 5})
        env["crm.campaign.step"].create(
            {
                "campaign_id": draft.id,
                "name": "Tell the owner",
                "kind": "notify",
                "notify_text": "Two mails, and no click: is somebody else in charge?",
                "parent_id": again.id,
                "branch": "no",
            }
        )
        draft.with_user(ines)._publish()
        writer.put(
            "crm.campaign.version",
            "date_published",
            {box.version_id: writer.now - timedelta(hours=3)},
        )

    @api.model
    def _write_purposes(self, env):
        for campaign, purpose in (("box", "offers"), ("harvest", "newsletter")):
            env.ref(
                f"crm_campaigns.demo_campaign_{campaign}"
            ).contact_purpose_id = env.ref(f"crm_plus.crm_consent_purpose_{purpose}")

    @api.model
    def _write_consents(self, env, writer, topic):
        """Who subscribed by the form, who was a customer, and who said no since."""
        Consent = env["crm.consent"]
        places = env.ref("crm_campaigns.demo_list_roast").segment_id.member_ids
        places = places.partner_id.filtered("email").sorted("id")[:60]
        roasters = env.ref("crm_campaigns.demo_segment_buyers").member_ids
        roasters = roasters.partner_id.filtered("email").sorted("id")[:40]
        for number, partner in enumerate(places):
            # each with a moment of its own
            date = writer.now - timedelta(days=70 - number, minutes=37 * number)
            said = {
                "source": FORM,
                "text_version": "2026-02",
                "proof": "Box ticked, from 192.0.2.7",
                "date": date,
            }
            Consent._record(partner, topic, "pending", **said)
            if number % 8 == 5:
                continue  # never pressed the button
            confirmed = {
                **said,
                "source": "Confirmed by the link in the mail",
                "date": date + timedelta(minutes=14),
            }
            Consent._record(partner, topic, **confirmed)
            if number % 11 == 3:
                left = {
                    "source": "Preference page",
                    "proof": "From 192.0.2.7",
                    "date": date + timedelta(days=9),
                }
                Consent._record(partner, topic, "withdrawn", **left)
        Consent._record(
            roasters,
            "offers",
            basis="customer",
            source="Terms of sale",
            text_version="2025-11",
            proof="First order",
            date=writer.now - timedelta(days=190),
        )
        Consent._record(
            roasters[4:40:13],
            "offers",
            "withdrawn",
            source="Told on the phone",
            date=writer.now - timedelta(days=21),
        )

    @api.model
    def _write_approvals(self, env, writer):
        """One that was given, and one that is asked for."""
        ines = env.ref("crm_campaigns.demo_user_ines")
        harvest = env.ref("crm_campaigns.demo_campaign_harvest")
        asked = harvest.date_started - timedelta(days=1)
        env["crm.campaign.approval"].create(
            {
                "campaign_id": harvest.id,
                "state": "approved",
                "people_count": harvest.participant_count,
                "fingerprint": harvest._get_fingerprint(),
                "user_id": ines.id,
                "date_asked": asked,
                "note": "The lots have landed: the mail should leave tomorrow.",
                "decided_by_id": env.ref("base.user_admin").id,
                "date_decided": asked + timedelta(hours=3),
            }
        )
        cold = env.ref("crm_campaigns.demo_campaign_cold")
        cold.with_user(ines)._ask_approval("A bag to try for each of them.")
        writer.put(
            "crm.campaign.approval",
            "date_asked",
            dict.fromkeys(cold.approval_ids, writer.now - timedelta(hours=5)),
        )

    @api.model
    def _write_calls(self, env, writer, people):
        """Labels printed some days ago; one never was, and somebody has to look."""
        campaign = env.ref("crm_campaigns.demo_campaign_samples")
        step = env.ref("crm_campaigns.demo_step_label")
        started = self._get_demo_morning(writer.now, SAMPLE_DAYS + 20)
        writer.put("crm.campaign", "state", {campaign: "running"})
        writer.put("crm.campaign", "state_order", {campaign: 1})
        for name in ("date_started", "date_looked", "create_date"):
            writer.put("crm.campaign", name, {campaign: started})
        env.registry.clear_cache()
        entered = {
            partner: started + timedelta(days=1 + number, hours=number % 5)
            for number, partner in enumerate(people)
        }
        participants = env["crm.campaign.participant"].create(
            [
                {
                    "campaign_id": campaign.id,
                    "event": f"hand {date}",
                    "res_model": "res.partner",
                    "res_id": partner.id,
                    "partner_id": partner.id,
                    "email": partner.email_normalized,
                    "person": partner.email_normalized,
                    "state": "done",
                    "date_entered": date,
                    "date_left": date + timedelta(minutes=2),
                }
                for partner, date in entered.items()
            ]
        )
        failed = participants[-2:]
        tasks = env["crm.campaign.task"].create(
            [
                {
                    "participant_id": one.id,
                    "campaign_id": campaign.id,
                    "step_id": step.id,
                    "state": "failed" if one in failed else "done",
                    "outcome": False if one in failed else "yes",
                    "reason": "503 Service Unavailable" if one in failed else "200",
                    "date_planned": one.date_entered,
                    "date_reserved": one.date_entered,
                    "date_done": one.date_left,
                    "attempts": 1,
                }
                for one in participants
            ]
        )
        writer.put("crm.campaign.participant", "state", dict.fromkeys(failed, "failed"))
        self._write_announced(
            env, tasks - tasks.filtered(lambda t: t.state == "failed")
        )
        endpoint = step.endpoint_id
        requests = env["crm.campaign.request"].create(
            [
                {
                    "endpoint_id": endpoint.id,
                    "task_id": task.id,
                    "campaign_id": campaign.id,
                    "key": f"demo-{task.id}",
                    "body": json.dumps(
                        {
                            "campaign": campaign.name,
                            "step": step.name,
                            "record": {"name": task.participant_id.partner_id.name},
                        }
                    ),
                    "state": "parked" if task.state == "failed" else "delivered",
                    "attempts": 9 if task.state == "failed" else 1,
                    "date_done": task.date_done,
                    "status": 503 if task.state == "failed" else 200,
                    "reason": task.reason,
                }
                for task in tasks
            ]
        )
        writer.put(
            "crm.campaign.request",
            "create_date",
            {one: one.task_id.date_planned for one in requests},
        )
        env["crm.campaign.request.try"].create(
            [
                {
                    "request_id": request.id,
                    "endpoint_id": endpoint.id,
                    "method": "POST",
                    "date": request.date_done,
                    "outcome": "ok" if request.state == "delivered" else "failed",
                    "status": request.status,
                    "milliseconds": 180 + 7 * number,
                    "reason": request.reason,
                }
                for number, request in enumerate(requests)
            ]
        )

    @api.model
    def _write_announced(self, env, labels):
        """Whose label was printed got the mail."""
        step = env.ref("crm_campaigns.demo_step_announce")
        step._prepare_mailings()
        tasks = env["crm.campaign.task"].create(
            [
                {
                    "participant_id": label.participant_id.id,
                    "campaign_id": label.campaign_id.id,
                    "step_id": step.id,
                    "state": "done",
                    "date_planned": label.date_done,
                    "date_reserved": label.date_done,
                    "date_done": label.date_done,
                    "attempts": 1,
                }
                for label in labels
            ]
        )
        env["mailing.trace"].create(
            [
                {
                    "crm_campaign_task_id": task.id,
                    "mass_mailing_id": step.mailing_id.id,
                    "model": "res.partner",
                    "res_id": task.participant_id.res_id,
                    "email": task.participant_id.email,
                    "message_id": f"<demo-task-{task.id}@saltwind.example>",
                    "trace_status": "sent",
                    "sent_datetime": task.date_done,
                }
                for task in tasks
            ]
        )

    @api.model
    def _write_waiting(self, env, writer, people):
        """They are not to be disturbed, and what they would get waits: the contact
        policy says so itself.
        """
        notes = (
            "Their machine is being repaired: no offers before it runs",
            "The contract of the year is negotiated: Marta talks to them",
        )
        env["crm.contact.hold"].create(
            [
                {"partner_id": partner.id, "note": notes[number % 2]}
                for number, partner in enumerate(people)
            ]
        )
        campaign = env.ref("crm_campaigns.demo_campaign_samples")
        step = env.ref("crm_campaigns.demo_step_announce")
        participants = env["crm.campaign.participant"].create(
            [
                {
                    "campaign_id": campaign.id,
                    "event": f"hand {writer.now}",
                    "res_model": "res.partner",
                    "res_id": partner.id,
                    "partner_id": partner.id,
                    "email": partner.email_normalized,
                    "person": partner.email_normalized,
                    "state": "running",
                    "date_entered": writer.now - timedelta(hours=2),
                }
                for partner in people
            ]
        )
        env["crm.campaign.task"].create(
            [
                {
                    "participant_id": one.id,
                    "campaign_id": campaign.id,
                    "step_id": step.parent_id.id,
                    "state": "done",
                    "outcome": "yes",
                    "reason": "200",
                    "date_planned": one.date_entered,
                    "date_done": one.date_entered,
                    "attempts": 1,
                }
                for one in participants
            ]
        )
        waiting = env["crm.campaign.task"].create(
            [
                {
                    "participant_id": one.id,
                    "campaign_id": campaign.id,
                    "step_id": step.id,
                    "state": "reserved",
                    "date_planned": one.date_entered,
                    "attempts": 1,
                }
                for one in participants
            ]
        )
        waiting._ask_contact_policy("email")
