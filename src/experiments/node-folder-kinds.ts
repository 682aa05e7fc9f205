/** The one place that decides what a folder is: a run's, a sweep's, a list of issues, a report. Node and Deno only. */
import { readdir, readFile, realpath, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
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
 * Whether a folder is one of this kind. One whose marker is damaged still is where every name in it is one that this
 * program gives.
 */
async function isOwnFolder(folder: string, name: KindName): Promise<boolean> {
  const { marker, names }: FolderKind = kinds[name];
  if (await isFolderOf(folder, name)) return true;
  return (
    (await isDamaged(join(folder, marker))) &&
    (await contentsOf(folder)).every((entry) => names.includes(entry))
  );
}

/** Whether a JSON file is none, such as one that is cut off. */
async function isDamaged(path: string): Promise<boolean> {
  const text = await readFile(path, "utf8").catch(() => "{}");
  return path.endsWith(".json") && jsonValue(text) === undefined;
}

/**
 * Refuses a folder that holds anything but what is expected there: whoever removes or continues a folder asks here first.
 * Writes nothing.
 *
 * @throws UserError naming the folder and the way on.
 */
export async function requireOwnFolder(
  folder: string,
  name: KindName,
): Promise<void> {
  const { words, marker }: FolderKind = kinds[name];
  const entries = await contentsOf(folder);
  if (entries.length === 0 || (await isOwnFolder(folder, name))) return;
  throw new UserError(
    `${folder}: is not empty and no ${words} (${entries.includes(marker) ? `its ${marker} is none of tarnish's` : `it has no ${marker}`}); ` +
      "name another folder with --out",
  );
}

/** A run's or a sweep's folder that a path is in, or is. */
interface Surrounding {
  readonly kind: "run" | "sweep";
  readonly folder: string;
  /** The names that lead from the folder to the path; none where it is the folder. */
  readonly names: readonly string[];
}

/** The innermost studies around a path, whether it is there or not: by its names, and by where links in them lead. */
async function studiesAround(path: string): Promise<Surrounding[]> {
  const routes = new Set([resolve(path), await followLinks(resolve(path))]);
  const found: Surrounding[] = [];
  for (const route of routes)
    for (const folder of upwards(route)) {
      const kind = await studyKindOf(folder);
      if (!kind) continue;
      const names = relative(folder, route).split(sep).filter(Boolean);
      found.push({ kind, folder, names });
      break;
    }
  return found;
}

/** An absolute path and the folders that it is in, innermost first. */
function upwards(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [path, ...upwards(parent)];
}

async function studyKindOf(
  folder: string,
): Promise<Surrounding["kind"] | undefined> {
  for (const kind of ["run", "sweep"] as const)
    if (await isOwnFolder(folder, kind)) return kind;
  return undefined;
}

/** Where an absolute path really is; what is not there yet, by the folder that it would be in. */
async function followLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path
      ? path
      : join(await followLinks(parent), basename(path));
  }
}

/** A folder's name as a user in the present one would give it. */
function named(folder: string): string {
  const name = relative("", folder) || ".";
  return name.startsWith("..") ? folder : name;
}

/** Refuses a run's or a sweep's folder, and any place in it, as one to write other results into. @throws UserError */
export async function refuseStudyFolder(path: string): Promise<void> {
  for (const { kind, folder, names } of await studiesAround(path)) {
    const { words } = kinds[kind];
    throw new UserError(
      names.length === 0
        ? `${path}: is a ${words}, whose own files would be replaced; name another folder with --out`
        : `${path}: is inside the ${words} ${named(folder)}; name another folder with --out`,
    );
  }
  if ((await contentsOf(path)).includes("checkpoints"))
    throw new UserError(
      `${path}: holds checkpoints of a run; name another folder with --out`,
    );
}

/** Refuses a file of a run or a sweep, there or to come, as one to write something else into. @throws UserError */
export async function refuseStudyFile(path: string): Promise<void> {
  // A link of the file's own name is what is replaced, not what it leads to.
  for (const { kind, folder, names } of await studiesAround(dirname(path)))
    if (isOwnFile(kind, [...names, basename(path)]))
      throw new UserError(
        `${path}: is one of the files of the ${kinds[kind].words} ${named(folder)}; name another file with --out`,
      );
}

/** Whether the names lead to a file that this program writes into a folder of this kind. */
function isOwnFile(kind: KindName, [name, ...below]: string[]): boolean {
  if (name === undefined) return false;
  const { names }: FolderKind = kinds[kind];
  const [inside] = below;
  if (inside !== undefined && name === "report")
    return isOwnFile("report", below);
  if (inside !== undefined && name === "checkpoints")
    return isCheckpoint(inside);
  return names.includes(name) || isBeginning(name);
}

const isCheckpoint = (name: string) =>
  /^(last|best)\.safetensors$/.test(name) || isTemporary(name);

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
      if (isCheckpoint(file)) await rm(join(path, file), { force: true });
    // Where somebody keeps something else in it, it stays.
    await rmdir(path).catch(() => undefined);
  } else if (entry === "report" && !(await isFolderOf(path, "report"))) return;
  else await rm(path, { recursive: true, force: true });
}
