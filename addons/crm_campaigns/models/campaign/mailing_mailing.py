from odoo import api, fields, models
from odoo.exceptions import UserError


class MailingMailing(models.Model):
    """A mailing that belongs to a campaign step is sent by its campaign, task by task:
    never to a whole domain, and not by Odoo's own queue of mailings."""

    _inherit = "mailing.mailing"

    crm_campaign_step_ids = fields.One2many(
        "crm.campaign.step", "mailing_id", string="Campaign Steps"
    )
    crm_campaign_step_id = fields.Many2one(
        "crm.campaign.step",
        string="Campaign Step",
        compute="_compute_crm_campaign_step_id",
        search="_search_crm_campaign_step_id",
        compute_sudo=True,
    )

    @api.depends("crm_campaign_step_ids")
    def _compute_crm_campaign_step_id(self):
        for mailing in self:
            mailing.crm_campaign_step_id = mailing.crm_campaign_step_ids[:1]

    def _search_crm_campaign_step_id(self, operator, value):
        return [("crm_campaign_step_ids", operator, value)]

    def write(self, vals):
        if vals.get("state") in ("in_queue", "sending"):
            self._check_not_of_campaign()
        if not self.env.context.get("crm_campaigns_engine") and vals.keys() & {
            "body_arch",
            "body_html",
            "mailing_domain",
            "mailing_model_id",
            "subject",
        }:
            running = self.crm_campaign_step_id.filtered(
                lambda step: step.campaign_state == "running" or step.is_retired
            )
            if running:
                raise UserError(
                    self.env._(
                        "This mail is being sent by the campaign “%s”. Stop it before "
                        "you change the mail, or choose “Edit” there.",
                        running[:1].campaign_id.name,
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_of_campaign(self):
        self._check_not_of_campaign()

    def _check_not_of_campaign(self):
        step = self.crm_campaign_step_id[:1]
        if step:
            raise UserError(
                self.env._(
                    "This mail is sent by the campaign “%(campaign)s”, to each person "
                    "when it is their turn.",
                    campaign=step.campaign_id.name,
                )
            )

    def action_put_in_queue(self):
        self._check_not_of_campaign()
        return super().action_put_in_queue()

    def action_retry_failed(self):
        # before anything is deleted; failed tasks are tried again in the campaign
        self._check_not_of_campaign()
        return super().action_retry_failed()

    def _action_send_mail(self, res_ids=None):
        if not self.env.context.get("crm_campaigns_engine"):
            self._check_not_of_campaign()
        return super()._action_send_mail(res_ids)

    def _get_remaining_recipients(self):
        if self.crm_campaign_step_id:
            return []
        return super()._get_remaining_recipients()

    def _get_seen_list(self):
        """Who got a campaign's mail is known by its tasks; an address that enters again
        gets it again."""
        if self.crm_campaign_step_id:
            return set()
        return super()._get_seen_list()

    def _render_field(self, field, res_ids, *args, **kwargs):
        """Odoo's test mail is of the first record there is: here, of the person that
        was chosen.
        """
        sample_id = self.env.context.get("crm_campaigns_sample_id")
        if not sample_id:
            return super()._render_field(field, res_ids, *args, **kwargs)
        rendered = super()._render_field(field, [sample_id], *args, **kwargs)
        return dict.fromkeys(res_ids, rendered[sample_id])

    def _action_send_statistics(self):
        """The day after the first mail of a journey says nothing yet."""
        of_campaign = self.filtered("crm_campaign_step_id")
        of_campaign.kpi_mail_required = False
        return super(MailingMailing, self - of_campaign)._action_send_statistics()

    def action_open_crm_campaign(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.campaign",
            "res_id": self.crm_campaign_step_id.campaign_id.id,
            "view_mode": "form",
        }
