from collections import defaultdict

from odoo import models
from odoo.tools import SQL

from ...tools.contact_consent import GIVEN, WITHDRAWN, ConsentRow, judge_consent
from ...tools.contact_policy import Block, Cap
from .crm_consent_preference import FREQUENCY_SECONDS

GENERAL = "marketing"


class CrmContactPolicy(models.Model):
    """What people agreed to, and how they want it, heard by the policy."""

    _inherit = "crm.contact.policy"

    def _add_consents(self, rows, persons, at, company, purpose, channel):
        super()._add_consents(rows, persons, at, company, purpose, channel)
        if purpose.nature != "marketing":
            return
        verdicts = self._judge_consents(rows, at, company, purpose, channel)
        # sudo: a setting that holds for whoever sends
        is_enforced = company.sudo().crm_plus_consent_enforced
        for row in rows if verdicts or is_enforced else ():
            verdict = verdicts.get(row.res_id)
            if verdict == WITHDRAWN:
                reason = "withdrawn"
            elif is_enforced and verdict != GIVEN:
                reason = "consent"
            else:
                continue
            persons[row.res_id].blocks.append(Block(reason, is_final=True))
        self._add_preferences(rows, persons, at, company)

    def _judge_consents(self, rows, at, company, purpose, channel):
        """``{res_id: verdict}`` of ``judge_consent``, of those who said something.

        :param rows: with ``res_id``, ``partner_id`` and ``email``
        """
        words = self._read_consents(rows, company, purpose, channel)
        verdicts = {}
        for row in rows if words else ():
            said = {
                *words.get(("id", row.partner_id), ()),
                *words.get(("email", row.email), ()),
            }
            if said:
                verdicts[row.res_id] = judge_consent(said, at)[0]
        return verdicts

    def _read_consents(self, rows, company, purpose, channel):
        """``{("id", partner) or ("email", address): [ConsentRow]}`` of last words, in
        one query; of an address no row is the row of nobody.
        """
        words = defaultdict(list)
        Consent = self.env["crm.consent"]
        Consent.flush_model()
        for partner_id, email, is_general, *word in self.env.execute_query(
            SQL(
                """
                SELECT c.partner_id, c.email, u.code = %(general)s, c.id, c.date,
                       c.state, c.date_expiry
                  FROM crm_consent c
                  JOIN crm_consent_purpose u ON u.id = c.purpose_id
                 WHERE c.is_current AND c.company_id = %(company)s
                   AND (c.purpose_id = %(purpose)s OR u.code = %(general)s)
                   AND (c.channel IS NULL OR c.channel = %(channel)s)
                   AND (c.partner_id = ANY(%(partners)s) OR c.email = ANY(%(emails)s))
                """,
                general=GENERAL,
                company=company.id,
                purpose=purpose.id,
                channel=channel,
                partners=list({row.partner_id for row in rows} - {None}),
                emails=list({row.email for row in rows} - {None}),
            )
        ):
            consent_id, date, state, expiry = word
            said = ConsentRow(
                consent_id,
                date,
                state,
                # in general it is the purpose itself: there is no other word
                is_general and purpose.code != GENERAL,
                expiry,
            )
            if partner_id:
                words["id", partner_id].append(said)
            if email:
                words["email", email].append(said)
        return words

    def _add_preferences(self, rows, persons, at, company):
        wishes = self._read_preferences(rows, company)
        for row in rows if wishes else ():
            said = {
                *wishes.get(("id", row.partner_id), ()),
                *wishes.get(("email", row.email), ()),
            }
            if not said:
                continue
            person = persons[row.res_id]
            # of two contacts with one address the one who wants less is heard
            seconds = max(FREQUENCY_SECONDS.get(frequency, 0) for frequency, _ in said)
            pauses = [pause for _, pause in said if pause and pause > at]
            if pauses:
                person.blocks.append(Block("pause", until=max(pauses)))
            if seconds:
                person.caps += (Cap(count=1, seconds=seconds, reason="wish"),)

    def _read_preferences(self, rows, company):
        """``{("id", partner) or ("email", address): [(frequency, pause)]}``, in one
        query: the link in a mail leads to the page of one contact of the address, and
        is said for all of them.
        """
        wishes = defaultdict(list)
        self.env["crm.consent.preference"].flush_model()
        self.env["res.partner"].flush_model(["email_normalized"])
        for partner_id, email, *wish in self.env.execute_query(
            SQL(
                """
                SELECT w.partner_id, p.email_normalized, w.frequency, w.date_pause
                  FROM crm_consent_preference w
                  JOIN res_partner p ON p.id = w.partner_id
                 WHERE w.company_id = %(company)s AND w.partner_id IN (
                       SELECT unnest(%(partners)s::integer[])
                        UNION
                       SELECT id FROM res_partner
                        WHERE email_normalized = ANY(%(emails)s))
                """,
                company=company.id,
                partners=list({row.partner_id for row in rows} - {None}),
                emails=list({row.email for row in rows} - {None}),
            )
        ):
            wishes["id", partner_id].append(tuple(wish))
            if email:
                wishes["email", email].append(tuple(wish))
        return wishes
