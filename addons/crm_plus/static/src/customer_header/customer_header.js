import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component } from "@odoo/owl";
import { CustomerLights } from "./customer_lights";

/** The customer of a document in one line, and the way to the customer page. */
export class CustomerHeader extends Component {
    static template = "crm_plus.CustomerHeader";
    static components = { CustomerLights };
    static props = { ...standardFieldProps };

    setup() {
        this.action = useService("action");
    }

    get header() {
        return this.props.record.data[this.props.name];
    }

    open() {
        return this.action.doAction("crm_plus.crm_customer_page_action", {
            props: { resId: this.header.id },
        });
    }
}

export const customerHeader = {
    component: CustomerHeader,
    displayName: _t("Customer Header"),
    supportedTypes: ["json"],
};

registry.category("fields").add("customer_header", customerHeader);
