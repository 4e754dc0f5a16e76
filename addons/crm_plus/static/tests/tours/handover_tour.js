import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const LEAD = "Grinder for a bakery";

/** A seller finds a lead that waits for an answer, reads it, and refuses it. */
registry.category("web_tour.tours").add("crm_plus_handover", {
    url: "/odoo",
    steps: () => [
        ...stepUtils.goToAppSteps("crm.crm_menu_root", "Open CRM"),
        {
            content: "Open the menu of sales",
            trigger: "button[data-menu-xmlid='crm.crm_menu_sales']",
            run: "click",
        },
        {
            content: "See what waits for me",
            trigger: "a[data-menu-xmlid='crm_plus.crm_handover_menu_waiting']",
            run: "click",
        },
        {
            content: "Open the lead",
            trigger: `.o_data_row td[name=lead_id]:contains("${LEAD}")`,
            run: "click",
        },
        {
            content: "Read the note of marketing",
            trigger: "div[name=handover]:contains('Call before ten')",
        },
        {
            content: "The lead is marketing-qualified",
            trigger: ".o_crm_plus_lifecycle_step[data-code=mql][data-state=current]",
        },
        {
            content: "Refuse it",
            trigger: "button[name=action_handover_refuse]",
            run: "click",
        },
        {
            content: "Say why",
            trigger: ".modal div[name=reason_id] input",
            run: "edit Not now",
        },
        {
            content: "Choose the reason",
            trigger:
                ".modal .ui-autocomplete a:contains('Not now'), .ui-autocomplete a:contains('Not now')",
            run: "click",
        },
        {
            content: "Add a remark",
            trigger: ".modal div[name=reason_note] textarea",
            run: "edit They open in a year",
        },
        {
            content: "Send it back",
            trigger: ".modal button[name=action_refuse]",
            run: "click",
        },
        {
            content: "Nothing waits any more",
            trigger:
                ".o_list_view:not(:has(.modal)) .o_view_nocontent:contains('Nobody waits for your answer')",
        },
    ],
});
