import { registry } from "@web/core/registry";

/**
 * A marketer looks for customers who bought tea, sees who matches, lets them join, and
 * asks why one is in and another is not. Needs the product Tea, its buyer Roastery and
 * Bakery, which bought nothing.
 */
registry.category("web_tour.tours").add("crm_plus_segment_builder", {
    url: "/odoo/segments",
    steps: () => [
        {
            content: "Begin a segment",
            trigger: ".o_list_button_add",
            run: "click",
        },
        {
            content: "Name it",
            trigger: ".o_form_view div[name=name] input",
            run: "edit Tea drinkers",
        },
        {
            content: "Of contacts: open the choice",
            trigger: "div[name=target] input, div[name=target] select",
            run: "click",
        },
        {
            content: "Of contacts",
            trigger: ".o_select_menu_item:contains('Contacts'):not(:contains('Mailing'))",
            run: "click",
        },
        {
            content: "Ask for something they did",
            trigger: "div[name=fact_ids] .o_field_x2many_list_row_add a",
            run: "click",
        },
        {
            content: "They bought tea",
            trigger: ".modal div[name=product_ids] input",
            run: "edit Tour Tea",
        },
        {
            content: "Choose the tea",
            trigger: ".modal .o-autocomplete--dropdown-item:contains('Tour Tea')",
            run: "click",
        },
        {
            content: "In the last year",
            trigger: ".modal div[name=days] div[name=days] input",
            run: "edit 90 && press Tab",
        },
        {
            content: "Read it in words",
            trigger: ".modal div[name=summary]:contains('bought Tour Tea in the last 90 days')",
        },
        {
            content: "Keep the fact",
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            content: "One matches, and who",
            trigger:
                "body:not(:has(.modal)) div[name=preview]:contains('1 match'):contains('Tour Roastery')",
        },
        {
            content: "Save",
            trigger: ".o_form_button_save:visible",
            run: "click",
        },
        {
            content: "Let them join",
            trigger: "button[name=action_refresh]:visible",
            run: "click",
        },
        {
            content: "There is a member",
            trigger: "button[name=action_view_members]:contains('1')",
        },
        {
            content: "Ask why",
            trigger: "button[name=action_why]:visible",
            run: "click",
        },
        {
            content: "Of the roastery",
            trigger: ".modal div[name=partner_id] input",
            run: "edit Tour Roastery",
        },
        {
            content: "Choose it",
            trigger: ".modal .o-autocomplete--dropdown-item:contains('Tour Roastery')",
            run: "click",
        },
        {
            content: "It is in, and that is why",
            trigger:
                ".modal div[name=why]:contains('A member since') li:has(.fa-check):contains('bought Tour Tea'):contains('last on')",
        },
        {
            content: "And the bakery?",
            trigger: ".modal div[name=partner_id] input",
            run: "edit Tour Bakery",
        },
        {
            content: "Choose that",
            trigger: ".modal .o-autocomplete--dropdown-item:contains('Tour Bakery')",
            run: "click",
        },
        {
            content: "It is not, and that is why",
            trigger:
                ".modal div[name=why]:contains('never was') li:has(.fa-times):contains('bought Tour Tea'):contains('never')",
        },
        {
            content: "Close",
            trigger: ".modal .modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "See the members",
            trigger: "body:not(:has(.modal)) button[name=action_view_members]",
            run: "click",
        },
        {
            content: "The roastery is one",
            trigger: ".o_list_view .o_data_row:contains('Tour Roastery')",
        },
    ],
});
