/** A local HTTP server in a mirror's place, with the faults that real ones have. */
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

export interface MirrorOptions {
  /** Files by name. */
  files: Map<string, Uint8Array>;
  /** Answers `Range` requests with the whole file. */
  ignoreRange?: boolean;
  /** Breaks each of the first so many answers off in the middle. */
  breaks?: number;
}

export interface Mirror {
  url: string;
  /** Requests in order: name and range asked for. */
  requests: string[];
  close(): Promise<void>;
}

export async function startMirror(options: MirrorOptions): Promise<Mirror> {
  const requests: string[] = [];
  let breaks = options.breaks ?? 0;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const name = request.url!.slice(request.url!.lastIndexOf("/") + 1);
    const range = request.headers.range;
    requests.push(range ? `${name} ${range}` : name);
    const file = options.files.get(name);
    if (!file) {
      response.writeHead(404).end("not here");
      return;
    }
    const from = options.ignoreRange
      ? 0
      : Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    if (from >= file.length) {
      response
        .writeHead(416, { "content-range": `bytes */${file.length}` })
        .end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, {
      "content-length": file.length - from,
      ...(from > 0 && {
        "content-range": `bytes ${from}-${file.length - 1}/${file.length}`,
      }),
    });
    if (breaks-- > 0) {
      const half = from + Math.ceil((file.length - from) / 2);
      response.write(file.subarray(from, half), () => {
        // Lets the bytes arrive before the connection goes: what is still on its way is lost with it.
        setTimeout(() => request.socket.destroy(), 250);
      });
    } else response.end(file.subarray(from));
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/sets/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
