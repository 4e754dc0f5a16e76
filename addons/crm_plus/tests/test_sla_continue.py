from odoo.tests import freeze_time, tagged

from .test_sla import SlaCommon, at

NOON = at(12)


@tagged("post_install", "-at_install", "crm_sla")
class TestSlaContinue(SlaCommon):
    """A clock that has stopped goes on with what was left; the time between is a pause.

    The first response of a lead is promised within four hours, 9 to 17 o'clock.
    """

    def _stopped(self, count=1, stop=NOON, **values):
        leads = self._create_leads(count, start=at(10), **values)
        leads._sla_stop("first_response", stop)
        return leads

    def test_with_what_was_left(self):
        lead = self._stopped()
        clock = lead.sla_clock_ids
        self.assertEqual(clock.outcome, "met")

        with freeze_time(at(11, day=1)):
            again = lead._sla_continue("first_response", reason="Asked again")

        self.assertEqual(again, clock)
        self.assertRecordValues(
            clock,
            [
                {
                    "occurrence": 1,
                    "date_start": at(10),
                    # two hours were left
                    "date_due": at(13, day=1),
                    "date_warning": at(12, day=1),
                    "date_stop": False,
                    "outcome": False,
                    "elapsed_seconds": 0,
                    # 12 to 17, and 9 to 11 the day after
                    "paused_seconds": 7 * 3600,
                }
            ],
        )
        self.assertRecordValues(
            clock.pause_ids,
            [
                {
                    "date_from": at(12),
                    "date_to": at(11, day=1),
                    "reason": "Asked again",
                    "working_seconds": 7 * 3600,
                }
            ],
        )
        self.assertEqual(lead.sla_due, at(13, day=1))

        lead._sla_stop("first_response", at(12, day=1))
        self.assertRecordValues(
            clock, [{"outcome": "met", "elapsed_seconds": 3 * 3600}]
        )

    def test_the_verdict_is_kept_in_the_history(self):
        lead = self._stopped()
        clock = lead.sla_clock_ids
        with freeze_time(at(11, day=1)):
            lead._sla_continue("first_response", reason="Asked again")

        [entry] = clock.plan_history
        self.assertEqual(entry["outcome"], "met")
        self.assertEqual(entry["date_stop"], "2026-01-05 12:00:00")
        self.assertEqual(entry["elapsed_seconds"], 2 * 3600)
        self.assertIn("Asked again (Met on ", clock.plan_history_text)

        # twice: each is noted, and both times are pauses
        lead._sla_stop("first_response", at(14, day=1))
        self.assertEqual(clock.outcome, "breached", "one hour late")
        with freeze_time(at(15, day=1)):
            lead._sla_continue("first_response")
        self.assertEqual(
            [entry["outcome"] for entry in clock.plan_history], ["met", "breached"]
        )
        self.assertEqual(len(clock.pause_ids), 2)

    def test_late_stays_late(self):
        lead = self._stopped(stop=at(16))
        clock = lead.sla_clock_ids
        self.assertEqual(clock.outcome, "breached")

        with freeze_time(at(10, day=2)):
            lead._sla_continue("first_response")
            self.assertEqual(clock.date_due, at(14), "no pause mends it")
            self.assertEqual(clock.state, "breached")
        lead._sla_stop("first_response", at(11, day=2))

        self.assertEqual(clock.outcome, "breached")
        self.assertEqual(clock.elapsed_seconds, 7 * 3600)

    def test_pauses_of_before_count(self):
        lead = self._create_leads(start=at(10))
        lead._sla_pause("wait", date=at(11))
        lead._sla_stop("first_response", at(13))

        with freeze_time(at(9, day=1)):
            lead._sla_continue("first_response")

        clock = lead.sla_clock_ids
        self.assertFalse(clock.date_paused, "it runs")
        self.assertEqual(len(clock.pause_ids), 2)
        self.assertEqual(clock.date_due, at(12, day=1), "one of four hours was used")

    def test_by_the_rules_of_now(self):
        """While it had stopped nobody planned it again."""
        lead = self._stopped()
        lead.priority = "3"
        self.assertEqual(lead.sla_clock_ids.target_seconds, 4 * 3600)

        with freeze_time(at(9, day=1)):
            lead._sla_continue("first_response")

        clock = lead.sla_clock_ids
        self.assertEqual(clock.target_seconds, 3600)
        self.assertEqual(clock.date_due, at(11), "the hour was over before it stopped")
        self.assertIn("within 4 h", clock.plan_history[0]["reason"])

    def test_where_there_is_none_to_go_on_with(self):
        never = self._create_leads()
        never.sla_clock_ids.unlink()
        cancelled, running, stopped = self._create_leads(3, start=at(10))
        cancelled._sla_cancel("first_response", at(11))
        stopped._sla_stop("first_response", at(11))
        before = running.sla_clock_ids

        with freeze_time(at(12)):
            clocks = (never + cancelled + running + stopped)._sla_continue(
                ["first_response"]
            )

        self.assertEqual(never.sla_clock_ids.date_start, at(12))
        self.assertRecordValues(
            cancelled.sla_clock_ids.sorted("occurrence"),
            [
                {"occurrence": 1, "outcome": "cancelled"},
                {"occurrence": 2, "outcome": False},
            ],
        )
        self.assertEqual(running.sla_clock_ids, before)
        self.assertFalse(before.plan_history, "what runs is left alone")
        self.assertEqual(
            clocks,
            never.sla_clock_ids
            + cancelled.sla_clock_ids.sorted("occurrence")[1]
            + stopped.sla_clock_ids,
        )

    def test_the_last_one_goes_on(self):
        lead = self._stopped()
        lead._sla_start("first_response", at(13))
        lead._sla_stop("first_response", at(14))
        with freeze_time(at(15)):
            lead._sla_continue("first_response")

        self.assertEqual(
            lead.sla_clock_ids.sorted("occurrence").mapped("date_stop"),
            [at(12), False],
        )

    def test_alerts(self):
        """Who has time again is warned again; who was told of a breach is not."""
        self.policy.target_ids.write(
            {"action_breach": "activity", "action_warning": "none"}
        )
        early, late = self._create_leads(2, start=at(10))
        early._sla_stop("first_response", at(12))
        with freeze_time(at(15)):
            self._run_cron()
            late._sla_stop("first_response", at(15))
            self.assertTrue(late.sla_clock_ids.date_breached)
        with freeze_time(at(10, day=1)):
            (early + late)._sla_continue("first_response")
            self._run_cron()
        self.assertFalse((early + late).activity_ids)
        with freeze_time(at(13, day=1)):
            self._run_cron()

        self.assertEqual(len(early.activity_ids), 1)
        self.assertFalse(late.activity_ids, "told once")

    def test_no_promise(self):
        self.policy.active = False
        lead = self._stopped()
        with freeze_time(at(13)):
            lead._sla_continue("first_response")
        self.assertFalse(lead.sla_clock_ids.date_due)
        lead._sla_stop("first_response", at(14))
        self.assertEqual(lead.sla_clock_ids.outcome, "unpromised")
        self.assertEqual(lead.sla_clock_ids.elapsed_seconds, 3 * 3600)

    def test_whoever_opens_it_again(self):
        lead = self._stopped()
        with freeze_time(at(13)):
            lead.with_user(self.seller)._sla_continue("first_response")
        self.assertTrue(lead.sla_clock_ids.is_open)
        self.assertEqual(lead.sla_clock_ids.pause_ids.user_id, self.seller)

    def test_queries_do_not_grow_with_the_records(self):
        few, many = self._stopped(20), self._stopped(200)
        with freeze_time(at(11, day=1)):
            counts = [
                self._queries(lambda r=r: r._sla_continue("first_response"))
                for r in (few, many)
            ]
        # the ORM inserts 100 rows a statement: two for the 200 pauses
        self.assertLessEqual(counts[1], counts[0] + 1, counts)
        self.assertLess(counts[0], 30)
        self.assertEqual(set((few | many).mapped("sla_due")), {at(13, day=1)})
