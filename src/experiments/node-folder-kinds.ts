/** The one place that decides what a folder is: a run's, a sweep's, a list of issues, a report. Node and Deno only. */
import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.js";
import { isTemporary } from "../node-atomic.js";
import { isLockFile } from "../node-lock.js";
import { isObject, jsonValue } from "./json.js";
import { reportMark } from "./report/html.js";

interface FolderKind {
  readonly words: string;
  /** The file that a folder of this kind is known by. */
  readonly marker: string;
  /** Whether the marker's text is one that this program writes: other programs have files of these names, too. */
  readonly isMarker: (text: string) => boolean;
  /** Everything that this program writes into such a folder, in the order in which it is removed. */
  readonly names: readonly string[];
}

/** Whether a text is a JSON object with members of these types. */
function holds(
  text: string,
  members: Readonly<Record<string, string>>,
): boolean {
  const value = jsonValue(text);
  return (
    isObject(value) &&
    Object.entries(members).every(([name, type]) => typeof value[name] === type)
  );
}

const kinds = {
  run: {
    words: "run folder",
    marker: "config.json",
    isMarker: (text) =>
      holds(text, { model: "string", data: "string", seed: "number" }),
    names: [
      // In an order that leaves, wherever it is stopped, something that is known for what it is: first what says that
      // the run is done, then its checkpoints, config.json at the end.
      ...["summary.json", "checkpoints", "report", "failure.json"],
      ...["labels.npy", "poison.json", "metrics.jsonl", "per_class.csv"],
      ...["confusion.csv", "pr.csv", "test_logits.safetensors", "config.json"],
    ],
  },
  sweep: {
    words: "sweep folder",
    marker: "sweep.json",
    isMarker: (text) => holds(text, { name: "string", jobs: "object" }),
    names: [
      ...["runs", "report", "results.csv", "impact.csv", "exchange.csv"],
      ...["sensitivity.csv", "concordance.json", "claims.json", "sweep.json"],
    ],
  },
  issues: {
    words: "issues folder",
    marker: "issues.csv",
    isMarker: (text) => text.startsWith("rank,index,path,given,suggested,"),
    names: ["index.html", "summary.json", "issues.csv"],
  },
  report: {
    words: "report folder",
    marker: "index.html",
    isMarker: (text) => text.includes(reportMark),
    names: ["figures", "index.html"],
  },
} as const satisfies Record<string, FolderKind>;

export type KindName = keyof typeof kinds;

/** What is written before the folder is anything: the beginnings of a process that was killed, and locks. */
const isBeginning = (name: string) => isTemporary(name) || isLockFile(name);

/** Names in a folder, but for temporary files and locks; none where there is no folder. */
export async function contentsOf(folder: string): Promise<string[]> {
  return (await entriesOf(folder)).filter((name) => !isBeginning(name));
}

/** All names in a folder; none where there is no folder. */
export async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    if (code === "ENOTDIR")
      throw new UserError(
        `${folder}: is not a folder; name another one with --out`,
      );
    if (code === "ENAMETOOLONG")
      throw new UserError(
        `${folder}: the name is too long (ENAMETOOLONG); name another folder with --out`,
      );
    throw error;
  }
}

/** Whether a folder's marker is there and this program's. */
export async function isFolderOf(
  folder: string,
  name: KindName,
): Promise<boolean> {
  const { marker, isMarker }: FolderKind = kinds[name];
  const text = await readFile(join(folder, marker), "utf8").catch(() => null);
  return text !== null && isMarker(text);
}

/**
 * Refuses a folder that holds anything but what is expected there: whoever removes or continues a folder asks here first.
 * One whose marker is damaged is still its own where every name in it is one that this program gives. Writes nothing.
 *
 * @throws UserError naming the folder and the way on.
 */
export async function requireOwnFolder(
  folder: string,
  name: KindName,
): Promise<void> {
  const { words, marker, names }: FolderKind = kinds[name];
  const entries = await contentsOf(folder);
  if (entries.length === 0 || (await isFolderOf(folder, name))) return;
  const there = entries.includes(marker);
  if (there && (await isDamaged(join(folder, marker))))
    if (entries.every((entry) => names.includes(entry))) return;
  throw new UserError(
    `${folder}: is not empty and no ${words} (${there ? `its ${marker} is none of tarnish's` : `it has no ${marker}`}); ` +
      "name another folder with --out",
  );
}

/** Whether a JSON file is none, such as one that is cut off. */
async function isDamaged(path: string): Promise<boolean> {
  const text = await readFile(path, "utf8").catch(() => "{}");
  return path.endsWith(".json") && jsonValue(text) === undefined;
}

/** Refuses a run's or a sweep's folder as one to write other results into. @throws UserError */
export async function refuseStudyFolder(folder: string): Promise<void> {
  for (const name of ["run", "sweep"] as const)
    if (await isFolderOf(folder, name))
      throw new UserError(
        `${folder}: is a ${kinds[name].words}, whose own files would be replaced; name another folder with --out`,
      );
  if ((await contentsOf(folder)).includes("checkpoints"))
    throw new UserError(
      `${folder}: holds checkpoints of a run; name another folder with --out`,
    );
}

/** Removes from a folder what this program writes into one of its kind, and nothing else. */
export async function clearFolder(
  folder: string,
  name: KindName,
): Promise<void> {
  const { names }: FolderKind = kinds[name];
  const entries = await entriesOf(folder);
  const last = names.at(-1)!;
  const temporary = entries.filter(isTemporary);
  for (const entry of [...names.slice(0, -1), ...temporary, last])
    if (entries.includes(entry)) await removeEntry(folder, entry);
}

async function removeEntry(folder: string, entry: string): Promise<void> {
  const path = join(folder, entry);
  if (entry === "checkpoints") {
    for (const file of await entriesOf(path))
      if (/^(last|best)\.safetensors$/.test(file) || isTemporary(file))
        await rm(join(path, file), { force: true });
    // Where somebody keeps something else in it, it stays.
    await rmdir(path).catch(() => undefined);
  } else if (entry === "report" && !(await isFolderOf(path, "report"))) return;
  else await rm(path, { recursive: true, force: true });
}
