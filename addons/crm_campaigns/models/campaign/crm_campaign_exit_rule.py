from odoo import api, fields, models
from odoo.tools import SQL

# What may end a journey by a rule of the campaign.
ORDER_CODES = ("order_confirmed",)
OVERDUE_CODES = ("invoice_overdue",)
OWNER_CODES = ("email_out", "call_done", "meeting_done")
RULE_CODES = (*ORDER_CODES, *OVERDUE_CODES, *OWNER_CODES)


class CrmCampaign(models.Model):
    """Rules that end the whole journey: looked at when something happens, for all whom
    it has happened to at once, and again before each step.
    """

    _inherit = "crm.campaign"

    exit_on_bought = fields.Boolean(
        string="Ends When Bought",
        help="Whoever orders, or whose company does, leaves the campaign.",
    )
    exit_on_complaint = fields.Boolean(
        string="Ends When Complained",
        default=True,
        help="Whoever reports a mail as unwanted leaves the campaign, told apart from "
        "those who opted out.",
    )
    exit_on_overdue = fields.Boolean(
        string="Ends When Overdue",
        help="Whose company owes overdue invoices above the amount leaves it.",
    )
    exit_overdue_amount = fields.Monetary(
        string="Above", help="In the currency of the company, less open credit notes."
    )
    exit_on_owner = fields.Boolean(
        string="Ends When the Owner Takes Over",
        help="Whom the owner writes to, calls or meets leaves the campaign. Mails of "
        "campaigns do not count.",
    )
    currency_id = fields.Many2one(related="company_id.currency_id")

    _exit_overdue_positive = models.Constraint(
        "CHECK(exit_overdue_amount >= 0)", "Nobody owes less than nothing."
    )


