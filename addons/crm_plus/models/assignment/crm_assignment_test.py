from markupsafe import Markup

from odoo import api, fields, models


class CrmAssignmentTest(models.TransientModel):
    """Which rules would take a record, and who would get it now; nothing is written."""

    _name = "crm.assignment.test"
    _description = "Which Rule Takes It?"

    record = fields.Reference(
        selection="_selection_record",
        required=True,
        help="A record as an example, assigned already or not.",
    )
    result = fields.Html(compute="_compute_result", sanitize=False)

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if "record" in fields and not values.get("record"):
            lead = self.env["crm.lead"].search([], order="id desc", limit=1)
            values["record"] = f"crm.lead,{lead.id}" if lead else False
        return values

    @api.model
    def _selection_record(self):
        return self.env["crm.assignment.rule"]._selection_res_model()

    @api.depends("record")
    def _compute_result(self):
        for test in self:
            test.result = test._render() if test.record else False

    def _render(self):
        record = self.record
        record.check_access("read")
        Rule = self.env["crm.assignment.rule"]
        rows, taker = [], None
        # rules of other companies are tried, too, but not shown
        visible = Rule.search([("res_model", "=", record._name)])
        for rule in Rule.sudo().browse(Rule._get_rule_ids(record._name)):
            holds = record.id in rule._filter_ids(record.ids)
            if holds and not taker:
                taker, verdict, style = rule, self.env._("takes it"), "table-success"
            elif holds:
                verdict = self.env._("holds, too, but comes later")
                style = "table-warning"
            else:
                verdict, style = self.env._("does not hold"), "text-muted"
            if rule in visible:
                rows.append(
                    Markup("<tr class='%s'><td>%s</td><td>%s</td><td>%s</td></tr>")
                    % (style, rule.name, rule.team_id.display_name or "", verdict)
                )
        [plan] = record._assignment_plan("manual")
        others = plan.considered
        Log = self.env["crm.assignment.log"]
        log = Log.new({"strategy": plan.rule.strategy if plan.rule else False})
        result = Markup(
            "<table class='table table-sm'><thead><tr><th>%s</th><th>%s</th><th>%s</th>"
            "</tr></thead>%s</table><p><b>%s</b> %s</p>"
        ) % (
            self.env._("Rule"),
            self.env._("Sales Team"),
            self.env._("Conditions"),
            Markup().join(rows),
            self.env._("Now it waits:")
            if plan.choice.block
            else self.env._("Now it would go to"),
            plan.detail,
        )
        if others and not plan.choice.block:
            result += Markup("<p class='mb-1 text-muted'>%s</p><ul>%s</ul>") % (
                self.env._("Who else was considered:"),
                Markup().join(
                    Markup("<li>%s</li>") % log._get_considered_line(entry)
                    for entry in others
                ),
            )
        return result
