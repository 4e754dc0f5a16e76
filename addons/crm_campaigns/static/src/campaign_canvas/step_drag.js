import { onWillUnmount, useState } from "@odoo/owl";

/** Pixels that a pointer moves before a press is a drag and no click. */
const THRESHOLD = 6;
/** How near, in pixels, a place to drop takes what is dragged. */
const REACH = 70;
const EDGE = 50;
const SCROLL = 18;

function distance({ left, right, top, bottom }, x, y) {
    return Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
}

/**
 * Drag a step to a way out of another, with a mouse or a pen; fingers scroll.
 *
 * @param {{getPlaces: () => Element[], getScrollers: () => Element[], onDrop: Function}} params
 *      places that take what is dragged have a `data-place`, which `onDrop(item, place)` gets
 * @returns {{state: Object, press: Function}} `state.x`, `.y` follow the pointer, `.place`
 *      is where it would drop; `press(ev, item)` belongs on pointerdown
 */
export function useStepDrag({ getPlaces, getScrollers, onDrop }) {
    const state = useState({ item: null, x: 0, y: 0, place: null });
    let pressed = null;

    function end() {
        for (const [name, listener] of Object.entries(listeners)) {
            window.removeEventListener(name, listener, true);
        }
        pressed = null;
        Object.assign(state, { item: null, place: null });
    }

    function findPlace(x, y) {
        let nearest = null;
        let least = REACH;
        for (const place of getPlaces()) {
            const away = distance(place.getBoundingClientRect(), x, y);
            if (away < least) {
                [nearest, least] = [place, away];
            }
        }
        return nearest;
    }

    function scroll(x, y) {
        for (const element of getScrollers()) {
            const { left, right, top, bottom } = element.getBoundingClientRect();
            element.scrollBy(
                x > right - EDGE ? SCROLL : x < left + EDGE ? -SCROLL : 0,
                y > bottom - EDGE ? SCROLL : y < top + EDGE ? -SCROLL : 0,
            );
        }
    }

    const listeners = {
        pointermove(ev) {
            const { clientX: x, clientY: y } = ev;
            if (!state.item) {
                if (Math.hypot(x - pressed.x, y - pressed.y) < THRESHOLD) {
                    return;
                }
                state.item = pressed.item;
            }
            ev.preventDefault();
            scroll(x, y);
            Object.assign(state, { x, y, place: findPlace(x, y)?.dataset.place || null });
        },
        pointerup(ev) {
            const { item, place } = state;
            end();
            if (item) {
                // the click that comes with it opens nothing
                const swallow = (click) => click.stopPropagation();
                window.addEventListener("click", swallow, { capture: true, once: true });
                setTimeout(() => window.removeEventListener("click", swallow, true));
                if (place) {
                    onDrop(item, place);
                }
            }
        },
        pointercancel: end,
        keydown(ev) {
            if (ev.key === "Escape") {
                ev.stopPropagation();
                end();
            }
        },
    };

    function press(ev, item) {
        if (ev.button !== 0 || ev.pointerType === "touch") {
            return;
        }
        end();
        pressed = { item, x: ev.clientX, y: ev.clientY };
        for (const [name, listener] of Object.entries(listeners)) {
            window.addEventListener(name, listener, true);
        }
    }

    onWillUnmount(end);
    return { state, press };
}