class CrmCampaignParticipant(models.Model):
    _inherit = "crm.campaign.participant"

    @api.model
    def _get_exit_cases(self, model, campaigns=None):
        # is true: of what is not set the question behind it would be asked all the same
        rules = {
            "exit_on_complaint": SQL(
                "WHEN c.exit_on_complaint IS TRUE AND %s THEN 'complaint'",
                self._complained(),
            ),
            "exit_on_bought": SQL(
                "WHEN c.exit_on_bought IS TRUE AND %s THEN 'bought'",
                self._happened(ORDER_CODES, is_company=True),
            ),
            "exit_on_overdue": SQL(
                "WHEN c.exit_on_overdue IS TRUE AND %s THEN 'overdue'",
                self._owes_overdue(),
            ),
            "exit_on_owner": SQL(
                "WHEN c.exit_on_owner IS TRUE AND %s THEN 'owner'",
                self._happened(
                    OWNER_CODES, SQL("t.user_id = %s", self._get_owner_sql(model))
                ),
            ),
        }
        cases = [
            case
            for name, case in rules.items()
            if campaigns is None or any(campaigns.mapped(name))
        ]
        return SQL(
            "COALESCE(CASE WHEN r.id IS NULL THEN NULL %s END, %s)",
            SQL(" ").join(cases),
            super()._get_exit_cases(model, campaigns),
        )

    @api.model
    def _complained(self):
        return SQL(
            """
            EXISTS (SELECT FROM crm_mail_bounce mb
                     WHERE mb.email_normalized = p.email AND mb.kind = 'complaint'
                       AND mb.outcome <> 'unverified'
                       AND mb.date >= date_trunc('second', p.create_date))
            """
        )

    @api.model
    def _happened(self, codes, condition=None, is_company=False):
        """SQL of whether something happened to participant ``p`` since they entered, or
        to their company, as the timeline tells it.
        """
        since = SQL(
            """
            t.kind_id IN (SELECT id FROM crm_touchpoint_kind WHERE code IN %s)
            AND t.date >= date_trunc('second', p.create_date)
            AND t.is_machine IS NOT TRUE AND %s
            """,
            tuple(codes),
            condition or SQL("TRUE"),
        )
        # one index each
        ways = [SQL("t.lead_id = p.lead_id"), SQL("t.partner_id = p.partner_id")]
        if is_company:
            ways.append(
                SQL(
                    """
                    t.commercial_partner_id = (
                        SELECT w.commercial_partner_id FROM res_partner w
                         WHERE w.id = p.partner_id)
                    """
                )
            )
        return SQL(
            "(%s)",
            SQL(" OR ").join(
                SQL("EXISTS (SELECT FROM crm_touchpoint t WHERE %s AND %s)", way, since)
                for way in ways
            ),
        )

    @api.model
    def _owes_overdue(self):
        """As the hold on contacts with overdue invoices adds it up."""
        return SQL(
            """
            (SELECT sum(l.amount_residual)
               FROM res_partner w
               JOIN res_partner o ON o.commercial_partner_id = w.commercial_partner_id
               JOIN account_move_line l ON l.partner_id = o.id
               JOIN account_account a ON a.id = l.account_id
              WHERE w.id = p.partner_id AND l.company_id = c.company_id
                AND a.account_type = 'asset_receivable'
                AND l.parent_state = 'posted' AND l.reconciled IS NOT TRUE
                AND (l.amount_residual < 0
                     OR COALESCE(l.date_maturity, l.date) < %s)
            ) > COALESCE(c.exit_overdue_amount, 0)
            """,
            fields.Date.context_today(self),
        )

    @api.model
    def _get_owner_sql(self, model):
        """Hook: SQL of the user who owns the record of participant ``p``."""
        Model = self.env[model]
        field = Model._fields.get("user_id")
        if not field or not field.store or field.comodel_name != "res.users":
            return SQL("NULL")
        return SQL(
            "(SELECT own.user_id FROM %s own WHERE own.id = p.res_id)",
            SQL.identifier(Model._table),
        )

    @api.model
    def _get_leaving_query(self, model, condition, campaigns=None):
        if "user_id" in self.env[model]._fields:
            self.env[model].flush_model(["user_id"])
        self.env["account.move.line"].flush_model(
            ["amount_residual", "date_maturity", "parent_state", "reconciled"]
        )
        self.env["crm.mail.bounce"].flush_model()
        return super()._get_leaving_query(model, condition, campaigns)

    @api.model
    def _end_by_rules(self, touchpoint_ids):
        """End the journeys of those whom one of these touchpoints gives a reason to:
        one statement finds them, one asks all rules.
        """
        self.flush_model()
        self.env["crm.campaign"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                WITH happened AS (
                    SELECT t.lead_id, t.partner_id, t.commercial_partner_id,
                           k.code IN %(orders)s AS bought,
                           k.code IN %(overdue)s AS overdue,
                           k.code IN %(owner)s AS by_owner
                      FROM crm_touchpoint t
                      JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                     WHERE t.id = ANY(%(ids)s) AND k.code IN %(codes)s
                       AND t.is_machine IS NOT TRUE
                ),
                people AS (
                    SELECT p.id, p.campaign_id, h.*
                      FROM happened h
                      JOIN crm_campaign_participant p
                        ON p.lead_id = h.lead_id AND p.state = 'running'
                     UNION ALL
                    SELECT p.id, p.campaign_id, h.*
                      FROM happened h
                      JOIN res_partner w
                        ON w.commercial_partner_id = h.commercial_partner_id
                      JOIN crm_campaign_participant p
                        ON p.partner_id = w.id AND p.state = 'running'
                )
                SELECT DISTINCT people.id
                  FROM people
                  JOIN crm_campaign c ON c.id = people.campaign_id
                 WHERE (c.exit_on_bought AND people.bought)
                    OR (c.exit_on_overdue AND people.overdue)
                    OR (c.exit_on_owner AND people.by_owner)
                """,
                ids=list(touchpoint_ids),
                codes=RULE_CODES,
                orders=ORDER_CODES,
                overdue=OVERDUE_CODES,
                owner=OWNER_CODES,
            )
        )
        self.browse(row[0] for row in rows)._exit_if_stopped()

    @api.model
    def _on_complaint(self, emails):
        """End the journeys of those who have just complained about a mail."""
        # sudo: it is told by whoever gets the mails of the company
        participants_sudo = self.sudo().search(
            [
                ("state", "=", "running"),
                ("email", "in", list(emails)),
                ("campaign_id.exit_on_complaint", "=", True),
            ]
        )
        participants_sudo._exit({"complaint": participants_sudo.ids})
