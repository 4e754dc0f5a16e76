"""Requests of goods and money, of some of the cases of a ``CasePlot``."""

from datetime import timedelta

from odoo import Command

from odoo.addons.crm_plus.demo.base_writer import BaseWriter

OPEN_STAGES = ("in_progress", "waiting_customer", "waiting_third")
# remedies, reason, what whoever confirms should know
REQUESTS = (
    (
        ({"remedy": "return", "is_refund": True}, {"remedy": "credit"}),
        "transport",
        "Both bags are torn; the driver noted it.",
    ),
    (
        (
            {"remedy": "return", "is_refund": False},
            {"remedy": "replacement", "timing": "after"},
        ),
        "defective",
        "Please look at the seals before it is put back on the shelf.",
    ),
    (
        ({"remedy": "replacement", "timing": "before"},),
        "wrong",
        "They open on Monday: send it today, the wrong bags stay there.",
    ),
    (
        ({"remedy": "credit", "is_agreed": True, "amount": 12},),
        "spoiled",
        "Agreed on the phone: a part of the price back, they keep the coffee.",
    ),
    (
        ({"remedy": "return", "is_refund": True},),
        "unwanted",
        "Not opened. Goes back to stock.",
    ),
)
REFUSED = 4  # the last of them


class AfterSalesWriter(BaseWriter):
    """Requests that wait for the warehouse and for accounting, one that was refused.

    Nothing is confirmed: the stock and the ledger of the demo company are told by
    CRM Plus.
    """

    def __init__(self, env, now, pairs):
        """:param pairs: ``[(plan, case)]`` as ``CaseWriter`` wrote them"""
        super().__init__(env, now)
        self.pairs = [
            (plan, case)
            for plan, case in pairs
            if plan.order and plan.stage in OPEN_STAGES
        ]

    def run(self):
        moments = {}
        requests = list(REQUESTS)
        for plan, case in self.pairs:
            if not requests:
                break
            rows = [
                row
                for row in case._get_claim_rows()
                if row["return_left"] >= 1 and row["credit_left"] >= 1
            ]
            if not rows:
                continue
            claims = self._write(case, rows[0], *requests.pop(0))
            if len(REQUESTS) - len(requests) - 1 == REFUSED:
                claims._refuse("Roasted to order: cannot be sold again.")
            moment = min(plan.opened + timedelta(hours=3), self.now)
            moments.update(dict.fromkeys(claims.ids, moment))
        self.put("crm.case.claim", "create_date", moments)
        self.keep_messages(self.first_message_id, "crm.case.claim", moments)
        self.forget_today()

    def _write(self, case, row, remedies, reason, note):
        values = {
            name: row[name]
            for name in (
                "product_id",
                "lot_id",
                "move_id",
                "sale_line_id",
                "invoice_line_id",
            )
        }
        claims = self.env["crm.case.claim"]
        for remedy in remedies:
            # one after the other: a replacement names its return
            claims |= claims.create(
                {
                    "case_id": case.id,
                    "reason_id": self.env.ref(
                        f"crm_helpdesk.crm_case_claim_reason_{reason}"
                    ).id,
                    "note": note,
                    "return_claim_id": claims[:1].id,
                    "line_ids": [Command.create({**values, "quantity": 1})],
                    **remedy,
                }
            )
        self.put(
            "crm.case.claim",
            "user_id",
            dict.fromkeys(claims.ids, (case.user_id or self.env.user).id),
        )
        return claims
