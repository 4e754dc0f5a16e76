from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ....tools.step_kind import StepKind

_lt = LazyTranslate(__name__)
# What another system can read without knowing Odoo.
TYPES = (
    "boolean",
    "char",
    "date",
    "datetime",
    "float",
    "html",
    "integer",
    "many2many",
    "many2one",
    "monetary",
    "selection",
    "text",
)


class WebServiceKind(StepKind):
    """Puts a call of another system into the outbox, with the state of the tasks: see
    ``crm.campaign.request``. The journey goes on at once, or waits for the answer.
    """

    code = "web_service"
    label = _lt("Call a Web Service")
    family = "outside"
    icon = "fa-cloud-upload"
    fields = ("answer_hours", "answer_wait", "endpoint_id", "payload_field_ids")

    def get_ways(self):
        nothing = self.env["crm.campaign.way"]
        if not self.step.answer_wait:
            return super().get_ways()
        return [
            ("yes", nothing, self.env._("delivered")),
            ("no", nothing, self.env._("not delivered")),
        ]

    def get_text(self):
        name = self.step.endpoint_id.name or ""
        if not self.step.answer_wait:
            return name
        return self.env._(
            "%(service)s, and wait for the answer, %(hours)s hours at most",
            service=name,
            hours=self.step.answer_hours,
        )

    def get_problems(self):
        endpoint = self.step.endpoint_id
        if not endpoint:
            return [self.env._("choose the web service.")]
        if not endpoint.active:
            return [self.env._("“%s” is archived.", endpoint.name)]
        if endpoint.company_id and endpoint.company_id != self.step.company_id:
            return [self.env._("“%s” is of another company.", endpoint.name)]
        if endpoint.date_paused:
            return [self.env._("“%s” stands still: let it go on first.", endpoint.name)]
        return []

    def run(self, tasks):
        step = self.step
        asked = tasks.browse(tasks._get_waited())
        self._settle(asked)
        tasks -= asked
        if not tasks:
            return
        self.env["crm.campaign.request"]._put(
            step.endpoint_id, step.campaign_id, self._get_bodies(tasks)
        )
        if step.answer_wait:
            until = fields.Datetime.now() + timedelta(hours=step.answer_hours)
            tasks._wait_until(dict.fromkeys(tasks._ids, until))
        else:
            tasks._done(reason=step.endpoint_id.name)

    def _settle(self, tasks):
        """The answers to these tasks have come, or their time is over."""
        if not tasks:
            return
        if not self.step.answer_wait:
            # the step was changed meanwhile
            tasks._done()
            return
        requests = self.env["crm.campaign.request"].search_fetch(
            [("task_id", "in", tasks.ids)], ["task_id", "state", "reason"]
        )
        late = self.env._("No answer in time.")
        ends = dict.fromkeys(tasks._ids, ("no", late))
        for request in requests:
            if request.state == "delivered":
                ends[request.task_id.id] = "yes", request.reason
            elif request.state != "waiting":
                ends[request.task_id.id] = "no", request.reason or late
        ids_by_end = {}
        for task_id, end in ends.items():
            ids_by_end.setdefault(end, []).append(task_id)
        for (outcome, reason), ids in ids_by_end.items():
            tasks.browse(ids)._done(outcome, reason)

    # ------------------------------------------------------------
    # What is sent
    # ------------------------------------------------------------

    def _get_bodies(self, tasks):
        """``{task id: what is sent}``. The records are read with the rights of whoever
        is responsible for the campaign.
        """
        step = self.step
        subjects = tasks._get_subjects()
        # sudo: fields of models are no secret
        names = step.payload_field_ids.sudo().mapped("name")
        records = step._get_records(subjects.values())
        if names:
            records.fetch(names)
        by_id = {record.id: record for record in records}
        who = tasks._read_participants(
            SQL("json_build_object('id', p.id, 'enrolment', p.number)")
        )
        Request = self.env["crm.campaign.request"]
        return {
            task_id: Request._dump(
                {
                    "type": "campaign.step",
                    "data": {
                        "campaign": {
                            "id": step.campaign_id.id,
                            "name": step.campaign_id.name,
                        },
                        "step": {"id": step.id, "name": step.name},
                        "participant": who[task_id],
                        "record": {
                            "model": records._name,
                            "id": res_id,
                            **{
                                name: self._to_json(by_id[res_id], name)
                                for name in names
                            },
                        },
                    },
                }
            )
            for task_id, res_id in subjects.items()
        }

    def _to_json(self, record, name):
        value = record[name]
        kind = record._fields[name].type
        if kind in ("many2one", "many2many"):
            # sudo: as in a form, the name of what a record points to is seen with it
            items = [
                {"id": one.id, "name": one.sudo().display_name or ""} for one in value
            ]
            if kind == "many2many":
                return items
            return items[0] if items else None
        if kind == "boolean":
            return value
        if kind in ("float", "integer", "monetary"):
            return value or 0
        if not value:
            return None
        if kind == "datetime":
            return value.isoformat(timespec="seconds") + "Z"
        return value.isoformat() if kind == "date" else str(value)


class CrmCampaignStep(models.Model):
    _inherit = "crm.campaign.step"

    endpoint_id = fields.Many2one(
        "crm.campaign.endpoint",
        string="Web Service",
        domain="[('company_id', 'in', (company_id, False))]",
        index="btree_not_null",
        ondelete="restrict",
    )
    payload_field_ids = fields.Many2many(
        "ir.model.fields",
        relation="crm_campaign_step_payload_rel",
        string="What to Tell",
        domain=f"[('model', '=', model_name), ('store', '=', True),"
        f" ('ttype', 'in', {TYPES})]",
        help="Fields of the record that are sent, besides its number and the names of "
        "the campaign and the step.",
    )
    answer_wait = fields.Boolean(
        string="Wait for the Answer",
        help="The journey goes on when the other system has it, or on another way when "
        "it could not be delivered. If not, it goes on at once.",
    )
    answer_hours = fields.Integer(string="Hours at Most", default=24)

    _answer_hours_positive = models.Constraint(
        "CHECK(answer_hours > 0)", "Say how many hours to wait for an answer."
    )

    @api.model
    def _get_kinds(self):
        return [*super()._get_kinds(), WebServiceKind]

    @api.depends("parent_id.answer_wait")
    def _compute_branch(self):
        super()._compute_branch()

    @api.constrains("payload_field_ids")
    def _check_payload_field_ids(self):
        for step in self.filtered("payload_field_ids"):
            # whoever says what is sent tells no more than the responsible and they may
            # sudo: fields of models are no secret
            for field in step.payload_field_ids.sudo():
                if field.model != step.model_name or field.ttype not in TYPES:
                    raise ValidationError(
                        self.env._("“%s” cannot be told.", field.field_description)
                    )
                for user in step.campaign_id.user_id | self.env.user:
                    Model = step._get_records([], user)
                    Model._check_field_access(Model._fields[field.name], "read")
