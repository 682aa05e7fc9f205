/** The line that says what goes on, with the bar, the speed, the time left, and what can be done now. */
import { type LabState, progressOf, secondsLeft } from "../state.js";

/** "about 3 min", "about 20 s". */
function duration(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}

interface Props {
  readonly state: LabState;
  readonly onStop: () => void;
  readonly onDownload: (what: "study" | "weights") => void;
}

export function Status({ state, onStop, onDownload }: Props) {
  const { phase, imagesPerSecond, adapter } = state;
  const running = phase === "running";
  const left = running ? secondsLeft(state) : null;
  const share = progressOf(state);
  return (
    <section class="status" aria-label="Progress">
      <p id="status" role="status">
        {state.reading ?? state.status}
      </p>
      {state.jobs.length > 0 && (
        <progress max={1} value={share} aria-label="Share of the study done">
          {Math.round(100 * share)} %
        </progress>
      )}
      <p class="note numbers">
        {running && imagesPerSecond > 0 && (
          <>
            {Math.round(imagesPerSecond).toLocaleString("en")} images/s
            {left !== null && `, ${duration(left)} left`}
            {" · "}
          </>
        )}
        {adapter &&
          `${adapter.name}${adapter.software ? " (no GPU: the CPU does its work, slowly)" : ""}`}
      </p>
      <p class="actions">
        <button id="stop" type="button" disabled={!running} onClick={onStop}>
          Stop
        </button>
        <button
          id="download"
          type="button"
          disabled={phase !== "done" && state.figures.length === 0}
          onClick={() => {
            onDownload("study");
          }}
        >
          Download the study (.zip)
        </button>
        <button
          id="download-weights"
          type="button"
          disabled={phase !== "done" && state.figures.length === 0}
          onClick={() => {
            onDownload("weights");
          }}
        >
          Download weights (.safetensors)
        </button>
      </p>
    </section>
  );
}
