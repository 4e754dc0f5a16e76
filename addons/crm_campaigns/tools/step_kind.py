"""What a kind of step is. The kinds themselves are in ``models/campaign/steps``."""

from odoo.tools.translate import LazyTranslate

from .lazy_label import translate

_lt = LazyTranslate(__name__)

# How kinds are grouped where people choose one, in this order.
FAMILIES = {
    "message": _lt("Messages"),
    "time": _lt("Time"),
    "branch": _lt("Ways"),
    "record": _lt("Records"),
    "people": _lt("Colleagues"),
    "outside": _lt("Other systems"),
    "end": _lt("Ends"),
}
# What an ORM write or a mail takes; nobody waits long for a commit, nor for a repeat.
BATCH_SIZE = 500
# What one statement does for any number. A round of it stays within some seconds.
SQL_BATCH_SIZE = 10_000


class StepKind:
    """One kind of step: what it is called, which ways lead on, what it does.

    How to add one, in any addon: subclass, declare, and put the class into the list of
    ``crm.campaign.step._get_kinds``; its settings are fields of ``crm.campaign.step``.

    An instance is made for a step, in the environment of the step. ``run`` gets the
    tasks of a whole batch, reserved and locked, whose participants are on their way. It
    settles each of them, by ``tasks._done``, ``._skip``, ``._fail`` or ``._defer``.
    What it raises is not lost: the batch is rolled back, halved and tried again, until
    the task that raises is alone and keeps the error.
    """

    # value of ``crm.campaign.step.kind``
    code = ""
    # what people read: lazily translated
    label = ""
    # key of ``FAMILIES``
    family = "record"
    # class of the icon
    icon = "fa-circle-o"
    # codes of the ways out, the usual one first, with what they mean after this kind
    ways = {"next": _lt("Then")}
    # the task falls due after the delay of the step, not at once
    waits = False
    # tasks done at once
    batch_size = BATCH_SIZE
    # it may fail or be skipped: the step says whether the journey goes on
    can_fail = True
    # fields of the step that cannot change while people go through it
    fields = ()
    # further fields of the step that name records it needs
    also_uses = ()
    # nothing comes after it
    is_end = False
    # fields of the step that are in no file: secrets, and what is of one database only
    file_skipped = ()
    # it has a mail, which is in a file besides its fields
    has_file_mail = False
    # what it asks for may come true at any moment: ``look`` is called then
    watches = False
    # what it makes waits in the queue of mails: no more of it while that is long
    fills_queue = False
    # it is done by records: of one who entered twice, one task a batch
    is_by_record = False

    def __init__(self, step):
        self.step = step
        self.env = step.env

    def get_ways(self):
        """Hook: ``[(code, way, label)]`` of the ways out, the usual one first.

        ``way`` is a ``crm.campaign.way`` where the code alone does not tell the ways
        apart, else empty.
        """
        nothing = self.env["crm.campaign.way"]
        return [
            (code, nothing, translate(self.env, label))
            for code, label in self.ways.items()
        ]

    def get_text(self):
        """Hook: what this step does, in plain words; empty if its name says it all."""
        return ""

    def get_why_text(self):
        """Hook: what it asks or waits for, in the story of a person; empty if it does
        not.
        """
        return self.get_text() if self.waits or len(self.get_ways()) > 1 else ""

    def get_problems(self):
        """Hook: what keeps a campaign with this step from starting, as sentences."""
        return []

    def get_file_mail(self):
        """Hook: the mail of this step, for a file: its texts by name, or nothing; see
        ``MAIL_TEXTS`` in ``tools/journey_file.py``. Fields of the step are found.
        """
        return {}

    def set_file_mail(self, mail):
        """Hook: take the mail of this step from a file, checked, with all its texts."""

    def get_warnings(self):
        """Hook: what people should look at before the start, as sentences that say what
        to do. It keeps nothing from starting.
        """
        return []

    def get_hints(self):
        """Hook: what people may not expect, as sentences."""
        return []

    def foresee(self, crowd):
        """Hook: tell a ``Crowd`` what becomes of those who get here, by what is true
        now, and do nothing; see ``tools/dry_run.py``. By default all go on; where there
        are several ways nobody knows on which.
        """
        if self.is_end:
            crowd.end()
        else:
            # who waits for something and gets it does not wait on
            moments = crowd.later(self.step.delay_minutes, self.step.delay_months)
            crowd.go_somewhere(self.get_ways(), moments, early=("yes",))

    def get_preview(self, record, date):
        """Hook: what would be done to a record at that moment, and nothing is: a list
        of ``{"label", "value"}``; a value may be ``html`` instead.
        """
        text = self.get_text()
        return [{"label": "", "value": text}] if text else []

    def on_planned(self, tasks):
        """Hook: these tasks were just planned; those that need not wait fall due."""

    def look(self, condition):
        """Hook of kinds that watch: something may have come true for the participants
        ``p``, on their way in the campaign, under this SQL condition. One statement for
        all of them, also those who are not at this step.
        """

    def run(self, tasks):
        """Do it for these tasks of one step; see the class."""
        raise NotImplementedError

    def get_done_text(self, task):
        """Hook: how the story of a person tells that this was done."""
        label = self.get_way_label(task)
        name = self.step.name
        return f"{name} · {label}" if label else self.env._("%s · done", name)

    def get_way_label(self, task):
        """The way on which a task went, in words; empty if there is just one."""
        ways = self.get_ways()
        if len(ways) < 2:
            return ""
        return next(
            (
                label
                for code, way, label in ways
                if (code, way) == (task.outcome, task.way_id)
            ),
            "",
        )


class GoneKind(StepKind):
    """A step whose kind was that of an addon that is not installed any more.

    People see it, and can delete it or choose another kind. Nobody gets past it: who
    comes here is parked with the reason, and goes on once the addon is back or the
    step is another.
    """

    icon = "fa-question-circle"

    def get_ways(self):
        """Those on which other steps come after it: they stay where they are."""
        ways = super().get_ways()
        known = {way[:2] for way in ways}
        labels = dict(self.step._fields["branch"]._description_selection(self.env))
        for child in self.step.child_ids:
            if (child.branch, child.way_id) not in known:
                known.add((child.branch, child.way_id))
                label = child.way_id.name or labels[child.branch]
                ways.append((child.branch, child.way_id, label))
        return ways

    def get_text(self):
        return self.env._(
            "Of a kind (“%s”) that came with an app that is not installed any more",
            self.step.kind,
        )

    def get_problems(self):
        return [
            self.env._(
                "its kind (“%s”) came with an app that is not installed any more: "
                "install it again, choose another kind, or delete the step.",
                self.step.kind,
            )
        ]

    def run(self, tasks):
        tasks._fail(self.get_text(), final=True)
