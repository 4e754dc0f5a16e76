from odoo import models
from odoo.tools import SQL, format_date

from odoo.addons.crm_plus.tools.customer_panel import CustomerColumn, CustomerPanel


class ResPartner(models.Model):
    _inherit = "res.partner"

    # mailing contacts and unsubscribed addresses are looked up by it
    _email_normalized_idx = models.Index(
        "(email_normalized) WHERE email_normalized IS NOT NULL"
    )

    def _get_customer_panels(self):
        return [*super()._get_customer_panels(), self._get_customer_panel_consents()]

    def _get_customer_panel_consents(self):
        return CustomerPanel(
            key="consents",
            section="marketing",
            title=self.env._("Who may be mailed"),
            icon="fa-check-square-o",
            model="res.partner",
            domain=[
                ("commercial_partner_id", "in", self.ids),
                ("email_normalized", "!=", False),
            ],
            order="is_company desc, name, id",
            columns=[
                CustomerColumn(name="name", label=self.env._("Contact")),
                CustomerColumn(name="email", label=self.env._("E-mail"), is_wide=True),
                CustomerColumn(name="consent", label=self.env._("Mailings")),
                CustomerColumn(
                    name="lists",
                    label=self.env._("Mailing lists"),
                    groups="mass_mailing.group_mass_mailing_user",
                ),
            ],
            reads=("email_normalized",),
            values=lambda partners: partners._get_customer_consents(),
            sequence=20,
            context={"create": False},
            empty=self.env._("Nobody at this customer has an e-mail address."),
        )

    def _get_customer_consents(self):
        """Cells of the panel: blocked or not, and the lists the address is on."""
        emails = self.mapped("email_normalized")
        # sudo: employees see on contacts whether they are blocked
        blocked = {
            block.email: block.date_blocked or block.create_date
            for block in self.env["mail.blacklist"]
            .sudo()
            .search_fetch(
                [("email", "in", emails)], ["email", "date_blocked", "create_date"]
            )
        }
        lists = self._get_customer_lists(emails)
        values = {}
        for partner in self:
            email = partner.email_normalized
            consent = (
                (
                    self.env._(
                        "Blocked since %s", format_date(self.env, blocked[email].date())
                    ),
                    "red",
                )
                if email in blocked
                else (self.env._("Not blocked"), "green")
            )
            values[partner.id] = {
                "consent": consent,
                "lists": ", ".join(lists.get(email, ())),
            }
        return values

    def _get_customer_lists(self, emails):
        """`{address: [words for each of its mailing lists]}``, where the reader may."""
        Subscription = self.env["mailing.subscription"]
        if not emails or not Subscription.has_access("read"):
            return {}
        self.env["mailing.contact"].flush_model(["email_normalized"])
        self.env["mailing.list"].flush_model(["name"])
        self.env["mailing.subscription"].flush_model()
        lists = {}
        for email, name, is_out in self.env.execute_query(
            SQL(
                """
                SELECT c.email_normalized, l.name, s.opt_out
                  FROM mailing_subscription s
                  JOIN mailing_contact c ON c.id = s.contact_id
                  JOIN mailing_list l ON l.id = s.list_id
                 WHERE c.email_normalized = ANY(%s) AND s.id IN %s AND l.active
                 ORDER BY l.name, s.id
                """,
                emails,
                Subscription._search([]).subselect(),
            )
        ):
            lists.setdefault(email, []).append(
                self.env._("%s (opted out)", name) if is_out else name
            )
        return lists
