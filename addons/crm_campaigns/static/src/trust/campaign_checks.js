import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useBus, useOwnedDialogs, useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { FormViewDialog } from "@web/views/view_dialogs/form_view_dialog";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, useState } from "@odoo/owl";

const CAMPAIGN = "crm.campaign";
/** So many are shown before somebody asks for all. */
const FIRST = 3;

/**
 * What is wrong with a campaign, or may be: on its form, and before it starts. A click opens
 * the step that it is about.
 */
export class CampaignChecks extends Component {
    static template = "crm_campaigns.CampaignChecks";
    static props = { ...standardWidgetProps };

    severities = {
        block: { icon: "fa-times-circle text-danger", label: _t("Keeps it from starting") },
        warn: { icon: "fa-exclamation-triangle text-warning", label: _t("Look at it") },
        info: { icon: "fa-info-circle text-info", label: _t("Good to know") },
    };

    setup() {
        this.orm = useService("orm");
        this.addDialog = useOwnedDialogs();
        this.keepLast = new KeepLast();
        this.state = useState({ checks: [], isOpen: false });
        this.loaded = null;
        useBus(this.env.bus, "CRM_CAMPAIGNS:STEPS_CHANGED", () => this.load());
        useRecordObserver((record) => {
            // saved, changed steps or started: look again
            const of = this.identify(record);
            if (of !== this.loaded) {
                this.loaded = of;
                return this.load(record);
            }
        });
    }

    /** What of the form, once saved, may change the checks. */
    identify(record) {
        const values = Object.entries(record.data).map(([name, value]) => {
            if (name.endsWith("_count")) {
                return null;
            }
            return value?.currentIds || value?.id || String(value);
        });
        return JSON.stringify([record.resId, values]);
    }

    getCampaignId(record) {
        return record.resModel === CAMPAIGN ? record.resId : record.data.campaign_id?.id;
    }

    async load(record = this.props.record) {
        const id = this.getCampaignId(record);
        this.state.checks = id
            ? await this.keepLast.add(this.orm.call(CAMPAIGN, "get_checks", [[id]]))
            : [];
    }

    get shown() {
        const { checks, isOpen } = this.state;
        return isOpen ? checks : checks.slice(0, FIRST);
    }

    get moreText() {
        return _t("%s more", this.state.checks.length - FIRST);
    }

    get hasMore() {
        return !this.state.isOpen && this.state.checks.length > FIRST;
    }

    get alertClass() {
        const worst = this.state.checks[0]?.severity;
        return { block: "border-danger", warn: "border-warning", info: "border-info" }[worst];
    }

    openStep(check) {
        this.addDialog(FormViewDialog, {
            resModel: "crm.campaign.step",
            resId: check.step_id,
            title: check.step,
            canExpand: false,
            onRecordSaved: async () => {
                await this.props.record.load();
                this.env.bus.trigger("CRM_CAMPAIGNS:STEP_MENDED");
                await this.load();
            },
        });
    }
}

export const campaignChecks = { component: CampaignChecks };

registry.category("view_widgets").add("crm_campaign_checks", campaignChecks);
