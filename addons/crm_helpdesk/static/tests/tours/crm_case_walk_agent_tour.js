import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const onScreen = (name) =>
    `.o_form_view .o_field_widget[name=name] input:value(${name}), .o_form_view .o_field_widget[name=name] textarea:value(${name})`;

/**
 * The day of an agent, from the menu of applications to the empty queue: takes the most
 * urgent case, answers it, solves it by a macro that takes the next one, solves that with
 * an answer, and reads the figures of the day. Needs the cases "Walk one" (urgent) and
 * "Walk two" in the queue of "Tour Agent", the macro "Walk: solved" and a promise.
 */
registry.category("web_tour.tours").add("crm_helpdesk_walk_agent", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps("crm_helpdesk.crm_helpdesk_menu_root", "To the helpdesk"),
        {
            content: "Two cases wait in the queue",
            trigger: "[data-section=queue] .o_crm_helpdesk_row:contains(Walk two)",
        },
        {
            content: "Nothing was solved yet",
            trigger: "[data-figure=solved]:contains(0)",
        },
        {
            content: "Take the most urgent one",
            trigger: ".o_crm_helpdesk_take_next:visible",
            run: "click",
        },
        {
            content: "It is on the screen",
            trigger: onScreen("Walk one"),
        },
        {
            content: "It is mine",
            trigger: ".o_field_widget[name=user_id] input:value(Tour Agent)",
        },
        {
            content: "It says until when the customer is promised an answer",
            trigger: ".o_field_widget[name=sla_due]",
        },
        {
            content: "Write to the customer",
            trigger: ".o-mail-Chatter-sendMessage",
            run: "click",
        },
        {
            content: "Ask back",
            trigger: ".o-mail-Composer-input",
            run: "edit Is the lamp on?",
        },
        {
            content: "Send it",
            trigger: ".o-mail-Composer-send:enabled",
            run: "click",
        },
        {
            content: "It is in the conversation",
            trigger: ".o-mail-Message:contains(Is the lamp on?)",
        },
        {
            content: "The customer has been answered",
            trigger: ".o_field_widget[name=date_first_response]",
        },
        {
            content: "How the promises stand",
            trigger: ".o_notebook .nav-link[name=clocks]",
            run: "click",
        },
        {
            content: "This one was kept",
            trigger:
                ".o_field_widget[name=sla_clock_ids] .o_data_row:contains(First Response):contains(Met)",
        },
        {
            content: "The rest by a macro",
            trigger: ".o_crm_helpdesk_macros",
            run: "click",
        },
        {
            content: "Answer, solve, next",
            trigger: ".o_crm_helpdesk_macros_menu .o-dropdown-item:contains(Walk: solved)",
            run: "click",
        },
        {
            content: "The next one was taken, and is on the screen",
            trigger: onScreen("Walk two"),
        },
        {
            content: "It is mine, too",
            trigger: ".o_field_widget[name=user_id] input:value(Tour Agent)",
        },
        {
            content: "Answer and solve in one go",
            trigger: ".o_form_view button[name=action_close_dialog]",
            run: "click",
        },
        {
            content: "Say how it ended",
            trigger: ".modal .o_field_widget[name=resolution_id] input",
            run: "edit Solved by advice",
        },
        {
            content: "So it ended",
            trigger: ".modal .o-autocomplete--dropdown-item:contains(Solved by advice)",
            run: "click",
        },
        {
            content: "The answer",
            trigger: ".modal .o_field_widget[name=body] .odoo-editor-editable",
            run: "editor Please descale it once a month.",
        },
        {
            content: "Solve",
            trigger: ".modal footer button[name=action_close]",
            run: "click",
        },
        {
            content: "It is solved",
            trigger: "body:not(:has(.modal)) .o_arrow_button_current:contains(Solved)",
        },
        {
            content: "The answer was sent",
            trigger: ".o-mail-Message:contains(Please descale it once a month.)",
        },
        {
            content: "And the next one",
            trigger: ".o_menu_sections [data-menu-xmlid='crm_helpdesk.crm_helpdesk_menu_cases']",
            run: "click",
        },
        {
            content: "Take it",
            trigger: ".o-dropdown-item[data-menu-xmlid='crm_helpdesk.crm_case_menu_take_next']",
            run: "click",
        },
        {
            content: "There is none",
            trigger: ".o_notification:contains(Nothing unassigned waits)",
        },
        {
            content: "Back to the desk",
            trigger: ".o_menu_sections [data-menu-xmlid='crm_helpdesk.crm_case_menu_home']",
            run: "click",
        },
        {
            content: "Two are solved today",
            trigger: "[data-figure=solved]:contains(2)",
        },
        {
            content: "Two were answered",
            trigger: "[data-figure=answered]:contains(2)",
        },
        {
            content: "Nobody waits",
            trigger: "[data-section=queue]:contains(Nobody waits for an assignee.)",
        },
    ],
});
