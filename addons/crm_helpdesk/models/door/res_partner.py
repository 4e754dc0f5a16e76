from odoo import api, fields, models

CASE_ACCESS = [
    ("own", "Own cases"),
    ("company", "All cases of the company"),
    ("manage", "All, and says who else sees them"),
]


class ResPartner(models.Model):
    """Which cases a contact sees on the portal.

    Being in the same company shows nobody anything: somebody of ours, or of theirs who
    was given that right, says so.
    """

    _inherit = "res.partner"

    case_access = fields.Selection(
        CASE_ACCESS,
        string="Cases on the Portal",
        copy=False,
        groups="crm_helpdesk.crm_helpdesk_group_user",
        # no default: it would be refused to whoever creates contacts and is no agent
        help="What this person sees of the company's cases, with a portal account; "
        "empty: own cases.",
    )

    @api.model
    def _get_case_company(self, user):
        """The company whose cases ``user`` may see, all of them; else none."""
        # sudo: the right is one's own, and not for customers to read
        partner_sudo = user.partner_id.sudo()
        if user._is_portal() and partner_sudo.case_access in ("company", "manage"):
            return partner_sudo.commercial_partner_id
        return self.browse()

    def write(self, vals):
        """Who goes to another company sees nothing of it by what he saw before."""
        if not vals.keys() & {"parent_id", "is_company"}:
            return super().write(vals)
        # sudo: whoever moves the contact, the right stays behind; with a company go its
        # people
        trusted_sudo = (
            self.sudo()
            .with_context(active_test=False)
            .search(
                [
                    ("id", "child_of", self.ids),
                    ("case_access", "in", ("company", "manage")),
                ]
            )
        )
        before = {partner: partner.commercial_partner_id for partner in trusted_sudo}
        result = super().write(vals)
        moved = trusted_sudo.filtered(
            lambda partner: partner.commercial_partner_id != before[partner]
        )
        if moved and "case_access" not in vals:
            moved.case_access = "own"
        return result

    # ------------------------------------------------------------
    # On the portal, by the one who manages it there
    # ------------------------------------------------------------

    def _get_case_colleagues(self):
        """Contacts of the same company with a portal account, but oneself."""
        self.ensure_one()
        return self.search(
            [
                ("commercial_partner_id", "=", self.commercial_partner_id.id),
                ("id", "!=", self.id),
                ("user_ids.share", "=", True),
            ]
        ).filtered(lambda partner: any(user._is_portal() for user in partner.user_ids))

    def _set_case_access_of(self, colleague, access):
        """Give or take the right of a colleague; whether that was possible."""
        self.ensure_one()
        if (
            self.case_access != "manage"
            or access not in dict(CASE_ACCESS)
            or colleague not in self._get_case_colleagues()
        ):
            return False
        if colleague.case_access != access:
            colleague.case_access = access
        return True
