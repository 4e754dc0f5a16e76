from odoo.addons.crm_plus.tests.common import CrmPlusCommon


class CampaignCommon(CrmPlusCommon):
    """See ``CrmPlusCommon`` for the people; here what they are sent."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("mail.mail.queue.batch.size", 1000)

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
