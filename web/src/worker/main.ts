/** The training worker: opens the GPU, loads data, runs the study, hands out files. The page only shows. */
import type { Dataset } from "../../../src/data/types.js";
import { UserError } from "../../../src/errors.js";
import { InterruptedError } from "../../../src/experiments/trainer.js";
import packageJson from "../../../package.json";
import type { FromWorker, StudyRequest, ToWorker } from "../protocol.js";
import { datasetSha256, limited, loadSample } from "./data.js";
import { type Download, lastWeights, studyZip } from "./downloads.js";
import { loadDropped } from "./dropped.js";
import { showFinished } from "./finished.js";
import { causeOf, openGpu } from "./gpu.js";
import { OwnData } from "./own-data.js";
import { planStudy } from "./plan.js";
import { openElsewhere, problemOf, unreadable } from "./problems.js";
import { readSaved, savedFile, type Saved, savedStudy, storedJobs } from "./saved.js"; // prettier-ignore
import { StudyStore } from "./store.js";
import { Study } from "./study.js";
import { takeTurn } from "./turn.js";

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

/** The page's address. */
let page: string;
let store: StudyStore;
/** Whether the browser has room to keep the study. */
let keeps = true;
let own: OwnData | undefined;
let stop: AbortController | undefined;

async function open(): Promise<void> {
  const { adapterName: name, isSoftware: software } = await openGpu();
  await takeTurn(() => {
    tell({ kind: "problem", problem: openElsewhere });
  });
  [store, own] = await Promise.all([
    StudyStore.open((room) => {
      keeps = room;
      tell({ kind: "room", room });
    }),
    OwnData.open(),
  ]);
  tellKept();
  tell({ kind: "opened", adapter: { name, software } });
}

function tellKept(): void {
  tell({
    kind: "kept",
    own: own?.facts ?? null,
    saved: savedStudy(store, own),
  });
}

/** The reader's own data of a study, or the sample. */
async function load(
  { request, ownData }: Saved,
  signal: AbortSignal,
): Promise<Dataset> {
  if (ownData && ownData.sha256 !== own?.sha256)
    throw new UserError(
      `the study's data (${ownData.name}) are not here any more; drop them again to go on`,
    );
  const whole = ownData ? await own!.dataset() : await loadSample(page, signal);
  return limited(whole, request.trainLimit);
}

/** @param fresh Whether the study begins: what was stored before goes once nothing can be refused any more. */
async function run(
  saved: Saved,
  fresh: boolean,
  signal: AbortSignal,
): Promise<void> {
  const dataset = await load(saved, signal);
  const jobs = await planStudy(dataset, saved.request);
  const device = await openGpu();
  const dataSha256 = await datasetSha256(dataset);
  signal.throwIfAborted();
  if (fresh) await store.clear();
  await store.put(savedFile, JSON.stringify(saved));
  const study = new Study({ device, dataset, dataSha256, jobs, store, version, tell, show }); // prettier-ignore
  await show({ kind: "started", jobs: study.jobFacts });
  await study.run(signal);
}

async function start(
  request: StudyRequest,
  signal: AbortSignal,
): Promise<void> {
  if (request.data === "own" && !own)
    throw new UserError("there are no data of your own; drop some first");
  const ownData =
    request.data === "own"
      ? { name: own!.facts.name, sha256: own!.sha256 }
      : null;
  await run({ request, ownData }, true, signal);
}

/** Goes on with the stored study. One that is finished needs no GPU, and its images for the gallery alone. */
async function resume(signal: AbortSignal): Promise<void> {
  const saved = readSaved(store);
  if (!saved)
    throw new UserError("no study is kept here any more; start a new one");
  if (!savedStudy(store, own)?.finished) return run(saved, false, signal);
  const dataset = await load(saved, signal).catch(() => undefined);
  signal.throwIfAborted();
  const jobs = storedJobs(store).map(({ job }) => job);
  await showFinished({ jobs, store, version, show }, dataset);
}

/** What the reader may stop. However it ends, the page is told what is kept then. */
async function stoppable(
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { signal } = (stop = new AbortController());
  try {
    await work(signal);
  } catch (error) {
    if (!(error instanceof InterruptedError) && !signal.aborted)
      throw await causeOf(error);
    tell({ kind: "stopped" });
  } finally {
    stop = undefined;
    tellKept();
  }
}

function handOut(file: Download | undefined): void {
  if (file) tell({ kind: "file", ...file }, [file.bytes.buffer]);
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
      page = message.page;
      return open();
    case "data":
      return takeFiles(message);
    case "forget":
      own = undefined;
      await OwnData.forget();
      tellKept();
      return;
    case "start":
      return stoppable((signal) => start(message.request, signal));
    case "resume":
      return stoppable(resume);
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
      handOut(message.what === "study" ? studyZip(store) : lastWeights(store));
      return;
  }
}

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  handle(data).catch((error: unknown) => {
    tell({ kind: "problem", problem: problemOf(error, keeps) });
  });
};
