import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ...tools.automatic_reply import is_automatic_reply
from ..case.crm_case_mail import AUTOMATIC_HEADERS
from ..case.crm_case_stage import DONE

_logger = logging.getLogger(__name__)


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    reopen_days = fields.Integer(
        string="Reopen within",
        default=30,
        help="Days after a case was closed in which an answer of the customer opens "
        "it again.",
    )
    late_follow_up = fields.Selection(
        [
            ("reopen", "Reopen it all the same"),
            ("new", "Open a new case that is linked to it"),
            ("refuse", "Refuse, and say so politely"),
        ],
        string="Later Answers",
        required=True,
        default="new",
        help="What happens when a customer answers to a case that was closed longer "
        "ago.",
    )
    refusal_template_id = fields.Many2one(
        "mail.template",
        string="Polite Answer",
        domain="[('model', '=', 'crm.case')]",
        index="btree_not_null",
        default=lambda self: self.env.ref(
            "crm_helpdesk.mail_template_case_refusal", raise_if_not_found=False
        ),
        help="Sent to who writes to a case that takes no more answers; his mail is "
        "kept on the case as a note.",
    )

    _check_reopen_days = models.Constraint(
        "CHECK(reopen_days BETWEEN 0 AND 3650)",
        "Cases are opened again within 0 to 3,650 days (ten years).",
    )


