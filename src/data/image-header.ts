/**
 * Width and height of a JPEG, PNG or WebP file from its header alone: a small file can hold more pixels than a machine has
 * memory, which a browser would decode without asking.
 */
export interface Dimensions {
  readonly width: number;
  readonly height: number;
}

/** Undefined where the header is cut off or makes no sense. */
export function imageDimensions(file: Uint8Array): Dimensions | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  try {
    const found =
      file[0] === 0xff
        ? jpegDimensions(view)
        : file[0] === 0x89
          ? { width: view.getUint32(16), height: view.getUint32(20) }
          : webpDimensions(view);
    return found && found.width > 0 && found.height > 0 ? found : undefined;
  } catch (error) {
    // A header that ends too early is read past its end.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Markers among those of frame headers that are none: tables, and one that is reserved. */
const noFrame: ReadonlySet<number> = new Set([0xc4, 0xc8, 0xcc]);

/** From the frame header (SOF0 to SOF15), which the segments before it lead to. */
function jpegDimensions(view: DataView): Dimensions | undefined {
  let at = 2;
  for (;;) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    // 0xff may be repeated before a marker; TEM and the restart markers have no length.
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2;
    else if (marker === 0xd9 || marker === 0xda) return undefined;
    else if (marker >= 0xc0 && marker <= 0xcf && !noFrame.has(marker))
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    else at += 2 + view.getUint16(at + 2);
  }
}

/** From the first chunk: lossy, lossless, or with extensions. */
function webpDimensions(view: DataView): Dimensions | undefined {
  const uint24 = (at: number) =>
    view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  switch (view.getUint32(12)) {
    case 0x56503820: // "VP8 "
      return {
        width: view.getUint16(26, true) & 0x3fff,
        height: view.getUint16(28, true) & 0x3fff,
      };
    case 0x5650384c: {
      // "VP8L": 14 bits each, less one.
      const bits = view.getUint32(21, true);
      return {
        width: (bits & 0x3fff) + 1,
        height: ((bits >> 14) & 0x3fff) + 1,
      };
    }
    case 0x56503858: // "VP8X"
      return { width: uint24(24) + 1, height: uint24(27) + 1 };
    default:
      return undefined;
  }
}
