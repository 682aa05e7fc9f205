/** What a run folder holds already, and whether a run of these settings may go on with it. Node and Deno only. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.js";
import { refuseLocked, removeDeadLock } from "../node-lock.js";
import { type CheckpointFile, decodeCheckpoint } from "./checkpoint.js";
import { configHash } from "./config-hash.js";
import { isObject, type JsonObject, jsonValue } from "./json.js";
import { readText, requireFreshFolder } from "./node-files.js";
import { isFolderOf, requireOwnFolder } from "./node-folder-kinds.js";
import type { RunFacts, RunSummary } from "./run-files.js";
import { flagOf, type TrainSettings } from "./settings.js";
import { decodeFile } from "./weights.js";

const factNames: ReadonlySet<string> = new Set(
  Object.keys({
    version: true,
    adapter: true,
    kernels: true,
    classes: true,
    normalisation: true,
    dataSha256: true,
    images: true,
    totalSteps: true,
    parameters: true,
    memory: true,
    initSha256: true,
  } satisfies Record<keyof RunFacts, true>),
);

/** The parts of a run folder that are read again. */
export function pathsOf(out: string) {
  const checkpoints = join(out, "checkpoints");
  return {
    config: join(out, "config.json"),
    labels: join(out, "labels.npy"),
    metrics: join(out, "metrics.jsonl"),
    summary: join(out, "summary.json"),
    checkpoints,
    last: join(checkpoints, "last.safetensors"),
    best: join(checkpoints, "best.safetensors"),
    lock: join(out, lockFile),
  };
}

/** The lock of who trains in a run folder. */
export const lockFile = "tarnish.lock";

/** What its holder does, for whom it refuses. */
export const training = (out: string) => `${out}: is being trained`;

/** How to take a folder that exists: not at all, as a run to go on with, or as one to replace. */
export interface FolderUse {
  readonly resume?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
}

export type RunState =
  /** Nothing is trained: the folder is missing, empty, to be replaced, or holds a run without a checkpoint. */
  | { readonly kind: "start" }
  | { readonly kind: "resume"; readonly config: Partial<RunFacts> }
  | { readonly kind: "done"; readonly summary: RunSummary };

/**
 * What to do for a run of these settings in this folder. Writes nothing; a finished run loses the lock of a process that was
 * killed after its last file.
 *
 * @throws UserError where the folder is something else, or the run in it has other settings, or may not be touched.
 */
export async function findRun(
  out: string,
  settings: TrainSettings,
  { resume = false, overwrite = false }: FolderUse,
): Promise<RunState> {
  if (resume && overwrite)
    throw new UserError(
      "--resume and --overwrite: one goes on with a run, the other replaces it; choose",
    );
  const paths = pathsOf(out);
  await refuseLocked(paths.lock, training(out));
  if (!resume) {
    if (overwrite) await requireOwnFolder(out, "run");
    else if (await isFolderOf(out, "run"))
      throw new UserError(
        `${out}: holds a run already; add --resume to go on with it or --overwrite to replace it, or name another folder with --out`,
      );
    else await requireFreshFolder(out, false);
    return { kind: "start" };
  }
  await requireOwnFolder(out, "run");
  const text = await readText(paths.config);
  if (text === null) return { kind: "start" };
  const config = parseObject(text);
  if (!config)
    throw new UserError(
      `${paths.config}: is damaged (no JSON object); start again with --overwrite`,
    );
  requireSame(out, config, settings);
  const summary = await readSummary(out);
  if (summary) {
    await removeDeadLock(paths.lock);
    return { kind: "done", summary };
  }
  return existsSync(paths.last)
    ? { kind: "resume", config }
    : { kind: "start" };
}

/** The summary of a run that ended; undefined where it is missing or damaged. */
export async function readSummary(
  out: string,
): Promise<RunSummary | undefined> {
  const text = await readText(pathsOf(out).summary);
  const summary = text && (parseObject(text) as RunSummary | undefined);
  if (!summary) return undefined;
  const { last, best } = summary as Partial<RunSummary>;
  const whole = [last?.top1, last?.loss, best?.top1].every(Number.isFinite);
  return whole ? summary : undefined;
}

/** Refuses settings that are not those of config.json, by their flags' names. */
function requireSame(
  out: string,
  config: Readonly<Record<string, unknown>>,
  settings: TrainSettings,
): void {
  const now: Readonly<Record<string, unknown>> = { ...settings };
  const worded = (value: unknown) =>
    value === undefined ? "not given" : JSON.stringify(value);
  const names = new Set([...Object.keys(now), ...Object.keys(config)]);
  const differences = [...names]
    .filter((name) => !factNames.has(name))
    .map((name) => ({
      flag: flagOf(name),
      was: worded(config[name]),
      is: worded(now[name]),
    }))
    .filter(({ was, is }) => was !== is)
    .map(({ flag, was, is }) => `${flag} was ${was}, is now ${is}`);
  if (differences.length > 0)
    throw new UserError(
      `${out}: holds a run of other settings (${differences.join("; ")}); ` +
        "give the same ones, name another folder with --out, or replace the run with --overwrite",
    );
}

const startAgain = "start again with --overwrite, or put back an intact copy";

/** The checkpoint to go on from. @throws UserError where it is damaged or of another run, or its best weights are. */
export async function readCheckpoint(
  out: string,
  settings: TrainSettings,
): Promise<CheckpointFile> {
  const { last, best } = pathsOf(out);
  const config = await configHash(settings);
  const checkpoint = await intact(last, decodeCheckpoint);
  if (checkpoint.config !== config)
    throw new UserError(
      `${last}: is from a run of other settings than config.json has; ${startAgain}`,
    );
  const wanted = checkpoint.position.best?.epoch;
  if (wanted !== undefined) {
    const { metadata } = await intact(best, decodeFile);
    // A later epoch's is what a run has that was killed before the next checkpoint: it gets there again.
    if (metadata["config"] !== config || Number(metadata["epoch"]) < wanted)
      throw new UserError(
        `${best}: does not belong to last.safetensors, whose best epoch is ${wanted}; ${startAgain}`,
      );
  }
  return checkpoint;
}

/** Reads a file that the run cannot go on without. */
async function intact<T>(
  path: string,
  decode: (bytes: Uint8Array, path: string) => T,
): Promise<T> {
  try {
    return decode(await readFile(path), path);
  } catch (error) {
    if (error instanceof UserError)
      throw new UserError(`${error.message}; ${startAgain}`);
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UserError(`${path}: cannot be read (${code}); ${startAgain}`);
  }
}

/** Undefined where the text is no JSON object. */
function parseObject(text: string): JsonObject | undefined {
  const value = jsonValue(text);
  return isObject(value) ? value : undefined;
}
