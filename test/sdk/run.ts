import { writeFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { run } from '../../sdk/commands.ts'
import { languages } from '../../sdk/languages.ts'
import { toolchainOf } from '../../sdk/toolchain.ts'
import { testExample } from './example.ts'

const testOfError = `package ippoold

import "testing"

func TestErrorMessage(t *testing.T) {
	message := "there are too few"
	for _, refusal := range []struct {
		status Status
		want   string
	}{{Status{Message: &message}, "409 Conflict: there are too few"}, {Status{}, "409 Conflict"}} {
		if got := formatErrorMessage("409 Conflict", &refusal.status); got != refusal.want {
			t.Errorf("%q is not %q", got, refusal.want)
		}
	}
}
`

/** `npm run test:sdk`: every SDK is made anew and compiled, and every example is run. What cannot be is reported as skipped. */
for (const language of Object.values(languages)) {
  const { versions, missing } = await toolchainOf(language)
  const skip = missing.length > 0 && `there is no ${missing.join(', no ')}`
  await t.test(`the example in ${language.name}`, { skip }, async (t) => {
    t.comment(Object.values(versions).join('; '))
    await language.generate()
    await language.compile()
    if (language.name === 'go') await testErrorsOfGo(t)
    await testExample(t, language)
  })
}

/** An error of the Go client prints the message of the Status. */
async function testErrorsOfGo(t: Test): Promise<void> {
  const cwd = new URL('../../.sdk/go/', import.meta.url)
  await writeFile(new URL('error_test.go', cwd), testOfError)
  await t.resolves(run('go', ['test', '-run', 'TestErrorMessage', '.'], { cwd: cwd.pathname }))
}
