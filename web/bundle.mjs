// Bundles style sheet and scripts under names that change with their content: `node bundle.mjs FOLDER`.
// The server's build script calls it; whoever packages without Node sets WEB_DIST to a folder made by it.
import { mkdir, readdir, writeFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";

const folder = process.argv[2] ?? "dist";
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

const result = await build({
  entryPoints: { policykit: "css/index.css", app: "src/app.ts" },
  outdir: folder,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file" },
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

// What the server looks up by name; everything else is reached from there.
const names = { "css/index.css": "style", "src/app.ts": "app" };
const manifest = Object.entries(result.metafile.outputs)
  .filter(([, output]) => output.entryPoint in names)
  .map(([path, output]) => `${names[output.entryPoint]} ${basename(path)}`)
  .sort();
if (manifest.length !== Object.keys(names).length) throw new Error(`the bundle is not whole: ${manifest}`);
await writeFile(join(folder, "manifest.txt"), manifest.join("\n") + "\n");

// A wrong version of the editor's packages is bundled without a word and fails in the browser.
const scripts = Object.keys(result.metafile.outputs).filter((path) => path.endsWith(".js"));
if (!scripts.some((path) => basename(path).startsWith("editor-"))) throw new Error("the bundle has no editor");
if (!("EditorView" in await import("codemirror"))) throw new Error("`codemirror` is not version 6");
