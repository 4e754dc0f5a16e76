from odoo import api, models
from odoo.tools import formatLang

from .crm_campaign_step import ONE_VERSION

# fewer say little
FEW = 5
# what is told of the messages of each kind of step; all but the first are shares, see
# KPI 39 to 41
SHOWN = {
    "mail": ("sent", "opened", "clicked", "replied", "bounced"),
    "sms": ("sent", "delivered", "clicked", "bounced"),
}
# counts that these are made of
MESSAGE_SUMS = (
    "sent",
    "mails",
    "tried",
    "delivered",
    "opened",
    "opened_raw",
    "clicked",
    "clicked_raw",
    "replied",
    "bounced",
)
ICONS = {
    "sent": "fa-paper-plane-o",
    "delivered": "fa-mobile",
    "opened": "fa-envelope-open-o",
    "clicked": "fa-mouse-pointer",
    "replied": "fa-reply",
    "bounced": "fa-undo",
}


class CrmCampaign(models.Model):
    """What became of its messages, on each step of the drawing."""

    _inherit = "crm.campaign"

    @api.readonly
    def get_canvas(self):
        canvas = super().get_canvas()
        return self.step_ids._add_canvas_figures(canvas)


class CrmCampaignVersion(models.Model):
    """Of the people of this version: those of others are on other drawings."""

    _inherit = "crm.campaign.version"

    @api.readonly
    def get_canvas(self):
        canvas = super().get_canvas()
        steps = self.step_ids.with_context(**{ONE_VERSION: True})
        return steps._add_canvas_figures(canvas)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    def _add_canvas_figures(self, canvas):
        """Tell of each step of a drawing what became of its messages, in one query."""
        figures = {}
        if canvas["state"] != "draft":
            figures = self.env["crm.campaign.mail.figures"]._read_mails(
                self.filtered(lambda step: step.kind in SHOWN),
                MESSAGE_SUMS,
                is_version=bool(self.env.context.get(ONE_VERSION)),
            )
        kinds = {step.id: step.kind for step in self}
        for step in canvas["steps"]:
            sums = figures.get(step["id"])
            step["figures"] = (
                self._get_canvas_figures(kinds[step["id"]], sums) if sums else []
            )
        return canvas

    @api.model
    def _get_canvas_figures(self, kind, sums):
        """``[{name, icon, text, title, few}]`` of the messages of a step; a share of
        none is not shown.
        """
        figures = []
        for name in SHOWN[kind]:
            count = sums[name]
            of = {"sent": 0, "bounced": sums["tried"]}.get(name, sums["mails"])
            if name == "sent" or (of and (count or name != "bounced")):
                figures.append(
                    {
                        "name": name,
                        "icon": ICONS[name],
                        "text": self._get_canvas_share(count, of),
                        "title": self._get_canvas_title(name, sums, of),
                        "few": 0 < of < FEW,
                    }
                )
        return figures

    @api.model
    def _get_canvas_share(self, count, of):
        if not of:
            return formatLang(self.env, count, digits=0)
        # few clicks are some all the same
        share = max(100 * count / of, 0.1) if count else 0
        digits = 1 if 0 < share < 1 else 0
        return f"{formatLang(self.env, share, digits=digits)}%"

    @api.model
    def _get_canvas_title(self, name, sums, of):
        """A figure in words, with what it is of."""
        words = {
            "sent": self.env._("%(count)s sent"),
            "delivered": self.env._("%(count)s of %(of)s reached the phone"),
            "opened": self.env._(
                "%(count)s of %(of)s opened by people (with machines: %(raw)s)"
            ),
            "clicked": self.env._(
                "%(count)s of %(of)s clicked by people (with machines: %(raw)s)"
            ),
            "replied": self.env._(
                "%(count)s of %(of)s answered, without automatic answers"
            ),
            "bounced": self.env._("%(count)s of %(of)s bounced"),
        }[name]
        return words % {
            "count": formatLang(self.env, sums[name], digits=0),
            "of": formatLang(self.env, of, digits=0),
            "raw": formatLang(self.env, sums.get(f"{name}_raw", 0), digits=0),
        }
