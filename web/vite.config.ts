import { defineConfig } from "vite";

/**
 * The lab as static files in dist/web: relative addresses, so that any host and any sub-path will do, and the embedded
 * sample beside them. Nothing is fetched from elsewhere.
 */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  publicDir: "../data",
  worker: { format: "es" },
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
