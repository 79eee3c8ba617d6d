//! Message encryption for Web Push (RFC 8291) in one record of `aes128gcm` (RFC 8188).
//!
//! Written on `aws-lc-rs`, which TLS brings along. The crates for it (`web-push-native` on `ece-native`) would bring a second
//! library of cryptography along, RustCrypto's, to link and to keep up to date for these few steps.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;

use super::subscription::{PublicKey, SubscriptionKeys};

/// The size that every push service takes, in bytes (RFC 8030 section 7.2).
const MAX_BODY: usize = 4_096;

/// Salt, record size, the length of a key, and the key.
const HEADER_LEN: usize = SALT_LEN + 4 + 1 + PublicKey::LEN;
const SALT_LEN: usize = 16;
const TAG_LEN: usize = 16;

/// The longest text that fits, in bytes: one byte ends it.
pub(super) const MAX_TEXT: usize = MAX_RECORD - 1;
const MAX_RECORD: usize = MAX_BODY - HEADER_LEN - TAG_LEN;

/// Texts are padded to a multiple of this, in bytes. A push service sees who gets something, when and how much; so it
/// cannot tell by the length what kind of thing it is, and a phone loads 255 bytes more at the worst.
const BLOCK: usize = 256;

/// Encrypts a text of at most [`MAX_TEXT`] bytes so that only the browser with these keys reads it. The result has at most
/// 4,096 bytes, and is another one each time.
///
/// # Errors
/// The text is longer; or there are no random numbers.
pub(super) fn encrypt(text: &[u8], keys: &SubscriptionKeys) -> Result<Vec<u8>, Unspecified> {
    let ours = PrivateKey::generate(&ECDH_P256)?;
    let mut salt = [0; SALT_LEN];
    rand::fill(&mut salt)?;
    seal(padded(text)?, keys, &ours, salt)
}

/// The text, the byte that ends the last record, and zeros (RFC 8188 section 2).
fn padded(text: &[u8]) -> Result<Vec<u8>, Unspecified> {
    if text.len() > MAX_TEXT {
        return Err(Unspecified);
    }
    let mut record = Vec::with_capacity(MAX_BODY);
    record.extend_from_slice(text);
    record.push(2);
    record.resize(record.len().next_multiple_of(BLOCK).min(MAX_RECORD), 0);
    Ok(record)
}

/// Encrypts a record. Each of `ours` and `salt` may be used once.
fn seal(
    mut record: Vec<u8>,
    keys: &SubscriptionKeys,
    ours: &PrivateKey,
    salt: [u8; SALT_LEN],
) -> Result<Vec<u8>, Unspecified> {
    let our_point = ours.compute_public_key()?;
    let secret = shared_secret(keys, ours, our_point.as_ref())?;
    let (key, nonce) = key_and_nonce(&secret, salt)?;
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record)?;

    let mut body = Vec::with_capacity(HEADER_LEN + record.len());
    body.extend_from_slice(&salt);
    // The record size: any that the one record does not reach. Always the same one says nothing.
    body.extend_from_slice(&(MAX_BODY as u32).to_be_bytes());
    body.push(PublicKey::LEN as u8);
    body.extend_from_slice(our_point.as_ref());
    body.append(&mut record);
    Ok(body)
}

/// RFC 8291 section 3.3: what both sides know, bound to both keys and the browser's secret.
fn shared_secret(keys: &SubscriptionKeys, ours: &PrivateKey, our_point: &[u8]) -> Result<[u8; 32], Unspecified> {
    let their_point = keys.p256dh.as_bytes();
    let theirs = UnparsedPublicKey::new(&ECDH_P256, their_point);
    agreement::agree(ours, theirs, Unspecified, |agreed| {
        let prk = Salt::new(HKDF_SHA256, keys.auth.as_bytes()).extract(agreed);
        expand(&prk, &[b"WebPush: info\0", their_point, our_point])
    })
}

/// RFC 8188 sections 2.2 and 2.3. The nonce of the first record is the derived one.
fn key_and_nonce(secret: &[u8; 32], salt: [u8; SALT_LEN]) -> Result<(LessSafeKey, Nonce), Unspecified> {
    let prk = Salt::new(HKDF_SHA256, &salt).extract(secret);
    let key: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; NONCE_LEN] = expand(&prk, &[b"Content-Encoding: nonce\0"])?;
    Ok((LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?), Nonce::assume_unique_for_key(nonce)))
}

fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut bytes = [0; N];
    prk.expand(info, Length(N))?.fill(&mut bytes)?;
    Ok(bytes)
}

/// The number of bytes to derive.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// A browser, for the tests of encryption.
#[cfg(test)]
pub(super) mod browser {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

    use super::*;
    use crate::web_push::subscription::Auth;

    /// A browser's subscription, with the key that it keeps to itself.
    pub(in super::super) struct Browser {
        pub(in super::super) private: PrivateKey,
        pub(in super::super) keys: SubscriptionKeys,
    }

