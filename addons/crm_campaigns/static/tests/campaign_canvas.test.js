import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { beforeEach, describe, expect, test } from "@odoo/hoot";
import { press, queryAllTexts, queryFirst, resize } from "@odoo/hoot-dom";
import { advanceTime, animationFrame } from "@odoo/hoot-mock";
import {
    contains,
    defineModels,
    fields,
    models,
    mountView,
    onRpc,
} from "@web/../tests/web_test_helpers";

describe.current.tags("desktop");

class Campaign extends models.Model {
    _name = "crm.campaign";
    name = fields.Char();
    state = fields.Char();
    _records = [{ id: 1, name: "Welcome", state: "draft" }];
}
class Version extends models.Model {
    _name = "crm.campaign.version";
    state = fields.Char();
    _records = [{ id: 7, state: "retired" }];
}
class Step extends models.Model {
    _name = "crm.campaign.step";
    name = fields.Char();
    _records = ["Mail", "Click?", "Thanks", "Reminder"].map((name, index) => ({
        id: index + 1,
        name,
    }));
    _views = { form: `<form><field name="name"/></form>` };
}
defineMailModels();
defineModels([Campaign, Version, Step]);

const NEXT = [{ key: "next", label: "Then", values: { branch: "next" } }];
const ANSWERS = [
    { key: "yes", label: "If so", values: { branch: "yes" } },
    { key: "no", label: "If not", values: { branch: "no" } },
];

function step(id, parent, way, name, ways = NEXT, values = {}) {
    return {
        id,
        parent_id: parent,
        way,
        ways,
        name,
        kind: ways === ANSWERS ? "wait_click" : "mail",
        text: `${name} in plain words`,
        waiting: 0,
        done: 0,
        skipped: 0,
        failed: 0,
        problems: [],
        can_design: false,
        ...values,
    };
}

let canvas;

beforeEach(() => {
    canvas = {
        id: 1,
        state: "draft",
        can_write: true,
        can_edit: true,
        start: {
            name: "Everybody",
            label: "Joins a segment",
            icon: "fa-users",
            running: 0,
            done: 0,
            exited: 0,
            failed: 0,
        },
        kinds: [
            { kind: "mail", label: "Send a Mail", icon: "fa-envelope-o", family: "", name: "" },
            { kind: "wait_click", label: "Wait", icon: "fa-clock-o", family: "", name: "Wait" },
        ],
        steps: [
            step(1, false, "next", "Mail"),
            step(2, 1, "next", "Click?", ANSWERS),
            step(3, 2, "yes", "Thanks"),
            step(4, 2, "no", "Reminder", NEXT, { problems: ["the mail is empty."] }),
        ],
    };
    onRpc("crm.campaign", "get_canvas", () => canvas);
    for (const method of ["canvas_move", "canvas_remove"]) {
        onRpc("crm.campaign", method, ({ args }) => {
            expect.step([method, ...args]);
            return false;
        });
    }
});

async function mountCanvas() {
    await mountView({
        type: "form",
        resModel: "crm.campaign",
        resId: 1,
        arch: `<form><field name="name"/><field name="state"/><widget name="crm_campaign_canvas"/></form>`,
    });
    await animationFrame();
}

function key(name) {
    return press(name).then(() => animationFrame());
}

test("the tree says what each step does, and what is wrong with it", async () => {
    await mountCanvas();

    expect(queryAllTexts(".o_crm_campaign_name")).toEqual([
        "Everybody",
        "Mail",
        "Click?",
        "Thanks",
        "Reminder",
    ]);
    expect(queryAllTexts(".o_crm_campaign_label")).toEqual(["If so", "If not"]);
    expect(".o_crm_campaign_plus").toHaveCount(6);
    expect("[data-id='4'] .o_crm_campaign_problem").toHaveText("the mail is empty.");
    expect("[data-id='4']").toHaveAttribute("aria-level", "4");
    expect(".o_crm_campaign_legend").toHaveCount(0);
});

