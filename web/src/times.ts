// Moments in the reader's own time zone. The server writes them in UTC; `datetime` says them exactly.

/** How a moment reads: `Thursday 09:14` in the week around now, with the date further away, with the year in others. */
export function wording(at: Date, now: Date, locale: string | undefined, timeZone?: string): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const time = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...zone }).format(at);
  const days = dayNumber(at, timeZone) - dayNumber(now, timeZone);
  if (days === 0) return `today ${time}`;
  if (days === -1) return `yesterday ${time}`;
  if (days === 1) return `tomorrow ${time}`;
  const year = (date: Date) => new Intl.DateTimeFormat("en", { year: "numeric", ...zone }).format(date);
  const day = new Intl.DateTimeFormat(locale, {
    ...(Math.abs(days) < 7 ? { weekday: "long" } : { weekday: "short", day: "numeric", month: "long" }),
    ...(year(at) === year(now) ? {} : { year: "numeric" }),
    ...zone,
  }).format(at);
  return `${day} ${time}`;
}

/** The number of the day in that zone: days that differ by one are neighbours. */
function dayNumber(at: Date, timeZone?: string): number {
  const parts = new Intl.DateTimeFormat("en-CA", {
    year: "numeric", month: "2-digit", day: "2-digit", ...(timeZone === undefined ? {} : { timeZone }),
  }).format(at);
  return Math.round(Date.parse(`${parts}T00:00:00Z`) / 86_400_000);
}

/** How far the server's clock is ahead of the one here, from what a page says of when it was made: moments are those of the
 * server, so the days around now are too. Zero where the page says nothing of it. */
export function ahead(made: string | undefined, here: number): number {
  const there = Date.parse(made ?? "");
  return Number.isNaN(there) ? 0 : there - here;
}

let aheadHere: number | undefined;

/** Now, by the server's clock. */
function now(): Date {
  aheadHere ??= ahead(document.documentElement.dataset["now"], Date.now());
  return new Date(Date.now() + aheadHere);
}

/** Rewrites every `<time datetime>` below `root`; what it said before becomes its title. */
export function localise(root: ParentNode): void {
  for (const time of root.querySelectorAll<HTMLTimeElement>("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const before = time.textContent?.trim() ?? "";
    time.dataset["local"] = "";
    time.title = before.endsWith("UTC") ? before : `${before} UTC`;
    time.textContent = wording(at, now(), "en-GB");
  }
}
