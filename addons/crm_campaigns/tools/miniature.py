"""A journey drawn so small that one sees its shape: how long, and where it branches."""

from markupsafe import Markup

BOX = 22
GAP = 10
HEIGHT = 14
RISE = 12


class Miniature:
    """A tree of steps as a picture of boxes and lines, from the top down.

    Each box has the class ``o_crm_campaign_box`` and its family in ``data-family``: the
    colours are those of the large drawing.

    :param steps: ``[(key, key of the step before or None, family, name)]``, each after
        the one it comes after
    """

    def __init__(self, steps):
        self.steps = steps
        self.children = {}
        for key, after, _family, _name in steps:
            self.children.setdefault(after, []).append(key)
        self.column = 0
        self.places = {}
        for key in self.children.get(None, []):
            self._place(key, 0)

    def _place(self, key, level):
        """Above the middle of what comes after it; what ends has a column of its own.

        Journeys are a few dozen steps deep at most.
        """
        below = [self._place(child, level + 1) for child in self.children.get(key, [])]
        if below:
            x = (below[0] + below[-1]) / 2
        else:
            x = self.column * (BOX + GAP)
            self.column += 1
        self.places[key] = (x, level * (HEIGHT + RISE))
        return x

    def draw(self):
        """The picture, as SVG; empty if there are no steps."""
        if not self.places:
            return Markup()
        width = max(self.column, 1) * (BOX + GAP) - GAP
        height = max(y for _x, y in self.places.values()) + HEIGHT
        lines, boxes = [], []
        for key, after, family, name in self.steps:
            x, y = self.places[key]
            boxes.append(
                Markup(
                    '<rect class="o_crm_campaign_box" data-family="%s" x="%.1f"'
                    ' y="%.1f" width="%s" height="%s" rx="3">'
                    "<title>%s</title></rect>"
                )
                % (family, x, y, BOX, HEIGHT, name)
            )
            if after in self.places:
                x_before, y_before = self.places[after]
                lines.append(
                    Markup('<path d="M %.1f %.1f V %.1f H %.1f V %.1f"/>')
                    % (
                        x_before + BOX / 2,
                        y_before + HEIGHT,
                        y_before + HEIGHT + RISE / 2,
                        x + BOX / 2,
                        y,
                    )
                )
        return Markup(
            '<svg class="o_crm_campaign_miniature" role="img" viewBox="-1 -1 %.1f %.1f"'
            ' width="%.0f" height="%.0f">%s%s</svg>'
        ) % (
            width + 2,
            height + 2,
            width + 2,
            height + 2,
            Markup().join(lines),
            Markup().join(boxes),
        )
