/** What the reader takes home of a study. */
import { zipSync } from "fflate";
import { galleryFile } from "./gallery.js";
import { savedFile, storedJobs } from "./saved.js";
import type { StudyStore } from "./store.js";

export interface Download {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The sweep folder as a .zip. */
export function studyZip(store: StudyStore): Download {
  const files = Object.fromEntries(
    store.paths
      .filter((path) => path !== savedFile && !path.endsWith(`/${galleryFile}`))
      .map((path) => [path, store.bytes(path)!]),
  );
  // At once: fflate's other way starts workers of this worker, which in Firefox now and then never answer.
  return { name: "tarnish-lab.zip", bytes: zipSync(files, { level: 6 }) };
}

/** The weights of the run that was trained last, at its best epoch; undefined before there are any. */
export function lastWeights(store: StudyStore): Download | undefined {
  const run = storedJobs(store)
    .map(({ job }) => job.folder)
    .findLast((folder) => store.bytes(weightsOf(folder)));
  if (run === undefined) return undefined;
  // A copy: the store keeps its own.
  const bytes = store.bytes(weightsOf(run))!.slice();
  return { name: `${run.split("/").at(-1)!}.safetensors`, bytes };
}

const weightsOf = (folder: string) => `${folder}/checkpoints/best.safetensors`;
