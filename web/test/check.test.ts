import assert from "node:assert/strict";
import { test } from "node:test";
import { type Problem, ask, problemsOf, summary, unitsBefore, wordLength } from "../src/check.ts";

const problem: Problem = { code: "PK001", block: "check", line: 2, column: 12, message: "`PASED` is not a name here", severity: "error" };
const answering = (status: number, body: string): typeof fetch => async () => new Response(body, { status });
const asked = (fetcher: typeof fetch) => ask("/api/v1/policies/check", "token", { check: "x" }, new AbortController().signal, fetcher);

test("problems are read whether or not they are wrapped", () => {
  assert.deepEqual(problemsOf({ diagnostics: [problem] }), [problem]);
  assert.deepEqual(problemsOf([{ ...problem, severity: undefined }]), [problem]);
});

test("where a problem ends is read when the server says so", () => {
  const [read] = problemsOf([{ ...problem, end_line: 3, end_column: 4 }]);
  assert.deepEqual(read, { ...problem, end: { line: 3, column: 4 } });
  assert.deepEqual(problemsOf([{ ...problem, end_line: 3 }]), [problem]);
});

test("what is no problem is left out", () => {
  for (const json of [null, 7, {}, { diagnostics: "x" }, [null], [{ block: 1 }]]) assert.deepEqual(problemsOf(json), []);
});

test("columns are characters and places in the editor are units", () => {
  assert.equal(unitsBefore("a = 1", 5), 4);
  assert.equal(unitsBefore("“🙂🙂” + x", 8), 9);
  assert.equal(unitsBefore("short", 99), 5);
  assert.equal(unitsBefore("short", 0), 0);
});

test("the whole word is underlined, and at least one sign", () => {
  assert.equal(wordLength("return PASED", 7), 5);
  assert.equal(wordLength("a + b", 2), 1);
  assert.equal(wordLength("größe = 1", 0), 5);
});

test("a count of problems reads as a sentence", () => {
  assert.equal(summary([]), "No problems.");
  assert.equal(summary([problem]), "One error has to be fixed first.");
  assert.equal(summary([problem, problem]), "2 errors have to be fixed first.");
  assert.equal(summary([{ ...problem, severity: "warning" }]), "No errors; 1 to look at.");
});

test("the question carries the form's token and the blocks", async () => {
  let seen: RequestInit | undefined;
  const answer = await asked(async (_, init) => {
    seen = init;
    return new Response(JSON.stringify({ diagnostics: [problem] }));
  });
  assert.equal(new Headers(seen?.headers).get("x-csrf-token"), "token");
  assert.equal(seen?.body, '{"check":"x"}');
  assert.deepEqual(answer, { kind: "checked", problems: [problem] });
});

test("an answer that is none says why and never that there are no problems", async () => {
  const cases: [typeof fetch, RegExp][] = [
    [answering(401, "{}"), /no longer signed in/],
    [answering(503, "busy"), /could not be checked/],
    [answering(200, "<html>"), /could not be checked/],
    [async () => { throw new TypeError("failed"); }, /cannot be reached/],
  ];
  for (const [fetcher, words] of cases) {
    const answer = await asked(fetcher);
    assert.equal(answer.kind, "unknown");
    assert.match(answer.kind === "unknown" ? answer.why : "", words);
  }
});
