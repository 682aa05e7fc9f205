/** JSON files as checked objects. */
import { UserError } from "../errors.js";

/** A JSON object whose members are not yet checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a JSON text; undefined where it is none. */
export function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws UserError where the text is no JSON object */
export function parseObject(text: string, name: string): JsonObject {
  const value = jsonValue(text);
  if (value === undefined)
    throw new UserError(`${name} is no JSON; the file is damaged or cut off`);
  if (!isObject(value)) throw new UserError(`${name} holds no JSON object`);
  return value;
}

/** A member as a finite number. @throws UserError otherwise */
export function requireNumber(
  object: JsonObject,
  key: string,
  name: string,
): number {
  const value = object[key];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new UserError(`${name}: ${key} is no number`);
}

/** A member as text. @throws UserError otherwise */
export function requireText(
  object: JsonObject,
  key: string,
  name: string,
): string {
  const value = object[key];
  if (typeof value === "string") return value;
  throw new UserError(`${name}: ${key} is no text`);
}

/** JSON as files hold it: indented, with a last newline. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
