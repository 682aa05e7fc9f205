/** Where the reader drops a CIFAR archive or an image folder, or chooses one. */
import { useRef, useState } from "preact/hooks";
import type { DroppedFile } from "../protocol.js";

/** All files below a dropped entry, with their paths. */
async function filesBelow(entry: FileSystemEntry): Promise<DroppedFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => {
      (entry as FileSystemFileEntry).file(resolve, reject);
    });
    return [{ path: entry.fullPath.replace(/^\//, ""), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: DroppedFile[] = [];
  // A reader gives its entries in parts, the last of them empty.
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (part.length === 0) return files;
    for (const inner of part) files.push(...(await filesBelow(inner)));
  }
}

interface Props {
  readonly onDrop: (files: readonly DroppedFile[]) => void;
}

export function DropZone({ onDrop }: Props) {
  const [over, setOver] = useState(false);
  const archive = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
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
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => {
        setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const entries = [...(event.dataTransfer?.items ?? [])]
          .map((item) => item.webkitGetAsEntry())
          .filter((entry) => entry !== null);
        void Promise.all(entries.map(filesBelow)).then((files) => {
          onDrop(files.flat());
        });
      }}
    >
      Drop a CIFAR archive or an image folder here, or choose{" "}
      <button type="button" onClick={() => archive.current?.click()}>
        an archive
      </button>{" "}
      <button type="button" onClick={() => folder.current?.click()}>
        a folder
      </button>
      <input
        ref={archive}
        type="file"
        hidden
        accept=".gz,.tgz,.zip"
        onChange={take}
      />
      <input
        ref={folder}
        type="file"
        hidden
        // Not in the DOM's types yet.
        {...{ webkitdirectory: true }}
        onChange={take}
      />
    </div>
  );
}
