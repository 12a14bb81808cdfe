/** Addresses as a picture. */
export { AddressMap } from './address-map.tsx'
