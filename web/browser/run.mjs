// Runs the browser tests one after the other: each starts the real program, and two cores are few for that.
import { spawnSync } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const only = process.argv.slice(2);
const names = (await readdir("browser")).filter((name) => name.endsWith(".test.ts") && (only.length === 0 || only.some((word) => name.includes(word))));
// Inside `node_modules`, so that what stays outside of the bundle is found from there.
const folder = join("node_modules", ".browser-tests");
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await build({ entryPoints: names.map((name) => join("browser", name)), outdir: folder, bundle: true, platform: "node", format: "esm", packages: "external", outExtension: { ".js": ".mjs" }, sourcemap: "inline", logLevel: "warning" });
const files = names.map((name) => join(folder, name.replace(/\.ts$/, ".mjs")));
const ran = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-concurrency=1", "--test-reporter=tap", ...files], { stdio: "inherit" });
process.exitCode = ran.status ?? 1;
