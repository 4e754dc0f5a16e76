import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_case_structure", {
    steps: () => [
        {
            content: "The case waits in the list",
            trigger: ".o_data_cell:contains(The boiler leaks)",
            run: "click",
        },
        {
            content: "The priority explains itself",
            trigger: ".o_field_widget[name=priority_reason]:contains(Work stands still)",
        },
        {
            content: "There is something to do first",
            trigger: ".o_notebook .nav-link[name=checklist]",
            run: "click",
        },
        {
            content: "Tick it off",
            trigger: ".o_field_widget[name=check_ids] .o_data_row .o_boolean_toggle input",
            run: "click",
        },
        {
            content: "Keep it",
            trigger: ".o_form_button_save:enabled",
            run: "click",
        },
        {
            content: "It says who has done it",
            trigger: ".o_field_widget[name=check_ids] .o_data_row:contains(Tour Agent)",
        },
        {
            content: "Solved",
            trigger: ".o_form_view button[name=action_close]",
            run: "click",
        },
        {
            content: "The team wants to know how it ended",
            trigger: ".modal .o_field_widget[name=resolution_id] input",
            run: "edit Solved by advice",
        },
        {
            trigger: ".modal .ui-autocomplete .dropdown-item:contains(Solved by advice)",
            run: "click",
        },
        {
            content: "It has a part that is open: solve it, too",
            trigger: ".modal .o_field_widget[name=with_parts] input",
            run: "click",
        },
        {
            trigger: ".modal footer button[name=action_close]",
            run: "click",
        },
        {
            content: "The status bar follows",
            trigger: ".o_arrow_button_current:contains(Solved)",
        },
        {
            trigger:
                ".o_field_widget[name=resolution_id]:contains(Solved by advice), .o_field_widget[name=resolution_id] input:value(Solved by advice)",
        },
    ],
});
