import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, onWillStart, onWillUpdateProps, useState } from "@odoo/owl";

/** What the customer bought and got: read when the page is opened, never written. */
export class CaseGoods extends Component {
    static template = "crm_helpdesk.CaseGoods";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ sections: [] });
        onWillStart(() => this.load(this.props.record));
        onWillUpdateProps((props) => this.load(props.record));
    }

    async load(record) {
        const key = `${record.resId}-${record.data.partner_id?.id}`;
        if (key === this.key) {
            return;
        }
        this.key = key;
        this.state.sections = record.resId
            ? await this.orm.call("crm.case", "get_goods", [[record.resId]])
            : [];
    }

    open(row) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: row.model,
            res_id: row.id,
            views: [[false, "form"]],
        });
    }

    openAll(section) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: section.label,
            res_model: section.model,
            domain: section.domain,
            views: [
                [false, "list"],
                [false, "form"],
            ],
        });
    }
}

export const caseGoods = { component: CaseGoods };

registry.category("view_widgets").add("case_goods", caseGoods);
