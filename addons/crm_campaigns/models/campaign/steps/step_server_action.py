import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind
from ..mail_thread import BATCH

_lt = LazyTranslate(__name__)
# in the context of the action: what the step tells it
VALUES = "campaign_values"


class ServerActionKind(StepKind):
    """Runs a server action: once for the whole batch where it is code, else record by
    record as Odoo does. Creates leads, orders, cases, coupons: whatever such an action
    can.
    """

    code = "server_action"
    label = _lt("Run a Server Action")
    family = "record"
    icon = "fa-cogs"
    is_by_record = True
    fields = ("server_action_id", "server_action_values")

    def get_text(self):
        # sudo: whoever may read the campaign may read what it runs
        return self.step.server_action_id.sudo().name or ""

    def get_problems(self):
        action = self.step.server_action_id
        if not action:
            return [self.env._("choose the server action.")]
        if action.model_name != self.step.campaign_id._get_model():
            return [self.env._("the action is for other records.")]
        return []

    def run(self, tasks):
        model = self.step.campaign_id._get_model()
        res_ids = list(tasks._get_subjects().values())
        self.step.server_action_id.with_context(
            active_model=model,
            active_ids=res_ids,
            active_id=res_ids[0],
            **{BATCH: True, VALUES: self.step._get_action_values()},
        ).run()
        tasks._done(reason=self.step.server_action_id.name)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    server_action_id = fields.Many2one(
        "ir.actions.server",
        domain="[('model_name', '=', model_name), ('usage', '=', 'ir_actions_server')]",
        ondelete="restrict",
        index="btree_not_null",
        help="Of the records of this campaign. Code gets all of them, as “records”.",
    )

    server_action_values = fields.Text(
        string="Tell It",
        help="Values for the action, as JSON, so that one action does for several "
        "steps. Its code finds them in env.context['campaign_values'].",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), ServerActionKind]

    def _get_action_values(self):
        """``{name: value}`` for the action."""
        return json.loads(self.server_action_values or "{}")

    @api.constrains("server_action_values")
    def _check_server_action_values(self):
        for step in self.filtered("server_action_values"):
            try:
                values = json.loads(step.server_action_values)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "“%(step)s”: what the action is told is no JSON: %(error)s",
                        step=step.name,
                        error=error,
                    )
                ) from error
            if not isinstance(values, dict):
                raise ValidationError(
                    self.env._(
                        "“%s”: write names with their values, such as "
                        '{"discount": 10}.',
                        step.name,
                    )
                )

    @api.constrains("server_action_id", "server_action_values")
    def _check_server_action(self):
        """The scheduler may do anything: whoever chooses an action, or what it is told,
        may run it.
        """
        for step in self.filtered("server_action_id"):
            # sudo: groups of an action are not for everybody to read
            groups = step.server_action_id.sudo().group_ids
            Model = self.env[step.model_name].with_user(self.env.user)
            may_run = (
                groups & self.env.user.all_group_ids
                if groups
                else Model.has_access("write")
            )
            if not may_run and not self.env.user._is_superuser():
                raise ValidationError(
                    self.env._(
                        "You may not run “%s”: so no campaign can do it for you.",
                        step.server_action_id.name,
                    )
                )
