import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  build: {
    outDir: "../src/runferry/web/dist",
    emptyOutDir: true,
    target: ["chrome123", "firefox121", "safari17.5"], // the first ones with light-dark()
    assetsInlineLimit: 0, // the content security policy lets in files only
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    // A page is a chunk, and what pages share are two more: a first page of thirty small files waits for each of them.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "library", test: /node_modules[\\/](?!uplot)/ },
            { name: "shared", test: /src[\\/](?!charts|logs|pages)/ },
          ],
        },
      },
    },
  },
  server: { proxy: { "/api": { target: "http://127.0.0.1:23300", changeOrigin: true, ws: true } } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
