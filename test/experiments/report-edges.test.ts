import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import { rebuildTables } from "../../src/experiments/node-tables.js";
import { parseCsv } from "../../src/experiments/csv.js";
import { readStudy } from "../../src/experiments/report/node-read.js";
import { writeReport } from "../../src/experiments/report/node-write.js";
import { renderReport } from "../../src/experiments/report/page.js";
import type { ResultRow } from "../../src/experiments/tables.js";
import { find, nonsense, percent, type Report, report, root, sweep, text } from "./report-helpers.js"; // prettier-ignore
import { type StudyFixture, studyFolders } from "./study-fixtures.js";
import { CIFAR10 } from "./sweep-folder.js";

describe("a sweep that is not whole", () => {
  it("says what failed, diverged, stopped or never started", async () => {
    const { dir } = sweep({
      seeds: [0, 1],
      unfinished: {
        "lenet_noise_0.4_s0": "failed",
        "lenet_noise_0.4_s1": "diverged",
        "lenet_reduction_0.6_s0": "running",
        "lenet_reduction_0.6_s1": "pending",
      },
    });
    const { document, html } = await report(dir);
    const missing = text(document, ".missing");
    expect(missing).toMatch(/lenet_noise_0\.4_s0-\w+ failed: failed in conv2/);
    expect(missing).toMatch(/lenet_noise_0\.4_s1-\w+ diverged: .*: diverged in conv2/); // prettier-ignore
    // Without a folder it was never begun, whatever an old sweep.json says.
    expect(missing).toMatch(/lenet_reduction_0\.6_s0/);
    expect(missing).toMatch(/lenet_reduction_0\.6_s1/);
    expect(html).toContain("10 of 14 runs finished");
    expect(text(document, "#accuracy-table")).not.toContain("40\u00a0% noise");
    expect(nonsense(html)).toBeUndefined();
  });

  it("tells runs that never started from those that were stopped, and from damaged ones", async () => {
    const names = ["noise_0.4_s0", "noise_0.6_s0", "reduction_0.4_s0"].map((name) => `lenet_${name}`); // prettier-ignore
    const unfinished = Object.fromEntries(names.map((name) => [name, "pending" as const])); // prettier-ignore
    const { dir, rows } = sweep({ epochs: 2, perClass: 8, unfinished });
    const [stopped, begun, waiting] = names.map((name) => rows.find(({ run }) => run.includes(name))!.run); // prettier-ignore
    mkdirSync(join(dir, stopped!, "checkpoints"), { recursive: true });
    mkdirSync(join(dir, begun!));
    for (const run of [stopped!, begun!])
      for (const file of ["config.json", "metrics.jsonl"])
        copyFileSync(join(dir, rows[0]!.run, file), join(dir, run, file));
    writeFileSync(join(dir, stopped!, "checkpoints", "last.safetensors"), "");
    const damaged = find(rows, "reduction", 0.2).run;
    rmSync(join(dir, damaged, "per_class.csv"));
    const { document } = await report(dir);
    const items = [...document.querySelectorAll(".missing li")].map(({ textContent }) => textContent); // prettier-ignore
    const name = (run: string) => run.replace("runs/", "");
    expect(items.slice(0, 3).sort()).toEqual([
      `1 run not started yet: ${name(waiting!)}`,
      `1 run stopped before its first checkpoint: ${name(begun!)}`,
      `1 run stopped before its end, with a checkpoint to go on from: ${name(stopped!)}`,
    ].sort()); // prettier-ignore
    expect(items).toHaveLength(4);
    expect(items[3]).toContain(`${damaged} has no per_class.csv; left out. Remove`); // prettier-ignore
    expect(text(document, ".kicker")).toContain("3 of 7 runs finished");
    // Other programs read the words of the contract.
    await rebuildTables(dir);
    const words = readFileSync(join(dir, "results.csv"), "utf8").match(/(?<=,)[a-z]+(?=,runs)/g); // prettier-ignore
    expect(words!.filter((word) => word !== "done")).toEqual(Array(4).fill("pending")); // prettier-ignore
  });

  it("shows a run whose curves are gone by what is left of it", async () => {
    const { dir, rows } = sweep({ levels: [0.2] });
    const noisy = find(rows, "noise", 0.2);
    for (const name of ["pr.csv", "confusion.csv", "metrics.jsonl"])
      rmSync(join(dir, noisy.run, name));
    const { document, html } = await report(dir);
    expect(text(document, ".missing")).toContain("has no metrics.jsonl, confusion.csv, pr.csv"); // prettier-ignore
    expect(text(document, "#accuracy-table")).toContain(percent(noisy.top1Last!)); // prettier-ignore
    expect(nonsense(html)).toBeUndefined();
  });

  it("normalises nothing without a clean run", async () => {
    const { dir } = sweep({ unfinished: { lenet_baseline_0_s0: "pending" } });
    const { document, html } = await report(dir);
    expect(text(document, ".findings, .answer")).toContain("no finished run on the clean data"); // prettier-ignore
    for (const id of ["impact-index", "exchange-rate", "one-class"])
      expect(document.getElementById(id)).toBeNull();
    expect(nonsense(html)).toBeUndefined();
  });

  it("is a page before anything ran", async () => {
    const { dir, rows } = sweep({ levels: [0.3] });
    rmSync(join(dir, "runs"), { recursive: true });
    const { document, html } = await report(dir);
    expect(html).toContain("0 of 3 runs finished");
    expect(text(document, ".missing")).toContain("3 runs not started yet");
    expect(document.querySelectorAll("svg")).toHaveLength(0);
    expect(rows).toHaveLength(3);
    expect(nonsense(html)).toBeUndefined();
  });

  it("has no intervals, and says so, where the logits are gone", async () => {
    const { dir } = sweep({ logits: false });
    const { document, html } = await report(dir);
    expect(text(document, "#figure-exchange-rate figcaption")).toContain("the test logits are missing"); // prettier-ignore
    expect(nonsense(html)).toBeUndefined();
  });

  it("hatches the index of a class that the clean run never recognises", async () => {
    const { dir, rows } = sweep({ levels: [0.3] });
    const path = join(dir, find(rows, "baseline", 0).run, "per_class.csv");
    const lines = readFileSync(path, "utf8").split("\n");
    const cells = lines[4]!.split(",");
    cells[7] = "0";
    lines[4] = cells.join(",");
    writeFileSync(path, lines.join("\n"));
    const { table, document } = await report(dir);
    const cat = table("impact-index").find((row) => row.text("class") === "cat"); // prettier-ignore
    expect(cat!.optional("impact")).toBeNull();
    const cellsOf = document.querySelector("#figure-impact-index [data-cells]")!; // prettier-ignore
    expect(cellsOf.getAttribute("data-notes")).toContain("cat, 30\u00a0%: no index, because the clean run recognises no image"); // prettier-ignore
    expect(cellsOf.querySelectorAll("path[stroke='var(--muted)']")).toHaveLength(1); // prettier-ignore
    expect(text(document, "#one-class ~ .block .class-table tbody:nth-of-type(4)")).toMatch(/clean0\.0000\.000––/); // prettier-ignore
  });
});