test("who may not change it, or while it runs, only reads", async () => {
    Object.assign(canvas, { state: "running", can_edit: false });
    canvas.steps[0].waiting = 12;
    canvas.steps[0].failed = 3;
    await mountCanvas();

    expect(".o_crm_campaign_plus, .o_crm_campaign_palette").toHaveCount(0);
    expect("button[name=palette]").toHaveCount(0);
    expect(".o_crm_campaign_hint").toHaveText(
        "Stop the campaign to change its steps, or choose “Edit” to draw its next version.",
    );
    expect("[data-id='1'] .o_count_waiting").toHaveText("12");
    expect("[data-id='1'] .o_count_failed").toHaveText("3");
    expect("[data-id='1'] .o_count_done").toHaveCount(0);
    await contains("[data-id='1']").focus();
    await key("Delete");
    expect(".modal").toHaveCount(0);
});

test("what became of the mails stands below its step", async () => {
    Object.assign(canvas, { state: "running", can_edit: false });
    canvas.steps[0].figures = [
        { name: "sent", icon: "fa-paper-plane-o", text: "4", title: "4 sent", few: false },
        { name: "opened", icon: "fa-envelope-open-o", text: "50%", title: "2 of 4", few: true },
    ];
    await mountCanvas();

    const heightOf = (id) => queryFirst(`[data-id='${id}']`).offsetHeight;
    expect(heightOf(1)).toBeGreaterThan(heightOf(2));
    expect("[data-id='1'] .o_figure_sent").toHaveText("4");
    expect("[data-id='1'] .o_figure_sent").not.toHaveClass("o_few");
    expect("[data-id='1'] .o_figure_opened").toHaveAttribute(
        "title",
        "2 of 4: too few to say much",
    );
    expect("[data-id='1'] .o_figure_opened").toHaveClass("o_few");
    expect("[data-id='2'] .o_crm_campaign_figures").toHaveCount(0);
    expect(".o_crm_campaign_legend").toHaveText(/opened by people/);
    expect(".o_crm_campaign_legend").not.toHaveText(/answered/);
});

test("a count opens who is behind it", async () => {
    Object.assign(canvas, { state: "running", can_edit: false });
    canvas.steps[0].waiting = 12;
    onRpc("crm.campaign.step", "action_view_count", ({ args, kwargs }) => {
        expect.step([...args, kwargs.context.crm_campaigns_one_version]);
        return { type: "ir.actions.act_window_close" };
    });
    await mountCanvas();

    await contains("[data-id='1'] .o_count_waiting").click();
    await animationFrame();

    expect.verifySteps([[1, "waiting", false]]);
    expect(".modal, .o_crm_campaign_panel").toHaveCount(0);
});

test("counts of a running campaign follow", async () => {
    Object.assign(canvas, { state: "running", can_edit: false });
    await mountCanvas();
    canvas.steps[0].waiting = 7;

    await advanceTime(21000);
    await animationFrame();

    expect("[data-id='1'] .o_count_waiting").toHaveText("7");
});

test("keys: arrows go, Enter opens, + adds, Delete removes", async () => {
    await mountCanvas();
    await contains("[data-id='0']").focus();

    await key("ArrowDown");
    await key("ArrowDown");
    await key("ArrowDown");
    await key("ArrowRight");
    expect("[data-id='4']").toBeFocused();
    await key("ArrowUp");
    expect("[data-id='2']").toBeFocused();
    expect("[role=treeitem][tabindex='0']").toHaveCount(1);

    await key("+");
    expect(".o_crm_campaign_picker").toHaveText(/Add a step after “Click\?”: If so/);
    expect(".o_crm_campaign_picker button:first").toBeFocused();
    await key("Escape");

    await contains("[data-id='3']").focus();
    await key("ArrowUp");
    await key("Delete");
    expect(".modal .form-check").toHaveCount(3);
    await contains(".modal [data-keep=no]").click();
    await contains(".modal button[name=remove]").click();
    expect.verifySteps([["canvas_remove", 1, 2, "no"]]);

    await contains("[data-id='0']").focus();
    await key("ArrowDown");
    await key("Enter");
    await animationFrame();
    expect(".o_crm_campaign_panel [name=name] input").toHaveValue("Mail");
});

