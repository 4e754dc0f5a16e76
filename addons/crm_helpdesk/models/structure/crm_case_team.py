from odoo import fields, models


class CrmCaseTeam(models.Model):
    """How a team works: what it asks for before a case is over, what becomes of cases
    whose customer does not answer.
    """

    _inherit = "crm.case.team"

    is_resolution_required = fields.Boolean(
        string="Ask for the Resolution",
        help="Nobody solves or closes a case of this team without saying how it ended. "
        "Customers who close their own case are not asked.",
    )
    silence_warn_days = fields.Integer(
        string="Remind after",
        help="Working days that a case waits for the customer before he is reminded, "
        "and told that it will be closed. 0: cases wait for ever.",
    )
    silence_close_days = fields.Integer(
        string="Close after",
        default=5,
        help="Working days after the reminder; without an answer until then the case "
        "is closed.",
    )
    silence_template_id = fields.Many2one(
        "mail.template",
        string="Reminder",
        domain="[('model', '=', 'crm.case')]",
        index="btree_not_null",
        default=lambda self: self.env.ref(
            "crm_helpdesk.mail_template_case_silence", raise_if_not_found=False
        ),
        help="Mail to the customer before a case is closed because he is silent.",
    )

    _check_silence = models.Constraint(
        "CHECK(silence_warn_days = 0"
        " OR (silence_warn_days BETWEEN 1 AND 260"
        " AND silence_close_days BETWEEN 1 AND 260))",
        "Between the reminder and the end there is a working day at least; each takes "
        "260 working days (a year) at most.",
    )
