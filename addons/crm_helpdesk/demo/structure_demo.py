from odoo import api, models

from odoo.addons.crm_plus.demo.base_writer import BaseWriter

from ..models.case.crm_case_stage import DONE

# what a case is about, by the tag that its text has
CATEGORIES = {
    "delivery": "delivery",
    "quality": "coffee",
    "invoice": "invoice",
    "return": "coffee",
    "question": "coffee",
    "machine": "machine",
}
TYPES = {
    "delivery": "complaint",
    "quality": "complaint",
    "invoice": "request",
    "return": "request",
    "question": "question",
    "machine": "incident",
}
RESOLUTIONS = {
    "delivery": "goods",
    "quality": "goods",
    "invoice": "advice",
    "return": "refund",
    "question": "advice",
    "machine": "goods",
}


class CrmPlusDemo(models.AbstractModel):
    """What sort of cases those of the demo company are, and what belongs together."""

    _inherit = "crm.plus.demo"

    @api.model
    def _load_case_structure(self):
        if not self._is_demo_database():
            return
        env = self._get_env().env
        Case = env["crm.case"]
        if Case.search_count([("category_id", "!=", False)], limit=1):
            return
        writer = BaseWriter(env, self._get_demo_now())
        categories, types, resolutions = {}, {}, {}
        machines = Case
        for code, category in CATEGORIES.items():
            tag = env.ref(f"crm_helpdesk.demo_case_tag_{code}")
            cases = Case.search([("tag_ids", "in", tag.ids)])
            categories |= dict.fromkeys(
                cases, env.ref(f"crm_helpdesk.demo_case_category_{category}").id
            )
            types |= dict.fromkeys(
                cases, env.ref(f"crm_helpdesk.crm_case_type_{TYPES[code]}").id
            )
            resolutions |= dict.fromkeys(
                cases.filtered(lambda case: case.stage_category in DONE),
                env.ref(f"crm_helpdesk.crm_case_resolution_{RESOLUTIONS[code]}").id,
            )
            if code == "machine":
                machines = cases
        # past the automatic steps: these cases are days and weeks old
        writer.put("crm.case", "category_id", categories)
        writer.put("crm.case", "type_id", types)
        writer.put("crm.case", "resolution_id", resolutions)
        self._load_case_checks(machines)
        self._load_case_problem(machines)

    @api.model
    def _load_case_checks(self, cases):
        """Points of machines: done where the case is over, begun where it is not."""
        cases._add_checklists()
        for case in cases:
            done = len(case.check_ids) if case.stage_category in DONE else 1
            user = case.user_id or case.team_id.member_ids[:1]
            # as who has the case: a point says who has done it
            case.check_ids[:done].with_user(user).sudo().is_done = True

    @api.model
    def _load_case_problem(self, machines):
        """Open cases of machines have a cause in common."""
        alive = machines.filtered(lambda case: case.stage_category not in DONE)
        if len(alive) < 2:
            return
        team = alive[0].team_id
        problem = alive.create(
            {
                "name": "Firmware 2.1 lets grinders stop",
                "team_id": team.id,
                "type_id": alive.env.ref("crm_helpdesk.crm_case_type_problem").id,
                "category_id": alive.env.ref(
                    "crm_helpdesk.demo_case_category_grinder"
                ).id,
                "impact": "2",
                "urgency": "3",
                "user_id": team.member_ids[:1].id,
            }
        )
        alive[:3].problem_id = problem
        alive[0].related_ids = alive[-1]
