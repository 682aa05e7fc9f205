/**
 * Training speed of LeNet in tarnish and in other WebGPU libraries, on the same adapter in one run.
 *
 *   node lenet.mjs [contestant…] [--batch 64] [--rounds 5] [--steps N] [--seconds 2.5] [--json]
 *
 * A contestant is a name (`tfjs` is tfjs-lenet.mjs) or the path of a module; README.md describes the interface. Each
 * runs in a process of its own. Rounds are interleaved (A B C, A B C, …), so that a machine that slows down slows all,
 * and only one contestant works at a time.
 */
import { fork } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** Contestants whose losses differ by more than this share after the warm-up do not train the same network. */
const lossTolerance = 1e-3;
const warmUpSteps = 5;

/** One contestant's process. */
class Contestant {
  #child;
  #waiting;

  /** Starts the process and resolves once it has set up. Rejects with a reason where it cannot. */
  static async start(label, batch) {
    const file = label.endsWith(".mjs")
      ? resolve(label)
      : fileURLToPath(new URL(`${label}-lenet.mjs`, import.meta.url));
    if (!existsSync(file)) throw new Error(`there is no ${file}`);
    const contestant = new Contestant();
    const child = fork(
      fileURLToPath(new URL("contestant-process.mjs", import.meta.url)),
      [pathToFileURL(file).href, String(batch)],
      // Standard output is for the results alone.
      { stdio: ["ignore", 2, 2, "ipc"] },
    );
    contestant.#child = child;
    child.on("message", (message) => {
      if (message.failed !== undefined)
        contestant.#waiting?.reject(new Error(message.failed));
      else contestant.#waiting?.resolve(message);
    });
    child.on("exit", (code, signal) => {
      contestant.#waiting?.reject(
        new Error(`its process ended (${signal ?? `exit code ${code}`})`),
      );
    });
    const { ready } = await contestant.#answer();
    return Object.assign(contestant, ready, { label, batch, rates: [] });
  }

  #answer() {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Runs `steps` training steps to completion: their wall time in seconds and the last one's loss. */
  async time(steps) {
    const answer = this.#answer();
    this.#child.send({ steps });
    const result = await answer;
    if (!Number.isFinite(result.loss))
      throw new Error(`its loss became ${result.loss}`);
    this.loss = result.loss;
    return result.seconds;
  }

  /** Compiles, warms up, and chooses how many steps one timing takes. */
  async warmUp(fixedSteps, seconds) {
    await this.time(1);
    this.firstLoss = this.loss;
    await this.time(warmUpSteps - 1);
    this.warmLoss = this.loss;
    this.steps = fixedSteps ?? 1;
    while (fixedSteps === undefined) {
      const taken = await this.time(this.steps);
      // A first estimate still contains warm-up; a second one from a longer run settles it.
      const enough = taken > seconds / 2;
      this.steps = Math.max(1, Math.round((this.steps * seconds) / taken));
      if (enough) break;
    }
  }

  async round() {
    this.rates.push((this.steps * this.batch) / (await this.time(this.steps)));
  }

  end() {
    if (this.#child.connected) this.#child.disconnect();
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      batch: { type: "string", default: "64" },
      rounds: { type: "string", default: "5" },
      steps: { type: "string" },
      seconds: { type: "string", default: "2.5" },
      json: { type: "boolean", default: false },
    },
  });
  const number = (name, whole) => {
    const value = Number(values[name]);
    if (!(value > 0) || (whole && !Number.isInteger(value))) {
      throw new Error(
        `--${name} must be a positive ${whole ? "integer" : "number"}, got ${values[name]}`,
      );
    }
    return value;
  };
  return {
    labels:
      positionals.length > 0
        ? positionals
        : ["tarnish", "tfjs", "tfjs-im2col", "jax"],
    batch: number("batch", true),
    rounds: number("rounds", true),
    steps: values.steps === undefined ? undefined : number("steps", true),
    seconds: number("seconds", false),
    json: values.json,
  };
}

