/** `tarnish serve`: the lab, from this machine to a browser on it. */
import { existsSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Command } from "commander";
import openBrowser from "open";
import sirv from "sirv";
import { packageRoot } from "../../data/node-root.js";
import { UserError } from "../../errors.js";
import { commonOptions, integerOption } from "../options.js";
import { createOutput } from "../output.js";

interface Options {
  port: number;
  open: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command("serve")
    .summary("the browser lab, on this machine")
    .description(
      "Serves the lab: a page that trains on this computer's GPU and shows what dirty data costs while it happens. " +
        "Nothing leaves the machine; Ctrl-C ends it.",
    )
    .addOption(
      integerOption("--port <n>", "the port; 0 takes any that is free", {
        max: 65_535,
      }).default(4180),
    )
    .option("--no-open", "do not open a browser")
    .addOption(commonOptions.json())
    .action(run);
}

async function run({ port, open, json = false }: Options): Promise<void> {
  const output = createOutput({ json });
  const root = join(packageRoot(), "dist", "web");
  if (!existsSync(join(root, "index.html")))
    throw new UserError(
      `${root}: the lab is not built; build it with: npm run build:web`,
    );
  // Read anew at each request, and asked for again by the browser: a lab that is upgraded or rebuilt shows at once.
  const files = sirv(root, { etag: true, dev: true });
  const server = createServer((request, response) => {
    const refuse = (status: number, words: string, headers = {}) => {
      response
        .writeHead(status, { "content-type": "text/plain", ...headers })
        .end(words);
    };
    if (request.method !== "GET" && request.method !== "HEAD") {
      refuse(405, "only GET and HEAD", { allow: "GET, HEAD" });
      return;
    }
    // The whole file is always a right answer; sirv reads a range wrong, and fails where it ends before it begins.
    delete request.headers.range;
    try {
      files(request, response, () => {
        refuse(404, "not here");
      });
    } catch {
      // One request must not end the lab for everybody.
      refuse(500, "cannot be served");
    }
  });
  // This machine alone: the lab is nobody else's business, and WebGPU wants a secure context.
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: "is in use",
      EACCES: "may be opened by the administrator alone",
    };
    const reason = reasons[(error as NodeJS.ErrnoException).code ?? ""];
    if (reason === undefined) throw error;
    throw new UserError(
      `--port ${port}: ${reason}; choose another, or 0 for any that is free`,
    );
  }
  const { port: bound } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${bound}/`;
  output.print(`The lab: ${url} (Ctrl-C ends it)`);
  output.result({ url });
  // A machine without a browser has the address above.
  if (open) await openBrowser(url).catch(() => undefined);
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  server.closeAllConnections();
  server.close();
}
