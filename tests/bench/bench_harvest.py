from tests.bench.runner import Bench

LEADS = 100_000
MESSAGES = 100_000
KEYS = ["lead_created", "email_in/crm.lead"]
PEER_ROWS = 5_000


class HarvestBench(Bench):
    name = "harvest"
    title = "touchpoints from 200,000 origin rows (100,000 leads, 100,000 mails)"
    peer_title = f"create() of the same touchpoints by the ORM, {PEER_ROWS:,} rows"

    def prepare(self, env):
        partner = env["res.partner"].create({"name": "Bench", "is_company": True})
        env.flush_all()
        env.cr.execute(
            """
            INSERT INTO crm_lead (name, type, active, won_status, partner_id,
                                  company_id, create_date, write_date)
            SELECT 'Bench ' || n, 'lead', TRUE, 'pending', %(partner)s, %(company)s,
                   now() AT TIME ZONE 'UTC' - n * interval '3 minutes',
                   now() AT TIME ZONE 'UTC' - n * interval '3 minutes'
              FROM generate_series(1, %(leads)s) n
            """,
            {"partner": partner.id, "company": env.company.id, "leads": LEADS},
        )
        env.cr.execute(
            """
            INSERT INTO mail_message (model, res_id, message_type, subject, date,
                                      author_id, create_date, write_date)
            SELECT 'crm.lead', l.id, 'email', 'Re: ' || l.name, l.create_date,
                   %(partner)s, l.create_date, l.create_date
              FROM crm_lead l WHERE l.name LIKE 'Bench %%' LIMIT %(messages)s
            """,
            {"partner": partner.id, "messages": MESSAGES},
        )

    def run(self, env):
        return sum(env["crm.touchpoint"]._harvest(KEYS).values())

    def run_peer(self, env):
        kind = env["crm.touchpoint.kind"].search([("code", "=", "lead_created")])
        leads = env["crm.lead"].search([("name", "like", "Bench ")], limit=PEER_ROWS)
        env["crm.touchpoint"].create(
            [
                {
                    "kind_id": kind.id,
                    "channel": kind.channel,
                    "date": lead.create_date,
                    "name": lead.name,
                    "partner_id": lead.partner_id.id,
                    "commercial_partner_id": lead.partner_id.commercial_partner_id.id,
                    "lead_id": lead.id,
                    "company_id": lead.company_id.id,
                    "res_model": "crm.lead",
                    "res_id": lead.id,
                }
                for lead in leads
            ]
        )
        return PEER_ROWS
