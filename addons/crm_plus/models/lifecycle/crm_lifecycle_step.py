from odoo import api, fields, models, tools

# Furthest last. Those of a lead, and those of a customer (a commercial partner).
LEAD_STEPS = ("lead", "mql", "mal", "sql", "opportunity", "customer")
PARTNER_STEPS = ("subscriber", "customer", "repeat", "lapsed")


class CrmLifecycleStep(models.Model):
    """A station on the way from an address to a customer.

    The steps are fixed, as each is reached by a rule in code; names and texts are a
    company's own.
    """

    _name = "crm.lifecycle.step"
    _description = "Lifecycle Step"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, readonly=True)
    sequence = fields.Integer(required=True, readonly=True)
    description = fields.Text(
        string="How It Is Reached",
        translate=True,
        help="What the step means and when one gets there.",
    )
    lead_count = fields.Integer(string="Leads There Now", compute="_compute_counts")
    partner_count = fields.Integer(
        string="Customers There Now", compute="_compute_counts"
    )

    _code_uniq = models.Constraint(
        "UNIQUE(code)", "There is already a lifecycle step with this code."
    )

    def _compute_counts(self):
        in_steps = ("lifecycle_step_id", "in", self.ids)
        leads = dict(
            self.env["crm.lead"]
            .with_context(active_test=False)
            ._read_group(
                [in_steps, ("lifecycle_date_out", "=", False)],
                ["lifecycle_step_id"],
                ["__count"],
            )
        )
        partners = dict(
            self.env["res.partner"]._read_group(
                [in_steps], ["lifecycle_step_id"], ["__count"]
            )
        )
        for step in self:
            step.lead_count = leads.get(step, 0)
            step.partner_count = partners.get(step, 0)

    @api.model
    @tools.ormcache()
    def _get_ids(self):
        """Return ``{code: id}`` of the steps."""
        # sudo: the same for everybody
        return {step.code: step.id for step in self.sudo().search([])}

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()
