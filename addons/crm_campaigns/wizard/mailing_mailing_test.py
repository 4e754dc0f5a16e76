from odoo import api, fields, models


class MailingMailingTest(models.TransientModel):
    """Odoo's dialog for a test mail, with whose eyes it is read: the mail as this
    person would get it, with their values and the blocks that are for them.
    """

    _inherit = "mailing.mailing.test"

    sample_model_id = fields.Many2one(related="mass_mailing_id.mailing_model_id")
    sample_ref = fields.Reference(
        "_selection_sample_ref",
        string="As Sent To",
        compute="_compute_sample_ref",
        # somebody whom the user may read
        compute_sudo=False,
        store=True,
        readonly=False,
        help="The mail is shown, and sent as a test, as this person would get it.",
    )
    sample_address = fields.Char(string="Address", compute="_compute_sample")
    sample_subject = fields.Char(string="Subject", compute="_compute_sample")
    sample_body = fields.Html(string="Mail", compute="_compute_sample", sanitize=False)

    @api.model
    def _selection_sample_ref(self):
        # sudo: names of models are no secret
        models_sudo = self.env["ir.model"].sudo().search([])
        return [(model.model, model.name) for model in models_sudo]

    @api.depends("mass_mailing_id")
    def _compute_sample_ref(self):
        for test in self:
            mailing = test.mass_mailing_id
            if not mailing.mailing_model_real:
                test.sample_ref = False
                continue
            Model = self.env[mailing.mailing_model_real]
            # somebody who is on the way, else whoever comes first
            participant = self.env["crm.campaign.participant"]
            step = mailing.crm_campaign_step_id
            if step and participant.has_access("read"):
                participant = participant.search(
                    [("campaign_id", "=", step.campaign_id.id)], limit=1
                )
            record = Model.browse(participant.res_id or []).exists()
            record = record._filtered_access("read") or Model.search([], limit=1)
            test.sample_ref = record or False

    @api.depends("sample_ref", "mass_mailing_id")
    def _compute_sample(self):
        for test in self:
            test.sample_address = test.sample_subject = test.sample_body = False
            sample = test._get_sample()
            if not sample:
                continue
            mailing = test.mass_mailing_id.with_context(crm_campaigns_engine=True)
            # whom the record stands for: a lead is called by what they want
            test.sample_address = test._get_sample_address(sample)
            render = {"res_ids": sample.ids, "compute_lang": False}
            test.sample_subject = mailing._render_field("subject", **render)[sample.id]
            test.sample_body = mailing._render_field("body_html", **render)[sample.id]

    def _get_sample_address(self, sample):
        """Name and address of the chosen person, as far as the user may read it."""
        partner = sample._mail_get_partners()[sample.id][:1]._filtered_access("read")
        return (
            partner.email_formatted or sample._mail_get_primary_email()[sample.id] or ""
        )

    def _get_sample(self):
        """The chosen person, if the user may read it and it is of the right kind."""
        self.ensure_one()
        sample = self.sample_ref
        if not sample or sample._name != self.mass_mailing_id.mailing_model_real:
            return None
        sample.check_access("read")
        return sample

    def send_mail_test(self):
        sample = self._get_sample()
        if sample is None:
            return super().send_mail_test()
        return super(
            MailingMailingTest,
            self.with_context(
                crm_campaigns_engine=True, crm_campaigns_sample_id=sample.id
            ),
        ).send_mail_test()
