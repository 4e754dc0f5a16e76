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
        words = self._read_consents(rows, company, purpose, channel)
        # sudo: a setting that holds for whoever sends
        is_enforced = company.sudo().crm_plus_consent_enforced
        for row in rows if words or is_enforced else ():
            said = {
                *words.get(("id", row.partner_id), ()),
                *words.get(("email", row.email), ()),
            }
            # most said nothing
            verdict = judge_consent(said, at)[0] if said else None
            if verdict == WITHDRAWN:
                reason = "withdrawn"
            elif is_enforced and verdict != GIVEN:
                reason = "consent"
            else:
                continue
            persons[row.res_id].blocks.append(Block(reason, is_final=True))
        self._add_preferences(rows, persons, at, company)

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
        Preference = self.env["crm.consent.preference"]
        Preference.flush_model()
        wishes = {
            partner_id: (frequency, date_pause)
            for partner_id, frequency, date_pause in self.env.execute_query(
                SQL(
                    """
                    SELECT partner_id, frequency, date_pause
                      FROM crm_consent_preference
                     WHERE company_id = %s AND partner_id = ANY(%s)
                    """,
                    company.id,
                    list({row.partner_id for row in rows} - {None}),
                )
            )
        }
        for row in rows if wishes else ():
            if row.partner_id not in wishes:
                continue
            frequency, date_pause = wishes[row.partner_id]
            person = persons[row.res_id]
            if date_pause and date_pause > at:
                person.blocks.append(Block("pause", until=date_pause))
            if frequency:
                person.caps += (
                    Cap(count=1, seconds=FREQUENCY_SECONDS[frequency], reason="wish"),
                )
