"""In whose hands a case is after an answer: ours, or the customer's late one."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.crm_plus.tools.person_time import person_times

from ..case.crm_case_stage import DONE


class CrmCaseTeam(models.Model):
    _inherit = "crm.case.team"

    answer_owner = fields.Selection(
        [
            ("keep", "It stays whose it is"),
            ("unassigned", "Whoever answers a case of nobody gets it"),
            ("always", "Whoever answers gets it"),
        ],
        string="Who Answers",
        required=True,
        default="keep",
        help="Members of the team only: a colleague who helps out takes nothing over.",
    )
    reopen_owner = fields.Selection(
        [
            ("keep", "It goes to who had it"),
            ("away", "To who had it; back to the queue while they are off"),
            ("queue", "Back to the queue"),
        ],
        string="Opened Again",
        required=True,
        default="keep",
        help="When a customer answers to a case that is over. Whoever of us opens one "
        "again keeps it as it is; who has left gets none.",
    )


class CrmCase(models.Model):
    _inherit = "crm.case"

    @api.constrains("user_id")
    def _check_user_id(self):
        """Whoever writes it: an import, a rule, Odoo's API."""
        for case in self:
            # sudo: who is a customer is not read by all
            if case.user_id and case.user_id.sudo().share:
                raise ValidationError(
                    self.env._(
                        "%s is a customer: cases are assigned to people of ours.",
                        case.user_id.name,
                    )
                )

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        # sudo: customers write, too; the rule is the team's
        team_sudo = self.sudo().team_id
        if team_sudo.answer_owner != "keep" and self._sla_is_human_answer(message):
            self._give_to_author(message, team_sudo)
        return result

    def _give_to_author(self, message, team_sudo):
        """The case is whose answer it is, as far as the team wants it."""
        # sudo: users of authors are not read by all
        case_sudo = self.sudo()
        users_sudo = message.author_id.sudo().user_ids & team_sudo.member_ids
        user_sudo = users_sudo.filtered(
            lambda user: user.active and case_sudo.company_id in user.company_ids
        )[:1]
        if not user_sudo or user_sudo == case_sudo.user_id:
            return
        if team_sudo.answer_owner == "unassigned" and case_sudo.user_id:
            return
        case_sudo.user_id = user_sudo

    def _follow_category(self, before):
        result = super()._follow_category(before)
        if self._is_held_by_rules():
            return result  # one of ours opens it again, and sees whose it is
        reopened = self.filtered(
            lambda case: (
                before[case.id] in DONE
                and case.stage_category not in DONE
                and case.user_id
            )
        )
        if reopened:
            # sudo: the customer answers; whose case it is, is the team's matter
            reopened.sudo()._return_to_queue()
        return result

    def _return_to_queue(self):
        """Cases that were opened again and nobody is there for."""
        now = fields.Datetime.now()
        free = self.browse()
        for team, cases in self.grouped("team_id").items():
            users = cases.user_id
            gone = users.filtered(
                lambda user, team=team: (
                    not user.active
                    or user.share
                    or team.company_id not in user.company_ids
                )
            )
            if team.reopen_owner == "away" and users - gone:
                times = person_times(users - gone, team.company_id, now)
                gone += (users - gone).filtered(
                    lambda user, times=times: times[user.id].away_until
                )
            free += cases.filtered(
                lambda case, team=team, gone=gone: (
                    team.reopen_owner == "queue" or case.user_id in gone
                )
            )
        if free:
            free._track_set_log_message(
                self.env._("Back in the queue: the customer has opened it again.")
            )
            free.write({"user_id": False})
