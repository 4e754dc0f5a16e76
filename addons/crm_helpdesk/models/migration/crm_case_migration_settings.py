"""Teams, stages, tags and categories: what becomes of them, and bringing them."""

from odoo import models
from odoo.fields import Command
from odoo.tools import SQL

from .crm_case_migration import CATEGORY, CHANNEL, STAGE, TAG, TEAM

# words by which people name what waits; whoever names it otherwise chooses by hand
WAITING_WORDS = ("wait", "pend", "hold", "feedback")
THIRD_WORDS = ("supplier", "vendor", "third", "carrier", "partner")
CHANNEL_WORDS = (
    ("email", ("mail",)),
    ("phone", ("phone", "call", "tel")),
    ("portal", ("portal",)),
    ("web", ("web", "site", "form")),
)


# one file a capability
# pylint: disable=consider-merging-classes-inherited
class CrmCaseMigration(models.Model):
    _inherit = "crm.case.migration"

    # ------------------------------------------------------------
    # What would become of them
    # ------------------------------------------------------------

    def _prepare_maps(self):
        """Propose what is not proposed yet; what people chose stays."""
        known = {
            (row.kind, row.origin_id, row.company_id.id): row for row in self.map_ids
        }
        new = []
        for kind, origin_id, company_id, count, proposal in [
            *self._propose_teams(),
            *self._propose_stages(),
            *self._propose_channels(),
        ]:
            row = known.get((kind, origin_id, company_id))
            if row:
                row.ticket_count = count
                continue
            new.append(
                {
                    "migration_id": self.id,
                    "kind": kind,
                    "origin_id": origin_id,
                    "company_id": company_id,
                    "ticket_count": count,
                    **proposal,
                }
            )
        self.env["crm.case.migration.map"].create(new)

    def _count_by(self, column):
        """``{(id or 0, company id): tickets}``"""
        return {
            (id_ or 0, company_id): count
            for id_, company_id, count in self.env.execute_query(
                SQL(
                    """SELECT %s, company_id, count(*) FROM helpdesk_ticket
                        GROUP BY 1, 2 ORDER BY 1, 2""",
                    SQL.identifier(column),
                )
            )
        }

    def _propose_teams(self):
        """A team of each company that has tickets in it; tickets without team go to the
        company's first one."""
        # sudo, here and below: the whole application is brought, by its administrator
        teams = self.env[TEAM].sudo().with_context(active_test=False).search([])
        counts = self._count_by("team_id")
        for team in teams:
            companies = team.company_id or self.env["res.company"].sudo().browse(
                company_id for id_, company_id in counts if id_ == team.id
            )
            for company in companies:
                yield (
                    "team",
                    team.id,
                    company.id,
                    counts.pop((team.id, company.id), 0),
                    {"name": team.name},
                )
        for (team_id, company_id), count in counts.items():
            team = teams.browse(team_id)
            Team = self.env["crm.case.team"].sudo()
            own = Team.search([("company_id", "=", company_id)], limit=1)
            yield (
                "team",
                team_id,
                company_id,
                count,
                {
                    "name": team.name if team_id else self.env._("(no team)"),
                    "team_id": False if team_id else own.id,
                },
            )

    def _propose_stages(self):
        stages = self.env[STAGE].sudo().with_context(active_test=False).search([])
        ours = self.env["crm.case.stage"].sudo().search([("team_ids", "=", False)])
        counts = {}
        for (stage_id, _company_id), count in self._count_by("stage_id").items():
            counts[stage_id] = counts.get(stage_id, 0) + count
        for stage in stages:
            name = (stage.name or "").lower()
            if stage.closed:
                category = "closed"
            elif any(word in name for word in WAITING_WORDS):
                third = any(word in name for word in THIRD_WORDS)
                category = "waiting_third" if third else "waiting_customer"
            else:
                category = "open"
            same = ours.filtered(
                lambda own, category=category, name=name: (
                    own.category == category and own.name.lower() == name
                )
            )
            yield (
                "stage",
                stage.id,
                False,
                counts.pop(stage.id, 0),
                {"name": stage.name, "category": category, "stage_id": same[:1].id},
            )
        if counts.get(0):
            yield (
                "stage",
                0,
                False,
                counts[0],
                {
                    "name": self.env._("(no stage)"),
                    "category": "open",
                    "stage_id": ours.filtered(lambda own: own.category == "open")[
                        :1
                    ].id,
                },
            )

    def _propose_channels(self):
        if CHANNEL not in self.env:
            return
        counts = {}
        for (channel_id, _company), count in self._count_by("channel_id").items():
            counts[channel_id] = counts.get(channel_id, 0) + count
        channels = self.env[CHANNEL].sudo().with_context(active_test=False).search([])
        for channel in channels:
            name = (channel.name or "").lower()
            found = next(
                (
                    key
                    for key, words in CHANNEL_WORDS
                    if any(word in name for word in words)
                ),
                "manual",
            )
            yield (
                "channel",
                channel.id,
                False,
                counts.get(channel.id, 0),
                {"name": channel.name, "channel": found},
            )

    # ------------------------------------------------------------
    # Bringing them
    # ------------------------------------------------------------

    def _bring_settings(self):
        """What is missing of teams, stages, tags and categories, in this order."""
        self._prepare_maps()
        self._bring_teams()
        self._bring_stages()
        self._bring_tags()
        self._bring_categories()

    def _bring_teams(self):
        Origin = self.env["crm.case.origin"].sudo()
        Team = self.env["crm.case.team"].sudo()
        for company, rows in self.team_map_ids.grouped("company_id").items():
            brought = Origin._find(TEAM, company)
            missing = rows.filtered(
                lambda row, brought=brought: row.origin_id not in brought
            )
            for row in missing.filtered(lambda row: not row.team_id):
                team = self.env[TEAM].sudo().browse(row.origin_id)
                members = team.user_ids.filtered(
                    lambda user, company=company: (
                        not user.share and company in user.company_ids
                    )
                )
                row.team_id = Team.create(
                    {
                        "name": team.name or row.name,
                        "active": team.active if team else True,
                        "company_id": company.id,
                        "member_ids": [Command.set(members.ids)],
                        # there, teams may be for their members only
                        "visibility": "members" if members else "agents",
                        "is_portal": bool(team.show_in_portal)
                        if "show_in_portal" in team._fields
                        else False,
                    }
                )
            Origin._note(TEAM, {row.origin_id: row.team_id for row in missing}, company)

    def _bring_stages(self):
        Origin = self.env["crm.case.origin"].sudo()
        brought = Origin._find(STAGE)
        missing = self.stage_map_ids.filtered(lambda row: row.origin_id not in brought)
        if not missing:
            return
        teams = self._get_team_ids()
        created = {}
        for row in missing.filtered(lambda row: not row.stage_id):
            stage = self.env[STAGE].sudo().browse(row.origin_id)
            row.stage_id = created[stage.id] = (
                self.env["crm.case.stage"]
                .sudo()
                .create(
                    {
                        "name": stage.name or row.name,
                        "sequence": stage.sequence if stage else 10,
                        "active": stage.active if stage else True,
                        "fold": stage.fold if stage else False,
                        "category": row.category,
                        "team_ids": [
                            Command.set(
                                [
                                    id_
                                    for (team_id, _company), id_ in teams.items()
                                    if team_id in stage.team_ids.ids
                                ]
                            )
                        ],
                    }
                )
            )
        self._take_translations("crm.case.stage", STAGE, created)
        Origin._note(STAGE, {row.origin_id: row.stage_id for row in missing})

    def _bring_tags(self):
        self._bring_by_name(TAG, "crm.case.tag", ("color",))

    def _bring_categories(self):
        if "crm.case.category" not in self.env:
            return
        brought = self._bring_by_name(
            CATEGORY, "crm.case.category", ("sequence", "active"), is_tree=True
        )
        for origin, record in brought.items():
            parent_id = self.env["crm.case.origin"].sudo()._find(CATEGORY)
            record.parent_id = parent_id.get(origin.parent_id.id, False)

    def _bring_by_name(self, origin_model, model, fnames, is_tree=False):
        """Take ours of the same name, else create it; return the new ones.

        :param is_tree: names are known below a parent only: all are created
        """
        if origin_model not in self.env:
            return {}
        Origin = self.env["crm.case.origin"].sudo()
        Model = self.env[model].sudo().with_context(active_test=False)
        brought = Origin._find(origin_model)
        missing = (
            self.env[origin_model]
            .sudo()
            .with_context(active_test=False)
            .search([("id", "not in", list(brought))])
        )
        if not missing:
            return {}
        ours = {} if is_tree else {r.name.lower(): r for r in Model.search([])}
        found, created = {}, {}
        for origin in missing:
            name = origin.name or self.env._("(no name)")
            record = ours.get(name.lower())
            if not record:
                values = {"name": name}
                for fname in fnames:
                    if fname in Model._fields and fname in origin._fields:
                        values[fname] = origin[fname]
                if "company_id" in Model._fields and "company_id" in origin._fields:
                    values["company_id"] = origin.company_id.id
                record = created[origin] = Model.create(values)
                if not is_tree:
                    ours[name.lower()] = record
            found[origin.id] = record
        self._take_translations(
            model, origin_model, {o.id: record for o, record in created.items()}
        )
        Origin._note(origin_model, found)
        return created

    def _take_translations(self, model, origin_model, created):
        """Names in all languages."""
        if not created or not (
            self.env[model]._fields["name"].translate
            and self.env[origin_model]._fields["name"].translate
        ):
            return
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE %(table)s AS n SET name = o.name
                     FROM %(origin)s AS o, unnest(%(old)s, %(new)s) AS m(old, new)
                    WHERE o.id = m.old AND n.id = m.new AND o.name IS NOT NULL""",
                table=SQL.identifier(self.env[model]._table),
                origin=SQL.identifier(self.env[origin_model]._table),
                old=list(created),
                new=[record.id for record in created.values()],
            )
        )
        self.env[model].invalidate_model(["name", "display_name"])

    def _get_team_ids(self):
        """``{(team id there, company id): our team's id}``"""
        return {
            (origin.origin_id, origin.company_id.id): origin.res_id
            # sudo: teams of all companies are brought
            for origin in self.env["crm.case.origin"]
            .sudo()
            .search([("origin_model", "=", TEAM)])
        }
