/** The line that says what goes on, with the bar, the speed, the time left, and what can be done now. */
import { counted, percent } from "../numbers.js";
import { type LabState, progressOf, secondsLeft } from "../state.js";
import type { Actions } from "../use-lab.js";

/** "about 3 min", "about 20 s". */
function duration(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}

interface Props {
  readonly state: LabState;
  readonly actions: Actions;
}

export function Status({ state, actions }: Props) {
  const { phase, imagesPerSecond, adapter } = state;
  const running = phase === "running";
  const left = running ? secondsLeft(state) : null;
  const share = progressOf(state);
  const anything = phase === "done" || state.figures.length > 0;
  return (
    <section class="status" aria-label="Progress">
      <p id="status" role="status">
        {state.stopping ? "Stopping…" : (state.reading ?? state.status)}
      </p>
      {state.jobs.length > 0 && (
        <progress max={1} value={share} aria-label="Share of the study done">
          {percent(share, 0)}
        </progress>
      )}
      <p class="note numbers">
        {running && imagesPerSecond > 0 && (
          <>
            {counted(imagesPerSecond)} images/s
            {left !== null && `, ${duration(left)} left`}
            {" · "}
          </>
        )}
        {adapter &&
          `${adapter.name}${adapter.software ? " (no GPU: the CPU does its work, slowly)" : ""}`}
      </p>
      <p class="actions">
        <button
          id="stop"
          type="button"
          disabled={!running || state.stopping}
          onClick={actions.stop}
        >
          Stop
        </button>
        <button
          id="download"
          type="button"
          disabled={!anything}
          onClick={() => {
            actions.download("study");
          }}
        >
          Download the study (.zip)
        </button>
        <button
          id="download-weights"
          type="button"
          disabled={!anything}
          onClick={() => {
            actions.download("weights");
          }}
        >
          Download weights (.safetensors)
        </button>
      </p>
    </section>
  );
}
