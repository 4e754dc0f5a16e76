from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.user_domain import domain_error, evaluate_domain

# So many records of a preview by facts are opened: their ids travel in the action.
PREVIEW_IDS = 5000
# In the context of searches that look at few records: facts look each up by itself.
FEW_KEY = "crm_plus_segment_few"


class CrmSegment(models.Model):
    """Who: a stored, dated set of records that match a domain.

    The rule: a record *joins* when it matches the conditions and has no open member
    row, and *leaves* when it has an open row and no longer matches. Rows are never
    deleted, so the history answers who was in when. The domain is evaluated with the
    rights and in the companies of the responsible person, whoever or whatever triggers
    the refresh.

    Members of other segments may be asked for or kept out (``include_ids``,
    ``exclude_ids``), and single records pinned in or out by hand (``crm.segment.pin``).
    """

    _name = "crm.segment"
    _description = "Segment"
    _order = "name, id"
    _check_company_auto = True

    # identity
    name = fields.Char(required=True)
    active = fields.Boolean(
        default=True,
        help="An archived segment is not refreshed: it keeps the members it has.",
    )
    description = fields.Text(help="Whom it holds and what it is for.")
    # who is in
    target = fields.Selection(
        [("crm.lead", "Leads and Opportunities"), ("res.partner", "Contacts")],
        string="Holds",
        required=True,
        default="crm.lead",
    )
    domain = fields.Char(
        string="Condition",
        required=True,
        default="[]",
        help="Records that match are members. As everywhere in Odoo, archived records "
        "are left out, and with them lost leads, unless the condition names Active.\n"
        "Dates that move with time: choose “is in” (the last 30 days …), or a fact for "
        "other spans. “today -90d” works, too, but Odoo's editor shows such a date as "
        "“Invalid DateTime”.",
    )
    include_mode = fields.Selection(
        [
            ("and", "Only their members"),
            ("or", "Their members, too"),
        ],
        string="Other Segments",
        required=True,
        default="and",
        help="Only their members: who is in one of them and meets the condition.\n"
        "Their members, too: who is in one of them, and who meets the condition; "
        "without any condition, nobody besides.",
    )
    include_ids = fields.Many2many(
        "crm.segment",
        "crm_segment_include_rel",
        "segment_id",
        "included_id",
        string="Included Segments",
        domain="[('target', '=', target), ('id', '!=', id)]",
        check_company=True,
        copy=True,
    )
    exclude_ids = fields.Many2many(
        "crm.segment",
        "crm_segment_exclude_rel",
        "segment_id",
        "excluded_id",
        string="Excluded Segments",
        domain="[('target', '=', target), ('id', '!=', id)]",
        check_company=True,
        copy=True,
        help="Who is in one of these is not a member, whatever else holds.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        required=True,
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        help="The condition is evaluated with the rights of this person.",
    )
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        help="Only records of this company, and of none. Empty: of all companies of "
        "the responsible person.",
    )
    # members
    member_ids = fields.One2many("crm.segment.member", "segment_id", readonly=True)
    member_count = fields.Integer(string="Members", compute="_compute_member_count")
    joined_count = fields.Integer(
        string="Joined in 7 Days", compute="_compute_member_count"
    )
    left_count = fields.Integer(
        string="Left in 7 Days", compute="_compute_member_count"
    )
    # last refresh
    date_refreshed = fields.Datetime(string="Refreshed On", readonly=True, copy=False)
    refresh_seconds = fields.Float(
        string="Refresh Time", readonly=True, copy=False, help="In seconds."
    )
    date_tried = fields.Datetime(readonly=True, copy=False)
    last_error = fields.Text(readonly=True, copy=False)

    # ------------------------------------------------------------
    # Computes and constraints
    # ------------------------------------------------------------

    @api.depends("member_ids.date_left")
    def _compute_member_count(self):
        Member = self.env["crm.segment.member"]
        in_segments = Domain("segment_id", "in", self.ids)

        def count(domain):
            return dict(
                Member._read_group(in_segments & domain, ["segment_id"], ["__count"])
            )

        members = count(Domain("date_left", "=", False))
        joined = count(Domain("date_joined", ">=", "now -7d"))
        left = count(Domain("date_left", ">=", "now -7d"))
        for segment in self:
            segment.member_count = members.get(segment._origin, 0)
            segment.joined_count = joined.get(segment._origin, 0)
            segment.left_count = left.get(segment._origin, 0)

    @api.constrains("include_ids", "exclude_ids", "target")
    def _check_other_segments(self):
        for segment in self:
            others = segment.include_ids | segment.exclude_ids
            if any(other.target != segment.target for other in others):
                raise ValidationError(
                    self.env._(
                        "“%s” and the segments it names hold different things.",
                        segment.name,
                    )
                )
            seen = others
            while others:
                if segment in others:
                    raise ValidationError(
                        self.env._(
                            "“%s” would depend on itself. Take it out of the segments "
                            "that it includes or excludes.",
                            segment.name,
                        )
                    )
                others = (others.include_ids | others.exclude_ids) - seen
                seen |= others

    @api.constrains("domain", "target", "user_id", "company_id")
    def _check_domain(self):
        """The condition works for who writes it and for who it will run as.

        Both, or membership would tell the one what only the other may read. Constraints
        are called as superuser: who writes is told by ``env.uid``.
        """
        by_system = self.env.uid == SUPERUSER_ID
        for segment in self:
            if segment.user_id.id == SUPERUSER_ID and not by_system:
                raise ValidationError(
                    self.env._("A person must be responsible for the segment.")
                )
            if (
                segment.company_id
                and segment.user_id.id != SUPERUSER_ID
                and segment.company_id not in segment.user_id.company_ids
            ):
                raise ValidationError(
                    self.env._(
                        "%(user)s has no access to %(company)s.",
                        user=segment.user_id.name,
                        company=segment.company_id.name,
                    )
                )
            users = segment.user_id if by_system else segment.user_id | self.env.user
            for user in users:
                Target = segment._get_target(user)
                if error := domain_error(Target, segment.domain):
                    raise ValidationError(
                        self.env._(
                            "The condition of segment “%(segment)s” does not work for "
                            "%(user)s: %(error)s",
                            segment=segment.name,
                            user=user.name,
                            error=error,
                        )
                    ) from error

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model
    def _get_definition_fields(self):
        """Fields whose change asks for a full refresh."""
        return {
            "domain",
            "target",
            "user_id",
            "company_id",
            "active",
            "include_mode",
            "include_ids",
            "exclude_ids",
            "fact_ids",
        }

    @api.model_create_multi
    def create(self, vals_list):
        segments = super().create(vals_list)
        self.env.registry.clear_cache()
        self._trigger_refresh(now=True)
        return segments

    def write(self, vals):
        if "target" in vals:
            changed = self.filtered(lambda s: s.target != vals["target"])
            # sudo: members the user may not see count too
            if changed.sudo().member_ids:
                raise UserError(
                    self.env._(
                        "A segment that has had members cannot hold something else. "
                        "Create another one."
                    )
                )
        if vals.keys() & self._get_definition_fields():
            result = super().write(vals)
            self._definition_changed()
            return result
        return super().write(vals)

    def _definition_changed(self):
        """All members are looked at again, by the scheduler."""
        self.date_tried = False
        self.env.registry.clear_cache()
        self._trigger_refresh(now=True)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for segment in self:
            usage = segment._get_usage()
            if usage:
                raise UserError(
                    self.env._(
                        "Segment “%(segment)s” is used by %(usage)s. "
                        "Archive it instead.",
                        segment=segment.name,
                        usage=usage,
                    )
                )

    def _get_usage(self):
        """Hook: what uses this segment, as texts; then it cannot be deleted."""
        self.ensure_one()
        # sudo: segments that the user does not see use it too
        users = (
            self.sudo()
            .with_context(active_test=False)
            .search(
                [
                    "|",
                    ("include_ids", "in", self.ids),
                    ("exclude_ids", "in", self.ids),
                ],
                limit=5,
            )
        )
        return [self.env._("segment “%s”", segment.name) for segment in users]

    # ------------------------------------------------------------
    # Who matches
    # ------------------------------------------------------------

    def _get_target(self, user=None):
        """Return the target model as ``user`` (the responsible), in the segment's
        companies.
        """
        self.ensure_one()
        user = user or self.user_id
        # The companies of the segment, not those the present user has switched on.
        companies = self.company_id or user.company_id | user.company_ids
        return (
            self.env[self.target]
            .with_user(user)
            .with_context(
                allowed_company_ids=companies.ids,
                tz=user.tz,
                lang=user.lang,
                active_test=True,
            )
        )

    def _get_member_domain(self, Target=None):
        """Hook: the domain of who is in, to evaluate on ``Target``, by default that of
        the responsible.
        """
        self.ensure_one()
        Target = self._get_target() if Target is None else Target
        domain = evaluate_domain(Target.env, self.domain)
        for fact in self.fact_ids:
            domain &= fact._get_domain(Target)
        if self.include_ids:
            members = Domain("segment_ids", "in", self.include_ids.ids)
            # what is not asked for is no condition that everybody meets
            is_too = self.include_mode == "or" and not domain.is_true()
            domain = domain | members if is_too else domain & members
        if self.exclude_ids:
            domain &= Domain("segment_ids", "not in", self.exclude_ids.ids)
        if self.company_id and "company_id" in Target._fields:
            domain &= Domain("company_id", "in", [self.company_id.id, False])
        return domain

    def _get_member_query(self, res_ids=None):
        """Return the query of the records that match, or of those of ``res_ids`` that
        do.
        """
        Target = self._get_target()
        if res_ids is not None:
            Target = Target.with_context(**{FEW_KEY: True})
        domain = self._get_member_domain(Target)
        if res_ids is not None:
            domain &= Domain("id", "in", list(res_ids))
        return Target._search(domain)

    @api.model
    def _get_record_fields(self):
        """Hook: by target, the field of members and pins that names the record."""
        return {"crm.lead": "lead_id", "res.partner": "partner_id"}

    def _get_current_members(self):
        """Return the SELECT of the ids of the present members, for ``in``."""
        self.env["crm.segment.member"].flush_model()
        return SQL(
            """(SELECT res_id FROM crm_segment_member
                 WHERE segment_id = ANY(%s) AND date_left IS NULL)""",
            self.ids,
        )

    def _get_member_columns(self, alias):
        """Hook: SQL of the columns of members and pins that tell who a target record
        is: lead, partner, company.
        """
        self.ensure_one()
        nothing = SQL("NULL::integer")
        fields_of_target = self.env[self.target]._fields

        def column(name):
            field = fields_of_target.get(name)
            stored = field is not None and field.store
            return SQL.identifier(alias, name) if stored else nothing

        return {
            "lead_id": column("id") if self.target == "crm.lead" else nothing,
            "partner_id": column(
                "id" if self.target == "res.partner" else "partner_id"
            ),
            "company_id": column("company_id"),
        }

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_refresh(self):
        self.check_access("write")
        changes = self._refresh()
        if not changes:
            message = self.env._("It is being refreshed already.")
        else:
            message = self.env._(
                "%(joined)s joined, %(left)s left",
                joined=sum(len(joined) for joined, _left in changes.values()),
                left=sum(len(left) for _joined, left in changes.values()),
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if changes else "warning",
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_preview(self):
        """Open who matches now, without making anyone a member; with the rights of who
        asks, whom the number would tell else what others may read.
        """
        self.ensure_one()
        Target = self._get_target(self.env.user)
        domain = self._get_member_domain(Target)
        ids = Target._search(domain).get_result_ids()
        if self.fact_ids:
            # what facts ask for is SQL, which does not travel to the client
            domain = Domain("id", "in", list(ids[:PREVIEW_IDS]))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._(
                "%(segment)s: %(count)s match now",
                segment=self.name,
                count=len(ids),
            ),
            "res_model": self.target,
            "view_mode": "list,form",
            "domain": list(domain),
            "context": {"create": False},
        }

    def action_view_members(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_segment_member_action"
        )
        action["name"] = self.env._("Members of %s", self.name)
        action["domain"] = [("segment_id", "=", self.id)]
        action["context"] = {"search_default_current": 1}
        return action
