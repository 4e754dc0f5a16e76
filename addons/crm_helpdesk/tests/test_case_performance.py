import logging

from odoo.tests import tagged, warmup

from .common import CaseCommon

_logger = logging.getLogger(__name__)

# The aim of the project for a mail with clock, touchpoint and acknowledgement.
MAX_QUERIES_PER_MAIL = 60


@tagged("post_install", "-at_install", "crm_helpdesk", "query_count")
class TestCasePerformance(CaseCommon):
    """The number of queries, which tells more than the clock of a shared machine."""

    def _count(self, function):
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        function()
        return self.env.cr.sql_log_count - before

    def _receive_and_commit(self, *args, **kw):
        case = self._receive(*args, acknowledge=False, **kw)
        self._harvest_queued()
        return case

    def test_mail_of_a_new_sender(self):
        """With clocks, touchpoints and the acknowledgement, whose mails are made in
        batches; settings are read once for several mails, as when mail is fetched."""
        self._receive_and_commit("warm", email_from="warm@else.example")._acknowledge()
        cases = self.env["crm.case"]
        counts = []
        for i in range(10):

            def receive(i=i):
                nonlocal cases
                cases += self._receive_and_commit(
                    f"Mail {i}", email_from=f"New {i} <new{i}@else.example>"
                )

            counts.append(self._count(receive))
        with self.mock_mail_gateway():
            batch = self._count(lambda: (cases._acknowledge(), self.env.flush_all()))
        self.assertEqual(len(self._new_mails), 10)

        _logger.log(25, "queries of mails %s, of 10 acknowledgements %s", counts, batch)
        self.assertLessEqual(max(counts) + batch / 10, MAX_QUERIES_PER_MAIL)

    def test_reply(self):
        case = self._receive_and_commit()
        message_id = case.message_ids[-1].message_id
        counts = [
            self._count(
                lambda i=i: self._receive_and_commit(
                    f"Reply {i}", extra=f"In-Reply-To: {message_id}\n"
                )
            )
            for i in range(4)
        ]
        _logger.log(25, "queries of replies %s", counts)
        self.assertLessEqual(max(counts[1:]), MAX_QUERIES_PER_MAIL, counts)

    def test_mail_with_people_in_copy(self):
        """Somebody new in copy, to an address of its own: with all that intake does."""
        self.env["crm.case.address"].create(
            {"team_id": self.team.id, "alias_name": "warranty"}
        )
        self._receive_and_commit("warm", cc="warm@else.example")
        counts = [
            self._count(
                lambda i=i: self._receive_and_commit(
                    f"Mail {i}",
                    email_from=f"New {i} <new{i}@else.example>",
                    to=f"warranty@{self.alias_domain}",
                    cc=f"a{i}@else.example, b{i}@else.example, jan@brandt.example",
                )
            )
            for i in range(4)
        ]
        _logger.log(25, "queries of mails with copies %s", counts)
        self.assertLessEqual(max(counts[1:]), MAX_QUERIES_PER_MAIL, counts)

    @warmup
    def test_queries_do_not_grow_with_the_cases(self):
        def create(count):
            cases = self._create_cases(count)
            self._harvest_queued()
            return cases

        create(2)
        few = self._count(lambda: create(10))
        many = self._count(lambda: create(60))
        self.assertLess(many - few, 10, (few, many))

    @warmup
    def test_moving_many_cases_takes_few_queries(self):
        cases = self._create_cases(60).with_context(tracking_disable=True)
        cases[:2].stage_id = self.stages["in_progress"]
        self.env.flush_all()

        few = self._count(lambda: self._move(cases[:10]))
        many = self._count(lambda: self._move(cases[10:]))
        self.assertLess(many - few, 10, (few, many))

    def _move(self, cases):
        cases.stage_id = self.stages["waiting_customer"]
        cases.stage_id = self.stages["solved"]
        self._harvest_queued()
