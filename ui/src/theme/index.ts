/** Light and dark. */
export { followTheme, switchTheme, type Theme, theme } from './theme.ts'
