/** The page's end of the line to the training worker: messages in batches, so that no task on the page is long. */
import type { FromWorker, ToWorker } from "./protocol.js";

/** Light messages are shown so often at most, in milliseconds. */
const interval = 200;

/** Messages that bring much to draw: each has a turn of its own, and the worker waits until it is drawn. */
const heavyKinds: ReadonlySet<FromWorker["kind"]> = new Set([
  "started",
  "figure",
  "gallery",
  "done",
]);

export interface Client {
  send(message: ToWorker): void;
}

export function connect(
  onMessages: (messages: readonly FromWorker[]) => void,
): Client {
  const worker = new Worker(new URL("./worker/main.ts", import.meta.url), {
    type: "module",
  });
  const send = (message: ToWorker) => {
    worker.postMessage(message);
  };
  let light: FromWorker[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (light.length > 0) onMessages(light);
    light = [];
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if (heavyKinds.has(data.kind)) {
      // What came before is shown before, and not in the same turn.
      flush();
      afterPaint(() => {
        onMessages([data]);
        afterPaint(() => {
          send({ kind: "shown" });
        });
      });
      return;
    }
    light.push(data);
    timer ??= setTimeout(flush, interval);
  };
  worker.onerror = ({ message }) => {
    onMessages([
      {
        kind: "problem",
        problem: {
          title: "The training worker stopped",
          advice:
            "Reload the page; what the browser has kept of the study goes on from there.",
          details: message,
          fatal: true,
        },
      },
    ]);
  };
  return { send };
}

/** Calls back once the page has drawn what it was told; out of sight it draws nothing, and its timers wait for seconds. */
export function afterPaint(callback: () => void): void {
  if (document.hidden) {
    queueMicrotask(callback);
    return;
  }
  let called = false;
  const once = () => {
    if (called) return;
    called = true;
    callback();
  };
  requestAnimationFrame(() => setTimeout(once));
  setTimeout(once, interval);
}

/** Hands a file to the reader. */
export function save(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 1000);
}
