/** A model and the size of a folder's images may not go together: said in the words of the flags, not of the layer that fails. */
import { ShapeError } from "../engine/errors.js";
import { UserError } from "../errors.js";

/**
 * Builds something for images of a size, or plans it.
 * @throws UserError in place of a ShapeError where the size is not the one that all models are made for
 */
export async function forImageSize<T>(
  model: string,
  imageSize: number,
  build: () => T | Promise<T>,
): Promise<T> {
  try {
    return await build();
  } catch (error) {
    if (!(error instanceof ShapeError) || imageSize === 32) throw error;
    throw new UserError(
      `--image-size ${imageSize}: ${model} cannot take images of ${imageSize}×${imageSize} (${error.message}); choose another size or model`,
    );
  }
}
