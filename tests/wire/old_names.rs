//! Names that the code no longer uses, each with the word that the glossary has for it.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use crate::harness::{files_below, root};

/// Types: the folder, the old name and the new one. `shared` stands for the library without its domain.
const TYPES: &[(&str, &str, &str)] = &[
    ("clients/rust/src", "Pace", "Backoff"),
    ("clients/rust/src", "Place", "SeqField or ChannelPlace"),
    ("clients/rust/src", "Replayed", "ReplayResponse"),
    ("clients/rust/src", "Send", "SendArguments"),
    ("clients/rust/src", "Sent", "SendResponse"),
    ("clients/rust/src", "SentTo", "SentChannel"),
    ("clients/rust/src", "Told", "TaskMessage or TestSession"),
    ("local", "Sent", "OutboxMessage"),
    ("shared", "Allowance", "CapAllowance"),
    ("shared", "Appended", "AppendResult"),
    ("shared", "Attempted", "AttemptMessageResult"),
    ("shared", "Begun", "BeginResult"),
    ("shared", "Came", "ConnectionPostResult"),
    ("shared", "Capped", "CapScope"),
    ("shared", "Courier", "Transport"),
    ("shared", "CourierSettings", "TransportSettings"),
    ("shared", "Cutter", "Disconnector"),
    ("shared", "Delivered", "DueMessageResult"),
    ("shared", "Entered", "PostRight"),
    ("shared", "Gate", "ConcurrencyLimit"),
    ("shared", "Handed", "ProviderResult"),
    ("shared", "Heard", "AnswerStart"),
    ("shared", "Joined", "JoinResult"),
    ("shared", "Kept", "StoredVapidKeys"),
    ("shared", "Keyed", "KeyedSend"),
    ("shared", "Keys", "SubscriptionKeys or TokenKeys"),
    ("shared", "Known", "KnownProgress or KnownKeys"),
    ("shared", "Lane", "PooledConnection"),
    ("shared", "Lanes", "ConnectionPool"),
    ("shared", "Left", "UnreadRange or MessageResult"),
    ("shared", "Listed", "ListedEndpoint"),
    ("shared", "Looked", "LateRowResult"),
    ("shared", "Made", "AttemptResult"),
    ("shared", "New", "NewEntry"),
    ("shared", "Note", "CompanionWrite"),
    ("shared", "Once", "IdempotencyWrite"),
    ("shared", "OnceRow", "IdempotencyRow"),
    ("shared", "Onces", "IdempotencyRecords"),
    ("shared", "Open", "OpenConnections"),
    ("shared", "OptionalNote", "OptionalCompanionWrite"),
    ("shared", "Outcome", "AttemptOutcome or PushResult or WebPushOutcome"),
    ("shared", "Pace", "RateLimiter"),
    ("shared", "PaceSettings", "RateSettings"),
    ("shared", "Page", "BucketPage or SubscribersPage"),
    ("shared", "Paid", "PaidUnit"),
    ("shared", "Parcel", "OutgoingDelivery"),
    ("shared", "Place", "PostPermit or ChannelPlace"),
    ("shared", "Placed", "PlacedNotification"),
    ("shared", "Placing", "PlacedSender"),
    ("shared", "Planned", "PlannedAppend"),
    ("shared", "Posted", "PostResult"),
    ("shared", "Poster", "PostClient"),
    ("shared", "Push", "PreparedPush or MobilePushMessage"),
    ("shared", "Pushed", "FanOutResult"),
    ("shared", "Record", "AttemptRecord"),
    ("shared", "RecordRow", "AttemptRecordRow"),
    ("shared", "Replay", "SubscribeAnswer"),
    ("shared", "Replayed", "ReplayResponse"),
    ("shared", "Rules", "UrlRules"),
    ("shared", "Said", "StoredContent"),
    ("shared", "Secret", "StoredSecret or WebhookSecret"),
    ("shared", "Seen", "VisibilityFields or ProgressVersion"),
    ("shared", "Sent", "SendResponse or ConnectionResult or RequestResult or IdempotencyRecord"),
    ("shared", "SentNote", "SentChannelWrite"),
    ("shared", "Settled", "AttemptSettlement"),
    ("shared", "Sharer", "SegmentServer"),
    ("shared", "SharesQueue", "SegmentsQueue"),
    ("shared", "SharesSettings", "SegmentsSettings"),
    ("shared", "Shown", "ReadableText"),
    ("shared", "Signed", "SignedToken"),
    ("shared", "Signer", "PostSigner or TokenSigner"),
    ("shared", "Source", "NameSource or KeySource"),
    ("shared", "Swept", "SweepResult"),
    ("shared", "Transacted", "TransactionResult"),
    ("shared", "Tried", "TryResult"),
    ("shared", "Written", "AppendWriteResult or ScheduleWriteResult"),
    ("shared/domain", "Admission", "LaneAdmission"),
    ("shared/domain", "Ended", "DeliveryEnd"),
    ("shared/domain", "One", "SingleConnection"),
    ("shared/domain", "Pace", "RateLimit"),
    ("shared/domain", "Page", "ReplayPage"),
    ("shared/domain", "Part", "Segment or PriorityField"),
    ("shared/domain", "Place", "LogPlace or SchedulePosition"),
    ("shared/domain", "Polled", "PolledChannel"),
    ("shared/domain", "Replay", "ReplayRequest"),
    ("shared/domain", "Replayed", "ReplayedRange"),
    ("shared/domain", "Rules", "LogRules"),
    ("shared/domain", "Said", "MessageContent"),
    ("shared/domain", "Send", "SendRequest"),
    ("shared/domain", "Share", "SegmentJob"),
    ("shared/domain", "What", "NotificationSource"),
];

