/**
 * Checks a JSON value against a schema: the part of JSON Schema (draft 2020-12) that the published schemas use. A value
 * that does not fit is refused with its path: "settings.epochs: expected a whole number of at least 1, got 0".
 */
import { isObject } from "./json.js";

interface Described {
  readonly description?: string;
  readonly default?: unknown;
}

export type Schema = Described &
  (
    | { readonly type: "boolean" }
    | { readonly type: "string"; readonly pattern?: string }
    | { readonly enum: readonly string[] }
    | {
        readonly type: "number" | "integer";
        readonly minimum?: number;
        readonly maximum?: number;
        readonly exclusiveMinimum?: number;
        readonly exclusiveMaximum?: number;
      }
    | {
        readonly type: "array";
        readonly items: Schema;
        readonly minItems?: number;
        readonly uniqueItems?: boolean;
      }
    | ObjectSchema
    | { readonly anyOf: readonly Schema[] }
  );

export interface ObjectSchema extends Described {
  readonly type: "object";
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties: false;
}

/** What is wrong with a value, with its path, or null. */
export function schemaError(
  schema: Schema,
  value: unknown,
  path = "",
): string | null {
  if ("anyOf" in schema)
    return schema.anyOf.some((one) => schemaError(one, value) === null)
      ? null
      : complaint(path, expected(schema), value);
  if ("enum" in schema)
    return schema.enum.some((word) => word === value)
      ? null
      : complaint(path, expected(schema), value);
  switch (schema.type) {
    case "object":
      return objectError(schema, value, path);
    case "array": {
      if (
        !Array.isArray(value) ||
        value.length < (schema.minItems ?? 0) ||
        (schema.uniqueItems && new Set(value).size < value.length)
      )
        return complaint(path, expected(schema), value);
      return firstOf(value, (item, i) =>
        schemaError(schema.items, item, `${path}[${i}]`),
      );
    }
    case "boolean":
      return typeof value === "boolean"
        ? null
        : complaint(path, expected(schema), value);
    case "string":
      return typeof value === "string" &&
        new RegExp(schema.pattern ?? "").test(value)
        ? null
        : complaint(path, expected(schema), value);
    case "number":
    case "integer": {
      const fits =
        typeof value === "number" &&
        (schema.type === "number" || Number.isSafeInteger(value)) &&
        value >= (schema.minimum ?? -Infinity) &&
        value <= (schema.maximum ?? Infinity) &&
        value > (schema.exclusiveMinimum ?? -Infinity) &&
        value < (schema.exclusiveMaximum ?? Infinity);
      return fits ? null : complaint(path, expected(schema), value);
    }
  }
}

function objectError(
  { properties, required = [] }: ObjectSchema,
  value: unknown,
  path: string,
): string | null {
  if (!isObject(value)) return complaint(path, "an object", value);
  const at = (key: string) => (path === "" ? key : `${path}.${key}`);
  for (const key of required) {
    if (!Object.hasOwn(value, key)) return `${at(key)}: is missing`;
  }
  return firstOf(Object.entries(value), ([key, member]) => {
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    return schema === undefined
      ? `${at(key)}: is unknown; there are ${Object.keys(properties).join(", ")}`
      : schemaError(schema, member, at(key));
  });
}

function firstOf<T>(
  items: readonly T[],
  check: (item: T, index: number) => string | null,
): string | null {
  for (const [i, item] of items.entries()) {
    const error = check(item, i);
    if (error !== null) return error;
  }
  return null;
}

function complaint(path: string, what: string, value: unknown): string {
  // NaN, Infinity and undefined have no JSON.
  const worded = typeof value === "number" || value === undefined;
  const text = worded ? String(value) : JSON.stringify(value);
  const got = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  return `${path === "" ? "" : `${path}: `}expected ${what}, got ${got}`;
}

/** What a schema takes, in words. */
function expected(schema: Schema): string {
  if ("anyOf" in schema) return schema.anyOf.map(expected).join(", or ");
  if ("enum" in schema) return `one of ${schema.enum.join(", ")}`;
  switch (schema.type) {
    case "object":
      return "an object";
    case "array":
      return `${schema.uniqueItems ? "different items in " : ""}a list of ${schema.minItems ?? 0} or more`;
    case "boolean":
      return "true or false";
    case "string":
      return `text${schema.pattern === undefined ? "" : ` that matches ${schema.pattern}`}`;
    case "number":
    case "integer": {
      const bounds = [
        schema.minimum === undefined ? "" : ` of at least ${schema.minimum}`,
        schema.exclusiveMinimum === undefined
          ? ""
          : ` above ${schema.exclusiveMinimum}`,
        schema.maximum === undefined ? "" : `, at most ${schema.maximum}`,
        schema.exclusiveMaximum === undefined
          ? ""
          : `, below ${schema.exclusiveMaximum}`,
      ];
      return `a ${schema.type === "integer" ? "whole " : ""}number${bounds.join("")}`;
    }
  }
}
