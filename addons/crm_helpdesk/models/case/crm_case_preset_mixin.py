from odoo import api, fields, models

from .crm_case import PRIORITIES


class CrmCasePresetMixin(models.AbstractModel):
    """Who works on cases and what they are about, said before there are any.

    Whoever inherits it names the relation of the tags.
    """

    _name = "crm.case.preset.mixin"
    _description = "Set on Cases"

    team_id = fields.Many2one(
        "crm.case.team", check_company=True, index="btree_not_null"
    )
    user_id = fields.Many2one(
        "res.users",
        string="Assignee",
        domain="[('share', '=', False)]",
        index="btree_not_null",
    )
    type_id = fields.Many2one(
        "crm.case.type", index="btree_not_null", ondelete="restrict"
    )
    category_id = fields.Many2one(
        "crm.case.category",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    priority = fields.Selection(PRIORITIES, falsy_value_label="As usual")
    tag_ids = fields.Many2many("crm.case.tag", string="Tags")

    def _get_preset_values(self):
        """``{field of the case: value}`` of what is set, without the tags."""
        self.ensure_one()
        values = {
            name: self[name].id
            for name in ("team_id", "user_id", "type_id", "category_id")
            if self[name]
        }
        if self.priority:
            values["priority"] = self.priority
        return values

    @api.model
    def _take_out_assignee(self, values, company):
        """Nobody gets cases who has left, or does not work for their company: remove
        the assignee from ``values``; return who that was, in sudo.
        """
        # sudo: whom our people work for is not read by all
        user_sudo = self.env["res.users"].sudo().browse(values.get("user_id") or ())
        if not user_sudo or (user_sudo.active and company in user_sudo.company_ids):
            return user_sudo.browse()
        del values["user_id"]
        return user_sudo
