import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("crm_helpdesk_after_sales_agent", {
    steps: () => [
        {
            content: "Request something for the goods of the case",
            trigger: ".o_form_view button[name=action_request_after_sales]",
            run: "click",
        },
        {
            content: "What was delivered is there, with what is left of it",
            trigger: ".modal .o_data_row:contains(Espresso machine)",
        },
        {
            content: "Say why",
            trigger: ".modal .o_field_widget[name=reason_id] input",
            run: "edit Defective",
        },
        {
            trigger: ".o-autocomplete--dropdown-item:contains(Defective)",
            run: "click",
        },
        {
            content: "A credit note for the goods, too",
            trigger: ".modal .o_field_widget[name=credit] label:contains(Credit these goods)",
            run: "click",
        },
        {
            content: "Two of the five",
            trigger: ".modal .o_data_row .o_data_cell[name=quantity]",
            run: "click",
        },
        {
            trigger: ".modal .o_data_row .o_field_widget[name=quantity] input",
            run: "edit 2",
        },
        {
            trigger: ".modal footer button[name=action_request]",
            run: "click",
        },
        {
            content: "The case has a page for it",
            trigger: "body:not(:has(.modal)) .o_notebook .nav-link[name=after_sales]",
            run: "click",
        },
        {
            content: "Who does not move goods does not confirm",
            trigger:
                ".o_field_widget[name=claim_ids] .o_data_row:contains(Return):contains(Requested):not(:has(button[name=action_confirm]))",
        },
        {
            trigger:
                ".o_field_widget[name=claim_ids] .o_data_row:contains(Credit Note):contains(Requested)",
        },
    ],
});

registry.category("web_tour.tours").add("crm_helpdesk_after_sales_clerk", {
    steps: () => [
        {
            content: "The return waits for the warehouse",
            trigger: ".o_data_row:contains(Return) .o_data_cell:contains(Espresso machine)",
            run: "click",
        },
        {
            content: "Terms are shown before deciding",
            trigger: ".o_form_view .alert:contains(Right to return until)",
        },
        {
            content: "Confirm",
            trigger: ".o_form_view button[name=action_confirm]",
            run: "click",
        },
        {
            content: "Its transfer opens, and names the request",
            trigger: ".o_form_view .o_field_widget[name=case_claim_ids]:contains(RMA)",
        },
        {
            content: "The goods are here",
            trigger: ".o_form_view button[name=button_validate]",
            run: "click",
        },
        {
            trigger: ".o_arrow_button_current:contains(Done)",
        },
    ],
});

registry.category("web_tour.tours").add("crm_helpdesk_after_sales_accountant", {
    steps: () => [
        {
            content: "The credit note waits for accounting",
            trigger: ".o_data_row:contains(Credit Note) .o_data_cell:contains(Espresso machine)",
            run: "click",
        },
        {
            content: "Confirm",
            trigger: ".o_form_view button[name=action_confirm]",
            run: "click",
        },
        {
            content: "Its draft opens, and names the request",
            trigger: ".o_form_view .o_field_widget[name=case_claim_id]:contains(RMA)",
        },
        {
            content: "Only what was requested is on it",
            trigger: ".o_field_widget[name=tax_totals]:contains(200.00)",
        },
        {
            content: "Post it",
            trigger: ".o_form_view button[name=action_post]",
            run: "click",
        },
        {
            trigger: ".o_arrow_button_current:contains(Posted)",
        },
    ],
});
