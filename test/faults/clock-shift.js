import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Loaded into a server before it starts: its clock runs off by as many milliseconds as FAULTS_CLOCK_FILE says. What has been taken on
 * is written beside that file. A signal would not do: the server takes all of them to mean that it should stop.
 */
const file = process.env['FAULTS_CLOCK_FILE']
const RealDate = Date
let offset = 0

setInterval(() => {
  const told = Number(readFileSync(file, 'utf8'))
  if (told === offset) return
  offset = told
  writeFileSync(`${file}.seen`, String(offset))
}, 50).unref()

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + offset)
    else super(...given)
  }

  static now() {
    return RealDate.now() + offset
  }
}
