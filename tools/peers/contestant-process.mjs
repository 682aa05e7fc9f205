/**
 * Runs one contestant in a process of its own and times it on request. Started by lenet.mjs, talks to it by messages:
 *
 *   → { ready: { name, version, adapter } } or { failed: "why" }, once
 *   ← { steps: n }
 *   → { seconds, loss }: the wall time of n steps up to their completion on the device, and the last step's loss
 */
import { setImmediate } from "node:timers/promises";
import { defaultAdapter, describeAdapter } from "./webgpu-globals.mjs";

/** Steps between two turns of the event loop, in which Node frees the handles of collected GPU objects. */
const stepsPerTurn = 16;

async function time(contestant, steps) {
  const start = performance.now();
  for (let i = 1; i <= steps; i++) {
    await contestant.step();
    if (i % stepsPerTurn === 0) await setImmediate();
  }
  const loss = await contestant.sync();
  return { seconds: (performance.now() - start) / 1000, loss };
}

function fail(error) {
  // Not before the message is out.
  process.send({ failed: error?.message ?? String(error) }, () =>
    process.exit(1),
  );
}

const [module, batch] = process.argv.slice(2);
process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);
process.on("disconnect", () => process.exit());

try {
  const adapter = await defaultAdapter();
  const { setup } = await import(module);
  const contestant = await setup({ batch: Number(batch) });
  // A library that ignores a shader error only seems fast.
  contestant.device?.addEventListener("uncapturederror", ({ error }) =>
    fail(error),
  );
  process.on("message", ({ steps }) => {
    time(contestant, steps).then((result) => process.send(result), fail);
  });
  const info = contestant.device?.adapterInfo;
  process.send({
    ready: {
      name: contestant.name,
      version: contestant.version,
      adapter: info ? describeAdapter(info) : adapter,
    },
  });
} catch (error) {
  fail(error);
}
