import { registry } from "@web/core/registry";

const NAMES = ["Hottest", "Hot", "Warm", "Cooled", "Cold"];
const has = (name) => `:has(.o_data_row:contains("${name}:"))`;

/** The list with these leads, and none of the others. */
const only = (...names) =>
    ".o_list_view" +
    NAMES.map((name) => (names.includes(name) ? has(name) : `:not(${has(name)})`)).join("");

/** Steps that switch a filter of the search menu on or off, and wait for what is then found. */
const toggle = (filter, found) => [
    {
        content: "Open the search menu",
        trigger: ".o_searchview_dropdown_toggler",
        run: "click",
    },
    {
        content: `Filter ${filter}`,
        trigger: `.o_filter_menu .o_menu_item:contains("${filter}")`,
        run: "click",
    },
    {
        content: "Close the search menu",
        trigger: ".o_searchview_dropdown_toggler",
        run: "click",
    },
    {
        content: `See what ${filter} finds`,
        trigger: `body:not(:has(.o_filter_menu)) ${found}`,
    },
];

/**
 * A seller looks who warms and who cools, takes the hot ones by score, reads why the first
 * is hot, calls, plans the next step and goes on to the second. Needs five leads of the
 * seller, named after how warm they are, and a scoring model with a rule "Roasts coffee".
 */
registry.category("web_tour.tours").add("crm_plus_hot_list", {
    url: "/odoo/action-crm.crm_lead_action_pipeline",
    steps: () => [
        {
            content: "The card has the grade, and how long one waits",
            trigger:
                ".o_kanban_record:contains('Hottest:'):has(.o_crm_plus_grade:contains('A1')) .o_crm_plus_sla_remaining:contains('left')",
        },
        {
            content: "See a list",
            trigger: ".o_switch_view.o_list",
            run: "click",
        },
        {
            content: "All are there",
            trigger: only(...NAMES),
        },
        ...toggle("Rising", only("Warm")),
        ...toggle("Rising", only(...NAMES)),
        ...toggle("Cooling", only("Cooled")),
        ...toggle("Cooling", only(...NAMES)),
        ...toggle("Hot", only("Hottest", "Hot")),
        {
            content: "Choose columns",
            trigger: ".o_optional_columns_dropdown button",
            run: "click",
        },
        {
            content: "Show the points",
            trigger: ".o-dropdown--menu input[name=score_total]",
            run: "click",
        },
        {
            content: "Sort by them",
            trigger: "th[data-name=score_total]",
            run: "click",
        },
        {
            content: "Fewest first",
            trigger: ".o_data_row:first:contains('Hot:') td[name=score_total]:contains('65.0')",
        },
        {
            content: "Turn it round",
            trigger: "th[data-name=score_total]",
            run: "click",
        },
        {
            content: "Most first",
            trigger: ".o_data_row:first:contains('Hottest:') td[name=score_total]:contains('95.0')",
        },
        {
            content: "Open the search menu",
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            content: "Group by grade",
            trigger: ".o_group_by_menu .o_menu_item:contains('Grade')",
            run: "click",
        },
        {
            content: "Close the search menu",
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            content: "See the groups, and their score",
            trigger: ".o_group_header:contains('A2'):contains('65.0')",
        },
        {
            content: "The best one",
            trigger: ".o_group_header:first:contains('A1'):contains('95.0')",
        },
        {
            content: "No groups again",
            trigger: ".o_searchview_facet:contains('Grade') .o_facet_remove",
            run: "click",
        },
        {
            content: "Open the hottest",
            trigger: `.o_list_view:not(:has(.o_group_header)) .o_data_row:first:contains("Hottest:") td[name=name]`,
            run: "click",
        },
        {
            content: "Nobody has answered yet",
            trigger: ".o_crm_plus_sla:contains('First Response') .badge:contains('Running')",
        },
        {
            content: "Ask why it is hot",
            trigger: ".o_notebook .nav-link[name=score]",
            run: "click",
        },
        {
            content: "For what it is",
            trigger: ".o_crm_plus_score_line:contains('Roasts coffee'):contains('45')",
        },
        {
            content: "And for what it did",
            trigger: ".o_crm_plus_score_line:contains('Has tasted'):contains('30')",
        },
        {
            content: "The points add up",
            trigger: ".o_crm_plus_score_explanation td[data-total=score]:contains('95')",
        },
        {
            content: "Plan a call",
            trigger: ".o-mail-Chatter-activity",
            run: "click",
        },
        {
            content: "It is a call",
            trigger: ".modal .o_selection_badge:contains('Call')",
            run: "click",
        },
        {
            content: "What about",
            trigger: ".modal div[name=summary] input",
            run: "edit Ask for the volume",
        },
        {
            content: "Plan it",
            trigger: ".modal button[name=action_schedule_activities]",
            run: "click",
        },
        {
            content: "Called: done",
            trigger:
                "body:not(:has(.modal)) .o-mail-Activity:contains('Ask for the volume') .o-mail-Activity-markDone",
            run: "click",
        },
        {
            content: "Say what came of it",
            trigger: ".o-mail-ActivityMarkAsDone textarea",
            run: "edit They want forty sacks",
        },
        {
            content: "And plan the next step",
            trigger: ".o-mail-ActivityMarkAsDone button[aria-label='Done and Schedule Next']",
            run: "click",
        },
        {
            content: "Which is",
            trigger: ".modal div[name=summary] input",
            run: "edit Send the contract",
        },
        {
            content: "Plan it",
            trigger: ".modal button[name=action_close_dialog]",
            run: "click",
        },
        {
            content: "The call is in the history, the next step is planned",
            trigger:
                "body:not(:has(.modal)):has(.o-mail-Message:contains('They want forty sacks')) .o-mail-Activity:contains('Send the contract')",
        },
        {
            content: "The promise that runs now is the next step",
            trigger: ".o_crm_plus_sla:contains('Next Step') .badge:contains('Running')",
        },
        {
            content: "Look at the promises",
            trigger: ".o_notebook .nav-link[name=sla]",
            run: "click",
        },
        {
            content: "The first response was in time",
            trigger:
                "div[name=sla_clock_ids] .o_data_row:contains('First Response') .badge:contains('Met')",
        },
        {
            content: "On to the next",
            trigger: ".o_pager_next",
            run: "click",
        },
        {
            content: "It is the second of the hot list",
            trigger:
                "body:has(.o_last_breadcrumb_item:contains('Hot:')) .oe_title .o_crm_plus_grade:contains('A2')",
        },
        {
            content: "Ask why it is not the first",
            trigger: ".o_notebook .nav-link[name=score]",
            run: "click",
        },
        {
            content: "It says what is missing",
            trigger: ".o_crm_plus_score_missing li:contains('10'):contains('engagement')",
        },
    ],
});