describe("a run that cannot be compared", () => {
  const options = { levels: [0.2], seeds: [0, 1], epochs: 2, perClass: 8 };
  const noisy = (rows: readonly ResultRow[]) => rows.find(({ arm, seed }) => arm === "noise" && seed === 1)!; // prettier-ignore
  /** The lines of the accuracy table and the first sentences, without the run. */
  const numbers = ({ document }: Report) => [text(document, "#accuracy-table"), text(document, ".findings")]; // prettier-ignore

  it("on other data is named, and in no number", async () => {
    const { dir, rows } = sweep(options);
    for (const { run } of rows) {
      const path = join(dir, run, "config.json");
      const config = JSON.parse(readFileSync(path, "utf8")) as object;
      const dataSha256 = run === noisy(rows).run ? "other" : "same";
      writeFileSync(path, JSON.stringify({ ...config, dataSha256 }));
    }
    const made = await report(dir);
    expect(text(made.document, ".missing")).toContain("lenet noise 0.2, seed 1: trained on other data than the first run"); // prettier-ignore
    expect(text(made.document, ".kicker")).toContain("5 of 5 runs finished");
    expect(text(made.document, "#settings ~ details pre")).not.toContain(noisy(rows).run); // prettier-ignore
    // It is done all the same, and its row says so.
    await rebuildTables(dir);
    expect(readFileSync(join(dir, "results.csv"), "utf8")).toContain(`,done,${noisy(rows).run}\n`); // prettier-ignore
    rmSync(join(dir, noisy(rows).run), { recursive: true });
    expect(numbers(made)).toEqual(numbers(await report(dir)));
  });

  it("of other classes or test images is no internal error", async () => {
    for (const [other, what] of [
      [{ classes: ["airplane", "bird", "cat", "dog"] }, "evaluated on other classes or images"],
      // The first of its images are those of the others.
      [{ perClass: 7 }, "evaluated on other classes or images"],
      [{ perClass: 9 }, "evaluated on other classes or images"],
    ] as const) {
      const [{ dir, rows }, others] = [sweep(options), sweep({ ...options, ...other, classes: [...(other.classes ?? CIFAR10)] })];
      const { run } = noisy(rows);
      rmSync(join(dir, run), { recursive: true });
      renameSync(join(others.dir, noisy(others.rows).run), join(dir, run));
      const { document, html } = await report(dir);
      expect(text(document, ".missing")).toContain(what);
      expect(text(document, ".kicker")).toContain("5 of 5 runs finished");
      expect(nonsense(html)).toBeUndefined();
    } // prettier-ignore
  });
});

