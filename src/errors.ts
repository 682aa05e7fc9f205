/** A request that cannot be met as worded. The message says what is wrong, where, and what to do; the command exits with 2. */
export class UserError extends Error {
  override name = "UserError";
}
