import { defineMailModels } from "@mail/../tests/mail_test_helpers";
import { describe, expect, test } from "@odoo/hoot";
import { advanceTime, animationFrame, mockDate } from "@odoo/hoot-mock";
import { defineModels, fields, models, mountView } from "@web/../tests/web_test_helpers";

describe.current.tags("desktop");

class Clock extends models.Model {
    _name = "crm.sla.clock";
    due = fields.Datetime();
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
        "late by 3 h",
        "late by 0 min",
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
    expect(".o_data_cell:eq(0)").not.toHaveText("late by 3 h");
    expect(".o_data_cell:eq(0) .text-danger").toHaveCount(0);
    expect(".o_data_cell:eq(1)").toHaveText("late by 3 h");
});

test("moves on without a reload", async () => {
    mockDate("2026-01-11 12:00:00", 0);
    await mountList(["2026-01-11 12:01:30"]);
    expect(".o_data_cell:eq(0)").toHaveText("1 min left");
    await advanceTime(2 * 60 * 1000);
    await animationFrame();
    expect(".o_data_cell:eq(0)").toHaveText("late by 0 min");
});
