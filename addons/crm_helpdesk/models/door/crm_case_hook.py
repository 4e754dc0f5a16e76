"""Other systems open cases and write on them: by a request that the team's secret
signs."""

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, email_normalize, plaintext2html

from odoo.addons.crm_plus.tools.webhook_signature import same

from ...tools import form_upload
from ...tools.own_field import is_number
from ..case.crm_case import PRIORITIES

_logger = logging.getLogger(__name__)

MAX_BODY = 40 * 1024 * 1024
MAX_KEY = 200
MAX_SUBJECT = 200
MAX_TEXT = 100_000
KEPT_DAYS = 60
# whoever knows the address only does not get to fill the ledger
MAX_REFUSED = 1_000
TEXTS = ("key", "case", "subject", "text", "email", "name", "phone", "order")


class HookError(Exception):
    """What is wrong with a request, as its sender is told."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    is_hook = fields.Boolean(
        string="Other Systems",
        help="A shop, a machine or a monitor opens cases of this team by a signed "
        "request.",
    )
    hook_token = fields.Char(
        readonly=True,
        copy=False,
        groups="crm_helpdesk.crm_helpdesk_group_manager",
    )
    hook_secret = fields.Char(
        string="Secret",
        readonly=True,
        copy=False,
        groups="crm_helpdesk.crm_helpdesk_group_manager",
        help="Requests are signed with it: header X-Signature, the hexadecimal "
        "HMAC-SHA256 of the body.",
    )
    hook_url = fields.Char(
        string="Address for Systems",
        compute="_compute_hook_url",
        groups="crm_helpdesk.crm_helpdesk_group_manager",
    )
    hook_hourly_limit = fields.Integer(
        string="Requests per Hour",
        default=600,
        help="What comes beyond is refused until the next hour.",
    )
    hook_call_count = fields.Integer(
        compute="_compute_hook_call_count",
        groups="crm_helpdesk.crm_helpdesk_group_manager",
    )

    _hook_token_uniq = models.UniqueIndex(
        "(hook_token) WHERE hook_token IS NOT NULL", "Another team has this address."
    )

    @api.depends("hook_token")
    def _compute_hook_url(self):
        for team in self:
            team.hook_url = (
                team.hook_token
                and f"{team.get_base_url()}/crm_helpdesk/hook/{team.hook_token}"
            )

    def _compute_hook_call_count(self):
        counts = dict(
            self.env["crm.case.hook.call"]._read_group(
                [("team_id", "in", self.ids)], ["team_id"], ["__count"]
            )
        )
        for team in self:
            team.hook_call_count = counts.get(team._origin, 0)

    @api.model_create_multi
    def create(self, vals_list):
        teams = super().create(vals_list)
        teams._ensure_hook()
        return teams

    def write(self, vals):
        result = super().write(vals)
        if vals.get("is_hook"):
            self._ensure_hook()
        return result

    def _ensure_hook(self):
        """Teams that are called have an address and a secret of their own."""
        # sudo: whoever may switch it on
        for team_sudo in self.sudo().filtered(
            lambda team: team.is_hook and not team.hook_token
        ):
            team_sudo.write(
                {
                    "hook_token": secrets.token_urlsafe(16),
                    "hook_secret": secrets.token_urlsafe(32),
                }
            )

    def action_new_hook_secret(self):
        """A new secret: whoever has the old one is refused from now on."""
        self.check_access("write")
        for team in self:
            team.hook_secret = secrets.token_urlsafe(32)

    def action_view_hook_calls(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_hook_call_action"
        )
        action["domain"] = [("team_id", "=", self.id)]
        return action

    @api.model
    def _get_by_hook_token(self, token):
        """The team of an address that a stranger calls; empty for any other."""
        if not (token.isascii() and token.isprintable()):
            # none of ours, and the database would stumble on some
            return self.browse()
        return self.search(
            [("hook_token", "=", token), ("is_hook", "=", True)], limit=1
        )

    def _is_hook_signature(self, body, given):
        """Whether this is the signature of ``body`` with the team's secret."""
        self.ensure_one()
        if not self.hook_secret:
            return False
        expected = hmac.new(self.hook_secret.encode(), body, hashlib.sha256).hexdigest()
        return same(expected, (given or "").removeprefix("sha256="))


