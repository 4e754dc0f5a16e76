"""The page that shows a customer from all sides: figures, panels, timeline."""

from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ...tools.client_input import read_moment
from ...tools.customer_panel import CustomerPanels, Names
from .res_partner import PROFILE_GROUPS

TIMELINE_LIMIT = 20


class ResPartner(models.Model):
    _inherit = "res.partner"

    # ------------------------------------------------------------
    # Hooks
    # ------------------------------------------------------------

    @api.model
    def _get_customer_sections(self):
        """Hook: ``[(key, title)]`` of the sections panels stand in, in order."""
        return [
            ("deals", self.env._("Deals")),
            ("money", self.env._("Money")),
            ("goods", self.env._("Goods")),
            ("service", self.env._("Service")),
            ("people", self.env._("People")),
            ("marketing", self.env._("Marketing")),
        ]

    def _get_customer_panels(self):
        """Hook: the list of ``CustomerPanel`` of the customer page.

        ``self``: the commercial partners the page is of; one, or that one first and its
        subsidiaries. A panel is shown to whoever may read its model, with the rows and
        fields the reader may see: nothing is to be checked here, and nothing searched.
        """
        return []

    def _get_customer_buttons(self):
        """Hook: ``[{"method", "label", "icon"}]``: methods of the customer (``self``)
        that return an action, as buttons of the page. They check rights themselves;
        left out here is what the reader has no use for.
        """
        if not self.env["sale.order"].has_access("create"):
            return []
        return [
            {
                "method": "action_new_quotation",
                "label": self.env._("New Quotation"),
                "icon": "fa-plus",
            }
        ]

    def _get_customer_headers(self, profiles=None, names=None):
        """Hook: ``{id: header}`` of these commercial partners, set-based: what the page
        and the forms of leads, quotations and others show of a customer in one line. An
        override may add to ``facts``: ``{"key", "text", "light", "icon"}``.

        :param profiles: those of the customers, if they were read already
        :param names: ``Names`` of their labels, likewise
        """
        # sudo: words only are told
        standings = self.sudo()._get_credit_standings(self.env.company)
        if profiles is None:
            profiles = self._get_customer_profiles()
        if names is None:
            names = Names(self.env)
            self._want_customer_names(profiles, names)
        profiles = profiles.grouped("partner_id")
        none = self.env["crm.customer.profile"]
        return {
            partner.id: partner._get_customer_header(
                profiles.get(partner, none), standings.get(partner.id), names
            )
            for partner in self
        }

    def _get_customer_profiles(self):
        """The profiles of these customers in the current company, in one query."""
        Profile = self.env["crm.customer.profile"]
        return Profile.search_fetch(
            [("partner_id", "in", self.ids), ("company_id", "=", self.env.company.id)],
            [
                name
                for name, field in Profile._fields.items()
                if field.store
                and field.column_type
                and Profile._has_field_access(field, "read")
            ],
        )

    def _get_customer_header(self, profile, standing, names):
        light, words = standing.judge(self.env) if standing else ("none", "")
        if light == "green" and profile.payment_light in ("amber", "red"):
            # nothing is overdue today: what the habit says
            light, words = profile.payment_light, profile.payment_words
        lights = [
            {
                "key": "payment",
                "label": self.env._("Payment"),
                "light": light,
                "words": words,
            }
        ]
        if profile.churn_level:
            lights.append(
                {
                    "key": "churn",
                    "label": self.env._("Churn risk"),
                    "light": profile.churn_light,
                    "words": dict(
                        profile._fields["churn_level"]._description_selection(self.env)
                    )[profile.churn_level],
                }
            )
        if profile.health_light:
            words = {
                "green": self.env._("Good"),
                "amber": self.env._("Middling"),
                "red": self.env._("Bad"),
            }
            lights.append(
                {
                    "key": "health",
                    "label": self.env._("Health"),
                    "light": profile.health_light,
                    "words": words[profile.health_light],
                }
            )
        return {
            "id": self.id,
            # sudo: whoever sees the document sees whose it is
            "name": self.sudo().name or "",
            "label": names.get("crm.customer.label", profile.label_id.id),
            "color": names.get("crm.customer.label", profile.label_id.id, "color"),
            "grade": self._get_customer_grade(),
            "lights": lights,
            "facts": [],
        }

    def _get_customer_grade(self):
        if not self._has_field_access(self._fields["score_grade"], "read"):
            return ""
        # sudo: the field may be read; what it is computed from may be out of sight
        return self.sudo().score_grade or ""

    # ------------------------------------------------------------
    # The page
    # ------------------------------------------------------------

    @api.readonly
    def get_customer_page(self, with_subsidiaries=False):
        """All that the page shows of the customer, with the rights of the reader.

        :param with_subsidiaries: roll up companies below this one
        """
        self.ensure_one()
        customer = self._get_customer_of_page()
        subsidiaries = customer._get_subsidiaries()
        partners = customer + subsidiaries if with_subsidiaries else customer
        # all names are wanted before the first one is read
        names = Names(self.env)
        panels = CustomerPanels(
            self.env,
            partners._get_customer_panels(),
            names,
            is_rolled_up=with_subsidiaries and bool(subsidiaries),
        )
        profiles = partners._get_customer_profiles()
        customer._want_customer_names(profiles, names)
        timeline = partners._get_customer_timeline(names=names, with_channels=True)
        panels = panels.get_data()
        return {
            "id": customer.id,
            "name": customer.name or "",
            "contact": customer._get_customer_contact(names),
            "subsidiary_count": len(subsidiaries),
            "header": customer._get_customer_headers(profiles, names)[customer.id],
            "figures": partners._get_customer_figures(profiles),
            "sections": [
                {
                    "key": key,
                    "title": title,
                    "panels": [panel for panel in panels if panel["section"] == key],
                }
                for key, title in self._get_customer_sections()
            ],
            "buttons": customer._get_customer_buttons(),
            "timeline": timeline,
        }

    @api.readonly
    def get_customer_timeline(
        self, channel=False, before=False, with_subsidiaries=False
    ):
        """More of the timeline of the page: ``{"items", "has_more"}``.

        :param before: ``[date, id]`` of the last touchpoint that is known already
        """
        self.ensure_one()
        if before:
            before = self._read_customer_place(before)
        channels = dict(self.env["crm.touchpoint"]._fields["channel"].selection)
        if channel and (not isinstance(channel, str) or channel not in channels):
            raise UserError(self.env._("There is no such channel: choose another."))
        partners = self._get_customer_of_page()
        if with_subsidiaries:
            partners += partners._get_subsidiaries()
        return partners._get_customer_timeline(channel=channel, before=before)

    def _read_customer_place(self, before):
        """The place in the timeline that the client names: ``(date, id)``."""
        date, last_id = (
            before if isinstance(before, (list, tuple)) and len(before) == 2 else (0, 0)
        )
        date = read_moment(date)
        if not date or isinstance(last_id, bool) or not isinstance(last_id, int):
            raise UserError(
                self.env._("The timeline does not go on from there: open it again.")
            )
        return date, last_id

    def _get_customer_of_page(self):
        if not self.env.user.has_groups(PROFILE_GROUPS):
            raise AccessError(
                self.env._("The customer page is for sales, service and accounting.")
            )
        self.check_access("read")
        customer = self.commercial_partner_id
        if customer != self:
            customer.check_access("read")
        return customer

    def _get_subsidiaries(self):
        """Companies anywhere below this one that are customers of their own."""
        self.ensure_one()
        below = SQL(
            """(
                WITH RECURSIVE tree AS (
                    SELECT id, is_company, 0 AS depth
                      FROM res_partner WHERE id = %s
                     UNION ALL
                    SELECT p.id, p.is_company, t.depth + 1
                      FROM res_partner p
                      JOIN tree t ON t.id = p.parent_id
                )
                SELECT id FROM tree WHERE is_company AND depth > 0
            )""",
            self.id,
        )
        return self.search_fetch([("id", "in", below)], ["name"], order="name, id")

    def _want_customer_names(self, profiles, names):
        names.want("res.country", self.country_id.ids)
        names.want("res.users", self.user_id.ids)
        for column in ("display_name", "color"):
            names.want("crm.customer.label", profiles.label_id.ids, column)

    def _get_customer_contact(self, names):
        return {
            "email": self.email or "",
            "phone": self.phone or "",
            "website": self.website or "",
            "place": ", ".join(
                part
                for part in (
                    self.city,
                    names.get("res.country", self.country_id.id),
                )
                if part
            ),
            "user": names.get("res.users", self.user_id.id),
        }

    # ------------------------------------------------------------
    # Timeline
    # ------------------------------------------------------------

    def _get_customer_timeline(
        self, channel=False, before=False, names=None, with_channels=False
    ):
        """The newest touchpoints of these customers, or those before one that is known:
        no page is skipped however many come in meanwhile. None: the reader may not.
        """
        Touchpoint = self.env["crm.touchpoint"]
        if not Touchpoint.has_access("read"):
            return None
        domain = Domain("commercial_partner_id", "in", self.ids) & Domain(
            "is_machine", "=", False
        )
        shown = domain & Domain("channel", "=", channel) if channel else domain
        if before:
            date, last_id = before
            shown &= Domain("date", "<=", date)
            shown &= Domain("date", "<", date) | Domain("id", "<", last_id)
        columns = ["kind_id", "channel", "date", "name", "partner_id", "user_id"]
        columns += ["company_id", "amount"]
        sees_ledger = Touchpoint._has_field_access(
            Touchpoint._fields["amount_ledger"], "read"
        )
        if sees_ledger:
            columns.append("amount_ledger")
        touchpoints = Touchpoint.search_fetch(
            shown, columns, order="date desc, id desc", limit=TIMELINE_LIMIT + 1
        )
        has_more = len(touchpoints) > TIMELINE_LIMIT
        touchpoints = Touchpoint.browse(touchpoints.ids[:TIMELINE_LIMIT])
        names = names or Names(self.env)
        touchpoints._want_customer_timeline_names(names)
        result = {
            "items": [
                touchpoint._get_customer_timeline_item(names, sees_ledger)
                for touchpoint in touchpoints
            ],
            "has_more": has_more,
        }
        if with_channels:
            result["channels"] = self._get_customer_channels(domain)
        return result

    def _get_customer_channels(self, domain):
        Touchpoint = self.env["crm.touchpoint"]
        counts = dict(Touchpoint._read_group(domain, ["channel"], ["__count"]))
        return [
            {"key": key, "label": label, "count": counts[key]}
            for key, label in Touchpoint._fields["channel"]._description_selection(
                self.env
            )
            if counts.get(key)
        ]

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_new_quotation(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("New Quotation"),
            "res_model": "sale.order",
            "views": [(False, "form")],
            "context": {"default_partner_id": self.id},
        }

    def action_view_customer_page(self):
        self.ensure_one()
        customer = self.commercial_partner_id
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_customer_page_action"
        )
        action["name"] = customer.display_name
        # not active_id: opened from a list of anything, that is no customer
        action["params"] = {"partner_id": customer.id}
        return action
