from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from odoo.addons.crm_campaigns.hooks import post_init_hook
from odoo.addons.crm_plus.tools.bounce.report import Recipient, Report

from .common import CampaignCommon, CampaignMoneyCommon

REPLY = """From: Ida Brandt <ida@brandt.example>
To: {to}
Subject: Re: Autumn roast
Message-Id: <{msg_id}@brandt.example>
References: {references}
In-Reply-To: {references}
Date: Mon, 02 Nov 2026 09:12:00 +0000
{extra}MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello
"""


@tagged("post_install", "-at_install", "crm_campaigns")
class TestMarketingTouchpoint(CampaignCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        Touchpoint = cls.env["crm.touchpoint"]
        Touchpoint._harvest()  # what a database with demo data has not read yet
        cls.last_id = Touchpoint.search([], order="id desc", limit=1).id or 0
        cls.lead = cls._create_leads(
            email_from="Ida Brandt <ida@brandt.example>",
            partner_id=cls.customer_contact.id,
        )
        cls.trace = cls._create_trace(cls.lead)
        cls.link = cls._create_link(cls.trace.mass_mailing_id)
        cls.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 5)
        cls.long_ago = fields.Datetime.now() - timedelta(days=1)

    def _touchpoints(self, code):
        return self.env["crm.touchpoint"].search(
            [("kind_id.code", "=", code), ("id", ">", self.last_id)]
        )

    def _click(self, trace=None, **values):
        return self.env["link.tracker.click"].add_click(
            self.link.code, mailing_trace_id=(trace or self.trace).id, **values
        )

    # ------------------------------------------------------------
    # Sent, opened, clicked, answered, bounced
    # ------------------------------------------------------------

    def test_sent_mail_is_a_touchpoint_of_lead_and_contact(self):
        self.trace.set_sent()

        counts = self.env["crm.touchpoint"]._harvest(["campaign_sent"])

        self.assertEqual(counts, {"campaign_sent": 1})
        self.assertRecordValues(
            self._touchpoints("campaign_sent"),
            [
                {
                    "lead_id": self.lead.id,
                    "partner_id": self.customer_contact.id,
                    "commercial_partner_id": self.customer.id,
                    "user_id": self.seller.id,
                    "channel": "marketing",
                    "name": "Autumn roast",
                    "res_model": "mailing.trace",
                    "res_id": self.trace.id,
                    "is_machine": False,
                }
            ],
        )
        self.assertEqual(
            self.env["crm.touchpoint"]._harvest(["campaign_sent"]),
            {"campaign_sent": 0},
            "harvesting twice adds nothing",
        )

    def test_sent_text_message_is_a_touchpoint_of_its_own(self):
        """As its app writes them, which need not be installed; the caps for text
        messages count it, those for mails do not.
        """
        self.trace.sent_datetime = self.long_ago
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE mailing_trace SET trace_type = 'sms' WHERE id = %s", [self.trace.id]
        )
        self.env.invalidate_all()

        counts = self.env["crm.touchpoint"]._harvest(
            ["campaign_sent", "campaign_sms_sent"]
        )

        self.assertEqual(counts, {"campaign_sent": 0, "campaign_sms_sent": 1})
        self.assertRecordValues(
            self._touchpoints("campaign_sms_sent"),
            [
                {
                    "lead_id": self.lead.id,
                    "partner_id": self.customer_contact.id,
                    "channel": "sms",
                    "date": self.long_ago,
                    "name": "Autumn roast",
                    "res_model": "mailing.trace",
                    "res_id": self.trace.id,
                }
            ],
        )
        channels = self.env["crm.contact.policy"]._get_sent_channels()
        self.assertEqual(channels["campaign_sms_sent"], "sms")
        self.assertEqual(channels["campaign_sent"], "email")
        self.assertEqual(
            self.env["crm.touchpoint"]._harvest(["campaign_sms_sent"]),
            {"campaign_sms_sent": 0},
            "harvesting twice adds nothing",
        )

    def test_test_mails_are_not_touchpoints(self):
        self.trace.is_test_trace = True
        self.trace.set_sent()

        self.env["crm.touchpoint"]._harvest(["campaign_sent"])

        self.assertFalse(self._touchpoints("campaign_sent"))

    def test_mailing_contact_is_known_by_address(self):
        contact, stranger = self.env["mailing.contact"].create(
            [{"name": "Ida", "email": "IDA@brandt.example"}, {"email": "x@no.example"}]
        )
        mailing = self._create_mailing("mailing.contact")
        for record in contact + stranger:
            self._create_trace(record, mailing).set_sent()

        self.env["crm.touchpoint"]._harvest(["campaign_sent"])

        self.assertEqual(
            self._touchpoints("campaign_sent").partner_id, self.customer_contact
        )

    def test_click_is_harvested_at_once_with_the_link(self):
        self.trace.set_sent()
        self.trace.sent_datetime = self.long_ago

        click = self._click()
        self._harvest_queued()

        touchpoint = self._touchpoints("campaign_clicked")
        self.assertEqual(touchpoint.res_id, click.id)
        self.assertEqual(touchpoint.name, "Autumn roast: Autumn")
        self.assertFalse(touchpoint.is_machine)
        self.assertFalse(self._touchpoints("campaign_opened").is_machine)

    def test_each_click_counts_once(self):
        """Trap D6: one click, told twice, was 17 points for 10."""
        self.trace.sent_datetime = self.long_ago
        self._click()
        self._click()
        self._harvest_queued()

        self.env["crm.touchpoint"]._harvest(["campaign_clicked"])

        self.assertEqual(len(self._touchpoints("campaign_clicked")), 2)

    def test_bounce(self):
        self.trace.set_bounced(bounce_message="no such user")
        self._harvest_queued()

        self.assertEqual(self._touchpoints("campaign_bounced").lead_id, self.lead)

    # ------------------------------------------------------------
    # Machines
    # ------------------------------------------------------------

    def test_click_right_after_sending_is_a_machine(self):
        self.trace.set_sent()

        click = self._click()
        self._harvest_queued()

        self.assertEqual(click.machine_reason, "speed")
        self.assertTrue(self._touchpoints("campaign_clicked").is_machine)
        self.assertTrue(self._touchpoints("campaign_opened").is_machine)

    def test_speed_limit_is_a_setting(self):
        self.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 0)
        self.trace.set_sent()

        self.assertFalse(self._click().machine_reason)

    def test_open_made_by_a_robots_click_is_a_machine(self):
        self.trace.sent_datetime = self.long_ago
        click = self._click(machine_reason="agent")
        self.trace.open_datetime = click.create_date  # as in a request of its own
        self._harvest_queued()

        self.assertTrue(self._touchpoints("campaign_opened").is_machine)

    def _create_links(self, count):
        """The mail has so many links."""
        self.env["link.tracker"].search(
            [
                ("mass_mailing_id", "=", self.trace.mass_mailing_id.id),
                ("id", "!=", self.link.id),
            ]
        ).unlink()
        links = self.link
        for number in range(count - 1):
            links |= self._create_link(
                self.trace.mass_mailing_id, f"https://brandt.example/{number}"
            )
        return links

    def _click_ago(self, link, seconds):
        click = self.env["link.tracker.click"].add_click(
            link.code, mailing_trace_id=self.trace.id
        )
        self.env.cr.execute(
            "UPDATE link_tracker_click SET create_date = create_date - %s"
            " * interval '1 second' WHERE id = %s",
            (seconds, click.id),
        )
        click.invalidate_recordset()
        return click

    def test_all_links_at_once_are_a_machines(self):
        self.trace.sent_datetime = self.long_ago
        for count, seconds, reason in (
            (3, (8, 4, 0), "burst"),
            (4, (20, 8, 4, 0), "burst"),
            # not all
            (4, (8, 4, 0), False),
            # not at once
            (3, (300, 4, 0), False),
            # who opens two links at once may be a person
            (2, (4, 0), False),
        ):
            with self.subTest(count=count, seconds=seconds):
                self.env["link.tracker.click"].search(
                    [("mailing_trace_id", "=", self.trace.id)]
                ).unlink()
                clicks = self.env["link.tracker.click"]
                for link, ago in zip(self._create_links(count), seconds, strict=False):
                    clicks |= self._click_ago(link, ago)
                self.assertEqual(set(clicks.mapped("machine_reason")), {reason})

    def test_clicks_of_another_mail_do_not_count(self):
        self.trace.sent_datetime = self.long_ago
        other = self._create_trace(
            self.lead, self.trace.mass_mailing_id, message_id="<other@test.example>"
        )
        links = self._create_links(3)
        first, second = (self._click_ago(link, 4) for link in links[:2])
        third = self.env["link.tracker.click"].add_click(
            links[2].code, mailing_trace_id=other.id
        )
        self.assertFalse(any((first | second | third).mapped("machine_reason")))

    def test_burst_corrects_what_was_told_before(self):
        self.trace.sent_datetime = self.long_ago
        links = self._create_links(3)
        first = self._click_ago(links[0], 8)
        self.trace.open_datetime = first.create_date
        self._click_ago(links[1], 4)
        self._harvest_queued()
        touchpoints = self._touchpoints("campaign_clicked")
        opened = self._touchpoints("campaign_opened")
        self.assertEqual((touchpoints | opened).mapped("is_machine"), [False] * 3)
        Model = type(self.env["crm.score.model"])
        kind = self.env.ref("crm_campaigns.crm_touchpoint_kind_campaign_clicked")

        with (
            patch.object(Model, "_get_engaging_kind_ids", lambda _self: (kind.id,)),
            patch.object(Model, "_get_watched_fields", lambda _self, _target: ["x"]),
            patch.object(Model, "_queue_recompute") as recompute,
        ):
            self._click_ago(links[2], 0)

        # the points are taken back
        recomputed = dict(call.args for call in recompute.call_args_list)
        self.assertIn(self.lead.id, recomputed["crm.lead"])
        self._harvest_queued()
        touchpoints = self._touchpoints("campaign_clicked")
        self.assertEqual((touchpoints | opened).mapped("is_machine"), [True] * 4)

    def test_reply_of_a_person_counts_and_an_auto_reply_does_not(self):
        """Trap D4: who is out of office has not answered."""
        self.trace.set_sent()
        for msg_id, extra in (
            ("auto", "Auto-Submitted: auto-replied\n"),
            ("human", ""),
        ):
            self.env["mail.thread"].message_process(
                "crm.lead",
                REPLY.format(
                    to="sales@test.example",
                    msg_id=msg_id,
                    references=self.trace.message_id,
                    extra=extra,
                ),
                thread_id=self.lead.id,
            )
            self._harvest_queued()
            if extra:
                self.assertFalse(self._touchpoints("campaign_replied"))
                self.assertEqual(self.trace.trace_status, "sent")

        self.assertEqual(self._touchpoints("campaign_replied").lead_id, self.lead)
        self.assertEqual(self.trace.trace_status, "reply")

    # ------------------------------------------------------------
    # Unsubscribed
    # ------------------------------------------------------------

    def test_blocking_an_address_is_harvested_at_once(self):
        self.env["mail.blacklist"]._add("ida@brandt.example")
        self._harvest_queued()

        self.assertRecordValues(
            self._touchpoints("campaign_unsubscribed"),
            [{"partner_id": self.customer_contact.id, "lead_id": self.lead.id}],
        )

    def test_blocking_again_is_another_touchpoint(self):
        blocked = self.env["mail.blacklist"]._add("ida@brandt.example")
        blocked.date_blocked = self.long_ago
        self._harvest_queued()
        self.env["mail.blacklist"]._remove("ida@brandt.example")
        self._harvest_queued()
        self.assertEqual(len(self._touchpoints("campaign_unsubscribed")), 1)

        self.env["mail.blacklist"]._add("ida@brandt.example")
        self._harvest_queued()

        self.assertEqual(len(self._touchpoints("campaign_unsubscribed")), 2)

    def test_address_blocked_for_bouncing_has_not_unsubscribed(self):
        self.env["mail.blacklist"].with_context(crm_campaigns_bounce=True)._add(
            "ida@brandt.example"
        )
        self._harvest_queued()

        self.assertFalse(self._touchpoints("campaign_unsubscribed"))

    def test_report_stops_an_address_but_only_a_complaint_is_an_opt_out(self):
        for kind, count in (("bounce", 0), ("complaint", 1)):
            self.env["mail.blacklist"].search([]).unlink()
            report = Report(
                kind,
                [Recipient(address="ida@brandt.example", is_hard=True)],
                [self.trace.message_id],
            )
            self.env["mail.thread"]._routing_handle_bounce(
                None,
                {
                    "delivery_report": report,
                    "delivery_message_ids": report.message_ids,
                    "message_id": f"<{kind}@mx.example>",
                    "bounced_email": False,
                    "bounced_partner": self.env["res.partner"],
                    "bounced_msg_ids": False,
                    "bounced_message": self.env["mail.message"],
                    "email_from": "MAILER-DAEMON@mx.example",
                    "to": "sales@us.example",
                },
            )
            self._harvest_queued()
            with self.subTest(kind=kind):
                self.assertTrue(self.env["mail.blacklist"].search([]))
                self.assertEqual(len(self._touchpoints("campaign_unsubscribed")), count)

    def test_leaving_a_list_is_harvested_at_once(self):
        mailing_list = self.env["mailing.list"].create({"name": "News"})
        contact = self.env["mailing.contact"].create(
            {"email": "ida@brandt.example", "list_ids": mailing_list.ids}
        )
        contact.subscription_ids.opt_out = True
        self._harvest_queued()

        self.assertRecordValues(
            self._touchpoints("campaign_unsubscribed"),
            [{"partner_id": self.customer_contact.id, "name": "News"}],
        )

    # ------------------------------------------------------------
    # Sets
    # ------------------------------------------------------------

    def test_history_is_read_at_install(self):
        self.trace.set_sent()
        click = self._click()
        click.machine_reason = False
        self.env.cr.precommit.data.clear()

        post_init_hook(self.env)

        self.assertEqual(self._touchpoints("campaign_sent").lead_id, self.lead)
        self.assertTrue(self._touchpoints("campaign_clicked").is_machine)

    def test_harvest_takes_one_statement_whatever_the_number(self):
        leads = self._create_leads(20, email_from="ida@brandt.example")
        mailing = self._create_mailing()
        for lead in leads:
            self._create_trace(lead, mailing).set_sent()
        self._harvest_queued()

        sources = self.env["crm.touchpoint"]._get_sources_by_key()
        with self.assertQueryCount(1):
            new_ids = self.env["crm.touchpoint"]._harvest_source(
                sources["campaign_sent"]
            )

        self.assertGreaterEqual(len(new_ids), 20)


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCookieBar(CampaignMoneyCommon):
    """Trap D38: campaigns were lost behind the cookie bar, and Odoo's web form put its
    own medium in their place. Ours are told by the mail, not by cookies.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 0)
        cls.buyer = cls._create_buyers(1)
        cls.utm = cls.env["utm.campaign"].create({"name": "Autumn"})
        cls.website = cls.env["utm.medium"].create({"name": "Web form of a test"})

    def test_a_click_earns_the_sale_without_cookies(self):
        mailing = self._create_mailing("res.partner", campaign_id=self.utm.id)
        trace = self._create_trace(self.buyer, mailing)
        # nothing but the code of the link: no cookie is asked for
        click = self.env["link.tracker.click"].add_click(
            self._create_link(mailing).code, mailing_trace_id=trace.id
        )
        clicked = self._now() - timedelta(days=5)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE link_tracker_click SET create_date = %s WHERE id = %s",
            [clicked, click.id],
        )
        self.env.invalidate_all()
        # then they fill in the form of the website, which knows of no campaign
        lead = self.env["crm.lead"].create(
            {
                "name": "From the website",
                "partner_id": self.buyer.id,
                "medium_id": self.website.id,
                "company_id": self.company.id,
            }
        )
        self.assertFalse(lead.campaign_id)
        self._commit()
        touch = self.env["crm.touchpoint"].search(
            [
                ("partner_id", "=", self.buyer.id),
                ("kind_id.code", "=", "campaign_clicked"),
            ]
        )
        self.assertRecordValues(
            touch,
            [
                {
                    "campaign_id": self.utm.id,
                    "medium_id": mailing.medium_id.id,
                    "source_id": mailing.source_id.id,
                }
            ],
        )

        invoice = self._invoice(1, 200, partner=self.buyer)
        self._commit()
        self.env["crm.attribution"]._freeze(invoice.ids)

        earned = self.env["crm.attribution.touch"].search(
            [("attribution_id.move_id", "=", invoice.id)]
        )
        mine = earned.filtered(lambda one: one.campaign_id == self.utm)
        self.assertEqual(sum(mine.mapped("share_first")), 1, "it came first")
        self.assertEqual(mine.medium_id, mailing.medium_id, "not the website's")
