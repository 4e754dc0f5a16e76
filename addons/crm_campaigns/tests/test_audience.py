from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from odoo.addons.crm_campaigns.hooks import uninstall_hook

from .common import CampaignCommon


class AudienceCommon(CampaignCommon):
    """Mailing contacts ``ida`` (the customer's contact), ``eva`` (nobody's), ``noah``
    without address; lists ``news`` and ``offers``.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.news, cls.offers = cls.env["mailing.list"].create(
            [{"name": "News"}, {"name": "Offers"}]
        )
        cls.ida, cls.eva, cls.noah = cls.contacts = cls.env["mailing.contact"].create(
            [
                {"name": "Ida", "email": "Ida@Brandt.example"},
                {"name": "Eva", "email": "eva@nobody.example"},
                {"name": "Noah"},
            ]
        )

    def _found(self, records, **fact):
        segment = self._create_segment(records, fact_ids=[Command.create(fact)])
        return records.browse(
            segment.member_ids.filtered("is_current").mapped("res_id")
        )


@tagged("post_install", "-at_install", "crm_campaigns_audience")
class TestMailingContactSegment(AudienceCommon):
    def test_holds_mailing_contacts(self):
        segment = self._create_segment(self.contacts)
        self.assertEqual(segment.member_ids.mailing_contact_id, self.contacts)
        members = {m.mailing_contact_id: m for m in segment.member_ids}
        self.assertEqual(members[self.ida].partner_id, self.customer_contact)
        self.assertFalse(members[self.eva].partner_id)
        self.assertEqual(self.ida.segment_ids, segment)
        self.assertFalse(self.customer_contact.segment_ids, "the address is a member")
        self.assertEqual(
            self.env["mailing.contact"].search([("segment_ids", "=", segment.id)]),
            self.contacts,
        )

    def test_joins_when_written(self):
        segment = self._create_segment(
            self.contacts, domain="[('company_name', '=', 'Roastery')]"
        )
        self.eva.company_name = "Roastery"
        self._harvest_queued()
        self.assertEqual(
            segment.member_ids.filtered("is_current").mailing_contact_id, self.eva
        )
        self.eva.company_name = "Bakery"
        self._harvest_queued()
        self.assertFalse(segment.member_count)

    def test_pins_and_why(self):
        segment = self._create_segment(self.ida)
        self.env["crm.segment.add"].with_context(
            active_model="mailing.contact", active_ids=self.eva.ids
        ).create({"segment_id": segment.id, "kind": "in"}).action_apply()
        self.assertEqual(segment.member_ids.mailing_contact_id, self.ida + self.eva)
        self.assertEqual(segment.pin_ids.mailing_contact_id, self.eva)
        action = segment.member_ids[0].action_why()
        wizard = self.env["crm.segment.why"].with_context(**action["context"])
        self.assertIn("A member since", wizard.create({}).why)

    def test_touchpoints_of_known_contacts_only(self):
        segment = self._create_segment(self.contacts)
        self._harvest_queued()
        self.env["crm.touchpoint"]._harvest(["segment_joined"])
        touchpoints = self.env["crm.touchpoint"].search(
            [
                ("res_model", "=", "crm.segment.member"),
                ("res_id", "in", segment.member_ids.ids),
            ]
        )
        self.assertEqual(touchpoints.partner_id, self.customer_contact)
        self.assertEqual(len(touchpoints), 1)

    def test_sellers_do_not_see_addresses(self):
        segment = self._create_segment(self.ida)
        self.env.flush_all()
        self.env.invalidate_all()
        member = segment.member_ids.with_user(self.seller)
        self.assertNotIn("Ida", member.display_name)
        with self.assertRaises(AccessError):
            member.read(["mailing_contact_id"])
        self.env.invalidate_all()
        marketer = segment.member_ids.with_user(self.campaign_manager)
        self.assertIn("Ida", marketer.display_name)

    def test_campaigns_follow_leads_and_contacts_only(self):
        campaign = self._create_campaign(segment=self._create_segment(self.ida))
        self._add_step(campaign, "mail")
        with self.assertRaisesRegex(UserError, "leads or of contacts"):
            campaign.action_start()


@tagged("post_install", "-at_install", "crm_campaigns_audience")
class TestMailFacts(AudienceCommon):
    def test_consent(self):
        Subscription = self.env["mailing.subscription"]
        Subscription.create(
            [
                {"contact_id": self.ida.id, "list_id": self.news.id},
                {"contact_id": self.eva.id, "list_id": self.news.id, "opt_out": True},
            ]
        )
        news = [Command.set(self.news.ids)]
        nobody = self.contacts.browse()
        for fact, expected in (
            ({"kind": "subscribed", "list_ids": news}, self.ida),
            (
                {"kind": "subscribed", "list_ids": news, "is_not": True},
                self.eva + self.noah,
            ),
            ({"kind": "opted_out", "list_ids": news}, self.eva),
            ({"kind": "opted_out"}, nobody),
            ({"kind": "opted_out", "is_not": True}, self.contacts),
        ):
            with self.subTest(fact=fact):
                self.assertEqual(self._found(self.contacts, **fact), expected)
        # of partners and leads, by the same address
        lead = self._create_leads(email_from="eva@nobody.example")
        self.assertEqual(self._found(lead, kind="opted_out", list_ids=news), lead)
        partners = self.customer_contact + self.customer
        self.assertEqual(
            self._found(partners, kind="subscribed", list_ids=news),
            self.customer_contact,
            "not the company of who is subscribed",
        )
        self.env["mail.blacklist"]._add("ida@brandt.example")
        self.assertEqual(self._found(self.contacts, kind="opted_out"), self.ida)
        self.assertEqual(
            self._found(self.contacts, kind="subscribed", list_ids=news), nobody
        )
        with self.assertRaises(ValidationError):
            self._found(self.contacts, kind="subscribed")

    def test_opened_and_clicked_by_people(self):
        now = fields.Datetime.now()
        sent = now - timedelta(days=20)
        first, second = (self._create_mailing("mailing.contact") for _i in range(2))
        self.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 5)
        opened = self._create_trace(
            self.ida,
            first,
            sent_datetime=sent,
            open_datetime=sent + timedelta(hours=1),
        )
        # a scanner, a second after it was sent
        self._create_trace(
            self.eva,
            first,
            sent_datetime=sent,
            open_datetime=sent + timedelta(seconds=1),
        )
        link = self._create_link(first)
        Click = self.env["link.tracker.click"]
        by_person = Click.create({"link_id": link.id, "mailing_trace_id": opened.id})
        by_person.machine_reason = False
        for kind in ("mail_opened", "mail_clicked"):
            for fact, expected in (
                ({}, self.ida),
                ({"mailing_ids": [Command.set(first.ids)]}, self.ida),
                ({"mailing_ids": [Command.set(second.ids)]}, self.contacts.browse()),
                ({"is_not": True}, self.eva + self.noah),
                ({"times": 2}, self.contacts.browse()),
            ):
                with self.subTest(kind=kind, fact=fact):
                    self.assertEqual(
                        self._found(self.contacts, kind=kind, **fact), expected
                    )
        nobody = self.contacts.browse()
        self.assertEqual(
            self._found(self.contacts, kind="mail_opened", days=10), nobody
        )
        by_person.machine_reason = "agent"
        self.assertEqual(self._found(self.contacts, kind="mail_clicked"), nobody)
        self.assertEqual(
            self._found(self.customer_contact, kind="mail_opened"),
            self.customer_contact,
        )

    def test_mails_of_a_campaign(self):
        lead = self._create_leads(email_from="eva@nobody.example")
        campaign = self._create_journey(lead)
        self.mail._prepare_mailings()
        fact = {
            "kind": "mail_opened",
            "campaign_ids": [Command.set(campaign.ids)],
        }
        self.assertFalse(self._found(lead, **fact))
        self._create_trace(
            lead, self.mail.mailing_id, open_datetime=fields.Datetime.now()
        )
        self.assertEqual(self._found(lead, **fact), lead)

    def test_words_and_what_stands_behind(self):
        segment = self._create_segment(
            self.contacts,
            user_id=self.campaign_manager.id,
            company_id=self.company.id,
            fact_ids=[
                Command.create({"kind": "opted_out", "is_not": True}),
                Command.create({"kind": "mail_opened", "days": 30}),
                Command.create(
                    {"kind": "subscribed", "list_ids": [Command.set(self.news.ids)]}
                ),
            ],
        ).with_user(self.campaign_manager)
        self.env["mailing.subscription"].create(
            {"contact_id": self.ida.id, "list_id": self.news.id}
        )
        lines = {
            line["text"]: (line["holds"], line["present"])
            for line in segment._explain(self.ida.with_user(self.campaign_manager))[
                "lines"
            ]
        }
        self.assertEqual(
            lines["did not opt out of marketing mail"], (True, "not subscribed")
        )
        self.assertEqual(
            lines["opened any of our mails in the last 30 days"], (False, "never")
        )
        self.assertEqual(lines["subscribed to News"], (True, "subscribed to News"))

    def test_who_may_not_mail_builds_other_facts(self):
        """A sales manager saves a segment; lists and mailings are not of his."""
        with Form(self.env["crm.segment"].with_user(self.manager)) as form:
            form.name = "Bought"
            form.target = "res.partner"
            with form.fact_ids.new() as line:
                line.kind = "bought"
        self.assertEqual(form.record.fact_ids.summary, "bought anything")


@tagged("post_install", "-at_install", "crm_campaigns_audience")
class TestRefreshAtOnce(AudienceCommon):
    """Segments of mailing contacts, contacts and leads that ask who may be mailed, of
    Ida, who is a contact, and Eva, who is a lead.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls._create_leads(email_from="eva@nobody.example")
        cls.records = {
            "mailing.contact": cls.contacts,
            "res.partner": cls.customer_contact,
            "crm.lead": cls.lead,
        }
        fact = {"kind": "subscribed", "list_ids": [Command.set(cls.news.ids)]}
        cls.segments = {
            model: cls._create_segment(records, fact_ids=[Command.create(fact)])
            for model, records in cls.records.items()
        }
        cls._finish()

    @classmethod
    def _finish(cls):
        """What the commit of the transaction would do."""
        cls.env.flush_all()
        cls.env.cr.precommit.run()

    def _members(self, model="mailing.contact"):
        self._finish()
        return self.records[model].browse(
            self.segments[model]
            .member_ids.filtered("is_current")
            .sorted("res_id")
            .mapped("res_id")
        )

    def _subscribe(self, contact):
        return self.env["mailing.subscription"].create(
            {"contact_id": contact.id, "list_id": self.news.id}
        )

    def test_subscribing_and_unsubscribing(self):
        self.assertFalse(self._members())

        subscriptions = self._subscribe(self.ida) + self._subscribe(self.eva)
        self.assertEqual(self._members(), self.ida + self.eva)
        self.assertEqual(self._members("res.partner"), self.customer_contact)
        self.assertEqual(self._members("crm.lead"), self.lead)

        self.news._update_subscription_from_email("Ida@Brandt.example", opt_out=True)
        self.assertEqual(self._members(), self.eva)
        self.assertFalse(self._members("res.partner"))

        self.news._update_subscription_from_email("ida@brandt.example", opt_out=False)
        self.assertEqual(self._members(), self.ida + self.eva)

        subscriptions.unlink()
        for model in self.segments:
            self.assertFalse(self._members(model), model)

    def test_opting_out_by_its_date(self):
        subscription = self._subscribe(self.ida)
        self.assertEqual(self._members(), self.ida)
        subscription.opt_out_datetime = fields.Datetime.now()
        self.assertFalse(self._members())

    def test_written_past_the_subscription(self):
        """By the list of lists of a contact, by the list of contacts of a list."""
        self.ida.list_ids = self.news
        self.assertEqual(self._members("res.partner"), self.customer_contact)
        self.ida.list_ids = [Command.clear()]
        self.assertFalse(self._members("res.partner"))

        self.news.contact_ids = [Command.link(self.eva.id)]
        self.assertEqual(self._members(), self.eva)
        self.assertEqual(self._members("crm.lead"), self.lead)
        self.news.contact_ids = [Command.set(self.ida.ids)]
        self.assertEqual(self._members(), self.ida)
        self.assertFalse(self._members("crm.lead"))
        self.news.contact_ids = [Command.clear()]
        self.assertFalse(self._members())

    def test_blocking_an_address(self):
        self._subscribe(self.ida)
        self.assertEqual(self._members(), self.ida)
        self.env["mail.blacklist"]._add("Ida@Brandt.example")
        self.assertFalse(self._members())
        self.assertFalse(self._members("res.partner"))
        self.env["mail.blacklist"]._remove("ida@brandt.example")
        self.assertEqual(self._members(), self.ida)
        self.assertEqual(self._members("res.partner"), self.customer_contact)

    def test_another_address(self):
        self._subscribe(self.ida)
        self.assertEqual(self._members("res.partner"), self.customer_contact)
        self.ida.email = "eva@nobody.example"
        self.assertFalse(self._members("res.partner"))
        self.assertEqual(self._members("crm.lead"), self.lead)
        # Eva's address is on the list by another contact
        self.assertEqual(self._members(), self.ida + self.eva)
        self.ida.unlink()
        self.assertFalse(self._members())
        self.assertFalse(self._members("crm.lead"))

    def test_created_on_a_list(self):
        twin = self.env["mailing.contact"].create(
            {"email": "eva@nobody.example", "list_ids": [Command.set(self.news.ids)]}
        )
        self.assertTrue(twin.id)
        self.assertEqual(self._members("crm.lead"), self.lead)
        self.assertEqual(self._members(), self.eva, "the segment is of three contacts")

    def test_condition_on_lists(self):
        segment = self._create_segment(
            self.contacts, domain=f"[('list_ids', 'in', {self.offers.ids})]"
        )
        self.env["mailing.subscription"].create(
            {"contact_id": self.noah.id, "list_id": self.offers.id}
        )
        self._finish()
        self.assertEqual(segment.member_ids.mailing_contact_id, self.noah, "no address")

    def test_what_whoever_has_the_address_did(self):
        kind = self.env.ref("crm_plus.crm_touchpoint_kind_email_in")
        segment = self._create_segment(
            self.contacts,
            fact_ids=[
                Command.create(
                    {"kind": "touched", "touchpoint_kind_ids": [Command.set(kind.ids)]}
                )
            ],
        )
        self.assertFalse(segment.member_ids)
        self.env["mail.message"].create(
            {
                "model": "res.partner",
                "res_id": self.customer_contact.id,
                "message_type": "email",
                "subtype_id": self.env.ref("mail.mt_comment").id,
                "author_id": self.customer_contact.id,
                "date": fields.Datetime.now() - timedelta(hours=1),
                "body": "We need tea.",
            }
        )
        self._finish()
        self.assertEqual(segment.member_ids.mailing_contact_id, self.ida)

    def test_lists_that_follow_segments_do_not_run_in_circles(self):
        """A list of those who are not on it: each night, not each second."""
        fact = {
            "kind": "subscribed",
            "is_not": True,
            "list_ids": [Command.set(self.offers.ids)],
        }
        segment = self._create_segment(self.contacts, fact_ids=[Command.create(fact)])
        self.offers.segment_id = segment
        self.assertEqual(self.offers._sync(), (2, 0))
        self._finish()
        self.assertEqual(segment.member_count, 3)

    def test_without_such_segments_nothing_is_asked(self):
        """Trap D19."""
        for segment in self.segments.values():
            segment.active = False
        self._finish()
        subscription = self._subscribe(self.ida)
        self._finish()
        with self.assertQueryCount(0):
            self.env["crm.segment"]._get_consent_targets()
            subscription._queue_refresh_consent()

    def test_queries_do_not_grow(self):
        def queries(count):
            contacts = self.env["mailing.contact"].create(
                [{"email": f"m{count}-{i}@many.example"} for i in range(count)]
            )
            self.records["mailing.contact"] = contacts
            self.segments["mailing.contact"].domain = repr([("id", "in", contacts.ids)])
            self._finish()
            subscriptions = self.env["mailing.subscription"].create(
                [
                    {"contact_id": contact.id, "list_id": self.news.id}
                    for contact in contacts
                ]
            )
            self.assertEqual(self._members(), contacts)
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            subscriptions.opt_out = True
            self._finish()
            found = self.env.cr.sql_log_count - before
            self.assertFalse(self._members())
            return found

        queries(2)
        self.assertEqual(queries(3), queries(50))


