from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command

from ..case.crm_case_stage import DONE


class CrmCase(models.Model):
    """Cases that belong together: parts of one, incidents of one problem, related ones.

    A part (child) is work of ours on what one customer asked. Incidents are what
    several customers asked because of one cause, the problem; they are answered
    together.
    """

    _inherit = "crm.case"

    parent_id = fields.Many2one(
        "crm.case",
        string="Part of",
        domain="[('id', '!=', id), ('is_closed', '=', False)]",
        check_company=True,
        copy=False,
        index="btree_not_null",
        groups="base.group_user",
        help="The case that this one is a part of.",
    )
    child_ids = fields.One2many(
        "crm.case", "parent_id", string="Parts", groups="base.group_user"
    )
    child_count = fields.Integer(
        string="All Parts",
        compute="_compute_family_counts",
        groups="base.group_user",
        export_string_translation=False,
    )
    open_child_count = fields.Integer(
        string="Open Parts",
        compute="_compute_family_counts",
        groups="base.group_user",
        export_string_translation=False,
    )
    problem_id = fields.Many2one(
        "crm.case",
        string="Caused by",
        domain="[('type_id.kind', '=', 'problem'), ('id', '!=', id)]",
        check_company=True,
        copy=False,
        index="btree_not_null",
        groups="base.group_user",
        tracking=12,
        help="The problem that this is an incident of; solved together with it.",
    )
    incident_ids = fields.One2many(
        "crm.case", "problem_id", string="Incidents", groups="base.group_user"
    )
    incident_count = fields.Integer(
        string="All Incidents",
        compute="_compute_family_counts",
        groups="base.group_user",
        export_string_translation=False,
    )
    open_incident_count = fields.Integer(
        string="Open Incidents",
        compute="_compute_family_counts",
        groups="base.group_user",
        export_string_translation=False,
    )
    # one row for each pair, whichever of the two it was entered on
    linked_ids = fields.Many2many(
        "crm.case",
        relation="crm_case_related_rel",
        column1="case_id",
        column2="related_id",
        string="Linked from Here",
        check_company=True,
        copy=False,
        groups="base.group_user",
        export_string_translation=False,
    )
    linked_by_ids = fields.Many2many(
        "crm.case",
        relation="crm_case_related_rel",
        column1="related_id",
        column2="case_id",
        string="Linked from There",
        copy=False,
        groups="base.group_user",
        export_string_translation=False,
    )
    related_ids = fields.Many2many(
        "crm.case",
        string="Related Cases",
        compute="_compute_related_ids",
        inverse="_inverse_related_ids",
        domain="[('id', '!=', id), ('company_id', '=', company_id)]",
        groups="base.group_user",
        help="Cases to look at, too; shown on both.",
    )

    def _compute_family_counts(self):
        counts = {}
        for fname in ("parent_id", "problem_id"):
            for head, category, count in self._read_group(
                [(fname, "in", self.ids)], [fname, "stage_category"], ["__count"]
            ):
                key = (fname, head.id)
                total, alive = counts.get(key, (0, 0))
                counts[key] = (
                    total + count,
                    alive + (count if category not in DONE else 0),
                )
        for case in self:
            case.child_count, case.open_child_count = counts.get(
                ("parent_id", case.id), (0, 0)
            )
            case.incident_count, case.open_incident_count = counts.get(
                ("problem_id", case.id), (0, 0)
            )

    @api.depends("linked_ids", "linked_by_ids")
    def _compute_related_ids(self):
        for case in self:
            case.related_ids = case.linked_ids | case.linked_by_ids

    def _inverse_related_ids(self):
        for case in self:
            wanted = case.related_ids - case
            there = case.linked_ids | case.linked_by_ids
            case.linked_ids = [
                *(Command.link(other.id) for other in wanted - there),
                *(Command.unlink(other.id) for other in case.linked_ids - wanted),
            ]
            gone = case.linked_by_ids - wanted
            if gone:
                case.linked_by_ids = [Command.unlink(other.id) for other in gone]

    @api.constrains("parent_id", "problem_id")
    def _check_family(self):
        for fname in ("parent_id", "problem_id"):
            if self._has_cycle(fname):
                raise ValidationError(
                    self.env._(
                        "A case cannot be a part or an incident of itself, nor of one "
                        "of its own."
                    )
                )

    # ------------------------------------------------------------
    # Closing
    # ------------------------------------------------------------

    def _needs_closing_dialog(self):
        """What becomes of parts and incidents is asked, never decided silently."""
        return super()._needs_closing_dialog() or any(
            case.open_child_count or case.open_incident_count for case in self
        )

    def _get_open_parts(self):
        """Return the open parts of these cases, and theirs, that the user may write."""
        parts = self.search(
            [
                ("parent_id", "child_of", self.ids),
                ("id", "not in", self.ids),
                ("stage_category", "not in", DONE),
            ]
        )
        return parts._filtered_access("write")

    def _get_open_incidents(self):
        """Return the open incidents of these problems that the user may write."""
        incidents = self.search(
            [("problem_id", "in", self.ids), ("stage_category", "not in", DONE)]
        )
        return incidents._filtered_access("write") - self

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def _get_family_action(self, name, domain, **defaults):
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action.update(
            display_name=name,
            view_mode="list,form",
            views=[(False, "list"), (False, "form")],
            domain=domain,
            context={
                "default_partner_id": self.partner_id.id,
                "default_team_id": self.team_id.id,
                **{f"default_{fname}": value for fname, value in defaults.items()},
            },
        )
        return action

    def action_view_children(self):
        self.ensure_one()
        return self._get_family_action(
            self.env._("Parts of %s", self.number),
            [("parent_id", "=", self.id)],
            parent_id=self.id,
        )

    def action_view_incidents(self):
        self.ensure_one()
        return self._get_family_action(
            self.env._("Incidents of %s", self.number),
            [("problem_id", "=", self.id)],
            problem_id=self.id,
        )

    def action_new_child(self):
        self.ensure_one()
        action = self.action_view_children()
        action.update(
            display_name=self.env._("New Part"),
            views=[(False, "form")],
            view_mode="form",
            target="new",
        )
        return action
