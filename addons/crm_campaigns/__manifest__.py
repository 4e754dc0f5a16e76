{
    "name": "CRM Campaigns",
    "version": "19.0.1.0.0",
    "summary": "Journeys that send once, wait for what people do, and say why",
    "category": "Marketing",
    "author": "Crm Plus contributors",
    "license": "LGPL-3",
    "depends": ["crm_plus", "mass_mailing", "mass_mailing_crm"],
    "data": [
        "security/crm_campaigns_groups.xml",
        "security/ir.model.access.csv",
        "data/crm_touchpoint_kind_data.xml",
    ],
    "post_init_hook": "post_init_hook",
    "uninstall_hook": "uninstall_hook",
    "application": True,
}
