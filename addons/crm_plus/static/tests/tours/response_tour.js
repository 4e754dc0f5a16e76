import { registry } from "@web/core/registry";

const LEAD = "Grinder for our bar";

/**
 * A seller finds the lead that waits, sees by when to answer, and answers; then it waits no
 * more. Needs that lead, of the seller, and nobody else's.
 */
registry.category("web_tour.tours").add("crm_plus_response", {
    url: "/odoo/waiting-for-response",
    steps: () => [
        {
            content: "The lead waits, and says how long",
            trigger: `.o_data_row:contains("${LEAD}") .o_crm_plus_sla_remaining:contains("left")`,
        },
        {
            content: "Open it",
            trigger: `.o_data_row:contains("${LEAD}") td[name=name]`,
            run: "click",
        },
        {
            content: "The promise is on the form",
            trigger: ".o_crm_plus_sla:contains('First Response') .badge:contains('Running')",
        },
        {
            content: "Write to the customer",
            trigger: ".o-mail-Chatter-sendMessage",
            run: "click",
        },
        {
            content: "Say something",
            trigger: ".o-mail-Composer-input",
            run: "edit We will send you an offer today.",
        },
        {
            content: "Send it",
            trigger: ".o-mail-Composer-send:enabled",
            run: "click",
        },
        {
            content: "It is sent",
            trigger: ".o-mail-Message:contains('We will send you an offer today.')",
        },
        {
            content: "Back to the list",
            trigger: ".breadcrumb-item:contains('Waiting for First Response') a, .o_back_button a",
            run: "click",
        },
        {
            content: "Nobody waits",
            trigger: ".o_nocontent_help:contains('Everybody has been answered')",
        },
    ],
});

/** A manager reads the speed to lead and opens what a figure is made of. */
registry.category("web_tour.tours").add("crm_plus_speed_to_lead", {
    url: "/odoo/speed-to-lead",
    steps: () => [
        {
            content: "One lead was answered in time",
            trigger: ".o_crm_plus_response_overview button[name=median]:contains('n = 1')",
        },
        {
            content: "One was not answered",
            trigger: "button[name=unanswered]:contains('1'):contains('of 2')",
        },
        {
            content: "By salesperson",
            trigger: "select[name=group_by]",
            run: "select user_id",
        },
        {
            content: "Open the leads of the seller",
            trigger: "table[name=groups] tr:contains('Tour Seller')",
            run: "click",
        },
        {
            content: "There they are",
            trigger: `.o_list_view .o_data_row:contains("${LEAD}")`,
        },
    ],
});
