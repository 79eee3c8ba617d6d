//! Sending mail, through SES.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use kinds::Mail;

use super::provider_result::{self, ProviderResult};
use crate::aws::clients::Clients;
use crate::error::Error;

/// SES will say the same however often it is asked. (An account that may not send, and a sender that is not verified, are
/// for the operator to mend; SES words some of the second as `MessageRejected`, which then has to be replayed.)
const REFUSED: [&str; 2] = ["BadRequestException", "MessageRejected"];

const UTF_8: &str = "UTF-8";

/// SES, and who sends.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    from: String,
}

impl Mailer {
    /// SES in the configured region; `from` is an address that is verified there, with or without a name beside it.
    #[must_use]
    pub fn new(clients: &Clients, from: String) -> Self {
        let config = aws_sdk_sesv2::config::Builder::from(clients.config())
            .retry_config(provider_result::retries())
            .timeout_config(provider_result::timeouts())
            .build();
        Self { client: Client::from_conf(config), from }
    }

    /// Sends a mail, once. That an address does not exist comes back later as a bounce, so nothing is [`ProviderResult::Gone`].
    ///
    /// # Errors
    /// There was no call, because of a mistake of ours.
    pub async fn send(&self, to: &str, mail: &Mail) -> Result<ProviderResult, Error> {
        let content = EmailContent::builder().simple(message(mail).map_err(unbuilt)?).build();
        let to = Destination::builder().to_addresses(to).build();
        match self.client.send_email().from_email_address(&self.from).destination(to).content(content).send().await {
            Ok(_) => Ok(ProviderResult::Taken),
            Err(error) => provider_result::failed("SendEmail", error, |_| false, &REFUSED),
        }
    }
}

fn message(mail: &Mail) -> Result<Message, BuildError> {
    let text = |text: &str| Content::builder().data(text).charset(UTF_8).build();
    let headers = mail.headers.iter().map(|(name, value)| MessageHeader::builder().name(*name).value(value).build());
    let body = Body::builder().text(text(&mail.text)?).build();
    let headers = headers.collect::<Result<_, _>>()?;
    Ok(Message::builder().subject(text(&mail.subject)?).body(body).set_headers(Some(headers)).build())
}

fn unbuilt(error: BuildError) -> Error {
    Error::Failed { call: "build a request", cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::canned;
    use super::*;

    fn mail() -> Mail {
        let headers = [("Auto-Submitted", "auto-generated".into()), ("X-Tidings-Cursor", "user:alice:42".into())];
        Mail { subject: "Grüße".into(), text: "Hi\n\nthere".into(), headers }
    }

    async fn send(clients: &Clients) -> ProviderResult {
        let mailer = Mailer::new(clients, "Tidings <tidings@example.com>".into());
        mailer.send("alice@example.org", &mail()).await.unwrap()
    }

    #[tokio::test]
    async fn a_mail_goes_to_one_address_with_its_headers() {
        let (clients, asked) = canned::answer(200, "{\"MessageId\":\"m\"}").await;
        assert_eq!(send(&clients).await, ProviderResult::Taken);
        let asked: serde_json::Value = serde_json::from_str(&asked.await.unwrap()).unwrap();
        let expected = serde_json::json!({
            "FromEmailAddress": "Tidings <tidings@example.com>",
            "Destination": {"ToAddresses": ["alice@example.org"]},
            "Content": {"Simple": {
                "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
                "Body": {"Text": {"Data": "Hi\n\nthere", "Charset": "UTF-8"}},
                "Headers": [
                    {"Name": "Auto-Submitted", "Value": "auto-generated"},
                    {"Name": "X-Tidings-Cursor", "Value": "user:alice:42"},
                ],
            }},
        });
        assert_eq!(asked, expected);
    }

    #[tokio::test]
    async fn what_ses_refuses_for_good_is_told_from_what_it_may_take_later() {
        let refused = |code: &str| ProviderResult::Refused { code: code.to_owned() };
        let later = |code: &str| ProviderResult::Later { code: code.to_owned() };
        for (status, body, handed) in [
            (400, r#"{"__type":"BadRequestException","message":"alice@example.org"}"#, refused("BadRequestException")),
            (400, r#"{"__type":"MessageRejected","message":"x"}"#, refused("MessageRejected")),
            (429, r#"{"__type":"TooManyRequestsException","message":"x"}"#, later("TooManyRequestsException")),
            (400, r#"{"__type":"LimitExceededException","message":"x"}"#, later("LimitExceededException")),
            (400, r#"{"__type":"SendingPausedException","message":"x"}"#, later("SendingPausedException")),
            (500, "{}", later("UnknownError")),
        ] {
            let (clients, _asked) = canned::answer(status, body).await;
            assert_eq!(send(&clients).await, handed, "{body}");
        }
    }
}
