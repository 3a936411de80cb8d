// `<pk-editor>` around a textarea: the same text in a code editor, checked while it is written.
//
// The textarea stays in the form and is what is sent. The editor lives in a shadow root, because its styles are made at
// run time and the content policy allows none in the page.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { minimalSetup } from "codemirror";
import { type Problem, ask, summary, unitsBefore, wordLength } from "./check.ts";

/** Said to everybody once, and to screen readers with every editor. */
const WAY_OUT = "Tab indents. To leave with the keyboard press Escape, then Tab.";

/** How long somebody must have paused before the server is asked. */
const PAUSE_MS = 350;

const colours = syntaxHighlighting(HighlightStyle.define([
  { tag: [tags.keyword, tags.bool, tags.null, tags.controlKeyword, tags.operatorKeyword], color: "var(--code-key)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-str)" },
  { tag: tags.comment, color: "var(--code-com)" },
  { tag: tags.number, color: "var(--code-num)" },
]));

const look = EditorView.theme({
  "&": { backgroundColor: "var(--wash)", color: "var(--ink)", fontSize: ".875rem", borderRadius: "var(--r)", border: "1.5px solid transparent" },
  "&.cm-focused": { outline: "2px solid var(--ink)", outlineOffset: "2px", boxShadow: "0 0 0 2px var(--paper), 0 0 0 7px var(--focus)" },
  // Room around the lines and not inside them, or line numbers stand elsewhere until they are measured.
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6", padding: ".7rem 0" },
  ".cm-content": { padding: "0", caretColor: "var(--ink)", minHeight: "1.6em" },
  ".cm-gutters": { backgroundColor: "var(--wash)", color: "var(--ink-3)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine, &.cm-focused .cm-activeLineGutter": { backgroundColor: "var(--wash-2)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { background: "var(--accent-wash)" },
  ".cm-tooltip": { backgroundColor: "var(--paper)", color: "var(--ink)", border: "1px solid var(--field)", fontFamily: "var(--sans)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-diagnostic": { padding: ".4rem .7rem", borderLeft: "0" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad) 1.5px" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--wait) 1.5px" },
});

const MARKS = {
  error: "M10 3.2L17.6 16.5H2.4zM10 8.2v3.8M10 14.2v.2",
  warning: "M17.4 10a7.4 7.4 0 1 1-14.8 0a7.4 7.4 0 1 1 14.8 0M10 9.2v4.6M10 6.2v.2",
  ok: "M4 10.5l4 4 8-9",
};

function mark(kind: keyof typeof MARKS): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [name, value] of [["class", "i"], ["viewBox", "0 0 20 20"], ["aria-hidden", "true"], ["focusable", "false"]] as const) {
    svg.setAttribute(name, value);
  }
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", MARKS[kind]);
  svg.append(path);
  return svg;
}

/** Checks all editors of one form together. */
class Checker {
  static readonly #all = new WeakMap<Element, Checker>();
  readonly #form: HTMLElement;
  readonly editors = new Set<Editor>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | undefined;

  private constructor(form: HTMLElement) {
    this.#form = form;
    form.addEventListener("change", (event) => {
      if (event.target instanceof HTMLInputElement && event.target.name === "action_types") this.soon();
    });
  }

  static of(form: HTMLElement): Checker {
    const known = Checker.#all.get(form) ?? new Checker(form);
    Checker.#all.set(form, known);
    return known;
  }

  soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#now(), PAUSE_MS);
  }

  async #now(): Promise<void> {
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    const blocks = Object.fromEntries([...this.editors].map((editor) => [editor.block, editor.text]));
    const csrf = this.#form.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? "";
    const address = this.#form.dataset["check"] ?? "/api/v1/policies/check";
    // What the policy is for says which fields its actions have.
    const ticked = this.#form.querySelectorAll<HTMLInputElement>('input[name="action_types"]:checked');
    const policy = { ...blocks, action_types: [...ticked].map((box) => box.value) };
    const answer = await ask(address, csrf, policy, running.signal).catch(() => null);
    if (!answer || running.signal.aborted) return;
    const problems = answer.kind === "checked" ? answer.problems : [];
    for (const editor of this.editors) {
      if (answer.kind === "checked") editor.show(problems.filter((problem) => problem.block === editor.block));
      else editor.unknown(answer.why);
    }
    const said = this.#form.querySelector<HTMLElement>("[data-check-summary]");
    if (said) said.textContent = answer.kind === "checked" ? summary(problems) : answer.why;
  }
}

/** One block of a policy. */
class Editor extends HTMLElement {
  #area!: HTMLTextAreaElement;
  #view!: EditorView;
  #found!: HTMLElement;
  #checker: Checker | undefined;

