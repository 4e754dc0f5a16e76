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
            content: "See the cohorts",
            trigger: ".o_crm_plus_funnel button[name=cohorts]",
            run: "click",
        },
        {
            content: "Of all three leads, in the month they were created",
            trigger: ".o_crm_plus_cohorts td:contains('3')",
        },
        {
            content: "How many were sales-qualified",
            trigger: ".o_crm_plus_funnel select[name=step]",
            run: "selectByLabel SQL",
        },
        {
            content: "One of three, but that is few: it is grey",
            trigger: ".o_crm_plus_cohorts tr.text-muted td:contains('33.3')",
        },
        {
            content: "Back to the figures",
            trigger: ".o_crm_plus_funnel button[name=funnel]",
            run: "click",
        },
        {
            content: "Narrow them down to the seller",
            trigger: ".o_crm_plus_funnel select[name=user_id]",
            run: "selectByLabel seller",
        },
        {
            content: "It is told that they are",
            trigger: ".o_crm_plus_funnel select[name=user_id].border-primary",
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

/** A seller reads where deals leave the pipeline and opens those that were lost. */
registry.category("web_tour.tours").add("crm_plus_stage_leakage", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps("crm.crm_menu_root", "Open CRM"),
        {
            content: "Open the reports",
            trigger: "button[data-menu-xmlid='crm.crm_menu_report']",
            run: "click",
        },
        {
            content: "Open the leakage of stages",
            trigger: "a[data-menu-xmlid='crm_plus.crm_stage_leakage_report_menu']",
            run: "click",
        },
        {
            content: "Two of six were lost",
            trigger: ".o_crm_plus_leakage tr[data-stage=Leaky]:contains('33.3'):contains('2 / 6')",
        },
        {
            content: "Narrow it down to the seller",
            trigger: ".o_crm_plus_stage_leakage select[name=user_id]",
            run: "selectByLabel seller",
        },
        {
            content: "Open those that were lost",
            trigger: ".o_crm_plus_leakage tr[data-stage=Leaky] a[name=lost]",
            run: "click",
        },
        {
            content: "They are archived, and shown",
            trigger: ".o_list_view .o_data_row:contains('Roaster 1')",
        },
    ],
});
