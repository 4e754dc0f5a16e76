from datetime import datetime, timedelta
from unittest import skipUnless

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged, users
from odoo.tools import SQL

from ..tools import prediction
from ..tools.lead_history import AS_NOW, KEPT, UNCHANGED, LeadHistory
from ..tools.prediction import UNKNOWN
from .test_prediction import FIRST_DAY, PredictionCommon


class SnapshotCommon(PredictionCommon):
    """A prediction at intake that looks at the country, of which Odoo keeps no history,
    and at the expected revenue, of which it does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Snapshot = cls.env["crm.prediction.snapshot"]
        cls.country = cls._input("country_id")
        cls._input("expected_revenue")

    def _kept(self, leads):
        return self.Snapshot.search([("lead_id", "in", leads.ids)], order="lead_id, id")

    def _age(self, leads, **since):
        """Let leads have been created, and written to last, so long ago."""
        then = datetime.now() - timedelta(**since)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s, write_date = %s WHERE id = ANY(%s)",
            (then, then, leads.ids),
        )
        self.env.cr.execute(
            "UPDATE crm_prediction_snapshot SET date = %s WHERE lead_id = ANY(%s)",
            (then, leads.ids),
        )
        self.env.invalidate_all()

    def _read_country(self, lead):
        """Return the country at the moment of the prediction, and how it is known."""
        self.env.flush_all()
        item = self.country._as_lead_input()
        columns, ways = LeadHistory(
            self.env, [item], self.prediction.age_days
        ).read_all(self.prediction._work(lead.ids))
        [value] = LeadHistory.hide_unknown(item, columns, ways)
        return value, ways[item.key][0]


@tagged("post_install", "-at_install", "crm_plus_prediction")
class TestPredictionSnapshot(SnapshotCommon):
    """What is kept, and that nothing is which was written later."""

    def test_kept_at_intake(self):
        first, second = self.countries[:2]
        lead = self._create_leads(team_id=self.team.id, country_id=first.id)
        self.assertRecordValues(
            self._kept(lead), [{"age_days": 0, "value": {"country_id": str(first.id)}}]
        )
        self._age(lead, days=4)
        lead.country_id = second
        lead.action_set_won()
        self.assertEqual(self._read_country(lead), (str(first.id), KEPT))
        self._run_cron("score")
        self.assertEqual(self._read_country(lead), (str(first.id), KEPT))

    def test_empty_is_known(self):
        lead = self._create_leads(team_id=self.team.id)
        self._age(lead, days=4)
        lead.country_id = self.countries[0]
        self.assertEqual(self._read_country(lead), (None, KEPT))

    def test_minutes_of_entering_are_intake(self):
        """A lead is saved more than once while it is entered; but not next hour."""
        early, late = self._create_leads(2, team_id=self.team.id)
        self._age(early + late, minutes=50)
        for lead, minutes in ((early, 47), (late, 20)):
            lead.country_id = self.countries[0]
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE crm_lead SET write_date = %s WHERE id = %s",
                (datetime.now() - timedelta(minutes=minutes), lead.id),
            )
        self.env.invalidate_all()
        self._run_cron("score")
        self.assertEqual(self._read_country(early), (str(self.countries[0].id), KEPT))
        self.assertEqual(self._read_country(late), (None, KEPT))

    def test_leads_of_before(self):
        """Known of those that were not written to since; of the others nothing is."""
        self.country.unlink()
        untouched, touched, decided = leads = self._create_leads(
            3, team_id=self.team.id, country_id=self.countries[0].id
        )
        self._age(leads, days=40)
        touched.phone = "+49 30 1"
        decided.action_set_won()
        self.country = self._input("country_id")
        self.assertEqual(
            self._read_country(untouched), (str(self.countries[0].id), UNCHANGED)
        )
        self._run_cron("score")
        self.assertFalse(self.prediction.is_look_due)
        self.assertEqual(self._kept(leads).lead_id, untouched)
        untouched.country_id = self.countries[1]
        self.assertEqual(
            self._read_country(untouched), (str(self.countries[0].id), KEPT)
        )
        for lead in (touched, decided):
            self.assertEqual(self._read_country(lead), (UNKNOWN, AS_NOW))

    def test_another_input_is_added(self):
        lead = self._create_leads(team_id=self.team.id, city="Berlin")
        self._age(lead, days=2)
        self._input("city")
        self._run_cron("score")
        self.assertEqual(self._kept(lead).value, {"country_id": None, "city": "Berlin"})

    def test_ages(self):
        """At its age, of open leads; later only what was not written to since."""
        self.prediction.age_days = 7
        names = ("young", "now", "written", "decided", "missed", "missed_written")
        leads = self._create_leads(len(names), country_id=self.countries[0].id)
        lead = dict(zip(names, leads, strict=True))
        self.assertFalse(self._kept(leads))
        self._age(leads, days=7, minutes=20)
        self._age(lead["young"], days=6)
        self._age(lead["missed"] + lead["missed_written"], days=8)
        (lead["written"] + lead["missed_written"]).write({"phone": "+49 30 1"})
        lead["decided"].action_set_won()
        self._run_cron("score")
        self.assertEqual(
            self._kept(leads).lead_id, lead["now"] + lead["written"] + lead["missed"]
        )
        self.assertEqual(set(self._kept(leads).mapped("age_days")), {7})

    def test_one_statement_for_any_number(self):
        leads = self._create_leads(30)
        self.env.flush_all()
        counts = []
        for number in (2, 30):
            before = self.env.cr.sql_log_count
            self.Snapshot._keep_at_intake(leads[:number])
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts, [1, 1])

    def test_nothing_kept_without_need(self):
        """Nobody looks at it; it is tracked; another company's prediction."""
        self.prediction.write(
            {"company_id": self.company_2.id, "team_ids": [Command.clear()]}
        )
        self.assertFalse(self._kept(self._create_leads(company_id=self.company.id)))
        self.prediction.company_id = self.company
        self.assertTrue(self._kept(self._create_leads(company_id=self.company.id)))
        self.country.unlink()
        self.assertFalse(self._kept(self._create_leads()))
        self.country = self._input("country_id")
        self.prediction.active = False
        self.assertFalse(self._kept(self._create_leads()))

    def test_batches(self):
        self.country.unlink()
        leads = self._create_leads(7, team_id=self.team.id)
        self._age(leads, days=40)
        self.country = self._input("country_id")
        kept = list(self.Snapshot._keep_due(is_full=True, limit=3))
        self.assertGreater(len(kept), 2)
        self.assertEqual(max(map(len, kept)), 3)
        self.assertEqual(len(self._kept(leads)), 7)
        self.assertFalse(list(self.Snapshot._keep_due(is_full=True)))

    def test_kinds_of_values(self):
        """Kept and read back as they were: number, tags, yes or no, property."""
        self.team.lead_properties_definition = [
            {"name": "aa11", "string": "Need", "type": "char"},
            {"name": "bb22", "string": "Seats", "type": "integer"},
        ]
        tags = self.env["crm.tag"].create([{"name": "A"}, {"name": "B"}])
        items = [
            self._input(path)._as_lead_input()
            for path in (
                "tag_ids",
                "color",
                "date_deadline",
                "priority",
                "lead_properties.aa11",
                "lead_properties.bb22",
            )
        ]
        lead = self._create_leads(
            team_id=self.team.id,
            tag_ids=tags.ids,
            color=3,
            date_deadline=datetime.now().date() + timedelta(days=10),
            priority="2",
            lead_properties={"aa11": "speed", "bb22": 12},
        )
        before = LeadHistory(self.env, items).read_all(self.prediction._work(lead.ids))[
            0
        ]
        self.assertEqual(before["tag_ids"], [[str(tag.id) for tag in tags]])
        self.assertEqual(before["lead_properties.bb22"], [12.0])
        lead.write(
            {
                "tag_ids": False,
                "color": 5,
                "date_deadline": False,
                "priority": "0",
                "lead_properties": {"aa11": "price", "bb22": 1},
            }
        )
        after = LeadHistory(self.env, items, 0).values(self.prediction._work(lead.ids))
        self.assertEqual(after, before)
        self.assertIn("Tags: A, B", self._kept(lead).content)
        self.assertIn("Need: speed", self._kept(lead).content)

    def test_property_of_another_type_now(self):
        """What was text and is a number now stops nobody from creating leads."""
        definition = {"name": "aa11", "string": "Seats", "type": "char"}
        self.team.lead_properties_definition = [definition]
        self._input("lead_properties.aa11")
        lead = self._create_leads(
            team_id=self.team.id, lead_properties={"aa11": "many"}
        )
        self.team.lead_properties_definition = [{**definition, "type": "integer"}]
        self.env.registry.clear_cache()
        line = self.prediction.input_ids[-1]
        self._create_leads(team_id=self.team.id, lead_properties={"aa11": 4})
        self.env.flush_all()
        columns, ways = LeadHistory(self.env, [line._as_lead_input()], 0).read_all(
            self.prediction._work(lead.ids)
        )
        self.assertEqual(columns["lead_properties.aa11"], [None])
        self.assertNotEqual(ways["lead_properties.aa11"], [KEPT])

    def test_how_it_is_known(self):
        """Of how many leads, by which way: the form says it."""
        leads = self._leads(6)
        untouched = self._leads(
            2, status="lost", write_date=FIRST_DAY, seed=3, first=FIRST_DAY
        )
        self.env.cr.execute(
            "INSERT INTO crm_prediction_snapshot (lead_id, age_days, date, value)"
            " SELECT id, 0, create_date, '{\"country_id\": null}' FROM crm_lead"
            " WHERE id = ANY(%s)",
            (leads[:3].ids,),
        )
        self.env.cr.execute(
            "UPDATE crm_lead SET write_date = create_date WHERE id = ANY(%s)",
            (untouched.ids,),
        )
        self.prediction.invalidate_recordset()
        self.assertEqual(self.prediction.decided_count, 8)
        tracked = self.prediction.input_ids - self.country
        self.assertEqual(
            [tracked.known_count, tracked.history], [8, "Changes are tracked"]
        )
        self.assertEqual(self.country.known_count, 5)
        self.assertEqual(
            self.country.history,
            "Kept at that time: 3; not changed since: 2; unknown: 3",
        )
        self.assertTrue(self.country.is_history_poor)
        self.country.is_trusted = True
        self.assertEqual(self.country.known_count, 8)
        self.assertIn("vouched for: 3", self.country.history)

    # ------------------------------------------------------------
    # Retention, rights
    # ------------------------------------------------------------

    def test_goes_with_the_lead(self):
        lead = self._create_leads()
        kept = self._kept(lead)
        lead.unlink()
        self.assertFalse(kept.exists())

    def test_retention(self):
        """Dropped the night after nobody looks at it any more, and when it is old."""
        self._input("city")
        old, young = leads = self._create_leads(2, city="Berlin")
        self._age(old, days=6 * 365)
        self.Snapshot._gc_snapshots()
        self.assertEqual(self._kept(leads).lead_id, young)
        self.prediction.active = False
        self.Snapshot._gc_snapshots()
        self.assertTrue(self._kept(young))
        self.country.unlink()
        self.Snapshot._gc_snapshots()
        self.assertEqual(self._kept(young).value, {"city": "Berlin"})
        self.prediction.unlink()
        self.Snapshot._gc_snapshots()
        self.assertFalse(self._kept(young))

    def test_rights(self):
        """Made by any lead, read by managers of the company, written by nobody."""
        lead = self._create_leads(company_id=self.company.id).with_user(self.seller)
        mine = lead.copy({"user_id": self.seller.id})
        kept = self._kept(mine.sudo())
        self.assertEqual(len(kept), 1)
        with self.assertRaises(AccessError):
            kept.with_user(self.seller).read(["value"])
        self.assertTrue(kept.with_user(self.manager).read(["value", "content"]))
        for vals in ({"date": FIRST_DAY}, {"value": {}}):
            with self.assertRaises(AccessError):
                kept.with_user(self.manager).write(vals)
        with self.assertRaises(AccessError):
            kept.with_user(self.manager).unlink()
        other = kept.with_user(self.user_other_company)
        self.assertFalse(other.search([("id", "in", kept.ids)]))
        with self.assertRaises(AccessError):
            other.read(["value"])

    @users("plus_manager")
    def test_button(self):
        model = self.prediction.with_user(self.env.user)
        self._create_leads()
        model.invalidate_recordset()
        self.assertGreaterEqual(model.snapshot_count, 1)
        action = model.action_view_snapshots()
        self.assertEqual(
            self.Snapshot.search_count(action["domain"]), model.snapshot_count
        )


