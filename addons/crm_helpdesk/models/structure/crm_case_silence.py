import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.sql import column_exists, create_column, table_exists

from odoo.addons.crm_plus.tools.calendar_time import work_time
from odoo.addons.crm_plus.tools.collision import COLLISIONS, try_again
from odoo.addons.crm_plus.tools.worktime import NoWorkingTimeError

from ..case.crm_case_mail import AUTOMATIC_HEADERS

_logger = logging.getLogger(__name__)

CRON_BATCH_SIZE = 100  # mails of a batch are rendered together: a second or two


class CrmCase(models.Model):
    """Cases whose customer does not answer: a reminder first, then the end.

    By team, in working days of the team: so many of them in a stage that waits for the
    customer, then a mail that says what will happen, then so many more. Each answer of
    his, each message of ours and each change of stage begins it anew. Nothing is closed
    that was not announced, nothing is done outside the hours of the team, and never
    while it is our turn.
    """

    _inherit = "crm.case"

    date_waiting = fields.Datetime(
        string="Waits for the Customer since",
        readonly=True,
        copy=False,
        help="Since we wrote to him last, or moved the case to a stage that waits for "
        "him.",
    )
    date_silence_warned = fields.Datetime(
        string="Reminded",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="When the customer was told that the case will be closed.",
    )

    _silence_idx = models.Index(
        "(team_id, date_waiting) WHERE date_waiting IS NOT NULL"
    )

    def _auto_init(self):
        # at the installation there is no table yet, and no case
        is_new = table_exists(self.env.cr, self._table) and not column_exists(
            self.env.cr, self._table, "date_waiting"
        )
        if is_new:
            create_column(self.env.cr, self._table, "date_waiting", "timestamp")
        result = super()._auto_init()
        if is_new:
            # since when is not known: it counts from the update on
            self.env.cr.execute(
                """UPDATE crm_case SET date_waiting = now() AT TIME ZONE 'UTC'
                    WHERE stage_category = 'waiting_customer'"""
            )
        return result

    # ------------------------------------------------------------
    # Since when
    # ------------------------------------------------------------

    def _start_clocks(self):
        result = super()._start_clocks()
        waiting = self.filtered(lambda case: case.stage_category == "waiting_customer")
        if waiting:
            waiting._wait_anew(fields.Datetime.now())
        return result

    def _follow_category(self, before):
        result = super()._follow_category(before)
        moved = self.filtered(lambda case: before[case.id] != case.stage_category)
        waiting = moved.filtered(lambda c: c.stage_category == "waiting_customer")
        if waiting:
            waiting._wait_anew(fields.Datetime.now())
        rest = (moved - waiting).filtered("date_waiting")
        if rest:
            rest._wait_anew(False)
        return result

    def _sla_on_human_answer(self, date):
        result = super()._sla_on_human_answer(date)
        waiting = self.filtered(lambda case: case.stage_category == "waiting_customer")
        if waiting:
            waiting._wait_anew(date)
        return result

    def _wait_anew(self, date):
        # sudo: whoever answers or moves the case; nobody writes it by hand
        self.sudo().write({"date_waiting": date, "date_silence_warned": False})

    # ------------------------------------------------------------
    # Scheduler
    # ------------------------------------------------------------

    @api.model
    def _get_silence_domains(self):
        """``(whom to remind, which to close)`` now, of all teams that do so."""
        now = fields.Datetime.now()
        remind, close = [], []
        for team in self.env["crm.case.team"].search([("silence_warn_days", ">", 0)]):
            work = work_time(
                team.resource_calendar_id or team.company_id.resource_calendar_id,
                team.company_id,
            )
            try:
                if not work.is_open(now):
                    continue  # nobody gets mail of ours at night
                remind_from = work.add_days(now, -team.silence_warn_days)
                close_from = work.add_days(now, -max(team.silence_close_days, 1))
            except NoWorkingTimeError:
                _logger.warning("The team %s has no working days", team.name)
                continue
            waiting = (
                Domain("team_id", "=", team.id)
                & Domain("stage_category", "=", "waiting_customer")
                & Domain("snooze_until", "=", False)
            )
            if team.silence_template_id:
                remind.append(
                    waiting
                    & Domain("date_waiting", "<=", remind_from)
                    & Domain("date_silence_warned", "=", False)
                    & Domain("is_machine", "=", False)
                    & Domain("email_normalized", "!=", False)
                )
            close.append(waiting & Domain("date_silence_warned", "<=", close_from))
        return Domain.OR(remind), Domain.OR(close)

    @api.model
    def _cron_silence(self, batch_size=CRON_BATCH_SIZE):
        """Remind customers who are silent; close what was announced in vain."""
        progress = try_again(self.env, lambda: self._process_silence(batch_size))
        done, remaining = progress or (0, 0)  # what collides comes again in an hour
        self.env["ir.cron"]._commit_progress(done, remaining=remaining)

    @api.model
    def _process_silence(self, batch_size):
        """Do one batch; return how many cases it did, and how many remain."""
        remind, close = self._get_silence_domains()
        silent = self.search(close, limit=batch_size, order="date_silence_warned, id")
        silent = silent.try_lock_for_update().filtered_domain(close)
        silent._close_silent()
        left = batch_size - len(silent)
        due = self.browse()
        if left:
            due = self.search(remind, limit=left, order="date_waiting, id")
            due = due.try_lock_for_update().filtered_domain(remind)
            due._remind_silent()
        if due:
            self._trigger_cron("mail.ir_cron_mail_scheduler_action")
        return (
            len(silent) + len(due),
            self.search_count(close) + self.search_count(remind),
        )

    def _remind_silent(self):
        """Tell the customers what will happen. Whose mail cannot be made waits another
        round: nothing is closed that was not announced."""
        now = fields.Datetime.now()
        batches = list(self.grouped(lambda c: c.team_id.silence_template_id).items())
        while batches:
            template, cases = batches.pop(0)
            try:
                with self.env.cr.savepoint():
                    template.send_mail_batch(
                        cases.ids,
                        email_values={
                            "message_type": "auto_comment",
                            "author_id": self.env.ref("base.partner_root").id,
                            "is_notification": True,
                            "headers": repr(AUTOMATIC_HEADERS),
                        },
                    )
                    cases.date_silence_warned = now
            except COLLISIONS:
                raise
            except Exception:
                _logger.exception(
                    "The customers of %s could not be reminded", cases.mapped("number")
                )
                if len(cases) > 1:
                    batches += [(template, case) for case in cases]
                else:
                    cases.date_waiting = now

    def _close_silent(self):
        """Close what was announced. A case that cannot be closed holds up no other: it
        is tried again after as many days as the customer was given."""
        batches = [self] if self else []
        while batches:
            cases = batches.pop(0)
            try:
                with self.env.cr.savepoint():
                    cases._end_silence()
            except COLLISIONS:
                raise
            except Exception as error:
                _logger.exception(
                    "The silent cases %s could not be closed", cases.mapped("number")
                )
                if len(cases) > 1:
                    batches += list(cases)
                    continue
                cases.date_silence_warned = fields.Datetime.now()
                cases._message_log(
                    body=self.env._(
                        "The customer was reminded and has not answered, but the case"
                        " could not be closed by itself. Close it by hand. %(problem)s",
                        problem=error if isinstance(error, UserError) else "",
                    )
                )

    def _end_silence(self):
        self._resolve_by_itself("crm_helpdesk.crm_case_resolution_no_answer")
        self._track_set_log_message(
            self.env._("Closed: the customer was reminded, and has not answered.")
        )
        first = self.env["crm.case.stage"]._find_first(self.team_id, "closed")
        closable = self.filtered(lambda case: first[case.team_id])
        closable._set_category("closed")
        (self - closable)._set_category("solved")
