//! An e-mail's content and recipients, checked as strictly as SES checks them.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{super::protocol::Failure, address::Address};

/// The recipients of an e-mail at most.
const RECIPIENTS: usize = 50;

/// The headers of a request at most.
const HEADERS: usize = 15;

/// The longest name of a header.
const HEADER_NAME: usize = 126;

/// The longest value of a header.
const HEADER_VALUE: usize = 995;

/// An e-mail as its recipients would get it.
#[derive(Debug)]
pub(super) struct Email {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) subject: String,
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
    pub(super) headers: Map<String, Value>,
}

/// The fields of a request that have an effect here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted {
    from_email_address: Option<String>,
    #[serde(default)]
    destination: Destination,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    content: Content,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Simple>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Part,
    body: Body,
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Part>,
    html: Option<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    data: String,
    charset: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    name: String,
    value: String,
}

impl Part {
    /// The text as recipients would get it: without a character set it is sent in ASCII, which has no other characters.
    fn arrived(self) -> Result<String, Failure> {
        match self.charset.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("utf-8") => Ok(self.data),
            None | Some("us-ascii") => {
                Ok(self.data.chars().map(|letter| if letter.is_ascii() { letter } else { '?' }).collect())
            }
            Some(_) => Err(Failure::bad_request("the local stack knows the charsets UTF-8 and US-ASCII")),
        }
    }
}

impl Destination {
    fn all(self) -> Result<Vec<String>, Failure> {
        let all: Vec<String> = [self.to_addresses, self.cc_addresses, self.bcc_addresses].concat();
        match all.len() {
            0 => Err(Failure::bad_request("Destination has no addresses.")),
            1..=RECIPIENTS => all.iter().try_for_each(|text| address(text)).map(|()| all),
            _ => Err(Failure::bad_request(format!("Recipient count exceeds {RECIPIENTS}."))),
        }
    }
}

/// Reads a request for `SendEmail`.
pub(super) fn read(request: &Value) -> Result<Email, Failure> {
    let wanted: Wanted =
        serde_json::from_value(request.clone()).map_err(|error| Failure::bad_request(error.to_string()))?;
    let from = wanted.from_email_address.ok_or_else(|| Failure::bad_request("Missing required header 'From'."))?;
    address(&from)?;
    wanted.reply_to_addresses.iter().try_for_each(|text| address(text))?;
    let Some(Simple { subject, body, headers }) = wanted.content.simple else {
        return Err(Failure::bad_request("the local stack sends Content.Simple only"));
    };
    if body.text.is_none() && body.html.is_none() {
        return Err(Failure::bad_request("Missing required field: Body must have Text or Html."));
    }
    let subject = subject.arrived()?;
    if subject.chars().any(char::is_control) {
        return Err(Failure::bad_request("Header value of 'Subject' contains control characters."));
    }
    Ok(Email {
        from,
        to: wanted.destination.all()?,
        subject,
        text: body.text.map(Part::arrived).transpose()?,
        html: body.html.map(Part::arrived).transpose()?,
        headers: checked(headers)?,
    })
}

fn address(text: &str) -> Result<(), Failure> {
    Address::read(text).map(|_| ()).map_err(Failure::bad_request)
}

fn checked(headers: Vec<Header>) -> Result<Map<String, Value>, Failure> {
    if headers.len() > HEADERS {
        return Err(Failure::bad_request(format!("Too many headers: at most {HEADERS} may be given.")));
    }
    let fits = |Header { name, value }: &Header| {
        (1..=HEADER_NAME).contains(&name.len())
            && name.chars().all(|letter| letter.is_ascii_graphic() && letter != ':')
            && (1..=HEADER_VALUE).contains(&value.len())
            && value.chars().all(|letter| matches!(letter, ' '..='~'))
            && name.len() + value.len() <= HEADER_VALUE + 1
    };
    if let Some(wrong) = headers.iter().find(|header| !fits(header)) {
        return Err(Failure::bad_request(format!("Invalid header: {}", wrong.name)));
    }
    Ok(headers.into_iter().map(|Header { name, value }| (name, Value::String(value))).collect())
}
