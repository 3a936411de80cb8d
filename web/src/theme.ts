// `<pk-theme>` around a select: light, dark, or as the system has it. The choice is a cookie, so that the server writes it
// into the page and nothing flashes while a page loads.

/** Chooses the colours. */
export class Theme extends HTMLElement {
  connectedCallback(): void {
    const select = this.querySelector("select");
    if (!select) return;
    this.hidden = false;
    const root = document.documentElement;
    select.value = root.dataset["theme"] ?? "";
    select.addEventListener("change", () => {
      if (select.value) root.dataset["theme"] = select.value;
      else delete root.dataset["theme"];
      const age = select.value ? 31_536_000 : 0;
      const secure = location.protocol === "https:" ? "; secure" : "";
      document.cookie = `theme=${select.value}; path=/; max-age=${age}; samesite=lax${secure}`;
    });
  }
}
