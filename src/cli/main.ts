#!/usr/bin/env node
/**
 * The `tarnish` command: reads the command line, runs one subcommand and turns what happened into an exit code: 0 done,
 * 1 ran and something failed (a command sets process.exitCode), 2 the request was wrong, 130 or 143 stopped by a signal.
 */
import { argv, exit, stderr } from "node:process";
import { Command } from "commander";
import * as bench from "./commands/bench.js";
import * as data from "./commands/data.js";
import * as demo from "./commands/demo.js";
import * as doctor from "./commands/doctor.js";
import * as evaluate from "./commands/eval.js";
import * as exportWeights from "./commands/export.js";
import * as issues from "./commands/issues.js";
import * as poison from "./commands/poison.js";
import * as report from "./commands/report.js";
import * as serve from "./commands/serve.js";
import * as sweep from "./commands/sweep.js";
import * as train from "./commands/train.js";
import { debugDetails, describeFailure } from "./errors.js";
import { refuseEmptyValues } from "./options.js";
import { exitCodeWith, flushOutput, outliveStreams } from "./output.js";
import { printableLines } from "./printable.js";
import { version } from "./version.js";

/** In the order of the help. */
const commands = [
  demo,
  sweep,
  train,
  evaluate,
  exportWeights,
  poison,
  report,
  issues,
  data,
  serve,
  bench,
  doctor,
];

const examples = `
Examples:
  tarnish demo
      a first study on the embedded sample, with a report, in a few minutes
  tarnish train --model resnet8 --noise 0.4 --out runs/noisy
      one network on 40 % noisy labels
  tarnish poison --noise 0.2 --out poisoned
      labels of the embedded sample with 20 % noise, as .npy and .csv
  tarnish export --run runs/noisy --out noisy.safetensors
      its weights, for PyTorch
  tarnish issues --data photos/
      the labels of your own images that are most likely wrong
  tarnish doctor
      the GPU adapter in use, its limits, and how fast it is

'tarnish <command> --help' explains a command. Exit codes: 0 done, 1 something failed, 2 the request was wrong,
130 stopped by Ctrl-C, 143 by SIGTERM.`;

function createProgram(): Command {
  const program = new Command("tarnish")
    .description(
      "What does dirty data cost a network, class by class? Trains image classifiers on poisoned and on reduced data.",
    )
    .version(version(), "--version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", examples)
    // Set before the subcommands are made, which inherit these: errors are thrown and worded in errors.ts alone.
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => undefined })
    .hook("preAction", (_, command) => {
      refuseEmptyValues(command);
    });
  for (const { register } of commands) register(program);
  return program;
}

async function main(): Promise<number> {
  outliveStreams();
  const program = createProgram();
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    const asked = argv[2];
    const command = program.commands.find((known) => known.name() === asked);
    const { exitCode, message } = describeFailure(error, command?.name());
    if (message) stderr.write(`tarnish: ${printableLines(message)}\n`);
    const details = exitCode === 0 ? undefined : debugDetails(error);
    if (details) stderr.write(`${details}\n`);
    return exitCode;
  }
}

// Dawn keeps the event loop alive for as long as it is loaded, so the process has to be ended.
const code = await main();
await flushOutput();
exit(exitCodeWith(code));
