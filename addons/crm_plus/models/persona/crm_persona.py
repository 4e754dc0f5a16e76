from odoo import api, fields, models
from odoo.tools import format_list

# Nearer to the mean customer than so many deviations something is told as a tendency.
FAR_DEVIATION = 0.75
# So many facts are told in one line; the form tells them all.
SUMMARY_COUNT = 4
FACTS = (
    "recency",
    "tenure",
    "invoices",
    "interval",
    "revenue",
    "order_value",
    "margin_share",
    "products",
    "return_share",
    "payment_delay",
    "contacts",
)


class CrmPersona(models.Model):
    """A group of customers that are like each other, with a face.

    The system finds the group, counts it and says what sets it apart; people give it a
    name, a picture and notes, which it keeps when groups are found again. Its members
    are a segment.
    """

    _name = "crm.persona"
    _description = "Persona"
    _inherit = ["image.mixin"]
    _order = "study_id, size desc, id"

    study_id = fields.Many2one(
        "crm.persona.study",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="study_id.company_id", store=True, index=True)
    active = fields.Boolean(
        default=True, help="Archived by itself when the group is no longer found."
    )
    # what people say
    name = fields.Char(required=True)
    color = fields.Integer()
    note = fields.Html(
        string="Notes", help="Who they are, what they want, how to talk to them."
    )
    # what is found
    center = fields.Json(readonly=True)
    facts = fields.Json(
        readonly=True, help="What sets the group apart, in standard deviations."
    )
    size = fields.Integer(string="Customers", readonly=True)
    share = fields.Float(readonly=True, aggregator="avg")
    date_found = fields.Datetime(string="First Found", readonly=True)
    summary = fields.Char(string="What Sets Them Apart", compute="_compute_summary")
    details = fields.Text(compute="_compute_summary")
    segment_id = fields.Many2one(
        "crm.segment", readonly=True, index="btree_not_null", ondelete="set null"
    )

    @api.depends("facts")
    @api.depends_context("lang")
    def _compute_summary(self):
        for persona in self:
            told = [
                (self._say_fact(key, value), value)
                for key, value in persona.facts or []
                if key in FACTS
            ]
            summary = (
                format_list(self.env, [words for words, _value in told[:SUMMARY_COUNT]])
                if told
                else self.env._("close to the mean customer in everything")
            )
            persona.summary = summary[:1].upper() + summary[1:]
            persona.details = "\n".join(
                self.env._(
                    "%(value)s standard deviations: %(words)s",
                    words=words,
                    value=f"{value:+.1f}",
                )
                for words, value in told
            )

    @api.model
    def _say_fact(self, key, value, is_short=False):
        """Return what it means that a fact is ``value`` deviations from the mean.

        Short: without how far. Without amounts: whoever may see a persona may not see
        what customers spend.
        """
        more, less = {
            "recency": (self.env._("bought long ago"), self.env._("bought recently")),
            "tenure": (self.env._("customers for long"), self.env._("new customers")),
            "invoices": (self.env._("buy often"), self.env._("buy seldom")),
            "interval": (
                self.env._("long pauses between orders"),
                self.env._("short pauses between orders"),
            ),
            "revenue": (self.env._("spend much"), self.env._("spend little")),
            "order_value": (self.env._("large orders"), self.env._("small orders")),
            "margin_share": (self.env._("high margin"), self.env._("low margin")),
            "products": (
                self.env._("many different products"),
                self.env._("few different products"),
            ),
            "return_share": (self.env._("return much"), self.env._("return little")),
            "payment_delay": (self.env._("pay late"), self.env._("pay early")),
            "contacts": (self.env._("in touch often"), self.env._("hardly in touch")),
        }[key]
        words = more if value > 0 else less
        if is_short or abs(value) >= FAR_DEVIATION:
            return words
        return self.env._("%s (slightly)", words)

    def write(self, vals):
        result = super().write(vals)
        if "name" in vals:
            # sudo: whoever may name a persona names its segment
            for persona in self.sudo().filtered("segment_id"):
                persona.segment_id.name = persona.name
        return result

    def action_view_segment(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "crm.segment",
            "res_id": self.segment_id.id,
            "views": [(False, "form")],
        }

    def action_view_customers(self):
        self.ensure_one()
        action = self.env["ir.actions.actions"]._for_xml_id(
            "crm_plus.crm_customer_profile_action"
        )
        action["name"] = self.name
        action["domain"] = [("persona_id", "=", self.id)]
        action["context"] = {}
        return action