test("a step is moved by keys: it finds no place below itself", async () => {
    await mountCanvas();
    await contains("[data-id='0']").focus();
    await key("ArrowDown");
    await key("ArrowDown");

    await key("m");
    expect(".o_crm_campaign_hint").toHaveText(/Choose a \+ where “Click\?” goes/);
    expect(".o_crm_campaign_plus:not(:disabled)").toHaveCount(2);
    await key("Escape");
    expect(".o_crm_campaign_plus:not(:disabled)").toHaveCount(6);
    await key("m");
    await contains("[data-place='0:next']").click();

    expect.verifySteps([["canvas_move", 1, 2, false, "next"]]);
});

test("a step is dragged to another way", async () => {
    await mountCanvas();

    const { drop, moveTo } = await contains("[data-id='4']").drag();
    await moveTo("[data-place='3:next']");
    await animationFrame();
    expect(".o_crm_campaign_ghost").toHaveText("Reminder");
    expect(".o_over [data-place='3:next']").toHaveCount(1);
    await drop("[data-place='3:next']");
    await animationFrame();

    expect.verifySteps([["canvas_move", 1, 4, 3, "next"]]);
    expect(".o_crm_campaign_panel").toHaveCount(0);
    expect(".o_crm_campaign_ghost").toHaveCount(0);
});

test("a kind is dragged from the list of steps to its place", async () => {
    onRpc("crm.campaign.step", "onchange", ({ kwargs }) => {
        const { default_parent_id, default_branch, default_kind } = kwargs.context;
        expect.step([default_parent_id, default_branch, default_kind]);
    });
    await mountCanvas();
    expect("[data-palette]").toHaveCount(2);

    const { drop, moveTo } = await contains("[data-palette='wait_click']").drag();
    await moveTo("[data-place='3:next']");
    await animationFrame();
    expect(".o_crm_campaign_ghost").toHaveText("Wait");
    expect(".o_over [data-place='3:next']").toHaveCount(1);
    await drop("[data-place='3:next']");
    await animationFrame();

    expect.verifySteps([[3, "next", "wait_click"]]);
    expect(".o_crm_campaign_panel.o_new [name=name]").toHaveCount(1);
    expect(".o_crm_campaign_palette").toHaveCount(0, { message: "there is a form now" });
});

test("a kind is chosen there, and then its place; Escape forgets it", async () => {
    onRpc("crm.campaign.step", "onchange", ({ kwargs }) => {
        expect.step([kwargs.context.default_parent_id, kwargs.context.default_kind]);
    });
    await mountCanvas();

    await contains("[data-palette='mail']").click();
    expect(".o_crm_campaign_hint").toHaveText(/Choose a \+ where “Send a Mail” goes/);
    expect(".o_crm_campaign_plus:not(:disabled)").toHaveCount(6);
    await key("Escape");
    expect("[data-palette].active").toHaveCount(0);
    await contains("[data-palette='mail']").click();
    await contains("[data-place='0:next']").click();
    await animationFrame();

    expect.verifySteps([[false, "mail"]]);
    expect(".o_crm_campaign_picker").toHaveCount(0);
});

test("the list of steps is put away", async () => {
    await mountCanvas();
    await contains("button[name=palette]").click();
    expect(".o_crm_campaign_palette").toHaveCount(0);
    await contains("button[name=palette]").click();
    expect(".o_crm_campaign_palette").toHaveCount(1);
});

test("a new step is asked for with its place", async () => {
    onRpc("crm.campaign.step", "onchange", ({ kwargs }) => {
        const { default_parent_id, default_branch, default_kind } = kwargs.context;
        expect.step([default_parent_id, default_branch, default_kind]);
        expect(kwargs.context.crm_campaigns_insert).toBe(true);
    });
    await mountCanvas();

    await contains("[data-place='2:no']").click();
    await contains(".o_crm_campaign_picker [data-kind=mail]").click();
    await animationFrame();

    expect.verifySteps([[2, "no", "mail"]]);
    expect(".o_crm_campaign_panel.o_new [name=name]").toHaveCount(1);
});

