import { _t } from "@web/core/l10n/translation";
import { deserializeDateTime } from "@web/core/l10n/dates";
import { Layout } from "@web/search/layout";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillDestroy, onWillStart, useState } from "@odoo/owl";

const { DateTime } = luxon;
const RELOAD = 60000;

/** What an agent sees first: own cases by due, the queue, what is late, today's figures. */
export class CaseHome extends Component {
    static template = "crm_helpdesk.CaseHome";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({ data: null });
        this.display = { controlPanel: {} };
        onWillStart(() => this.load());
        this.interval = setInterval(() => {
            if (!document.hidden) {
                this.load(true);
            }
        }, RELOAD);
        onWillDestroy(() => clearInterval(this.interval));
    }

    get sections() {
        return [
            {
                key: "mine",
                label: _t("Mine, by due"),
                empty: _t("Nothing waits for you. Take the next case of the queue."),
            },
            {
                key: "queue",
                label: _t("Queue of my teams"),
                empty: _t("Nobody waits for an assignee."),
                hasTake: true,
            },
            {
                key: "late",
                label: _t("Late in my teams"),
                empty: _t("Colleagues are in time."),
            },
            {
                key: "waiting",
                label: _t("Mine, waiting for others"),
                empty: _t("You wait for nobody."),
            },
        ].map((section) => ({ ...section, ...this.state.data.lists[section.key] }));
    }

    async load(isSilent = false) {
        const orm = isSilent ? this.orm.silent : this.orm;
        this.state.data = await orm.call("crm.case", "get_home", []);
    }

    left(row) {
        return row.due ? deserializeDateTime(row.due).toRelative({ base: DateTime.now() }) : "";
    }

    async takeNext() {
        const action = await this.orm.call("crm.case", "action_take_next", []);
        await this.action.doAction(action);
        if (action.tag) {
            await this.load();
        }
    }

    open(row) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "crm.case",
            res_id: row.id,
            views: [[false, "form"]],
        });
    }

    newCase() {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "crm.case",
            views: [[false, "form"]],
        });
    }

    openList(name, domain) {
        if (!domain) {
            return;
        }
        return this.action.doAction({
            type: "ir.actions.act_window",
            name,
            res_model: "crm.case",
            domain,
            views: [
                [false, "list"],
                [false, "kanban"],
                [false, "form"],
            ],
        });
    }
}

registry.category("actions").add("crm_helpdesk.home", CaseHome);
