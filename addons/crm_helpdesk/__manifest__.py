{
    "name": "CRM Helpdesk",
    "version": "19.0.1.0.0",
    "summary": "Cases answered in time, tied to what the customer bought",
    "category": "Services/Helpdesk",
    "author": "Crm Plus contributors",
    "license": "LGPL-3",
    "depends": ["crm_plus", "portal", "rating", "resource"],
    "data": [
        "security/ir.model.access.csv",
    ],
    "application": True,
}
