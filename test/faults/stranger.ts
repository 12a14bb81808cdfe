import { setTimeout as pause } from 'node:timers/promises'
import { noop } from 'cockatiel'
import { Etcd3 } from 'etcd3'

const poolsPrefix = '/calico/resources/v3/projectcalico.org/ippools/'
const reservationKey = '/calico/resources/v3/projectcalico.org/ipreservations/stranger'
const valuesPerTransaction = 100

/** A writer beside the servers, as Calico is: it changes pools and reservations straight in etcd, and announces nothing. */
export class Stranger {
  /** How many changes etcd has confirmed. */
  changes = 0
  readonly #members: readonly Etcd3[]
  readonly #pools: number

  /** `endpoints` are those of etcd; `pools` is how many pools there are to be beside those that give addresses. */
  constructor(endpoints: readonly string[], pools: number) {
    this.#pools = pools
    this.#members = endpoints.map(
      (hosts) => new Etcd3({ hosts, faultHandling: { global: noop, host: () => noop }, defaultCallOptions: deadline }),
    )
  }

  /** Writes the pools. They choose no node, so they give no addresses unless asked for. */
  async prepare(): Promise<void> {
    for (let first = 0; first < this.#pools; first += valuesPerTransaction) {
      const success = Array.from({ length: Math.min(valuesPerTransaction, this.#pools - first) }, (_, place) => ({
        request_put: { key: poolKey(first + place), value: poolText(first + place) },
      }))
      await this.#members[0]?.kv.txn({ success })
    }
  }

  /** Changes, deletes and creates pools and a reservation until `isOver`. Calls that fail are no matter. */
  async run(isOver: () => boolean): Promise<void> {
    for (let turn = 0; !isOver() && this.#pools > 0; turn++) {
      const member = this.#members[turn % this.#members.length]
      const number = turn % this.#pools
      const change = (
        request: Parameters<Etcd3['kv']['put']>[0] | undefined,
        key: Buffer,
      ): Promise<unknown> | undefined =>
        request === undefined ? member?.kv.deleteRange({ key }) : member?.kv.put(request)
      const changes = [
        () => change({ key: poolKey(number), value: poolText(number, `turn-${turn}`) }, poolKey(number)),
        () => change(undefined, poolKey(number)),
        () => change({ key: poolKey(number), value: poolText(number) }, poolKey(number)),
        () => change({ key: Buffer.from(reservationKey), value: reservationText(turn) }, Buffer.from(reservationKey)),
        () => change(undefined, Buffer.from(reservationKey)),
      ]
      const succeeded = await changes[turn % changes.length]?.()?.then(
        () => true,
        () => false,
      )
      if (succeeded === true) this.changes++
      await pause(20)
    }
  }

  close(): void {
    for (const member of this.#members) member.close()
  }
}

const deadline = (): { readonly deadline: number } => ({ deadline: Date.now() + 1_000 })

function poolKey(number: number): Buffer {
  return Buffer.from(`${poolsPrefix}stranger-${number}`)
}

function poolText(number: number, note = ''): Buffer {
  return objectText('IPPool', `stranger-${number}`, note, {
    cidr: `10.98.${number >> 4}.${(number & 15) << 4}/28`,
    blockSize: 28,
    nodeSelector: 'has(nothing)',
  })
}

/** Reserves some addresses of the pools that give addresses. */
function reservationText(turn: number): Buffer {
  return objectText('IPReservation', 'stranger', '', { reservedCIDRs: [`10.99.${turn & 1}.${(turn & 3) << 3}/30`] })
}

function objectText(kind: string, name: string, note: string, spec: object): Buffer {
  const metadata = { name, labels: { note } }
  const status = { conditions: [{ type: 'Allocatable', status: 'True', reason: 'OK' }] }
  return Buffer.from(JSON.stringify({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec, status }))
}
