// The simulated chat. It shows what the stand-in says and sends what people do; it decides nothing.

const $ = (id) => document.getElementById(id);
const me = { user: "", channel: "C0GENERAL", thread: null };
let waiting = null;
let shot = null;
let lost = false;

/** An element with attributes and children; text is always text. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const person = (id) => shot?.people.find((p) => p.id === id);
const nameOf = (id) => person(id)?.name ?? "PolicyKit";
const channelName = (id) => shot?.channels.find((c) => c.id === id)?.name ?? id;
/** How far the demo's clock is ahead of the one here. Times are those of the demo. */
let ahead = 0;
const now = () => Date.now() + ahead;
const WEEK_MS = 6 * 24 * 3600 * 1000;
/** A moment: the days around now by their names, others by their dates. */
function clock(micros) {
  const at = micros / 1000;
  const day = Math.abs(now() - at) < WEEK_MS ? {} : { day: "numeric", month: "short" };
  return new Date(at).toLocaleString([], { weekday: "short", ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}
function drawNow() {
  $("now").textContent = `It is ${new Date(now()).toLocaleString([], { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" })}`;
}
// Not every machine has coloured emoji; the words beside them say the same.
const EMOJI = { thumbsup: "", thumbsdown: "", white_check_mark: "✓", x: "✕", no_entry: "–" };
const REACTIONS = { thumbsup: "Agree", thumbsdown: "Disagree", eyes: "Seen", tada: "Hurray" };
const SVG = "http://www.w3.org/2000/svg";
const DRAWINGS = {
  hash: ["M8 3L6 17M14 3l-2 14M3.5 7.5h14M2.5 12.5h14"],
  undo: ["M4 8h8a4 4 0 0 1 0 8H8", "M7 4.5L3.6 8 7 11.5"],
  ballot: ["M3 10.5h14V17H3z", "M6 10.5V3h8v7.5M8 6.7l1.5 1.5L12.3 5"],
  tick: ["M4 10.5l4 4 8-9"],
  ring: ["M16.5 10a6.5 6.5 0 1 1-13 0a6.5 6.5 0 1 1 13 0"],
  live: ["M17 10a7 7 0 1 1-14 0a7 7 0 1 1 14 0", "f M13.4 10a3.4 3.4 0 1 1-6.8 0a3.4 3.4 0 1 1 6.8 0"],
};

/** A drawing that stands beside words. */
function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ class: "i", viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" })) svg.setAttribute(key, value);
  for (const d of DRAWINGS[name]) {
    const path = document.createElementNS(SVG, "path");
    if (d.startsWith("f ")) path.setAttribute("class", "f");
    path.setAttribute("d", d.replace(/^f /, ""));
    svg.append(path);
  }
  return svg;
}

const plain = (text) => text
  .replace(/:([a-z_]+):/g, (all, name) => EMOJI[name] ?? all)
  .replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/** The platform's own mark-up, as far as people here use it: mentions, channels, links, bold, code. */
function rich(text) {
  const parts = [];
  const pattern = /<@([A-Z0-9]+)>|<#([A-Z0-9]+)(?:\|[^>]*)?>|<(https?:[^>|]+)(?:\|([^>]*))?>|\*([^*\n]+)\*|`([^`\n]+)`/g;
  let last = 0;
  for (const found of text.matchAll(pattern)) {
    parts.push(plain(text.slice(last, found.index)));
    const [, user, channel, link, label, bold, code] = found;
    if (user) parts.push(el("b", {}, `@${nameOf(user)}`));
    else if (channel) parts.push(el("b", {}, `#${channelName(channel)}`));
    else if (link) parts.push(el("span", {}, plain(label ?? link)));
    else if (bold) parts.push(el("b", {}, plain(bold)));
    else parts.push(el("span", { class: "num" }, plain(code)));
    last = found.index + found[0].length;
  }
  parts.push(plain(text.slice(last)));
  return parts;
}

function lines(text) {
  return text.split("\n").map((line) =>
    line.startsWith("&gt; ") || line.startsWith("> ")
      ? el("blockquote", {}, ...rich(line.replace(/^(&gt;|>) /, "")))
      : el("p", {}, ...rich(line)));
}

function block(message, data) {
  const text = (node) => (typeof node === "string" ? node : node?.text ?? "");
  if (data.type === "actions") {
    return el("div", { class: "row" }, ...data.elements.map((e) => {
      const button = el("button", { class: "btn s", type: "button" }, plain(text(e.text)));
      button.addEventListener("click", () => act({ do: "press", channel: me.channel, ts: message.ts, on: { action_id: e.action_id } }));
      return button;
    }));
  }
  if (data.type === "context") return el("p", { class: "fine" }, ...data.elements.flatMap((e) => rich(text(e))));
  return el("div", {}, ...lines(text(data.text)));
}

function system(message) {
  return el("li", { class: "sys" }, icon(person(message.user) ? "hash" : "undo"),
    el("p", {}, el("b", {}, nameOf(message.user)), " ", ...rich(message.text), " ", time(message)));
}

const time = (message) => el("time", {}, clock(Number(message.ts) * 1e6));

function said(message) {
  const author = person(message.user);
  const initials = author ? author.name.split(" ").map((w) => w[0]).join("") : "";
  const body = el("div", {}, el("p", { class: "by" }, el("b", {}, nameOf(message.user)),
    author ? null : el("span", { class: "tag" }, "app"), time(message),
    message.edited ? el("span", { class: "hint" }, "(edited)") : null,
    message.pinned ? el("span", { class: "hint" }, "pinned") : null,
    message.ephemeral ? el("span", { class: "hint" }, "only you can see this") : null));
  if (message.blocks?.length) {
    body.append(el("div", { class: "votemsg" }, ...message.blocks.map((b) => block(message, b))));
  } else {
    body.append(...lines(message.text));
  }
  if (message.reactions.length) {
    body.append(el("p", { class: "chips" }, ...message.reactions.map(([name, count]) => el("span", { class: "tag" }, `${REACTIONS[name] ?? name} ${count}`))));
  }
  if (!message.ephemeral) body.append(doings(message));
  const kind = [message.ephemeral ? "only" : "", message.thread_ts && message.thread_ts !== message.ts ? "thread" : ""].join(" ").trim();
  return el("li", { class: kind || null }, el("span", { class: author ? "ava" : "ava botava", "aria-hidden": "true" }, author ? initials : icon("ballot")), body);
}

/** What can be done with a message. */
function doings(message) {
  const about = ` the message of ${nameOf(message.user)} at ${clock(Number(message.ts) * 1e6)}`;
  const button = (word, rest, go) => {
    const made = el("button", { class: "doing", type: "button" }, word, el("span", { class: "vh" }, rest));
    made.addEventListener("click", go);
    return made;
  };
  const on = { channel: me.channel, ts: message.ts };
  return el("p", { class: "doings" },
    button("Reply", ` in a thread to${about}`, () => reply(message)),
    button("Agree", ` with${about}`, () => agree(on)),
    button(message.pinned ? "Unpin" : "Pin", about, () => act({ do: message.pinned ? "unpin" : "pin", ...on })));
}

/** Whoever has agreed already takes it back. */
async function agree(on) {
  const answer = await fetch("/demo/act", order({ user: me.user, act: { do: "react", name: "thumbsup", ...on } }));
  if (answer.ok) await refresh();
  else await act({ do: "unreact", name: "thumbsup", ...on });
}

function reply(message) {
  me.thread = message.thread_ts ?? message.ts;
  $("replying-to").textContent = `Replying to ${nameOf(message.user)} in a thread.`;
  $("replying").hidden = false;
  $("message").focus();
}

function closeReply() {
  me.thread = null;
  $("replying").hidden = true;
}

/** Replies right below what they answer. */
function inThreads(messages) {
  const isReply = (m) => m.thread_ts && m.thread_ts !== m.ts;
  return messages.filter((m) => !isReply(m)).flatMap((m) => [m, ...messages.filter((r) => isReply(r) && r.thread_ts === m.ts)]);
}

function drawPeople() {
  for (const input of $("people").querySelectorAll("input")) input.checked = input.value === me.user;
  if ($("people").childElementCount) return;
  for (const p of shot.people) {
    const input = el("input", { type: "radio", name: "as", value: p.id, checked: p.id === me.user });
    input.addEventListener("change", () => { me.user = p.id; trouble(); closeReply(); refresh(); });
    $("people").append(el("label", {}, input, p.standing === "member" ? p.name.split(" ")[0] : `${p.name.split(" ")[0]}, ${p.standing}`));
  }
}

function drawChannels() {
  $("web").href = `/demo/web?user=${encodeURIComponent(me.user)}`;
  $("community").textContent = shot.community;
  $("channels").replaceChildren(...shot.channels.map((c) => {
    const button = el("button", { type: "button", "aria-current": c.id === me.channel ? "page" : null },
      `#${c.name}${c.private ? " (private)" : ""}`);
    button.addEventListener("click", () => open(c.id));
    return el("li", {}, button);
  }));
}

function drawRoom() {
  const { channel, messages } = shot.room;
  const moved = me.channel !== channel.id;
  me.channel = channel.id;
  const log = $("log");
  const atEnd = moved || log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  $("room-name").textContent = `#${channel.name}`;
  $("room-people").textContent = `${channel.members.filter(person).length} people`;
  $("room-topic").replaceChildren(...(channel.topic ? [el("b", {}, "Topic:"), " ", ...rich(channel.topic)] : ["No topic"]));
  const focused = document.activeElement?.closest?.("#room button")?.textContent;
  $("room").replaceChildren(...inThreads(messages).map((m) =>
    m.subtype && m.subtype !== "thread_broadcast" && !m.blocks ? system(m) : said(m)));
  // Redrawing must not take the keyboard away from whoever just pressed a button.
  if (focused) [...log.querySelectorAll("button")].findLast((b) => b.textContent === focused)?.focus();
  const first = nameOf(me.user).split(" ")[0];
  $("message").placeholder = `Write as ${first}, or try ?rules`;
  $("message-label").textContent = `Message #${channel.name} as ${first}`;
  if (atEnd) log.scrollTop = log.scrollHeight;
}

const WIDE = matchMedia("(min-width: 48rem)");
let unfolded = "";

function drawTour() {
  const next = shot.tour.findIndex((s) => !s.done);
  const step = shot.tour[next];
  $("step-number").textContent = step ? `Step ${next + 1} of ${shot.tour.length}` : "The tour is over";
  $("step-heading").textContent = step ? step.heading : "That was all of it";
  $("step-text").replaceChildren(...rich(step ? step.text : "Go on as you like: other channels, other names, other people. What you do is governed all the same."));
  $("show-me").hidden = !step;
  $("intro").hidden = next !== 0;
  // The whole list is worth its room where there is room, and as long as there is something to come.
  const about = next === -1 ? "over" : WIDE.matches ? "wide" : "narrow";
  if (unfolded !== about) {
    unfolded = about;
    $("all").open = about === "wide";
    $("about").open = about === "wide";
  }
  $("steps").replaceChildren(...shot.tour.map((s, i) => el("li", { class: s.done ? "done" : i === next ? "now" : null, "aria-current": i === next ? "step" : null },
    icon(s.done ? "tick" : i === next ? "live" : "ring"),
    el("span", {}, s.title, s.done ? el("span", { class: "vh" }, " (done)") : null))));
}

/** What is to be seen of what was done for the visitor. */
function tell(text) {
  $("shown").replaceChildren(...rich(text));
  $("shown").hidden = !text;
}

function trouble(text) {
  $("trouble").textContent = text ?? "";
  $("trouble").hidden = !text;
}

/** Shows what there is now, and begins to wait for what comes next. */
async function refresh() {
  waiting?.abort();
  await look();
}

/** Asks for what there is; with the version that is shown, waits until there is another one. */
async function look(since, signal) {
  const query = new URLSearchParams({ user: me.user, channel: me.channel });
  if (since !== undefined) query.set("since", since);
  const asked = `${me.user} ${me.channel}`;
  const first = !shot;
  const reply = await fetch(`/demo/state?${query}`, { signal });
  if (reply.status === 204) return;
  if (!reply.ok) throw new Error((await reply.json()).error);
  const answer = await reply.json();
  // Meanwhile the visitor may look elsewhere, as somebody else.
  if (asked !== `${me.user} ${me.channel}`) return;
  if (first) me.user = answer.people[0]?.id ?? "";
  if (!answer.room) {
    // Nobody was asked for yet: now it is known who there is, and that is asked for at once.
    if (asked.startsWith(" ") && me.user) return;
    throw new Error("there is no channel to be seen");
  }
  shot = answer;
  ahead = answer.now / 1000 - Date.now();
  drawNow();
  drawPeople();
  drawRoom();
  drawChannels();
  drawTour();
}

function open(channel) {
  me.channel = channel;
  closeRename();
  closeTopic();
  closeReply();
  trouble();
  refresh();
  $("room-name").focus();
}

const order = (body) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

async function send(path, body) {
  trouble();
  const reply = await fetch(path, order(body));
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) trouble(answer.error ?? "That did not work; try again.");
  await refresh();
  return reply.ok ? answer : null;
}

