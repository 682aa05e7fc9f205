/**
 * Runs one contestant in a process of its own and times it on request. Started by contestant.mjs, talks to it by lines of
 * JSON on descriptor 3, as pytorch.py does:
 *
 *   → { name, version, adapter, settings?, tolerance?, tracks: [{ name, amount }] } or { failed: "why" }, once
 *   ← { track, steps }
 *   → { seconds, value }: the wall time of so many steps up to their completion on the device, and what came of them
 */
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import { defaultAdapter, describeAdapter } from "./webgpu-globals.mjs";

/** Steps between two turns of the event loop, in which Node frees the handles of collected GPU objects. */
const stepsPerTurn = 16;

const channel = new Socket({ fd: 3 });
const send = (message, then) =>
  channel.write(`${JSON.stringify(message)}\n`, then);

async function time({ step, sync, value }, steps) {
  const start = performance.now();
  for (let i = 1; i <= steps; i++) {
    await step();
    if (i % stepsPerTurn === 0) await setImmediate();
  }
  await sync();
  const seconds = (performance.now() - start) / 1000;
  return { seconds, value: await value() };
}

function fail(error) {
  // Not before the message is out.
  send({ failed: error?.message ?? String(error) }, () => process.exit(1));
}

const [module, task] = process.argv.slice(2);
process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);

try {
  const adapter = await defaultAdapter();
  const { setup } = await import(module);
  const { device, tracks, ...about } = await setup(JSON.parse(task));
  // A library that ignores a shader error only seems fast.
  device?.addEventListener("uncapturederror", ({ error }) => fail(error));
  const lines = createInterface({ input: channel });
  lines.on("line", (line) => {
    const { track, steps } = JSON.parse(line);
    const chosen = tracks.find(({ name }) => name === track);
    time(chosen, steps).then((result) => send(result), fail);
  });
  lines.on("close", () => process.exit());
  const info = device?.adapterInfo;
  send({
    adapter: info ? describeAdapter(info) : adapter,
    ...about,
    tracks: tracks.map(({ name, amount }) => ({ name, amount })),
  });
} catch (error) {
  fail(error);
}
