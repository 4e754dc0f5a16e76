from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.collision import rested, succeeds
from ...tools.contact_hold import HoldProvider

MANUAL = "manual"
SCOPES = [
    ("marketing", "Marketing"),
    ("all", "All that is sent by itself"),
]
QUEUE_KEY = "crm_plus.contact_hold_queue"
# Up to so many customers are looked at within the transaction that touches them; more
# are left to the scheduler.
AT_ONCE_LIMIT = 200
GC_BATCH_SIZE = 10_000


class CrmContactHold(models.Model):
    """Somebody, or something, says that a customer is not to be disturbed.

    Those of providers (an overdue invoice, a return on its way) are raised and released
    by ``_refresh``, in one statement a provider, and nobody writes them; people raise
    and release their own. A hold on a company is one on all its people. Released ones
    stay, as history.
    """

    _name = "crm.contact.hold"
    _description = "Contact Hold"
    _order = "date_released desc nulls first, date_since desc, id desc"
    _rec_name = "partner_id"
    _rec_names_search = ["partner_id"]

    # who
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        required=True,
        index=True,
        ondelete="cascade",
        help="A hold on a company holds for all its people.",
    )
    company_id = fields.Many2one(
        "res.company",
        index=True,
        ondelete="cascade",
        default=lambda self: self.env.company,
        help="Which of our companies is held back; empty: all of them.",
    )
    # why
    provider = fields.Selection(
        "_selection_provider",
        string="Raised By",
        required=True,
        readonly=True,
        default=MANUAL,
    )
    note = fields.Char(help="Why, in a few words.")
    reason = fields.Char(compute="_compute_reason")
    scope = fields.Selection(
        SCOPES,
        string="Holds Back",
        required=True,
        default="marketing",
        help="Marketing only, or reminders and statements as well. What a person "
        "writes is never held back.",
    )
    res_model = fields.Char(string="Rests on (Model)", readonly=True)
    res_id = fields.Many2oneReference(
        string="Rests on", model_field="res_model", readonly=True
    )
    # when
    date_since = fields.Date(
        string="Since",
        required=True,
        readonly=True,
        default=fields.Date.context_today,
        help="Since when what it rests on has been so.",
    )
    date_until = fields.Datetime(
        string="Until", help="Released by itself then. Empty: until it is released."
    )
    date_released = fields.Datetime(string="Released", readonly=True, copy=False)
    is_open = fields.Boolean(
        string="Holds Now", compute="_compute_is_open", search="_search_is_open"
    )
    # by whom
    user_id = fields.Many2one(
        "res.users",
        string="By",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        default=lambda self: self.env.user,
        help="Who raised it; empty: it raised itself.",
    )
    released_user_id = fields.Many2one(
        "res.users",
        string="Released By",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )

    _provider_uniq = models.UniqueIndex(
        "(partner_id, company_id, provider)"
        " WHERE date_released IS NULL AND provider <> 'manual'",
        "A provider holds a customer once.",
    )
    _manual_note = models.Constraint(
        "CHECK(provider <> 'manual' OR note IS NOT NULL)",
        "Say in a few words why the contact is not to be disturbed.",
    )

    @api.depends("date_released", "date_until")
    def _compute_is_open(self):
        now = fields.Datetime.now()
        for hold in self:
            hold.is_open = not hold.date_released and (
                not hold.date_until or hold.date_until > now
            )

    @api.model
    def _search_is_open(self, operator, value):
        if operator not in ("in", "not in"):
            return NotImplemented
        is_open = Domain("date_released", "=", False) & (
            Domain("date_until", "=", False)
            | Domain("date_until", ">", fields.Datetime.now())
        )
        return is_open if (True in value) == (operator == "in") else ~is_open

    @api.depends("provider", "note", "date_since", "res_model", "res_id")
    @api.depends_context("lang")
    def _compute_reason(self):
        providers = {one.key: one for one in self._get_hold_providers()}
        for hold in self:
            provider = providers.get(hold.provider)
            hold.reason = provider.words(hold) if provider else hold.note

    @api.model
    def _selection_provider(self):
        providers = [(one.key, one.label) for one in self._get_hold_providers()]
        return [(MANUAL, self.env._("A person")), *providers]

    # ------------------------------------------------------------
    # People raise and release their own
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        holds = super().create(vals_list)
        if not self.env.su and any(hold.provider != MANUAL for hold in holds):
            raise UserError(self.env._("Such a hold is raised by itself."))
        return holds

    def write(self, vals):
        if not self.env.su:
            self._check_own_kind()
            if vals.keys() - {"note", "scope", "date_until"}:
                raise UserError(
                    self.env._("Release the hold and raise another one instead.")
                )
            if self.filtered("date_released"):
                raise UserError(self.env._("What was released is history."))
        return super().write(vals)

    @api.constrains("date_until")
    def _check_date_until(self):
        for hold in self:
            if (
                hold.date_until
                and not hold.date_released
                and hold.date_until.date() < hold.date_since
            ):
                raise ValidationError(self.env._("A hold cannot end before it begins."))

    def _check_own_kind(self):
        if self.filtered(lambda hold: hold.provider != MANUAL):
            raise UserError(
                self.env._(
                    "This hold releases itself when what it rests on is settled."
                )
            )

    def action_release(self):
        self.check_access("write")
        self._check_own_kind()
        still = self.filtered(lambda hold: not hold.date_released)
        # sudo: the user may write to them, as checked; of dates and names only this is
        still.sudo().write(
            {
                "date_released": fields.Datetime.now(),
                "released_user_id": self.env.uid,
            }
        )
        return True

    def action_open_origin(self):
        """Open what the hold rests on, if the user may see it."""
        self.ensure_one()
        record = (
            self.env[self.res_model].browse(self.res_id).exists()
            if self.res_model and self.res_model in self.env
            else None
        )
        if not record:
            raise UserError(self.env._("There is no record behind this hold."))
        record.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    # ------------------------------------------------------------
    # Providers
    # ------------------------------------------------------------

    @api.model
    def _get_hold_providers(self) -> list[HoldProvider]:
        """Hook: the providers of holds. Overrides add theirs to the list; on what terms
        a company wants their holds is a ``crm.contact.hold.rule``, which they bring as
        data. What they rest on changes: call ``_queue_refresh`` of whom it is.
        """
        return []

    @api.model
    def _refresh(self, partner_ids=None):
        """Raise and release the holds of all providers: of these customers (commercial
        partners), or of all. One statement a provider.

        :return: the numbers of holds that were raised or renewed, and released
        """
        if partner_ids is not None and not partner_ids:
            return 0, 0
        terms = self.env["crm.contact.hold.rule"]._get_terms()
        raised = released = 0
        self.flush_model()
        for provider in self._get_hold_providers():
            for model, names in provider.depends.items():
                self.env[model].flush_model(names)
            [[up, down]] = self.env.execute_query(
                self._get_refresh_query(
                    provider, terms.get(provider.key, []), partner_ids
                )
            )
            raised += up
            released += down
        self.invalidate_model(flush=False)
        self.env["res.partner"].invalidate_model(["contact_hold_ids"], flush=False)
        return raised, released

    def _get_refresh_query(self, provider, terms, partner_ids):
        """Raise, renew and release in one statement: the two parts touch no row both,
        since one is of whom ``found`` has and the other of whom it has not.
        """
        some = SQL("TRUE")
        if partner_ids is not None:
            some = SQL("h.partner_id = ANY(%s)", list(partner_ids))
        nobody = SQL(
            "SELECT NULL::integer AS partner_id, NULL::integer AS company_id,"
            " NULL::date AS date_since, NULL::varchar AS res_model,"
            " NULL::integer AS res_id WHERE FALSE"
        )
        return SQL(
            """
            WITH found AS (%(select)s),
            scopes AS (SELECT * FROM %(scopes)s),
            released AS (
                UPDATE crm_contact_hold h
                   SET date_released = %(now)s, write_date = %(now)s
                 WHERE h.provider = %(key)s AND h.date_released IS NULL AND %(some)s
                   AND NOT EXISTS (
                       SELECT FROM found f
                        WHERE f.partner_id = h.partner_id
                          AND f.company_id = h.company_id)
             RETURNING h.id
            ), raised AS (
                INSERT INTO crm_contact_hold AS h (
                    partner_id, company_id, provider, scope, date_since, res_model,
                    res_id, create_date, write_date, create_uid, write_uid
                )
                SELECT f.partner_id, f.company_id, %(key)s, s.scope, f.date_since,
                       f.res_model, f.res_id, %(now)s, %(now)s, %(uid)s, %(uid)s
                  FROM found f
                  JOIN scopes s ON s.company_id = f.company_id
           ON CONFLICT (partner_id, company_id, provider)
                 WHERE date_released IS NULL AND provider <> 'manual'
             DO UPDATE SET scope = EXCLUDED.scope, date_since = EXCLUDED.date_since,
                           res_model = EXCLUDED.res_model, res_id = EXCLUDED.res_id,
                           write_date = EXCLUDED.write_date
                 WHERE (h.scope, h.date_since, h.res_model, h.res_id)
                       IS DISTINCT FROM
                       (EXCLUDED.scope, EXCLUDED.date_since, EXCLUDED.res_model,
                        EXCLUDED.res_id)
             RETURNING h.id
            )
            SELECT (SELECT count(*) FROM raised), (SELECT count(*) FROM released)
            """,
            select=provider.select(terms, partner_ids) if terms else nobody,
            scopes=SQL(
                "(VALUES %s) s (company_id, scope)",
                SQL(", ").join(
                    SQL("(%s::integer, %s::varchar)", one.company_id, one.scope)
                    for one in terms
                ),
            )
            if terms
            else SQL("(VALUES (NULL::integer, NULL::varchar)) s (company_id, scope)"),
            some=some,
            key=provider.key,
            now=self.env.cr.now(),
            uid=self.env.uid,
        )

    @api.model
    def _queue_refresh(self, partners):
        """Look at the customers behind these contacts when the transaction commits."""
        partner_ids = set(partners.commercial_partner_id.ids)
        if not partner_ids:
            return
        precommit = self.env.cr.precommit
        if QUEUE_KEY not in precommit.data:
            precommit.data[QUEUE_KEY] = set()
            # sudo: holds of providers are the system's, whoever posts an invoice
            precommit.add(self.sudo().browse()._refresh_queued)
        precommit.data[QUEUE_KEY].update(partner_ids)

    @api.model
    def _refresh_queued(self):
        partner_ids = self.env.cr.precommit.data.pop(QUEUE_KEY, set())
        partner_ids = self.env["res.partner"].browse(partner_ids).exists().ids
        if len(partner_ids) > AT_ONCE_LIMIT:
            self._trigger_refresh()
        else:
            self._refresh(partner_ids)

    @api.model
    def _trigger_refresh(self, at=None):
        cron = self.env.ref("crm_plus.ir_cron_refresh_holds", raise_if_not_found=False)
        if cron:
            cron._trigger(at)

    @api.model
    def _cron_refresh(self):
        """Days go by, and invoices become overdue by themselves."""
        # somebody may raise or release one of these holds meanwhile
        if not succeeds(self.env, self._refresh):
            self._trigger_refresh(rested())

    @api.model
    def _move_partners(self, source_ids, partner_id):
        """Of two contacts that are merged, each may be held by the same provider: one
        such hold goes on, the other ones are history.
        """
        self.flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_contact_hold h
                   SET date_released = %(now)s
                  FROM (
                    SELECT id, row_number() OVER (
                               PARTITION BY company_id, provider
                               ORDER BY partner_id = %(kept)s DESC, date_since, id)
                           AS place
                      FROM crm_contact_hold
                     WHERE date_released IS NULL AND provider <> 'manual'
                       AND (partner_id = ANY(%(sources)s) OR partner_id = %(kept)s)
                  ) k
                 WHERE k.id = h.id AND k.place > 1
             RETURNING h.id
                """,
                now=self.env.cr.now(),
                sources=list(source_ids),
                kept=partner_id,
            )
        )
        self.invalidate_model(flush=False)

    @api.autovacuum
    def _gc_released(self):
        """Drop holds released longer ago than the retention setting (0 keeps all)."""
        # a number that the engine needs, whoever triggers it
        days = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_plus.contact_hold_retention_days", 0)
        )
        if days <= 0:
            return None
        limit = fields.Datetime.subtract(fields.Datetime.now(), days=days)
        # nobody may delete a hold but this
        old = self.sudo().search(
            [("date_released", "<", limit)], limit=GC_BATCH_SIZE, order="id"
        )
        count = len(old)
        old.unlink()
        return count, int(count == GC_BATCH_SIZE)
