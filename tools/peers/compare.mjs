/**
 * Runs the same work in several libraries and compares their speed: contestants in processes of their own, rounds
 * interleaved (A B C, A B C, …), so that a machine that slows down slows all, and only one contestant works at a time.
 */
import { parseArgs } from "node:util";
import { Contestant, warmUpSteps } from "./contestant.mjs";
import { writeProblem } from "./problem.mjs";

/** Contestants whose results differ by more than this share after the warm-up do not do the same work. */
const defaultTolerance = 1e-3;

/**
 * A comparison as a program: reads the options that all have, runs, prints. Exit code 1: the numbers are not comparable;
 * 2: nothing could run.
 *
 * @param {object} comparison
 * @param {string[]} comparison.contestants labels where none are given on the command line
 * @param {string} comparison.unit of the rates, and `scale` what one is in images or operations
 * @param {Record<string, object>} [comparison.options] further options, for parseArgs
 * @param {(values: Record<string, string>, number: Function) => object} comparison.task what is done, from the options
 * @param {(task: object) => string} comparison.title
 */
export async function main(comparison) {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: "string", default: "5" },
        steps: { type: "string" },
        seconds: { type: "string", default: "2.5" },
        json: { type: "boolean", default: false },
        ...comparison.options,
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
    const chosen = {
      labels: positionals.length > 0 ? positionals : comparison.contestants,
      rounds: number("rounds", true),
      steps: values.steps === undefined ? undefined : number("steps", true),
      seconds: number("seconds", false),
      task: comparison.task(values, number),
    };
    const outcome = await compare(chosen, comparison);
    if (outcome.running.length === 0)
      throw new Error("no contestant could run");
    const summary = summarise(outcome, chosen, comparison);
    const text = table(summary, comparison.title(chosen.task));
    if (values.json) {
      process.stderr.write(`${text}\n`);
      process.stdout.write(`${JSON.stringify(summary)}\n`);
    } else process.stdout.write(`${text}\n`);
    process.exitCode = summary.objections.length > 0 ? 1 : 0;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}

/** Runs the comparison; progress goes to stderr. */
async function compare(
  { labels, task, rounds, steps, seconds },
  { unit, scale },
) {
  const say = (text) => process.stderr.write(`${text}\n`);
  const problem = writeProblem(task);
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
  try {
    // Loading a library takes longer than many a timing, and disturbs nothing before there are timings.
    const started = new Map();
    await Promise.all(
      labels.map((label) =>
        attempt(label, async () => {
          started.set(label, await Contestant.start(label, problem.task));
        }),
      ),
    );
    running = labels.flatMap((label) => started.get(label) ?? []);
    for (const contestant of [...running]) {
      const { label, name, version, adapter } = contestant;
      say(`${name} ${version} on ${adapter}: warming up`);
      const warmUp = () => contestant.warmUp(steps, seconds);
      await attempt(label, warmUp, contestant);
    }
    for (let round = 1; round <= rounds && running.length > 0; round++) {
      for (const contestant of [...running]) {
        await attempt(contestant.label, () => contestant.round(), contestant);
      }
      const rates = running.map(({ name, tracks }) => {
        const all = tracks.map(({ rates }) =>
          (rates.at(-1) / scale).toPrecision(4),
        );
        return `${name} ${all.join(" ")}`;
      });
      say(`round ${round}: ${rates.join(", ")} ${unit}`);
    }
  } finally {
    for (const contestant of running) contestant.end();
    problem.remove();
  }
  return { running, skipped };
}

const find = (contestants, label) =>
  contestants.find((contestant) => contestant.label === label);

/**
 * A convolution so many times as fast as the fastest plain matrix product was not waited for: Winograd saves at most a
 * factor of 4, and a tuned product is no multiple of a plain one beyond that.
 */
const implausible = 10;

