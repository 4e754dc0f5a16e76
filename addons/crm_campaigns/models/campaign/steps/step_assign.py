from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind

_lt = LazyTranslate(__name__)


class AssignKind(StepKind):
    """Gives the records to salespeople: by the rules of assignment where their model
    knows them, or to some people in turn.
    """

    code = "assign"
    label = _lt("Give to a Salesperson")
    family = "people"
    icon = "fa-user-plus"
    fields = ("assign_by", "assign_taken", "assign_user_ids")

    def get_text(self):
        if self.step.assign_by == "rules":
            return self.env._("By the rules of assignment")
        return ", ".join(self.step.assign_user_ids.mapped("name"))

    def get_problems(self):
        step = self.step
        Model = self.env[step.campaign_id._get_model()]
        if "user_id" not in Model._fields:
            return [self.env._("these records belong to nobody.")]
        if step.assign_by == "rules" and not hasattr(Model, "_assignment_run"):
            return [
                self.env._("there are no rules for these records: choose the people.")
            ]
        if step.assign_by == "people" and not step.assign_user_ids:
            return [self.env._("choose the people.")]
        return []

    def run(self, tasks):
        step = self.step
        # no mail to each of them for each record
        records = (
            self.env[step.campaign_id._get_model()]
            .with_company(step.company_id)
            .with_context(mail_auto_subscribe_no_notify=True)
            .browse(tasks._get_subjects().values())
        )
        taken = records.filtered("user_id")
        given = records
        if not step.assign_taken:
            given -= taken
        if step.assign_by == "rules":
            if step.assign_taken:
                taken.write({"user_id": False})
            given._assignment_run()
        else:
            self._give(tasks, given)
        self._tell(tasks, records - given, given)

    def _give(self, tasks, records):
        """To each as many: who has the first is anybody's turn."""
        users = self.step.assign_user_ids.sorted("id")
        by_user = {}
        for i, record in enumerate(records, start=tasks._ids[0]):
            by_user.setdefault(users[i % len(users)], []).append(record.id)
        for user, ids in by_user.items():
            # a write a person, not a record
            records.browse(ids).write({"user_id": user.id})

    def _tell(self, tasks, kept, given):
        reasons = {
            record.id: self.env._("%s has it already", record.user_id.name)
            for record in kept
        }
        for record in given:
            if record.user_id:
                reasons[record.id] = record.user_id.name
            else:
                reasons[record.id] = self.env._(
                    "nobody yet: %s", record.assignment_why or self.env._("no rule")
                )
        ids_by_reason = {}
        for task_id, res_id in tasks._get_subjects().items():
            ids_by_reason.setdefault(reasons[res_id], []).append(task_id)
        for reason, ids in ids_by_reason.items():
            tasks.browse(ids)._done(reason=reason)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    assign_by = fields.Selection(
        [
            ("rules", "The rules of assignment decide"),
            ("people", "These people, in turn"),
        ],
        string="To Whom",
        default="rules",
        required=True,
    )
    assign_user_ids = fields.Many2many(
        "res.users",
        relation="crm_campaign_step_assign_rel",
        string="People",
        domain=[("share", "=", False)],
    )
    assign_taken = fields.Boolean(
        string="Also What Somebody Has",
        help="If not, what has a salesperson stays theirs.",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), AssignKind]

    @api.constrains("kind", "assign_by")
    def _check_assign(self):
        """The scheduler may do anything: whoever says so may do it by hand."""
        for step in self.filtered(lambda s: s.kind == "assign"):
            Model = self.env[step.model_name].with_user(self.env.user)
            Model.check_access("write")
