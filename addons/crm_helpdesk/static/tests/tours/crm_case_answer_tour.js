import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_case_answer", {
    steps: () => [
        {
            content: "The case waits in the list",
            trigger: ".o_data_cell:contains(The grinder does not start)",
            run: "click",
        },
        {
            content: "It is nobody's: take it",
            trigger: ".o_form_view button[name=action_assign_to_me]",
            run: "click",
        },
        {
            content: "It is mine now",
            trigger: ".o_field_widget[name=user_id] input:value(Tour Agent)",
        },
        {
            content: "Write to the customer",
            trigger: ".o-mail-Chatter-sendMessage",
            run: "click",
        },
        {
            trigger: ".o-mail-Composer-input",
            run: "edit Please plug it in.",
        },
        {
            content: "Send the answer",
            trigger: ".o-mail-Composer-send:enabled",
            run: "click",
        },
        {
            content: "It is in the conversation",
            trigger: ".o-mail-Message:contains(Please plug it in.)",
        },
        {
            content: "The first response was given",
            trigger: ".o_field_widget[name=date_first_response]",
        },
        {
            content: "Its clock has stopped in time",
            trigger: ".o_notebook .nav-link[name=clocks]",
            run: "click",
        },
        {
            trigger:
                ".o_field_widget[name=sla_clock_ids] .o_data_row:contains(First Response):contains(Met)",
        },
        {
            content: "Solved",
            trigger: ".o_form_view button[name=action_close]",
            run: "click",
        },
        {
            content: "The status bar follows",
            trigger: ".o_arrow_button_current:contains(Solved)",
        },
    ],
});
