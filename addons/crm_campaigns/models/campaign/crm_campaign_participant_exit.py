from odoo import api, fields, models
from odoo.tools import SQL


class CrmCampaignParticipant(models.Model):
    """How journeys end: for a reason, by a person, or at the end."""

    _inherit = "crm.campaign.participant"

    @api.model
    def _get_exit_cases(self, model, campaigns=None):
        """Hook: SQL of the reason to leave now, of record ``r`` (NULL when deleted) in
        campaign ``c`` with blocked address ``b``; NULL to stay. The first case counts.

        :param campaigns: it is about these only: what none of them asks for may be left
            out, to plan for it takes as long as a batch
        """
        cases = [SQL("WHEN r.id IS NULL THEN 'deleted'")]
        if model == "crm.lead":
            cases += [
                SQL("WHEN r.won_status = 'won' AND c.exit_on_won THEN 'won'"),
                SQL("WHEN r.won_status = 'lost' THEN 'lost'"),
            ]
        cases += [
            SQL(
                "WHEN b.id IS NOT NULL AND c.exit_on_opt_out"
                " AND NOT (b.is_bounce_block IS TRUE AND %s) THEN 'opt_out'",
                self._waits_for_bounces(),
            ),
            SQL("WHEN NOT r.active THEN 'archived'"),
        ]
        return SQL("CASE %s END", SQL(" ").join(cases))

    @api.model
    def _get_leaving_query(self, model, condition, campaigns=None):
        """SQL of running participants ``p`` with a ``reason`` to leave now.

        :param campaigns: where the condition is about these only
        """
        Campaign = self.env["crm.campaign"]
        Campaign._flush_people(model)
        Campaign.flush_model()
        self.flush_model()
        self.env["mail.blacklist"].flush_model(["active", "email", "is_bounce_block"])
        return SQL(
            """
            SELECT id, reason
              FROM (
                SELECT p.id, %(cases)s AS reason
                  FROM crm_campaign_participant p
                  JOIN crm_campaign c ON c.id = p.campaign_id
             LEFT JOIN (%(people)s) r ON r.id = p.res_id
             LEFT JOIN mail_blacklist b ON b.email = r.email AND b.active
                 WHERE p.res_model = %(model)s AND p.state = 'running'
                   AND %(condition)s
              ) leaving
             WHERE reason IS NOT NULL
            """,
            cases=self._get_exit_cases(model, campaigns),
            people=Campaign._get_people_query(model),
            model=model,
            condition=condition,
        )

    def _exit_if_stopped(self):
        """End the journeys of these participants that have a reason to end.

        :return: the ids of those that have one
        """
        reasons = {}
        for model, participants in self.grouped("res_model").items():
            for participant_id, reason in self.env.execute_query(
                self._get_leaving_query(model, SQL("p.id = ANY(%s)", participants.ids))
            ):
                reasons.setdefault(reason, []).append(participant_id)
        self._exit(reasons)
        return [participant_id for ids in reasons.values() for participant_id in ids]

    @api.model
    def _exit_before_mails(self, mail_ids):
        """The same for those whom these mails are for, right before they go: a mail may
        have waited for hours since it was composed.

        :return: the ids of those who leave, also where another worker has them
        """
        self.flush_model(["state"])
        self.env["mailing.trace"].flush_model(["crm_campaign_task_id", "mail_mail_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT p.id
                  FROM mailing_trace t
                  JOIN crm_campaign_task k ON k.id = t.crm_campaign_task_id
                  JOIN crm_campaign_participant p ON p.id = k.participant_id
                 WHERE t.mail_mail_id = ANY(%s) AND p.state = 'running'
                """,
                list(mail_ids),
            )
        )
        return self.browse(row[0] for row in rows)._exit_if_stopped()

    @api.model
    def _exit(self, ids_by_reason):
        """End running journeys, and what is planned in them: two statements a reason.

        Called within anybody's transaction: rows that the scheduler holds at the moment
        are left out. It looks for reasons to leave by itself, before each step.
        """
        self.flush_model()
        self.env["crm.campaign.task"].flush_model()
        now = fields.Datetime.now()
        for reason, ids in ids_by_reason.items():
            if not ids:
                continue
            rows = self.env.execute_query(
                SQL(
                    """
                    UPDATE crm_campaign_participant
                       SET state = 'exited', exit_reason = %(reason)s,
                           date_left = %(now)s, write_date = %(now)s
                     WHERE id IN (
                        SELECT id FROM crm_campaign_participant
                         WHERE id = ANY(%(ids)s) AND state = 'running'
                    FOR UPDATE SKIP LOCKED)
                 RETURNING id
                    """,
                    reason=reason,
                    ids=list(ids),
                    now=now,
                )
            )
            # mails being sent are looked at once more on their way out
            self.env.execute_query(
                SQL(
                    """
                    UPDATE crm_campaign_task
                       SET state = 'skipped', reason = %(text)s, date_done = %(now)s,
                           write_date = %(now)s
                     WHERE id IN (
                        SELECT id FROM crm_campaign_task
                         WHERE participant_id = ANY(%(ids)s)
                           AND state IN ('planned', 'reserved')
                    FOR UPDATE SKIP LOCKED)
                 RETURNING id
                    """,
                    text=self._get_exit_text(reason),
                    ids=[row[0] for row in rows],
                    now=now,
                )
            )
            self.invalidate_model(flush=False)
            self.env["crm.campaign.task"].invalidate_model(flush=False)

    @api.model
    def _get_exit_text(self, reason):
        return self.env._(
            "Left the campaign: %s",
            dict(self._fields["exit_reason"]._description_selection(self.env))[reason],
        )

    @api.model
    def _waits_for_bounces(self):
        """SQL of whether campaign ``c`` has a step for those whose mail bounces: the
        block of their address does not end their journey then.
        """
        return SQL(
            """
            EXISTS (SELECT FROM crm_campaign_step ws
                     WHERE ws.campaign_id = c.id AND ws.kind = 'wait_mail'
                       AND ws.reaction = 'bounced')
            """
        )

    @api.model
    def _on_opt_out(self, emails, is_bounce=False):
        """End the journeys of addresses that have just been blocked.

        :param is_bounce: because they do not work
        """
        if not emails:
            return
        # sudo: whoever unsubscribes does not see campaigns
        participants = self.sudo().search(
            [
                ("state", "=", "running"),
                ("email", "in", list(emails)),
                ("campaign_id.exit_on_opt_out", "=", True),
            ]
        )
        if is_bounce and participants:
            self.env["crm.campaign.step"].flush_model()
            staying = {
                row[0]
                for row in self.env.execute_query(
                    SQL(
                        "SELECT c.id FROM crm_campaign c WHERE c.id = ANY(%s) AND %s",
                        participants.campaign_id.ids,
                        self._waits_for_bounces(),
                    )
                )
            }
            participants = participants.filtered(
                lambda p: p.campaign_id.id not in staying
            )
        self._exit({"opt_out": participants.ids})

    @api.model
    def _complete(self, condition):
        """Journeys without anything left to do have reached the end, or a failure.

        :param condition: SQL on the participant ``p``
        """
        self.flush_model(["state"])
        self.env["crm.campaign.task"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE crm_campaign_participant p
                   SET state = CASE WHEN EXISTS (
                           SELECT FROM crm_campaign_task f
                             JOIN crm_campaign_step s ON s.id = f.step_id
                            WHERE f.participant_id = p.id AND f.state = 'failed'
                              AND f.is_replay IS NOT TRUE
                              AND s.on_failure = 'stop')
                           THEN 'failed' ELSE 'done' END,
                       date_left = %(now)s, write_date = %(now)s
                 WHERE %(condition)s
                   AND p.state = 'running'
                   AND NOT EXISTS (
                       SELECT FROM crm_campaign_task k
                        WHERE k.participant_id = p.id
                          AND k.state IN ('planned', 'reserved', 'sending'))
             RETURNING id
                """,
                condition=condition,
                now=fields.Datetime.now(),
            )
        )
        if rows:
            self.invalidate_model(flush=False)
