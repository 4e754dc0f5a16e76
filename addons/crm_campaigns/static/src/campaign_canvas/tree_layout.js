/**
 * Where the steps of a journey are drawn. Plain computation: no DOM, no component.
 *
 * The tree has a node for the start (id 0), one for each step, and between them the *ways
 * out*: every node has at least those that its kind knows, whether or not they lead on,
 * because each of them takes new steps. Two drawings:
 *
 * - `drawTree`: from the top down, each node above the middle of what follows it, branches
 *   side by side. What hangs below a node has a column of its own, so nothing overlaps.
 * - `drawOutline`: for narrow screens, one below the other; only branches are indented.
 */

export const START = 0;
export const NODE_WIDTH = 244;
export const NODE_HEIGHT = 96;
/** What became of its messages, in a line of its own. */
export const FIGURES_HEIGHT = 26;
const START_HEIGHT = 72;
/** Of a way out: with its + alone, and with words above it. */
const WAY_WIDTH = 120;
const PLUS_HEIGHT = 26;
const LABEL_HEIGHT = 24;
const GAP = 28;
const LINE = 18;
const CORNER = 8;
const INDENT = 18;
const STEM = 16;
const OUTLINE_MIN_WIDTH = 190;

/** Nest the flat list of the server, which has parents before their children. */
export function buildTree(steps) {
    const start = {
        id: START,
        parent: null,
        level: 1,
        height: START_HEIGHT,
        ways: [{ key: "next", label: "", values: {}, children: [] }],
    };
    const nodes = new Map([[START, start]]);
    for (const step of steps) {
        const ways = step.ways.map((way) => ({
            ...way,
            // words only where there is something to choose
            label: step.ways.length > 1 ? way.label : "",
            children: [],
        }));
        const height = NODE_HEIGHT + (step.figures?.length ? FIGURES_HEIGHT : 0);
        nodes.set(step.id, { id: step.id, step, height, ways });
    }
    for (const step of steps) {
        const node = nodes.get(step.id);
        const parent = nodes.get(step.parent_id || START) || start;
        let way = parent.ways.find(({ key }) => key === step.way);
        if (!way) {
            // a way that its parent does not know any more is drawn all the same
            way = { key: step.way, label: step.way, values: {}, children: [], isLost: true };
            parent.ways.push(way);
        }
        way.children.push(node);
        node.parent = parent;
    }
    const setLevels = (node) => {
        for (const child of childrenOf(node)) {
            child.level = node.level + 1;
            setLevels(child);
        }
    };
    setLevels(start);
    return start;
}

function childrenOf(node) {
    return node.ways.flatMap((way) => way.children);
}

/** Ids of a node and of all that comes after it. */
export function idsBelow(node) {
    return [node.id, ...childrenOf(node).flatMap(idsBelow)];
}

export function findNode(node, id) {
    if (node.id === id) {
        return node;
    }
    for (const child of childrenOf(node)) {
        const found = findNode(child, id);
        if (found) {
            return found;
        }
    }
    return null;
}

function sum(numbers) {
    return numbers.reduce((total, number) => total + number, 0);
}

function widthBeside(widths) {
    return sum(widths) + GAP * Math.max(0, widths.length - 1);
}

function middle(numbers) {
    return (numbers[0] + numbers.at(-1)) / 2;
}

function wayHeight(way) {
    return PLUS_HEIGHT + (way.label ? LABEL_HEIGHT : 0);
}

/** Down from a point, across, and down to another. */
function elbow(x1, y1, x2, y2) {
    if (Math.abs(x1 - x2) < 1) {
        return `M ${x1} ${y1} V ${y2}`;
    }
    const turn = y1 + LINE / 2;
    const corner = Math.min(CORNER, Math.abs(x1 - x2) / 2, LINE / 2);
    const side = x2 > x1 ? corner : -corner;
    return (
        `M ${x1} ${y1} V ${turn - corner} Q ${x1} ${turn} ${x1 + side} ${turn} ` +
        `H ${x2 - side} Q ${x2} ${turn} ${x2} ${turn + corner} V ${y2}`
    );
}

class Drawing {
    constructor(steps) {
        this.root = buildTree(steps);
        this.nodes = [];
        this.ways = [];
        this.lines = [];
        this.width = 0;
        this.height = 0;
    }

    addNode(node, x, y, width) {
        const { id, level, step, height, parent } = node;
        const box = { id, level, step, x, y, width, height, parentId: parent ? parent.id : null };
        this.nodes.push(box);
        this.grow(x + width, y + height);
        return box;
    }

    addWay(node, way, x, y) {
        const { key, label, values, children, isLost = false } = way;
        this.ways.push({
            id: `${node.id}:${key}`,
            nodeId: node.id,
            key,
            label,
            values,
            isLost,
            isEnd: !children.length,
            x,
            y,
        });
        this.grow(x, y + wayHeight(way) + LINE);
    }

    grow(width, height) {
        this.width = Math.max(this.width, width);
        this.height = Math.max(this.height, height);
    }

    /** What the components need; `root` to ask what comes after what. */
    finish() {
        const { root, nodes, ways, lines, width, height } = this;
        return { root, nodes, ways, lines, width, height };
    }
}

class TreeDrawing extends Drawing {
    constructor(steps) {
        super(steps);
        this.measure(this.root);
        this.place(this.root, 0, 0);
        this.grow(this.root.span, 0);
    }

