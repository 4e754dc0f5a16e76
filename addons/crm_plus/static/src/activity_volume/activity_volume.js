import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { formatFloat } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillStart, useState } from "@odoo/owl";

import { PERIODS } from "../response_overview/response_overview";

const { DateTime } = luxon;

/** Done activities per person and working day, messages and customers touched. */
export class ActivityVolume extends Component {
    static template = "crm_plus.ActivityVolume";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.periods = PERIODS;
        this.state = useState({ period: "month", teamId: 0, data: null });
        this.teams = [];
        onWillStart(async () => {
            [this.teams] = await Promise.all([
                this.orm.searchRead("crm.team", [], ["name"]),
                this.load(),
            ]);
        });
    }

    async load() {
        const { period, teamId } = this.state;
        const [start, stop] = PERIODS[period][1](DateTime.now().startOf("day"));
        this.state.data = await this.orm.call("crm.activity.volume", "get_overview", [], {
            date_from: start.toISODate(),
            date_to: stop.toISODate(),
            team_id: teamId || null,
        });
    }

    onChange(name, value) {
        this.state[name] = name === "teamId" ? Number(value) : value;
        return this.load();
    }

    open(person) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: _t("Activities of %s", person.label),
            res_model: "crm.activity.volume",
            views: [
                [false, "list"],
                [false, "pivot"],
                [false, "graph"],
            ],
            domain: person.domain,
        });
    }

    openAnalysis() {
        return this.action.doAction("crm_plus.crm_activity_volume_action");
    }

    formatRate(rate) {
        return rate === null ? "" : formatFloat(rate, { digits: [16, 1] });
    }
}

registry.category("actions").add("crm_plus.activity_volume", ActivityVolume);
