import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";
import { closed, inDialog, newCampaignSteps } from "./drawing_steps";

function typeSteps(kind, name) {
    return [
        {
            content: `Choose: ${kind}`,
            trigger: inDialog(`.o_radio_input[data-value=${kind}]`),
            run: "click",
        },
        {
            content: `Call it ${name}`,
            trigger: inDialog("[name=name] input"),
            run: `edit ${name}`,
        },
    ];
}

function saveSteps(name) {
    return [
        {
            content: "Save the step",
            trigger: inDialog(".o_form_button_save"),
            run: "click",
        },
        {
            content: `See ${name} in the tree`,
            trigger: `${closed} .o_crm_campaigns_steps .o_data_row:contains("${name}")`,
        },
    ];
}

function addAfter(name) {
    return {
        content: `Add a step after ${name}`,
        trigger: `.o_crm_campaigns_steps .o_data_row:contains("${name}") button[name=action_add_next]`,
        run: "click",
    };
}

/**
 * A marketer builds a campaign of four steps and starts it. Needs the segment "Tour
 * segment".
 */
registry.category("web_tour.tours").add("crm_campaigns_marketer", {
    url: "/odoo",
    steps: () => [
        ...newCampaignSteps("Tour campaign"),
        {
            content: "It cannot start without steps",
            trigger: ".o_field_widget[name=target]:contains('Leads')",
        },
        ...stepUtils.statusbarButtonsSteps("Start", "Try to start"),
        {
            content: "It says what is missing",
            trigger: ".modal .o_error_dialog, .modal:contains('Add a first step')",
        },
        {
            content: "Understood",
            trigger: ".modal .modal-footer button",
            run: "click",
        },
        {
            content: "To the list of steps",
            trigger: `${closed} .o_notebook a[name=steps]`,
            run: "click",
        },
        {
            content: "Add the first step",
            trigger: `${closed} button[name=action_add_step]`,
            run: "click",
        },
        ...typeSteps("mail", "Welcome mail"),
        {
            content: "Its subject",
            trigger: inDialog("[name=subject] input"),
            run: "edit Welcome",
        },
        {
            content: "Its text",
            trigger: inDialog("[name=body] .odoo-editor-editable"),
            run: "editor Good to see you",
        },
        ...saveSteps("Welcome mail"),
        addAfter("Welcome mail"),
        ...typeSteps("wait_click", "Reads it?"),
        ...saveSteps("Reads it?"),
        addAfter("Reads it?"),
        ...typeSteps("activity", "Call them"),
        ...saveSteps("If so: Call them"),
        addAfter("Reads it?"),
        ...typeSteps("mail", "Reminder"),
        {
            content: "In the other case, by itself",
            trigger: inDialog("[name=branch] input:value('If not')"),
        },
        {
            content: "Subject of the reminder",
            trigger: inDialog("[name=subject] input"),
            run: "edit Still there?",
        },
        {
            content: "Text of the reminder",
            trigger: inDialog("[name=body] .odoo-editor-editable"),
            run: "editor We saved you a cup",
        },
        ...saveSteps("If not: Reminder"),
        ...stepUtils.statusbarButtonsSteps("Start", "Start it"),
        {
            content: "Nothing keeps it from starting",
            trigger: inDialog("button[name=action_start]"),
            run: "click",
        },
        {
            content: "It runs",
            trigger: ".o_arrow_button_current:contains('Running')",
        },
        {
            content: "Somebody is waiting for the first mail",
            trigger:
                ".o_crm_campaigns_steps .o_data_row:contains('Welcome mail') td[name=waiting_count]:contains('1')",
        },
        {
            content: "See who is in",
            trigger: "button[name=action_view_participants]",
            run: "click",
        },
        {
            content: "Open the journey",
            trigger: ".o_data_row td[name=who]:contains('ida@')",
            run: "click",
        },
        {
            content: "It tells what happens",
            trigger: ".o_crm_campaigns_journey:contains('Next: Welcome mail')",
        },
    ],
});
