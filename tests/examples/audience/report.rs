//! The table, the lines through it, and what does not hold.

use std::fmt;

use crate::line::Line;
use tidings_tests::bench::number::grouped;
use tidings_tests::bench::spent::Spent;

/// From so many connections on, most are posted to at the pace of `share`, and not by `send` at once.
const PACED: u64 = 1_000;

/// From so many connections on, all is to grow in line.
const FROM: u64 = 100;

/// The most that a figure may be above the line, as a part of itself.
const TOLERANCE: f64 = 0.25;

/// The most by which the last post of the largest audience may be slower than in line with its size.
const SLOWEST: f64 = 1.5;

/// The same, sent some times.
pub(crate) struct Case {
    pub(crate) connections: u64,
    /// The number of rows at first, and after each round: those of connections that are gone are removed.
    pub(crate) rows: Vec<u64>,
    pub(crate) rounds: Vec<Spent>,
}

/// A count of a send, and the most by which it may be above the line where it is small: the cost of splitting the
/// audience once into 16 segments. Each of those is an invocation that reads the notification and two pages, and whose
/// message is received and deleted.
struct Figure {
    name: &'static str,
    of: fn(&Spent) -> f64,
    slack: f64,
}

const FIGURES: [Figure; 5] = [
    Figure { name: "invocations", of: |spent| spent.sum(|used| used.invocations) as f64, slack: 16.0 },
    Figure { name: "DynamoDB requests", of: |spent| spent.sum(|used| used.dynamodb) as f64, slack: 48.0 },
    Figure { name: "read units", of: |spent| spent.sum(|used| used.read_units), slack: 48.0 },
    Figure { name: "SQS requests", of: |spent| spent.sqs() as f64, slack: 34.0 },
    Figure { name: "seconds to the last post", of: |spent| spent.last_post.as_secs_f64(), slack: 2.0 },
];

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) cases: Vec<Case>,
}

impl Case {
    fn mean(&self, of: impl Fn(&Spent) -> f64) -> f64 {
        self.rounds.iter().map(of).sum::<f64>() / self.rounds.len() as f64
    }

    /// The least and the most of all rounds, or what they have in common.
    fn range(&self, of: impl Fn(&Spent) -> f64, written: impl Fn(f64) -> String) -> String {
        let (least, most) = self.rounds.iter().map(of).fold((f64::MAX, 0_f64), |(a, b), n| (a.min(n), b.max(n)));
        let (least, most) = (written(least), written(most));
        if least == most { least } else { format!("{least}–{most}") }
    }

    /// Each round, with how many rows there were before it.
    fn with_rows(&self) -> impl Iterator<Item = (u64, &Spent)> {
        self.rows.iter().copied().zip(&self.rounds)
    }

    fn removals(&self) -> Vec<String> {
        let line = |(nth, (rows, spent)): (usize, (u64, &Spent))| {
            let [connections, rows, removed] = [self.connections, rows, rows - self.rows[nth + 1]].map(grouped);
            let throttled = grouped(spent.sum(|used| used.throttled));
            let seconds = spent.last_post.as_secs_f64();
            format!("{connections} | {} | {rows} | {removed} | {throttled} | {seconds:.2}", nth + 1)
        };
        self.with_rows().enumerate().map(line).collect()
    }

    fn line(&self) -> String {
        let count = |of: &dyn Fn(&Spent) -> u64| self.range(|spent| of(spent) as f64, |n| grouped(n as u64));
        let units = |of: &dyn Fn(&Spent) -> f64| self.range(of, |n| n.to_string());
        let time = |of: &dyn Fn(&Spent) -> f64| self.range(of, |n| format!("{n:.2}"));
        [
            grouped(self.connections),
            count(&|spent| spent.invocations("Send")),
            count(&|spent| spent.invocations("Share")),
            count(&|spent| spent.functions.get("Share").map_or(0, |used| used.processes)),
            count(&|spent| spent.sum(|used| used.dynamodb)),
            units(&|spent| spent.sum(|used| used.read_units)),
            units(&|spent| spent.sum(|used| used.write_units)),
            count(&|spent| spent.messages),
            count(&Spent::sqs),
            count(&|spent| spent.sum(|used| used.posts)),
            time(&|spent| spent.answered.as_secs_f64()),
            time(&|spent| spent.last_post.as_secs_f64()),
        ]
        .join(" | ")
    }
}

