import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError


def new_lineage(_records=None):
    return secrets.token_hex(8)


class CrmCampaignVersion(models.Model):
    """The steps of a campaign as they were drawn at a time.

    A campaign that was never started has one. What runs is not changed under the feet
    of those inside: the next version is drawn in a *draft*, a campaign of its own that
    nobody sees in a list, nobody enters, and which is drawn, checked, tried out and
    approved as any other. Published, its steps become those of the campaign; the
    earlier ones stay, for those who finish on them and as history.

    A step has a *lineage*, which it shares with itself in other versions. Who is on
    which version is said by their participant; moved to another, they take all they
    have done along, so nothing is done to them twice.
    """

    _name = "crm.campaign.version"
    _description = "Campaign Version"
    _order = "campaign_id, number desc"

    campaign_id = fields.Many2one(
        "crm.campaign", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="campaign_id.company_id")
    number = fields.Integer(string="Version", required=True, readonly=True)
    state = fields.Selection(
        [("draft", "Draft"), ("current", "Current"), ("retired", "Earlier")],
        required=True,
        readonly=True,
        default="current",
        help="Whoever enters goes through the current one.",
    )
    date_published = fields.Datetime(string="Published On", readonly=True)
    user_id = fields.Many2one(
        "res.users", string="Published By", readonly=True, index="btree_not_null"
    )
    approved_by_id = fields.Many2one("res.users", readonly=True, index="btree_not_null")
    changes = fields.Html(string="What Changed", readonly=True)
    moved_count = fields.Integer(
        string="Moved to It",
        readonly=True,
        help="People who were inside when it was published, and go on in it.",
    )
    step_ids = fields.One2many("crm.campaign.step", "version_id", readonly=True)
    running_count = fields.Integer(
        string="On Their Way", compute="_compute_running_count"
    )

    _number_uniq = models.Constraint(
        "UNIQUE(campaign_id, number)", "Versions of a campaign are numbered."
    )

    @api.depends("number")
    def _compute_display_name(self):
        for version in self:
            version.display_name = self.env._("Version %s", version.number)

    def _compute_running_count(self):
        counts = dict(
            self.env["crm.campaign.participant"]._read_group(
                [
                    ("campaign_id", "in", self.campaign_id.ids),
                    ("version_id", "in", self.ids),
                    ("state", "=", "running"),
                ],
                ["version_id"],
                ["__count"],
            )
        )
        for version in self:
            version.running_count = counts.get(version, 0)

    def action_view_drawing(self):
        """The journey of this version, as it was drawn."""
        self.ensure_one()
        # with an address of its own, so that the page may be loaded again
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "crm_campaigns.crm_campaign_version_action"
        )
        return {
            **action,
            "name": self.env._(
                "%(campaign)s: %(version)s",
                campaign=self.campaign_id.name,
                version=self.display_name,
            ),
            "res_id": self.id,
        }

    def action_view_people(self):
        """Who is on their way in this version."""
        self.ensure_one()
        action = self.campaign_id._action_view(
            "crm_campaign_participant_action", self.display_name
        )
        action["domain"] += [("version_id", "=", self.id), ("state", "=", "running")]
        return action


