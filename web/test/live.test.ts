import assert from "node:assert/strict";
import { test } from "node:test";
import { announcement } from "../src/announce.ts";

test("one new line is read out as it is", () => {
  assert.equal(announcement(1, "10:42 Undone: a link by Bob"), "10:42 Undone: a link by Bob");
});

test("several are counted and only the latest is read out", () => {
  assert.equal(announcement(3, "10:42 Undone"), "3 new lines. The latest: 10:42 Undone");
});
