"""What lets people enter a campaign. The kinds are in ``models/campaign/entries``."""

from datetime import timedelta

from odoo.tools import SQL

from .event_condition import has_condition

# What happens one after the other is foreseen for so many days.
FORECAST_DAYS = 30
# What was harvested in a transaction that was committed after the last look is looked
# back for: none of them takes that long.
LATE = timedelta(hours=1)


def shift_candidates(candidates, days):
    """SQL of the same candidates so many days later, as if it happened again."""
    return SQL(
        "SELECT res_id, event, date + %s * interval '1 day' AS date FROM (%s) shifted",
        days,
        candidates,
    )


class EntryKind:
    """One way into a campaign: which records, because of what, and when it is looked.

    How to add one, in any addon: subclass, declare, and put the class into the list of
    ``crm.campaign._get_entries``; its settings are fields of ``crm.campaign``.

    Who enters is told by SQL of *candidates*: ``res_id``, ``event`` (text that names
    what happened; an event lets nobody enter twice) and ``date`` (when it happened).
    Whether a candidate may enter, again or at all, is decided for all kinds alike.
    """

    # value of ``crm.campaign.entry``
    code = ""
    # what people read: lazily translated
    label = ""
    # class of the icon
    icon = "fa-sign-in"
    # what matches now, matches a moment later: entering again takes days in between
    is_state = False
    # minutes between two looks of the scheduler; None if events tell
    look_minutes = None
    # fields of the campaign that say who enters: they cannot change while it runs, and
    # an approval is about them
    fields = ()

    def __init__(self, campaign):
        self.campaign = campaign
        self.env = campaign.env

    def get_model(self):
        """Hook: name of the model of those who enter."""
        return self.campaign.model_id.model or "crm.lead"

    def get_problems(self):
        """Hook: what keeps a campaign with this entry from starting, as sentences."""
        return []

    def get_text(self):
        """Hook: who enters, in plain words; empty if the label says it all."""
        return ""

    def get_start_candidates(self):
        """Hook: SQL of who enters at the start, or None."""

    def get_candidates(self, since):
        """Hook: SQL of who enters now, when last looked at ``since``, or None."""

    def get_forecast(self):
        """Hook: whom a dry run takes for those who enter: ``(candidates, words)``, the
        SQL of them, or None where nobody knows, and in words who they are. By default
        those who enter at the start.
        """
        candidates = self.get_start_candidates()
        if candidates:
            return candidates, self.env._("Everybody who meets it now.")
        return None, self.env._("Nobody knows beforehand who that will be.")

    def _get_condition(self):
        """SQL of the ids of the records that the condition of the campaign allows."""
        Model = self.campaign._get_entry_model()
        return Model._search(self.campaign._get_entry_domain(Model)).subselect()

    def _narrow(self, candidates):
        """Those of the candidates that the condition of the campaign allows."""
        if not has_condition(self.campaign.entry_domain):
            return candidates
        return SQL(
            "SELECT * FROM (%s) candidate WHERE res_id IN (%s)",
            candidates,
            self._get_condition(),
        )


class GoneEntry(EntryKind):
    """A way in that came with an addon which is gone: nobody enters."""

    icon = "fa-question-circle"

    def get_problems(self):
        return [
            self.env._(
                "What lets people enter (“%s”) came with an app that is not installed "
                "any more: install it again, or choose another.",
                self.campaign.entry,
            )
        ]
