/** The study that an earlier visit left in the store, and whether it can go on. */
import { isObject } from "../../../src/experiments/json.js";
import type { TrainSettings } from "../../../src/experiments/settings.js";
import {
  jobFolder,
  parseRunName,
  type SweepJob,
} from "../../../src/experiments/sweep.js";
import type { SavedStudy, StudyRequest } from "../protocol.js";
import type { OwnData } from "./own-data.js";
import type { StudyStore } from "./store.js";

/** Where the store keeps what was asked for, beside the files of the sweep. */
export const savedFile = "lab.json";

/** What was asked for, and of which data. */
export interface Saved {
  readonly request: StudyRequest;
  /** Null: the sample. */
  readonly ownData: { readonly name: string; readonly sha256: string } | null;
}

/** Undefined where there is none, or where another version of the lab left it. */
export function readSaved(store: StudyStore): Saved | undefined {
  const saved = parsed(store.text(savedFile));
  if (!isObject(saved) || !isObject(saved["request"])) return undefined;
  return saved as unknown as Saved;
}

interface StoredJob {
  readonly job: SweepJob;
  readonly state: "pending" | "done" | "diverged";
}

/** The runs of sweep.json, in their order. */
export function storedJobs(store: StudyStore): StoredJob[] {
  const sweep = parsed(store.text("sweep.json"));
  const jobs = isObject(sweep) ? sweep["jobs"] : undefined;
  if (!Array.isArray(jobs)) return [];
  return jobs.flatMap((entry: unknown) => {
    if (!isObject(entry)) return [];
    const { id, hash, config, state } = entry as { id: string; hash: string; config: TrainSettings; state: StoredJob["state"] }; // prettier-ignore
    const name = parseRunName(id);
    if (!name) return [];
    const folder = jobFolder({ id, hash });
    return [{ job: { ...name, id, hash, folder, settings: config }, state }];
  });
}

export function savedStudy(
  store: StudyStore,
  own: OwnData | undefined,
): SavedStudy | null {
  const saved = readSaved(store);
  const jobs = storedJobs(store);
  if (!saved || jobs.length === 0) return null;
  const { request, ownData } = saved;
  const ended = jobs.filter(({ state }) => state !== "pending").length;
  return {
    request,
    dataName: ownData?.name ?? null,
    runsDone: ended,
    runs: jobs.length,
    finished: ended === jobs.length,
    missing: ownData !== null && ownData.sha256 !== own?.sha256,
  };
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    // Cut off by a crash.
    return undefined;
  }
}
