/** Live curves, one line a run: the loss of every step, smoothed, and top-1 on the test images after each epoch. */
import { Fragment } from "preact";
import { memo } from "preact/compat";
import { chart, frame, stroke } from "../../../src/experiments/report/svg.js";
import type { CurvePoint } from "../protocol.js";
import { jobTitle, type JobView } from "../state.js";

/** Means over windows that let the eye see the trend. */
function smoothed(points: readonly CurvePoint[]): readonly CurvePoint[] {
  const window = Math.ceil(points.length / 60);
  const result: CurvePoint[] = [];
  for (let i = 0; i < points.length; i += window) {
    const part = points.slice(i, i + window);
    const mean = part.reduce((sum, [, y]) => sum + y, 0) / part.length;
    result.push([part.at(-1)![0], mean]);
  }
  return result;
}

interface Line {
  readonly title: string;
  readonly color: string;
  readonly dash: string | undefined;
  readonly points: readonly CurvePoint[];
}

function draw(label: string, lines: readonly Line[], fromZero: boolean) {
  const all = lines.flatMap(({ points }) => points);
  if (all.length === 0) return null;
  const [xs, ys] = [all.map(([x]) => x), all.map(([, y]) => y)];
  const low = fromZero ? 0 : Math.min(...ys);
  const high = Math.max(...ys);
  const axes = frame({
    width: 460,
    height: 260,
    x: { domain: [0, Math.max(1, ...xs)], label: "epoch" },
    y: { domain: [low, high > low ? high : low + 1], label },
  });
  const paths = lines
    .filter(({ points }) => points.length > 0)
    .map(({ points, color, dash }) => {
      const d = points
        .map(
          ([x, y], i) =>
            `${i === 0 ? "M" : "L"}${axes.x(x).toFixed(1)} ${axes.y(y).toFixed(1)}`,
        )
        .join("");
      const [x, y] = points.at(-1)!;
      const end = `<circle cx="${axes.x(x).toFixed(1)}" cy="${axes.y(y).toFixed(1)}" r="3" fill="${color}"/>`;
      return stroke(d, color, { "stroke-dasharray": dash }) + end;
    });
  const description = `${label} by epoch of ${lines.map(({ title }) => title).join("; ")}`;
  return chart(460, 260, description, axes.axes + paths.join(""));
}

function linesOf(
  jobs: readonly JobView[],
  of: (job: JobView) => readonly CurvePoint[],
): Line[] {
  return jobs.map((job) => ({
    title: jobTitle(job),
    color:
      job.arm === "baseline"
        ? "var(--ink)"
        : job.arm === "noise"
          ? "var(--noise)"
          : "var(--reduction)",
    // The higher the level, the more broken the line.
    dash:
      job.level > 0 ? `${Math.round(14 * (1 - job.level)) + 2} 3` : undefined,
    points: of(job),
  }));
}

/** Two charts of one model's runs. */
function Charts({ jobs }: { readonly jobs: readonly JobView[] }) {
  const charts = [
    draw(
      "training loss",
      linesOf(jobs, (job) => smoothed(job.loss)),
      false,
    ),
    draw(
      "top-1 on test images",
      linesOf(jobs, ({ top1Curve }) => top1Curve),
      true,
    ),
  ].filter((svg) => svg !== null);
  return (
    <div class="charts">
      {charts.map((svg, i) => (
        <div key={i} dangerouslySetInnerHTML={{ __html: svg }} />
      ))}
    </div>
  );
}

export const Curves = memo(
  ({ jobs }: { readonly jobs: readonly JobView[] }) => {
    const learning = jobs.filter(({ loss }) => loss.length > 0);
    if (learning.length === 0) return null;
    const models = [...new Set(jobs.map(({ model }) => model))];
    const begun = models.filter((model) =>
      learning.some((job) => job.model === model),
    );
    return (
      <section>
        <h2 id="curves">Learning, live</h2>
        {begun.map((model) => (
          <Fragment key={model}>
            {models.length > 1 && <h3>{model}</h3>}
            <Charts jobs={jobs.filter((job) => job.model === model)} />
          </Fragment>
        ))}
        <p class="note">
          <span class="key clean">clean</span>
          <span class="key noise">noisy labels</span>
          <span class="key reduction">images removed</span> The higher the
          level, the more broken the line.
        </p>
      </section>
    );
  },
);
