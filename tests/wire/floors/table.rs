//! The rooms of each crate, from bottom to top, with a reason each.

/// A crate or a package of the workspace.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its source folder.
    pub(crate) source: &'static str,
    /// The language of its source.
    pub(crate) language: Language,
    /// Its rooms, a file or a folder each, from bottom to top: a room imports only from those before it. A crate without any is not
    /// held yet.
    pub(crate) rooms: &'static [(&'static str, &'static str)],
    /// Imports that break the rules, and are let pass until they are mended: a file, and the one that it imports from.
    pub(crate) not_yet: &'static [(&'static str, &'static str)],
}

/// The language of a crate's source.
#[derive(Debug)]
pub(crate) enum Language {
    /// With the name by which the crate's own binary imports from it.
    Rust {
        /// The name.
        name: &'static str,
    },
    /// TypeScript.
    TypeScript,
}

/// Every crate that the rules are for.
pub(crate) const CRATES: &[Crate] = &[DOMAIN, KINDS, SHARED, SEND, LOCAL, CLIENT_IN_RUST, CLIENT_IN_JAVASCRIPT];

const DOMAIN: Crate = Crate {
    source: "shared/domain/src",
    language: Language::Rust { name: "domain" },
    rooms: &[
        ("time", "Times are values."),
        ("seq", "Places in a log are values."),
        ("user_name", "Users' names are written in one way everywhere."),
        ("refusal", "Everything that is parsed can be refused."),
        ("data", "A publisher's own JSON is kept as it is."),
        ("span", "Durations are texts in many requests."),
        ("connection", "A connection's id is a value."),
        ("rate_limit", "It decides from times alone."),
        ("shortage", "It decides from counts and times alone."),
        ("channel", "Channels' names have users' names in them."),
        ("content", "A publisher's part has data in it."),
        ("allowance", "It is counted in times."),
        ("waiting", "Places to wait in end at a time."),
        ("append", "The place of a row follows from seqs and times."),
        ("unread", "It is counted from seqs."),
        ("schedule", "Ids, series and sweeps follow from times."),
        ("item", "An item is a content with an id and a time, framed for a channel."),
        ("pattern", "Patterns are about channels."),
        ("places", "Channels with seqs."),
        ("poll", "A poll names channels and seqs."),
        ("claims", "Claims have patterns of channels."),
        ("wording", "Faults are worded for all requests."),
        ("request", "Every body is read in the same way, and its faults worded."),
        ("endpoint", "An endpoint is of a channel, its attempts are of seqs, and a request adds it."),
        ("send", "A request to send has contents, channels, times."),
        ("inbound", "Messages of other services become requests to send."),
        ("frame", "A frame can have a request to send in it."),
        ("replay", "A reader's position is what a frame says."),
        ("polled", "A poll's answer has the same positions."),
        ("segment", "Segments are of connections, channels, seqs and items."),
        ("lib", "It lists the rooms."),
    ],
    not_yet: &[
        ("inbound/alarm.rs", "inbound/mod.rs"),
        ("inbound/bus.rs", "inbound/mod.rs"),
        ("inbound/cloud_event.rs", "inbound/mod.rs"),
        ("inbound/object.rs", "inbound/mod.rs"),
    ],
};

const KINDS: Crate = Crate {
    source: "shared/kinds/src",
    language: Language::Rust { name: "kinds" },
    rooms: &[
        ("settings", "Each kind reads its settings in the same way."),
        ("address", "Addresses of machines are judged without a URL."),
        ("shorten", "Texts are shortened alike for all kinds."),
        ("outgoing_delivery", "Every kind makes its message from the same delivery."),
        ("signature", "Two kinds sign."),
        ("url", "A URL has an address in it."),
        ("shown", "What a person reads of a delivery is shortened."),
        ("message", "A message says by which transport it goes. It is data."),
        ("kind", "A kind makes messages from deliveries."),
        ("email", "A kind. No kind imports from another."),
        ("mobile_push", "A kind."),
        ("sms", "A kind."),
        ("web_push", "A kind."),
        ("webhook", "A kind."),
        ("target", "The list of kinds makes these types."),
        ("lib", "It lists the kinds."),
    ],
    not_yet: &[
        ("mobile_push/adm.rs", "mobile_push/message.rs"),
        ("mobile_push/apns.rs", "mobile_push/message.rs"),
        ("mobile_push/fcm.rs", "mobile_push/message.rs"),
        ("target.rs", "lib.rs"),
    ],
};

const SHARED: Crate = Crate {
    source: "shared/src",
    language: Language::Rust { name: "shared" },
    rooms: &[
        ("clock", "The time, which the domain takes as an argument."),
        ("error", "Everything can fail."),
        ("tls", "Roots and protocols, for every client."),
        ("deadline", "A function answers before Lambda ends it."),
        ("http", "Answers have errors in them."),
        ("batch", "Messages of a queue are worked through in the same way, whatever they say."),
        ("settings", "The environment is read by concern."),
        ("aws", "One table or service a file. It knows none of the use cases."),
        ("socket", "Events of the WebSocket API name connections, which a table has."),
        ("tokens", "Keys are read from AWS."),
        ("transports", "Messages to endpoints go over AWS, or by a client of our own."),
        ("actions", "The use cases: they bring all of this together."),
        ("wiring", "Parts that several functions build alike."),
        ("lib", "It lists the rooms."),
    ],
    not_yet: &[
        ("actions/schedule.rs", "actions/send.rs"),
        ("aws/log/rows.rs", "aws/log/append.rs"),
        ("aws/schedule/later.rs", "aws/schedule/mod.rs"),
        ("transports/client/answer.rs", "transports/client/mod.rs"),
    ],
};

