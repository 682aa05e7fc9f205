/** The page's state, and what the reader can do to it: the line between the components and the training worker. */
import { useEffect, useMemo, useReducer, useRef } from "preact/hooks";
import { type Client, connect, save } from "./client.js";
import type { Parameters } from "./params.js";
import type {
  DroppedFile,
  FromWorker,
  StudyRequest,
  ToWorker,
} from "./protocol.js";
import { type FromPage, initialState, type LabState, reduce } from "./state.js";

/** The same functions as long as the page is open. */
export interface Actions {
  readonly start: (request: StudyRequest) => void;
  readonly resume: () => void;
  readonly stop: () => void;
  readonly discard: () => void;
  readonly download: (what: "study" | "weights") => void;
  readonly choose: (data: StudyRequest["data"]) => void;
  readonly drop: (files: readonly DroppedFile[]) => void;
  /** Dropped files that the browser does not hand over. */
  readonly refuse: (why: string) => void;
  readonly forget: () => void;
}

export function useLab(parameters: Parameters): [LabState, Actions] {
  const [state, dispatch] = useReducer(
    (before: LabState, messages: readonly (FromWorker | FromPage)[]) =>
      messages.reduce(reduce, before),
    { ...initialState, chosen: parameters.namesData ? "sample" : null },
  );
  const client = useRef<Client | null>(null);
  const actions = useMemo((): Actions => {
    const send = (message: ToWorker) => client.current?.send(message);
    const run = (message: ToWorker) => {
      dispatch([{ kind: "begin" }]);
      send(message);
    };
    return {
      start: (request) => {
        run({ kind: "start", request });
      },
      resume: () => {
        run({ kind: "resume" });
      },
      stop: () => send({ kind: "stop" }),
      discard: () => send({ kind: "discard" }),
      download: (what) => send({ kind: "download", what }),
      choose: (data) => {
        dispatch([{ kind: "choose", data }]);
      },
      drop: (files) => send({ kind: "data", files }),
      refuse: (advice) => {
        const title = "These files cannot be used";
        const problem = { title, advice, fatal: false };
        dispatch([{ kind: "problem", problem }]);
      },
      forget: () => send({ kind: "forget" }),
    };
  }, []);
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
          actions.start(parameters.request);
      }
    });
    client.current.send({ kind: "open" });
  }, []);
  useEffect(() => {
    document.body.dataset["state"] = state.phase;
  }, [state.phase]);
  return [state, actions];
}