@tagged("post_install", "-at_install", "crm_campaigns_audience")
class TestMailingOnSegment(AudienceCommon):
    def test_only_those_in_the_segment(self):
        for records in (
            self._create_leads(3, email_from="a@b.example"),
            self.customer + self.customer_2 + self.customer_contact,
            self.contacts,
        ):
            with self.subTest(model=records._name):
                segment = self._create_segment(records[1])
                mailing = self._create_mailing(
                    records._name,
                    mailing_domain=repr([("id", "in", records.ids)]),
                    segment_id=segment.id,
                )
                self.assertEqual(mailing._get_recipients(), records[1].ids)
                self.assertEqual(mailing.segment_recipient_count, 1)
                mailing.segment_id = False
                self.assertEqual(set(mailing._get_recipients()), set(records.ids))

    def test_of_a_list_those_in_the_segment(self):
        self.news.contact_ids = self.ida + self.eva
        segment = self._create_segment(self.eva + self.noah)
        mailing = self._create_mailing(
            "mailing.list",
            contact_list_ids=[Command.set(self.news.ids)],
            segment_id=segment.id,
        )
        self.assertEqual(mailing._get_recipients(), self.eva.ids)

    def test_segment_of_other_records(self):
        segment = self._create_segment(self.customer)
        with self.assertRaises(ValidationError):
            self._create_mailing("crm.lead").segment_id = segment
        mailing = self._create_mailing("res.partner", segment_id=segment.id)
        mailing.mailing_model_id = self.env["ir.model"]._get_id("crm.lead")
        self.assertFalse(mailing.segment_id)

    def test_used_segment_is_not_deleted(self):
        segment = self._create_segment(self.customer)
        self._create_mailing("res.partner", segment_id=segment.id)
        with self.assertRaisesRegex(UserError, "Autumn roast"):
            segment.unlink()

    def test_only_marketing_mails_segments(self):
        """Else whoever mails could reach people that only others may see."""
        segment = self._create_segment(self.customer)
        mailing = self._create_mailing("res.partner")
        mailer = self.env["res.users"].create(
            {
                "name": "Mailer",
                "login": "mailer",
                "email": "mailer@test.example.com",
                "group_ids": [
                    Command.link(self.env.ref(name).id)
                    for name in (
                        "mass_mailing.group_mass_mailing_user",
                        "crm_plus.crm_plus_group_user",
                    )
                ],
            }
        )
        with self.assertRaises(AccessError):
            mailing.with_user(mailer).segment_id = segment
        with self.assertRaises(AccessError):
            self.news.with_user(mailer).segment_id = segment
        with self.assertRaises(AccessError):
            self.env["mailing.mailing"].with_user(mailer).with_context(
                default_segment_id=segment.id
            ).create(
                {
                    "subject": "Autumn roast",
                    "mailing_model_id": self.env["ir.model"]._get_id("res.partner"),
                }
            )
        mailing.with_user(self.campaign_manager).segment_id = segment


