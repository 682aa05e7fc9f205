/** The page's end of the line to the training worker: messages in batches, so that no task on the page is long. */
import type { FromWorker, ToWorker } from "./protocol.js";

/** Messages are shown so often at most, in milliseconds. */
const interval = 100;

/** Messages that bring a drawing or a lot of pictures. */
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
  const waiting: FromWorker[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    // A message that brings much to draw has a turn of its own.
    const heavy = waiting.findIndex(({ kind }) => heavyKinds.has(kind));
    const count = heavy < 0 ? waiting.length : Math.max(1, heavy);
    const messages = waiting.splice(0, count);
    timer = waiting.length > 0 ? setTimeout(flush, interval) : undefined;
    onMessages(messages);
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    waiting.push(data);
    timer ??= setTimeout(flush, interval);
  };
  worker.onerror = ({ message }) => {
    onMessages([
      {
        kind: "problem",
        problem: {
          title: "The training worker stopped",
          advice: "Reload the page; what was trained so far is kept.",
          details: message,
          fatal: true,
        },
      },
    ]);
  };
  return {
    send: (message) => {
      worker.postMessage(message);
    },
  };
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
