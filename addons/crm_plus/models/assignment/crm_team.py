"""Odoo's own assignment beside ours: each team is of one, and the other leaves it."""

from odoo import api, fields, models, modules
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ...tools.user_domain import domain_error
from .crm_assignment_rule_match import BATCH_SIZE


class CrmTeam(models.Model):
    _inherit = "crm.team"

    assignment_engine = fields.Selection(
        [("odoo", "Odoo's assignment"), ("plus", "CRM Plus routing")],
        string="Leads Assigned by",
        required=True,
        default="odoo",
        tracking=True,
        help="CRM Plus routing: assignment rules give new leads to the people of the"
        " team; Odoo's rule-based assignment leaves them alone.\n"
        "Odoo's assignment: as before; assignment rules may still choose the team.",
    )
    assignment_rule_ids = fields.One2many("crm.assignment.rule", "team_id")
    assignment_rule_count = fields.Integer(
        string="Assignment Rules", compute="_compute_assignment_rule_count"
    )

    def _compute_assignment_rule_count(self):
        counts = dict(
            self.env["crm.assignment.rule"]._read_group(
                [("team_id", "in", self.ids)], ["team_id"], ["__count"]
            )
        )
        for team in self:
            team.assignment_rule_count = counts.get(team, 0)

    @api.constrains("assignment_domain")
    def _check_assignment_domain_rights(self):
        """As conditions of rules: Odoo tries it as superuser, and leads are matched so;
        it must not ask for what its writer may not read.
        """
        Lead = self.env["crm.lead"].with_user(self.env.user)
        for team in self:
            if error := domain_error(Lead, team.assignment_domain):
                raise ValidationError(
                    self.env._(
                        "The assignment domain of %(team)s cannot be used: %(error)s",
                        team=team.name,
                        error=error,
                    )
                ) from error

    def write(self, vals):
        result = super().write(vals)
        if vals.get("assignment_engine") == "plus":
            # what waits in the team waits for the rules now
            leads_sudo = self.env["crm.lead"].sudo()
            leads_sudo.search(
                leads_sudo._assignment_get_waiting_domain()
                & Domain("team_id", "in", self.ids)
            )._assignment_queue()
        elif vals.keys() & {"assignment_optout", "assignment_domain"}:
            self.env["crm.lead"]._assignment_retry()
        return result

    # ------------------------------------------------------------
    # Odoo's assignment
    # ------------------------------------------------------------

    def _filter_by_engine(self, engine):
        return self.filtered(lambda team: team.assignment_engine == engine)

    def action_assign_leads(self):
        """The button does what rules say for our teams, what Odoo does for others.

        Who presses it waits for one batch of the scheduler's, and gets told how many
        the scheduler goes on with.
        """
        ours = self._filter_by_engine("plus")
        if not ours:
            return super().action_assign_leads()
        # as Odoo's own does, before it goes on as superuser
        user = self.env.user
        if not (
            user.has_group("sales_team.group_sale_manager") or self.env.is_system()
        ):
            raise UserError(
                self.env._(
                    "Only sales administrators and administrators of the system assign "
                    "leads this way."
                )
            )
        self.check_access("read")
        leads, later = ours._split_waiting_leads()
        action = leads.action_assign()
        if later:
            later._assignment_queue()
            action["params"]["message"] = self.env._(
                "%(message)s %(count)s more follow in the background.",
                message=action["params"]["message"],
                count=len(later),
            )
        others = self - ours
        if others:
            # both are told
            theirs = super(CrmTeam, others).action_assign_leads()
            theirs["params"]["message"] = " ".join(
                (action["params"]["message"], theirs["params"]["message"])
            )
            return theirs
        return action

    def _split_waiting_leads(self):
        """Leads of these teams or of none that wait: a batch to be assigned now, hot
        and new ones first, and those after it that were not tried yet.
        """
        Lead = self.env["crm.lead"].sudo()  # managers press the button, as in Odoo
        waiting = (
            Lead._assignment_get_waiting_domain()
            & (Domain("team_id", "in", self.ids) | Domain("team_id", "=", False))
            & self._get_company_domain()
        )
        untried = Lead.search(
            waiting & Domain("assignment_block", "=", False), order="priority desc, id"
        )
        leads, later = untried[:BATCH_SIZE], untried[BATCH_SIZE:]
        if len(leads) < BATCH_SIZE:
            # those that wait longest for their next try
            leads += Lead.search(
                waiting & Domain("assignment_block", "!=", False),
                order="assignment_next_try, id",
                limit=BATCH_SIZE - len(leads),
            )
        return leads, later

    def _get_company_domain(self):
        """Leads of the companies of who presses the button; the scheduler has all."""
        if self.env.su:
            return Domain.TRUE
        return Domain("company_id", "in", [*self.env.companies.ids, False])

    def _allocate_leads(self, creation_delta_days=7):
        """Odoo gives leads without team to its teams: those that no rule takes.

        Rules come first, so that which scheduler happens to run first does not matter.
        """
        if self.env["crm.assignment.rule"]._get_rule_ids("crm.lead"):
            self._assign_without_team()
        return super(CrmTeam, self._filter_by_engine("odoo"))._allocate_leads(
            creation_delta_days=creation_delta_days
        )

    def _assign_without_team(self):
        """Let rules assign what waits for a team: batch by batch, each committed, as
        Odoo commits each bundle of what comes after.
        """
        Lead = self.env["crm.lead"].sudo()  # the scheduler of all companies
        domain = (
            Lead._assignment_get_waiting_domain()
            & self._get_company_domain()
            & Domain("team_id", "=", False)
            & Domain("assignment_block", "=", False)
            & Domain("assignment_next_try", "!=", False)
        )
        while leads := Lead.search(
            domain, order="assignment_next_try, id", limit=BATCH_SIZE
        ):
            leads._assignment_run("queue")
            if leads.filtered_domain(domain) == leads:
                # all are being edited: the next run looks again
                return
            if not modules.module.current_test:
                self.env["ir.cron"]._commit_progress()

    def _assign_and_convert_leads(self, force_quota=False):
        return super(CrmTeam, self._filter_by_engine("odoo"))._assign_and_convert_leads(
            force_quota=force_quota
        )
