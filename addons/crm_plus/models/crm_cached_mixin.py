from odoo import api, models


class CrmCachedMixin(models.AbstractModel):
    """Few rows, read all the time and so kept in memory (``ormcache``): whatever
    changes in them is read anew, by all workers.
    """

    _name = "crm.cached.mixin"
    _description = "Rows Kept in Memory"

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        self.env.registry.clear_cache()
        return records

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache()
        return result

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache()
        return result
