from odoo import models
from odoo.fields import Command

# what a step hands to the writes of a batch, in the context
BATCH = "crm_campaigns_batch"
# in the cursor's own notes: whose write comes next, and changes nothing that is tracked
PLAIN = "crm_campaigns_plain_write"
# changes of a many2many that write on nothing else
LINKING = (Command.LINK, Command.UNLINK, Command.CLEAR, Command.SET)


class MailThread(models.AbstractModel):
    """Steps of journeys write on thousands of records at once. Odoo reads all tracked
    fields of each record before any write, and compares them when it commits: most of
    the time such a step takes. Where nothing tracked can change it does neither.

    Each write is judged by its own values, also those that follow from it.
    """

    _inherit = "mail.thread"

    def write(self, vals):
        if not self.env.context.get(BATCH) or self._may_change_tracked(vals):
            return super().write(vals)
        notes = self.env.cr.cache
        notes[PLAIN] = (self._name, self._ids)
        try:
            return super().write(vals)
        finally:
            notes.pop(PLAIN, None)

    def unlink(self):
        """Journeys of what is deleted end, and are counted on."""
        self.env["crm.campaign.participant"]._forget(self._name, self.ids)
        return super().unlink()

    def _track_prepare(self, fields_iter):
        if self.env.cr.cache.pop(PLAIN, None) == (self._name, self._ids):
            return
        super()._track_prepare(fields_iter)

    def _may_change_tracked(self, vals):
        """Whether a tracked field of these records may change by writing that: it is
        written, or computed from what is, or nobody knows.
        """
        tracked = self._track_get_fields()
        for name, value in vals.items():
            field = self._fields.get(name)
            if (
                not field
                or not field.store
                or field.inverse
                or name in tracked
                or (field.type in ("one2many", "many2many") and not _links(value))
            ):
                return True
            for dependent in self.pool.get_dependent_fields(field):
                if dependent.model_name == self._name and dependent.name in tracked:
                    return True
        return False


def _links(value):
    """Whether these commands link and unlink, and write on nothing else."""
    return isinstance(value, list | tuple) and all(
        isinstance(command, list | tuple) and command[0] in LINKING for command in value
    )
