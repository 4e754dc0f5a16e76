"""Promises on a case: which ones, in whose hours, and when they begin and end."""

from odoo import api, fields, models
from odoo.fields import Domain

from ..case.crm_case_stage import DONE


class CrmCase(models.Model):
    """First response, resolution: from the opening on; see ``crm_case.py``.

    *Next response*, where a policy promises one: from the first message of the customer
    that is not answered yet until a person answers, after the first response was given
    (before, that is what is promised). Several messages are one wait.

    *Update*, where a policy promises one: the customer hears from us again, again and
    again: from each answer to the next one, as long as the case is open.

    While we wait for the customer nothing runs: it is their turn. While we wait for
    somebody else nothing is solved, but the customer has a right to be told: answers
    and updates stay promised.
    """

    _inherit = "crm.case"

    _sla_calendar_fields = ("team_id", "partner_id", "contract_id")

    contract_id = fields.Many2one(
        "crm.case.contract",
        string="Service Contract",
        compute="_compute_contract_id",
        store=True,
        readonly=False,
        precompute=True,
        check_company=True,
        index="btree_not_null",
        domain="[('partner_id', 'parent_of', commercial_partner_id)]",
        groups="base.group_user",
        help="The contract that held when the case was opened: its response times and"
        " hours go before those of policies and teams.",
    )

    @api.depends("commercial_partner_id", "company_id")
    def _compute_contract_id(self):
        Contract = self.env["crm.case.contract"]
        # sudo: what was agreed holds whoever opens the case
        for case, case_sudo in zip(self, self.sudo(), strict=True):
            case_sudo.contract_id = Contract._get_current(
                case.commercial_partner_id.id,
                case.company_id.id,
                (case.date_opened or fields.Datetime.now()).date(),
            )

    # ------------------------------------------------------------
    # Whose promise, in which hours
    # ------------------------------------------------------------

    def _sla_get_policy(self):
        return self.contract_id.sla_policy_id or super()._sla_get_policy()

    def _sla_get_calendar(self):
        """Hours of the contract, else the customer's own, else the team's."""
        return (
            self.contract_id.resource_calendar_id
            or self.commercial_partner_id.case_calendar_id
            or super()._sla_get_calendar()
        )

    @api.model
    def _get_paused_kinds(self, category):
        if category == "waiting_third":
            return ("first_response", "resolution")
        return super()._get_paused_kinds(category)

    # ------------------------------------------------------------
    # What happens
    # ------------------------------------------------------------

    def _on_customer_message(self):
        result = super()._on_customer_message()
        self._start_next_response()
        return result

    def _start_next_response(self, date=None):
        """The customer has written after we had answered, and waits again."""
        if self.env["crm.sla.policy"]._promises(self._name, "next_response"):
            self.filtered(
                lambda case: (
                    case.date_first_response and case.stage_category not in DONE
                )
            )._sla_start("next_response", date)

    def _sla_on_human_answer(self, date):
        """The next update is promised from this answer on."""
        result = super()._sla_on_human_answer(date)
        if self.env["crm.sla.policy"]._promises(self._name, "update"):
            alive = self.filtered(lambda case: case.stage_category not in DONE)
            alive._sla_start("update", date)
            alive._pause_clocks(date)
        return result

    def _follow_category(self, before):
        result = super()._follow_category(before)
        if self.env["crm.sla.policy"]._promises(self._name, "update"):
            reopened = self.filtered(
                lambda case: (
                    before[case.id] in DONE
                    and case.stage_category not in DONE
                    and case.date_first_response
                )
            )
            reopened._sla_start("update")
            reopened._pause_clocks()
        return result

    @api.model
    def _sla_start_missing(self, companies):
        """Open cases get what the policies promise now, as if it always had been: a
        case that came in without clocks, and updates to those that were answered.
        """
        super()._sla_start_missing(companies)
        alive = self.search(
            Domain("company_id", "in", companies.ids)
            & Domain("stage_category", "not in", DONE)
        )
        dates = {case.id: case.date_opened for case in alive}
        alive._sla_start("resolution", dates)
        answered = alive.filtered("date_first_response")
        (alive - answered)._sla_start("first_response", dates)
        if self.env["crm.sla.policy"]._promises(self._name, "update"):
            answered._sla_start("update")
        alive._pause_clocks()

    @api.model
    def _replan_clocks(self, domain):
        """Have the scheduler plan the open clocks of these cases again."""
        # sudo: hours and contracts are set by people who need not see the cases
        Case = self.sudo().with_context(active_test=False)
        cases = Case._search(Domain("stage_category", "not in", DONE) & domain)
        # sudo: as above
        self.env["crm.sla.clock"].sudo()._mark_for_replan(
            Domain("res_model", "=", self._name) & Domain("res_id", "in", cases),
            "policy",
        )
