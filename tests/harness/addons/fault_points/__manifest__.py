{
    "name": "Fault Points",
    "version": "19.0.1.0.0",
    "summary": "Lets workers die at the point of a step that a test names",
    "category": "Hidden",
    "author": "Crm Plus contributors",
    "license": "LGPL-3",
    "depends": ["crm_campaigns"],
    "installable": False,
}
