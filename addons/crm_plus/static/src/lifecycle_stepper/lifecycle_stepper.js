import { deserializeDateTime, formatDate, formatDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component } from "@odoo/owl";

/** The way of a lead or customer: each step with the day it was reached. */
export class LifecycleStepper extends Component {
    static template = "crm_plus.LifecycleStepper";
    static props = { ...standardFieldProps };

    classes = {
        ahead: "text-muted",
        current: "text-bg-primary border-primary",
        done: "bg-success-subtle border-success-subtle",
        passed: "text-muted text-decoration-line-through",
    };

    get steps() {
        return (this.props.record.data[this.props.name] || []).map((step) => {
            const date = step.date && deserializeDateTime(step.date);
            return {
                ...step,
                day: date ? formatDate(date) : "",
                title: [step.description, date && formatDateTime(date)].filter(Boolean).join("\n"),
            };
        });
    }
}

export const lifecycleStepper = {
    component: LifecycleStepper,
    supportedTypes: ["json"],
};

registry.category("fields").add("lifecycle_stepper", lifecycleStepper);
