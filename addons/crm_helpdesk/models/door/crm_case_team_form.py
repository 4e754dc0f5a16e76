from odoo import api, fields, models
from odoo.tools.translate import html_translate

from odoo.addons.crm_plus.tools.calendar_time import work_time
from odoo.addons.crm_plus.tools.worktime import NoWorkingTimeError

# what people can fill in on a page; references to our records they must not see
FORM_TYPES = (
    "char",
    "text",
    "integer",
    "float",
    "boolean",
    "date",
    "datetime",
    "selection",
    "tags",
    "separator",
)


class CrmCaseTeam(models.Model):
    """The forms of a team: on the portal, and without login."""

    _inherit = "crm.case.team"

    case_properties_definition = fields.PropertiesDefinition("Own Fields of Cases")
    is_public_form = fields.Boolean(
        string="Form without Login",
        help="Anybody can open cases of this team on a page of its own. Programs are "
        "kept out; where Odoo's captcha is set up, it is used.",
    )
    form_url = fields.Char(string="Address of the Form", compute="_compute_form_url")
    form_intro = fields.Html(
        string="Words above the Form",
        translate=html_translate,
        sanitize_form=True,
        help="What to have at hand, what to look up first.",
    )
    form_hourly_limit = fields.Integer(
        string="Cases per Hour",
        default=5,
        help="So many cases an hour from one e-mail address; four times as many from "
        "one connection, which a whole company may share.",
    )
    is_promise_shown = fields.Boolean(
        string="Show Promises",
        default=True,
        help="Customers see on the portal when they are answered and until when it is "
        "to be solved.",
    )

    _check_form_hourly_limit = models.Constraint(
        "CHECK(form_hourly_limit > 0)", "At least one case an hour."
    )

    @api.depends("name")
    def _compute_form_url(self):
        for team in self:
            team.form_url = team._origin and team.get_base_url() + team._get_form_path()

    def _get_form_path(self):
        self.ensure_one()
        return "/case/new/" + self.env["ir.http"]._slug(self._origin)

    # ------------------------------------------------------------
    # Own fields
    # ------------------------------------------------------------

    def _get_form_fields(self):
        """The team's own fields that the form asks for, in order.

        :return: dicts of name, label, type, is_required, options, default
        """
        self.ensure_one()
        result = []
        for definition in self.case_properties_definition or []:
            if definition.get("type") not in FORM_TYPES:
                continue
            label = (definition.get("string") or "").strip()
            options = definition.get(definition["type"]) or []
            result.append(
                {
                    "name": definition["name"],
                    # no other place to say so: a star at the end
                    "label": label.removesuffix("*").strip() or definition["name"],
                    "type": definition["type"],
                    "is_required": label.endswith("*"),
                    "options": (
                        [(option[0], option[1]) for option in options]
                        if definition["type"] in ("selection", "tags")
                        else []
                    ),
                    "default": definition.get("default") or "",
                }
            )
        return result

    # ------------------------------------------------------------
    # Hours
    # ------------------------------------------------------------

    def _get_next_opening(self):
        """When the team is back; None while it works, and where nobody knows."""
        self.ensure_one()
        calendar = self.resource_calendar_id or self.company_id.resource_calendar_id
        if not calendar:
            return None
        now = fields.Datetime.now()
        try:
            opening = work_time(calendar, self.company_id).next_open(now)
        except NoWorkingTimeError:
            return None
        return opening if opening > now else None
