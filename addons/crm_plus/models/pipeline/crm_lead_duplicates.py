from odoo import models

# set while leads of one company are merged: the company's id, or False
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
        result = None
        for company, leads in self.lead_tomerge_ids.grouped("company_id").items():
            # one of them may have gone into a lead of the company before
            leads = leads.exists()
            if not leads:
                continue
            wizard = self.with_context(
                active_ids=leads.ids, **{COMPANY_KEY: company.id}
            )
            wizard.lead_tomerge_ids = leads
            result = super(CrmLead2opportunityPartnerMass, wizard).action_mass_convert()
        return result
