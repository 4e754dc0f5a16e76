"""Tickets become cases."""

from markupsafe import Markup

from odoo import api, models
from odoo.fields import Command
from odoo.tools import SQL, email_normalize

from ..case.crm_case_stage import DONE
from .crm_case import MIGRATION_KEY
from .crm_case_migration import CATEGORY, STAGE, TAG, TICKET

MAX_SUBJECT = 500


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmCaseMigration(models.Model):
    _inherit = "crm.case.migration"

    def _bring_tickets(self, tickets):
        """Make cases of ``tickets``, with all that hangs on them, or raise."""
        # sudo: the whole application is brought, whoever sees what of it
        tickets = tickets.sudo().with_context(active_test=False)
        Case = (
            self.env["crm.case"]
            .sudo()
            .with_context(
                **{MIGRATION_KEY: True},
                active_test=False,
                tracking_disable=True,
                mail_create_nosubscribe=True,
                mail_create_nolog=True,
                mail_notrack=True,
                default_user_id=False,
            )
        )
        cases = Case.create(self._prepare_cases(tickets))
        self.env["crm.case.origin"].sudo()._note(
            TICKET, dict(zip(tickets.ids, cases, strict=True))
        )
        case_ids = dict(zip(tickets.ids, cases.ids, strict=True))
        self.env.flush_all()
        self._backdate(tickets, case_ids)
        self._bring_threads(case_ids)
        self.env.invalidate_all(flush=False)
        self._note_rest(tickets, cases)
        self.env.flush_all()
        self._derive(cases)
        self._start_promises(cases)

    def _prepare_cases(self, tickets):
        """Values of the cases, in the order of the tickets."""
        Origin = self.env["crm.case.origin"].sudo()
        facts = {
            "teams": self._get_team_ids(),
            "stages": Origin._find(STAGE),
            "tags": Origin._find(TAG),
            "categories": Origin._find(CATEGORY),
            "channels": {
                row.origin_id: row.channel
                for row in self.channel_map_ids
                if row.channel
            },
            "priorities": {
                key
                for key, _label in self.env["crm.case"]._fields["priority"].selection
            },
        }
        done = set(
            self.env["crm.case.stage"]
            .sudo()
            .with_context(active_test=False)
            .search([("category", "in", DONE)])
            .ids
        )
        numbers = self._get_numbers(tickets)
        return [
            self._prepare_case(ticket, numbers[ticket.id], facts, done)
            for ticket in tickets
        ]

    def _get_numbers(self, tickets):
        """``{ticket id: number}``: the ticket's own, with its id where it is taken."""
        wanted = [ticket.number for ticket in tickets if ticket.number]
        taken = {
            number
            for (number,) in self.env.execute_query(
                SQL("SELECT number FROM crm_case WHERE number = ANY(%s)", wanted)
            )
        }
        numbers = {}
        for ticket in tickets:
            number = ticket.number if ticket.number not in (False, "", "/") else "HT"
            if number in taken or number == "HT":
                number = f"{number}-{ticket.id}"
            taken.add(number)
            numbers[ticket.id] = number
        return numbers

    @api.model
    def _prepare_case(self, ticket, number, facts, done):
        """Hook: values of the case that a ticket becomes."""
        company = ticket.company_id
        stage_id = facts["stages"][ticket.stage_id.id or 0]
        partner = ticket.partner_id
        if partner.company_id and partner.company_id != company:
            partner = partner.browse()  # another company's: only name and address
        user = ticket.user_id
        if user.share or company not in user.company_ids:
            user = user.browse()  # customers are nobody's assignees
        values = {
            "number": number,
            "name": (ticket.name or self.env._("No subject"))[:MAX_SUBJECT],
            "description": ticket.description,
            "active": ticket.active,
            "color": ticket.color,
            "team_id": facts["teams"][ticket.team_id.id or 0, company.id],
            "stage_id": stage_id,
            "user_id": user.id,
            "partner_id": partner.id,
            "priority": ticket.priority
            if ticket.priority in facts["priorities"]
            else "1",
            "channel": facts["channels"].get(ticket.channel_id.id, "manual"),
            "tag_ids": [
                Command.set(
                    [
                        facts["tags"][tag.id]
                        for tag in ticket.tag_ids
                        if tag.id in facts["tags"]
                    ]
                )
            ],
            "date_opened": ticket.create_date,
            "date_assigned": ticket.assigned_date if user else False,
            "date_closed": (
                ticket.closed_date or ticket.last_stage_update or ticket.write_date
            )
            if stage_id in done
            else False,
        }
        # of the contact, where there is one: else as they were written
        if not partner:
            values["partner_name"] = ticket.partner_name
            values["partner_email"] = (
                email_normalize(ticket.partner_email) or ticket.partner_email
            )
        if ticket.category_id.id in facts["categories"]:
            values["category_id"] = facts["categories"][ticket.category_id.id]
        return values

    def _backdate(self, tickets, case_ids):
        """They are as old as the tickets, and were made by whom these were. Those that
        nobody had wait for somebody to take them: the rules of a team are for new ones.
        """
        self.env.cr.execute(
            SQL(
                """UPDATE crm_case AS c
                      SET create_date = t.create_date, create_uid = t.create_uid,
                          assignment_next_try = NULL
                     FROM helpdesk_ticket AS t,
                          unnest(%s, %s) AS m(ticket_id, case_id)
                    WHERE t.id = m.ticket_id AND c.id = m.case_id""",
                list(case_ids),
                list(case_ids.values()),
            )
        )

    def _note_rest(self, tickets, cases):
        """What cases have no field for is written down on them, for colleagues."""
        Case = self.env["crm.case"].sudo()
        bodies = {}
        for ticket, case in zip(tickets, cases, strict=True):
            lines = []
            if "duplicate_id" in ticket._fields and ticket.duplicate_id:
                lines.append(
                    self.env._("Duplicate of %s", ticket.duplicate_id.display_name)
                )
            if ticket.number and ticket.number != case.number:
                lines.append(self.env._("Number there: %s", ticket.number))
            if ticket.user_id and not case.user_id:
                lines.append(self.env._("Assigned to %s", ticket.user_id.name))
            lines += [
                f"{prop.get('string') or prop['name']}: {self._format_property(prop)}"
                for prop in self._read_properties(ticket)
                if prop.get("value")
            ]
            if lines:
                bodies[case.id] = Markup("<br/>").join(lines)
        if bodies:
            Case.browse(bodies)._message_log_batch(bodies=bodies)

    @api.model
    def _read_properties(self, ticket):
        if "properties" not in ticket._fields or not ticket.properties:
            return []
        return ticket.read(["properties"])[0]["properties"] or []

    @api.model
    def _format_property(self, prop):
        value = prop["value"]
        if prop.get("type") == "selection":
            return dict(prop.get("selection") or ()).get(value, value)
        if prop.get("type") == "many2one":
            return value[1] if isinstance(value, (list, tuple)) else value
        if isinstance(value, (list, tuple)):
            return ", ".join(
                str(part[1] if isinstance(part, (list, tuple)) else part)
                for part in value
            )
        return value

    def _derive(self, cases):
        """What follows from the messages and notes that were brought."""
        History = self.env["crm.case.stage.history"].sudo()
        History._rebuild(cases.ids)
        self.env["crm.case"]._flush_touches()
        self.env.cr.execute(
            SQL(
                """UPDATE crm_case AS c
                      SET date_first_response = f.date,
                          reopen_count = (
                           SELECT count(*) FROM crm_case_stage_history AS h
                            WHERE h.case_id = c.id AND h.is_reopened)
                     FROM crm_case AS k
                LEFT JOIN LATERAL (SELECT min(t.date) AS date FROM (%s) AS t
                                    WHERE t.is_ours) AS f ON TRUE
                    WHERE k.id = c.id AND c.id = ANY(%s)""",
                self.env["crm.case"]._touches_sql("k"),
                cases.ids,
            )
        )
        cases.invalidate_recordset(["date_first_response", "reopen_count"])

    def _start_promises(self, cases):
        """Open cases: nothing was promised there, so promises begin now."""
        alive = cases.filtered(
            lambda case: case.active and case.stage_category not in DONE
        )
        unanswered = alive.filtered(lambda case: not case.date_first_response)
        unanswered._sla_start("first_response")
        alive._sla_start("resolution")
        alive._pause_clocks()
