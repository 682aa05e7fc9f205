/** The training worker: opens the GPU, loads data, runs the study, hands out files. The page only shows. */
import { zipSync } from "fflate";
import type { Device } from "../../../src/engine/device.js";
import { openDevice } from "../../../src/engine/open-device.js";
import { UserError } from "../../../src/errors.js";
import { planSweep } from "../../../src/experiments/sweep.js";
import { InterruptedError } from "../../../src/experiments/trainer.js";
import packageJson from "../../../package.json";
import type { FromWorker, StudyRequest, ToWorker } from "../protocol.js";
import { datasetSha256, factsOf, limited, loadSample } from "./data.js";
import { loadDropped } from "./dropped.js";
import { OwnData } from "./own-data.js";
import { openElsewhere, problemOf, unreadable } from "./problems.js";
import { readSaved, savedFile, type Saved, savedStudy } from "./saved.js";
import { StudyStore } from "./store.js";
import { galleryFile, Study } from "./study.js";

const version = `tarnish ${packageJson.version}`;

const scope = self as unknown as DedicatedWorkerGlobalScope;
const tell = (message: FromWorker, transfer: Transferable[] = []) => {
  scope.postMessage(message, transfer);
};

let shown = () => {};

/**
 * Tells the page something that it takes a while to draw, and waits until it has: where the CPU does the GPU's work,
 * training would take the page's turn.
 */
const show = (message: FromWorker): Promise<void> =>
  new Promise((resolve) => {
    shown = resolve;
    tell(message);
  });

let device: Device | undefined;
let store: StudyStore;
let own: OwnData | undefined;
let stop: AbortController | undefined;

/**
 * Waits until no other page at this address is open: two of them would write the same study. The turn lasts as long as
 * this worker.
 */
function takeTurn(onWait: () => void): Promise<void> {
  const name = "tarnish lab";
  return new Promise((resolve, reject) => {
    const hold = () => {
      resolve();
      return new Promise<never>(() => undefined);
    };
    navigator.locks
      .request(name, { ifAvailable: true }, (lock) => {
        if (lock) return hold();
        onWait();
        navigator.locks.request(name, hold).catch(reject);
        return undefined;
      })
      .catch(reject);
  });
}

async function open(): Promise<void> {
  device = await openDevice();
  await takeTurn(() => {
    tell({ kind: "problem", problem: openElsewhere });
  });
  [store, own] = await Promise.all([StudyStore.open(), OwnData.open()]);
  tellKept();
  const { adapterName: name, isSoftware: software } = device;
  tell({ kind: "opened", adapter: { name, software } });
}

function tellKept(): void {
  tell({
    kind: "kept",
    own: own?.facts ?? null,
    saved: savedStudy(store, own),
  });
}

async function run({ request, ownData }: Saved): Promise<void> {
  if (ownData && ownData.sha256 !== own?.sha256)
    throw new UserError(
      `the study's data (${ownData.name}) are not here any more; drop them again to go on`,
    );
  device ??= await openDevice();
  const whole = ownData ? await own!.dataset() : await loadSample();
  const dataset = limited(whole, request.trainLimit);
  const { models, levels, arms, epochs, seed } = request;
  const jobs = await planSweep(
    {
      models,
      levels: levels.filter((level) => level > 0),
      arms,
      seeds: [seed],
      budget: "epochs",
      bothBudgets: [],
      settings: {
        data: dataset.name,
        epochs,
        batch: Math.min(40, dataset.train.count),
        nesterov: true,
        augment: "none",
        logEvery: 1,
        ...(request.trainLimit !== undefined && {
          trainLimit: request.trainLimit,
        }),
      },
      perModel: {},
    },
    dataset.train.count,
  );
  await store.put(savedFile, JSON.stringify({ request, ownData }));
  const dataSha256 = await datasetSha256(dataset);
  const study = new Study({ device, dataset, dataSha256, jobs, store, version, tell, show }); // prettier-ignore
  await show({
    kind: "started",
    data: factsOf(dataset),
    jobs: study.jobFacts,
  });
  stop = new AbortController();
  try {
    await study.run(stop.signal);
  } catch (error) {
    if (!(error instanceof InterruptedError) && !stop.signal.aborted)
      throw error;
    tell({ kind: "stopped" });
    tellKept();
  } finally {
    stop = undefined;
  }
}

async function start(request: StudyRequest): Promise<void> {
  if (request.data === "own" && !own)
    throw new UserError("there are no data of your own; drop some first");
  await store.clear();
  await run({
    request,
    ownData:
      request.data === "own"
        ? { name: own!.facts.name, sha256: own!.sha256 }
        : null,
  });
}

/** The sweep folder as a .zip, or the weights of the last run that has any. */
function download(what: "study" | "weights"): void {
  if (what === "weights") {
    const path = store.paths.findLast((name) =>
      name.endsWith("/checkpoints/best.safetensors"),
    );
    if (!path) return;
    const bytes = store.bytes(path)!.slice();
    const run = path.split("/")[1]!;
    tell({ kind: "file", name: `${run}.safetensors`, bytes }, [bytes.buffer]);
    return;
  }
  const files = Object.fromEntries(
    store.paths
      .filter((path) => path !== savedFile && !path.endsWith(`/${galleryFile}`))
      .map((path) => [path, store.bytes(path)!]),
  );
  // At once: fflate's other way starts workers of this worker, which in Firefox now and then never answer.
  const bytes = zipSync(files, { level: 6 });
  tell({ kind: "file", name: "tarnish-lab.zip", bytes }, [bytes.buffer]);
}

async function takeFiles({
  files,
}: Extract<ToWorker, { kind: "data" }>): Promise<void> {
  tell({ kind: "reading" });
  let told = performance.now();
  try {
    const loaded = await loadDropped(files, (done, total) => {
      const now = performance.now();
      if (done < total && now < told + 100) return;
      told = now;
      tell({ kind: "reading", done, total });
    });
    own = await OwnData.keep(loaded);
    tellKept();
  } catch (error) {
    tell({ kind: "problem", problem: unreadable(error) });
  }
}

async function handle(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case "open":
      return open();
    case "data":
      return takeFiles(message);
    case "forget":
      own = undefined;
      await OwnData.forget();
      tellKept();
      return;
    case "start":
      return start(message.request);
    case "resume": {
      const saved = readSaved(store);
      return saved ? run(saved) : undefined;
    }
    case "discard":
      await store.clear();
      tellKept();
      return;
    case "stop":
      stop?.abort();
      return;
    case "shown":
      shown();
      return;
    case "download":
      download(message.what);
      return;
  }
}

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  handle(data).catch((error: unknown) => {
    tell({ kind: "problem", problem: problemOf(error) });
  });
};
