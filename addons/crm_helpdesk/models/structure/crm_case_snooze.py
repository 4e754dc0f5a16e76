import logging

from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.crm_plus.tools.collision import COLLISIONS, rested, try_again

from ..case.crm_case_stage import DONE

_logger = logging.getLogger(__name__)

CRON_BATCH_SIZE = 200  # a note and an activity each, made together


class CrmCase(models.Model):
    """Snooze: a case leaves the queues until a moment, or until the customer writes.

    It is a matter of what people look at. The promise to the customer runs on: who
    waits for somebody moves the case to a waiting stage.
    """

    _inherit = "crm.case"

    snooze_until = fields.Datetime(
        string="Snoozed until",
        copy=False,
        index="btree_not_null",
        groups="base.group_user",
        help="Hidden from the queues until then, or until the customer answers. "
        "Response times run on.",
    )
    snooze_reason = fields.Char(
        string="Why Snoozed", copy=False, groups="base.group_user"
    )
    is_snoozed = fields.Boolean(
        string="Snoozed",
        compute="_compute_is_snoozed",
        search="_search_is_snoozed",
        groups="base.group_user",
    )

    @api.depends("snooze_until")
    def _compute_is_snoozed(self):
        now = fields.Datetime.now()
        for case in self:
            case.is_snoozed = bool(case.snooze_until) and case.snooze_until > now

    def _search_is_snoozed(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("snooze_until", "!=", False) & Domain(
            "snooze_until", ">", fields.Datetime.now()
        )

    @api.model_create_multi
    def create(self, vals_list):
        cases = super().create(vals_list)
        moments = [v["snooze_until"] for v in vals_list if v.get("snooze_until")]
        self._trigger_wake(moments)
        return cases

    def write(self, vals):
        result = super().write(vals)
        if vals.get("snooze_until"):
            self._trigger_wake([vals["snooze_until"]])
        return result

    @api.model
    def _trigger_wake(self, moments):
        """Have the scheduler wake what is snoozed at these moments."""
        cron_id = self.env["ir.model.data"]._xmlid_to_res_id(
            "crm_helpdesk.ir_cron_wake_cases", raise_if_not_found=False
        )
        if moments and cron_id:
            # sudo: agents do not write the plan of the scheduler
            self.env["ir.cron"].sudo().browse(cron_id)._trigger(
                at=[fields.Datetime.to_datetime(moment) for moment in moments]
            )

    def _snooze(self, until, reason=False):
        until = fields.Datetime.to_datetime(until)
        self.write({"snooze_until": until, "snooze_reason": reason})
        self._message_log_batch(
            {
                case.id: self.env._(
                    "Snoozed until %(until)s. %(reason)s",
                    until=self._format_snooze(until),
                    reason=reason or "",
                )
                for case in self
            }
        )

    def _format_snooze(self, moment):
        local = fields.Datetime.context_timestamp(self, moment)
        return local.strftime("%Y-%m-%d %H:%M")

    @api.model
    def _get_work_domain(self):
        """What sleeps is nobody's next."""
        return super()._get_work_domain() & Domain("is_snoozed", "=", False)

    def action_snooze(self):
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_snooze_action"
        )
        action["context"] = {"default_case_ids": self.ids}
        return action

    def action_wake(self):
        self.write({"snooze_until": False, "snooze_reason": False})

    @api.model
    def _cron_wake(self, batch_size=CRON_BATCH_SIZE):
        progress = try_again(self.env, lambda: self._process_snoozed(batch_size))
        if progress is None:
            self._trigger_wake([rested()])
        done, remaining = progress or (0, 0)
        self.env["ir.cron"]._commit_progress(done, remaining=remaining)

    @api.model
    def _process_snoozed(self, batch_size):
        """Do one batch; return how many cases it did, and how many remain."""
        domain = Domain("snooze_until", "<=", fields.Datetime.now())
        cases = self.search(domain, limit=batch_size, order="snooze_until, id")
        cases = cases.try_lock_for_update().filtered_domain(domain)
        cases._wake()
        return len(cases), self.search_count(domain)

    def _wake(self):
        """The time has come: back into the queue, and onto the desk of who has it. A
        case of which nobody can be told is back in the queue all the same, and holds
        up no other."""
        batches = [self] if self else []
        while batches:
            cases = batches.pop(0)
            try:
                with self.env.cr.savepoint():
                    cases._wake_and_tell()
            except COLLISIONS:
                raise
            except Exception:
                _logger.exception(
                    "Nobody could be told that %s woke", cases.mapped("number")
                )
                if len(cases) > 1:
                    batches += list(cases)
                else:
                    cases.action_wake()

    def _wake_and_tell(self):
        todo = self.env.ref("mail.mail_activity_data_todo")
        model_id = self.env["ir.model"]._get_id(self._name)
        # quick: he sees it on his list, a mail to him would be one too many
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(
            [
                {
                    "res_model_id": model_id,
                    "res_id": case.id,
                    "activity_type_id": todo.id,
                    "summary": (
                        self.env._("Back from snooze: %s", case.snooze_reason)
                        if case.snooze_reason
                        else self.env._("Back from snooze")
                    ),
                    "user_id": case.user_id.id,
                    "date_deadline": fields.Date.context_today(
                        case.with_context(tz=case.user_id.tz)
                    ),
                }
                for case in self
                if case.user_id and case.stage_category not in DONE
            ]
        )
        self._message_log_batch(
            dict.fromkeys(self.ids, self.env._("The snooze is over."))
        )
        self.action_wake()

    def _on_customer_message(self):
        super()._on_customer_message()
        # sudo: the customer wakes it, and knows nothing of it
        case_sudo = self.sudo()
        if case_sudo.snooze_until:
            case_sudo.action_wake()
            case_sudo._message_log(
                body=self.env._("No longer snoozed: the customer has written.")
            )

    def _follow_category(self, before):
        result = super()._follow_category(before)
        # sudo: customers close their cases, too
        over = self.sudo().filtered(
            lambda case: case.snooze_until and case.stage_category in DONE
        )
        if over:
            over.action_wake()
        return result
