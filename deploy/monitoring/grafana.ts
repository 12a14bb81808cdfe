/** The part of Grafana's dashboard model that the dashboard uses. @see https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly schemaVersion: number
  readonly editable: boolean
  readonly graphTooltip: number
  readonly refresh: string
  readonly time: { readonly from: string; readonly to: string }
  readonly templating: { readonly list: readonly Variable[] }
  readonly panels: readonly Panel[]
}

/** A choice at the top of the dashboard. */
export interface Variable {
  readonly name: string
  readonly label: string
  readonly type: 'datasource' | 'query'
  readonly query: string | { readonly query: string; readonly refId: string }
  readonly datasource?: DataSource
  readonly refresh?: number
  readonly includeAll?: boolean
  readonly multi?: boolean
  readonly allValue?: string
  readonly current?: { readonly text: string; readonly value: string }
}

interface DataSource {
  readonly type: 'prometheus'
  readonly uid: string
}

/** A panel, or a heading over panels. */
export interface Panel {
  readonly id: number
  readonly title: string
  readonly description?: string
  readonly type: PanelType | 'row'
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number }
  readonly datasource?: DataSource
  readonly targets?: readonly Target[]
  readonly fieldConfig?: FieldConfig
  readonly options?: object
  readonly collapsed?: boolean
}

type PanelType = 'timeseries' | 'stat' | 'bargauge' | 'table'

interface Target {
  readonly refId: string
  readonly datasource: DataSource
  readonly expr: string
  readonly legendFormat: string
  readonly instant: boolean
  readonly format: 'time_series' | 'table'
}

interface FieldConfig {
  readonly defaults: {
    readonly unit: Unit
    readonly min?: number
    readonly max?: number
    readonly thresholds: { readonly mode: 'absolute'; readonly steps: readonly Step[] }
  }
  readonly overrides: readonly []
}

interface Step {
  readonly color: string
  readonly value: number | null
}

/** Grafana's names of units. */
export type Unit = 'short' | 'percentunit' | 's' | 'bytes' | 'ops' | 'reqps' | 'bool_yes_no'

/** What a panel shows: its width of 24, and a query for each legend. */
export interface PanelOptions {
  readonly title: string
  readonly description?: string
  readonly type?: PanelType
  readonly width?: number
  readonly unit?: Unit
  /** Largest value of the axis. */
  readonly max?: number
  /** Values from which on the panel is yellow, and red. If the second is lower, from which on downwards. */
  readonly thresholds?: readonly [yellow: number, red: number]
  readonly queries: readonly (readonly [legend: string, expr: string])[]
}

/** A heading and the panels below it. */
export interface Section {
  readonly title: string
  readonly panels: readonly PanelOptions[]
}

/** The data source that is chosen at the top of the dashboard. */
export const dataSource: DataSource = { type: 'prometheus', uid: '${datasource}' }

const columns = 24
const heights: Readonly<Record<PanelType, number>> = { timeseries: 8, stat: 4, bargauge: 8, table: 8 }

/** Places the panels of sections from left to right and from top to bottom. */
export function layOut(sections: readonly Section[]): readonly Panel[] {
  const panels: Panel[] = []
  let y = 0
  for (const { title, panels: options } of sections) {
    panels.push({ id: panels.length + 1, title, type: 'row', collapsed: false, gridPos: { h: 1, w: columns, x: 0, y } })
    y++
    let x = 0
    let height = 0
    for (const option of options) {
      const { type = 'timeseries', width = 8 } = option
      if (x + width > columns) {
        x = 0
        y += height
        height = 0
      }
      height = Math.max(height, heights[type])
      panels.push(panelOf(option, panels.length + 1, { h: heights[type], w: width, x, y }))
      x += width
    }
    y += height
  }
  return panels
}

function panelOf(options: PanelOptions, id: number, gridPos: Panel['gridPos']): Panel {
  const { title, description, type = 'timeseries', unit = 'short', max, thresholds, queries } = options
  const isInstant = type !== 'timeseries'
  return {
    id,
    title,
    ...(description !== undefined && { description }),
    type,
    gridPos,
    datasource: dataSource,
    targets: queries.map(([legendFormat, expr], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: dataSource,
      expr,
      legendFormat,
      instant: isInstant,
      format: type === 'table' ? 'table' : 'time_series',
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max !== undefined && { max }),
        thresholds: {
          mode: 'absolute',
          steps: thresholds === undefined ? [{ color: 'green', value: null }] : stepsOf(thresholds),
        },
      },
      overrides: [],
    },
    options: optionsOf(type),
  }
}

function stepsOf([yellow, red]: readonly [number, number]): readonly Step[] {
  if (yellow <= red) {
    return [
      { color: 'green', value: null },
      { color: 'yellow', value: yellow },
      { color: 'red', value: red },
    ]
  }
  return [
    { color: 'red', value: null },
    { color: 'yellow', value: red },
    { color: 'green', value: yellow },
  ]
}

function optionsOf(type: PanelType): object {
  const reduceOptions = { calcs: ['lastNotNull'], fields: '', values: false }
  switch (type) {
    case 'timeseries':
      return {
        legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
        tooltip: { mode: 'multi', sort: 'desc' },
      }
    case 'stat':
      return { reduceOptions, colorMode: 'background', graphMode: 'none', textMode: 'auto' }
    case 'bargauge':
      return { reduceOptions, displayMode: 'gradient', orientation: 'horizontal' }
    case 'table':
      return { showHeader: true, cellHeight: 'sm' }
  }
}
