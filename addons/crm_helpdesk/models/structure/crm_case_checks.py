from odoo import api, fields, models
from odoo.fields import Domain


class CrmCase(models.Model):
    """Checklists of a case: added by what it is about, ticked off one by one."""

    _inherit = "crm.case"

    check_ids = fields.One2many(
        "crm.case.check", "case_id", string="Checklist", groups="base.group_user"
    )
    check_count = fields.Integer(
        string="Points",
        compute="_compute_check_progress",
        groups="base.group_user",
        export_string_translation=False,
    )
    check_done_count = fields.Integer(
        string="Points Done",
        compute="_compute_check_progress",
        groups="base.group_user",
        export_string_translation=False,
    )
    check_progress = fields.Char(
        string="Checklist Progress",
        compute="_compute_check_progress",
        groups="base.group_user",
        help="Points done, of all points.",
    )
    has_open_checks = fields.Boolean(
        string="Points to Do",
        compute="_compute_check_progress",
        search="_search_has_open_checks",
        groups="base.group_user",
    )

    @api.depends("check_ids.is_done")
    def _compute_check_progress(self):
        counts = {
            (case.id, is_done): count
            for case, is_done, count in self.env["crm.case.check"]._read_group(
                [("case_id", "in", self.ids)], ["case_id", "is_done"], ["__count"]
            )
        }
        for case in self:
            done = counts.get((case.id, True), 0)
            todo = counts.get((case.id, False), 0)
            case.check_count = done + todo
            case.check_done_count = done
            case.check_progress = f"{done}/{done + todo}" if done + todo else False
            case.has_open_checks = bool(todo)

    def _search_has_open_checks(self, operator, value):
        if operator != "in":
            return NotImplemented
        return Domain("check_ids", "any", [("is_done", "=", False)])

    @api.model_create_multi
    def create(self, vals_list):
        cases = super().create(vals_list)
        if self.env["crm.case.checklist"]._get_conditions():
            cases._add_checklists()
        return cases

    def write(self, vals):
        result = super().write(vals)
        if (
            vals.keys() & {"category_id", "type_id", "team_id"}
            and self.env["crm.case.checklist"]._get_conditions()
        ):
            self._add_checklists()
        return result

    def _add_checklists(self, checklists=None):
        """Give each case the points of its checklists that it does not have yet.

        What it has already stays, also when it is of another category now: it may have
        been done.

        :param checklists: these, instead of those that its category and type ask for
        """
        Check = self.env["crm.case.check"].sudo()  # whoever opens the case
        wanted = {
            case: (
                self.env["crm.case.checklist"]._find_for(case)
                if checklists is None
                else checklists
            )
            for case in self
        }
        wanted = {case: found for case, found in wanted.items() if found}
        if not wanted:
            return
        there = {
            (case.id, checklist.id)
            for case, checklist in Check._read_group(
                [
                    ("case_id", "in", [case.id for case in wanted]),
                    ("checklist_id", "!=", False),
                ],
                ["case_id", "checklist_id"],
            )
        }
        Check.create(
            [
                {
                    "case_id": case.id,
                    "checklist_id": checklist.id,
                    "sequence": number,
                    "name": line.name,
                    "is_required": checklist.is_required,
                }
                for case, found in wanted.items()
                # sudo: customers read no checklists
                for checklist in found.sudo()
                if (case.id, checklist.id) not in there
                for number, line in enumerate(checklist.line_ids, 1)
            ]
        )

    def _get_closing_obstacles(self):
        result = super()._get_closing_obstacles()
        # sudo: points of a case that the user may close
        for case, names in (
            self.env["crm.case.check"]
            .sudo()
            ._read_group(
                [
                    ("case_id", "in", self.ids),
                    ("is_required", "=", True),
                    ("is_done", "=", False),
                ],
                ["case_id"],
                ["name:array_agg"],
            )
        ):
            result[case.id].append(
                self.env._("Do what is on the checklist: %s", list(names))
            )
        return result