class CrmCampaign(models.Model):
    _inherit = "crm.campaign"

    version_id = fields.Many2one(
        "crm.campaign.version",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    version_ids = fields.One2many(
        "crm.campaign.version", "campaign_id", string="Versions", readonly=True
    )
    all_step_ids = fields.One2many(
        "crm.campaign.step",
        "campaign_id",
        string="Steps of All Versions",
        readonly=True,
        copy=False,
    )
    draft_of_id = fields.Many2one(
        "crm.campaign",
        string="Draft of",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="cascade",
        help="The campaign whose next version is drawn here.",
    )
    draft_ids = fields.One2many(
        "crm.campaign",
        "draft_of_id",
        string="Next Version",
        readonly=True,
        context={"active_test": False},
    )

    _draft_uniq = models.UniqueIndex(
        "(draft_of_id) WHERE draft_of_id IS NOT NULL",
        "Somebody is drawing the next version already.",
    )

    # ------------------------------------------------------------
    # ORM
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        campaigns = super().create(vals_list)
        # sudo: versions are written by the system only
        versions = (
            self.env["crm.campaign.version"]
            .sudo()
            .create([campaign._get_first_version_values() for campaign in campaigns])
        )
        if campaigns.draft_of_id:
            # see ``_any_next_version``
            self.env.registry.clear_cache()
        for campaign, version in zip(campaigns, versions, strict=True):
            # each has one of its own
            campaign.version_id = version.sudo(False)
            campaign.all_step_ids.version_id = campaign.version_id
        return campaigns

    def unlink(self):
        """With their drafts, and the mails that were never sent."""
        campaigns = self | self.draft_ids
        # sudo: versions are written by the system only
        versions_sudo = campaigns.version_id.sudo().filtered(
            lambda version: version.state == "draft"
        )
        mailings = campaigns.all_step_ids.mailing_id
        result = super(CrmCampaign, campaigns).unlink()
        mailings.filtered(lambda mailing: not mailing.sent_date).unlink()
        versions_sudo.exists().unlink()
        return result

    def _get_first_version_values(self):
        self.ensure_one()
        origin = self.draft_of_id
        if not origin:
            return {"campaign_id": self.id, "number": 1}
        return {
            "campaign_id": origin.id,
            "number": max(origin.version_ids.mapped("number"), default=0) + 1,
            "state": "draft",
        }

    # ------------------------------------------------------------
    # The draft
    # ------------------------------------------------------------

    def action_start(self):
        if self.draft_of_id:
            raise UserError(
                self.env._("This is the draft of a version: publish it instead.")
            )
        result = super().action_start()
        # sudo: versions are written by the system only
        unpublished_sudo = self.version_id.filtered(
            lambda version: not version.date_published
        ).sudo()
        unpublished_sudo.write(
            {"date_published": fields.Datetime.now(), "user_id": self.env.uid}
        )
        return result

    def action_edit_version(self):
        """Draw the next version, in a copy of the current one; those inside notice
        nothing of it.
        """
        self.ensure_one()
        campaign = self.draft_of_id or self
        campaign.check_access("write")
        if campaign.state == "draft":
            raise UserError(
                self.env._("Nobody has entered yet: change the steps as they are.")
            )
        draft = campaign.draft_ids
        if not draft:
            draft = campaign.copy(
                {
                    "active": False,
                    "draft_of_id": campaign.id,
                    "name": campaign.name,
                    "utm_campaign_id": campaign.utm_campaign_id.id,
                }
            )
        draft._sync_draft()
        return draft._get_draft_action()

    def _get_draft_action(self):
        self.ensure_one()
        # with an address of its own, so that the page may be loaded again
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "crm_campaigns.crm_campaign_action_draft"
        )
        return {
            **action,
            "name": self.env._("%s: next version", self.draft_of_id.name),
            "res_id": self.id,
        }

    def _sync_draft(self):
        """Who enters, who sends and what ends it is that of the campaign: a draft is of
        steps only."""
        for draft in self:
            origin = draft.draft_of_id
            values = {
                name: value
                for name, value in origin.copy_data({"name": origin.name})[0].items()
                if name != "active" and origin._fields[name].type != "one2many"
            }
            draft.write(values)

    def action_discard_draft(self):
        """Forget what was drawn; the campaign runs on as it is."""
        self.ensure_one()
        origin = self.draft_of_id
        if not origin:
            raise UserError(self.env._("This is no draft of a version."))
        self.unlink()
        return origin._get_origin_action()

    def _get_origin_action(self):
        """Open this campaign in the place of its draft, which is gone: no way leads
        back there.
        """
        return {**self._get_form_action(), "target": "main"}

    def action_view_origin(self):
        self.ensure_one()
        return self.draft_of_id._get_form_action()


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    version_id = fields.Many2one(
        "crm.campaign.version",
        compute="_compute_version_id",
        store=True,
        precompute=True,
        readonly=True,
        copy=False,
        index=True,
        ondelete="cascade",
    )
    is_retired = fields.Boolean(
        string="Of an Earlier Version", readonly=True, copy=False
    )
    lineage = fields.Char(
        readonly=True,
        copy=False,
        default=new_lineage,
        export_string_translation=False,
        help="The same for this step in each version.",
    )
    latest_id = fields.Many2one(
        "crm.campaign.step",
        string="The Same Step Now",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="In the last version that has it; empty: this one.",
    )

    @api.depends("campaign_id")
    def _compute_version_id(self):
        for step in self:
            # it stays what it was drawn in
            step.version_id = step.version_id or step.campaign_id.version_id

    @api.model
    def _check_not_running(self, campaigns):
        super()._check_not_running(campaigns)
        if campaigns.draft_ids:
            raise UserError(
                self.env._(
                    "The next version of “%s” is being drawn: change the steps there, "
                    "or discard it first.",
                    campaigns.draft_ids[:1].draft_of_id.name,
                )
            )

    def write(self, vals):
        names = self._get_structure_fields() | {"name"}
        if vals.keys() & names and any(step.is_retired for step in self):
            raise UserError(
                self.env._("Steps of an earlier version are history: they stay.")
            )
        if "kind" in vals:
            for step in self.filtered(
                lambda s: s.campaign_id.draft_of_id and s.kind != vals["kind"]
            ):
                # something else happens: it is another step
                step.lineage = new_lineage()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_retired(self):
        if any(step.is_retired for step in self):
            raise UserError(
                self.env._("Steps of an earlier version are history: they stay.")
            )

    def _get_tree_copy_values(self, campaign):
        """In the draft of its next version it is the same step."""
        values = super()._get_tree_copy_values(campaign)
        if campaign.draft_of_id == self.campaign_id:
            values["lineage"] = self.lineage
        return values

    def _copy_into(self, copy, copies):
        if copy.lineage == self.lineage:
            for way, copied in zip(self.way_ids, copy.way_ids, strict=True):
                # few ways, each with a lineage of its own
                copied.lineage = way.lineage
        super()._copy_into(copy, copies)

    def _get_all_versions(self):
        """These steps, and what they were in earlier versions."""
        return self | self.search([("latest_id", "in", self.ids)])


