// The demo for whoever only wants to look: the tour does everything, and shows each thing where it happens.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Stage, look } from "./harness.ts";
import { Chat } from "./chat.ts";

let stage: Stage;
let chat: Chat;

before(async () => {
  stage = await Stage.open();
  chat = await Chat.enter(stage);
});
after(async () => stage?.close());

/** A step: its heading, as whom it is looked at, what is to be seen there, and where, when that is not #general. */
type Step = [heading: string, who: RegExp, seen: RegExp, room?: () => Promise<string>];

const STEPS: Step[] = [
  ["Break a rule", /^\w+$/, /was removed: the rule/],
  ["Rename a channel", /^\w+$/, /proposes: #/],
  ["Now vote, as two people", /, steward$/, /proposes: #[^]*Yes\s+2/],
  ["Let the vote end", /, steward$/, /from now on\./],
  ["Be new here", /, newcomer$/, /a steward looks at links first/, async () => chat.show()],
  ["Decide as a steward", /, steward$/, /is new and wants to post this/, async () => chat.council()],
];

async function shown(who: RegExp, seen: RegExp, room: string): Promise<void> {
  await chat.page.getByRole("heading", { level: 2, name: `#${room}`, exact: true }).waitFor();
  await chat.actingAs(who);
  await chat.message(seen).waitFor();
}

test("every step is done by its button, and what came of it is what one looks at", async () => {
  for (const [heading, who, seen, room] of STEPS) {
    await chat.step(heading);
    const where = room ? await room() : "general";
    await chat.showMe();
    await shown(who, seen, where);
    await chat.page.getByRole("complementary", { name: "Guided tour" }).getByRole("status").waitFor();
  }
  await look(chat.page, "tour-shown");
});

test("reading why leads to the record, and is done by that", async () => {
  await chat.step("Read why");
  const record = await chat.elsewhere(() => chat.showMe());
  await record.getByRole("button", { name: /^Continue as / }).first().click();
  await record.getByRole("heading", { level: 1, name: /./ }).waitFor();
  assert.equal(new URL(record.url()).pathname, "/main/decisions");
  await chat.step("Change the rule itself");
});

test("the rule is changed and rolled back by buttons, with votes", async () => {
  await chat.showMe();
  await shown(/^\w+$/, /wants to change the rule/, "general");
  await chat.step("Vote for the change");
  await chat.showMe();
  await shown(/, steward$/, /The vote has passed/, "general");
  await chat.step("Roll it back");
  await chat.showMe();
  await chat.step("That was all of it");
  assert.deepEqual(await chat.alertsSeen(), []);
});

test("on a small screen a finished tour leaves room for the chat", async () => {
  await chat.page.setViewportSize({ width: 390, height: 844 });
  const channels = await chat.page.getByRole("navigation", { name: "Channels" }).boundingBox();
  assert.ok(channels && channels.y < 560, `the chat begins at ${channels?.y} px`);
  await chat.page.getByText("All steps of the tour").click();
  await chat.page.getByRole("listitem").filter({ hasText: "Roll it back" }).first().waitFor();
  await look(chat.page, "tour-end");
});
