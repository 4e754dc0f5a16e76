import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";
import { addSteps, closed, inDialog, inPanel, node, plus } from "./drawing_steps";

/**
 * A marketer edits a running campaign, reads what publishing does, and moves those inside.
 * Needs the campaign "Versioned campaign" of First, Pause, Call, with three at Pause.
 */
registry.category("web_tour.tours").add("crm_campaigns_versions", {
    steps: () => [
        {
            content: "It runs, with three inside",
            trigger: ".o_arrow_button_current:contains('Running')",
        },
        { content: "Its steps are not changed here", trigger: node("Pause") },
        ...stepUtils.statusbarButtonsSteps("Edit", "Draw the next version"),
        {
            content: "In a draft",
            trigger: ".o_crm_campaign_draft .o_field_widget[name=version_id]:contains('Version 2')",
        },
        ...addSteps(plus("Add a step after “First”"), "wait", "Rest"),
        ...stepUtils.statusbarButtonsSteps("Publish", "See what it does"),
        {
            content: "What changes",
            trigger: inDialog(".o_crm_campaign_changes:contains('New: “Rest”, after “First”')"),
        },
        {
            content: "Who is inside finishes, unless one says otherwise",
            trigger: inDialog(
                ".o_crm_campaign_outcome:contains('3 people inside finish on their version')",
            ),
        },
        {
            content: "Move them",
            trigger: inDialog(".o_field_widget[name=inside] input[data-value=move]"),
            run: "click",
        },
        {
            content: "It says where they go on",
            trigger: inDialog(".o_crm_campaign_outcome:contains('3 at “Pause” wait on there')"),
        },
        {
            content: "Publish",
            trigger: inDialog("button[name=action_publish]"),
            run: "click",
        },
        {
            content: "The campaign runs, with the new step",
            trigger: `${closed} .o_arrow_button_current:contains('Running')`,
        },
        {
            content: "It is where one is now, not the draft, which is gone",
            trigger: ".o_breadcrumb:contains('Versioned campaign'):not(:contains('next version'))",
        },
        {
            content: "And nothing leads back there",
            trigger: ".o_breadcrumb:not(:has(.breadcrumb-item a, .o_back_button))",
        },
        { content: "It is drawn", trigger: node("Rest") },
        {
            content: "Its history",
            trigger: `${closed} .o_notebook a[name=versions]`,
            run: "click",
        },
        {
            content: "Tells what has changed",
            trigger:
                ".o_field_widget[name=version_ids] .o_data_row:contains('New: “Rest”'):contains('Current')",
        },
        {
            content: "And how it was before",
            trigger:
                ".o_field_widget[name=version_ids] .o_data_row:contains('Earlier') button[name=action_view_drawing]",
            run: "click",
        },
        {
            content: "An earlier version",
            trigger: ".o_last_breadcrumb_item:contains('Version 1')",
        },
        { content: "Is drawn", trigger: node("Pause") },
        {
            content: "As it was, and not to be changed",
            trigger:
                ".o_crm_campaign_canvas:not(:has(.o_crm_campaign_plus)):not(:contains('Rest')) .o_crm_campaign_hint:contains('An earlier version')",
        },
        { content: "A step of it", trigger: node("Pause"), run: "click" },
        {
            content: "Is looked at beside it",
            trigger: inPanel(".o_form_readonly [name=name]:contains('Pause')"),
        },
    ],
});
