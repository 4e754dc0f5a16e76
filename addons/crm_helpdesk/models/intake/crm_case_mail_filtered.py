import logging

from markupsafe import Markup

from odoo import api, models
from odoo.fields import Command, Domain
from odoo.tools import email_normalize, escape_psql, formataddr

from ...tools.mail_filter import FilteredMail
from ...tools.own_field import read_number

_logger = logging.getLogger(__name__)

# what the route of a mail carries from the filters to its case
KEY = "mail_filters"
# what a mail is on one of its routes, whatever it is on the others: see mail.thread
FLAGS = "mail_flags"
MAX_TEXT = 500  # read from a mail, into a field


class CrmCase(models.Model):
    """Mails that would open a case go through the filters first."""

    _inherit = "crm.case"

    @api.model
    def _reroute(self, message, message_dict, route):
        route = super()._reroute(message, message_dict, route)
        if not route or route[0] != self._name or route[1]:
            return route
        if not self.env["crm.case.mail.filter"]._get_all():
            return route
        try:
            with self.env.cr.savepoint():
                return self._filter_mail(message, message_dict, route)
        except Exception:
            # settings of ours must not lose a mail of a customer
            _logger.exception(
                "Mail %s goes past the filters", message_dict.get("message_id")
            )
            return route

    @api.model
    def _filter_mail(self, message, message_dict, route):
        """Return the route of a mail after the filters, or None."""
        model, _thread_id, values, user_id, alias = route
        values = dict(values or {})
        team = self._get_team_of_mail(values)
        # sudo: the gateway knows all filters
        Filter = self.env["crm.case.mail.filter"].sudo()
        mail = FilteredMail.from_message(message, message_dict)
        done = [row for row in Filter._try_all(mail, team) if not row["fails"]]
        if not done:
            return route
        last = done[-1]["filter"]
        if last.outcome == "open":
            return (model, False, {**values, KEY: done}, user_id, alias)
        self._log_filters(done, message_dict, team)
        if last.outcome == "drop":
            _logger.info(
                "Mail %s opens no case: filter %s",
                message_dict.get("message_id"),
                last.name,
            )
            return None
        flags = {"is_machine_mail": True, "machine_reason": last.name}
        return ("crm.case.team", team.id, {FLAGS: flags}, user_id, alias)

    @api.model
    def _get_team_of_mail(self, values):
        Team = self.env["crm.case.team"].sudo()  # the gateway knows all teams
        return Team.browse(values.get("team_id")) or Team._get_default_team(
            self.env.user, self.env.company
        )

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        values = dict(custom_values or {})
        done = values.pop(KEY, None)
        if not done:
            return super().message_new(msg_dict, custom_values)
        team = self._get_team_of_mail(values)
        found = self._collect_found(done)
        before = dict(msg_dict)
        notes = []
        try:
            # what does not fit together is found out only here
            with self.env.cr.savepoint():
                self._take_customer(msg_dict, found)
                case = super().message_new(
                    msg_dict, {**values, **self._collect_values(done, team, notes)}
                )
                case.flush_recordset()
                notes += case._fill_in_found(found)
        except Exception as error:
            _logger.exception(
                "Mail %s goes past the filters", msg_dict.get("message_id")
            )
            msg_dict.clear()
            msg_dict.update(before)
            case = super().message_new(msg_dict, values)
            case._log_filters(done, before, team, [str(error)], is_failed=True)
            return case
        case._log_filters(done, before, team, notes)
        case._message_log(body=case._explain_filters(done, notes))
        return case

    def _explain_filters(self, done, notes):
        """Why the case is where it is, for its agents, who see no filters."""
        lines = [
            self.env._("By the mail filters: %s", [row["filter"].name for row in done]),
            *notes,
        ]
        return Markup("<br/>").join(lines)

    @api.model
    def _collect_values(self, done, team, notes):
        """Values of the case by all filters that hold, the last one first."""
        values, tag_ids = {}, []
        for row in done:
            of_filter = dict(row["filter"].values)
            tag_ids += of_filter.pop("tag_ids", ())
            values.update(of_filter)
        if tag_ids:
            values["tag_ids"] = [Command.link(tag_id) for tag_id in tag_ids]
        company = team.browse(values.get("team_id", team.id)).company_id
        Preset = self.env["crm.case.preset.mixin"]
        if user_sudo := Preset._take_out_assignee(values, company):
            notes.append(
                self.env._(
                    "Not assigned: %(user)s does not work for %(company)s",
                    user=user_sudo.name,
                    company=company.name,
                )
            )
        if subject := self._collect_found(done).get(("subject", "")):
            values["name"] = subject
        return values

    @api.model
    def _collect_found(self, done):
        """``{(target, own field): text}`` that was read from the mail."""
        return {
            (extract.target, extract.own_field): text.strip()[:MAX_TEXT]
            for row in done
            for extract, text in row["found"]
            if text and text.strip()
        }

    @api.model
    def _take_customer(self, msg_dict, found):
        """The mail is of whom its text names: a form on a web site sent it for him."""
        email = email_normalize(found.get(("customer", "")))
        if not email:
            return
        name = found.get(("customer_name", "")) or ""
        msg_dict["email_from"] = formataddr((name, email))
        # sudo: the gateway knows all contacts; which one is meant is found out later
        partner_sudo = (
            self.env["res.partner"]
            .sudo()
            .search([("email_normalized", "=", email)], limit=1)
        )
        msg_dict["author_id"] = partner_sudo.id
        # a person asks, whatever program carried it here
        msg_dict.update(is_machine_mail=False, machine_reason=False)

    # ------------------------------------------------------------
    # What the mail names
    # ------------------------------------------------------------

    def _fill_in_found(self, found):
        """Link what the mail names to the case: only what is the customer's own. Return
        what was not found, in words.
        """
        self.ensure_one()
        # sudo: the gateway looks for it, and links nothing of somebody else
        case = self.sudo()
        values, notes = {}, []
        properties = {}
        for (target, own_field), text in found.items():
            if target in ("customer", "customer_name", "subject"):
                continue
            if target == "own":
                self._fill_in_own_field(own_field, text, properties, notes)
                continue
            record = getattr(case, f"_find_named_{target}")(text)
            if not record:
                notes.append(self.env._("Not found, or not the customer's: %s", text))
            elif target == "tag":
                values["tag_ids"] = [Command.link(record.id)]
            else:
                name = {"order": "sale_order_id"}.get(target, f"{target}_id")
                values[name] = record.id
        if properties:
            # as the client writes them: the others keep what they have
            [row] = case.read(["case_properties"])
            for definition in row["case_properties"]:
                if definition["name"] in properties:
                    definition["value"] = properties[definition["name"]]
            values["case_properties"] = row["case_properties"]
        if values:
            case.write(values)
        return notes

    def _fill_in_own_field(self, name, text, properties, notes):
        # sudo: customers' mails fill in what the team asks for
        for field in self.team_id.sudo()._get_form_fields():
            if name.casefold() not in (field["name"], field["label"].casefold()):
                continue
            value = self._read_own_field(field, text)
            if value is None:
                notes.append(
                    self.env._("%(text)s is no %(field)s", text=text, field=name)
                )
            else:
                properties[field["name"]] = value
            return
        notes.append(self.env._("The team has no field %s", name))

    @api.model
    def _read_own_field(self, field, text):
        """The value of a team's own field, or None when the text is none."""
        if field["type"] in ("char", "text"):
            return text
        if field["type"] in ("integer", "float"):
            number = read_number(text)
            if number is None or field["type"] == "float":
                return number
            return int(number) if number.is_integer() else None
        if field["type"] == "selection":
            for key, label in field["options"]:
                if text.casefold() in (str(key).casefold(), str(label).casefold()):
                    return key
        return None

    def _find_named_order(self, text):
        Order = self.env["sale.order"]
        if not self.commercial_partner_id:
            return Order
        return Order.search(
            Domain("name", "=", text)
            & Domain("company_id", "=", self.company_id.id)
            & Domain("partner_id", "child_of", self.commercial_partner_id.ids),
            limit=1,
        )

    def _find_named_invoice(self, text):
        Move = self.env["account.move"]
        if not self.commercial_partner_id:
            return Move
        return Move.search(
            Domain("name", "=", text)
            & Domain("move_type", "in", ("out_invoice", "out_refund"))
            & Domain("state", "=", "posted")
            & Domain("company_id", "=", self.company_id.id)
            & Domain("commercial_partner_id", "=", self.commercial_partner_id.id),
            limit=1,
        )

    def _find_named_lot(self, text):
        Lot = self.env["stock.lot"]
        if not self.commercial_partner_id:
            return Lot
        lots = Lot.search(
            Domain("name", "=", text)
            & Domain("company_id", "in", (False, self.company_id.id))
            & Domain("delivered_to_ids", "in", self.commercial_partner_id.ids),
            limit=2,
        )
        return lots if len(lots) == 1 else Lot

    def _find_named_product(self, text):
        Product = self.env["product.product"]
        products = Product.search(
            (Domain("default_code", "=", text) | Domain("barcode", "=", text))
            & Domain("company_id", "in", (False, self.company_id.id)),
            limit=2,
        )
        return products if len(products) == 1 else Product

    def _find_named_category(self, text):
        return self.env["crm.case.category"].search(
            Domain("name", "=ilike", escape_psql(text))
            & Domain("company_id", "in", (False, self.company_id.id)),
            limit=1,
        )

    def _find_named_tag(self, text):
        return self.env["crm.case.tag"].search(
            Domain("name", "=ilike", escape_psql(text)), limit=1
        )

    # ------------------------------------------------------------
    # Log
    # ------------------------------------------------------------

    def _log_filters(self, done, message_dict, team, notes=(), is_failed=False):
        """Keep what the filters did with a mail.

        :param self: the case it opened, or none
        """
        Filter = self.env["crm.case.mail.filter"]
        vals_list = []
        for row in done:
            each = row["filter"]
            # sudo: the gateway writes the log
            lines = [Filter.sudo().browse(each.id).summary or ""]
            lines += [f"{extract.pattern}: {text}" for extract, text in row["found"]]
            vals_list.append(
                {
                    "filter_id": each.id,
                    "filter_name": each.name,
                    "case_id": self.id,
                    "team_id": team.id,
                    "outcome": "failed" if is_failed else each.outcome,
                    "email_from": (message_dict.get("email_from") or "")[:MAX_TEXT],
                    "subject": (message_dict.get("subject") or "")[:MAX_TEXT],
                    "message_id": message_dict.get("message_id"),
                    "text": "\n".join(filter(None, [*lines, *notes])),
                }
            )
        # sudo: as above
        self.env["crm.case.mail.filter.log"].sudo().create(vals_list)
