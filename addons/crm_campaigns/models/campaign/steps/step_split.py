from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

from ....tools.lazy_label import translate
from ....tools.split import choose_way
from ....tools.step_kind import SQL_BATCH_SIZE, StepKind

_lt = LazyTranslate(__name__)


class SplitKind(StepKind):
    """Several ways out, each a ``crm.campaign.way``."""

    family = "branch"
    batch_size = SQL_BATCH_SIZE
    can_fail = False

    def get_ways(self):
        return [("way", way, way.name) for way in self.step.way_ids]

    def get_problems(self):
        if len(self.step.way_ids) < 2:
            return [self.env._("there must be at least two ways.")]
        return []

    def _go(self, tasks, ids_by_way):
        for way, task_ids in ids_by_way.items():
            tasks.browse(task_ids)._done("way", reason=way.name, way=way)


class RandomKind(SplitKind):
    """By chance, in proportion to the shares; a person goes the same way each time,
    until one of the ways has won.
    """

    code = "split_random"
    label = _lt("Split by Chance")
    icon = "fa-random"

    def get_text(self):
        winner = self.step.winner_way_id
        if winner:
            return self.env._("“%s” has won: everybody new goes there", winner.name)
        return ""

    def get_problems(self):
        problems = super().get_problems()
        if self.step.winner_by == "goal" and not self.step.campaign_id.has_goal:
            problems.append(self.env._("there is no goal that could decide."))
        return problems

    def get_why_text(self):
        return self.get_text() or self.env._("by chance")

    def foresee(self, crowd):
        persons = {key: crowd.run.persons[key] for key in crowd.ids}
        for way, ids in self._draw(persons).items():
            crowd.go(ids, "way", way.id)

    def run(self, tasks):
        self._go(tasks, self._draw(tasks._get_persons()))

    def _draw(self, persons):
        """``{way: keys}`` of ``{key: who it is}``."""
        if self.step.winner_way_id:
            return {self.step.winner_way_id: list(persons)}
        ways = list(self.step.way_ids)
        weights = [way.weight for way in ways]
        keys_by_way = {}
        for key, person in persons.items():
            way = ways[choose_way(f"{self.step.lineage}:{person}", weights)]
            keys_by_way.setdefault(way, []).append(key)
        return keys_by_way


class ValueKind(SplitKind):
    """By the value of a field; who has none of the values goes the way for others."""

    code = "split_value"
    label = _lt("Split by a Value")
    icon = "fa-sitemap"
    fields = ("split_field_id",)
    ways = {"no": _lt("Others")}

    def get_ways(self):
        return [
            *super().get_ways(),
            ("no", self.env["crm.campaign.way"], translate(self.env, self.ways["no"])),
        ]

    def get_text(self):
        # sudo: fields of models are no secret
        return self.step.split_field_id.sudo().field_description or ""

    def get_problems(self):
        if not self.step.split_field_id:
            return [self.env._("choose the field.")]
        if not self.step.way_ids.filtered("value"):
            return [self.env._("say which values there are.")]
        return []

    def get_warnings(self):
        values = [(way.value or "").strip().lower() for way in self.step.way_ids]
        warnings = [
            self.env._("nobody goes “%s”: say its value, or delete it.", way.name)
            for way, value in zip(self.step.way_ids, values, strict=True)
            if not value
        ]
        doubled = {value for value in values if value and values.count(value) > 1}
        return warnings + [
            self.env._("two ways have the value “%s”: nobody goes the first.", value)
            for value in sorted(doubled)
        ]

    def foresee(self, crowd):
        ids_by_way = {}
        for key, way in self._choose_ways(crowd.ids).items():
            ids_by_way.setdefault(way, []).append(key)
        others = ids_by_way.pop(None, [])
        for way, ids in ids_by_way.items():
            crowd.go(ids, "way", way.id)
        crowd.go(others, "no")

    def run(self, tasks):
        subjects = tasks._get_subjects()
        way_by_record = self._choose_ways(subjects.values())
        ids_by_way, others = {}, []
        for task_id, res_id in subjects.items():
            way = way_by_record[res_id]
            (others if way is None else ids_by_way.setdefault(way, [])).append(task_id)
        self._go(tasks, ids_by_way)
        tasks.browse(others)._done("no")

    def _choose_ways(self, res_ids):
        """``{id of record: way}``, None: the way for others."""
        # sudo: fields of models are no secret
        name = self.step.split_field_id.sudo().name
        records = self.step._get_records(res_ids)
        ways = {
            way.value.strip().lower(): way for way in self.step.way_ids if way.value
        }
        way_by_record = {}
        for value, batch in records.grouped(name).items():
            words = self._get_words(records._fields[name], value)
            way = next((ways[word] for word in words if word in ways), None)
            way_by_record.update(dict.fromkeys(batch.ids, way))
        return way_by_record

    def _get_words(self, field, value):
        """What a person may have written for a value of a field."""
        if field.type in ("many2one", "many2many"):
            words = value.mapped("display_name")
        elif field.type == "selection":
            words = [value, dict(field._description_selection(self.env)).get(value)]
        elif field.type == "boolean":
            words = ["yes", "true"] if value else ["no", "false"]
        else:
            words = [value]
        return [
            str(word).strip().lower() for word in words if word not in (None, False)
        ]


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    split_field_id = fields.Many2one(
        "ir.model.fields",
        string="Field",
        domain="[('model', '=', model_name), ('store', '=', True), ('ttype', 'in',"
        " ('boolean', 'char', 'integer', 'many2one', 'selection'))]",
        ondelete="cascade",
        index="btree_not_null",
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), ValueKind, RandomKind]

    @api.constrains("split_field_id")
    def _check_split_field_id(self):
        for step in self.filtered("split_field_id"):
            # sudo: fields of models are no secret
            name = step.split_field_id.sudo().name
            for user in step.campaign_id.user_id | self.env.user:
                Model = step._get_records([], user)
                Model._check_field_access(Model._fields[name], "read")
