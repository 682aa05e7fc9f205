/**
 * A study in Firefox: `node lab.mjs ADDRESS ZIP` opens the lab at an address that starts a study, waits for its end, and writes
 * the study that the page hands out to ZIP. Its line of JSON on stdout is {userAgent, state, status, complaints}.
 *
 * Firefox is FIREFOX of the environment, else Debian's. Its WebGPU takes Vulkan's adapter of that machine, software too.
 */
/* global document, HTMLAnchorElement, window */
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import puppeteer from "puppeteer-core";

const [address, zip] = process.argv.slice(2);
if (!zip) {
  console.error("usage: node lab.mjs ADDRESS ZIP");
  process.exit(2);
}
const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  extraPrefsFirefox: {
    "dom.webgpu.enabled": true,
    "dom.webgpu.workers.enabled": true,
    "gfx.webgpu.ignore-blocklist": true,
  },
});
try {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", ({ message }) => complaints.push(message));
  // Asked again and again: a question that is open for long is not answered.
  const until = async (condition) => {
    for (const end = Date.now() + 600_000; Date.now() < end; await sleep(500))
      if (await page.evaluate(condition)) return;
    throw new Error("no end after ten minutes");
  };
  await page.goto(address);
  await until(() => ["done", "failed"].includes(document.body.dataset.state));
  // What the button would save: the page makes an address of it, and clicks a link to that.
  await page.evaluate(() => {
    HTMLAnchorElement.prototype.click = () => undefined;
    const address = URL.createObjectURL;
    URL.createObjectURL = (blob) => address.call(URL, (window.saved = blob));
    document.querySelector("#download").click();
  });
  await until(() => window.saved !== undefined);
  const { state, status, study } = await page.evaluate(async () => ({
    state: document.body.dataset.state,
    status: document.querySelector("#status").textContent,
    study: new Uint8Array(await window.saved.arrayBuffer()).toBase64(),
  }));
  writeFileSync(zip, Buffer.from(study, "base64"));
  const userAgent = await browser.userAgent();
  console.log(JSON.stringify({ userAgent, state, status, complaints }));
} finally {
  await browser.close();
}
