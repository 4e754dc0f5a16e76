import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.modules import module
from odoo.tools import SQL

from ...tools.delivery import Delivery, OwnCursor

_logger = logging.getLogger(__name__)
# Mails deleted at once, where a worker died before it did.
FORGET_SIZE = 1000


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _send(
        self,
        auto_commit=False,
        raise_exception=False,
        smtp_session=None,
        alias_domain_id=False,
        mail_server=False,
        post_send_callback=None,
    ):
        """Send campaign mails one by one: each locked, and on record before it goes."""
        options = {
            "auto_commit": auto_commit,
            "raise_exception": raise_exception,
            "smtp_session": smtp_session,
            "alias_domain_id": alias_domain_id,
            "mail_server": mail_server,
            "post_send_callback": post_send_callback,
        }
        # of many mails, another worker has sent and deleted some meanwhile
        mails = self.exists()
        # sudo: senders of other mails may not read mailings
        campaign_mails = self.browse(
            mails.sudo().filtered("mailing_id.crm_campaign_step_id").ids
        )
        if not campaign_mails or self.env["ir.mail_server"]._disable_send():
            return super(MailMail, mails)._send(**options)
        others = mails - campaign_mails
        if others:
            super(MailMail, others)._send(**options)
        Task = self.env["crm.campaign.task"]
        if Task._is_halted():
            return True
        campaign_mails = campaign_mails._hold_back()
        # whoever sends: Odoo's own queue comes by here, too
        campaign_mails = self.browse(Task._within_rate(campaign_mails.ids))
        if auto_commit:
            # what others have sent meanwhile is seen from here on
            self.env.cr.commit()  # pylint: disable=invalid-commit
        over_ids = []
        with OwnCursor(self.env.registry) as own:
            for mail_id in campaign_mails.ids:
                if Task._is_halted_meanwhile(own):
                    break
                # alone: after each commit Odoo would read all of them again
                mail = self.browse(mail_id)
                # another worker is at it, or it is gone
                try:
                    if not mail.try_lock_for_update(allow_referencing=True):
                        continue
                except psycopg2.errors.SerializationFailure:
                    # … since this transaction began
                    if not auto_commit:
                        raise
                    self.env.cr.rollback()
                    continue
                delivery = Delivery(own, mail_id, fields.Datetime.now())
                super(
                    MailMail, mail.with_context(crm_campaigns_delivery=delivery)
                )._send(**options)
                if delivery.is_over:
                    over_ids.append(mail_id)
        self.browse(over_ids)._forget_over(auto_commit)
        if not module.current_test:
            self.env["crm.campaign.task"]._trigger()
        return True

    def unlink(self):
        """A campaign mail that was sent is deleted with the others, see ``_send``: to
        delete each by itself takes a third of the time, and empties the cache.
        """
        delivery = self.env.context.get("crm_campaigns_delivery")
        if delivery is None or self.ids != [delivery.mail_id]:
            return super().unlink()
        delivery.is_over = True
        return True

    def _forget_over(self, auto_commit):
        """Delete these mails, which were sent and are kept by nobody."""
        try:
            # sudo: as Odoo deletes each
            self.exists().sudo().unlink()
            if auto_commit:
                self.env.cr.commit()  # pylint: disable=invalid-commit
        except psycopg2.OperationalError:
            if not auto_commit:
                raise
            # somebody does something with one of them: _gc_over will
            self.env.cr.rollback()
            _logger.info("crm_campaigns: mails are deleted later", exc_info=True)

    @api.autovacuum
    def _gc_over(self):
        """Delete campaign mails whose worker died between sending and deleting."""
        mails = self.search(
            [
                ("state", "=", "sent"),
                ("auto_delete", "=", True),
                ("mailing_id.crm_campaign_step_ids", "!=", False),
                ("write_date", "<", fields.Datetime.now() - timedelta(days=1)),
            ],
            limit=FORGET_SIZE,
        )
        mails.unlink()
        return len(mails), len(mails) == FORGET_SIZE

    @api.model
    def process_email_queue(self, email_ids=(), batch_size=1000):
        """Odoo's queue takes the newest mails, and looks at no others before those are
        gone. Where campaign mails have to wait they are left to the scheduler of
        campaigns, so that nothing waits behind them.
        """
        Task = self.env["crm.campaign.task"]
        queue = self
        if not email_ids and (Task._is_halted() or any(Task._get_rates())):
            queue = self.with_context(
                filters=[
                    *self.env.context.get("filters", ()),
                    "|",
                    ("mailing_id", "=", False),
                    ("mailing_id.crm_campaign_step_ids", "=", False),
                ]
            )
        return super(MailMail, queue).process_email_queue(
            email_ids=email_ids, batch_size=batch_size
        )

    def _hold_back(self):
        """Cancel the mails of journeys that have ended or stand still since they were
        composed, and to addresses that were blocked since. Take back those to people
        who may not be contacted any more, or not now: the scheduler asks again, and
        says why, or when.

        Held mails of a stopped campaign are made anew when it starts again.

        :return: those that may go
        """
        # sudo: whoever sends mails need not see campaigns
        Participant_sudo = self.env["crm.campaign.participant"].sudo()
        leaving = Participant_sudo._exit_before_mails(self.ids)
        self.flush_recordset(["state"])
        self.env["mail.blacklist"].flush_model(["active", "email"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.id, t.id, k.id,
                       CASE WHEN b.id IS NOT NULL AND g.use_exclusion_list
                                 THEN 'mail_bl'
                            WHEN p.state = 'exited' OR p.id = ANY(%s) OR %s
                                 THEN 'left'
                            WHEN c.state <> 'running' THEN 'stopped'
                       END AS why
                  FROM mail_mail m
                  JOIN mailing_mailing g ON g.id = m.mailing_id
                  JOIN mailing_trace t ON t.mail_mail_id = m.id
                  JOIN crm_campaign_task k ON k.id = t.crm_campaign_task_id
                  JOIN crm_campaign_step s ON s.id = k.step_id
                  JOIN crm_campaign_participant p ON p.id = k.participant_id
                  JOIN crm_campaign c ON c.id = k.campaign_id
             LEFT JOIN mail_blacklist b ON b.email = t.email AND b.active
                 WHERE m.id = ANY(%s) AND m.state = 'outgoing'
                """,
                leaving,
                self.env["crm.campaign.task"]._get_behind_condition(),
                self.ids,
            )
        )
        going = {task_id: mail_id for mail_id, _trace, task_id, why in rows if not why}
        # sudo: see above
        Task_sudo = self.env["crm.campaign.task"].sudo()
        back = Task_sudo.browse(going)._get_unwanted("email")._put_back()
        gone = {going[task_id] for task_id in back._ids}
        held = {
            mail_id: (trace_id, why) for mail_id, trace_id, _task, why in rows if why
        }
        if held:
            gone.update(self.browse(held)._cancel_held(held))
        return self.browse(mail_id for mail_id in self._ids if mail_id not in gone)

    def _cancel_held(self, held):
        """Cancel these mails; return the ids of those that nobody is sending.

        :param held: ``{id of mail: (id of trace, why)}``
        """
        mails = self.try_lock_for_update()
        mails.write({"state": "cancel"})
        for why in ("mail_bl", "left"):
            # sudo: traces are the system's
            traces = (
                self.env["mailing.trace"]
                .sudo()
                .browse([held[mail.id][0] for mail in mails if held[mail.id][1] == why])
            )
            traces.set_canceled()
            if why == "mail_bl":
                traces.write({"failure_type": "mail_bl"})
        return mails._ids
