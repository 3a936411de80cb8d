// A community from its first day to its last: installed, governed, locked up and repaired, cut off and connected again,
// removed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { look } from "./harness.ts";
import { CAST, Server, type Tab, comes, goOnAs, literally, signIn, visit } from "./server.ts";

let server: Server;
let ada: Tab;
let bo: Tab;

before(async () => {
  server = await Server.open();
});
after(async () => server?.close());

/** The words of what the page says at its top. */
async function said(page: Tab, role: "status" | "alert"): Promise<string> {
  return page.getByRole("main").getByRole(role).first().innerText();
}

/** Replaces what is written in an editor. */
async function write(page: Tab, block: string, code: string): Promise<void> {
  await page.getByRole("textbox", { name: block, exact: true }).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(code);
}

const BASE = "Moderators change the rules";

async function openBase(page: Tab): Promise<void> {
  await visit(page, "Rules");
  await page.getByRole("main").getByRole("link", { name: BASE, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: BASE }).waitFor();
}

test("whoever says no on the platform is back, and nothing was added", async () => {
  const page = await server.arrive();
  await look(page, "login");
  await page.getByRole("link", { name: "Install PolicyKit to Slack" }).click();
  await page.getByRole("button", { name: "Deny" }).click();
  await page.getByRole("alert").getByRole("heading", { name: "PolicyKit was not added to Slack" }).waitFor();
  await page.context().close();
});

test("whoever does not administer the workspace is refused in plain words", async () => {
  const page = await server.arrive();
  await page.getByRole("link", { name: "Install PolicyKit to Slack" }).click();
  await goOnAs(page, CAST.member.first);
  await page.getByRole("alert").getByRole("heading", { name: "PolicyKit was not added to Slack" }).waitFor();
  const words = await said(page, "alert");
  assert.match(words, new RegExp(`does not administer ${literally(CAST.community)}`));
  assert.match(words, /Nothing was changed\./);
  await look(page, "login-refused");
  // Nothing is kept: members cannot sign in either.
  await page.getByRole("link", { name: "Sign in with Slack" }).click();
  await goOnAs(page, CAST.member.first);
  await page.getByRole("alert").filter({ hasText: "not installed" }).waitFor();
  await page.context().close();
});

test("an administrator installs, chooses a starter kit, signs in and is on the first page", async () => {
  ada = await server.arrive();
  await ada.getByRole("link", { name: "Install PolicyKit to Slack" }).click();
  await goOnAs(ada, CAST.owner.first);
  await ada.getByRole("heading", { level: 1, name: "Who decides on the first day?" }).waitFor();
  await look(ada, "kits");
  // Somebody who goes away before the choice is led back to it.
  await ada.goto(new URL("/main", ada.url()).href);
  await ada.getByRole("status").filter({ hasText: "One step is left" }).waitFor();
  await look(ada, "home-cut-short");
  await ada.getByRole("link", { name: "Choose who decides on the first day" }).click();
  await ada.getByRole("heading", { level: 1, name: "Who decides on the first day?" }).waitFor();
  await ada.getByRole("radio", { name: "Moderators" }).check();
  await ada.getByRole("button", { name: "Start with this kit" }).click();
  await ada.getByRole("status").filter({ hasText: "Successfully added PolicyKit!" }).waitFor();
  await look(ada, "login-added");
  await signIn(ada, CAST.owner.first);
  await ada.getByRole("heading", { level: 1, name: "Nothing needs your vote" }).waitFor();
  await look(ada, "home-new");
});

test("the roles say what each allows and who has it", async () => {
  await visit(ada, "Members");
  for (const role of ["Base User", "Moderator", "Integration Admin"]) {
    await ada.getByRole("main").getByRole("heading", { level: 3, name: role }).waitFor();
  }
  await look(ada, "roles");
  await ada.getByRole("main").getByRole("heading", { level: 3, name: "Moderator" }).getByRole("link").click();
  await ada.getByRole("heading", { level: 1, name: "Moderator" }).waitFor();
  // Both administrators of the workspace have it from the kit.
  await ada.getByRole("group", { name: "Holders" }).getByRole("checkbox", { name: new RegExp(literally(CAST.admin.last), "i") }).waitFor();
  await look(ada, "role");
});