class CrmCase(models.Model):
    """What becomes of an answer to a case that is over: by the rule of its team."""

    _inherit = "crm.case"

    follow_up_of_id = fields.Many2one(
        "crm.case",
        string="Follow-up of",
        readonly=True,
        copy=False,
        index="btree_not_null",
        groups="base.group_user",
        help="The closed case that the customer answered to.",
    )
    follow_up_ids = fields.One2many(
        "crm.case",
        "follow_up_of_id",
        string="Follow-ups",
        readonly=True,
        groups="base.group_user",
    )
    date_refused = fields.Datetime(
        string="Answer Refused",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="When somebody was last told that this case takes no more answers.",
    )

    def _get_late_rule(self):
        """What the team does with an answer now: None while it just reopens."""
        self.ensure_one()
        # sudo: customers answer; the rule is the team's
        case_sudo = self.sudo()
        if case_sudo.stage_category not in DONE or not case_sudo.date_closed:
            return None
        team_sudo = case_sudo.team_id
        limit = case_sudo.date_closed + timedelta(days=team_sudo.reopen_days)
        if team_sudo.late_follow_up == "reopen" or self.env.cr.now() <= limit:
            return None
        return team_sudo.late_follow_up

    # ------------------------------------------------------------
    # Mail
    # ------------------------------------------------------------

    @api.model
    def _reroute(self, message, message_dict, route):
        """The signed address of a case says more than the subject."""
        if case_id := message_dict.get("reply_case_id"):
            model, _thread_id, values, user_id, alias = route
            return (model, case_id, values, user_id, alias)
        return super()._reroute(message, message_dict, route)

    @api.model
    def _finish_routes(self, message, message_dict, routes, case):
        """Send each route to a case where the rules of its team want it; none twice.

        :param case: the one whose signed address the mail was sent to, if any
        """
        if case and routes and not any(route[1] for route in routes):
            # answered to the case, and sent to other addresses of ours
            user = self.env["mail.thread"]._mail_find_user_for_gateway(
                message_dict["email_from"]
            )
            uid = user.id or self.env.uid
            routes = [*routes, (self._name, case.id, None, uid, None)]
        finished, seen = [], set()
        for route in routes:
            if route[0] == self._name:
                if route[1]:
                    self._know_automatic_reply(message, message_dict)
                    # sudo: the gateway knows all cases
                    answered = self.sudo().browse(route[1])
                    route = answered._route_follow_up(message, message_dict, route)
                key = route[1] or ("new", (route[2] or {}).get("team_id"))
                if key in seen:
                    continue
                seen.add(key)
            finished.append(route)
        return finished

    def _route_follow_up(self, message, message_dict, route):
        """Return the route of a mail that answers to this case."""
        if self._get_late_rule() != "new" or not self._is_asking(message_dict):
            return route
        alive = self.follow_up_ids.filtered(lambda case: not case.is_closed)
        model, _thread_id, _values, user_id, alias = route
        if alive:
            return (model, alive.sorted("id")[-1].id, None, user_id, alias)
        values = {
            "team_id": self.team_id.id,
            "follow_up_of_id": self.id,
            "address_id": self._get_used_address().id,
        }
        return (model, False, values, user_id, alias)

    @api.model
    def _know_automatic_reply(self, message, message_dict):
        """An automatic answer on a case changes nothing, also when its headers, which
        tell machines everywhere else, do not say that it is one."""
        if not message_dict.get("is_machine_mail") and is_automatic_reply(message):
            message_dict.update(
                is_machine_mail=True, machine_reason="Automatic answer or report"
            )

    @api.model
    def _is_asking(self, message_dict):
        """Whether a person outside wrote the mail."""
        if message_dict.get("is_machine_mail"):
            return False
        return not self._is_own_user(message_dict.get("email_from"))

    @api.model
    def _is_own_user(self, email_from):
        email = email_normalize(email_from)
        # sudo: only whether one of ours has the address
        return bool(email) and bool(
            self.env["res.users"]
            .sudo()
            .search_count(
                [("share", "=", False), ("partner_id.email_normalized", "=", email)],
                limit=1,
            )
        )

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        case = super().message_new(msg_dict, custom_values)
        if closed := case.follow_up_of_id:
            closed._message_log(
                body=self.env._(
                    "The customer answered in the new case %s.", case._get_html_link()
                )
            )
            # who answers may be somebody else, to whom the order says nothing
            customer = case.commercial_partner_id
            is_same = customer and customer == closed.commercial_partner_id
            if is_same and not case.sale_order_id:
                case.sale_order_id = closed.sale_order_id
        return case

    def message_update(self, msg_dict, update_vals=None):
        if (
            self._get_late_rule() == "refuse"
            and not msg_dict.get("is_machine_mail")
            and not self._is_own_user(msg_dict.get("email_from"))
        ):
            # a note: kept, read by who looks for it, and opening nothing
            msg_dict["is_internal"] = True
            msg_dict.pop("parent_id", None)
            msg_dict.pop("cc", None)
            self._refuse_politely(msg_dict["email_from"])
        return super().message_update(msg_dict, update_vals)

    def _refuse_politely(self, email_from):
        """Tell the sender that this case takes no more answers, once in a while."""
        template = self.team_id.refusal_template_id
        now = self.env.cr.now()
        interval = timedelta(minutes=max(self.team_id.ack_interval, 1))
        email = email_normalize(email_from)
        if (
            not template
            or not email
            or (self.date_refused and self.date_refused > now - interval)
            or self._is_own_address(email)
        ):
            return
        self.date_refused = now
        try:
            with self.env.cr.savepoint():
                template.send_mail_batch(
                    self.ids,
                    email_values={
                        "email_to": email_from,
                        "recipient_ids": [],
                        "message_type": "auto_comment",
                        "author_id": self.env.ref("base.partner_root").id,
                        "headers": repr(AUTOMATIC_HEADERS),
                    },
                )
        except Exception:
            # a broken template must not lose the mail
            _logger.exception("No answer that %s is over could be sent", self.number)

    # ------------------------------------------------------------
    # Portal
    # ------------------------------------------------------------

    def message_post(self, **kwargs):
        """On the portal nobody writes into a case that takes no more answers."""
        if not self.env.su and not self.env.user._is_internal():
            # what customers write is nothing else, whatever they call it
            kwargs["message_type"] = "comment"
        if (
            kwargs.get("message_type") == "comment"
            and not self.env.user._is_internal()
            and self._get_late_rule()
        ):
            raise UserError(
                self.env._(
                    "The case %s was closed long ago. Please open a new one, and name "
                    "this number in it.",
                    # sudo: it is his case, and the number is on the page
                    self.sudo().number,
                )
            )
        return super().message_post(**kwargs)
