import { Dialog } from "@web/core/dialog/dialog";
import { _t } from "@web/core/l10n/translation";
import { Component, useState } from "@odoo/owl";
import { idsBelow } from "./tree_layout";

function countOf(way) {
    return way.children.reduce((count, child) => count + idsBelow(child).length, 0);
}

function stepsText(count) {
    return count === 1 ? _t("1 step") : _t("%s steps", count);
}

/** Asks what happens to the steps after one that is deleted. */
export class StepRemoveDialog extends Component {
    static template = "crm_campaigns.StepRemoveDialog";
    static components = { Dialog };
    static props = { close: Function, node: Object, onRemove: Function };

    setup() {
        this.title = _t("Delete “%s”", this.props.node.step.name);
        this.state = useState({ chosen: this.choices[0].key });
    }

    /** `key`: the way whose steps are kept, empty when all go. */
    get choices() {
        const ways = this.props.node.ways.filter((way) => way.children.length);
        const all = ways.reduce((count, way) => count + countOf(way), 0);
        const keeping = ways.map((way) => {
            const steps = stepsText(countOf(way));
            const label =
                ways.length === 1
                    ? _t("Only this step: what comes after it (%s) moves up", steps)
                    : _t("Keep what comes after “%(way)s” (%(steps)s): it moves up", {
                          way: way.label || way.key,
                          steps,
                      });
            return { key: way.key, label };
        });
        const label = all
            ? _t("This step and all that comes after it (%s)", stepsText(all))
            : _t("Nothing comes after it.");
        return [...keeping, { key: "", label }];
    }

    async remove() {
        this.props.close();
        await this.props.onRemove(this.state.chosen || false);
    }
}
