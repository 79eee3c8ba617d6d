/** How many milliseconds a token is still good for, as far as can be known: this machine's clock may be wrong. */
export function lifetime(token: string): number {
  const { exp, iat } = claims(token);
  return Math.min(...[exp - Date.now() / 1e3, exp - iat].filter((left) => left > 0)) * 1e3;
}

/** Whose token it is; nobody's if it cannot be read. */
export function subject(token: string): string {
  return `${claims(token).sub ?? ""}`;
}

function claims(token: string): any {
  try {
    return Object(JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))));
  } catch {
    return {};
  }
}
