from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize, parse_contact_from_email

# What each may do is said on the case form, in the help of the field.
ROLES = [
    ("requester", "Requester"),
    ("informed", "Informed"),
    ("copied", "Was in copy"),
    ("internal", "Colleague"),
]
# They get each answer, and need a contact for it
ANSWERED = ("requester", "informed")


class CrmCaseParticipant(models.Model):
    """Somebody who has to do with a case, beside its customer, and what he may.

    Being in copy of a mail gives nobody anything: neither later answers, nor a look at
    the case, and never one at other cases of the company. An agent decides who gets
    answers, and who sees this one case on the portal.
    """

    _name = "crm.case.participant"
    _description = "Case Participant"
    _order = "case_id, id"
    _rec_names_search = ["name", "email"]
    _check_company_auto = True

    case_id = fields.Many2one(
        "crm.case", required=True, index=True, ondelete="cascade", readonly=True
    )
    company_id = fields.Many2one(
        "res.company",
        related="case_id.company_id",
        store=True,
        precompute=True,
        index=True,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Contact",
        check_company=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    name = fields.Char(
        compute="_compute_name_email", store=True, readonly=False, precompute=True
    )
    email = fields.Char(
        string="E-mail",
        compute="_compute_name_email",
        store=True,
        readonly=False,
        precompute=True,
    )
    role = fields.Selection(
        ROLES,
        required=True,
        default="copied",
        help="Requester: gets each answer, sees this case on the portal, and may "
        "answer there. Informed: gets each answer by mail. Was in copy: of a mail, "
        "nothing more; proposed as a recipient. Colleague: one of ours.",
    )
    is_on_portal = fields.Boolean(
        string="On the Portal",
        compute="_compute_is_on_portal",
        help="Whether this person has a login and may see this case with it.",
    )

    _email_uniq = models.UniqueIndex(
        "(case_id, email) WHERE email IS NOT NULL",
        "This address takes part in the case already.",
    )
    # who sees the case on the portal; for whom the gateway believes a number
    _partner_role_idx = models.Index(
        "(partner_id, case_id) WHERE role = 'requester' AND partner_id IS NOT NULL"
    )

    @api.depends("partner_id")
    def _compute_name_email(self):
        for person in self:
            if person.partner_id:
                person.name = person.partner_id.name
                person.email = person.partner_id.email_normalized or person.email
            else:
                person.name = person.name
                person.email = person.email

    @api.depends("role", "partner_id.user_ids")
    def _compute_is_on_portal(self):
        for person in self:
            # sudo: users are not read by all; only whether there is a login
            users_sudo = person.partner_id.sudo().user_ids
            person.is_on_portal = person.role == "requester" and any(
                user.share for user in users_sudo
            )

    @api.depends("name", "email")
    def _compute_display_name(self):
        for person in self:
            person.display_name = person.name or person.email

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        people = super().create([self._clean(vals) for vals in vals_list])
        people._check_reachable()
        return people

    def write(self, vals):
        if "case_id" in vals and any(p.case_id.id != vals["case_id"] for p in self):
            raise UserError(
                self.env._(
                    "Participants stay on their case: add them to the other one."
                )
            )
        roles = {person: person.role for person in self}
        result = super().write(self._clean(vals))
        if vals.keys() & {"role", "partner_id", "email"}:
            self._check_reachable()
        if "role" in vals:
            self._log_roles(roles)
        return result

    def unlink(self):
        for case, people in self.grouped("case_id").items():
            case._message_log(
                body=self.env._(
                    "Takes no part any more: %s", people.mapped("display_name")
                )
            )
        return super().unlink()

    @api.model
    def _clean(self, vals):
        if not vals.get("email"):
            return vals
        name, email = parse_contact_from_email(vals["email"])
        vals = {**vals, "email": email_normalize(email) or vals["email"]}
        if name and not vals.get("name"):
            vals["name"] = name
        return vals

    def _check_reachable(self):
        """Who gets answers has a contact: the one with exactly this address, or one of
        its own."""
        lost = self.filtered(lambda p: p.role in ANSWERED and not p.partner_id)
        for case, people in lost.grouped("case_id").items():
            found = case._find_contacts(people.mapped("email"))
            for person in people:
                email = email_normalize(person.email)
                if not email:
                    raise UserError(
                        self.env._(
                            "%s has no e-mail address: choose a contact, or enter one.",
                            person.display_name or self.env._("This participant"),
                        )
                    )
                # a handful at most, each with a name of its own
                person.partner_id = found.get(email) or case._create_contact(
                    person.name, email, case.company_id
                )

    def _log_roles(self, before):
        labels = dict(self._fields["role"]._description_selection(self.env))
        for case, people in self.grouped("case_id").items():
            changed = people.filtered(lambda person: before[person] != person.role)
            if changed:
                case._message_log(
                    body=self.env._(
                        "%(names)s: now %(role)s",
                        names=changed.mapped("display_name"),
                        role=labels[changed[0].role],
                    )
                )

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_make_requester(self):
        self.role = "requester"

    def action_inform(self):
        self.role = "informed"

    def action_demote(self):
        self.role = "copied"
