from odoo import Command
from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.tests import Form, tagged

from .common import CrmPlusCommon


@tagged("post_install", "-at_install", "crm_plus_closing")
class TestLeadClosing(CrmPlusCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.spam = cls.env.ref("crm_plus.crm_junk_reason_spam")
        cls.reason = cls.env.ref("crm_plus.crm_won_reason_price")
        cls.lost_reason = cls.env["crm.lost.reason"].create({"name": "Too dear"})
        cls.params = cls.env["ir.config_parameter"].sudo()
        cls.params.set_param("crm_plus.won_reason", "no")
        cls.params.set_param("crm_plus.lost_reason_required", "False")
        cls.team = cls.env["crm.team"].create(
            {"name": "Closers", "member_ids": [Command.set(cls.seller.ids)]}
        )

    def _lost_touchpoints(self, leads):
        self.env["crm.touchpoint"]._harvest()
        return self.env["crm.touchpoint"].search_count(
            [("lead_id", "in", leads.ids), ("kind_id.code", "=", "lead_lost")]
        )

    # ------------------------------------------------------------
    # Junk
    # ------------------------------------------------------------

    def test_junk_is_not_lost(self):
        nil, hopeful = self._create_leads(2)
        nil.probability = 0  # the case that Odoo takes for lost
        leads = (nil + hopeful).with_user(self.seller)
        wizard = Form(
            self.env["crm.lead.junk"]
            .with_user(self.seller)
            .with_context(default_lead_ids=leads.ids)
        )
        wizard.junk_reason_id = self.spam
        wizard.save().action_apply()
        self.assertRecordValues(
            leads,
            [
                {
                    "active": False,
                    "is_junk": True,
                    "won_status": "pending",
                    "junk_reason_id": self.spam.id,
                    "date_junk": self.env.cr.now(),
                    "date_closed": False,
                }
            ]
            * 2,
        )
        self.assertEqual(self._lost_touchpoints(leads), 0)
        lost = self._create_leads()
        lost.action_set_lost()
        self.assertEqual(self._lost_touchpoints(lost), 1)

    def test_restore(self):
        lead = self._create_leads()
        for restore in ("action_restore", "action_unarchive", "action_restore_junk"):
            lead.with_user(self.seller).action_set_junk(self.spam.id)
            self.assertFalse(lead.active)
            getattr(lead.with_user(self.seller), restore)()
            self.assertRecordValues(
                lead,
                [
                    {
                        "active": True,
                        "is_junk": False,
                        "junk_reason_id": False,
                        "date_junk": False,
                        "won_status": "pending",
                    }
                ],
            )
        lead.action_set_junk(self.spam.id)
        lead.action_set_won()
        self.assertFalse(lead.is_junk)
        self.assertEqual(lead.won_status, "won")

    def test_predictive_scoring_learns_nothing(self):
        self.params.set_param("crm.pls_start_date", "2000-01-01")
        self.params.set_param("crm.pls_fields", "country_id")
        values = {
            "team_id": self.team.id,
            "country_id": self.env.ref("base.de").id,
        }
        frequency = self.env["crm.lead.scoring.frequency"]

        def lost():
            row = frequency.search(
                [
                    ("team_id", "=", self.team.id),
                    ("variable", "=", "country_id"),
                    ("value", "=", str(values["country_id"])),
                ]
            )
            return round(sum(row.mapped("lost_count")), 1)

        junk, was_lost, deal = self._create_leads(3, **values)
        junk.action_set_junk(self.spam.id)
        self.assertEqual(lost(), 0)
        (was_lost + deal).action_set_lost()
        learned = lost()
        self.assertGreaterEqual(learned, 2)
        # told junk afterwards: what was learned is taken back
        was_lost.action_set_junk(self.spam.id)
        self.assertEqual(lost(), learned - 1)
        # and a rebuild finds the one that was lost
        self.env["crm.lead"].sudo()._rebuild_pls_frequency_table()
        self.assertEqual(lost(), learned - 1)

    def test_junk_rights(self):
        lead = self._create_leads()
        with self.assertRaises(AccessError):
            lead.with_user(self.seller_2).action_set_junk(self.spam.id)
        with self.assertRaises(AccessError):
            self.spam.with_user(self.seller).name = "Ham"
        self.spam.with_user(self.manager).name = "Ham"

    def test_junk_stops_promises(self):
        self.env["crm.sla.policy"].search([]).active = False
        self.env["crm.sla.policy"].create(
            {
                "name": "Leads",
                "res_model": "crm.lead",
                "target_ids": [Command.create({"kind": "first_response", "hours": 4})],
            }
        )
        lead = self._create_leads()
        clock = lead.sla_clock_ids
        self.assertTrue(clock.is_open)
        lead.action_set_junk(self.spam.id)
        self.assertEqual(clock.outcome, "cancelled")

    # ------------------------------------------------------------
    # Won and lost
    # ------------------------------------------------------------

    def test_won_reason_is_asked(self):
        lead = self._create_leads().with_user(self.seller)
        self.flush_tracking()
        self.params.set_param("crm_plus.won_reason", "optional")
        action = lead.action_set_won_rainbowman()
        self.assertEqual(action["res_model"], "crm.lead.won")
        self.assertEqual(lead.won_status, "pending")
        wizard = Form(
            self.env["crm.lead.won"]
            .with_user(self.seller)
            .with_context(**action["context"])
        )
        wizard.won_reason_id = self.reason
        wizard.closing_note = "<p>They liked the price</p>"
        wizard.save().action_apply()
        self.assertEqual(lead.won_status, "won")
        self.assertEqual(lead.won_reason_id, self.reason)
        self.assertIn("liked the price", lead.closing_note)
        self.flush_tracking()
        self.assertIn("liked the price", str(lead.message_ids.mapped("body")))
        # open again: it was not won for anything
        stage = self.env["crm.stage"].search([("is_won", "=", False)], limit=1)
        lead.stage_id = stage
        self.assertFalse(lead.won_reason_id)
        # optional: by dragging nobody is asked
        lead.action_set_won()
        self.assertEqual(lead.won_status, "won")

    def test_won_reason_is_required(self):
        self.params.set_param("crm_plus.won_reason", "required")
        lead = self._create_leads().with_user(self.seller)
        with self.assertRaises(RedirectWarning) as caught, self.cr.savepoint():
            lead.action_set_won()
        self.env.invalidate_all()
        self.assertEqual(lead.won_status, "pending")
        _message, action_id, _text, context = caught.exception.args
        action = self.env["ir.actions.act_window"].browse(action_id)
        self.assertEqual(action.res_model, "crm.lead.won")
        Wizard = self.env["crm.lead.won"].with_user(self.seller)
        wizard = Wizard.with_context(**context).create({})
        with self.assertRaises(UserError):
            wizard.action_apply()
        wizard.won_reason_id = self.reason
        wizard.action_apply()
        self.assertEqual(lead.won_status, "won")
        # the system is not asked
        self._create_leads().sudo().action_set_won()

    def test_lost_reason_is_required(self):
        lead = self._create_leads().with_user(self.seller)
        self.params.set_param("crm_plus.lost_reason_required", "True")
        Wizard = self.env["crm.lead.lost"].with_user(self.seller)
        wizard = Wizard.create(
            {"lead_ids": lead.ids, "lost_feedback": "<p>Went elsewhere</p>"}
        )
        self.assertTrue(wizard.is_reason_required)
        with self.assertRaises(UserError):
            wizard.action_lost_reason_apply()
        self.assertEqual(lead.won_status, "pending")
        wizard.lost_reason_id = self.lost_reason
        wizard.action_lost_reason_apply()
        self.assertEqual(lead.won_status, "lost")
        self.assertIn("Went elsewhere", lead.closing_note)

    def test_settings(self):
        settings = self.env["res.config.settings"].create(
            {"crm_plus_won_reason": "required", "crm_plus_lost_reason_required": True}
        )
        settings.execute()
        self.assertEqual(self.env["crm.lead"]._get_won_reason_rule(), "required")
        self.assertTrue(self.env["crm.lead"]._is_lost_reason_required())
