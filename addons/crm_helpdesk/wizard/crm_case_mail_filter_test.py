from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import plaintext2html

from ..tools.mail_filter import NOT_NARROW, WRONG_SENDER, FilteredMail


class CrmCaseMailFilterTest(models.TransientModel):
    """What would happen to a mail: which filters hold, which do not and why not.

    Nothing is opened, sent or written.
    """

    _name = "crm.case.mail.filter.test"
    _description = "Try Mail Filters"
    _inherit = "crm.case.given.mixin"
    _case_access = "read"

    team_id = fields.Many2one(
        "crm.case.team",
        string="Mail to",
        required=True,
        ondelete="cascade",
        default=lambda self: self.env["crm.case.team"]._get_default_team(
            self.env.user, self.env.company
        ),
    )
    case_id = fields.Many2one(
        string="Like the Mail of",
        domain="[('channel', '=', 'email')]",
        ondelete="cascade",
        help="Takes the mail that opened this case. Its headers were not kept.",
    )
    email_from = fields.Char(
        string="Sender",
        compute="_compute_mail",
        compute_sudo=False,
        store=True,
        readonly=False,
        precompute=True,
    )
    email_to = fields.Char(string="Recipients")
    subject = fields.Char(
        compute="_compute_mail",
        compute_sudo=False,
        store=True,
        readonly=False,
        precompute=True,
    )
    body = fields.Text(
        string="Text",
        compute="_compute_mail",
        compute_sudo=False,
        store=True,
        readonly=False,
        precompute=True,
    )
    headers = fields.Text(help="One a line, e.g. X-Spam-Flag: yes")
    is_machine = fields.Boolean(string="Written by a Machine")
    result = fields.Html(compute="_compute_result", sanitize=False)

    @api.depends("case_id")
    def _compute_mail(self):
        for wizard in self:
            wizard.case_id.check_access("read")
            mail = wizard.case_id.message_ids.filtered(
                lambda message: message.message_type == "email"
            ).sorted("id")[:1]
            wizard.email_from = mail.email_from or wizard.email_from
            wizard.subject = mail.subject or wizard.subject
            wizard.body = (
                FilteredMail({}, None, str(mail.body)).get_text("body")
                if mail
                else wizard.body
            )

    def _get_mail(self):
        self.ensure_one()
        headers = {}
        for line in (self.headers or "").splitlines():
            name, _colon, value = line.partition(":")
            headers[name.strip().casefold()] = value.strip()
        return FilteredMail(
            {
                "from": self.email_from,
                "to": self.email_to,
                "subject": self.subject,
            },
            lambda name: headers.get(name.casefold(), ""),
            str(plaintext2html(self.body or "")),
            self.is_machine,
        )

    @api.depends(
        "team_id",
        "email_from",
        "email_to",
        "subject",
        "body",
        "headers",
        "is_machine",
    )
    def _compute_result(self):
        for wizard in self:
            wizard.result = wizard._get_result() if wizard.team_id else False

    def _get_result(self):
        Filter = self.env["crm.case.mail.filter"]
        tried = Filter._try_all(self._get_mail(), self.team_id._origin)
        if not tried:
            return Markup("<p>%s</p>") % self.env._(
                "No filter is for mail to this team: a case is opened as usual."
            )
        items = []
        for row in tried:
            record = Filter.browse(row["filter"].id)
            if row["fails"]:
                lines = self._get_failures(row["fails"])
                mark, text = "fa-times text-muted", self.env._("does not hold")
            else:
                lines = [record.summary] if record.summary else []
                lines += [
                    self.env._(
                        "%(label)s: %(text)s",
                        label=record.extract_ids.browse(extract.id)._get_label(),
                        text=text or self.env._("not found"),
                    )
                    for extract, text in row["found"]
                ]
                mark, text = "fa-check text-success", self.env._("holds")
            items.append(
                Markup("<li><i class='fa %s'></i> <b>%s</b> %s%s</li>")
                % (
                    mark,
                    record.name,
                    text,
                    Markup("<ul>%s</ul>")
                    % Markup().join(Markup("<li>%s</li>") % line for line in lines),
                )
            )
        return Markup("<ul class='list-unstyled'>%s</ul>") % Markup().join(items)

    def _get_failures(self, fails):
        """In words, which conditions do not hold."""
        Condition = self.env["crm.case.mail.filter.condition"]
        texts = {
            WRONG_SENDER: self.env._("Written by somebody else than the filter is for"),
            NOT_NARROW: self.env._("It has no conditions: it would keep any mail away"),
        }
        return [
            texts.get(fail)
            or self.env._("Not true: %s", Condition.browse(fail.id)._get_label())
            for fail in fails
        ]