class CrmCampaignWay(models.Model):
    _inherit = "crm.campaign.way"

    lineage = fields.Char(
        readonly=True,
        copy=False,
        default=new_lineage,
        export_string_translation=False,
        help="The same for this way in each version of its step.",
    )


class CrmCampaignParticipant(models.Model):
    _inherit = "crm.campaign.participant"

    version_id = fields.Many2one(
        "crm.campaign.version",
        readonly=True,
        ondelete="set null",
        help="The steps that they go through.",
    )
    date_moved = fields.Datetime(
        string="Moved to This Version",
        readonly=True,
        help="When they were moved here from an earlier one.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        """The engine makes its rows by itself."""
        Campaign = self.env["crm.campaign"]
        return super().create(
            [
                {
                    "version_id": Campaign.browse(vals["campaign_id"]).version_id.id,
                    **vals,
                }
                for vals in vals_list
            ]
        )

    def _get_journey_events(self):
        events = super()._get_journey_events()
        if self.date_moved:
            events.append(
                {
                    "date": self.date_moved,
                    "order": 0.1,
                    "icon": "fa-code-fork text-primary",
                    "text": self.env._("Goes on in %s", self.version_id.display_name),
                }
            )
            events.sort(key=lambda event: (event["date"], event.get("order", 0)))
        return events
