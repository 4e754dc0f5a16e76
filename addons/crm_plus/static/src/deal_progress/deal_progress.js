import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component } from "@odoo/owl";

const LIGHTS = {
    green: { color: "text-success", title: _t("Done") },
    amber: { color: "text-warning", title: _t("On its way") },
    red: { color: "text-danger", title: _t("Late") },
    none: { color: "text-muted opacity-25", title: _t("Not yet") },
};

/** The steps from quotation to payment: a light, words, a date and, with rights, an amount. */
export class DealProgress extends Component {
    static template = "crm_plus.DealProgress";
    static props = { ...standardFieldProps };

    get steps() {
        return this.props.record.data[this.props.name] || [];
    }

    light(step) {
        return LIGHTS[step.light] || LIGHTS.none;
    }
}

export const dealProgress = {
    component: DealProgress,
    displayName: _t("Deal Progress"),
    supportedTypes: ["json"],
};

registry.category("fields").add("deal_progress", dealProgress);
