import json

from ..tools.form_condition import is_asked_for
from .case_form import MAX_TEXT
from .case_urgency import CaseUrgency


class CaseCondition(CaseUrgency):
    """What a form did not ask for is not missing, and not taken when it is sent."""

    def _read_team_fields(self, team, post, errors):
        values = super()._read_team_fields(team, post, errors)
        asked = {}
        # what a field waits for comes before it
        for field in team._get_form_fields():
            other = asked.get(field.get("shown_if"))
            if field.get("shown_if") and not (
                other and self._is_asked_for(field, other, post)
            ):
                values.pop(field["name"], None)
                errors.pop(f"field-{field['name']}", None)
                continue
            asked[field["name"]] = field
        return values

    def _is_asked_for(self, field, other, post):
        key = f"field-{other['name']}"
        texts = (
            self._get_posted_tags().get(key, [])
            if other["type"] == "tags"
            else [self._read_text(post, key, MAX_TEXT)]
        )
        return is_asked_for(other["type"], texts, json.loads(field["shown_values"]))
