import { defineConfig } from "vite";
import { licences } from "./licences.js";

const { page, worker } = licences();

/**
 * The lab as static files in dist/web: relative addresses, so that any host and any sub-path will do, and the embedded
 * sample beside them. Nothing is fetched from elsewhere.
 */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  publicDir: "../data",
  plugins: [page],
  worker: { format: "es", plugins: worker },
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2023",
    chunkSizeWarningLimit: 1500,
  },
  oxc: {
    jsx: {
      runtime: "automatic",
      importSource: "preact",
      // Whatever NODE_ENV says: the development form has the paths of the sources in it.
      development: false,
    },
  },
});
