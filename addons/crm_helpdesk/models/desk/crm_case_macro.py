from markupsafe import Markup, escape

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.tools.mail import is_html_empty
from odoo.tools.misc import format_date, format_datetime
from odoo.tools.rendering_tools import parse_inline_template

from ..case.crm_case import PRIORITIES

# a reply is a mail each: what somebody may send by one click
MAX_CASES = 200
# what a reply may name of who applies the macro
USER_VARIABLES = ("user.name", "user.email", "user.signature")


class CrmCaseMacro(models.Model):
    """What agents do again and again, by one click: answer with the words of the case,
    note, change fields, go on to the next case.

    It is done by whoever applies the macro, with their rights and in their name: it
    reaches nothing that they could not do by hand. Replies name values in double
    braces, of a fixed list (see ``_get_variables``); nothing is evaluated, and what a
    customer has written is never taken for HTML.
    """

    _name = "crm.case.macro"
    _description = "Case Macro"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    # whose
    scope = fields.Selection(
        [("personal", "Only me"), ("team", "Members of teams"), ("all", "All agents")],
        string="For",
        required=True,
        default="personal",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Owner",
        required=True,
        index=True,
        ondelete="cascade",
        default=lambda self: self.env.user,
    )
    team_ids = fields.Many2many("crm.case.team", string="Teams")
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        help="Leave empty for a macro of all companies.",
    )
    # what it says
    reply = fields.Html(
        string="Reply to the Customer",
        translate=True,
        help="Values of the case in double braces: {{ object.partner_name ||| Customer"
        " }}. What follows the bars is written when there is no value.",
    )
    is_reviewed = fields.Boolean(
        string="Show before Sending",
        help="The reply is put into the composer, where it can be changed, when the"
        " macro is applied to a single case.",
    )
    note = fields.Html(string="Internal Note", translate=True)
    variables_help = fields.Html(compute="_compute_variables_help", sanitize=False)
    # what it changes
    stage_id = fields.Many2one(
        "crm.case.stage", string="Move to", index="btree_not_null", ondelete="restrict"
    )
    priority = fields.Selection(PRIORITIES)
    assign = fields.Selection(
        [
            ("me", "Whoever applies it"),
            ("user", "Somebody"),
            ("nobody", "Nobody: back to the queue"),
        ],
        string="Assign to",
        falsy_value_label="As it is",
    )
    assign_user_id = fields.Many2one(
        "res.users",
        string="Assignee",
        domain="[('share', '=', False)]",
        index="btree_not_null",
    )
    team_id = fields.Many2one(
        "crm.case.team",
        string="Give to the Team",
        index="btree_not_null",
        ondelete="restrict",
    )
    category_id = fields.Many2one(
        "crm.case.category",
        index="btree_not_null",
        ondelete="restrict",
    )
    resolution_id = fields.Many2one(
        "crm.case.resolution",
        index="btree_not_null",
        ondelete="restrict",
    )
    add_tag_ids = fields.Many2many(
        "crm.case.tag", relation="crm_case_macro_add_tag_rel", string="Add Tags"
    )
    remove_tag_ids = fields.Many2many(
        "crm.case.tag", relation="crm_case_macro_remove_tag_rel", string="Remove Tags"
    )
    # and then
    following = fields.Selection(
        [
            ("stay", "Stay on the case"),
            ("mine", "My next case"),
            ("queue", "Take the next case of the queue"),
        ],
        string="Then",
        required=True,
        default="stay",
    )
    summary = fields.Char(string="Does", compute="_compute_summary")

    @api.depends(
        "reply",
        "note",
        "stage_id",
        "priority",
        "assign",
        "assign_user_id",
        "team_id",
        "category_id",
        "resolution_id",
        "add_tag_ids",
        "remove_tag_ids",
        "following",
    )
    @api.depends_context("lang")
    def _compute_summary(self):
        for macro in self:
            macro.summary = " · ".join(macro._get_summary_parts())

    def _get_summary_parts(self):
        """Hook: what the macro does, in words."""
        self.ensure_one()
        labels = {
            name: dict(self._fields[name]._description_selection(self.env))
            for name in ("priority", "following")
        }
        parts = []
        if not is_html_empty(self.reply):
            parts.append(self.env._("reply"))
        if not is_html_empty(self.note):
            parts.append(self.env._("note"))
        if self.assign == "me":
            parts.append(self.env._("assign to me"))
        elif self.assign == "user":
            parts.append(self.assign_user_id.name or "")
        elif self.assign == "nobody":
            parts.append(self.env._("back to the queue"))
        if self.team_id:
            parts.append(self.team_id.name)
        if self.priority:
            parts.append(labels["priority"][self.priority])
        parts += [
            record.display_name
            for record in (self.category_id, self.resolution_id)
            if record
        ]
        parts += [f"+{tag.name}" for tag in self.add_tag_ids]
        parts += [f"-{tag.name}" for tag in self.remove_tag_ids]
        if self.stage_id:
            parts.append(self.stage_id.name)
        if self.following != "stay":
            parts.append(labels["following"][self.following])
        return parts

    def _compute_variables_help(self):
        items = []
        for expression in self._get_variables():
            label = self._get_variable_label(expression)
            if label:
                items.append(
                    Markup("<li><code>{{ %s }}</code> %s</li>") % (expression, label)
                )
        self.variables_help = Markup("<ul class='mb-0 list-unstyled'>%s</ul>") % (
            Markup().join(items)
        )

    @api.model
    def _get_variable_label(self, expression):
        """What a variable stands for, as the screens call it: "Assignee: Signature";
        None for a field that is not there.
        """
        root, *path = expression.split(".")
        Model = self.env["res.users" if root == "user" else "crm.case"]
        labels = [self.env._("Whoever applies it")] if root == "user" else []
        for fname in path:
            field = Model._fields.get(fname)
            if field is None:
                return None
            labels.append(field._description_string(self.env))
            Model = self.env[field.comodel_name] if field.comodel_name else Model
        return ": ".join(labels)

    @api.constrains("scope", "team_ids", "assign", "assign_user_id")
    def _check_complete(self):
        for macro in self:
            if macro.scope == "team" and not macro.team_ids:
                raise ValidationError(
                    self.env._("Say whose macro “%s” is: choose teams.", macro.name)
                )
            if macro.assign == "user" and not macro.assign_user_id:
                raise ValidationError(
                    self.env._("Say to whom “%s” assigns cases.", macro.name)
                )

    @api.constrains("reply", "note")
    def _check_variables(self):
        known = self._get_variables()
        for macro in self:
            for text in (macro.reply, macro.note):
                for _string, expression, _default in self._parse(text):
                    if expression and expression not in known:
                        raise ValidationError(
                            self.env._(
                                "“%(macro)s” cannot name “%(expression)s”. It may name:"
                                " %(known)s",
                                macro=macro.name,
                                expression=expression,
                                known=list(known),
                            )
                        )

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"scope", "user_id"}:
            # what it has become must be theirs to write, too: nobody shares by writing
            self.check_access("write")
        return result

    # ------------------------------------------------------------
    # Words
    # ------------------------------------------------------------

    @api.model
    def _get_variables(self):
        """What replies may name: what Odoo lets any template name of a case, and the
        user.
        """
        return (*self.env["crm.case"].mail_allowed_qweb_expressions(), *USER_VARIABLES)

    @api.model
    def _parse(self, text):
        """``[(HTML, expression, default)]``; the editor writes blanks as it likes."""
        text = str(text or "").replace("&nbsp;", " ").replace("\xa0", " ")
        return parse_inline_template(text)

    def _render(self, fname, case):
        """The text of a macro for one case, in the language of its customer.

        Values are escaped; what the user may not read is left out.
        """
        self.ensure_one()
        partner = case.partner_id
        lang = partner.lang or self.env.lang
        parts = []
        for string, expression, default in self._parse(
            self.with_context(lang=lang)[fname]
        ):
            parts.append(Markup(string))
            if expression:
                value = self._get_value(expression, case.with_context(lang=lang))
                parts.append(escape(value or default.strip()))
        return Markup().join(parts)

    @api.model
    def _get_value(self, expression, case):
        root, *path = expression.split(".")
        if expression not in self._get_variables():
            return ""  # saved before the list changed
        record = case if root == "object" else case.env.user
        try:
            for fname in path[:-1]:
                record = record[fname]
            # what is in the cache was perhaps read by somebody else
            record.check_access("read")
            value, field = record[path[-1]], record._fields[path[-1]]
        except (AccessError, KeyError):
            return ""
        if isinstance(value, models.BaseModel):
            return ", ".join(value.mapped("display_name"))
        if field.type == "datetime":
            tz = case.partner_id.tz or case.env.user.tz
            return format_datetime(case.env, value, tz=tz, dt_format="short")
        if field.type == "date":
            return format_date(case.env, value)
        if field.type == "selection":
            return dict(field._description_selection(case.env)).get(value, "")
        return value

    # ------------------------------------------------------------
    # Who
    # ------------------------------------------------------------

    @api.model
    def _get_available_domain(self):
        """Macros offered to the user; which ones they may read at all is a rule."""
        return (
            Domain("scope", "=", "all")
            | (Domain("scope", "=", "personal") & Domain("user_id", "=", self.env.uid))
            | (
                Domain("scope", "=", "team")
                & Domain("team_ids.member_ids", "in", self.env.uid)
            )
        )

    @api.model
    @api.readonly
    def get_available(self):
        """What the button on a case offers: ``[{id, name, summary, scope}]``."""
        macros = self.search(self._get_available_domain())
        return [
            {
                "id": macro.id,
                "name": macro.name,
                "summary": macro.summary,
                "scope": macro.scope,
            }
            for macro in macros
        ]

    # ------------------------------------------------------------
    # Apply
    # ------------------------------------------------------------

    def action_apply(self, case_ids):
        """Do it to these cases, and return where to go then (or False: stay)."""
        self.ensure_one()
        cases = self.env["crm.case"].browse(case_ids).exists()
        if not cases:
            raise UserError(self.env._("Choose the cases first."))
        is_reviewed = (
            self.is_reviewed and len(cases) == 1 and not is_html_empty(self.reply)
        )
        self._apply(cases, is_replied=not is_reviewed)
        if is_reviewed:
            return self._get_composer_action(cases)
        return self._get_following_action(cases)

    def _apply(self, cases, is_replied=True):
        """Change, reply, note, then move: a reply answers before a stage closes."""
        self.ensure_one()
        self.check_access("read")
        if not self.active or not self.filtered_domain(self._get_available_domain()):
            raise AccessError(self.env._("“%s” is no macro of yours.", self.name))
        cases.check_access("write")
        if len(cases) > MAX_CASES:
            raise UserError(
                self.env._(
                    "A macro is applied to %s cases at a time at most.", MAX_CASES
                )
            )
        is_replied = is_replied and not is_html_empty(self.reply)
        if is_replied:
            self._check_addressees(cases)
        if values := self._prepare_values():
            cases.write(values)
        for case in cases:
            # one by one: each reply is another text to somebody else
            if is_replied:
                case.message_post(
                    body=self._render("reply", case),
                    message_type="comment",
                    subtype_xmlid="mail.mt_comment",
                )
            if not is_html_empty(self.note):
                case.message_post(
                    body=self._render("note", case),
                    message_type="comment",
                    subtype_xmlid="mail.mt_note",
                )
        if self.stage_id:
            cases.write({"stage_id": self.stage_id.id})

    def _check_addressees(self, cases):
        """Nothing is done at all when somebody cannot be answered."""
        mute = cases.filtered(
            lambda case: not (case.partner_id.email or case.email_normalized)
        )
        if mute:
            raise UserError(
                self.env._(
                    "Nobody can be answered on %s: there is no e-mail address.",
                    mute[:10].mapped("number"),
                )
            )

    def _prepare_values(self):
        """Hook: what is written on all of the cases, but the stage."""
        self.ensure_one()
        values = {}
        if self.assign:
            values["user_id"] = {
                "me": self.env.uid,
                "user": self.assign_user_id.id,
                "nobody": False,
            }[self.assign]
        if self.team_id:
            values["team_id"] = self.team_id.id
        if self.category_id:
            values["category_id"] = self.category_id.id
        if self.priority:
            values["priority"] = self.priority
        if self.resolution_id:
            values["resolution_id"] = self.resolution_id.id
        if self.add_tag_ids or self.remove_tag_ids:
            values["tag_ids"] = [
                *(Command.link(tag.id) for tag in self.add_tag_ids),
                *(Command.unlink(tag.id) for tag in self.remove_tag_ids),
            ]
        return values

    def _get_composer_action(self, case):
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "mail.compose.message",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_composition_mode": "comment",
                "default_model": case._name,
                "default_res_ids": case.ids,
                "default_body": self._render("reply", case),
                "default_partner_ids": case.partner_id.ids,
                "default_subtype_xmlid": "mail.mt_comment",
            },
        }

    def _get_following_action(self, cases):
        Case = self.env["crm.case"]
        following = Case
        if self.following == "mine":
            following = cases._get_next_own()
        if self.following in ("mine", "queue") and not following:
            following = Case._take_next([("id", "not in", cases.ids)])
        if self.following == "stay":
            return False
        if following:
            return following._get_form_action()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Done: no other case waits for you."),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }


class CrmCase(models.Model):
    _inherit = "crm.case"

    @api.model
    def mail_allowed_qweb_expressions(self):
        """What of a case may stand in texts that anybody writes: what its customer
        knows anyway.
        """
        return (
            *super().mail_allowed_qweb_expressions(),
            "object.number",
            "object.partner_name",
            "object.partner_email",
            "object.commercial_partner_id.name",
            "object.team_id.name",
            "object.stage_id.portal_name",
            "object.date_opened",
            "object.sla_due",
            "object.sale_order_id.name",
            "object.product_id.display_name",
            "object.lot_id.name",
            "object.picking_id.name",
            "object.invoice_id.name",
        )
