from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

import pytz

from odoo import api, fields, models
from odoo.tools import SQL

from ...tools.company_time import company_timezone
from ...tools.contact_policy import (
    DEFER,
    SEND,
    Block,
    Contact,
    Decider,
    Decision,
    Person,
)

# What was allowed counts as sent until the timeline knows it, for so long.
RESERVED_HOURS = 24
PRIORITY = 50
# reasons that keep a place in the queue: the hour is known
PLACE_REASONS = ("cap", "window", "wish")


class PersonRow(NamedTuple):
    """Who is behind a record, as the database knows it."""

    res_id: int
    partner_id: int | None
    customer_id: int | None
    lead_id: int | None
    email: str | None
    tz: str | None
    country_id: int | None
    country_code: str | None

    @property
    def who(self):
        """Records of one person share it."""
        if self.partner_id:
            return self.partner_id
        return ("email", self.email) if self.email else ("record", self.res_id)


class CrmContactPolicy(models.Model):
    """How the policy decides: facts read in a bounded number of queries whatever the
    size of the batch, judged by ``tools/contact_policy.py``, logged in one statement.
    """

    _inherit = "crm.contact.policy"

    @api.model
    def _decide(
        self,
        records,
        channel="email",
        purpose="marketing",
        priority=PRIORITY,
        at=None,
        *,
        company=None,
        origin=None,
        expires=None,
        dry_run=False,
        planned=None,
    ):
        """May we contact the people behind these records?

        Holds, caps and hours are obeyed by companies that switched the policy on;
        consent by those that enforce it; who withdrew is never written to.

        :param records: of ``res.partner``, ``crm.lead``, or any model:
            ``_get_person_query`` tells the person behind, as well as it is known
        :param channel: one of ``CONTACT_CHANNELS``
        :param purpose: a ``crm.consent.purpose`` or its code
        :param priority: 0 to 100; the higher ones get the place in the queue
        :param at: the moment it would be sent; default: now
        :param company: on whose behalf; default: the current one
        :param origin: the record that wants to (a campaign step, a mailing): what waits
            is one row a record and origin, keeps a place in the queue, and does not
            wait longer than the policy says. Without one nothing keeps a place
        :param expires: after that it is of no use
        :param dry_run: nothing is noted, and no place is kept
        :param planned: ``{id of record: [Contact]}`` that will have been sent by then
        :return: ``{id of record: Decision}``, see ``tools/contact_policy.py``
        """
        at = at or fields.Datetime.now()
        company = company or self.env.company
        purpose = self._get_purpose(purpose)
        if purpose.nature == "transaction":
            return dict.fromkeys(records.ids, Decision(SEND))
        # sudo: who sends need not see holds, touchpoints and consents of all; what is
        # told of them is a reason
        policy = self.sudo()._get_policy(company)
        is_applied = company.sudo().crm_plus_contact_policy
        if not is_applied:
            policy = policy.browse()
        rows = policy._read_persons(records)
        decider = Decider(
            policy._get_rules(channel, company, at),
            at,
            channel,
            is_marketing=purpose.nature == "marketing",
            priority=priority,
        )
        persons = policy._prepare_persons(rows, at, company)
        for person in persons.values():
            person.expires = expires
        if is_applied:
            policy._add_holds(rows, persons, at, company, purpose)
            policy._add_contacts(rows, persons, decider, records._name, origin)
            policy._add_planned(persons, planned or {})
        policy._add_consents(rows, persons, at, company, purpose, channel)
        decisions = decider.decide(persons.values())
        # where nothing is to be obeyed there is nothing to note
        is_noted = is_applied or any(one.outcome != SEND for one in decisions.values())
        if is_noted and not dry_run:
            policy._log_decisions(
                rows, decisions, records, company, purpose, decider, origin
            )
        return decisions

    @api.model
    def _get_purpose(self, purpose):
        """:param purpose: a record, or a code"""
        if not isinstance(purpose, str):
            # sudo: purposes are no secret
            return purpose.sudo()
        # sudo: purposes are no secret
        found = (
            self.env["crm.consent.purpose"]
            .sudo()
            .with_context(active_test=False)
            .search([("code", "=", purpose)])
        )
        if not found:
            raise ValueError(f"no purpose of contact has the code {purpose!r}")
        return found

    # ------------------------------------------------------------
    # Facts
    # ------------------------------------------------------------

    @api.model
    def _get_person_query(self, records):
        """Hook: SQL of ``res_id, partner_id, lead_id, email, country_id`` of records:
        the person behind each of them.
        """
        model, ids = records._name, records.ids
        if model == "res.partner":
            return SQL(
                """SELECT id AS res_id, id AS partner_id, NULL::integer AS lead_id,
                          email_normalized AS email, country_id
                     FROM res_partner WHERE id = ANY(%s)""",
                ids,
            )
        if model == "crm.lead":
            return SQL(
                """SELECT id AS res_id, partner_id, id AS lead_id,
                          email_normalized AS email, country_id
                     FROM crm_lead WHERE id = ANY(%s)""",
                ids,
            )
        # of any other model, as well as it is known
        names = {
            "partner_id": SQL("NULL::integer"),
            "email_normalized": SQL("NULL::varchar"),
            "country_id": SQL("NULL::integer"),
        }
        fields_ = records._fields
        partner, email, country = (
            SQL.identifier(name)
            if name in fields_ and fields_[name].store and fields_[name].column_type
            else null
            for name, null in names.items()
        )
        return SQL(
            """SELECT id AS res_id, %s AS partner_id, NULL::integer AS lead_id,
                      %s AS email, %s AS country_id
                 FROM %s WHERE id = ANY(%s)""",
            partner,
            email,
            country,
            SQL.identifier(records._table),
            ids,
        )

    @api.model
    def _read_persons(self, records):
        """``[PersonRow]`` in the order of the records."""
        self.env["res.partner"].flush_model(
            ["commercial_partner_id", "country_id", "email_normalized", "tz"]
        )
        records.flush_model(
            [
                name
                for name in ("partner_id", "email_normalized", "country_id")
                if name in records._fields
            ]
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT q.res_id, p.id, p.commercial_partner_id, q.lead_id,
                       COALESCE(p.email_normalized, q.email), COALESCE(p.tz, m.tz),
                       k.id, k.code
                  FROM (%s) q
             LEFT JOIN res_partner p ON p.id = q.partner_id
             LEFT JOIN res_partner m ON m.id = p.commercial_partner_id
             LEFT JOIN res_country k
                    ON k.id = COALESCE(p.country_id, m.country_id, q.country_id)
                """,
                self._get_person_query(records),
            )
        )
        by_id = {row[0]: PersonRow(*row) for row in rows}
        return [by_id[res_id] for res_id in records.ids if res_id in by_id]

    def _prepare_persons(self, rows, at, company):
        """``{res_id: Person}``, each in the own time zone: that of the contact, else of
        the country (the first one of those with several), else of the company.
        """
        own = company_timezone(company).key
        zones = {None: own}
        for row in rows:
            if row.country_code not in zones:
                names = pytz.country_timezones.get(row.country_code)
                zones[row.country_code] = names[0] if names else own
        return {
            row.res_id: Person(
                key=row.res_id,
                who=row.who,
                customer=row.customer_id,
                tz=row.tz or zones[row.country_code],
                country=row.country_id,
                since=at,
            )
            for row in rows
        }

    def _add_holds(self, rows, persons, at, company, purpose):
        """Holds on a person, and those on the customer the person belongs to."""
        partner_ids = {row.partner_id for row in rows} | {
            row.customer_id for row in rows
        }
        self.env["crm.contact.hold"].flush_model()
        holds = defaultdict(list)
        for partner_id, hold_id, until in self.env.execute_query(
            SQL(
                """
                SELECT partner_id, id, date_until
                  FROM crm_contact_hold
                 WHERE partner_id = ANY(%s) AND date_released IS NULL
                   AND (date_until IS NULL OR date_until > %s)
                   AND (company_id IS NULL OR company_id = %s)
                   AND (scope = 'all' OR %s)
              ORDER BY id
                """,
                list(partner_ids - {None}),
                at,
                company.id,
                purpose.nature == "marketing",
            )
        ):
            holds[partner_id].append(Block("hold", hold_id, until))
        if not holds:
            return
        for row in rows:
            # few are held
            if row.partner_id in holds or row.customer_id in holds:
                persons[row.res_id].blocks += [
                    block
                    for partner_id in {row.partner_id, row.customer_id}
                    for block in holds.get(partner_id, ())
                ]

    def _add_consents(self, rows, persons, at, company, purpose, channel):
        """Hook: add blocks and caps that follow from what people agreed to."""

    # ------------------------------------------------------------
    # What was sent, and what waits
    # ------------------------------------------------------------

    @api.model
    def _get_sent_channels(self):
        """Hook: ``{code of touchpoint kind: channel}`` of what counts as sent to a
        person, by default each marketing kind that goes to the customer.
        """
        # sudo: kinds are no secret
        kinds = (
            self.env["crm.touchpoint.kind"]
            .sudo()
            .with_context(active_test=False)
            .search([("is_marketing", "=", True), ("direction", "=", "out")])
        )
        return {
            kind.code: kind.channel if kind.channel in ("sms", "phone") else "email"
            for kind in kinds
        }

    def _add_contacts(self, rows, persons, decider, model, origin):
        """What counts for the caps: sent, allowed a moment ago, and waiting before."""
        span = max((cap.seconds for cap in decider.rules.caps), default=0)
        # what the person wishes may reach further than any cap
        since = decider.at - timedelta(seconds=max(span, 31 * 86400))
        customer_ids = list({row.customer_id for row in rows} - {None})
        lead_ids = [row.lead_id for row in rows if not row.partner_id and row.lead_id]
        sent = self._read_sent(customer_ids, lead_ids, since, decider.at)
        allowed, waiting = self._read_decided(
            customer_ids, lead_ids, since, decider, model, origin, persons, sent
        )
        recent = decider.at - timedelta(hours=RESERVED_HOURS)
        of_person = defaultdict(list)
        of_customer = defaultdict(list)
        customers = {}
        for who, customer_id, contact in sent:
            of_person[who].append(contact)
            customers[who] = customer_id
        for (who, customer_id), contacts in allowed.items():
            customers[who] = customer_id
            of_person[who] += self._leave_out_known(contacts, of_person[who], recent)
        for who, customer_id, contact in waiting:
            of_person[who].append(contact)
            customers[who] = customer_id
        for who, contacts in of_person.items():
            if customers[who]:
                of_customer[customers[who]] += contacts
        if not of_person:
            return
        for row in rows:
            person = persons[row.res_id]
            who = row.partner_id or ("lead", row.lead_id)
            person.contacts = of_person.get(who, [])
            person.customer_contacts = of_customer.get(row.customer_id, [])

    def _add_planned(self, persons, planned):
        """Count for each person, and for the customer, what will have been sent."""
        if not planned:
            return
        of_person, of_customer = defaultdict(list), defaultdict(list)
        for key, contacts in planned.items():
            if key in persons:
                of_person[persons[key].who] += contacts
                of_customer[persons[key].customer] += contacts
        of_customer.pop(None, None)
        for person in persons.values():
            # the lists are shared with others
            person.contacts = person.contacts + of_person.get(person.who, [])
            person.customer_contacts = person.customer_contacts + of_customer.get(
                person.customer, []
            )

    def _leave_out_known(self, allowed, sent, recent):
        """Of what was allowed, what the timeline does not know yet: as many as there
        are more of than it knows, a channel and kind.
        """
        known = defaultdict(int)
        for contact in sent:
            if contact.date > recent:
                known[contact.channel, contact.is_marketing] += 1
        rest = []
        for contact in sorted(allowed):
            key = contact.channel, contact.is_marketing
            if contact.is_marketing and known[key]:
                known[key] -= 1
            else:
                rest.append(contact)
        return rest

    def _read_sent(self, customer_ids, lead_ids, since, at):
        """``[(who, customer id, Contact)]`` of the timeline."""
        channels = self._get_sent_channels()
        if not channels:
            return []
        rows = self.env.execute_query(
            SQL(
                """
                SELECT COALESCE(t.partner_id, t.commercial_partner_id),
                       t.commercial_partner_id, t.lead_id, t.date, k.code
                  FROM crm_touchpoint t
                  JOIN crm_touchpoint_kind k ON k.id = t.kind_id
                 WHERE k.code = ANY(%(codes)s) AND t.is_machine IS NOT TRUE
                   AND t.date > %(since)s AND t.date <= %(at)s
                   AND (t.commercial_partner_id = ANY(%(customers)s)
                        OR t.partner_id IS NULL AND t.lead_id = ANY(%(leads)s))
                """,
                codes=list(channels),
                since=since,
                at=at,
                customers=customer_ids,
                leads=lead_ids,
            )
        )
        return [
            (
                partner_id or ("lead", lead_id),
                customer_id,
                Contact(date, channels[code]),
            )
            for partner_id, customer_id, lead_id, date, code in rows
        ]

    def _read_decided(
        self, customer_ids, lead_ids, since, decider, model, origin, persons, sent
    ):
        """What was allowed lately, ``{(who, customer id): [Contact]}``, and what waits
        before us, ``[(who, customer id, Contact)]``. Of what waits for the same origin
        the moment it was asked for first is told to the persons.

        Before us: what is more urgent, or as urgent and asked for earlier; before what
        was allowed to us lately and is not sent yet, only what was asked for earlier:
        the others were told to wait because of us.
        """
        Log = self.env["crm.contact.decision"]
        Log.flush_model()
        allowed = defaultdict(list)
        waiting = []
        own = {}
        kept = {}
        others = []
        recent = decider.at - timedelta(hours=RESERVED_HOURS)
        last_sent = {}
        for sent_to, _customer_id, contact in sent:
            key = sent_to, contact.channel
            last_sent[key] = max(contact.date, last_sent.get(key, contact.date))
        for (
            decision_id,
            partner_id,
            customer_id,
            lead_id,
            res_model,
            res_id,
            origin_model,
            origin_id,
            outcome,
            reason,
            channel,
            is_marketing,
            priority,
            date,
            date_first,
            date_until,
            date_released,
        ) in self.env.execute_query(
            SQL(
                """
                SELECT d.id, d.partner_id, p.commercial_partner_id, d.lead_id,
                       d.res_model, d.res_id, d.origin_model, d.origin_id, d.outcome,
                       d.reason, d.channel, d.is_marketing, d.priority, d.date,
                       d.date_first, d.date_until, d.date_released
                  FROM crm_contact_decision d
             LEFT JOIN res_partner p ON p.id = d.partner_id
                 WHERE (p.commercial_partner_id = ANY(%(customers)s)
                        OR d.partner_id IS NULL AND d.lead_id = ANY(%(leads)s))
                   AND (d.outcome = 'defer' AND d.origin_id IS NOT NULL
                        OR d.outcome = 'send' AND d.date <= %(at)s AND d.date > CASE
                           WHEN d.is_marketing THEN %(recent)s::timestamp
                           ELSE %(since)s::timestamp END)
                """,
                customers=customer_ids,
                leads=lead_ids,
                at=decider.at,
                recent=recent,
                since=since,
            )
        ):
            who = partner_id or ("lead", lead_id)
            is_own = (
                origin
                and (origin_model, origin_id) == (origin._name, origin.id)
                and res_model == model
                and res_id in persons
            )
            if outcome == SEND:
                # asked again after it was allowed: it was not sent, or the timeline
                # knows
                if not is_own:
                    allowed[who, customer_id].append(
                        Contact(date, channel, is_marketing)
                    )
                elif date > max(recent, last_sent.get((who, channel), datetime.min)):
                    kept[customer_id or who] = min(
                        decision_id, kept.get(customer_id or who, decision_id)
                    )
                    if date_released:
                        persons[res_id].is_released = True
                continue
            if is_own:
                own[res_id] = decision_id
                persons[res_id].since = date_first
                persons[res_id].is_released = bool(date_released)
            elif reason in PLACE_REASONS and date_until > recent:
                others.append(
                    (
                        (-priority, decision_id),
                        who,
                        customer_id,
                        # it is its turn, and it is about to ask
                        Contact(max(date_until, decider.at), channel, is_marketing),
                    )
                )
        # a batch is as far behind as its first that waits: those of one batch follow
        # each other by the order they are decided in
        place = (-decider.priority, min(own.values(), default=float("inf")))
        waiting = [
            (who, customer_id, contact)
            for order, who, customer_id, contact in others
            if order < place and order[1] < kept.get(customer_id or who, float("inf"))
        ]
        return allowed, waiting

    # ------------------------------------------------------------
    # Log
    # ------------------------------------------------------------

    @api.model
    def _get_reason_words(self, decisions):
        """``{key: why}`` in words of what is not sent at once, for traces and logs.

        :param decisions: as ``_decide`` returns them
        """
        Log = self.env["crm.contact.decision"].sudo()  # holds are told in words only
        rows = {
            (reason, rule_id): Log.new(
                {
                    "reason": reason,
                    "hold_id": rule_id if reason == "hold" else False,
                    "cap_id": rule_id if reason == "cap" else False,
                }
            ).words
            # of many moments there are few reasons
            for reason, rule_id in {
                (one.reason, one.rule_id) for one in decisions.values()
            }
            if reason
        }
        return {
            key: rows[one.reason, one.rule_id]
            for key, one in decisions.items()
            if one.reason
        }

    def _log_decisions(
        self, rows, decisions, records, company, purpose, decider, origin
    ):
        log = []
        for row in rows:
            decision = decisions[row.res_id]
            by_cap = decision.reason == "cap"
            log.append(
                {
                    "res_id": row.res_id,
                    "partner_id": row.partner_id,
                    "lead_id": row.lead_id,
                    "outcome": decision.outcome,
                    "date_until": decision.until,
                    "reason": decision.reason or None,
                    "hold_id": decision.rule_id if decision.reason == "hold" else None,
                    "cap_id": decision.rule_id if by_cap else None,
                }
            )
        self.env["crm.contact.decision"]._log(
            log,
            {
                "res_model": records._name,
                "company_id": company.id,
                "channel": decider.channel,
                "purpose_id": purpose.id,
                "is_marketing": decider.is_marketing,
                "priority": decider.priority,
                "origin_model": origin._name if origin else None,
                "origin_id": origin.id if origin else None,
                "origin_name": origin.display_name if origin else None,
                "date": decider.at,
            },
        )

    @api.model
    def _forget_waiting(self, origin, records=None):
        """What waits for ``origin`` (of these records) is no longer wanted: its places
        in the queue are free.
        """
        domain = [
            ("origin_model", "=", origin._name),
            ("origin_id", "in", origin.ids),
            ("outcome", "=", DEFER),
        ]
        if records is not None:
            domain += [
                ("res_model", "=", records._name),
                ("res_id", "in", records.ids),
            ]
        # sudo: the log is the system's
        self.env["crm.contact.decision"].sudo().search(domain).unlink()

    @api.model
    def _take_back(self, origin, records):
        """What was allowed to ``origin`` lately is not sent yet, and will be asked
        about again at once: it waits in its place meanwhile, and does not count as
        sent.
        """
        # sudo: the log is the system's
        Log = self.env["crm.contact.decision"].sudo()
        Log.flush_model()
        now = fields.Datetime.now()
        column = {"crm.lead": "lead_id", "res.partner": "partner_id"}.get(records._name)
        self.env.execute_query(
            SQL(
                """
                UPDATE crm_contact_decision d
                   SET outcome = 'defer', reason = 'window', date_until = %(now)s
                 WHERE d.id IN (
                       SELECT max(a.id) FROM crm_contact_decision a
                        WHERE a.origin_model = %(origin_model)s
                          AND a.origin_id = %(origin)s
                          AND a.res_model = %(model)s AND a.res_id = ANY(%(ids)s)
                          AND a.outcome = 'send' AND a.date > %(recent)s AND %(of)s
                     GROUP BY a.res_id)
                   AND NOT EXISTS (
                       SELECT FROM crm_contact_decision w
                        WHERE w.origin_model = d.origin_model
                          AND w.origin_id = d.origin_id AND w.res_model = d.res_model
                          AND w.res_id = d.res_id AND w.outcome = 'defer')
             RETURNING d.id
                """,
                now=now,
                recent=now - timedelta(hours=RESERVED_HOURS),
                origin_model=origin._name,
                origin=origin.id,
                model=records._name,
                ids=records.ids,
                # by the index of people, where they are the records
                of=SQL("a.%s = ANY(%s)", SQL.identifier(column), records.ids)
                if column
                else SQL("TRUE"),
            )
        )
        Log.invalidate_model(flush=False)
