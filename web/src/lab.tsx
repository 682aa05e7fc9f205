/** The lab: what the reader can set, and what comes of it. */
import { useMemo } from "preact/hooks";
import { Curves } from "./components/curves.js";
import { Figures } from "./components/figures.js";
import { Gallery } from "./components/gallery.js";
import { ProblemNote } from "./components/problem.js";
import { RunList } from "./components/run-list.js";
import { Setup } from "./components/setup.js";
import { Status } from "./components/status.js";
import { parseParameters } from "./params.js";
import { isFree } from "./state.js";
import { useLab } from "./use-lab.js";

export function Lab() {
  const parameters = useMemo(() => parseParameters(location.search), []);
  const [state, actions] = useLab(parameters);
  return (
    <>
      <a class="skip" href="#content">
        Skip to the study
      </a>
      <header>
        <p class="kicker">tarnish lab</p>
        <h1>What does dirty data cost?</h1>
        <p class="lead">
          Watch a network learn from wrong labels, and from fewer images, on
          your own GPU. Nothing leaves this page.
        </p>
      </header>
      <main id="content" tabIndex={-1}>
        {parameters.complaints.map((complaint) => (
          <p class="notice" key={complaint}>
            Address of this page: {complaint}.
          </p>
        ))}
        {state.problem && <ProblemNote problem={state.problem} />}
        {!state.room && (
          <p class="notice" role="alert" id="no-room">
            The browser has no room to keep this study: download it before you
            leave.
          </p>
        )}
        <Setup
          able={isFree(state)}
          saved={state.saved}
          shown={state.phase === "done"}
          own={state.own}
          chosen={state.chosen ?? "sample"}
          initial={parameters.request}
          actions={actions}
        />
        <Status state={state} actions={actions} />
        {state.jobs.length > 0 && (
          <>
            <RunList jobs={state.jobs} />
            <Curves jobs={state.jobs} />
          </>
        )}
        <Figures figures={state.figures} report={state.report} />
        <Gallery jobs={state.jobs} galleries={state.galleries} />
      </main>
      <footer>
        <p>
          The same studies run headless with <code>npx tarnish sweep</code>, on
          the same engine. The sample is part of CIFAR-10 (Krizhevsky, 2009).
        </p>
      </footer>
    </>
  );
}
