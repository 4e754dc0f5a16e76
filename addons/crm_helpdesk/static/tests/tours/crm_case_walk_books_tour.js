import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const openMenu = (section, menu) => [
    {
        content: "Open the menu",
        trigger: `.o_menu_sections [data-menu-xmlid='${section}']`,
        run: "click",
    },
    {
        content: "Choose",
        trigger: `.o-dropdown-item[data-menu-xmlid='crm_helpdesk.${menu}']`,
        run: "click",
    },
];
const confirm = {
    content: "Confirm",
    trigger: ".o_form_view button[name=action_confirm]",
    run: "click",
};
const back = {
    content: "Back",
    trigger: ".o_back_button a",
    run: "click",
};
const validate = {
    content: "The goods are moved",
    trigger: ".o_form_view button[name=button_validate]",
    run: "click",
};

/**
 * Whoever invoices, without any right in the helpdesk: finds what was requested, reads why,
 * confirms, posts the draft, and goes from the credit note to the request and back. Needs
 * one credit note requested for two machines of 100.
 */
registry.category("web_tour.tours").add("crm_helpdesk_walk_accountant", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps("account.menu_finance", "To accounting"),
        ...openMenu("account.menu_finance_receivables", "crm_case_claim_menu_account"),
        {
            content: "A credit note is asked for",
            trigger: ".o_data_row:contains(Credit Note) .o_data_cell:contains(Espresso machine)",
            run: "click",
        },
        {
            content: "For which case, and why",
            trigger:
                ".o_form_view:has(.o_field_widget[name=case_id]:contains(CASE-)) .o_field_widget[name=reason_id]:contains(Defective), .o_form_view:has(.o_field_widget[name=case_id]:contains(CASE-)) .o_field_widget[name=reason_id] input:value(Defective)",
        },
        {
            content: "What else there is to know",
            trigger: ".o_notebook .nav-link[name=note]",
            run: "click",
        },
        {
            content: "As the agent wrote",
            trigger: ".o_field_widget[name=note] textarea:value(Walk: agreed by phone)",
        },
        confirm,
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
            content: "It is posted",
            trigger: ".o_arrow_button_current:contains(Posted)",
        },
        {
            content: "To the request",
            trigger: ".o_field_widget[name=case_claim_id] a",
            run: "click",
        },
        {
            content: "It is done",
            trigger: ".o_form_view .o_arrow_button_current:contains(Done)",
        },
        {
            content: "It knows how much was credited: to the credit note again",
            trigger: ".o_form_view button[name=action_view_documents]:contains(200.00)",
            run: "click",
        },
        {
            content: "There it is",
            trigger:
                ".o_form_view:has(.o_arrow_button_current:contains(Posted)) .o_field_widget[name=case_claim_id]:contains(RMA)",
        },
    ],
});

/**
 * Whoever moves goods, without any right in the helpdesk: takes the return in, then sends
 * the replacement. Needs a return of one machine, and its replacement once it is back.
 */
registry.category("web_tour.tours").add("crm_helpdesk_walk_clerk", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps("stock.menu_stock_root", "To the warehouse"),
        ...openMenu("stock.menu_stock_warehouse_mgmt", "crm_case_claim_menu_stock"),
        {
            content: "A replacement waits, too",
            trigger: ".o_data_row:contains(Replacement):contains(Requested)",
        },
        {
            content: "First what comes back",
            trigger: ".o_data_row:contains(Return) .o_data_cell:contains(Espresso machine)",
            run: "click",
        },
        {
            content: "Terms are shown before deciding",
            trigger: ".o_form_view .alert:contains(Right to return until)",
        },
        confirm,
        {
            content: "Its transfer opens, and names the request",
            trigger: ".o_form_view .o_field_widget[name=case_claim_ids]:contains(Return)",
        },
        validate,
        {
            content: "It is here",
            trigger: ".o_arrow_button_current:contains(Done)",
        },
        back,
        {
            content: "The request is done",
            trigger:
                ".o_form_view:has(.o_field_widget[name=remedy], .o_field_widget[name=is_refund]) .o_arrow_button_current:contains(Done)",
        },
        back,
        {
            content: "Now what goes out",
            trigger:
                ".o_list_view:not(:has(.o_data_row:contains(Return))) .o_data_row:contains(Replacement) .o_data_cell:contains(Espresso machine)",
            run: "click",
        },
        {
            content: "It waits for nothing any more",
            trigger: ".o_form_view .o_field_widget[name=return_claim_id]",
        },
        confirm,
        {
            content: "Its delivery opens, and names the request",
            trigger: ".o_form_view .o_field_widget[name=case_claim_ids]:contains(Replacement)",
        },
        validate,
        {
            content: "It is on its way",
            trigger: ".o_arrow_button_current:contains(Done)",
        },
        back,
        {
            content: "All was sent",
            trigger: ".o_form_view .o_field_widget[name=progress]:contains(1 of 1 sent)",
        },
    ],
});
