import { registry } from "@web/core/registry";

const panel = (key) => `.o_crm_plus_panel[data-panel=${key}]`;

/** A seller opens a customer: words and lights, no amounts of the ledger. */
registry.category("web_tour.tours").add("crm_plus_page_seller", {
    steps: () => [
        {
            content: "Overdue in words",
            trigger:
                ".o_crm_plus_customer_lights .o_crm_plus_light[data-key=payment][data-light=red]:contains('overdue for 40 days')",
        },
        {
            content: "No figures of money",
            trigger:
                ".o_crm_plus_customer_figures:not(:has([data-key=revenue_12], [data-key=receivable]))",
        },
        {
            content: "The late delivery",
            trigger: `${panel("deliveries")}:contains('Late by 3 days')`,
        },
        {
            content: "How invoices stand, without amounts",
            trigger: `${panel("invoices")}:contains('Overdue for 40 days'):not(:contains('2,700'))`,
        },
        {
            content: "No expected receipts",
            trigger: `.o_crm_plus_customer_panels:not(:has(${panel("receipts")}))`,
        },
        {
            content: "Sales only, on the timeline",
            trigger: ".o_crm_plus_customer_timeline button[name=sales]",
            run: "click",
        },
        {
            content: "The order is there, mail and deals are not",
            trigger:
                ".o_crm_plus_customer_timeline:has([data-channel=sales]):not(:has([data-channel=crm]))",
        },
        {
            content: "With the subsidiary",
            trigger: "button[name=rolled_up]",
            run: "click",
        },
        {
            content: "Its order is beside ours",
            trigger: `${panel("orders")}:contains('Brandt Wien')`,
        },
        {
            content: "Open the deal",
            trigger: `${panel("deals")} .o_crm_plus_panel_row a:contains('Roastery in the north')`,
            run: "click",
        },
        {
            content: "The deal shows the same customer",
            trigger:
                ".o_form_view .o_crm_plus_customer_header [data-key=payment]:contains('overdue for 40 days')",
        },
        {
            content: "And leads back",
            trigger: ".o_crm_plus_customer_header .o_crm_plus_customer_open",
            run: "click",
        },
        {
            content: "See all orders",
            trigger: `${panel("orders")} .o_crm_plus_panel_all`,
            run: "click",
        },
        {
            content: "Those of this customer",
            trigger: ".o_list_view .o_data_row:contains('Ida Brandt')",
        },
    ],
});

/** An accountant opens the same customer from the contact: amounts, and no deals. */
registry.category("web_tour.tours").add("crm_plus_page_accountant", {
    steps: () => [
        {
            content: "From the contact",
            trigger: ".o_form_view button[name=action_view_customer_page]",
            run: "click",
        },
        {
            content: "Net sales of twelve months, with a trend",
            trigger:
                ".o_crm_plus_customer_figure[data-key=revenue_12]:contains('3,600'):has(.o_crm_plus_sparkline)",
        },
        {
            content: "What is overdue",
            trigger: ".o_crm_plus_customer_figure[data-key=receivable]:contains('2,700')",
        },
        {
            content: "Expected receipts",
            trigger: `${panel("receipts")} .o_crm_plus_panel_row:contains('2,700')`,
        },
        {
            content: "No deals",
            trigger: `.o_crm_plus_customer_panels:not(:has(${panel("deals")}))`,
        },
        {
            content: "Open the overdue invoice",
            trigger: `${panel("invoices")} .o_crm_plus_panel_row:contains('Overdue for 40 days')`,
            run: "click",
        },
        {
            content: "The invoice",
            trigger:
                ".o_form_view:has(button[name=action_register_payment], .o_field_widget[name=invoice_date_due])",
        },
    ],
});
