from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import SQL_BATCH_SIZE, StepKind

_lt = LazyTranslate(__name__)


class ExitKind(StepKind):
    """Ends the whole journey, with what is planned on other ways of the tree."""

    code = "exit"
    label = _lt("End the Journey")
    family = "end"
    icon = "fa-flag-checkered"
    batch_size = SQL_BATCH_SIZE
    can_fail = False
    is_end = True
    reason = "step"

    def run(self, tasks):
        tasks._set(state="done", outcome="next", date_done=fields.Datetime.now())
        self.env["crm.campaign.participant"]._exit(
            {self.reason: list(tasks._get_participants().values())}
        )


class MoveKind(ExitKind):
    """Lets people enter another campaign, which may end this journey or not. Whether
    they may enter, again or at all, is that campaign's to say.
    """

    code = "move"
    label = _lt("Move to Another Campaign")
    icon = "fa-share"
    is_end = False
    can_fail = True
    fields = ("move_campaign_id", "move_ends")
    reason = "moved"

    def get_text(self):
        # sudo: whoever may read the campaign may read where it leads
        return self.step.move_campaign_id.sudo().name or ""

    def get_problems(self):
        other = self.step.move_campaign_id
        campaign = self.step.campaign_id
        if not other:
            return [self.env._("choose the campaign they move to.")]
        if other._get_model() != campaign._get_model():
            return [self.env._("“%s” is for other records.", other.name)]
        if other.company_id != campaign.company_id:
            return [self.env._("“%s” is of another company.", other.name)]
        if self.step.move_ends and self.step.child_ids:
            return [
                self.env._(
                    "the journey ends here: nobody gets to what follows. Delete "
                    "that, or let the journey go on."
                )
            ]
        return []

    def get_warnings(self):
        other = self.step.move_campaign_id.sudo()  # sudo: as in ``get_text``
        if other and (reason := other._get_closed_reason()):
            return [self.env._("%s Until then nobody gets there.", reason)]
        return []

    def foresee(self, crowd):
        other = self.step.move_campaign_id.sudo()  # sudo: as in ``get_text``
        if reason := other._get_closed_reason():
            crowd.skip(reason, crowd.ids)
        elif self.step.move_ends:
            crowd.end()
        else:
            crowd.go()

    def run(self, tasks):
        other = self.step.move_campaign_id
        if reason := other._get_closed_reason():
            tasks._skip(reason)
            return
        # each enrolment that gets here is an event of its own: once, however often the
        # step is done
        subjects = tasks._get_subjects()
        other._enrol_candidates(
            SQL(
                """
                SELECT id AS res_id, event, %s AS date
                  FROM unnest(%s, %s::varchar[]) moved(id, event)
                """,
                fields.Datetime.now(),
                list(subjects.values()),
                [f"task {task_id}" for task_id in subjects],
            )
        )
        if self.step.move_ends:
            super().run(tasks)
        else:
            tasks._done(reason=other.name)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    move_campaign_id = fields.Many2one(
        "crm.campaign",
        string="Which Campaign",
        domain="[('id', '!=', campaign_id)]",
        index="btree_not_null",
        ondelete="restrict",
    )
    move_ends = fields.Boolean(string="This Journey Ends", default=True)

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), MoveKind, ExitKind]
