/** The page's state, and what the reader can do to it: the line between the components and the training worker. */
import {
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
} from "preact/hooks";
import { type Client, connect, save } from "./client.js";
import { type Parameters, sameStudy } from "./params.js";
import type {
  DroppedFile,
  FromWorker,
  SavedStudy,
  StudyRequest,
  ToWorker,
} from "./protocol.js";
import { focusNext, moveFocus } from "./focus.js";
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

/** A reload goes on with the study that the address names; another one is not erased without a click. */
function autostart(
  request: StudyRequest,
  saved: SavedStudy | null,
  { start, resume }: Actions,
): void {
  if (saved === null) start(request);
  else if (sameStudy(request, saved.request)) resume();
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
      delete window.tarnishResult;
      send(message);
    };
    return {
      start: (request) => {
        focusNext("stop");
        run({ kind: "start", request });
      },
      resume: () => {
        focusNext("stop");
        run({ kind: "resume" });
      },
      stop: () => {
        focusNext("start");
        dispatch([{ kind: "stopping" }]);
        send({ kind: "stop" });
      },
      discard: () => {
        focusNext("start");
        dispatch([{ kind: "discarded" }]);
        delete window.tarnishResult;
        send({ kind: "discard" });
      },
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
    let saved: SavedStudy | null = null;
    client.current = connect((messages) => {
      dispatch(messages);
      for (const message of messages) {
        if (message.kind === "file") save(message.name, message.bytes);
        if (message.kind === "done") {
          const { results, impact } = message;
          window.tarnishResult = { results, impact };
        }
        if (message.kind === "kept") saved = message.saved;
        if (message.kind === "opened" && parameters.autostart)
          autostart(parameters.request, saved, actions);
      }
    });
    client.current.send({ kind: "open", page: document.baseURI });
  }, []);
  // Together with what the page shows: who reads one may rely on the other.
  useLayoutEffect(() => {
    document.body.dataset["state"] = state.phase;
  }, [state.phase]);
  // Before the browser takes the focus off a button that is disabled now.
  useLayoutEffect(moveFocus);
  return [state, actions];
}
