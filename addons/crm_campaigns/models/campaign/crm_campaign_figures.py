from odoo import api, models


class CrmCampaign(models.Model):
    """What became of its mails, on each step of the drawing."""

    _inherit = "crm.campaign"

    @api.readonly
    def get_canvas(self):
        canvas = super().get_canvas()
        figures = self._get_canvas_figures()
        for step in canvas["steps"]:
            step["figures"] = figures.get(step["id"], [])
        return canvas

    def _get_canvas_figures(self):
        """``{step id: [{name, icon, text, title}]}`` of steps that have sent mails, in
        one query.
        """
        if self.state == "draft":
            return {}
        rows = self.env["crm.campaign.step.report"].search_fetch(
            [("campaign_id", "=", self.id), ("mails", ">", 0)],
            ["clicked", "clicked_raw", "mails", "opened", "opened_raw"],
            order="id",
        )
        return {row.id: row._get_canvas_figures() for row in rows}
