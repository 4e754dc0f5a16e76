from odoo import fields, models


class CrmCaseOrigin(models.Model):
    """What was brought from another application, and what it became: brought once."""

    _name = "crm.case.origin"
    _description = "Origin of Brought Records"
    _log_access = False
    _rec_name = "origin_model"

    origin_model = fields.Char(required=True, readonly=True)
    origin_id = fields.Integer(required=True, readonly=True, aggregator=None)
    company_id = fields.Many2one(
        "res.company",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        help="A team of all companies becomes one of each.",
    )
    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        model_field="res_model", required=True, readonly=True
    )

    _origin_uniq = models.UniqueIndex(
        "(origin_model, origin_id, COALESCE(company_id, 0))",
        "A record is brought once.",
    )
    _res_idx = models.Index("(res_model, res_id)")

    def _find(self, origin_model, company=None):
        """``{origin id: id}`` of what was brought of a model."""
        return {
            origin.origin_id: origin.res_id
            for origin in self.search_fetch(
                [
                    ("origin_model", "=", origin_model),
                    ("company_id", "=", company.id if company else False),
                ],
                ["origin_id", "res_id"],
            )
        }

    def _note(self, origin_model, records_by_id, company=None):
        """Remember what the records of ``origin_model`` became."""
        self.create(
            [
                {
                    "origin_model": origin_model,
                    "origin_id": origin_id,
                    "company_id": company.id if company else False,
                    "res_model": record._name,
                    "res_id": record.id,
                }
                for origin_id, record in records_by_id.items()
            ]
        )
