//! The target of a text message: a phone number.

use std::fmt;

use domain::refusal::Refusal;
use serde::{Deserialize, Deserializer, Serialize};

use crate::settings::{InvalidSetting, Variables};

/// A phone, as its owner asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sms {
    /// Its number.
    pub phone: Phone,
}

/// The settings of text messages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The most parts of text messages on one day; 0 where the kind is off.
    pub daily_cap: u32,
}

impl Settings {
    pub(crate) fn read(variables: Variables) -> Result<Self, InvalidSetting> {
        Ok(Self { daily_cap: variables.number("SMS_DAILY_CAP")? })
    }
}

/// The number of digits. E.164 allows 15; no country's are shorter than seven with its code.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// A phone number as E.164 writes it: `+4915112345678`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Phone(String);

/// A text is no phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a phone number is `+`, the country's code, and the rest without spaces: 7 to 15 digits, such as +4915112345678"
)]
pub struct InvalidPhone;

impl Phone {
    /// Reads a number.
    ///
    /// # Errors
    /// It is not written as E.164 does.
    pub fn parse(text: &str) -> Result<Self, InvalidPhone> {
        let digits = text.strip_prefix('+').ok_or(InvalidPhone)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        if is_number && DIGITS.contains(&digits.len()) { Ok(Self(text.to_owned())) } else { Err(InvalidPhone) }
    }

    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Keeps the number out of logs.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone")
    }
}

impl<'de> Deserialize<'de> for Phone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl From<InvalidPhone> for Refusal {
    fn from(reason: InvalidPhone) -> Self {
        Self::field("phone", reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_written_as_e164_does() {
        for number in ["+4915112345678", "+12025550123", "+6834002", "+123456789012345"] {
            assert_eq!(Phone::parse(number).as_ref().map(Phone::as_str), Ok(number));
        }
        for number in [
            "",
            "+",
            "4915112345678",
            "004915112345678",
            "+0491511234567",
            "+49 151 12345678",
            "+49-151-1234567",
            "+123456",
            "+1234567890123456",
            "+49151123456x",
            "+4915112345678\n",
            "+４９１５１１２３４５６７８",
            "++4915112345",
        ] {
            assert_eq!(Phone::parse(number), Err(InvalidPhone), "{number}");
        }
    }

    #[test]
    fn a_refusal_names_the_field_and_nothing_repeats_the_number() {
        assert_eq!(Refusal::from(InvalidPhone).field.as_deref(), Some("phone"));
        let phone = Phone::parse("+4915112345678").unwrap();
        assert_eq!(format!("{phone:?}"), "Phone");
        assert_eq!(serde_json::to_value(&phone).unwrap(), json!("+4915112345678"));
        let error = serde_json::from_value::<Phone>(json!("015112345678")).unwrap_err().to_string();
        assert!(error.contains("country") && !error.contains("12345678,"), "{error}");
    }
}
