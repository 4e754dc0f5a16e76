import { stepUtils } from "@web_tour/tour_utils";

/** Steps of tours that make a journey. */

export const inDialog = (selector) => `.modal ${selector}`;
/** Of the form of a step, beside the drawing. */
export const inPanel = (selector) => `.o_crm_campaign_panel ${selector}`;
const inNew = (selector) => `.o_crm_campaign_panel.o_new ${selector}`;
export const closed = "body:not(:has(.modal))";
export const node = (name) =>
    `${closed} .o_crm_campaign_node:has(.o_crm_campaign_name:contains("${name}"))`;
export const plus = (title) => `${closed} .o_crm_campaign_plus[title="${title}"]`;

/**
 * A new campaign for the segment "Tour segment", not saved yet.
 *
 * @param {string} name
 */
export function newCampaignSteps(name) {
    return [
        ...stepUtils.goToAppSteps("crm_campaigns.crm_campaigns_menu_root", "Open Campaigns"),
        {
            content: "New campaign",
            trigger: ".o-kanban-button-new",
            run: "click",
        },
        {
            content: "Name it",
            trigger: ".o_field_widget[name=name] input",
            run: `edit ${name}`,
        },
        {
            content: "Look for the segment",
            trigger: ".o_field_widget[name=segment_id] input",
            run: "edit Tour",
        },
        {
            content: "Choose it",
            trigger: ".ui-autocomplete a:contains('Tour segment')",
            run: "click",
        },
    ];
}

/**
 * Add a step, and see it in the drawing.
 *
 * @param {string} place what is clicked: a +
 * @param {string} kind
 * @param {string} name
 * @param {string} [subject] of a mail
 * @param {string} [text] of a mail; empty: none is written
 */
export function addSteps(place, kind, name, subject, text = "We have a cup for you") {
    const steps = [
        { content: `A step: ${name}`, trigger: place, run: "click" },
        {
            content: `Of the kind ${kind}`,
            trigger: `.o_crm_campaign_picker [data-kind=${kind}]`,
            run: "click",
        },
        {
            content: "Name it",
            trigger: inNew("[name=name] input"),
            run: `edit ${name}`,
        },
    ];
    if (subject) {
        steps.push({
            content: "Its subject",
            trigger: inNew("[name=subject] input"),
            run: `edit ${subject}`,
        });
    }
    if (subject && text) {
        steps.push({
            content: "Its text",
            trigger: inNew("[name=body] .odoo-editor-editable"),
            run: `editor ${text}`,
        });
    }
    return [
        ...steps,
        {
            content: "Save it",
            trigger: inNew(".o_form_button_save"),
            run: "click",
        },
        { content: `${name} is drawn`, trigger: node(name) },
    ];
}
