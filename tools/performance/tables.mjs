/** Results of `tarnish bench --json` and of tools/peers as markdown. */
import {
  convCells,
  modelCells,
  peakCells,
  profileCells,
  trafficWords,
} from "../../dist/src/cli/bench-tables.js";
import { formatNumber, formatPercent } from "../../dist/src/cli/format.js";

export const ratio = (value) => `${formatNumber(value)}×`;

/** @param {string} align of all columns but the first */
export function table(head, rows, align = "---:") {
  const line = (cells) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  const ruler = head.map((_, i) => (i === 0 ? "---" : align));
  return [line(head), line(ruler), ...rows.map(line)].join("\n");
}

const markdown = ({ head, rows }) => table(head, rows);

/** A profile's table, and what stands above it. */
export const profileText = (profile) => [
  `${formatNumber(profile.milliseconds)} ms on the GPU; ${trafficWords(profile)}`,
  markdown(profileCells(profile)),
];

/** What each view shows of a result. */
export const views = {
  peaks: (result) =>
    [
      markdown(peakCells(result)),
      `A copy reads and writes ${formatNumber(result.copyGigabytesPerSecond)} GB/s.`,
    ].join("\n\n"),

  conv: (result) => markdown(convCells(result)),

  models: (result) => markdown(modelCells(result)),

  profile: ({ models }) =>
    models
      .filter(({ profile }) => profile)
      .flatMap(({ model, batch, profile }) => {
        const [words, ...tables] = profileText(profile);
        return [`${model}, batch ${batch}: ${words}`, ...tables];
      })
      .join("\n\n"),

  peers: ({ task, unit, contestants }) => {
    const withMatmul = contestants.some(({ label }) => label === "matmul");
    const result = task.kind === "training" ? "loss after 5 steps" : "mean";
    const head = ["", "", unit, "min", "max", result, "tarnish is"];
    if (withMatmul) head.push("of matmul");
    const rows = contestants.flatMap(({ name, version, settings, tracks }) =>
      tracks.map(({ name: track, rate, value, ...shares }) => {
        const { tarnishRatio, shareOfMatmul } = shares;
        const row = [
          [name, version, settings].filter(Boolean).join(" "),
          track,
          formatNumber(rate.median),
          formatNumber(rate.min),
          formatNumber(rate.max),
          value.warm.toPrecision(6),
          tarnishRatio === null ? "" : ratio(tarnishRatio),
        ];
        return withMatmul ? [...row, formatPercent(shareOfMatmul)] : row;
      }),
    );
    return table(head, rows);
  },
};
