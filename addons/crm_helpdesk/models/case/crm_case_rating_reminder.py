import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from .crm_case_rating import CRON_BATCH_SIZE

_logger = logging.getLogger(__name__)

# Who has not rated by then does not care; nor is a case of last year brought up.
REMIND_WITHIN = timedelta(days=30)


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    rating_remind_days = fields.Integer(
        string="Remind after Days",
        help="Who has not rated by then is asked once more, and never again. 0: not.",
    )
    rating_reminder_template_id = fields.Many2one(
        "mail.template",
        string="Reminder of the Rating",
        domain="[('model', '=', 'crm.case')]",
        index="btree_not_null",
        default=lambda self: self._get_default_rating_reminder(),
    )

    _check_rating_remind_days = models.Constraint(
        "CHECK(rating_remind_days BETWEEN 0 AND 29)",
        "A reminder comes within four weeks of the request; 0: none.",
    )

    @api.model
    def _get_default_rating_reminder(self):
        return self.env.ref(
            "crm_helpdesk.mail_template_case_rating_reminder", raise_if_not_found=False
        )

    def _get_rating_reminder(self):
        """The mail of the team, else ours, which somebody may have deleted."""
        self.ensure_one()
        return self.rating_reminder_template_id or self._get_default_rating_reminder()

    @api.constrains("rating_remind_days", "rating_reminder_template_id")
    def _check_rating_reminder(self):
        for team in self:
            if team.rating_remind_days and not team._get_rating_reminder():
                raise ValidationError(
                    self.env._(
                        "“%s” reminds customers to rate: choose the mail that does so.",
                        team.name,
                    )
                )


class CrmCase(models.Model):
    """Who did not rate is reminded once, where the team wants it."""

    _inherit = "crm.case"

    date_rating_reminded = fields.Datetime(
        string="Reminded to Rate",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )

    @api.model
    def _get_rating_reminder_domain(self):
        """Closed cases that were asked for long enough ago, and not rated."""
        now = fields.Datetime.now()
        due = [
            Domain("team_id", "=", team.id)
            & Domain(
                "date_rating_requested",
                "<=",
                now - timedelta(days=team.rating_remind_days),
            )
            for team in self.env["crm.case.team"].search(
                [("rating_remind_days", ">", 0), ("is_rated", "=", True)]
            )
            if team._get_rating_reminder()
        ]
        return (
            Domain.OR(due)
            & Domain("date_rating_requested", ">", now - REMIND_WITHIN)
            & Domain("date_rating_reminded", "=", False)
            & Domain("is_closed", "=", True)
            & Domain("partner_id.email_normalized", "!=", False)
            & ~Domain("rating_ids", "any", [("consumed", "=", True)])
        )

    @api.model
    def _cron_request_ratings(self, batch_size=CRON_BATCH_SIZE):
        """Reminders go out in the same run, before the requests."""
        domain = self._get_rating_reminder_domain()
        if not domain.is_false():
            cases = self.search(
                domain, limit=batch_size, order="date_rating_requested, id"
            )
            cases = cases.try_lock_for_update().filtered_domain(domain)
            cases._remind_of_rating()
            if cases:
                self._trigger_cron("mail.ir_cron_mail_scheduler_action")
            if self.search_count(domain, limit=1):
                self._trigger_cron("crm_helpdesk.ir_cron_request_ratings")
        return super()._cron_request_ratings(batch_size)

    def _remind_of_rating(self):
        # first of all: a mail that cannot be made is not tried for ever
        self.date_rating_reminded = fields.Datetime.now()
        for case in self:
            try:
                with self.env.cr.savepoint():
                    case.with_context(crm_helpdesk_automatic=True).rating_send_request(
                        case.team_id._get_rating_reminder(), force_send=False
                    )
            except Exception:
                _logger.exception("No reminder to rate %s could be made", case.number)
