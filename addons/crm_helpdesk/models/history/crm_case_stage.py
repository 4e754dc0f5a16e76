from odoo import models
from odoo.exceptions import RedirectWarning
from odoo.fields import Domain

from ..case.crm_case_stage import DONE


class CrmCaseStage(models.Model):
    """What a stage means is changed: what becomes of the cases there."""

    _inherit = "crm.case.stage"

    def write(self, vals):
        if "category" not in vals:
            return super().write(vals)
        changed = self.filtered(lambda stage: stage.category != vals["category"])
        changed._check_over_or_not(vals["category"])
        # sudo: what a stage means is the same for the cases of all companies; archived
        # ones come back some day
        cases_sudo = self.env["crm.case"].sudo().with_context(active_test=False)
        there = cases_sudo.search(
            Domain("stage_id", "in", changed.ids) & self._get_alive_domain()
        )
        before = {case.id: case.stage_category for case in there}
        result = super().write(vals)
        if before:
            # none of them becomes over or is opened again, so nobody gets mail
            cases_sudo.browse(before)._follow_category(before)
        # from now on the cases there are in another state
        # sudo: the ledger is written by the system only
        self.env["crm.case.stage.history"].sudo()._sync()
        return result

    def _get_alive_domain(self):
        """What was put aside as spam stays as it is until it is taken back."""
        return Domain("is_spam", "=", False) | Domain("date_closed", "!=", False)

    def _check_over_or_not(self, category):
        """Cases do not become over, or open again, all at once: nobody has solved them,
        and when they were closed would be lost.
        """
        # sudo: of all companies; told is only how many
        Case = self.env["crm.case"].sudo().with_context(active_test=False)
        for stage in self:
            if (stage.category in DONE) == (category in DONE):
                continue
            there = Domain("stage_id", "=", stage.id)
            count = Case.search_count(there & self._get_alive_domain())
            if not count:
                continue
            names = dict(self._fields["category"]._description_selection(self.env))
            raise RedirectWarning(
                self.env._(
                    "Cases are in the stage “%(stage)s” (%(count)s): it cannot become"
                    " “%(state)s”, as they would be closed or opened again all at once,"
                    " and their times be lost. Create a new stage that means it and"
                    " archive this one, or first move the cases elsewhere (archived"
                    " ones, too).",
                    count=count,
                    stage=stage.display_name,
                    state=names.get(category, category),
                ),
                {
                    "type": "ir.actions.act_window",
                    "name": stage.display_name,
                    "res_model": "crm.case",
                    "views": [(False, "list"), (False, "form")],
                    "domain": [("stage_id", "=", stage.id)],
                    "context": {"active_test": False},
                },
                self.env._("Show the Cases"),
            )
