from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind

_lt = LazyTranslate(__name__)


class ActivityKind(StepKind):
    """Plans an activity on each record, for its owner or somebody else, saying why it
    is there.
    """

    code = "activity"
    label = _lt("Plan an Activity")
    family = "people"
    icon = "fa-phone"
    fields = ("activity_type_id",)
    also_uses = ("activity_user_id",)

    def get_text(self):
        step = self.step
        name = step.activity_summary or step.activity_type_id.name or ""
        if step.activity_days == 0:
            return self.env._("%s, due the same day", name)
        if step.activity_days == 1:
            return self.env._("%s, due the next day", name)
        return self.env._(
            "%(activity)s, due in %(days)s days",
            activity=name,
            days=step.activity_days,
        )

    def get_problems(self):
        if not self.step.activity_type_id:
            return [self.env._("choose the activity.")]
        return []

    def get_hints(self):
        step = self.step
        Model = self.env[step.campaign_id._get_model()]
        if not step.activity_user_id and "user_id" not in Model._fields:
            return [
                self.env._(
                    "nobody owns these records: all activities are for %s.",
                    step.campaign_id.user_id.name,
                )
            ]
        return []

    def get_preview(self, record, date):
        step = self.step
        owner = step.activity_user_id or step._get_owners(record)[record.id]
        day = fields.Datetime.context_timestamp(record, date).date()
        due = day + timedelta(days=step.activity_days)
        lines = [
            (self.env._("Activity"), step.activity_type_id.name),
            (self.env._("Summary"), step.activity_summary or step.name),
            (self.env._("For"), owner.name),
            (self.env._("Due"), format_date(self.env, due)),
        ]
        preview = [{"label": label, "value": value} for label, value in lines]
        if step.activity_note:
            preview.append({"label": self.env._("Note"), "html": step.activity_note})
        return preview

    def run(self, tasks):
        step = self.step
        model = step.campaign_id._get_model()
        subjects = tasks._get_subjects()
        owners = step._get_owners(self.env[model].browse(subjects.values()))
        if step.activity_user_id:
            owners = dict.fromkeys(owners, step.activity_user_id)
        deadline = fields.Date.context_today(tasks) + timedelta(days=step.activity_days)
        whys = tasks._get_whys()
        # no mail to each owner: they see it among their activities
        Activity = self.env["mail.activity"].with_context(
            mail_activity_quick_update=True
        )
        Activity.create(
            [
                {
                    "activity_type_id": step.activity_type_id.id,
                    "summary": step.activity_summary or step.name,
                    "note": (step.activity_note or Markup()) + whys[task_id],
                    "date_deadline": deadline,
                    "res_model_id": self.env["ir.model"]._get_id(model),
                    "res_id": res_id,
                    "user_id": owners[res_id].id,
                    "automated": True,
                    "crm_campaign_task_id": task_id,
                }
                for task_id, res_id in subjects.items()
            ]
        )
        by_owner = {}
        for task_id, res_id in subjects.items():
            by_owner.setdefault(owners[res_id], []).append(task_id)
        for owner, task_ids in by_owner.items():
            tasks.browse(task_ids)._done(
                reason=self.env._(
                    "%(activity)s for %(owner)s",
                    activity=step.activity_type_id.name,
                    owner=owner.name,
                )
            )


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    activity_type_id = fields.Many2one(
        "mail.activity.type",
        string="Activity",
        ondelete="restrict",
        index="btree_not_null",
        default=lambda self: self.env.ref(
            "mail.mail_activity_data_call", raise_if_not_found=False
        ),
    )
    activity_summary = fields.Char(string="Summary")
    activity_note = fields.Html(string="Note")
    activity_days = fields.Integer(
        string="Due in Days", default=1, help="Days after the step."
    )
    activity_user_id = fields.Many2one(
        "res.users",
        string="For",
        domain=[("share", "=", False)],
        index="btree_not_null",
        ondelete="restrict",
        help="Empty: for the owner of the record, or the responsible of the campaign.",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), ActivityKind]
