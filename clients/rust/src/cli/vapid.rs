//! `tidings vapid`.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use clap::Args;
use serde::Serialize;

use super::{Failure, print};

/// Makes the key pair with which a stack pushes to browsers (Web Push, VAPID), and prints it.
///
/// The private key allows pushing to everybody who has subscribed with the public one. Keep the JSON object that is
/// printed in the stack's secret VapidSecret and nowhere else:
///
///   tidings vapid --subject mailto:ops@example.com > vapid.json
///   aws secretsmanager put-secret-value --secret-id ARN --secret-string file://vapid.json
///   sam deploy --parameter-overrides VapidPublicKey=PUBLIC_KEY
///   rm vapid.json
///
/// Make it once: browsers that subscribed with another key have to subscribe again.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Vapid {
    /// Whom a push service writes to when something is wrong with your pushes: mailto:ADDRESS or https://PAGE. Some refuse
    /// pushes that do not say.
    #[arg(long, value_name = "CONTACT", value_parser = contact)]
    subject: String,
}

/// As the stack reads it from its secret.
#[derive(Serialize)]
struct Keys {
    private_key: String,
    public_key: String,
    subject: String,
}

impl Vapid {
    /// Prints the keys, and tells what to do with them.
    pub(super) fn run(self) -> Result<(), Failure> {
        let keys = Keys::generate(self.subject).map_err(|_| "no key could be made: there are no random numbers")?;
        print(&serde_json::to_string(&keys)?)?;
        eprintln!("{}", next_steps(&keys.public_key));
        Ok(())
    }
}

impl Keys {
    fn generate(subject: String) -> Result<Self, Unspecified> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let private = pair.private_key().as_be_bytes()?;
        Ok(Self {
            private_key: BASE64_URL_SAFE_NO_PAD.encode(private.as_ref()),
            public_key: BASE64_URL_SAFE_NO_PAD.encode(pair.public_key()),
            subject,
        })
    }
}

fn next_steps(public_key: &str) -> String {
    format!(
        "Put this JSON object into the stack's secret VapidSecret, deploy with its public key, and keep no copy:\n\
         \n  aws secretsmanager put-secret-value --secret-id ARN --secret-string file://vapid.json\
         \n  sam deploy --parameter-overrides VapidPublicKey={public_key}"
    )
}

/// A contact that push services accept (RFC 8292 section 2.1); Apple's refuses spaces and angle brackets.
fn contact(text: &str) -> Result<String, String> {
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c == '<' || c == '>');
    let address = text.strip_prefix("mailto:").and_then(|address| address.split_once('@'));
    let is_mail = address.is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
    let is_page = text.strip_prefix("https://").is_some_and(|page| !page.is_empty());
    if is_plain && (is_mail || is_page) {
        return Ok(text.to_owned());
    }
    Err("give mailto:ADDRESS or https://PAGE".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_an_address_or_a_page() {
        for good in ["mailto:ops@example.com", "https://example.com/contact"] {
            assert_eq!(contact(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "ops@example.com",
            "mailto:ops",
            "mailto:@a",
            "mailto:a@",
            "mailto:<a@b>",
            "mailto: a@b",
            "https://",
            "http://a.b",
        ] {
            assert!(contact(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_two_keys_are_a_pair() {
        let keys = Keys::generate("mailto:a@b".to_owned()).unwrap();
        let [private, public] =
            [keys.private_key, keys.public_key].map(|key| BASE64_URL_SAFE_NO_PAD.decode(key).unwrap());
        assert_eq!((private.len(), public.len()), (32, 65));
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        assert!(EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &public).is_ok());
    }
}
