from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.entry_kind import FORECAST_DAYS, LATE, EntryKind, shift_candidates
from ....tools.event_condition import event_sql, event_words, has_condition

_lt = LazyTranslate(__name__)


class TouchpointEntry(EntryKind):
    """Something that happens with a lead or customer, as the timeline tells it: at
    once, in the transaction that harvests it. What that could not is found when the
    scheduler looks.
    """

    code = "touchpoint"
    label = _lt("Something happens")
    icon = "fa-bolt"
    look_minutes = 60
    fields = ("model_id", "entry_kind_ids", "entry_event_domain", "entry_domain")

    def get_problems(self):
        problems = []
        if not self.campaign.entry_kind_ids:
            problems.append(self.env._("Choose what happens to those who enter."))
        if self.get_model() not in ("crm.lead", "res.partner"):
            problems.append(
                self.env._("What happens is told of leads and of contacts only.")
            )
        return problems

    def get_text(self):
        campaign = self.campaign
        return event_words(campaign.entry_kind_ids, campaign.entry_event_domain)

    def get_forecast(self):
        since = fields.Datetime.now() - timedelta(days=FORECAST_DAYS)
        happened = self._get_happened_candidates(SQL("TRUE"), since)
        return shift_candidates(happened, FORECAST_DAYS), self.env._(
            "Those to whom it happened in the last %s days, as if it happened again.",
            FORECAST_DAYS,
        )

    def get_candidates(self, since):
        return self._get_happened_candidates(
            SQL("TRUE"), max(since - LATE, self.campaign.date_started)
        )

    def get_harvested_candidates(self, touchpoint_ids):
        return self._get_happened_candidates(
            SQL("t.id = ANY(%s)", list(touchpoint_ids)),
            # what is told late may be long ago; the start of a campaign is not
            self.campaign.date_started,
        )

    def _get_happened_candidates(self, condition, since):
        who = "lead_id" if self.get_model() == "crm.lead" else "partner_id"
        return self._narrow(
            SQL(
                """
                SELECT t.%(who)s AS res_id, t.id::text AS event, t.date
                  FROM crm_touchpoint t
                 WHERE %(condition)s AND t.kind_id = ANY(%(kinds)s)
                   AND t.is_machine IS NOT TRUE AND t.%(who)s IS NOT NULL
                   AND t.date >= %(since)s AND %(only)s
                """,
                who=SQL.identifier(who),
                condition=condition,
                kinds=self.campaign.entry_kind_ids.ids,
                since=since,
                only=event_sql(
                    self.campaign._get_entry_event_model(),
                    self.campaign.entry_event_domain,
                ),
            )
        )


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    entry_kind_ids = fields.Many2many(
        "crm.touchpoint.kind",
        string="What Happens",
        help="From the timeline: a form sent, an order, a delivery, a payment …",
    )

    entry_event_domain = fields.Char(
        string="Only Such Events",
        default="[]",
        help="Of what happens: orders above an amount, mails with a subject … Looked "
        "at with the rights of the responsible.",
    )

    @api.model
    def _get_entries(self):
        return [*super()._get_entries(), TouchpointEntry]

    def _get_entry_event_model(self, user=None):
        """The timeline as the responsible sees it."""
        return self._get_entry_model(user).env["crm.touchpoint"]

    @api.constrains("entry_event_domain", "user_id", "entry")
    def _check_entry_event_domain(self):
        for campaign in self.filtered(lambda c: has_condition(c.entry_event_domain)):
            for user, error in campaign._get_condition_errors(
                campaign.entry_event_domain, campaign._get_entry_event_model
            ):
                raise ValidationError(
                    self.env._(
                        "The condition on what happens of “%(campaign)s” does not "
                        "work for %(user)s: %(error)s",
                        campaign=campaign.name,
                        user=user.name,
                        error=error,
                    )
                )
