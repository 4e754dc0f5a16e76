from contextlib import contextmanager
from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user

from odoo.addons.crm_plus.tests.common import CrmPlusCommon
from odoo.addons.crm_plus.tests.test_customer_profile import CustomerProfileCommon

BODY = (
    '<p>Hello <t t-out="object.name"/>, <a href="https://brandt.example/autumn">see</a>'
    '</p><p><a href="/unsubscribe_from_list">Unsubscribe</a></p>'
)


class CampaignCommon(CrmPlusCommon):
    """See ``CrmPlusCommon`` for the sellers and customers. Besides:

    LOGIN             COMPANY          GROUPS
    campaign_user     company_admin    Campaigns: User
    campaign_manager  company_admin    Campaigns: Administrator

    The marketer's standard journey, ``_create_journey``::

        Mail 1 ─ Wait for a click ─┬─ if so:  Call (activity)
                                   └─ if not: Mail 2
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.campaign_user, cls.campaign_manager = (
            new_test_user(
                cls.env,
                login=f"campaign_{level}",
                groups=f"crm_campaigns.crm_campaigns_group_{level}",
                company_id=cls.company.id,
                email=f"campaign_{level}@test.example.com",
            )
            for level in ("user", "manager")
        )
        cls.env["crm.campaign"].search([("state", "=", "running")]).action_stop()
        cls.env["ir.config_parameter"].set_param("crm_campaigns.machine_seconds", 0)

    # ------------------------------------------------------------
    # Odoo's own mailings
    # ------------------------------------------------------------

    @classmethod
    def _create_mailing(cls, model="crm.lead", **values):
        return cls.env["mailing.mailing"].create(
            {
                "subject": "Autumn roast",
                "mailing_model_id": cls.env["ir.model"]._get_id(model),
                "body_html": '<p><a href="https://brandt.example/autumn">See</a></p>',
                **values,
            }
        )

    @classmethod
    def _create_trace(cls, record, mailing=None, **values):
        mailing = mailing or cls._create_mailing(record._name)
        return cls.env["mailing.trace"].create(
            {
                "mass_mailing_id": mailing.id,
                "model": record._name,
                "res_id": record.id,
                "email": record.email_normalized,
                "message_id": f"<{record._name}-{record.id}@test.example>",
                **values,
            }
        )

    @classmethod
    def _create_link(cls, mailing, url="https://brandt.example/autumn"):
        return cls.env["link.tracker"].create(
            {"url": url, "title": "Autumn", "mass_mailing_id": mailing.id}
        )

    # ------------------------------------------------------------
    # Campaigns
    # ------------------------------------------------------------

    @classmethod
    def _create_segment(cls, records, **values):
        """A segment that holds these records."""
        segment = cls.env["crm.segment"].create(
            {
                "name": "Audience",
                "target": records._name,
                "domain": repr([("id", "in", records.ids)]),
                "user_id": cls.env.ref("base.user_root").id,
                "company_id": False,
                **values,
            }
        )
        segment._refresh()
        return segment

    @classmethod
    def _create_campaign(cls, records=None, segment=None, **values):
        segment = segment or cls._create_segment(records)
        return cls.env["crm.campaign"].create(
            {
                "name": "Autumn",
                "segment_id": segment.id,
                "user_id": cls.campaign_manager.id,
                "email_from": "Marketing <marketing@test.example.com>",
                "company_id": cls.company.id,
                **values,
            }
        )

    @classmethod
    def _add_step(cls, campaign, kind, parent=None, branch="next", **values):
        defaults = {
            "mail": {"subject": "Autumn roast", "body": BODY},
            "wait_click": {"delay_count": 3, "delay_unit": "days"},
            "wait": {"delay_count": 2, "delay_unit": "days"},
            "activity": {
                "activity_type_id": cls.env.ref("mail.mail_activity_data_call").id,
                "activity_summary": "Call them",
            },
        }
        return cls.env["crm.campaign.step"].create(
            {
                "campaign_id": campaign.id,
                "name": kind,
                "kind": kind,
                "parent_id": parent.id if parent else False,
                "branch": branch,
                **defaults.get(kind, {}),
                **values,
            }
        )

    @classmethod
    def _create_journey(cls, records=None, **values):
        """Return a campaign; its steps: ``mail``, ``wait``, ``call``, ``mail_2``."""
        campaign = cls._create_campaign(records, **values)
        cls.mail = cls._add_step(campaign, "mail", name="Mail 1")
        cls.wait = cls._add_step(campaign, "wait_click", cls.mail, name="Click?")
        cls.call = cls._add_step(campaign, "activity", cls.wait, "yes", name="Call")
        cls.mail_2 = cls._add_step(
            campaign, "mail", cls.wait, "no", name="Mail 2", subject="Still there?"
        )
        return campaign

    # ------------------------------------------------------------
    # Time passes
    # ------------------------------------------------------------

    def _run(self, rounds=4):
        """Let the scheduler run until nothing is due; mails end in ``self._mails``."""
        with self._sending():
            for _round in range(rounds):
                self.cron.method_direct_trigger()
        self.env.invalidate_all()

    def _run_cron(self, xmlid):
        """Let one of Odoo's own jobs run."""
        with self._sending():
            self.env.ref(xmlid).method_direct_trigger()
        self.env.invalidate_all()

    @property
    def cron(self):
        return self.env.ref("crm_campaigns.ir_cron_run_campaigns")

    @contextmanager
    def _sending(self):
        with self.mock_mail_gateway(mail_unlink_sent=True):
            with self.enter_registry_test_mode():
                yield

    def _pass(self, days):
        """Some days go by for what is planned."""
        for task in self.env["crm.campaign.task"].search([("state", "=", "planned")]):
            task.date_planned -= timedelta(days=days)

    def _end_before_today(self, campaign):
        """The journeys ended yesterday: a test is one transaction, with one date."""
        campaign.participant_ids.date_left = self._now() - timedelta(days=1)

    def _click(self, task, **values):
        """A person clicks the first link of the mail of ``task``."""
        trace = task.trace_id
        link = self.env["link.tracker"].search(
            [("mass_mailing_id", "=", trace.mass_mailing_id.id)], limit=1
        )
        self.env["link.tracker.click"].add_click(
            link.code, mailing_trace_id=trace.id, **values
        )
        self._harvest_queued()
        self.env.invalidate_all()

    def _tasks(self, campaign, step=None):
        domain = [("campaign_id", "=", campaign.id)]
        if step:
            domain.append(("step_id", "=", step.id))
        tasks = self.env["crm.campaign.task"].search(domain, order="id")
        # in the order of the records, which may have entered in another
        return tasks.sorted(lambda task: task.participant_id.res_id) if step else tasks

    def _states(self, campaign):
        """``[(step, state)]`` of all tasks, in order."""
        return [(task.step_id.name, task.state) for task in self._tasks(campaign)]

    def _recipients(self):
        """Customers who got a mail from the mail server, in order; colleagues get
        notes on what is assigned to them."""
        addresses = [
            mail["email_to"][0].split("<")[-1].strip("<>") for mail in self._mails
        ]
        return [email for email in addresses if not email.endswith("test.example.com")]

    @staticmethod
    def _now():
        return fields.Datetime.now()


class LeadsCommon(CampaignCommon):
    """With two leads, Ida and Ola."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead, cls.lead_2 = cls._create_leads(2)
        cls.lead.email_from = "Ida <ida@brandt.example>"
        cls.lead_2.email_from = "ola@nowak.example"
        cls.leads = cls.lead + cls.lead_2


class SystemProfileCommon(CustomerProfileCommon):
    """A company that posts invoices, as the system sees it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(su=True)


class CampaignMoneyCommon(CampaignCommon, SystemProfileCommon):
    """Campaigns in a company with customers that are invoiced."""

    @classmethod
    def _create_segment(cls, records, **values):
        return super()._create_segment(records, user_id=cls.env.user.id, **values)

    @classmethod
    def _create_buyers(cls, count):
        """Contacts with an address each."""
        return cls.env["res.partner"].create(
            [
                {"name": f"Buyer {number}", "email": f"buyer{number}@money.example"}
                for number in range(count)
            ]
        )
