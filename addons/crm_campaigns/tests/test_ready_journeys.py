from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged, users

from ..tools.miniature import Miniature
from .common import CampaignCommon


@tagged("post_install", "-at_install", "crm_campaigns")
class TestReadyJourneys(CampaignCommon):
    """Each is copied, started, and walked through on its main way.

    Who copies them, ``marketer``, also sells: some journeys are about orders.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.marketer = new_test_user(
            cls.env,
            login="marketer",
            groups="crm_campaigns.crm_campaigns_group_manager,"
            "sales_team.group_sale_salesman_all_leads",
            company_id=cls.company.id,
            email="marketer@test.example.com",
        )
        cls.ida = cls.env["res.partner"].create(
            {
                "name": "Ida Brandt",
                "email": "ida@brandt.example",
                "customer_rank": 1,
                "user_id": cls.seller.id,
            }
        )
        cls.profile = cls.env["crm.customer.profile"].create(
            {
                "partner_id": cls.ida.id,
                "company_id": cls.company.id,
                "silence_ratio": 1.8,
                "interval_n": 4,
                "is_overdue": True,
            }
        )

    # ------------------------------------------------------------
    # How one is walked through
    # ------------------------------------------------------------

    def _copy(self, code, start=True):
        template = self.env.ref(f"crm_campaigns.crm_campaign_template_{code}")
        template = template.with_user(self.marketer).with_company(self.company)
        campaign, needs = template._copy_journey()
        self.assertEqual(campaign.state, "draft")
        self.assertEqual(campaign.user_id, self.marketer)
        if start:
            self.assertFalse(needs)
            campaign.action_start()
        return campaign.sudo().with_user(self.env.user)

    def _happen(self, code, **values):
        """Something happens, as the timeline tells it."""
        kind = self.env["crm.touchpoint.kind"].search([("code", "=", code)])
        touchpoint = self.env["crm.touchpoint"].create(
            {
                "kind_id": kind.id,
                "date": fields.Datetime.now() + timedelta(seconds=1),
                "res_model": "res.partner",
                "res_id": self.ida.id,
                **values,
            }
        )
        self.env["crm.touchpoint"]._on_harvested(touchpoint.ids)
        self.env.invalidate_all()

    def _go(self, days=0):
        """Some days later: what Ida gets."""
        self._pass(days)
        self._run()
        return [
            mail["subject"]
            for mail in self._mails
            if "ida@brandt.example" in mail["email_to"][0]
        ]

    def _lead(self):
        return self.env["crm.lead"].create(
            {
                "name": "Roaster",
                "type": "lead",
                "contact_name": "Ida",
                "email_from": "ida@brandt.example",
                "user_id": self.seller.id,
                "company_id": self.company.id,
            }
        )

    def _assert_activity(self, record, words):
        activity = record.activity_ids
        self.assertEqual(len(activity), 1)
        self.assertIn(words, activity.summary)
        self.assertEqual(activity.user_id, self.seller)

    def _assert_told(self, campaign, words):
        message = self.env["mail.message"].search(
            [("model", "=", campaign._name), ("res_id", "=", campaign.id)], limit=1
        )
        self.assertIn(words, str(message.body))
        self.assertEqual(message.partner_ids, self.seller.partner_id)

    # ------------------------------------------------------------
    # The journeys
    # ------------------------------------------------------------

    def test_welcome(self):
        campaign = self._copy("welcome")
        lead = self._lead()
        self._happen("lead_created", lead_id=lead.id)

        self.assertEqual(self._go(), ["Good that you found us"])
        self.assertIn("Hello Ida,", self._mails[0]["body"])
        self.assertIn("confirm_unsubscribe", self._mails[0]["body"])

        self._click(self._tasks(campaign)[0])
        self.assertEqual(self._go(), [])
        self._assert_activity(lead, "Welcome call")
        self.assertEqual(campaign.participant_ids.state, "done")

    def test_double_opt_in(self):
        campaign = self._copy("double_opt_in")
        lead = self._lead()
        self._happen("lead_created", lead_id=lead.id)
        self._go()

        request = self.env["crm.consent"].search([("email", "=", "ida@brandt.example")])
        self.assertEqual(request.state, "pending")
        self.assertEqual(request.purpose_id.code, "newsletter")
        self.assertEqual(request.source, "Double opt-in")
        self.assertEqual(self._go(), [], "nothing before they said so")
        self.assertEqual(campaign.participant_ids.current_step, "Confirmed?")

        request.sudo()._confirm("pressed the button")
        self._harvest_queued()
        self.assertEqual(self._go(), ["You are on the list"])
        self.assertEqual(campaign.participant_ids.state, "done")

    def test_no_click_in_a_mail_confirms(self):
        """Trap D15: any click was taken for the word of whoever signed up. Here it is
        the button behind their own link.
        """
        campaign = self._copy("double_opt_in")
        lead = self._lead()
        self._happen("lead_created", lead_id=lead.id)
        self._go()

        for code in ("campaign_clicked", "campaign_opened", "campaign_replied"):
            self._happen(code, lead_id=lead.id)
            self.assertEqual(self._go(), [])

        request = self.env["crm.consent"].search([("email", "=", "ida@brandt.example")])
        self.assertEqual(request.state, "pending")
        self.assertEqual(campaign.participant_ids.current_step, "Confirmed?")

    def test_double_opt_in_asks_whom_the_policy_would_drop(self):
        """What expired, or is about another channel, is no consent to these mails; what
        was said to marketing in general, or by the address alone, is.
        """
        self.company.crm_plus_consent_enforced = True
        campaign = self._copy("double_opt_in")
        newsletter = self.env.ref("crm_plus.crm_consent_purpose_newsletter")
        general = self.env.ref("crm_plus.crm_consent_purpose_marketing")
        yesterday = fields.Datetime.now() - timedelta(days=1)
        cases = {
            "nothing@said.example": (None, True),
            "expired@long.example": ({"date_expiry": yesterday}, True),
            "sms@only.example": ({"channel": "sms"}, True),
            "general@left.example": ({"purpose_id": general.id}, False),
            "agreed@before.example": ({"channel": "email"}, False),
        }
        leads = self.env["crm.lead"]
        for email, (word, _is_asked) in cases.items():
            leads += self._lead()
            leads[-1].email_from = email
            if word is not None:
                self.env["crm.consent"].create(
                    {
                        "email": email,
                        "purpose_id": newsletter.id,
                        "company_id": self.company.id,
                        "source": "Form",
                        "date": yesterday - timedelta(days=9),
                        **word,
                    }
                )
        for lead in leads:
            self._happen("lead_created", lead_id=lead.id, occurrence=str(lead.id))
        self._go()

        asked = self.env["crm.consent"].search(
            [("email", "in", list(cases)), ("state", "=", "pending")]
        )
        self.assertEqual(
            set(asked.mapped("email")),
            {email for email, (_word, is_asked) in cases.items() if is_asked},
        )
        self.assertEqual(len(campaign.participant_ids), len(cases))
        decisions = self.env["crm.contact.policy"]._decide(
            leads, purpose=newsletter, company=self.company, dry_run=True
        )
        for lead in leads:
            with self.subTest(lead.email_from):
                is_asked = cases[lead.email_from][1]
                expected = "drop" if is_asked else "send"
                self.assertEqual(decisions[lead.id].outcome, expected)

    def test_double_opt_in_leaves_in_peace_who_says_nothing(self):
        campaign = self._copy("double_opt_in")
        self._happen("lead_created", lead_id=self._lead().id)
        self._go()
        self._go(2)
        consents = self.env["crm.consent"].search(
            [("email", "=", "ida@brandt.example")]
        )
        self.assertEqual(consents.mapped("state"), ["pending"] * 2, "asked once more")

        self.assertEqual(self._go(5), [])
        self.assertEqual(campaign.participant_ids.exit_reason, "step")

    def test_nurture(self):
        lead = self._lead()
        campaign = self._copy("nurture")
        self.assertIn(lead, campaign.participant_ids.lead_id)

        self.assertEqual(self._go(), ["How others in your place began"])
        self.assertEqual(self._go(6), ["What it costs not to change anything"])
        self._happen("lead_mql", lead_id=lead.id)
        self.assertEqual(self._go(), [])

        self._assert_told(campaign, "Marketing-qualified while")
        mine = campaign.participant_ids.filtered(lambda p: p.lead_id == lead)
        self.assertEqual(mine.state, "done")

    def test_quotation_follow_up(self):
        campaign = self._copy("quotation_follow_up")
        self._happen("quotation_sent", partner_id=self.ida.id)
        self.assertEqual(self._go(), [])
        self._go(3)

        self.assertEqual(self._go(4), ["Your quotation: is everything clear?"])
        self._go(4)
        self._assert_activity(self.ida, "ask how they decide")
        self.assertEqual(campaign.participant_ids.state, "done")

    def test_quotation_follow_up_ends_with_the_order(self):
        campaign = self._copy("quotation_follow_up")
        self._happen("quotation_sent", partner_id=self.ida.id)
        self._happen("order_confirmed", partner_id=self.ida.id)

        self.assertEqual(self._go(7), [])
        self.assertEqual(campaign.participant_ids.exit_reason, "event")

    def test_abandoned_quotation(self):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.ida.id,
                "user_id": self.seller.id,
                "company_id": self.company.id,
                "state": "sent",
                "date_order": fields.Datetime.now() - timedelta(days=20),
            }
        )
        campaign = self._copy("abandoned_quotation")
        self.assertIn(order.id, campaign.participant_ids.mapped("res_id"))

        self.assertEqual(self._go(), [f"Is quotation {order.name} still of use?"])
        self.assertEqual(self._go(6), [f"Shall we close quotation {order.name}?"])
        self._go(7)
        self._assert_activity(order, "cancel this quotation")

    def test_after_delivery(self):
        campaign = self._copy("after_delivery")
        self._happen("delivery_done", partner_id=self.ida.id)
        self._go()
        self._go(4)
        self.assertEqual(self._go(4), ["Did everything arrive well?"])
        self.assertEqual(self._go(3), ["How was it, from 1 to 5?"])

        self._happen("campaign_replied", partner_id=self.ida.id)
        self._go()
        self._assert_told(campaign, "read the answer")

    def test_after_delivery_trouble_is_a_call(self):
        campaign = self._copy("after_delivery")
        self._happen("delivery_done", partner_id=self.ida.id)
        self._go()
        self._go(4)
        self._go(4)
        mail = campaign.step_ids.filtered(lambda s: s.kind == "mail")[0]
        self._click(self._tasks(campaign, mail))
        self._go()
        self._assert_activity(self.ida, "not right with the last delivery")

    def test_win_back(self):
        campaign = self._copy("win_back")
        self.assertIn(self.ida, campaign.participant_ids.partner_id)
        self.assertEqual(self._go(), ["Is everything all right?"])
        self.assertEqual(self._go(10), ["The way back is short"])
        self._go(10)
        self._assert_activity(self.ida, "Silent by their own rhythm")

    def test_win_back_leaves_out_whose_rhythm_is_kept(self):
        self.profile.silence_ratio = 1.1
        campaign = self._copy("win_back")
        self.assertNotIn(self.ida, campaign.participant_ids.partner_id)

    def _create_offer(self, quantity):
        """Who buys filters also buys cups; Ida has bought filters."""
        filters, cups = self.env["product.product"].create(
            [
                {"name": name, "type": "consu", "is_storable": True}
                for name in ("Filters", "Enamel cups")
            ]
        )
        if quantity:
            warehouse = self.env["stock.warehouse"].search(
                [("company_id", "=", self.company.id)], limit=1
            )
            self.env["stock.quant"]._update_available_quantity(
                cups, warehouse.lot_stock_id, quantity
            )
        self.env["crm.customer.product"].create(
            {
                "profile_id": self.profile.id,
                "partner_id": self.ida.id,
                "company_id": self.company.id,
                "product_id": filters.id,
            }
        )
        self.env["crm.customer.affinity"].create(
            {
                "company_id": self.company.id,
                "basis": "product",
                "with_product_id": filters.id,
                "product_id": cups.id,
                "group_count": 40,
                "buyer_count": 20,
                "population": 100,
                "product_count": 25,
                "lift": 2,
            }
        )
        self.env.flush_all()

    def test_cross_sell(self):
        self._create_offer(quantity=12)
        campaign = self._copy("cross_sell")
        self._happen("order_confirmed", partner_id=self.ida.id)
        self._go()

        self.assertEqual(self._go(14), ["Goes well with what you ordered"])
        self.assertIn("Enamel cups", self._mails[0]["body"])
        self._happen("campaign_replied", partner_id=self.ida.id)
        self._go()
        self._assert_told(campaign, "offer from stock")

    def test_cross_sell_offers_nothing_that_is_not_there(self):
        self._create_offer(quantity=0)
        campaign = self._copy("cross_sell")
        self._happen("order_confirmed", partner_id=self.ida.id)
        self._go()

        self.assertEqual(self._go(14), [])
        self.assertEqual(campaign.participant_ids.exit_reason, "step")

    def test_offers_of_many_are_one_question(self):
        self._create_offer(quantity=12)
        partners = self.ida + self.env["res.partner"].create(
            [{"name": f"Customer {i}"} for i in range(20)]
        )
        self.env["res.partner"]._get_stocked_products()
        partners.invalidate_recordset()
        partners.mapped("commercial_partner_id")
        with self.assertQueryCount(7):
            offers = partners.with_company(self.company).mapped("stocked_offer")
        self.assertEqual(offers, ["Enamel cups"] + [""] * 20)

    def test_overdue_reminder(self):
        campaign = self._copy("overdue_reminder")
        self._happen("invoice_overdue", partner_id=self.ida.id)
        self._go()
        self.assertEqual(self._go(5), ["Did our invoice slip through?"])
        self.assertEqual(self._go(7), ["Your invoice is still open"])

        self._happen("invoice_paid", partner_id=self.ida.id)
        self.assertEqual(self._go(7), [])
        self.assertFalse(self.ida.activity_ids)
        self.assertEqual(campaign.participant_ids.exit_reason, "event")

    def test_overdue_reminder_stops_on_a_dispute(self):
        self._copy("overdue_reminder")
        self._happen("invoice_overdue", partner_id=self.ida.id)
        self._go()
        self.assertEqual(self._go(5), ["Did our invoice slip through?"])
        self.env["crm.contact.hold"].create(
            {"partner_id": self.ida.id, "scope": "all", "note": "Half of it was broken"}
        )
        self.assertEqual(self._go(7), [])
        self.assertFalse(self.ida.activity_ids)

    def test_overdue_reminder_forgets_who_owes_nothing(self):
        self._copy("overdue_reminder")
        self._happen("invoice_overdue", partner_id=self.ida.id)
        self._go()
        self.profile.is_overdue = False
        self.assertEqual(self._go(5), [])

    def test_event_invitation(self):
        lead = self._lead()
        campaign = self._copy("event_invitation", start=False)
        problems = "\n".join(campaign._get_start_problems())
        self.assertIn("Choose the segment", problems)
        self.assertIn("[[name of the event]]", problems)
        self.assertIn("https://www.example.com/", problems)
        campaign.segment_id = self._create_segment(lead)
        for mail in campaign.step_ids.mailing_id:
            for name in ("subject", "body_arch", "body_html"):
                text = str(mail[name])
                for old, new in (
                    ("[[", ""),
                    ("]]", ""),
                    ("www.example", "ours.example"),
                ):
                    text = text.replace(old, new)
                mail[name] = text
        campaign.action_start()

        self.assertEqual(self._go(), ["You are invited: name of the event"])
        self.assertEqual(self._go(5), ["A place is still free for you"])
        self._click(self._tasks(campaign)[-2])
        self._go()
        self._assert_activity(lead, "after the reminder")

    def test_anniversary(self):
        self.profile.is_overdue = False
        campaign = self._copy("anniversary")
        now = fields.Datetime.now()
        self.env.cr.execute(
            "UPDATE res_partner SET create_date = %s WHERE id = %s",
            [now.replace(year=now.year - 3) - timedelta(hours=1), self.ida.id],
        )
        entry = campaign._get_entry()
        campaign._enrol_candidates(entry.get_candidates(now - timedelta(days=1)))
        self.assertEqual(campaign.participant_ids.partner_id, self.ida)

        self._go()
        self.assertEqual(self._go(1), ["Another year together: thank you"])

    # ------------------------------------------------------------
    # The gallery
    # ------------------------------------------------------------

    def test_templates_are_no_campaigns(self):
        templates = self.env["crm.campaign.template"].search(
            [("company_id", "=", False)]
        )
        self.assertEqual(len(templates), 11)
        for template in templates:
            self.assertTrue(template.description and template.audience)
            self.assertGreater(template.step_count, 2)
            self.assertIn("<svg", template.drawing)
            self.assertEqual(template.drawing.count("<rect"), template.step_count)

    @users("marketer")
    def test_one_click_opens_the_copy(self):
        template = self.env.ref("crm_campaigns.crm_campaign_template_event_invitation")
        action = template.with_env(self.env).action_copy_journey()
        campaign = self.env["crm.campaign"].browse(action["res_id"])
        self.assertEqual(campaign.state, "draft")
        self.assertIn("Choose the segment", str(campaign.message_ids[:1].body))

    @users("campaign_user")
    def test_user_looks_and_takes_nothing(self):
        template = self.env.ref("crm_campaigns.crm_campaign_template_welcome")
        template = template.with_env(self.env)
        self.assertTrue(template.name)
        with self.assertRaises(AccessError):
            template.action_copy_journey()
        with self.assertRaises(AccessError):
            template.name = "Mine"

    def test_own_journey_is_kept_for_its_company(self):
        journey = self._create_journey(self._lead())
        action = journey.with_user(self.marketer).action_keep_as_template()
        template = self.env["crm.campaign.template"].browse(action["res_id"])

        self.assertEqual(template.company_id, self.company)
        self.assertEqual(template.step_count, 4)
        copy, _needs = template.with_user(self.marketer)._copy_journey()
        self.assertEqual(copy._get_file_content(), journey._get_file_content())
        other = new_test_user(
            self.env,
            login="marketer_elsewhere",
            groups="crm_campaigns.crm_campaigns_group_manager",
            company_ids=[Command.set(self.company_2.ids)],
            company_id=self.company_2.id,
        )
        self.assertNotIn(
            template, self.env["crm.campaign.template"].with_user(other).search([])
        )

    def test_copy_speaks_the_language_of_whoever_takes_it(self):
        self.env["res.lang"]._activate_lang("de_DE")
        template = self.env["crm.campaign.template"].create(
            {
                "name": "Autumn",
                "content": self.env.ref(
                    "crm_campaigns.crm_campaign_template_anniversary"
                ).content,
            }
        )
        template.update_field_translations(
            "texts", {"de_DE": {"Thank you": "Danke", "Anniversary": "Jahrestag"}}
        )
        copy, _needs = template.with_context(lang="de_DE")._copy_journey()
        self.assertEqual(copy.name, "Jahrestag")
        self.assertIn("Danke", copy.step_ids.mapped("name"))

    def test_miniature(self):
        self.assertEqual(Miniature([]).draw(), "")
        drawn = Miniature(
            [
                ("1", None, "message", "<b>"),
                ("2", "1", "time", "Wait"),
                ("3", "2", "people", "Call"),
                ("4", "2", "message", "Mail"),
            ]
        )
        self.assertEqual(drawn.places["2"], drawn.places["1"][:1] + (26,))
        self.assertLess(drawn.places["3"][0], drawn.places["1"][0])
        self.assertGreater(drawn.places["4"][0], drawn.places["1"][0])
        self.assertNotIn("<b>", drawn.draw())
