import { describe, expect, test } from "@odoo/hoot";
import { queryAllTexts, select } from "@odoo/hoot-dom";
import { animationFrame } from "@odoo/hoot-mock";
import {
    clickSave,
    contains,
    defineModels,
    fields,
    models,
    mountView,
    onRpc,
} from "@web/../tests/web_test_helpers";
import { defineMailModels } from "@mail/../tests/mail_test_helpers";

describe.current.tags("desktop");

class Step extends models.Model {
    _name = "step";

    link_url = fields.Char();
    mail_links = fields.Json();

    _records = [
        { id: 1, link_url: false, mail_links: [["https://a.example", "Tea"]] },
        { id: 2, link_url: "https://gone.example", mail_links: [["https://a.example", ""]] },
    ];
}

defineMailModels();
defineModels([Step]);

const arch = `
    <form>
        <field name="mail_links" invisible="1" />
        <field name="link_url" widget="crm_campaign_link_choice" placeholder="any link" />
    </form>`;

test("one of the links of the mail is chosen", async () => {
    onRpc("web_save", ({ args }) => expect.step(args[1].link_url));
    await mountView({ type: "form", resModel: "step", resId: 1, arch });

    expect(queryAllTexts(".o_field_widget[name=link_url] option")).toEqual([
        "any link",
        "Tea (https://a.example)",
    ]);
    await contains(".o_field_widget[name=link_url] select").click();
    await select("https://a.example");
    await animationFrame();
    await clickSave();

    expect.verifySteps(["https://a.example"]);
});

test("what is not in the message any more is said", async () => {
    await mountView({ type: "form", resModel: "step", resId: 2, arch });

    expect(queryAllTexts(".o_field_widget[name=link_url] option")).toEqual([
        "any link",
        "https://a.example",
        "https://gone.example (not in the message)",
    ]);
    expect(".o_field_widget[name=link_url] select").toHaveValue("https://gone.example");
});
