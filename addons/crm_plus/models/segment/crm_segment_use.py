from odoo import models
from odoo.exceptions import UserError


class CrmSegment(models.Model):
    """Segments in lists: their members, and a favourite filter of one's own."""

    _inherit = "crm.segment"

    def _get_filter_domain(self):
        self.ensure_one()
        return repr([("segment_ids", "in", [self.id])])

    def action_view_records(self):
        """Open who is in now, as a list that can be filtered further."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("In segment %s", self.name),
            "res_model": self.target,
            "view_mode": "list,form",
            "domain": self._get_filter_domain(),
            "context": {"create": False},
        }

    def action_add_favorite(self):
        """Put “In segment …” among the user's favourite filters of these records."""
        self.ensure_one()
        Filter = self.env["ir.filters"]
        name = self.env._("In segment %s", self.name)
        mine = [
            ("model_id", "=", self.target),
            ("domain", "=", self._get_filter_domain()),
            ("user_ids", "in", self.env.uid),
        ]
        if Filter.search_count(mine, limit=1):
            raise UserError(self.env._("“%s” is among your favourites already.", name))
        Filter.create(
            {
                "name": name,
                "model_id": self.target,
                "domain": self._get_filter_domain(),
                "user_ids": self.env.user.ids,
            }
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "“%s” is among the favourites of your lists now.", name
                ),
            },
        }

    def unlink(self):
        """Favourites of what is gone would find nobody."""
        # sudo: they are of all who made one
        self.env["ir.filters"].sudo().with_context(active_test=False).search(
            [("domain", "in", [segment._get_filter_domain() for segment in self])]
        ).unlink()
        return super().unlink()
