/** The part of a WebSocket that the client uses. */
export interface Connection {
  readonly readyState: number;
  onopen?: ((event: any) => unknown) | null;
  onmessage?: ((event: any) => unknown) | null;
  onclose?: ((event: any) => unknown) | null;
  onerror?: ((event: any) => unknown) | null;
  send(frame: string): void;
  close(): void;
}
