from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_datetime

from ...tools.domain_words import DomainWords, tree
from ...tools.user_domain import evaluate_domain
from .crm_segment import FEW_KEY

# The form counts no further: a figure must not make people wait.
PREVIEW_LIMIT = 100_000
SAMPLE = 5


def _judge(operator, values):
    """What conditions come to; None if that hangs on what the reader may not know."""
    decisive = operator == "|"
    if operator != "!" and decisive in values:
        return decisive
    if None in values:
        return None
    return not values[0] if operator == "!" else not decisive


class CrmSegment(models.Model):
    """What a segment finds while it is being written, and why a record is in or not."""

    _inherit = "crm.segment"

    preview = fields.Html(
        string="Matches Now",
        compute="_compute_preview",
        sanitize=False,
        help="Of the records that you may see.",
    )

    @api.depends(
        lambda self: [
            *(self._get_definition_fields() - {"active"}),
            *(
                f"fact_ids.{name}"
                for name in self.env["crm.segment.fact"]._get_definition_fields()
            ),
        ]
    )
    @api.depends_context("uid", "lang")
    def _compute_preview(self):
        for segment in self:
            segment.preview = segment._render_preview()

    def _render_preview(self):
        """Who matches now, for the reader: with the reader's own rights, since whoever
        writes a condition could learn from the number what others may read.
        """
        self.ensure_one()
        Target = self._get_target(self.env.user)
        try:
            with self.env.cr.savepoint():
                domain = self._get_member_domain(Target)
                count = Target.search_count(domain, limit=PREVIEW_LIMIT)
                sample = Target.search(domain, limit=SAMPLE)
        except Exception as error:  # noqa: BLE001 whatever a user may be writing
            return Markup("<span class='text-danger'>%s</span>") % self.env._(
                "The condition does not work: %s", error
            )
        if not count:
            return Markup("<span class='text-muted'>%s</span>") % self.env._(
                "Nobody matches."
            )
        number = f"{count:,}+" if count == PREVIEW_LIMIT else f"{count:,}"
        names = Markup(", ").join(
            Markup("<a href='/odoo/%s/%s' target='_blank'>%s</a>")
            % (self.target, record.id, record.display_name)
            for record in sample
        )
        more = Markup(" …") if count > len(sample) else Markup()
        return Markup("<strong>%s</strong>: %s%s") % (
            self.env._("%s match", number),
            names,
            more,
        )

    # ------------------------------------------------------------
    # Why
    # ------------------------------------------------------------

    def _explain(self, record):
        """Say why ``record`` is a member or not, condition by condition.

        Conditions are judged with the rights of the responsible, as membership is;
        present values are shown as far as the reader may read them.

        :return: dictionary: ``is_member``, ``stay`` and ``pin`` (the last stay and the
            pin, or none), ``lines``: dictionaries with depth, text, holds, present
        """
        self.ensure_one()
        record.check_access("read")
        # sudo: the reader may read the record, and so its stays in this segment
        here = [("segment_id", "=", self.id), ("res_id", "=", record.id)]
        stay = (
            self.env["crm.segment.member"]
            .sudo()
            .search(here, order="date_joined desc, id desc", limit=1)
        )
        # sudo: as above
        pin = self.env["crm.segment.pin"].sudo().search(here)
        return {
            "is_member": bool(stay) and not stay.date_left,
            "stay": stay,
            "pin": pin,
            "lines": self._explain_conditions(record),
        }

    def _explain_conditions(self, record):
        Target = self._get_target().with_context(**{FEW_KEY: True})
        words = DomainWords(self.env)
        this = Domain("id", "=", record.id)
        lines = []

        def holds(domain, **context):
            return bool(
                Target.with_context(**context).search_count(this & domain, limit=1)
            )

        def add(text, value, depth=0, present=None):
            # value None: the reader may not know
            lines.append(
                {"text": text, "holds": value, "depth": depth, "present": present}
            )

        def walk(node, depth):
            operator, parts = node
            if operator == "=":
                add(*self._explain_condition(parts, record, words, holds, depth))
                return
            head = {
                "&": self.env._("All of these:"),
                "|": self.env._("One of these:"),
                "!": self.env._("Not this:"),
            }[operator]
            position = len(lines)
            add(head, None, depth)
            for part in parts:
                walk(part, depth + 1)
            values = [
                line["holds"]
                for line in lines[position + 1 :]
                if line["depth"] == depth + 1
            ]
            lines[position]["holds"] = _judge(operator, values)

        condition = evaluate_domain(Target.env, self.domain)
        found = tree(condition)
        if found:
            walk(found, 0)
        for fact in self.fact_ids:
            add(*self._explain_fact(fact, record, Target, holds))
        if "active" in record._fields and not any(
            c.field_expr == "active" for c in condition.iter_conditions()
        ):
            add(self.env._("Not archived"), bool(record.active))
        if self.include_ids:
            add(
                self.env._(
                    "Member of %s", ", ".join(self.include_ids.mapped("display_name"))
                )
                if self.include_mode == "and" or not (found or self.fact_ids)
                else self.env._(
                    "Or member of %s",
                    ", ".join(self.include_ids.mapped("display_name")),
                ),
                holds(Domain("segment_ids", "in", self.include_ids.ids)),
            )
        if self.exclude_ids:
            add(
                self.env._(
                    "No member of %s",
                    ", ".join(self.exclude_ids.mapped("display_name")),
                ),
                holds(Domain("segment_ids", "not in", self.exclude_ids.ids)),
            )
        if self.company_id and "company_id" in record._fields:
            add(
                self.env._("Of %s, or of no company", self.company_id.name),
                record.company_id in (self.company_id, self.env["res.company"]),
            )
        add(
            self.env._("%s may see the record", self.user_id.name),
            holds(Domain.TRUE, active_test=False),
        )
        return lines

    def _explain_condition(self, condition, record, words, holds, depth):
        """``(text, holds, depth, present)`` of a condition on fields."""
        path = condition[0]
        if not self._may_ask(path):
            return self.env._("A condition that you may not see"), None, depth, None
        return (
            words.condition(self.target, condition),
            holds(Domain([condition]), active_test=False),
            depth,
            words.present(record, path) if isinstance(path, str) else None,
        )

    def _explain_fact(self, fact, record, Target, holds):
        """``(text, holds, depth, present)`` of a fact."""
        if fact._tells_amounts() and fact._get_refusal(self.env.user):
            text = self.env._(
                "A condition on what customers spend or owe, which you may not see"
            )
            return text, None, 0, None
        return (
            fact.summary,
            holds(fact._get_domain(Target), active_test=False),
            0,
            fact._get_present(record),
        )

    def _may_ask(self, path):
        """Whether the reader may read what a condition asks for."""
        Model = self.env[self.target]
        # [(1, "=", 1)] asks for nothing
        for name in path.split(".") if isinstance(path, str) else ():
            field = Model._fields.get(name)
            if not field:
                # a property, a part of a date
                break
            if not Model._has_field_access(field, "read"):
                return False
            if not field.relational:
                break
            Model = self.env[field.comodel_name]
            if not Model.has_access("read"):
                return False
        return True

    def _render_why(self, record):
        """Return ``_explain`` as HTML."""
        why = self._explain(record)
        stay, pin = why["stay"], why["pin"]

        def when(date):
            return format_datetime(self.env, date, dt_format="medium")

        if why["is_member"]:
            head = self.env._("A member since %s.", when(stay.date_joined))
        elif stay:
            head = self.env._("Not a member: left %s.", when(stay.date_left))
        else:
            head = self.env._("Not a member, and never was.")
        if pin:
            by = pin.write_uid.name or pin.create_uid.name
            text = (
                self.env._("Pinned in by %s.", by)
                if pin.kind == "in"
                else self.env._("Kept out by %s.", by)
            )
            head = " ".join(filter(None, (head, text, pin.note)))
        verdicts = {
            True: ("fa-check text-success", self.env._("Yes")),
            False: ("fa-times text-danger", self.env._("No")),
            None: ("fa-lock text-muted", self.env._("Not shown")),
        }
        rows = Markup().join(
            Markup(
                "<li style='padding-left: %srem'>"
                "<i class='fa fa-fw %s' title='%s'></i> %s%s</li>"
            )
            % (
                1.5 * line["depth"],
                *verdicts[line["holds"]],
                line["text"],
                Markup(" <span class='text-muted'>(%s)</span>")
                % self.env._("now: %s", line["present"])
                if line["present"] is not None
                else "",
            )
            for line in why["lines"]
        )
        return Markup(
            "<p><strong>%s</strong></p><ul class='list-unstyled mb-0'>%s</ul>"
        ) % (head, rows)

    def _action_why(self, record=None):
        self.ensure_one()
        if record is not None and not record.exists():
            raise UserError(self.env._("This record was deleted."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Why in “%s”, or why not", self.name),
            "res_model": "crm.segment.why",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_segment_id": self.id,
                f"default_{self._get_record_fields()[self.target]}": (
                    record.id if record else False
                ),
            },
        }

    def action_why(self):
        return self._action_why()
