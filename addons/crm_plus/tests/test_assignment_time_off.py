from datetime import date, timedelta

from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from ..tools.person_time import person_times
from .test_assignment import EVENING, MONDAY, TestAssignmentCommon

SUNDAY_EVENING = MONDAY.replace(hour=20) - timedelta(days=1)


class TestTimeOff(TestAssignmentCommon):
    """Time off of a resource, whoever enters it."""

    def _enter(self, resource, **values):
        return self.env["resource.calendar.leaves"].create(
            {
                "name": "Skiing",
                "resource_id": resource.id,
                "date_from": MONDAY.replace(hour=7),
                "date_to": MONDAY.replace(hour=16),
                **values,
            }
        )

    def _time(self, moment=MONDAY, user=None, company=None):
        self.env.invalidate_all()
        user = user or self.seller
        return person_times(user, company or self.company, moment)[user.id]

    def test_entered_for_hours_and_company_of_before(self):
        """An officer of another company approved it, and the hours changed since."""
        shared = self.env["resource.calendar"].create(
            {"name": "Shared", "company_id": False, "tz": "Europe/Brussels"}
        )
        resource = self._resource(self.seller, calendar_id=shared.id)
        leave = self._enter(resource).with_company(self.company_2)
        self.env.cr.execute(
            "UPDATE resource_calendar_leaves SET company_id = %s WHERE id = %s",
            [self.company_2.id, leave.id],
        )
        resource.calendar_id = self.calendar

        time = self._time()

        self.assertFalse(time.at_work)
        # Tuesday, 8:00
        self.assertEqual(time.opens, MONDAY.replace(hour=7) + timedelta(days=1))
        self.assertEqual(time.away_until, time.opens)

    def test_evening_before_time_off(self):
        """Who starts next by leaving for a holiday is away already."""
        self._enter(self._resource(self.seller))

        self.assertTrue(self._time(SUNDAY_EVENING).away_until)
        self.assertFalse(self._time(SUNDAY_EVENING - timedelta(days=3)).away_until)
        # the evening after
        self.assertFalse(self._time(EVENING).away_until)

    def test_two_that_touch_are_one(self):
        resource = self._resource(self.seller)
        for days in (0, 1):
            self._enter(
                resource,
                date_from=MONDAY.replace(hour=0) + timedelta(days=days),
                date_to=MONDAY.replace(hour=0) + timedelta(days=days + 1),
            )

        # Wednesday, 8:00
        self.assertEqual(
            self._time().away_until, MONDAY.replace(hour=7) + timedelta(days=2)
        )

    def test_for_months(self):
        self._enter(self._resource(self.seller), date_to=MONDAY + timedelta(days=90))

        time = self._time()

        self.assertFalse(time.opens)
        self.assertEqual(time.away_until, MONDAY + timedelta(days=90))

    def test_time_that_counts_as_work(self):
        self._enter(self._resource(self.seller), time_type="other")

        self.assertTrue(self._time().at_work)

    def test_public_holidays_are_of_the_own_company(self):
        self._resource(self.seller)
        self._resource(self.seller_2, company_id=self.company_2.id)
        self._enter(self.env["resource.resource"], calendar_id=self.calendar.id)

        self.assertFalse(self._time().at_work)
        self.assertFalse(self._time().away_until)
        self.assertTrue(self._time(user=self.seller_2).at_work)

    def test_no_hours_at_all(self):
        """Fully flexible: never off work, but on the whole days of time off."""
        resource = self._resource(self.seller, calendar_id=False)
        self._enter(resource)

        self.assertEqual(self._time(MONDAY.replace(hour=20)).at_work, False)
        self.assertTrue(self._time(MONDAY + timedelta(days=1)).at_work)

    def test_does_not_ask_by_person(self):
        everybody = self.people + self.seller_4
        for user in everybody:
            self._enter(self._resource(user))
        counts = []
        for users in (everybody, self.people[:2], everybody):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            person_times(users, self.company, MONDAY)
            counts.append(self.env.cr.sql_log_count - before)

        self.assertEqual(counts[1], counts[2])


