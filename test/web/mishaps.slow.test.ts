/** What goes wrong in the lab, and what the reader changes their mind about: nothing is lost that need not be. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import sirv from "sirv";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtPage, Lab, outsideHost, state, violations } from "./lab-page.js";

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
});
afterAll(async () => {
  await lab.close();
});

const runsShown = (page: Page) => page.locator("[data-run-state]").count();
const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.id ?? "");
const resultsShown = (page: Page) =>
  page.evaluate<number>("window.tarnishResult?.results.length ?? 0");

/** Goes to another address of the lab in the same tab. */
async function go(page: Page, query: string, wanted: string): Promise<void> {
  await page.goto(lab.url + query);
  await state(page, wanted);
}

/** Two runs of ten steps. */
const small = "?levels=0,0.4&arms=noise&epochs=2&trainLimit=200";

describe("a study that is there", () => {
  it("outlives a Start that is refused or stopped, and a reload; it goes when it is forgotten", async () => {
    const { page, complaints } = await lab.visit(`${small}&autostart=1`);
    await state(page, "done");
    await page.getByText("erases the study that is below").waitFor();

    // What is typed stays, digit by digit, and blocks Start where it is wrong.
    const images = page.locator('input[name="trainLimit"]');
    await images.fill("");
    await images.pressSequentially("5000");
    expect(await images.inputValue()).toBe("5000");
    const seed = page.locator('input[name="seed"]');
    await seed.fill("-5");
    expect(await page.textContent("#wrong")).toMatch(/^Seed: /);
    expect(await page.isDisabled("#start")).toBe(true);
    expect(await violations(page)).toEqual([]);
    await seed.fill("0");

    await page.click("#start");
    await state(page, "failed");
    expect(await page.textContent(".problem")).toContain("5000");
    expect(await page.textContent("#kept")).toMatch(
      /A finished study is kept here: the sample, 200 training images; lenet; wrong labels at 0, 40.%; 2 epochs, seed 0\./,
    );
    expect(await violations(page)).toEqual([]);
    await page.click("#resume");
    await state(page, "done");
    expect(await runsShown(page)).toBe(2);
    expect(await resultsShown(page)).toBe(2);
    expect(await page.locator(".gallery li").count()).toBeGreaterThan(0);
    expect(await focused(page)).toBe("download");

    // The address starts a study: a reload shows it, and another address leaves it alone.
    await page.reload();
    await state(page, "done");
    expect(await runsShown(page)).toBe(2);
    await go(page, `${small}&seed=1&autostart=1`, "ready");
    expect(await page.textContent("#kept")).toContain("A finished study");

    // Stopped while its data load, a study has erased nothing.
    await page.route("**/data_batch_1.bin", async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 3000));
      await route.continue().catch(() => undefined);
    });
    await page.click("#start");
    expect(await focused(page)).toBe("stop");
    await page.click("#stop");
    await state(page, "ready");
    expect(await page.textContent("#status")).toBe("Stopped.");
    expect(await focused(page)).toBe("start");
    expect(await page.textContent("#kept")).toContain("A finished study");
    await page.unrouteAll({ behavior: "ignoreErrors" });

    // A level that changes nothing, and one that leaves nothing, in plain words.
    for (const [level, words] of [
      ["0.01", "changes none"],
      ["99.9", "leaves none"],
    ] as const) {
      // prettier-ignore
      await page.fill('input[name="levels"]', level);
      await page.check("text=images removed");
      await page.click("#start");
      await state(page, "failed");
      const text = await page.textContent(".problem");
      expect(text).toContain(words);
      expect(text).not.toContain("--");
    }

    // What is forgotten is nowhere.
    await page.fill('input[name="levels"]', "0, 40");
    await page.fill('input[name="epochs"]', "20");
    await page.click("#start");
    await page.waitForSelector('[data-run-state="done"]');
    await page.click("#stop");
    await state(page, "ready");
    expect(await page.textContent("#kept")).toContain("1 of 3 runs are done");
    await page.click("#discard");
    expect(await runsShown(page)).toBe(0);
    expect(await page.locator("svg.chart").count()).toBe(0);
    expect(await page.textContent("#status")).toBe("Ready.");
    expect(await page.isDisabled("#download")).toBe(true);
    expect(await page.locator("#kept").count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it("is made on a new GPU after the first was lost, with models told apart", async () => {
    const { page, complaints } = await lab.visit(
      "?model=shallow,lenet&levels=0,0.4&arms=noise&epochs=1&trainLimit=100",
      { width: 390, height: 800 },
    );
    await state(page, "ready");
    const browser = await page.context().browser()!.newBrowserCDPSession();
    await browser.send("Browser.crashGpuProcess");
    await page.waitForTimeout(2000);
    await page.click("#start");
    await state(page, "done", "failed");
    expect(await page.textContent("#status")).toBe("Done.");

    const live = page.locator("section:has(#curves) h3");
    expect(await live.allTextContents()).toEqual(["shallow", "lenet"]);
    const titles = await page.locator("#results ~ .block h3").allTextContents();
    expect(titles).toContain(
      "Confusion matrices (shallow, clean; the others are in the report)",
    );
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.click("#download-weights"),
    ]);
    expect(download.suggestedFilename()).toMatch(/^lenet_noise_0\.4_s0-/);
    // On a phone the runs are read without scrolling.
    const [inner, outer] = await page.$eval(
      "#runs ~ .scroll",
      ({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth],
    );
    expect(inner).toBeLessThanOrEqual(outer);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it("that the browser has no room for says so", async () => {
    const { page } = await lab.visit("");
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Storage.overrideQuotaForOrigin", {
      origin: new URL(lab.url).origin,
      quotaSize: 100_000,
    });
    await go(page, small, "ready");
    expect(await page.locator("#no-room").count()).toBe(0);
    await page.click("#start");
    await page.waitForSelector("#no-room");
    await state(page, "done");
    expect(await page.isEnabled("#download")).toBe(true);
    await page.context().close();
  });
});

describe("the built page", () => {
  it("works below any path, and over http says where browsers give a GPU", async () => {
    const files = sirv(builtPage);
    const server = createServer((request, response) => {
      if (!request.url?.startsWith("/some/where/")) {
        response.writeHead(404).end();
        return;
      }
      request.url = request.url.slice("/some/where".length);
      files(request, response);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { page } = await lab.visit("");
    await page.goto(
      `http://127.0.0.1:${port}/some/where/?levels=0&epochs=1&trainLimit=40&autostart=1`,
    );
    await state(page, "done", "failed");
    expect(await page.textContent("#status")).toBe("Done.");
    await page.goto(`http://${outsideHost}:${port}/some/where/`);
    await state(page, "failed");
    expect(await page.textContent(".problem")).toContain("https");
    await page.context().close();
    server.close();
  });
});
