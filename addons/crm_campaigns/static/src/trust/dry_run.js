import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { formatInteger } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onMounted, onWillStart, useState } from "@odoo/owl";
import { PeopleFigure } from "./people_figure";

const CAMPAIGN = "crm.campaign";

/**
 * What would become of the whole audience of a campaign, if it was started now. All figures
 * come from the server, which writes nothing.
 */
export class DryRun extends Component {
    static template = "crm_campaigns.DryRun";
    static components = { ControlPanel, PeopleFigure };
    static props = { ...standardActionServiceProps };
    // of /odoo/campaign-dry-run/5
    static path = "campaign-dry-run";
    static displayName = _t("Dry Run");

    assumptions = [
        { key: "", label: _t("Nobody knows: all ways") },
        { key: "yes", label: _t("Everybody clicks, answers, orders …") },
        { key: "no", label: _t("Nobody does anything") },
    ];

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.keepLast = new KeepLast();
        this.state = useState({
            campaignId: this.props.resId || this.props.action.params?.campaign_id || false,
            assumed: "",
            // as it was left, when one comes back by the breadcrumbs
            ...this.props.state,
            isBusy: false,
            data: null,
        });
        useSetupAction({
            getLocalState: () => ({
                campaignId: this.state.campaignId,
                assumed: this.state.assumed,
            }),
        });
        onWillStart(() => this.load());
        onMounted(() => {
            if (this.state.data) {
                this.env.config.setDisplayName(_t("Dry Run: %s", this.state.data.name));
                this.props.updateActionState?.({ resId: this.state.campaignId });
            }
        });
    }

    async load() {
        const { campaignId, assumed } = this.state;
        if (!campaignId) {
            return;
        }
        this.state.isBusy = true;
        try {
            this.state.data = await this.keepLast.add(
                this.orm.call(CAMPAIGN, "get_dry_run", [[campaignId], assumed]),
            );
        } finally {
            this.state.isBusy = false;
        }
    }

    assume(ev) {
        this.state.assumed = ev.target.value;
        return this.load();
    }

    number(value) {
        return formatInteger(value);
    }

    /** "At most" where it depends on what people do. */
    figure(count, isSure) {
        return isSure || !count ? this.number(count) : _t("≤ %s", this.number(count));
    }

    async openPeople(group, title) {
        const { campaignId, assumed } = this.state;
        this.action.doAction(
            await this.orm.call(CAMPAIGN, "get_dry_run_people", [
                [campaignId],
                group.key,
                title || group.text,
                assumed,
            ]),
        );
    }

    openCampaign() {
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: CAMPAIGN,
            res_id: this.state.campaignId,
            views: [[false, "form"]],
        });
    }

    get mostOfDay() {
        return Math.max(1, ...this.state.data.days.map((day) => day.at_most));
    }

    get period() {
        const { steps } = this.state.data;
        if (!steps.some(({ arrive }) => arrive.count)) {
            return "";
        }
        return _t("The last one is through by %(end)s, after %(days)s days.", {
            end: this.state.data.end,
            days: this.state.data.days_long,
        });
    }

    reasonsOf(step) {
        const kinds = [
            ["skipped", _t("Skipped"), "text-warning"],
            ["held", _t("Waits, nobody knows how long"), "text-danger"],
            ["delayed", _t("Later"), "text-muted"],
        ];
        return kinds.flatMap(([name, label, colour]) =>
            step[name].map((group) => ({ ...group, label, colour })),
        );
    }
}

registry.category("actions").add("crm_campaigns.dry_run", DryRun);
