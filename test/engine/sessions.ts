/** What tests of sessions share: a session for the length of one piece of work, and images to train it on. */
import { afterAll } from "vitest";
import { type HostImages, ImageSource } from "../../src/engine/image-source.js";
import { RandomStream } from "../../src/engine/random.js";
import { Session, type SessionOptions } from "../../src/engine/session.js";
import { testDevice } from "./harness.js";

/** Runs `work` on sessions made with `defaults` and options of its own, which end with it. */
export function sessionsWith(defaults: SessionOptions) {
  return async <T>(
    options: Partial<SessionOptions>,
    work: (session: Session) => Promise<T>,
  ): Promise<T> => {
    const device = await testDevice();
    const session = await Session.create(device, { ...defaults, ...options });
    try {
      return await work(session);
    } finally {
      session.destroy();
    }
  };
}

/** Images on the device under test until the file's tests are over. */
export async function uploadImages(images: HostImages): Promise<ImageSource> {
  const source = await ImageSource.upload(await testDevice(), images);
  afterAll(() => {
    source.destroy();
  });
  return source;
}

/** Random bytes as images of 8×8 with 3 classes of labels. */
export function randomImages(
  count: number,
  normalisation: Pick<HostImages, "mean" | "std">,
): HostImages {
  const imageSize = 8;
  const stream = new RandomStream(7, 99);
  return {
    images: Uint8Array.from({ length: count * 3 * imageSize ** 2 }, () =>
      Math.floor(256 * stream.float()),
    ),
    labels: Int32Array.from({ length: count }, (_, i) => (i * 7) % 3),
    imageSize,
    ...normalisation,
  };
}
