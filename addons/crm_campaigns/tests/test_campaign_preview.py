import json

from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user, tagged

from .common import CampaignCommon

UNSUBSCRIBE = '<p><a href="/unsubscribe_from_list">Unsubscribe</a></p>'


def _block(domain, text):
    """A block for some, as Odoo's mail editor writes it."""
    python = repr([tuple(part) for part in domain])
    return (
        f"<section data-filter-domain='{json.dumps(domain)}' "
        f't-if="object.filtered_domain({python})"><p>{text}</p></section>'
    )


@tagged("post_install", "-at_install", "crm_campaigns")
class TestCampaignPreview(CampaignCommon):
    """Blocks of mails that are for some, and mails as a certain person gets them."""

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
        cls.ida, cls.ola, cls.eva = cls._create_leads(3)
        for lead, name in ((cls.ida, "ida"), (cls.ola, "ola"), (cls.eva, "eva")):
            lead.write({"email_from": f"{name}@many.example", "contact_name": name})
        cls.ida.expected_revenue = 50_000
        cls.regulars = cls._create_segment(cls.ola, name="Regulars")
        cls.body = (
            '<p>Hello <t t-out="object.contact_name">you</t></p>'
            + _block([["expected_revenue", ">", 10_000]], "Big deals")
            + _block([["segment_ids", "in", cls.regulars.ids]], "For regulars")
            + UNSUBSCRIBE
        )
        leads = cls.ida + cls.ola + cls.eva
        cls.campaign = cls._create_campaign(leads, user_id=cls.marketer.id)
        cls.mail = cls._add_step(
            cls.campaign, "mail", subject="For {{object.contact_name}}", body=cls.body
        )
        cls.mailing = cls.mail.mailing_id

    def test_each_gets_the_blocks_for_them(self):
        self.campaign.action_start()
        self._run(1)

        bodies = {mail["email_to"][0]: mail["body"] for mail in self._mails}
        self.assertEqual(len(bodies), 3)
        for email, body in bodies.items():
            self.assertEqual("Big deals" in body, "ida@" in email)
            self.assertEqual("For regulars" in body, "ola@" in email)
            self.assertNotIn("filter", body, "nobody reads for whom it is")
            self.assertIn(f"Hello {email.split('@')[0][-3:]}", body)

    def test_conditions_are_asked_once_for_all(self):
        def count(leads):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.mailing.with_context(crm_campaigns_engine=True)._render_field(
                "body_html", leads.ids
            )
            return self.env.cr.sql_log_count - before

        many = self._create_leads(30)
        few = count(self.ida + self.ola)
        self.assertLessEqual(count(many), few)

    def test_preview_is_what_the_person_gets(self):
        action = self.mail.with_user(self.marketer).action_preview_mail()
        self.assertEqual(action["res_model"], "mailing.mailing.test")
        Test = self.env["mailing.mailing.test"].with_user(self.marketer)
        form = Form(Test.with_context(**action["context"]))

        form.sample_ref = f"crm.lead,{self.ola.id}"
        self.assertEqual(form.sample_subject, "For ola")
        self.assertIn("For regulars", form.sample_body)
        self.assertNotIn("Big deals", form.sample_body)
        self.assertEqual(form.sample_address, self.ola.email_from)
        self.ida.partner_id = self.customer
        form.sample_ref = f"crm.lead,{self.ida.id}"
        self.assertEqual(form.sample_subject, "For ida")
        self.assertEqual(form.sample_address, self.customer.email_formatted)
        self.assertIn("Big deals", form.sample_body)

    def test_first_sample_is_somebody_on_the_way(self):
        self.campaign.action_start()
        test = self.env["mailing.mailing.test"].create(
            {"mass_mailing_id": self.mailing.id, "email_to": "me@test.example.com"}
        )
        self.assertIn(test.sample_ref, self.campaign.participant_ids.lead_id)

    def test_sent_test_is_that_of_the_person(self):
        test = (
            self.env["mailing.mailing.test"]
            .with_user(self.marketer)
            .create(
                {
                    "mass_mailing_id": self.mailing.id,
                    "email_to": "me@test.example.com",
                    "sample_ref": f"crm.lead,{self.ola.id}",
                }
            )
        )
        with self.mock_mail_gateway():
            test.send_mail_test()

        [mail] = self._mails
        self.assertEqual(mail["subject"], "[TEST] For ola")
        self.assertIn("For regulars", mail["body"])
        self.assertNotIn("Big deals", mail["body"])
        self.assertFalse(
            self.env["mailing.trace"].search(
                [("mass_mailing_id", "=", self.mailing.id)]
            )
        )
        self.assertFalse(self.campaign.participant_ids)

    def test_nobody_previews_whom_they_may_not_read(self):
        own = new_test_user(
            self.env,
            login="own_leads",
            groups="crm_campaigns.crm_campaigns_group_manager,"
            "sales_team.group_sale_salesman",
            company_id=self.company.id,
        )
        self.ida.user_id = self.seller
        test = self.env["mailing.mailing.test"].with_user(own)
        test = test.create(
            {"mass_mailing_id": self.mailing.id, "email_to": "me@test.example.com"}
        )
        test.sample_ref = f"crm.lead,{self.ida.id}"
        with self.assertRaises(AccessError):
            test.mapped("sample_body")
        with self.assertRaises(AccessError):
            test.send_mail_test()

    def test_proposed_is_only_whom_one_may_read(self):
        own = new_test_user(
            self.env,
            login="own_leads",
            groups="crm_campaigns.crm_campaigns_group_manager,"
            "sales_team.group_sale_salesman",
            company_id=self.company.id,
        )
        self.env["crm.lead"].search([]).user_id = self.seller
        self.ola.user_id = own
        Test = self.env["mailing.mailing.test"].with_user(own)
        values = {"mass_mailing_id": self.mailing.id, "email_to": "me@x.example"}

        self.assertEqual(Test.create(values).sample_ref, self.ola)
        self.ola.user_id = self.seller
        test = Test.create(values)
        self.assertFalse(test.sample_ref)
        self.assertFalse(test.sample_body)

    def test_other_mailings_have_the_dialog_as_ever(self):
        mailing = self._create_mailing()
        test = self.env["mailing.mailing.test"].create(
            {"mass_mailing_id": mailing.id, "email_to": "me@test.example.com"}
        )
        test.sample_ref = False
        with self.mock_mail_gateway():
            test.send_mail_test()
        self.assertEqual(len(self._mails), 1)

    def test_blocks_travel_with_the_file(self):
        content = self.campaign._get_file_content()
        [step] = content["steps"]
        [reference] = step["mail"]["records"]["segment_ids"].values()
        self.assertEqual(reference["name"], "Regulars")

        self.regulars.name = "Gone"
        other = self._create_segment(self.eva, name="Regulars")
        campaign, missing = self.env["crm.campaign"]._import_file(
            json.dumps({"format": "crm_campaigns.journey", "version": 1, **content})
        )
        self.assertFalse(missing)
        self.assertIn(f"[{other.id}]", campaign.step_ids.mailing_id.body_html)


