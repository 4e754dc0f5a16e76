from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.mail_links import find_text_links
from ....tools.step_kind import BATCH_SIZE, StepKind
from .step_mail import TaskMap

_lt = LazyTranslate(__name__)
STEP = "crm.campaign.step"


class SmsKind(StepKind):
    """Sends a text message, where the app for it is installed.

    Composed like the mails, with one call of the step's mailing: Odoo leaves out
    blocked and missing numbers and those who opted out, follows links, and makes the
    traces. The provider is Odoo's or the one it was set up with.
    """

    code = "sms"
    label = _lt("Send a Text Message")
    family = "message"
    icon = "fa-mobile"
    fields = ("mailing_id", "sms_body")
    is_by_record = True

    def get_text(self):
        return (self.step.sms_body or "").strip().partition("\n")[0]

    def get_problems(self):
        if not self.step._has_sms():
            return [
                self.env._(
                    "text messages need the app “SMS Marketing”: install it, or leave "
                    "the step out."
                )
            ]
        if not (self.step.sms_body or "").strip():
            return [self.env._("the message is empty.")]
        return []

    def foresee(self, crowd):
        if not self.step._has_sms():
            reason = self.env._("The app “SMS Marketing” is not installed.")
            crowd.skip(reason, crowd.ids)
        elif self.step.mailing_id:
            crowd.run.ask_policy(crowd, "sms")
        crowd.go(dict(crowd.rest))

    def run(self, tasks):
        if not self.step._has_sms():
            tasks._skip(self.env._("The app “SMS Marketing” is not installed."))
            return
        tasks = tasks._ask_contact_policy("sms")
        if not tasks:
            return
        tasks._forget_failed_mails()
        task_map = TaskMap(tasks)
        # sudo: the scheduler is the superuser; people may run a round by hand in tests
        mailing = self.step.mailing_id.sudo().with_context(
            crm_campaigns_engine=True, crm_campaigns_task_map=task_map
        )
        mailing._action_send_mail(list(task_map.ids_by_record))
        tasks._on_composed()
        tasks._on_texts_composed()

    def get_done_text(self, task):
        return self.env._("%s · sent", self.step.name)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    sms_body = fields.Text(
        string="Message",
        help="{{ object.name }} stands for the name of the record. A way to "
        "unsubscribe is added.",
    )
    has_sms = fields.Boolean(compute="_compute_has_sms")

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), SmsKind]

    @api.model
    def _has_sms(self):
        return "sms.sms" in self.env and "sms" in dict(
            self.env["mailing.mailing"]._fields["mailing_type"].selection
        )

    def _compute_has_sms(self):
        self.has_sms = self._has_sms()

    @api.depends("parent_id.sms_body")
    def _compute_mail_step_id(self):
        super()._compute_mail_step_id()

    def _is_clickable(self):
        """A text message, if there is a link in it."""
        return super()._is_clickable() or bool(
            self.kind == "sms" and find_text_links(self.sms_body)
        )

    @api.depends("clicked_step_id.kind", "clicked_step_id.sms_body")
    def _compute_mail_links(self):
        super()._compute_mail_links()

    def _get_message_links(self):
        if self.kind == "sms":
            return find_text_links(self.sms_body)
        return super()._get_message_links()

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    def write(self, vals):
        result = super().write(vals)
        if "sms_body" in vals:
            self._prepare_mailings()
        return result

    def _prepare_mailings(self):
        super()._prepare_mailings()
        if not self._has_sms():
            return
        for step in self.filtered(lambda s: s.kind == "sms"):
            values = {
                **step._prepare_mailing_values(),
                "mailing_type": "sms",
                "subject": step.name,
                "body_plaintext": step.sms_body or "",
                "sms_allow_unsubscribe": True,
            }
            # sudo: as for mails, the responsible may have no rights on mailings
            Mailing_sudo = (
                self.env["mailing.mailing"]
                .sudo()
                .with_context(
                    crm_campaigns_engine=True, mail_auto_subscribe_no_notify=True
                )
            )
            if step.mailing_id:
                Mailing_sudo.browse(step.mailing_id.id).write(values)
            else:
                # a mailing has a name and a source of its own: one by one
                step.mailing_id = Mailing_sudo.create(values).id


class MailingMailing(models.Model):
    _inherit = "mailing.mailing"

    def _get_seen_list_sms(self):
        """Who got it is known by tasks; whoever enters again gets it again."""
        if self.crm_campaign_step_id:
            return [], []
        return super()._get_seen_list_sms()


class MailingTrace(models.Model):
    _inherit = "mailing.trace"

    @api.model_create_multi
    def create(self, vals_list):
        """Each trace of a text message names the task it comes from."""
        task_map = self.env.context.get("crm_campaigns_task_map")
        if task_map is not None:
            for vals in vals_list:
                if vals.get("trace_type") == "sms":
                    vals["crm_campaign_task_id"] = task_map.ids_by_record[
                        vals["res_id"]
                    ]
        return super().create(vals_list)


