import { serializeDate } from "@web/core/l10n/dates";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { formatFloat } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillStart, useState } from "@odoo/owl";

const { DateTime } = luxon;

/**
 * A page of figures of a period, narrowed down by team, seller, source, campaign and
 * company; each figure opens its records. Pages say which `model` tells the figures (a
 * `crm.period.report`), read them in `fetch` and draw them in their template, around
 * `crm_plus.PeriodReport.Controls`.
 */
export class PeriodReport extends Component {
    static template = "crm_plus.PeriodReport.Controls";
    static components = { ControlPanel };
    static props = { ...standardActionServiceProps };

    model = "";
    periodLabel = "";

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        const today = DateTime.local();
        this.state = useState({
            dateFrom: serializeDate(today.minus({ months: 11 }).startOf("month")),
            dateTo: serializeDate(today),
            filters: {},
            data: null,
            ...this.getInitialState(),
            // as it was left, when one comes back by the breadcrumbs
            ...this.props.state,
        });
        this.choices = [];
        useSetupAction({
            getLocalState: () => ({
                ...this.state,
                data: null,
                filters: { ...this.state.filters },
            }),
        });
        onWillStart(async () => {
            [this.choices] = await Promise.all([
                this.orm.call(this.model, "get_filters", []),
                this.load(),
            ]);
        });
    }

    getInitialState() {
        return {};
    }

    /** Read the figures of what is chosen. */
    fetch(dateFrom, dateTo, filters) {
        return null;
    }

    async load() {
        const { dateFrom, dateTo, filters } = this.state;
        if (dateFrom && dateTo) {
            this.state.data = await this.fetch(dateFrom, dateTo, { ...filters });
        }
    }

    set(name, value) {
        this.state[name] = value;
        return this.load();
    }

    setFilter(name, value) {
        this.state.filters[name] = Number(value) || false;
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

    open(title, domain, model = this.model) {
        this.action.doAction({
            type: "ir.actions.act_window",
            name: title,
            res_model: model,
            views: [
                [false, "list"],
                [false, model === "crm.lead" ? "form" : "pivot"],
            ],
            domain,
            // lost deals are archived
            context: { active_test: false },
        });
    }
}
