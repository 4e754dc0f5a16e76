from odoo import api, fields, models
from odoo.fields import Domain

from ...tools.customer_panel import CustomerColumn, CustomerPanel

HOLD_GROUPS = "crm_plus.crm_plus_group_user"


class ResPartner(models.Model):
    _inherit = "res.partner"

    contact_hold_ids = fields.One2many(
        "crm.contact.hold",
        "partner_id",
        string="Contact Holds",
        readonly=True,
        groups=HOLD_GROUPS,
    )
    contact_hold_words = fields.Char(
        string="Not to Be Disturbed",
        compute="_compute_contact_hold_words",
        groups=HOLD_GROUPS,
        help="Why nothing is sent by itself to this contact at present.",
    )

    @api.depends(
        "commercial_partner_id",
        "contact_hold_ids.date_released",
        "contact_hold_ids.date_until",
        "contact_hold_ids.note",
    )
    @api.depends_context("company", "lang")
    def _compute_contact_hold_words(self):
        holds = self.env["crm.contact.hold"].search(
            Domain("partner_id", "in", (self + self.commercial_partner_id).ids)
            & Domain("company_id", "in", [False, self.env.company.id])
            & Domain("is_open", "=", True)
        )
        by_partner = holds.grouped("partner_id")
        none = holds.browse()
        for partner in self:
            of_partner = by_partner.get(partner._origin, none) | by_partner.get(
                partner.commercial_partner_id._origin, none
            )
            partner.contact_hold_words = "; ".join(of_partner.mapped("reason"))

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"trust", "credit_limit", "use_partner_credit_limit"}:
            self.env["crm.contact.hold"]._queue_refresh(self)
        return result

    def action_view_consents(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_consent_action"
        )
        action["domain"] = list(
            Domain("partner_id", "child_of", self.id)
            | Domain("email", "=", self.email_normalized or "-")
        )
        action["context"] = {"default_partner_ids": self.ids}
        return action

    def _get_contact_hold_domain(self):
        return Domain("partner_id", "in", (self + self.commercial_partner_id).ids)

    def action_view_contact_holds(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_contact_hold_action"
        )
        action["domain"] = list(self._get_contact_hold_domain())
        action["context"] = {"default_partner_id": self.id}
        return action

    # ------------------------------------------------------------
    # Customer page
    # ------------------------------------------------------------

    def _get_customer_panels(self):
        return [
            *super()._get_customer_panels(),
            self._get_customer_panel_holds(),
            self._get_customer_panel_consent_ledger(),
        ]

    def _get_customer_panel_consent_ledger(self):
        def state(consent):
            words = dict(consent._fields["state"]._description_selection(self.env))
            if consent.state == "given" and consent.is_expired:
                return self.env._("Expired"), "amber"
            return words[consent.state], lights[consent.state]

        lights = {"given": "green", "pending": "amber", "withdrawn": "red"}
        consents = self._get_customer_domain() & Domain(
            "company_id", "=", self.env.company.id
        )
        return CustomerPanel(
            key="consent_ledger",
            section="marketing",
            title=self.env._("Consent"),
            icon="fa-check-square-o",
            model="crm.consent",
            domain=consents & Domain("is_current", "=", True),
            all_domain=consents,
            columns=[
                CustomerColumn(name="email", label=self.env._("Address")),
                CustomerColumn(name="purpose_id", label=self.env._("Purpose")),
                CustomerColumn(name="state", label=self.env._("Said"), get=state),
                CustomerColumn(name="date", label=self.env._("On"), is_wide=True),
                CustomerColumn(name="source", label=self.env._("Where"), is_wide=True),
            ],
            reads=("date_expiry",),
            partner_field="partner_id",
            views=("list", "form"),
            sequence=90,
            empty=self.env._("Nobody has said anything yet."),
        )

    def _get_customer_panel_holds(self):
        holds = self._get_customer_domain() & Domain(
            "company_id", "in", [False, self.env.company.id]
        )
        return CustomerPanel(
            key="holds",
            section="marketing",
            title=self.env._("Not to be disturbed"),
            icon="fa-hand-paper-o",
            model="crm.contact.hold",
            domain=holds & Domain("is_open", "=", True),
            all_domain=holds,
            order="date_since desc, id desc",
            columns=[
                CustomerColumn(
                    name="reason",
                    label=self.env._("Why"),
                    get=lambda hold: (hold.reason or "", "amber"),
                ),
                CustomerColumn(
                    name="scope", label=self.env._("Holds back"), is_wide=True
                ),
                CustomerColumn(name="date_since", label=self.env._("Since")),
                CustomerColumn(
                    name="date_until", label=self.env._("Until"), is_wide=True
                ),
            ],
            reads=("provider", "note", "res_model", "res_id"),
            partner_field="partner_id",
            views=("list", "form"),
            context={"default_partner_id": self[:1].id},
            sequence=80,
            empty=self.env._("Nothing holds us back."),
        )
