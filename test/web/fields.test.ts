/** What a reader types into the lab's form, or into its address, as a study. */
import { describe, expect, it } from "vitest";
import { fieldsOf, readFields } from "../../web/src/fields.js";
import {
  defaultRequest,
  parseLevels,
  parseParameters,
  sameStudy,
} from "../../web/src/params.js";

const fields = fieldsOf(defaultRequest);

describe("the form's fields", () => {
  it("make the study that they were made from", () => {
    const request = { ...defaultRequest, trainLimit: 400 };
    const read = readFields(fieldsOf(request));
    expect({ ...read, request: { data: "sample", ...read.request } }).toEqual({
      request,
      wrong: [],
      wrongFields: new Set(),
    });
  });

  it("are read when they are whole: any digit may come first", () => {
    expect(readFields({ ...fields, trainLimit: "4" }).request).toMatchObject({
      trainLimit: 4,
    });
    expect(readFields({ ...fields, trainLimit: " " }).request).toEqual(
      readFields(fields).request,
    );
    expect(readFields({ ...fields, levels: "7, 0, 33.3 %" }).request).toEqual({
      ...readFields(fields).request,
      levels: [0, 0.07, 0.333],
    });
  });

  it.each([
    ["epochs", "0", "Epochs: expected a whole number of at least 1."],
    ["epochs", "", "Epochs: expected a whole number of at least 1."],
    ["seed", "-5", "Seed: expected a whole number of at least 0."],
    ["seed", "1.5", "Seed: expected a whole number of at least 0."],
    ["seed", "1e20", "Seed: expected a whole number of at least 0."],
    ["seed", "99999999999999999999", "Seed: this number is too large."],
    ["trainLimit", "x", "Training images: expected a whole number of at least 1."], // prettier-ignore
    ["levels", "", "Levels: expected at least one level, such as 0, 20."],
    ["levels", "100", "Levels: expected percentages from 0 to below 100."],
    ["levels", "0x10", "Levels: expected percentages from 0 to below 100."],
    ["levels", "0.00001", "Levels: expected at most 2 digits after the point."], // prettier-ignore
  ])("name what is wrong: %s %j", (field, text, message) => {
    const { request, wrong, wrongFields } = readFields({ ...fields, [field]: text }); // prettier-ignore
    expect(request).toBeNull();
    expect(wrong).toEqual([message]);
    expect([...wrongFields]).toEqual([field]);
  });

  it("want a model and an arm", () => {
    const { request, wrong } = readFields({ ...fields, models: [], arms: [] });
    expect(request).toBeNull();
    expect(wrong).toHaveLength(2);
  });
});

describe("the page's address", () => {
  it("is read as the form is", () => {
    const { request, complaints } = parseParameters(
      "?levels=0x10&epochs=0x10&seed=1.5&trainLimit=400",
    );
    expect(request).toEqual({ ...defaultRequest, trainLimit: 400 });
    expect(complaints).toHaveLength(3);
  });

  it("has levels as shares", () => {
    expect(parseLevels("0.2,0,.4,0.2")).toEqual([0, 0.2, 0.4]);
    expect(parseLevels("1")).toMatch(/from 0 to below 1/);
    expect(parseLevels("0.00001")).toMatch(/4 digits/);
  });

  it("may list the same study in another order", () => {
    const request = { ...defaultRequest, models: ["lenet", "shallow"] };
    const other = {
      ...request,
      models: ["shallow", "lenet"],
      levels: [0.6, 0.4, 0.2],
    };
    expect(sameStudy(request, other)).toBe(true);
    expect(sameStudy(request, { ...other, seed: 1 })).toBe(false);
    expect(sameStudy(request, { ...other, trainLimit: 9 })).toBe(false);
  });
});
