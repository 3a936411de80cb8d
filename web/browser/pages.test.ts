// The pages of the web application, as whoever runs the server sees them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { Chat } from "./chat.ts";
import { Stage, look } from "./harness.ts";

let stage: Stage;
let chat: Chat;
let page: Page & { complaints: string[] };
let word: string;

before(async () => {
  stage = await Stage.open();
  chat = await Chat.enter(stage);
  // Something to show: a message that broke a rule, and a vote that is open.
  word = await chat.word();
  await chat.say(`Does anybody want to hear a ${word}?`);
  await chat.step("Rename a channel");
  await chat.showMe();
  await chat.step("Now vote, as two people");
  page = await chat.elsewhere(() => chat.page.getByRole("button", { name: "See it as whoever runs the server" }).click());
});
after(async () => stage?.close());

async function go(entry: string): Promise<void> {
  await page.goto(`${stage.base}/main`);
  await page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: entry, exact: true }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
}

test("the first page says what needs somebody and what was decided", async () => {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await look(page, "home");
});

for (const entry of ["Proposals", "Rules", "Members", "Record", "Settings"]) {
  test(`${entry} can be reached from the navigation, which says where one is`, async () => {
    await go(entry);
    assert.equal(await page.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: entry, exact: true }).getAttribute("aria-current"), "page");
    await look(page, entry.toLowerCase());
  });
}

test("a member sees the same pages, and the vote that waits for them", async () => {
  const member = await chat.signIn(await chat.actAs(1));
  await member.getByRole("heading", { level: 1 }).waitFor();
  await look(member, "member-home");
  await member.getByRole("navigation", { name: "Main", exact: true }).getByRole("link", { name: "Proposals", exact: true }).click();
  await member.getByRole("main").getByRole("link", { name: /rename a channel/i }).first().click();
  await member.getByRole("group").filter({ has: member.getByRole("radio", { name: /yes/i }) }).first().waitFor();
  await look(member, "member-proposal");
  await member.getByRole("radio", { name: /yes/i }).first().check();
  await member.getByRole("button", { name: /vote/i }).first().click();
  await member.getByRole("button", { name: /change my vote/i }).waitFor();
  await member.close();
  page = await chat.elsewhere(() => chat.page.getByRole("button", { name: "See it as whoever runs the server" }).click());
  await page.getByRole("heading", { level: 1 }).waitFor();
});

test("what is decided while one looks at the record arrives by itself, above what was there", async () => {
  await go("Record");
  const entries = page.getByRole("main").getByRole("listitem").filter({ hasText: /post a message/ });
  await entries.first().waitFor();
  const before = await entries.count();
  await page.evaluate(() => Object.assign(window, { stayed: true }));
  await chat.say(`Once more: ${word}, ${word}`);
  // What was refused and what was undone are a line each.
  await entries.nth(before + 1).waitFor();
  assert.equal(await page.evaluate(() => "stayed" in window), true, "the page was not loaded again");
  const newest = Number(/No\. (\d+)/.exec(await entries.first().innerText())?.[1]);
  const oldest = Number(/No\. (\d+)/.exec(await entries.last().innerText())?.[1]);
  assert.ok(newest > oldest, `${newest} stands above ${oldest}`);
  await look(page, "record-live");
});

test("moments are in the reader's own time, and say what they were written as", async () => {
  await go("Proposals");
  await page.getByRole("main").getByRole("link", { name: /rename a channel/i }).first().click();
  const time = page.getByRole("main").getByRole("time").first();
  assert.match(await time.innerText(), /^today \d\d:\d\d$/);
  assert.match((await time.getAttribute("title")) ?? "", /UTC$/);
  await look(page, "proposal");
});

test("colours are chosen in the footer and kept by the server", async () => {
  await go("Proposals");
  await page.getByRole("combobox", { name: "Colours" }).selectOption("Dark");
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset["theme"]), "dark");
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(15, 24, 23)");
  await page.getByRole("combobox", { name: "Colours" }).selectOption("As the system");
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset["theme"]), undefined);
});

test("an address that leads nowhere is a page that says so", async () => {
  await page.goto(`${stage.base}/main/nowhere`);
  await page.getByRole("heading", { level: 1, name: "There is nothing at this address" }).waitFor();
  await look(page, "nowhere");
});

test("on paper there is no navigation", async () => {
  await page.goto(`${stage.base}/main`);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.getByRole("navigation", { name: "Main", exact: true }).count(), 0);
  await page.emulateMedia({ media: null });
});

test("without scripts pages say everything and times are in UTC", async () => {
  const context = await stage.context.browser()!.newContext({ javaScriptEnabled: false, storageState: await stage.context.storageState() });
  const plain = await context.newPage();
  await plain.goto(`${stage.base}/main`);
  await plain.getByRole("heading", { level: 1 }).waitFor();
  assert.match(await plain.getByRole("main").getByRole("time").first().innerText(), /^\w{3} \d+ \w{3} \d{4} /);
  await context.close();
});
