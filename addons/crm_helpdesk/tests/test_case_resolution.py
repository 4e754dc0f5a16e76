from odoo.modules.module import load_script
from odoo.tests import tagged
from odoo.tools.misc import file_path

from .test_case_kpi import KpiCommon


@tagged("post_install", "-at_install", "crm_helpdesk")
class TestAutomaticResolution(KpiCommon):
    """How a case ended by itself is not how it ends after it was opened again."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.withdrawn = cls.env.ref("crm_helpdesk.crm_case_resolution_withdrawn")
        cls.advice = cls.env.ref("crm_helpdesk.crm_case_resolution_advice")

    def _withdraw_and_reopen(self):
        case = self._create()
        self._live(case, [(1, "withdraw")])
        self.assertEqual(case.resolution_id, self.withdrawn)
        self.assertTrue(case.is_resolution_automatic)
        self._live(case, [(3, "write")])
        self.assertFalse(case.is_closed)
        return case

    def _first_contact(self, case):
        [figures] = self._group(
            "crm.case.report", case, "is_eligible:sum", "is_first_contact:sum"
        )
        return figures

    def _flow(self, case):
        """``{(event, resolution): number}``"""
        return {
            (event, resolution): count
            for event, resolution, count in self._group(
                "crm.case.flow.report",
                case,
                "__count",
                groupby=("event", "resolution_id"),
            )
        }

    def test_answered_after_all(self):
        """K65: it counts among the closed ones, and was not solved at first contact."""
        case = self._withdraw_and_reopen()
        self.assertFalse(case.resolution_id)
        self.assertFalse(case.is_resolution_automatic)
        self._live(case, [(4, "reply"), (5, "close")])

        self.assertFalse(case.resolution_id)
        self.assertEqual(self._first_contact(case), (1, 0))

    def test_it_is_asked_for_again(self):
        self.team.is_resolution_required = True
        case = self._withdraw_and_reopen().with_user(self.agent)

        action = case.action_close()

        self.assertEqual(action["res_model"], "crm.case.close")
        self.assertFalse(case.is_closed)

    def test_withdrawn_again(self):
        case = self._withdraw_and_reopen()
        self._live(case, [(4, "withdraw")])

        self.assertEqual(case.resolution_id, self.withdrawn)
        self.assertEqual(self._first_contact(case), (0, 0))

    def test_what_people_chose_stays(self):
        case = self._create(resolution_id=self.advice.id)
        self._live(case, [(1, "withdraw"), (2, "reopen")])
        self.assertEqual(case.resolution_id, self.advice, "chosen before it was closed")

        other = self._create()
        self._live(other, [(1, "withdraw")])
        # somebody says that it was so
        other.with_user(self.agent).resolution_id = self.withdrawn
        self.assertFalse(other.is_resolution_automatic)
        self._live(other, [(2, "reopen")])
        self.assertEqual(other.resolution_id, self.withdrawn)

    def test_silence(self):
        case = self._create()
        case._close_silent()
        self.assertEqual(
            case.resolution_id,
            self.env.ref("crm_helpdesk.crm_case_resolution_no_answer"),
        )
        case.action_reopen()
        self.assertFalse(case.resolution_id)

    def test_the_first_closing_is_reported_as_it_was(self):
        case = self._withdraw_and_reopen()
        none = self.env["crm.case.resolution"]
        self.assertEqual(
            self._flow(case),
            {
                ("opened", none): 1,
                ("closed", self.withdrawn): 1,
                ("reopened", self.withdrawn): 1,
            },
        )
        self._live(case, [(4, "reply")])
        case.resolution_id = self.advice
        self._live(case, [(5, "close")])

        self.assertEqual(
            self._flow(case),
            {
                ("opened", self.advice): 1,
                ("closed", self.withdrawn): 1,
                ("reopened", self.withdrawn): 1,
                ("closed", self.advice): 1,
            },
        )
        [(early,)] = self.env["crm.case.flow.report"]._read_group(
            [("case_id", "=", case.id), ("resolution_id", "=", self.withdrawn.id)],
            [],
            ["reopen_rate:avg"],
        )
        self.assertEqual(early, 1, "what was withdrawn came back")

    def test_one_statement_for_all(self):
        cases = self._create_cases(20)
        for case in cases:
            case.sudo()._close_by_customer(self.portal_ida)
        self.env.flush_all()

        with self.assertQueryCount(1):
            self.env["crm.case.stage.history"]._keep_resolutions(cases)
        kept = cases.stage_history_ids.filtered("is_closed").mapped("resolution_id")
        self.assertEqual(kept, self.withdrawn)

    def test_databases_from_before(self):
        script = load_script(
            file_path("crm_helpdesk/migrations/19.0.1.2.0/post-resolutions.py"),
            "crm_helpdesk_resolutions",
        )
        closed = self._create()
        self._live(closed, [(1, "withdraw")])
        again = self._create()
        self._live(again, [(1, "close"), (2, "reopen")])
        again.resolution_id = self.advice
        chosen = self._create(resolution_id=self.advice.id)
        self._live(chosen, [(1, "close")])
        every = closed + again + chosen
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_case SET is_resolution_automatic = NULL WHERE id = ANY(%s)",
            [every.ids],
        )

        script.migrate(self.env.cr, None)
        self.env.invalidate_all()
        self.assertFalse(closed.is_resolution_automatic, "a new database")
        script.migrate(self.env.cr, "19.0.1.1.0")
        self.env.invalidate_all()

        self.assertEqual(every.mapped("is_resolution_automatic"), [True, False, False])
        self.assertEqual(
            self._flow(again)[("closed", self.advice)], 1, "as it was shown until then"
        )
        self.assertFalse(chosen.stage_history_ids.resolution_id, "the case says it")
