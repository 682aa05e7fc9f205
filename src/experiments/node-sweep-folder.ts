/** A sweep folder on disk: sweep.json, the state of each run folder, failures. Node and Deno only. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.js";
import { isObject, jsonText, type JsonObject, parseObject } from "./json.js";
import { makeFolder, readText, writeFileAtomic } from "./node-files.js";
import { requireOwnFolder } from "./node-folder-kinds.js";
import type { SweepJob } from "./sweep.js";

const jobStates = ["pending", "running", "done", "failed", "diverged"] as const;
export type JobState = (typeof jobStates)[number];

/** A job as sweep.json has it. */
export interface StoredJob {
  readonly id: string;
  readonly hash: string;
  /** The run's settings. */
  readonly config: JsonObject;
  readonly state: JobState;
  readonly error?: string | undefined;
}

/** The object of sweep.json. */
export interface SweepFile {
  readonly name: string;
  readonly createdWith: string;
  readonly jobs: StoredJob[];
}

/** A run that failed says so in its own folder, so that folders of several machines merge by copying. */
export interface Failure {
  readonly state: "failed" | "diverged";
  readonly error: string;
}

export const failureFile = "failure.json";

/** Reads sweep.json; null where there is none. @throws UserError where it is damaged */
export async function readSweep(folder: string): Promise<SweepFile | null> {
  const path = join(folder, "sweep.json");
  const text = await readText(path);
  if (text === null) return null;
  const { name, createdWith, jobs } = parseObject(text, path);
  const damaged = new UserError(
    `${path}: the file is damaged; put a copy of it back, or name another folder with --out`,
  );
  if (
    typeof name !== "string" ||
    typeof createdWith !== "string" ||
    !Array.isArray(jobs)
  )
    throw damaged;
  return {
    name,
    createdWith,
    jobs: jobs.map((job: unknown) => {
      if (!isObject(job) || !isObject(job["config"])) throw damaged;
      const { id, hash, config, error } = job;
      const state = jobStates.find((known) => known === job["state"]);
      if (typeof id !== "string" || typeof hash !== "string" || !state)
        throw damaged;
      return {
        id,
        hash,
        config,
        state,
        ...(typeof error === "string" && { error }),
      };
    }),
  };
}

/** Writes sweep.json, with the folders around it. */
export async function writeSweep(
  folder: string,
  sweep: SweepFile,
): Promise<void> {
  await makeFolder(join(folder, "runs"));
  await writeFileAtomic(join(folder, "sweep.json"), jsonText(sweep));
}

/** Notes in a run's folder that it failed. */
export async function writeFailure(
  runFolder: string,
  failure: Failure,
): Promise<void> {
  await makeFolder(runFolder);
  await writeFileAtomic(join(runFolder, failureFile), jsonText(failure));
}

/** The failure noted in a run's folder; null where it did not fail. */
export async function readFailure(runFolder: string): Promise<Failure | null> {
  const path = join(runFolder, failureFile);
  const text = await readText(path);
  if (text === null) return null;
  const { state, error } = parseObject(text, path);
  return {
    state: state === "diverged" ? "diverged" : "failed",
    error: String(error),
  };
}

/** Takes a failed run's folder away, so that it is trained again from its start. */
export async function clearFailure(runFolder: string): Promise<void> {
  if (await readFailure(runFolder))
    await rm(runFolder, { recursive: true, force: true });
}

/** Settings in which the jobs of one sweep may differ: what each varies, and what follows from its model. */
const varied = new Set(["model", "seed", "noise", "keep", "steps"]);
const ofModel = new Set(["lr", "width", "stem"]);

/**
 * Opens the folder of a sweep to run `jobs` in it: what it has so far, plus the jobs that are new to it.
 * Writes nothing.
 *
 * @throws UserError where the folder is something else, or holds a sweep with other settings, naming the differences
 */
export async function openSweep(
  folder: string,
  name: string,
  jobs: readonly SweepJob[],
  version: string,
): Promise<SweepFile> {
  await requireOwnFolder(folder, "sweep");
  const existing = await readSweep(folder);
  const known = existing?.jobs ?? [];
  const differences = settingsDifferences(known, jobs);
  if (differences.length > 0)
    throw new UserError(
      `${folder}: holds a sweep with other settings: ${differences.join("; ")}. Give the same settings to continue it, or name another folder with --out.`,
    );
  const planned = new Set(jobs.map(({ id }) => id));
  const states = new Map(known.map((job) => [job.id, job]));
  return {
    name: existing?.name ?? name,
    createdWith: existing?.createdWith ?? `tarnish ${version}`,
    jobs: [
      ...jobs.map(
        ({ id, hash, settings }) =>
          states.get(id) ?? {
            id,
            hash,
            config: settings as unknown as JsonObject,
            state: "pending" as const,
          },
      ),
      ...known.filter(({ id }) => !planned.has(id)),
    ],
  };
}

/** "epochs is 8 there and 30 here", for each setting in which the stored jobs and the new ones differ. */
function settingsDifferences(
  known: readonly StoredJob[],
  jobs: readonly SweepJob[],
): string[] {
  const differences = new Set<string>();
  for (const { id, hash, settings } of jobs) {
    const same = known.find((job) => job.id === id);
    if (same && same.hash === hash) continue;
    const sibling = known.find(
      ({ config }) => config["model"] === settings.model,
    );
    const other = same ?? sibling ?? known[0];
    if (!other) continue;
    const mine = settings as unknown as JsonObject;
    for (const key of new Set([
      ...Object.keys(other.config),
      ...Object.keys(mine),
    ])) {
      const mayDiffer =
        !same && (varied.has(key) || (!sibling && ofModel.has(key)));
      const [there, here] = [other.config[key], mine[key]].map(word);
      if (there !== here && !mayDiffer)
        differences.add(`${key} is ${there!} there and ${here!} here`);
    }
  }
  return [...differences];
}

function word(value: unknown): string {
  return value === undefined ? "not set" : JSON.stringify(value);
}
