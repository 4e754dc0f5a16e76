import { Component } from "@odoo/owl";

const WIDTH = 72;
const HEIGHT = 22;
const PAD = 2;

/** A line of values, the oldest first, and a dot on the last one. */
export class Sparkline extends Component {
    static template = "crm_plus.Sparkline";
    static props = { values: Array, title: { type: String, optional: true } };

    width = WIDTH;
    height = HEIGHT;

    get dots() {
        const values = this.props.values;
        const low = Math.min(...values);
        const span = Math.max(...values) - low;
        const step = (WIDTH - 2 * PAD) / (values.length - 1);
        return values.map((value, place) => [
            PAD + place * step,
            // what does not change is a line in the middle
            span ? HEIGHT - PAD - ((value - low) / span) * (HEIGHT - 2 * PAD) : HEIGHT / 2,
        ]);
    }

    get points() {
        return this.dots.map((dot) => dot.map((number) => number.toFixed(1)).join(",")).join(" ");
    }

    get last() {
        return this.dots.at(-1);
    }
}
