/** Where whatever can be made again is kept on this machine: pixels, kernel choices, the bundled driver. Node only. */
import { homedir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";

/** $TARNISH_CACHE, else `tarnish` in the user's cache folder. An empty variable is none. */
export function cacheFolder(): string {
  const { TARNISH_CACHE: own, XDG_CACHE_HOME: user } = env;
  return own || join(user || join(homedir(), ".cache"), "tarnish");
}
