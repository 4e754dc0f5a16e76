from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.touchpoint_source import TouchpointSource


class CrmTouchpoint(models.Model):
    """Sources of cases: opened, closed, rated; their mail and calls."""

    _inherit = "crm.touchpoint"

    # for the rule: what is for the members of a team is for nobody else on a timeline
    is_case_hidden = fields.Boolean(
        compute="_compute_is_case_hidden", search="_search_is_case_hidden"
    )

    @api.depends("res_model", "res_id")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_is_case_hidden(self):
        hidden = self.filtered_domain(
            Domain("id", "in", self._search(self._search_is_case_hidden("in", [True])))
        )
        for touchpoint in self:
            touchpoint.is_case_hidden = touchpoint in hidden

    def _search_is_case_hidden(self, operator, value):
        if operator != "in":
            return NotImplemented
        # as the reader: rules are evaluated in sudo
        user = self.env.user
        if user.has_group("crm_helpdesk.crm_helpdesk_group_manager"):
            return Domain.FALSE
        if not self.env["crm.case.team"]._has_closed():
            return Domain.FALSE
        # sudo: what is closed to the reader is not for the reader to see
        Case = self.env["crm.case"].sudo().with_context(active_test=False)
        cases = Case._search(
            Domain("team_id.visibility", "!=", "agents")
            & Domain("team_id.member_ids", "not in", user.ids)
            & Domain("user_id", "!=", user.id)
        )
        # sudo: as above
        Message, Rating = self.env["mail.message"].sudo(), self.env["rating.rating"]
        return (
            Domain("res_model", "=", "crm.case") & Domain("res_id", "in", cases)
            | Domain("res_model", "=", "rating.rating")
            & Domain(
                "res_id",
                "in",
                Rating.sudo()._search(
                    [("res_model", "=", "crm.case"), ("res_id", "in", cases)]
                ),
            )
            | Domain("res_model", "=", "mail.message")
            & Domain(
                "res_id",
                "in",
                Message._search([("model", "=", "crm.case"), ("res_id", "in", cases)]),
            )
        )

    @api.model
    def _get_sources(self):
        return [
            *super()._get_sources(),
            self._source_case_opened(),
            self._source_case_closed(),
            self._source_case_rated(),
        ]

    @api.model
    def _get_message_origins(self):
        return {
            **super()._get_message_origins(),
            "crm.case": {
                "table": SQL("crm_case"),
                "columns": {
                    "partner_id": SQL("d.partner_id"),
                    "lead_id": SQL("d.lead_id"),
                    "company_id": SQL("d.company_id"),
                },
            },
        }

    @api.model
    def _get_profile_kinds(self):
        return super()._get_profile_kinds() | {
            "case_opened",
            "case_closed",
            "case_rated",
        }

    def _case_columns(self):
        return {
            "name": SQL("'[' || c.number || '] ' || c.name"),
            "partner_id": SQL("c.partner_id"),
            "lead_id": SQL("c.lead_id"),
            "user_id": SQL("c.user_id"),
            "company_id": SQL("c.company_id"),
            "is_machine": SQL("c.is_machine OR c.is_spam IS TRUE"),
        }

    def _source_case_opened(self):
        return TouchpointSource(
            key="case_opened",
            kind="case_opened",
            model="crm.case",
            record_id=SQL("c.id"),
            date=SQL("c.date_opened"),
            from_clause=SQL("crm_case c"),
            where=SQL("TRUE"),
            changed=(SQL("c.write_date"),),
            columns=self._case_columns(),
            depends={"crm.case": []},
        )

    def _source_case_closed(self):
        """Each closing is one: a case opened again is closed again."""
        return TouchpointSource(
            key="case_closed",
            kind="case_closed",
            model="crm.case",
            record_id=SQL("c.id"),
            date=SQL("c.date_closed"),
            occurrence=SQL("to_char(c.date_closed, 'YYYYMMDDHH24MISS')"),
            from_clause=SQL("crm_case c"),
            where=SQL("c.date_closed IS NOT NULL"),
            changed=(SQL("c.write_date"),),
            columns=self._case_columns(),
            depends={"crm.case": ["date_closed"]},
        )

    def _source_case_rated(self):
        return TouchpointSource(
            key="case_rated",
            kind="case_rated",
            model="rating.rating",
            record_id=SQL("r.id"),
            date=SQL("COALESCE(r.rated_on, r.write_date)"),
            from_clause=SQL("rating_rating r JOIN crm_case c ON c.id = r.res_id"),
            where=SQL("r.res_model = 'crm.case' AND r.consumed AND r.rating >= 1"),
            changed=(SQL("r.write_date"),),
            columns={
                **self._case_columns(),
                "name": SQL(
                    "round(r.rating)::int || '/5 · [' || c.number || '] ' || c.name"
                ),
                "partner_id": SQL("COALESCE(r.partner_id, c.partner_id)"),
                "is_machine": SQL("FALSE"),
            },
            depends={
                "rating.rating": ["consumed", "rating", "rated_on"],
                "crm.case": [],
            },
        )

    def _get_origin(self):
        if self.res_model == "rating.rating":
            # sudo: only the reference is read; the case is opened with the user's
            # rights
            rating_sudo = self.env["rating.rating"].sudo().browse(self.res_id).exists()
            if rating_sudo.res_model == "crm.case":
                return rating_sudo.res_model, rating_sudo.res_id
        return super()._get_origin()