impl Report {
    /// The rate that `share` was configured with.
    fn pace(&self) -> String {
        let mut rounds = self.cases.iter().flat_map(|case| &case.rounds);
        let Some(share) = rounds.find_map(|spent| spent.functions.get("Share")) else {
            return String::new();
        };
        let told = |variable: &str| share.environment[variable].as_str().unwrap();
        let (posts, processes) = (told("POSTS_PER_SECOND"), told("SHARE_CONCURRENCY"));
        format!(" `PostsPerSecond` is {posts} and `ShareConcurrency` {processes}.")
    }

    /// The cases that are to be in line, but for the two largest.
    fn in_line(&self) -> Option<(&[Case], &Case, &Case)> {
        let from = self.cases.iter().position(|case| case.connections >= FROM)?;
        let [before @ .., low, high] = &self.cases[from..] else { return None };
        Some((before, low, high))
    }

    fn fit(&self, figure: &Figure) -> Option<Line> {
        let (_, low, high) = self.in_line()?;
        let point = |case: &Case| (case.connections as f64, case.mean(figure.of));
        Some(Line::through(point(low), point(high)))
    }

    fn above_the_line(&self, figure: &Figure) -> Vec<String> {
        let (Some(line), Some((before, ..))) = (self.fit(figure), self.in_line()) else { return Vec::new() };
        let above = |case: &Case| {
            let (is, told) = (case.mean(figure.of), line.at(case.connections as f64));
            let is_above = is - told > (TOLERANCE * is).max(figure.slack);
            is_above.then(|| format!("{}: {is} {}, and the line says {told:.1}", case.connections, figure.name))
        };
        before.iter().filter_map(above).collect()
    }

    fn too_slow(&self) -> Option<String> {
        let (_, low, high) = self.in_line().filter(|(_, low, _)| low.connections >= PACED)?;
        let [few, many] =
            [low, high].map(|case| case.mean(|spent| spent.last_post.as_secs_f64()) / case.connections as f64);
        (many > SLOWEST * few)
            .then(|| format!("{} connections take {:.1} × as long each", high.connections, many / few))
    }

    fn broken(&self) -> Vec<String> {
        let wrong = |case: &Case| case.with_rows().filter_map(|(rows, spent)| spent.wrong(rows)).collect::<Vec<_>>();
        let posts = self.cases.iter().flat_map(wrong);
        posts.chain(FIGURES.iter().flat_map(|figure| self.above_the_line(figure))).chain(self.too_slow()).collect()
    }

    pub(crate) fn holds(&self) -> bool {
        self.broken().is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.cases.first().map_or(0, |case| case.rounds.len());
        writeln!(
            f,
            "One notification in a request of 1 KB, sent {rounds} times to each audience: a–b where they differ. Times are of \
             a debug build.{}\n",
            self.pace()
        )?;
        writeln!(
            f,
            "| connections | `send` | `share` | its processes | DynamoDB requests | read units | write units | messages \
             | SQS requests | posts | answered after, s | last post after, s |"
        )?;
        writeln!(f, "|{}", " ---: |".repeat(12))?;
        for case in &self.cases {
            writeln!(f, "| {} |", case.line())?;
        }
        if self.cases.iter().any(|case| case.rows.last() < case.rows.first()) {
            let heads = "| connections | round | rows | removed | removals throttled | last post after, s |";
            writeln!(f, "\n{heads}\n|{}", " ---: |".repeat(6))?;
            for line in self.cases.iter().flat_map(Case::removals) {
                writeln!(f, "| {line} |")?;
            }
        }
        if let Some((_, low, high)) = self.in_line() {
            writeln!(f, "\nThe line through {} and {}:\n", grouped(low.connections), grouped(high.connections))?;
            writeln!(f, "| | constant | each 1,000 connections | may be above by |\n| --- | ---: | ---: | ---: |")?;
            for (figure, line) in FIGURES.iter().filter_map(|figure| Some((figure, self.fit(figure)?))) {
                let Figure { name, slack, .. } = figure;
                let (constant, each, percent) = (line.constant, 1000.0 * line.each, 100.0 * TOLERANCE);
                writeln!(f, "| {name} | {constant:.1} | {each:.2} | {percent} %, or {slack} |")?;
            }
        }
        let broken = self.broken();
        let verdict = if broken.is_empty() { "yes".to_owned() } else { format!("no\n- {}", broken.join("\n- ")) };
        write!(f, "\neach connection posted to once, and all in line from {FROM} connections on: {verdict}")
    }
}
