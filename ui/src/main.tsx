import './styles/index.css'
import { render } from 'preact'
import { followCaller } from './api/index.ts'
import { App, finishOidc } from './frame/index.ts'
import { followClock, followHealth, followVisibility } from './live/index.ts'
import { followLocation } from './router/index.ts'
import { followTheme } from './theme/index.ts'

followTheme()
await finishOidc()
followLocation()
followCaller()
followHealth()
followVisibility()
followClock()

const page = document.getElementById('page')
if (page !== null) render(<App />, page)
