//! Publishing to one phone, through SNS: to an application on it, or as a text message.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;
use kinds::MobilePushMessage;

use super::provider_result::{self, ProviderResult};
use crate::aws::clients::Clients;
use crate::error::Error;

/// SNS will say the same however often it is asked.
const REFUSED: [&str; 4] =
    ["InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "ValidationException"];

/// The text by which SNS says that an endpoint was deleted. Its code is that of any wrong parameter.
const NO_ENDPOINT: &str = "No endpoint found";

/// SNS, for messages to one receiver.
#[derive(Clone, Debug)]
pub struct Publisher {
    client: Client,
}

impl Publisher {
    /// SNS in the configured region.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        let config = aws_sdk_sns::config::Builder::from(clients.config())
            .retry_config(provider_result::retries())
            .timeout_config(provider_result::timeouts())
            .build();
        Self { client: Client::from_conf(config) }
    }

    /// Publishes to a platform endpoint, once.
    ///
    /// # Errors
    /// There was no call, because of a mistake of ours.
    pub async fn push(&self, target_arn: &str, push: &MobilePushMessage) -> Result<ProviderResult, Error> {
        let mut request = self.client.publish().target_arn(target_arn);
        for (name, value) in &push.attributes {
            request = request.message_attributes(*name, attribute(value)?);
        }
        match request.message_structure("json").message(&push.message).send().await {
            Ok(_) => Ok(ProviderResult::Taken),
            Err(error) => provider_result::failed("Publish to an endpoint", error, is_gone, &REFUSED),
        }
    }

    /// Sends a text message, once. As what (promotional or transactional) and from whom are the account's own settings in
    /// SNS.
    ///
    /// # Errors
    /// There was no call, because of a mistake of ours.
    pub async fn sms(&self, phone: &str, text: &str) -> Result<ProviderResult, Error> {
        match self.client.publish().phone_number(phone).message(text).send().await {
            Ok(_) => Ok(ProviderResult::Taken),
            Err(error) => provider_result::failed("Publish to a phone", error, |_| false, &REFUSED),
        }
    }
}

/// The platform has told SNS that the application is gone from the phone, or somebody has deleted the endpoint.
fn is_gone(error: &PublishError) -> bool {
    error.is_endpoint_disabled_exception()
        || error.is_not_found_exception()
        || error.message().is_some_and(|message| message.contains(NO_ENDPOINT))
}

fn attribute(value: &str) -> Result<MessageAttributeValue, Error> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .map_err(|error| Error::Failed { call: "build a request", cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::super::canned;
    use super::*;

    const TARGET: &str = "arn:aws:sns:eu-central-1:123456789012:endpoint/GCM/shop/5e3e9847-3183-3f18-a7e8-671c3a57d4b3";
    const TAKEN: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
        <MessageId>5e3e9847-3183-3f18-a7e8-671c3a57d4b3</MessageId></PublishResult></PublishResponse>";

    macro_rules! error {
        ($code:literal, $message:literal) => {
            concat!(
                "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>",
                $code,
                "</Code><Message>",
                $message,
                "</Message></Error><RequestId>r</RequestId></ErrorResponse>"
            )
        };
    }

    fn push() -> MobilePushMessage {
        let attributes = vec![("AWS.SNS.MOBILE.FCM.TTL", "60".to_owned())];
        MobilePushMessage { message: "{\"default\":\"Hi\"}".into(), attributes }
    }

    #[tokio::test]
    async fn a_push_is_published_as_json_with_its_attributes() {
        let (clients, asked) = canned::answer(200, TAKEN).await;
        assert_eq!(Publisher::new(&clients).push(TARGET, &push()).await.unwrap(), ProviderResult::Taken);
        let asked = asked.await.unwrap();
        for part in [
            "Action=Publish",
            "TargetArn=arn%3Aaws%3Asns%3Aeu-central-1%3A123456789012%3Aendpoint%2FGCM%2Fshop%2F",
            "MessageStructure=json",
            "Message=%7B%22default%22%3A%22Hi%22%7D",
            "MessageAttributes.entry.1.Name=AWS.SNS.MOBILE.FCM.TTL",
            "MessageAttributes.entry.1.Value.DataType=String",
            "MessageAttributes.entry.1.Value.StringValue=60",
        ] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
    }

    #[tokio::test]
    async fn each_refusal_of_a_push_is_sorted_and_keeps_nothing_but_its_code() {
        let gone = |code: &str| ProviderResult::Gone { code: code.to_owned() };
        let later = |code: &str| ProviderResult::Later { code: code.to_owned() };
        for (status, body, handed) in [
            (400, error!("EndpointDisabled", "Endpoint is disabled"), gone("EndpointDisabled")),
            (404, error!("NotFound", "Endpoint does not exist"), gone("NotFound")),
            (
                400,
                error!(
                    "InvalidParameter",
                    "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"
                ),
                gone("InvalidParameter"),
            ),
            (
                400,
                error!("InvalidParameter", "Invalid parameter: Message Reason: Hi is too long"),
                ProviderResult::Refused { code: "InvalidParameter".into() },
            ),
            (400, error!("PlatformApplicationDisabled", "x"), later("PlatformApplicationDisabled")),
            (403, error!("AuthorizationError", "x"), later("AuthorizationError")),
            (429, error!("Throttled", "Rate exceeded"), later("Throttled")),
            (500, error!("InternalError", "x"), later("InternalError")),
            (503, "", later("UnknownError")),
        ] {
            let (clients, _asked) = canned::answer(status, body).await;
            assert_eq!(Publisher::new(&clients).push(TARGET, &push()).await.unwrap(), handed, "{body}");
        }
    }

    #[tokio::test]
    async fn a_text_message_goes_to_a_number_and_a_wrong_one_is_refused_for_good() {
        let phone = "+4915112345678";
        let (clients, asked) = canned::answer(200, TAKEN).await;
        assert_eq!(Publisher::new(&clients).sms(phone, "Hi\nthere").await.unwrap(), ProviderResult::Taken);
        let asked = asked.await.unwrap();
        assert!(asked.contains("PhoneNumber=%2B4915112345678") && asked.contains("Message=Hi%0Athere"), "{asked}");

        let wrong = error!("InvalidParameter", "Invalid parameter: PhoneNumber Reason: +4915112345678 is not valid");
        let (clients, _asked) = canned::answer(400, wrong).await;
        let handed = Publisher::new(&clients).sms(phone, "Hi").await.unwrap();
        assert_eq!(handed, ProviderResult::Refused { code: "InvalidParameter".into() });
    }

    #[tokio::test]
    async fn who_does_not_answer_is_asked_again_later() {
        let (clients, asked) = canned::answer(200, TAKEN).await;
        asked.abort();
        let _ = asked.await;
        let phone = "+4915112345678";
        let handed = Publisher::new(&clients).sms(phone, "Hi").await.unwrap();
        assert_eq!(handed, ProviderResult::Later { code: "ConnectionFailed".into() });
    }
}
