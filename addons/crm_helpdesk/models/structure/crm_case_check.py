from odoo import api, fields, models
from odoo.exceptions import AccessError

from odoo.addons.crm_plus.tools.protected import given_fields


class CrmCaseCheck(models.Model):
    """A point of a case: done by whom and when, or still to do."""

    _name = "crm.case.check"
    _description = "Point of a Case"
    _order = "sequence, id"

    case_id = fields.Many2one("crm.case", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(
        related="case_id.company_id", store=True, precompute=True, index=True
    )
    checklist_id = fields.Many2one(
        "crm.case.checklist",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Where the point comes from; empty: written by hand.",
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(string="What to Do", required=True)
    is_required = fields.Boolean(
        string="Before Closing", help="To be done before the case is solved or closed."
    )
    is_done = fields.Boolean(string="Done")
    user_done_id = fields.Many2one(
        "res.users", string="Done by", readonly=True, index="btree_not_null"
    )
    date_done = fields.Datetime(string="Done at", readonly=True)

    @api.model
    def _check_given(self, vals):
        # who did it is nobody's to say
        if not self.env.su and given_fields(self.env, vals) & {
            "user_done_id",
            "date_done",
        }:
            raise AccessError(
                self.env._("Who has done a point, and when, is noted by itself.")
            )

    def _check_asked(self):
        """What a checklist asks for before closing is the administrators' to take off.

        :raise AccessError: for anybody else
        """
        if self.env.su or self.env.user.has_group(
            "crm_helpdesk.crm_helpdesk_group_manager"
        ):
            return
        asked = self.filtered(lambda check: check.is_required and check.checklist_id)
        if asked:
            raise AccessError(
                self.env._(
                    "A checklist asks for “%s”: administrators may leave it out.",
                    asked[0].name,
                )
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_asked(self):
        self._check_asked()

    @api.model
    def _sign(self, vals):
        """Note who does a point, and when; undone, nobody did."""
        if "is_done" in vals:
            done = vals["is_done"]
            vals["user_done_id"] = self.env.uid if done else False
            vals["date_done"] = self.env.cr.now() if done else False
        return vals

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_given(vals)
        return super().create(
            [
                self._sign(dict(vals)) if vals.get("is_done") else vals
                for vals in vals_list
            ]
        )

    def write(self, vals):
        self._check_given(vals)
        if vals.keys() & {"case_id", "is_required"}:
            self._check_asked()
        if "is_done" not in vals:
            return super().write(vals)
        # ticked twice, it was done the first time
        changed = self.filtered(lambda check: check.is_done != vals["is_done"])
        super(CrmCaseCheck, self - changed).write(vals)
        return super(CrmCaseCheck, changed).write(self._sign(dict(vals)))
