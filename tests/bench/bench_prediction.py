import csv
from datetime import datetime, timedelta
from pathlib import Path

from tests.bench.runner import Bench

BANK = (
    Path(__file__).resolve().parents[3]
    / "shared/data/01_lead_scoring/uci_bank_marketing/bank-additional-full.csv"
)
NUMBERS = {
    "age",
    "campaign",
    "pdays",
    "previous",
    "emp.var.rate",
    "cons.price.idx",
    "cons.conf.idx",
    "euribor3m",
    "nr.employed",
}
LEFT_OUT = {"duration", "y"}
OPEN = 1_000_000
FIRST_CALL = datetime(2020, 1, 1)


class _BankLeads:
    """The calls of the bank as decided leads, their columns as properties of a team; a
    prediction that looks at all of them. The order of the calls is time, ten minutes
    apart, decided an hour later.
    """

    def prepare(self, env):
        if not BANK.exists():
            raise SystemExit(f"no {BANK}: the bench needs the public bank data set")
        if env["crm.team"].search([("name", "=", "Bench bank")]):
            return
        with BANK.open() as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        names = [name for name in rows[0] if name not in LEFT_OUT]
        keys = {name: f"bank{i:04d}" for i, name in enumerate(names)}
        team = env["crm.team"].create(
            {
                "name": "Bench bank",
                "lead_properties_definition": [
                    {
                        "name": keys[name],
                        "string": name,
                        "type": "float" if name in NUMBERS else "char",
                    }
                    for name in names
                ],
            }
        )
        env["crm.prediction.model"].create(
            {
                "name": "Bench bank",
                "team_ids": [(6, 0, team.ids)],
                "input_ids": [
                    (
                        0,
                        0,
                        {
                            "source": "field",
                            "field_path": f"lead_properties.{key}",
                            # what the bank knew when it called
                            "is_trusted": True,
                        },
                    )
                    for key in keys.values()
                ],
            }
        )
        env.flush_all()
        self._insert(env, team, rows, names, keys)

    def _insert(self, env, team, rows, names, keys):
        stages = env["crm.stage"].search([])
        values = []
        for i, row in enumerate(rows):
            properties = {
                keys[name]: float(row[name]) if name in NUMBERS else row[name]
                for name in names
            }
            created = FIRST_CALL + timedelta(minutes=10 * i)
            won = row["y"] == "yes"
            values.append((created, created + timedelta(hours=1), won, properties))
        from psycopg2.extras import Json, execute_values

        execute_values(
            env.cr._obj,
            """
            INSERT INTO crm_lead (name, type, company_id, team_id, stage_id, active,
                                  won_status, probability, automated_probability,
                                  create_date, write_date, date_closed, lead_properties)
            VALUES %s
            """,
            [
                (
                    "Bench bank",
                    "opportunity",
                    env.company.id,
                    team.id,
                    (stages.filtered("is_won") if won else stages)[:1].id,
                    won,
                    "won" if won else "lost",
                    100 if won else 0,
                    100 if won else 0,
                    created,
                    decided,
                    decided,
                    Json(properties),
                )
                for created, decided, won, properties in values
            ],
            page_size=5000,
        )

    def _get_prediction(self, env):
        return env["crm.prediction.model"].search([("name", "=", "Bench bank")])


class PredictionBench(_BankLeads, Bench):
    """One training: read as known at intake, leaks looked for, candidates compared,
    measured, trained again; Odoo's formula on the same leads included.
    """

    name = "prediction"
    title = "train on the 41,188 calls of the bank as leads, 19 properties"
    runs = 1

    def run(self, env):
        version = self._get_prediction(env)._train()
        odoo = version.quality["odoo"]
        print(f"  {version.state}: {version.message}; {version.method}")
        print(
            f"  held out {version.test_count}: won {version.won_share:.3f}, Brier "
            f"{version.brier:.3f}, lift {version.lift:.2f}; Odoo's formula by its own "
            f"fields: {odoo and odoo['auc']}"
        )
        return version.sample_count


class PredictionScoreBench(_BankLeads, Bench):
    """A new version: a million open leads get their probability, batch by batch.

    They are the bank's calls again and again, still open.
    """

    name = "prediction_score"
    title = f"score {OPEN:,} open leads by 19 properties"
    runs = 1

    def prepare(self, env):
        super().prepare(env)
        prediction = self._get_prediction(env)
        if not prediction.version_id:
            prediction._train()
        env.flush_all()
        if env["crm.lead"].search_count([("name", "=", "Bench bank open")], limit=1):
            return
        env.cr.execute(
            """
            INSERT INTO crm_lead (name, type, company_id, team_id, stage_id, active,
                                  won_status, probability, automated_probability,
                                  create_date, write_date, lead_properties)
            SELECT 'Bench bank open', l.type, l.company_id, l.team_id, %s, TRUE,
                   'pending', 10, 10, l.create_date, l.create_date, l.lead_properties
              FROM crm_lead l
             CROSS JOIN generate_series(1, 25) n
             WHERE l.name = 'Bench bank'
             LIMIT %s
            """,
            (env["crm.stage"].search([("is_won", "=", False)], limit=1).id, OPEN),
        )

    def run(self, env):
        prediction = self._get_prediction(env)
        done = 0
        last_id = 0
        while ids := prediction._score_due(after_id=last_id):
            last_id = max(ids)
            done += len(ids)
        return done
