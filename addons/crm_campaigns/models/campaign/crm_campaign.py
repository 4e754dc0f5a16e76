import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

# Targets of segments that campaigns can follow, with the table of the records.
TARGET_TABLES = {"crm.lead": SQL("crm_lead"), "res.partner": SQL("res_partner")}


class CrmCampaign(models.Model):
    """A journey: who joins a segment walks through a tree of steps.

    The parts: *steps* say what happens, a *participant* is one enrolment of one record,
    a *task* is one step for one participant. Everything moves by tasks: the scheduler
    reserves those that are due, does them a step at a time for the whole batch, and
    plans what follows. See ``crm.campaign.task``.
    """

    _name = "crm.campaign"
    _description = "Campaign"
    _inherit = ["mail.thread"]
    _order = "state_order, name, id"
    _check_company_auto = True

    # identity
    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    state = fields.Selection(
        [("draft", "Draft"), ("running", "Running"), ("stopped", "Stopped")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        tracking=True,
    )
    state_order = fields.Integer(
        compute="_compute_state_order",
        store=True,
        export_string_translation=False,
        help="Running campaigns come first.",
    )
    # who is in
    segment_id = fields.Many2one(
        "crm.segment",
        domain=[("target", "in", list(TARGET_TABLES))],
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="Everybody in this segment enters, and so does whoever joins it later.",
    )
    target = fields.Selection(related="segment_id.target")
    reentry = fields.Selection(
        [
            ("never", "Never"),
            ("after_exit", "After the end, when joining again"),
        ],
        string="Enters Again",
        default="never",
        required=True,
        help="Whoever leaves the segment and joins it again once the journey is over "
        "may walk through it again; each time is an enrolment of its own.",
    )
    exit_on_won = fields.Boolean(
        string="Ends When Won",
        default=True,
        help="Whose opportunity is won leaves the campaign. Whose is lost always does.",
    )
    exit_on_opt_out = fields.Boolean(
        string="Ends When Opted Out",
        default=True,
        help="Whoever unsubscribes or is blocked leaves the campaign. If not, mails "
        "are skipped, and other steps go on.",
    )
    exit_on_leave = fields.Boolean(
        string="Ends When Leaving the Segment",
        help="If not, whoever has entered goes on to the end.",
    )
    # people
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        required=True,
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        tracking=True,
        help="Gets the activities of records that nobody owns.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    email_from = fields.Char(
        string="Sender",
        default=lambda self: self.env.user.email_formatted,
        help="Who the mails come from.",
    )
    utm_campaign_id = fields.Many2one(
        "utm.campaign",
        string="UTM Campaign",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        help="Leads and orders that come from the mails carry it.",
    )
    # what happens
    step_ids = fields.One2many("crm.campaign.step", "campaign_id", copy=False)
    participant_ids = fields.One2many(
        "crm.campaign.participant", "campaign_id", readonly=True, copy=False
    )
    # dates
    date_started = fields.Datetime(readonly=True, copy=False)
    date_stopped = fields.Datetime(readonly=True, copy=False)
    date_segment = fields.Datetime(
        string="Segment as of",
        readonly=True,
        copy=False,
        help="Refresh of the segment after which everybody was last looked at.",
    )
    # counters
    step_count = fields.Integer(string="Steps", compute="_compute_step_count")
    participant_count = fields.Integer(
        string="Participants", compute="_compute_participant_count"
    )
    running_count = fields.Integer(
        string="On Their Way", compute="_compute_participant_count"
    )
    done_count = fields.Integer(
        string="At the End", compute="_compute_participant_count"
    )
    exited_count = fields.Integer(
        string="Left Early", compute="_compute_participant_count"
    )
    failed_count = fields.Integer(string="Failed", compute="_compute_participant_count")
    failed_task_count = fields.Integer(
        string="Failed Tasks", compute="_compute_task_count"
    )
    unknown_task_count = fields.Integer(
        string="Unknown Outcome", compute="_compute_task_count"
    )

    # ------------------------------------------------------------
    # Computes
    # ------------------------------------------------------------

    @api.depends("state")
    def _compute_state_order(self):
        order = {"running": 1, "draft": 2, "stopped": 3}
        for campaign in self:
            campaign.state_order = order[campaign.state]

    @api.depends("step_ids")
    def _compute_step_count(self):
        counts = dict(
            self.env["crm.campaign.step"]._read_group(
                [("campaign_id", "in", self.ids)], ["campaign_id"], ["__count"]
            )
        )
        for campaign in self:
            campaign.step_count = counts.get(campaign._origin, 0)

    def _compute_participant_count(self):
        names = ("running", "done", "exited", "failed")
        for campaign in self:
            campaign.participant_count = 0
            campaign.update({f"{name}_count": 0 for name in names})
        for campaign, state, count in self.env["crm.campaign.participant"]._read_group(
            [("campaign_id", "in", self.ids)], ["campaign_id", "state"], ["__count"]
        ):
            campaign[f"{state}_count"] = count
            campaign.participant_count += count

    def _compute_task_count(self):
        self.failed_task_count = self.unknown_task_count = 0
        for campaign, state, count in self.env["crm.campaign.task"]._read_group(
            [("campaign_id", "in", self.ids), ("state", "in", ("failed", "unknown"))],
            ["campaign_id", "state"],
            ["__count"],
        ):
            campaign[f"{state}_task_count"] = count

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        campaigns = super().create(vals_list)
        for campaign in campaigns.filtered(lambda c: not c.utm_campaign_id):
            campaign.utm_campaign_id = self.env["utm.campaign"].create(
                {"title": campaign.name, "user_id": campaign.user_id.id}
            )
        return campaigns

    def write(self, vals):
        if "segment_id" in vals or "company_id" in vals:
            started = self.filtered(lambda c: c.state != "draft")
            if any(
                field in vals and campaign[field].id != vals[field]
                for campaign in started
                for field in ("segment_id", "company_id")
            ):
                raise UserError(
                    self.env._(
                        "People have entered from this segment. Duplicate the campaign "
                        "to send it to another one."
                    )
                )
        result = super().write(vals)
        if vals.get("name"):
            for campaign in self:
                # sudo: campaigns may be renamed without rights on UTM campaigns
                campaign.utm_campaign_id.sudo().title = campaign.name
        if vals.keys() & {"email_from", "user_id"}:
            for campaign in self:
                campaign.step_ids._prepare_mailings()
        return result

    def copy(self, default=None):
        copies = super().copy(default)
        for campaign, new in zip(self, copies, strict=True):
            campaign.step_ids._copy_tree(new)
        return copies

    def copy_data(self, default=None):
        return [
            dict(
                vals,
                name=(default or {}).get(
                    "name", self.env._("%s (copy)", campaign.name)
                ),
            )
            for campaign, vals in zip(self, super().copy_data(default), strict=True)
        ]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        # sudo: participants the user may not see count too
        if self.sudo().participant_ids:
            raise UserError(
                self.env._(
                    "Campaigns that people have been in are history. Archive them "
                    "instead."
                )
            )

    # ------------------------------------------------------------
    # Start and stop
    # ------------------------------------------------------------

    def _get_start_problems(self):
        """Hook: what keeps the campaign from starting, as a list of sentences."""
        self.ensure_one()
        problems = []
        if not self.segment_id:
            problems.append(self.env._("Choose the segment of those who enter."))
        elif not self.segment_id.active:
            problems.append(self.env._("The segment is archived: nobody would join."))
        elif self.segment_id.target not in TARGET_TABLES:
            problems.append(
                self.env._("Campaigns follow segments of leads or of contacts.")
            )
        if not self.email_from and "mail" in self.step_ids.mapped("kind"):
            problems.append(self.env._("Say who the mails come from."))
        if not self.step_ids:
            problems.append(self.env._("Add a first step."))
        for step in self.step_ids:
            problems += [
                self.env._("%(step)s: %(problem)s", step=step.name, problem=problem)
                for problem in step._get_problems()
            ]
        return problems

    def action_start(self):
        for campaign in self:
            problems = campaign._get_start_problems()
            if problems:
                raise UserError(
                    self.env._("This campaign cannot start yet:")
                    + "".join(f"\n• {problem}" for problem in problems)
                )
        self.write(
            {
                "state": "running",
                "date_started": fields.Datetime.now(),
                "date_stopped": False,
            }
        )
        for campaign in self:
            campaign.date_segment = campaign.segment_id.date_refreshed
        self.step_ids._prepare_mailings()
        # sudo: enrolling writes records that only the system writes
        self.sudo()._resume()
        self.sudo()._enrol()
        self.env["crm.campaign.task"]._trigger()

    def _resume(self):
        """What the stop held back goes on; steps added meanwhile reach those inside."""
        Task = self.env["crm.campaign.task"]
        held = Task.search([("campaign_id", "in", self.ids), ("state", "=", "sending")])
        held._release_mails()
        Task._plan_missing(self)

    def action_stop(self):
        self.write({"state": "stopped", "date_stopped": fields.Datetime.now()})
        # sudo: mails on their way are the system's
        tasks = (
            self.env["crm.campaign.task"]
            .sudo()
            .search([("campaign_id", "in", self.ids), ("state", "=", "sending")])
        )
        tasks._hold_mails()

    # ------------------------------------------------------------
    # Enrolment
    # ------------------------------------------------------------

    @api.model
    def _get_target_table(self, model):
        """Hook: SQL of the table of a segment's target; it has ``email_normalized``."""
        return TARGET_TABLES[model]

    def _enrol(self, member_ids=None):
        """Enrol members of the segment who may enter: all, or some that have joined.

        Set-based: one statement makes the participants, one their first tasks. A
        record, and an e-mail address, is once at a time in a campaign: unique indexes
        see to it, also between two transactions.

        :return: ids of the new participants
        """
        new_ids = []
        for campaign in self.filtered(lambda c: c.state == "running"):
            new_ids += campaign._enrol_one(member_ids)
        if new_ids:
            self.env["crm.campaign.participant"].invalidate_model(flush=False)
            self.env["crm.campaign.task"]._plan_roots(new_ids)
        return new_ids

    def _enrol_one(self, member_ids):
        target = self.segment_id.target
        self.env["crm.segment.member"].flush_model()
        self.env["crm.campaign.participant"].flush_model()
        self.env[target].flush_model(["email_normalized"])
        # Who was in before: never again, or only by a stay that began after the end.
        before = SQL("TRUE")
        if self.reentry == "after_exit":
            before = SQL(
                """(p.state = 'running' OR p.member_id = m.id
                    OR p.date_left > m.date_joined)"""
            )
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO crm_campaign_participant (
                    campaign_id, company_id, member_id, number, res_model, res_id,
                    lead_id, partner_id, email, state, date_entered,
                    create_uid, create_date, write_uid, write_date
                )
                SELECT %(campaign)s, %(company)s, n.member_id,
                       1 + COALESCE((
                           SELECT max(p.number) FROM crm_campaign_participant p
                            WHERE p.campaign_id = %(campaign)s
                              AND p.res_model = %(model)s AND p.res_id = n.res_id), 0),
                       %(model)s, n.res_id, n.lead_id, n.partner_id, n.email,
                       'running', %(now)s, %(uid)s, %(now)s, %(uid)s, %(now)s
                  FROM (
                    SELECT DISTINCT ON (COALESCE(r.email_normalized, m.res_id::text))
                           m.id AS member_id, m.res_id, m.lead_id, m.partner_id,
                           NULLIF(r.email_normalized, '') AS email
                      FROM crm_segment_member m
                      JOIN %(table)s r ON r.id = m.res_id
                     WHERE m.segment_id = %(segment)s
                       AND m.date_left IS NULL
                       AND m.res_model = %(model)s
                       AND %(window)s
                       AND NOT EXISTS (
                           SELECT FROM crm_campaign_participant p
                            WHERE p.campaign_id = %(campaign)s
                              AND p.res_model = %(model)s AND p.res_id = m.res_id
                              AND %(before)s)
                       AND NOT EXISTS (
                           SELECT FROM crm_campaign_participant p
                            WHERE p.campaign_id = %(campaign)s
                              AND p.email = r.email_normalized
                              AND %(before)s)
                  ORDER BY COALESCE(r.email_normalized, m.res_id::text), m.id
                  ) n
              ORDER BY n.res_id
           ON CONFLICT DO NOTHING
             RETURNING id
                """,
                campaign=self.id,
                company=self.company_id.id,
                segment=self.segment_id.id,
                model=target,
                table=self._get_target_table(target),
                window=(
                    SQL("TRUE")
                    if member_ids is None
                    else SQL("m.id = ANY(%s)", list(member_ids))
                ),
                before=before,
                now=fields.Datetime.now(),
                uid=self.env.uid,
            )
        )
        return [row[0] for row in rows]

    @api.model
    def _enrol_changed(self):
        """Look at whole segments again that were refreshed since: a safety net, since
        whoever joins is enrolled in the transaction of the refresh."""
        campaigns = self.search([("state", "=", "running")]).filtered(
            lambda c: c.segment_id.date_refreshed != c.date_segment
        )
        for campaign in campaigns:
            refreshed = campaign.segment_id.date_refreshed
            campaign._enrol()
            if campaign.exit_on_leave:
                campaign._exit_left()
            campaign.date_segment = refreshed
        return campaigns

    def _exit_left(self, member_ids=None):
        """End the journey of those who have left the segment, where it says so."""
        campaigns = self.filtered(
            lambda c: c.exit_on_leave and c.state in ("running", "stopped")
        )
        if not campaigns:
            return
        self.env["crm.segment.member"].flush_model(["date_left"])
        self.env["crm.campaign.participant"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id
                  FROM crm_campaign_participant p
                  JOIN crm_campaign c ON c.id = p.campaign_id
                  JOIN crm_segment_member m
                    ON m.segment_id = c.segment_id AND m.res_id = p.res_id
                 WHERE p.campaign_id = ANY(%(campaigns)s)
                   AND p.state = 'running'
                   AND m.date_left IS NOT NULL
                   AND %(window)s
                   AND NOT EXISTS (
                       SELECT FROM crm_segment_member o
                        WHERE o.segment_id = c.segment_id AND o.res_id = p.res_id
                          AND o.date_left IS NULL)
              GROUP BY p.id
                """,
                campaigns=campaigns.ids,
                window=(
                    SQL("TRUE")
                    if member_ids is None
                    else SQL("m.id = ANY(%s)", list(member_ids))
                ),
            )
        )
        self.env["crm.campaign.participant"]._exit({"left": [row[0] for row in rows]})

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def _action_view(self, xmlid, name, **context):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(f"crm_campaigns.{xmlid}")
        action["name"] = f"{self.name}: {name}"
        action["domain"] = [("campaign_id", "=", self.id)]
        action["context"] = context
        return action

    def action_view_participants(self):
        return self._action_view(
            "crm_campaign_participant_action", self.env._("Participants")
        )

    def action_view_failed(self):
        return self._action_view(
            "crm_campaign_task_action_attention",
            self.env._("Needs Attention"),
            search_default_attention=1,
        )

    def action_view_mailings(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "mass_mailing.mailing_mailing_action_mail"
        )
        action["name"] = self.env._("Mails of %s", self.name)
        action["domain"] = [("id", "in", self.step_ids.mailing_id.ids)]
        action["context"] = {"create": False}
        action["views"] = [(False, "list"), (False, "form")]
        action["view_mode"] = "list,form"
        return action

    def action_add_step(self):
        """Add a step at the end of the longest straight line."""
        self.ensure_one()
        return self.step_ids[-1:]._get_add_action(self)