const act = (what) => send("/demo/act", { user: me.user, act: what });

/** A field in the head of the room that opens with its button, and closes with what is saved, with Cancel or Escape. */
function inPlace(button, form, field, now, save) {
  const close = () => {
    $(form).hidden = true;
    $(button).hidden = false;
  };
  const leave = () => { close(); $(button).focus(); };
  $(button).addEventListener("click", () => {
    $(button).hidden = true;
    $(form).hidden = false;
    $(field).value = plain(now());
    $(field).focus();
    $(field).select();
  });
  $(`${button}-cancel`).addEventListener("click", leave);
  $(form).addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
  $(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await save($(field).value)) leave();
  });
  return close;
}

const closeRename = inPlace("rename", "rename-form", "new-name", () => shot.room.channel.name,
  (name) => act({ do: "rename", channel: me.channel, name }));
const closeTopic = inPlace("topic", "topic-form", "new-topic", () => shot.room.channel.topic,
  (topic) => act({ do: "set_topic", channel: me.channel, topic: topic.trim() }));

$("compose").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("message").value.trim();
  if (!text) return;
  const posted = await act({ do: "post", channel: me.channel, text, thread_ts: me.thread });
  if (!posted) return;
  $("message").value = "";
  closeReply();
});
$("reply-cancel").addEventListener("click", () => { closeReply(); $("message").focus(); });
$("skip-time").addEventListener("click", () => send("/demo/skip", {}));
$("show-me").addEventListener("click", async () => {
  const at = shot.tour.findIndex((s) => !s.done);
  const step = shot.tour[at];
  // At once: what opens later may be taken for a page that nobody asked for.
  if (step.open) window.open(step.open, "_blank", "noopener");
  $("show-me").disabled = true;
  tell("One moment.");
  const scene = await send("/demo/show", { step: at });
  $("show-me").disabled = false;
  tell(scene ? step.shown : "");
  if (!scene) return;
  me.user = scene.user;
  open(scene.channel);
});
setInterval(drawNow, 10_000);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
for (;;) {
  waiting = new AbortController();
  try {
    await look(lost ? undefined : shot?.version, waiting.signal);
    if (lost) trouble();
    lost = false;
  } catch (error) {
    // Somebody did something and has fetched the newest state already.
    if (error.name === "AbortError") continue;
    lost = true;
    trouble("The demo does not answer. Is it still running?");
    await pause(1000);
  }
}
