from odoo import fields, models
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.contact_policy import DEFER, DROP, SEND, Contact


class CrmCampaignTask(models.Model):
    """The mails of journeys ask the contact policy, a batch at a time."""

    _inherit = "crm.campaign.task"

    def _ask_contact_policy(self, channel):
        """Who is to be written to later waits for that moment; who is not at all is
        skipped. Both are told why.
        """
        tasks = super()._ask_contact_policy(channel)
        kept = self.browse()
        for step, some in tasks.grouped("step_id").items():
            kept += some._ask_contact_policy_of_step(step, channel)
        return kept

    def _get_unwanted(self, channel):
        unwanted = super()._get_unwanted(channel)
        for step, some in self.grouped("step_id").items():
            subjects = some._get_subjects()
            decisions = some._decide_of_step(step, channel, subjects, dry_run=True)
            unwanted += some.browse(
                task_id
                for task_id, res_id in subjects.items()
                if res_id in decisions and decisions[res_id].outcome != SEND
            )
        return unwanted

    def _put_back(self):
        """What they were allowed is free again, and their place is kept."""
        back = super()._put_back()
        for step, some in back.grouped("step_id").items():
            self.env["crm.contact.policy"]._take_back(
                step,
                self.env[step.campaign_id._get_model()].browse(
                    set(some._get_subjects().values())
                ),
            )
        return back

    def _decide_of_step(self, step, channel, subjects, **values):
        """``{id of record: Decision}`` about these tasks of one step."""
        # sudo: as for mails, the responsible may have no rights on mailings
        mailing_sudo = step.mailing_id.sudo()
        return mailing_sudo._decide_contacts(
            list(set(subjects.values())),
            channel=channel,
            company=step.company_id or mailing_sudo._contact_company(),
            # not the mailing: Odoo's queue would go on with it
            origin=step,
            **values,
        )

    def _get_about_to_go(self, step, channel, subjects):
        """``{id of record: [Contact]}`` of those who entered more than once, and to
        whom another message of the step was made that has not gone yet: nothing else
        counts it, it was the same that asked.
        """
        if step.campaign_id.reentry != "each_event":
            return {}
        contact = Contact(fields.Datetime.now(), channel)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.res_id, count(*)
                  FROM crm_campaign_task k
                  JOIN crm_campaign_participant p ON p.id = k.participant_id
                 WHERE k.step_id = %s AND k.state = 'sending' AND p.res_id = ANY(%s)
              GROUP BY p.res_id
                """,
                step.id,
                list(set(subjects.values())),
            )
        )
        return {res_id: [contact] * count for res_id, count in rows}

    def _ask_contact_policy_of_step(self, step, channel):
        subjects = self._get_subjects()
        decisions = self._decide_of_step(
            step,
            channel,
            subjects,
            planned=self._get_about_to_go(step, channel, subjects),
        )
        words = self.env["crm.contact.policy"]._get_reason_words(decisions)
        deferred, dropped = {}, {}
        for task_id, res_id in subjects.items():
            decision = decisions.get(res_id)
            if decision and decision.outcome == DEFER:
                key = decision.until, words.get(res_id)
                deferred.setdefault(key, []).append(task_id)
            elif decision and decision.outcome == DROP:
                dropped.setdefault(words.get(res_id), []).append(task_id)
        settled = set()
        for (until, reason), ids in deferred.items():
            self.browse(ids)._defer(until, reason)
            settled.update(ids)
        for reason, ids in dropped.items():
            self.browse(ids)._skip(reason)
            settled.update(ids)
        return self.browse(task_id for task_id in self._ids if task_id not in settled)
