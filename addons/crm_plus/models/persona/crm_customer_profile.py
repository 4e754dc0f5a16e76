from odoo import fields, models


class CrmCustomerProfile(models.Model):
    _inherit = "crm.customer.profile"

    persona_id = fields.Many2one(
        "crm.persona",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The group of customers that this one is most like.",
    )