describe("damaged files", () => {
  // prettier-ignore
  const damages: [string, string, RegExp][] = [
    ["confusion.csv", "class,a\n", /not a square table/],
    ["pr.csv", "class,threshold\n", /no column precision/],
    ["metrics.jsonl", '{"kind":"st\n{"kind":"step"}\n', /line 1/],
    ["metrics.jsonl", "", /holds no evaluation, but the run took \d+ steps; the file is cut off/],
    ["metrics.jsonl", '{"kind":"eval","step":1,"epoch":1,"split":"test","loss":2,"top1":0.1,"top5":null}\n', /last evaluation is of step 1, but/],
    ["metrics.jsonl", '{"kind":"step","step":1,"epoch":1}\n', /line 1: loss is no number/],
    ["summary.json", '{"last":', /is no JSON/],
    ["summary.json", "{}", /steps is no number/],
    ["poison.json", '{"kind":"shuffle","changed":1,"effectiveRate":0.2}', /selected is no list/],
    ["per_class.csv", "class,index\ncat,0\n", /no column/],
  ];
  it.each(damages)("%s: named, and what to do", async (name, content, what) => {
    const { dir, rows } = sweep({ levels: [0.2], epochs: 2, perClass: 8 });
    const { run } = find(rows, "noise", 0.2);
    writeFileSync(join(dir, run, name), content);
    const error = await writeReport(dir).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as UserError;
    expect(message).toContain(join(run, name));
    expect(message).toMatch(what);
    expect(message).toContain("continue the sweep");
    expect(existsSync(join(dir, "report"))).toBe(false);
  });

  it("logits are named among what is missing", async () => {
    const { dir, rows } = sweep({ levels: [0.2], epochs: 2, perClass: 8 });
    const { run } = find(rows, "noise", 0.2);
    writeFileSync(join(dir, run, "test_logits.safetensors"), "{}");
    const { document } = await report(dir);
    expect(text(document, ".missing")).toContain(`${run}: test_logits.safetensors: the file has 2 bytes`); // prettier-ignore
  });

  it("a sweep.json without a name, and runs that are a file, are refused", async () => {
    const { dir } = sweep({ levels: [0.2], epochs: 2, perClass: 8 });
    const path = join(dir, "sweep.json");
    const whole = JSON.parse(readFileSync(path, "utf8")) as object;
    writeFileSync(path, JSON.stringify({ ...whole, name: undefined }));
    await expect(readStudy(dir)).rejects.toThrow(`${path}: the file is damaged`); // prettier-ignore
    rmSync(path);
    rmSync(join(dir, "runs"), { recursive: true });
    writeFileSync(join(dir, "runs"), "");
    await expect(rebuildTables(dir)).rejects.toThrow(`${join(dir, "runs")}: is no folder`); // prettier-ignore
  });

  it("a folder that is neither sweep nor run is refused", async () => {
    const empty = join(root, "empty");
    mkdirSync(empty);
    for (const dir of [empty, join(root, "nowhere")])
      await expect(readStudy(dir)).rejects.toThrow(/neither a sweep folder .* nor a run folder/); // prettier-ignore
    expect(readdirSync(empty)).toEqual([]);
  });

  it("somebody else's folder is not written into", async () => {
    const { dir } = sweep({ levels: [0.2], epochs: 2, perClass: 8 });
    const out = join(root, "pictures");
    mkdirSync(join(out, "figures"), { recursive: true });
    writeFileSync(join(out, "figures", "holiday.svg"), "<svg/>");
    await expect(writeReport(dir, { out })).rejects.toThrow(UserError);
    expect(readdirSync(join(out, "figures"))).toEqual(["holiday.svg"]);
  });
});

describe("a sweep under both budgets", () => {
  it("tells the rates apart, and draws the third arm", async () => {
    const { dir } = sweep({
      levels: [0.1, 0.2, 0.4],
      steps: [0.2, 0.4, 0.8],
      noiseKind: "uniform",
    });
    const { document, names, file, table } = await report(dir);
    // With as many steps a missing image does half the damage: twice as many can be lost.
    expect(text(document, ".answer")).toBe("10\u00a0% wrong labels cost lenet as much as losing 20\u00a0% of the data."); // prettier-ignore
    expect(text(document, ".note")).toContain(
      "At equal steps, lenet: 40\u00a0% (95 % interval 40\u00a0% to 40\u00a0%, one training draw).",
    );
    const rows = [...document.querySelectorAll("#exchange-table tbody th")].map((head) => head.textContent); // prettier-ignore
    expect(rows).toEqual(["lenet, equal epochs", "lenet, equal steps"]);
    expect(names).toContain("exchange-rate-epochs.svg");
    expect(names).toContain("exchange-rate-steps.svg");
    expect(file("accuracy.svg")).toContain('stroke-dasharray="5 4"');
    expect(new Set(table("accuracy").map((row) => row.text("arm")))).toEqual(new Set(["baseline", "noise", "reduction", "reduction-steps"])); // prettier-ignore
    expect(text(document, "#accuracy-table")).toContain("80\u00a0% removed, as many steps"); // prettier-ignore
  });
});

