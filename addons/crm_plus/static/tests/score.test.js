import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { expect, test } from "@odoo/hoot";
import { animationFrame } from "@odoo/hoot-mock";
import {
    contains,
    defineModels,
    fields,
    models,
    mountView,
    onRpc,
} from "@web/../tests/web_test_helpers";

class Scored extends models.Model {
    _name = "crm.plus.scored";
    score_grade = fields.Char();
    _records = [
        { id: 1, score_grade: "B2" },
        { id: 2, score_grade: false },
    ];
}
defineMailModels();
defineModels([Scored]);

const EXPLANATION = {
    model: "Business customers",
    grade: "B2",
    fit: 30,
    engagement: 17.5,
    total: 47.5,
    lines: [
        {
            rule_id: 1,
            rule: "A company",
            dimension: "fit",
            rule_points: 30,
            points: 30,
            is_matched: true,
            text: "Matches",
            date_first: false,
            date_last: false,
        },
        {
            rule_id: 2,
            rule: "Country known",
            dimension: "fit",
            rule_points: 5,
            points: 0,
            is_matched: false,
            text: "",
            date_first: false,
            date_last: false,
        },
        {
            rule_id: 3,
            rule: "Writes to us",
            dimension: "engagement",
            rule_points: 10,
            points: 17.5,
            is_matched: true,
            text: "2 times, 20 decayed to 17.5",
            date_first: "2026-01-01 10:00:00",
            date_last: "2026-01-09 10:00:00",
        },
    ],
    missing: ["10.0 points of fit for grade A2"],
};

const FORM = `<form><widget name="score_explanation"/></form>`;

test("grade is a badge coloured by its letter, nothing without a grade", async () => {
    await mountView({
        type: "list",
        resModel: "crm.plus.scored",
        arch: `<list><field name="score_grade" widget="score_grade"/></list>`,
    });
    expect(".o_crm_plus_grade").toHaveCount(1);
    expect(".o_data_cell:eq(0) .badge.text-bg-info").toHaveText("B2");
});

test("explanation shows what each rule gives, with totals", async () => {
    onRpc("crm.plus.scored", "get_score_explanation", ({ args }) => {
        expect.step(`explain ${args[0]}`);
        return EXPLANATION;
    });
    await mountView({ type: "form", resModel: "crm.plus.scored", resId: 1, arch: FORM });
    await animationFrame();
    expect.verifySteps(["explain 1"]);
    expect(".o_crm_plus_score_line").toHaveCount(2);
    expect("[data-total=fit]").toHaveText("30.0");
    expect("[data-total=engagement]").toHaveText("17.5");
    expect("[data-total=score]").toHaveText("47.5");
    expect(".o_crm_plus_score_line:eq(1) td:eq(1)").toHaveText("2 times, 20 decayed to 17.5");
    expect(".o_crm_plus_score_missing li").toHaveText("10.0 points of fit for grade A2");

    await contains("button:contains(did not match)").click();
    expect(".o_crm_plus_score_line").toHaveCount(3);
});

test("touchpoints that count are opened, and what becomes of the points is said", async () => {
    onRpc("crm.plus.scored", "get_score_explanation", () => ({
        ...EXPLANATION,
        lines: EXPLANATION.lines.map((line) =>
            line.rule_id === 3
                ? {
                      ...line,
                      touchpoints: 2,
                      fading: "half",
                      date_next: "2026-02-08 10:00:00",
                      points_next: 8.75,
                  }
                : { ...line, touchpoints: 0, fading: false, date_next: false },
        ),
    }));
    onRpc("crm.plus.scored", "action_view_score_touchpoints", ({ args }) => {
        expect.step(`open ${args}`);
        return { type: "ir.actions.act_window_close" };
    });
    await mountView({ type: "form", resModel: "crm.plus.scored", resId: 1, arch: FORM });
    await animationFrame();
    expect(".o_crm_plus_score_line:eq(1)").toHaveText(/8\.8 on .*2026, if nothing new happens/);
    expect(".o_score_touchpoints").toHaveCount(1);
    await contains(".o_score_touchpoints").click();
    expect.verifySteps(["open 1,3"]);
});

test("nothing matched: said in words", async () => {
    onRpc("crm.plus.scored", "get_score_explanation", () => ({
        ...EXPLANATION,
        lines: EXPLANATION.lines.map((line) => ({ ...line, is_matched: false })),
    }));
    await mountView({ type: "form", resModel: "crm.plus.scored", resId: 1, arch: FORM });
    await animationFrame();
    expect(".o_crm_plus_score_explanation p").toHaveText("No rule matched yet.");
    expect("table").toHaveCount(0);
});

test("no scoring model: said in words", async () => {
    onRpc("crm.plus.scored", "get_score_explanation", () => ({
        ...EXPLANATION,
        model: false,
        lines: [],
        missing: [],
    }));
    await mountView({ type: "form", resModel: "crm.plus.scored", resId: 1, arch: FORM });
    await animationFrame();
    expect(".o_crm_plus_score_explanation").toHaveText("No scoring model fits this record.");
});
