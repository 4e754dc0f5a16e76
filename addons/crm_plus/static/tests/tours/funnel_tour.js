import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

/** A seller reads the funnel of the own leads and opens those behind a figure. */
registry.category("web_tour.tours").add("crm_plus_funnel", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps("crm.crm_menu_root", "Open CRM"),
        {
            content: "Open the reports",
            trigger: "button[data-menu-xmlid='crm.crm_menu_report']",
            run: "click",
        },
        {
            content: "Open the funnel",
            trigger: "a[data-menu-xmlid='crm_plus.crm_lifecycle_funnel_menu']",
            run: "click",
        },
        {
            content: "One of the leads is a prospect",
            trigger: ".o_crm_plus_funnel_kpi[data-code=K03]:contains('of')",
        },
        {
            content: "Compare sellers",
            trigger: ".o_crm_plus_funnel select[name=group_by]",
            run: "select user_id",
        },
        {
            content: "See the seller",
            trigger: ".o_crm_plus_funnel_groups th:contains('seller')",
        },
        {
            content: "Open who is sales-qualified",
            trigger: ".o_crm_plus_funnel_steps tr[data-code=sql] a",
            run: "click",
        },
        {
            content: "It is the lead that was qualified",
            trigger: ".o_list_view .o_data_row:contains('Roaster 0')",
        },
    ],
});
