from odoo import api, fields, models
from odoo.tools import format_date

from ...tools.mail_event import UNSUBSCRIBE


class ResPartner(models.Model):
    _inherit = "res.partner"

    bounce_ids = fields.One2many(
        "crm.mail.bounce",
        "partner_id",
        string="Bounces",
        groups="crm_plus.crm_plus_group_user",
    )
    bounce_note = fields.Char(
        string="Last Bounce",
        compute="_compute_bounce_note",
        groups="crm_plus.crm_plus_group_user",
        help="Why the last mail to this address came back, and when",
    )

    @api.depends("email_normalized", "bounce_ids.date", "bounce_ids.outcome")
    def _compute_bounce_note(self):
        """By address, not by contact: who took the address over has its history."""
        emails = set(self.mapped("email_normalized")) - {False}
        last = {}
        for bounce in self.env["crm.mail.bounce"].search(
            [
                ("email_normalized", "in", list(emails)),
                ("kind", "!=", UNSUBSCRIBE),
                ("outcome", "!=", "unverified"),
            ],
            order="date, id",
        ):
            last[bounce.email_normalized] = bounce
        reasons = dict(
            self.env["crm.mail.bounce"]
            ._fields["reason"]
            ._description_selection(self.env)
        )
        today = fields.Date.context_today(self)
        for partner in self:
            bounce = last.get(partner.email_normalized)
            if not bounce:
                partner.bounce_note = False
                continue
            day = fields.Datetime.context_timestamp(self, bounce.date).date()
            partner.bounce_note = self.env._(
                "%(reason)s, %(when)s",
                reason=reasons.get(bounce.reason, ""),
                when=self._get_ago(day, today),
            )

    def _get_ago(self, day, today):
        days = (today - day).days
        if days <= 0:
            return self.env._("today")
        if days == 1:
            return self.env._("yesterday")
        if days <= 30:
            return self.env._("%s days ago", days)
        return format_date(self.env, day)

    def action_view_bounces(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "crm_plus.crm_mail_bounce_action"
        )
        action["domain"] = [("email_normalized", "=", self.email_normalized)]
        action["context"] = {}
        return action