    /** Width of the column that a node and all below it take. */
    measure(node) {
        for (const way of node.ways) {
            way.children.forEach((child) => this.measure(child));
            way.span = Math.max(WAY_WIDTH, widthBeside(way.children.map(({ span }) => span)));
        }
        node.waysSpan = widthBeside(node.ways.map(({ span }) => span));
        node.span = Math.max(NODE_WIDTH, node.waysSpan);
    }

    /** Place a node into its column; return the x of its middle. */
    place(node, left, top) {
        const bottom = top + node.height;
        const wayTop = bottom + LINE;
        const centres = [];
        let wayLeft = left + (node.span - node.waysSpan) / 2;
        // a parent comes before its children, as a screen reader tells them
        const at = this.nodes.length;
        for (const way of node.ways) {
            centres.push(this.placeWay(node, way, wayLeft, wayTop));
            wayLeft += way.span + GAP;
        }
        const wanted = centres.length ? middle(centres) : left + node.span / 2;
        const half = NODE_WIDTH / 2;
        const centre = Math.min(Math.max(wanted, left + half), left + node.span - half);
        this.addNode(node, centre - half, top, NODE_WIDTH);
        this.nodes.splice(at, 0, this.nodes.pop());
        for (const wayCentre of centres) {
            this.lines.push(elbow(centre, bottom, wayCentre, wayTop));
        }
        return centre;
    }

    placeWay(node, way, left, top) {
        const bottom = top + wayHeight(way);
        const widths = way.children.map(({ span }) => span);
        let childLeft = left + (way.span - widthBeside(widths)) / 2;
        const centres = [];
        for (const child of way.children) {
            centres.push(this.place(child, childLeft, bottom + LINE));
            childLeft += child.span + GAP;
        }
        const centre = centres.length ? middle(centres) : left + way.span / 2;
        this.addWay(node, way, centre, top);
        if (centres.length) {
            this.lines.push(`M ${centre} ${top} V ${bottom}`);
        }
        for (const childCentre of centres) {
            this.lines.push(elbow(centre, bottom, childCentre, bottom + LINE));
        }
        return centre;
    }
}

class OutlineDrawing extends Drawing {
    constructor(steps, available) {
        super(steps);
        this.available = available;
        this.place(this.root, 0, 0);
    }

    /** Place a node and what follows it; return the y below all of that. */
    place(node, left, top) {
        const width = Math.max(OUTLINE_MIN_WIDTH, Math.min(this.available - left, 420));
        this.addNode(node, left, top, width);
        const stem = left + STEM;
        const bottom = top + node.height;
        let y = bottom;
        const isBranch = node.ways.length > 1;
        for (const way of node.ways) {
            const wayLeft = isBranch ? left + INDENT : left;
            y += LINE / 2;
            this.addWay(node, way, wayLeft + STEM, y);
            const wayMiddle = y + PLUS_HEIGHT / 2;
            this.lines.push(
                isBranch
                    ? `M ${stem - 8} ${bottom} V ${wayMiddle} H ${wayLeft + STEM}`
                    : `M ${stem} ${bottom} V ${y}`,
            );
            if (way.children.length) {
                this.lines.push(`M ${wayLeft + STEM} ${y} v ${PLUS_HEIGHT}`);
            }
            y += PLUS_HEIGHT;
            const wayBottom = y;
            way.children.forEach((child, index) => {
                // beside each other in the tree: each a branch here
                const childLeft = wayLeft + (way.children.length > 1 ? INDENT : 0);
                y += LINE / 2;
                this.lines.push(
                    childLeft === wayLeft
                        ? `M ${wayLeft + STEM} ${wayBottom} V ${y}`
                        : `M ${wayLeft + STEM - 8} ${wayBottom} V ${y + 20} H ${childLeft}`,
                );
                y = this.place(child, childLeft, y);
            });
        }
        return y;
    }
}

/**
 * @param {Object[]} steps as the server sends them: parents before their children
 * @returns {{root: Object, nodes: Object[], ways: Object[], lines: string[], width: number,
 *      height: number}} boxes by their left upper corner, ways by the middle of their upper
 *      edge, lines as SVG paths
 */
export function drawTree(steps) {
    return new TreeDrawing(steps).finish();
}

/**
 * @param {Object[]} steps
 * @param {number} available width in pixels; deep trees take more
 * @returns {Object} see `drawTree`; ways by the middle of their +
 */
export function drawOutline(steps, available) {
    return new OutlineDrawing(steps, available).finish();
}

/**
 * The node that an arrow key leads to, or the same.
 *
 * In the tree up and down are before and after, left and right the same distance from the
 * start. In the outline up and down are the lines, left and right before and after.
 */
export function neighbour({ nodes }, id, key, isOutline) {
    const index = nodes.findIndex((node) => node.id === id);
    const node = nodes[index];
    if (!node) {
        return nodes[0].id;
    }
    const row = isOutline
        ? nodes
        : nodes.filter(({ level }) => level === node.level).sort((a, b) => a.x - b.x);
    const beside = (by) => row[row.indexOf(node) + by]?.id ?? id;
    const before = () => node.parentId ?? id;
    const after = () => nodes.find(({ parentId }) => parentId === id)?.id ?? id;
    const [up, down, left, right] = isOutline
        ? [() => beside(-1), () => beside(1), before, after]
        : [before, after, () => beside(-1), () => beside(1)];
    return { ArrowUp: up, ArrowDown: down, ArrowLeft: left, ArrowRight: right }[key]();
}
