from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.crm_plus.tools.form_file import html_items, read_upload

from ..tools.journey_file import JourneyFileError


class CrmCampaignImport(models.TransientModel):
    """A journey from the file of another database, looked at before it is created.

    It becomes a draft: nobody enters before somebody has looked and started it.
    """

    _name = "crm.campaign.import"
    _description = "Import a Journey"

    file = fields.Binary(required=True, help="As exported from a campaign.")
    filename = fields.Char()
    preview = fields.Html(compute="_compute_preview", sanitize=False)
    is_readable = fields.Boolean(compute="_compute_preview")

    def _get_text(self):
        self.ensure_one()
        return read_upload(self.file, JourneyFileError, self.env)

    @api.depends("file")
    def _compute_preview(self):
        for wizard in self:
            wizard.is_readable = False
            wizard.preview = False
            if not wizard.file:
                continue
            try:
                values, steps, missing = self.env["crm.campaign"]._read_file(
                    wizard._get_text()
                )
            except JourneyFileError as error:
                wizard.preview = Markup(
                    "<div class='alert alert-danger mb-2'>%s%s</div>"
                ) % (
                    self.env._("This file cannot be imported:"),
                    html_items(error.problems),
                )
                continue
            wizard.is_readable = True
            wizard.preview = wizard._render_preview(values, steps, missing)

    def _render_preview(self, values, steps, missing):
        entries = dict(self.env["crm.campaign"]._selection_entry())
        kinds = dict(self.env["crm.campaign.step"]._selection_kind())
        parts = [
            Markup("<p><strong>%s</strong><br/>%s</p>")
            % (
                values["name"],
                self.env._("Who enters: %s", entries[values["entry"]]),
            )
        ]
        if missing:
            parts.append(
                Markup("<div class='alert alert-warning mb-2'>%s%s</div>")
                % (
                    self.env._("Not found here, to be filled in afterwards:"),
                    html_items(missing),
                )
            )
        names = [
            Markup("%s <span class='text-muted'>%s</span>")
            % (step["values"]["name"], kinds[step["values"]["kind"]])
            for step in steps
        ]
        parts.append(
            Markup("<p class='mb-1'>%s</p>%s")
            % (
                self.env._("%s steps, none of which runs:", len(steps)),
                html_items(names),
            )
        )
        return Markup().join(parts)

    def action_import(self):
        self.ensure_one()
        try:
            text = self._get_text()
        except JourneyFileError as error:
            raise UserError(str(error)) from error
        if not text:
            raise UserError(self.env._("Choose a file."))
        campaign, _missing = self.env["crm.campaign"]._import_file(text)
        return campaign._get_form_action()
