/** A contestant as the runner sees it: a process of its own that sets up one library and times it on request. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Steps of a training before its loss is compared. */
export const warmUpSteps = 5;

/**
 * The command that starts a contestant. A label is a name and options: `tfjs+im2col` is tfjs.mjs with the option im2col,
 * `pytorch+f16` is pytorch.py; a path of a module is taken as it is.
 */
function commandOf(label, task) {
  const [name, ...options] = label.split("+");
  const argument = JSON.stringify({ ...task, options });
  const script = here(`${name}.py`);
  if (existsSync(script))
    return [process.env.PYTHON ?? "python3", [script, argument]];
  const file = name.endsWith(".mjs") ? resolve(name) : here(`${name}.mjs`);
  if (!existsSync(file)) throw new Error(`there is no ${file}`);
  const module = pathToFileURL(file).href;
  return [process.execPath, [here("contestant-process.mjs"), module, argument]];
}

/** One kind of work of a contestant, such as a training step or a convolution's forward pass. */
class Track {
  rates = [];

  constructor(name, amount) {
    this.name = name;
    /** Images or operations of one step. */
    this.amount = amount;
  }
}

export class Contestant {
  #child;
  #waiting;

  /** Starts the process and resolves once it has set up. Rejects with a reason where it cannot. */
  static async start(label, task) {
    const contestant = new Contestant();
    const [program, args] = commandOf(label, task);
    // Lines of JSON in both directions on descriptor 3: standard output belongs to the libraries, which talk.
    const child = spawn(program, args, { stdio: ["ignore", 2, 2, "pipe"] });
    contestant.#child = child;
    const lines = createInterface({ input: child.stdio[3] });
    lines.on("line", (line) => {
      const message = JSON.parse(line);
      if (message.failed !== undefined)
        contestant.#waiting?.reject(new Error(message.failed));
      else contestant.#waiting?.resolve(message);
    });
    child.stdio[3].on("error", () => undefined);
    child.on("error", ({ message }) =>
      contestant.#waiting?.reject(new Error(message)),
    );
    child.on("exit", (code, signal) => {
      contestant.#waiting?.reject(
        new Error(`its process ended (${signal ?? `exit code ${code}`})`),
      );
    });
    const { tracks, ...about } = await contestant.#answer();
    return Object.assign(contestant, about, {
      label,
      tracks: tracks.map(({ name, amount }) => new Track(name, amount)),
    });
  }

  #answer() {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Runs `steps` steps of a track to completion: their wall time in seconds. */
  async time(track, steps) {
    const answer = this.#answer();
    const request = { track: track.name, steps };
    this.#child.stdio[3].write(`${JSON.stringify(request)}\n`);
    const { seconds, value } = await answer;
    if (!Number.isFinite(value))
      throw new Error(`the result of ${track.name} became ${value}`);
    track.value = value;
    return seconds;
  }

  /** Compiles, warms up, and chooses how many steps one timing of each track takes. */
  async warmUp(fixedSteps, seconds) {
    for (const track of this.tracks) {
      await this.time(track, 1);
      track.firstValue = track.value;
      await this.time(track, warmUpSteps - 1);
      track.warmValue = track.value;
      track.steps = fixedSteps ?? 1;
      while (fixedSteps === undefined) {
        const taken = await this.time(track, track.steps);
        // A first estimate still contains warm-up; a second one from a longer run settles it.
        const enough = taken > seconds / 2;
        track.steps = Math.max(1, Math.round((track.steps * seconds) / taken));
        if (enough) break;
      }
    }
  }

  async round() {
    for (const track of this.tracks) {
      // A GPU that has idled while others had their turn runs slowly at first.
      await this.time(track, Math.ceil(track.steps / 10));
      const seconds = await this.time(track, track.steps);
      track.rates.push((track.steps * track.amount) / seconds);
    }
  }

  end() {
    this.#child.stdio[3].end();
    // One that hangs in native code hears nothing.
    setTimeout(() => this.#child.kill("SIGKILL"), 3000).unref();
  }
}
