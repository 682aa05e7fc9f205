/** docs/models.md is what the models are: `npm run docs:models` writes it. */
import { expect, it } from "vitest";
import { modelsPage } from "../../tools/docs/models-page.js";

it("docs/models.md is up to date", async () => {
  await expect(await modelsPage()).toMatchFileSnapshot("../../docs/models.md");
});
