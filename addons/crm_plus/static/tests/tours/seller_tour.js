import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const LEAD = "Espresso machine for our roastery";
const PRODUCT = "Espresso machine";

/**
 * A seller takes a lead from its score to a confirmed order. Needs the lead, assigned to
 * the seller, and the product.
 */
registry.category("web_tour.tours").add("crm_plus_seller", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps("crm.crm_menu_root", "Open CRM"),
        {
            content: "Open my leads",
            trigger:
                "button[data-menu-xmlid='crm.crm_menu_leads'], a[data-menu-xmlid='crm.crm_menu_leads']",
            run: "click",
        },
        {
            content: "See the grade on the list",
            trigger: `.o_data_row:contains("${LEAD}") td[name=score_grade]:contains("C3")`,
        },
        {
            content: "Open the lead",
            trigger: `.o_data_row td[name=name]:contains("${LEAD}")`,
            run: "click",
        },
        {
            content: "Ask why it has this score",
            trigger: ".o_notebook .nav-link[name=score]",
            run: "click",
        },
        {
            content: "It comes from a business",
            trigger: ".o_crm_plus_score_line:contains('Business e-mail address'):contains('10')",
        },
        {
            content: "And has written to us",
            trigger: ".o_crm_plus_score_line:contains('Writes to us'):contains('1')",
        },
        ...stepUtils.statusbarButtonsSteps("Convert to Opportunity", "Convert the lead"),
        {
            content: "As a new customer",
            trigger: ".modal .o_radio_input[data-value=create]",
            run: "click",
        },
        {
            content: "Create the opportunity",
            trigger: ".modal button[name=action_apply]",
            run: "click",
        },
        {
            content: "See the opportunity",
            trigger: "body:not(:has(.modal)) .o_form_view button[name=action_set_won_rainbowman]",
        },
        ...stepUtils.statusbarButtonsSteps("New Quotation", "Make a quotation"),
        {
            content: "Add a product",
            trigger: "a:contains('Add a product')",
            run: "click",
        },
        {
            content: "Name the product",
            trigger: ".o_selected_row div[name=product_template_id] input",
            run: `edit ${PRODUCT}`,
        },
        {
            content: "Choose the product",
            trigger: `ul.ui-autocomplete a:contains("${PRODUCT}")`,
            run: "click",
        },
        {
            content: "Wait for its price",
            trigger: ".o_data_row td[name=price_subtotal]:contains('2,400.00')",
        },
        ...stepUtils.saveForm(),
        ...stepUtils.statusbarButtonsSteps("Confirm", "Confirm the order"),
        {
            content: "See the order",
            trigger: ".o_arrow_button_current:contains('Sales Order')",
        },
        {
            content: "Back to the opportunity",
            trigger: `.breadcrumb-item:contains("${LEAD}") a, .o_back_button`,
            run: "click",
        },
        {
            content: "See what it brings",
            trigger: "button[name=action_view_sale_order] .o_stat_value:contains('2,400.00')",
        },
        {
            content: "Open the history of the deal",
            trigger: "button[name=action_view_touchpoints]",
            run: "click",
        },
        {
            content: "The order is its newest touchpoint",
            trigger: ".o_list_view .o_data_row:first:contains('Order confirmed')",
        },
    ],
});
