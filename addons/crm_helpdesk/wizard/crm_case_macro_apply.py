from odoo import api, fields, models


class CrmCaseMacroApply(models.TransientModel):
    """A macro for many cases at once."""

    _name = "crm.case.macro.apply"
    _description = "Apply a Macro"

    case_ids = fields.Many2many("crm.case", string="Cases", required=True)
    case_count = fields.Integer(compute="_compute_case_count")
    macro_id = fields.Many2one(
        "crm.case.macro",
        required=True,
        ondelete="cascade",
        domain=lambda self: list(self.env["crm.case.macro"]._get_available_domain()),
    )
    summary = fields.Char(related="macro_id.summary", related_sudo=False)
    preview = fields.Html(compute="_compute_preview", sanitize=False)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if "case_ids" in fields and self.env.context.get("active_model") == "crm.case":
            values["case_ids"] = self.env.context.get("active_ids")
        return values

    @api.depends("case_ids")
    def _compute_case_count(self):
        for wizard in self:
            wizard.case_count = len(wizard.case_ids)

    @api.depends("macro_id", "case_ids")
    def _compute_preview(self):
        """The reply to the first of them."""
        for wizard in self:
            case = wizard.case_ids[:1]._origin
            wizard.preview = (
                wizard.macro_id._render("reply", case)
                if wizard.macro_id.reply and case
                else False
            )

    def action_apply(self):
        self.ensure_one()
        self.macro_id._apply(self.case_ids)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(macro)s: done to %(count)s cases.",
                    macro=self.macro_id.name,
                    count=len(self.case_ids),
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
