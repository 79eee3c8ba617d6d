//! The target of a push to a phone: an SNS platform endpoint.

use domain::refusal::Refusal;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::settings::{InvalidSetting, Variables};

/// An application on a phone, as its backend asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MobilePush {
    /// The platform endpoint.
    pub target_arn: TargetArn,
}

/// The settings of pushes to phones.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The SNS platform applications whose endpoints may be added; none where the kind is off.
    pub applications: Vec<Application>,
}

impl Settings {
    pub(crate) fn read(variables: Variables) -> Result<Self, InvalidSetting> {
        let application = |arn: &str| Application::parse(arn).map_err(|error| error.to_string());
        Ok(Self { applications: variables.list("PLATFORM_APPLICATIONS", application)? })
    }
}

/// The platforms that we know how to write for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Apple's service.
    Apns,
    /// Apple's service, for applications that are being developed.
    ApnsSandbox,
    /// Firebase Cloud Messaging, under the name that it has in SNS.
    Gcm,
    /// Amazon Device Messaging.
    Adm,
}

impl Platform {
    const ALL: [Self; 4] = [Self::Apns, Self::ApnsSandbox, Self::Gcm, Self::Adm];

    /// As it stands in ARNs and in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apns => "APNS",
            Self::ApnsSandbox => "APNS_SANDBOX",
            Self::Gcm => "GCM",
            Self::Adm => "ADM",
        }
    }

    /// The message attribute that has the seconds for which a push is worth delivering.
    pub(super) fn ttl_attribute(self) -> &'static str {
        match self {
            Self::Apns => "AWS.SNS.MOBILE.APNS.TTL",
            Self::ApnsSandbox => "AWS.SNS.MOBILE.APNS_SANDBOX.TTL",
            Self::Gcm => "AWS.SNS.MOBILE.FCM.TTL",
            Self::Adm => "AWS.SNS.MOBILE.ADM.TTL",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == name)
    }
}

/// A platform application that the operator has configured: `arn:aws:sns:eu-central-1:123456789012:app/GCM/shop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application(String);

/// A text is no platform application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an application is arn:aws:sns:REGION:ACCOUNT:app/PLATFORM/NAME, its platform APNS, APNS_SANDBOX, GCM or ADM")]
pub struct InvalidApplication;

impl Application {
    /// Reads an application's ARN.
    ///
    /// # Errors
    /// It is no ARN of an application, or its platform is unknown here.
    pub fn parse(text: &str) -> Result<Self, InvalidApplication> {
        let path = sns_path(text).ok_or(InvalidApplication)?;
        match path.split('/').collect::<Vec<_>>()[..] {
            ["app", platform, name] if Platform::parse(platform).is_some() && is_name(name) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidApplication),
        }
    }
}

/// A platform endpoint: `arn:aws:sns:eu-central-1:123456789012:endpoint/GCM/shop/<UUID>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct TargetArn(String);

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    /// It is written otherwise.
    #[error(
        "a platform endpoint is arn:aws:sns:REGION:ACCOUNT:endpoint/PLATFORM/APPLICATION/UUID, its platform APNS, \
         APNS_SANDBOX, GCM or ADM"
    )]
    Form,
    /// It belongs to an application that is not configured.
    #[error("this deployment does not send to this endpoint's application")]
    Application,
}

impl TargetArn {
    /// Reads the ARN of an endpoint, whatever its application.
    ///
    /// # Errors
    /// [`InvalidTarget::Form`].
    pub fn parse(text: &str) -> Result<Self, InvalidTarget> {
        let (path, target) = (sns_path(text).ok_or(InvalidTarget::Form)?, Self(text.to_owned()));
        match path.split('/').collect::<Vec<_>>()[..] {
            ["endpoint", platform, name, id] if Platform::parse(platform).is_some() && is_name(name) && is_uuid(id) => {
                Ok(target)
            }
            _ => Err(InvalidTarget::Form),
        }
    }

    /// Refuses an endpoint of another application, to which we would publish on somebody else's behalf.
    ///
    /// # Errors
    /// [`InvalidTarget::Application`].
    pub fn check(&self, applications: &[Application]) -> Result<(), InvalidTarget> {
        let own = self.0.rsplit_once('/').map(|(all_but_id, _)| all_but_id.replacen(":endpoint/", ":app/", 1));
        let is_ours = applications.iter().any(|application| own.as_ref() == Some(&application.0));
        if is_ours { Ok(()) } else { Err(InvalidTarget::Application) }
    }

