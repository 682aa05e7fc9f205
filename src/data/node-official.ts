/** Finds an official CIFAR archive or its unpacked folder on this machine, or downloads it into the data folder. Node only. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { UserError } from "../errors.js";
import type { CifarLayout } from "./cifar.js";
import { download, DownloadError } from "./node-download.js";
import {
  type OfficialArchive,
  type OfficialArchives,
  officialArchives,
  officialHost,
} from "./official.js";
import type { LoadProgress } from "./types.js";

export interface OfficialOptions {
  /** A folder to look in (and to download into) before $TARNISH_DATA and ./data. */
  readonly dataDir?: string | undefined;
  /** The folder at some server that has the archives: a URL. Else $TARNISH_MIRROR, else the authors' site. */
  readonly mirror?: string | undefined;
  /** What the archives are. */
  readonly archives?: OfficialArchives;
  readonly onProgress?: LoadProgress | undefined;
}

/** The data folders in the order in which they are searched; a download goes into the first. */
export function dataFolders(dataDir?: string): string[] {
  return [dataDir, process.env["TARNISH_DATA"], "data"].filter(
    (place): place is string => Boolean(place), // unset or empty: not a place
  );
}

/** The archive or its unpacked folder on this machine, folders first; undefined where there is neither. */
export function findOfficial(
  layout: CifarLayout,
  { dataDir, archives = officialArchives }: OfficialOptions = {},
): string | undefined {
  const { folder, archive } = archives[layout];
  return dataFolders(dataDir)
    .flatMap((place) => [join(place, folder), join(place, archive)])
    .map((path) => resolve(path))
    .find(existsSync);
}

/**
 * The path of the archive or of its unpacked folder; downloads the archive where neither is there.
 *
 * @throws UserError that says which file to put where when it cannot be downloaded
 */
export async function obtainOfficial(
  layout: CifarLayout,
  options: OfficialOptions = {},
): Promise<string> {
  return (
    findOfficial(layout, options) ?? (await fetchOfficial(layout, options))
  );
}

/** Downloads the archive into the first data folder, whatever else is there, and checks its MD5. */
async function fetchOfficial(
  layout: CifarLayout,
  options: OfficialOptions,
): Promise<string> {
  const official = (options.archives ?? officialArchives)[layout];
  const url = `${mirrorOf(options)}/${official.archive}`;
  const path = resolve(dataFolders(options.dataDir)[0]!, official.archive);
  try {
    await download({
      url,
      path,
      md5: official.md5,
      onProgress: (done, total) => {
        options.onProgress?.({
          task: "download",
          what: official.archive,
          done,
          total,
        });
      },
    });
    return path;
  } catch (error) {
    throw new UserError(
      refusal(layout, official, url, path, options.dataDir, error),
    );
  }
}

/** Without a slash at its end. */
function mirrorOf({ mirror }: OfficialOptions): string {
  const variable = process.env["TARNISH_MIRROR"];
  const [url, origin] = mirror
    ? [mirror, "--mirror"]
    : variable
      ? [variable, "TARNISH_MIRROR"]
      : [officialHost, ""];
  const valid = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  if (!valid)
    throw new UserError(
      `${origin} ${url}: is no http or https address of a folder with the official archives`,
    );
  return url.replace(/\/+$/, "");
}

function refusal(
  layout: CifarLayout,
  { title, archive, folder, md5 }: OfficialArchive,
  url: string,
  path: string,
  dataDir: string | undefined,
  error: unknown,
): string {
  const code = (error as NodeJS.ErrnoException).code;
  const places = dataFolders(dataDir).map((place) => resolve(place));
  const why =
    error instanceof DownloadError
      ? error.message
      : code === "ENOSPC"
        ? `no space is left on the disk of ${path}; what has arrived is kept in ${path}.part`
        : (error as Error).message;
  return (
    `data ${layout}: ${title} is not in ${places.join(" nor in ")}, and ${url} cannot be downloaded: ${why}. ` +
    `Put ${archive} (MD5 ${md5}) or its unpacked folder ${folder} into ${places[0]!}, ` +
    "or set TARNISH_DATA to the folder that holds it, or name another server with --mirror URL"
  );
}
