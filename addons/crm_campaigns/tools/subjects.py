"""The records that people in a campaign are, many at once."""

from odoo.fields import Domain


def find_matching(records, domain):
    """The ids of those of ``records`` that ``domain`` holds for, archived or not."""
    if not records:
        return set()
    Model = records.with_context(active_test=False)
    return set(Model.search(Domain("id", "in", records.ids) & domain, order="id")._ids)
