import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, useState } from "@odoo/owl";

/** The macros that an agent may apply to the case on the screen. */
export class CaseMacros extends Component {
    static template = "crm_helpdesk.CaseMacros";
    static components = { Dropdown, DropdownItem };
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ macros: null, isBusy: false });
    }

    async load() {
        this.state.macros = await this.orm.call("crm.case.macro", "get_available", []);
    }

    async apply(macro) {
        const { record } = this.props;
        if (this.state.isBusy || !(await record.save())) {
            return;
        }
        this.state.isBusy = true;
        try {
            const action = await this.orm.call("crm.case.macro", "action_apply", [
                [macro.id],
                [record.resId],
            ]);
            await this.follow(action);
        } finally {
            this.state.isBusy = false;
        }
    }

    async follow(action) {
        const reload = () =>
            this.action.doAction({ type: "ir.actions.client", tag: "soft_reload" });
        if (!action) {
            return reload();
        }
        if (action.target === "new") {
            return this.action.doAction(action, { onClose: reload });
        }
        const isCase = action.type === "ir.actions.act_window";
        return this.action.doAction(
            action,
            isCase ? { stackPosition: "replaceCurrentAction" } : {},
        );
    }

    configure() {
        return this.action.doAction("crm_helpdesk.crm_case_macro_action");
    }
}

export const caseMacros = { component: CaseMacros };

registry.category("view_widgets").add("case_macros", caseMacros);
