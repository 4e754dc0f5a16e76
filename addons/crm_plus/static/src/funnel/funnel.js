import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { PeriodReport } from "../period_report/period_report";

/** The funnel of the leads created in a period. All figures come from the server. */
export class Funnel extends PeriodReport {
    static template = "crm_plus.Funnel";

    model = "crm.lifecycle.report";
    periodLabel = _t("Leads created from");
    groups = [
        { key: "", label: _t("Nothing") },
        { key: "month", label: _t("Month") },
        { key: "source_id", label: _t("Source") },
        { key: "medium_id", label: _t("Medium") },
        { key: "campaign_id", label: _t("Campaign") },
        { key: "team_id", label: _t("Sales Team") },
        { key: "user_id", label: _t("Salesperson") },
    ];
    tabs = [
        { key: "funnel", label: _t("Funnel") },
        { key: "cohorts", label: _t("Cohorts") },
    ];

    /** What became of the deals that entered a stage. */
    stageFigures = [
        { name: "entered", domain: "domain", title: (stage) => stage },
        {
            name: "further",
            domain: "further_domain",
            title: (stage) => _t("%s: moved on", stage),
        },
        { name: "left", domain: "left_domain", title: (stage) => _t("%s: left", stage) },
        {
            name: "there",
            domain: "there_domain",
            title: (stage) => _t("%s: still there", stage),
        },
    ];

    soFar = _t("So far: the month is not over");

    getInitialState() {
        return { groupBy: "month", tab: "funnel", step: "opportunity", cohorts: null };
    }

    async fetch(dateFrom, dateTo, filters) {
        const { groupBy, step, tab } = this.state;
        const [data, cohorts] = await Promise.all([
            this.orm.call(this.model, "get_funnel", [dateFrom, dateTo, groupBy || false, filters]),
            tab === "cohorts"
                ? this.orm.call(this.model, "get_cohorts", [dateFrom, dateTo, step, filters])
                : null,
        ]);
        this.state.cohorts = cohorts;
        return data;
    }

    get cohortAges() {
        return Array.from(Array(this.state.cohorts.months).keys());
    }

    /** The fuller, the darker; grey where too few say anything. */
    cohortStyle(cohort, cell) {
        if (!cell || this.isSmall(cohort.leads)) {
            return "";
        }
        return `background-color: rgba(var(--primary-rgb), ${(cell.rate / 100) * 0.7})`;
    }
}

registry.category("actions").add("crm_plus_funnel", Funnel);