  /** The block's name, as the server calls it. */
  get block(): string {
    return this.getAttribute("block") ?? this.#area.name;
  }

  /** What is written in it now. */
  get text(): string {
    return this.#area.value;
  }

  connectedCallback(): void {
    const area = this.querySelector("textarea");
    if (!area || this.#view) return;
    this.#area = area;
    const label = (area.labels?.[0]?.textContent ?? area.getAttribute("aria-label") ?? "Code").trim();
    const host = document.createElement("div");
    const root = host.attachShadow({ mode: "open" });
    // In the page before the editor is made: it measures itself.
    area.hidden = true;
    area.after(host);
    const readOnly = area.readOnly || area.disabled;
    this.#view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: area.value,
        extensions: [
          minimalSetup, lineNumbers(), highlightActiveLine(), python(), indentUnit.of("    "), indentOnInput(), bracketMatching(),
          closeBrackets(), autocompletion(), keymap.of([...closeBracketsKeymap, ...completionKeymap, indentWithTab]),
          colours, look, EditorView.lineWrapping, EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({
            "aria-label": label,
            "aria-description": WAY_OUT,
            ...(readOnly ? { "aria-readonly": "true" } : {}),
          }),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            area.value = update.state.doc.toString();
            area.dispatchEvent(new Event("input", { bubbles: true }));
            this.#checker?.soon();
          }),
        ],
      }),
    });
    // The label still belongs to the hidden field: a click on it goes where the text is.
    area.labels?.[0]?.addEventListener("click", (event) => {
      event.preventDefault();
      this.#view.focus();
    });
    area.form?.addEventListener("reset", () => queueMicrotask(() => this.#replace(area.defaultValue)));
    this.#found = document.createElement("div");
    this.#found.setAttribute("role", "status");
    host.after(this.#found);
    if (readOnly) return;
    this.#checker = Checker.of(area.form ?? document.body);
    if (this.#checker.editors.size === 0) {
      const hint = document.createElement("p");
      hint.className = "hint leave";
      hint.textContent = WAY_OUT;
      this.#found.after(hint);
    }
    this.#checker.editors.add(this);
    this.#checker.soon();
  }

  disconnectedCallback(): void {
    this.#checker?.editors.delete(this);
  }

  #replace(text: string): void {
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text } });
  }

  /** Shows what was found in this block. */
  show(problems: readonly Problem[]): void {
    const doc = this.#view.state.doc;
    const placed = problems.map((problem) => {
      const line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
      const units = Math.min(unitsBefore(line.text, problem.column), line.length);
      const from = line.from + units;
      if (!problem.end) return { problem, from, to: Math.min(from + wordLength(line.text, units), line.to) };
      const last = doc.line(Math.min(Math.max(problem.end.line, problem.line), doc.lines));
      return { problem, from, to: last.from + Math.min(unitsBefore(last.text, problem.end.column), last.length) };
    });
    const diagnostics: Diagnostic[] = placed.map(({ problem, from, to }) => ({ from, to: Math.max(from, to), severity: problem.severity, message: problem.message }));
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
    if (placed.length === 0) {
      // Silence for empty blocks: six times "no problems" says nothing.
      this.#tell(this.text.trim() === "" ? [] : [this.#line("ok", "No problems.")]);
      return;
    }
    this.#tell(placed.map(({ problem, from }) => {
      const go = document.createElement("button");
      go.type = "button";
      go.className = "linkbtn";
      go.textContent = `Line ${problem.line}`;
      go.addEventListener("click", () => {
        this.#view.dispatch({ selection: { anchor: from }, scrollIntoView: true });
        this.#view.focus();
      });
      return this.#line(problem.severity === "error" ? "error" : "warning", go, ": ", problem.message);
    }));
  }

  /** Says why nothing is known about this block. */
  unknown(why: string): void {
    this.#tell([this.#line("warning", why)]);
  }

  #line(kind: keyof typeof MARKS, ...content: (Node | string)[]): HTMLElement {
    const line = document.createElement("p");
    line.className = `diag ${{ error: "err", warning: "warn", ok: "ok" }[kind]}`;
    const words = document.createElement("span");
    words.append(...content);
    line.append(mark(kind), words);
    return line;
  }

  #tell(lines: HTMLElement[]): void {
    const words = lines.map((line) => line.textContent).join("\n");
    // Said again only when it changed, or screen readers repeat it with every letter.
    if (words === this.#found.dataset["said"]) return;
    this.#found.dataset["said"] = words;
    // What the server said when it made the page is about the text of then.
    for (const old of this.parentElement?.querySelectorAll(":scope > .diag") ?? []) old.remove();
    this.#found.replaceChildren(...lines);
  }
}

customElements.define("pk-editor", Editor);
