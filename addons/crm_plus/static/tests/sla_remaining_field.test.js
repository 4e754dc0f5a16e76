import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { describe, expect, test } from "@odoo/hoot";
import { advanceTime, animationFrame, mockDate } from "@odoo/hoot-mock";
import { defineModels, fields, models, mountView } from "@web/../tests/web_test_helpers";

describe.current.tags("desktop");

class Clock extends models.Model {
    _name = "crm.sla.clock";
    due = fields.Datetime();
    warning = fields.Datetime();
    kind = fields.Selection({ selection: [["first_response", "First Response"]] });
    is_open = fields.Boolean();
}
defineMailModels();
defineModels([Clock]);

async function mountList(dues, options = "{}") {
    Clock._records = dues.map((due, index) => ({ id: index + 1, due, is_open: index !== 0 }));
    await mountView({
        type: "list",
        resModel: "crm.sla.clock",
        arch: `<list><field name="due" widget="sla_remaining" options="${options}"/></list>`,
    });
}

test("says how much time is left and by how much it is late", async () => {
    mockDate("2026-01-11 12:00:00", 0);
    await mountList([
        // half a minute: the clock of the test goes on
        "2026-01-11 12:20:30",
        "2026-01-11 14:00:30",
        "2026-01-11 14:15:30",
        "2026-01-12 14:00:30",
        "2026-01-21 12:00:30",
        "2026-01-11 09:00:00",
        "2026-01-11 11:59:45",
        false,
    ]);
    for (const [index, text] of [
        "20 min left",
        "2 h left",
        "2 h 15 min left",
        "1 d 2 h left",
        "10 d left",
        "overdue by 3 h",
        "overdue by 0 min",
        "",
    ].entries()) {
        expect(`.o_data_cell:eq(${index})`).toHaveText(text);
    }
});

test("is red when late and warns before, as long before as the view says", async () => {
    mockDate("2026-01-11 12:00:00", 0);
    await mountList(
        ["2026-01-11 12:20:00", "2026-01-11 12:40:00", "2026-01-11 11:00:00"],
        "{'warn_minutes': 30}",
    );
    expect(".o_data_cell:eq(0) .text-warning").toHaveCount(1);
    expect(".o_data_cell:eq(1) .text-success").toHaveCount(1);
    expect(".o_data_cell:eq(2) .text-danger").toHaveCount(1);
});

test("a clock that has stopped shows its due date", async () => {
    mockDate("2026-01-11 12:00:00", 0);
    await mountList(["2026-01-11 09:00:00", "2026-01-11 09:00:00"], "{'open_field': 'is_open'}");
    expect(".o_data_cell:eq(0)").not.toHaveText("overdue by 3 h");
    expect(".o_data_cell:eq(0) .text-danger").toHaveCount(0);
    expect(".o_data_cell:eq(1)").toHaveText("overdue by 3 h");
});

test("moves on without a reload", async () => {
    mockDate("2026-01-11 12:00:00", 0);
    await mountList(["2026-01-11 12:01:30"]);
    expect(".o_data_cell:eq(0)").toHaveText("1 min left");
    await advanceTime(2 * 60 * 1000);
    await animationFrame();
    expect(".o_data_cell:eq(0)").toHaveText("overdue by 0 min");
});

test("turns orange at the moment of the warning, without a reload", async () => {
    mockDate("2026-01-11 12:00:00", 0);
    Clock._records = [{ id: 1, due: "2026-01-12 12:00:00", warning: "2026-01-11 12:01:30" }];
    await mountView({
        type: "list",
        resModel: "crm.sla.clock",
        arch: `<list><field name="due" widget="sla_remaining"
            options="{'warning_field': 'warning'}"/></list>`,
    });
    expect(".o_data_cell .text-success").toHaveCount(1);
    await advanceTime(2 * 60 * 1000);
    await animationFrame();
    expect(".o_data_cell .text-warning").toHaveCount(1);
});

test("the tooltip names what is due and when", async () => {
    mockDate("2026-01-11 12:00:00", 0);
    Clock._records = [{ id: 1, due: "2026-01-11 14:15:30", kind: "first_response" }];
    await mountView({
        type: "list",
        resModel: "crm.sla.clock",
        arch: `<list><field name="due" widget="sla_remaining"
            options="{'kind_field': 'kind'}"/></list>`,
    });
    const title = document.querySelector(".o_crm_plus_sla_remaining").title;
    expect(title.startsWith("First Response: due ")).toBe(true);
    expect(title).toMatch(/2:15/);
});
