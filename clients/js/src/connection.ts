/** As much of a WebSocket as its user needs. */
export interface Connection {
  readonly readyState: number;
  onopen?: ((event: any) => unknown) | null;
  onmessage?: ((event: any) => unknown) | null;
  onclose?: ((event: any) => unknown) | null;
  onerror?: ((event: any) => unknown) | null;
  send(frame: string): void;
  close(): void;
}
