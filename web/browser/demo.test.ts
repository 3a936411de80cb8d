// The demo: the guided tour from the first step to the last, as a visitor walks it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PATIENCE_MS, Stage, look } from "./harness.ts";
import { Chat } from "./chat.ts";

let stage: Stage;
let chat: Chat;

before(async () => {
  stage = await Stage.open();
  chat = await Chat.enter(stage);
});
after(async () => stage?.close());

test("the demo opens with a chat that looks like one and a tour that says what to do first", async () => {
  await chat.page.getByRole("heading", { level: 1, name: "Break a rule" }).waitFor();
  assert.equal(await chat.page.getByRole("radio").count(), 6);
  // Whoever has never heard of it is told what they look at, and of no trouble before there is any.
  await chat.page.getByText("You are in the chat of a small community.").waitFor();
  await chat.page.getByRole("log").getByRole("listitem").first().waitFor();
  assert.deepEqual(await chat.alertsSeen(), []);
  await look(chat.page, "demo-start");
});

test("a forbidden word is gone, and its author alone is told why", async () => {
  const word = await chat.word();
  const text = `Does anybody want to hear a ${word}?`;
  await chat.say(text);
  await chat.message(/was removed: the rule/).getByText("only you can see this").waitFor();
  await chat.page.getByRole("log").getByText(text, { exact: true }).waitFor({ state: "detached" });
  await chat.actAs(4);
  await chat.message(/was removed: the rule/).waitFor({ state: "detached" });
  await chat.step("Rename a channel");
});

test("a renamed channel gets its old name back, is voted on, and is renamed in the end", async () => {
  await chat.actAs(0);
  const old = await chat.lounge();
  await chat.open(old);
  await chat.page.getByRole("button", { name: "Rename" }).click();
  await chat.page.getByLabel("New name of the channel").fill("quiet-corner");
  await chat.page.getByRole("button", { name: "Save" }).click();
  await chat.channel("quiet-corner").waitFor({ state: "detached" });
  await chat.open("general");
  await chat.vote(/becomes #quiet-corner/, /^Yes/);
  await chat.actAs(1);
  await chat.vote(/becomes #quiet-corner/, /^Yes/);
  await chat.step("Let the vote end");
  await look(chat.page, "demo-vote");
  await chat.page.getByRole("button", { name: "Skip three days" }).click();
  await chat.channel("quiet-corner").waitFor();
  await chat.step("Be new here");
});

test("a newcomer's link is held until a steward has looked at it", async () => {
  await chat.actAs(2);
  const text = "Found this: https://example.org/something-good";
  await chat.open(await chat.show());
  await chat.say(text);
  await chat.message(/a steward looks at links first/).waitFor();
  await chat.message(text).waitFor({ state: "detached" });
  await chat.step("Decide as a steward");
  await chat.actAs(1);
  await chat.open(await chat.council());
  await chat.vote(/wants to post this/, /^Yes/);
  await chat.open(await chat.show());
  await chat.message(/example\.org\/something-good/).waitFor();
  await chat.step("Read why");
});

test("messages can be answered, agreed with and pinned", async () => {
  await chat.open("general");
  const first = chat.page.getByRole("log").getByRole("listitem").first();
  await first.hover();
  await first.getByRole("button", { name: "Agree" }).click();
  await first.getByText("Agree 1").waitFor();
  await first.getByRole("button", { name: "Pin" }).click();
  await first.getByText("pinned", { exact: true }).waitFor();
  await first.getByRole("button", { name: "Reply" }).click();
  await chat.say("So it is.");
  await chat.message("So it is.").waitFor({ timeout: PATIENCE_MS });
});

test("the topic of a channel stands in its head and is set and taken away there, also with the keyboard", async () => {
  await chat.open("general");
  const set = chat.page.getByRole("button", { name: "Set topic" });
  const field = chat.page.getByRole("textbox", { name: /^New topic of the channel/ });
  await set.focus();
  await chat.page.keyboard.press("Enter");
  await field.fill("Tea & <biscuits> at four");
  await chat.page.keyboard.press("Enter");
  await chat.page.getByText("Topic: Tea & <biscuits> at four", { exact: true }).waitFor();
  await look(chat.page, "demo-topic");
  await set.click();
  assert.equal(await field.inputValue(), "Tea & <biscuits> at four");
  await chat.page.keyboard.press("Escape");
  await field.waitFor({ state: "hidden" });
  assert.equal(await set.evaluate((button) => button === document.activeElement), true, "the keyboard is where it was");
  await set.click();
  await field.fill("");
  await chat.page.keyboard.press("Enter");
  await chat.page.getByText("No topic", { exact: true }).waitFor();
});

// From here on the visitor is on the web too, signed in through the platform as whom they act as.
let web: Awaited<ReturnType<Chat["elsewhere"]>>;
let word: string;
let other: string;

/** Replaces what is written in an editor. */
async function write(block: string, code: string): Promise<void> {
  await web.getByRole("textbox", { name: block, exact: true }).click();
  await web.keyboard.press("Control+A");
  await web.keyboard.press("Delete");
  await web.keyboard.insertText(code);
}

/** The rule about the word, from the navigation. */
async function openRule(): Promise<void> {
  await web.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: "Rules", exact: true }).click();
  await web.getByRole("main").getByRole("link", { name: `No ${word} here`, exact: true }).click();
  await web.getByRole("heading", { level: 1, name: `No ${word} here` }).waitFor();
}

