import { registry } from "@web/core/registry";

/**
 * An accountant who cannot read deals links an invoice to the one that is suggested. Needs an
 * invoice of "Brandt Kaffee GmbH" and a won deal "Café at the harbour" about its product.
 */
registry.category("web_tour.tours").add("crm_plus_invoice_link", {
    steps: () => [
        {
            content: "The deal is suggested, with the reason",
            trigger:
                ".o_data_row:contains('Brandt Kaffee'):contains('Café at the harbour'):contains('1 of 1 products')",
        },
        {
            content: "Link it",
            trigger: ".o_data_row:contains('Brandt Kaffee') button[name=action_link_suggestion]",
            run: "click",
        },
        {
            content: "The invoice has left the list",
            trigger: ".o_list_view:not(:has(.o_data_row:contains('Brandt Kaffee')))",
        },
    ],
});
