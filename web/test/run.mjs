// Runs the tests below this folder: they are TypeScript, which the oldest Node we support does not read by itself.
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const files = (await readdir("test")).filter((name) => name.endsWith(".test.ts")).map((name) => join("test", name));
const folder = await mkdtemp(join(tmpdir(), "policykit-web-"));
try {
  await build({ entryPoints: files, outdir: folder, bundle: true, platform: "node", format: "esm", outExtension: { ".js": ".mjs" }, sourcemap: "inline", logLevel: "warning" });
  const made = (await readdir(folder)).map((name) => join(folder, name));
  const ran = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=tap", ...made], { stdio: "inherit" });
  process.exitCode = ran.status ?? 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
