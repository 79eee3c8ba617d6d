/** An address, without its port, that a network reaches without TLS. What stays on this machine nobody else can read. */
const IN_THE_CLEAR = /^(http|ws):(?!((.+\.)?localhost\.?|127[.\d]+|\[::(1|ffff:7f..:\w+)])$)/;

/** Whether others can read what goes to this address and comes from there, the token above all. */
export function isInTheClear(address?: string): boolean {
  try {
    const { protocol, hostname } = new URL(address!);
    return IN_THE_CLEAR.test(protocol + hostname);
  } catch {
    // It is no address, which is told where it is called.
    return false;
  }
}