function stepSaves() {
    onRpc("crm.campaign.step", "web_save", ({ args }) => {
        expect.step(args);
    });
}

test("the form of a step is beside the tree, and saved when one goes on", async () => {
    stepSaves();
    await mountCanvas();

    await contains("[data-id='1']").click();
    await animationFrame();
    expect(".modal").toHaveCount(0);
    expect(".o_crm_campaign_panel [name=name] input").toHaveValue("Mail");
    await contains(".o_crm_campaign_panel [name=name] input").edit("Hello");
    expect.verifySteps([]);
    await contains("[data-id='2']").click();
    await animationFrame();

    expect.verifySteps([[[1], { name: "Hello" }]]);
    expect(".o_crm_campaign_panel [name=name] input").toHaveValue("Click?");
    await contains(".o_crm_campaign_panel button[name=close_panel]").click();
    await animationFrame();
    expect(".o_crm_campaign_panel").toHaveCount(0);
    expect("[data-id='2']").toBeFocused();
    expect.verifySteps([]);
});

test("what is typed there is saved with the campaign, or discarded", async () => {
    stepSaves();
    onRpc("crm.campaign", "web_save", ({ args }) => {
        expect.step(args);
    });
    await mountCanvas();

    await contains("[data-id='1']").click();
    await animationFrame();
    await contains(".o_crm_campaign_panel [name=name] input").edit("Hello");
    await contains("[name=name] input:first").edit("Autumn");
    await contains(".o_form_button_save:first").click();
    await animationFrame();
    expect.verifySteps([
        [[1], { name: "Hello" }],
        [[1], { name: "Autumn" }],
    ]);

    await contains(".o_crm_campaign_panel [name=name] input").edit("Never mind");
    await contains(".o_crm_campaign_panel .o_form_button_cancel").click();
    await animationFrame();
    expect(".o_crm_campaign_panel").toHaveCount(0);
    expect.verifySteps([]);
});

test("where there is no room the form of a step is a dialog", async () => {
    await resize({ width: 800, height: 800 });
    await mountCanvas();

    await contains("[data-id='1']").click();
    await animationFrame();

    expect(".o_crm_campaign_panel").toHaveCount(0);
    expect(".modal [name=name] input").toHaveValue("Mail");
});

test("on a phone it is an outline as wide as the screen", async () => {
    await resize({ width: 390, height: 800 });
    await mountCanvas();

    expect(".o_crm_campaign_tree.o_outline").toHaveCount(1);
    const { scrollWidth, clientWidth } = queryFirst(".o_crm_campaign_viewport");
    expect(scrollWidth).toBe(clientWidth);
});

test("a version is drawn and looked at, not changed", async () => {
    Object.assign(canvas, { can_write: false, can_edit: false, hint: "As it was" });
    onRpc("crm.campaign.version", "get_canvas", ({ args }) => {
        expect.step(args);
        return canvas;
    });
    await mountView({
        type: "form",
        resModel: "crm.campaign.version",
        resId: 7,
        arch: `<form edit="0"><field name="state"/><widget name="crm_campaign_canvas"/></form>`,
    });
    await animationFrame();

    expect.verifySteps([[7]]);
    expect(".o_crm_campaign_node").toHaveCount(5);
    expect(".o_crm_campaign_plus").toHaveCount(0);
    expect(".o_crm_campaign_hint").toHaveText("As it was");
    queryFirst("[data-id='2']").focus();
    for (const name of ["Delete", "m", "+"]) {
        await key(name);
    }
    expect(".modal, .o_crm_campaign_picker").toHaveCount(0);
    expect(".o_crm_campaign_canvas").not.toHaveClass("o_choosing");
});
