from odoo import api, fields, models
from odoo.tools import ormcache

CATEGORIES = [
    ("open", "Open"),
    ("waiting_customer", "Waiting for Customer"),
    ("waiting_third", "Waiting for Third Party"),
    ("solved", "Solved"),
    ("closed", "Closed"),
]
WAITING = ("waiting_customer", "waiting_third")
DONE = ("solved", "closed")


class CrmCaseStage(models.Model):
    """A column of the board.

    What a stage *means* is its category; its place among the others is only where
    people like to see it. No rule looks at ``sequence``.
    """

    _name = "crm.case.stage"
    _description = "Case Stage"
    _inherit = "crm.cached.mixin"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10, help="Place on the board, nothing else.")
    category = fields.Selection(
        CATEGORIES,
        required=True,
        default="open",
        help="Open: we work on it, time counts. Waiting: time stands still. Solved and "
        "closed: the promise is kept; an answer of the customer opens the case again.",
    )
    portal_name = fields.Char(
        string="Customer Label",
        translate=True,
        help="What the customer reads on the portal; the stage's name when empty.",
    )
    fold = fields.Boolean(string="Folded on the Board")
    team_ids = fields.Many2many(
        "crm.case.team", string="Teams", help="Leave empty for all teams."
    )
    template_id = fields.Many2one(
        "mail.template",
        string="Mail to the Customer",
        domain="[('model', '=', 'crm.case')]",
        index="btree_not_null",
        help="Sent to the customer when a case enters this stage.",
    )

    @api.model
    @ormcache()
    def _get_stages_in_order(self):
        """Return ``((id, category, ids of its teams), …)`` of the active stages."""
        return tuple(
            (stage.id, stage.category, frozenset(stage.team_ids.ids))
            # sudo: the same for everyone; archived teams are teams, too
            for stage in self.sudo()
            .with_context(active_test=False)
            .search([("active", "=", True)])
        )

    @api.model
    def _find_first(self, teams, category="open"):
        """Return ``{team: its first stage of this category, or none}``."""
        stages = [
            (stage_id, team_ids)
            for stage_id, stage_category, team_ids in self._get_stages_in_order()
            if stage_category == category
        ]
        return {
            team: self.browse(
                next(
                    (
                        stage_id
                        for stage_id, team_ids in stages
                        if not team_ids or team.id in team_ids
                    ),
                    None,
                )
            )
            for team in teams
        }
