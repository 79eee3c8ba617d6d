//! E-mail addresses, as SES checks them.

/// An address, with or without a name before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Without a name: `alice@example.com`.
    pub(super) bare: String,
}

impl Address {
    /// Reads `alice@example.com` or `Alice <alice@example.com>`; the error is SES's message.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        let bare = match text.trim().strip_suffix('>') {
            Some(named) => named.rsplit_once('<').ok_or("Illegal address")?.1,
            None => text.trim(),
        };
        let (local, domain) = bare.rsplit_once('@').ok_or("Missing final '@domain'")?;
        let odd = |letter: char| letter.is_control() || letter.is_whitespace() || "<>,;".contains(letter);
        if local.is_empty() {
            return Err("Missing local name");
        }
        if bare.contains(odd) {
            return Err("Local address contains control or whitespace");
        }
        // Domains that are not ASCII must come in Punycode, and SES sends to no local part outside ASCII.
        if !bare.is_ascii() {
            return Err("Non-ASCII characters are not supported in an address");
        }
        if domain.is_empty() || domain.starts_with('.') {
            return Err(if domain.is_empty() { "Missing domain" } else { "Domain starts with dot" });
        }
        if domain.ends_with('.') || domain.contains("..") || !domain.contains('.') {
            return Err("Illegal domain");
        }
        Ok(Self { bare: bare.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name() {
        for text in ["a.b+c@example.com", " A <a.b+c@example.com>", "\"<\" <a.b+c@example.com>"] {
            assert_eq!(Address::read(text).map(|address| address.bare), Ok("a.b+c@example.com".to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in
            ["", "a", "@example.com", "a@", "a@.com", "a@com", "a@b..c", "a b@c.de", "a@c.de>", "é@c.de", "a,b@c.de"]
        {
            assert!(Address::read(wrong).is_err(), "{wrong}");
        }
    }
}
