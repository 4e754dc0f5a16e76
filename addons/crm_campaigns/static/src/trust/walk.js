import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { ControlPanel } from "@web/search/control_panel/control_panel";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onMounted, onWillStart, useState } from "@odoo/owl";

const CAMPAIGN = "crm.campaign";

/**
 * One record goes through a campaign, step by step, by a pretended clock. The server says
 * what would be done, and does nothing.
 */
export class CampaignWalk extends Component {
    static template = "crm_campaigns.CampaignWalk";
    static components = { ControlPanel, RecordSelector };
    static props = { ...standardActionServiceProps };
    // of /odoo/campaign-test/5
    static path = "campaign-test";
    static displayName = _t("Test");

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.keepLast = new KeepLast();
        this.state = useState({
            campaignId: this.props.resId || this.props.action.params?.campaign_id || false,
            recordId: false,
            choices: {},
            // steps that are shown
            shown: 1,
            // as it was left, when one comes back by the breadcrumbs
            ...this.props.state,
            campaign: null,
            walk: null,
        });
        useSetupAction({
            getLocalState: () => ({
                campaignId: this.state.campaignId,
                recordId: this.state.recordId,
                choices: { ...this.state.choices },
                shown: this.state.shown,
            }),
        });
        onWillStart(async () => {
            const { campaignId } = this.state;
            if (campaignId) {
                [this.state.campaign] = await this.orm.read(
                    CAMPAIGN,
                    [campaignId],
                    ["display_name", "model_name"],
                );
                await this.load();
            }
        });
        onMounted(() => {
            const { campaign, campaignId } = this.state;
            if (campaign) {
                this.env.config.setDisplayName(_t("Test: %s", campaign.display_name));
                this.props.updateActionState?.({ resId: campaignId });
            }
        });
    }

    async load() {
        const { campaignId, recordId, choices } = this.state;
        this.state.walk = recordId
            ? await this.keepLast.add(
                  this.orm.call(CAMPAIGN, "get_walk", [[campaignId], recordId, choices]),
              )
            : null;
    }

    choose(recordId) {
        Object.assign(this.state, { recordId, choices: {}, shown: 1 });
        return this.load();
    }

    restart() {
        return this.choose(this.state.recordId);
    }

    get steps() {
        return this.state.walk.steps.slice(0, this.state.shown);
    }

    get last() {
        return this.steps.at(-1);
    }

    get hasNext() {
        return this.state.walk.steps.length > this.state.shown;
    }

    next() {
        this.state.shown += 1;
    }

    /** What the person does; what was assumed after it counts no more. */
    async decide(step, option) {
        this.state.choices[step.id] = option.key;
        await this.load();
    }

    async sendMails() {
        const { campaignId, recordId } = this.state;
        const { count, email } = await this.orm.call(CAMPAIGN, "send_walk_mails", [
            [campaignId],
            recordId,
        ]);
        this.notification.add(
            _t("%(count)s mails are on their way to %(email)s", { count, email }),
            {
                type: "success",
            },
        );
    }
}

registry.category("actions").add("crm_campaigns.walk", CampaignWalk);
