import { serializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { formatFloat } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillStart, useState } from "@odoo/owl";

const { DateTime } = luxon;

/** The funnel of the leads created in a period. All figures come from the server. */
export class Funnel extends Component {
    static template = "crm_plus.Funnel";
    static components = { ControlPanel };
    static props = { ...standardActionServiceProps };

    groups = [
        { key: "", label: _t("Nothing") },
        { key: "month", label: _t("Month") },
        { key: "source_id", label: _t("Source") },
        { key: "medium_id", label: _t("Medium") },
        { key: "campaign_id", label: _t("Campaign") },
        { key: "team_id", label: _t("Sales Team") },
        { key: "user_id", label: _t("Salesperson") },
    ];

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        const today = DateTime.local();
        this.state = useState({
            dateFrom: serializeDate(today.minus({ months: 11 }).startOf("month")),
            dateTo: serializeDate(today),
            groupBy: "month",
            data: null,
            // as it was left, when one comes back by the breadcrumbs
            ...this.props.state,
        });
        useSetupAction({
            getLocalState: () => {
                const { dateFrom, dateTo, groupBy } = this.state;
                return { dateFrom, dateTo, groupBy };
            },
        });
        onWillStart(() => this.load());
    }

    async load() {
        const { dateFrom, dateTo, groupBy } = this.state;
        if (dateFrom && dateTo) {
            this.state.data = await this.orm.call("crm.lifecycle.report", "get_funnel", [
                dateFrom,
                dateTo,
                groupBy || false,
            ]);
        }
    }

    set(name, value) {
        this.state[name] = value;
        return this.load();
    }

    percent(rate) {
        return rate === false ? "–" : `${formatFloat(rate, { digits: [16, 1] })} %`;
    }

    days(value) {
        return value === false ? "–" : formatFloat(value, { digits: [16, 1] });
    }

    /** Too few to mean anything. */
    isSmall(of) {
        return of !== false && of < this.state.data.small;
    }

    open(title, domain, model = "crm.lifecycle.report") {
        this.action.doAction({
            type: "ir.actions.act_window",
            name: title,
            res_model: model,
            views: [
                [false, "list"],
                [false, "pivot"],
            ],
            domain,
            // lost deals are archived
            context: { active_test: false },
        });
    }
}

registry.category("actions").add("crm_plus_funnel", Funnel);
