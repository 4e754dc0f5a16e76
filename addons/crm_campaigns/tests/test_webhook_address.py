from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools import file_path

from .common import CampaignCommon

SECRETS = ["webhook_token", "webhook_secret"]


@tagged("post_install", "-at_install", "crm_campaigns")
class TestWebhookAddress(CampaignCommon):
    """Campaigns that were there before webhooks have addresses of their own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        segment = cls._create_segment(cls._create_leads(1))
        cls.campaigns = cls.env["crm.campaign"]
        for name in ("Spring", "Summer", "Autumn"):
            cls.campaigns += cls._create_campaign(segment=segment, name=name)
        cls.campaigns[1].write({"segment_id": False, "entry": "webhook"})
        cls.env.flush_all()

    def _read(self, name):
        self.campaigns.invalidate_recordset(SECRETS)
        return self.campaigns.mapped(name)

    def test_new_column_gives_each_its_own(self):
        self.env.cr.execute(
            "UPDATE crm_campaign SET webhook_token = NULL, webhook_secret = NULL"
        )

        for name in SECRETS:
            self.env["crm.campaign"]._init_column(name)

        for name in SECRETS:
            values = self._read(name)
            self.assertTrue(all(values))
            self.assertEqual(len(set(values)), 3)

    def test_update_parts_those_that_share_one(self):
        cr = self.env.cr
        cr.execute("DROP INDEX crm_campaign_webhook_token_uniq")
        cr.execute(
            "UPDATE crm_campaign SET webhook_token = 'same', webhook_secret = 'same'"
        )
        script = load_script(
            file_path("crm_campaigns/migrations/19.0.1.1.0/pre-webhook-own-address.py"),
            "crm_campaigns_webhook_own_address",
        )

        script.migrate(cr, None)
        self.assertEqual(self._read("webhook_token"), ["same"] * 3, "a new database")
        script.migrate(cr, "19.0.1.0.0")

        for name in SECRETS:
            values = self._read(name)
            self.assertEqual(values[1], "same", "the one that is used keeps it")
            self.assertEqual(len(set(values)), 3)
        before = self._read("webhook_token")
        script.migrate(cr, "19.0.1.0.0")
        self.assertEqual(self._read("webhook_token"), before, "twice is once")
