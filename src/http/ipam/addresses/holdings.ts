import { DatastoreUnavailable } from '../../../datastore/index.ts'
import { type Allocation, type AssignAnswer, planReadHandle } from '../../../ipam/index.ts'
import { carryOut, type IpamOptions } from '../ipam-operation.ts'
import { findAddresses } from './list.ts'

/** Addresses read at once. */
const pageMax = 1_000

/**
 * Everything that an owner holds, block by block; throws a refusal `NotFound` when there is no such handle. What lies in more blocks than a
 * transaction can prove is read page by page, as of one revision.
 */
export async function readHoldings(options: IpamOptions, handle: string): Promise<AssignAnswer> {
  try {
    return await carryOut(options, (view, context) => planReadHandle(view, handle, context))
  } catch (fault) {
    if (!(fault instanceof DatastoreUnavailable && fault.code === 'RequestEntityTooLarge')) throw fault
  }
  const query = { handle, attributes: [], limit: pageMax }
  const addresses: Allocation[] = []
  let page = await findAddresses(options.store, query)
  addresses.push(...page.addresses)
  while (page.next !== undefined) {
    page = await findAddresses(options.store, query, { ...page.next, revision: page.revision })
    addresses.push(...page.addresses)
  }
  return { handle, addresses }
}
