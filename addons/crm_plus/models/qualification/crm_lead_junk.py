from odoo import api, fields, models


class CrmLead(models.Model):
    """Junk: spam, tests and the like are put aside, without being lost deals.

    Odoo tells a lost lead by ``not active and probability == 0`` and lets its
    predictive scoring learn from it, at once (``_handle_won_lost``) and whenever it
    rebuilds its frequencies (``won_status in ('won', 'lost')``). A junk lead is
    archived, but its ``won_status`` stays *pending* whatever its probability: nothing
    is learned from it, and if it was lost before, what was learned is taken back by
    Odoo itself.
    """

    _inherit = "crm.lead"

    is_junk = fields.Boolean(string="Junk", readonly=True, copy=False, tracking=True)
    junk_reason_id = fields.Many2one(
        "crm.junk.reason",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        tracking=True,
    )
    date_junk = fields.Datetime(string="Junk Since", readonly=True, copy=False)

    _is_junk_idx = models.Index("(id) WHERE is_junk")

    @api.depends("is_junk")
    def _compute_won_status(self):
        super()._compute_won_status()
        for lead in self:
            if lead.is_junk and lead.won_status == "lost":
                lead.won_status = "pending"

    def write(self, vals):
        if vals.get("is_junk"):
            vals = {
                **vals,
                "active": False,
                "date_junk": self.env.cr.now(),
                "lost_reason_id": False,
            }
        elif (vals.get("active") or vals.get("is_junk") is False) and any(
            lead.is_junk for lead in self
        ):
            vals = {**self._prepare_not_junk_values(), **vals}
        result = super().write(vals)
        if vals.get("is_junk"):
            # Odoo dates whatever is archived as closed; junk was never a deal
            super().write({"date_closed": False})
        return result

    @api.model
    def _prepare_not_junk_values(self):
        return {"is_junk": False, "junk_reason_id": False, "date_junk": False}

    def action_set_junk(self, junk_reason_id=False):
        """Put the leads aside as junk: archived, but neither won nor lost."""
        return self.write({"is_junk": True, "junk_reason_id": junk_reason_id})

    def action_restore_junk(self):
        """Back among the leads."""
        return self.action_restore()
