"""The next case for an agent: from the queue of the teams, or of one's own."""

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL


class CrmCase(models.Model):
    _inherit = "crm.case"

    # ------------------------------------------------------------
    # Which
    # ------------------------------------------------------------

    @api.model
    def _get_work_domain(self):
        """Hook: cases on which something can be done now; waiting ones are not."""
        return Domain("stage_category", "=", "open")

    @api.model
    def _get_queue_teams(self):
        """Teams whose queue is the user's: where they are a member; of all that they
        see when they are a member of none.
        """
        teams = self.env["crm.case.team"].search([])
        return teams.filtered(lambda team: self.env.user in team.member_ids) or teams

    @api.model
    def _get_queue_domain(self):
        """Unassigned cases that the user may take."""
        return (
            self._get_work_domain()
            & Domain("user_id", "=", False)
            & Domain("team_id", "in", self._get_queue_teams().ids)
        )

    @api.model
    def _get_own_domain(self):
        return self._get_work_domain() & Domain("user_id", "=", self.env.uid)

    @api.model
    def _get_urgency_order(self):
        """What is due first; without a promise by priority, then who waits longest."""
        return "sla_due, priority desc, id"

    # ------------------------------------------------------------
    # Take
    # ------------------------------------------------------------

    @api.model
    def _take_next(self, domain=()):
        """Give the most urgent unassigned case to the user, and return it.

        Two agents who ask at once never get the same: the row is locked, and what
        another one is about to take is passed over. What was taken since this
        transaction began fails to serialise, and Odoo repeats the request.
        """
        self.check_access("write")
        self.flush_model()
        query = self._search(
            self._get_queue_domain() & Domain(domain), order=self._get_urgency_order()
        )
        if query.is_empty():
            return self.browse()
        query.limit = 1
        rows = self.env.execute_query(
            SQL(
                "%s FOR NO KEY UPDATE OF %s SKIP LOCKED",
                query.select(),
                SQL.identifier(self._table),
            )
        )
        case = self.browse([row[0] for row in rows])
        case.user_id = self.env.user
        return case

    @api.model
    def action_take_next(self):
        """Button: take the most urgent case of the queue and open it."""
        case = self._take_next()
        if not case:
            return {
                "type": "ir.actions.client",
                "tag": "display_notification",
                "params": {
                    "type": "success",
                    "title": self.env._("The queue is empty"),
                    "message": self.env._(
                        "Nothing unassigned waits in your teams right now."
                    ),
                },
            }
        return case._get_form_action()

    def _get_form_action(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "current",
        }

    def _get_next_own(self):
        """The user's own next case by due, other than these."""
        return self.search(
            self._get_own_domain() & Domain("id", "not in", self.ids),
            order=self._get_urgency_order(),
            limit=1,
        )
