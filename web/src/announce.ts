// What is read out to people who cannot see that a list has grown.

/** What is read out for so many new lines; the last one's words when it is one. */
export function announcement(count: number, last: string): string {
  if (count === 1) return last;
  return `${count} new lines. The latest: ${last}`;
}