    pub(in super::super) fn bytes(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    impl Browser {
        pub(in super::super) fn new() -> Self {
            let auth: [u8; 16] = std::array::from_fn(|_| ::rand::random());
            let auth = BASE64_URL_SAFE_NO_PAD.encode(auth);
            Self::with(PrivateKey::generate(&ECDH_P256).unwrap(), &auth)
        }

        pub(in super::super) fn with(private: PrivateKey, auth: &str) -> Self {
            let point = BASE64_URL_SAFE_NO_PAD.encode(private.compute_public_key().unwrap());
            let keys = SubscriptionKeys {
                p256dh: PublicKey::try_from(point).unwrap(),
                auth: Auth::try_from(auth.to_owned()).unwrap(),
            };
            Self { private, keys }
        }

        /// The text of a body, or nothing where it is not for this browser as it stands.
        pub(in super::super) fn decrypt(&self, body: &[u8]) -> Option<Vec<u8>> {
            let (header, record) = body.split_at_checked(HEADER_LEN)?;
            let (salt, rest) = header.split_at(SALT_LEN);
            let (size, sender) = rest.split_at(5);
            (size == [0, 0, 16, 0, 65]).then_some(())?;
            let info = [b"WebPush: info\0", &self.keys.p256dh.as_bytes()[..], sender].concat();
            let theirs = UnparsedPublicKey::new(&ECDH_P256, sender);
            let secret: [u8; 32] = agreement::agree(&self.private, theirs, (), |agreed| {
                let prk = Salt::new(HKDF_SHA256, self.keys.auth.as_bytes()).extract(agreed);
                expand(&prk, &[&info]).map_err(|_| ())
            })
            .ok()?;
            let (key, nonce) = key_and_nonce(&secret, salt.try_into().unwrap()).unwrap();
            let mut record = record.to_vec();
            let opened = key.open_in_place(nonce, Aad::empty(), &mut record).ok()?;
            let end = opened.iter().rposition(|byte| *byte != 0)?;
            (opened[end] == 2).then(|| opened[..end].to_vec())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::browser::{Browser, bytes};
    use super::*;

    /// RFC 8291 section 5 and appendix A.
    const TEXT: &[u8] = b"When I grow up, I want to be a watermelon";
    const SENDER: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
    const RECEIVER: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
    const BODY: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

    fn private(key: &str) -> PrivateKey {
        PrivateKey::from_private_key(&ECDH_P256, &bytes(key)).unwrap()
    }

    #[test]
    fn the_example_of_the_rfc_comes_out_byte_by_byte() {
        let browser = Browser::with(private(RECEIVER), AUTH);
        let expected = bytes(BODY);
        let record = [TEXT, &[2]].concat();
        let sealed = seal(record, &browser.keys, &private(SENDER), expected[..SALT_LEN].try_into().unwrap());
        assert_eq!(sealed.unwrap(), expected);
        assert_eq!(browser.decrypt(&expected).unwrap(), TEXT);
    }

    #[test]
    fn the_longest_text_fills_what_push_services_take() {
        let browser = Browser::new();
        let longest = vec![b'x'; MAX_TEXT];
        let body = encrypt(&longest, &browser.keys).unwrap();
        assert_eq!(body.len(), MAX_BODY);
        assert_eq!(browser.decrypt(&body).unwrap(), longest);
        assert!(encrypt(&[longest, vec![b'x']].concat(), &browser.keys).is_err());
    }

    #[test]
    fn texts_of_one_block_have_one_length() {
        let browser = Browser::new();
        let length = |text: &[u8]| encrypt(text, &browser.keys).unwrap().len();
        assert_eq!(length(b""), length(&[b'x'; BLOCK - 1]));
        assert_eq!(length(b"") + BLOCK, length(&[b'x'; BLOCK]));
    }

    #[test]
    fn the_same_text_is_never_sent_twice_alike() {
        let browser = Browser::new();
        let (one, other) = (encrypt(TEXT, &browser.keys).unwrap(), encrypt(TEXT, &browser.keys).unwrap());
        assert_ne!(one[..SALT_LEN], other[..SALT_LEN]);
        assert_ne!(one[SALT_LEN + 5..HEADER_LEN], other[SALT_LEN + 5..HEADER_LEN]);
    }

    #[test]
    fn nobody_else_reads_it() {
        let (browser, other) = (Browser::new(), Browser::new());
        let body = encrypt(TEXT, &browser.keys).unwrap();
        assert_eq!(other.decrypt(&body), None);
        let without_secret =
            Browser { private: browser.private, keys: SubscriptionKeys { auth: other.keys.auth, ..browser.keys } };
        assert_eq!(without_secret.decrypt(&body), None);
    }

    proptest! {
        #[test]
        fn any_text_comes_out_as_it_went_in(text in prop::collection::vec(any::<u8>(), 0..=MAX_TEXT)) {
            let browser = Browser::new();
            let body = encrypt(&text, &browser.keys).unwrap();
            prop_assert!(body.len() <= MAX_BODY);
            prop_assert_eq!(browser.decrypt(&body), Some(text));
        }

        #[test]
        fn a_changed_bit_is_refused(text in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let browser = Browser::new();
            let mut body = encrypt(&text, &browser.keys).unwrap();
            let at = at.index(body.len());
            body[at] ^= 1 << bit;
            prop_assert_eq!(browser.decrypt(&body), None);
        }
    }
}
