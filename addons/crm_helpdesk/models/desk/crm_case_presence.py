"""Who else is looking at a case, or writing an answer."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

# the client calls every 30 seconds while the case is on the screen
SEEN_FOR = timedelta(seconds=75)
# and while somebody types, every 5
TYPED_FOR = timedelta(seconds=12)


class CrmCasePresence(models.Model):
    """Somebody has a case on the screen: one row each, renewed by the client. Old rows
    mean nothing, and are removed by the daily cleaning.
    """

    _name = "crm.case.presence"
    _description = "Who Looks at a Case"
    _log_access = False
    _rec_name = "user_id"

    case_id = fields.Many2one("crm.case", required=True, index=True, ondelete="cascade")
    user_id = fields.Many2one(
        "res.users", required=True, index=True, ondelete="cascade"
    )
    date_seen = fields.Datetime(required=True)
    date_typed = fields.Datetime()

    _user_uniq = models.Constraint(
        "UNIQUE(case_id, user_id)", "Somebody looks at a case once."
    )

    @api.autovacuum
    def _gc_presence(self):
        self.search(
            [("date_seen", "<", fields.Datetime.now() - timedelta(days=1))]
        ).unlink()


class CrmCase(models.Model):
    _inherit = "crm.case"

    def presence_ping(self, state):
        """The user looks at this case (``viewing``), types (``typing``), has gone
        (``left``). Returns who else is there; they are told at once what has changed.

        :param state: one of these words
        """
        self.ensure_one()
        if not self.env.user._is_internal():
            raise AccessError(self.env._("Only colleagues see who looks at a case."))
        self.check_access("read")
        if state not in ("viewing", "typing", "left"):
            raise ValueError(state)
        before = self._get_presence()
        self._write_presence(state)
        after = self._get_presence()
        mine = self.env.uid
        others = [person for person in after if person["id"] != mine]
        if others and before != after:
            # only whoever is there: who may not read the case never was
            # sudo: a notification, whoever the colleague is
            for user in self.env["res.users"].sudo().browse(p["id"] for p in others):
                user._bus_send(
                    "crm_helpdesk.presence",
                    {
                        "case_id": self.id,
                        "people": [p for p in after if p["id"] != user.id],
                    },
                )
        return others

    def _write_presence(self, state):
        now = fields.Datetime.now()
        if state == "left":
            self.env.cr.execute(
                SQL(
                    "DELETE FROM crm_case_presence WHERE case_id = %s AND user_id = %s",
                    self.id,
                    self.env.uid,
                )
            )
            return
        # one statement: two tabs of the same person may call at once
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO crm_case_presence (case_id, user_id, date_seen, date_typed)
                VALUES (%(case)s, %(user)s, %(now)s, %(typed)s)
                ON CONFLICT (case_id, user_id) DO UPDATE
                   SET date_seen = EXCLUDED.date_seen,
                       date_typed = COALESCE(EXCLUDED.date_typed,
                                             crm_case_presence.date_typed)
                """,
                case=self.id,
                user=self.env.uid,
                now=now,
                typed=now if state == "typing" else None,
            ),
            # they may well collide: Odoo repeats the request, nobody needs to know
            log_exceptions=False,
        )

    def _get_presence(self):
        """``[{id, name, is_typing}]`` of whoever is there, in a fixed order."""
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT u.id, p.name, COALESCE(v.date_typed > %(typed)s, FALSE)
                  FROM crm_case_presence v
                  JOIN res_users u ON u.id = v.user_id
                  JOIN res_partner p ON p.id = u.partner_id
                 WHERE v.case_id = %(case)s AND v.date_seen > %(seen)s
              ORDER BY u.id
                """,
                case=self.id,
                seen=now - SEEN_FOR,
                typed=now - TYPED_FOR,
            )
        )
        return [
            {"id": user_id, "name": name, "is_typing": is_typing}
            for user_id, name, is_typing in rows
        ]
