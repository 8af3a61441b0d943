/**
 * A file that is read and written in place. Its descriptor is closed also where the worker that
 * opened it is ended: Node loses a FileHandle of fs/promises that was just being opened.
 * @module
 */
import { closeSync, constants, fstat, fsync, ftruncate, open, read, write } from 'node:fs'
import { promisify } from 'node:util'

const system = {
  open: promisify(open),
  fstat: promisify(fstat),
  fsync: promisify(fsync),
  ftruncate: promisify(ftruncate),
  read: promisify(read),
  write: promisify(write),
}

export class OpenFile {
  readonly #descriptor: number

  private constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** Opens for reading and writing; a file that is absent is made, one that is there stays as it is. */
  static async open(path: string): Promise<OpenFile> {
    return new OpenFile(await system.open(path, constants.O_RDWR | constants.O_CREAT))
  }

  async size(): Promise<number> {
    return (await system.fstat(this.#descriptor)).size
  }

  /** Fills `buffer` from `position` on as far as the file goes, or less: gives how many bytes came. */
  async read(buffer: Uint8Array, position: number): Promise<number> {
    const { bytesRead } = await system.read(this.#descriptor, buffer, 0, buffer.length, position)
    return bytesRead
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number | null) {
    return system.write(this.#descriptor, bytes, offset, length, position)
  }

  truncate(bytes: number): Promise<void> {
    return system.ftruncate(this.#descriptor, bytes)
  }

  /** Returns once all of it is on the disk. */
  sync(): Promise<void> {
    return system.fsync(this.#descriptor)
  }

  /** When nothing else is going on. */
  close(): void {
    closeSync(this.#descriptor)
  }
}
