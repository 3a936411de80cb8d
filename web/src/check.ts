// Asks the server what is wrong with the blocks of a policy. One question for all blocks of a form: a name made in one
// block may be used in another.

/** Something found in a block; lines and columns count from 1, columns in characters. */
export interface Problem {
  readonly code: string;
  readonly block: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly severity: "error" | "warning";
  /** After its last character, where the server says so. */
  readonly end?: { readonly line: number; readonly column: number };
}

/** What came of a question. */
export type Answer =
  | { readonly kind: "checked"; readonly problems: readonly Problem[] }
  | { readonly kind: "unknown"; readonly why: string };

/** Reads the server's answer; what it does not say is left out rather than guessed. */
export function problemsOf(json: unknown): Problem[] {
  const list = Array.isArray(json) ? json : (json as { diagnostics?: unknown } | null)?.diagnostics;
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    const found = item as Partial<Record<keyof Problem | "end_line" | "end_column", unknown>> | null;
    if (typeof found?.block !== "string" || typeof found.message !== "string") return [];
    return [{
      code: typeof found.code === "string" ? found.code : "",
      block: found.block,
      line: typeof found.line === "number" ? found.line : 1,
      column: typeof found.column === "number" ? found.column : 1,
      message: found.message,
      severity: found.severity === "warning" ? "warning" as const : "error" as const,
      ...(typeof found.end_line === "number" && typeof found.end_column === "number"
        ? { end: { line: found.end_line, column: found.end_column } } : {}),
    }];
  });
}

/** Where a column of a line is in UTF-16 units, which is how browsers count: an emoji is one column and two units. */
export function unitsBefore(line: string, column: number): number {
  return [...line].slice(0, Math.max(0, column - 1)).join("").length;
}

/** How long the word at this place is, at least one unit: what gets underlined. */
export function wordLength(line: string, at: number): number {
  return /^[\p{L}\p{N}_]+/u.exec(line.slice(at))?.[0].length ?? 1;
}

/** How a count of problems reads. */
export function summary(problems: readonly Problem[]): string {
  const errors = problems.filter((p) => p.severity === "error").length;
  if (errors === 0) return problems.length === 0 ? "No problems." : `No errors; ${problems.length} to look at.`;
  return errors === 1 ? "One error has to be fixed first." : `${errors} errors have to be fixed first.`;
}

/** Asks. An answer that no longer matters is given up with `signal`. */
export async function ask(
  address: string, csrf: string, policy: Record<string, string | string[]>, signal: AbortSignal, fetcher: typeof fetch = fetch,
): Promise<Answer> {
  let response: Response;
  try {
    response = await fetcher(address, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", "x-csrf-token": csrf },
      body: JSON.stringify(policy),
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    return { kind: "unknown", why: "The server cannot be reached, so this was not checked. What you wrote is still here." };
  }
  if (response.status === 401 || response.status === 403) {
    return { kind: "unknown", why: "You are no longer signed in, so this was not checked. Sign in again in another tab; what you wrote is still here." };
  }
  if (!response.ok) return { kind: "unknown", why: "This could not be checked just now. It is checked again when you propose it." };
  try {
    return { kind: "checked", problems: problemsOf(await response.json()) };
  } catch {
    return { kind: "unknown", why: "This could not be checked just now. It is checked again when you propose it." };
  }
}
