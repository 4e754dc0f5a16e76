from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.sql import column_exists, create_column, table_exists


class CrmCase(models.Model):
    """What nobody wants to answer, and nobody wants to count."""

    _inherit = "crm.case"

    is_spam = fields.Boolean(
        string="Spam",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Left out of lists and figures; more mail of the same sender to this "
        "company goes the same way, until one of them is taken back.",
    )
    date_spam_judged = fields.Datetime(
        string="Spam or Not, Said on",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="When a person said of this case that it is spam, or is none. What was "
        "said last of a sender holds.",
    )

    _spam_idx = models.Index(
        "(email_normalized, company_id, date_spam_judged)"
        " WHERE date_spam_judged IS NOT NULL"
    )

    def _auto_init(self):
        # at the installation there is no table yet, and no case
        is_new = table_exists(self.env.cr, self._table) and not column_exists(
            self.env.cr, self._table, "date_spam_judged"
        )
        if is_new:
            create_column(self.env.cr, self._table, "date_spam_judged", "timestamp")
        result = super()._auto_init()
        if is_new:
            # who said so is not known: what was put aside by itself counts, too
            self.env.cr.execute(
                "UPDATE crm_case SET date_spam_judged = write_date WHERE is_spam"
            )
        return result

    def action_mark_spam(self):
        """Put aside: closed without a word to anybody, archived, and out of figures."""
        cases = self.filtered(lambda case: not case.is_spam)
        cases._put_aside()
        # also of what was put aside by itself: from now on a person says so
        self.date_spam_judged = fields.Datetime.now()
        for case in cases:
            case._message_log(body=self.env._("Put aside as spam"))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "info",
                "message": self.env._(
                    "Put aside. More mail of this sender is put aside, too; you find "
                    "it by the filter Spam."
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def action_unmark_spam(self):
        """It was none after all: back to work, and its sender is believed again."""
        cases = self.filtered("is_spam")
        cases.write(
            {
                "is_spam": False,
                "active": True,
                "date_spam_judged": fields.Datetime.now(),
            }
        )
        cases._start_clocks()
        # sudo: the same sender's other mails go on as they are; the ledger is written
        # by the system
        cases.sudo()._count_touchpoints(True)
        for case in cases:
            case._message_log(body=self.env._("Not spam: taken back"))

    def _put_aside(self):
        self.write({"is_spam": True, "active": False, "is_ack_due": False})
        self._sla_cancel(None, self.env.cr.now())
        # sudo: the ledger is written by the system
        self.sudo()._count_touchpoints(False)

    def _count_touchpoints(self, counted):
        """What spammers do is no history of a customer: it counts as a machine's."""
        if not self.ids:
            return
        Touchpoint = self.env["crm.touchpoint"]
        Touchpoint.flush_model()
        self.env["mail.message"].flush_model(["model", "res_id"])
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_touchpoint t SET is_machine = %(machine)s
                 WHERE (t.res_model = 'crm.case' AND t.res_id = ANY(%(cases)s))
                    OR (t.res_model = 'mail.message' AND t.res_id IN (
                        SELECT id FROM mail_message
                         WHERE model = 'crm.case' AND res_id = ANY(%(cases)s)))
                RETURNING t.id
                """,
                machine=not counted,
                cases=self.ids,
            )
        )
        Touchpoint.invalidate_model(["is_machine"], flush=False)

    # ------------------------------------------------------------
    # Mail
    # ------------------------------------------------------------

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        # of a sender whom nobody knows there is no earlier mail: machines apart, each
        # became a contact
        is_known = bool(msg_dict.get("author_id") or msg_dict.get("is_machine_mail"))
        case = super().message_new(msg_dict, custom_values)
        if is_known and case._is_of_spammer():
            case._put_aside()
            msg_dict.update(
                is_machine_mail=True, machine_reason="Sender put aside as spam"
            )
        return case

    def _is_of_spammer(self):
        """Whether the last word of a person on mail of this sender was spam; by each
        company for itself, whose people can see it and take it back."""
        if not self.email_normalized:
            return False
        judged = self.with_context(active_test=False).search(
            [
                ("email_normalized", "=", self.email_normalized),
                ("company_id", "=", self.company_id.id),
                ("date_spam_judged", "!=", False),
            ],
            order="date_spam_judged desc, id desc",
            limit=1,
        )
        return judged.is_spam
