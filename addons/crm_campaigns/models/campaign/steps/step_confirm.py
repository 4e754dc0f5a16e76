from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from odoo.addons.crm_plus.tools.contact_consent import GIVEN, PENDING

from ....tools.step_kind import StepKind

_lt = LazyTranslate(__name__)


class Asked(NamedTuple):
    """Whose word is looked for in the ledger."""

    res_id: int
    partner_id: int | None
    email: str


class ConfirmKind(StepKind):
    """Asks people by mail whether it was them who signed up: a link to a page with a
    button, theirs alone. What they confirm is in the consent ledger, and *Subscription
    confirmed* in the timeline, which a step can wait for. Whom the contact policy takes
    for somebody who has agreed to such mails is not asked again.
    """

    code = "confirm"
    label = _lt("Ask to Confirm (Double Opt-In)")
    family = "message"
    icon = "fa-check-square-o"
    fields = ("confirm_purpose_id",)

    def get_text(self):
        return self.step.confirm_purpose_id.name or ""

    def get_problems(self):
        if not self.step.confirm_purpose_id:
            return [self.env._("choose what they sign up for.")]
        return []

    def run(self, tasks):
        step = self.step
        emails = tasks._read_participants(SQL("p.email"))
        partners = tasks._read_participants(SQL("p.partner_id"))
        without = [task_id for task_id, email in emails.items() if not email]
        tasks.browse(without)._skip(self.env._("No e-mail address."))
        Consent = self.env["crm.consent"].with_company(step.company_id)
        verdicts = self.env["crm.contact.policy"]._judge_consents(
            [
                Asked(task_id, partners[task_id], email)
                for task_id, email in emails.items()
                if email
            ],
            fields.Datetime.now(),
            step.company_id,
            step.confirm_purpose_id,
            "email",
        )
        known = [task_id for task_id, one in verdicts.items() if one == GIVEN]
        tasks.browse(known)._done(reason=self.env._("Has agreed before"))
        asked = tasks.browse(
            task_id
            for task_id, email in emails.items()
            if email and verdicts.get(task_id) != GIVEN
        )
        Consent.create(
            [
                {
                    "email": emails[task.id],
                    "partner_id": partners[task.id],
                    "company_id": step.company_id.id,
                    "purpose_id": step.confirm_purpose_id.id,
                    "channel": "email",
                    "state": PENDING,
                    "source": step.campaign_id.name,
                    "proof": self.env._("Asked by the step “%s”", step.name),
                }
                for task in asked
            ]
        )._send_confirmation()
        asked._done(reason=step.confirm_purpose_id.name)

    def get_done_text(self, task):
        return self.env._(
            "%(step)s · %(reason)s", step=self.step.name, reason=task.reason
        )


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    confirm_purpose_id = fields.Many2one(
        "crm.consent.purpose",
        string="What They Sign Up For",
        domain=[("nature", "=", "marketing")],
        index="btree_not_null",
        ondelete="restrict",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), ConfirmKind]
