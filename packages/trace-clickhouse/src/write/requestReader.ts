export const NO_REQUEST = new Uint8Array(0);

/** Reads the spans of one request after the other; what it needs of all bytes of a request it makes once. */
export abstract class RequestReader {
  #request: Uint8Array = NO_REQUEST;

  /** The request whose bytes are read from now on. */
  begin(request: Uint8Array): void {
    if (request === this.#request) return;
    this.#request = request;
    this.read(request);
  }

  /** Holds on to no request any more. */
  end(): void {
    this.begin(NO_REQUEST);
  }

  protected abstract read(request: Uint8Array): void;
}
