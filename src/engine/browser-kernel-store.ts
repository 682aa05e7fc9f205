/** Keeps the tuner's choices in the browser's IndexedDB, one entry per adapter. */
import {
  type KernelRecord,
  type KernelStore,
  tuningVersion,
} from "./tuning.js";

const database = "tarnish";
const table = "kernels";

/** The store of the adapter of that name. Where the browser refuses storage (private windows), nothing is kept. */
export function kernelStore(adapter: string): KernelStore {
  const key = `${tuningVersion} ${adapter}`;
  return {
    async load() {
      const found = await attempt((objects) => objects.get(key), "readonly");
      return (found as KernelRecord | undefined) ?? {};
    },
    async save(kernels) {
      await attempt((objects) => objects.put({ ...kernels }, key), "readwrite");
    },
  };
}

/** Runs one request in a transaction of its own; undefined where anything fails. */
async function attempt(
  request: (objects: IDBObjectStore) => IDBRequest,
  mode: IDBTransactionMode,
): Promise<unknown> {
  try {
    const opening = indexedDB.open(database, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(table);
    };
    const db = (await settled(opening)) as IDBDatabase;
    try {
      return await settled(
        request(db.transaction(table, mode).objectStore(table)),
      );
    } finally {
      db.close();
    }
  } catch {
    return undefined;
  }
}

function settled(request: IDBRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error("IndexedDB failed"));
    };
  });
}
