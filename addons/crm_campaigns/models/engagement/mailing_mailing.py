from odoo import fields, models
from odoo.tools import float_round

NOT_DELIVERED = ("cancel", "bounce", "error")


class MailingMailing(models.Model):
    """Beside Odoo's figures, which count scanners too, those of people."""

    _inherit = "mailing.mailing"

    human_opened = fields.Integer(
        string="Opened by People",
        compute="_compute_human",
        help="As far as one can tell: without mail scanners and programs that load "
        "pictures by themselves.",
    )
    human_clicked = fields.Integer(string="Clicked by People", compute="_compute_human")
    human_opened_ratio = fields.Float(
        string="Opened by People (%)", compute="_compute_human", help="Of what arrived."
    )
    human_clicks_ratio = fields.Float(
        string="Clicked by People (%)",
        compute="_compute_human",
        help="Of what arrived.",
    )

    def _compute_human(self):
        # sudo: figures, as Odoo's own
        counts = {
            mailing: figures
            for mailing, *figures in self.env["mailing.trace"]
            .sudo()
            ._read_group(
                [
                    ("mass_mailing_id", "in", self.ids),
                    ("trace_status", "not in", NOT_DELIVERED),
                ],
                ["mass_mailing_id"],
                ["__count", "human_open_datetime:count", "human_click_datetime:count"],
            )
        }
        for mailing in self:
            total, opened, clicked = counts.get(mailing._origin, (0, 0, 0))
            mailing.human_opened = opened
            mailing.human_clicked = clicked
            mailing.human_opened_ratio = float_round(
                100.0 * opened / (total or 1), precision_digits=2
            )
            mailing.human_clicks_ratio = float_round(
                100.0 * clicked / (total or 1), precision_digits=2
            )

    def action_view_human_opened(self):
        return self._action_view_traces("filter_human_opened")

    def action_view_human_clicked(self):
        return self._action_view_traces("filter_human_clicked")

    def _action_view_traces(self, filter_name):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mass_mailing.mailing_trace_action"
        )
        action["domain"] = [("mass_mailing_id", "=", self.id)]
        action["context"] = {f"search_default_{filter_name}": 1, "create": False}
        return action