@tagged("post_install", "-at_install", "crm_campaigns")
class TestStepForm(CampaignCommon):
    def test_who_only_sees_campaigns_opens_any_step(self):
        """Steps name fields, which Odoo shows to administrators only."""
        for kind in self.env["crm.campaign.step"]._get_kind_classes():
            with self.subTest(kind):
                view = Form(
                    self.env["crm.campaign.step"]
                    .with_user(self.campaign_manager)
                    .with_context(default_kind=kind)
                )
                self.assertEqual(view.kind, kind)
        step = self._create_journey(self._create_leads(1)).step_ids[0]
        spec = {
            name: {"fields": {"display_name": {}}}
            for name, field in step._fields.items()
            if field.type in ("many2one", "many2many")
            and field.comodel_name == "ir.model.fields"
        }
        self.assertTrue(spec)
        self.assertTrue(step.with_user(self.campaign_user).web_read(spec))
        campaign = step.campaign_id.with_user(self.campaign_user)
        spec = {"possible_model_ids": {"fields": {"display_name": {}}}}
        self.assertTrue(campaign.web_read(spec)[0]["possible_model_ids"])
        found = (
            self.env["ir.model.fields"]
            .with_user(self.campaign_manager)
            .name_search("stage", [("model", "=", "crm.lead")])
        )
        self.assertTrue(found)
