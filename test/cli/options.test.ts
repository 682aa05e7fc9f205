import { Command } from "commander";
import { expect, it } from "vitest";
import { register as registerSweep } from "../../src/cli/commands/sweep.js";
import { register as registerTrain } from "../../src/cli/commands/train.js";

it("a sweep takes every flag of train that is not one run's own", () => {
  const program = new Command();
  registerTrain(program);
  registerSweep(program);
  const [train, sweep] = program.commands.map((command) =>
    command.options.map(({ long }) => long!),
  );
  const axes = ["--model", "--noise", "--keep", "--seed"];
  const own = ["--labels", "--resume", "--overwrite", "--profile"];
  const missing = train!.filter((flag) => !sweep!.includes(flag));
  expect(missing.sort()).toEqual([...axes, ...own].sort());
});
