from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind

_lt = LazyTranslate(__name__)
# Programs whose cards have a code that is given to people.
PROGRAM_TYPES = ("coupons", "gift_card", "next_order_coupons")


class CouponKind(StepKind):
    """Makes a coupon of a program for each person, with one call for the batch. Its
    code is on the task, and mails of the journey can tell it.

    The app with the programs may be missing, and may come and go.
    """

    code = "coupon"
    label = _lt("Give a Coupon")
    family = "record"
    icon = "fa-ticket"
    fields = ("coupon_days", "coupon_points", "coupon_program")
    # the number of a program means nothing in another database
    file_skipped = ("coupon_program",)

    def _get_program(self):
        """The program that was chosen, if it is still there."""
        if "loyalty.program" not in self.env:
            return None
        # sudo: programs are for the sales department; which one was chosen is told
        Program_sudo = self.env["loyalty.program"].sudo()
        return Program_sudo.browse(int(self.step.coupon_program or 0)).exists()

    def get_text(self):
        program = self._get_program()
        return program.name if program else ""

    def get_problems(self):
        if "loyalty.program" not in self.env:
            return [
                self.env._(
                    "coupons need the app “Coupons & Loyalty”: install it, or leave "
                    "the step out."
                )
            ]
        program = self._get_program()
        if not program:
            return [self.env._("choose the coupon program.")]
        if not program.active:
            return [self.env._("the program “%s” is archived.", program.name)]
        if program.company_id and program.company_id != self.step.company_id:
            return [self.env._("the program “%s” is of another company.", program.name)]
        if program.date_to and program.date_to < fields.Date.context_today(self.step):
            return [self.env._("the program “%s” has ended.", program.name)]
        return []

    def run(self, tasks):
        step = self.step
        program = self._get_program()
        if not program:
            tasks._skip(self.env._("The coupon program is not there any more."))
            return
        partners = tasks._read_participants(SQL("p.partner_id"))
        date = False
        if step.coupon_days:
            date = fields.Date.context_today(step) + timedelta(days=step.coupon_days)
        # no mail of the program: the code is in the mails of the journey
        Card = program.env["loyalty.card"].with_context(
            loyalty_no_mail=True, mail_create_nolog=True, tracking_disable=True
        )
        cards = Card.create(
            [
                {
                    "program_id": program.id,
                    "partner_id": partner_id,
                    "points": step.coupon_points,
                    "expiration_date": date,
                }
                for partner_id in partners.values()
            ]
        )
        self.env["loyalty.history"].sudo().create(  # sudo: as the cards
            [
                {
                    "card_id": card.id,
                    "description": step.campaign_id.name,
                    "issued": step.coupon_points,
                }
                for card in cards
            ]
        )
        tasks._set_coupons(dict(zip(partners, cards.mapped("code"), strict=True)))
        tasks._done(reason=program.name)

    def get_done_text(self, task):
        if not task.coupon_code:
            return super().get_done_text(task)
        return self.env._(
            "%(step)s · code %(code)s", step=self.step.name, code=task.coupon_code
        )


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    # no relation: the app with the programs may be missing
    coupon_program = fields.Selection(
        "_selection_coupon_program",
        help="Coupons, gift cards and coupons for the next order.",
    )
    coupon_points = fields.Float(
        string="Worth",
        default=1.0,
        help="Points: what they are worth is said by the program.",
    )
    coupon_days = fields.Integer(
        string="Valid for Days", default=30, help="0: as long as the program runs."
    )
    has_coupons = fields.Boolean(compute="_compute_has_coupons")

    _coupon_worth = models.Constraint(
        "CHECK(coupon_points > 0 AND coupon_days >= 0)",
        "A coupon is worth something, and valid for some days.",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), CouponKind]

    @api.model
    def _selection_coupon_program(self):
        if "loyalty.program" not in self.env:
            return []
        # sudo: names of programs, for whoever builds campaigns
        programs_sudo = (
            self.env["loyalty.program"]
            .sudo()
            .with_context(active_test=False)
            .search([("program_type", "in", PROGRAM_TYPES)])
        )
        return [(str(program.id), program.name) for program in programs_sudo]

    def _compute_has_coupons(self):
        self.has_coupons = "loyalty.program" in self.env

    @api.constrains("coupon_program")
    def _check_coupon_program(self):
        """The scheduler may do anything: whoever says so may do it by hand."""
        if any(self.mapped("coupon_program")) and "loyalty.card" in self.env:
            self.env["loyalty.card"].with_user(self.env.user).check_access("create")


class CrmCampaignTask(models.Model):
    _inherit = "crm.campaign.task"

    coupon_code = fields.Char(string="Coupon", readonly=True)

    def _set_coupons(self, codes):
        """Note the codes, ``{task id: code}``, in one statement."""
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_task k SET coupon_code = n.code
                  FROM unnest(%s, %s::varchar[]) AS n(id, code)
                 WHERE k.id = n.id
             RETURNING k.id
                """,
                list(codes),
                list(codes.values()),
            )
        )
        self._invalidate()


def _get_codes(records, column):
    """``{id: code}`` of the coupon that a journey gave last for each of these records;
    while mails of a campaign are made, of that campaign.

    :param column: of participants, that names the record
    """
    env = records.env
    env["crm.campaign.task"].flush_model()
    env["crm.campaign.participant"].flush_model()
    task_map = env.context.get("crm_campaigns_task_map")
    condition = SQL("TRUE")
    if task_map is not None:
        condition = SQL("k.campaign_id = ANY(%s)", task_map.tasks.campaign_id.ids)
    return dict(
        env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (%(who)s) %(who)s, k.coupon_code
                  FROM crm_campaign_participant p
                  JOIN crm_campaign_task k ON k.participant_id = p.id
                 WHERE %(who)s = ANY(%(ids)s)
                   AND k.coupon_code IS NOT NULL AND %(condition)s
              ORDER BY %(who)s, k.date_done DESC, k.id DESC
                """,
                who=SQL.identifier("p", column),
                ids=records.ids,
                condition=condition,
            )
        )
    )


class CrmCampaignCouponMixin(models.AbstractModel):
    """Records that stand for people: mails tell them the code they were given."""

    _name = "crm.campaign.coupon.mixin"
    _description = "Coupon of a Campaign"

    # column of participants that names the record
    _coupon_column = ""

    campaign_coupon_code = fields.Char(
        string="Coupon of a Campaign",
        compute="_compute_campaign_coupon_code",
        groups="crm_campaigns.crm_campaigns_group_user",
        help="The code that a step “Give a Coupon” made last, for mails after it.",
    )

    @api.depends_context("crm_campaigns_task_map")
    def _compute_campaign_coupon_code(self):
        codes = _get_codes(self, self._coupon_column)
        for record in self:
            record.campaign_coupon_code = codes.get(record._origin.id)


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "crm.campaign.coupon.mixin"]
    _coupon_column = "lead_id"


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "crm.campaign.coupon.mixin"]
    _coupon_column = "partner_id"
