import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { printLine } from '../../src/start/log-text.ts'

/** A line as pino writes it, as it is shown without colours and with a fixed time. */
function shown(line: object): string {
  const json = JSON.stringify({ level: 30, time: '2026-11-30T06:19:54.007Z', pid: 1, hostname: 'vm', ...line })
  return stripVTControlCharacters(printLine(json)).replace(/^\d\d:\d\d:\d\d\.007 /, '')
}

t.test('a line is shown with its level, message and fields, without what is always the same', async (t) => {
  t.equal(shown({ msg: 'etcd is running', etcdPid: 7 }), 'INFO  etcd is running etcdPid=7\n')
  t.equal(
    shown({ level: 40, msg: 'a', text: 'b c', list: ['d'], none: null }),
    'WARN  a text="b c" list=["d"] none=null\n',
  )
  t.equal(shown({ level: 35, msg: 'a' }), '35 a\n')
  t.equal(shown({ a: '', b: 'x=y' }), 'INFO   a="" b="x=y"\n')
})

t.test('an error is shown with its stack', async (t) => {
  const err = { type: 'Error', message: 'no', stack: 'Error: no\n    at here\ncaused by: Error: never' }
  const text = shown({ level: 60, msg: 'stopping', err })
  t.equal(text, 'FATAL stopping\n    Error: no\n        at here\n    caused by: Error: never\n')
})

t.test('a client cannot write control characters to the terminal', async (t) => {
  const evil = '\u001B[2J\u009B1m\u202E\n\u007F'
  const text = printLine(
    JSON.stringify({ level: 30, time: '2026-11-30T06:19:54Z', msg: evil, agent: evil, err: { stack: evil } }),
  )
  t.notMatch(stripVTControlCharacters(text), /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/)
  t.match(text, 'agent="\\u001b[2J')
})
