import { registry } from "@web/core/registry";

/**
 * A person chooses, without login: the newsletter by e-mail no more, and not more often
 * than once a month. Starts on the own page.
 */
registry.category("web_tour.tours").add("crm_plus_preferences", {
    steps: () => [
        {
            content: "No newsletter",
            trigger: ".o_crm_plus_preferences input[aria-label='Newsletter email']:checked",
            run: "click",
        },
        {
            content: "Once a month is enough",
            trigger: ".o_crm_plus_preferences select[name=frequency]",
            run: "select month",
        },
        {
            content: "Save",
            trigger: ".o_crm_plus_preferences button.btn-primary",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "It is saved, and shown so",
            trigger: ".alert-success:contains('Saved')",
        },
        {
            content: "No newsletter any more",
            trigger: "input[aria-label='Newsletter email']:not(:checked)",
        },
        {
            content: "Nothing any more at all",
            trigger: ".o_crm_plus_preferences button[name=nothing]",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "Nothing is chosen",
            trigger: ".o_crm_plus_preferences:not(:has(input[type=checkbox]:checked))",
        },
    ],
});

/**
 * A manager lets a customer go whom somebody held. Needs a hold on "Tour customer".
 */
registry.category("web_tour.tours").add("crm_plus_release_hold", {
    url: "/odoo/contact-holds",
    steps: () => [
        {
            content: "See who is held, and why",
            trigger:
                ".o_data_row:contains('Tour customer') .o_data_cell[name=reason]:contains('Complaint')",
            run: "click",
        },
        {
            content: "Release",
            trigger: ".o_form_view button[name=action_release]",
            run: "click",
        },
        {
            content: "It is over",
            trigger: ".ribbon:contains('Over')",
        },
    ],
});
