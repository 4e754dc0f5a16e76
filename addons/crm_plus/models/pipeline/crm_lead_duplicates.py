from odoo import models

# set while duplicates of one lead are looked for: its company's id, or False
COMPANY_KEY = "crm_plus_duplicates_of"


class CrmLead(models.Model):
    _inherit = "crm.lead"

    def _get_lead_duplicates(self, partner=None, email=None, include_lost=False):
        leads = super()._get_lead_duplicates(
            partner=partner, email=email, include_lost=include_lost
        )
        if COMPANY_KEY not in self.env.context:
            return leads
        company_id = self.env.context[COMPANY_KEY]
        return leads.filtered(lambda lead: lead.company_id.id in (False, company_id))


class CrmLead2opportunityPartnerMass(models.TransientModel):
    """Who works for two companies sees the leads of both; the same customer's leads are
    merged within each, never across: quotations and orders stay where they belong.
    """

    _inherit = "crm.lead2opportunity.partner.mass"

    def action_mass_convert(self):
        if self.name != "convert" or not self.deduplicate:
            return super().action_mass_convert()
        # What Odoo does, once for all leads: sellers take turns over all of them. The
        # dialog is not written to: with other leads it would choose customers anew.
        leads = self._merge_duplicates()
        return self.with_context(active_ids=leads.ids).action_apply()

    def _merge_duplicates(self):
        """Return what is left to convert: leads that had no duplicate, in the order in
        which they were chosen, then those that others went into.
        """
        kept = self.env["crm.lead"]
        merged = self.env["crm.lead"]
        for lead in self.lead_tomerge_ids:
            if lead in merged:
                continue
            duplicates = (
                self.env["crm.lead"]
                .with_context(**{COMPANY_KEY: lead.company_id.id})
                ._get_lead_duplicates(
                    partner=lead.partner_id,
                    email=lead.partner_id.email or lead.email_from,
                )
                .with_env(self.env)
            )
            if len(duplicates) > 1:
                kept |= duplicates.merge_opportunity()
                merged |= duplicates
        chosen = self.env["crm.lead"].browse(self.env.context.get("active_ids", []))
        # one that others went into may itself have gone into a later one
        return (chosen - merged | kept).exists()
