//! A reader's question over HTTP: what came after these cursors, now or within some seconds.

use std::time::Duration;

use super::channel::Channel;
use super::refusal::{Code, Refusal};
use super::seq::{self, Seq};

/// The most channels that one poll may name.
pub const MAX_CHANNELS: usize = 10;

/// The longest that a poll may wait, in seconds; API Gateway gives up after 30.
const MAX_WAIT: u64 = 25;

/// The most notifications of a channel in one answer, and how many a channel gives where nothing else is said.
const MAX_LIMIT: usize = 100;
const USUAL_LIMIT: usize = 50;

/// A channel and the seq that the reader has; without one it gets the newest notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The channel.
    pub channel: Channel,
    /// The seq that the reader has.
    pub after: Option<Seq>,
}

/// The parameters of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// The channels to read, each once and with its cursor: 1 to [`MAX_CHANNELS`].
    pub cursors: Vec<Cursor>,
    /// The time to wait until there is something to report.
    pub wait: Duration,
    /// The most notifications of each channel.
    pub limit: usize,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, String> {
        let mut colons = text.match_indices(':').map(|(at, _)| at);
        let (name, seq) = match colons.nth(1) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let channel = Channel::parse(name).map_err(|reason| reason.to_string())?;
        let after = seq.map(Seq::parse).transpose()?;
        Ok(Self { channel, after })
    }
}

impl Poll {
    /// Reads the parameters of a query, decoded, in the order in which they stand there.
    ///
    /// # Errors
    /// A parameter is missing, unknown, given twice or wrong; the refusal names it.
    pub fn parse<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Refusal> {
        let (mut cursors, mut wait, mut limit) = (Vec::new(), None, None);
        for (name, value) in parameters {
            match name {
                "channel" => add_cursor(&mut cursors, value)?,
                "wait" => set(&mut wait, name, number(name, value, 0, MAX_WAIT)?)?,
                "limit" => set(&mut limit, name, number(name, value, 1, MAX_LIMIT as u64)?)?,
                _ => {
                    return Err(Refusal::field(
                        name,
                        "is not a parameter of this request; its parameters are `channel`, `wait` and `limit`",
                    ));
                }
            }
        }
        if cursors.is_empty() {
            return Err(Refusal::field("channel", "is required: a channel, or a channel and the seq that you have"));
        }
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(USUAL_LIMIT);
        Ok(Self { cursors, wait: Duration::from_secs(wait.unwrap_or(0)), limit })
    }
}

fn add_cursor(cursors: &mut Vec<Cursor>, value: &str) -> Result<(), Refusal> {
    let field = format!("channel[{}]", cursors.len());
    let cursor = Cursor::parse(value).map_err(|reason| Refusal::field(&field, reason))?;
    if cursors.len() == MAX_CHANNELS {
        let reason = format!("a poll names at most {MAX_CHANNELS} channels; poll the others separately");
        return Err(Refusal::field_with(Code::TooManyChannels, "channel", reason));
    }
    if cursors.iter().any(|known| known.channel == cursor.channel) {
        return Err(Refusal::field(field, format!("{} is named twice", cursor.channel)));
    }
    cursors.push(cursor);
    Ok(())
}

fn number(name: &str, value: &str, least: u64, most: u64) -> Result<u64, Refusal> {
    let number = seq::whole(value).filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| Refusal::field(name, format!("give a whole number from {least} to {most}")))
}

fn set(place: &mut Option<u64>, name: &str, value: u64) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::field(name, "is given twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<Poll, Refusal> {
        Poll::parse(query.iter().copied())
    }

    #[test]
    fn a_cursor_is_a_channel_with_or_without_a_seq() {
        let poll =
            parse(&[("channel", "user:alice:41"), ("channel", "topic:news"), ("wait", "25"), ("limit", "1")]).unwrap();
        assert_eq!(poll.cursors[0].channel.as_str(), "user:alice");
        assert_eq!(poll.cursors[0].after, Some(Seq(41)));
        assert_eq!(poll.cursors[1].after, None);
        assert_eq!((poll.wait, poll.limit), (Duration::from_secs(25), 1));
    }

    #[test]
    fn without_more_it_answers_at_once_with_fifty_at_most() {
        let poll = parse(&[("channel", "topic:news:0")]).unwrap();
        assert_eq!((poll.wait, poll.limit, poll.cursors[0].after), (Duration::ZERO, 50, Some(Seq::ZERO)));
    }

    #[test]
    fn every_refusal_names_its_parameter() {
        for (query, field) in [
            (vec![], "channel"),
            (vec![("channel", "news")], "channel[0]"),
            (vec![("channel", "topic:a:")], "channel[0]"),
            (vec![("channel", "topic:a:-1")], "channel[0]"),
            (vec![("channel", "topic:a:+1")], "channel[0]"),
            (vec![("channel", "topic:a:1:2")], "channel[0]"),
            (vec![("channel", "topic:a:9007199254740992")], "channel[0]"),
            (vec![("channel", "topic:a"), ("channel", "topic:a:4")], "channel[1]"),
            (vec![("channel", "topic:a"), ("wait", "26")], "wait"),
            (vec![("channel", "topic:a"), ("wait", "1.5")], "wait"),
            (vec![("channel", "topic:a"), ("wait", "1"), ("wait", "2")], "wait"),
            (vec![("channel", "topic:a"), ("limit", "0")], "limit"),
            (vec![("channel", "topic:a"), ("limit", "101")], "limit"),
            (vec![("channel", "topic:a"), ("after", "4")], "after"),
        ] {
            assert_eq!(parse(&query).unwrap_err().field.as_deref(), Some(field), "{query:?}");
        }
    }

    #[test]
    fn a_poll_names_ten_channels_at_most() {
        let names: Vec<_> = (0..11).map(|n| format!("topic:{n}")).collect();
        let query: Vec<_> = names.iter().map(|name| ("channel", name.as_str())).collect();
        assert!(parse(&query[..10]).is_ok());
        assert_eq!(parse(&query).unwrap_err().code, Code::TooManyChannels);
    }
}
