//! The tables, and what does not hold.

use std::fmt;

use crate::bill::{Bill, assumed};
use crate::others::{self, FORMULAS};
use crate::shape::Shape;
use tidings_tests::bench::number::grouped;
use tidings_tests::bench::prices::Prices;
use tidings_tests::bench::spent::Used;

/// With an audience as large as this, all that is no post costs at most so many parts of the posts.
const LARGE: u64 = 10_000;
const MOST_BESIDE_POSTS: f64 = 0.1;

/// A thousand connections for thirty days, in minutes.
const MINUTES: f64 = 1_000.0 * 30.0 * 24.0 * 60.0;

pub(crate) struct Report {
    pub(crate) shapes: Vec<Shape>,
    pub(crate) prices: Prices,
}

impl Report {
    fn bill(&self, shape: &Shape) -> Bill {
        Bill::of(shape, &self.prices)
    }

    fn dear(&self, shape: &Shape) -> Option<String> {
        let bill = self.bill(shape);
        let part = (bill.sum() - bill.posts) / bill.posts;
        let is_dear = shape.deliveries >= LARGE && part > MOST_BESIDE_POSTS;
        is_dear.then(|| format!("{}: what is no post costs {part:.2} of the posts", shape.name))
    }

    fn broken(&self) -> Vec<String> {
        let wrong = |shape: &Shape| shape.wrong.as_ref().map(|wrong| format!("{}: {wrong}", shape.name));
        self.shapes.iter().filter_map(wrong).chain(self.shapes.iter().filter_map(|shape| self.dear(shape))).collect()
    }

    pub(crate) fn holds(&self) -> bool {
        self.broken().is_empty()
    }

    fn counted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "What one notification of 1 KB needs, counted on the local stack:\n")?;
        writeln!(
            f,
            "| to | HTTP requests | invocations | read units | write units | messages | SQS requests | posts |"
        )?;
        writeln!(f, "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")?;
        for Shape { name, requests, spent, .. } in &self.shapes {
            let invoked = spent.functions.iter().map(|(name, used)| invoked(name, used)).collect::<Vec<_>>().join(", ");
            let (reads, writes) = (spent.sum(|used| used.read_units), spent.sum(|used| used.write_units));
            let (sqs, posts) = (grouped(spent.sqs()), grouped(spent.sum(|used| used.posts)));
            let messages = spent.messages;
            writeln!(f, "| {name} | {requests} | {invoked} | {reads} | {writes} | {messages} | {sqs} | {posts} |")?;
        }
        Ok(())
    }

    fn priced(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nDollars for a million of them ({}):\n", self.prices.title())?;
        writeln!(
            f,
            "| to | HTTP API | invocations | their time | DynamoDB | SQS | posts | sum | a million deliveries |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for shape in &self.shapes {
            let bill = self.bill(shape);
            let parts = [bill.requests, bill.invocations, bill.time, bill.dynamodb, bill.sqs, bill.posts, bill.sum()];
            let each = bill.sum() / shape.deliveries as f64;
            let cells = parts.into_iter().chain([each]).map(dollars).collect::<Vec<_>>().join(" | ");
            writeln!(f, "| {} | {cells} |", shape.name)?;
        }
        writeln!(f, "\n{} Not in it: logs, and what goes out to the internet.", assumed())
    }

    fn beside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nBeside others, dollars for a million deliveries:\n")?;
        writeln!(f, "| to | Tidings | AppSync Events | the sample |\n| --- | ---: | ---: | ---: |")?;
        for shape in &self.shapes {
            let each = |dollars: f64| dollars / shape.deliveries as f64;
            let other = |sum: Option<f64>| sum.map_or("–".to_owned(), |sum| dollars(each(sum)));
            let (appsync, sample) = (others::appsync(shape, &self.prices), others::sample(shape, &self.prices));
            let ours = dollars(each(self.bill(shape).sum()));
            writeln!(f, "| {} | {ours} | {} | {} |", shape.name, other(appsync), other(sample))?;
        }
        writeln!(f, "\n{FORMULAS}\n")?;
        let month = |price: &str| dollars(MINUTES / 1e6 * self.prices[price]);
        let (websocket, appsync) = (month("websocket_minute"), month("appsync_minute"));
        writeln!(
            f,
            "Connections cost apart, whatever is sent: the minutes of a thousand for thirty days {websocket} $ with API Gateway, \
             which Tidings and the sample use, and {appsync} $ with AppSync Events. What keeps them alive comes on top: \
             `cargo bench-million` counts it."
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counted(f)?;
        self.priced(f)?;
        self.beside(f)?;
        let broken = self.broken();
        let verdict = if broken.is_empty() { "yes".to_owned() } else { format!("no\n- {}", broken.join("\n- ")) };
        write!(f, "\neach delivered once, and a broadcast costs little but its posts: {verdict}")
    }
}

fn invoked(function: &str, used: &Used) -> String {
    let (function, Used { invocations, processes, .. }) = (function.to_lowercase(), used);
    if *processes == 1 {
        format!("`{function}` {invocations}")
    } else {
        format!("`{function}` {invocations} in {processes} processes")
    }
}

fn dollars(amount: f64) -> String {
    if amount < 1000.0 { format!("{amount:.2}") } else { grouped(amount.round() as u64) }
}
