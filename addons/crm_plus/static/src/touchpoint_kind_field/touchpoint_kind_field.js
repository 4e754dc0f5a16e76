import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { Many2OneField, buildM2OFieldDescription } from "@web/views/fields/many2one/many2one_field";
import { Component } from "@odoo/owl";

/** The kind of a touchpoint with its icon, which the record carries in its field ``icon``. */
export class TouchpointKindField extends Component {
    static template = "crm_plus.TouchpointKindField";
    static components = {};
    static props = { ...Many2OneField.props };

    get icon() {
        return this.props.record.data.icon || "fa-circle-o";
    }

    get label() {
        return this.props.record.data[this.props.name]?.display_name || "";
    }
}

export const touchpointKindField = {
    ...buildM2OFieldDescription(TouchpointKindField),
    displayName: _t("Touchpoint kind"),
    fieldDependencies: [{ name: "icon", type: "char" }],
};

registry.category("fields").add("touchpoint_kind", touchpointKindField);
