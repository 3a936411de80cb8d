// A server as somebody runs it, with a stand-in of the platform beside it, and the people who come to both.
import assert from "node:assert/strict";
import { type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { PATIENCE_MS, SEED, browse, once, start, stop, visitor, watched } from "./harness.ts";

const TEAM = "T0STORY";
const APP = { client_id: "1.2", client_secret: "a-password-for-trying", signing_secret: "a-secret-for-trying" };

export type Tab = Page & { complaints: string[] };

/** A workspace on the stand-in, as its control shows it. */
interface Team {
  id: string;
  bot_token?: string | null;
  users: { name: string; token?: string | null }[];
}

interface Person {
  first: string;
  last: string;
  /** What the platform calls them. */
  handle: string;
}

/** Numbers that follow from the seed, each below `end` (mulberry32). */
function dice(seed: number): (end: number) => number {
  let state = seed >>> 0;
  return (end) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
}

/** Takes one that was not taken before. */
function take<T>(from: T[], roll: (end: number) => number): T {
  return from.splice(roll(from.length), 1)[0]!;
}

function cast(seed: number) {
  const roll = dice(seed);
  const firsts = ["Ada", "Bo", "Cleo", "Dee", "Zoë", "Björn", "Imani", "Nuño", "Oksana", "Tariq", "Yuki", "Wren"];
  const lasts = ["Lind", "Marsh", "Quist", "Okoro", "Ångström", "O’Neill", "García", "van Dijk", "Tamura", "Petrov"];
  const person = (): Person => {
    const first = take(firsts, roll);
    // As on the platform: small letters without accents.
    const handle = first.normalize("NFD").replace(/[^A-Za-z]/g, "").toLowerCase();
    return { first, last: take(lasts, roll), handle };
  };
  const channels = ["square", "harbour", "kitchen", "workshop", "notices", "off-topic"];
  return {
    community: take(["Garden", "Harbour Choir", "Kiln & Clay", "Night Bakers", "Riverbend", "Čajovna"], roll),
    /** Administers the workspace and installs. */
    owner: person(),
    /** Administers it too. */
    admin: person(),
    /** Does not. */
    member: person(),
    other: person(),
    channels: [take(channels, roll), take(channels, roll)] as const,
    guideline: take(["How we talk", "What we share", "On being late", "Keys & lockers"], roll),
    text: take(["Say what you mean, and mean well.\n\nAsk before you move somebody else’s pots.", "Nobody owns the kettle.\n\nWhoever empties it fills it.", "Come as you are <b>or</b> do not come."], roll),
    role: take(["Gardeners", "Night watch", "Key holders", "Réviseurs"], roll),
  };
}

/** Who and what there is in this run. */
export const CAST = cast(Number(SEED));

/** A text as part of a pattern. */
export function literally(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** As the platform is told. */
function named(person: Person): { name: string; real_name: string } {
  return { name: person.handle, real_name: `${person.first} ${person.last}` };
}

/** Two people who administer the workspace and two who do not, see `CAST`. */
export class Server {
  readonly base: string;
  readonly #platform: string;
  readonly #programs: ChildProcess[];
  readonly #browser: Browser;
  readonly #folder: string;

  private constructor(base: string, platform: string, programs: ChildProcess[], browser: Browser, folder: string) {
    this.base = base;
    this.#platform = platform;
    this.#programs = programs;
    this.#browser = browser;
    this.#folder = folder;
  }

  static async open(): Promise<Server> {
    console.log(`# seed ${SEED}`);
    const folder = await mkdtemp(join(tmpdir(), "policykit-browser-"));
    const seed = join(folder, "seed.json");
    await writeFile(seed, JSON.stringify({
      app: APP,
      teams: [{
        id: TEAM, name: CAST.community, not_installed: true,
        users: [
          { ...named(CAST.owner), is_admin: true, is_owner: true },
          { ...named(CAST.admin), is_admin: true },
          named(CAST.member),
          named(CAST.other),
        ],
        channels: [{ name: CAST.channels[0], is_general: true }, { name: CAST.channels[1] }],
      }],
    }));
    const fake = await start(["fake", "slack", "--listen", "127.0.0.1:0", "--seed", seed], /^slack: (http:\/\/\S+)$/);
    const server = await start(["serve", "--listen", "127.0.0.1:0"], /^PolicyKit: (http:\/\/\S+)$/, {
      POLICYKIT_DATA_DIR: join(folder, "data"),
      POLICYKIT_LOG: "warn",
      POLICYKIT_SLACK_API_URL: `${fake.address}/api/`,
      POLICYKIT_SLACK_AUTHORIZE_URL: fake.address,
      POLICYKIT_SLACK_CLIENT_ID: APP.client_id,
      POLICYKIT_SLACK_CLIENT_SECRET: APP.client_secret,
      POLICYKIT_SLACK_SIGNING_SECRET: APP.signing_secret,
    }).catch(async (error: unknown) => {
      // What still runs would keep the tests from ending.
      await stop(fake.program);
      throw error;
    });
    const made = new Server(server.address, fake.address, [server.program, fake.program], await browse(), folder);
    const hooks = `${server.address}/api/hooks/slack`;
    // Each is told of the other: neither knows where the other listens before it does.
    await made.#control("setup", { make: "urls", events_url: hooks, interactivity_url: hooks });
    return made;
  }

  async close(): Promise<void> {
    await this.#browser.close();
    for (const program of this.#programs) await stop(program);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A browser of its own, on the page where people sign in. */
  async arrive(): Promise<Tab> {
    const page = watched(await (await visitor(this.#browser)).newPage());
    await page.goto(`${this.base}/login`);
    await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
    return page;
  }

  /** A browser of this person, who has signed in. */
  async member(first: string): Promise<Tab> {
    const page = await this.arrive();
    await signIn(page, first);
    return page;
  }

  /** Somebody writes in a channel of the platform. */
  async say(who: string, channel: string, text: string): Promise<void> {
    await this.#control("act", { team: TEAM, user: who, act: { do: "post", channel, text } });
  }

  /** Whoever runs the server puts a policy in force. */
  async governedBy(policy: Record<string, unknown>): Promise<void> {
    const file = join(this.#folder, "policy.json");
    await writeFile(file, JSON.stringify(policy));
    await once(["policy", "import", "--community", CAST.community, file], { POLICYKIT_DATA_DIR: join(this.#folder, "data"), POLICYKIT_LOG: "warn" });
  }

  /** Takes back every token with which PolicyKit works. */
  async revokeTokens(): Promise<void> {
    const teams = (await (await fetch(`${this.#platform}/control/teams`)).json()) as Team[];
    const team = teams.find((one) => one.id === TEAM)!;
    const tokens = [team.bot_token, ...team.users.map((user) => user.token)].filter((token): token is string => Boolean(token));
    assert.ok(tokens.length >= 2, `the bot's and the administrator's: ${tokens.length}`);
    for (const token of tokens) await this.#control("setup", { make: "revoke_token", token });
  }

  async #control(what: string, order: unknown): Promise<void> {
    const answer = await fetch(`${this.#platform}/control/${what}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(order) });
    assert.equal(answer.status, 200, await answer.text());
  }
}

/** Decides on the page of the platform, as the person with this first name. */
export async function goOnAs(page: Page, first: string): Promise<void> {
  await page.getByRole("button", { name: new RegExp(`^Continue as ${literally(first)} `) }).click();
}

export async function signIn(page: Page, first: string): Promise<void> {
  await page.getByRole("link", { name: "Sign in with Slack" }).click();
  await goOnAs(page, first);
  await page.getByRole("banner").getByRole("link", { name: new RegExp(`${literally(first)} `) }).first().waitFor();
}

/** Goes to a page by the navigation at the top. */
export async function visit(page: Page, entry: string): Promise<void> {
  await page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: entry, exact: true }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
}

/** Looks again until it is there: what the platform tells the server needs a moment. */
export async function comes(page: Page, what: Locator): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await what.first().isVisible())) {
    if (Date.now() > end) throw new Error(`it never came:\n${await page.getByRole("main").innerText()}`);
    await page.reload();
  }
}
