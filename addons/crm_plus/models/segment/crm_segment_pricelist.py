import logging
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

# So many customers are written on by one call of the ORM, and committed together.
BATCH_SIZE = 1000
# Where Odoo keeps a pricelist that was chosen for the customer.
PRICELIST_FIELD = "specific_property_product_pricelist"


class CrmSegmentPricelist(models.Model):
    """A pricelist that a customer has because of a segment, or has not and why.

    The rule: a member's company gets the pricelist of the segment unless it has one of
    its own. What a person chose by hand is never touched, neither before nor after; so
    is what another segment gave. Whoever leaves gets back what was there before.
    """

    _name = "crm.segment.pricelist"
    _description = "Pricelist Given by a Segment"
    _order = "id desc"
    _rec_name = "partner_id"

    segment_id = fields.Many2one(
        "crm.segment", readonly=True, index="btree_not_null", ondelete="set null"
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    pricelist_id = fields.Many2one(
        "product.pricelist", readonly=True, ondelete="set null"
    )
    state = fields.Selection(
        [
            ("given", "Given"),
            ("kept", "Own Pricelist Kept"),
            ("done", "Taken Back"),
            ("changed", "Changed by Hand"),
        ],
        required=True,
        readonly=True,
    )
    is_open = fields.Boolean(
        string="Member", readonly=True, help="The customer is still in the segment."
    )
    date_end = fields.Datetime(string="Ended", readonly=True)
    create_date = fields.Datetime(string="Since", readonly=True)

    _open_uniq = models.UniqueIndex(
        "(segment_id, partner_id, company_id) WHERE is_open",
        "A customer has the pricelist of a segment once.",
    )

    # ------------------------------------------------------------
    # Rule
    # ------------------------------------------------------------

    @api.model
    def _apply(self, segment, company):
        """Take back and give what ``segment`` asks for in ``company``, of one batch of
        customers; return of how many. Of no segment: of those that were deleted.
        """
        self._flush_origins()
        rows = self._get_due(segment, company)
        ended, giving, keeping, changed, emptied = [], [], [], [], []
        for row in rows:
            if not row["is_wanted"]:
                # no member any more; or given something else, which comes next
                ended.append(row)
            elif not row["row_id"]:
                (keeping if row["current_id"] else giving).append(row["partner_id"])
            elif row["state"] == "given":
                changed.append(row["row_id"])
            else:
                # their own pricelist was taken away
                emptied.append(row)
        self._take_back(ended, company)
        self.browse(changed).write({"state": "changed"})
        self._log(segment, company, keeping, "kept")
        self._set_pricelist(
            giving + [row["partner_id"] for row in emptied],
            company,
            segment.pricelist_id.id,
        )
        self._log(segment, company, giving, "given")
        self.browse(row["row_id"] for row in emptied).write(
            {"state": "given", "pricelist_id": segment.pricelist_id.id}
        )
        return len(rows)

    def _flush_origins(self):
        self.flush_model()
        self.env["crm.segment.member"].flush_model()
        self.env["res.partner"].flush_model(["commercial_partner_id", PRICELIST_FIELD])

    def _get_due(self, segment, company):
        """Return what is wanted and what is there, of a batch of the customers for whom
        that differs: members of the segment, and those with an open row of it.
        """
        return self.env.execute_query_dict(
            SQL(
                """
                WITH member AS MATERIALIZED (
                    SELECT DISTINCT p.commercial_partner_id AS id
                      FROM crm_segment_member m
                      JOIN res_partner p ON p.id = m.partner_id
                     WHERE m.segment_id = %(segment)s AND m.date_left IS NULL
                       AND m.res_model = 'res.partner' AND %(gives)s
                ), open AS MATERIALIZED (
                    SELECT id, partner_id, pricelist_id, state
                      FROM crm_segment_pricelist
                     WHERE segment_id %(of_segment)s
                       AND company_id = %(company)s AND is_open
                ), found AS (
                    SELECT p.id AS partner_id, o.id AS row_id, o.state,
                           o.pricelist_id AS given_id,
                           (p.specific_property_product_pricelist
                                ->> %(company)s::text)::int AS current_id,
                           member.id IS NOT NULL
                               AND (o.id IS NULL OR o.state <> 'given'
                                    OR o.pricelist_id = %(pricelist)s) AS is_wanted
                      FROM member
                 FULL JOIN open o ON o.partner_id = member.id
                      JOIN res_partner p ON p.id = COALESCE(member.id, o.partner_id)
                )
                SELECT * FROM found
                 WHERE is_wanted IS NOT TRUE OR row_id IS NULL
                    OR state = 'given' AND current_id IS DISTINCT FROM given_id
                    OR state = 'kept' AND current_id IS NULL
                 ORDER BY partner_id
                 LIMIT %(limit)s
                """,
                segment=segment.id or None,
                of_segment=SQL("= %s", segment.id) if segment else SQL("IS NULL"),
                company=company.id,
                pricelist=segment.pricelist_id.id or None,
                gives=SQL("TRUE") if segment._gives_pricelist() else SQL("FALSE"),
                limit=BATCH_SIZE,
            )
        )

    def _take_back(self, rows, company):
        """Give back what customers had before: nothing, since only those without a
        pricelist of their own are given one.
        """
        ours, others = [], []
        for row in rows:
            is_ours = row["state"] == "given" and row["current_id"] == row["given_id"]
            (ours if is_ours else others).append(row)
        now = fields.Datetime.now()
        for start in range(0, len(ours), BATCH_SIZE):
            batch = ours[start : start + BATCH_SIZE]
            self._set_pricelist([row["partner_id"] for row in batch], company, False)
            self.browse(row["row_id"] for row in batch).write(
                {"state": "done", "is_open": False, "date_end": now}
            )
        self.browse(row["row_id"] for row in others if row["state"] == "given").write(
            {"state": "changed"}
        )
        self.browse(row["row_id"] for row in others).write(
            {"is_open": False, "date_end": now}
        )
        return len(ours)

    def _set_pricelist(self, partner_ids, company, pricelist_id):
        # the ORM hands it on to the people of a company
        self.env["res.partner"].with_company(company).with_context(
            active_test=False, tracking_disable=True
        ).browse(partner_ids).write({PRICELIST_FIELD: pricelist_id})

    def _log(self, segment, company, partner_ids, state):
        self.create(
            [
                {
                    "segment_id": segment.id,
                    "partner_id": partner_id,
                    "company_id": company.id,
                    "pricelist_id": segment.pricelist_id.id,
                    "state": state,
                    "is_open": True,
                }
                for partner_id in partner_ids
            ]
        )

    @api.model
    def _take_back_all(self):
        """For whoever uninstalls."""
        self._flush_origins()
        for company in self.search([("is_open", "=", True)]).company_id:
            self._take_back(
                self.env.execute_query_dict(
                    SQL(
                        """
                        SELECT p.id AS partner_id, o.id AS row_id, o.state,
                               o.pricelist_id AS given_id,
                               (p.specific_property_product_pricelist
                                    ->> o.company_id::text)::int AS current_id
                          FROM crm_segment_pricelist o
                          JOIN res_partner p ON p.id = o.partner_id
                         WHERE o.is_open AND o.company_id = %s
                        """,
                        company.id,
                    )
                ),
                company,
            )


class CrmSegment(models.Model):
    _inherit = "crm.segment"

    pricelist_id = fields.Many2one(
        "product.pricelist",
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="Customers in this segment get it, unless they have one of their own. "
        "Whoever leaves the segment loses it again. Segments of contacts only.",
    )
    pricelist_count = fields.Integer(
        string="Pricelists Given", compute="_compute_pricelist_count"
    )

    def _compute_pricelist_count(self):
        counts = dict(
            self.env["crm.segment.pricelist"]._read_group(
                [("segment_id", "in", self.ids), ("is_open", "=", True)],
                ["segment_id"],
                ["__count"],
            )
        )
        for segment in self:
            segment.pricelist_count = counts.get(segment._origin, 0)

    @api.constrains("pricelist_id", "target")
    def _check_pricelist(self):
        for segment in self:
            if segment.pricelist_id and segment.target != "res.partner":
                raise ValidationError(
                    self.env._("Only segments of contacts give a pricelist.")
                )

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"pricelist_id", "active"}:
            self._trigger_pricelists()
        return result

    def unlink(self):
        """Whoever has a pricelist by the segment loses it, by the scheduler."""
        # sudo: what the system gave, it takes back
        is_given = (
            self.env["crm.segment.pricelist"]
            .sudo()
            .search_count([("segment_id", "in", self.ids), ("is_open", "=", True)], 1)
        )
        result = super().unlink()
        if is_given:
            self._trigger_pricelists()
        return result

    def _gives_pricelist(self):
        return bool(self.active and self.pricelist_id)

    def _get_pricelist_companies(self):
        """``{segment: companies}`` in which it gives a pricelist, or gave one."""
        given = dict(
            self.env["crm.segment.pricelist"]._read_group(
                [("segment_id", "in", self.ids), ("is_open", "=", True)],
                ["segment_id"],
                ["company_id:recordset"],
            )
        )
        result = {}
        for segment in self:
            companies = given.get(segment, self.env["res.company"])
            if segment._gives_pricelist():
                companies |= (
                    segment.company_id
                    or segment.pricelist_id.company_id
                    or segment.user_id.company_ids
                )
            result[segment] = companies
        return result

    @api.model
    def _on_members_changed(self, segment, joined_member_ids, left_member_ids):
        super()._on_members_changed(segment, joined_member_ids, left_member_ids)
        if segment.sudo().pricelist_id:  # whoever lets somebody join
            self._trigger_pricelists()

    @api.model
    def _trigger_pricelists(self):
        cron = self.env.ref(
            "crm_plus.ir_cron_segment_pricelists", raise_if_not_found=False
        )
        if cron:
            cron._trigger()

    @api.model
    def _get_pricelist_work(self):
        """``[(segment, company)]`` to look at; no segment: those that were deleted."""
        Given = self.env["crm.segment.pricelist"]
        is_open = Domain("is_open", "=", True)
        segments = self.with_context(active_test=False).search(
            Domain("pricelist_id", "!=", False)
            | Domain("id", "in", Given._search(is_open).subselect("segment_id")),
            order="id",
        )
        deleted = Given._read_group(
            is_open & Domain("segment_id", "=", False), ["company_id"]
        )
        return [(self.browse(), company) for (company,) in deleted] + [
            (segment, company)
            for segment, companies in segments._get_pricelist_companies().items()
            for company in companies
        ]

    @api.model
    def _cron_pricelists(self):
        """Segment by segment and company by company, each batch of customers in its own
        transaction.
        """
        IrCron = self.env["ir.cron"]
        todo = self._get_pricelist_work()
        IrCron._commit_progress(remaining=len(todo))
        for number, (segment, company) in enumerate(todo, 1):
            count = BATCH_SIZE
            while count:
                count = self._try_pricelists(segment, company)
                left = len(todo) - number + bool(count)
                if not IrCron._commit_progress(1, remaining=left) and left:
                    return

    def _try_pricelists(self, segment, company):
        """Apply one batch; return of how many customers, 0 where it did not work."""
        try:
            return self.env["crm.segment.pricelist"]._apply(segment, company)
        except psycopg2.OperationalError:
            # somebody wrote on the same customers: again in a minute
            self.env.cr.rollback()
            cron = self.env.ref("crm_plus.ir_cron_segment_pricelists")
            cron._trigger(at=fields.Datetime.now() + timedelta(minutes=1))
        except Exception:
            # a customer who may not be written on stops no other segment
            self.env.cr.rollback()
            _logger.warning(
                "crm_plus: pricelists of segment %s not given in company %s",
                segment.id,
                company.id,
                exc_info=True,
            )
        return 0

    def action_view_pricelists(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_segment_pricelist_action"
        )
        action["domain"] = [("segment_id", "=", self.id)]
        action["context"] = {"search_default_open": 1}
        return action
