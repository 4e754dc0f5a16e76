import { Component, onMounted, useRef } from "@odoo/owl";

export function groupByFamily(kinds) {
    const families = new Map();
    for (const kind of kinds) {
        if (!families.has(kind.family)) {
            families.set(kind.family, []);
        }
        families.get(kind.family).push(kind);
    }
    return [...families].map(([name, kinds]) => ({ name, kinds }));
}

/** The kinds of steps to choose from, those of a family together. */
export class KindPicker extends Component {
    static template = "crm_campaigns.KindPicker";
    static props = {
        close: Function,
        kinds: Array,
        onPick: Function,
        title: String,
    };

    setup() {
        this.root = useRef("root");
        onMounted(() => this.buttons[0]?.focus());
    }

    get buttons() {
        return [...this.root.el.querySelectorAll("button")];
    }

    get families() {
        return groupByFamily(this.props.kinds);
    }

    pick(kind) {
        this.props.close();
        this.props.onPick(kind);
    }

    onKeydown(ev) {
        const by = { ArrowDown: 1, ArrowUp: -1 }[ev.key];
        if (by) {
            const { buttons } = this;
            const index = buttons.indexOf(document.activeElement) + by;
            buttons.at(index % buttons.length).focus();
            ev.preventDefault();
        }
    }
}
