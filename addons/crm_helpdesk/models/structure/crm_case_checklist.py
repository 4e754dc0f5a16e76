from odoo import api, fields, models
from odoo.tools import ormcache


class CrmCaseChecklist(models.Model):
    """What is to be done for cases of a sort, so that nothing is forgotten.

    A case gets the points of a checklist when it gets the category or the type that the
    checklist is for; one for no category and no type is added by hand.
    """

    _name = "crm.case.checklist"
    _description = "Case Checklist"
    _inherit = "crm.cached.mixin"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company", index="btree_not_null", help="Empty: for all companies."
    )
    team_ids = fields.Many2many(
        "crm.case.team",
        string="Teams",
        domain="[('company_id', '=?', company_id)]",
        help="For cases of these teams only; empty: of all.",
    )
    category_ids = fields.Many2many(
        "crm.case.category",
        string="Categories",
        help="Added to cases of these categories and of their parts.",
    )
    type_ids = fields.Many2many(
        "crm.case.type", string="Types", help="Added to cases of these types."
    )
    is_required = fields.Boolean(
        string="Before Closing",
        help="All points have to be done before the case is solved or closed.",
    )
    line_ids = fields.One2many(
        "crm.case.checklist.line", "checklist_id", string="Points", copy=True
    )

    @api.model
    @ormcache()
    def _get_conditions(self):
        """``((id, company id, team ids, category ids, type ids), …)`` of those that
        cases get by themselves.
        """
        # sudo: the same for everyone, also for customers who open cases
        return tuple(
            (
                checklist.id,
                checklist.company_id.id,
                frozenset(checklist.team_ids.ids),
                frozenset(checklist.category_ids.ids),
                frozenset(checklist.type_ids.ids),
            )
            for checklist in self.sudo().search([])
            if checklist.category_ids or checklist.type_ids
        )

    @api.model
    def _find_for(self, case):
        """Return the checklists that ``case`` gets by what it is."""
        conditions = self._get_conditions()
        if not conditions or not (case.category_id or case.type_id):
            return self
        # the case's category, and what it is a part of
        path = {
            int(part) for part in (case.category_id.parent_path or "").split("/")[:-1]
        }
        return self.browse(
            checklist_id
            for checklist_id, company_id, teams, categories, types in conditions
            if (not company_id or company_id == case.company_id.id)
            and (not teams or case.team_id.id in teams)
            and (not categories or categories & path)
            and (not types or case.type_id.id in types)
        )


class CrmCaseChecklistLine(models.Model):
    _name = "crm.case.checklist.line"
    _description = "Point of a Case Checklist"
    _order = "sequence, id"

    checklist_id = fields.Many2one(
        "crm.case.checklist", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(string="What to Do", required=True, translate=True)
