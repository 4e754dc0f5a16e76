from odoo import models

from odoo.addons.crm_plus.tools.contact_policy import DEFER, DROP


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

    def _ask_contact_policy_of_step(self, step, channel):
        # sudo: as for mails, the responsible may have no rights on mailings
        mailing_sudo = step.mailing_id.sudo()
        subjects = self._get_subjects()
        decisions = mailing_sudo._decide_contacts(
            list(set(subjects.values())),
            channel=channel,
            company=step.company_id or mailing_sudo._contact_company(),
            # not the mailing: Odoo's queue would go on with it
            origin=step,
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
