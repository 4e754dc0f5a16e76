import logging

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import ormcache

from ...tools.user_domain import domain_error, evaluate_domain

_logger = logging.getLogger(__name__)


class CrmSlaPolicy(models.Model):
    """Which promises hold for which records.

    What was agreed for a record itself (by its contract) holds. Else policies of a
    model are tried in order and the first one that matches holds, alone:
    a record whose policy has no target of some kind has no promise of that kind, even
    when a later policy has one. A policy matches when it belongs to the record's
    company (or to none) and the record is in its domain. A record without company takes
    shared policies only, so that no company's promise attaches itself to what is not
    its own.
    """

    _name = "crm.sla.policy"
    _description = "Response Time Policy"
    _inherit = "crm.cached.mixin"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(
        default=10, help="Policies are tried in this order: the first match holds."
    )
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        help="Leave empty for a policy of all companies.",
    )
    # who
    res_model = fields.Selection(
        "_selection_res_model",
        string="Applies to",
        required=True,
        index=True,
        default="crm.lead",
    )
    domain = fields.Char(
        string="Condition",
        default="[]",
        required=True,
        help="Only records that meet this condition. No condition: all of them.\n"
        "Dates that move with time: choose “is in” (the last 30 days …). “today -90d” "
        "works, too, but Odoo's editor shows such a date as “Invalid DateTime”.",
    )
    segment_ids = fields.Many2many(
        "crm.segment",
        string="Segments",
        domain="['|', ('company_id', '=', False), ('company_id', '=', company_id)]"
        " if company_id else []",
        help="Only records that are in one of these segments themselves, or whose "
        "customer or lead is. No segment: all of them.",
    )
    # when
    calendar_id = fields.Many2one(
        "resource.calendar",
        string="Working Hours",
        check_company=True,
        index="btree_not_null",
        help="Time counts only within these hours. Hours of the record's own (of its"
        " team or contract) go first; without any, those of the company are taken."
        " A company without hours is counted round the clock.",
    )
    is_round_the_clock = fields.Boolean(
        string="24/7", help="Count every hour, whatever the calendars say."
    )
    # what
    target_ids = fields.One2many(
        "crm.sla.target", "policy_id", string="Targets", copy=True
    )
    action_ids = fields.One2many(
        "crm.sla.action", "policy_id", string="Further Actions", copy=True
    )
    activity_type_id = fields.Many2one(
        "mail.activity.type",
        default=lambda self: self.env.ref(
            "mail.mail_activity_data_todo", raise_if_not_found=False
        ),
        index="btree_not_null",
        help="Type of the activity that a warning or breach puts on the record.",
    )
    escalation_user_id = fields.Many2one(
        "res.users",
        string="Escalate to",
        domain="[('share', '=', False)]",
        index="btree_not_null",
        help="Gets the alerts of records that nobody is responsible for.",
    )
    clock_count = fields.Integer(
        string="Open Clocks", compute="_compute_clock_count", compute_sudo=True
    )
    has_next_step = fields.Boolean(compute="_compute_has_next_step")

    @api.depends("target_ids.kind")
    def _compute_has_next_step(self):
        for policy in self:
            policy.has_next_step = "next_step" in policy.target_ids.mapped("kind")

    def _compute_clock_count(self):
        counts = dict(
            self.env["crm.sla.clock"]._read_group(
                [("policy_id", "in", self.ids), ("date_stop", "=", False)],
                ["policy_id"],
                ["__count"],
            )
        )
        for policy in self:
            policy.clock_count = counts.get(policy, 0)

    @api.model
    def _selection_res_model(self):
        """The models that keep promises: those with ``crm.sla.mixin``."""
        names = self.env["crm.sla.mixin"]._sla_get_models()
        return [
            (model.model, model.name)
            # names of models are shown to whoever sees a policy
            for model in self.env["ir.model"].sudo().search([("model", "in", names)])
        ]

    @api.constrains("domain", "res_model")
    def _check_domain(self):
        """Conditions work, under the rights of who writes them: records are matched in
        sudo, and what matches is shown.
        """
        for policy in self:
            # policies of all records are made by who may see none of them, too
            Model = self.env[policy.res_model].with_user(self.env.user)
            if error := domain_error(Model, policy.domain):
                raise ValidationError(
                    self.env._(
                        "The condition of “%(policy)s” cannot be used: %(error)s",
                        policy=policy.name,
                        error=error,
                    )
                ) from error

    @api.constrains("segment_ids", "res_model", "company_id")
    def _check_segments(self):
        for policy in self:
            for segment in policy.segment_ids:
                if not self._get_segment_paths(policy.res_model, segment.target):
                    raise ValidationError(
                        self.env._(
                            "“%(segment)s” says nothing of what “%(policy)s” is for.",
                            segment=segment.name,
                            policy=policy.name,
                        )
                    )
                if (
                    policy.company_id
                    and segment.company_id
                    and policy.company_id != segment.company_id
                ):
                    raise ValidationError(
                        self.env._(
                            "“%(segment)s” is of another company than “%(policy)s”.",
                            segment=segment.name,
                            policy=policy.name,
                        )
                    )

    def unlink(self):
        # Targets first: in a restored database PostgreSQL deletes them before it lets
        # go of the clocks, and refuses.
        self.target_ids.unlink()
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_promised(self):
        # a promise that runs must stay explicable, whoever may see the record
        if (
            self.env["crm.sla.clock"]
            .sudo()
            .search_count(
                [("policy_id", "in", self.ids), ("date_stop", "=", False)],
                limit=1,
            )
        ):
            raise UserError(
                self.env._(
                    "Clocks still run on this policy. Archive it: they keep their due"
                    " date, and new records no longer take it."
                )
            )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_view_clocks(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "crm_plus.crm_sla_clock_action"
        )
        action["domain"] = [("policy_id", "=", self.id)]
        action["context"] = {"search_default_open": 1}
        return action

    def action_replan(self):
        """Judge all open clocks of these models again by the policies as they are now.

        A policy that is changed holds for new records only, until one says so here:
        promises that were given do not move by themselves. Done by the scheduler.
        """
        self.check_access("write")
        clocks = self.env["crm.sla.clock"].sudo()  # by rule of the policies' manager
        clocks._mark_for_replan(
            Domain("res_model", "in", self.mapped("res_model"))
            & Domain("company_id", "in", [*self.env.companies.ids, False]),
            "policy",
        )
        # promises hold for the records of all people of these companies
        for name in set(self.mapped("res_model")):
            self.env[name].sudo()._sla_start_missing(self.env.companies)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "info",
                "message": self.env._("Open clocks are being planned again."),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # ------------------------------------------------------------
    # Matching
    # ------------------------------------------------------------

    def _get_domain(self):
        self.ensure_one()
        return evaluate_domain(self.env, self.domain)

    @api.model
    def _get_segment_paths(self, res_model, target):
        """Return how the records of ``res_model`` name members of a segment of
        ``target``: paths to ids; none when they do not.
        """
        Model = self.env[res_model]
        paths = ["id"] if res_model == target else []
        paths += [
            name
            for name in ("partner_id", "lead_id", "opportunity_id")
            if name in Model._fields and Model._fields[name].comodel_name == target
        ]
        # a company in a segment stands for its people
        if target == "res.partner" and "partner_id" in paths:
            paths.append("partner_id.commercial_partner_id")
        return paths

    def _get_segment_domain(self):
        """Domain of the records that the segments are about."""
        self.ensure_one()
        return Domain.OR(
            Domain(path, "in", segments._get_current_members())
            for target, segments in self.segment_ids.grouped("target").items()
            for path in self._get_segment_paths(self.res_model, target)
        )

    @api.model
    @ormcache("res_model")
    def _get_ids_with_segments(self, res_model):
        """Which policies ask for segments: most do not, and none shall pay for it."""
        # ids, the same for whoever makes a record
        policies = self.sudo().search([("res_model", "=", res_model)])
        return frozenset(policies.filtered("segment_ids").ids)

    @api.model
    @ormcache("res_model")
    def _get_watched_fields(self, res_model):
        """Fields of ``res_model`` that the conditions of its policies look at."""
        watched = set()
        # names of fields, the same for whoever writes on a record
        for policy in self.sudo().search([("res_model", "=", res_model)]):
            for target in set(policy.segment_ids.mapped("target")):
                watched.update(
                    path.partition(".")[0]
                    for path in self._get_segment_paths(res_model, target)
                )
            try:
                conditions = policy._get_domain().iter_conditions()
                watched.update(c.field_expr.partition(".")[0] for c in conditions)
            except Exception:  # noqa: BLE001 whatever a user may have written
                continue  # _match logs it
        return frozenset(watched)

    @api.model
    @ormcache("res_model", "kind")
    def _promises(self, res_model, kind):
        """Whether any policy promises that to anybody: else nothing need be measured
        that costs something with each message.
        """
        domain = Domain("kind", "=", kind) & Domain("policy_id.active", "=", True)
        return bool(
            self.env["crm.sla.target"]
            .sudo()  # whoever's message it is
            .search_count(
                domain & Domain("policy_id.res_model", "=", res_model), limit=1
            )
        )

    @api.model
    def _match(self, records):
        """``{record id: policy}``; one search per policy, whatever number of records.

        Which promise holds for a record must not depend on who creates it (a seller,
        the mail gateway, a customer on the portal): the conditions are asked in sudo,
        within the company of the record. They were checked under the rights of who
        wrote them.
        """
        # as said above
        policies_sudo = (
            self.sudo()
            .with_context(active_test=True)
            .search([("res_model", "=", records._name)])
        )
        # what was made in this very transaction is in no segment yet
        with_segments = self._get_ids_with_segments(records._name)
        own_segments = policies_sudo.filtered(
            lambda policy: policy.id in with_segments
        ).segment_ids.filtered(
            lambda segment: segment.active and segment.target == records._name
        )
        if own_segments:
            own_segments._refresh_records(records._name, records.ids, own_segments)
        matched = {}
        # a portal user's own request may have a company they cannot read
        companies = {
            record.id: record._sla_get_company().id for record in records.sudo()
        }
        for record in records.sudo():
            agreed_sudo = record._sla_get_policy()
            if agreed_sudo in policies_sudo and agreed_sudo.company_id.id in (
                False,
                companies[record.id],
            ):
                matched[record.id] = agreed_sudo
        for policy in policies_sudo:
            ids = {
                record_id
                for record_id, company_id in companies.items()
                if record_id not in matched
                and policy.company_id.id in (False, company_id)
            }
            if not ids:
                continue
            for record_id in policy._filter_ids(ids):
                matched[record_id] = policy
        return matched

    def _filter_ids(self, ids):
        """Those of ``ids`` that meet the condition; none when it no longer works."""
        self.ensure_one()
        try:
            domain = self._get_domain()
            if self.id in self._get_ids_with_segments(self.res_model):
                domain &= self._get_segment_domain()
            if domain.is_true():
                return ids
            # a flushing savepoint would run what waits for the commit: scores and
            # segments of a record that is still being made, and once more at its end
            self.env.flush_all()
            # a field that was removed since must not stop mail from coming in
            with self.env.cr.savepoint(flush=False):
                return (
                    self.env[self.res_model]
                    .with_context(active_test=False)
                    .search(domain & Domain("id", "in", list(ids)))
                    .ids
                )
        except Exception:
            _logger.exception("Condition of response time policy %s fails", self.id)
            return ()
