from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_amount, format_datetime

from ....tools.ab_test import ALPHA, MIN_PER_WAY, Way, compare

EN_DASH = "\u2013"
LEDGER_GROUPS = "account.group_account_readonly,account.group_account_invoice"


class CrmCampaignStep(models.Model):
    """A split by chance that finds out which way is the better one.

    Those who went a way some time ago are compared, see ``tools/ab_test.py``: how many
    of them clicked, answered, reached the goal, or what they were invoiced since. When
    a way wins, everybody new goes it. As long as it is not for sure, it may be looked
    again when twice as many have gone; each look asks for more, so that looking often
    finds no winner by chance.
    """

    _inherit = "crm.campaign.step"

    # how the winner is found
    winner_by = fields.Selection(
        [
            ("none", "Nothing: it goes on splitting"),
            ("clicks", "Clicks"),
            ("replies", "Answers"),
            ("goal", "The goal"),
            ("revenue", "What they were invoiced"),
        ],
        default="none",
        required=True,
        help="Clicks and answers of people, not of machines, among those who got a "
        "mail after this step. Invoices less credit notes, posted since they came "
        "here, of them and their companies.",
    )
    winner_after = fields.Selection(
        [
            ("people", "When so many went each way"),
            ("days", "After some days"),
            ("hand", "Somebody says so"),
        ],
        string="Decided",
        default="people",
        required=True,
    )
    winner_people = fields.Integer(string="People Each Way", default=200)
    winner_days = fields.Integer(string="Days", default=14)
    winner_hours = fields.Integer(
        string="Hours to Answer",
        default=48,
        help="Who went a way less long ago does not count yet: they may still answer.",
    )
    winner_unsure = fields.Selection(
        [("keep", "Go on splitting, and look again"), ("best", "Take the best one")],
        string="If It Is Not for Sure",
        default="keep",
        required=True,
        help="Looked again when twice as many went, or after twice the time; each look "
        "asks for more than the one before.",
    )
    # what came of it
    winner_way_id = fields.Many2one(
        "crm.campaign.way",
        string="Winner",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    winner_how = fields.Selection(
        [
            ("sure", "It is better for sure"),
            ("best", "The best one, not for sure"),
            ("hand", "Somebody said so"),
        ],
        string="Why It Won",
        readonly=True,
        copy=False,
    )
    winner_user_id = fields.Many2one(
        "res.users",
        string="Who Said So",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    winner_date = fields.Datetime(string="Since", readonly=True, copy=False)
    winner_looks = fields.Integer(
        string="Looks", readonly=True, copy=False, export_string_translation=False
    )
    # what people were invoiced may be in it: read by sudo, and shown to whoever may see
    winner_evidence = fields.Json(
        readonly=True,
        copy=False,
        groups="base.group_system",
        export_string_translation=False,
    )
    winner_table = fields.Html(
        string="Evidence", compute="_compute_winner_table", sanitize=False
    )

    _winner_positive = models.Constraint(
        "CHECK(winner_people > 0 AND winner_days > 0 AND winner_hours >= 0)",
        "A winner needs people and time.",
    )

    def _copy_into(self, copy, copies):
        super()._copy_into(copy, copies)
        if self.winner_way_id and copy.lineage == self.lineage:
            self._copy_winner(copy)

    def _copy_winner(self, copy):
        """The same split in another version: what has won has won, if it is there."""
        way = copy.way_ids.filtered(
            lambda way: way.lineage == self.winner_way_id.lineage
        )
        if not way:
            return
        # sudo: the evidence goes along unread
        self_sudo, copy_sudo = self.sudo(), copy.sudo()
        copy_sudo.write(
            {
                "winner_way_id": way.id,
                "winner_how": self.winner_how,
                "winner_date": self.winner_date,
                "winner_user_id": self.winner_user_id.id,
                "winner_looks": self.winner_looks,
                "winner_evidence": self_sudo.winner_evidence,
            }
        )

    # ------------------------------------------------------------
    # What is known of the ways
    # ------------------------------------------------------------

    def _get_way_figures(self):
        """The ``Way`` of each way of this split, in order; one statement."""
        self.ensure_one()
        Task = self.env["crm.campaign.task"]
        Task._flush_clicks()
        self.env["mailing.trace"].flush_model()
        self.env["crm.campaign.participant"].flush_model()
        people = SQL(
            """
            -- in all versions of this split
            SELECT way.id AS way_id, k.date_done, p.id, p.lead_id, p.partner_id,
                   p.goal_date, s.parent_path AS path
              FROM crm_campaign_step s
              JOIN crm_campaign_task k ON k.step_id = s.id
              JOIN crm_campaign_way gone ON gone.id = k.way_id
              JOIN crm_campaign_way way
                ON way.step_id = %(step)s AND way.lineage = gone.lineage
              JOIN crm_campaign_participant p ON p.id = k.participant_id
             WHERE (s.id = %(step)s OR s.latest_id = %(step)s) AND k.state = 'done'
               AND k.is_replay IS NOT TRUE AND k.date_done <= %(date)s
            """,
            step=self.id,
            date=fields.Datetime.now() - timedelta(hours=self.winner_hours),
        )
        query = getattr(self, f"_get_{self.winner_by}_figures")(people)
        rows = {row[0]: row[1:] for row in self.env.execute_query(query)}
        nothing = (0, 0, 0 if self.winner_by == "revenue" else None)
        return [
            Way(way.id, count, float(total), squares and float(squares))
            for way in self.way_ids
            for count, total, squares in [rows.get(way.id, nothing)]
        ]

    def _get_mail_figures(self, people, condition):
        return SQL(
            """
            SELECT way_id, count(*), count(*) FILTER (WHERE did), NULL
              FROM (
                SELECT people.way_id, people.id, bool_or(%(condition)s) AS did
                  FROM (%(people)s) people
                  JOIN crm_campaign_task mk ON mk.participant_id = people.id
                  JOIN crm_campaign_step ms
                    ON ms.id = mk.step_id AND ms.parent_path LIKE people.path || '%%'
                  JOIN mailing_trace tr
                    ON tr.crm_campaign_task_id = mk.id
                   AND tr.trace_status IN ('sent', 'open', 'reply')
              GROUP BY people.way_id, people.id
              ) delivered
          GROUP BY way_id
            """,
            people=people,
            condition=condition,
        )

    def _get_clicks_figures(self, people):
        return self._get_mail_figures(
            people,
            SQL(
                """
                EXISTS (SELECT FROM link_tracker_click c
                         WHERE c.mailing_trace_id = tr.id
                           AND c.machine_reason IS NULL)
                """
            ),
        )

    def _get_replies_figures(self, people):
        return self._get_mail_figures(people, SQL("tr.reply_datetime IS NOT NULL"))

    def _get_goal_figures(self, people):
        return SQL(
            """
            SELECT way_id, count(*),
                   count(*) FILTER (WHERE goal_date >= date_done), NULL
              FROM (%s) people
          GROUP BY way_id
            """,
            people,
        )

    def _get_revenue_figures(self, people):
        self.env["account.move"].flush_model(["amount_untaxed_signed", "state"])
        return SQL(
            """
            SELECT way_id, count(*), sum(worth), sum(worth * worth)
              FROM (
                SELECT people.way_id, COALESCE((
                       SELECT sum(m.amount_untaxed_signed)
                         FROM crm_touchpoint t
                         JOIN crm_touchpoint_kind tk
                           ON tk.id = t.kind_id
                          AND tk.code IN ('invoice_posted', 'credit_note_posted')
                         JOIN account_move m
                           ON t.res_model = 'account.move' AND m.id = t.res_id
                          AND m.state = 'posted'
                        WHERE (t.lead_id = people.lead_id
                               OR t.commercial_partner_id = w.commercial_partner_id)
                          AND t.company_id = %(company)s
                          AND t.date >= date_trunc('day', people.date_done)), 0
                       ) AS worth
                  FROM (%(people)s) people
             LEFT JOIN res_partner w ON w.id = people.partner_id
              ) valued
          GROUP BY way_id
            """,
            people=people,
            company=self.company_id.id,
        )

    # ------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------

    @api.model
    def _get_deciding(self):
        """Splits that may find their winner by themselves now."""
        return self.search(
            [
                ("kind", "=", "split_random"),
                ("winner_by", "!=", "none"),
                ("winner_after", "!=", "hand"),
                ("winner_way_id", "=", False),
                ("is_retired", "=", False),
                ("campaign_id.state", "=", "running"),
            ]
        )

    def _decide(self):
        """Look whether there is a winner, if it is time to."""
        self.ensure_one()
        ways = self._get_way_figures()
        often = 2**self.winner_looks
        if self.winner_after == "people":
            least = min((way.count for way in ways), default=0)
            is_due = least >= self.winner_people * often
        else:
            first = self._get_first_date()
            is_due = first and (
                first + timedelta(days=self.winner_days * often)
                <= fields.Datetime.now()
            )
        if not is_due:
            return
        verdict = compare(ways, ALPHA / often)
        self.winner_looks += 1
        self.winner_evidence = self._get_evidence(ways, verdict)
        way = self.env["crm.campaign.way"].browse(verdict.best)
        if verdict.is_significant:
            self._win(way, "sure")
        elif self.winner_unsure == "best" and any(one.total > 0 for one in ways):
            self._win(way, "best")

    def _get_first_date(self):
        """When somebody went one of the ways for the first time."""
        [[date]] = self.env.execute_query(
            SQL(
                "SELECT min(date_done) FROM crm_campaign_task"
                " WHERE step_id = %s AND state = 'done'",
                self.id,
            )
        )
        return date

    def _win(self, way, how):
        self.ensure_one()
        self.write(
            {
                "winner_way_id": way.id,
                "winner_how": how,
                "winner_date": fields.Datetime.now(),
                "winner_user_id": self.env.user.id if how == "hand" else False,
            }
        )
        # who is on an earlier version goes that way too
        for step in self._get_all_versions() - self:
            self._copy_winner(step)
        words = dict(self._fields["winner_how"]._description_selection(self.env))
        self.campaign_id._message_log(
            body=self.env._(
                "“%(step)s”: everybody new goes the way “%(way)s” now. %(why)s.",
                step=self.name,
                way=way.name,
                why=words[how],
            )
        )

    def action_split_again(self):
        """Take the victory back: people go all ways again."""
        self.check_access("write")
        for step in self:
            step.write(
                {
                    "winner_way_id": False,
                    "winner_how": False,
                    "winner_date": False,
                    "winner_user_id": False,
                }
            )

    # ------------------------------------------------------------
    # The evidence
    # ------------------------------------------------------------

    def _get_evidence(self, ways, verdict):
        """What the decision rests on, to be kept."""
        names = {way.id: way.name for way in self.way_ids}
        against = {one.key: one for one in verdict.comparisons}
        return {
            "by": self.winner_by,
            "date": fields.Datetime.to_string(fields.Datetime.now()),
            "best": verdict.best,
            "is_significant": verdict.is_significant,
            "is_enough": verdict.is_enough,
            "limit": verdict.limit,
            "p": verdict.p,
            "ways": [
                {
                    "id": way.key,
                    "name": names[way.key],
                    "count": way.count,
                    "total": way.total,
                    "rate": way.rate,
                    "interval": list(way.interval or ()),
                    "lift": one and one.lift,
                    "p": one and one.p,
                }
                for way in ways
                for one in [against.get(way.key)]
            ],
        }

    @api.depends("winner_by", "winner_way_id", "way_ids.name")
    @api.depends_context("uid")
    def _compute_winner_table(self):
        for step in self:
            step.winner_table = False
            if step.kind != "split_random" or step.winner_by == "none":
                continue
            if not step._origin.id:
                continue
            if step.winner_by == "revenue" and not self.env.user.has_groups(
                LEDGER_GROUPS
            ):
                step.winner_table = Markup("<p>%s</p>") % self.env._(
                    "What people were invoiced is for those who may see invoices."
                )
                continue
            # sudo: numbers of people; money is for those who may see it, see above
            step_sudo = step._origin.sudo()
            evidence = step_sudo.winner_evidence if step_sudo.winner_way_id else None
            if not evidence:
                ways = step_sudo._get_way_figures()
                alpha = ALPHA / 2**step_sudo.winner_looks
                evidence = step_sudo._get_evidence(ways, compare(ways, alpha))
            step.winner_table = step._render_evidence(evidence)

    def _render_evidence(self, evidence):
        env = self.env
        is_money = evidence["by"] == "revenue"

        def value(number):
            if is_money:
                return format_amount(env, number, self.company_id.currency_id)
            return f"{number * 100:.1f} %"

        heads = {
            "clicks": env._("clicked"),
            "replies": env._("answered"),
            "goal": env._("reached it"),
            "revenue": env._("together"),
        }
        head = Markup("<tr>%s</tr>") % Markup().join(
            Markup("<th>%s</th>") % text
            for text in (
                env._("Way"),
                env._("People"),
                heads[evidence["by"]],
                env._("each") if is_money else env._("of them"),
                env._("true value, at 95 %"),
                env._("p against the best"),
            )
        )
        rows = Markup()
        for way in evidence["ways"]:
            is_best = way["id"] == evidence["best"]
            cells = [
                Markup("<b>%s</b>") % way["name"] if is_best else way["name"],
                way["count"],
                value(way["total"]) if is_money else round(way["total"]),
                value(way["rate"]) if way["count"] else "",
                f" {EN_DASH} ".join(value(end) for end in way["interval"]),
                "" if way["p"] is None else f"{way['p']:.4f}",
            ]
            rows += Markup("<tr>%s</tr>") % Markup().join(
                Markup("<td>%s</td>") % cell for cell in cells
            )
        return Markup(
            '<p class="mb-1">%s</p><table class="table table-sm mb-1">%s%s</table>'
            '<p class="text-muted small">%s</p>'
        ) % (
            self._get_evidence_words(evidence),
            head,
            rows,
            env._(
                "As of %(date)s, of those who came here at least %(hours)s hours "
                "before.",
                date=format_datetime(env, evidence["date"], dt_format="short"),
                hours=self.winner_hours,
            ),
        )

    def _get_evidence_words(self, evidence):
        env = self.env
        best = next(
            (way for way in evidence["ways"] if way["id"] == evidence["best"]), None
        )
        if not best:
            return env._("Nobody has gone any of the ways long enough ago.")
        if not evidence["is_enough"]:
            return env._(
                "Too few people to say anything: at least %s are needed on each way.",
                MIN_PER_WAY,
            )
        if evidence["is_significant"]:
            return env._(
                "“%(way)s” is better for sure: p is %(p)s, below %(limit)s.",
                way=best["name"],
                p=f"{evidence['p']:.4f}",
                limit=f"{evidence['limit']:.4f}",
            )
        return env._(
            "“%(way)s” is ahead, but that may be chance: p is %(p)s, and would have to "
            "be below %(limit)s.",
            way=best["name"],
            p=f"{evidence['p']:.4f}",
            limit=f"{evidence['limit']:.4f}",
        )


class CrmCampaignWay(models.Model):
    _inherit = "crm.campaign.way"

    is_winner = fields.Boolean(compute="_compute_is_winner")

    @api.depends("step_id.winner_way_id")
    def _compute_is_winner(self):
        for way in self:
            way.is_winner = bool(way._origin.id) and (
                way.step_id.winner_way_id._origin == way._origin
            )

    def action_win(self):
        """Let everybody new go this way, from now on."""
        self.ensure_one()
        step = self.step_id
        step.check_access("write")
        if step.kind != "split_random":
            raise UserError(self.env._("Only of a split by chance a way can win."))
        if step.winner_by != "none":
            # sudo: numbers of people; money is shown to those who may see it only
            step_sudo = step.sudo()
            ways = step_sudo._get_way_figures()
            step_sudo.winner_evidence = step_sudo._get_evidence(ways, compare(ways))
        step._win(self, "hand")