describe("what runs cannot tell", () => {
  const { study } = studyFolders();
  const answerOf = async (models: string[], tpr: StudyFixture["tpr"]) => {
    const dir = study({ models, levels: [0.2, 0.4], seeds: [0], perClass: 30, tpr }); // prettier-ignore
    await rebuildTables(dir);
    const { document } = parseHTML(renderReport(await readStudy(dir)));
    return text(document, ".answer");
  };

  it("is no answer while a network is at chance", async () => {
    expect(await answerOf(["lenet"], ({ arm }) => (arm === "noise" ? 0.05 : 0.1))).toMatch(/^Even on the clean data lenet does not recognise more than always naming the commonest class would/); // prettier-ignore
    // Of two models the one that has learnt speaks.
    const some = await answerOf(
      ["lenet", "shallow"],
      ({ model, arm, level }) =>
        model === "lenet"
          ? 0.1
          : arm === "noise"
            ? 0.9 - level
            : 0.9 - 2 * level,
    );
    expect(some).toMatch(/wrong labels cost shallow as much as losing 10/);
  });

  it("is no answer while the interval leaves everything open", async () => {
    // What is hit moves with the level, so that 300 images say little about so small a difference.
    expect(await answerOf(["lenet"], ({ level }) => 0.5 - 0.1 * level)).toBe(
      "These runs cannot tell what 18\u00a0% wrong labels cost lenet: it may be nothing, and it may be more than losing 40\u00a0% of the data.",
    );
    expect(await answerOf(["lenet", "shallow"], ({ level }) => 0.5 - 0.1 * level)).toMatch(/^These runs cannot tell what 18\u00a0% wrong labels cost: for every model/); // prettier-ignore
  });
});

describe("hostile names", () => {
  const hostile = "<img src=x onerror=alert(1)>";
  const classes = [
    hostile,
    '"quoted", & co',
    "</script><script>alert(2)</script>",
    "=cmd()",
  ];

  it("are text everywhere, in the page and in the figures", async () => {
    const { dir } = sweep({ classes, levels: [0.5], name: hostile });
    const { document, html, names, file } = await report(dir);
    for (const markup of ["<img", "<script>alert"])
      expect(html.includes(markup)).toBe(false);
    expect(document.querySelectorAll("img, iframe")).toHaveLength(0);
    expect(document.querySelectorAll("script")).toHaveLength(1);
    const options = [...document.querySelectorAll("[name='one-class-class'] + span")].map((span) => span.textContent); // prettier-ignore
    expect(options).toEqual(classes);
    for (const name of names) {
      const content = file(name);
      if (name.endsWith(".svg")) {
        expect(/<img|<script/.exec(content)?.[0], name).toBeUndefined();
        const { documentElement } = parseHTML(content).document;
        expect(documentElement.tagName.toLowerCase(), name).toBe("svg");
      } else expect(() => parseCsv(content)).not.toThrow();
    }
  });
});

describe("a hundred classes", () => {
  it("stay readable and small", async () => {
    const classes = Array.from({ length: 100 }, (_, c) => `class ${c}`);
    const { dir } = sweep({ models: ["resnet152"], classes, perClass: 6, levels: [0.2, 0.4, 0.6], epochs: 10 }); // prettier-ignore
    const { names, document } = await report(dir);
    const page = readFileSync(join(dir, "report/index.html"), "utf8");
    expect(page.length).toBeLessThan(3_000_000);
    expect(names.filter((name) => name.startsWith("precision-recall-noise-"))).toHaveLength(101); // prettier-ignore
    // One path per shade, and every class named on both sides.
    const matrix = document.querySelector("#figure-confusion g.matrix")!;
    expect(matrix.querySelectorAll("path").length).toBeLessThan(20);
    expect(matrix.querySelectorAll("text")).toHaveLength(200);
    const drawn = [...matrix.querySelectorAll("path")].reduce((sum, path) => sum + path.getAttribute("d")!.split("M").length - 1, 0); // prettier-ignore
    expect(drawn).toBe(100 * 100);
    expect(renderReport(await readStudy(dir)).length).toBe(page.length);
  });
});
