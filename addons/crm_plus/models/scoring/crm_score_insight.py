from odoo import api, models

from ...tools.score_insight import FEW, SAMPLE_SIZE, RuleInsight, ScopeError

# Records that a click on a figure opens at most: their ids travel in the action.
OPEN_LIMIT = 5000


class CrmScoreModel(models.Model):
    """What the rules of a scoring model find today, for who writes them."""

    _inherit = "crm.score.model"

    @api.model
    def _get_insight(self, scope):
        self.check_access("read")
        return RuleInsight(
            self.env,
            self.new({"target": scope.get("target")}).target_model,
            company=self.env["res.company"].browse(scope.get("company_id") or []),
            teams=self.env["crm.team"].browse(scope.get("team_ids") or []),
            domain=scope.get("domain"),
            is_rolled_up=scope.get("is_rolled_up", True),
            is_lead_counted=scope.get("is_lead_counted", True),
        )

    @api.model
    def get_rule_figures(self, scope, rules):
        """Measure rules, saved or not, on the records that the user may see.

        :param scope: what a scoring model, saved or not, says of its records: target,
            company_id, team_ids, domain, is_rolled_up, is_lead_counted
        :param rules: dictionaries with dimension, domain, kind_id, touchpoint_domain
            and points
        :return: totals, the figures of each rule in the same order (an ``error``
            instead when its condition does not work), and the limits to be said
        """
        insight = self._get_insight(scope)
        try:
            totals, lines = insight.measure(rules)
        except ScopeError as error:
            return {"error": str(error)}
        return {
            **totals,
            "few": FEW,
            "sample_size": SAMPLE_SIZE,
            "rules": [
                {"error": insight.errors[number]} if line is None else line
                for number, line in enumerate(lines)
            ],
        }

    @api.model
    def action_view_rule_records(self, scope, rule):
        """Open the records behind the figure of a rule, saved or not."""
        insight = self._get_insight(scope)
        found_ids = insight.matching_ids(rule, OPEN_LIMIT)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Matches: %s", rule.get("name") or ""),
            "res_model": insight.Target._name,
            "views": [[False, "list"], [False, "form"]],
            "domain": [("id", "in", found_ids)],
            "context": {"active_test": False, "create": False},
        }
