import assert from "node:assert/strict";
import { test } from "node:test";
import { ahead, wording } from "../src/times.ts";

const now = new Date("2026-11-24T12:00:00Z");
const read = (text: string, zone = "Europe/Paris") => wording(new Date(text), now, "en-GB", zone);

test("the days around now have names", () => {
  assert.equal(read("2026-11-24T08:14:00Z"), "today 09:14");
  assert.equal(read("2026-11-23T22:59:00Z"), "yesterday 23:59");
  assert.equal(read("2026-11-25T08:14:00Z"), "tomorrow 09:14");
});

test("which day it is depends on the reader's zone, not on the server's", () => {
  assert.equal(read("2026-11-23T23:30:00Z"), "today 00:30");
  assert.equal(read("2026-11-23T23:30:00Z", "America/New_York"), "yesterday 18:30");
});

test("further away the date is written, and the year when it is another one", () => {
  assert.equal(read("2026-11-27T08:14:00Z"), "Friday 09:14");
  assert.match(read("2026-10-02T08:14:00Z"), /^Fri,? 2 October 10:14$/);
  assert.match(read("2025-10-02T08:14:00Z"), /2 October 2025 10:14$/);
});

test("a change to summer time does not move a moment to the neighbouring day", () => {
  const spring = new Date("2026-03-29T12:00:00Z");
  assert.equal(wording(new Date("2026-03-28T22:30:00Z"), spring, "en-GB", "Europe/Paris"), "yesterday 23:30");
});

test("the server's clock counts, also where it is ahead of the reader's", () => {
  const here = Date.parse("2026-11-24T12:00:00Z");
  const there = new Date(here + ahead("2026-11-27T12:00:00.250Z", here));
  assert.equal(wording(new Date("2026-11-27T08:14:00Z"), there, "en-GB", "Europe/Paris"), "today 09:14");
  assert.equal(ahead(undefined, here), 0);
  assert.equal(ahead("", here), 0);
});
