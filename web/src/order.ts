// `<pk-order>` around a list whose items have buttons `[data-move="up"]` and `[data-move="down"]` and hidden fields that
// carry their ids (`start` is the number of the first, `total` how many there are in all): the buttons change the order on the page, and the form around it sends it. Without script the same
// buttons are ordinary submits.

/** Puts a list into order with buttons. */
export class Order extends HTMLElement {
  #said!: HTMLElement;

  connectedCallback(): void {
    this.#said = document.createElement("p");
    this.#said.className = "vh";
    this.#said.setAttribute("role", "status");
    this.append(this.#said);
    this.addEventListener("click", (event) => {
      const button = (event.target as Element).closest<HTMLButtonElement>("[data-move]");
      const item = button?.closest<HTMLElement>("[data-item]");
      if (!button || !item) return;
      event.preventDefault();
      this.#move(item, button.dataset["move"] === "up" ? -1 : 1, button);
    });
    this.#edges();
  }

  #items(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>("[data-item]")];
  }

  /** The number of the first item: the list may be a part of a longer one. */
  #start(): number {
    return Number(this.getAttribute("start") ?? 1);
  }

  #move(item: HTMLElement, by: -1 | 1, button: HTMLButtonElement): void {
    const items = this.#items();
    const at = items.indexOf(item);
    const other = items[at + by];
    if (!other) return;
    if (by < 0) other.before(item);
    else other.after(item);
    this.#edges();
    // Moving an element takes the focus away; at an end the button is off, so the other one takes it.
    const next = button.disabled ? item.querySelector<HTMLButtonElement>("[data-move]:not([disabled])") : button;
    next?.focus();
    const name = item.dataset["item"] || item.querySelector("a, b, th")?.textContent?.trim() || "It";
    this.#said.textContent = `${name} is now number ${this.#start() + at + by} of ${this.getAttribute("total") ?? items.length}.`;
    this.dispatchEvent(new CustomEvent("pk-moved", { bubbles: true }));
  }

  #edges(): void {
    const items = this.#items();
    items.forEach((item, index) => {
      const up = item.querySelector<HTMLButtonElement>('[data-move="up"]');
      const down = item.querySelector<HTMLButtonElement>('[data-move="down"]');
      if (up) up.disabled = index === 0;
      if (down) down.disabled = index === items.length - 1;
      const number = item.querySelector("[data-number]");
      if (number) number.textContent = String(this.#start() + index);
    });
  }
}
