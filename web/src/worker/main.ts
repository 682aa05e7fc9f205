/** The training worker: opens the GPU, loads data, runs the study, hands out files. The page only shows. */
import { zip } from "fflate";
import type { Dataset } from "../../../src/data/types.js";
import { type Device, openDevice } from "../../../src/engine/device.js";
import { isObject } from "../../../src/experiments/json.js";
import { planSweep } from "../../../src/experiments/sweep.js";
import { InterruptedError } from "../../../src/experiments/trainer.js";
import packageJson from "../../../package.json";
import type {
  FromWorker,
  SavedStudy,
  StudyRequest,
  ToWorker,
} from "../protocol.js";
import { factsOf, limited, loadDropped, loadSample } from "./data.js";
import { problemOf } from "./problems.js";
import { StudyStore } from "./store.js";
import { Study } from "./study.js";

const version = `tarnish ${packageJson.version}`;
/** Where the store keeps what was asked for, beside the files of the sweep. */
const requestFile = "lab.json";

const scope = self as unknown as DedicatedWorkerGlobalScope;
const tell = (message: FromWorker, transfer: Transferable[] = []) => {
  scope.postMessage(message, transfer);
};

let device: Device | undefined;
let store: StudyStore;
let own: Dataset | undefined;
let stop: AbortController | undefined;

async function open(): Promise<void> {
  device = await openDevice();
  store = await StudyStore.open();
  const { adapterName: name, isSoftware: software } = device;
  tell({ kind: "opened", adapter: { name, software }, saved: savedStudy() });
}

function savedStudy(): SavedStudy | null {
  const text = store.text(requestFile);
  const sweepText = store.text("sweep.json");
  if (text === undefined || sweepText === undefined) return null;
  try {
    const request = JSON.parse(text) as StudyRequest;
    const sweep: unknown = JSON.parse(sweepText);
    const jobs =
      isObject(sweep) && Array.isArray(sweep["jobs"]) ? sweep["jobs"] : [];
    const states = jobs.map((job: unknown) => isObject(job) && job["state"]);
    const runsDone = states.filter((state) => state === "done").length;
    // Dropped files are not kept: such a study cannot go on after a reload.
    return request.data === "sample"
      ? { request, runsDone, runs: states.length }
      : null;
  } catch {
    return null;
  }
}

async function run(request: StudyRequest): Promise<void> {
  device ??= await openDevice();
  const whole = request.data === "own" && own ? own : await loadSample();
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
  await store.put(requestFile, JSON.stringify(request));
  const study = new Study({ device, dataset, jobs, store, version, tell });
  tell({ kind: "started", data: factsOf(dataset), jobs: study.jobFacts });
  stop = new AbortController();
  try {
    await study.run(stop.signal);
  } catch (error) {
    if (!(error instanceof InterruptedError) && !stop.signal.aborted)
      throw error;
    tell({ kind: "stopped" });
  } finally {
    stop = undefined;
  }
}

/** The sweep folder as a .zip, or the weights of the last run that has any. */
async function download(what: "study" | "weights"): Promise<void> {
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
      .filter((path) => path !== requestFile)
      .map((path) => [path, store.bytes(path)!]),
  );
  const bytes = await new Promise<Uint8Array<ArrayBuffer>>(
    (resolve, reject) => {
      zip(files, { level: 6 }, (error, data) => {
        if (error) reject(error);
        else resolve(data as Uint8Array<ArrayBuffer>);
      });
    },
  );
  tell({ kind: "file", name: "tarnish-lab.zip", bytes }, [bytes.buffer]);
}

async function handle(message: ToWorker): Promise<void> {
  switch (message.kind) {
    case "open":
      return open();
    case "data":
      own = await loadDropped(message.files);
      tell({ kind: "data", data: factsOf(own) });
      return;
    case "start":
      await store.clear();
      return run(message.request);
    case "resume": {
      const text = store.text(requestFile);
      return text === undefined
        ? undefined
        : run(JSON.parse(text) as StudyRequest);
    }
    case "discard":
      return store.clear();
    case "stop":
      stop?.abort();
      return;
    case "download":
      return download(message.what);
  }
}

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  handle(data).catch((error: unknown) => {
    tell({ kind: "problem", problem: problemOf(error) });
  });
};
