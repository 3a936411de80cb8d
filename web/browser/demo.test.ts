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
