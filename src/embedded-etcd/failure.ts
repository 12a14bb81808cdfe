/** etcd could not be found or started. The message is for the person who started the server, and contains advice. */
export class EtcdStartFailure extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'EtcdStartFailure'
  }
}
