/**
 * Markers that pieces of text may cut anywhere.
 * @module
 */

/** Start of the longest ending of `text` that begins one of `markers`, or its length. */
export function holdFrom(text: string, markers: readonly string[]): number {
  const longest = markers.reduce((most, marker) => Math.max(most, marker.length), 1)
  for (let start = Math.max(0, text.length - longest + 1); start < text.length; start++) {
    const ending = text.slice(start)
    if (markers.some(marker => marker.startsWith(ending))) return start
  }
  return text.length
}

/** True where `text` may still become a text that begins with `marker`. */
export function mayBecome(text: string, marker: string): boolean {
  return marker.startsWith(text) && text !== marker
}
