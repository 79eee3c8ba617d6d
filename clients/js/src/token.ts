/** How many milliseconds a token is still good for, as far as can be known: this machine's clock may be wrong. */
export function lifetime(token: string): number {
  try {
    const claims = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const { exp, iat } = JSON.parse(atob(claims));
    return Math.min(...[exp - Date.now() / 1e3, exp - iat].filter((left) => left > 0)) * 1e3;
  } catch {
    return Infinity;
  }
}