/// Fields, methods and variables, likewise. What holds for the library holds for the functions.
const WORDS: &[(&str, &str, &str)] = &[
    ("clients/rust/src", "pace", "backoff"),
    ("shared", "CutShort", "BrokenOff"),
    ("shared", "courier", "transport"),
    ("shared", "cut_short", "broken_off"),
    ("shared", "cutter", "disconnector"),
    ("shared", "gate", "concurrency"),
    ("shared", "lanes", "pool"),
    ("shared", "mark_done", "record_done"),
    ("shared", "mark_gone", "record_gone"),
    ("shared", "may_be_cut", "may_be_broken_off"),
    ("shared", "note_dead_letter", "record_dead_letter"),
    ("shared", "note_failing", "record_failing"),
    ("shared", "note_first", "record_first"),
    ("shared", "note_further", "record_further"),
    ("shared", "note_quick", "record_quick"),
    ("shared", "note_refused", "record_refused"),
    ("shared", "note_replayed", "record_replayed"),
    ("shared", "note_round", "record_round"),
    ("shared", "note_served", "record_served"),
    ("shared", "note_slow", "record_slow"),
    ("shared", "note_well", "record_well"),
    ("shared", "onces", "idempotency"),
    ("shared", "pace", "limiter"),
    ("shared", "parcel", "delivery"),
    ("shared", "poster", "post_client"),
    ("shared", "send_once", "send_unkeyed"),
    ("shared", "sharer", "server"),
    ("tests", "CutClient", "DisconnectedClient"),
    ("tests", "CutConnections", "Disconnect"),
];

/// The Rust files in a folder and in the folders below it.
fn sources(folder: &Path) -> impl Iterator<Item = PathBuf> {
    files_below(folder).into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
}

/// The identifiers of a line of code. Comments and texts have none.
fn identifiers(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    let outside = code.split('"').step_by(2);
    outside
        .flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| !word.is_empty())
        .collect()
}

/// The type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = identifiers(line).into_iter().skip_while(|word| ["pub", "crate", "super", "in"].contains(word));
    words.next().filter(|word| ["struct", "enum", "trait", "type", "union"].contains(word))?;
    words.next()
}

#[test]
fn old_names_stay_gone() {
    let mut found = Vec::new();
    for folder in ["shared", "shared/domain", "functions", "clients/rust/src", "local", "tests"] {
        for file in sources(&root().join(folder)) {
            if folder == "shared" && file.starts_with(root().join("shared/domain")) {
                continue;
            }
            let its_folder = if folder == "functions" { "shared" } else { folder };
            let text = read_to_string(&file).unwrap();
            for (number, line) in (1..).zip(text.lines()) {
                let types = TYPES.iter().filter(|(its, old, _)| *its == its_folder && declared(line) == Some(old));
                let words = WORDS.iter().filter(|(its, old, _)| *its == its_folder && identifiers(line).contains(old));
                found.extend(
                    types.chain(words).map(|(_, old, new)| format!("{}:{number}: {old} is {new} now", file.display())),
                );
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_name_is_found_in_code_alone() {
    assert_eq!(declared("    pub(super) enum Sent<'a> {"), Some("Sent"));
    assert_eq!(declared("    Sent(Sent), // struct Sent"), None);
    assert_eq!(identifiers("let parcel = \"courier\"; // poster"), ["let", "parcel"]);
}
