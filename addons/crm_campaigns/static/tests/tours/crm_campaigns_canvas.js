import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";
import { addSteps, closed, inDialog, inPanel, newCampaignSteps, node, plus } from "./drawing_steps";

/** A marketer draws a journey. Needs the segment "Tour segment". */
registry.category("web_tour.tours").add("crm_campaigns_canvas", {
    url: "/odoo",
    steps: () => [
        ...newCampaignSteps("Drawn campaign"),
        ...addSteps("button[name=add_first]", "mail", "Welcome mail", "Welcome"),
        ...addSteps(plus("Add a step after “Welcome mail”"), "wait_click", "Reads it?"),
        ...addSteps(plus("Add a step after “Reads it?”: clicked"), "activity", "Call them"),
        ...addSteps(
            plus("Add a step after “Reads it?”: no click in time"),
            "mail",
            "Reminder",
            "Still there?",
        ),
        ...addSteps(plus("Add a step after “Reads it?”: no click in time"), "wait", "A pause"),
        {
            content: "Room for the whole tree",
            trigger: inPanel("button[name=close_panel]"),
            run: "click",
        },
        {
            content: "It came before the reminder: drag the reminder after the call",
            trigger: `${node("Reminder")}[aria-level="5"]`,
            run: `drag_and_drop .o_crm_campaign_plus[title="Add a step after “Call them”"]`,
        },
        {
            content: "It comes after the call",
            trigger: `${plus("Add a step after “Reminder”")}, ${node("Reminder")}[aria-level="5"]`,
        },
        {
            content: "The pause is an end again: what to do with it",
            trigger: `${node("A pause")} .o_crm_campaign_menu button`,
            run: "click",
        },
        {
            content: "Delete it",
            trigger: ".o_crm_campaign_do_remove",
            run: "click",
        },
        {
            content: "Nothing comes after it",
            trigger: inDialog("button[name=remove]"),
            run: "click",
        },
        {
            content: "It is gone",
            trigger: `${closed} .o_crm_campaign_tree:not(:contains("A pause"))`,
        },
        {
            content: "Open a step",
            trigger: node("Call them"),
            run: "click",
        },
        {
            content: "Its form is beside the tree",
            trigger: inPanel("[name=activity_summary] input"),
            run: "edit Ask what they drink",
        },
        {
            content: "Save it",
            trigger: inPanel(".o_form_button_save"),
            run: "click",
        },
        {
            content: "The tree says so",
            trigger: `${node("Call them")}:contains("Ask what they drink")`,
        },
        ...stepUtils.statusbarButtonsSteps("Start", "Start it"),
        {
            content: "Nothing keeps it from starting",
            trigger: inDialog("button[name=action_start]"),
            run: "click",
        },
        {
            content: "It runs, and is not changed",
            trigger:
                ".o_crm_campaign_canvas:contains('Stop the campaign'):not(:has(.o_crm_campaign_plus))",
        },
        {
            content: "Somebody waits for the first mail",
            trigger: `${node("Welcome mail")} .o_count_waiting:contains("1")`,
        },
    ],
});
