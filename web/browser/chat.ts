// The chat page of the demo, driven as a visitor drives it.
import type { Locator, Page } from "playwright-core";
import { type Stage, watched } from "./harness.ts";

/** The chat in one tab. */
export class Chat {
  readonly page: Page & { complaints: string[] };

  private constructor(page: Page & { complaints: string[] }) {
    this.page = page;
  }

  static async enter(stage: Stage): Promise<Chat> {
    const page = await stage.page();
    // From the first moment on: what is shown only while the page comes up would be gone before anybody asks.
    await page.addInitScript(() => {
      const seen: string[] = [];
      Object.assign(globalThis, { alertsSeen: seen });
      new MutationObserver(() => {
        for (const alert of document.querySelectorAll<HTMLElement>('[role="alert"]')) {
          if (!alert.hidden && alert.textContent) seen.push(alert.textContent);
        }
      }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    });
    await page.goto(stage.base);
    const chat = new Chat(page);
    await chat.step("Break a rule");
    return chat;
  }

  /** Every alert that was shown since the page was opened, also those that are gone. */
  async alertsSeen(): Promise<string[]> {
    return this.page.evaluate(() => (globalThis as unknown as { alertsSeen: string[] }).alertsSeen);
  }

  /** Waits until the visitor acts as somebody of this name. */
  async actingAs(who: RegExp): Promise<void> {
    await this.page.getByRole("group", { name: "Act as" }).getByRole("radio", { name: who, checked: true }).waitFor({ state: "attached" });
  }

  /** What the tour says now. */
  async told(): Promise<string> {
    return this.page.getByRole("complementary", { name: "Guided tour" }).innerText();
  }

  /** The word that may not be written; the tour writes it in bold. */
  async word(): Promise<string> {
    return (/no (\w+) here/.exec(await this.told())?.[1])!;
  }

  async lounge(): Promise<string> {
    return (/Open #([\w-]+), press/.exec(await this.told())?.[1])!;
  }

  #show = "";
  #council = "";

  async show(): Promise<string> {
    return (this.#show ||= /any link in #([\w-]+)/.exec(await this.told())?.[1] ?? "");
  }

  async council(): Promise<string> {
    return (this.#council ||= /open #([\w-]+) and press/.exec(await this.told())?.[1] ?? "");
  }

  /** Becomes the person at this place of the row. */
  async actAs(place: number): Promise<string> {
    const person = this.page.getByRole("group", { name: "Act as" }).getByRole("radio").nth(place);
    await person.check({ force: true });
    return (await this.page.getByRole("group", { name: "Act as" }).locator("label").nth(place).innerText()).split(",")[0]!.trim();
  }

  channel(name: string): Locator {
    return this.page.getByRole("navigation", { name: "Channels" }).getByRole("button", { name: new RegExp(`^#${name}( \\(private\\))?$`) });
  }

  async open(name: string): Promise<void> {
    await this.channel(name).click();
    await this.page.getByRole("heading", { level: 2, name: `#${name}`, exact: true }).waitFor();
  }

  async say(text: string): Promise<void> {
    await this.page.getByRole("textbox", { name: /^Message #/ }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  /** The newest message with these words. */
  message(words: string | RegExp): Locator {
    return this.page.getByRole("log").getByRole("listitem").filter({ hasText: words }).last();
  }

  /** Presses a button below the newest question with these words. */
  async vote(question: RegExp, choice: RegExp): Promise<void> {
    const asked = this.page.getByRole("log").getByRole("listitem").filter({ hasText: question }).filter({ has: this.page.getByRole("button", { name: choice }) }).last();
    await asked.getByRole("button", { name: choice }).click();
  }

  /** Has the tour do its step. */
  async showMe(): Promise<void> {
    await this.page.getByRole("button", { name: "Show me" }).click();
  }

  /** What opens in another tab. */
  async elsewhere(go: () => Promise<void>): Promise<Page & { complaints: string[] }> {
    const [page] = await Promise.all([this.page.waitForEvent("popup"), go()]);
    return watched(page);
  }

  /** Signs in to the web as this person, on the page of the platform. */
  async signIn(first: string): Promise<Page & { complaints: string[] }> {
    const page = await this.elsewhere(() => this.page.getByRole("link", { name: "See it on the web" }).click());
    await page.getByRole("button", { name: new RegExp(`^Continue as ${first} `) }).click();
    return page;
  }

  /** The word the changed rule is about, and the one that the tour proposes instead. */
  async policyWord(): Promise<string> {
    return /the one about (\w+)/.exec(await this.told())?.[1] ?? "";
  }

  async otherWord(): Promise<string> {
    return /such as (\w+),/.exec(await this.told())?.[1] ?? "";
  }

  /** Waits until the tour has come to the step with this heading. */
  async step(heading: string | RegExp): Promise<void> {
    await this.page.getByRole("complementary", { name: "Guided tour" }).getByRole("heading", { level: 1, name: heading }).waitFor();
  }
}
