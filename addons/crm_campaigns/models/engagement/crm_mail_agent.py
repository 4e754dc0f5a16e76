from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError
from odoo.http import request

from ...tools.machine_hit import (
    PERSON,
    PREFETCH,
    SCANNER,
    Agent,
    is_machine,
    is_network,
)


class CrmMailAgent(models.Model):
    """Programs that fetch what is in mails, by themselves or for a person."""

    _name = "crm.mail.agent"
    _description = "Mail Scanner or Proxy"
    _inherit = "crm.cached.mixin"
    _order = "sequence, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(
        default=10, help="The first line that fits holds: narrow ones go first."
    )
    pattern = fields.Char(
        string="Program Says",
        help="A part of what it calls itself (its user agent), in any case.",
    )
    network = fields.Char(
        help="Where it comes from, such as 17.0.0.0/8. With both, both have to fit.",
    )
    takes = fields.Selection(
        [
            (SCANNER, "A machine, whatever it fetches"),
            (PREFETCH, "Loads pictures by itself; its clicks are people's"),
            (PERSON, "A person is behind it"),
        ],
        string="Means",
        required=True,
        default=SCANNER,
    )
    note = fields.Char()

    @api.constrains("pattern", "network")
    def _check_fits_something(self):
        for agent in self:
            if not (agent.pattern or "").strip() and not agent.network:
                raise ValidationError(
                    self.env._("Say what the program calls itself, or its network.")
                )
            if agent.network and not is_network(agent.network):
                raise ValidationError(self.env._("“%s” is no network.", agent.network))

    @api.model
    @tools.ormcache()
    def _get_agents(self):
        # sudo: whoever clicks reads no list
        return tuple(
            Agent(
                (agent.pattern or "").strip().lower(), agent.network or "", agent.takes
            )
            for agent in self.sudo().search([])
        )

    @api.model
    def _get_machine_reason(self, what):
        """Why the present request is a machine's, or False.

        :param what: "open" or "click"
        """
        if not request:
            return False
        http_request = request.httprequest
        if http_request.method == "HEAD":
            return "head"
        known = is_machine(
            self._get_agents(),
            what,
            http_request.user_agent.string,
            http_request.remote_addr,
        )
        if known is None:
            known = self.env["ir.http"].is_a_bot()
        return "agent" if known else False
