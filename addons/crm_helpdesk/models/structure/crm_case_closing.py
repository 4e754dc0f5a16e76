from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..case.crm_case_stage import DONE

# the message of a batch names this many cases
MAX_CASES_NAMED = 20


class CrmCase(models.Model):
    """What must be known and done before a case moves on or is over.

    It holds our own people only. Customers close their cases when they please, and what
    the system does by itself (a customer's answer, silence, a merge) is not held up.
    """

    _inherit = "crm.case"

    resolution_id = fields.Many2one(
        "crm.case.resolution",
        domain="['|', ('team_ids', '=', False), ('team_ids', 'in', team_id)]",
        copy=False,
        index="btree_not_null",
        tracking=11,
        help="How the case ended.",
    )
    is_resolution_automatic = fields.Boolean(
        string="Resolution Set by Itself",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Nobody has chosen it: it goes when the case is opened again.",
    )
    is_resolution_required = fields.Boolean(related="team_id.is_resolution_required")

    def _is_held_by_rules(self):
        return not self.env.su and self.env.user._is_internal()

    @api.model_create_multi
    def create(self, vals_list):
        cases = super().create(vals_list)
        if self._is_held_by_rules():
            chosen = cases.browse(
                case.id
                for case, vals in zip(cases, vals_list, strict=True)
                if vals.get("stage_id")
            )
            chosen._check_stage_entered(closed=self.browse())
        return cases

    def write(self, vals):
        if "resolution_id" in vals:
            vals = {"is_resolution_automatic": False, **vals}
        if not (vals.keys() & {"stage_id", "team_id"} and self._is_held_by_rules()):
            return super().write(vals)
        before = {case.id: (case.stage_id, case.stage_category) for case in self}
        result = super().write(vals)
        moved = self.filtered(lambda case: before[case.id][0] != case.stage_id)
        moved._check_stage_entered(
            closed=moved.filtered(
                lambda case: (
                    case.stage_category in DONE and before[case.id][1] not in DONE
                )
            )
        )
        return result

    def _resolve_by_itself(self, xmlid):
        """What the system closes ended so, unless somebody has said how."""
        resolution = self.env.ref(xmlid, raise_if_not_found=False)
        if resolution:
            self.filtered(lambda case: not case.resolution_id).write(
                {"resolution_id": resolution.id, "is_resolution_automatic": True}
            )

    def _follow_category(self, before):
        """How a case ended by itself is no longer so when it is opened again; its
        history keeps it.
        """
        result = super()._follow_category(before)
        reopened = self.filtered(
            lambda case: before[case.id] in DONE and case.stage_category not in DONE
        )
        if reopened:
            # sudo: the ledger is written by the system only
            self.env["crm.case.stage.history"].sudo()._keep_resolutions(reopened)
            # sudo: customers reopen, too
            reopened.sudo().filtered("is_resolution_automatic").write(
                {"resolution_id": False}
            )
        return result

    def _check_stage_entered(self, closed):
        """Refuse what lacks something, in words that say what to do.

        :param closed: those of ``self`` that were open before
        """
        problems = self._get_missing_fields()
        for case_id, texts in closed._get_closing_obstacles().items():
            problems[case_id] += texts
        problems = {case_id: texts for case_id, texts in problems.items() if texts}
        if not problems:
            return
        cases = self.browse(problems)
        lines = []
        for case in cases[:MAX_CASES_NAMED]:
            lines.append(
                self.env._(
                    "%(case)s cannot go to the stage “%(stage)s” yet:",
                    case=case.display_name,
                    stage=case.stage_id.name,
                )
            )
            lines += [f"  • {text}" for text in problems[case.id]]
        if len(cases) > MAX_CASES_NAMED:
            lines.append(self.env._("… and %s more.", len(cases) - MAX_CASES_NAMED))
        raise UserError("\n".join(lines))

    def _get_missing_fields(self):
        """``{case id: [text, …]}`` of fields that the stages of the cases ask for."""
        result = defaultdict(list)
        asking = self.env["crm.case.stage"]._get_asking_stages()
        for stage, cases in self.grouped("stage_id").items():
            if stage.id not in asking:
                continue
            # sudo: a stage judges the case, not what its agent may see of it
            for case in cases.sudo():
                labels = [
                    line.label
                    for line in stage.sudo().required_field_ids
                    if not line._is_filled(case)
                ]
                if labels:
                    result[case.id].append(
                        self.env._(
                            "Fill in %(fields)s, which “%(stage)s” asks for",
                            fields=labels,
                            stage=stage.name,
                        )
                    )
        return result

    def _get_closing_obstacles(self):
        """Hook: ``{case id: [text, …]}``, what keeps these cases from being over."""
        result = defaultdict(list)
        for case in self:
            if case.is_resolution_required and not case.resolution_id:
                result[case.id].append(
                    self.env._("Say how it ended: choose a resolution")
                )
        return result

    # ------------------------------------------------------------
    # Button
    # ------------------------------------------------------------

    def action_close(self):
        """Solve; first ask what has to be known, or what becomes of cases that hang on
        these."""
        if self._is_held_by_rules() and self._needs_closing_dialog():
            return self.action_close_dialog()
        return super().action_close()

    def _needs_closing_dialog(self):
        """Hook: whether there is something to choose when these cases are solved."""
        return any(
            case.is_resolution_required and not case.resolution_id for case in self
        )

    def action_close_dialog(self):
        """Open the dialog that solves with an answer to the customer."""
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_close_action"
        )
        action["context"] = {"default_case_ids": self.ids}
        return action
