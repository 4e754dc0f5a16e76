import logging

from odoo import api, fields, models

_logger = logging.getLogger(__name__)

CRON_BATCH_SIZE = 50  # a rating request takes some 40 queries: a few seconds a batch


class CrmCase(models.Model):
    """Rating: asked once, when the case is over, by scheduler and mail queue."""

    _inherit = "crm.case"

    is_rating_due = fields.Boolean(readonly=True, copy=False, groups="base.group_user")
    date_rating_requested = fields.Datetime(
        string="Asked for a Rating",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )

    _rating_due_idx = models.Index("(id) WHERE is_rating_due")

    def _rating_get_parent_field_name(self):
        return "team_id"

    def _request_rating(self):
        """Have the customers of closed cases asked, once in a case's life."""
        due = self.sudo().filtered(  # sudo: customers close their cases, too
            lambda case: (
                not case.date_rating_requested
                and not case.is_rating_due
                and case.team_id.is_rated
                and case.team_id.rating_template_id
                and case.partner_id.email_normalized
                and not case.is_machine
            )
        )
        if not due:
            return
        due.is_rating_due = True
        self._trigger_cron("crm_helpdesk.ir_cron_request_ratings")

    @api.model
    def _cron_request_ratings(self, batch_size=CRON_BATCH_SIZE):
        """Send the requests that are due. A case opened again meanwhile is not asked
        for; one whose mail cannot be made is left out and logged.
        """
        domain = [("is_rating_due", "=", True)]
        cases = self.search(domain, limit=batch_size, order="id").try_lock_for_update()
        for case in cases.filtered("is_rating_due"):
            case.is_rating_due = False
            if not case.is_closed or case.date_rating_requested:
                continue
            try:
                with self.env.cr.savepoint():
                    case.date_rating_requested = fields.Datetime.now()
                    case.with_context(crm_helpdesk_automatic=True).rating_send_request(
                        case.team_id.rating_template_id, force_send=False
                    )
            except Exception:
                _logger.exception("No rating request could be made for %s", case.number)
        if cases:
            self._trigger_cron("mail.ir_cron_mail_scheduler_action")
        self.env["ir.cron"]._commit_progress(
            len(cases), remaining=self.search_count(domain)
        )

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
        return result

    def action_view_ratings(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.rating_rating_action_case"
        )
        action["domain"] = [("res_model", "=", self._name), ("res_id", "=", self.id)]
        return action