    /// Whose phones it is for.
    #[must_use]
    pub fn platform(&self) -> Platform {
        // It was found there when the target was read.
        self.0.split('/').nth(1).and_then(Platform::parse).unwrap_or(Platform::Gcm)
    }

    /// The ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for TargetArn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl From<InvalidTarget> for Refusal {
    fn from(reason: InvalidTarget) -> Self {
        Self::field("target_arn", reason)
    }
}

/// The part of an SNS ARN behind the account.
fn sns_path(arn: &str) -> Option<&str> {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", partition, "sns", region, account, path]
            if is_word(partition) && partition.starts_with("aws") && is_word(region) && is_account(account) =>
        {
            Some(path)
        }
        _ => None,
    }
}

/// The names that SNS takes for an application.
fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

fn is_uuid(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id.hyphenated().to_string() == text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "5e3e9847-3183-3f18-a7e8-671c3a57d4b3";

    fn arn(rest: &str) -> String {
        format!("arn:aws:sns:eu-central-1:123456789012:{rest}")
    }

    #[test]
    fn an_endpoint_of_each_platform_is_read() {
        for platform in Platform::ALL {
            let text = arn(&format!("endpoint/{}/shop.v-2_x/{ID}", platform.as_str()));
            let target = TargetArn::parse(&text).unwrap();
            assert_eq!((target.as_str(), target.platform()), (text.as_str(), platform));
        }
        assert!(TargetArn::parse(&format!("arn:aws-cn:sns:cn-north-1:123456789012:endpoint/GCM/shop/{ID}")).is_ok());
    }

    #[test]
    fn nothing_else_is_one() {
        for text in [
            "",
            "arn",
            &arn("topic"),
            &arn(&format!("endpoint/GCM/shop/{}", ID.to_uppercase())),
            &arn(&format!("endpoint/GCM/shop/{}", ID.replace('-', ""))),
            &arn(&format!("endpoint/GCM/shop/{ID}/more")),
            &arn(&format!("endpoint/GCM//{ID}")),
            &arn(&format!("endpoint/GCM/a shop/{ID}")),
            &arn(&format!("endpoint/gcm/shop/{ID}")),
            &arn(&format!("endpoint/WNS/shop/{ID}")),
            &arn(&format!("endpoint/GCM/shop/{ID}\n")),
            &arn("app/GCM/shop"),
            &arn(&format!("endpoint/GCM/shop/{ID}")).replace(":sns:", ":sqs:"),
            &arn(&format!("endpoint/GCM/shop/{ID}")).replace("123456789012", "1234"),
            &arn(&format!("endpoint/GCM/shop/{ID}")).replace("eu-central-1", ""),
            &arn(&format!("endpoint/GCM/shop/{ID}")).replace("arn:aws:", "arn:other:"),
        ] {
            assert_eq!(TargetArn::parse(text), Err(InvalidTarget::Form), "{text}");
            assert!(serde_json::from_value::<TargetArn>(json!(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn only_endpoints_of_a_configured_application_are_taken() {
        let target = TargetArn::parse(&arn(&format!("endpoint/GCM/shop/{ID}"))).unwrap();
        let application = |text: &str| Application::parse(text).unwrap();
        assert_eq!(target.check(&[application(&arn("app/APNS/shop")), application(&arn("app/GCM/shop"))]), Ok(()));
        for other in [
            arn("app/GCM/shops"),
            arn("app/APNS/shop"),
            arn("app/GCM/shop").replace("123456789012", "210987654321"),
            arn("app/GCM/shop").replace("eu-central-1", "eu-west-1"),
        ] {
            assert_eq!(target.check(&[application(&other)]), Err(InvalidTarget::Application), "{other}");
        }
        assert_eq!(target.check(&[]), Err(InvalidTarget::Application));
        assert_eq!(Refusal::from(InvalidTarget::Application).field.as_deref(), Some("target_arn"));
    }

    #[test]
    fn an_application_is_configured_by_its_arn() {
        for text in
            ["", &arn("app/GCM"), &arn("app/GCM/"), &arn("app/SMS/shop"), &arn(&format!("endpoint/GCM/shop/{ID}"))]
        {
            assert_eq!(Application::parse(text), Err(InvalidApplication), "{text}");
        }
    }
}