test("a guideline is a proposal, and under this kit a moderator's passes at once", async () => {
  await visit(ada, "Rules");
  await ada.getByRole("main").getByRole("link", { name: "Guidelines" }).click();
  await ada.getByRole("heading", { level: 1, name: "No guidelines yet" }).waitFor();
  await look(ada, "guidelines-none");
  await ada.getByRole("main").getByRole("link", { name: "Propose a guideline" }).click();
  await ada.getByRole("textbox", { name: "Name" }).fill(CAST.guideline);
  await ada.getByRole("textbox", { name: "Text" }).fill(CAST.text);
  await look(ada, "guideline-new");
  await ada.getByRole("button", { name: "Propose this guideline" }).click();
  await ada.getByRole("status").first().waitFor();
  await comes(ada, ada.getByRole("heading", { level: 2, name: CAST.guideline }));
  await look(ada, "guidelines");
});

test("only integration admins add and remove integrations, and everybody can see who that is", async () => {
  bo = await server.member(CAST.member.first);
  await visit(bo, "Settings");
  await bo.getByRole("heading", { level: 2, name: "Slack" }).waitFor();
  assert.equal(await bo.getByRole("main").getByText("Remove Slack").count(), 0);
  await bo.getByText("Only members with this role can add or remove: “Integration Admin”").first().waitFor();
  await look(bo, "integrations-member");
  await visit(ada, "Settings");
  await ada.getByText("Working").waitFor();
  await look(ada, "integrations-admin");
});

test("a broken rule about the rules is repaired by clicking", async () => {
  // A moderator breaks it, with open eyes: without the tick it would be refused.
  await openBase(ada);
  await write(ada, "Check", "return PASSED if action.initiator.is_a_moderator else FAILED");
  await ada.getByRole("checkbox", { name: /Accept that the rules can then no longer be changed/ }).first().check();
  await ada.getByRole("button", { name: /^Propose/ }).first().click();
  await ada.getByRole("status").first().waitFor();
  await openBase(ada);
  await comes(ada, ada.getByRole("rowheader", { name: /^2, in force/ }));

  // Whoever proposes a repair now reads that it waits for a person.
  await openBase(bo);
  await write(bo, "Check", "return PASSED if action.initiator.has_role('Moderator') else FAILED");
  await bo.getByRole("button", { name: /^Propose/ }).first().click();
  await bo.getByRole("status").first().waitFor();
  await visit(bo, "Rules");
  await bo.getByRole("main").getByRole("link", { name: "What waits for a person" }).click();
  await comes(bo, bo.getByRole("heading", { level: 1, name: "One thing waits for a person" }));
  await bo.getByRole("heading", { name: "You can look, but not decide" }).waitFor();
  assert.equal(await bo.getByRole("main").getByRole("button").count(), 0);
  await look(bo, "held-member");

  // Whoever may decide sees it on the first page, and lets it pass.
  await visit(ada, "Home");
  await ada.getByRole("heading", { level: 1, name: "One proposal is held for a person to settle" }).waitFor();
  await look(ada, "home-held");
  await visit(ada, "Rules");
  await ada.getByRole("main").getByRole("link", { name: "What waits for a person" }).click();
  await ada.getByRole("heading", { level: 1, name: "One thing waits for a person" }).waitFor();
  await look(ada, "held");
  await ada.getByRole("main").getByRole("link", { name: /change the rule about the rules/ }).first().click();
  await ada.getByRole("heading", { name: "Held until a person decides" }).waitFor();
  await look(ada, "held-proposal");
  await ada.getByRole("button", { name: "Let it pass" }).click();
  await openBase(ada);
  await comes(ada, ada.getByRole("rowheader", { name: /^3, in force/ }));

  // The rules work again: a moderator's change passes without anybody's help.
  await visit(ada, "Members");
  await ada.getByRole("link", { name: "Propose a new role" }).click();
  await ada.getByRole("textbox", { name: "Name" }).fill(CAST.role);
  await ada.getByRole("button", { name: "Propose this role" }).click();
  await ada.getByRole("status").first().waitFor();
  await visit(ada, "Members");
  await comes(ada, ada.getByRole("heading", { level: 3, name: CAST.role }));
});

