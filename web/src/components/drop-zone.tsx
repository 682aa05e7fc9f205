/** Where the reader drops images, or chooses them: a folder, a .zip or .tar.gz of one, or a CIFAR archive. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { DroppedFile } from "../protocol.js";

/** All files below dropped entries, with their paths; hidden files and folders are left out. */
async function filesBelow(
  entries: readonly FileSystemEntry[],
): Promise<DroppedFile[]> {
  const files: DroppedFile[] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.name.startsWith(".")) return;
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => {
        (entry as FileSystemFileEntry).file(resolve, reject);
      });
      files.push({ path: entry.fullPath.replace(/^\//, ""), file });
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    // A reader gives its entries in parts, the last of them empty.
    for (;;) {
      const part = await new Promise<FileSystemEntry[]>((resolve, reject) => {
        reader.readEntries(resolve, reject);
      });
      if (part.length === 0) return;
      for (const inner of part) await walk(inner);
    }
  };
  for (const entry of entries) await walk(entry);
  return files;
}

interface Props {
  readonly able: boolean;
  readonly onDrop: (files: readonly DroppedFile[]) => void;
  readonly onRefused: (why: string) => void;
}

export function DropZone({ able, onDrop, onRefused }: Props) {
  const [over, setOver] = useState(false);
  const archive = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Beside the zone the browser would leave the page for the file.
    const refuse = (event: DragEvent) => {
      if (event.defaultPrevented) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = "none";
    };
    addEventListener("dragover", refuse);
    addEventListener("drop", refuse);
    return () => {
      removeEventListener("dragover", refuse);
      removeEventListener("drop", refuse);
    };
  }, []);
  const take = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    const files = [...(currentTarget.files ?? [])];
    onDrop(
      files.map((file) => ({
        path: file.webkitRelativePath || file.name,
        file,
      })),
    );
    currentTarget.value = "";
  };
  return (
    <div
      id="drop"
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(able);
      }}
      onDragLeave={() => {
        setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (!able) return;
        const entries = [...(event.dataTransfer?.items ?? [])]
          .map((item) => item.webkitGetAsEntry())
          .filter((entry) => entry !== null);
        if (entries.length === 0) {
          onRefused("No files came with that. Drop files or a folder.");
          return;
        }
        filesBelow(entries).then(onDrop, (error: unknown) => {
          onRefused(
            `The browser cannot read them (${(error as Error).message}). Copy them elsewhere and drop the copies.`,
          );
        });
      }}
    >
      Drop your own images here (a folder with a folder per class, or a .zip or
      .tar.gz of one) or a CIFAR archive, or choose{" "}
      <button type="button" onClick={() => archive.current?.click()}>
        an archive
      </button>{" "}
      <button type="button" onClick={() => folder.current?.click()}>
        a folder
      </button>
      <input
        ref={archive}
        id="archive"
        type="file"
        hidden
        accept=".gz,.tgz,.zip"
        onChange={take}
      />
      <input
        ref={folder}
        id="folder"
        type="file"
        hidden
        // Not in the DOM's types yet.
        {...{ webkitdirectory: true }}
        onChange={take}
      />
    </div>
  );
}
