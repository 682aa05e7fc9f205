/** The study that an earlier visit left in the store, and whether it can go on. */
import { isObject } from "../../../src/experiments/json.js";
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

export function savedStudy(
  store: StudyStore,
  own: OwnData | undefined,
): SavedStudy | null {
  const saved = readSaved(store);
  const sweep = parsed(store.text("sweep.json"));
  if (!saved || !isObject(sweep)) return null;
  const jobs = Array.isArray(sweep["jobs"]) ? sweep["jobs"] : [];
  const states = jobs.map((job: unknown) => isObject(job) && job["state"]);
  const { request, ownData } = saved;
  return {
    request,
    runsDone: states.filter((state) => state === "done").length,
    runs: states.length,
    missing: ownData && ownData.sha256 !== own?.sha256 ? ownData.name : null,
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
