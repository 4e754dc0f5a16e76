from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

HALTED = "crm_campaigns.is_halted"
# Fewer failures than this within an hour say nothing of a step.
MIN_FAILURES = 10


class Failures:
    """What has failed of a batch: it is judged at the end, when the others are done.

    An object and not a dictionary: contexts are hashed, this one by identity.
    """

    def __init__(self):
        self.ids_by_reason = {}

    def add(self, reason, ids):
        self.ids_by_reason.setdefault(reason, []).extend(ids)


class CrmCampaignTask(models.Model):
    """What keeps a mistake from growing: a switch that stops everything, a step that
    fails too often stands still, and no more mails an hour than agreed.
    """

    _inherit = "crm.campaign.task"

    # ------------------------------------------------------------
    # All campaigns
    # ------------------------------------------------------------

    @api.model
    def _is_halted(self):
        # sudo: whether campaigns stand still is no secret
        return bool(self.env["ir.config_parameter"].sudo().get_param(HALTED))

    @api.model
    def _is_halted_meanwhile(self, own):
        """The same at this very moment: neither caches nor a transaction that began
        before know.

        :param own: ``OwnCursor``
        """
        with own.cursor() as cr:
            cr.execute("SELECT value FROM ir_config_parameter WHERE key = %s", [HALTED])
            return any(row[0] for row in cr.fetchall())

    @api.model
    def _halt(self, is_halted):
        """Let all campaigns stand still, or go on. Nothing is lost: what falls due
        waits.
        """
        # sudo: whoever may stop each campaign may stop all
        self.env["ir.config_parameter"].sudo().set_param(HALTED, is_halted or False)
        if not is_halted:
            self._trigger()

    # ------------------------------------------------------------
    # One step
    # ------------------------------------------------------------

    @api.model
    def _judge(self, failures):
        """Halt the steps of which too many failed, now that a batch is over."""
        for reason, ids in failures.ids_by_reason.items():
            self.browse(ids)._break_circuit(reason)

    def _break_circuit(self, reason):
        """These tasks have failed: halt the steps of which too many did within an hour,
        of those that were tried. Those still to be tried say nothing.

        :return: whether one was
        """
        self.flush_model()
        self.env["crm.campaign.step"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id
                  FROM crm_campaign_step s
                  JOIN crm_campaign c ON c.id = s.campaign_id
                  JOIN crm_campaign_task k ON k.step_id = s.id
                 WHERE s.id IN (SELECT step_id FROM crm_campaign_task
                                 WHERE id = ANY(%(ids)s))
                   AND s.date_halted IS NULL AND c.failure_limit > 0
                   AND k.attempts > 0 AND k.date_reserved > %(since)s
                   AND k.state NOT IN ('reserved', 'sending')
                   AND (s.date_resumed IS NULL OR k.date_reserved > s.date_resumed)
              GROUP BY s.id, c.failure_limit
                HAVING count(*) FILTER (WHERE k.state IN ('failed', 'planned'))
                       >= GREATEST(%(least)s, count(*) * c.failure_limit / 100.0)
                """,
                ids=self.ids,
                since=fields.Datetime.now() - timedelta(hours=1),
                least=MIN_FAILURES,
            )
        )
        steps = self.env["crm.campaign.step"].browse(row[0] for row in rows)
        for step in steps:
            step._halt(reason)
        return bool(steps)

    # ------------------------------------------------------------
    # Mails an hour
    # ------------------------------------------------------------

    @api.model
    def _get_rates(self):
        """Mails an hour, of all and to one domain; 0: as many as there are."""
        # sudo: the limits are no secret
        get_param = self.env["ir.config_parameter"].sudo().get_param
        return (
            int(get_param("crm_campaigns.mails_per_hour") or 0),
            int(get_param("crm_campaigns.mails_per_hour_domain") or 0),
        )

    @api.model
    def _read_sent(self):
        """``[(domain, how many, the first)]`` of the last hour."""
        return self.env.execute_query(
            SQL(
                """
                SELECT lower(split_part(t.email, '@', 2)), count(*),
                       min(d.date_reserved)
                  FROM crm_campaign_delivery d
             LEFT JOIN mailing_trace t ON t.mail_mail_id_int = d.mail_id
                 WHERE d.date_reserved > %s AND d.outcome <> 'refused'
              GROUP BY 1
                """,
                fields.Datetime.now() - timedelta(hours=1),
            )
        )

    @api.model
    def _count_sent(self):
        return {domain: count for domain, count, _first in self._read_sent()}

    @api.model
    def _within_rate(self, mail_ids):
        """Those of these mails, in order, that may go out now; asks the scheduler to
        come back when the next one may.
        """
        per_hour, per_domain = self._get_rates()
        if not mail_ids or not (per_hour or per_domain):
            return list(mail_ids)
        now = fields.Datetime.now()
        sent = self._read_sent()
        counts = {domain: count for domain, count, _first in sent}
        total = sum(counts.values())
        domains = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT mail_mail_id_int, lower(split_part(email, '@', 2))
                      FROM mailing_trace WHERE mail_mail_id_int = ANY(%s)
                    """,
                    list(mail_ids),
                )
            )
        )
        allowed = []
        for mail_id in mail_ids:
            domain = domains.get(mail_id)
            if per_hour and total >= per_hour:
                break
            if per_domain and counts.get(domain, 0) >= per_domain:
                continue
            counts[domain] = counts.get(domain, 0) + 1
            total += 1
            allowed.append(mail_id)
        if len(allowed) < len(mail_ids):
            first = min((row[2] for row in sent), default=now)
            self._trigger_once(
                max(first + timedelta(hours=1), now + timedelta(minutes=1))
            )
        return allowed
