import { _t } from "@web/core/l10n/translation";
import { Component } from "@odoo/owl";

const LIGHTS = {
    green: { color: "text-success", title: _t("Fine") },
    amber: { color: "text-warning", title: _t("Careful") },
    red: { color: "text-danger", title: _t("Trouble") },
    none: { color: "text-muted opacity-25", title: _t("Not known") },
};

/** Lights of a customer with their words, the label and the grade: no amounts. */
export class CustomerLights extends Component {
    static template = "crm_plus.CustomerLights";
    static props = { header: Object };

    light(item) {
        return LIGHTS[item.light] || LIGHTS.none;
    }
}
