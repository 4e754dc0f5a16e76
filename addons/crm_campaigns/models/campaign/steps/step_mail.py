from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import html2plaintext, is_html_empty
from odoo.tools.translate import LazyTranslate

from ....tools.journey_file import get_marks
from ....tools.step_kind import StepKind
from ....tools.template_check import (
    find_missing,
    get_inline_expressions,
    get_paths,
    get_qweb_expressions,
)

_lt = LazyTranslate(__name__)
UNSUBSCRIBE = "/unsubscribe_from_list"
# What the mail of a copied step takes over from its own: what a person sets on it.
MAIL_COPIED = (
    "attachment_ids",
    "body_arch",
    "body_html",
    "keep_archives",
    "lang",
    "mail_server_id",
    "preview",
    "reply_to",
    "reply_to_mode",
    "subject",
)


class TaskMap:
    """Tasks by record, handed through the composer to the traces it makes.

    An object and not a dictionary: contexts are hashed, this one by identity.
    """

    def __init__(self, tasks):
        self.tasks = tasks
        self.ids_by_record = {
            res_id: task_id for task_id, res_id in tasks._get_subjects().items()
        }


class MailKind(StepKind):
    """Composes the mails of the batch with one call of the step's mailing.

    Odoo leaves out blocked and missing addresses, follows links, and makes the traces;
    nothing is sent here. Mails and the state of the tasks are one commit.
    """

    code = "mail"
    label = _lt("Send a Mail")
    family = "message"
    icon = "fa-paper-plane"
    fields = ("mailing_id", "subject", "body")
    has_file_mail = True
    fills_queue = True
    is_by_record = True

    def get_text(self):
        return self.step.subject or ""

    def get_problems(self):
        mailing = self.step.mailing_id
        problems = []
        if not (mailing.subject or "").strip():
            problems.append(self.env._("the mail has no subject."))
        if is_html_empty(mailing.body_html):
            problems.append(self.env._("the mail is empty."))
        elif UNSUBSCRIBE not in mailing.body_html:
            problems.append(self.env._("the mail has no unsubscribe link."))
        for mark in get_marks(f"{mailing.subject or ''} {mailing.body_html or ''}"):
            problems.append(self.env._("fill in what is marked: %s", mark))
        return problems + self._get_template_problems()

    def get_file_mail(self):
        # sudo: whoever may read the campaign may read its mails
        mailing_sudo = self.step.mailing_id.sudo()
        body, body_html = mailing_sudo.body_arch, mailing_sudo.body_html
        mail = {
            "subject": mailing_sudo.subject,
            "preview": mailing_sudo.preview,
            "body": body or body_html,
            # of a designed mail, what its editor made of it for mail programs
            "html": body_html if body and body != body_html else "",
        }
        mail["purpose"] = mailing_sudo.contact_purpose_id.code
        return {name: str(text) for name, text in mail.items() if text}

    def set_file_mail(self, mail):
        self.step.mailing_id.write(
            {
                "subject": mail["subject"] or self.step.name,
                "preview": mail["preview"],
                "body_arch": mail["body"],
                "body_html": mail["html"] or mail["body"],
                "contact_purpose_id": mail.get("purpose_id"),
            }
        )

    def _get_template_problems(self):
        """What its subject, preview and text ask of a record that has no such thing."""
        mailing = self.step.mailing_id
        expressions = [
            *get_inline_expressions(mailing.subject or ""),
            *get_inline_expressions(mailing.preview or ""),
            *get_qweb_expressions(mailing.body_html or ""),
        ]
        Model = self.env[self.step.campaign_id._get_model()]
        problems = []
        for expression in dict.fromkeys(expressions):
            try:
                paths = get_paths(expression)
            except SyntaxError:
                problems.append(
                    self.env._(
                        "“%s” in the mail is no expression: mend or delete it.",
                        expression,
                    )
                )
                continue
            problems += [
                self.env._(
                    "the mail asks for “%(field)s”, which %(records)s do not have: "
                    "choose another field.",
                    field=missing,
                    records=Model._description.lower(),
                )
                for missing in sorted(
                    filter(None, (find_missing(Model, path) for path in paths))
                )
            ]
        return problems

    def get_warnings(self):
        warnings = []
        step = self.step
        if get_inline_expressions(html2plaintext(step.mailing_id.body_html or "")):
            warnings.append(
                self.env._(
                    "the text has {{ … }} in it, which only a subject replaces: insert "
                    "a field (type /field) instead."
                )
            )
        before = step.parent_id
        while before and before._get_kind().family not in ("message", "time"):
            before = before.parent_id
        if before.kind == "mail":
            warnings.append(
                self.env._(
                    "it follows the mail “%s” at once: add a wait before it.",
                    before.name,
                )
            )
        return warnings

    def foresee(self, crowd):
        emails = crowd.run.emails
        crowd.skip(
            self.env._("No e-mail address."),
            [key for key in crowd.ids if not emails.get(key)],
        )
        crowd.skip(
            self.env._("Blocked address."),
            [key for key in crowd.ids if key in crowd.run.blocked],
        )
        crowd.run.ask_policy(crowd, "email")
        crowd.send()
        crowd.go(dict(crowd.rest))

    def get_preview(self, record, date):
        step = self.step
        # sudo: as whoever sends it, the scheduler
        mailing_sudo = step.mailing_id.sudo()
        rendered = {
            name: mailing_sudo._render_field(name, record.ids)[record.id]
            for name in ("subject", "body_html")
        }
        to = step.campaign_id._get_emails(record).get(record.id)
        return [
            {"label": self.env._("From"), "value": mailing_sudo.email_from},
            {"label": self.env._("To"), "value": to or self.env._("No address")},
            {"label": self.env._("Subject"), "value": rendered["subject"]},
            {"label": self.env._("Mail"), "html": rendered["body_html"]},
        ]

    def run(self, tasks):
        tasks = tasks._defer_beyond_rate()._ask_contact_policy("email")
        if not tasks:
            return
        tasks._forget_failed_mails()
        task_map = TaskMap(tasks)
        # sudo: the scheduler is the superuser; people may run a round by hand in tests
        mailing = (
            self.step.mailing_id.sudo()
            # what the mail says of a customer is what the company knows
            .with_company(self.step.company_id)
            .with_context(crm_campaigns_engine=True, crm_campaigns_task_map=task_map)
        )
        mailing._action_send_mail(list(task_map.ids_by_record))

    def get_done_text(self, task):
        return self.env._("%s · sent", self.step.name)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    mailing_id = fields.Many2one(
        "mailing.mailing",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    subject = fields.Char(compute="_compute_mail", inverse="_inverse_subject")
    body = fields.Html(
        compute="_compute_mail",
        inverse="_inverse_body",
        sanitize="email_outgoing",
        help="For a designed mail, save and open the mail editor.",
    )
    mail_step_id = fields.Many2one(
        "crm.campaign.step",
        string="Which Mail",
        compute="_compute_mail_step_id",
        recursive=True,
        store=True,
        index="btree_not_null",
        ondelete="set null",
        help="The message whose links are meant: the nearest one before that has some.",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), MailKind]

    @api.depends("mailing_id.subject", "mailing_id.body_html")
    def _compute_mail(self):
        for step in self:
            # sudo: whoever may read the campaign may read its mails
            mailing_sudo = step.mailing_id.sudo()
            step.subject = mailing_sudo.subject
            step.body = mailing_sudo.body_html

    # each for itself: a form writes what was changed, and the other one is not in cache
    def _inverse_subject(self):
        for step in self.filtered(lambda s: s.kind == "mail"):
            # before the mailing is made: then it is read from it
            subject = step.subject
            step._prepare_mailings()
            step.mailing_id.subject = subject or step.name

    def _inverse_body(self):
        for step in self.filtered(lambda s: s.kind == "mail"):
            # before the mailing is made: then it is read from it
            body = step.body or ""
            step._prepare_mailings()
            if not is_html_empty(body) and UNSUBSCRIBE not in body:
                body += self._get_unsubscribe_footer()
            step.mailing_id.write({"body_arch": body, "body_html": body})

    @api.model
    def _get_unsubscribe_footer(self):
        return Markup('<p><small><a href="%s">%s</a></small></p>') % (
            UNSUBSCRIBE,
            self.env._("Unsubscribe"),
        )

    @api.depends("parent_id.kind", "parent_id.mail_step_id")
    def _compute_mail_step_id(self):
        for step in self:
            before = step.parent_id
            step.mail_step_id = (
                before if before._is_clickable() else before.mail_step_id
            )

    def _is_clickable(self):
        """Hook: whether people may click in what this step sends."""
        return self.kind == "mail"

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        steps._prepare_mailings()
        return steps

    def write(self, vals):
        result = super().write(vals)
        if "kind" in vals:
            self._prepare_mailings()
        return result

    def unlink(self):
        mailings = self.mailing_id
        result = super().unlink()
        mailings.filtered(lambda mailing: not mailing.sent_date).unlink()
        return result

    def _copy_into(self, copy, copies):
        super()._copy_into(copy, copies)
        if self.mailing_id:
            mailing = self.mailing_id
            copy.mailing_id.write(
                {
                    name: mailing._fields[name].convert_to_write(mailing[name], mailing)
                    for name in MAIL_COPIED
                }
            )

    # ------------------------------------------------------------
    # Mails
    # ------------------------------------------------------------

    def _prepare_mailings(self):
        """Give each mail step its mailing, with what the campaign decides."""
        for step in self.filtered(lambda s: s.kind == "mail"):
            values = step._prepare_mailing_values()
            if not step.mailing_id:
                # a mailing has a name, a source and an author of its own: one by one
                Mailing = self.env["mailing.mailing"].with_context(
                    mail_auto_subscribe_no_notify=True
                )
                step.mailing_id = Mailing.create({"subject": step.name, **values})
            else:
                # sudo: the responsible may be changed without rights on mailings
                mailing_sudo = step.mailing_id.sudo().with_context(
                    crm_campaigns_engine=True, mail_auto_subscribe_no_notify=True
                )
                changed = {
                    name: value
                    for name, value in values.items()
                    if mailing_sudo._fields[name].convert_to_write(
                        mailing_sudo[name], mailing_sudo
                    )
                    != value
                }
                if changed:
                    mailing_sudo.write(changed)

    def _prepare_mailing_values(self):
        """Hook: values of the mailing that belongs to a mail step."""
        self.ensure_one()
        campaign = self.campaign_id
        model = campaign._get_model()
        return {
            "campaign_id": campaign.utm_campaign_id.id,
            "email_from": campaign.email_from or self.env.user.email_formatted,
            "mailing_model_id": self.env["ir.model"]._get_id(model),
            "mailing_type": "mail",
            "user_id": campaign.user_id.id,
            # nobody: recipients are the tasks that fall due
            "mailing_domain": repr([("id", "in", [])]),
        }

    def action_edit_mail(self):
        """Open the mail in Odoo's editor."""
        self.ensure_one()
        self._prepare_mailings()
        if self.campaign_state != "running" and self.mailing_id.state != "draft":
            # sent before: it is the campaign that says whether it may change
            self.mailing_id.with_context(crm_campaigns_engine=True).state = "draft"
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "mailing.mailing",
            "res_id": self.mailing_id.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_preview_mail(self):
        """Read the mail as somebody would get it, and send a test, in Odoo's dialog."""
        self.ensure_one()
        self._prepare_mailings()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("%s: as they get it", self.name),
            "res_model": "mailing.mailing.test",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_mass_mailing_id": self.mailing_id.id},
        }