@tagged("post_install", "-at_install", "crm_plus_prediction")
@skipUnless(prediction.is_available(), "scikit-learn is not installed")
class TestPredictionTrainingKept(SnapshotCommon):
    def _keep(self, leads, value):
        """Insert what was kept of the leads: ``value`` SQL of the country."""
        self.env.cr.execute(
            SQL(
                "INSERT INTO crm_prediction_snapshot (lead_id, age_days, date, value)"
                " SELECT id, 0, create_date, jsonb_build_object('country_id', %s)"
                " FROM crm_lead WHERE id = ANY(%s)",
                value,
                leads.ids,
            )
        )

    def _set_at_closing(self, leads):
        """Write the country when leads are decided, by how they were."""
        self.env.cr.execute(
            "UPDATE crm_lead SET country_id = CASE WHEN won_status = 'won'"
            " THEN %s ELSE %s END WHERE id = ANY(%s)",
            (*self.countries[:2].ids, leads.ids),
        )

    def test_learns_from_what_was_kept(self):
        leads = self._leads()
        self._keep(leads, SQL("country_id::text"))
        self._set_at_closing(leads)
        version = self.prediction._train()
        self.assertEqual(version.state, "used")
        self.assertEqual(version.weights[0]["key"], "country_id")
        # by the country of today it would be 1
        self.assertLess(version.auc, 0.9)

    def test_written_after_the_decision_never_leaks_in(self):
        """Neither by its value, nor by whether it is known."""
        leads = self._leads(skill=0)
        self._keep(
            leads.filtered(lambda lead: lead.won_status == "won" or lead.id % 4 == 0),
            SQL("country_id::text"),
        )
        self._set_at_closing(leads)
        version = self.prediction._train()
        self.assertEqual(version.state, "no_skill")
        self.assertLess(version.auc_low, 0.5)

    def test_kept_of_too_few(self):
        leads = self._leads()
        self._keep(leads[:60], SQL("country_id::text"))
        self._set_at_closing(leads)
        version = self.prediction._train()
        self.assertEqual(version.state, "no_skill")
        self.assertIn("is known of 60 of the 611 earlier leads", version.warnings)

    def test_unknown_adds_nothing(self):
        """Neither to the chance of an open lead that was written to before."""
        leads = self._leads()
        self._keep(leads, SQL("country_id::text"))
        still_open = self._leads(20, status="pending", seed=5)
        self.env.cr.execute(
            "UPDATE crm_lead SET write_date = %s WHERE id = ANY(%s)",
            (datetime.now(), still_open[:10].ids),
        )
        version = self.prediction._train()
        self.prediction._score_due()
        self.assertEqual(version.state, "used")
        for lead in still_open:
            line = next(
                line
                for line in lead.get_prediction_explanation()["lines"]
                if line["key"] == "country_id"
            )
            self.assertEqual(not line["points"], lead in still_open[:10])
            if not line["points"]:
                self.assertEqual(line["value"], "not known any more")
            self.assertAlmostEqual(
                lead.predict_probability,
                lead.get_prediction_explanation()["probability"],
                delta=0.0051,
            )

    def test_companies_apart(self):
        """Each prediction keeps for its own company, one for all keeps for all."""
        elsewhere = {
            "company_id": self.company_2.id,
            "team_id": False,
            "user_id": False,
        }
        other = self.prediction.copy(
            {"company_id": self.company_2.id, "team_ids": [Command.clear()]}
        )
        lead = self._create_leads(**elsewhere)
        self.assertTrue(self._kept(lead))
        other.active = False
        lead = self._create_leads(**elsewhere)
        self.assertFalse(self._kept(lead))
        self.prediction.write({"company_id": False, "team_ids": [Command.clear()]})
        lead = self._create_leads(**elsewhere)
        self.assertTrue(self._kept(lead))
