import logging

from odoo import api, fields, models

from .after_sales_writer import AfterSalesWriter
from .case_plot import CasePlot, Person
from .case_writer import CaseWriter

_logger = logging.getLogger(__name__)

# The contact who shows the portal; login and password are the same.
PORTAL_LOGIN = "customer"


class CrmPlusDemo(models.AbstractModel):
    _inherit = "crm.plus.demo"

    @api.model
    def _load_cases(self):
        """Write the cases of the demo company's customers, once."""
        if not self._is_demo_database():
            return
        env = self._get_env().env
        teams = env.ref("crm_helpdesk.crm_case_team_care") + env.ref(
            "crm_helpdesk.demo_case_team_machine"
        )
        if env["crm.case"].search_count([("team_id", "in", teams.ids)]):
            return
        people = self._get_demo_people(env)
        regulars = self._get_demo_regulars(env, people)
        plot = CasePlot(self._get_demo_now(), people, regulars)
        writer = CaseWriter(env, plot)
        writer.run()
        AfterSalesWriter(env, plot.now, writer.pairs).run()
        _logger.info("crm_helpdesk: demo data of %s cases", len(plot.cases))

    @api.model
    def _get_demo_people(self, env):
        """Contacts of the demo company's customers, with what was delivered to them."""
        contacts = env["res.partner"].search(
            [("parent_id.ref", "=like", "SW-%"), ("email", "!=", False)], order="id"
        )
        people = {
            contact: Person(contact.id, contact.name, contact.email)
            for contact in contacts
        }
        pickings = env["stock.picking"].search(
            [
                ("sale_id.partner_id", "in", contacts.ids),
                ("state", "=", "done"),
                ("picking_type_code", "=", "outgoing"),
            ],
            order="date_done, id",
        )
        for picking in pickings:
            order = picking.sale_id
            people[order.partner_id].orders.append(
                (order.id, order.name, picking.date_done)
            )
        return list(people.values())

    @api.model
    def _get_demo_regulars(self, env, people):
        """Who shows the portal: a contact with many orders, and Odoo's portal user."""
        regulars = []
        if people:
            best = max(people, key=lambda person: len(person.orders))
            env["res.users"].create(
                {
                    "login": PORTAL_LOGIN,
                    "password": PORTAL_LOGIN,
                    "partner_id": best.key,
                    "group_ids": [fields.Command.set(env.ref("base.group_portal").ids)],
                }
            )
            regulars.append(best)
        portal = env.ref("base.partner_demo_portal", raise_if_not_found=False)
        if portal:
            regulars.append(Person(portal.id, portal.name, portal.email))
        return regulars
