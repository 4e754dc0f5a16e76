from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from .step_wait_condition import WatchKind

_lt = LazyTranslate(__name__)


class WaitActivityKind(WatchKind):
    """The activity that an earlier step has planned is done: yes, at once. Time is up,
    or somebody has deleted it: no, when the time is up.
    """

    code = "wait_activity"
    label = _lt("Wait for an Activity")
    icon = "fa-check-square-o"
    ways = {"yes": _lt("done"), "no": _lt("not done in time")}
    fields = (*WatchKind.fields, "of_step_id")

    def get_text(self):
        activity = self.step._get_step_meant()
        if not activity:
            return super().get_text()
        return self.env._(
            "“%(activity)s” is done, within %(delay)s",
            activity=activity.name,
            delay=super().get_text(),
        )

    def get_problems(self):
        problems = super().get_problems()
        if not self.step._get_step_meant():
            problems.append(
                self.env._("no step before it plans an activity: add one, or move it.")
            )
        return problems

    def get_meets(self):
        """Odoo archives an activity that is done."""
        self.env["mail.activity"].flush_model(["active", "crm_campaign_task_id"])
        return SQL(
            """
            EXISTS (SELECT FROM crm_campaign_task mk
                      JOIN mail_activity a ON a.crm_campaign_task_id = mk.id
                     WHERE mk.participant_id = p.id AND mk.step_id = %s
                       AND a.active IS NOT TRUE)
            """,
            self.step._get_step_meant().id,
        )


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WaitActivityKind]


class MailActivity(models.Model):
    _inherit = "mail.activity"

    crm_campaign_task_id = fields.Many2one(
        "crm.campaign.task",
        string="Campaign Task",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )

    def write(self, vals):
        """Whoever does what a journey waits for lets it go on."""
        result = super().write(vals)
        if "active" in vals and not vals["active"]:
            # sudo: sellers do not see journeys
            activities_sudo = self.sudo()
            activities_sudo.env["crm.campaign.look"]._ask_of_tasks(
                activities_sudo.crm_campaign_task_id.ids
            )
        return result