/** Runs the comparison; progress goes to stderr. */
async function compare({ labels, batch, rounds, steps, seconds }) {
  const say = (text) => process.stderr.write(`${text}\n`);
  const skipped = [];
  let running = [];
  /** Does one thing with one contestant, and drops it with a message where that fails. */
  const attempt = async (label, work, contestant) => {
    try {
      await work();
    } catch (error) {
      skipped.push({ contestant: label, reason: error.message });
      say(`${label}: left out: ${error.message}`);
      contestant?.end();
      running = running.filter((other) => other !== contestant);
    }
  };

  for (const label of labels) {
    await attempt(label, async () => {
      const contestant = await Contestant.start(label, batch);
      running.push(contestant);
      say(
        `${contestant.name} ${contestant.version} on ${contestant.adapter}: warming up`,
      );
      await attempt(label, () => contestant.warmUp(steps, seconds), contestant);
    });
  }
  for (let round = 1; round <= rounds && running.length > 0; round++) {
    for (const contestant of [...running]) {
      await attempt(contestant.label, () => contestant.round(), contestant);
    }
    const rates = running.map(
      ({ name, rates }) => `${name} ${rates.at(-1).toFixed(1)}`,
    );
    say(`round ${round}: ${rates.join(", ")} images/s`);
  }
  for (const contestant of running) contestant.end();
  return { running, skipped };
}

/** What makes the numbers of a run incomparable, in words. */
function objections(running) {
  const result = [];
  const [first, ...others] = running;
  for (const other of others) {
    if (other.adapter !== first.adapter) {
      result.push(
        `${other.name} ran on ${other.adapter}, ${first.name} on ${first.adapter}`,
      );
    }
    if (
      Math.abs(other.warmLoss - first.warmLoss) >
      lossTolerance * first.warmLoss
    ) {
      result.push(
        `after ${warmUpSteps} steps ${other.name} has loss ${other.warmLoss}, ${first.name} ${first.warmLoss}`,
      );
    }
  }
  for (const { name, firstLoss, loss } of running) {
    if (!(loss < firstLoss))
      result.push(`${name} does not learn: loss ${firstLoss} became ${loss}`);
  }
  return result;
}

function summarise({ running, skipped }, { batch, rounds }) {
  const tarnish = running.find(({ label }) => label === "tarnish");
  const contestants = running.map((contestant) => ({
    name: contestant.name,
    version: contestant.version,
    adapter: contestant.adapter,
    stepsPerRound: contestant.steps,
    imagesPerSecond: {
      median: median(contestant.rates),
      min: Math.min(...contestant.rates),
      max: Math.max(...contestant.rates),
      rounds: contestant.rates,
    },
    loss: {
      first: contestant.firstLoss,
      warm: contestant.warmLoss,
      last: contestant.loss,
    },
    tarnishRatio: tarnish
      ? median(tarnish.rates) / median(contestant.rates)
      : null,
  }));
  return {
    model: "lenet",
    batch,
    rounds,
    contestants,
    skipped,
    objections: objections(running),
  };
}

function table({ batch, rounds, contestants, objections }) {
  const rows = [
    [
      "",
      "images/s",
      "min",
      "max",
      "steps",
      `loss after ${warmUpSteps}`,
      "last loss",
      "tarnish is",
    ],
    ...contestants.map(
      ({
        name,
        version,
        stepsPerRound,
        imagesPerSecond,
        loss,
        tarnishRatio,
      }) => [
        `${name} ${version}`,
        imagesPerSecond.median.toFixed(1),
        imagesPerSecond.min.toFixed(1),
        imagesPerSecond.max.toFixed(1),
        String(stepsPerRound),
        loss.warm.toFixed(5),
        loss.last.toFixed(5),
        tarnishRatio === null ? "" : `${tarnishRatio.toFixed(2)}×`,
      ],
    ),
  ];
  const widths = rows[0].map((_, k) =>
    Math.max(...rows.map((row) => row[k].length)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, k) =>
        k === 0 ? cell.padEnd(widths[k]) : cell.padStart(widths[k]),
      )
      .join("  "),
  );
  return [
    `LeNet training, batch ${batch}, median of ${rounds} rounds, ${contestants[0].adapter}`,
    ...lines,
    ...objections.map((objection) => `Not comparable: ${objection}`),
  ].join("\n");
}

try {
  const chosen = options();
  const outcome = await compare(chosen);
  if (outcome.running.length === 0) throw new Error("no contestant could run");
  const summary = summarise(outcome, chosen);
  const text = table(summary);
  if (chosen.json) {
    process.stderr.write(`${text}\n`);
    process.stdout.write(`${JSON.stringify(summary)}\n`);
  } else process.stdout.write(`${text}\n`);
  process.exitCode = summary.objections.length > 0 ? 1 : 0;
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
