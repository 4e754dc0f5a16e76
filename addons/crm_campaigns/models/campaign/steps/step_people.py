from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind

_lt = LazyTranslate(__name__)
# Nobody reads more; the number of the others is told.
NOTIFY_NAMES = 30


class NotifyKind(StepKind):
    """Tells colleagues: one message to each owner for all of their records that came
    here together.
    """

    code = "notify"
    label = _lt("Notify the Owner")
    family = "people"
    icon = "fa-bell"
    fields = ("notify_user_id", "notify_text")

    def get_preview(self, record, date):
        owner = self.step.notify_user_id or self.step._get_owners(record)[record.id]
        return [
            {"label": self.env._("To"), "value": owner.name},
            {"label": self.env._("Message"), "html": self._get_body(record)},
        ]

    def run(self, tasks):
        step = self.step
        campaign = step.campaign_id
        subjects = tasks._get_subjects()
        records = self.env[campaign._get_model()].browse(subjects.values())
        owners = step._get_owners(records)
        if step.notify_user_id:
            owners = dict.fromkeys(owners, step.notify_user_id)
        ids_by_owner = {}
        for task_id, res_id in subjects.items():
            ids_by_owner.setdefault(owners[res_id], []).append(task_id)
        for owner, task_ids in ids_by_owner.items():
            # a message a person, not a record
            theirs = records.browse(subjects[task_id] for task_id in task_ids)
            campaign.message_notify(
                partner_ids=owner.partner_id.ids,
                subject=step.name,
                body=self._get_body(theirs),
            )
            tasks.browse(task_ids)._done(reason=owner.name)

    def _get_body(self, records):
        link = Markup('<li><a href="/odoo/%s/%s">%s</a></li>')
        names = [
            link % (records._name, record.id, record.display_name)
            for record in records[:NOTIFY_NAMES]
        ]
        more = len(records) - NOTIFY_NAMES
        if more > 0:
            names.append(Markup("<li>%s</li>") % self.env._("and %s more", more))
        return Markup("<p>%s</p><ul>%s</ul>") % (
            self.step.notify_text
            or self.env._("They are here in “%s”.", self.step.campaign_id.name),
            Markup().join(names),
        )


class FollowersKind(StepKind):
    """Lets colleagues follow the records, or no longer."""

    code = "followers"
    label = _lt("Add or Remove Followers")
    family = "people"
    icon = "fa-eye"
    fields = ("follower_ids", "follower_operation")

    def get_problems(self):
        if not self.step.follower_ids:
            return [self.env._("choose who follows.")]
        return []

    def get_preview(self, record, date):
        names = ", ".join(self.step.follower_ids.mapped("name"))
        operations = self.step._fields["follower_operation"]
        label = dict(operations._description_selection(self.env))
        return [{"label": label[self.step.follower_operation], "value": names}]

    def run(self, tasks):
        step = self.step
        records = self.env[step.campaign_id._get_model()].browse(
            tasks._get_subjects().values()
        )
        partner_ids = step.follower_ids.partner_id.ids
        if step.follower_operation == "add":
            records.message_subscribe(partner_ids)
        else:
            records.message_unsubscribe(partner_ids)
        tasks._done(reason=", ".join(step.follower_ids.mapped("name")))


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    notify_user_id = fields.Many2one(
        "res.users",
        string="Whom",
        domain=[("share", "=", False)],
        index="btree_not_null",
        ondelete="restrict",
        help="Empty: the owner of the record, or the responsible of the campaign.",
    )
    notify_text = fields.Char(string="What to Say")
    follower_ids = fields.Many2many(
        "res.users",
        relation="crm_campaign_step_follower_rel",
        string="Who",
        domain=[("share", "=", False)],
    )
    follower_operation = fields.Selection(
        [("add", "Follow"), ("remove", "Follow no longer")],
        string="What",
        default="add",
        required=True,
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), NotifyKind, FollowersKind]
