import logging

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, ormcache

from ...tools.mail_filter import NOT_NARROW, WRONG_SENDER, Filter, contains
from .crm_case_mail_filter_condition import PATTERN_OPERATORS

_logger = logging.getLogger(__name__)

# The database matches patterns, and can be told when to give up: a pattern may take for
# ever on a text that somebody made for it.
PATTERN_TIMEOUT = 1_000  # milliseconds, for all patterns of a mail
OUTCOMES = [
    ("open", "Open a case, as usual"),
    ("note", "Open no case: keep it as a note on the team"),
    ("drop", "Open no case: forget it, but for the log"),
]


class CrmCaseMailFilter(models.Model):
    """What is known of a mail before anybody reads it: where it goes, what it is about.

    Filters are tried in their order on each mail that would open a case; answers to
    cases go their own way. Each one whose conditions all hold does what it says: what a
    later one sets goes before what an earlier one set, tags add up; *and no further*
    ends it. What was done is in the log, also of mails that opened no case. A filter
    that fails never loses a mail: its case is opened as usual.
    """

    _name = "crm.case.mail.filter"
    _description = "Mail Filter"
    _inherit = ["crm.cached.mixin", "crm.case.preset.mixin"]
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        # it must not become one for all companies
        ondelete="cascade",
        default=lambda self: self.env.company,
        help="For mail to teams of this company; empty: of all.",
    )
    team_ids = fields.Many2many(
        "crm.case.team",
        relation="crm_case_mail_filter_team_rel",
        string="Mail to",
        check_company=True,
        # it must not become one for all teams
        ondelete="restrict",
        help="For mail to these teams only; empty: to all.",
    )
    # if
    senders = fields.Selection(
        [("all", "Anybody"), ("people", "People"), ("machines", "Machines")],
        string="Written by",
        required=True,
        default="all",
        help="Machines say of their mails that a program sent them: alarms, forms, "
        "newsletters. Automatic answers never open a case, and come to no filter.",
    )
    condition_ids = fields.One2many(
        "crm.case.mail.filter.condition",
        "filter_id",
        string="If All of These Hold",
        copy=True,
    )
    # then
    outcome = fields.Selection(OUTCOMES, string="Then", required=True, default="open")
    is_last = fields.Boolean(
        string="And No Further", help="Filters after this one are not tried."
    )
    team_id = fields.Many2one(string="Give to the Team", ondelete="restrict")
    user_id = fields.Many2one(
        string="Assign to",
        help="Only where this person works for the company of the case.",
    )
    tag_ids = fields.Many2many(
        relation="crm_case_mail_filter_tag_rel", string="Add Tags"
    )
    is_silent = fields.Boolean(
        string="No Acknowledgement", help="Nobody is told that a case was opened."
    )
    extract_ids = fields.One2many(
        "crm.case.mail.filter.extract",
        "filter_id",
        string="Read from the Mail",
        copy=True,
    )
    # so far
    log_count = fields.Integer(string="Mails", compute="_compute_log_count")
    summary = fields.Char(string="Does", compute="_compute_summary")

    def _compute_log_count(self):
        counts = dict(
            self.env["crm.case.mail.filter.log"]._read_group(
                [("filter_id", "in", self.ids)], ["filter_id"], ["__count"]
            )
        )
        for record in self:
            record.log_count = counts.get(record._origin, 0)

    @api.depends(
        "outcome",
        "team_id",
        "user_id",
        "type_id",
        "category_id",
        "priority",
        "tag_ids",
        "is_silent",
        "extract_ids.target",
    )
    @api.depends_context("lang")
    def _compute_summary(self):
        labels = {
            name: dict(self._fields[name]._description_selection(self.env))
            for name in ("outcome", "priority")
        }
        for record in self:
            if record.outcome != "open":
                record.summary = labels["outcome"][record.outcome]
                continue
            parts = [
                record[name].display_name
                for name in ("team_id", "user_id", "type_id", "category_id")
                if record[name]
            ]
            if record.priority:
                parts.append(labels["priority"][record.priority])
            parts += [f"+{tag.name}" for tag in record.tag_ids]
            if record.is_silent:
                parts.append(self.env._("no acknowledgement"))
            parts += [extract._get_label() for extract in record.extract_ids]
            record.summary = " · ".join(parts)

    @api.constrains("condition_ids", "senders", "team_ids", "outcome")
    def _check_is_narrow(self):
        """One slip must not make all mail disappear."""
        for record in self:
            if record.outcome != "open" and not record.condition_ids:
                raise ValidationError(
                    self.env._(
                        "“%s” would keep any mail from opening a case: say which mails "
                        "are meant.",
                        record.name,
                    )
                )

    def write(self, vals):
        if "condition_ids" in vals:
            # what becomes of them is checked when all are written
            self = self.with_context(crm_helpdesk_conditions=True)  # noqa: PLW0642
        return super().write(vals)

    # ------------------------------------------------------------
    # Which hold
    # ------------------------------------------------------------

    @api.model
    @ormcache()
    def _get_all(self):
        """All filters in order, as ``Filter``: asked for each mail."""
        # sudo: the same for whoever the gateway runs as
        records = self.sudo().with_context(active_test=True).search([])
        return tuple(
            Filter(
                record.id,
                record.name,
                record.company_id.id,
                frozenset(record.with_context(active_test=False).team_ids.ids),
                record.senders,
                tuple(line._as_tuple() for line in record.condition_ids),
                tuple(line._as_tuple() for line in record.extract_ids),
                record.outcome,
                record._get_values(),
                record.is_last,
            )
            for record in records
        )

    def _get_values(self):
        """Hook: ``((field of the case, value), …)``; tags by their ids."""
        self.ensure_one()
        values = self._get_preset_values()
        if self.is_silent:
            values["is_ack_due"] = False
        if self.tag_ids:
            values["tag_ids"] = tuple(self.tag_ids.ids)
        return tuple(values.items())

    @api.model
    def _try_all(self, mail, team, filters=None):
        """What the filters say to a mail for ``team``.

        :param mail: ``FilteredMail``
        :param filters: these, instead of all
        :return: a list of dicts for each filter that was tried: ``filter``, ``fails``
            (the conditions that do not hold, ``WRONG_SENDER``, ``NOT_NARROW``),
            ``found`` (``[(Extract, text), …]``)
        """
        filters = [
            each
            for each in (self._get_all() if filters is None else filters)
            if (not each.company_id or each.company_id == team.company_id.id)
            and (not each.team_ids or team.id in each.team_ids)
        ]
        if not filters:
            return []
        matches = self._match_patterns(mail, filters)
        tried = []
        for each in filters:
            fails = [
                condition
                for condition in each.conditions
                if not self._holds(condition, mail, matches)
            ]
            if (each.senders == "people" and mail.is_machine) or (
                each.senders == "machines" and not mail.is_machine
            ):
                fails.append(WRONG_SENDER)
            if each.outcome != "open" and not each.conditions:
                # however it came to that: see _check_is_narrow
                fails.append(NOT_NARROW)
            tried.append(
                {
                    "filter": each,
                    "fails": fails,
                    "found": []
                    if fails
                    else [
                        (extract, matches.get(("extract", extract.id)))
                        for extract in each.extracts
                    ],
                }
            )
            if not fails and (each.is_last or each.outcome != "open"):
                break
        return tried

    @api.model
    def _holds(self, condition, mail, matches):
        if condition.operator in PATTERN_OPERATORS:
            is_found = matches.get(("condition", condition.id)) is not None
        else:
            is_found = contains(
                mail.get_text(condition.part, condition.header), condition.value
            )
        return is_found == (condition.operator in ("contains", "pattern"))

    @api.model
    def _match_patterns(self, mail, filters):
        """``{("condition" or "extract", id): what was found}`` of all patterns."""
        wanted = []
        for each in filters:
            wanted += [
                (("condition", line.id), line, line.value)
                for line in each.conditions
                if line.operator in PATTERN_OPERATORS
            ]
            wanted += [
                (("extract", line.id), line, line.pattern) for line in each.extracts
            ]
        if not wanted:
            return {}
        rows = [
            (key, mail.get_text(line.part, line.header), pattern)
            for key, line, pattern in wanted
        ]
        try:
            found = self._run_patterns([row[1:] for row in rows])
        except psycopg2.Error:
            # one of them takes too long on this mail: the others hold all the same
            found = []
            for key, *row in rows:
                try:
                    found += self._run_patterns([row])
                except psycopg2.Error as error:
                    _logger.warning("Pattern of a mail filter %s: %s", key, error)
                    found.append(None)
        return {
            key: text
            for (key, *_row), text in zip(rows, found, strict=True)
            if text is not None
        }

    @api.model
    def _run_patterns(self, rows):
        """What each pattern finds in its text: its first group that is in it, else all
        it matches, which may be nothing at all; None where it does not match.

        :param rows: ``[(text, pattern), …]``
        :raise psycopg2.Error: a pattern that is none, or takes too long
        """
        cr = self.env.cr
        with cr.savepoint(flush=False):
            [(before, _now)] = self.env.execute_query(
                SQL(
                    "SELECT current_setting('statement_timeout'),"
                    " set_config('statement_timeout', %s, TRUE)",
                    str(PATTERN_TIMEOUT),
                )
            )
            # newline-sensitive: a line of the mail is what ^ and $ are about. Where no
            # group is in the text, marks tell what the whole pattern matches: before 15
            # PostgreSQL has no other word for it
            query = SQL(
                """
                SELECT CASE WHEN m.groups IS NOT NULL THEN coalesce(
                           (SELECT g FROM unnest(m.groups) WITH ORDINALITY AS u(g, n)
                             WHERE g IS NOT NULL ORDER BY n LIMIT 1),
                           split_part(
                               regexp_replace(translate(r.text, chr(1), ' '), r.pattern,
                                              chr(1) || '\\&' || chr(1), 'in'),
                               chr(1), 2))
                       END
                  FROM unnest(%s::text[], %s::text[])
                       WITH ORDINALITY AS r(text, pattern, n)
                 CROSS JOIN LATERAL regexp_match(r.text, r.pattern, 'in') AS m(groups)
                 ORDER BY r.n
                """,
                [text for text, _pattern in rows],
                [self._as_pattern(pattern) for _text, pattern in rows],
            )
            cr.execute(query, log_exceptions=False)
            found = [row[0] for row in cr.fetchall()]
            self.env.execute_query(
                SQL("SELECT set_config('statement_timeout', %s, TRUE)", before)
            )
        return found

    @api.model
    def _as_pattern(self, pattern):
        """Boundaries of words as most people write them; the database has ``\\y``."""
        return pattern.replace("\\b", "\\y")

    @api.model
    def _check_pattern(self, pattern):
        """:raise ValidationError: the database cannot take it for a pattern"""
        try:
            self._run_patterns([("", pattern)])
        except psycopg2.Error as error:
            raise ValidationError(
                self.env._(
                    "“%(pattern)s” is no pattern: %(reason)s",
                    pattern=pattern,
                    reason=str(error).splitlines()[0],
                )
            ) from error

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def action_view_logs(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_mail_filter_log_action"
        )
        action["domain"] = [("filter_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_test(self):
        return self.env["ir.actions.actions"]._for_xml_id(
            "crm_helpdesk.crm_case_mail_filter_test_action"
        )
