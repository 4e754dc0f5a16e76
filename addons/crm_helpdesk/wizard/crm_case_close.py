from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.mail import is_html_empty

from ..models.case.crm_case_stage import DONE


class CrmCaseClose(models.TransientModel):
    """Solve one case or many, with an answer to the customers, and say what becomes of
    what hangs on them."""

    _name = "crm.case.close"
    _description = "Solve Cases"

    case_ids = fields.Many2many(
        "crm.case", string="Cases", default=lambda self: self._default_case_ids()
    )
    case_count = fields.Integer(compute="_compute_counts")
    part_count = fields.Integer(compute="_compute_counts")
    incident_count = fields.Integer(compute="_compute_counts")
    team_ids = fields.Many2many("crm.case.team", compute="_compute_counts")
    is_resolution_required = fields.Boolean(compute="_compute_counts")
    resolution_id = fields.Many2one(
        "crm.case.resolution",
        domain="['|', ('team_ids', '=', False), ('team_ids', 'in', team_ids)]",
        help="For those that have none yet.",
    )
    body = fields.Html(
        string="Answer to the Customers",
        help="Sent to the customer of each case, before it is solved. Empty: nothing "
        "is sent.",
    )
    with_parts = fields.Boolean(
        string="Solve the open parts, too",
        help="Otherwise they stay open, each with its own promises.",
    )
    with_incidents = fields.Boolean(
        string="Answer and solve the open incidents, too",
        default=True,
        help="All of their customers get the same answer, each on his own case.",
    )

    def _default_case_ids(self):
        if self.env.context.get("active_model") == "crm.case":
            return self.env.context.get("active_ids")
        return False

    @api.depends("case_ids")
    def _compute_counts(self):
        for wizard in self:
            # the ids of what the user chose, which a new record hides
            cases = self.env["crm.case"].browse(wizard.case_ids.ids)
            alive = cases.filtered(lambda case: case.stage_category not in DONE)
            wizard.case_count = len(alive)
            wizard.part_count = len(cases._get_open_parts())
            wizard.incident_count = len(cases._get_open_incidents())
            wizard.team_ids = cases.team_id
            wizard.is_resolution_required = any(
                case.is_resolution_required and not case.resolution_id for case in alive
            )

    def action_close(self):
        self.ensure_one()
        cases = self.case_ids
        parts = cases._get_open_parts() if self.with_parts else cases.browse()
        incidents = (
            cases._get_open_incidents() if self.with_incidents else cases.browse()
        )
        cases = cases.filtered(lambda case: case.stage_category not in DONE)
        solved = cases | parts | incidents
        if not solved:
            raise UserError(self.env._("All of these cases are over already."))
        if not is_html_empty(self.body):
            # a message each: every customer has a thread of his own
            for case in cases | incidents:
                case.message_post(
                    body=self.body,
                    message_type="comment",
                    subtype_xmlid="mail.mt_comment",
                )
        if self.resolution_id:
            solved.filtered(
                lambda case: not case.resolution_id
            ).resolution_id = self.resolution_id
        first = self.env["crm.case.stage"]._find_first(solved.team_id, "solved")
        solvable = solved.filtered(lambda case: first[case.team_id])
        solvable._set_category("solved")
        (solved - solvable)._set_category("closed")
        return {"type": "ir.actions.act_window_close"}