const SEND: Crate = Crate {
    source: "functions/send/src",
    language: Language::Rust { name: "send" },
    rooms: &[
        ("app", "The use cases, built once."),
        ("ask", "Parts of a request besides its body."),
        ("endpoints", "The routes below a channel's endpoints."),
        ("routes", "The table of all routes."),
        ("main", "It runs the table."),
    ],
    not_yet: &[],
};

const LOCAL: Crate = Crate {
    source: "local/src",
    language: Language::Rust { name: "tidings_local" },
    rooms: &[
        ("error", "Any part can keep the stack from starting."),
        ("cli", "The options are plain values that the parts are built from."),
        ("log", "Functions, queues and mappings all write lines for the developer."),
        ("clock", "The functions' time, which a person sets, has no part in any service."),
        ("store", "Queues, events and push endpoints are kept in the same way, whatever they are."),
        ("iam", "The template is checked by the same policies as calls."),
        ("cron", "The template parses the expressions that schedules fire by."),
        ("samconfig", "The template's parameters come from there."),
        ("machine_secret", "A parameter's value, before the template is read."),
        ("template", "Every service is built from what the template declares, and the template knows none of them."),
        ("project", "Binaries are found for the functions that the template declares."),
        ("serve", "Every port is a server of this kind."),
        ("faults", "Services ask it at each call, and hand it their operations' names. It knows none of them."),
        ("outbox", "Messages that leave the stack end here."),
        ("platforms", "Push endpoints are data, which SNS serves."),
        ("lambda", "Functions run for every service that invokes them."),
        ("queues", "Queues are data, which SQS serves and mappings read."),
        ("events", "Asynchronous invocations need functions, and queues for their dead letters."),
        ("mappings", "They take messages from queues to functions."),
        ("topics", "A topic's messages are asynchronous events."),
        ("schedules", "A rule's firings are asynchronous events."),
        ("aws/protocol", "Each of AWS's services speaks one of these protocols."),
        ("aws/caller", "Calls are made by functions, which are known by their access keys."),
        ("aws/ledger", "Every call of every service goes through it, and those of the management API too."),
        ("aws/dynamodb", "A service of its own."),
        ("aws/secrets", "A service of its own."),
        ("aws/ses", "A service of its own."),
        ("aws/sns", "A service of its own."),
        ("aws/sqs", "A service of its own."),
        ("aws", "One port serves them all."),
        ("gateway", "The HTTP and the WebSocket API word some things alike."),
        ("http", "The HTTP API invokes functions."),
        ("websocket", "The WebSocket API invokes functions, and its management API is called like AWS's services."),
        ("control", "The control API looks into every service."),
        ("machine", "It builds all of them and opens the ports."),
        ("lib", "It passes on the names that a binary or a test needs."),
        ("main", "The binary starts the library."),
    ],
    not_yet: &[],
};

const CLIENT_IN_RUST: Crate = Crate {
    source: "clients/rust/src",
    language: Language::Rust { name: "tidings" },
    rooms: &[
        ("address", "Both transports reach an address."),
        ("channel", "Channels and cursors are values that everything names."),
        ("item", "A notification as it arrives."),
        ("timing", "A notification's time is a value."),
        ("endpoint", "Endpoints are values."),
        ("notification", "A notification to send, and what the server answers, are values."),
        ("event", "An application gets items and cursors as events."),
        ("frame", "Frames carry items and cursors."),
        ("token", "Tokens are minted without a connection."),
        ("http", "The HTTP client carries all these values."),
        ("ordering", "One channel's order is decided from its items alone."),
        ("session", "A connection's frames are decided on from the orders of its channels. It is pure."),
        ("socket", "It carries a session's frames."),
        ("listener", "It runs a session over sockets and gives its events to the application."),
        ("lib", "It passes on the names that an application needs."),
        ("cli", "The command line uses the library as any application does."),
        ("main", "The binary runs the command line."),
    ],
    not_yet: &[
        ("cli/cancel.rs", "cli/mod.rs"),
        ("cli/channel.rs", "cli/mod.rs"),
        ("cli/endpoints.rs", "cli/mod.rs"),
        ("cli/endpoints/add.rs", "cli/endpoints.rs"),
        ("cli/endpoints/add.rs", "cli/mod.rs"),
        ("cli/listen.rs", "cli/mod.rs"),
        ("cli/notification.rs", "cli/mod.rs"),
        ("cli/send.rs", "cli/mod.rs"),
        ("cli/token.rs", "cli/mod.rs"),
        ("cli/vapid.rs", "cli/mod.rs"),
    ],
};

const CLIENT_IN_JAVASCRIPT: Crate = Crate {
    source: "clients/js/src",
    language: Language::TypeScript,
    rooms: &[
        ("address", "Both transports reach an address."),
        ("error", "Every part can fail."),
        ("timing", "Waits and retries are reckoned the same way everywhere."),
        ("token", "Both transports ask the application for a token."),
        ("types", "Items and options are values that everything names."),
        ("connection", "A socket, or a line to the tab that has one."),
        ("http", "Requests carry these values."),
        ("ordering", "One channel's order is decided from its items alone."),
        ("storage", "Cursors are kept as values."),
        ("send", "Sending needs requests and no connection."),
        ("channel", "A channel has an order and a cursor."),
        ("stream", "A stream of frames feeds channels."),
        ("polling", "Polling feeds channels over HTTP."),
        ("tabs", "Tabs pass frames on, whatever they say."),
        ("socket", "A socket feeds channels by a stream."),
        ("client", "The client picks a transport."),
        ("index", "It passes on the names that an application needs."),
    ],
    not_yet: &[],
};
