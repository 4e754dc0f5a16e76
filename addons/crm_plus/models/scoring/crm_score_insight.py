from odoo import api, models

from ...tools.score_insight import FEW, SAMPLE_SIZE, RuleInsight

# Records that a click on a figure opens at most: their ids travel in the action.
OPEN_LIMIT = 5000


class CrmScoreModel(models.Model):
    """What the rules of a scoring model find today, for who writes them."""

    _inherit = "crm.score.model"

    @api.model
    def _get_insight(self, target, company_id=False, team_ids=()):
        self.check_access("read")
        model_name = self.new({"target": target}).target_model
        return RuleInsight(
            self.env,
            model_name,
            company=self.env["res.company"].browse(company_id or []),
            teams=self.env["crm.team"].browse(team_ids),
        )

    @api.model
    def get_rule_figures(self, target, rules, company_id=False, team_ids=()):
        """Measure rules, saved or not, on the records that the user may see.

        :param rules: dictionaries with dimension, domain, kind_id, touchpoint_domain
            and points
        :return: totals, the figures of each rule in the same order (an ``error``
            instead when its condition does not work), and the limits to be said
        """
        insight = self._get_insight(target, company_id, team_ids)
        totals, lines = insight.measure(rules)
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
    def action_view_rule_records(self, target, rule, company_id=False, team_ids=()):
        """Open the records behind the figure of a rule, saved or not."""
        insight = self._get_insight(target, company_id, team_ids)
        found_ids = insight.matching_ids(rule, OPEN_LIMIT)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Matches: %s", rule.get("name") or ""),
            "res_model": insight.Target._name,
            "views": [[False, "list"], [False, "form"]],
            "domain": [("id", "in", found_ids)],
            "context": {"active_test": False, "create": False},
        }
