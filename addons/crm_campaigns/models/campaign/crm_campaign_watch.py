import logging

import psycopg2

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.crm_plus.tools.user_domain import (
    domain_fields,
    evaluate_domain,
    fields_behind,
)

from ...tools.event_condition import has_condition

_logger = logging.getLogger(__name__)


class CrmCampaign(models.Model):
    """What a campaign watches for while people are on their way: conditions that they
    wait for, goals, and its own condition to end. See ``crm.campaign.look``.
    """

    _inherit = "crm.campaign"

    exit_domain = fields.Char(
        string="Ends When They Meet",
        default="[]",
        help="Whoever meets this condition leaves the campaign, within a minute or a "
        "quarter of an hour, and at the latest before the next step. Looked at with "
        "the rights of the responsible.",
    )
    date_watched = fields.Datetime(
        string="Conditions Looked At",
        readonly=True,
        copy=False,
        help="When everybody was last looked at for the conditions of this campaign.",
    )
    date_watch_failed = fields.Datetime(readonly=True, copy=False)
    watch_error = fields.Text(
        string="Why Conditions Are Not Looked At", readonly=True, copy=False
    )

    # ------------------------------------------------------------
    # Which campaigns watch for what
    # ------------------------------------------------------------

    @api.model
    @tools.ormcache()
    def _get_watching_ids(self):
        """Ids of the running campaigns that watch for something."""
        # sudo: all of them, whoever changes a record
        Campaign = self.sudo().with_context(active_test=False)
        codes = [
            kind.code
            for kind in self.env["crm.campaign.step"]._get_kinds()
            if kind.watches
        ]
        by_rule = Campaign.search(
            [
                ("state", "=", "running"),
                "|",
                ("exit_on_overdue", "=", True),
                ("exit_domain", "not in", (False, "", "[]")),
            ]
        )
        by_step = (
            self.env["crm.campaign.step"]
            # sudo: as above
            .sudo()
            .search([("campaign_id.state", "=", "running"), ("kind", "in", codes)])
            .campaign_id
        )
        return tuple(sorted((by_rule | by_step)._ids))

    @api.model
    @tools.ormcache("model")
    def _get_watched_fields(self, model):
        """The fields of leads, or of contacts, that running campaigns watch."""
        Model = self.env[model]
        watched = set()
        # sudo: all of them, whoever changes a record
        for campaign in self.sudo().browse(self._get_watching_ids()):
            for target, text in campaign._get_watched_domains():
                try:
                    domain = evaluate_domain(self.env, text)
                    if target == model:
                        watched |= domain_fields(Model, domain)
                    elif model == "res.partner":
                        watched |= fields_behind(
                            Model,
                            [
                                condition.field_expr.partition(".")[2]
                                for condition in domain.iter_conditions()
                                if condition.field_expr.startswith("partner_id.")
                            ],
                        )
                except Exception:  # noqa: BLE001 whatever a user may have written
                    _logger.info("crm_campaigns: campaign %s not read", campaign.id)
        return frozenset(watched)

    def _get_watched_domains(self):
        """Hook: ``[(model, domain as text)]`` that this campaign watches."""
        self.ensure_one()
        domains = []
        if self._has_exit_domain():
            domains.append((self._get_model(), self.exit_domain))
        domains += [
            (step._get_condition_model_name(), step.condition)
            for step in self._get_watching_steps()
        ]
        return domains

    def _get_watching_steps(self):
        """Those that watch for something, the farthest first."""
        self.ensure_one()
        kinds = self.env["crm.campaign.step"]._get_kind_classes()
        domain = [
            ("campaign_id", "=", self.id),
            ("kind", "in", [code for code, kind in kinds.items() if kind.watches]),
        ]
        if self.version_id.number > 1:
            # of earlier versions: those that somebody is on the way in
            domain += [
                "|",
                ("is_retired", "=", False),
                ("version_id", "in", self._get_used_version_ids()),
            ]
        return self.env["crm.campaign.step"].search(
            domain, order="position desc, id desc"
        )

    def _get_used_version_ids(self):
        """Versions in which something waits for somebody: by the queue of each step."""
        self.env["crm.campaign.task"].flush_model(["state", "step_id"])
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT s.version_id
                      FROM crm_campaign_step s
                     WHERE s.campaign_id = %s AND EXISTS (
                           SELECT FROM crm_campaign_task
                            WHERE step_id = s.id AND state IN ('planned', 'reserved'))
                    """,
                    self.id,
                )
            )
        ]

    # What people go through changes by starting only: the caches of the whole server
    # are not emptied by each step that is drawn.

    @api.model_create_multi
    def create(self, vals_list):
        campaigns = super().create(vals_list)
        if "running" in campaigns.mapped("state"):
            self.env.registry.clear_cache()
        return campaigns

    def write(self, vals):
        result = super().write(vals)
        if vals.keys() & {"exit_domain", "exit_on_overdue", "state"}:
            self.env.registry.clear_cache()
        if vals.get("state") == "running" or "exit_domain" in vals:
            # who was inside is looked at anew
            self.date_watched = False
            broken = self.filtered("date_watch_failed")
            broken.write({"date_watch_failed": False, "watch_error": False})
        return result

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    # ------------------------------------------------------------
    # Looking
    # ------------------------------------------------------------

    def _look_at(self, condition):
        """Let come true what has come true for these people: goals first, those that
        are farthest before all, then what ends the journey, then who waits.

        :param condition: SQL on the participant ``p``
        :return: whether it is known of all whether their journey ends
        """
        self.ensure_one()
        condition = SQL(
            "p.campaign_id = %s AND p.state = 'running' AND %s", self.id, condition
        )
        steps = self._get_watching_steps().filtered(lambda step: not step.date_halted)
        goals = steps.filtered(lambda step: step.kind == "goal")
        for step in goals:
            step._try_look(condition)
        if not self._try_exit(condition):
            # nobody goes on while it is not known whether they should have left
            return False
        for step in steps - goals:
            step._try_look(condition)
        return True

    def _try_exit(self, condition):
        """End the journeys that have a reason to end.

        :return: whether it is known of all: a condition that does not work any more
            keeps this campaign from looking, and no other one
        """
        if not self._has_exit_domain() and not self.exit_on_overdue:
            return True
        try:
            with self.env.cr.savepoint():
                self._exit_by_condition(condition)
                if self.exit_on_overdue:
                    self._exit_by_case(condition)
        except psycopg2.OperationalError:
            raise  # serialisation, lock timeout: tried again
        except Exception as error:
            _logger.info("crm_campaigns: %s cannot look", self, exc_info=True)
            self._set_watch_error(str(error) or error.__class__.__name__)
            return False
        return True

    def _try_decide(self, steps):
        """Let these splits of the campaign find their winner, each for itself.

        :return: whether all could look for it
        """
        is_fine = True
        for step in steps:
            try:
                with self.env.cr.savepoint():
                    step._decide()
            except psycopg2.OperationalError:
                raise  # as above
            except Exception as error:
                _logger.info("crm_campaigns: %s cannot decide", step, exc_info=True)
                self._set_watch_error(
                    f"{step.name}: {str(error) or error.__class__.__name__}"
                )
                is_fine = False
        return is_fine

    def _look_at_everybody(self, deciding):
        """The look of every quarter of an hour, and what it says of the campaign.

        :param deciding: splits of the campaign that may find their winner
        """
        self.ensure_one()
        # noted first: what fails is not tried at each round
        self.date_watched = fields.Datetime.now()
        is_fine = self._look_at(SQL("TRUE"))
        # few splits, each with figures of its own
        is_fine = self._try_decide(deciding) and is_fine
        if is_fine and self.date_watch_failed:
            self.write({"date_watch_failed": False, "watch_error": False})

    def _set_watch_error(self, reason):
        """Tell the responsible, once, what keeps the campaign from looking."""
        self.ensure_one()
        self.env.invalidate_all()
        is_new = not self.date_watch_failed
        self.write({"date_watch_failed": fields.Datetime.now(), "watch_error": reason})
        if is_new:
            self.message_notify(
                partner_ids=self.user_id.partner_id.ids,
                subject=self.env._("“%s” does not look at its conditions", self.name),
                body=self.env._(
                    "The campaign “%(campaign)s” cannot tell whose journey ends, or "
                    "which way has won: until then nobody goes on there who waits for "
                    "a condition. Mend or empty “Ends When They Meet”, or choose "
                    "another responsible who may read what it asks for. It is tried "
                    "again every quarter of an hour: %(reason)s",
                    campaign=self.name,
                    reason=reason,
                ),
            )

    # ------------------------------------------------------------
    # The condition to end
    # ------------------------------------------------------------

    def _has_exit_domain(self):
        return has_condition(self.exit_domain)

    @api.constrains("exit_domain", "user_id", "model_id", "entry")
    def _check_exit_domain(self):
        for campaign in self.filtered(lambda c: c._has_exit_domain()):
            for user, error in campaign._get_condition_errors(
                campaign.exit_domain, campaign._get_entry_model
            ):
                raise ValidationError(
                    self.env._(
                        "The condition to end of “%(campaign)s” does not work for "
                        "%(user)s: %(error)s",
                        campaign=campaign.name,
                        user=user.name,
                        error=error,
                    )
                )

    def _exit_by_condition(self, condition):
        """End the journeys of those who meet the condition to end.

        A condition that does not work any more raises: nobody is sent anything while it
        is not known whether they should have left.
        """
        self.ensure_one()
        if not self._has_exit_domain():
            return
        Model = self._get_entry_model()
        domain = evaluate_domain(Model.env, self.exit_domain)
        if Domain(domain).is_true():
            return
        Participant = self.env["crm.campaign.participant"]
        Participant.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id FROM crm_campaign_participant p
                 WHERE p.state = 'running' AND %s AND p.res_id IN %s
                """,
                condition,
                Model._search(domain, active_test=False).subselect(),
            )
        )
        if rows:
            Participant._exit({"condition": [row[0] for row in rows]})

    def _exit_by_case(self, condition):
        """End the journeys of those who have another reason to."""
        Participant = self.env["crm.campaign.participant"]
        reasons = {}
        for participant_id, reason in self.env.execute_query(
            Participant._get_leaving_query(self._get_model(), condition, self)
        ):
            reasons.setdefault(reason, []).append(participant_id)
        Participant._exit(reasons)
