from odoo import api, fields, models
from odoo.fields import Domain

PROFILE_GROUPS = (
    "crm_plus.crm_plus_group_user,"
    "account.group_account_readonly,account.group_account_invoice"
)


class ResPartner(models.Model):
    _inherit = "res.partner"

    customer_profile_ids = fields.One2many(
        "crm.customer.profile",
        "partner_id",
        string="Customer Profiles",
        readonly=True,
        groups=PROFILE_GROUPS,
    )
    customer_profile_id = fields.Many2one(
        "crm.customer.profile",
        compute="_compute_customer_profile_id",
        search="_search_customer_profile_id",
        groups=PROFILE_GROUPS,
        help="Of the company that the contact belongs to, in the current company.",
    )
    customer_label_id = fields.Many2one(
        related="customer_profile_id.label_id",
        string="Customer Label",
        groups=PROFILE_GROUPS,
    )
    customer_payment_light = fields.Selection(
        related="customer_profile_id.payment_light",
        string="Payment Light",
        groups=PROFILE_GROUPS,
    )
    customer_payment_words = fields.Char(
        related="customer_profile_id.payment_words", groups=PROFILE_GROUPS
    )
    customer_churn_level = fields.Selection(
        related="customer_profile_id.churn_level",
        string="Churn Risk",
        groups=PROFILE_GROUPS,
    )
    customer_health_light = fields.Selection(
        related="customer_profile_id.health_light",
        string="Health",
        groups=PROFILE_GROUPS,
    )

    @api.depends("commercial_partner_id", "customer_profile_ids")
    @api.depends_context("company")
    def _compute_customer_profile_id(self):
        profiles = {
            profile.partner_id: profile
            for profile in self.env["crm.customer.profile"].search(
                [
                    ("partner_id", "in", self.commercial_partner_id.ids),
                    ("company_id", "=", self.env.company.id),
                ]
            )
        }
        for partner in self:
            partner.customer_profile_id = profiles.get(
                partner.commercial_partner_id._origin, False
            )

    def _search_customer_profile_id(self, operator, value):
        if operator not in ("any", "any!", "in"):
            return NotImplemented
        here = Domain("company_id", "=", self.env.company.id)
        if isinstance(value, Domain):
            wanted = here & value
        else:
            wanted = here & Domain("id", "in", value)
        profiles = "commercial_partner_id.customer_profile_ids"
        domain = Domain(profiles, "any", wanted)
        if operator == "in" and False in value:
            domain |= ~Domain(profiles, "any", here)
        return domain

    def action_view_customer_profile(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Profile of %s", self.commercial_partner_id.name),
            "res_model": "crm.customer.profile",
            "res_id": self.customer_profile_id.id,
            "views": [(False, "form")],
        }
