/**
 * Opens screens one after the other as a person would: each view of a menu's action, the
 * form of its first record, each page of that form. What shows an error dialog, or never
 * comes to rest, is named with the screen it happened on.
 */

import { App } from "@odoo/owl";
import { rpcBus } from "@web/core/network/rpc";

const pending = new Set();
rpcBus.addEventListener("RPC:REQUEST", ({ detail }) => pending.add(detail.data.id));
rpcBus.addEventListener("RPC:RESPONSE", ({ detail }) => pending.delete(detail.data.id));

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function isAtRest() {
    return !pending.size && [...App.apps].every((app) => !app.scheduler.tasks.size);
}

async function settle(what) {
    let calm = 0;
    for (let passed = 0; calm < 4; passed += 25) {
        const error = document.querySelector(".o_error_dialog");
        if (error) {
            error.querySelector("button.btn-link")?.click();
            await sleep(100);
            throw new Error(`${what}: ${error.textContent.slice(0, 2000)}`);
        }
        if (passed > 60000) {
            throw new Error(`${what}: not there after a minute`);
        }
        await sleep(25);
        calm = isAtRest() ? calm + 1 : 0;
    }
}

async function openMenu(env, menu) {
    const { action, orm } = env.services;
    const opened = [];
    const show = async (what, request, options = {}) => {
        const name = `${menu.name} (${menu.xmlid}), ${what}`;
        await action.doAction(request, { clearBreadcrumbs: true, ...options });
        await settle(name);
        opened.push(name);
    };
    await show("first view", menu.action);
    const dialog = document.querySelector(".o_dialog header .btn-close");
    if (dialog) {
        dialog.click();
        await settle(`${menu.name}, closing its dialog`);
        return opened;
    }
    const current = action.currentController.action;
    if (current.type !== "ir.actions.act_window") {
        return opened;
    }
    const types = current.views.map(([_id, type]) => type);
    for (const viewType of types.slice(1)) {
        if (!["form", "search"].includes(viewType)) {
            await show(viewType, menu.action, { viewType });
        }
    }
    if (!types.includes("form")) {
        return opened;
    }
    const [resId] = await orm.search(current.res_model, current.domain || [], {
        limit: 1,
        context: current.context,
    });
    if (!resId) {
        return opened;
    }
    await show(`form of ${current.res_model} ${resId}`, menu.action, {
        viewType: "form",
        props: { resId },
    });
    for (const page of document.querySelectorAll(".o_notebook_headers .nav-link:not(.active)")) {
        page.click();
        await settle(`${menu.name} (${menu.xmlid}), page ${page.textContent.trim()}`);
    }
    return opened;
}

/** Open the screens of `menus`, a list of {name, xmlid, action}; the log says which. */
export async function openScreens(menus) {
    const { env } = odoo.__WOWL_DEBUG__.root;
    const failed = [];
    let count = 0;
    for (const menu of menus) {
        try {
            const opened = await openMenu(env, menu);
            count += opened.length;
            console.log(opened.join("\n"));
        } catch (error) {
            failed.push(error.message);
            document.querySelector(".o_error_dialog .btn-close")?.click();
            await sleep(200);
        }
    }
    if (failed.length) {
        console.error(`${failed.length} screens fail:\n${failed.join("\n")}`);
        return;
    }
    console.log(`${count} screens opened`);
    console.log("test successful");
}
