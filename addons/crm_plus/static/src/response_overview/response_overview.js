import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { formatPercentage } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillStart, useState } from "@odoo/owl";

const { DateTime } = luxon;

/** Periods by name: half-open, first day and the day after the last. */
export const PERIODS = {
    week: [_t("Last 7 days"), (today) => [today.minus({ days: 6 }), today.plus({ days: 1 })]],
    month: [_t("Last 30 days"), (today) => [today.minus({ days: 29 }), today.plus({ days: 1 })]],
    quarter: [_t("Last 90 days"), (today) => [today.minus({ days: 89 }), today.plus({ days: 1 })]],
    this_month: [
        _t("This month"),
        (today) => [today.startOf("month"), today.startOf("month").plus({ months: 1 })],
    ],
    last_month: [
        _t("Last month"),
        (today) => [today.startOf("month").minus({ months: 1 }), today.startOf("month")],
    ],
    year: [_t("Last 365 days"), (today) => [today.minus({ days: 364 }), today.plus({ days: 1 })]],
};

export const GROUPS = {
    team_id: _t("Sales team"),
    user_id: _t("Salesperson"),
    source_id: _t("Source"),
    "create_date:week": _t("Week"),
};

/**
 * Speed to lead on one page: median, share within target, unanswered, and what became of the
 * leads by response time. All figures come from the server; a figure without data stays blank,
 * one from few leads is grey, each opens its leads.
 */
export class ResponseOverview extends Component {
    static template = "crm_plus.ResponseOverview";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.periods = PERIODS;
        this.groups = GROUPS;
        this.state = useState({ period: "month", groupBy: "team_id", teamId: 0, data: null });
        this.teams = [];
        onWillStart(async () => {
            [this.teams] = await Promise.all([
                this.orm.searchRead("crm.team", [], ["name"]),
                this.load(),
            ]);
        });
    }

    async load() {
        const { groupBy, period, teamId } = this.state;
        const [start, stop] = PERIODS[period][1](DateTime.now().startOf("day"));
        this.state.data = await this.orm.call("crm.response.report", "get_overview", [], {
            date_from: start.toISODate(),
            date_to: stop.toISODate(),
            group_by: groupBy,
            team_id: teamId || null,
        });
    }

    onChange(name, value) {
        this.state[name] = name === "teamId" ? Number(value) : value;
        return this.load();
    }

    open(figures, extra = []) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: figures.label || _t("Speed to Lead"),
            res_model: "crm.response.report",
            views: [
                [false, "list"],
                [false, "pivot"],
                [false, "graph"],
            ],
            domain: [...figures.domain, ...extra],
        });
    }

    /** Earlier leads get their first response from the timeline, some thousands at a time. */
    async measureHistory() {
        let total = 0;
        for (let done = -1; done; total += done) {
            done = await this.orm.call("crm.response.report", "measure_history", []);
        }
        this.notification.add(_t("%s leads were measured by their timeline.", total), {
            type: "info",
        });
        await this.load();
    }

    openAnalysis() {
        return this.action.doAction("crm_plus.crm_response_report_action");
    }

    isFew(count) {
        return count < this.state.data.few;
    }

    /** "2 h 11 min"; blank without data. */
    formatHours(hours) {
        if (hours === null) {
            return "";
        }
        const minutes = Math.round(hours * 60);
        const values = { hours: Math.floor(minutes / 60), minutes: minutes % 60 };
        return values.hours
            ? _t("%(hours)s h %(minutes)s min", values)
            : _t("%s min", values.minutes);
    }

    formatShare(share) {
        return share === null ? "" : formatPercentage(share, { digits: [16, 0] });
    }
}

registry.category("actions").add("crm_plus.response_overview", ResponseOverview);
