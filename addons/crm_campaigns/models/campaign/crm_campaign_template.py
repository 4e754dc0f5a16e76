from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.translate import html_translate

from ...tools.journey_file import (
    JourneyFileError,
    dump,
    get_texts,
    load,
    set_texts,
)
from ...tools.miniature import Miniature


class CrmCampaignTemplate(models.Model):
    """A ready journey: chosen in the gallery, copied into a draft, and changed there.

    It holds a journey as a file does (see ``tools/journey_file.py``), so nobody can be
    in it, it counts nowhere, and it stays when what it names is not here yet. The texts
    in the file are translated as those of a view are.
    """

    _name = "crm.campaign.template"
    _description = "Ready Journey"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    icon = fields.Char(
        default="fa-sitemap", export_string_translation=False, help="Class of the icon."
    )
    description = fields.Text(string="What It Does", translate=True)
    audience = fields.Char(string="For Whom", translate=True)
    needs = fields.Char(
        string="Still to Fill In",
        translate=True,
        help="What a copy needs before it can start.",
    )
    company_id = fields.Many2one(
        "res.company", index=True, help="Empty: for all companies."
    )
    content = fields.Text(required=True, help="The journey, as in an exported file.")
    texts = fields.Html(
        translate=html_translate,
        sanitize=False,
        compute="_compute_texts",
        store=True,
        readonly=False,
        help="Those of the journey, to be translated.",
    )
    step_count = fields.Integer(string="Steps", compute="_compute_drawing")
    drawing = fields.Html(compute="_compute_drawing", sanitize=False)
    outline = fields.Html(compute="_compute_drawing", sanitize=False)

    @api.depends("content")
    def _compute_texts(self):
        for template in self:
            try:
                template.texts = get_texts(load(template.content or "", self.env))
            except JourneyFileError:
                # refused when it is saved
                template.texts = False

    @api.depends("content", "texts")
    @api.depends_context("lang")
    def _compute_drawing(self):
        kinds = self.env["crm.campaign.step"]._get_kind_classes()
        labels = dict(self.env["crm.campaign.step"]._selection_kind())
        for template in self:
            steps = template._get_steps()
            template.step_count = len(steps)
            template.drawing = Miniature(
                [
                    (
                        step["key"],
                        step.get("after"),
                        kinds[step["kind"]].family if step["kind"] in kinds else "",
                        step["name"],
                    )
                    for step in steps
                ]
            ).draw()
            template.outline = Markup("<ol>%s</ol>") % Markup().join(
                Markup("<li>%s <span class='text-muted'>%s</span></li>")
                % (step["name"], labels.get(step["kind"], step["kind"]))
                for step in steps
            )

    @api.constrains("content")
    def _check_content(self):
        for template in self:
            try:
                load(template.content, self.env)
            except JourneyFileError as error:
                raise ValidationError(str(error)) from error

    def _get_text(self):
        """The file, in the language of the user."""
        self.ensure_one()
        content = load(self.content or "", self.env)
        set_texts(content, self.texts or "")
        return dump(content)

    def _get_steps(self):
        try:
            return load(self._get_text(), self.env).get("steps", [])
        except JourneyFileError:
            # while one is made
            return []

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def _copy_journey(self):
        """A draft with this journey, in the language of the user; return it, and what
        it needs before it can start."""
        self.ensure_one()
        self.check_access("read")
        campaign, missing = self.env["crm.campaign"]._import_file(self._get_text())
        # the problems of what is missing come with the start
        return campaign, campaign._get_start_problems() or missing

    def action_copy_journey(self):
        """One click: a draft, opened, with what it needs in the messages of it."""
        campaign, needs = self._copy_journey()
        if needs:
            campaign._message_log(
                body=Markup("<p>%s</p><ul>%s</ul>")
                % (
                    self.env._("From a ready journey. Before it can start:"),
                    Markup().join(Markup("<li>%s</li>") % need for need in needs),
                )
            )
        return campaign._get_form_action()


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    def action_keep_as_template(self):
        """Put this journey among the ready ones of its company."""
        self.ensure_one()
        template = self.env["crm.campaign.template"].create(
            {
                "name": self.name,
                "audience": self.env._("As in the campaign “%s”", self.name),
                "company_id": self.company_id.id,
                "content": dump(self._get_file_content()),
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": template.name,
            "res_model": template._name,
            "res_id": template.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