@tagged("post_install", "-at_install", "crm_campaigns_audience")
class TestMailingListSync(AudienceCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.leads = cls._create_leads(3)
        for lead, name in zip(cls.leads, ("ida@brandt", "uma@a", "lou@b"), strict=True):
            lead.write({"email_from": f"{name}.example", "contact_name": name})
        cls.segment = cls._create_segment(
            cls.leads,
            domain=repr([("id", "in", cls.leads.ids), ("priority", "!=", "3")]),
        )
        cls.news.segment_id = cls.segment
        cls.ida_lead, cls.uma, cls.lou = cls.leads

    def _sync(self):
        self.segment._refresh()
        result = self.news._sync()
        self.env.invalidate_all()
        return result

    def _subscribed(self):
        return sorted(
            self.env["mailing.subscription"]
            .search([("list_id", "=", self.news.id), ("opt_out", "=", False)])
            .contact_id.mapped("email_normalized")
        )

    def _subscription(self, email):
        return self.env["mailing.subscription"].search(
            [
                ("list_id", "=", self.news.id),
                ("contact_id.email_normalized", "=", email),
            ]
        )

    def _moves(self, email):
        return [
            (move.kind, move.reason)
            for move in self.env["crm.mailing.list.move"].search(
                [("list_id", "=", self.news.id), ("email", "=", email)], order="id"
            )
        ]

    def test_members_come_and_go(self):
        self.assertEqual(self._sync(), (3, 0))
        self.assertEqual(
            self._subscribed(), ["ida@brandt.example", "lou@b.example", "uma@a.example"]
        )
        contact = self._subscription("ida@brandt.example").contact_id
        self.assertEqual(contact, self.ida, "whom we know is not made again")
        self.assertEqual(self._subscription("uma@a.example").contact_id.name, "uma@a")
        self.assertEqual(self._sync(), (0, 0))

        self.uma.priority = "3"
        self.assertEqual(self._sync(), (0, 1))
        self.assertNotIn("uma@a.example", self._subscribed())

        self.uma.priority = "0"
        self.assertEqual(self._sync(), (1, 0))
        self.assertEqual(
            self._moves("uma@a.example"),
            [("joined", "segment"), ("left", "left"), ("joined", "segment")],
        )

    def test_who_unsubscribed_is_never_subscribed_again(self):
        self._sync()
        self._subscription("uma@a.example").opt_out = True
        self.assertEqual(self._sync(), (0, 0))
        # leaves, and joins again
        self.uma.priority = "3"
        self._sync()
        self.assertTrue(self._subscription("uma@a.example").opt_out, "the wish stays")
        self.uma.priority = "0"
        self._sync()
        self.assertTrue(self._subscription("uma@a.example").opt_out)
        # not even when somebody deletes the row
        self._subscription("uma@a.example").unlink()
        self.assertEqual(self._sync(), (0, 0))
        self.assertNotIn("uma@a.example", self._subscribed())
        self.assertEqual(self._moves("uma@a.example")[-1][0], "kept_out")

    def test_unsubscribed_before_by_another_contact_of_the_address(self):
        twin = self.env["mailing.contact"].create(
            {"name": "Uma", "email": "UMA@a.example"}
        )
        self.env["mailing.subscription"].create(
            {"contact_id": twin.id, "list_id": self.news.id, "opt_out": True}
        )
        self.assertEqual(self._sync(), (2, 0))
        self._sync()
        self.assertEqual(self._moves("uma@a.example"), [("kept_out", "unsubscribed")])

    def test_taken_off_by_hand_stays_off(self):
        self._sync()
        self._subscription("uma@a.example").unlink()
        # as the client's list of lists does, past the model
        self._subscription("lou@b.example").contact_id.list_ids = [Command.clear()]
        self.env.flush_all()
        self.env.invalidate_all()
        for _turn in range(2):
            self.assertEqual(self._sync(), (0, 0))
        self.assertEqual(self._subscribed(), ["ida@brandt.example"])
        for email in ("uma@a.example", "lou@b.example"):
            self.assertEqual(
                self._moves(email), [("joined", "segment"), ("kept_out", "removed")]
            )
        # leaving and joining the segment changes nothing
        self.uma.priority = "3"
        self._sync()
        self.uma.priority = "0"
        self.assertEqual(self._sync(), (0, 0))

    def test_subscribed_by_hand_stays_on(self):
        self.env["mailing.subscription"].create(
            {"contact_id": self.ida.id, "list_id": self.news.id}
        )
        self._sync()
        self.ida_lead.priority = "3"
        self._sync()
        self.assertIn("ida@brandt.example", self._subscribed())

    def test_blocked_addresses(self):
        self.env["mail.blacklist"]._add("uma@a.example")
        self.assertEqual(self._sync(), (2, 0))
        self._sync()
        self.assertEqual(self._moves("uma@a.example"), [("kept_out", "blocked")])
        self.env["mail.blacklist"]._remove("uma@a.example")
        self.assertEqual(self._sync(), (1, 0))

    def test_scheduler_follows_the_segment(self):
        cron = self.env.ref("crm_campaigns.ir_cron_sync_mailing_lists")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertEqual(len(self._subscribed()), 3)
        self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]).unlink()
        self.uma.priority = "3"
        self._harvest_queued()
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]))

    def test_segments_of_contacts_and_mailing_contacts(self):
        self.offers.segment_id = self._create_segment(self.contacts)
        self.offers._sync()
        self.assertEqual(self.offers.contact_ids, self.ida + self.eva)
        self.offers.segment_id = self._create_segment(self.customer_contact)
        self.assertEqual(self.offers._sync(), (0, 1))
        self.env.invalidate_all()
        self.assertEqual(self.offers.contact_ids, self.ida)

    def test_queries_do_not_grow(self):
        def queries(count):
            leads = self.env["crm.lead"].create(
                [
                    {"name": "L", "email_from": f"p{count}-{i}@many.example"}
                    for i in range(count)
                ]
            )
            mailing_list = self.env["mailing.list"].create({"name": "Many"})
            mailing_list.segment_id = self._create_segment(leads)
            self.env.flush_all()
            self.env.cr.precommit.clear()
            before = self.env.cr.sql_log_count
            self.assertEqual(mailing_list._sync(), (count, 0))
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        queries(3)
        self.assertLess(queries(203) - queries(4), 40)

    def test_used_segment_is_not_deleted(self):
        with self.assertRaisesRegex(UserError, "News"):
            self.segment.unlink()

    def test_rights(self):
        self._sync()
        moves = self.env["crm.mailing.list.move"]
        self.assertTrue(moves.with_user(self.campaign_manager).search([]))
        with self.assertRaises(AccessError):
            moves.with_user(self.seller).search([])
        with self.assertRaises(AccessError):
            moves.with_user(self.campaign_manager).search([], limit=1).unlink()

    def test_uninstall_frees_segments(self):
        uninstall_hook(self.env)
        self.assertFalse(self.news.segment_id)
