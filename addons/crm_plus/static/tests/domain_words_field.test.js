import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { describe, expect, test } from "@odoo/hoot";
import { defineModels, fields, models, mountView } from "@web/../tests/web_test_helpers";

describe.current.tags("desktop");

class Rule extends models.Model {
    _name = "crm.score.rule";
    domain = fields.Char();
    target = fields.Char();
}
class Lead extends models.Model {
    _name = "crm.lead";
    name = fields.Char({ string: "Opportunity" });
    revenue = fields.Float({ string: "Expected Revenue" });
}
defineMailModels();
defineModels([Rule, Lead]);

async function mountList(domains, options = "{'model': 'target'}") {
    Rule._records = domains.map((domain, index) => ({
        id: index + 1,
        domain,
        target: "crm.lead",
    }));
    await mountView({
        type: "list",
        resModel: "crm.score.rule",
        arch: `<list>
            <field name="target" column_invisible="1"/>
            <field name="domain" widget="domain_words" options="${options}"/>
        </list>`,
    });
}

test("tells conditions in the words of the fields", async () => {
    await mountList([
        `[("revenue", ">", 5000)]`,
        `["|", ("revenue", ">", 5000), ("name", "=", "Fair")]`,
    ]);
    expect(".o_data_cell:eq(0)").toHaveText("Expected Revenue greater than 5000");
    expect(".o_data_cell:eq(1)").toHaveText(
        "Expected Revenue greater than 5000 or Opportunity = Fair",
    );
});

test("no condition is all records", async () => {
    await mountList(["[]", false]);
    expect(".o_data_cell:eq(0)").toHaveText("all records");
    expect(".o_data_cell:eq(1)").toHaveText("all records");
});

test("what cannot be told is shown as it is written", async () => {
    await mountList([`[("revenue", ">", no_such_name)]`, "not a domain"]);
    expect(".o_data_cell:eq(0)").toHaveText(`[("revenue", ">", no_such_name)]`);
    expect(".o_data_cell:eq(1)").toHaveText("not a domain");
});

test("the model may be named outright", async () => {
    await mountList([`[("revenue", ">", 1)]`], "{'model': 'crm.lead'}");
    expect(".o_data_cell:eq(0)").toHaveText("Expected Revenue greater than 1");
});
