import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";
import { addSteps, closed, inDialog, inPanel, newCampaignSteps, node, plus } from "./drawing_steps";

const blocked = ".o_crm_campaign_checks [data-severity=block]";
const dryStep = (name) => `.o_crm_campaign_dry_steps tr[data-step='${name}'] [name=arrive]`;
const walkStep = (name) => `.o_crm_campaign_walk [data-step='${name}']`;

function startSteps(people) {
    return [
        ...stepUtils.statusbarButtonsSteps("Start", "Start it"),
        {
            content: "So many would enter",
            trigger: inDialog(`[name=people_count]:contains('${people}')`),
        },
        {
            content: "Start now",
            trigger: inDialog("button[name=action_start]"),
            run: "click",
        },
        {
            content: "It runs",
            trigger: `${closed} .o_arrow_button_current:contains('Running')`,
        },
    ];
}

function stopSteps() {
    return [
        ...stepUtils.statusbarButtonsSteps("Stop", "Stop it"),
        {
            content: "Everybody keeps their place",
            trigger: inDialog(".modal-footer .btn-primary"),
            run: "click",
        },
        {
            content: "It has stopped",
            trigger: `${closed} .o_arrow_button_current:contains('Stopped')`,
        },
    ];
}

/**
 * A marketer draws a journey, mends what the checks find, looks at the dry run, goes through
 * it as one person would, and starts it. Needs the segment "Tour segment", of Ida Brandt.
 */
registry.category("web_tour.tours").add("crm_campaigns_story", {
    url: "/odoo",
    steps: () => [
        ...newCampaignSteps("Told campaign"),
        ...addSteps("button[name=add_first]", "mail", "Welcome mail", "Welcome"),
        ...addSteps(plus("Add a step after “Welcome mail”"), "wait_click", "Reads it?"),
        ...addSteps(plus("Add a step after “Reads it?”: clicked"), "activity", "Call them"),
        ...addSteps(
            plus("Add a step after “Reads it?”: no click in time"),
            "mail",
            "Reminder",
            "Still there?",
            "",
        ),
        {
            content: "The drawing says what is wrong",
            trigger: `${node("Reminder")} .o_crm_campaign_problem:contains('the mail is empty')`,
        },
        {
            content: "So do the checks: open the step there",
            trigger: `${closed} ${blocked} a:contains('Reminder')`,
            run: "click",
        },
        {
            content: "Write the mail",
            trigger: inDialog("[name=body] .odoo-editor-editable"),
            run: "editor Your cup is still warm",
        },
        {
            content: "Save the step",
            trigger: inDialog(".o_form_button_save"),
            run: "click",
        },
        {
            content: "Nothing keeps it from starting any more",
            trigger: `${closed}:not(:has(${blocked})) .o_crm_campaign_canvas`,
        },
        {
            content: "The drawing has no complaints either",
            trigger: `${node("Reminder")}:not(:has(.o_crm_campaign_problem))`,
        },
        ...stepUtils.statusbarButtonsSteps("Dry Run", "What would happen"),
        {
            content: "Who would enter",
            trigger: ".o_crm_campaign_audience [name=entering]:contains('1')",
        },
        {
            content: "Nobody knows who clicks: both ways are shown",
            trigger: `${dryStep("Call them")}:contains('≤ 1')`,
        },
        {
            content: "If nobody does",
            trigger: "select[name=assumed]",
            run: "select no",
        },
        {
            content: "Nobody is called",
            trigger: `${dryStep("Call them")}:contains('0')`,
        },
        {
            content: "Everybody is reminded",
            trigger: `${dryStep("Reminder")}:contains('1')`,
        },
        {
            content: "Back to the campaign",
            trigger: "button[name=open_campaign]",
            run: "click",
        },
        ...stepUtils.statusbarButtonsSteps("Test", "Step by step"),
        {
            content: "Look for somebody",
            trigger: ".o_crm_campaign_walk_record input",
            run: "edit Ida",
        },
        {
            content: "Choose her",
            trigger: ".o-autocomplete--dropdown-item:contains('Ida Brandt')",
            run: "click",
        },
        {
            content: "She would get the first mail",
            trigger: `${walkStep("Welcome mail")}:contains('ida@brandt.example')`,
        },
        {
            content: "What comes next",
            trigger: ".o_crm_campaign_walk button[name=next]",
            run: "click",
        },
        {
            content: "She does not click",
            trigger: ".o_crm_campaign_walk [data-way=no]",
            run: "click",
        },
        {
            content: "And then",
            trigger: ".o_crm_campaign_walk button[name=next]",
            run: "click",
        },
        {
            content: "She is reminded, and that is all",
            trigger: `.o_crm_campaign_walk:has([data-step=Reminder]) [name=end]`,
        },
        {
            content: "Back to the campaign",
            trigger: ".o_back_button a:contains('Told campaign')",
            run: "click",
        },
        ...startSteps(1),
        {
            content: "Ida waits for the first mail",
            trigger: `${node("Welcome mail")} .o_count_waiting:contains('1')`,
        },
    ],
});

/**
 * The scheduler has been there: the marketer watches, reads the story of one person, changes
 * a step and stops it all. Starts on the form of the campaign.
 */
registry.category("web_tour.tours").add("crm_campaigns_story_goes_on", {
    steps: () => [
        {
            content: "The mail is out",
            trigger: `${node("Welcome mail")} .o_count_done:contains('1')`,
        },
        {
            content: "It is waited for a click",
            trigger: `${node("Reads it?")} .o_count_waiting:contains('1')`,
        },
        {
            content: "See who is in",
            trigger: "button[name=action_view_participants]",
            run: "click",
        },
        {
            content: "Open her journey",
            trigger: ".o_data_row td[name=who]:contains('ida@')",
            run: "click",
        },
        {
            content: "Her story: why she entered, and what was done",
            trigger: ".o_crm_campaigns_journey:contains('Tour segment'):contains('Welcome mail')",
        },
        {
            content: "And what comes next",
            trigger: ".o_crm_campaigns_journey:contains('Reads it?')",
        },
        {
            content: "Back to the campaign",
            trigger: ".breadcrumb-item a:contains('Told campaign'):not(:contains(Participants))",
            run: "click",
        },
        ...stopSteps(),
        {
            content: "Open a step",
            trigger: node("Call them"),
            run: "click",
        },
        {
            content: "Say what to ask",
            trigger: inPanel("[name=activity_summary] input"),
            run: "edit Ask what they drink",
        },
        {
            content: "Save the step",
            trigger: inPanel(".o_form_button_save"),
            run: "click",
        },
        {
            content: "The drawing says so",
            trigger: `${node("Call them")}:contains('Ask what they drink')`,
        },
        ...startSteps(0),
        {
            content: "She is where she was",
            trigger: `${node("Reads it?")} .o_count_waiting:contains('1')`,
        },
        ...stopSteps(),
    ],
});