class CrmCampaignTask(models.Model):
    """Text messages on their way: Odoo's own queue would send those again that the
    provider took right before the server was killed. So it never sees them: what is
    handed over is on record, and committed, before it is.
    """

    _inherit = "crm.campaign.task"

    date_handed = fields.Datetime(
        string="Handed Over",
        readonly=True,
        help="When the provider of text messages was given it.",
    )

    def _on_texts_composed(self):
        """Called in the transaction that made the messages, before it commits."""
        # sudo: messages are the system's
        self._get_texts_sudo().write({"state": "process"})
        self._set(date_handed=None)

    def _forget_failed_mails(self):
        """Also texts that were made and nobody was given."""
        if self.env[STEP]._has_sms():
            self._get_texts_sudo().unlink()
        super()._forget_failed_mails()

    def _hold_back_texts(self):
        """As for mails: time may have passed since these were made. Those of journeys
        that have ended, and to numbers that were blocked, are cancelled; those to
        people who may not be contacted now are taken back.

        :return: the others
        """
        Participant = self.env["crm.campaign.participant"]
        self.participant_id._exit_if_stopped()
        self.flush_model()
        Participant.flush_model()
        self.env["mailing.trace"].flush_model()
        self.env["phone.blacklist"].flush_model(["active", "number"])
        whys = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT k.id,
                           CASE WHEN EXISTS (
                                     SELECT FROM mailing_trace t
                                       JOIN phone_blacklist b
                                         ON b.number = t.sms_number AND b.active
                                      WHERE t.crm_campaign_task_id = k.id)
                                     THEN 'sms_blacklist'
                                WHEN p.state = 'exited' OR %s THEN 'left'
                           END
                      FROM crm_campaign_task k
                      JOIN crm_campaign_step s ON s.id = k.step_id
                      JOIN crm_campaign_participant p ON p.id = k.participant_id
                     WHERE k.id = ANY(%s)
                    """,
                    self._get_behind_condition(),
                    self.ids,
                )
            )
        )
        for why in ("sms_blacklist", "left"):
            stopped = self.filtered(lambda task, why=why: whys[task.id] == why)
            stopped._get_texts_sudo().unlink()
            # sudo: traces are the system's
            traces_sudo = stopped.sudo().trace_ids
            traces_sudo.set_canceled()
            if why == "sms_blacklist":
                traces_sudo.write({"failure_type": why})
        going = self.filtered(lambda task: not whys[task.id])
        return going - going._get_unwanted("sms")._put_back()

    def _get_texts_sudo(self):
        """The messages of these tasks that nobody has sent."""
        # sudo: traces and messages are the system's
        traces_sudo = self.sudo().trace_ids.filtered(
            lambda t: t.trace_type == "sms" and t.trace_status == "outgoing"
        )
        Sms_sudo = self.env["sms.sms"].sudo()  # sudo: likewise
        return Sms_sudo.browse(traces_sudo.mapped("sms_id_int")).exists()

    @api.model
    def _count_to_send(self):
        return super()._count_to_send() + len(self._get_texts_to_send())

    @api.model
    def _get_texts_to_send(self):
        """Tasks of running campaigns whose messages wait, locked."""
        self.flush_model()
        self.env["crm.campaign.step"].flush_model(["kind"])
        self.env["crm.campaign"].flush_model(["state"])
        return self.browse(
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT k.id
                      FROM crm_campaign_task k
                      JOIN crm_campaign_step s ON s.id = k.step_id AND s.kind = 'sms'
                      JOIN crm_campaign c
                        ON c.id = k.campaign_id AND c.state = 'running'
                     WHERE k.state = 'sending' AND k.date_handed IS NULL
                  ORDER BY k.id
                     LIMIT %s
                FOR UPDATE OF k SKIP LOCKED
                    """,
                    BATCH_SIZE,
                )
            )
        )

    @api.model
    def _send_mails(self):
        return super()._send_mails() + self._send_texts()

    @api.model
    def _send_texts(self):
        """Hand messages to the provider, one batch; return how many."""
        tasks = self._get_texts_to_send() if self.env[STEP]._has_sms() else self
        if not tasks:
            return 0
        found = len(tasks)
        tasks = tasks._hold_back_texts()
        texts_sudo = tasks._get_texts_sudo()
        waiting = tasks.filtered(
            # sudo: traces are the system's
            lambda task: task.sudo().trace_id.sms_id_int in texts_sudo._ids
        )
        (tasks - waiting)._fail(
            self.env._("The message was deleted before it was sent."), final=True
        )
        waiting._set(date_handed=fields.Datetime.now())
        self.env["ir.cron"]._commit_progress()
        for api_, some_sudo in texts_sudo._split_by_api():
            some_sudo.with_context(sms_api=api_)._send(
                unlink_failed=True, unlink_sent=True
            )
            self.env["ir.cron"]._commit_progress()
        # sudo: traces are the system's
        self.env["crm.touchpoint"]._queue_harvest(
            "campaign_sms_sent", tasks.sudo().trace_ids.ids
        )
        return found
