import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { expect, test } from "@odoo/hoot";
import { advanceTime, animationFrame } from "@odoo/hoot-mock";
import {
    contains,
    defineModels,
    fields,
    models,
    mountView,
    onRpc,
} from "@web/../tests/web_test_helpers";

class ScoreModel extends models.Model {
    _name = "crm.score.model";
    target = fields.Char();
    fit_rule_ids = fields.One2many({ relation: "crm.score.rule", relation_field: "model_id" });
    _records = [{ id: 1, target: "lead", fit_rule_ids: [1, 2] }];
}
class ScoreRule extends models.Model {
    _name = "crm.score.rule";
    name = fields.Char();
    dimension = fields.Char();
    domain = fields.Char();
    points = fields.Float();
    model_id = fields.Many2one({ relation: "crm.score.model" });
    _records = [
        { id: 1, name: "A company", dimension: "fit", domain: "[]", points: 10, model_id: 1 },
        { id: 2, name: "Abroad", dimension: "fit", domain: "[]", points: 5, model_id: 1 },
    ];
}
defineMailModels();
defineModels([ScoreModel, ScoreRule]);

const FORM = `
    <form>
        <field name="target"/>
        <field name="fit_rule_ids">
            <list editable="bottom">
                <field name="name"/>
                <field name="domain"/>
                <field name="points"/>
            </list>
        </field>
        <widget name="score_rule_figures" dimension="fit"/>
    </form>`;
const FIGURES = {
    records: 100,
    closed: 40,
    won: 20,
    won_share: 0.5,
    few: 5,
    sample_size: 50000,
    is_sample: false,
    rules: [
        {
            count: 60,
            share: 0.6,
            closed: 30,
            won: 6,
            won_share: 0.2,
            lift: 0.4,
            verdict: "bad",
            overlaps: [{ rule: 1, count: 30, share: 0.5 }],
        },
        {
            count: 3,
            share: 0.03,
            closed: 0,
            won: 0,
            won_share: null,
            lift: null,
            verdict: "few",
            overlaps: [],
        },
    ],
};

async function mountForm() {
    await mountView({ type: "form", resModel: "crm.score.model", resId: 1, arch: FORM });
    await advanceTime(500);
    await animationFrame();
}

test("a bad rule is red, what is not known is blank", async () => {
    onRpc("crm.score.model", "get_rule_figures", () => FIGURES);
    await mountForm();
    expect(".o_crm_plus_rule_figure").toHaveCount(2);
    expect(".o_crm_plus_rule_figure:eq(0) .o_won_share").toHaveText("20%");
    expect(".o_crm_plus_rule_figure:eq(0) .o_lift").toHaveClass("text-danger");
    expect(".o_crm_plus_rule_figure:eq(0) td:last").toHaveText("Abroad 50%");
    expect(".o_crm_plus_rule_figure:eq(1) .o_won_share").toHaveText("");
    expect(".o_crm_plus_rule_figure:eq(1) .o_won_share").toHaveClass("text-muted");
});

test("a rule that is not saved is measured", async () => {
    onRpc("crm.score.model", "get_rule_figures", ({ args }) => {
        expect.step(`${args[0].target}: ${args[1].map((rule) => rule.points)}`);
        return FIGURES;
    });
    await mountForm();
    expect.verifySteps(["lead: 10,5"]);
    await contains(".o_data_row:eq(1) td[name=points]").click();
    await contains(".o_data_row:eq(1) td[name=points] input").edit("7", { confirm: "blur" });
    await advanceTime(500);
    expect.verifySteps(["lead: 10,7"]);
});

test("a rule that does not work says so, beside the others", async () => {
    onRpc("crm.score.model", "get_rule_figures", () => ({
        ...FIGURES,
        rules: [{ error: "no such field" }, FIGURES.rules[1]],
    }));
    await mountForm();
    expect(".o_crm_plus_rule_figure:eq(0) .text-danger").toHaveText("no such field");
    expect(".o_crm_plus_rule_figure:eq(1) button").toHaveText("3");
});
