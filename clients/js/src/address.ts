/** An address, without its port, that a network reaches without TLS. An address of this machine is not one: nobody else can read along. */
const IN_THE_CLEAR = /^(http|ws):(?!((.+\.)?localhost\.?|127[.\d]+|\[::(1|ffff:7f..:\w+)])$)/;

/** Whether others can read the traffic with this address, the token above all. */
export function isInTheClear(address?: string): boolean {
  try {
    const { protocol, hostname } = new URL(address!);
    return IN_THE_CLEAR.test(protocol + hostname);
  } catch {
    // It is no address: the call to it fails and says so.
    return false;
  }
}
