from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import formataddr, ormcache

from .crm_case_stage import DONE, WAITING


class CrmCaseTeam(models.Model):
    _name = "crm.case.team"
    _description = "Case Team"
    _inherit = ["mail.alias.mixin", "mail.thread"]
    _order = "sequence, id"
    _check_company_auto = True

    # identity
    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    color = fields.Integer()
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    # people
    member_ids = fields.Many2many(
        "res.users",
        string="Members",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
    )
    visibility = fields.Selection(
        [("agents", "All agents"), ("members", "Members only")],
        required=True,
        default="agents",
        help="Who sees the team's cases; administrators see all, assignees their own.",
    )
    # work
    resource_calendar_id = fields.Many2one(
        "resource.calendar",
        string="Working Hours",
        check_company=True,
        index="btree_not_null",
        help="Hours in which response times count; those of the policy or the company "
        "when empty.",
    )
    stage_ids = fields.Many2many(
        "crm.case.stage",
        string="Own Stages",
        help="Stages of this team only, beside those of all teams.",
    )
    # mail
    alias_id = fields.Many2one(help="Mail to this address opens cases of the team.")
    is_acknowledged = fields.Boolean(
        string="Acknowledge",
        default=True,
        help="Confirm at once that a case was opened. Machines are never answered.",
    )
    ack_template_id = fields.Many2one(
        "mail.template",
        string="Acknowledgement",
        domain="[('model', '=', 'crm.case')]",
        index="btree_not_null",
        default=lambda self: self.env.ref(
            "crm_helpdesk.mail_template_case_acknowledgement", raise_if_not_found=False
        ),
    )
    ack_interval = fields.Integer(
        string="One per Sender within",
        default=15,
        help="Minutes in which the same sender gets one acknowledgement only.",
    )
    is_rated = fields.Boolean(
        string="Ask for a Rating",
        default=True,
        help="Ask the customer once, when the case is solved or closed.",
    )
    rating_template_id = fields.Many2one(
        "mail.template",
        string="Rating Request",
        domain="[('model', '=', 'crm.case')]",
        index="btree_not_null",
        default=lambda self: self.env.ref(
            "crm_helpdesk.mail_template_case_rating", raise_if_not_found=False
        ),
    )
    is_portal = fields.Boolean(
        string="On the Portal",
        default=True,
        help="Customers may open cases of this team on the portal.",
    )
    # figures
    open_count = fields.Integer(
        compute="_compute_counts", string="Open", export_string_translation=False
    )
    unassigned_count = fields.Integer(
        compute="_compute_counts", string="Unassigned", export_string_translation=False
    )
    overdue_count = fields.Integer(
        compute="_compute_counts", string="Overdue", export_string_translation=False
    )
    waiting_count = fields.Integer(
        compute="_compute_counts", string="Waiting", export_string_translation=False
    )

    _check_ack_interval = models.Constraint(
        "CHECK(ack_interval BETWEEN 0 AND 10080)",
        "One acknowledgement per sender: within 0 to 10,080 minutes (a week).",
    )

    def _compute_counts(self):
        Case = self.env["crm.case"]
        alive = Domain("team_id", "in", self.ids) & Domain(
            "stage_category", "not in", DONE
        )
        by_field = {
            "open_count": alive,
            "unassigned_count": alive & Domain("user_id", "=", False),
            "overdue_count": alive & Domain("sla_is_overdue", "=", True),
            "waiting_count": alive & Domain("stage_category", "in", WAITING),
        }
        for field, domain in by_field.items():
            counts = dict(Case._read_group(domain, ["team_id"], ["__count"]))
            for team in self:
                team[field] = counts.get(team, 0)

    # ------------------------------------------------------------
    # Mail
    # ------------------------------------------------------------

    def _alias_get_creation_values(self):
        values = super()._alias_get_creation_values()
        values["alias_model_id"] = self.env["ir.model"]._get_id("crm.case")
        values["alias_contact"] = "everyone"
        if self.id:
            values["alias_defaults"] = {"team_id": self.id}
        return values

    @api.model_create_multi
    def create(self, vals_list):
        teams = super().create(vals_list)
        if teams.stage_ids or any(team.visibility != "agents" for team in teams):
            self.env.registry.clear_cache()  # see crm.case.stage, and _has_closed
        return teams

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"stage_ids", "visibility"}:
            self.env.registry.clear_cache()
        return result

    @api.model
    @ormcache()
    def _has_closed(self):
        """Whether any team is for its members only."""
        # sudo: the same for all
        teams = self.sudo().with_context(active_test=False)
        return bool(teams.search_count([("visibility", "!=", "agents")], limit=1))

    def message_update(self, msg_dict, update_vals=None):
        """What machines answer is kept as a note: see ``crm.case._reroute``."""
        if msg_dict.get("is_machine_mail"):
            msg_dict["is_internal"] = True
            msg_dict.pop("parent_id", None)
        return super().message_update(msg_dict, update_vals)

    def _get_sender_address(self):
        """Return the address that the team writes from and gets answers at."""
        self.ensure_one()
        email = self.alias_email or self.company_id.catchall_email
        return (
            formataddr((self.name, email)) if email else self.company_id.email_formatted
        )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_view_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_action"
        )
        action["display_name"] = self.name
        action["context"] = {
            "default_team_id": self.id,
            "search_default_team_id": self.id,
            **self.env.context.get("crm_helpdesk_filters", {}),
        }
        return action

    @api.model
    def _get_default_team(self, user, company):
        """Return the team that cases of ``user`` in ``company`` go to: the user's own
        first, else the first one."""
        teams = self.search([("company_id", "=", company.id)])
        return teams.filtered(lambda team: user in team.member_ids)[:1] or teams[:1]