/** Two people say yes to what is asked in the main channel. */
async function twoVotes(): Promise<void> {
  await chat.open("general");
  for (const place of [0, 1]) {
    await chat.actAs(place);
    await chat.vote(/wants to change the rule/, /^Yes/);
  }
}

test("whoever acts in the chat signs in to the web as the same person and reads why", async () => {
  const name = await chat.actAs(0);
  web = await chat.signIn(name);
  await web.getByRole("heading", { level: 1 }).waitFor();
  await web.getByRole("banner").getByRole("link", { name: new RegExp(`^(\\w+ )?${name} `) }).first().waitFor();
  await chat.step("Change the rule itself");
  // Three days were skipped here: on the web it is as late as in the chat, whatever the browser's clock says.
  await web.getByText(/^today \d\d:\d\d$/).first().waitFor();
  const [there, here] = [await web.locator("html").getAttribute("data-now"), await chat.page.evaluate(() => Date.now())];
  assert.ok(Date.parse(there!) - here > 2.9 * 24 * 3600 * 1000, `${there} is ahead`);
  word = await chat.policyWord();
  other = await chat.otherWord();
});

test("a rule is changed in the editor, which checks while one writes and lets the keyboard out", async () => {
  await openRule();
  await write("Filter", "return (");
  const problem = web.getByRole("status").filter({ hasText: /^Line 1/ });
  await problem.first().waitFor();
  await look(web, "editor-problem");
  await write("Filter", `return "${other}" in action.text.lower()`);
  await problem.waitFor({ state: "detached" });
  // Tab writes in the editor; Escape and then Tab leaves it.
  await web.keyboard.press("Escape");
  await web.keyboard.press("Tab");
  const left = await web.evaluate(() => document.activeElement?.closest("pk-editor")?.getAttribute("block") !== "filter");
  assert.equal(left, true, "the editor holds the keyboard");
  await web.getByRole("button", { name: /^Propose/ }).first().click();
  await web.getByRole("status").first().waitFor();
  await look(web, "proposed");
  await chat.step("Vote for the change");
});

test("who votes on it reads which rule it is, in the chat and on the page with what would be different", async () => {
  await chat.open("general");
  await chat.message(new RegExp(`change the rule “No ${word} here”`)).waitFor();
  await web.getByRole("link", { name: "See the proposal" }).first().click();
  await web.getByRole("heading", { level: 1, name: new RegExp(`proposes to change the rule “No ${word} here”$`) }).waitFor();
  await web.getByRole("heading", { level: 2, name: "What changes" }).waitFor();
  await web.getByRole("region", { name: "Difference in filter" }).getByText(`return "${other}"`).waitFor();
  assert.equal(await web.getByRole("region", { name: "Difference in check" }).count(), 0, "what stays is not listed");
  await look(web, "proposed-change");
});

test("two votes make the new version, which governs from then on", async () => {
  await twoVotes();
  await chat.step("Roll it back");
  const kept = `A ${word} does no harm now.`;
  await chat.say(kept);
  await chat.say(`And what about a ${other}?`);
  await chat.message(`And what about a ${other}?`).waitFor({ state: "detached" });
  await chat.message(kept).waitFor();
});

test("the rule is rolled back by a proposal too", async () => {
  await openRule();
  await look(web, "policy");
  await web.getByRole("link", { name: "Compare version 1" }).click();
  await web.getByRole("heading", { level: 1, name: /^Version 1 of/ }).waitFor();
  await look(web, "version");
  await web.getByRole("button", { name: "Propose to go back to version 1" }).click();
  await web.getByRole("status").first().waitFor();
  await chat.open("general");
  await chat.message(/wants to change the rule/).getByRole("button", { name: /^Yes/ }).waitFor();
  await twoVotes();
  await chat.step("That was all of it");
  const gone = `Again a ${word}.`;
  await chat.say(gone);
  await chat.message(gone).waitFor({ state: "detached" });
  await look(chat.page, "demo-end");
});
