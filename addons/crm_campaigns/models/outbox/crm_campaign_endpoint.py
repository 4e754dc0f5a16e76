import re

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ...tools import outbound

ALLOWED = "crm_campaigns.outbound_allowed"
# So many tries in a row that fail, of whatever calls, are a failing service.
MAX_FAILURES = 10
WARNING = "mail.mail_activity_data_warning"
METHODS = [(name, name) for name in outbound.METHODS]
# what HTTP takes as name and value of a header: no control character, least of all one
# that ends a line
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~]*)")
# ours, or the connection's
TAKEN = {
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
}


class CrmCampaignEndpoint(models.Model):
    """Another system that steps of campaigns call: where it is, and how it knows that
    it is us who call.
    """

    _name = "crm.campaign.endpoint"
    _description = "Web Service"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "name, id"

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        help="Campaigns of this company call it. Empty: of all.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        required=True,
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        tracking=True,
        help="Gets an activity when it fails steadily.",
    )
    url = fields.Char(
        string="Address",
        required=True,
        tracking=True,
        groups="crm_campaigns.crm_campaigns_group_manager",
        help="It must begin with https:// and lead to the internet.",
    )
    method = fields.Selection(
        METHODS,
        required=True,
        default="POST",
        tracking=True,
        help="How it is called. POST, unless the other system asks for another: with "
        "GET and DELETE, too, what it is told, and what is signed, is in the body.",
    )
    secret = fields.Char(
        required=True,
        copy=False,
        default=lambda self: outbound.make_secret(),
        groups="crm_campaigns.crm_campaigns_group_manager,base.group_system",
        help="Calls are signed with it, as the Standard Webhooks say: header "
        "webhook-signature, the HMAC-SHA256 of id, time and body. Give it to whoever "
        "runs the other system.",
    )
    headers = fields.Text(
        string="More Headers",
        copy=False,
        groups="crm_campaigns.crm_campaigns_group_manager,base.group_system",
        help="What the other system asks for besides our signature, a token for "
        "instance. One a line, e.g. Authorization: Bearer 123",
    )
    timeout = fields.Integer(
        string="Seconds to Answer",
        default=10,
        required=True,
        help="Without an answer by then, the call is tried again.",
    )
    # how it does
    date_paused = fields.Datetime(
        string="Stands Still Since", readonly=True, copy=False
    )
    pause_reason = fields.Text(string="Why", readonly=True, copy=False)
    resumed_after = fields.Integer(
        readonly=True,
        copy=False,
        export_string_translation=False,
        help="The last try before it was let go on.",
    )
    date_free = fields.Datetime(
        string="Not Before",
        readonly=True,
        copy=False,
        help="The other system has asked for a rest until then.",
    )
    waiting_count = fields.Integer(string="To Do", compute="_compute_request_count")
    delivered_count = fields.Integer(
        string="Delivered", compute="_compute_request_count"
    )
    parked_count = fields.Integer(string="Given Up", compute="_compute_request_count")

    _timeout_bounded = models.Constraint(
        "CHECK(timeout BETWEEN 1 AND 60)", "A call takes from 1 to 60 seconds."
    )

    # ------------------------------------------------------------
    # Computes
    # ------------------------------------------------------------

    def _compute_request_count(self):
        names = ("waiting", "delivered", "parked")
        for endpoint in self:
            endpoint.update({f"{name}_count": 0 for name in names})
        # sudo: how many they are
        for endpoint, state, count in (
            self.env["crm.campaign.request"]
            .sudo()
            ._read_group(
                [("endpoint_id", "in", self.ids), ("state", "in", names)],
                ["endpoint_id", "state"],
                ["__count"],
            )
        ):
            self.browse(endpoint.id)[f"{state}_count"] = count

    # ------------------------------------------------------------
    # Constraints
    # ------------------------------------------------------------

    @api.model
    def _get_allowed(self):
        """Names and networks inside that may be called all the same."""
        # sudo: whoever calls something, the rule is the same
        return outbound.parse_allowed(
            self.env["ir.config_parameter"].sudo().get_param(ALLOWED)
        )

    @api.constrains("url")
    def _check_url(self):
        texts = {
            "url": self.env._("It is no address of a web service."),
            "https": self.env._("It must begin with https://."),
            "private": self.env._(
                "It is inside our own network. An administrator can allow it: Settings "
                "> CRM > Campaigns."
            ),
        }
        for endpoint in self:
            problem = outbound.get_url_problem(endpoint.url, self._get_allowed())
            if problem:
                raise ValidationError(
                    self.env._(
                        "%(address)s: %(problem)s",
                        address=endpoint.url,
                        problem=texts[problem],
                    )
                )

    @api.constrains("secret")
    def _check_secret(self):
        for endpoint in self:
            if not outbound.is_secret(endpoint.secret):
                raise ValidationError(
                    self.env._(
                        "The secret is too short: 16 letters at least, or “whsec_” "
                        "with as many bytes in base64."
                    )
                )

    @api.constrains("headers")
    def _check_headers(self):
        for endpoint in self:
            for line in endpoint._get_header_lines():
                match = HEADER.fullmatch(line)
                if not match or match[1].lower() in TAKEN:
                    raise ValidationError(
                        self.env._("“%s” is no header that can be added.", line)
                    )

    def _get_header_lines(self):
        # not splitlines: whatever else would end a line is no part of a header
        text = (self.headers or "").replace("\r\n", "\n")
        lines = (line.strip(" \t") for line in text.split("\n"))
        return [line for line in lines if line]

    # ------------------------------------------------------------
    # Calling
    # ------------------------------------------------------------

    def _send(self, caller, key, body):
        """Call it once; return the ``Answer``."""
        self.ensure_one()
        # sudo: it is called for whoever runs the campaign; the secret stays here
        endpoint_sudo = self.sudo()
        headers = dict(
            HEADER.fullmatch(line).groups()
            for line in endpoint_sudo._get_header_lines()
        )
        body = body.encode()
        headers |= outbound.get_headers(endpoint_sudo.secret, key, body)
        return caller.call(self.method, endpoint_sudo.url, body, headers, self.timeout)

    def _get_answer_text(self, answer):
        """What came of a call, in words."""
        if answer.is_forbidden:
            return self.env._("The address leads into our own network.")
        if answer.error == outbound.TIMEOUT:
            return self.env._("No answer within %s seconds.", self.timeout)
        if answer.error == outbound.INSECURE:
            return self.env._("No secure connection: its certificate is not valid.")
        if answer.error == outbound.UNREACHABLE:
            return self.env._("Nobody answers at that address.")
        if answer.error:
            return self.env._("No answer: %s", answer.error)
        if answer.is_ok:
            return self.env._("Answered %s", answer.status)
        if 300 <= answer.status < 400:
            return self.env._(
                "Answered %s: it has moved. Calls follow no redirect.", answer.status
            )
        return self.env._("Refused with %s", answer.status)

    def _is_failing(self):
        """Whether its last tries failed, one after the other."""
        tries = self._get_tries(MAX_FAILURES).filtered(
            lambda one: one.id > self.resumed_after
        )
        return len(tries) == MAX_FAILURES and set(tries.mapped("outcome")) == {"failed"}

    def _get_tries(self, limit):
        """Its last tries of which the end is known."""
        return self.env["crm.campaign.request.try"].search(
            [("endpoint_id", "=", self.id), ("outcome", "!=", "begun")],
            order="id desc",
            limit=limit,
        )

    def _pause(self, reason):
        """Call it no more until somebody has looked: what waits goes on waiting."""
        self.write({"date_paused": fields.Datetime.now(), "pause_reason": reason})
        self.activity_schedule(
            WARNING,
            user_id=self.user_id.id,
            summary=self.env._("Web service fails"),
            note=Markup("<p>%s</p>")
            % self.env._(
                "%(count)s calls in a row went wrong: “%(service)s” is called no more "
                "until you let it go on. Last error: %(reason)s",
                count=MAX_FAILURES,
                service=self.name,
                reason=reason,
            ),
        )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_resume(self):
        """Call it again; failures of before count no more."""
        for endpoint in self:
            endpoint.write(
                {
                    "date_paused": False,
                    "pause_reason": False,
                    "resumed_after": endpoint._get_tries(1).id,
                    "date_free": False,
                }
            )
        self.activity_unlink([WARNING])
        self.env["crm.campaign.request"]._trigger()

    def action_new_secret(self):
        """A new secret: the other system needs it at once."""
        for endpoint in self:
            endpoint.secret = outbound.make_secret()

    def action_test(self):
        """Call it now, with nothing in it, and show what it answers."""
        self.ensure_one()
        self.check_access("write")
        Request = self.env["crm.campaign.request"]
        body = Request._dump({"type": "test", "data": {"service": self.name}})
        with outbound.Caller(self._get_allowed()) as caller:
            answer = self._send(caller, f"test-{self.id}-{fields.Datetime.now()}", body)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self._get_answer_text(answer),
                "message": answer.text[:200] or self.env._("No text."),
                "type": "success" if answer.is_ok else "danger",
            },
        }

    def action_view_requests(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_campaigns.crm_campaign_request_action"
        )
        action["name"] = self.name
        action["domain"] = [("endpoint_id", "=", self.id)]
        action["context"] = {}
        return action

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        # sudo: steps of other companies use it, too
        steps_sudo = (
            self.env["crm.campaign.step"]
            .sudo()
            .search([("endpoint_id", "in", self.ids)], limit=1)
        )
        if steps_sudo:
            raise UserError(
                self.env._(
                    "The campaign “%s” calls it: archive it instead.",
                    steps_sudo.campaign_id.name,
                )
            )
