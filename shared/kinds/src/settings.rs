//! Reading settings from variables, which the caller takes from its environment.

use std::str::FromStr;

/// A function's variables do not say what it needs.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSetting {
    /// A variable is not set.
    #[error("the environment variable {0} is missing; template.yaml sets it")]
    Missing(&'static str),
    /// A variable has a value that it cannot have.
    #[error("the environment variable {name} is not valid: {reason}")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// The reason.
        reason: String,
    },
}

/// The variables, by name. An empty value counts as missing: a template cannot leave a variable out.
#[derive(Clone, Copy, Debug)]
pub struct Variables(pub fn(&'static str) -> Option<String>);

impl Variables {
    /// A value that may be missing.
    #[must_use]
    pub fn optional(self, name: &'static str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// A value that has to be there.
    ///
    /// # Errors
    /// It is missing.
    pub fn required(self, name: &'static str) -> Result<String, InvalidSetting> {
        self.optional(name).ok_or(InvalidSetting::Missing(name))
    }

    /// A number, or another value that is read from a text.
    ///
    /// # Errors
    /// It is missing or wrong.
    pub fn number<T: FromStr>(self, name: &'static str) -> Result<T, InvalidSetting>
    where
        T::Err: ToString,
    {
        let invalid = |error: T::Err| InvalidSetting::Invalid { name, reason: error.to_string() };
        self.required(name)?.parse().map_err(invalid)
    }

    /// The same, with a default for a variable that a function may not have yet: it may run with its new code for a moment
    /// before it has its new variables.
    ///
    /// # Errors
    /// It is wrong.
    pub fn number_or<T: FromStr>(self, name: &'static str, default: T) -> Result<T, InvalidSetting>
    where
        T::Err: ToString,
    {
        if self.optional(name).is_some() { self.number(name) } else { Ok(default) }
    }

    /// Values with commas between them.
    ///
    /// # Errors
    /// One is wrong.
    pub fn list<T>(
        self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, InvalidSetting> {
        let text = self.optional(name).unwrap_or_default();
        let values = text.split(',').map(str::trim).filter(|value| !value.is_empty());
        values.map(|value| read(value).map_err(|reason| InvalidSetting::Invalid { name, reason })).collect()
    }
}
