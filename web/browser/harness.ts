// The real program, a real browser, and what tests ask of both. Pages are driven by what people see: roles and words.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import axeCore from "axe-core";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";

/** How long something may take to be seen; generous, because two cores are shared. */
export const PATIENCE_MS = 30_000;

const WIDTHS = { 1280: 900, 390: 844 } as const;
const THEMES = ["light", "dark"] as const;

/** The number that names, words and channels follow from. */
export const SEED = process.env["POLICYKIT_BROWSER_SEED"] ?? String(Math.floor(Math.random() * 1_000_000));

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: call \`cargo xtask ci --only browser\``);
  return value;
}

/** A running demo and a browser that looks at it. */
export class Stage {
  readonly base: string;
  readonly context: BrowserContext;
  readonly #program: ChildProcess;
  readonly #browser: Browser;

  private constructor(program: ChildProcess, base: string, browser: Browser, context: BrowserContext) {
    this.#program = program;
    this.base = base;
    this.#browser = browser;
    this.context = context;
  }

  static async open(words: string[] = []): Promise<Stage> {
    const { program, address } = await start(["demo", "--listen", "127.0.0.1:0", "--seed", SEED, ...words], /^PolicyKit demo: (http:\/\/\S+)$/);
    const browser = await browse();
    const context = await visitor(browser);
    console.log(`# seed ${SEED}`);
    return new Stage(program, address, browser, context);
  }

  async page(): Promise<Page & { complaints: string[] }> {
    return watched(await this.context.newPage());
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await stop(this.#program);
  }
}

/** Starts the program and waits for the line that says where it listens. */
export async function start(words: string[], says: RegExp, env: Record<string, string> = {}): Promise<{ program: ChildProcess; address: string }> {
  // The program refuses settings it does not know, and those of these tests begin with the same word.
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("POLICYKIT_")));
  const program = spawn(setting("POLICYKIT_PROGRAM"), words, { stdio: ["ignore", "pipe", "inherit"], env: { ...bare, ...env } });
  const address = await new Promise<string>((found, failed) => {
    program.once("exit", (code) => failed(new Error(`policykit ${words[0]} ended with ${code}`)));
    program.once("error", failed);
    createInterface({ input: program.stdout! }).on("line", (line) => {
      const said = says.exec(line)?.[1];
      if (said) found(said);
    });
  });
  return { program, address };
}

/** Lets the program do one thing, and waits until it has. */
export async function once(words: string[], env: Record<string, string>): Promise<void> {
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("POLICYKIT_")));
  const program = spawn(setting("POLICYKIT_PROGRAM"), words, { stdio: ["ignore", "ignore", "inherit"], env: { ...bare, ...env } });
  const code = await new Promise((ended, failed) => {
    program.once("exit", ended);
    program.once("error", failed);
  });
  assert.equal(code, 0, `policykit ${words.join(" ")}`);
}

/** Asks a program to end, and waits until it has. */
export async function stop(program: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => program.once("exit", resolve));
  program.kill("SIGTERM");
  await ended;
}

export async function browse(): Promise<Browser> {
  return chromium.launch({
    executablePath: setting("POLICYKIT_CHROMIUM"),
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A browser's window of somebody who was never here. */
export async function visitor(browser: Browser): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: WIDTHS[1280] }, locale: "en-GB", timezoneId: "Europe/Paris" });
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

/** A page that remembers what scripts failed at and what the content policy forbade. */
export function watched(page: Page): Page & { complaints: string[] } {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // Answers that are no success are tested where they are expected.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
  return Object.assign(page, { complaints });
}

/** Serious and critical findings, each in one line. */
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axeCore.source);
  const result = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof axeCore };
    return axe.run(document, { resultTypes: ["violations"] });
  });
  return result.violations
    .filter((found) => found.impact === "serious" || found.impact === "critical")
    .map((found) => `${found.impact} ${found.id}: ${found.help} (${found.nodes.slice(0, 4).map((node) => `${String(node.target)} ${node.html.slice(0, 160)}`).join(" | ")})`);
}

/** Looks at a page as everybody may meet it: both widths, both themes. Nothing serious may be found and nothing may stand
 * out sideways. */
export async function look(page: Page & { complaints?: string[] }, name: string): Promise<void> {
  const folder = setting("POLICYKIT_SCREENSHOTS");
  mkdirSync(folder, { recursive: true });
  const problems: string[] = [];
  for (const [width, height] of Object.entries(WIDTHS)) {
    await page.setViewportSize({ width: Number(width), height });
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme });
      await page.evaluate(async () => { await document.fonts.ready; });
      await page.screenshot({ path: join(folder, `${name}-${width}-${theme}.png`), fullPage: true, animations: "disabled" });
      for (const found of await findings(page)) problems.push(`${width} ${theme}: ${found}`);
    }
    const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (sideways > 0) problems.push(`${width}: the page stands out sideways by ${sideways} px`);
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize({ width: 1280, height: WIDTHS[1280] });
  assert.deepEqual(problems, [], name);
  assert.deepEqual(page.complaints ?? [], [], `${name}: what the browser complained about`);
}
