from datetime import timedelta
from difflib import SequenceMatcher

from markupsafe import Markup

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date

from ...tools.case_reference import plain_subject
from ..case.crm_case_stage import DONE

# A customer who asks again does so within days; older closed cases are history.
RECENT_DAYS = 14
# Of a customer's open and recent cases so many are compared; nobody has more at a time.
MAX_COMPARED = 50
MAX_SHOWN = 3
SIMILAR = 0.65


class CrmCase(models.Model):
    """Warns who opens a case that the customer has asked the same already."""

    _inherit = "crm.case"

    duplicate_ids = fields.Many2many(
        "crm.case",
        string="Maybe the Same",
        compute="_compute_duplicate_ids",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        help="Cases of the same customer, open or new, about the same order or with "
        "much the same subject.",
    )
    duplicate_warning = fields.Html(
        compute="_compute_duplicate_ids",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        export_string_translation=False,
    )

    @api.depends("partner_id", "partner_email", "name", "sale_order_id", "stage_id")
    def _compute_duplicate_ids(self):
        """Of the cases that the user may see: one query for all of them."""
        self.duplicate_ids = False
        self.duplicate_warning = False
        asked = self.filtered(
            lambda case: not case.is_closed and (case.partner_id or case.partner_email)
        )
        if not asked:
            return
        found = self._search_possible_duplicates(asked)
        for case in asked:
            same = found.filtered(
                lambda other, case=case: (
                    other.id != case._origin.id and case._is_like(other)
                )
            )[:MAX_SHOWN]
            case.duplicate_ids = same
            case.duplicate_warning = case._describe_duplicates(same)

    @api.model
    def _search_possible_duplicates(self, asked):
        since = fields.Datetime.now() - timedelta(days=RECENT_DAYS)
        customers = Domain(
            "commercial_partner_id", "in", asked.partner_id.commercial_partner_id.ids
        )
        emails = [email for email in asked.mapped("email_normalized") if email]
        if emails:
            customers |= Domain("email_normalized", "in", emails)
        return self.search(
            customers
            & (
                Domain("stage_category", "not in", DONE)
                | Domain("date_opened", ">=", since)
            ),
            order="id desc",
            limit=MAX_COMPARED * len(asked),
        )

    def _is_like(self, other):
        """Whether the other case, of the same customer, is about the same."""
        same_customer = (
            self.partner_id
            and other.commercial_partner_id == self.partner_id.commercial_partner_id
        ) or (self.email_normalized and other.email_normalized == self.email_normalized)
        if not same_customer:
            return False
        if self.sale_order_id and other.sale_order_id == self.sale_order_id:
            return True
        mine, theirs = plain_subject(self.name), plain_subject(other.name)
        if not mine or not theirs:
            return False
        matcher = SequenceMatcher(None, mine, theirs, autojunk=False)
        # the quick bounds spare the exact ratio, which is slow on long subjects
        return (
            matcher.real_quick_ratio() >= SIMILAR
            and matcher.quick_ratio() >= SIMILAR
            and matcher.ratio() >= SIMILAR
        )

    def _describe_duplicates(self, others):
        if not others:
            return False
        items = Markup().join(
            Markup('<li><a href="/odoo/cases/%s">[%s] %s</a> · %s · %s</li>')
            % (
                other.id,
                other.number,
                other.name,
                other.stage_id.name,
                format_date(self.env, other.date_opened),
            )
            for other in others
        )
        return Markup('<ul class="mb-0">%s</ul>') % items
