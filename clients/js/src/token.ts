/** The claims of a token; none if it cannot be read. */
export function claims(token: string): any {
  try {
    return Object(JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))));
  } catch {
    return {};
  }
}
