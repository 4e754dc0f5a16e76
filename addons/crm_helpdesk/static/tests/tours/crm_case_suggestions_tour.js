import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_suggestions", {
    steps: () => [
        {
            content: "Say what it is about",
            trigger: "input[name=name]",
            run: "edit My grinder stays silent, zebra",
        },
        {
            content: "An article is suggested",
            trigger: ".o_crm_case_suggestions a:contains(Grinder stays silent)",
        },
        {
            trigger: ".o_crm_case_suggestions mark",
        },
        {
            content: "It solved it",
            trigger:
                ".o_crm_case_suggestions div:has(> a:contains(Grinder stays silent)) > button[data-article]",
            run: "click",
        },
        {
            trigger: "[name=suggestion_solved]",
        },
    ],
});

registry.category("web_tour.tours").add("crm_helpdesk_answer_suggestion", {
    steps: () => [
        {
            content: "What is known about it",
            trigger: ".nav-link[name=suggestions]",
            run: "click",
        },
        {
            trigger:
                ".o_crm_suggested_article:contains(Grinder stays silent) button:contains(link)",
            run: "click",
        },
        {
            content: "The answer has the link",
            trigger: ".modal .o_field_html[name=body] a:contains(Grinder stays silent)",
        },
        {
            trigger: ".modal button[name=action_send_mail]",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
        {
            content: "It is sent",
            trigger: ".o-mail-Message a:contains(Grinder stays silent)",
        },
        {
            trigger: ".o_crm_suggested_article .badge:contains(Sent), .nav-link[name=suggestions]",
        },
    ],
});
