/** The report for people: the acceptance lines, each with its verdict and what was measured. */

import {
  formatBytes,
  formatNumber,
  formatPercent,
} from "../../dist/src/cli/format.js";
import { profileText, ratio, table, views } from "../performance/tables.mjs";

/** A section that gave a result. */
const given = (section) => (section && !section.error ? section : undefined);

/** Images/s of the contestants of a comparison whose labels match, fastest first. */
function rates(section, pattern) {
  return section.contestants
    .filter(({ label }) => pattern.test(label))
    .map(({ label, tracks }) => ({ label, rate: tracks[0].rate.median }))
    .sort((a, b) => b.rate - a.rate);
}

/** tarnish against the fastest of others in one comparison. */
function against(section, ours, others, least) {
  const [mine] = rates(section, ours);
  const all = rates(section, others);
  const skipped = section.skipped.find(({ contestant }) =>
    ours.test(contestant),
  );
  if (!mine) return [null, skipped?.reason ?? "tarnish did not run"];
  if (all.length === 0) return [null, "the others did not run"];
  const listed = all.map(({ label, rate }) => `${label} ${formatNumber(rate)}`);
  const share = mine.rate / all[0].rate;
  return [
    share >= least,
    `${formatNumber(mine.rate)} images/s, ${ratio(share)} the fastest of ${listed.join(", ")}`,
  ];
}

const f32 = /^pytorch(?!.*f16)/;
const half = /^pytorch.*f16$/;

/** A line: the section it comes from, what is asked, and from its result (and all sections) [true, false or null (not measured), measured]. */
const lines = [
  {
    section: "correctness",
    asked: "every op and golden value holds on the adapter",
    verdict: ({ passed, failed }) => [
      failed === 0 && passed > 0,
      `${passed} tests passed, ${failed} failed`,
    ],
  },
  {
    section: "repeat",
    asked: "two runs of one seed agree to the bit",
    verdict: ({ identical, steps, sums }) => [
      identical,
      `${steps} steps: ${[...new Set(sums)].map((sum) => sum.slice(0, 12)).join(" and ")}`,
    ],
  },
  {
    section: "convolutions",
    asked:
      "3×3 convolutions of 128 channels and more: at least 50 % of the f32 peak",
    verdict: wideConvolutions,
  },
  {
    section: "step",
    asked: "a launch costs the host at most 4 µs",
    verdict: ({ models: [model] }) => [
      model.hostMicrosecondsPerDispatch <= 4,
      `${formatNumber(model.hostMicrosecondsPerDispatch)} µs each of ${model.dispatches}`,
    ],
  },
  {
    section: "pytorch",
    asked: "f32: at least 0.8 times PyTorch's eager f32 without TF32",
    verdict: (section) => against(section, /^tarnish$/, f32, 0.8),
  },
  {
    section: "pytorch",
    asked: "mixed: at least half of PyTorch's AMP, channels-last",
    verdict: (section) => against(section, /^tarnish\+mixed$/, half, 0.5),
  },
  {
    section: "tfjs",
    asked: "at least 10 times TensorFlow.js on WebGPU",
    verdict: (section) => against(section, /^tarnish$/, /^tfjs/, 10),
  },
  {
    section: "cifar10",
    asked: "CIFAR-10 to 94 %",
    verdict: ({ curve, best, trainSeconds }, sections) => {
      const there = curve.find(({ top1 }) => top1 >= 0.94);
      const peer = given(sections["cifar10-pytorch"]);
      const end = [
        `best ${formatPercent(best)} in ${curve.length} epochs, ${formatNumber(trainSeconds)} s of training`,
        peer
          ? `PyTorch's AMP on the same images: ${formatPercent(peer.best)}, ${formatNumber(peer.trainSeconds)} s`
          : "PyTorch was not run",
      ].join("; ");
      return there
        ? [
            true,
            `after ${formatNumber(there.trainSeconds)} s of training; ${end}`,
          ]
        : [false, end];
    },
  },
];

