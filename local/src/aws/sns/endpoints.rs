//! Platform applications and endpoints in SNS's API.

use serde_json::{Value, json};

use super::{
    super::protocol::{Failure, query::items},
    Answered, Sns,
};
use crate::platforms::Settings;

/// The known platforms; each has an entry of its own in a structured message.
const PLATFORMS: [&str; 11] = [
    "ADM",
    "APNS",
    "APNS_SANDBOX",
    "APNS_VOIP",
    "APNS_VOIP_SANDBOX",
    "BAIDU",
    "GCM",
    "MACOS",
    "MACOS_SANDBOX",
    "MPNS",
    "WNS",
];

/// The longest name of an application.
const NAME_LIMIT: usize = 256;

/// The bytes of an endpoint's user data at most.
const USER_DATA_LIMIT: usize = 2048;

impl Sns {
    pub(super) fn create_application(&self, request: &Value) -> Answered {
        let (platform, name) = (required(request, "Platform")?, required(request, "Name")?);
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
        if !PLATFORMS.contains(&platform) {
            return Err(Failure::parameter(&format!("Platform Reason: {platform} is not a supported platform")));
        }
        if !(1..=NAME_LIMIT).contains(&name.len()) || !name.chars().all(fits) {
            return Err(Failure::parameter(
                "Name Reason: must be 1 to 256 letters, digits, underscores, hyphens, periods",
            ));
        }
        if !pairs(request).any(|(name, value)| name == "PlatformCredential" && !value.is_empty()) {
            return Err(Failure::parameter("Attributes Reason: PlatformCredential is required"));
        }
        Ok(json!({ "PlatformApplicationArn": self.platforms.create_application(platform, name)? }))
    }

    pub(super) fn create_endpoint(&self, request: &Value) -> Answered {
        let application = required(request, "PlatformApplicationArn")?;
        let token = required(request, "Token")?;
        let mut settings = settings(request)?;
        if let Some(data) = request["CustomUserData"].as_str() {
            settings.user_data = Some(user_data(data)?);
        }
        Ok(json!({ "EndpointArn": self.platforms.create_endpoint(application, token, settings)? }))
    }

    pub(super) fn endpoint_attributes(&self, request: &Value) -> Answered {
        let arn = required(request, "EndpointArn")?;
        let endpoint = self.platforms.endpoint(arn).ok_or_else(Failure::no_endpoint)?;
        let mut attributes = vec![("Enabled", endpoint.enabled.to_string()), ("Token", endpoint.token)];
        if !endpoint.user_data.is_empty() {
            attributes.push(("CustomUserData", endpoint.user_data));
        }
        let entries = attributes.into_iter().map(|(key, value)| json!({ "key": key, "value": value }));
        Ok(json!({ "Attributes": { "entry": entries.collect::<Vec<_>>() } }))
    }

    pub(super) fn set_endpoint_attributes(&self, request: &Value) -> Answered {
        self.platforms.set(required(request, "EndpointArn")?, settings(request)?)?;
        Ok(json!({}))
    }

    pub(super) fn delete_endpoint(&self, request: &Value) -> Answered {
        self.platforms.delete(required(request, "EndpointArn")?).map_err(|error| Failure::internal(&error))?;
        Ok(json!({}))
    }
}

fn required<'a>(request: &'a Value, name: &str) -> Result<&'a str, Failure> {
    let value = request[name].as_str().filter(|value| !value.is_empty());
    value.ok_or_else(|| Failure::parameter(&format!("{name} Reason: no value for required parameter")))
}

/// The entries of the request's `Attributes`.
fn pairs(request: &Value) -> impl Iterator<Item = (&str, &str)> {
    let entries = items(&request["Attributes"]["entry"]).into_iter();
    entries.filter_map(|entry| Some((entry["key"].as_str()?, entry["value"].as_str()?)))
}

fn settings(request: &Value) -> Result<Settings, Failure> {
    let mut settings = Settings::default();
    for (name, value) in pairs(request) {
        match name {
            "Enabled" => settings.enabled = Some(flag(value)?),
            "Token" if !value.is_empty() => settings.token = Some(value.to_owned()),
            "CustomUserData" => settings.user_data = Some(user_data(value)?),
            _ => return Err(Failure::parameter(&format!("Attributes Reason: Invalid attribute {name}"))),
        }
    }
    Ok(settings)
}

fn flag(text: &str) -> Result<bool, Failure> {
    let wrong = |_| Failure::parameter("Attributes Reason: Invalid value for attribute: Enabled");
    text.to_ascii_lowercase().parse().map_err(wrong)
}

fn user_data(text: &str) -> Result<String, Failure> {
    if text.len() > USER_DATA_LIMIT {
        let why = format!("CustomUserData Reason: must be at most {USER_DATA_LIMIT} bytes long in UTF-8 encoding");
        return Err(Failure::parameter(&why));
    }
    Ok(text.to_owned())
}
