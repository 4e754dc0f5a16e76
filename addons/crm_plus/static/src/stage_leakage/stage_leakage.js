import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatMonetary } from "@web/views/fields/formatters";
import { PeriodReport } from "../period_report/period_report";

/** Where deals leave the pipeline, stage by stage. All figures come from the server. */
export class StageLeakage extends PeriodReport {
    static template = "crm_plus.StageLeakage";

    model = "crm.stage.leakage.report";
    periodLabel = _t("Deals that entered a stage from");

    fetch(dateFrom, dateTo, filters) {
        return this.orm.call(this.model, "get_leakage", [dateFrom, dateTo, filters]);
    }

    money(value) {
        return formatMonetary(value, {
            currencyId: this.state.data.currency_id,
            digits: [16, 0],
        });
    }

    openAnalysis() {
        return this.action.doAction("crm_plus.crm_stage_leakage_report_action");
    }
}

registry.category("actions").add("crm_plus_stage_leakage", StageLeakage);
