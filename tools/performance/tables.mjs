/** Results of `tarnish bench --json` and of tools/peers as markdown. */

export const percent = (share) => `${(100 * share).toFixed(1)} %`;
export const number = (value) =>
  value >= 100
    ? Math.round(value).toLocaleString("en-US")
    : String(Number(value.toPrecision(3)));
export const ratio = (value) => `${number(value)}×`;

/** @param {string} align of all columns but the first */
export function table(head, rows, align = "---:") {
  const line = (cells) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  const ruler = head.map((_, i) => (i === 0 ? "---" : align));
  return [line(head), line(ruler), ...rows.map(line)].join("\n");
}

/** What each view shows of a result. */
export const views = {
  peaks: ({ peaks, copyGigabytesPerSecond }) =>
    [
      table(
        ["peak kernel", "GFLOP/s"],
        peaks.map(({ kernel, gflops }) => [kernel, number(gflops)]),
      ),
      `A copy reads and writes ${number(copyGigabytesPerSecond)} GB/s.`,
    ].join("\n\n"),

  conv: ({ conv }) =>
    table(
      [
        "convolution",
        "pass",
        "ms",
        "GFLOP/s",
        "of peak",
        "of matmul",
        "kernel",
      ],
      conv.map((entry) => [
        entry.shape,
        entry.pass,
        number(entry.ms),
        number(entry.gflops),
        percent(entry.shareOfPeak),
        percent(entry.shareOfMatmul),
        entry.variant,
      ]),
    ),

  models: ({ models }) =>
    table(
      [
        "model",
        "batch",
        "images/s",
        "ms/step",
        "launches",
        "host µs each",
        "plan MiB",
      ],
      models.map((entry) => [
        entry.width === 1 ? entry.model : `${entry.model} ×${entry.width}`,
        entry.batch,
        number(entry.imagesPerSecond),
        number(entry.msPerStep),
        entry.dispatches,
        number(entry.hostMicrosecondsPerDispatch),
        number(entry.planBytes / 2 ** 20),
      ]),
    ),

  profile: ({ models }) =>
    models
      .filter(({ profile }) => profile)
      .map(({ model, batch, profile }) =>
        [
          `${model}, batch ${batch}: ${number(profile.milliseconds)} ms on the GPU, ${number(profile.movedBytes / 1e6)} MB moved; every tensor written and read once: ${number(profile.leastBytes / 1e6)} MB`,
          profileTable(profile),
        ].join("\n\n"),
      )
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
          number(rate.median),
          number(rate.min),
          number(rate.max),
          value.warm.toPrecision(6),
          tarnishRatio === null ? "" : ratio(tarnishRatio),
        ];
        return withMatmul ? [...row, percent(shareOfMatmul)] : row;
      }),
    );
    return table(head, rows);
  },
};

export const profileTable = ({ kernels }) =>
  table(
    ["kernel", "launches", "ms", "share", "GFLOP/s", "GB/s"],
    kernels.map((entry) => [
      entry.kernel,
      number(entry.dispatches),
      number(entry.milliseconds),
      percent(entry.share),
      entry.gflops === null ? "" : number(entry.gflops),
      number(entry.gigabytesPerSecond),
    ]),
  );
