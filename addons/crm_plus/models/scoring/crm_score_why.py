from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...tools.user_domain import evaluate_domain


class CrmScoreMixin(models.AbstractModel):
    """Why a record has its score, down to the touchpoints, and how long it will."""

    _inherit = "crm.score.mixin"

    def _score_explain(self, *args, **kwargs):
        lines = super()._score_explain(*args, **kwargs)
        # sudo: sellers see the rules that score their leads
        Rule = self.env["crm.score.rule"].sudo()
        now = fields.Datetime.now()
        for line in lines:
            line.update(date_next=False, fading=False, points_next=0)
            if line["is_elsewhere"]:
                # when they fade tells when they were
                continue
            if line["touchpoints"] and line["points_before_cap"]:
                rule = Rule.browse(line["rule_id"])
                line.update(self._score_fading(rule, line, now))
        return lines

    @api.model
    def _score_fading(self, rule, line, now):
        """Return when what the rule gives is worth half, or nothing, if nothing new
        happens.
        """
        if rule.half_life_days:
            # each touchpoint halves in that time from any moment on: so does the sum
            half = line["points_before_cap"] / 2
            if rule.max_points:
                half = max(-rule.max_points, min(rule.max_points, half))
            return {
                "points_next": half,
                "fading": "half",
                "date_next": now + timedelta(days=rule.half_life_days),
            }
        days = rule.linear_days
        if days and line["date_last"]:
            return {
                "fading": "gone",
                "date_next": line["date_last"] + timedelta(days=days),
            }
        return {}

    def get_score_explanation(self):
        explanation = super().get_score_explanation()
        for line in explanation["lines"]:
            line["date_next"] = fields.Datetime.to_string(line["date_next"]) or False
        explanation["profile"] = self._score_profile(explanation["lines"])
        return explanation

    def _score_profile(self, lines):
        """Return how much of the ideal profile the record has (K09).

        Traits are the fit rules that give points, their points the weights. One that
        does not match as nothing is known of it, all fields that its condition names
        being empty, drops out of both sums.

        :return: ``percent`` (False of nothing), ``known`` and ``of``: numbers of traits
        """
        self.ensure_one()
        # sudo: sellers see the rules that score their leads
        Rule = self.env["crm.score.rule"].sudo()
        now = fields.Datetime.now()
        matched = known = count = all_count = 0
        for line in lines:
            rule = (
                Rule.browse(line["rule_id"]).exists() if line["rule_id"] > 0 else Rule
            )
            if (
                not rule
                or rule.dimension != "fit"
                or rule.points <= 0
                or not rule._is_valid_at(now)
            ):
                continue
            all_count += 1
            if line["is_matched"] or self._knows_score_trait(rule):
                count += 1
                known += rule.points
                matched += rule.points if line["is_matched"] else 0
        return {
            "percent": round(100 * matched / known, 1) if known else False,
            "known": count,
            "of": all_count,
        }

    def _knows_score_trait(self, rule):
        """Whether one of the fields that the rule's condition names is filled in."""
        # sudo: as the engine reads
        record = self.sudo()
        for condition in evaluate_domain(self.env, rule.domain).iter_conditions():
            name, _dot, rest = condition.field_expr.partition(".")
            value = record[name] if name in record._fields else False
            if value and record._fields[name].type == "properties":
                value = value.get(rest)
            if value:
                return True
        return False

    def action_view_score_touchpoints(self, rule_id):
        """Open the touchpoints that a rule counts for this record."""
        self.ensure_one()
        self._check_score_access()
        # sudo: sellers see the rules that score their leads
        rule = self.env["crm.score.rule"].sudo().browse(rule_id).exists()
        if rule.dimension != "engagement" or rule.target_model != self._name:
            raise UserError(self.env._("This rule counts no touchpoints."))
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_touchpoint_action"
        )
        return {
            **action,
            "name": rule.name,
            "views": [(False, "list"), (False, "form")],
            "domain": [("id", "in", self._get_told_touchpoints(rule).ids)],
            "context": {},
        }

    def _get_told_touchpoints(self, rule):
        """Of those that count, those of the companies that the reader has open: already
        the number of the others is theirs.
        """
        touchpoints = self._get_counted_touchpoints(rule)
        if self.env.su:
            return touchpoints
        return touchpoints.filtered(
            lambda row: not row.company_id or row.company_id in self.env.companies
        )

    def _get_counted_touchpoints(self, rule):
        """Return those that the scoring engine counts, whoever may see them."""
        self.ensure_one()
        # sudo: as the engine reads; the list that shows them applies rights
        Touchpoint = self.env["crm.touchpoint"].sudo()
        # sudo: its contact and company are read as the engine does
        record_sudo = self.sudo()
        domain = (
            Domain("kind_id", "=", rule.kind_id.id)
            & Domain("date", "<=", fields.Datetime.now())
            & Domain("is_machine", "!=", True)
            & record_sudo._get_score_touchpoint_domain(rule.model_id)
        )
        if rule.model_id.company_id:
            domain &= Domain("company_id", "in", [rule.model_id.company_id.id, False])
        if rule.has_touchpoint_domain:
            domain &= evaluate_domain(Touchpoint.env, rule.touchpoint_domain)
        return Touchpoint.with_context(active_test=False).search(
            domain, order="date DESC, id DESC", limit=rule.max_times or None
        )

    def _get_score_touchpoint_domain(self, model):
        """Return whose touchpoints count for this record: see ``ScoringEngine``."""
        self.ensure_one()
        if self._name == "crm.lead":
            of_contact = Domain("lead_id", "=", False) & Domain(
                "partner_id", "=", self.partner_id.id
            )
            if self.company_id:
                of_contact &= Domain("company_id", "in", [self.company_id.id, False])
            domain = Domain("lead_id", "=", self.id)
            return domain | of_contact if self.partner_id else domain
        domain = Domain("partner_id", "=", self.id)
        if model.is_rolled_up:
            domain |= Domain("commercial_partner_id", "=", self.id)
        if not model.is_lead_counted:
            domain &= Domain("lead_id", "=", False)
        return domain
