import json
import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, split_every

from ...tools import personas as tool
from ..customer.crm_customer_yardstick import MONEY_GROUPS

_logger = logging.getLogger(__name__)

# Facts of a customer, and whether their logarithm is taken: what is skewed.
FACT_LOGS = {
    "recency": True,
    "tenure": True,
    "invoices": True,
    "interval": True,
    "revenue": True,
    "order_value": True,
    "margin_share": False,
    "products": True,
    "return_share": False,
    "payment_delay": False,
    "contacts": True,
}
# So many customers are read and told apart together.
BATCH_SIZE = 20_000
# To find groups so many customers are plenty; more only take longer.
MAX_ROWS = 50_000
RENEW_DAYS = 30


class CrmPersonaStudy(models.Model):
    """Looks for groups among the customers of a company; see ``tools/personas.py``."""

    _name = "crm.persona.study"
    _description = "Search for Personas"
    _order = "company_id, id"
    _rec_name = "company_id"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        ondelete="cascade",
        default=lambda self: self.env.company,
    )
    least_count = fields.Integer(string="At Least", required=True, default=3)
    most_count = fields.Integer(string="At Most", required=True, default=7)
    is_renewed = fields.Boolean(
        string="Find Again Every Month",
        default=True,
        help="Groups found again keep their name, picture and notes.",
    )
    # under way
    search_state = fields.Selection(
        [("waiting", "Waiting"), ("running", "Looking")],
        string="Search",
        readonly=True,
        copy=False,
    )
    date_asked = fields.Datetime(string="Asked For", readonly=True, copy=False)
    asked_user_id = fields.Many2one(
        "res.users",
        string="Asked For By",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="Responsible for the segments of new personas.",
    )
    # what was found
    date_found = fields.Datetime(string="Found On", readonly=True, copy=False)
    row_count = fields.Integer(string="Customers Looked At", readonly=True, copy=False)
    silhouette = fields.Float(
        readonly=True,
        copy=False,
        digits=(16, 2),
        help="How clearly groups are apart: 1 is perfect, above 0.5 clear, below 0.25 "
        "they run into each other.",
    )
    silhouettes = fields.Json(readonly=True, copy=False)
    # means and deviations of what customers spend, and so amounts
    scale = fields.Json(readonly=True, copy=False, groups=MONEY_GROUPS)
    problem = fields.Selection(
        [
            ("rows", "Too few customers"),
            ("facts", "Too few facts"),
            ("one_cloud", "No groups"),
            ("missing", "scikit-learn is missing"),
            ("failed", "The search failed"),
        ],
        readonly=True,
        copy=False,
    )
    problem_count = fields.Integer(readonly=True, copy=False)
    last_error = fields.Text(readonly=True, copy=False)
    message = fields.Char(compute="_compute_message")
    why_count = fields.Char(string="Why So Many", compute="_compute_message")
    persona_ids = fields.One2many("crm.persona", "study_id", string="Personas")

    _company_uniq = models.Constraint(
        "UNIQUE(company_id)", "A company has one search for personas."
    )
    _check_counts = models.Constraint(
        "CHECK(least_count >= 2 AND most_count >= least_count AND most_count <= 10)",
        "Between two and ten personas are looked for, the lower number first.",
    )

    @api.depends("problem", "problem_count", "last_error", "silhouettes")
    @api.depends_context("lang")
    def _compute_message(self):
        for study in self:
            study.message = study._say_problem()
            study.why_count = ", ".join(
                self.env._("%(count)s: %(value)s", count=count, value=f"{value:.2f}")
                for count, value in sorted(
                    (study.silhouettes or {}).items(), key=lambda item: int(item[0])
                )
            )

    def _say_problem(self):
        n = self.problem_count
        if self.problem == "rows":
            return self.env._(
                "Not enough data: n = %(count)s customers with invoices; groups are "
                "looked for from %(least)s on.",
                count=n,
                least=tool.MIN_ROWS,
            )
        if self.problem == "facts":
            return self.env._(
                "Not enough data: of n = %s customers too little is known that tells "
                "them apart.",
                n,
            )
        if self.problem == "one_cloud":
            return self.env._(
                "The customers do not fall into groups (n = %s): any border would be "
                "made up.",
                n,
            )
        if self.problem == "missing":
            return self.env._(
                "To find groups the server needs the Python package scikit-learn. "
                "Personas found before stay, and customers go on being told apart."
            )
        if self.problem == "failed":
            return self.env._("The search failed: %s", self.last_error)
        return False

    @api.constrains("company_id")
    def _check_works_for_company(self):
        for study in self:
            if study.company_id not in self.env.user.company_ids and not self.env.su:
                raise ValidationError(
                    self.env._("You do not work for %s.", study.company_id.name)
                )

    # ------------------------------------------------------------
    # Find
    # ------------------------------------------------------------

    def action_find(self):
        """Have the scheduler look for groups now: it takes minutes where customers are
        many.
        """
        self.check_access("write")
        for study in self:
            if study.company_id not in self.env.companies:
                raise UserError(
                    self.env._("Switch to %s first.", study.company_id.name)
                )
        # sudo: whoever may look for groups sets off the search, and writes no more
        self.sudo().filtered(lambda study: not study.search_state).write(
            {
                "search_state": "waiting",
                "date_asked": fields.Datetime.now(),
                "asked_user_id": self.env.uid,
            }
        )
        self._trigger_search()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Groups are being looked for. What is found shows here in some "
                    "minutes."
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    @api.model
    def _trigger_search(self, minutes=0):
        cron = self.env.ref("crm_plus.ir_cron_personas", raise_if_not_found=False)
        if cron:
            # sudo: whoever may look for groups wakes the job, no more
            cron.sudo()._trigger(at=fields.Datetime.now() + timedelta(minutes=minutes))

    def _find(self, user):
        """Look for groups; tell whether there are some."""
        self.ensure_one()
        rows = self._read_rows(limit=MAX_ROWS)
        if not tool.is_available():
            self.write({"problem": "missing", "problem_count": len(rows)})
            return False
        try:
            groups = tool.find_groups(
                rows, FACT_LOGS, self.least_count, self.most_count
            )
        except tool.TooLittle as error:
            # what was found before still stands
            self.write({"problem": error.reason, "problem_count": error.count})
            return False
        self._take(groups, len(rows), user)
        return True

    def _take(self, groups, row_count, user):
        """Make personas of the groups; those found again stay who they are."""
        known = self.with_context(active_test=False).persona_ids.sorted("id")
        old_scale = tool.Scale.from_json(self.scale)
        matches = tool.match(
            [groups.scale.project(one.center, old_scale) for one in known],
            groups.centers,
        )
        now = fields.Datetime.now()
        current = self.env["crm.persona"]
        new_values = []
        for i, center in enumerate(groups.centers):
            values = {
                "active": True,
                "center": center,
                "facts": tool.deviations(center, groups.scale.keys),
            }
            if i in matches:
                persona = known[matches[i]]
                persona.write(values)
                current |= persona
            else:
                new_values.append({**values, "study_id": self.id, "date_found": now})
        for values in new_values:
            values["name"] = self._get_persona_name(values["facts"])
        current |= self.env["crm.persona"].create(new_values)
        gone = known - current
        for persona in gone:
            # on the new scale, by which they may be found again
            persona.center = groups.scale.project(persona.center, old_scale)
        gone.write({"active": False, "size": 0, "share": 0})
        gone.segment_id.active = False
        self.write(
            {
                "date_found": now,
                "row_count": row_count,
                "silhouette": groups.silhouette,
                "silhouettes": groups.silhouettes,
                "scale": groups.scale.to_json(),
                "problem": False,
                "problem_count": 0,
            }
        )
        self._tell_apart()
        self._make_segments(user)

    def _get_persona_name(self, facts):
        Persona = self.env["crm.persona"]
        words = [
            Persona._say_fact(key, value, is_short=True) for key, value in facts[:2]
        ]
        name = ", ".join(words) or self.env._("Mean customers")
        return name[:1].upper() + name[1:]

    def _make_segments(self, user):
        """A segment each, which whoever looked for personas is responsible for."""
        without = self.persona_ids.filtered(lambda persona: not persona.segment_id)
        segments = self.env["crm.segment"].create(
            [
                {
                    "name": persona.name,
                    "target": "res.partner",
                    "domain": repr(
                        [("customer_profile_ids.persona_id", "=", persona.id)]
                    ),
                    "user_id": user.id,
                    "company_id": self.company_id.id,
                    "description": persona.summary,
                }
                for persona in without
            ]
        )
        for persona, segment in zip(without, segments, strict=True):
            persona.segment_id = segment
        self.persona_ids.segment_id.active = True
        self.persona_ids.segment_id._refresh()

    # ------------------------------------------------------------
    # Tell apart
    # ------------------------------------------------------------

    def _read_rows(self, limit=None):
        """Return the facts of the customers of the company, as dictionaries."""
        self.env["crm.customer.profile"].flush_model()
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT p.id, p.persona_id,
                       %(today)s::date - p.date_last AS recency,
                       %(today)s::date - p.date_first AS tenure,
                       p.invoice_count_12 AS invoices, p.interval_median AS interval,
                       p.revenue_12 AS revenue,
                       p.revenue_total / NULLIF(p.invoice_count, 0) AS order_value,
                       CASE WHEN p.revenue_12 > 0 AND p.margin_12 IS NOT NULL
                            THEN greatest(-1, least(1, p.margin_12 / p.revenue_12))
                        END AS margin_share,
                       (SELECT count(*) FROM crm_customer_product o
                         WHERE o.profile_id = p.id) AS products,
                       p.return_count_12::float8 / NULLIF(p.delivery_count_12, 0)
                           AS return_share,
                       p.payment_delay, p.channel_n AS contacts
                  FROM crm_customer_profile p
                 WHERE p.company_id = %(company)s AND p.date_last IS NOT NULL
                 -- spread over all customers, the same at each run
                 ORDER BY %(order)s
                 %(limit)s
                """,
                today=fields.Date.context_today(self),
                company=self.company_id.id,
                order=SQL("md5(p.id::text)") if limit else SQL("p.id"),
                limit=SQL("LIMIT %s", limit) if limit else SQL(),
            )
        )
        return [
            {
                key: float(value)
                if value is not None and key not in ("id", "persona_id")
                else value
                for key, value in row.items()
            }
            for row in rows
        ]

    def _tell_apart(self):
        """Give each customer the persona it is nearest to; write what differs. The
        scheduler commits each batch: whoever posts an invoice meanwhile writes on the
        same rows.
        """
        for study in self:
            personas = study.persona_ids.filtered("center").sorted("id")
            if not personas:
                continue
            scale = tool.Scale.from_json(study.scale)
            centers = [persona.center for persona in personas]
            sizes = dict.fromkeys(personas.ids, 0)
            for rows in split_every(BATCH_SIZE, study._read_rows()):
                changed = []
                for row in rows:
                    persona_id = personas[tool.nearest(scale.point(row), centers)].id
                    sizes[persona_id] += 1
                    if persona_id != row["persona_id"]:
                        changed.append([row["id"], persona_id])
                self.env.cr.execute(
                    SQL(
                        """
                        UPDATE crm_customer_profile p
                           SET persona_id = (r.pair ->> 1)::int
                          FROM json_array_elements(%s::json) AS r (pair)
                         WHERE p.id = (r.pair ->> 0)::int
                        """,
                        json.dumps(changed),
                    )
                )
                if self.env.context.get("ir_cron_progress_id"):
                    self.env["ir.cron"]._commit_progress()
            self.env["crm.customer.profile"].invalidate_model(
                ["persona_id"], flush=False
            )
            total = sum(sizes.values()) or 1
            for persona in personas:
                size = sizes[persona.id]
                if persona.size != size or persona.share != size / total:
                    persona.write({"size": size, "share": size / total})

    @api.model
    def _cron_run(self):
        """Find groups where somebody asks for it, and again once a month; tell
        customers apart by the groups found. A company at a time.
        """
        IrCron = self.env["ir.cron"]
        studies = self.search(
            ["|", ("search_state", "!=", False), ("date_found", "!=", False)],
            # those that somebody waits for come first
            order="date_asked NULLS LAST, id",
        )
        IrCron._commit_progress(remaining=len(studies))
        for study in studies:
            try:
                study._run()
            except psycopg2.OperationalError:
                # somebody wrote on the same customers: again in a minute
                self.env.cr.rollback()
                self._trigger_search(minutes=1)
            except Exception as error:
                self.env.cr.rollback()
                _logger.warning(
                    "crm_plus: search for personas %s failed", study.id, exc_info=True
                )
                study.write(
                    {
                        "problem": "failed",
                        "last_error": str(error),
                        "search_state": False,
                        "date_asked": False,
                    }
                )
            if not IrCron._commit_progress(1):
                break

    def _run(self):
        """Find groups where it is time to, and tell customers apart."""
        self.ensure_one()
        is_due = (
            self.is_renewed
            and self.date_found
            and self.date_found <= fields.Datetime.now() - timedelta(days=RENEW_DAYS)
            and tool.is_available()
        )
        if self.search_state:
            # whoever looks at the form sees it
            self.search_state = "running"
            self.env["ir.cron"]._commit_progress()
        elif not is_due:
            self._tell_apart()
            return
        user = self.asked_user_id or self.persona_ids.segment_id.user_id[:1]
        if not self._find(user or self.env.user):
            self._tell_apart()
        self.write({"search_state": False, "date_asked": False})
