from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_amount, formatLang

from odoo.addons.crm_plus.models.customer.crm_customer_yardstick import MONEY_GROUPS

from ...tools.lift import Group, MeanLift, RateLift

# Of so many parts a person falls into one: percents to the hundredth.
HOLDOUT_PARTS = 10_000


class CrmCampaign(models.Model):
    """Some people of a campaign are held out: they get nothing, and show what would
    have come without it.
    """

    _inherit = "crm.campaign"

    holdout_percent = fields.Float(
        string="Hold Out (%)",
        digits=(5, 2),
        tracking=True,
        help="So many of those who enter get nothing: they are compared with the "
        "others. A person is always on the same side. 0: nobody.",
    )
    held_out_count = fields.Integer(
        string="Held Out", compute="_compute_participant_count"
    )
    goal_lift = fields.Html(
        string="Lift of Success", compute="_compute_lifts", sanitize=False
    )
    margin_lift = fields.Html(
        string="Lift of Margin",
        compute="_compute_lifts",
        sanitize=False,
        groups=MONEY_GROUPS,
    )

    _holdout_percent_part = models.Constraint(
        "CHECK(holdout_percent >= 0 AND holdout_percent < 100)",
        "Of those who enter, less than all can be held out.",
    )

    def write(self, vals):
        if "holdout_percent" in vals:
            changed = self.filtered(
                lambda c: c.holdout_percent != (vals["holdout_percent"] or 0)
            )
            # sudo: participants the user may not see count too
            if changed.sudo().participant_ids:
                raise UserError(
                    self.env._(
                        "People have entered: who is held out was drawn. Duplicate the "
                        "campaign to hold out others."
                    )
                )
        return super().write(vals)

    # ------------------------------------------------------------
    # Who is held out
    # ------------------------------------------------------------

    def _get_held_out_condition(self, person):
        """SQL of whether a person is held out of this campaign: the same each time, on
        any machine, and not the same people in each campaign.

        :param person: SQL of who it is: the address, else the record
        """
        self.ensure_one()
        return SQL(
            """
            ('x' || left(md5(%(campaign)s || ':' || %(person)s), 15))::bit(60)::bigint
            %% %(parts)s < %(held)s
            """,
            campaign=str((self.draft_of_id or self).id),
            person=person,
            parts=HOLDOUT_PARTS,
            held=round(self.holdout_percent * HOLDOUT_PARTS / 100),
        )

    def _spread(self, new_ids):
        """Those held out take their turn like the others: they are looked at over the
        same time.
        """
        super()._spread(new_ids)
        self._hold_out(new_ids)

    def _hold_out(self, new_ids):
        if not self.holdout_percent:
            return
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_participant p
                   SET state = 'held_out', date_left = p.date_entered
                 WHERE p.id = ANY(%(ids)s) AND %(held_out)s
             RETURNING p.id
                """,
                ids=list(new_ids),
                held_out=self._get_held_out_condition(
                    self.env["crm.campaign.participant"]._get_person_sql("p")
                ),
            )
        )

    def _get_held_out(self, emails):
        """Ids of those who would be held out if they entered, in one query.

        :param emails: ``{id of record: normalised address or None}``
        """
        self.ensure_one()
        if not self.holdout_percent or not emails:
            return []
        rows = self.env.execute_query(
            SQL(
                """
                SELECT e.id
                  FROM unnest(%(ids)s::int[], %(emails)s::text[]) e (id, email)
                 WHERE %(held_out)s
                """,
                ids=list(emails),
                emails=list(emails.values()),
                # as ``crm.campaign.participant._get_person_sql``
                held_out=self._get_held_out_condition(
                    SQL("COALESCE(e.email, %s || ',' || e.id)", self._get_model())
                ),
            )
        )
        return [row[0] for row in rows]

    # ------------------------------------------------------------
    # What came of it
    # ------------------------------------------------------------

    def _get_lifts(self):
        """``{campaign: (RateLift of success, MeanLift of margin)}`` of those of these
        campaigns that hold people out, in one query. A person who entered several times
        counts once.
        """
        measured = self.filtered("holdout_percent")
        if not measured:
            return {}
        Result = self.env["crm.campaign.result.report"]
        groups = {}
        for campaign_id, is_held_out, *figures in self.env.execute_query(
            SQL(
                """
                SELECT campaign_id, is_held_out, count(*), sum(is_reached),
                       avg(margin)::float8, COALESCE(var_samp(margin), 0)::float8
                  FROM (
                    SELECT campaign_id, bool_or(is_held_out) AS is_held_out,
                           max(is_reached) AS is_reached, sum(margin) AS margin
                      FROM %s r
                     WHERE campaign_id IN %s
                  GROUP BY campaign_id, person
                  ) people
              GROUP BY campaign_id, is_held_out
                """,
                Result._table_sql,
                tuple(measured.ids),
            )
        ):
            groups[campaign_id, is_held_out] = Group(*figures)
        lifts = {}
        for campaign in measured:
            pair = [groups.get((campaign.id, held), Group()) for held in (False, True)]
            lifts[campaign] = RateLift(*pair), MeanLift(*pair)
        return lifts

    @api.depends("holdout_percent", "result_days", "result_kind_ids")
    def _compute_lifts(self):
        # sudo: each figure has the groups of what it shows
        lifts = self._origin.sudo()._get_lifts()
        for campaign in self:
            campaign.goal_lift = campaign.margin_lift = False
            if campaign._origin in lifts:
                goal, margin = lifts[campaign._origin]
                campaign.goal_lift = campaign._tell_goal_lift(goal)
                campaign.margin_lift = campaign._tell_margin_lift(margin)

    def _get_too_few_text(self, lift):
        """Why nothing is said; ``False`` if there are people enough."""
        if lift.is_enough:
            return False
        return self.env._(
            "Not enough people: %(treated)s in the campaign and %(held)s held out; "
            "%(least)s of each say something.",
            treated=lift.treated.n,
            held=lift.held.n,
            least=lift.min_people,
        )

    def _tell_lift(self, lift, rows, difference, interval):
        """A table of both groups, and what follows from it."""
        if text := self._get_too_few_text(lift):
            return Markup("<p class='text-muted mb-0'>%s</p>") % text
        if lift.is_significant:
            verdict = self.env._("With that confidence it is no chance.")
        else:
            verdict = self.env._("This may be chance: nothing is proven.")
        relative = lift.relative
        if relative is None:
            more = ""
        else:
            more = self.env._(
                "; %s %% compared with those held out",
                self._sign(100 * relative, 1),
            )
        return Markup(
            "<table class='table table-sm w-auto mb-2'>%s</table><p class='mb-0'>"
            "<b>%s</b> %s</p>"
        ) % (
            Markup().join(
                Markup("<tr><td>%s</td><td>%s</td><td class='fw-bold'>%s</td></tr>")
                % row
                for row in rows
            ),
            self.env._(
                "Difference: %(difference)s, with 95 %% confidence between %(low)s and "
                "%(high)s%(more)s.",
                difference=difference,
                low=interval[0],
                high=interval[1],
                more=more,
            ),
            verdict,
        )

    def _get_goal_lift_text(self, lift):
        """The lift of success in one line."""
        if not lift.is_enough:
            return self.env._("not enough people")
        difference, low, high = (
            self._sign(100 * value, 1) for value in (lift.difference, *lift.interval)
        )
        return self.env._(
            "%(difference)s (%(low)s to %(high)s)",
            difference=difference,
            low=low,
            high=high,
        )

    def _get_margin_lift_text(self, lift):
        """The lift of margin a person in one line."""
        if not lift.is_enough:
            return self.env._("not enough people")
        currency = self.company_id.currency_id
        difference, low, high = (
            format_amount(self.env, value, currency)
            for value in (lift.difference, *lift.interval)
        )
        return self.env._(
            "%(difference)s (%(low)s to %(high)s)",
            difference=difference,
            low=low,
            high=high,
        )

    def _tell_goal_lift(self, lift):
        rows = difference = interval = None
        if lift.is_enough:
            rows = [
                (
                    name,
                    self.env._(
                        "%(successes)s of %(people)s people",
                        successes=self._count(group.successes),
                        people=self._count(group.n),
                    ),
                    f"{formatLang(self.env, 100 * group.rate, digits=2)} %",
                )
                for name, group in self._name_groups(lift)
            ]
            difference = self.env._(
                "%s percentage points", self._sign(100 * lift.difference, 2)
            )
            interval = [self._sign(100 * end, 2) for end in lift.interval]
        return self._tell_lift(lift, rows, difference, interval)

    def _tell_margin_lift(self, lift):
        currency = self.company_id.currency_id

        def amount(value):
            return format_amount(self.env, value, currency)

        rows = difference = interval = None
        if lift.is_enough:
            rows = [
                (
                    name,
                    self.env._("%s people", self._count(group.n)),
                    self.env._("%s each", amount(group.mean)),
                )
                for name, group in self._name_groups(lift)
            ]
            difference = amount(lift.difference)
            interval = [amount(end) for end in lift.interval]
        return self._tell_lift(lift, rows, difference, interval)

    def _name_groups(self, lift):
        return (
            (self.env._("In the campaign"), lift.treated),
            (self.env._("Held out"), lift.held),
        )

    def _count(self, number):
        return formatLang(self.env, number, digits=0)

    def _sign(self, value, digits):
        sign = "+" if value > 0 else ""
        return sign + formatLang(self.env, value, digits=digits)
