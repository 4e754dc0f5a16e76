import json

from .case_urgency import CaseUrgency


class CaseCondition(CaseUrgency):
    """What a form did not ask for is not missing, and not taken when it is sent."""

    def _read_team_fields(self, team, post, errors):
        values = super()._read_team_fields(team, post, errors)
        for field in team._get_form_fields():
            if field.get("shown_if") and not self._is_asked_for(field, values):
                values.pop(field["name"], None)
                errors.pop(f"field-{field['name']}", None)
        return values

    def _is_asked_for(self, field, values):
        given = values.get(field["shown_if"])
        wanted = json.loads(field["shown_values"])
        if not wanted or not given:
            return bool(given)
        wanted = {value.casefold() for value in wanted}
        given = given if isinstance(given, list) else [given]
        return any(str(value).casefold() in wanted for value in given)
