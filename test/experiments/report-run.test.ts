/** The report of a single run: what it shows, and what it says of the data that the run was trained on. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { find, nonsense, percent, report, root, sweep, text } from "./report-helpers.js"; // prettier-ignore

describe("a single run", () => {
  it("has its own report, without what needs levels", async () => {
    const { dir, rows } = sweep();
    const row = find(rows, "noise", 0.4);
    const { document, html, names } = await report(join(dir, row.run), join(root, "one")); // prettier-ignore
    expect(text(document, ".answer")).toBe(
      `lenet recognises ${percent(row.top1Last!)} of the 400 test images after 12 epochs.`,
    );
    expect(text(document, ".findings")).toContain("720 of 2,000 labels are really wrong (36.0\u00a0%)"); // prettier-ignore
    for (const id of ["learning-curves", "loss", "precision-recall", "class-rates", "confusion", "memorisation"])
      expect(names).toContain(`${id}.csv`); // prettier-ignore
    for (const id of ["accuracy", "impact-index", "calibration"])
      expect(names).not.toContain(`${id}.csv`);
    expect(nonsense(html)).toBeUndefined();
  });

  /** The report of a run with other settings and poison, as words in their places. */
  async function wordsOf(config: object, poison: object) {
    const { dir, rows } = sweep({ levels: [0.4], epochs: 3, perClass: 8 });
    const run = join(dir, find(rows, "noise", 0.4).run);
    for (const [name, change] of [["config.json", config], ["poison.json", poison]] as const) {
      const was = JSON.parse(readFileSync(join(run, name), "utf8")) as object;
      writeFileSync(join(run, name), JSON.stringify({ ...was, ...change }));
    } // prettier-ignore
    const { document, html } = await report(run);
    expect(nonsense(html)).toBeUndefined();
    const all = (selector: string) => [...new Set([...document.querySelectorAll(selector)].map(({ textContent }) => textContent.replaceAll("\u00a0", " ")))]; // prettier-ignore
    return {
      sentence: all(".findings li").find((item) => item.startsWith("Trained")),
      accuracy: all("#accuracy-table tbody th"),
      charts: all("#figure-learning-curves h4, #figure-loss h4, #figure-precision-recall h4"), // prettier-ignore
      runs: all("#settings ~ details tbody th, #settings ~ details tbody td"),
      facts: all("#settings + .settings div"),
      legends: all("svg text[font-weight]"),
    };
  }
  const kept = (n: number) => Array.from({ length: n }, (_, i) => i);

  it("says that its labels are a file's, and how many of them are wrong", async () => {
    const config = { noise: 0, keep: 1, labels: "lies.csv" };
    const wrong = await wordsOf(config, { kind: "labels", nominal: 0, selected: kept(720), effectiveRate: 0.3597 }); // prettier-ignore
    expect(wrong.sentence).toBe("Trained with labels from a file: 720 of 2,000 labels are really wrong (36.0 %)."); // prettier-ignore
    expect(wrong.accuracy).toEqual(["labels from a file, 720 wrong"]);
    expect(wrong.charts).toEqual(["Labels from a file, 720 wrong", "Labels from a file, 720 wrong: training loss", "Labels from a file, 720 wrong: test loss"]); // prettier-ignore
    expect(wrong.runs.slice(0, 4)).toEqual(["labels from a file, 720 wrong", "0", "done", "720"]); // prettier-ignore
    expect(wrong.facts).toContain("noise kindlabels from a file");
    expect(wrong.legends).toEqual(["36 %"]);

    const right = await wordsOf(config, { kind: "labels", nominal: 0, selected: [], changed: 0, effectiveRate: 0 }); // prettier-ignore
    expect(right.sentence).toBe("Trained with labels from a file: 0 of 2,000 labels are really wrong (0.0 %)."); // prettier-ignore
    expect(right.accuracy).toEqual(["labels from a file, none wrong"]);
    expect(right.charts).toEqual(["training loss", "test loss", "Labels from a file, none wrong"]); // prettier-ignore
  });

  it("says both of noise and removed images", async () => {
    const poison = { keep: 0.5, selected: kept(400), kept: kept(1000), changed: 360 }; // prettier-ignore
    const words = await wordsOf({ keep: 0.5, images: 1000 }, poison);
    expect(words.sentence).toBe("Trained with 40 % noise and 50 % of the images removed: 360 of 1,000 labels are really wrong (36.0 %)."); // prettier-ignore
    expect(words.accuracy).toEqual(["40 % noise, 50 % removed"]);
    expect(words.charts[0]).toBe("40 % noise, 50 % removed");
    expect(words.runs.slice(0, 5)).toEqual(["40 % noise, 50 % removed", "0", "done", "360 of 400", "1000"]); // prettier-ignore

    const labels = { kind: "labels", nominal: 0, keep: 0.5, kept: kept(1000), selected: [], changed: 0, effectiveRate: 0 }; // prettier-ignore
    const file = await wordsOf({ noise: 0, keep: 0.5, labels: "a.npy", images: 1000 }, labels); // prettier-ignore
    expect(file.sentence).toBe("Trained with labels from a file and 50 % of the images removed: 0 of 1,000 labels are really wrong (0.0 %)."); // prettier-ignore
    expect(file.accuracy).toEqual(["labels from a file, none wrong, 50 % removed"]); // prettier-ignore
  });

  it("on clean data has no wrong labels in its titles", async () => {
    const poison = { nominal: 0, selected: [], changed: 0, effectiveRate: 0 };
    const { sentence, charts, legends } = await wordsOf({ noise: 0 }, poison);
    expect(sentence).toBe("Trained on all images with the labels as they are."); // prettier-ignore
    expect(charts).toEqual(["training loss", "test loss", "Clean"]);
    expect(legends).toEqual(["clean"]);
  });

  it("that did not end shows what it left", async () => {
    const { dir, rows } = sweep({ levels: [0.2] });
    const run = join(dir, find(rows, "baseline", 0).run);
    for (const name of readdirSync(run))
      if (!["config.json", "metrics.jsonl"].includes(name))
        rmSync(join(run, name));
    const { document, html } = await report(run, join(root, "unfinished"));
    expect(text(document, ".answer")).toBe("lenet has not finished training.");
    expect(nonsense(html)).toBeUndefined();
  });
});
