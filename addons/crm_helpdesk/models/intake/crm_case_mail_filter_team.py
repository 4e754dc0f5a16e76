from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Domain


class CrmCaseTeam(models.Model):
    """A filter for mail to one team must not become one for all mail, unseen."""

    _inherit = "crm.case.team"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_filtered(self):
        Filter = self.env["crm.case.mail.filter"]
        # sudo: whoever may delete the team is told of the filters that name it
        filters_sudo = Filter.sudo().with_context(active_test=False)
        found_sudo = filters_sudo.search(
            Domain("team_ids", "in", self.ids) | Domain("team_id", "in", self.ids)
        )
        if found_sudo:
            teams_sudo = (found_sudo.team_ids | found_sudo.team_id) & self.sudo()
            raise UserError(
                self.env._(
                    "These mail filters name the team %(teams)s: %(filters)s. Take it "
                    "out of them, or delete them, also those that are archived; or "
                    "archive the team instead.",
                    teams=teams_sudo.mapped("name"),
                    filters=found_sudo.mapped("name"),
                )
            )


class CrmCaseTag(models.Model):
    _inherit = "crm.case.tag"

    def unlink(self):
        result = super().unlink()
        # filters are kept in memory, with the tags that they add
        self.env.registry.clear_cache()
        return result
