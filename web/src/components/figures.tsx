/** The study's figures as runs end, drawn by the report's own code, and the whole report once all is done. */
import { memo } from "preact/compat";
import type { DrawnFigure } from "../protocol.js";

interface Props {
  readonly figures: readonly DrawnFigure[];
  readonly report: string | null;
}

/** Markup made by the report, in which every name is escaped. */
const Drawn = memo(({ html }: { readonly html: string }) => (
  <div class="block" dangerouslySetInnerHTML={{ __html: html }} />
));

export function Figures({ figures, report }: Props) {
  if (figures.length === 0) return null;
  return (
    <section>
      <h2 id="results">Results{report === null ? " so far" : ""}</h2>
      {figures.map(({ id, html }) => (
        <Drawn key={id} html={html} />
      ))}
      {report !== null && (
        <p>
          <button
            type="button"
            id="report"
            onClick={() => {
              open(
                URL.createObjectURL(new Blob([report], { type: "text/html" })),
              );
            }}
          >
            Open the whole report
          </button>
        </p>
      )}
    </section>
  );
}
