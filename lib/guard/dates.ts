/** Birth dates. @module */

const days = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const earliestYear = 1880

/** A day that someone alive may have been born on. */
export function isRealDate(year: number, month: number, day: number): boolean {
  if (year < earliestYear || year > new Date().getFullYear()) return false
  if (month < 1 || month > 12 || day < 1 || day > days[month - 1]!) return false
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return month !== 2 || day < 29 || leap
}
