from odoo import fields, models


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    is_urgency_asked = fields.Boolean(
        string="Ask How Urgent It Is",
        help="Customers say on the portal and on the form for how many it is so and "
        "how long they can do without. The priority follows by the matrix of the "
        "company, and is shown to them.",
    )
