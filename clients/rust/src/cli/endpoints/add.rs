//! `tidings endpoints add`.

use clap::{Args, Subcommand};
use serde_json::Value;
use tidings::{Channel, NewEndpoint, Target};

use super::{Failure, Stack, client, print_one};

/// Adds an endpoint to a channel.
///
/// Prints its id, and the secret with which a webhook's deliveries are signed. The secret is shown this once, so keep
/// it. The stack's operator decides which kinds there are besides webhooks.
#[derive(Debug, Args)]
#[command(subcommand_value_name = "KIND", subcommand_help_heading = "Kinds", disable_help_subcommand = true)]
pub(super) struct Add {
    /// The channel.
    channel: Channel,
    #[command(subcommand)]
    kind: Kind,
    /// Print the answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// A server that is posted to.
    Webhook {
        /// Where: https, and on the public internet.
        #[arg(long)]
        url: String,
    },
    /// A browser, by its maker's push service.
    WebPush {
        /// The page's `PushSubscription` in JSON, or @FILE for a file that has it.
        #[arg(long, value_name = "JSON|@FILE")]
        subscription: String,
    },
    /// An application on a phone, by Amazon SNS.
    MobilePush {
        /// The ARN of a platform endpoint of SNS.
        #[arg(long, value_name = "ARN")]
        target_arn: String,
    },
    /// Text messages.
    Sms {
        /// The number, such as +4915112345678.
        #[arg(long, value_name = "NUMBER")]
        phone: String,
    },
    /// E-mails.
    Email {
        /// The address.
        #[arg(long)]
        address: String,
    },
    /// A kind that this program does not know by name.
    Other {
        /// The kind's name.
        #[arg(long)]
        kind: String,
        /// The kind's own fields in JSON, or @FILE for a file that has them.
        #[arg(long, value_name = "JSON|@FILE")]
        target: String,
    },
}

/// Which notifications go there.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which notifications go there")]
struct Filter {
    /// Only those that matter this much or more.
    #[arg(long, global = true, value_name = "PRIORITY", value_parser = ["low", "normal", "high"])]
    min_priority: Option<String>,
    /// Only those that no live connection took.
    #[arg(long, global = true)]
    only_when_offline: bool,
}

impl Add {
    /// Adds it, and prints it with its secret.
    pub(super) async fn run(self, stack: &Stack) -> Result<(), Failure> {
        let Self { channel, kind, json, filter: Filter { min_priority, only_when_offline } } = self;
        let endpoint = NewEndpoint { target: kind.target()?, min_priority, only_when_offline };
        print_one(&client(stack, &channel)?.add_endpoint(&channel, &endpoint).await?, json)
    }
}

impl Kind {
    fn target(self) -> Result<Target, Failure> {
        Ok(match self {
            Self::Webhook { url } => Target::Webhook { url },
            Self::WebPush { subscription } => Target::WebPush { subscription: read("subscription", &subscription)? },
            Self::MobilePush { target_arn } => Target::MobilePush { target_arn },
            Self::Sms { phone } => Target::Sms { phone },
            Self::Email { address } => Target::Email { address },
            Self::Other { kind, target } => match read("target", &target)? {
                Value::Object(fields) => Target::Other { kind, fields },
                _ => return Err("--target: give a JSON object".to_owned().into()),
            },
        })
    }
}

/// An option's JSON, or a file with it.
fn read(option: &str, value: &str) -> Result<Value, Failure> {
    let text = match value.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?,
        None => value.to_owned(),
    };
    Ok(serde_json::from_str(&text).map_err(|error| format!("--{option}: this is not JSON: {error}"))?)
}
