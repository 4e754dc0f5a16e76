import logging
from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.crm_plus.demo.base_writer import BaseWriter

from .campaign_plot import CampaignPlot, Entrant, Step
from .campaign_writer import CampaignWriter

_logger = logging.getLogger(__name__)

BOX_DAYS = 9
HARVEST_DAYS = 118
BOX_URL = "https://www.saltwind.example/tasting-box"
HARVEST_URL = "https://www.saltwind.example/lots"


class CrmPlusDemo(models.AbstractModel):
    _inherit = "crm.plus.demo"

    @api.model
    def _load_campaigns(self):
        """Write how the campaigns of the demo company went, once."""
        if not self._is_demo_database():
            return
        env = self._get_env().env
        box = env.ref("crm_campaigns.demo_campaign_box")
        harvest = env.ref("crm_campaigns.demo_campaign_harvest")
        if (box + harvest).participant_ids:
            return
        now = fields.Datetime.now()
        closing = BaseWriter(env, now)
        (box + harvest).segment_id._refresh()
        writers = [
            self._write_box(env, box, now),
            self._write_harvest(env, harvest, now),
        ]
        for writer in writers:
            closing.messages += writer.messages
        closing.harvest()
        self._rescore_demo(env, closing, box.participant_ids)
        closing.harvest()
        closing.forget_today()
        env.flush_all()
        env.invalidate_all()
        _logger.info(
            "crm_campaigns: demo data of %s participants",
            len(box.participant_ids + harvest.participant_ids),
        )

    @api.model
    def _get_demo_morning(self, now, days):
        """A working morning about so many days ago."""
        morning = (now - timedelta(days=days)).replace(hour=8, minute=5, second=0)
        return morning - timedelta(days=max(0, morning.weekday() - 4))

    @api.model
    def _write_box(self, env, campaign, now):
        """The running one: open leads of now, and those closed since it began."""
        started = self._get_demo_morning(now, BOX_DAYS)
        members = campaign.segment_id.member_ids
        leads = members.lead_id.sorted("id")
        closed = (
            env["crm.lead"]
            .with_context(active_test=False)
            .search(
                [
                    ("won_status", "in", ("won", "lost")),
                    ("date_closed", ">", started),
                    ("tag_ids.name", "in", ["Café", "Hotel", "Bakery"]),
                    ("team_id", "=", env.ref("crm_plus.demo_team_europe").id),
                ]
            )
        )
        entrants, seen = [], set()
        for lead in leads + closed:
            if lead.email_normalized in seen:
                continue  # the engine mails an address once
            seen.add(lead.email_normalized)
            entered = min(now, max(started, lead.create_date + timedelta(minutes=4)))
            entrants.append(
                Entrant(
                    lead.id,
                    entered,
                    lead.date_closed or None,
                    lead.won_status if lead.date_closed else None,
                )
            )
        tree = {
            "box": Step("mail", {"next": "wait"}),
            "wait": Step("wait_click", {"yes": "call", "no": "second"}, days=4),
            "call": Step("activity"),
            "second": Step("mail", {"next": "again"}),
            "again": Step("wait_click", {"yes": "late_call"}, days=6),
            "late_call": Step("activity"),
        }
        plot = CampaignPlot(now, tree, entrants)
        steps = {code: env.ref(f"crm_campaigns.demo_step_{code}") for code in tree}
        writer = CampaignWriter(env, plot, campaign, steps, BOX_URL)
        writer.put(
            "crm.segment.member",
            "date_joined",
            {member: member.lead_id.create_date for member in members},
        )
        writer.run(started)
        return writer

    @api.model
    def _write_harvest(self, env, campaign, now):
        """The one that is over: contacts known when it began."""
        started = self._get_demo_morning(now, HARVEST_DAYS)
        members = campaign.segment_id.member_ids
        entrants = [
            Entrant(partner.id, started)
            for partner in members.partner_id.sorted("id")
            if partner.create_date < started
        ]
        tree = {
            "harvest": Step("mail", {"next": "wait_lots"}),
            "wait_lots": Step("wait_click", {"yes": "sample", "no": "last"}, days=5),
            "sample": Step("activity"),
            "last": Step("mail"),
        }
        plot = CampaignPlot(now, tree, entrants, seed=32)
        steps = {code: env.ref(f"crm_campaigns.demo_step_{code}") for code in tree}
        writer = CampaignWriter(env, plot, campaign, steps, HARVEST_URL)
        writer.put(
            "crm.segment.member",
            "date_joined",
            {member: member.partner_id.create_date for member in members},
        )
        writer.run(started, stopped=started + timedelta(days=21))
        return writer

    @api.model
    def _rescore_demo(self, env, writer, participants):
        """Clicks make leads warmer: those that got marketing-qualified did so then."""
        leads = participants.lead_id.filtered(lambda lead: lead.active)
        before = leads.filtered("date_mql")
        leads._score_recompute()
        touchpoints = env["crm.touchpoint"].search(
            [
                ("lead_id", "in", leads.ids),
                ("kind_id.code", "=", "campaign_clicked"),
                ("is_machine", "=", False),
            ],
            order="date",
        )
        clicked = {touchpoint.lead_id: touchpoint.date for touchpoint in touchpoints}
        qualified = leads.filtered("date_mql") - before
        writer.put(
            "crm.lead", "date_mql", {lead: clicked.get(lead) for lead in qualified}
        )
