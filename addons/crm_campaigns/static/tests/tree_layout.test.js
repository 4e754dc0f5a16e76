import {
    NODE_WIDTH,
    buildTree,
    drawOutline,
    drawTree,
    findNode,
    idsBelow,
    neighbour,
} from "@crm_campaigns/campaign_canvas/tree_layout";
import { describe, expect, test } from "@odoo/hoot";

describe.current.tags("headless");

const NEXT = ["next"];
const ANSWERS = ["yes", "no"];

function step(id, parent, way, keys = NEXT) {
    return {
        id,
        parent_id: parent,
        way,
        ways: keys.map((key) => ({ key, label: key, values: { branch: key } })),
    };
}

/** 1 ─ 2 ─┬─ yes: 3        and 7 beside 6
 *          └─ no: 4 ─ 5 ─┬─ yes: 6, 7
 *                         └─ no
 */
const STEPS = [
    step(1, false, "next"),
    step(2, 1, "next", ANSWERS),
    step(3, 2, "yes"),
    step(4, 2, "no"),
    step(5, 4, "next", ANSWERS),
    step(6, 5, "yes"),
    step(7, 5, "yes"),
];

/** A long journey in which every third step asks something. */
function makeJourney(count) {
    const steps = [step(1, false, "next")];
    for (let id = 2; id <= count; id++) {
        const parent = steps[Math.floor((id - 2) / 2) * 1 || 0];
        const way = parent.ways[id % parent.ways.length].key;
        steps.push(step(id, parent.id, way, id % 3 ? NEXT : ANSWERS));
    }
    return steps;
}

function overlap(a, b) {
    return (
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    );
}

for (const [name, draw] of [
    ["tree", drawTree],
    ["outline", (steps) => drawOutline(steps, 340)],
]) {
    for (const steps of [[], STEPS.slice(0, 1), STEPS, makeJourney(60)]) {
        test(`${name} of ${steps.length} steps: all are there, nothing overlaps`, () => {
            const { nodes, ways, width, height } = draw(steps);

            expect(nodes.map(({ id }) => id).sort((a, b) => a - b)).toEqual([
                0,
                ...steps.map(({ id }) => id),
            ]);
            expect(ways.length).toBe(1 + steps.reduce((sum, { ways }) => sum + ways.length, 0));
            const clashes = nodes.flatMap((a, index) =>
                nodes.slice(index + 1).filter((b) => overlap(a, b)),
            );
            expect(clashes).toEqual([]);
            const outside = nodes.filter(
                (box) =>
                    box.x < 0 ||
                    box.y < 0 ||
                    box.x + box.width > width ||
                    box.y + box.height > height,
            );
            expect(outside).toEqual([]);
            const hidden = ways.filter(({ x, y }) =>
                nodes.some(
                    (box) =>
                        x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height,
                ),
            );
            expect(hidden).toEqual([]);
        });
    }
}

test("parents stand above the middle of what follows, and before it", () => {
    const { nodes } = drawTree(STEPS);
    const middle = (id) => nodes.find((box) => box.id === id).x + NODE_WIDTH / 2;

    expect(middle(1)).toBe(middle(2));
    expect(middle(2)).toBe((middle(3) + middle(4)) / 2);
    expect(middle(3)).toBeLessThan(middle(4));
    expect(nodes.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(nodes.map(({ level }) => level)).toEqual([1, 2, 3, 4, 4, 5, 6, 6]);
});

test("ways have words only where there is a choice, and know where nothing follows", () => {
    const { ways } = drawTree(STEPS);
    const ends = ways.filter(({ isEnd }) => isEnd).map(({ id }) => id);

    expect(ways.find(({ id }) => id === "1:next").label).toBe("");
    expect(ways.find(({ id }) => id === "2:no").label).toBe("no");
    expect(ends.sort()).toEqual(["3:next", "5:no", "6:next", "7:next"]);
});

test("a step on a way that is no more is drawn", () => {
    const { nodes, ways } = drawTree([step(1, false, "next"), step(2, 1, "way-7")]);

    expect(nodes.length).toBe(3);
    expect(ways.find(({ id }) => id === "1:way-7").isLost).toBe(true);
});

test("what comes after a step", () => {
    const tree = buildTree(STEPS);

    expect(idsBelow(findNode(tree, 4))).toEqual([4, 5, 6, 7]);
    expect(findNode(tree, 99)).toBe(null);
});

for (const [id, key, inTree, inOutline] of [
    [0, "ArrowUp", 0, 0],
    [0, "ArrowDown", 1, 1],
    [2, "ArrowDown", 3, 3],
    [3, "ArrowDown", 3, 4],
    [3, "ArrowRight", 4, 3],
    [4, "ArrowLeft", 3, 2],
    [4, "ArrowUp", 2, 3],
    [6, "ArrowRight", 7, 6],
    [7, "ArrowUp", 5, 6],
    [99, "ArrowUp", 0, 0],
]) {
    test(`${key} from ${id}`, () => {
        expect(neighbour(drawTree(STEPS), id, key, false)).toBe(inTree);
        expect(neighbour(drawOutline(STEPS, 340), id, key, true)).toBe(inOutline);
    });
}