class CrmCaseHookCall(models.Model):
    """Ledger of the requests of other systems: what came, and what they were told.

    A key that was answered well is answered the same way again, and does nothing.
    """

    _name = "crm.case.hook.call"
    _description = "Request of Another System"
    _order = "id desc"
    _rec_name = "key"

    team_id = fields.Many2one(
        "crm.case.team", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="team_id.company_id", store=True, index=True)
    date = fields.Datetime(
        required=True, readonly=True, default=fields.Datetime.now, index=True
    )
    key = fields.Char(readonly=True)
    status = fields.Integer(readonly=True, aggregator=None)
    answer = fields.Char(readonly=True)
    case_id = fields.Many2one(
        "crm.case", readonly=True, index="btree_not_null", ondelete="set null"
    )
    address = fields.Char(readonly=True, help="Where the request came from.")

    _key_uniq = models.UniqueIndex(
        "(team_id, key) WHERE key IS NOT NULL AND status < 300",
        "This request was answered already.",
    )

    # ------------------------------------------------------------
    # A request
    # ------------------------------------------------------------

    @api.model
    def _take(self, team, body, signature, address):
        """Do what a request says; return its status and what its sender is told."""
        case, key = self.env["crm.case"], None
        try:
            if not team._is_hook_signature(body, signature):
                raise HookError(403, "wrong signature")
            if len(body) > MAX_BODY:
                raise HookError(413, "too big")
            Quota = self.env["crm.case.quota"]
            if not Quota._take("hook", team.id, team.hook_hourly_limit):
                raise HookError(429, "too many requests this hour")
            message = self._read(body)
            key = message["key"]
            done = self._reserve(team, key, address)
            if not done.status:
                # all or nothing: what is refused leaves no half of a case
                with self.env.cr.savepoint():
                    status, case = self._act(team, message)
                done.write(
                    {"status": status, "answer": case.number, "case_id": case.id}
                )
                return status, {"case": case.number, "repeated": False}
            return 200, {"case": done.answer, "repeated": True}
        except HookError as error:
            status, text = error.status, str(error)
        except (UserError, ValidationError) as error:
            status, text = 422, str(error)
        # it may quote what the database does not take
        text = text.replace("\0", "").encode("utf-8", "replace").decode()
        self._reject(team, key, status, text, address)
        return status, {"error": text}

    @api.model
    def _read(self, body):
        """The message of a request, checked; see the README for what is in it."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            raise HookError(400, "the body is no JSON") from None
        if not isinstance(message, dict):
            raise HookError(400, "the body is no JSON object")
        for name in TEXTS:
            value = message.setdefault(name, "")
            if isinstance(value, int) and not isinstance(value, bool):
                value = message[name] = str(value)
            if not isinstance(value, str):
                raise HookError(400, f"{name}: a text is expected")
            try:
                value.encode()
            except UnicodeEncodeError:
                raise HookError(400, f"{name}: no such letters") from None
            message[name] = value.replace("\0", "").strip()
        if not message["key"] or len(message["key"]) > MAX_KEY:
            raise HookError(400, "key: missing, or too long")
        if len(message["text"]) > MAX_TEXT:
            raise HookError(413, "text: too long")
        message["files"] = self._read_files(message.get("attachments") or [])
        return message

    @api.model
    def _read_files(self, attachments):
        if not isinstance(attachments, list):
            raise HookError(400, "attachments: a list is expected")
        if len(attachments) > form_upload.MAX_FILES:
            raise HookError(413, f"attachments: at most {form_upload.MAX_FILES}")
        files = []
        for attachment in attachments:
            try:
                name = form_upload.clean_name(attachment["name"])
                content = base64.b64decode(attachment["content"], validate=True)
            except (TypeError, KeyError, AttributeError, ValueError, binascii.Error):
                raise HookError(
                    400, "attachments: name and content (base64) are expected"
                ) from None
            problem = form_upload.get_problem(name, content)
            if problem:
                raise HookError(422, f"attachments: {name}: {problem}")
            files.append((name, content))
        return files

    @api.model
    def _reserve(self, team, key, address):
        """The row of this key: a new one, or that of when it was answered.

        Two at once: the second waits for the first, and is tried again by Odoo.
        """
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_case_hook_call
                            (team_id, company_id, date, key, status, address,
                             create_uid, create_date, write_uid, write_date)
                     VALUES (%(team)s, %(company)s, %(now)s, %(key)s, 0, %(address)s,
                             %(uid)s, %(now)s, %(uid)s, %(now)s)
                ON CONFLICT (team_id, key) WHERE key IS NOT NULL AND status < 300
                 DO NOTHING
                  RETURNING id
                """,
                team=team.id,
                company=team.company_id.id,
                now=fields.Datetime.now(),
                key=key,
                address=address,
                uid=self.env.uid,
            )
        )
        if rows:
            return self.browse(rows[0])
        return self.search(
            [("team_id", "=", team.id), ("key", "=", key), ("status", "<", 300)],
            limit=1,
        )

    @api.model
    def _reject(self, team, key, status, text, address):
        _logger.info("Request to case team %s refused: %s %s", team.id, status, text)
        # what was reserved for it
        self.search(
            [("team_id", "=", team.id), ("key", "=", key), ("status", "=", 0)]
        ).unlink()
        Quota = self.env["crm.case.quota"]
        if not Quota._take("hook-refused", team.id, MAX_REFUSED):
            return
        self.create(
            {
                "team_id": team.id,
                "key": key,
                "status": status,
                "answer": text[:500],
                "address": address,
            }
        )

    # ------------------------------------------------------------
    # What it does
    # ------------------------------------------------------------

    @api.model
    def _act(self, team, message):
        """``(status, case)``: a new case, or a message on one."""
        if message["case"]:
            return 200, self._add_message(team, message)
        return 201, self._open_case(team, message)

    @api.model
    def _open_case(self, team, message):
        for name in ("subject", "text"):
            if not message[name]:
                raise HookError(400, f"{name}: missing")
        Case = self.env["crm.case"].with_company(team.company_id)
        email = email_normalize(message["email"])
        if message["email"] and not email:
            raise HookError(422, "email: no such address")
        partner = Case._find_or_create_contact(
            message["name"], email, team.company_id, message["phone"]
        )
        values = {
            "name": message["subject"][:MAX_SUBJECT],
            "description": plaintext2html(message["text"]),
            "team_id": team.id,
            "intake_key": f"hook-{message['key']}",
            "sale_order_id": self._find_order(team, message, partner).id,
            **self._read_priority(message),
            **self._read_fields(team, message),
        }
        if not partner:
            values |= {
                "partner_name": message["name"] or False,
                "partner_email": email or False,
            }
        return Case._open_by_customer("api", values, partner, message["files"])

    @api.model
    def _find_order(self, team, message, partner):
        """The order that is named, if it is the customer's own."""
        Order = self.env["sale.order"]
        if not message["order"]:
            return Order
        order = Order.search(
            Domain("name", "=", message["order"])
            & Domain("company_id", "=", team.company_id.id)
            & Domain(
                "partner_id.commercial_partner_id",
                "=",
                partner.commercial_partner_id.id or 0,
            ),
            limit=1,
        )
        if not order:
            raise HookError(422, "order: not of this customer")
        return order

    @api.model
    def _read_priority(self, message):
        priority = message.get("priority")
        if priority in (None, ""):
            return {}
        if str(priority) not in dict(PRIORITIES):
            raise HookError(422, "priority: 0, 1, 2 or 3")
        return {"priority": str(priority)}

    @api.model
    def _read_fields(self, team, message):
        """The team's own fields, by their name or label."""
        given = message.get("fields") or {}
        if not isinstance(given, dict):
            raise HookError(400, "fields: an object is expected")
        known = {}
        for field in team._get_form_fields():
            known[field["name"]] = known[field["label"]] = field
        values = {}
        for name, value in given.items():
            field = known.get(name)
            if not field or field["type"] == "separator":
                raise HookError(422, f"fields: {name}: no such field")
            values[field["name"]] = self._read_field(field, name, value)
        return {"case_properties": values} if values else {}

    @api.model
    def _read_field(self, field, name, value):
        kinds = {
            "boolean": bool,
            "integer": int,
            "float": (int, float),
            "tags": list,
        }
        if value is None:
            return False
        if not isinstance(value, kinds.get(field["type"], str)):
            raise HookError(422, f"fields: {name}: no {field['type']}")
        if field["type"] in ("integer", "float") and not is_number(value):
            raise HookError(422, f"fields: {name}: no {field['type']}")
        for text in value if isinstance(value, list) else [value]:
            self._check_letters(name, text)
        allowed = {option for option, _label in field["options"]}
        for choice in value if isinstance(value, list) else [value]:
            if field["type"] in ("selection", "tags") and (
                # what is no text need not even be comparable
                not isinstance(choice, str) or choice not in allowed
            ):
                raise HookError(422, f"fields: {name}: none of the list")
        if field["type"] in ("date", "datetime"):
            try:
                read = getattr(fields, field["type"].capitalize())
                return read.to_string(read.from_string(value))
            except ValueError:
                raise HookError(422, f"fields: {name}: no {field['type']}") from None
        return value.replace("\0", "")[:2000] if isinstance(value, str) else value

    @api.model
    def _check_letters(self, name, text):
        """JSON may have halves of letters, which are none."""
        try:
            (text if isinstance(text, str) else "").encode()
        except UnicodeEncodeError:
            raise HookError(422, f"fields: {name}: no such letters") from None

    @api.model
    def _add_message(self, team, message):
        """Write on a case of this team, as its customer or somebody known to it."""
        case = self.env["crm.case"].search(
            [("number", "=", message["case"]), ("team_id", "=", team.id)], limit=1
        )
        if not case:
            raise HookError(404, "case: not of this team")
        if not message["text"]:
            raise HookError(400, "text: missing")
        if case._get_late_rule():
            raise HookError(409, "case: closed long ago, please open a new one")
        author, email = case.partner_id, case.partner_email
        if message["email"]:
            if not case._is_known_sender(message["email"]):
                raise HookError(422, "email: nobody of this case")
            email = email_normalize(message["email"])
            if email != case.email_normalized:
                author = self.env["crm.case"]._find_or_create_contact(
                    message["name"], email, team.company_id
                )
        case.message_post(
            body=message["text"],
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            author_id=author.id or False,
            attachments=message["files"],
            **({} if author else {"email_from": email or ""}),
        )
        return case

    # ------------------------------------------------------------
    # Keeping
    # ------------------------------------------------------------

    @api.autovacuum
    def _gc_calls(self):
        """Keep requests for some weeks: longer no system tries again."""
        old = self.search(
            [("date", "<", fields.Datetime.now() - timedelta(days=KEPT_DAYS))],
            limit=10_000,
        )
        old.unlink()
        return len(old), 0

    def action_open_case(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.case",
            "res_id": self.case_id.id,
            "views": [(False, "form")],
        }
