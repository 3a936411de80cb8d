// `<pk-copy>` around a field or code with a button `[data-copy]`: copies the text and says so.

/** Copies what its field or code element holds. */
export class Copy extends HTMLElement {
  connectedCallback(): void {
    const button = this.querySelector<HTMLButtonElement>("[data-copy]");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => void this.copy(button));
  }

  private async copy(button: HTMLButtonElement): Promise<void> {
    const field = this.querySelector<HTMLInputElement | HTMLTextAreaElement>("input, textarea");
    const text = field ? field.value : this.querySelector("code, pre")?.textContent ?? "";
    field?.select();
    const say = button.querySelector("[data-say]") ?? button;
    try {
      await navigator.clipboard.writeText(text);
      say.textContent = "Copied";
    } catch {
      // Browsers refuse on plain http; the text is selected, so the keyboard can do it.
      say.textContent = field ? "Selected, press Ctrl C" : "Could not copy";
    }
    say.setAttribute("role", "status");
  }
}
