from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL


class TaskMap:
    """Tasks by record, handed through the composer to the traces it makes.

    An object and not a dictionary: contexts are hashed, this one by identity.
    """

    def __init__(self, tasks):
        self.tasks = tasks
        self.ids_by_record = {task.participant_id.res_id: task.id for task in tasks}


class CrmCampaignTask(models.Model):
    """What the kinds of steps do: one method each, for a whole batch of one step.

    The tasks are reserved and locked, their participants on their way. A method
    settles each of them: ``_done``, ``_skip``, ``_fail``, or a state of its own.
    """

    _inherit = "crm.campaign.task"

    # ------------------------------------------------------------
    # Mail
    # ------------------------------------------------------------

    @api.model
    def _run_mail(self, tasks):
        """Compose the mails of the batch with one call of the step's mailing.

        Odoo leaves out blocked and missing addresses, follows links, and makes the
        traces; nothing is sent here. Mails and the state of the tasks are one commit.
        """
        tasks._forget_failed_mails()
        task_map = TaskMap(tasks)
        # sudo: the scheduler is the superuser; people may run a round by hand in tests
        mailing = tasks.step_id.mailing_id.sudo().with_context(
            crm_campaigns_engine=True, crm_campaigns_task_map=task_map
        )
        mailing._action_send_mail(list(task_map.ids_by_record))

    def _forget_failed_mails(self):
        """Before another attempt: the traces that failed make way for new ones."""
        # sudo: mails are the system's
        traces_sudo = self.sudo().trace_ids
        traces_sudo.mail_mail_id.filtered(lambda mail: mail.state != "sent").unlink()
        traces_sudo.unlink()
        self.invalidate_recordset(["trace_ids", "trace_id"])

    def _on_composed(self):
        """Called in the transaction that made the mails, before it commits."""
        self.env["mailing.trace"].flush_model()
        self.invalidate_recordset(["trace_ids", "trace_id"], flush=False)
        with_trace = self.filtered("trace_ids")
        with_trace.write({"state": "sending", "reason": False})
        # cannot be but for a composer that someone else has changed
        (self - with_trace)._fail(self.env._("No mail was made."), final=True)

    # ------------------------------------------------------------
    # Waiting
    # ------------------------------------------------------------

    @api.model
    def _run_wait(self, tasks):
        tasks._done()

    @api.model
    def _run_wait_click(self, tasks):
        """Clicked by a person: yes. Time is up: no. Else wait on."""
        self._flush_clicks()
        clicks = dict(
            self.env.execute_query(
                self._get_clicked_query(SQL("w.id = ANY(%s)", tasks.ids))
            )
        )
        clicked = tasks.filtered(lambda task: task.id in clicks)
        # sudo: what was clicked is shown to whoever may see the journey
        records = self.env["link.tracker.click"].sudo().browse(clicks.values())
        urls = {click.id: click.link_id.url for click in records}
        by_url = clicked.grouped(lambda task: urls[clicks[task.id]])
        for url, batch in by_url.items():
            batch._done("yes", url)
        (tasks - clicked)._done("no")

    # ------------------------------------------------------------
    # Activity
    # ------------------------------------------------------------

    @api.model
    def _run_activity(self, tasks):
        """Plan an activity on each record, for its owner, saying why it is there."""
        step = tasks.step_id
        model = tasks.participant_id[:1].res_model
        records = self.env[model].browse(tasks.participant_id.mapped("res_id"))
        owners = {
            record.id: record.user_id or step.campaign_id.user_id for record in records
        }
        today = fields.Date.context_today(self)
        deadline = today + timedelta(days=step.activity_days)
        # no mail to each owner: they see it among their activities
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(
            [
                {
                    "activity_type_id": step.activity_type_id.id,
                    "summary": step.activity_summary or step.name,
                    "note": (step.activity_note or Markup()) + task._get_activity_why(),
                    "date_deadline": deadline,
                    "res_model_id": self.env["ir.model"]._get_id(model),
                    "res_id": task.participant_id.res_id,
                    "user_id": owners[task.participant_id.res_id].id,
                    "automated": True,
                }
                for task in tasks
            ]
        )
        for owner, batch in tasks.grouped(
            lambda task: owners[task.participant_id.res_id]
        ).items():
            batch._done(
                reason=self.env._(
                    "%(activity)s for %(owner)s",
                    activity=step.activity_type_id.name,
                    owner=owner.name,
                )
            )

    def _get_activity_why(self):
        """What led here, for the person who gets the activity."""
        self.ensure_one()
        parent = self.step_id.parent_id
        before = self.participant_id.task_ids.filtered(
            lambda task: task.step_id == parent
        )[-1:]
        return Markup("<p>%s</p>") % self.env._(
            "Campaign %(campaign)s%(why)s",
            campaign=self.campaign_id.name,
            why=f"; {before._get_done_text()}" if before else "",
        )
