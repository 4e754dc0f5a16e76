"""Customers, leads, and what was talked about."""

from datetime import timedelta

from markupsafe import Markup

from odoo import Command

from . import pools
from .base_writer import BaseWriter, sentence
from .process_writer import ALERT_DAYS

STAGE_XMLIDS = {
    "new": "crm.stage_lead1",
    "qualified": "crm.stage_lead2",
    "proposition": "crm.stage_lead3",
    "won": "crm.stage_lead4",
}
ACTIVITY_XMLIDS = {
    "call": "mail.mail_activity_data_call",
    "email": "mail.mail_activity_data_email",
    "meeting": "mail.mail_activity_data_meeting",
    "todo": "mail.mail_activity_data_todo",
}

# who comes by a customer's word came to a cupping
CAMPAIGNS = {"fair": "fair", "referral": "cupping"}


class PeopleWriter(BaseWriter):
    """The people of a plot and their deals."""

    def write_partners(self):
        Partner = self.env["res.partner"]
        customers = self.plot.customers
        countries = {
            country.code: country
            for country in self.env["res.country"].search(
                [("code", "in", list({customer.country for customer in customers}))]
            )
        }
        self.countries = countries
        companies = Partner.create(
            [
                {
                    "name": customer.name,
                    "ref": f"SW-{1000 + customer.number}",
                    "is_company": True,
                    "street": customer.street,
                    "zip": customer.zip,
                    "city": customer.city,
                    "country_id": countries[customer.country].id,
                    "phone": customer.phone,
                    "email": f"info@{customer.domain}",
                    "website": f"https://www.{customer.domain}",
                    "user_id": self.users[customer.seller].id,
                    "industry_id": self.env.ref(
                        f"base.res_partner_industry_{pools.INDUSTRIES[customer.kind]}"
                    ).id,
                    "category_id": [
                        Command.link(self.ref(f"category_{customer.kind}").id)
                    ],
                }
                for customer in customers
            ]
        )
        pairs = [
            (contact, company, customer)
            for customer, company in zip(customers, companies, strict=True)
            for contact in customer.contacts
        ]
        contacts = Partner.create(
            [
                {
                    "name": contact.name,
                    "parent_id": company.id,
                    "type": "contact",
                    "function": contact.function,
                    "email": contact.email,
                    "phone": contact.phone,
                    "user_id": company.user_id.id,
                }
                for contact, company, _customer in pairs
            ]
        )
        self.partners.update(
            (id(customer), company)
            for customer, company in zip(customers, companies, strict=True)
        )
        self.partners.update(
            (id(contact), partner)
            for (contact, _company, _customer), partner in zip(
                pairs, contacts, strict=True
            )
        )
        since = {
            self.partners[id(person)]: customer.since
            for customer in customers
            for person in (customer, *customer.contacts)
        }
        self.put("res.partner", "create_date", since)

    def write_leads(self):
        plans = self.plot.leads
        self.stages = {key: self.env.ref(xmlid) for key, xmlid in STAGE_XMLIDS.items()}
        self.origins = {
            "web": (self.ref("utm_source_website"), self._medium("website")),
            "mail": (self.env["utm.source"], self._medium("email")),
            "phone": (self.env["utm.source"], self._medium("phone")),
            "fair": (self.ref("utm_source_fair"), self._medium("direct")),
            "referral": (self.ref("utm_source_referral"), self._medium("direct")),
        }
        leads = self.env["crm.lead"].create([self._lead_values(plan) for plan in plans])
        self.leads = {id(plan): lead for plan, lead in zip(plans, leads, strict=True)}
        pairs = list(zip(plans, leads, strict=True))
        self.put(
            "crm.lead", "create_date", {lead: plan.created for plan, lead in pairs}
        )
        self.put(
            "crm.lead",
            "date_open",
            {lead: plan.answered or plan.created for plan, lead in pairs},
        )
        self.put(
            "crm.lead",
            "date_last_stage_update",
            {
                lead: plan.moves[-1][0] if plan.moves else plan.created
                for plan, lead in pairs
            },
        )
        for name in ("day_open", "day_close"):
            self.env.add_to_compute(leads._fields[name], leads)

    def _medium(self, name):
        return (
            self.env.ref(f"utm.utm_medium_{name}", raise_if_not_found=False)
            or (self.env["utm.medium"])
        )

    def _lead_values(self, plan):
        customer = plan.customer
        source, medium = self.origins[plan.source]
        values = {
            "name": plan.name,
            "type": plan.type,
            "company_id": self.company.id,
            "user_id": self.users[plan.seller].id,
            "team_id": self.ref(f"team_{customer.team}").id,
            "stage_id": self.stages[plan.stage].id,
            "expected_revenue": plan.revenue,
            "priority": plan.priority,
            "tag_ids": [Command.set([self.ref(f"tag_{tag}").id for tag in plan.tags])],
            "source_id": source.id,
            "medium_id": medium.id,
            "date_deadline": plan.deadline and plan.deadline.date(),
            "date_closed": plan.closed,
            "date_conversion": plan.converted,
        }
        campaign = CAMPAIGNS.get(plan.source)
        if campaign:
            values["campaign_id"] = self.ref(f"utm_campaign_{campaign}").id
        if plan.source == "web":
            values["description"] = Markup("<p>%s</p>") % sentence(plan.enquiry)
        if customer.is_customer:
            values["partner_id"] = self.partners[id(plan.contact)].id
        else:
            country = self.env.ref(f"base.{customer.country.lower()}", False) or (
                self.env.ref("base.uk")
            )
            values.update(
                partner_name=customer.name,
                contact_name=plan.contact.name,
                function=plan.contact.function,
                email_from=plan.contact.email,
                phone=plan.contact.phone,
                street=customer.street,
                zip=customer.zip,
                city=customer.city,
                country_id=country.id,
                website=f"https://www.{customer.domain}",
            )
        if plan.is_routed:
            values["user_id"] = False  # the rules say whose it is
        if plan.won_reason:
            reason = self.env.ref(f"crm_plus.crm_won_reason_{plan.won_reason}")
            values["won_reason_id"] = reason.id
        if plan.outcome == "lost":
            values.update(
                active=False,
                probability=0,
                automated_probability=0,
                lost_reason_id=self.ref(f"lost_reason_{plan.lost_reason}").id,
            )
        elif plan.outcome == "won":
            values.update(probability=100, automated_probability=100)
        return values

    def write_clocks(self):
        """First responses as they were: in time, late, or still awaited."""
        pairs = [(plan, self.leads[id(plan)]) for plan in self.plot.leads]
        leads = self.env["crm.lead"].concat(*(lead for _plan, lead in pairs))
        clocks = leads._sla_start(
            "first_response", {lead.id: plan.created for plan, lead in pairs}
        )
        for plan, lead in pairs:
            # a moment of its own each: a call for each
            if plan.answered:
                lead._sla_stop("first_response", plan.answered)
            elif plan.outcome == "lost":
                lead._sla_cancel("first_response", plan.closed)
        # who has waited for some days only is alerted by write_alerts
        recent = self.plot.ago(ALERT_DAYS)
        self.silence_alerts(
            clocks.filtered(
                lambda clock: clock.date_stop or (clock.date_due or recent) <= recent
            )
        )

    def write_talks(self):
        call = self.env.ref(ACTIVITY_XMLIDS["call"])
        activities = self.env.ref("mail.mt_activities")
        note = self.env.ref("mail.mt_note")
        events = []  # (date, values)
        for plan in self.plot.leads:
            lead = self.leads[id(plan)]
            user = self.users[plan.seller]
            partner = self.partners.get(id(plan.contact), self.env["res.partner"])
            base = {
                "model": "crm.lead",
                "res_id": lead.id,
                "message_type": "notification",
                "author_id": user.partner_id.id,
                "email_from": user.email_formatted,
            }
            events.append(
                {
                    **base,
                    "author_id": self.env.ref("base.partner_root").id,
                    "subtype_id": self.env.ref("crm.mt_lead_create").id,
                    "body": Markup("<p>%s</p>") % "Lead/Opportunity created",
                    "date": plan.created,
                }
            )
            for mail in plan.mails:
                events.append(
                    self.mail_values(
                        "crm.lead", lead, mail, plan.contact, partner, user
                    )
                )
            for done in plan.calls:
                events.append(
                    {
                        **base,
                        "mail_activity_type_id": call.id,
                        "subtype_id": activities.id,
                        "date": done.date,
                        "body": Markup("<p><b>%s</b> done by %s</p><p>%s</p>")
                        % (call.name, user.name, done.text),
                    }
                )
            for remark in plan.notes:
                events.append(
                    {
                        **base,
                        "message_type": "comment",
                        "subtype_id": note.id,
                        "is_internal": True,
                        "date": remark.date,
                        "body": Markup("<p>%s</p>") % remark.text,
                    }
                )
        moves = self._moves()
        events += [values for values, _before, _after in moves]
        # the thread is read in the order of ids
        events.sort(key=lambda values: values["date"])
        message_by_event = {
            id(values): message
            for values, message in zip(events, self.post(events), strict=True)
        }
        self.track_stages(
            "crm.lead",
            [
                (message_by_event[id(values)], self.stages[before], self.stages[after])
                for values, before, after in moves
                if after
            ],
        )

    def _moves(self):
        """Stage changes: ``(values of the message, stage before, stage after)``."""
        moves = []
        for plan in self.plot.leads:
            lead = self.leads[id(plan)]
            user = self.users[plan.seller]
            changes = [
                (
                    date,
                    before,
                    after,
                    "crm.mt_lead_won" if after == "won" else "crm.mt_lead_stage",
                    "",
                )
                for date, before, after in plan.moves
            ]
            if plan.outcome == "lost":
                reason = Markup("<p>%s</p>") % lead.lost_reason_id.name
                changes.append((plan.closed, None, None, "crm.mt_lead_lost", reason))
            for date, before, after, subtype, body in changes:
                values = {
                    "model": "crm.lead",
                    "res_id": lead.id,
                    "message_type": "notification",
                    "subtype_id": self.env.ref(subtype).id,
                    "author_id": user.partner_id.id,
                    "email_from": user.email_formatted,
                    "body": body,
                    "date": date,
                }
                moves.append((values, before, after))
        return moves

    def write_meetings(self):
        pairs = [
            (plan, meeting)
            for plan in self.plot.leads
            for meeting in plan.meetings
            if plan.customer.is_customer
        ]
        events = self.env["calendar.event"].create(
            [
                {
                    "name": meeting.title,
                    "start": meeting.date,
                    "stop": meeting.date + timedelta(minutes=meeting.minutes),
                    "user_id": self.users[plan.seller].id,
                    "opportunity_id": self.leads[id(plan)].id,
                    "partner_ids": [
                        Command.set(
                            [
                                self.users[plan.seller].partner_id.id,
                                self.partners[id(plan.contact)].id,
                            ]
                        )
                    ],
                    "location": plan.customer.city
                    if meeting.title.startswith(("Visit", "Cupping"))
                    else False,
                }
                for plan, meeting in pairs
            ]
        )
        events.attendee_ids.write({"state": "accepted"})
        before = {
            event: max(plan.created, meeting.date - timedelta(days=5))
            for event, (plan, meeting) in zip(events, pairs, strict=True)
        }
        self.put("calendar.event", "create_date", before)

    def write_activities(self):
        model_id = self.env["ir.model"]._get_id("crm.lead")
        types = {key: self.env.ref(xmlid) for key, xmlid in ACTIVITY_XMLIDS.items()}
        self.env["mail.activity"].create(
            [
                {
                    "res_model_id": model_id,
                    "res_id": lead.id,
                    "activity_type_id": types[activity.kind].id,
                    "summary": activity.summary,
                    "date_deadline": activity.deadline.date(),
                    "user_id": (lead.user_id or self.users["nora"]).id,
                }
                for plan in self.plot.leads
                for lead in [self.leads[id(plan)]]
                for activity in plan.activities
            ]
        )
