/**
 * Returns a function that counts its calls. One second after the first call, `report` gets the number and what the last call was given,
 * and counting starts anew: a log gets one line a second, whatever happens.
 */
export function countEachSecond<Event>(report: (count: number, last: Event) => void): (event: Event) => void {
  let count = 0
  let last: Event
  return (event) => {
    count++
    last = event
    if (count > 1) return
    setTimeout(() => {
      report(count, last)
      count = 0
    }, 1_000).unref()
  }
}
