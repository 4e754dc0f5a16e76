from odoo import fields, models


class CrmCustomerLabel(models.Model):
    """A name for customers by how recently, how often and for how much they buy.

    Tried in order, the first whose ranges hold all three scores is the customer's.
    Ranges are of 1 (worst) to 5 (best) whatever the number of buckets: scores of 3 or
    10 buckets are stretched to that scale.
    """

    _name = "crm.customer.label"
    _description = "Customer Label"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    color = fields.Integer()
    description = fields.Text(
        translate=True, help="Who these customers are, and what to do with them."
    )
    recency_from = fields.Integer(required=True, default=1)
    recency_to = fields.Integer(required=True, default=5)
    frequency_from = fields.Integer(required=True, default=1)
    frequency_to = fields.Integer(required=True, default=5)
    monetary_from = fields.Integer(
        required=True,
        default=1,
        help="By margin; by revenue where the margin is not known.",
    )
    monetary_to = fields.Integer(required=True, default=5)
    profile_count = fields.Integer(string="Customers", compute="_compute_profile_count")

    _check_ranges = models.Constraint(
        """CHECK(recency_from BETWEEN 1 AND recency_to AND recency_to <= 5
             AND frequency_from BETWEEN 1 AND frequency_to AND frequency_to <= 5
             AND monetary_from BETWEEN 1 AND monetary_to AND monetary_to <= 5)""",
        "Ranges are from 1 to 5, the lower number first.",
    )

    def _compute_profile_count(self):
        counts = dict(
            self.env["crm.customer.profile"]._read_group(
                [("label_id", "in", self.ids)], ["label_id"], ["__count"]
            )
        )
        for label in self:
            label.profile_count = counts.get(label, 0)

    def action_view_profiles(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_customer_profile_action"
        )
        action["name"] = self.name
        action["domain"] = [("label_id", "=", self.id)]
        action["context"] = {}
        return action
