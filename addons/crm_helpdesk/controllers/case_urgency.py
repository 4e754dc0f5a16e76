from odoo.http import request

from .case_form import CaseForm

FACTS = ("urgency", "impact")


class CaseUrgency(CaseForm):
    """Customers say how pressing it is, where the team asks: what follows for the
    priority is in the matrix of the company, not in their hands."""

    def _get_case_form_values(self, team, post=None, errors=None):
        values = super()._get_case_form_values(team, post, errors)
        Case = request.env["crm.case"]
        values["case_facts"] = [
            (name, Case._fields[name]._description_selection(request.env))
            for name in FACTS
            if team and team.is_urgency_asked
        ]
        return values

    def _read_case_form(self, team, post):
        values, files, errors = super()._read_case_form(team, post)
        if team and team.is_urgency_asked and values:
            for name in FACTS:
                known = dict(request.env["crm.case"]._fields[name].selection)
                # not known, or not one of ours: as if nothing had been said
                if post.get(name) in known:
                    values[name] = post[name]
        return values, files, errors
