// `<pk-live src="…">` around a list: new lines arrive over server-sent events and are put on top, politely announced.
// Each event's data is HTML of our own server, made by the same template as the page.
import { announcement } from "./announce.ts";
import { localise } from "./times.ts";

/** More lines than this are not kept on a page that stays open. */
const MOST = 200;
/** News are read out together, not one by one. */
const BREATH_MS = 1_000;

/** A list that grows by itself. */
export class Live extends HTMLElement {
  #source: EventSource | null = null;
  #waiting: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  connectedCallback(): void {
    const address = this.getAttribute("src");
    const list = this.querySelector<HTMLElement>("[data-live-list]") ?? this.querySelector<HTMLElement>("ol, ul");
    if (!address || !list) return;
    const status = this.querySelector<HTMLElement>("[data-live-status]");
    const said = document.createElement("p");
    said.className = "vh";
    said.setAttribute("role", "status");
    this.append(said);
    const show = (words: string) => {
      if (status && status.textContent !== words) status.textContent = words;
    };
    const source = new EventSource(address);
    this.#source = source;
    source.addEventListener("open", () => show("New lines appear by themselves."));
    source.addEventListener("error", () => {
      show(source.readyState === EventSource.CLOSED
        ? "New lines no longer appear by themselves. Load the page again to see them."
        : "The connection was lost. It is being opened again.");
    });
    const take = (event: MessageEvent<string>) => {
      const template = document.createElement("template");
      template.innerHTML = event.data;
      const lines = [...template.content.children];
      if (lines.length === 0) return;
      localise(template.content);
      // The same line may come twice after a connection was lost.
      for (const line of lines.reverse()) {
        if (line.id && document.getElementById(line.id)) document.getElementById(line.id)?.replaceWith(line);
        else list.prepend(line);
        this.#waiting.push((line.textContent ?? "").replace(/\s+/g, " ").trim());
      }
      while (list.children.length > MOST) list.lastElementChild?.remove();
      this.querySelector("[data-live-empty]")?.remove();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        said.textContent = announcement(this.#waiting.length, this.#waiting.at(-1) ?? "");
        this.#waiting = [];
      }, BREATH_MS);
    };
    source.addEventListener("message", take);
    source.addEventListener("line", take as EventListener);
  }

  disconnectedCallback(): void {
    this.#source?.close();
    clearTimeout(this.#timer);
  }
}
