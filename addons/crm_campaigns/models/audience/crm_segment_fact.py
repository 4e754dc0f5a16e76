from odoo import api, fields, models
from odoo.tools import SQL, format_date

MAIL_KINDS = ("mail_opened", "mail_clicked")
CONSENT_KINDS = ("subscribed", "opted_out")


class CrmSegmentFact(models.Model):
    """Facts of marketing mail: who opened and clicked, who wants it and who does not.

    They are of the address, not of the customer: a colleague's click is not mine, nor
    is a colleague's consent.
    """

    _inherit = "crm.segment.fact"

    kind = fields.Selection(
        selection_add=[
            ("mail_opened", "Opened our mails"),
            ("mail_clicked", "Clicked in our mails"),
            ("subscribed", "Is subscribed to a list"),
            ("opted_out", "Opted out"),
        ],
        ondelete={
            kind: lambda facts: facts._forget_kind()
            for kind in (*MAIL_KINDS, *CONSENT_KINDS)
        },
    )
    # for whoever may see them; whoever may not still builds segments of other facts
    mailing_ids = fields.Many2many(
        "mailing.mailing",
        string="Mailings",
        groups="mass_mailing.group_mass_mailing_user",
    )
    campaign_ids = fields.Many2many(
        "crm.campaign",
        string="Campaigns",
        groups="crm_campaigns.crm_campaigns_group_user",
    )
    list_ids = fields.Many2many(
        "mailing.list",
        string="Mailing Lists",
        groups="mass_mailing.group_mass_mailing_user",
    )

    @api.model
    def _get_definition_fields(self):
        return super()._get_definition_fields() | {
            "mailing_ids",
            "campaign_ids",
            "list_ids",
        }

    @api.model
    def _get_counted_kinds(self):
        return super()._get_counted_kinds() | set(MAIL_KINDS)

    @api.model
    def _get_undated_kinds(self):
        return super()._get_undated_kinds() | set(CONSENT_KINDS)

    def _get_watched_fields(self):
        """These facts are of the address, and so are all of a mailing contact."""
        by_email = self.filtered(
            lambda fact: (
                fact.kind in (*MAIL_KINDS, *CONSENT_KINDS)
                or fact.target == "mailing.contact"
            )
        )
        watched = super(CrmSegmentFact, self - by_email)._get_watched_fields()
        return watched | {"email_normalized"} if by_email else watched

    def _say_fact(self):
        # sudo: the words of a condition are for whoever sees the segment
        fact_sudo = self.sudo()
        if self.kind in MAIL_KINDS:
            what = ", ".join(
                fact_sudo.mailing_ids.mapped("display_name")
                + fact_sudo.campaign_ids.mapped("display_name")
            ) or self.env._("any of our mails")
            if self.kind == "mail_opened":
                if self.is_not:
                    return self.env._("did not open %s", what)
                return self.env._("opened %s", what)
            if self.is_not:
                return self.env._("did not click in %s", what)
            return self.env._("clicked in %s", what)
        if self.kind in CONSENT_KINDS:
            lists = ", ".join(fact_sudo.list_ids.mapped("name"))
            if self.kind == "subscribed":
                if self.is_not:
                    return self.env._("not subscribed to %s", lists)
                return self.env._("subscribed to %s", lists)
            if not lists:
                if self.is_not:
                    return self.env._("did not opt out of marketing mail")
                return self.env._("wants no marketing mail")
            if self.is_not:
                return self.env._("did not opt out of %s", lists)
            return self.env._("opted out of %s", lists)
        return super()._say_fact()

    def _get_problem(self):
        # sudo: constraints are of the record, not of the user
        if self.kind == "subscribed" and not self.sudo().list_ids:
            return self.env._(
                "Say which mailing list a fact of “%s” looks for.", self.segment_id.name
            )
        return super()._get_problem()

    # ------------------------------------------------------------
    # Who
    # ------------------------------------------------------------

    def _to_sql(self, Target, model, alias, query):
        if self.kind not in (*MAIL_KINDS, *CONSENT_KINDS):
            return super()._to_sql(Target, model, alias, query)
        return self._in_sql(
            model,
            model._field_to_sql(alias, "email_normalized", query),
            self._select_emails(fields.Date.context_today(Target)),
        )

    @api.model
    def _customer_sql(self, model, alias, query, who):
        """A mailing contact is whoever has its address."""
        if model._name != "mailing.contact":
            return super()._customer_sql(model, alias, query, who)
        return self._in_sql(
            model,
            model._field_to_sql(alias, "email_normalized", query),
            SQL(
                "SELECT p.email_normalized FROM res_partner p WHERE p.active AND %s",
                self._in_sql(model, SQL("p.commercial_partner_id"), who),
            ),
        )

    def _select_emails(self, today):
        """Return the ``SELECT`` of the normalised addresses for whom this is so."""
        if self.kind in MAIL_KINDS:
            return self._select_emails_by_mail(today)
        for name in ("mail.blacklist", "mailing.subscription", "mailing.contact"):
            self.env[name].flush_model()
        # sudo: whoever refreshes the segment
        list_ids = self.sudo().list_ids.ids
        blocked = SQL("SELECT email FROM mail_blacklist WHERE active")
        if self.kind == "opted_out" and not list_ids:
            return blocked
        return SQL(
            """
            SELECT c.email_normalized
              FROM mailing_subscription s
              JOIN mailing_contact c ON c.id = s.contact_id
             WHERE s.list_id = ANY(%s) AND c.email_normalized IS NOT NULL AND %s
            """,
            list_ids,
            SQL("s.opt_out")
            if self.kind == "opted_out"
            else SQL(
                "s.opt_out IS NOT TRUE AND c.email_normalized NOT IN (%s)", blocked
            ),
        )

    def _select_emails_by_mail(self, today):
        for name in ("mailing.trace", "link.tracker.click", "crm.campaign.step"):
            self.env[name].flush_model()
        Touchpoint = self.env["crm.touchpoint"]
        mailings = self._get_mailings()
        values = {
            "days": self.days,
            "is_ever": not self.days,
            "mailings": mailings.ids if mailings is not None else [],
            "of_all": mailings is None,
            "times": self.times,
            "today": today,
        }
        if self.kind == "mail_opened":
            return SQL(
                """
                SELECT t.email FROM mailing_trace t
                 WHERE t.email IS NOT NULL AND t.is_test_trace IS NOT TRUE
                   AND t.open_datetime IS NOT NULL AND NOT (%(is_machine)s)
                   AND (%(of_all)s OR t.mass_mailing_id = ANY(%(mailings)s))
                   AND (%(is_ever)s OR t.open_datetime >= %(today)s::date - %(days)s)
                 GROUP BY t.email HAVING count(*) >= %(times)s
                """,
                is_machine=Touchpoint._get_open_is_machine(),
                **values,
            )
        return SQL(
            """
            SELECT t.email
              FROM link_tracker_click c
              JOIN mailing_trace t ON t.id = c.mailing_trace_id
             WHERE t.email IS NOT NULL AND t.is_test_trace IS NOT TRUE
               AND c.machine_reason IS NULL
               AND (%(of_all)s OR t.mass_mailing_id = ANY(%(mailings)s))
               AND (%(is_ever)s OR c.create_date >= %(today)s::date - %(days)s)
             GROUP BY t.email HAVING count(*) >= %(times)s
            """,
            **values,
        )

    def _get_mailings(self):
        """Return the mailings asked for; ``None``: all of them."""
        # sudo: whoever refreshes the segment
        fact_sudo = self.sudo()
        if not fact_sudo.mailing_ids and not fact_sudo.campaign_ids:
            return None
        return fact_sudo.mailing_ids | fact_sudo.campaign_ids.all_step_ids.mailing_id

    # ------------------------------------------------------------
    # Why
    # ------------------------------------------------------------

    def _get_customer(self, record):
        if record._name != "mailing.contact":
            return super()._get_customer(record)
        return (
            self.env["res.partner"]
            .search(
                [
                    ("email_normalized", "=", record.email_normalized or "-"),
                ],
                order="id",
                limit=1,
            )
            .commercial_partner_id
        )

    def _say_present(self, record, customer):
        email = (
            record.email_normalized if self.kind in MAIL_KINDS + CONSENT_KINDS else ""
        )
        if self.kind in MAIL_KINDS:
            if not email:
                return self.env._("no address")
            field = (
                "open_datetime"
                if self.kind == "mail_opened"
                else "links_click_datetime"
            )
            domain = [("email", "=", email), (field, "!=", False)]
            mailings = self._get_mailings()
            if mailings is not None:
                domain.append(("mass_mailing_id", "in", mailings.ids))
            [[last]] = self.env["mailing.trace"]._read_group(
                domain, [], [f"{field}:max"]
            )
            if not last:
                return self.env._("never")
            # machines' included: the condition says whether one counted
            return self.env._("last on %s", format_date(self.env, last.date()))
        if self.kind in CONSENT_KINDS:
            if not email:
                return self.env._("no address")
            if record.is_blacklisted:
                return self.env._("on the blacklist")
            subscriptions = self.env["mailing.subscription"].search(
                [
                    ("contact_id.email_normalized", "=", email),
                    ("list_id", "in", self.list_ids.ids),
                ]
            )
            out = subscriptions.filtered("opt_out")
            if out:
                return self.env._(
                    "opted out of %s", ", ".join(out.list_id.mapped("name"))
                )
            if subscriptions:
                return self.env._(
                    "subscribed to %s", ", ".join(subscriptions.list_id.mapped("name"))
                )
            return self.env._("not subscribed")
        return super()._say_present(record, customer)
