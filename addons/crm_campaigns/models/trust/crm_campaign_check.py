from typing import NamedTuple

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import email_normalize

SEVERITIES = ("block", "warn", "info")


class Check(NamedTuple):
    """:param severity: one of ``SEVERITIES``: it keeps the campaign from starting, it
        should be looked at, or people may not expect it
    :param text: what it is, and what to do
    :param step: the ``crm.campaign.step`` to open, or an empty one
    """

    severity: str
    text: str
    step: models.Model


class CrmCampaign(models.Model):
    """What is wrong with a campaign, or may be, before anybody enters."""

    _inherit = "crm.campaign"

    # ------------------------------------------------------------
    # Asked by the web client
    # ------------------------------------------------------------

    @api.readonly
    def get_checks(self):
        """All that there is to say, the worst first: dicts of ``severity``, ``text``
        and, where it is about one step, ``step_id`` and ``step``.
        """
        self.ensure_one()
        self.check_access("read")
        return [
            {
                "severity": check.severity,
                "text": check.text,
                "step_id": check.step.id,
                "step": check.step.name or "",
            }
            # sudo: whoever may read the campaign may read what is wrong with it
            for check in self.sudo()._get_checks()
        ]

    def _get_checks(self):
        self.ensure_one()
        checks = self._get_block_checks() + self._get_warn_checks()
        return sorted(checks, key=lambda check: SEVERITIES.index(check.severity))

    def _get_block_checks(self):
        nothing = self.env["crm.campaign.step"]
        of_steps = [
            Check("block", problem, step)
            for step in self.step_ids
            for problem in step._get_problems()
        ]
        said = {
            self.env._("%(step)s: %(problem)s", step=one.step.name, problem=one.text)
            for one in of_steps
        }
        return [
            Check("block", problem, nothing)
            for problem in self._get_start_problems()
            if problem not in said
        ] + of_steps

    def _get_warn_checks(self):
        nothing = self.env["crm.campaign.step"]
        checks = [Check("warn", text, nothing) for text in self._get_start_warnings()]
        checks += [Check("info", text, nothing) for text in self._get_start_hints()]
        for step in self.step_ids:
            checks += [Check("warn", text, step) for text in step._get_warnings()]
            checks += [Check("info", text, step) for text in step._get_hints()]
        return checks

    # ------------------------------------------------------------
    # The campaign
    # ------------------------------------------------------------

    def _get_start_problems(self):
        problems = super()._get_start_problems()
        if self.date_begin and self.date_end and self.date_end <= self.date_begin:
            problems.append(
                self.env._("“Enter Until” comes before “Enter From”: nobody could.")
            )
        # the superuser is archived always, and made what scripts make
        if not self.user_id.active and self.user_id.id != SUPERUSER_ID:
            problems.append(
                self.env._(
                    "%s, who is responsible, is archived: choose somebody else.",
                    self.user_id.name,
                )
            )
        if self._sends_mails() and self.email_from and not self._get_sender():
            problems.append(
                self.env._(
                    "The sender has no address: write it like “Roastery "
                    "<hello@roastery.example>”."
                )
            )
        # where somebody enters again, and again, nothing ends it
        cycle = self._get_move_cycle()
        if cycle and all(campaign.reentry != "never" for campaign in cycle):
            problems.append(
                self.env._(
                    "People move in a circle and never get out: %s. Let one of these "
                    "steps end the journey, or nobody enter again.",
                    self._get_cycle_words(cycle),
                )
            )
        return problems

    def _get_start_warnings(self):
        """Hook: what people should look at before the start, as sentences."""
        self.ensure_one()
        warnings = []
        segment = self.segment_id
        if self.entry == "segment" and segment and not segment.member_count:
            warnings.append(
                self.env._(
                    "Nobody is in the segment “%s”: look at its conditions.",
                    segment.name,
                )
            )
        now = fields.Datetime.now()
        if self.state == "draft" and self.date_begin and self.date_begin < now:
            warnings.append(
                self.env._(
                    "“Enter From” has passed: people enter as soon as it starts."
                )
            )
        cycle = self._get_move_cycle()
        if cycle and any(campaign.reentry == "never" for campaign in cycle):
            warnings.append(
                self.env._(
                    "People move in a circle: %s. Whoever was in one of them already "
                    "goes no further.",
                    self._get_cycle_words(cycle),
                )
            )
        return warnings + self._get_sender_warnings()

    def _get_start_hints(self):
        """Hook: what people may not expect, as sentences."""
        self.ensure_one()
        hints = []
        if self.entry == "manual":
            hints.append(
                self.env._(
                    "Nobody enters by itself: put people in by the actions of a list."
                )
            )
        if self._sends_mails() and not self.exit_on_opt_out:
            hints.append(
                self.env._(
                    "Whoever unsubscribes stays inside: mails are skipped, other steps "
                    "go on."
                )
            )
        return hints

    def _sends_mails(self):
        return any(step._get_kind().family == "message" for step in self.step_ids)

    # ------------------------------------------------------------
    # The sender
    # ------------------------------------------------------------

    def _get_sender(self):
        """The address that mails come from, or None."""
        return email_normalize(self.email_from or "") or None

    def _get_sender_warnings(self):
        sender = self._get_sender()
        if not sender or not self._sends_mails():
            return []
        warnings = []
        domain = sender.rpartition("@")[2]
        # sudo: how mails leave is told to whoever sends them
        company_sudo = self.company_id.sudo()
        alias_sudo = company_sudo.alias_domain_id
        if not alias_sudo:
            warnings.append(
                self.env._(
                    "%(company)s has no alias domain: answers go to %(sender)s, and no "
                    "journey hears of them. Set one in the settings of the company.",
                    company=company_sudo.name,
                    sender=sender,
                )
            )
        elif not alias_sudo.search_count([("name", "=ilike", domain)], limit=1):
            warnings.append(
                self.env._(
                    "%(domain)s is no alias domain: bounces and answers come to "
                    "%(alias)s. Choose a sender there, or add the domain in the "
                    "settings.",
                    domain=domain,
                    alias=alias_sudo.name,
                )
            )
        real = self._get_real_sender(alias_sudo)
        if real and real != sender:
            warnings.append(
                self.env._(
                    "No outgoing mail server is for %(domain)s: receivers will see "
                    "%(real)s. Add the domain to the filter of a server, or choose "
                    "another sender.",
                    domain=domain,
                    real=real,
                )
            )
        return warnings

    def _get_real_sender(self, alias_sudo):
        """The address that the mail server lets mails come from."""
        Server = self.env[
            "ir.mail_server"
        ].sudo()  # sudo: as in ``_get_sender_warnings``
        if alias_sudo.default_from_email:
            Server = Server.with_context(
                domain_notifications_email=alias_sudo.default_from_email
            )
        server, found = Server._find_mail_server(self.email_from)
        allowed = server.from_filter if server else Server._get_default_from_filter()
        if Server._match_from_filter(found, allowed):
            return email_normalize(found)
        return alias_sudo.default_from_email or allowed

    # ------------------------------------------------------------
    # From campaign to campaign
    # ------------------------------------------------------------

    def _get_move_cycle(self):
        """The campaigns through which people come back to this one, in order, beginning
        with it; empty if they do not.
        """
        self.ensure_one()
        # sudo: where campaigns of other companies lead is no secret
        Step = self.env["crm.campaign.step"].sudo()
        if not self.step_ids.move_campaign_id:
            return self.browse()
        targets = {}
        for campaign, target in Step._read_group(
            [("kind", "=", "move"), ("move_campaign_id", "!=", False)],
            ["campaign_id", "move_campaign_id"],
        ):
            targets.setdefault(campaign.id, []).append(target.id)
        paths = [[self.id]]
        seen = {self.id}
        while paths:
            path = paths.pop(0)
            for target in targets.get(path[-1], ()):
                if target in (self.id, self.draft_of_id.id):
                    return self.browse(path)
                if target not in seen:
                    seen.add(target)
                    paths.append([*path, target])
        return self.browse()

    def _get_cycle_words(self, cycle):
        # sudo: names of campaigns, see ``_get_move_cycle``
        return " → ".join([*cycle.sudo().mapped("name"), self.name])


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    def _get_warnings(self):
        """Hook: what people should look at before the start, as sentences."""
        self.ensure_one()
        kind = self._get_kind()
        return (
            kind.get_warnings()
            + self._get_archived_warnings()
            + self._get_end_warnings()
        )

    def _get_hints(self):
        """Hook: what people may not expect, as sentences."""
        self.ensure_one()
        return self._get_kind().get_hints() + self._get_end_hints()

    def _get_archived_warnings(self):
        """The records it names that are archived."""
        kind = self._get_kind()
        warnings = []
        for name in (*kind.fields, *kind.also_uses):
            field = self._fields[name]
            if not field.relational or field.type == "one2many":
                continue
            # sudo: that it is archived is told to whoever may start the campaign
            records_sudo = self.with_context(active_test=False).sudo()[name]
            if not records_sudo._active_name:
                continue
            warnings += [
                self.env._(
                    "“%(record)s” (%(field)s) is archived: choose another one.",
                    record=record_sudo.display_name,
                    field=field._description_string(self.env),
                )
                for record_sudo in records_sudo
                if not record_sudo[records_sudo._active_name]
            ]
        return warnings

    def _get_open_ways(self):
        """Names of the ways out on which nothing follows."""
        taken = {(child.branch, child.way_id) for child in self.child_ids}
        return [
            label
            for code, way, label in self._get_kind().get_ways()
            if (code, way) not in taken
        ]

    def _get_end_warnings(self):
        kind = self._get_kind()
        if self.child_ids or kind.is_end:
            return []
        if kind.family in ("branch", "time"):
            return [
                self.env._(
                    "Nothing follows it, so it makes no difference: add a step after "
                    "it, or delete it."
                )
            ]
        return []

    def _get_end_hints(self):
        ways = self._get_kind().get_ways()
        if len(ways) < 2 or not self.child_ids:
            return []
        return [
            self.env._("Who goes “%s” is at the end: nothing follows there.", way)
            for way in self._get_open_ways()
        ]
