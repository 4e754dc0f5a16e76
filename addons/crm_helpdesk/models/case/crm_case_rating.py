import logging
import zlib
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain

_logger = logging.getLogger(__name__)

CRON_BATCH_SIZE = 50  # a rating request takes some 40 queries: a few seconds a batch


class CrmCase(models.Model):
    """Rating: asked once, some time after the case is over, by scheduler and mail
    queue; not of everybody and not too often, as the team wants it.
    """

    _inherit = "crm.case"

    is_rating_due = fields.Boolean(readonly=True, copy=False, groups="base.group_user")
    date_rating_due = fields.Datetime(
        string="To Be Asked for a Rating",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )
    date_rating_requested = fields.Datetime(
        string="Asked for a Rating",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )
    rating_skipped = fields.Selection(
        [
            ("sample", "Not in the share that is asked"),
            ("cap", "The customer was asked lately"),
        ],
        string="Not Asked Because",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )

    _rating_due_idx = models.Index("(date_rating_due) WHERE is_rating_due")
    _rating_requested_idx = models.Index(
        "(email_normalized, date_rating_requested)"
        " WHERE date_rating_requested IS NOT NULL"
    )

    # Odoo lets whoever may post on a record rate it, any number of times: here one is
    # asked, and rates by the page that the request links to.

    def message_post(self, **kwargs):
        kwargs.pop("rating_value", None)
        return super().message_post(**kwargs)

    def _message_update_content(self, message, /, *, rating_value=None, **kwargs):
        return super()._message_update_content(message, **kwargs)

    def _get_allowed_message_params(self):
        return super()._get_allowed_message_params() - {"rating_value"}

    def _rating_get_parent_field_name(self):
        return "team_id"

    # ------------------------------------------------------------
    # Ask
    # ------------------------------------------------------------

    def _request_rating(self):
        """Have the customers of closed cases asked, once in a case's life. Closed
        again before that: the time to wait begins anew.
        """
        askable = self.sudo().filtered(  # sudo: customers close their cases, too
            lambda case: (
                not case.date_rating_requested
                and case.team_id.is_rated
                and case.team_id.rating_template_id
                and case.partner_id.email_normalized
                and not case.is_machine
                and not case.is_spam
            )
        )
        if not askable:
            return
        due = askable.filtered(lambda case: case._is_in_rating_sample())
        (askable - due).filtered(
            lambda case: case.rating_skipped != "sample"
        ).rating_skipped = "sample"
        now = fields.Datetime.now()
        for hours, cases in due.grouped(lambda c: c.team_id.rating_delay).items():
            date = now + timedelta(hours=hours)
            cases.write({"is_rating_due": True, "date_rating_due": date})
            self._trigger_rating_requests(date if hours else None)

    def _is_in_rating_sample(self):
        """By a checksum of its number: the same each time, and evenly spread."""
        self.ensure_one()
        return zlib.crc32(self.number.encode()) % 100 < self.team_id.rating_sample

    @api.model
    def _trigger_rating_requests(self, date):
        cron_id = self.env["ir.model.data"]._xmlid_to_res_id(
            "crm_helpdesk.ir_cron_request_ratings", raise_if_not_found=False
        )
        if cron_id:
            # sudo: whoever closed the case
            self.env["ir.cron"].sudo().browse(cron_id)._trigger(at=date)

    @api.model
    def _cron_request_ratings(self, batch_size=CRON_BATCH_SIZE):
        """Send the requests that are due. A case opened again meanwhile is not asked
        for; one whose mail cannot be made is left out and logged.
        """
        domain = Domain("is_rating_due", "=", True) & (
            Domain("date_rating_due", "=", False)
            | Domain("date_rating_due", "<=", fields.Datetime.now())
        )
        cases = self.search(
            domain, limit=batch_size, order="date_rating_due, id"
        ).try_lock_for_update()
        due = cases.filtered("is_rating_due")
        due.is_rating_due = False
        due._send_rating_requests()
        if cases:
            self._trigger_cron("mail.ir_cron_mail_scheduler_action")
        self.env["ir.cron"]._commit_progress(
            len(cases), remaining=self.search_count(domain)
        )

    def _send_rating_requests(self):
        askable = self.filtered(
            lambda case: case.is_closed and not case.date_rating_requested
        )
        counts = askable._count_rating_requests()
        for case in askable:
            team = case.team_id
            key = case.email_normalized, team.rating_cap_days
            if team.rating_cap and counts.get(key, 0) >= team.rating_cap:
                case.rating_skipped = "cap"
                continue
            try:
                with self.env.cr.savepoint():
                    case.write(
                        {
                            "date_rating_requested": fields.Datetime.now(),
                            "rating_skipped": False,
                        }
                    )
                    case.with_context(crm_helpdesk_automatic=True).rating_send_request(
                        team.rating_template_id, force_send=False
                    )
            except Exception:
                _logger.exception("No rating request could be made for %s", case.number)
                continue
            for days in {case.team_id.rating_cap_days for case in askable}:
                counts[case.email_normalized, days] = (
                    counts.get((case.email_normalized, days), 0) + 1
                )

    def _count_rating_requests(self):
        """Return ``{(address, days): how many requests it got in these days}``: of all
        teams, a customer does not tell them apart.
        """
        counts = {}
        now = fields.Datetime.now()
        # a few at most: the days of the teams in this batch
        for days in {case.team_id.rating_cap_days for case in self}:
            for email, count in self._read_group(
                [
                    ("email_normalized", "in", self.mapped("email_normalized")),
                    ("date_rating_requested", ">", now - timedelta(days=days)),
                ],
                ["email_normalized"],
                ["__count"],
            ):
                counts[email, days] = count
        return counts

    # ------------------------------------------------------------
    # Answer
    # ------------------------------------------------------------

    def _take_rating(self, rating_sudo, rate, feedback, nps_score):
        """What the customer said on the page. Return whether it counts: only the first
        answer does.
        """
        rating_sudo.lock_for_update()  # two posts at once
        rating_sudo.invalidate_recordset(["consumed"])
        if rating_sudo.consumed:
            return False
        if nps_score:
            rating_sudo.nps_score = nps_score
        self.rating_apply(rate, rating=rating_sudo, feedback=feedback)
        return True

    def rating_apply(
        self,
        rate,
        token=None,
        rating=None,
        feedback=None,
        subtype_xmlid=None,
        notify_delay_send=False,
    ):
        """The first answer counts: whoever posts the form again (mail scanners do,
        after the customer) changes nothing.
        """
        # sudo: the token is the right to rate
        rating_sudo = (rating or self.env["rating.rating"]).sudo()
        if token:
            rating_sudo = rating_sudo.search([("access_token", "=", token)], limit=1)
        if rating_sudo:
            rating_sudo.lock_for_update()  # two posts at once
            rating_sudo.invalidate_recordset(["consumed"])
        if rating_sudo.consumed:
            _logger.info("Rating %s was given already", rating_sudo.id)
            return rating_sudo
        result = super().rating_apply(
            rate,
            token=token,
            rating=rating,
            feedback=feedback,
            subtype_xmlid=subtype_xmlid,
            notify_delay_send=notify_delay_send,
        )
        self.env["crm.touchpoint"]._queue_harvest("case_rated", rating_sudo.ids)
        self._follow_up_rating(rating_sudo)
        return result

    def action_view_ratings(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.rating_rating_action_case"
        )
        action["domain"] = [("res_model", "=", self._name), ("res_id", "=", self.id)]
        return action
