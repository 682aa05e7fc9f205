/** Shows a study whose runs have all ended, from its files. */
import type { Dataset } from "../../../src/data/types.js";
import { galleryOf } from "./gallery.js";
import { Results, type ResultsParts } from "./results.js";

/** @param dataset The images, for the gallery; undefined where they are not here any more. */
export async function showFinished(
  parts: ResultsParts,
  dataset: Dataset | undefined,
): Promise<void> {
  const { jobs, store, show } = parts;
  const results = new Results(parts);
  await show({ kind: "started", jobs: results.jobFacts(() => 0) });
  await results.draw();
  if (dataset)
    for (const job of jobs) {
      const images = galleryOf(store, dataset, job);
      if (images) await show({ kind: "gallery", job: job.id, images });
    }
  await results.finish();
}