@tagged("post_install", "-at_install")
class TestTimeOffOfHr(TestAssignmentCommon):
    """What employees ask for, and what is approved of it.

    Runs where Odoo's Time Off is installed; CRM Plus does not need it.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "hr.leave" not in cls.env:
            cls.skipTest(cls, "Time Off (hr_holidays) is not installed")
        cls.company_2.resource_calendar_id.tz = "Europe/Brussels"
        cls.leave_type = cls._create_type()
        cls.employee = cls._create_employee(cls.seller, cls.company)

    @classmethod
    def _create_type(cls, **values):
        return cls.env["hr.leave.type"].create(
            {
                "name": "Holiday",
                "requires_allocation": False,
                "leave_validation_type": "both",
                "company_id": False,
                **values,
            }
        )

    @classmethod
    def _create_employee(cls, user, company):
        return (
            cls.env["hr.employee"]
            .with_company(company)
            .create(
                {
                    "name": user.name,
                    "user_id": user.id,
                    "company_id": company.id,
                    "tz": "Europe/Brussels",
                    "resource_calendar_id": company.resource_calendar_id.id,
                    "date_version": date(2024, 1, 1),
                }
            )
        )

    def _ask(self, employee=None, leave_type=None, **values):
        return self.env["hr.leave"].create(
            {
                "employee_id": (employee or self.employee).id,
                "holiday_status_id": (leave_type or self.leave_type).id,
                "request_date_from": MONDAY.date(),
                "request_date_to": MONDAY.date() + timedelta(days=4),
                **values,
            }
        )

    def _takers(self, moment=MONDAY, **values):
        """Who of the three gets some of six leads."""
        leads = self._new_leads(6, **values)
        with freeze_time(moment):
            leads._assignment_run("queue")
        return leads.user_id

    def test_approved_by_all_and_only_then(self):
        self.employee.leave_manager_id = self.seller_2
        leave = self._ask()
        self.assertEqual(leave.state, "confirm")
        self.assertIn(self.seller, self._takers())

        leave.with_user(self.seller_2).action_approve()
        self.assertEqual(leave.state, "validate1")
        self.assertIn(self.seller, self._takers())

        leave.action_approve()
        self.assertEqual(leave.state, "validate")
        takers = self._takers()
        self.assertEqual(takers, self.seller_2 + self.seller_3)
        log = self.env["crm.assignment.log"].search([], limit=1)
        self.assertIn(f"{self.seller.name}: has time off", log.considered_text)

    def test_refused_after_all(self):
        leave = self._ask()
        leave.action_approve()

        leave.action_refuse()

        self.assertIn(self.seller, self._takers())

    def test_back_after_it(self):
        leave = self._ask()
        leave.action_approve()

        with freeze_time(MONDAY):
            self.assertEqual(self.members[0].assignment_presence, "away")
        self.assertIn(self.seller, self._takers(MONDAY + timedelta(days=7)))

    def test_half_a_day(self):
        leave_type = self._create_type(
            request_unit="half_day", leave_validation_type="no_validation"
        )
        leave = self._ask(
            leave_type=leave_type,
            request_date_to=MONDAY.date(),
            request_date_from_period="am",
            request_date_to_period="am",
        )

        self.assertEqual(leave.state, "validate")
        self.assertNotIn(self.seller, self._takers())
        self.assertIn(self.seller, self._takers(MONDAY.replace(hour=13)))

    def test_training_is_work(self):
        leave_type = self._create_type(
            time_type="other", leave_validation_type="no_validation"
        )
        self.assertEqual(self._ask(leave_type=leave_type).state, "validate")

        self.assertIn(self.seller, self._takers())

    def test_hours_changed_after_approval(self):
        leave = self._ask()
        leave.action_approve()
        self.env.flush_all()

        new_hours = self.calendar.copy()
        self.employee.resource_calendar_id = new_hours

        self.assertEqual(self.employee.resource_id.calendar_id, new_hours)
        self.assertNotIn(self.seller, self._takers())

    def test_hours_of_the_employee(self):
        nights = self.calendar.copy(
            {
                "name": "Nights",
                "attendance_ids": [
                    Command.clear(),
                    Command.create(
                        {
                            "name": "Monday",
                            "dayofweek": "0",
                            "hour_from": 20,
                            "hour_to": 23,
                            "day_period": "afternoon",
                        }
                    ),
                ],
            }
        )
        self.employee.resource_calendar_id = nights
        self.rule.hours = "working"

        self.assertNotIn(self.seller, self._takers())
        self.assertEqual(self._takers(EVENING), self.seller)

    def test_employed_by_two_companies(self):
        """Off at one company, at work for the other."""
        self.seller.company_ids += self.company_2
        employee_2 = self._create_employee(self.seller, self.company_2)
        team_2 = self.env["crm.team"].create(
            {
                "name": "Two",
                "company_id": self.company_2.id,
                "assignment_engine": "plus",
                "crm_team_member_ids": [
                    Command.create({"user_id": self.seller.id, "assignment_max": 1000})
                ],
            }
        )
        self._create_rule(name="Theirs", sequence=1, team_id=team_2.id)
        leave = self._ask()
        leave.action_approve()

        self.assertNotIn(self.seller, self._takers(company_id=self.company.id))
        self.assertEqual(self._takers(company_id=self.company_2.id), self.seller)

        leave = self._ask(employee_2)
        leave.action_approve()
        self.assertFalse(self._takers(company_id=self.company_2.id))

    def test_employed_elsewhere_only(self):
        """Without an employee in the team's company, the one of the main company."""
        self.seller.company_ids += self.company_2
        leave = self._ask()
        leave.action_approve()

        time = person_times(self.seller, self.company_2, MONDAY)[self.seller.id]

        self.assertTrue(time.away_until)

    def test_owner_of_the_customer_has_time_off(self):
        self.rule.is_sticky = True
        self.customer.user_id = self.seller
        leave = self._ask()
        leave.action_approve()

        takers = self._takers(partner_id=self.customer.id)

        self.assertEqual(takers, self.seller_2 + self.seller_3)
