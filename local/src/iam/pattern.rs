//! Patterns of IAM policies.

/// Whether a text fits an IAM pattern, in which `*` is any text and `?` any character.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(letter) if *letter == b'?' || *letter == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                // Let the last star take one character more.
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_iam() {
        assert!(matches("arn:a/*/POST/@connections/*", "arn:a/stage/POST/@connections/x/y="));
        assert!(matches("dynamodb:?etItem", "dynamodb:GetItem"));
        assert!(matches("*", ""));
        assert!(!matches("arn:a/s/POST/*", "arn:a/s/GET/x"));
        assert!(!matches("abc", "abcd"));
    }
}
