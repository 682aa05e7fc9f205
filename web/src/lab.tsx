/** The lab: what the reader can set, and what comes of it. */
import { useEffect, useMemo, useReducer, useRef } from "preact/hooks";
import { type Client, connect, save } from "./client.js";
import { Curves } from "./components/curves.js";
import { Figures } from "./components/figures.js";
import { Gallery } from "./components/gallery.js";
import { ProblemNote } from "./components/problem.js";
import { RunList } from "./components/run-list.js";
import { Setup } from "./components/setup.js";
import { Status } from "./components/status.js";
import { parseParameters } from "./params.js";
import type { FromWorker, StudyRequest } from "./protocol.js";
import { type FromPage, initialState, type LabState, reduce } from "./state.js";

export function Lab() {
  const parameters = useMemo(() => parseParameters(location.search), []);
  const [state, dispatch] = useReducer(
    (before: LabState, messages: readonly (FromWorker | FromPage)[]) =>
      messages.reduce(reduce, before),
    { ...initialState, chosen: parameters.namesData ? "sample" : null },
  );
  const client = useRef<Client | null>(null);
  const send: Client["send"] = (message) => {
    client.current?.send(message);
  };
  const start = (request: StudyRequest) => {
    dispatch([{ kind: "begin" }]);
    send({ kind: "start", request });
  };
  const goOn = () => {
    dispatch([{ kind: "begin" }]);
    send({ kind: "resume" });
  };

  useEffect(() => {
    client.current = connect((messages) => {
      dispatch(messages);
      for (const message of messages) {
        if (message.kind === "file") save(message.name, message.bytes);
        if (message.kind === "done") {
          const { results, impact } = message;
          window.tarnishResult = { results, impact };
        }
        if (message.kind === "opened" && parameters.autostart)
          start(parameters.request);
      }
    });
    send({ kind: "open" });
  }, []);

  useEffect(() => {
    document.body.dataset["state"] = state.phase;
  }, [state.phase]);

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
        <Setup
          state={state}
          initial={parameters.request}
          onStart={start}
          onResume={goOn}
          onDiscard={() => {
            send({ kind: "discard" });
          }}
          onChoose={(data) => {
            dispatch([{ kind: "choose", data }]);
          }}
          onDrop={(files) => {
            send({ kind: "data", files });
          }}
          onRefused={(advice) => {
            const title = "These files cannot be used";
            const problem = { title, advice, fatal: false };
            dispatch([{ kind: "problem", problem }]);
          }}
          onForget={() => {
            send({ kind: "forget" });
          }}
        />
        <Status
          state={state}
          onStop={() => {
            send({ kind: "stop" });
          }}
          onDownload={(what) => {
            send({ kind: "download", what });
          }}
        />
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