function wideConvolutions({ conv, peakGflops }) {
  const wide = conv.filter(({ shape }) => {
    const [, channels, kernel, out] =
      /x(\d+)-(\d+)x\d+-(\d+)/.exec(shape) ?? [];
    return kernel === "3" && Number(channels) >= 128 && Number(out) >= 128;
  });
  if (wide.length === 0) return [null, "no such convolution was measured"];
  wide.sort((a, b) => a.shareOfPeak - b.shareOfPeak);
  const words = ({ shape, pass, shareOfPeak }) =>
    `${formatPercent(shareOfPeak)} (${shape} ${pass})`;
  return [
    wide[0].shareOfPeak >= 0.5,
    `${words(wide[0])} to ${words(wide.at(-1))} of ${formatNumber(peakGflops)} GFLOP/s`,
  ];
}

/** @param {object} report as run.mjs writes it */
export function markdown(report) {
  const { machine, sections, tiny } = report;
  const adapter = sections.doctor?.adapter ?? machine.gpu ?? "unknown adapter";
  const text = [
    `# GPU check${tiny ? " (tiny: sizes for trying the check itself out)" : ""}`,
    `${adapter}; ${machine.gpu ?? "no NVIDIA driver"}; ${machine.cores} cores; ${report.date}`,
    table(
      ["asked", "verdict", "measured"],
      lines.map(({ section, asked, verdict }) => {
        const result = given(sections[section]);
        const [held, measured] = result
          ? verdict(result, sections)
          : [null, sections[section]?.error ?? "not run"];
        const word = held === null ? "not measured" : held ? "pass" : "FAIL";
        return [asked, word, firstLine(measured)];
      }),
      "---",
    ),
    ...details(sections),
  ];
  return `${text.join("\n\n")}\n`;
}

const firstLine = (text) => String(text).split("\n")[0].slice(0, 300);

/** Everything behind the lines, as far as it was measured. */
function details({ correctness, convolutions, step, pytorch, tfjs, ...rest }) {
  const text = [];
  const failures = correctness?.failures ?? [];
  if (failures.length > 0)
    text.push(
      "## Tests that failed",
      failures
        .map(
          ({ file, test, message }) =>
            `- ${file}: ${test}: ${firstLine(message)}`,
        )
        .join("\n"),
    );
  if (given(convolutions))
    text.push(
      "## Convolutions",
      views.peaks(convolutions),
      views.conv(convolutions),
    );
  for (const { model, batch, profile, ...rest } of given(step)?.models ?? [])
    text.push(
      `## A step of ${model}, batch ${batch}`,
      `${formatNumber(rest.msPerStep)} ms, ${formatNumber(rest.imagesPerSecond)} images/s, ${rest.dispatches} launches at ` +
        `${formatNumber(rest.hostMicrosecondsPerDispatch)} µs of the host, ${formatBytes(rest.planBytes)}`,
      ...(profile ? profileText(profile) : []),
    );
  for (const comparison of [given(pytorch), given(tfjs)])
    if (comparison) text.push(...peerTables(comparison));
  const { curve = [], settings } = given(rest.cifar10) ?? {};
  const peer = given(rest["cifar10-pytorch"])?.curve ?? [];
  if (curve.length > 0)
    text.push(
      "## CIFAR-10",
      `\`${settings.join(" ")}\``,
      table(
        ["epoch", "training, s", "top-1", "PyTorch, s", "top-1"],
        curve.map((point, i) => [
          point.epoch,
          ...place(point),
          ...place(peer[i]),
        ]),
      ),
    );
  return text;
}

const place = (point) =>
  point ? [point.trainSeconds.toFixed(1), formatPercent(point.top1)] : ["", ""];

function peerTables(comparison) {
  const { task, skipped, objections } = comparison;
  const notes = [
    ...skipped.map(({ contestant, reason }) => `- ${contestant}: ${reason}`),
    ...objections.map((objection) => `- not comparable: ${objection}`),
  ];
  return [
    `## ${task.model} training, batch ${task.batch}`,
    views.peers(comparison),
    ...(notes.length > 0 ? [notes.map(firstLine).join("\n")] : []),
  ];
}