/** What makes the numbers of a run incomparable, in words. */
function objections(running, kind, matmul) {
  const result = [];
  const adapters = new Set(
    running.filter(({ webgpu }) => webgpu !== false).map((c) => c.adapter),
  );
  if (adapters.size > 1)
    result.push(`the adapters differ: ${[...adapters].join("; ")}`);
  const [first] = running;
  for (const { name, tracks, tolerance = defaultTolerance } of running)
    for (const track of tracks) {
      const same = first.tracks.find((other) => other.name === track.name);
      const expected = same?.warmValue ?? track.warmValue;
      const difference = Math.abs(track.warmValue - expected);
      if (difference > tolerance * Math.abs(expected))
        result.push(
          `${track.name}: after ${warmUpSteps} steps ${name} has ${track.warmValue}, ${first.name} ${expected}`,
        );
      if (matmul > 0 && median(track.rates) > implausible * matmul)
        result.push(
          `${track.name} of ${name} is over ${implausible} times as fast as a matrix product: it was not waited for`,
        );
      if (kind === "training" && !(track.value < track.firstValue))
        result.push(
          `${name} does not learn: loss ${track.firstValue} became ${track.value}`,
        );
    }
  return result;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

function summarise({ running, skipped }, { task, rounds }, { unit, scale }) {
  const tarnish = find(running, "tarnish");
  const products = find(running, "matmul")?.tracks ?? [];
  const matmul = Math.max(0, ...products.map(({ rates }) => median(rates)));
  const contestants = running.map(
    ({ label, name, version, adapter, settings = "", tracks }) => ({
      label,
      name,
      version,
      adapter,
      settings,
      tracks: tracks.map((track) => {
        const rate = median(track.rates);
        const ours = tarnish?.tracks.find(({ name }) => name === track.name);
        return {
          name: track.name,
          stepsPerRound: track.steps,
          rate: {
            median: rate / scale,
            min: Math.min(...track.rates) / scale,
            max: Math.max(...track.rates) / scale,
            rounds: track.rates.map((value) => value / scale),
          },
          /** Loss of a training, mean of a convolution's result. */
          value: {
            first: track.firstValue,
            warm: track.warmValue,
            last: track.value,
          },
          tarnishRatio: ours ? median(ours.rates) / rate : null,
          /** Of the fastest plain matrix product. */
          shareOfMatmul: matmul > 0 ? rate / matmul : null,
        };
      }),
    }),
  );
  return {
    task,
    unit,
    rounds,
    contestants,
    skipped,
    objections: objections(running, task.kind, matmul),
  };
}

function table({ unit, rounds, contestants, objections }, title) {
  const withMatmul = contestants.some(({ label }) => label === "matmul");
  const rows = [
    ["", "", unit, "min", "max", "steps", "result", "tarnish is"].concat(
      withMatmul ? ["of matmul"] : [],
    ),
  ];
  for (const { name, version, settings, tracks } of contestants)
    for (const track of tracks) {
      const { rate, stepsPerRound, value, tarnishRatio, shareOfMatmul } = track;
      rows.push(
        [
          [name, version, settings].filter(Boolean).join(" "),
          track.name,
          rate.median.toPrecision(4),
          rate.min.toPrecision(4),
          rate.max.toPrecision(4),
          String(stepsPerRound),
          value.warm.toPrecision(6),
          tarnishRatio === null ? "" : `${tarnishRatio.toFixed(2)}×`,
        ].concat(withMatmul ? [`${(100 * shareOfMatmul).toFixed(0)} %`] : []),
      );
    }
  const widths = rows[0].map((_, k) =>
    Math.max(...rows.map((row) => row[k].length)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, k) =>
        k < 2 ? cell.padEnd(widths[k]) : cell.padStart(widths[k]),
      )
      .join("  ")
      .trimEnd(),
  );
  return [
    `${title}, median of ${rounds} rounds, ${contestants[0].adapter}`,
    ...lines,
    ...objections.map((objection) => `Not comparable: ${objection}`),
  ].join("\n");
}
