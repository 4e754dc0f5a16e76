from odoo import api, fields, models
from odoo.tools import SQL

HISTORY_FIELDS = {"stage_id", "team_id", "user_id"}


class CrmCase(models.Model):
    """Where the case has been, and how often it went from hand to hand."""

    _inherit = "crm.case"

    stage_history_ids = fields.One2many(
        "crm.case.stage.history",
        "case_id",
        string="History",
        readonly=True,
        copy=False,
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    reassign_count = fields.Integer(
        string="Reassigned",
        compute="_compute_history_counts",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        help="How often somebody else got it.",
    )
    transfer_count = fields.Integer(
        string="To Other Teams",
        compute="_compute_history_counts",
        groups="crm_helpdesk.crm_helpdesk_group_user",
    )
    touch_in_count = fields.Integer(
        string="Messages of the Customer",
        compute="_compute_touch_counts",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        help="Written after the case was opened; not those of machines.",
    )
    touch_out_count = fields.Integer(
        string="Our Replies",
        compute="_compute_touch_counts",
        groups="crm_helpdesk.crm_helpdesk_group_user",
        help="Public answers of people: neither notes nor automatic mail.",
    )

    def _compute_history_counts(self):
        counts = {
            case_id: (reassigned, transferred)
            for case_id, reassigned, transferred in self.env.execute_query(
                SQL(
                    """SELECT case_id, count(*) FILTER (WHERE is_reassigned),
                              count(*) FILTER (WHERE is_transferred)
                         FROM crm_case_stage_history WHERE case_id = ANY(%s)
                        GROUP BY case_id""",
                    self.ids,
                )
            )
        }
        for case in self:
            reassigned, transferred = counts.get(case.id, (0, 0))
            case.reassign_count = reassigned
            case.transfer_count = transferred

    @api.depends("message_ids")
    def _compute_touch_counts(self):
        self._flush_touches()
        counts = {
            case_id: (inbound, outbound)
            for case_id, inbound, outbound in self.env.execute_query(
                SQL(
                    """SELECT c.id,
                              count(*) FILTER (WHERE NOT t.is_ours),
                              count(*) FILTER (WHERE t.is_ours)
                         FROM crm_case AS c, LATERAL (%s) AS t
                        WHERE c.id = ANY(%s)
                        GROUP BY c.id""",
                    self._touches_sql("c"),
                    self.ids,
                )
            )
        }
        for case in self:
            case.touch_in_count, case.touch_out_count = counts.get(case.id, (0, 0))

    @api.model
    def _flush_touches(self):
        self.env["mail.message"].flush_model()
        self.flush_model(["partner_id", "channel"])
        self.env["res.users"].flush_model(["partner_id", "share"])

    @api.model
    def _touches_sql(self, alias):
        """SELECT ``date`` and ``is_ours`` of the public messages of people on a case.

        The mail that opened it is no touch; notes, tracking, acknowledgements,
        templates and machines are not. Ours are those of internal users other than the
        customer of the case.
        """
        return SQL(
            """
            SELECT m.id, m.date,
                   (u.is_internal IS TRUE
                    AND m.author_id IS DISTINCT FROM %(case)s.partner_id) AS is_ours
              FROM mail_message AS m
              JOIN mail_message_subtype AS s ON s.id = m.subtype_id
         LEFT JOIN LATERAL (
                    SELECT TRUE AS is_internal FROM res_users AS u
                     WHERE u.partner_id = m.author_id AND u.share IS NOT TRUE
                     LIMIT 1
                   ) AS u ON TRUE
             WHERE m.model = 'crm.case' AND m.res_id = %(case)s.id
               AND m.message_type IN ('comment', 'email', 'email_outgoing')
               AND m.is_internal IS NOT TRUE
               AND s.internal IS NOT TRUE
               AND m.is_machine_mail IS NOT TRUE
               AND m.author_id IS DISTINCT FROM %(robot)s
               AND NOT (%(case)s.channel = 'email' AND m.id = (
                    SELECT min(o.id) FROM mail_message AS o
                     WHERE o.model = 'crm.case' AND o.res_id = %(case)s.id
                       AND o.message_type = 'email'))
            """,
            case=SQL.identifier(alias),
            robot=self.env["ir.model.data"]._xmlid_to_res_id("base.partner_root"),
        )

    @api.model_create_multi
    def create(self, vals_list):
        cases = super().create(vals_list)
        # sudo: the ledger is written by the system only
        self.env["crm.case.stage.history"].sudo()._open(cases.sudo())
        return cases

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & HISTORY_FIELDS:
            # sudo: as above; who gave a case away may no longer see it
            self.env["crm.case.stage.history"].sudo()._follow(self.sudo())
        return result
