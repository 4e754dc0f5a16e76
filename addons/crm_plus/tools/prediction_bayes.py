"""Odoo's predictive lead scoring, computed apart from its tables.

Odoo keeps no probability as it was at intake, and its frequency table knows all
outcomes up to this minute; both would be unfair, in either direction. So its formula is
trained here on the same earlier leads as ours and measured on the same later ones. A
test holds it against Odoo's own code, lead by lead
(``crm.lead._pls_prepare_frequencies`` and ``_pls_get_naive_bayes_probabilities``).
"""

from collections import defaultdict

# Odoo adds that to each count, and ignores tags seen less often
SMOOTHING = 0.1
TAG_MINIMUM = 50
TAG = "tag_id"
STAGE = "stage_id"


class OdooNaiveBayes:
    """Frequencies of values among won and lost leads, by team.

    A lead is given as ``(team id or 0, [(variable, value), …])``; values that are not
    set are left out, as Odoo does. Without stages (``stages`` empty) the outcome itself
    is counted instead of the first stage, which every lead has passed.

    :param stages: ``{id: sequence}`` of the stages of all teams
    :param first_stage: id of the first stage that is not a team's own
    """

    def __init__(self, stages=(), first_stage=None):
        self.stages = dict(stages)
        self.first_stage = first_stage
        self._counts = {}

    def fit(self, rows, labels):
        raw = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        for (team, values), label in zip(rows, labels, strict=True):
            for variable, value in values:
                for passed in self._passed(variable, value, label):
                    raw[team][variable, str(passed)][0 if label else 1] += 1
            raw[team][None, ""][0 if label else 1] += 1
        everybody = defaultdict(lambda: [0.0, 0.0])
        teams = {}
        for team, cells in raw.items():
            smoothed = {}
            for cell, (won, lost) in cells.items():
                won, lost = won + SMOOTHING, lost + SMOOTHING
                if cell[0] == TAG and won + lost < TAG_MINIMUM:
                    continue
                smoothed[cell] = (won, lost)
                everybody[cell][0] += won
                everybody[cell][1] += lost
            if team:
                teams[team] = self._total(smoothed)
        self._counts = {**teams, -1: self._total(everybody)}
        return self

    def _passed(self, variable, value, label):
        """A won lead counts for every stage, a lost one for those it came through."""
        if variable != STAGE or not self.stages:
            return [value]
        if label:
            return list(self.stages)
        reached = self.stages[value]
        return [stage for stage, place in self.stages.items() if place <= reached]

    def _total(self, cells):
        totals = defaultdict(lambda: [0.0, 0.0])
        for (variable, _value), (won, lost) in cells.items():
            totals[variable][0] += won
            totals[variable][1] += lost
        return dict(cells), dict(totals)

    def probability(self, team, values):
        """Return the chance (0 to 1) of one lead; None where Odoo gives none."""
        cells, totals = self._counts.get(team) or self._counts[-1]
        if self.stages:
            start = cells.get((STAGE, str(self.first_stage)))
        else:
            start = cells.get((None, ""))
        if not start:
            return None
        team_won, team_lost = start
        won, lost = (count / (team_won + team_lost) for count in start)
        for variable, value in values:
            found = cells.get((variable, str(value)))
            if not found:
                continue
            all_won, all_lost = start if variable == STAGE else totals[variable]
            won *= found[0] / all_won
            lost *= found[1] / all_lost
        percent = min(max(round(100 * won / (won + lost), 2), 0.01), 99.99)
        return percent / 100
