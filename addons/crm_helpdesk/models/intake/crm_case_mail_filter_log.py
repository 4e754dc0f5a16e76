from datetime import timedelta

from odoo import api, fields, models

from .crm_case_mail_filter import OUTCOMES

KEPT_DAYS = 90
GC_BATCH = 10_000


class CrmCaseMailFilterLog(models.Model):
    """What filters did with mails: a row a mail and filter, also where no case was
    opened.
    """

    _name = "crm.case.mail.filter.log"
    _description = "Mail Filter Log"
    _order = "id desc"
    _rec_name = "subject"

    filter_id = fields.Many2one(
        "crm.case.mail.filter",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    filter_name = fields.Char(string="Name of the Filter", readonly=True)
    case_id = fields.Many2one(
        "crm.case", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    team_id = fields.Many2one(
        "crm.case.team",
        string="Mail to",
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="team_id.company_id", store=True, precompute=True, index=True
    )
    outcome = fields.Selection([*OUTCOMES, ("failed", "Failed")], readonly=True)
    email_from = fields.Char(string="Sender", readonly=True)
    subject = fields.Char(readonly=True)
    message_id = fields.Char(string="Message-Id", readonly=True)
    text = fields.Text(string="What It Did", readonly=True)

    @api.autovacuum
    def _gc_logs(self):
        days = int(
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("crm_helpdesk.mail_filter_log_days", KEPT_DAYS)
        )
        if days <= 0:
            return 0, 0
        domain = [("create_date", "<", fields.Datetime.now() - timedelta(days=days))]
        old = self.search(domain, limit=GC_BATCH)
        old.unlink()
        return len(old), self.search_count(domain, limit=1)
