/** The hash of a run's settings, by which sweeps and checkpoints know whether a run is the one that is asked for. */
import { sha256 } from "./sha256.js";
import type { TrainSettings } from "./settings.js";

/** SHA-256 in hex of the settings' JSON with sorted keys. Settings that are left out count for nothing. */
export async function configHash(settings: TrainSettings): Promise<string> {
  const sorted = Object.fromEntries(
    Object.entries<unknown>({ ...settings }).sort(([a], [b]) =>
      a < b ? -1 : 1,
    ),
  );
  return sha256(new TextEncoder().encode(JSON.stringify(sorted)));
}