test("a vote about candidates is cast, changed and taken back on its page", async () => {
  const [one, two] = [`${CAST.owner.first} ${CAST.owner.last}`, `${CAST.other.first} ${CAST.other.last}`];
  await server.governedBy({
    policy_kind: "Platform", name: "A board is elected", action_types: ["slackpostmessage"],
    filter: "return action.text.startswith('Elect')", initialize: "pass", check: "return PROPOSED",
    notify: `slack.initiate_advanced_vote(candidates=${JSON.stringify([one, two])}, options=["yes", "no", "rather somebody else"], title=f"Who looks after it? <@{action.initiator}>", channel=action.channel)`,
    success: "pass", fail: "pass",
  });
  await server.say(CAST.member.handle, CAST.channels[1], "Elect them, please");
  await visit(bo, "Home");
  await comes(bo, bo.getByRole("heading", { level: 1, name: "One proposal needs your vote" }));
  // The top of every page counts what waits.
  await visit(bo, "Rules");
  await bo.getByRole("banner").getByRole("link", { name: /My votes\s+1 waiting/ }).click();
  await look(bo, "home-candidates");
  await bo.getByRole("main").getByRole("link", { name: /^Read and vote/ }).click();
  await bo.getByRole("combobox", { name: one }).waitFor();
  await look(bo, "candidates");
  await bo.getByRole("combobox", { name: one }).selectOption("yes");
  await bo.getByRole("combobox", { name: two }).selectOption("rather somebody else");
  await bo.getByRole("button", { name: "Cast my vote" }).click();
  await bo.getByRole("status").filter({ hasText: "Your vote is in the box" }).waitFor();
  await comes(bo, bo.getByText(`You said ${one}: yes, ${two}: rather somebody else`).or(bo.getByText(`You said ${two}: rather somebody else, ${one}: yes`)));
  await look(bo, "candidates-voted");
  assert.equal(await bo.getByRole("banner").getByRole("link", { name: /My votes/ }).count(), 0);
  await bo.getByRole("combobox", { name: two }).selectOption("No choice");
  await bo.getByRole("button", { name: "Change my vote" }).click();
  await comes(bo, bo.getByText(new RegExp(`You said ${literally(one)}: yes on`)));
  await bo.getByRole("button", { name: "Take my vote back" }).click();
  await comes(bo, bo.getByText("Nobody has voted yet."));
});

test("when the platform no longer accepts the keys, settings say so, and installing again repairs it", async () => {
  await server.revokeTokens();
  await visit(ada, "Settings");
  await comes(ada, ada.getByRole("heading", { name: "Slack no longer accepts our key" }));
  await ada.getByText("No longer lets us in").waitFor();
  await look(ada, "integrations-lost");
  await visit(bo, "Settings");
  await bo.getByRole("heading", { name: "Slack no longer accepts our key" }).waitFor();
  assert.equal(await bo.getByRole("link", { name: "Sign in to Slack again" }).count(), 0, "a member repairs nothing");
  await ada.getByRole("link", { name: "Sign in to Slack again" }).click();
  await goOnAs(ada, CAST.owner.first);
  await ada.getByRole("status").filter({ hasText: `${CAST.community} is connected` }).waitFor();
  await ada.getByText("Working").waitFor();
  await visit(ada, "Rules");
  await ada.getByRole("main").getByRole("link", { name: BASE, exact: true }).waitFor();
});

test("an integration admin removes the integration and is signed out, and the record stays", async () => {
  await visit(ada, "Settings");
  await ada.getByText("Remove Slack", { exact: true }).first().click();
  await look(ada, "integrations-remove");
  await ada.getByRole("button", { name: "Remove Slack" }).click();
  await ada.getByText(`${CAST.community} is removed`).first().waitFor();
  await ada.getByText("can connect it again from this page").first().waitFor();
  await look(ada, "integrations-removed");

  // Whoever was signed in through it is not any more.
  await bo.goto(`${server.base}/main`);
  await bo.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
  const late = await server.arrive();
  await late.getByRole("link", { name: "Sign in with Slack" }).click();
  await goOnAs(late, CAST.other.first);
  await late.getByRole("alert").filter({ hasText: `PolicyKit was removed from ${CAST.community}; its record is kept` }).waitFor();
});

test("whoever looked after the integrations connects the removed place again, and nobody else does", async () => {
  // Nobody who runs the server is needed: it is no new community.
  const bo = await server.arrive();
  await look(bo, "login-removed");
  await bo.getByRole("link", { name: "Connect it to Slack again" }).click();
  await goOnAs(bo, CAST.member.first);
  await bo.getByRole("alert").getByRole("heading", { name: "PolicyKit was not connected to Slack again" }).waitFor();
  const ada = await server.arrive();
  await ada.getByRole("link", { name: "Connect it to Slack again" }).click();
  await goOnAs(ada, CAST.owner.first);
  await ada.getByRole("status").filter({ hasText: `${CAST.community} is connected` }).waitFor();
  await signIn(ada, CAST.owner.first);
  await visit(ada, "Rules");
  await ada.getByRole("main").getByRole("link", { name: BASE, exact: true }).waitFor();
});
