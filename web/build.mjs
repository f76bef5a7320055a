/* Bundles what pages load into docs/assets/built/: course.js (module), its lazy chunks (dock with xterm.js, mermaid),
   mermaid-glue.js (classic script), course.css with the fonts, room.css for the pages of classes, and player.css for recordings that are played. Written beside the old one, then renamed. */

import { rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const target = fileURLToPath(new URL("../docs/assets/built", import.meta.url));
const staging = `${target}.new`;
const shared = {
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  outdir: staging,
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "linked",
  logLevel: "warning",
};

await rm(staging, { recursive: true, force: true });
await Promise.all([
  ...["src/course.ts", "src/mermaid-lib.ts", "src/watch.ts"].map((entry) =>
    build({ ...shared, entryPoints: [entry], format: "esm", splitting: true, chunkNames: "chunk-[hash]" }),
  ),
  build({ ...shared, entryPoints: ["src/mermaid-glue.ts"], format: "iife" }),
  build({
    ...shared,
    entryPoints: { course: "src/css/course.css", room: "src/css/room.css", player: "src/css/player.css" },
    loader: { ".woff2": "file" },
    external: ["*.woff"],
    assetNames: "fonts/[name]-[hash]",
  }),
]);
await rm(target, { recursive: true, force: true });
await rename(staging, target);
